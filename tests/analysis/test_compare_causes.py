"""Planted faults: each is named, and a correct layer is accused of nothing."""

from dataclasses import replace

import numpy as np
import pytest

from hwsim import models
from hwsim.analysis.compare_causes import PATTERNS, likely_cause
from hwsim.analysis.compare_layer import layer_cause
from hwsim.analysis.compare_node import run_node, sources_of
from hwsim.arith.formats import IntFormat
from hwsim.importers import hardware
from hwsim.network import run as network_run

FORM = IntFormat(8)
RNG = np.random.default_rng(5)
OURS = RNG.integers(-120, 120, (2, 5, 4, 3))  # one image and its copy have no pattern of their own


def planted(kind):
    """A tensor with one fault."""
    theirs = OURS.copy()
    if kind == "layout":
        return np.ascontiguousarray(np.moveaxis(OURS, 3, 1)).reshape(OURS.shape)
    if kind == "zero point":
        return np.clip(OURS + 11, FORM.lo, FORM.hi)
    if kind == "bias":
        theirs[..., 1] += 4
    elif kind == "stuck bit":
        theirs |= 4
    elif kind == "clamp":
        return np.clip(OURS, -20, 60)
    elif kind == "wrap":
        theirs[:, 2] += 32
        theirs[:, 3] -= 64
    elif kind == "rounding":
        theirs[0, 1, 2] += 1
        theirs[1, 0, 0] -= 1
    elif kind == "unknown":
        theirs[0, 0, 0] += (5, 7, -9)
    return theirs


KINDS = ["layout", "zero point", "bias", "stuck bit", "clamp", "wrap", "rounding", "unknown"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_pattern_is_named(kind):
    assert likely_cause(OURS, planted(kind), FORM).kind == kind


@pytest.mark.parametrize("kind", KINDS)
def test_a_pattern_explains_every_difference_or_says_nothing(kind):
    """With one more value wrong, by a distance of its own, no pattern holds."""
    theirs = planted(kind)
    theirs[0, 4, 3, 2] = OURS[0, 4, 3, 2] + (37 if OURS[0, 4, 3, 2] < 0 else -37)
    assert likely_cause(OURS, theirs, FORM).kind == "unknown"


def test_one_altered_code_is_no_bias_and_no_wrap():
    theirs = OURS.copy()
    theirs[1, 2, 3, 0] += 16
    assert likely_cause(OURS, theirs, FORM).kind == "unknown"
    assert len(PATTERNS) == len(KINDS) - 1


@pytest.fixture(scope="module")
def digits():
    """The network, a machine, and every tensor of a few samples."""
    graph, data = models.load("digits")
    machine = hardware.load("tflite_reference")
    return graph, machine, network_run.run(graph, machine, {"image": data.X[:4]}).codes


def node_of(graph, name):
    """A node by name."""
    return next(node for node in graph.nodes if node.name == name)


def cause_of(digits, name, layer=None, machine=None, graph=None):
    """The cause named when a layer, a machine or a tensor is wrong."""
    good, sound, tensors = digits
    node = node_of(good, name)
    sources = sources_of(good, node, tensors)
    wrong = node if layer is None else replace(node, layer=layer(node.layer))
    theirs = run_node(graph or good, wrong, machine or sound, sources)
    return layer_cause(good, node, sound, sources, theirs)


@pytest.mark.parametrize("name", ["conv1", "dw2", "pw3", "conv4", "fc6"])
def test_a_dropped_bias_is_named(digits, name):
    cause = cause_of(digits, name, lambda layer: replace(layer, bias=0 * layer.bias))
    assert cause.text == "bias: it is dropped"


@pytest.mark.parametrize("shift", [1, 3])
def test_a_shifted_bias_is_named(digits, shift):
    cause = cause_of(digits, "conv4", lambda layer: replace(layer, bias=layer.bias << shift))
    assert cause.text == f"bias: it is shifted left by {shift}"
    cause = cause_of(digits, "conv4", lambda layer: replace(layer, bias=layer.bias >> shift))
    assert cause.text == f"bias: it is shifted right by {shift}"


def test_a_missing_activation_is_named(digits):
    graph, machine, tensors = digits
    node = node_of(graph, "conv4")
    held = replace(node, layer=replace(node.layer, clamp=(-100, 60)))
    sources = sources_of(graph, node, tensors)
    theirs = run_node(graph, node, machine, sources)
    cause = layer_cause(graph, held, machine, sources, theirs)
    assert cause.text == "clamp: the activation (clamp (-100, 60)) is left out"


@pytest.mark.parametrize("name", ["conv1", "pw3"])
def test_a_zero_point_left_out_is_named(digits, name):
    graph = digits[0]
    source = node_of(graph, name).inputs[0]
    tensors = {**graph.tensors, source: replace(graph.tensors[source], zero_point=0)}
    cause = cause_of(digits, name, graph=replace(graph, tensors=tensors))
    assert cause.text == "zero point: the input's, -128, is left out"


@pytest.mark.parametrize("overflow", ["wrap", "saturate"])
def test_a_narrow_accumulator_is_named_with_its_width(digits, overflow):
    words = ["accumulator.bits=14", f"accumulator.overflow={overflow}"]
    cause = cause_of(digits, "conv4", machine=hardware.load("tflite_reference", words))
    word = "wraps" if overflow == "wrap" else "saturates"
    assert f"an accumulator of 14 bits that {word}" in cause.text


def test_another_rounding_rule_is_named(digits):
    words = ["requantize.default.rounding=half_up"]
    machine = hardware.load("tflite_reference", words)
    graph, sound, _ = digits
    node = node_of(graph, "pw3")
    sources = [np.random.default_rng(0).integers(-128, 128, (64, 8, 8, 16))]
    theirs = run_node(graph, node, machine, sources)
    cause = layer_cause(graph, node, sound, sources, theirs)
    assert cause.kind == "rounding"
    assert "scheme multiplier_shift_double, rounding half_up" in cause.text


def test_a_right_layer_is_not_accused(digits):
    graph, machine, tensors = digits
    for node in graph.nodes:
        sources = sources_of(graph, node, tensors)
        assert layer_cause(graph, node, machine, sources, tensors[node.output]).kind == "inputs"
