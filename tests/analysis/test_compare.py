"""Two sets of tensors: what differs, where first, and how much of it."""

import numpy as np
import pytest

from hwsim import models
from hwsim.analysis.compare import compare, shaped
from hwsim.analysis.compare_runs import BATCH, compare_runs, machine_source, uniform_inputs
from hwsim.analysis.verification import verify
from hwsim.arith.formats import IntFormat
from hwsim.errors import DataError
from hwsim.importers import hardware
from hwsim.network import run as network_run
from hwsim.network.graph import Tensor


def test_compare_counts_and_places_every_difference():
    rng = np.random.default_rng(1)
    for _ in range(20):
        ours = rng.integers(-5, 5, (4, 3, 2))
        theirs = np.where(rng.random(ours.shape) < 0.3, ours + 1, ours)
        found = compare("y", ours, theirs, 100)
        wrong = [i for i in np.ndindex(ours.shape) if ours[i] != theirs[i]]
        assert (found.elements, found.different) == (24, len(wrong))
        if wrong:
            assert (found.first.sample, *found.first.index) == (100 + wrong[0][0], *wrong[0][1:])
            assert found.largest == 1


def test_compare_does_not_wrap_in_narrow_types():
    found = compare("y", np.array([[-128]], np.int8), np.array([[127]], np.int8))
    assert (found.largest, found.first.ours, found.first.theirs) == (255, -128, 127)


def test_compare_of_real_values_is_exact_and_nan_equals_nan():
    ours = np.array([[1.0, np.nan, np.inf, 0.1]])
    assert compare("y", ours, ours.copy()).different == 0
    theirs = np.array([[1.0, 2.0, np.inf, np.nextafter(0.1, 1)]])
    assert compare("y", ours, theirs).different == 2


def test_comparisons_of_parts_merge_to_that_of_the_whole():
    rng = np.random.default_rng(2)
    ours = rng.integers(0, 4, (6, 5))
    theirs = np.where(rng.random(ours.shape) < 0.2, ours + 2, ours)
    whole = compare("y", ours, theirs)
    parts = [compare("y", ours[i : i + 2], theirs[i : i + 2], i) for i in (0, 2, 4)]
    assert parts[0].merge(parts[1]).merge(parts[2]) == whole


def test_compare_refuses_other_shapes():
    with pytest.raises(DataError, match=r"^y: shape = \(1, 2\): must be \(1, 3\)$"):
        compare("y", np.zeros((1, 3)), np.zeros((1, 2)))


def test_shaped_takes_what_runtimes_show_and_refuses_the_rest():
    tensor = Tensor("y", (2, 3), IntFormat(8))
    values = np.arange(12, dtype=np.int8)
    for shape in ((2, 6), (2, 1, 2, 3), (2, 2, 3)):
        assert shaped(values.reshape(shape), tensor).tolist() == values.reshape(2, 2, 3).tolist()
    with pytest.raises(DataError, match="must hold 6 values a sample"):
        shaped(values.reshape(3, 4), tensor)


def test_uniform_inputs_repeat_with_their_seed_and_reach_both_ends():
    graph = models.load("seed_conv")[0]
    codes = uniform_inputs(graph, 64, 3)["x"]
    assert (codes.min(), codes.max()) == (0, 255)
    assert (codes == uniform_inputs(graph, 64, 3)["x"]).all()
    assert (codes != uniform_inputs(graph, 64, 4)["x"]).any()


@pytest.fixture(scope="module")
def digits():
    """The network, a machine, more samples than one batch, and their tensors."""
    graph, data = models.load("digits")
    machine = hardware.load("tflite_reference")
    inputs = {"image": data.X[: BATCH + 5]}
    return graph, machine, inputs, network_run.run(graph, machine, inputs).codes


def test_a_machine_equals_itself_on_every_tensor(digits):
    graph, machine, inputs, tensors = digits
    found = compare_runs(graph, machine, inputs, machine_source(graph, machine, inputs))
    assert [one.tensor for one in found] == [node.output for node in graph.nodes]
    assert all(one.elements == tensors[one.tensor].size for one in found)
    assert not any(one.different for one in found)


@pytest.mark.parametrize("sample", [0, BATCH, BATCH + 4])
def test_one_altered_code_is_found_in_any_batch(digits, sample):
    graph, machine, inputs, tensors = digits
    altered = {name: codes.copy() for name, codes in tensors.items()}
    place = (sample, 3, 2, 7)
    altered["pw3"][place] += 1 if altered["pw3"][place] < 127 else -1
    result = verify(graph, machine, inputs, lambda a, b: {n: c[a:b] for n, c in altered.items()})
    assert not result.equal
    assert [(one.tensor, one.different) for one in result.tensors if one.different] == [("pw3", 1)]
    first = next(one.first for one in result.tensors if one.first)
    assert (first.sample, first.index) == (sample, (3, 2, 7))
    assert (result.first, result.cause.kind) == ("pw3", "rounding")


def test_nothing_compared_is_not_equal(digits):
    graph, machine, inputs, _ = digits
    result = verify(graph, machine, inputs, lambda a, b: {})
    assert not result.equal
    assert len(result.missing) == len(graph.nodes)


def test_two_machines_part_at_the_first_node_in_order(digits):
    graph, machine, inputs, _ = digits
    other = hardware.load("onnxruntime")
    source = machine_source(graph, other, inputs)
    result = verify(graph, machine, inputs, source, other)
    differing = [one.tensor for one in result.tensors if one.different]
    assert result.first == differing[0]
    ours, theirs = (side.steps[-1].value for side in result.explanation.sides)
    place = result.explanation.place
    assert (ours, theirs) == (place.ours, place.theirs)
    assert ours != theirs


def test_an_operator_beside_the_array_is_explained_by_its_inputs():
    graph = models.load("digits")[0]
    machine = hardware.load("tflite_reference")
    words = ["operators.add.scheme=shift_only", "operators.add.rounding=floor"]
    other = hardware.load("tflite_reference", words)
    inputs = uniform_inputs(graph, 16, 0)
    result = verify(graph, machine, inputs, machine_source(graph, other, inputs), other)
    assert result.first == "add3"
    tensors = network_run.run(graph, machine, inputs).codes
    place = result.explanation.place
    for side, code in zip(result.explanation.sides, (place.ours, place.theirs), strict=True):
        assert [step.label for step in side.steps] == ["input conv1", "input pw3", "code"]
        values = [tensors[name][(place.sample, *place.index)] for name in ("conv1", "pw3")]
        assert [step.value for step in side.steps] == [*values, code]
    assert result.explanation.sides[1].policy == "scheme shift_only, rounding floor"
