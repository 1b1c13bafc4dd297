"""Requantizers against real code: gemmlowp, CMSIS-NN, XNNPACK, QNNPACK, TOSA, TFLite."""

from fractions import Fraction

import numpy as np
import pytest
from oracles.rules import rounded

from hwsim.arith import requantize
from hwsim.arith.formats import IntFormat
from hwsim.arith.rounding import Rounding, shift_right
from hwsim.array.requantizer import build
from hwsim.array.specification import RequantizeSpec

pytestmark = pytest.mark.conformance

INT32 = (-(2**31), 2**31 - 1)
HALF_UP, HALF_AWAY = int(Rounding.HALF_UP), int(Rounding.HALF_AWAY)
SINGLE = {"scheme": "multiplier_shift", "rounding": "half_up", "multiplier_bits": 31}
DOUBLE = {"scheme": "multiplier_shift_double", "rounding": "half_away"}
RUY = {"scheme": "multiplier_shift_double", "rounding": "half_up"}
REFERENCE_FC = {"scheme": "float64", "rounding": "half_away", "scale": "float64"}
FLOAT32 = {"scheme": "float32", "rounding": "half_even", "scale": "float32_product_quotient"}
RNDNU = {"scheme": "multiplier_shift", "rounding": "half_up", "multiplier_bits": 24}
PRECISE = {"scheme": "multiplier_shift", "rounding": "half_away", "multiplier_bits": 24}


@pytest.fixture(scope="module")
def primitives(shared):
    return np.load(shared / "golden" / "semantics" / "golden_requant_primitives.npz")


def rescaled(policy, acc, scales, zero_point=0, output=None, clamp=(None, None)):
    """One channel a scale, or one scale: the codes of ``acc`` in its own shape."""
    scales = np.atleast_1d(np.asarray(scales, np.float64))
    r = build(
        RequantizeSpec(**policy),
        input_scale=1.0,
        weight_scale=scales,
        output_scale=1.0,
        zero_point=zero_point,
        output=output or IntFormat(32),
        clamp=clamp,
        accumulator=INT32,
        where="golden",
    )
    return r.apply(acc.astype(np.int64).reshape(1, 1, -1, scales.size)).codes.reshape(acc.shape)


def test_shift_step_equals_gemmlowp_on_12000(primitives):
    x, e, y = (primitives[f"rdbp_{k}"].tolist() for k in "xey")
    assert len(y) == 12_000
    assert [shift_right(a, n, HALF_AWAY) for a, n in zip(x, e, strict=True)] == y


def test_high_multiply_step_equals_gemmlowp_on_every_positive_multiplier(primitives):
    a, b, y = (primitives[f"srdhm_{k}"].astype(np.int64) for k in "aby")
    positive = b >= 0
    assert int(positive.sum()) > 5_000
    cases = zip(a[positive].tolist(), b[positive].tolist(), strict=True)
    values = [requantize.multiplier_shift_double(x, m, 31, HALF_AWAY) for x, m in cases]
    assert values == [(v, False) for v in y[positive].tolist()]


@pytest.mark.parametrize("rounding", ["double", "single"])
def test_requantizer_equals_cmsis_nn_on_12000(rounding, primitives):
    v, m, s, y = (primitives[f"cmsis_{rounding}_{k}"].tolist() for k in "vmsy")
    assert len(y) == 12_000
    values = []
    for x, multiplier, exponent in zip(v, m, s, strict=True):
        if rounding == "double":
            f, rest = requantize.multiplier_shift_double, (HALF_AWAY,)
        else:
            f, rest = requantize.multiplier_shift, (HALF_UP, 0)
        values.append(f(x, multiplier, 31 - exponent, *rest)[0])
    wrapped = [(x + 2**31) % 2**32 - 2**31 for x in values]
    assert wrapped == y


@pytest.mark.parametrize(("policy", "name"), [(FLOAT32, "fp32"), (RNDNU, "rndnu")])
def test_requantizer_equals_xnnpack_on_12000(policy, name, primitives):
    v, z, lo, hi = (primitives[f"xnn_{k}"].astype(np.int64) for k in ("v", "z", "lo", "hi"))
    codes = rescaled(policy, v, primitives["xnn_scale"])
    assert codes.size == 12_000
    assert (np.clip(codes + z, lo, hi) == primitives[f"xnn_{name}_y"]).all()


def test_requantizer_equals_qnnpack(primitives):
    cases = 0
    for key in (k for k in primitives.files if k.endswith("_meta")):
        scale, zero_point, lo, hi = primitives[key].tolist()
        words = {
            "zero_point": int(zero_point),
            "output": IntFormat(8, signed=False),
            "clamp": (int(lo), int(hi)),
        }
        v = primitives[key.replace("meta", "v")]
        for policy, name in ((PRECISE, "precise"), (FLOAT32, "fp32"), (DOUBLE, "q31")):
            y = rescaled(policy, v, np.float32(scale), **words)
            assert (y == primitives[key.replace("meta", name)]).all(), (key, name)
            cases += y.size
    assert cases >= 3 * 3_600


