"""Document 002, AIMET's quantizers: its four tables, AIMET 2.42's answer, and every scale rule."""

import numpy as np
import pytest

from hwsim.arith.formats import IntFormat
from hwsim.arith.quantize import Affine, affine_of, dequantize, quantize, scale_of_range

U8, S8 = IntFormat(8, signed=False), IntFormat(8)
PRINTED = {
    "asym_u8": [[75, 73, 142, 128], [226, 214, 137, 0], [186, 65, 188, 184], [170, 255, 246, 142]],
    "sym_s8": [[-68, -70, -15, -26], [51, 42, -19, -128], [20, -76, 21, 19], [7, 75, 68, -15]],
    "sym_u8": [[0, 0, 0, 0], [51, 42, 0, 0], [20, 0, 21, 19], [7, 75, 68, 0]],
    "aimet242_sym_u8": [
        [60, 58, 113, 102], [179, 170, 109, 0], [148, 52, 149, 147], [135, 203, 196, 113]
    ],
}  # fmt: skip
PRINTED["asym_s8"] = (np.array(PRINTED["asym_u8"]) - 128).tolist()


@pytest.fixture(scope="module")
def seed(shared):
    return dict(np.load(shared / "golden" / "seeds" / "seed002_quantizers.npz"))


def quantizer(seed, table, dtype=np.float32):
    """The affine map of one of the document's tables; none forces zero into the range."""
    form = U8 if table.endswith("u8") else S8
    rule = "affine" if table.startswith("asym") else "absmax_128"
    words = {"include_zero": False, "centre_unsigned": table.startswith("aimet")}
    return affine_of(rule, seed["x"], form, dtype=dtype, **words)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("table", PRINTED)
def test_codes_equal_the_documents_table(table, inside, dtype, seed):
    affine = quantizer(seed, table, dtype)
    codes, _ = quantize(seed["x"], affine, dtype=dtype, zero_point_inside=inside)
    assert codes.tolist() == seed[f"{table}_q"].tolist() == PRINTED[table]
    assert affine.offset == int(seed[f"{table}_offset"])


@pytest.mark.parametrize(
    ("table", "scale", "offset", "grid"),
    [
        ("asym_u8", "0.013148537837", -161, ("-2.1169145", "1.2359625")),
        ("asym_s8", "0.013148537837", -33, ("-2.1169145", "1.2359625")),
        ("sym_s8", "0.016525151208", 0, ("-2.1152194", "2.0986941")),
        ("sym_u8", "0.016525151208", 0, ("0.0000000", "4.2139134")),
    ],
)
def test_scale_offset_and_grid_equal_the_document(table, scale, offset, grid, seed):
    affine = quantizer(seed, table)
    assert np.float32(affine.scale) == seed[f"{table}_scale"]
    assert (f"{affine.scale:.12f}", affine.offset) == (scale, offset)
    ends = [affine.format.lo, affine.format.hi]
    assert tuple(f"{v:.7f}" for v in dequantize(ends, affine, dtype=np.float32)) == grid
    assert tuple(f"{v:.5f}" for v in affine.grid) == tuple(f"{float(v):.5f}" for v in grid)


@pytest.mark.parametrize("table", ["asym_u8", "asym_s8", "sym_s8", "sym_u8"])
def test_dequantized_table_equals_the_document(table, seed):
    affine = quantizer(seed, table)
    real = dequantize(seed[f"{table}_q"], affine, dtype=np.float32)
    assert (real == seed[f"{table}_dq"]).all()


def test_unsigned_symmetric_clips_every_negative_value(seed):
    affine = quantizer(seed, "sym_u8")
    codes, clips = quantize(seed["x"], affine, dtype=np.float32)
    assert clips == 8
    error = np.abs(dequantize(codes, affine) - seed["x"])
    assert f"{error.max():.4f}" == "2.1152"


def test_aimet_2_42_centres_the_unsigned_symmetric_grid(seed):
    affine = quantizer(seed, "aimet242_sym_u8")
    assert affine.offset == -128  # -half_even(127.5)
    assert quantize(seed["x"], affine, dtype=np.float32)[1] == 0


def test_rounding_the_zero_point_moves_the_grid(seed):
    affine = quantizer(seed, "asym_u8")
    largest = float(seed["x"].max())
    assert (f"{largest:.4f}", f"{affine.grid[1]:.4f}") == ("1.2377", "1.2360")
    assert affine.grid[1] < largest


@pytest.mark.parametrize(
    ("rule", "printed"),
    [("absmax_128", "0.016525151"), ("absmax_127_5", "0.016589956"), ("absmax_127", "0.016655270")],
)
def test_symmetric_scale_rules_equal_the_row(rule, printed, seed):
    least, largest = float(seed["x"].min()), float(seed["x"].max())
    assert f"{scale_of_range(rule, least, largest, 8, dtype=np.float32):.9f}" == printed


def test_aimet_min_max_takes_the_larger_of_both_sides(seed):
    least, largest = float(seed["x"].min()), float(seed["x"].max())
    both = scale_of_range("max_127_min_128", least, largest, 8)
    assert both == scale_of_range("absmax_128", least, largest, 8)  # the minimum dominates here
    mirrored = scale_of_range("max_127_min_128", -largest, -least, 8)
    assert mirrored == scale_of_range("absmax_127", least, largest, 8)


def test_reduced_range_is_the_affine_rule_at_7_bits(seed):
    affine = affine_of("affine", seed["x"], IntFormat(7, signed=False), dtype=np.float32)
    assert (f"{affine.scale:.9f}", affine.zero_point) == ("0.026400607", 80)


def test_zero_is_forced_into_the_range_unless_told_otherwise():
    x = np.array([0.5, 1.0])
    for form in (U8, S8):
        assert affine_of("affine", x, form).zero_point in form
    assert affine_of("affine", x, U8, include_zero=False).zero_point not in U8


def test_offset_is_the_opposite_of_the_zero_point():
    assert Affine(1.0, 141, U8).offset == -141
