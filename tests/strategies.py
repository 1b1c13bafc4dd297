"""Generators of (Gemm, Machine) that aim where registers overflow and rules differ.

`case` takes numbers from a source: `seeded` draws them from a seed (fixed campaigns), `cases` from
hypothesis. Widths lie between the observed final width - 3 and the weight bound + 1.
"""

import random
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from records import ARRAYS, gemm, machine

from hwsim.array.gemm import Gemm
from hwsim.array.specification import Machine

OVERFLOWS = (
    "wrap", "saturate", "saturate_symmetric", "saturate_zero", "wrap_sign_magnitude", "trap",
)  # fmt: skip
PRODUCT_ROUNDINGS = (
    "floor", "toward_zero", "half_up", "half_down", "half_toward_zero", "half_away", "half_even",
    "ceil", "away", "odd",
)  # fmt: skip
LENGTHS = (1, 2, 2, 2, 3, 4, 8)  # of a runtime's chain; pairs are what AVX2 adds
SIDES = (1, 1, 2, 3, 4, 4, 5, 7, 8, 16, 32)


@dataclass
class Source:
    """Where numbers come from: a seed or hypothesis."""

    integer: object  # (lo, hi) -> int, both included

    def choice(self, options):
        return options[self.integer(0, len(options) - 1)]

    def once_in(self, n) -> bool:
        return self.integer(0, n - 1) == n - 1


def code_range(bits: int, signed: bool) -> tuple[int, int]:
    """lo, hi of a tensor."""
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def codes(source: Source, shape, lo: int, hi: int) -> np.ndarray:
    """A tensor: uniform, all at the ends, one end only, or small."""
    rng = np.random.default_rng(source.integer(0, 2**32 - 1))
    match source.integer(0, 7):
        case 0 | 1:
            return rng.choice([lo, hi], size=shape).astype(np.int32)
        case 2:
            return np.full(shape, rng.choice([lo, hi]), np.int32)
        case 3:
            return np.clip(rng.integers(-2, 3, size=shape), lo, hi).astype(np.int32)
    return rng.integers(lo, hi, size=shape, endpoint=True).astype(np.int32)


