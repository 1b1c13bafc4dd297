"""Machines that differ from a bundle's in one thing: what a wrong RTL may have built instead.

Kinds come in the order in which they are believed. A machine of one kind changes the requantizer
alone, or the array and its registers alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.arith.overflow import Overflow
from hwsim.arith.requantize import Scheme
from hwsim.arith.rounding import Rounding
from hwsim.array.gemm import Datapath, Ints, Register
from hwsim.array.requantizer import Requantizer
from hwsim.vectors.divergence_stage import wide

WIDTHS = tuple(by for bits in range(1, 9) for by in (-bits, bits))  # more than the machine has
PLAIN = {Scheme.MULTIPLIER_SHIFT, Scheme.SHIFT_ONLY, Scheme.FIXED_FRACTION}
OVERFLOWS = tuple(rule for rule in Overflow if rule != Overflow.TRAP)


@dataclass(frozen=True, eq=False)
class Alternative:
    """``words``: the one thing that differs; ``make``: final sums to codes, or the datapath."""

    words: str
    datapath: Callable[[Datapath], Datapath] | None = None
    codes: Callable[[Ints], Ints] | None = None


@dataclass(frozen=True)
class Kind:
    """Alternatives of one kind; ``ours``: what the machine itself does."""

    name: str
    ours: str
    alternatives: tuple[Alternative, ...]


def name_of(rule: Rounding | Overflow | Scheme) -> str:
    """As in the YAML."""
    return rule.name.lower()


def requantizer_kinds(own: Requantizer) -> Iterator[Kind]:
    """Other requantizers of the same final sums."""

    def made(words: str, **changes: object) -> Alternative:
        other = replace(own, **changes)  # type: ignore[arg-type]
        return Alternative(words, codes=lambda sums: other.apply(sums).codes)

    rounding = name_of(own.rounding)
    rules = [r for r in Rounding if r not in (own.rounding, Rounding.STOCHASTIC)]
    none = {"lfsr": None}
    yield Kind("rounding", rounding, tuple(made(name_of(r), rounding=r, **none) for r in rules))
    yield Kind("scheme", f"{name_of(own.scheme)}, {rounding}", tuple(_schemes(own)))
    if own.narrow is not None:
        narrow = own.narrow
        words = f"{narrow.bits} bits, {narrow.overflow}, {narrow.rounding}"
        yield Kind("narrowing register", words, tuple(_narrows(own)))
    zero, inside = own.zero_point, own.scheme == Scheme.MULTIPLY_ADD_SHIFT
    if zero and not inside:
        yield Kind(
            "zero point", str(zero),
            (made("left out", zero_point=0), made("subtracted", zero_point=-zero)),
        )  # fmt: skip
    if own.clamp != (None, None):
        yield Kind("activation clamp", str(own.clamp), (made("left out", clamp=(None, None)),))
    yield Kind("output format", f"saturates in {own.output}", tuple(_outputs(own)))
    yield Kind(
        "shift", "as in the channel records",
        tuple(made(f"{by:+d} bit", shift=own.shift + by) for by in (-1, 1) if _can(own, by)),
    )  # fmt: skip


def _can(own: Requantizer, by: int) -> bool:
    """Whether all shifts stay in a range that every scheme takes."""
    return bool((own.shift + by >= 1).all() and (own.shift + by <= 62).all())


def _schemes(own: Requantizer) -> Iterator[Alternative]:
    """One rounding for two, or two for one: gemmlowp's double rounding."""
    if own.scheme in PLAIN and (own.shift >= 0).all() and own.multiplier.any():
        for rule in (Rounding.HALF_AWAY, Rounding.HALF_UP):
            yield _scheme(own, Scheme.MULTIPLIER_SHIFT_DOUBLE, rule)
    if own.scheme == Scheme.MULTIPLIER_SHIFT_DOUBLE:
        for rule in Rounding:
            if rule != Rounding.STOCHASTIC:
                yield _scheme(own, Scheme.MULTIPLIER_SHIFT, rule)


def _scheme(own: Requantizer, scheme: Scheme, rule: Rounding) -> Alternative:
    other = replace(own, scheme=scheme, rounding=rule, lfsr=None)
    words = f"{name_of(scheme)}, {name_of(rule)}"
    return Alternative(words, codes=lambda sums: other.apply(sums).codes)


def _narrows(own: Requantizer) -> Iterator[Alternative]:
    narrow = own.narrow
    assert narrow is not None
    changes: list[tuple[str, dict[str, object]]] = [
        (f"rounds {name_of(rule)}", {"rounding": name_of(rule)})
        for rule in Rounding
        if rule != Rounding.STOCHASTIC and name_of(rule) != narrow.rounding
    ]
    changes += [
        (f"overflow {name_of(rule)}", {"overflow": name_of(rule), "wrap_bits": 0})
        for rule in OVERFLOWS
        if name_of(rule) != narrow.overflow
    ]
    changes += [
        (f"{narrow.bits + by} bits", {"bits": narrow.bits + by})
        for by in WIDTHS
        if 2 <= narrow.bits + by <= 64
    ]
    for words, change in changes:
        other = replace(own, narrow=narrow.model_copy(update=change))
        yield Alternative(words, codes=lambda sums, other=other: other.apply(sums).codes)  # type: ignore[misc]


