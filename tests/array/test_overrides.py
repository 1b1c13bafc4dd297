"""Per-layer words: the first match wins, and its result is checked."""

import pytest
from importers.machine_text import GOOD, failure, write_fixture  # noqa: F401

from hwsim.array.overrides import for_layer
from hwsim.errors import ConfigError
from hwsim.importers.hardware import load

OVERRIDES = """\
overrides:
  - {match: "conv1*", accumulator.bits: 20}
  - {match: "conv*", accumulator.bits: 18, requantize.default.rounding: RNE}
"""


def test_first_matching_override_wins_alone(write):
    machine = load(write(GOOD + OVERRIDES))
    names = ("conv1", "conv10", "conv2", "fc")
    assert [for_layer(machine, name).accumulator.bits for name in names] == [20, 20, 18, 24]
    assert for_layer(machine, "conv1").requantize["default"].rounding == "half_up"
    assert for_layer(machine, "conv2").requantize["default"].rounding == "half_even"


def test_layer_without_override_sees_the_machine_itself(write):
    machine = load(write(GOOD + OVERRIDES))
    assert for_layer(machine, "fc") is machine
    assert for_layer(machine, "conv1").overrides == []
    assert len(machine.overrides) == 2


def test_override_is_matched_by_case_and_glob():
    machine = load("edge_ws_16x16", ["overrides=[{match: 'a[0-9]/?', accumulator.bits: 20}]"])
    names = ("a1/b", "A1/b", "a1/bb", "ab/b")
    assert [for_layer(machine, name).accumulator.bits for name in names] == [20, 24, 24, 24]


def test_override_null_takes_a_word_away():
    machine = load("edge_ws_16x16", ["requantize.conv_2d={scheme: float32, rounding: RNE}"])
    machine = machine.model_copy(update={"overrides": [{"match": "x", "requantize.conv_2d": None}]})
    assert set(for_layer(machine, "x").requantize) == {"default"}
    assert set(for_layer(machine, "y").requantize) == {"default", "conv_2d"}


def test_for_layer_checks_its_result():
    machine = load("edge_ws_16x16")
    machine = machine.model_copy(update={"overrides": [{"match": "*", "chain": None}]})
    with pytest.raises(ConfigError, match="edge_ws_16x16, layer fc: chain = missing"):
        for_layer(machine, "fc")


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
        ("{match: a, memory: {x: 1}}", "overrides[0].memory = {x: 1}: not simulated yet"),
        (
            "{match: a, product.drop_bits: 3, operands.zero_point: fold}",
            "overrides[0].product.drop_bits = 3: must be 0",
        ),
        ("5", "overrides[0] = 5: must be a mapping of words"),
    ],
)
def test_bad_override_is_refused_when_the_file_is_read(write, entry, message):
    found = failure(write(f"{GOOD}overrides:\n  - {entry}\n"))
    assert found.startswith(f"m.yaml:22: {message}")
    assert "\n" not in found
