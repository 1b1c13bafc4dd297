"""Laws of bounded sums, on the fast engine: what must hold whatever the numbers are."""

from dataclasses import replace

import numpy as np
import pytest
import strategies
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracles import exact, rules
from oracles.comparison import plain, plain_ledger

from hwsim.array.dataflow import Schedule
from hwsim.array.datapath import build
from hwsim.array.engines import ENGINES

CHAINED = strategies.ARRAYS[1:]
laws = settings(max_examples=60)


def execute(gemm, machine, **words):
    datapath, _ = build(gemm, machine, "a layer")
    return ENGINES["fast"](datapath, Schedule.of(machine, datapath.shape), **words)


def changed(machine, **parts):
    """The machine with words of some registers replaced: ``accumulator={"bits": 12}``."""
    words = machine.model_dump()
    for part, new in parts.items():
        words[part] = words[part] | new
    return type(machine)(**words)


def wrapping(machine, chain: int, accumulator: int):
    """Both registers wrap, products are exact, the accumulator is checked at each add."""
    plain_wrap = {"overflow": "wrap", "wrap_bits": 0}
    parts = {
        "product": {"drop_bits": 0},
        "accumulator": {"bits": accumulator, "check": "each_add", **plain_wrap},
    }
    if machine.chain is not None:
        parts["chain"] = {"bits": chain, **plain_wrap}
    return changed(machine, **parts)


def with_registers(machine, bits: int, overflow: str):
    """Every register of the sums with one width and rule."""
    parts = {"accumulator": {"bits": bits, "overflow": overflow, "wrap_bits": 0}}
    if machine.chain is not None:
        parts["chain"] = {"bits": bits, "overflow": overflow, "wrap_bits": 0}
    return changed(machine, **parts)


def permuted_steps(gemm, seed: int):
    """The same sums in another order of k."""
    order = np.random.default_rng(seed).permutation(gemm.a.shape[3])
    return replace(gemm, a=gemm.a[..., order].copy(), w=gemm.w[:, order].copy())


def samples_of(gemm, part: slice):
    return replace(gemm, a=gemm.a[part])


@laws
@given(strategies.cases(), st.integers(2, 24), st.integers(2, 24))
def test_wrap_is_congruent_to_the_exact_sum(case, chain, accumulator):
    gemm, machine = case[0], wrapping(case[1], chain, accumulator)
    found = execute(gemm, machine)
    bits = accumulator if machine.chain is None else min(chain, accumulator)
    assert not ((found.accumulator - found.exact) % 2**bits).any()


@laws
@given(strategies.cases(), st.integers(2, 20), st.integers(0, 8), st.integers(0, 99))
def test_wrap_ignores_order_where_the_chain_is_as_wide_as_the_accumulator(case, bits, more, seed):
    gemm, machine = case[0], wrapping(case[1], bits + more, bits)
    one, other = execute(gemm, machine), execute(permuted_steps(gemm, seed), machine)
    assert (one.accumulator == other.accumulator).all()


def test_wrap_with_a_narrow_chain_depends_on_order():
    gemm = strategies.gemm(np.full((1, 1, 1, 3), 127), np.array([[[127], [127], [-128]]]))
    machine = wrapping(strategies.machine("weight_stationary", 2, 1), 15, 24)
    other = replace(gemm, w=gemm.w[:, [0, 2, 1]].copy())
    assert execute(gemm, machine).accumulator != execute(other, machine).accumulator


def weight_bound(gemm, machine) -> int:
    """DATAPATH.md section 7 by enumeration of both ends: a width that every sum fits."""
    problem = exact.prepare(gemm, machine)
    shift = problem.a[0][0][0][0] - int(gemm.a[0, 0, 0, 0]) if problem.shape.k else 0
    ends = [end + shift for end in gemm.a_range]
    reach = [0]
    for g, n in np.ndindex(problem.shape.groups, problem.shape.n):
        spec = machine.product
        worst = [
            [rules.product(a, w[n], spec.drop_bits, spec.rounding) for a in ends]
            for w in problem.w[g]
        ]
        high = sum(max(0, *pair) for pair in worst)
        low = sum(min(0, *pair) for pair in worst)
        zw = problem.w_zero_point[g][n] if problem.row_sum else 0
        row_sums = [-zw * end * problem.shape.k for end in ends] + [0]
        bias = problem.stored_bias[g][n] if problem.stored_bias else 0
        for b in (0, bias):
            reach += [low + min(row_sums) + b, high + max(row_sums) + b, low + b, high + b]
    return max(2, rules.width(reach, symmetric=True))


@laws
@given(strategies.cases())
def test_no_event_at_the_weight_bound(case):
    gemm, machine = case
    for overflow in ("saturate", "saturate_symmetric", "wrap"):
        found = execute(gemm, with_registers(machine, weight_bound(gemm, machine), overflow))
        assert found.accumulator_ledger.events == 0
        assert found.chain is None or found.chain.events == 0
        assert (found.accumulator == found.exact).all()


@laws
@given(strategies.cases())
def test_results_stay_in_the_register(case):
    gemm, machine = case
    found = execute(gemm, machine).accumulator
    least = -(2 ** (machine.accumulator.bits - 1))
    assert found.min() >= least + (machine.accumulator.overflow == "saturate_symmetric")
    assert found.max() <= -(least + 1)


