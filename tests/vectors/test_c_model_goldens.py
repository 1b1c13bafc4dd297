"""The C golden model against vectors of real runtimes: what the conformance tests requantize.

The conformance tests run as they are, with every requantizer that they build noted together with
its sums and codes; then the C model's own stages must make the same codes.
"""

import ctypes

import numpy as np
import pytest
from conformance import test_requantize_goldens as goldens
from records import gemm, machine
from vectors import c_model_cases, c_models

from hwsim.array.requantizer import build
from hwsim.vectors.c_model import c_model

pytestmark = pytest.mark.conformance


class Noted:
    """A requantizer that remembers what it was asked and what it said."""

    def __init__(self, requantizer):
        self.requantizer, self.asked = requantizer, []

    def apply(self, accumulator):
        made = self.requantizer.apply(accumulator)
        self.asked.append((accumulator, made.codes))
        return made


@pytest.fixture
def noted(monkeypatch):
    made = []

    def note(*arguments, **words):
        made.append(Noted(build(*arguments, **words)))
        return made[-1]

    monkeypatch.setattr(goldens, "build", note)
    return made


def case_of(name, requantizer):
    """A layer of one zero product that carries the requantizer."""
    channels = requantizer.multiplier.size
    problem = gemm(np.zeros((1, 1, 1, 1)), np.zeros((1, 1, channels)))
    return c_model_cases.made_case(name, problem, machine("none"), requantizer)


def compare(noted, folder):
    """Codes compared; every one through the C model's requantize and output."""
    texts = [c_model(case_of(f"golden_{i}", one.requantizer)) for i, one in enumerate(noted)]
    library, compared = ctypes.CDLL(str(c_models.compiled(texts, folder))), 0
    for i, one in enumerate(noted):
        requantize = getattr(library, f"golden_{i}_requantize")
        output = getattr(library, f"golden_{i}_output")
        requantize.restype = output.restype = ctypes.c_int64
        flag = ctypes.byref(ctypes.c_int32())
        for sums, codes in one.asked:
            rows = sums.reshape(-1, sums.shape[-1])
            got = [
                output(ctypes.c_int64(requantize(n, ctypes.c_int64(acc), flag)), flag)
                for row in rows.tolist()
                for n, acc in enumerate(row)
            ]
            assert got == codes.reshape(-1).tolist()
            compared += len(got)
    return compared


@pytest.fixture(scope="module")
def primitives(shared):
    return np.load(shared / "golden" / "semantics" / "golden_requant_primitives.npz")


def test_xnnpack_and_tosa(noted, primitives, shared, tmp_path):
    for policy, name in ((goldens.FLOAT32, "fp32"), (goldens.RNDNU, "rndnu")):
        goldens.test_requantizer_equals_xnnpack_on_12000(policy, name, primitives)
    for rounding in ("SINGLE", "DOUBLE"):
        goldens.test_requantizer_equals_tosa_rescale(rounding, shared)
    assert compare(noted, tmp_path) >= 2 * 12_000 + 2 * 3_000


@pytest.mark.parametrize(
    ("rounding", "policy"), [("double", goldens.DOUBLE), ("single", goldens.SINGLE)]
)
def test_cmsis_nn(rounding, policy, noted, primitives, tmp_path):
    v, m, e, y = (primitives[f"cmsis_{rounding}_{key}"] for key in "vmsy")
    codes = goldens.rescaled(policy, v, np.ldexp(m.astype(np.float64), e - 31))
    assert (codes == y).all()
    assert compare(noted, tmp_path) == 12_000


@pytest.mark.slow
def test_qnnpack(noted, primitives, tmp_path):
    goldens.test_requantizer_equals_qnnpack(primitives)
    assert compare(noted, tmp_path) >= 3 * 3_600


@pytest.mark.slow
def test_tflite_kernels(noted, shared, tmp_path):
    vectors = dict(np.load(shared / "golden" / "seeds" / "tflite_requant_vectors.npz"))
    for kernel in goldens.TFLITE:
        goldens.test_requantizer_equals_tflite_kernel(kernel, vectors)
    assert compare(noted, tmp_path) == 12_029


@pytest.mark.slow
@pytest.mark.parametrize("file", ["golden_tflite_layers", "golden_tflite_layers_ties"])
def test_tflite_layers(file, noted, shared, tmp_path):
    layers = np.load(shared / "golden" / "semantics" / f"{file}.npz")
    for kind in goldens.LAYERS:
        goldens.test_requantizer_equals_tflite_reference_layers(kind, layers)
    for kind in ("int8_conv", "uint8_conv", "int4_conv", "int8_fc", "uint8_fc"):
        goldens.test_requantizer_equals_tflite_optimized_layers(kind, layers)
    assert compare(noted, tmp_path) > 5_000
