"""Freeze the classes that qonnx's execution finds for 1,500 MNIST images.

::

    python tests/conformance/runtimes/qonnx_outputs.py traces/runtimes/qonnx_mnist_tfc.npz

The network ``mnist_tfc_2W2A.qonnx.onnx`` and the images of ``../shared/data``, pixels / 255 in
float32, one image at a time through ``qonnx.core.onnx_exec.execute_onnx``.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import onnx.helper
from digits_network import write

DATA = Path(__file__).parents[4] / "shared" / "data"
IR_VERSION = 10  # what the installed onnxruntime reads


def old_models(*arguments, make=onnx.helper.make_model, **words):
    """``make_model`` with an IR version that ONNX Runtime accepts; qonnx calls it a node."""
    model = make(*arguments, **words)
    model.ir_version = IR_VERSION
    return model


def main(target: str) -> None:
    """Run every image and write the classes."""
    onnx.helper.make_model = old_models
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    model = ModelWrapper(str(DATA / "models" / "mnist_tfc_2W2A.qonnx.onnx"))
    model = model.transform(InferShapes())
    images = np.load(DATA / "data" / "mnist_dev.npz")["X"].reshape(-1, 1, 1, 28, 28)
    scores = []
    for image in images.astype(np.float32) / np.float32(255):
        (result,) = execute_onnx(model, {"0": image}).values()
        scores.append(result[0])
    classes = np.argmax(scores, axis=1).astype(np.uint8)
    versions = {name: version(name) for name in ("qonnx", "onnxruntime", "numpy")}
    write(Path(target), {"classes": classes}, versions, "qonnx_outputs.py")


if __name__ == "__main__":
    main(sys.argv[1])
