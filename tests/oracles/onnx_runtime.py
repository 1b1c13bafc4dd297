"""ONNX Runtime as an oracle: every named tensor of a model.

Imports nothing from hwsim. The session level is always written out: QDQ files run on integers from
ORT_ENABLE_EXTENDED on, and int8 activations only where ``session.qdqisint8allowed`` is set.
"""

import numpy as np
import pytest


def tensors(model, inputs, wanted, level="ORT_ENABLE_EXTENDED", int8=True):
    """Outputs ``wanted`` of a model (path or ModelProto) by name."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    if not hasattr(model, "graph"):
        model = onnx.load(str(model))
    else:
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        model = copy
    known = {output.name for output in model.graph.output}
    for name in wanted:
        if name not in known:
            model.graph.output.append(onnx.ValueInfoProto(name=name))
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    if int8:
        options.add_session_config_entry("session.qdqisint8allowed", "1")
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    found = session.run(list(wanted), inputs)
    return {name: np.asarray(value) for name, value in zip(wanted, found, strict=True)}


def version():
    """``onnxruntime 1.31.1``."""
    ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    return f"onnxruntime {ort.__version__}"