def _outputs(own: Requantizer) -> Iterator[Alternative]:
    """Codes that wrap in place of saturating, and formats of another signedness or symmetry."""
    unbounded, form = wide(own), own.output
    clamp = own.clamp

    def wrapped(sums: Ints, clamped: bool) -> Ints:
        values = unbounded.apply(sums).codes
        if clamped and clamp != (None, None):
            values = np.clip(values, *clamp)
        span = 1 << form.bits
        lo = -(span >> 1) if form.signed else 0
        kept: Ints = ((values - lo) & (span - 1)) + lo
        return kept

    yield Alternative("wraps", codes=lambda sums: wrapped(sums, True))
    if clamp != (None, None):
        yield Alternative("wraps, no clamp", codes=lambda sums: wrapped(sums, False))
    for other in (IntFormat(form.bits, not form.signed), _other_symmetry(form)):
        if other is not None:
            made = replace(own, output=other)
            yield Alternative(
                f"saturates in {other}",
                codes=lambda sums, made=made: made.apply(sums).codes,  # type: ignore[misc]
            )


def _other_symmetry(form: IntFormat) -> IntFormat | None:
    return replace(form, narrow=not form.narrow) if form.signed and form.bits > 1 else None


def register_kinds(own: Datapath) -> Iterator[Kind]:
    """Other arrays and accumulators of the same operands."""
    yield Kind("bias", _bias_words(own), tuple(_biases(own)))
    if own.row_sum is not None:
        words = (("left out", 0), ("added", -1))
        yield Kind(
            "row sum", "subtracted",
            tuple(_with(f"{text}", w_zero_point=own.w_zero_point * by) for text, by in words),
        )  # fmt: skip
    yield _register_kind("accumulator", own.accumulator, lambda d, r: replace(d, accumulator=r))
    flip = replace(own, check_final=not own.check_final).check_final
    yield Kind(
        "accumulator check", "final" if own.check_final else "each_add",
        (_with("final" if flip else "each_add", check_final=flip),),
    )  # fmt: skip
    if own.chain:
        yield _register_kind("chain", own.chain[0], _every_level)
    for level in range(len(own.chain) if len(own.chain) > 1 else 0):
        yield _register_kind(f"tree level {level + 1}", own.chain[level], _one_level(level))
    rules = (r for r in Rounding if r not in (own.product_rounding, Rounding.STOCHASTIC))
    if own.drop_bits:
        yield Kind(
            "product rounding", name_of(Rounding(own.product_rounding)),
            (*(_with(name_of(r), product_rounding=int(r)) for r in rules),
             _with("exact", drop_bits=0)),
        )  # fmt: skip


def _with(words: str, **changes: object) -> Alternative:
    return Alternative(words, datapath=lambda d: replace(d, **changes))  # type: ignore[arg-type]


def _bias_words(own: Datapath) -> str:
    return "preloaded" if own.preload is not None else "added last"


def _biases(own: Datapath) -> Iterator[Alternative]:
    """Left out, twice, at the other end."""
    bias = own.preload if own.preload is not None else own.last
    if bias is None or not bias.any():
        return
    here = "preload" if own.preload is not None else "last"
    there = "last" if here == "preload" else "preload"
    words = {"preload": "preloaded", "last": "added last"}
    yield _with("left out", **{here: None})
    yield _with("added twice", **{here: 2 * bias})
    yield _with("subtracted", **{here: -bias})
    yield _with(words[there], **{here: None, there: bias})
    yield _with("of the next channel", **{here: np.roll(bias, -1, axis=1)})
    yield _with("of the channel before", **{here: np.roll(bias, 1, axis=1)})


def _every_level(data: Datapath, register: Register) -> Datapath:
    """Chains change alike: the same number of bits more or less, the same rule."""
    by = register.bits - data.chain[0].bits
    levels = (_resized(r, r.bits + by, register.overflow, register.wrap_bits) for r in data.chain)
    return replace(data, chain=tuple(levels))


def _one_level(level: int) -> Callable[[Datapath, Register], Datapath]:
    def changed(data: Datapath, register: Register) -> Datapath:
        return replace(data, chain=(*data.chain[:level], register, *data.chain[level + 1 :]))

    return changed


def _register_kind(name: str, own: Register, put: Callable[[Datapath, Register], Datapath]) -> Kind:
    """Other overflow rules of a register, then other widths, then both."""
    rules = [rule for rule in OVERFLOWS if rule != own.overflow]
    found: list[tuple[str, Register]] = [
        (f"overflow {name_of(rule)}", _resized(own, own.bits, rule, 0)) for rule in rules
    ]
    widths = [own.bits + by for by in WIDTHS if 2 <= own.bits + by <= 63]
    if own.bits < 48:
        widths.append(48)
    kept = own.overflow, own.wrap_bits
    found += [(f"{bits} bits", _resized(own, bits, *kept)) for bits in widths]
    other = Overflow.SATURATE if own.overflow == Overflow.WRAP else Overflow.WRAP
    found += [
        (f"{bits} bits, overflow {name_of(other)}", _resized(own, bits, other, 0))
        for bits in widths
    ]
    alternatives = (
        Alternative(words, datapath=lambda d, r=register: put(d, r))  # type: ignore[misc]
        for words, register in found
    )
    ours = f"{own.bits} bits, overflow {name_of(Overflow(own.overflow))}"
    return Kind(name, ours, tuple(alternatives))


def _resized(own: Register, bits: int, overflow: int, wrap_bits: int) -> Register:
    bits = min(max(bits, 2), 64)
    form = IntFormat(bits)
    return Register(bits, form.lo, form.hi, int(overflow), min(wrap_bits, bits - 1))
