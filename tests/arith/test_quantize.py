"""Named quantizers: ranges, ties, clips."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.reals import nearest_float
from oracles.rules import ROUNDINGS, rounded

from hwsim.arith.formats import IntFormat
from hwsim.arith.quantize import (
    FORMS,
    SCALE_RULES,
    SYMMETRIC_RULES,
    Affine,
    affine_of,
    dequantize,
    quantize,
    scale_of_range,
)
from hwsim.arith.real import fused_multiply_add
from hwsim.arith.rounding import Rounding

REALS = st.floats(-100.0, 100.0, width=32)
FLOATS = {24: np.float32, 53: np.float64}


@given(a=REALS, b=REALS, bits=st.integers(2, 32))
def test_scale_rules_equal_their_formulas(a, b, bits):
    lo, hi = sorted((Fraction(a), Fraction(b)))
    half, reach = 2 ** (bits - 1), max(-lo, hi)
    formulas = {
        "absmax_128": reach / half,
        "absmax_127_5": reach / (half - Fraction(1, 2)),
        "absmax_127": reach / (half - 1),
        "max_127_min_128": max(nearest_float(hi / (half - 1), 53), nearest_float(-lo / half, 53)),
        "affine": nearest_float(max(hi, 0) - min(lo, 0), 53) / (2**bits - 1),
    }
    assert set(formulas) == set(SCALE_RULES)
    for rule, exact in formulas.items():
        scale = scale_of_range(rule, float(lo), float(hi), bits)
        assert Fraction(scale) == (nearest_float(exact, 53) if exact > 0 else 1)


@given(x=st.lists(REALS, min_size=1, max_size=5), bits=st.integers(1, 16), signed=st.booleans())
def test_affine_zero_point_has_a_code(x, bits, signed):
    affine = affine_of("affine", np.array(x), IntFormat(bits, signed))
    assert affine.zero_point in affine.format


def test_affine_can_leave_zero_out_of_the_range():
    x, u8 = np.array([0.5, 1.0]), IntFormat(8, signed=False)
    assert affine_of("affine", x, u8).zero_point == 0
    assert affine_of("affine", x, u8, include_zero=False).zero_point == -255


@pytest.mark.parametrize("precision", [24, 53])
@pytest.mark.parametrize("rule", ["half_even", "half_away"])
@given(x=REALS, scale=st.floats(2.0**-8, 4.0), zero_point=st.integers(-128, 127))
def test_quantize_equals_rounded_float_quotient(precision, rule, x, scale, zero_point):
    real, step = (nearest_float(Fraction(v), precision) for v in (x, scale))
    quotient = nearest_float(real / step, precision)
    reciprocal = nearest_float(real * nearest_float(1 / step, precision), precision)
    inside = nearest_float(quotient + zero_point, precision)
    affine = Affine(scale, zero_point, IntFormat(32))
    words = {"dtype": FLOATS[precision], "rounding": Rounding[rule.upper()]}
    codes, clips = quantize(np.array([x]), affine, **words)
    assert (codes.tolist(), clips) == ([rounded(quotient, rule) + zero_point], 0)
    codes, _ = quantize(np.array([x]), affine, form="reciprocal", **words)
    assert codes.tolist() == [rounded(reciprocal, rule) + zero_point]
    codes, _ = quantize(np.array([x]), affine, zero_point_inside=True, **words)
    assert codes.tolist() == [rounded(inside, rule)]


@pytest.mark.parametrize("rule", sorted(ROUNDINGS))
def test_quantize_rounds_ties_by_its_rule(rule):
    x = np.arange(-9, 10) / 2
    codes, _ = quantize(x, Affine(1.0, 0, IntFormat(8)), rounding=Rounding[rule.upper()])
    assert codes.tolist() == [rounded(Fraction(v), rule) for v in x.tolist()]


def test_division_reciprocal_and_float64_reciprocal_are_three_functions():
    halves = np.arange(-4000, 4000) / 2
    differ = set()
    for scale in np.linspace(0.01, 0.3, 40).tolist():
        affine = Affine(scale, 0, IntFormat(16))
        forms = ("division", "reciprocal", "reciprocal_float64")
        codes = [quantize(halves * scale, affine, dtype=np.float32, form=f)[0] for f in forms]
        differ |= {(i, j) for i in range(3) for j in range(i) if (codes[i] != codes[j]).any()}
    assert differ == {(1, 0), (2, 0), (2, 1)}


def test_positive_largest_value_clips_under_absmax_128():
    x = np.array([1.0, -0.5])
    codes, clips = quantize(x, affine_of("absmax_128", x, IntFormat(8)))
    assert (codes.tolist(), clips) == ([127, -64], 1)
    for rule in SYMMETRIC_RULES[1:]:
        assert quantize(x, affine_of(rule, x, IntFormat(8)))[1] == (rule == "absmax_127_5")


def test_values_far_outside_clip_to_the_ends():
    codes, clips = quantize(np.array([-1e300, 1e300, 0.0]), Affine(1e-9, 2, IntFormat(32)))
    assert (codes.tolist(), clips) == ([-(2**31), 2**31 - 1, 2], 2)


@given(code=st.integers(-128, 127), zero_point=st.integers(-128, 127), bits=st.integers(8, 32))
def test_quantize_undoes_dequantize(code, zero_point, bits):
    affine = Affine(0.0173, zero_point, IntFormat(bits))
    codes, clips = quantize(dequantize(np.array([code]), affine), affine)
    assert (codes.tolist(), clips) == ([code], 0)


def test_all_zero_tensor_gets_scale_1():
    assert [scale_of_range(rule, 0.0, 0.0, 8) for rule in SCALE_RULES] == [1.0] * 5


def test_unknown_words_are_refused():
    with pytest.raises(ValueError, match="absmax_127"):
        scale_of_range("absmax", 0.0, 1.0, 8)
    with pytest.raises(ValueError, match="reciprocal"):
        quantize(np.zeros(1), Affine(1.0, 0, IntFormat(8)), form="multiply")


@pytest.mark.parametrize("scale", [0.5, 0.0371, 1 / 3])
@pytest.mark.parametrize("zero_point", [0, 7, 120, 255])
def test_fused_reciprocal_is_rounded_once_to_binary32(scale, zero_point):
    """Ties, their neighbours in binary32, and any values: torch.quantize_per_tensor."""
    rng = np.random.default_rng(zero_point)
    ties = np.float32((np.arange(-130, 130) + 0.5 - zero_point) * scale)
    near = [np.nextafter(ties, np.float32(end)) for end in (-np.inf, np.inf)]
    x = np.concatenate(
        [ties, *near, np.float32(rng.normal(0, 100 * scale, 300)), np.float32([1e-30])]
    )
    affine = Affine(scale, zero_point, IntFormat(8, signed=False))
    codes, clips = quantize(x, affine, dtype=np.float32, form="fused_reciprocal")
    inverse = nearest_float(1 / nearest_float(Fraction(scale), 24), 24)
    exact = [nearest_float(Fraction(float(v)) * inverse + zero_point, 24) for v in x]
    wanted = np.array([rounded(v, "half_even") for v in exact])
    assert np.array_equal(codes, np.clip(wanted, 0, 255))
    assert clips == np.count_nonzero((wanted < 0) | (wanted > 255))


def test_fused_reciprocal_differs_from_the_zero_point_added_after():
    """At a tie an odd zero point decides: 0.5 + 7 = 7.5 to 8, but 0.5 to 0, then 7."""
    affine = Affine(1.0, 7, IntFormat(8, signed=False))
    x = np.array([0.5], np.float32)
    forms = {f: quantize(x, affine, dtype=np.float32, form=f)[0].item() for f in FORMS}
    assert forms == {
        "division": 7, "reciprocal": 7, "reciprocal_float64": 7, "fused_reciprocal": 8,
    }  # fmt: skip


def test_fused_multiply_add_sees_what_binary64_drops():
    """Sums that lie 2**-46 above a tie of binary32, which binary64 alone would take for the tie."""
    rng, found = np.random.default_rng(0), 0
    while found < 12:
        a = int(rng.integers(1 << 23, 1 << 24)) | 1
        b = pow(a, -1, 1 << 24)
        if (a * b >> 32) % 2 and (a * b) % (1 << 32) == 1:
            x, factor = np.array([a / 2**23], np.float32), np.float32(b / 2**23)
            exact = Fraction(a * b, 2**46) + 1024
            for sign in (1, -1):
                total = fused_multiply_add(sign * x, factor, sign * 1024)
                assert Fraction(float(total[0])) == sign * nearest_float(exact, 24)
            found += 1