@pytest.mark.parametrize("rounding", ["SINGLE", "DOUBLE"])
def test_requantizer_equals_tosa_rescale(rounding, shared):
    golden = np.load(shared / "golden" / "semantics" / "golden_tosa_rescale.npz")
    cases = 0
    for key in (k for k in golden.files if k.startswith(rounding) and k.endswith("_v")):
        v, m, s, y = (golden[key[:-1] + k] for k in "vmsy")
        scales = np.ldexp(m.astype(np.float64), -s.astype(np.int32))
        policy = SINGLE if rounding == "SINGLE" else DOUBLE
        full = (m >= 1 << 30) & (s < 63)  # a normalized multiplier comes back from its scale
        assert full.all()
        assert (rescaled(policy, v, scales) == y).all()
        cases += y.size
    assert cases >= 3_000


TFLITE = {
    "ref:CONV_2D": DOUBLE,
    "ref:DEPTHWISE_CONV_2D": DOUBLE,
    "ref:FULLY_CONNECTED": REFERENCE_FC,
    "opt:CONV_2D": RUY,
    "opt:DEPTHWISE_CONV_2D": RUY,
    "opt:FULLY_CONNECTED": RUY,
    "xnn:CONV_2D": FLOAT32,
    "xnn:DEPTHWISE_CONV_2D": FLOAT32,
    "xnn:FULLY_CONNECTED": FLOAT32,
}


@pytest.fixture(scope="module")
def tflite(shared):
    return dict(np.load(shared / "golden" / "seeds" / "tflite_requant_vectors.npz"))


def codes_of(tflite, policy, chosen):
    """hwsim's codes for some of the vectors, and the kernels' own."""
    scales = tflite["m32" if policy is FLOAT32 else "m"]
    codes = np.empty(tflite["y"].shape, np.int64)
    for zero_point in np.unique(tflite["zy"]):
        at = chosen & (tflite["zy"] == zero_point)
        if at.any():
            words = {"zero_point": int(zero_point), "output": IntFormat(8)}
            codes[at] = rescaled(policy, tflite["acc"][at], scales[at], **words)
    return codes[chosen], tflite["y"][chosen]


def test_tflite_vectors_are_all_used(tflite):
    assert tflite["y"].size == 12_029
    assert set(tflite["kernel"]) == set(TFLITE)


@pytest.mark.parametrize("kernel", TFLITE)
def test_requantizer_equals_tflite_kernel(kernel, tflite):
    codes, y = codes_of(tflite, TFLITE[kernel], tflite["kernel"] == kernel)
    assert (codes == y).all()


WRONG_CODES = {  # of the policies DOUBLE, RUY, REFERENCE_FC and FLOAT32 on each kernel's vectors
    "ref:CONV_2D": [0, 153, 373, 373],
    "ref:DEPTHWISE_CONV_2D": [0, 0, 137, 137],
    "ref:FULLY_CONNECTED": [259, 259, 0, 0],
    "opt:CONV_2D": [150, 0, 380, 380],
    "opt:DEPTHWISE_CONV_2D": [0, 0, 128, 128],
    "opt:FULLY_CONNECTED": [28, 0, 253, 253],
    "xnn:CONV_2D": [382, 388, 0, 0],
    "xnn:DEPTHWISE_CONV_2D": [125, 125, 0, 0],
    "xnn:FULLY_CONNECTED": [260, 259, 0, 0],
}


@pytest.mark.parametrize("kernel", TFLITE)
def test_tflite_vectors_tell_the_arithmetics_apart(kernel, tflite):
    wrong = []
    for policy in (DOUBLE, RUY, REFERENCE_FC, FLOAT32):
        codes, y = codes_of(tflite, policy, tflite["kernel"] == kernel)
        wrong.append(int((codes != y).sum()))
    assert wrong == WRONG_CODES[kernel]


RUY_FC = {**RUY, "scale": "float32_product"}
REDUCED = {"scheme": "reduced_16", "rounding": "half_up"}
LAYERS = {
    **{f"{dt}_{kind}": DOUBLE for dt in ("int8", "uint8") for kind in ("conv", "dw")},
    **{f"{dt}_fc": REFERENCE_FC for dt in ("int8", "uint8", "int4", "int16x8", "int16x8b32")},
    "int4_conv": DOUBLE,
    "int16x8_conv": REDUCED,
    "int16x8_dw": REDUCED,
    "int16x8b32_conv": DOUBLE,
}


@pytest.fixture(scope="module", params=["golden_tflite_layers", "golden_tflite_layers_ties"])
def layers(request, shared):
    return np.load(shared / "golden" / "semantics" / f"{request.param}.npz")


