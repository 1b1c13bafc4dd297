"""Single requantizations on the named machines: CMSIS-NN, TOSA's RESCALE, XNNPACK."""

import numpy as np
import pytest
from golden.tflite_cases import differences, requantized

from hwsim.arith.formats import IntFormat
from hwsim.importers.hardware import load

INT32 = IntFormat(32)
pytestmark = pytest.mark.conformance


@pytest.fixture(scope="module")
def primitives(shared):
    return dict(np.load(shared / "golden" / "semantics" / "golden_requant_primitives.npz"))


@pytest.mark.parametrize(
    ("rounding", "name"), [("double", "cmsis_nn"), ("single", "cmsis_nn_single")]
)
def test_requantizer_equals_cmsis_nn(primitives, record_conformance, rounding, name):
    v, m, e, y = (primitives[f"cmsis_{rounding}_{key}"] for key in "vmsy")
    factors = np.ldexp(m.astype(np.float64), e - 31)
    got = requantized(load(name), "conv_2d", v, factors, output=INT32)
    wrong = differences(got, y)
    record_conformance(
        runtime="CMSIS-NN",
        version="CMSIS-NN 99f736a",
        machine=name,
        outputs=y.size,
        differences=wrong,
    )
    assert (y.size, wrong) == (12_000, 0)


@pytest.mark.parametrize(("rounding", "name"), [("DOUBLE", "tosa"), ("SINGLE", "tosa_single")])
def test_requantizer_equals_tosa_rescale(shared, record_conformance, rounding, name):
    golden = np.load(shared / "golden" / "semantics" / "golden_tosa_rescale.npz")
    compared, wrong = 0, 0
    for number in range(3):
        v, m, s, y = (golden[f"{rounding}_{number}_{key}"] for key in "vmsy")
        factors = np.broadcast_to(np.ldexp(m.astype(np.float64), -s.astype(np.int32)), v.shape)
        got = requantized(load(name), "conv_2d", v, factors, output=INT32)
        compared += y.size
        wrong += differences(got, y)
    record_conformance(
        runtime="TOSA reference model",
        version="tosa-tools 2026.8.0",
        machine=name,
        outputs=compared,
        differences=wrong,
    )
    assert (compared, wrong) == (3_720, 0)


def test_requantizer_equals_xnnpack(primitives, record_conformance):
    v, z, lo, hi = (primitives[f"xnn_{key}"].astype(np.int64) for key in ("v", "z", "lo", "hi"))
    factors = primitives["xnn_scale"].astype(np.float64)
    got = requantized(load("tflite_xnnpack"), "conv_2d", v, factors, output=INT32)
    wrong = differences(np.clip(got + z, lo, hi), primitives["xnn_fp32_y"])
    record_conformance(
        runtime="LiteRT XNNPACK",
        version="XNNPACK 75db3c0",
        machine="tflite_xnnpack",
        outputs=v.size,
        differences=wrong,
    )
    assert (v.size, wrong) == (12_000, 0)
