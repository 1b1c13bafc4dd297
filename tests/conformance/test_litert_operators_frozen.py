"""Operators against outputs of LiteRT and TFLite Micro frozen in traces/litert_operators."""

import ast
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from oracles.operator_cases import Case, Quantized
from oracles.operator_graph import as_tuples, outputs
from oracles.operator_table import COMPARED, MACHINES, has_kernel

from hwsim import load_hardware

pytestmark = pytest.mark.conformance
ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "traces" / "litert_operators"
OPERATORS = list(dict.fromkeys(op for op, _ in COMPARED))
MAKERS = [
    ROOT / "tests" / "conformance" / "litert" / "freeze_operators.py",
    *(ROOT / "tests" / "oracles" / f"operator_{name}.py" for name in ("cases", "moves", "table")),
    ROOT / "tests" / "oracles" / "tflite_files.py",
]


@cache
def machine_of(name):
    return load_hardware(name)


def stored_cases(op):
    """``(case, {machine: outputs})`` of one operator's file."""
    with np.load(FOLDER / f"{op}.npz") as file:
        for n, record in enumerate(json.loads(file["cases"].tobytes())):
            layer = record["layer"] and {
                word: file[f"{word}{n}"] if value == "array" else value
                for word, value in record["layer"].items()
            }
            inputs = [Quantized(**q) for q in record["inputs"]]
            codes = [file[f"x{n}_{i}"] for i in range(len(inputs))]
            output, attributes = Quantized(**record["output"]), as_tuples(record["attributes"])
            case = Case(op, inputs, output, codes, b"", attributes, layer)
            yield case, {m: file[f"y{n}_{j}"] for m, j in record["machines"].items()}


def test_every_operator_is_frozen_for_every_runtime_that_has_it():
    expected = {(op, k, m) for op, k in COMPARED for m in MACHINES if has_kernel(op, k, m)}
    frozen = {
        (op, case.output.kind, machine)
        for op in OPERATORS
        for case, measured in stored_cases(op)
        for machine in measured
    }
    assert {
        (o, k, m) for o, k, m in expected - frozen if (o, m) != ("relu6", "tflite_micro")
    } == set()
    assert frozen <= expected


@pytest.mark.parametrize("op", OPERATORS)
def test_operator_equals_what_the_runtimes_gave(op):
    compared = different = 0
    for case, measured in stored_cases(op):
        for machine, theirs in measured.items():
            ours = outputs(case, machine_of(machine))
            assert ours.shape == theirs.shape
            compared += ours.size
            different += int(np.count_nonzero(ours != theirs))
    assert compared > 100
    assert different == 0


@pytest.mark.parametrize("path", MAKERS, ids=lambda path: path.name)
def test_what_makes_the_outputs_does_not_import_hwsim(path):
    modules = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules.append(node.module)
    assert modules
    assert not [name for name in modules if name.split(".")[0] == "hwsim"]
    own = [name for name in modules if name.startswith("oracles.")]
    known = {f"oracles.{path.stem}" for path in MAKERS} | {"oracles"}
    assert set(own) <= known


def test_the_files_say_how_they_were_made():
    for op in OPERATORS:
        with np.load(FOLDER / f"{op}.npz") as file:
            made = json.loads(file["made"].tobytes())
        assert made["command"] == "python tests/conformance/litert/freeze_operators.py"
        assert {"ai-edge-litert", "tflite_micro"} <= set(made)