def layer_codes(layers, layer, policy):
    """hwsim's codes of one layer from its accumulators."""
    sx, sy, _, zy = layers[layer + "meta"][:4].tolist()
    acc, unsigned = layers[layer + "acc"].astype(np.int64), layer.startswith("uint8")
    bits = 16 if layer.startswith("int16") else 8
    r = build(
        RequantizeSpec(**policy),
        input_scale=sx,
        weight_scale=np.broadcast_to(layers[layer + "sw"].astype(np.float64), acc.shape[-1:]),
        output_scale=sy,
        zero_point=int(zy),
        output=IntFormat(bits, signed=not unsigned),
        clamp=activation_clamp(int(layers[layer + "meta"][10]), sy, int(zy)),
        accumulator=INT32 if policy in (DOUBLE, RUY, RUY_FC) else (-(2**47), 2**47 - 1),
        where=layer,
    )
    return r.apply(acc.reshape(1, 1, -1, acc.shape[-1])).codes.reshape(acc.shape)


def activation_clamp(activation, scale, zero_point):
    """TFLite's bounds in codes: none, relu, relu_n1_to_1, relu6."""

    def code(real):
        quotient = Fraction(float(np.float32(real) / np.float32(scale)))
        return zero_point + rounded(quotient, "half_away")

    least, largest = [(None, None), (0, None), (-1, 1), (0, 6)][activation]
    return (None if least is None else code(least), None if largest is None else code(largest))


def names_of(layers, kind):
    return [k[:-3] for k in layers.files if k.startswith(f"{kind}_") and k.endswith("_acc")]


def test_every_layer_kind_of_the_goldens_is_named_here(layers):
    kinds = {"_".join(k.split("_")[:2]) for k in layers.files if k.endswith("_acc")}
    assert kinds <= set(LAYERS)
    assert len(kinds) >= 10


@pytest.mark.parametrize("kind", LAYERS)
def test_requantizer_equals_tflite_reference_layers(kind, layers):
    for layer in names_of(layers, kind):
        codes = layer_codes(layers, layer, LAYERS[kind])
        assert (codes == layers[layer + "y_REF"]).all(), layer


@pytest.mark.parametrize("kind", ["int8_conv", "uint8_conv", "int4_conv", "int8_fc", "uint8_fc"])
def test_requantizer_equals_tflite_optimized_layers(kind, layers):
    for layer in names_of(layers, kind):
        per_tensor_fc = kind.endswith("fc") and layers[layer + "sw"].size == 1
        codes = layer_codes(layers, layer, RUY_FC if per_tensor_fc else RUY)
        assert (codes == layers[layer + "y_OPT"]).all(), layer


MLPERF_POLICIES = {
    "conv": (DOUBLE, RUY, FLOAT32),
    "dw": (DOUBLE, RUY, FLOAT32),  # 64 channels: a multiple of 8, so that ruy rounds them all
    "fc": (REFERENCE_FC, RUY_FC, FLOAT32),
}


def mlperf_accumulators(golden, kind, kernel):
    """Exact sums of one MLPerf Tiny layer: (M, N)."""
    x = golden[f"{kind}_{kernel}_x"].astype(np.int64) - int(golden[f"{kind}_zx"])
    w, bias = golden[f"{kind}_w"].astype(np.int64), golden[f"{kind}_b"].astype(np.int64)
    if kind == "fc":
        return x @ w.T + bias
    if kind == "conv":  # 1x1, stride 2
        return x[0, ::2, ::2].reshape(-1, 32) @ w[:, 0, 0].T + bias
    padded = np.pad(x[0], ((1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    return np.einsum("hwcij,ijc->hwc", windows, w[0]).reshape(-1, 64) + bias


@pytest.mark.parametrize("kind", MLPERF_POLICIES)
@pytest.mark.parametrize("number", range(3))
def test_requantizer_equals_tflite_on_mlperf_tiny_layers(kind, number, shared):
    golden = np.load(shared / "golden" / "seeds" / "tflite_layers.npz")
    kernel = ("ref", "opt", "xnn")[number]
    acc = mlperf_accumulators(golden, kind, kernel)
    scales = golden[f"{kind}_sw"].astype(np.float64)
    r = build(
        RequantizeSpec(**MLPERF_POLICIES[kind][number]),
        input_scale=float(golden[f"{kind}_sx"]),
        weight_scale=np.broadcast_to(scales, acc.shape[-1:]),
        output_scale=float(golden[f"{kind}_sy"]),
        zero_point=int(golden[f"{kind}_zy"]),
        output=IntFormat(8),
        clamp=(int(golden[f"{kind}_lo"]), int(golden[f"{kind}_hi"])),
        accumulator=INT32,
        where=kind,
    )
    codes = r.apply(acc[None, None]).codes
    assert (codes.ravel() == golden[f"{kind}_{kernel}_y"].ravel()).all()
