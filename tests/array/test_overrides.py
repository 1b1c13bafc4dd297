"""Per-layer words: the first match wins, and its result is checked."""

import pytest
from importers.machine_text import GOOD, failure, write_fixture  # noqa: F401

from hwsim.arith.formats import IntFormat
from hwsim.array.conditions import LayerFacts
from hwsim.array.overrides import for_layer, unmatched
from hwsim.errors import ConfigError
from hwsim.importers import machine_files
from hwsim.importers.hardware import load

OVERRIDES = """\
overrides:
  - {match: "conv1*", accumulator.bits: 20}
  - {match: "conv*", accumulator.bits: 18, requantize.default.rounding: RNE}
"""


def named(name, **words):
    """A 3 x 3 convolution of 8 channels, u8 by s8, with a name."""
    facts = {
        "op": "conv_2d", "kernel": (3, 3), "padding": ((1, 1), (1, 1)), "channels": 8,
        "outputs": 8, "groups": 1, "activation": IntFormat(8, signed=False),
        "weight": IntFormat(8), "bias_bits": 32,
    }  # fmt: skip
    return LayerFacts(name, **{**facts, **words})


def test_first_matching_override_wins_alone(write):
    machine = load(write(GOOD + OVERRIDES))
    names = ("conv1", "conv10", "conv2", "fc")
    assert [for_layer(machine, named(name)).accumulator.bits for name in names] == [20, 20, 18, 24]
    assert for_layer(machine, named("conv1")).requantize["default"].rounding == "half_up"
    assert for_layer(machine, named("conv2")).requantize["default"].rounding == "half_even"


def test_layer_without_override_sees_the_machine_itself(write):
    machine = load(write(GOOD + OVERRIDES))
    assert for_layer(machine, named("fc")) is machine
    assert for_layer(machine, named("conv1")).overrides == []
    assert len(machine.overrides) == 2


def test_override_is_matched_by_case_and_glob():
    machine = load("edge_ws_16x16", ["overrides=[{match: 'a[0-9]/?', accumulator.bits: 20}]"])
    names = ("a1/b", "A1/b", "a1/bb", "ab/b")
    assert [for_layer(machine, named(name)).accumulator.bits for name in names] == [20, 24, 24, 24]


def test_override_null_takes_a_word_away():
    machine = load("edge_ws_16x16", ["requantize.conv_2d={scheme: float32, rounding: RNE}"])
    machine = machine.model_copy(update={"overrides": [{"match": "x", "requantize.conv_2d": None}]})
    assert set(for_layer(machine, named("x")).requantize) == {"default"}
    assert set(for_layer(machine, named("y")).requantize) == {"default", "conv_2d"}


def test_a_name_that_is_no_layer_is_refused_with_the_nearest(write):
    machine = load(write(GOOD + OVERRIDES.replace("conv1*", "convv1")))
    with pytest.raises(ConfigError, match=r"overrides\[0\]\.match = convv1: .*perhaps conv1"):
        list(unmatched(machine, ["conv1", "fc"]))


def test_a_glob_without_a_layer_is_told_and_no_other(write):
    machine = load(write(GOOD + OVERRIDES))
    assert list(unmatched(machine, ["conv1", "fc"])) == []
    assert list(unmatched(machine, ["conv2", "fc"])) == [("overrides[0].match", "conv1*")]
    assert [field for field, _ in unmatched(machine, ["fc"])] == [
        "overrides[0].match",
        "overrides[1].match",
    ]


@pytest.mark.parametrize("name", machine_files.names())
def test_every_named_machine_goes_with_any_layer_names(name):
    assert list(unmatched(load(name), ["layer"])) == list(unmatched(load(name), [])) == []


NARROW = {"accumulator.bits": 17}
U8S8 = {"activation_signed": False, "weight_signed": True}
DEPTHWISE = {"op": "depthwise_conv_2d", "groups": 8}


