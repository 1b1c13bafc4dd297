"""Document 000's convolution with a zero point that shows: both correct forms, both wrong ones."""

import numpy as np
import pytest
import strategies
from golden.seed_layers import execute, float32_codes, per_channel, problem, taps

ZX, ZY = 120, 143


@pytest.fixture(scope="module")
def golden(shared):
    return dict(np.load(shared / "golden/seeds/seed000_conv_zx.npz"))


def executed(golden, form, activation=(8, False), when="last", dataflow="none", engine="fast"):
    machine = strategies.machine(
        dataflow, 4, 4, activation=activation, zero_point=form, bias=(32, "saturate", 0, when)
    )
    return execute(problem(golden, za=ZX, a_range=(0, 255)), machine, engine)


@pytest.mark.parametrize("form", ["subtract", "fold"])
@pytest.mark.parametrize("activation", [(8, False), (8, True), (9, True)])
@pytest.mark.parametrize("when", ["preload", "last"])
def test_both_forms_give_the_documents_accumulators(golden, form, activation, when):
    found = executed(golden, form, activation, when)
    assert (found.accumulator[0, 0] == per_channel(golden["acc_bias"])).all()
    codes = float32_codes(found.accumulator[0, 0], golden["k_f32"], ZY)
    assert (codes == per_channel(golden["qy"])).all()


@pytest.mark.parametrize("engine", ["fast", "cycle"])
@pytest.mark.parametrize("dataflow", strategies.ARRAYS)
def test_every_array_gives_the_documents_accumulators(golden, dataflow, engine):
    for form in ("subtract", "fold"):
        found = executed(golden, form, dataflow=dataflow, engine=engine)
        assert (found.accumulator[0, 0] == per_channel(golden["acc_bias"])).all()


def zero_padded_sums(golden, pad_code):
    """Products of raw codes with ``pad_code`` in the border, and the raw bias."""
    w = golden["qw"].astype(np.int64).reshape(4, -1)
    a = taps(golden["qx"][0].astype(np.int64), 3, 1, pad_code).reshape(25, -1)
    return a @ w.T + golden["qb"]


def border():
    """Which of the 5 x 5 output pixels see padding."""
    inside = np.zeros((5, 5), bool)
    inside[1:-1, 1:-1] = True
    return ~inside.ravel()


def test_raw_zero_border_with_a_constant_correction_is_wrong_on_all_64_border_codes(golden):
    constant = -ZX * golden["qw"].astype(np.int64).sum(axis=(1, 2, 3))
    assert (-constant == -golden["corr_const"].astype(np.int64)).all()
    codes = float32_codes(zero_padded_sums(golden, 0) + constant, golden["k_f32"], ZY)
    assert (codes == per_channel(golden["qy_wrong_raw0pad_const"])).all()
    wrong = codes != per_channel(golden["qy"])
    assert wrong.sum() == 64
    assert (wrong == border()[:, None]).all()


def test_zero_point_border_with_a_map_correction_is_wrong_on_63_codes(golden):
    map_correction = per_channel(golden["corr_map"]).astype(np.int64)
    codes = float32_codes(zero_padded_sums(golden, ZX) + map_correction, golden["k_f32"], ZY)
    assert (codes == per_channel(golden["qy_wrong_zppad_map"])).all()
    assert (codes != per_channel(golden["qy"])).sum() == 63


def test_raw_zero_border_with_a_map_correction_is_the_other_correct_form(golden):
    map_correction = per_channel(golden["corr_map"]).astype(np.int64)
    sums = zero_padded_sums(golden, 0) + map_correction
    assert (sums == per_channel(golden["acc_bias"])).all()
