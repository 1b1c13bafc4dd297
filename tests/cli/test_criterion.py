"""--fail-on: a small exact language over summary.json."""

import json

import pytest
from cli.runner import hwsim

from hwsim.cli_criterion import Criterion
from hwsim.errors import ConfigError

SUMMARY = {
    "model": "two layers",
    "accuracy": {"float": 0.99, "exact": 0.98, "hardware": 0.9},
    "totals": {"macs": 100, "cycles": 50, "utilization": 0.25, "overflow_events": 7},
    "layers": [
        {
            "name": "conv1",
            "overflow": {
                "persistent": 2,
                "max_code_change": 9,
                "by_stage": {"chain": 3},
                "first": {"cycle": 4},
            },
            "error": {"sqnr_db": 30.5, "exact_match": True},
            "width": {"chain": None},
        },
        {
            "name": "fc",
            "overflow": {
                "persistent": 3,
                "max_code_change": 5,
                "by_stage": {"chain": 4},
                "first": None,
            },
            "error": {"sqnr_db": None},
            "width": {"chain": {"bits": 20}},
        },
    ],
}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("overflow.persistent>0", ["--fail-on: overflow.persistent = 5: must not be > 0"]),
        ("overflow.persistent>4", ["--fail-on: overflow.persistent = 5: must not be > 4"]),
        ("overflow.persistent>5", []),
        ("overflow.persistent>=5", ["--fail-on: overflow.persistent = 5: must not be >= 5"]),
        (
            "overflow.by_stage.chain==7",
            ["--fail-on: overflow.by_stage.chain = 7: must not be == 7"],
        ),
        ("overflow.max_code_change>8", ["conv1: overflow.max_code_change = 9: must not be > 8"]),
        ("overflow.first.cycle<5", ["conv1: overflow.first.cycle = 4: must not be < 5"]),
        ("totals.utilization<0.3", ["--fail-on: totals.utilization = 0.25: must not be < 0.3"]),
        ("utilization < .25", []),
        ("overflow_events!=7", []),
        ("accuracy.hardware<=0.9", ["--fail-on: accuracy.hardware = 0.9: must not be <= 0.9"]),
        ("accuracy.hardware<0.9", []),
        ("error.sqnr_db<31", ["conv1: error.sqnr_db = 30.5: must not be < 31"]),
        ("width.chain.bits>-1e1", ["fc: width.chain.bits = 20: must not be > -10.0"]),
        ("cycles>+49", ["--fail-on: cycles = 50: must not be > 49"]),
    ],
)
def test_fail_on_holds_for_these_values(text, lines):
    assert [str(finding) for finding in Criterion.parse(text).findings(SUMMARY)] == lines


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "x>",
        ">0",
        "x>y",
        "x=>0",
        "x=0",
        "x>0 or 1",
        "x>0x10",
        "x>nan",
        "x>inf",
        "x>1.2.3",
        "x..y>0",
        "x.>0",
        "__import__('os')>0",
        "x[0]>0",
        "x>0;y>0",
        "x>>0",
        "x<>0",
        "x>- 1",
        "²>0",
        "x>٣",
    ],
)
def test_fail_on_refuses_everything_else(text):
    with pytest.raises(ConfigError, match="--fail-on: expression = "):
        Criterion.parse(text)


@pytest.mark.parametrize(
    "key",
    [
        "nosuch",
        "overflow",
        "overflow.nosuch",
        "model",
        "totals",
        "accuracy.exactly",
        "error.exact_match",
        "totals.stall_cycles",
        "layers",
        "name",
        "overflow.first",
    ],
)
def test_fail_on_refuses_a_key_without_number(key):
    with pytest.raises(ConfigError, match=f"--fail-on: key = {key}: must be a number"):
        Criterion.parse(f"{key}>0").findings(SUMMARY)


def test_fail_on_refuses_accuracy_that_was_not_measured():
    criterion = Criterion.parse("accuracy.hardware<0.9")
    with pytest.raises(ConfigError):
        criterion.findings(SUMMARY | {"accuracy": None})


@pytest.mark.parametrize("key", ["nosuch", "overflow.presistent", "layers", "machine.accumulator"])
def test_fail_on_refuses_a_key_that_no_summary_has_before_the_run(key):
    with pytest.raises(ConfigError, match=f"^--fail-on: key = {key}: must be a number of summary"):
        Criterion.parse(f"{key}>0")


def test_fail_on_knows_every_number_of_a_summary(finished_summary):
    keys = [
        *(key for key in numbers(finished_summary) if key != "schema"),
        *numbers(finished_summary["totals"]),
        *(key for layer in finished_summary["layers"] for key in numbers(layer)),
    ]
    assert len(set(keys)) > 40
    for key in keys:
        Criterion.parse(f"{key} > 0")


def numbers(tree, prefix=""):
    """Dotted keys of a summary's numbers, the machine's words and layers apart."""
    for key, value in tree.items():
        if isinstance(value, dict) and key != "machine":
            yield from numbers(value, f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield prefix + key


@pytest.fixture(scope="module")
def finished_summary(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "out"
    words = ["run", "--limit", "1", "--set", "accumulator.bits=14", "-q", "--format", "json"]
    return json.loads(hwsim(*words, "--out", str(folder)).stdout)