def extent(source: Source, tile: int, most: int) -> int:
    """A size: small, or a multiple of the tile +-1."""
    if source.once_in(2) and tile <= most:
        near = tile * source.integer(1, max(1, most // tile)) + source.integer(-1, 1)
        return min(max(near, 1), most + 1)
    return source.integer(1, most)


def operand(source: Source, smallest: int, largest: int):
    """Format of a tensor, and of the machine's operand that holds it (perhaps re-centred)."""
    bits, signed = source.integer(smallest, largest), not source.once_in(2)
    if source.once_in(3) and bits < largest:  # a wider machine; unsigned fits it as it is
        return (bits, signed), (bits + 1, True)
    return (bits, signed), (bits, not signed if source.once_in(3) else signed)


def case(source: Source, dataflow: str) -> tuple[Gemm, Machine]:
    """One layer and one machine."""
    rows, cols = source.choice(SIDES), source.choice(SIDES)
    rows += dataflow == "dot_product" and rows == 1  # a tree has two lanes or more
    k_tile = 4 if dataflow in ("output_stationary", "none") else rows
    m, n = extent(source, min(rows, cols, 4), 9), extent(source, min(cols, 5), 9)
    k = 0 if source.once_in(20) else 1 if source.once_in(20) else extent(source, k_tile, 34)
    samples, groups = source.choice((1, 1, 2, 3)), source.choice((1, 1, 1, 2, 3))
    smallest = 14 if source.once_in(5) else 1  # sums beyond 30 bits: another lane width
    tensor_a, machine_a = operand(source, smallest, 16)
    tensor_w, machine_w = operand(source, smallest, 16)
    a_range, w_range = code_range(*tensor_a), code_range(*tensor_w)
    zero_point = source.choice(("subtract", "subtract", "fold"))
    za = source.integer(*a_range) if source.once_in(2) else max(0, a_range[0])
    zw = np.zeros((groups, n), np.int64) + max(0, w_range[0])
    if source.once_in(2):
        zw = codes(source, (groups, n), *w_range).astype(np.int64)
    problem = gemm(
        codes(source, (samples, groups, m, k), *a_range),
        codes(source, (groups, k, n), *w_range),
        za, zw, None, a_range, w_range,
    )  # fmt: skip
    if source.once_in(4):
        there_and_back(problem, source.choice((k, k_tile)))
    drop_bits = source.integer(1, 5) if zero_point == "subtract" and source.once_in(3) else 0
    words = {
        "rows": rows, "cols": cols, "activation": machine_a, "weight": machine_w,
        "zero_point": zero_point, "drop_bits": drop_bits,
        "rounding": source.choice(PRODUCT_ROUNDINGS),
    }  # fmt: skip
    problem, words["bias"] = with_bias(source, problem)
    widths = Widths.of(problem, k if k_tile == 4 else rows)
    words["accumulator"] = drawn_register(source, widths.final, widths.bound)
    words["check"] = "final" if source.once_in(8) else "each_add"
    if dataflow in ARRAYS[1:]:
        words["chain"] = drawn_chain(source, dataflow, rows, widths)
    elif dataflow == "none" and source.once_in(2):
        length = source.choice(LENGTHS)
        own = Widths.of(problem, length)
        words["chain"] = (*drawn_register(source, own.chain_final, own.chain_bound), length)
    return problem, machine(dataflow, **words)


def there_and_back(problem: Gemm, period: int) -> None:
    """Sums that rise and fall again in every period: partial sums overflow, final ones do not."""
    steps = np.arange(problem.shape[3])
    rising = 2 * (steps % max(period, 1)) < period
    problem.w[:] = np.where(rising, problem.w_range[1], problem.w_range[0])[:, None]
    lo, hi = problem.a_range
    problem.a[:] = np.maximum(hi - np.abs(problem.a) % 3, lo)


def with_bias(source: Source, problem: Gemm):
    """The problem with a bias of the sums' size (or none), and the machine's bias words."""
    when = source.choice(("preload", "last"))
    if source.once_in(4):
        return problem, (32, "saturate", 0, when)
    reach = 1 + int(np.abs(exact_sums(problem)).max(initial=0))
    bias = codes(source, problem.w_zero_point.shape, -min(reach, 2**30), min(reach, 2**30))
    bits = max(1, signed_width(bias) + source.integer(-1, 4))
    rule, wrap_bits = drawn_rule(source, bits)
    made = gemm(
        problem.a, problem.w, problem.a_zero_point, problem.w_zero_point, bias.astype(np.int64),
        problem.a_range, problem.w_range,
    )  # fmt: skip
    return made, (bits, rule, wrap_bits, when)


def exact_sums(problem: Gemm) -> np.ndarray:
    """(S, G, M, N): sums of (a - Za)(w - Zw), before drop_bits and bias."""
    a = problem.a.astype(np.int64) - problem.a_zero_point
    w = problem.w.astype(np.int64) - problem.w_zero_point[:, None, :]
    return a @ w


def signed_width(values: np.ndarray) -> int:
    """Bits of the widest of them, sign included."""
    lo, hi = int(values.min(initial=0)), int(values.max(initial=0))
    return max((-lo - 1).bit_length() if lo < 0 else 0, hi.bit_length()) + 1


@dataclass
class Widths:
    """Bits: exact final sums and weight bound of the accumulator, the same of one fold."""

    final: int
    bound: int
    chain_final: int
    chain_bound: int

    @classmethod
    def of(cls, problem: Gemm, fold: int):
        """Near enough for drawing: products without drop_bits, zero points subtracted."""
        bias = 0 if problem.bias is None else problem.bias[:, None, :]
        largest = max(abs(v - problem.a_zero_point) for v in problem.a_range)
        w = np.abs(problem.w.astype(np.int64) - problem.w_zero_point[:, None, :])
        starts = range(0, max(problem.shape[3], 1), max(fold, 1))
        parts = [
            gemm(problem.a[..., i : i + fold], problem.w[:, i : i + fold], problem.a_zero_point,
                 problem.w_zero_point)
            for i in starts
        ]  # fmt: skip
        fold_bounds = [largest * w[:, i : i + fold].sum(axis=1) for i in starts]
        return cls(
            signed_width(exact_sums(problem) + bias),
            signed_width(largest * w.sum(axis=1) + np.abs(np.asarray(bias)).max(initial=0)),
            max(signed_width(exact_sums(p)) for p in parts),
            max(signed_width(b) for b in fold_bounds),
        )


def drawn_bits(source: Source, final: int, bound: int) -> int:
    """Between final - 3 and bound + 1, a valid register; once in a while the widest there is.

    Every third is just as wide as the final values, where partial sums overflow alone.
    """
    if source.once_in(30):
        return 64
    if source.once_in(3):
        return max(2, final)
    return min(max(2, source.integer(final - 3, max(final, bound) + 1)), 64)


def drawn_rule(source: Source, bits: int) -> tuple[str, int]:
    """(overflow, wrap_bits) of a register; only a rule that wraps has wrap_bits."""
    rule = source.choice(OVERFLOWS)
    if "wrap" in rule and source.once_in(2):
        return rule, source.integer(0, bits - 1)
    return rule, 0


def drawn_register(source: Source, final: int, bound: int):
    """(bits, overflow, wrap_bits)."""
    bits = drawn_bits(source, final, bound)
    return bits, *drawn_rule(source, bits)


def drawn_chain(source: Source, dataflow: str, rows: int, widths: Widths):
    """As a register; for a tree sometimes one width a level, leaves narrower."""
    final, bound = widths.chain_final, widths.chain_bound
    levels = (rows - 1).bit_length()
    if dataflow == "dot_product" and source.once_in(2):
        bits = [max(2, drawn_bits(source, final, bound) - levels + 1 + i) for i in range(levels)]
        return bits, *drawn_rule(source, min(bits))
    return drawn_register(source, final, bound)


def seeded(dataflow: str, seed: int) -> tuple[Gemm, Machine]:
    """The case number ``seed`` of a fixed campaign."""
    return case(Source(random.Random(f"{dataflow} {seed}").randint), dataflow)


@st.composite
def cases(draw, dataflows=(*ARRAYS, "none")):
    """Hypothesis: any case."""
    dataflow = draw(st.sampled_from(dataflows))
    return case(Source(lambda lo, hi: draw(st.integers(lo, hi))), dataflow)
