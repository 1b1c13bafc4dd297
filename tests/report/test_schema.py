"""What the shipped schema of summary.json lets through, and what it refuses in one line."""

import copy
import json

import jsonschema
import numpy as np
import pytest
from report.summaries import RUNS, nine_with_overflow

from hwsim.errors import DataError
from hwsim.report.schema import summary_schema, surely_valid, validate_summary

DEFECTS = {
    "wrong version": (("schema",), 2),
    "no model": (("model",), None),
    "top key": (("extra",), 1),
    "layer key": (("layers", 0, "extra"), 1),
    "missing": (("layers", 0, "overflow", "persistent"), KeyError),
    "true is no count": (("layers", 0, "m"), True),
    "real count": (("layers", 0, "macs"), 1.5),
    "negative": (("layers", 0, "overflow", "events"), -1),
    "above one": (("layers", 0, "utilization"), 1.01),
    "unknown rule": (("layers", 0, "width", "overflow"), "clip"),
    "unknown stage": (("layers", 1, "overflow", "first", "stage"), "product"),
    "before the bias": (("layers", 1, "overflow", "first", "k"), -2),
    "text in a list": (("layers", 0, "shape"), [8, "8"]),
    "reference": (("layers", 0, "error", "sqnr_db"), "inf"),
    "tree level": (("layers", 0, "width", "chain", "bits"), [17, 0]),
}


def broken(path, value):
    summary = nine_with_overflow()[0]
    holder = summary
    for key in path[:-1]:
        holder = holder[key]
    if value is KeyError:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return summary


def test_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(summary_schema())


@pytest.mark.parametrize("name", RUNS)
def test_every_kind_of_run_is_valid(name):
    summary = json.loads(json.dumps(RUNS[name]()[0]))
    validate_summary(summary)
    assert surely_valid(summary, summary_schema()), "jsonschema would load in every run"


@pytest.mark.parametrize("name", DEFECTS)
def test_every_defect_is_refused_in_one_line(name):
    summary = broken(*DEFECTS[name])
    with pytest.raises(DataError) as refusal:
        validate_summary(summary)
    assert len(str(refusal.value).splitlines()) == 1
    assert str(refusal.value).startswith("summary.json: ")


@pytest.mark.parametrize("path", [("width", "chain"), ("overflow", "first"), ("error",)])
def test_absent_parts_of_a_layer_may_be_null(path):
    validate_summary(broken(("layers", 1, *path), None))


def test_a_tree_has_one_width_a_level():
    validate_summary(broken(("layers", 0, "width", "chain", "bits"), [17, 18, 19]))


def test_keys_that_design_does_not_promise_may_be_left_out():
    summary = copy.deepcopy(nine_with_overflow()[0])
    for name in ("engine", "seed", "time_s", "float_reference", "machine", "command", "clock_mhz"):
        del summary[name]
    for layer in summary["layers"]:
        for name in (
            "dataflow_folds",
            "groups_per_fold",
            "latency_cycles",
            "shape",
            "formats",
            "scheme",
        ):
            layer.pop(name, None)
    validate_summary(summary)


def places(value, path=()):
    """Every path into a summary."""
    if not isinstance(value, dict | list):
        return
    for key, child in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        yield from places(child, (*path, key))


def test_what_is_surely_valid_is_valid():
    """The quick check never lets through what jsonschema refuses, whatever is put wherever."""
    schema, rng = summary_schema(), np.random.default_rng(0)
    judge = jsonschema.Draft202012Validator(schema)
    paths = list(places(json.loads(json.dumps(nine_with_overflow()[0]))))
    values = [KeyError, None, True, -1, 0, 1.0, 0.5, "", "wrap", [], [1], {}, {"extra": 1}, 10**30]
    sure = 0
    for at in rng.choice(len(paths), 150, replace=False):
        for value in (values[i] for i in rng.choice(len(values), 3, replace=False)):
            if value is KeyError and isinstance(paths[at][-1], int):
                continue
            summary = json.loads(json.dumps(broken(paths[at], value)))
            quick = surely_valid(summary, schema)
            assert not quick or judge.is_valid(summary), (paths[at], value)
            sure += quick
    assert sure > 10  # both answers were seen, or the law says nothing


@pytest.mark.parametrize(
    "schema",
    [{"pattern": "x"}, {"$ref": "#/$defs/layer", "minimum": 1}, {"type": "object", "if": {}}],
)
def test_an_unknown_keyword_is_never_surely_kept(schema):
    assert not surely_valid({}, schema)
