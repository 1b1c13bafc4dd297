"""Layer meets machine: re-centring, zero points, the bias format, refusals."""

import numpy as np
import pytest
import strategies
from hypothesis import given
from oracles import exact, rules

from hwsim.array.datapath import build
from hwsim.errors import ConfigError


def built(gemm, machine):
    return build(gemm, machine, "conv1")


@given(strategies.cases())
def test_operands_and_bias_match_the_oracle(case):
    datapath, bias = built(*case)
    problem = exact.prepare(*case)
    assert datapath.a.tolist() == problem.a
    assert datapath.w.tolist() == problem.w
    if problem.row_sum:
        assert datapath.row_sum.tolist() == [
            [[sum(row) for row in group] for group in sample] for sample in problem.a
        ]
        assert datapath.w_zero_point.tolist() == problem.w_zero_point
    else:
        assert datapath.row_sum is None
    if bias.presented is None:  # nothing to add: the oracle's folded bias is zero
        assert not np.any(problem.bias or 0)
        assert bias.stored is bias.lost is datapath.preload is datapath.last is None
        return
    assert bias.presented.tolist() == problem.bias
    assert bias.stored.tolist() == problem.stored_bias
    assert (bias.lost == bias.presented - bias.stored).all()
    used, unused = datapath.preload, datapath.last
    if case[1].bias.when == "last":
        used, unused = unused, used
    assert unused is None
    assert used.tolist() == problem.stored_bias


@given(strategies.cases())
def test_registers_carry_the_machines_words(case):
    machine = case[1]
    datapath, _ = built(*case)
    rule = datapath.accumulator
    assert (rule.bits, rule.wrap_bits) == (machine.accumulator.bits, machine.accumulator.wrap_bits)
    assert rule.lo == -(2 ** (rule.bits - 1))
    assert rule.hi == -rule.lo - 1
    assert datapath.check_final == (machine.accumulator.check == "final")
    assert [r.bits for r in datapath.chain] == [r.bits for r in exact.chain_rules(machine)]


ONE = {"a": [[[[3, 200]]]], "w": [[[5], [-7]]], "a_range": (0, 255)}


def test_unsigned_tensor_on_a_signed_machine_is_recentred():
    datapath, _ = built(strategies.gemm(**ONE, za=4), strategies.machine(zero_point="fold"))
    assert datapath.a.tolist() == [[[[3 - 128, 200 - 128]]]]


def test_signed_tensor_on_an_unsigned_machine_is_recentred():
    gemm = strategies.gemm([[[[-128, 127]]]], ONE["w"], za=-3)
    datapath, _ = built(gemm, strategies.machine(activation=(8, False), zero_point="fold"))
    assert datapath.a.tolist() == [[[[0, 255]]]]


def test_recentring_keeps_the_exact_sum_in_both_forms():
    gemm = strategies.gemm(**ONE, za=4, zw=9, bias=11)
    expected = (3 - 4) * (5 - 9) + (200 - 4) * (-7 - 9) + 11
    for activation in ((8, True), (8, False), (9, True)):
        for form in ("subtract", "fold"):
            machine = strategies.machine(
                activation=activation, zero_point=form, bias=(32, "saturate", 0, "last")
            )
            truth = exact.run(gemm, machine)
            datapath, _ = built(gemm, machine)
            total = (datapath.a[0].astype(np.int64) @ datapath.w).item() + datapath.last.item()
            if datapath.row_sum is not None:
                total -= (datapath.w_zero_point * datapath.row_sum[0]).item()
            assert total == expected == truth.exact[0][0][0][0]


@pytest.mark.parametrize(
    ("a_range", "activation"),
    [
        ((0, 255), (7, True)),  # too wide, re-centred or not
        ((-128, 127), (7, False)),
        ((-8, 7), (8, False)),  # the other signedness, but another width: not re-centred
        ((0, 255), (4, False)),
    ],
)
def test_a_tensor_that_does_not_fit_the_machine_is_refused(a_range, activation):
    gemm = strategies.gemm([[[[1]]]], [[[1]]], a_range=a_range)
    with pytest.raises(ConfigError, match=r"operands\.activation"):
        built(gemm, strategies.machine(activation=activation))


def test_sums_that_could_leave_int64_are_refused():
    wide = (-(2**31), 2**31 - 1)
    gemm = strategies.gemm([[[[1]]]], [[[1]]], a_range=wide, w_range=wide)
    machine = strategies.machine(activation=(32, True), weight=(32, True))
    with pytest.raises(ConfigError, match=r"conv1: .* must stay below"):
        built(gemm, machine)


def test_operands_wider_than_int32_stay_exact():
    gemm = strategies.gemm(
        [[[[-(2**31)]]]], [[[3]]], za=2**31 - 1, a_range=(-(2**31), 2**31 - 1), w_range=(-4, 3)
    )
    datapath, _ = built(gemm, strategies.machine(activation=(32, True), weight=(3, True)))
    assert datapath.a.item() == -(2**32) + 1


@pytest.mark.parametrize("overflow", strategies.OVERFLOWS)
def test_a_bias_that_does_not_fit_loses_what_its_rule_takes(overflow):
    gemm = strategies.gemm(np.zeros((1, 1, 1, 1)), np.zeros((1, 1, 4)), bias=[[7, 8, -8, -9]])
    _, bias = built(gemm, strategies.machine(bias=(4, overflow, 0, "last")))
    assert bias.stored.tolist() == [[rules.kept(b, 4, overflow) for b in (7, 8, -8, -9)]]
    assert (bias.lost != 0).sum() == (3 if overflow == "saturate_symmetric" else 2)


def test_fold_puts_the_zero_points_into_the_bias():
    gemm = strategies.gemm(**ONE, za=4, zw=9, bias=11)
    machine = strategies.machine(activation=(8, False), zero_point="fold")
    datapath, bias = built(gemm, machine)
    assert bias.presented.item() == 11 - 4 * (5 - 7) + 2 * 4 * 9
    assert datapath.row_sum.item() == 203
