"""Accuracy on scikit-learn's digits after our own quantization, and the README's tables of it.

Calibrated on the 1,300 training images, evaluated on the 497 test images, sums unlimited.
"""

import os

import numpy as np
import pytest
import quantization_table

from hwsim import load_model
from hwsim.network import float_twin
from hwsim.quantization.choices import Choices

pytest.importorskip("sklearn", reason="scikit-learn is not installed: it has the training images")
pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT", "0") != "0", reason="billions of interpreted MACs"
)
HALF_A_POINT = 497 // 200  # images


@pytest.fixture(scope="module", params=["digits", "tfl_float.tflite", "digits_dynamo.onnx"])
def network(request):
    """A float network of scikit-learn's digits, and the test images that it classifies."""
    name = request.param
    if "." in name:
        if name.endswith(".onnx"):
            pytest.importorskip("onnx", reason="onnx is not installed")
        name = request.getfixturevalue("shared") / "data" / "fixtures" / name
    graph, data = load_model(name).graph, load_model("digits").data
    logits = float_twin.run(graph, {graph.inputs[0]: data.real})[graph.outputs[0]]
    return graph, int(np.sum(logits.argmax(axis=1) == data.Y))


WITHIN = [
    {},
    {"observer": "entropy"},
    {"weights": "affine"},
    {"power_of_two": "weights"},
    {"activation_signed": False},
    {"bias": "float"},
]


@pytest.mark.parametrize("words", WITHIN, ids=lambda words: "-".join(map(str, words.values())))
def test_eight_bits_are_within_half_a_point_of_float(network, words):
    graph, reals = network
    assert reals in (496, 490)
    assert quantization_table.right(graph, Choices(**words)) >= reals - HALF_A_POINT


def test_readme_shows_the_measured_accuracy(root, request):
    tables = quantization_table.render(load_model("digits").graph)
    if request.config.getoption("--update-conformance"):
        quantization_table.write_readme(root, tables)
    shown = quantization_table.in_readme(root)
    assert shown is not None, "README.md has no marked block for the accuracy"
    assert shown == tables, "stale: run pytest --update-conformance"


def test_stale_readme_is_renewed(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("# no block\n")
    assert quantization_table.in_readme(tmp_path) is None
    begin, end = quantization_table.BEGIN, quantization_table.END
    readme.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    quantization_table.write_readme(tmp_path, "new")
    assert readme.read_text() == f"before\n{begin}\nnew\n{end}\nafter\n"
