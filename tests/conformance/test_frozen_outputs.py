"""hwsim against frozen outputs of live runtimes on the embedded network (traces/runtimes/).

The scripts in ``runtimes/`` made them from the network alone, never from hwsim. Where a runtime
is installed its outputs are made again and must be the same.
"""

import ast
import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwsim import load_hardware, load_model
from hwsim.arith.formats import IntFormat
from hwsim.network.graph import Graph
from hwsim.network.run import run

MAKERS = Path(__file__).parent / "runtimes"
FAMILIES = ("tflite_reference", "tflite_optimized", "tflite_xnnpack", "tflite_micro")
ENGINES = ("fbgemm", "qnnpack", "onednn", "x86")
RUNTIMES = {
    "tflite_reference": ("LiteRT reference kernels", "ai-edge-litert"),
    "tflite_optimized": ("LiteRT optimized kernels", "ai-edge-litert"),
    "tflite_xnnpack": ("LiteRT XNNPACK", "ai-edge-litert"),
    "tflite_micro": ("TFLite Micro", "tflite_micro"),
    "onnxruntime": ("ONNX Runtime CPU", "onnxruntime"),
    **{f"pytorch_{engine}": (f"PyTorch {engine}", "torch") for engine in ENGINES},
}
"""Machine to runtime and library."""


def frozen(root: Path, name: str) -> tuple[dict[str, np.ndarray], dict]:
    """Codes by tensor, and who made them."""
    with np.load(root / "traces" / "runtimes" / f"{name}.npz") as stored:
        arrays = {key: stored[key] for key in stored.files if key != "made"}
        return arrays, json.loads(stored["made"].tobytes())


def record(record_conformance, made, machine, outputs, differences) -> None:
    runtime, library = RUNTIMES[machine]
    record_conformance(
        runtime=runtime,
        version=f"{library} {made['versions'][library]}",
        machine=machine,
        outputs=outputs,
        differences=differences,
    )


@pytest.mark.parametrize("machine", [*FAMILIES, "onnxruntime"])
def test_every_frozen_tensor_is_met(root, record_conformance, machine) -> None:
    theirs, made = frozen(root, machine)
    graph = load_model("digits").graph
    codes = run(graph, load_hardware(machine), {"image": theirs["image"].astype(np.int64)}).codes
    names = [name for name in theirs if name != "image"]
    assert set(names) <= set(codes)
    differences = sum(int(np.count_nonzero(codes[name] != theirs[name])) for name in names)
    outputs = sum(theirs[name].size for name in names)
    record(record_conformance, made, machine, outputs, differences)
    assert differences == 0


def one_layer_unsigned(graph: Graph, name: str) -> Graph:
    """A layer alone as PyTorch has it: quint8 codes and a float bias."""
    node = next(node for node in graph.nodes if node.name == name)
    tensors = {
        tensor: replace(
            graph.tensors[tensor],
            format=IntFormat(8, signed=False),
            zero_point=graph.tensors[tensor].zero_point + 128,
        )
        for tensor in (*node.inputs, node.output)
    }
    layer = replace(node.layer, bias=None, real_bias=node.layer.float_bias, clamp=(None, None))
    node = replace(node, layer=layer)
    return Graph(name, tensors, (node,), node.inputs, (node.output,))


@pytest.mark.parametrize("engine", ENGINES)
def test_every_frozen_layer_of_pytorch_is_met(root, record_conformance, engine) -> None:
    theirs, made = frozen(root, f"torch_{engine}")
    graph = load_model("digits").graph
    machine = load_hardware(f"pytorch_{engine}")
    outputs = differences = 0
    for node in graph.mac_nodes:
        alone = one_layer_unsigned(graph, node.name)
        inputs = {name: theirs[name].astype(np.int64) for name in node.inputs}
        codes = run(alone, machine, inputs).codes[node.output]
        outputs += codes.size
        differences += int(np.count_nonzero(codes != theirs[node.output]))
    record(record_conformance, made, machine.name, outputs, differences)
    assert differences == 0


def test_makers_of_frozen_outputs_never_see_hwsim() -> None:
    sources = [*MAKERS.glob("*.py"), MAKERS.parents[1] / "oracles" / "tflite_files.py"]
    assert len(sources) >= 5
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if isinstance(node, ast.Call):  # importlib.import_module("hwsim"), __import__("hwsim")
                names = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
                names = [name for name in names if isinstance(name, str) and " " not in name]
            assert not any(name.split(".")[0] == "hwsim" for name in names), source


def made_again(script: str, target: Path, python: str) -> None:
    """Run a maker where hwsim cannot be imported."""
    blocked = "import sys, runpy; sys.modules['hwsim'] = None; sys.argv = sys.argv[1:]; "
    start = f"sys.path.insert(0, {str(MAKERS)!r}); runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [python, "-c", blocked + start, str(MAKERS / script), str(target)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)


def assert_same(root: Path, folder: Path, names: list[str]) -> None:
    for name in names:
        theirs, _ = frozen(root, name)
        with np.load(folder / f"{name}.npz") as stored:
            assert set(stored.files) == {*theirs, "made"}
            for key, values in theirs.items():
                assert np.array_equal(stored[key], values), (name, key)


def test_litert_still_gives_its_frozen_outputs(root, tmp_path) -> None:
    for library in ("ai_edge_litert", "tflite_micro"):
        pytest.importorskip(library, reason=f"{library} is not installed")
    made_again("litert_outputs.py", tmp_path, sys.executable)
    assert_same(root, tmp_path, list(FAMILIES))
    name = "digits_int8.tflite"
    assert (tmp_path / name).read_bytes() == (root / "traces" / "runtimes" / name).read_bytes()


def test_onnxruntime_still_gives_its_frozen_outputs(root, tmp_path) -> None:
    for library in ("onnxruntime", "onnx"):
        pytest.importorskip(library, reason=f"{library} is not installed")
    made_again("onnxruntime_outputs.py", tmp_path / "onnxruntime.npz", sys.executable)
    assert_same(root, tmp_path, ["onnxruntime"])


@pytest.mark.torch
def test_pytorch_still_gives_its_frozen_outputs(root, tmp_path) -> None:
    python = os.environ.get("HWSIM_TORCH_PYTHON")
    if python is None and importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed here, and HWSIM_TORCH_PYTHON names no interpreter")
    if "avx512_vnni" not in Path("/proc/cpuinfo").read_text():
        pytest.skip("this processor has no VNNI: fbgemm saturates pairs of products on it")
    made_again("torch_outputs.py", tmp_path, python or sys.executable)
    assert_same(root, tmp_path, [f"torch_{engine}" for engine in ENGINES])