@laws
@given(strategies.cases())
def test_subtract_and_fold_have_the_same_exact_sum(case):
    gemm, machine = case
    wide = {"bits": 64, "overflow": "saturate", "wrap_bits": 0}  # a bias kept whole
    forms = [
        changed(machine, operands={"zero_point": form}, product={"drop_bits": 0}, bias=wide)
        for form in ("subtract", "fold")
    ]
    subtract, fold = (execute(gemm, form).exact for form in forms)
    assert (subtract == fold).all()


@laws
@given(strategies.cases())
def test_ledger_of_all_samples_is_the_merge_of_each_sample(case):
    gemm, machine = case
    together = execute(gemm, machine)
    parts = [
        execute(samples_of(gemm, slice(s, s + 1)), machine, first_sample=s)
        for s in range(gemm.shape[0])
    ]
    assert (np.concatenate([p.accumulator for p in parts]) == together.accumulator).all()
    for name in ("accumulator_ledger", "chain"):
        merged = getattr(parts[0], name)
        for part in parts[1:]:
            merged = merged and merged.merge(getattr(part, name))
        assert plain_ledger(merged) == plain_ledger(getattr(together, name))


@laws
@given(strategies.cases(("output_stationary", "none")), st.integers(2, 30), st.integers(1, 4))
def test_wider_saturating_accumulator_never_overflows_more(case, bits, more):
    gemm, machine = case
    narrow, wide = (
        execute(gemm, with_registers(machine, b, "saturate")).accumulator_ledger
        for b in (bits, bits + more)
    )
    assert (wide.persistent <= narrow.persistent).all()
    assert (wide.persistent + wide.transient <= narrow.persistent + narrow.transient).all()
    assert wide.excess_bits <= narrow.excess_bits


@laws
@given(strategies.cases())
def test_ladder_never_rises(case):
    found = execute(*case)
    for ledger in (found.chain, found.accumulator_ledger):
        if ledger is not None:
            assert ledger.observed_partial_bits >= ledger.observed_final_bits
    assert found.accumulator_ledger.observed_partial_bits <= weight_bound(*case)


@laws
@given(strategies.cases(CHAINED), st.sampled_from(CHAINED))
def test_dataflow_is_invisible_where_nothing_overflows(case, dataflow):
    gemm, machine = case
    bound = with_registers(machine, weight_bound(gemm, machine), "saturate")
    rows = max(2, machine.array.rows)
    other = changed(bound, array={"dataflow": dataflow, "rows": rows})
    assert (execute(gemm, bound).accumulator == execute(gemm, other).accumulator).all()


@laws
@given(strategies.cases())
def test_two_runs_are_the_same(case):
    gemm, machine = case
    assume(machine.array.is_array)
    one, other = (execute(gemm, machine, list_events=True) for _ in range(2))
    assert plain(one, 0) == plain(other, 0)


@pytest.mark.parametrize(
    ("products", "expected", "kind"),
    [
        ([100, 100, -100], 27, "transient"),  # 100, 127 (was 200), 27
        ([100, -100, 100], 100, None),  # the same addends, no event
        ([100, 100, 100], 127, "persistent"),
    ],
)
def test_saturation_depends_on_the_order_of_additions(products, expected, kind):
    gemm = strategies.gemm([[[products]]], np.ones((1, 3, 1)))
    machine = strategies.machine("output_stationary", 1, 1, accumulator=(8, "saturate"))
    found = execute(gemm, machine)
    assert found.accumulator.item() == expected
    assert found.accumulator_ledger.persistent.sum() == (kind == "persistent")
    assert found.accumulator_ledger.transient.sum() == (kind == "transient")


@laws
@given(st.integers(0, 2**32 - 1), st.integers(0, 9))
def test_a_runtimes_chain_of_two_is_the_sum_of_saturated_pairs(seed, steps):
    """AVX2's u8 * s8: neighbours in k, raw codes, added in 16 bits; an odd one stands alone."""
    rng = np.random.default_rng(seed)
    a, w = rng.integers(128, 256, (2, 1, 3, steps)), rng.integers(-128, 128, (1, steps, 4))
    gemm = strategies.gemm(a, w, za=7, a_range=(0, 255))
    machine = strategies.machine(
        "none", activation=(16, True), weight=(16, True), zero_point="fold",
        chain=(16, "saturate", 0, 2),
    )  # fmt: skip
    products = a[..., None] * w[0]
    if steps % 2:
        products = np.pad(products, ((0, 0), (0, 0), (0, 0), (0, 1), (0, 0)))
    pairs = products[..., 0::2, :] + products[..., 1::2, :]
    expected = np.clip(pairs, -(2**15), 2**15 - 1).sum(axis=-2) - 7 * w[0].sum(axis=0)
    found = execute(gemm, machine)
    assert (found.accumulator == expected).all()
    assert found.chain.events == np.count_nonzero(abs(pairs + 0.5) > 2**15)


def test_adjacent_pairs_are_not_halves():
    """A tree of four lanes adds (0 + 1) + (2 + 3); (0 + 2) + (1 + 3) would not overflow here."""
    gemm = strategies.gemm([[[[100, 100, -100, -100]]]], np.ones((1, 4, 1)))
    machine = strategies.machine("dot_product", 4, 1, chain=(8, "saturate"))
    found = execute(gemm, machine)
    assert found.chain.events == 2
    assert found.accumulator.item() == 127 - 128