@pytest.mark.parametrize(
    ("when", "words", "holds"),
    [
        ({}, {}, True),
        ({"op": "conv_2d"}, {}, True),
        ({"op": "conv_2d"}, {"op": "fully_connected"}, False),
        ({"kernel": [3, 3], "padding": 1}, {}, True),
        ({"kernel": [3, 3], "padding": 2}, {}, False),
        ({"kernel": [3, 5]}, {"kernel": (5, 3)}, False),
        ({"padding": 1}, {"padding": ((1, 1), (1, 0))}, False),
        ({"padding": 0}, {"padding": ((0, 0), (0, 0))}, True),
        ({"channels_multiple_of": 8}, {"channels": 16}, True),
        ({"channels_multiple_of": 8}, {"channels": 12}, False),
        ({"multiplier": [1, 2]}, {**DEPTHWISE, "outputs": 16}, True),
        ({"multiplier": [1, 2]}, {**DEPTHWISE, "outputs": 24}, False),
        ({"multiplier": [1, 2]}, {**DEPTHWISE, "outputs": 12}, False),
        ({"groups_above": 100}, {"groups": 101}, True),
        ({"groups_above": 100}, {"groups": 100}, False),
        (U8S8, {}, True),
        (U8S8, {"activation": IntFormat(8)}, False),
        (U8S8, {"weight": IntFormat(8, signed=False)}, False),
        ({"activation_bits": 8, "weight_bits": 4}, {"weight": IntFormat(4)}, True),
        ({"activation_bits": 16}, {}, False),
        ({"bias_bits": 32}, {}, True),
        ({"bias_bits": 64}, {"bias_bits": None}, False),
        ({"op": "conv_2d", "groups_above": 100}, {}, False),
    ],
)
def test_an_override_waits_for_all_its_conditions(when, words, holds):
    entries = [{"match": "fc", "accumulator.bits": 18}, {"match": "*", "when": when} | NARROW]
    machine = load("edge_ws_16x16").model_copy(update={"overrides": entries})
    assert for_layer(machine, named("conv", **words)).accumulator.bits == (17 if holds else 24)


def test_first_override_whose_name_and_conditions_hold_wins():
    entries = [
        {"match": "c*", "when": {"groups_above": 1}, "accumulator.bits": 18},
        {"match": "c*", "when": {"groups_above": 0}, "accumulator.bits": 19},
        {"match": "*", "accumulator.bits": 20},
    ]
    machine = load("edge_ws_16x16").model_copy(update={"overrides": entries})
    seen = [
        for_layer(machine, layer).accumulator.bits
        for layer in (named("conv", groups=2), named("conv"), named("fc"))
    ]
    assert seen == [18, 19, 20]


def test_for_layer_checks_its_result():
    machine = load("edge_ws_16x16")
    machine = machine.model_copy(update={"overrides": [{"match": "*", "chain": None}]})
    with pytest.raises(ConfigError, match="edge_ws_16x16, layer fc: chain = missing"):
        for_layer(machine, named("fc"))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{accumulator.bits: 20}", "overrides[0].match = missing: must be given"),
        ("{match: 3, accumulator.bits: 20}", "overrides[0].match = 3: must be given"),
        ("{match: a}", "overrides[0] = {match: a}: must change a word"),
        ("{match: a, accumulator.bits: 99}", "overrides[0].accumulator.bits = 99: must be an"),
        ("{match: a, accumulator.bit: 9}", "overrides[0].accumulator.bit = 9: must be a word"),
        ("{match: a, array.rows: 9}", "overrides[0].array.rows = 9: must be the same for all"),
        ("{match: a, name: b}", "overrides[0].name = b: must be the same for all layers"),
        ("{match: a, overrides: []}", "overrides[0].overrides = []: must be the same for all"),
        ("{match: a, memory: {x: 1}}", "overrides[0].memory = {x: 1}: must be the same for all"),
        (
            "{match: a, product.drop_bits: 3, operands.zero_point: fold}",
            "overrides[0].product.drop_bits = 3: must be 0",
        ),
        ("{match: a, when: {op: conv_2d}}", "overrides[0] = {match: a, when: {op: conv_2d}}: must"),
        (
            "{match: a, when: {kernel: [3]}, accumulator.bits: 9}",
            "overrides[0].when.kernel = [3]: must be",
        ),
        (
            "{match: a, when: {group_above: 3}, accumulator.bits: 9}",
            "overrides[0].when.group_above = 3: must be one of op, kernel, padding",
        ),
        ("{match: a, when: 3, accumulator.bits: 9}", "overrides[0].when = 3: must be a"),
        ("5", "overrides[0] = 5: must be a mapping of words"),
    ],
)
def test_bad_override_is_refused_when_the_file_is_read(write, entry, message):
    found = failure(write(f"{GOOD}overrides:\n  - {entry}\n"))
    assert found.startswith(f"m.yaml:22: {message}")
    assert "\n" not in found
