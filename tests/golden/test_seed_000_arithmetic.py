"""Document 000, an AIMET convolution: its scales, its integers, and every requantizer on them."""

from fractions import Fraction

import numpy as np
import pytest
from oracles.rules import rounded

from hwsim.arith.formats import IntFormat
from hwsim.arith.quantize import Affine, affine_of, quantize, scale_of_range
from hwsim.arith.scale import compose, multiplier_and_shift, power_of_two_shift
from hwsim.array.requantizer import build
from hwsim.array.specification import RequantizeSpec

U8, S8, S32 = IntFormat(8, signed=False), IntFormat(8), IntFormat(32)
FACTOR32, FACTOR64 = "float32_product_quotient", "float64"
DOUBLES = "multiplier_shift_double"


@pytest.fixture(scope="module")
def seed(shared):
    return dict(np.load(shared / "golden" / "seeds" / "seed000_conv.npz"))


def convolution(x, w):
    """3x3, padding 1 with zeros, stride 1: x (C, H, W), w (O, C, 3, 3)."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.einsum("chwij,ocij->ohw", windows, w)


def requantized(seed, policy):
    """The layer's requantizer, and its codes on the document's accumulators."""
    r = build(
        RequantizeSpec(**policy),
        input_scale=float(seed["x_scale"]),
        weight_scale=np.full(4, float(seed["w_scale"])),
        output_scale=float(seed["y_scale"]),
        zero_point=-int(seed["y_offset"]),
        output=U8,
        clamp=(None, None),
        accumulator=(-(2**31), 2**31 - 1),
        where="document 000",
    )
    acc = seed["acc_bias"].astype(np.int64).reshape(1, 4, 25, 1)
    return r, r.apply(acc)


def sqnr_db(seed, codes):
    """Against the float convolution."""
    y = seed["y"].astype(np.float64)
    error = (codes.reshape(y.shape) + int(seed["y_offset"])) * float(seed["y_scale"]) - y
    return 10 * np.log10((y**2).sum() / (error**2).sum())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scales_offsets_and_codes_equal_the_document(seed, dtype):
    x = affine_of("affine", seed["x"], U8, dtype=dtype)
    w = affine_of("absmax_128", seed["w"], S8, dtype=dtype)
    y = affine_of("affine", seed["y"], U8, dtype=dtype)
    assert (x.offset, w.offset, y.offset) == (0, 0, -141)
    for affine, name, printed in (
        (x, "x", "0.003910065163"), (w, "w", "0.001499799546"), (y, "y", "0.004203130025")
    ):  # fmt: skip
        assert np.float32(affine.scale) == seed[f"{name}_scale"]
        assert f"{float(np.float32(affine.scale)):.12f}" == printed
    for affine, name in ((x, "x"), (w, "w")):
        codes, clips = quantize(seed[name], affine, dtype=dtype)
        assert (codes == seed[f"q{name}"]).all()
        assert clips == 0  # the largest weight is negative: luck
    codes, _ = quantize(seed["y"], y, dtype=dtype)
    assert (codes == seed["qqy"]).all()
    assert int((codes != seed["qy"]).sum()) == 18
    assert np.abs(codes - seed["qy"]).max() == 1


def test_bias_is_int32_at_the_product_of_scales(seed):
    scale = float(np.float32(seed["x_scale"] * seed["w_scale"]))
    assert f"{scale:.9e}" == "5.864314062e-06"
    codes, clips = quantize(seed["b"], Affine(scale, 0, S32), dtype=np.float32)
    assert codes.tolist() == seed["qb"].tolist() == [9161, 15769, 11590, -7892]
    assert clips == 0
    assert quantize(seed["b"], Affine(scale, 0, S8))[1] == 4  # none fits 8 bits
    assert quantize(seed["b"], Affine(scale, 0, IntFormat(16)))[1] == 0  # all fit 16


def test_accumulators_equal_the_document(seed):
    acc = convolution(seed["qx"][0].astype(np.int64), seed["qw"].astype(np.int64))
    assert (acc == seed["acc"][0]).all()
    assert (int(acc.min()), int(acc.max())) == (-116817, 72467)
    with_bias = acc + seed["qb"][:, None, None]
    assert (with_bias == seed["acc_bias"][0]).all()
    assert (int(with_bias.min()), int(with_bias.max())) == (-101048, 81628)


def test_factor_multiplier_and_shift_equal_the_document(seed):
    scales = [float(seed[f"{name}_scale"]) for name in "xwy"]
    factor = float(compose(FACTOR32, scales[0], np.array([scales[1]]), scales[2])[0])
    assert np.float32(factor) == seed["k_f32"]
    assert f"{factor:.13f}" == "0.0013952255249"
    assert multiplier_and_shift(factor, 31) == (1534066688, 40)
    assert (int(seed["M0"]), 31 - int(seed["shift"])) == (1534066688, 40)
    assert power_of_two_shift(factor) == 9


def single(bits, rounding="half_up", scale=FACTOR32):
    return {
        "scheme": "multiplier_shift",
        "rounding": rounding,
        "multiplier_bits": bits,
        "scale": scale,
    }


EXACT_POLICIES = [
    {"scheme": "float32", "rounding": "half_even", "scale": FACTOR32},
    {"scheme": "float64", "rounding": "half_away"},
    {"scheme": "threshold_table", "rounding": "half_even"},
    *[
        single(31, r, s)
        for r in ("half_up", "half_even", "half_away")
        for s in (FACTOR32, FACTOR64)
    ],
    {"scheme": DOUBLES, "rounding": "half_away", "scale": FACTOR32},
    {"scheme": DOUBLES, "rounding": "half_up"},
    {"scheme": "reduced_16", "rounding": "half_up"},
    *[single(bits, scale=s) for bits in (24, 16, 15, 12) for s in (FACTOR32, FACTOR64)],
    {"scheme": "multiply_add_shift", "rounding": "half_even", "multiplier_bits": 31},
]


@pytest.mark.parametrize("policy", EXACT_POLICIES, ids=lambda p: "-".join(map(str, p.values())))
def test_requantizer_makes_the_documents_codes(seed, policy):
    _, result = requantized(seed, policy)
    assert (result.codes.reshape(1, 4, 5, 5) == seed["qy"]).all()
    assert not result.clipped.any()
    assert not result.events.any()


def test_exact_rational_makes_the_documents_codes(seed):
    factor = Fraction(1)
    for name, power in (("x", 1), ("w", 1), ("y", -1)):
        factor *= Fraction(float(seed[f"{name}_scale"])) ** power
    codes = [rounded(int(acc) * factor, "half_even") + 141 for acc in seed["acc_bias"].flat]
    assert codes == seed["qy"].ravel().tolist()


DIFFERING = [  # policy, codes that differ from the document's, largest difference
    (single(10, scale=FACTOR32), 5, 1),
    (single(10, scale=FACTOR64), 2, 1),
    (single(8, scale=FACTOR32), 5, 1),
    (single(8, scale=FACTOR64), 5, 1),
    (single(7), 27, 1),
    (single(6), 32, 1),
    (single(4), 92, 5),
    (single(31, "floor"), 59, 1),
    (single(31, "toward_zero"), 49, 1),
    ({"scheme": "shift_only", "rounding": "half_up"}, 97, 40),
]


@pytest.mark.parametrize(("policy", "count", "largest"), DIFFERING)
def test_cheaper_requantizer_changes_the_stated_number_of_codes(seed, policy, count, largest):
    difference = requantized(seed, policy)[1].codes.ravel() - seed["qy"].ravel()
    assert (int((difference != 0).sum()), int(np.abs(difference).max())) == (count, largest)


@pytest.mark.parametrize(
    ("policy", "golden"),
    [
        (single(31, "floor"), "q_floor"),
        (single(31, "toward_zero"), "q_trunc"),
        (single(8), "q_M8"),
        ({"scheme": "shift_only", "rounding": "half_up"}, "q_pow2_nearest"),
    ],
    ids=["floor", "trunc", "M8", "pow2"],
)
def test_cheaper_requantizer_equals_golden(seed, policy, golden):
    assert (requantized(seed, policy)[1].codes.reshape(1, 4, 5, 5) == seed[golden]).all()


def test_floor_loses_59_hundredths_of_a_code_on_average(seed):
    codes = requantized(seed, single(31, "floor"))[1].codes
    assert int(codes.sum() - seed["qy"].sum(dtype=np.int64)) == -59  # of 100 outputs


def test_shift_only_has_the_stated_gain_error_and_sqnr(seed):
    r, result = requantized(seed, {"scheme": "shift_only", "rounding": "half_up"})
    assert r.shift.tolist() == [9] * 4
    assert f"{r.effective_scale[0] / r.real_scale[0]:.3f}" == "1.400"
    assert f"{sqnr_db(seed, result.codes):.1f}" == "10.4"
    assert f"{sqnr_db(seed, requantized(seed, single(31))[1].codes):.2f}" == "45.42"
    assert f"{sqnr_db(seed, seed['qqy'].astype(np.int64)):.2f}" == "47.54"


def test_aimets_print_is_explained(seed):
    """Weights absmax/127.5, an 8-bit bias of its own scale absmax/127, output scale .00420342."""
    w = affine_of("absmax_127_5", seed["w"], S8, dtype=np.float32)
    b = affine_of("absmax_127", seed["b"], S8, dtype=np.float32)
    assert np.float32(w.scale) == seed["aimet_w_scale"]
    assert np.float32(b.scale) == seed["aimet_b_scale"]
    qw, _ = quantize(seed["w"], w, dtype=np.float32)
    qb, _ = quantize(seed["b"], b, dtype=np.float32)
    assert qb.tolist() == seed["aimet_b_codes"].tolist()
    acc = convolution(seed["qx"][0].astype(np.int64), qw)
    real = acc * (float(seed["x_scale"]) * w.scale) + (qb * b.scale)[:, None, None]
    y = Affine(float(seed["aimet_y_scale"]), 141, U8)
    codes, _ = quantize(real, y)
    assert (codes == seed["aimet_codes"][0]).all()
    printed = np.round(np.float32((codes - 141) * y.scale), 4)
    assert (np.abs(printed - seed["aimet_out"][0]) < 5e-5).all()  # printed with four decimals
    assert int((codes != seed["qy"][0]).sum()) == 42


def test_weight_scale_alone_explains_most_of_aimets_difference(seed):
    w = scale_of_range("absmax_127_5", float(seed["w"].min()), float(seed["w"].max()), 8)
    qw, _ = quantize(seed["w"], Affine(w, 0, S8), dtype=np.float32)
    acc = convolution(seed["qx"][0].astype(np.int64), qw)
    scale = float(seed["x_scale"]) * w
    qb, _ = quantize(seed["b"], Affine(scale, 0, S32))
    real = (acc + qb[:, None, None]) * scale
    codes, _ = quantize(real, Affine(float(seed["y_scale"]), 141, U8))
    assert int((codes != seed["qy"][0]).sum()) == 41


def test_8_bit_bias_alone_moves_6_codes(seed):
    b = affine_of("absmax_127", seed["b"], S8, dtype=np.float32)
    qb, _ = quantize(seed["b"], b, dtype=np.float32)
    scale = float(seed["x_scale"]) * float(seed["w_scale"])
    real = seed["acc"][0] * scale + (qb * b.scale)[:, None, None]
    codes, _ = quantize(real, Affine(float(seed["y_scale"]), 141, U8))
    assert int((codes != seed["qy"][0]).sum()) == 6


def test_positive_largest_weight_would_clip_under_the_documents_rule():
    w = np.array([1.0, -0.5], np.float32)
    codes, clips = quantize(w, affine_of("absmax_128", w, S8, dtype=np.float32), dtype=np.float32)
    assert (codes.tolist(), clips) == ([127, -64], 1)
