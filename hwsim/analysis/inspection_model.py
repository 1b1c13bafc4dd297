"""The network as a whole, for the head of ``hwsim inspect``: kind of file, inputs, outputs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from hwsim.analysis.inspection import Entry, tensor_entry
from hwsim.importers.onnx import onnxruntime, reader
from hwsim.importers.onnx.integers import is_integer_network
from hwsim.models import embedded
from hwsim.network.graph import Graph

EMBEDDED = "embedded model"
QDQ = "ONNX, QDQ"
KINDS = {
    ".encodings": "AIMET encodings and their ONNX model",
    ".npz": "network or layer of hwsim",
    ".pt": "pickled PyTorch module",
    ".pt2": "PyTorch export (torch.export)",
    ".pth": "pickled PyTorch module",
    ".tflite": "TensorFlow Lite",
}
NOTES = {
    QDQ: f"ONNX Runtime runs it on integers from {onnxruntime.SESSION_LEVEL} on: --hw onnxruntime",
    "ONNX, dynamically quantized": "ONNX Runtime runs it on integers: --hw onnxruntime",
    "ONNX, QOperator": "ONNX Runtime runs it on integers: --hw onnxruntime",
    ".encodings": "AIMET simulates it in float: --hw aimet",
    ".pt2": "PyTorch computes it in float: --hw pt2e_graph; XNNPACK in integers: "
    "--hw executorch_xnnpack",
    ".tflite": "TensorFlow Lite runs it on integers: --hw tflite_reference, tflite_xnnpack, ...",
}
"""Which machine has the arithmetic of the file's own runtime."""


def file_kind(model: str | Path) -> str:
    """What a model's name or file is, in words; the file must be one that loads.

    >>> file_kind("digits")
    'embedded model'
    """
    if str(model) in embedded():
        return EMBEDDED
    path = Path(model)
    return onnx_kind(path) if path.suffix == ".onnx" else KINDS.get(path.suffix, path.suffix)


def onnx_kind(path: Path) -> str:
    """Which of ONNX's ways to say integers a file uses, by its operators."""
    source = reader.read(path)
    kinds = {op.kind for op in source.ops}
    if kinds & {"Quant", "IntQuant", "BipolarQuant", "Trunc"}:
        return "ONNX, QONNX"
    if any(kind.startswith("QLinear") for kind in kinds) or "QGemm" in kinds:
        return "ONNX, QOperator"
    if "DynamicQuantizeLinear" in kinds:
        return "ONNX, dynamically quantized"
    if kinds & {"QuantizeLinear", "DequantizeLinear"}:
        return QDQ
    return "ONNX, integers in real tensors" if is_integer_network(source) else "ONNX"


def model_entry(model: str | Path, graph: Graph) -> Entry:
    """``name``, ``kind`` of file, ``formats``, ``note``, and the network's ends."""
    kind = file_kind(model)
    return {
        "name": graph.name,
        "kind": kind,
        "formats": formats(graph),
        "note": None if graph.is_float else NOTES.get(kind, NOTES.get(Path(model).suffix)),
        "inputs": [tensor_entry(graph, graph.tensors[name]) for name in graph.inputs],
        "outputs": [tensor_entry(graph, graph.tensors[name]) for name in graph.outputs],
    }


def formats(graph: Graph) -> str:
    """Activations and weights of the layers, the commonest formats first.

    >>> from hwsim.models import load
    >>> formats(load("digits")[0])
    'int8 activations, int8 weights per channel'
    """
    if graph.is_float:
        return "float: quantize first (hwsim quantize)"
    activations: Counter[str] = Counter()
    weights: dict[str, Counter[str]] = {}
    for node in graph.mac_nodes:
        layer = node.layer
        assert layer is not None
        source = graph.tensors[node.inputs[0]].format
        activations[str(source or "float")] += 1
        if layer.weight is not None:
            per = "channel" if layer.weight_scale.size > 1 else "tensor"
            weights.setdefault(str(layer.weight_format), Counter())[per] += 1
    listed = [" and ".join(kind for kind, _ in activations.most_common()) + " activations"]
    for form, scales in weights.items():
        listed.append(f"{form} weights per " + " or ".join(per for per, _ in scales.most_common()))
    return ", ".join(listed)


def float_layers(kind: str, graph: Graph) -> dict[str, str]:
    """Layers that the file's own runtime would run in float, where that is known: of QDQ files."""
    return onnxruntime.float_layers(graph) if kind == QDQ else {}


def with_model(entries: list[Entry], model: Entry) -> list[dict[str, Any]]:
    """Every row with the name and the kind of its model, as JSON and CSV carry them."""
    head = {"name": model["name"], "kind": model["kind"], "formats": model["formats"]}
    return [entry | {"model": head} for entry in entries]
