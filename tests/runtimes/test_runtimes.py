"""Drivers: tables, refusals, and live runs that equal hwsim's machines."""

import ast
import importlib
import json
import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from cli.runner import hwsim

from hwsim import runtimes
from hwsim.analysis.compare_runs import uniform_inputs
from hwsim.errors import UnsupportedError
from hwsim.importers import machine_files, model
from hwsim.importers.tflite import tensor_names
from hwsim.runtimes import RUNTIMES
from hwsim.runtimes.installed import required, silent, version_of

MODULES = ("ai_edge_litert.interpreter", "tflite_micro.python.tflite_micro.runtime")
PACKAGES = {"tflite_micro": "tflite_micro"}  # all others: ai_edge_litert


def needs(name):
    """Skip where the runtime's package is absent."""
    package = PACKAGES.get(name, "ai_edge_litert")
    if find_spec(package) is None:
        pytest.skip(f"{package} is absent: a live runtime")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Certificates land in a folder of their own."""
    monkeypatch.chdir(tmp_path)


def test_every_runtime_has_a_machine_of_its_own():
    assert {runtime.machine for runtime in RUNTIMES.values()} <= set(machine_files.names())


def test_drivers_import_no_arithmetic_of_hwsim():
    """What stands beside hwsim proves nothing if it is hwsim."""
    allowed = {"hwsim.errors", "hwsim.importers.tflite", "hwsim.runtimes"}
    for path in Path(runtimes.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            ours = {name for name in names if name.startswith("hwsim")}
            assert all(any(name.startswith(a) for a in allowed) for name in ours), (path, ours)


def test_an_absent_package_is_one_line_with_its_install(monkeypatch, tmp_path, shared):
    for module in MODULES:
        monkeypatch.setitem(sys.modules, module, None)
    file = str(shared / "data/models/hello_world_sine_int8.tflite")
    for name, package in (("tflite_reference", "ai-edge-litert"), ("tflite_micro", "tflite_micro")):
        result = hwsim("verify", file, "--runtime", name)
        must = f"must be installed: pip install {package}"
        line = f"runtime: package = {package}: {must}\n"
        assert (result.exit_code, result.stdout, result.stderr) == (2, "", line)


def test_required_gives_the_module_and_the_version_is_said():
    assert required("math", "math") is importlib.import_module("math")
    assert re.fullmatch(r"numpy \d+\.\d+.*", version_of("numpy"))
    with pytest.raises(UnsupportedError):
        required("no_such_runtime", "no-such-runtime")


def test_silent_is_silent_and_gives_stderr_back(capfd):
    with silent():
        os.write(2, b"noise of a library")
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


MODELS = ["hello_world_sine_int8", "micro_speech_int8", "ad_autoencoder_int8", "kws_dscnn_int8"]


@pytest.mark.conformance
@pytest.mark.parametrize("name", sorted(RUNTIMES))
@pytest.mark.parametrize("file", MODELS)
def test_a_live_runtime_equals_its_machine_on_every_tensor(shared, tmp_path, name, file):
    needs(name)
    path = shared / f"data/models/{file}.tflite"
    result = hwsim("verify", str(path), "--runtime", name, "--limit", "3", "--format", "json")
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    found = json.loads(result.stdout)
    shown = {row["name"] for row in found["tensors"]}
    in_file = set(tensor_names(path))
    assert shown == {n.output for n in model.load(path).graph.nodes} & in_file
    assert not set(found["not_compared"]) & in_file


@pytest.mark.conformance
@pytest.mark.parametrize("name", sorted(RUNTIMES))
def test_a_runtime_shows_every_tensor_that_is_wanted_of_each_sample(shared, name):
    needs(name)
    path = shared / "data/models/micro_speech_int8.tflite"
    graph = model.load(path).graph
    inputs = uniform_inputs(graph, 3, 0)
    wanted = {node.output for node in graph.nodes} & set(tensor_names(path))
    found = RUNTIMES[name].run(path, inputs, wanted)
    assert set(found) == wanted
    alone = [RUNTIMES[name].run(path, {n: x[i : i + 1] for n, x in inputs.items()}, wanted)
             for i in range(3)]  # fmt: skip
    for tensor in wanted:
        assert found[tensor].tolist() == [one[tensor][0].tolist() for one in alone]
    assert re.fullmatch(r"\S+ \S*\d\S*", RUNTIMES[name].version())


@pytest.mark.conformance
@pytest.mark.parametrize("name", sorted(RUNTIMES))
def test_a_machine_that_is_not_the_runtimes_is_seen(shared, name):
    """The check can fail: one bit less in the accumulator of every layer."""
    needs(name)
    path = str(shared / "data/models/kws_dscnn_int8.tflite")
    words = ["--limit", "1", "--set", "accumulator.bits=14", "--format", "json"]
    result = hwsim("verify", path, "--runtime", name, *words)
    assert result.exit_code == 1
    assert '"equal": false' in result.stdout


@pytest.mark.conformance
@pytest.mark.parametrize("name", sorted(RUNTIMES))
def test_a_broken_file_is_refused_by_name(name, tmp_path):
    needs(name)
    file = tmp_path / "broken.tflite"
    file.write_bytes(np.random.default_rng(0).bytes(400))
    result = hwsim("verify", str(file), "--runtime", name)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
