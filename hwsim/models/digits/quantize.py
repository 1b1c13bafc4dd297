"""Quantize ``digits``: ``python -m hwsim.models.digits.quantize [FOLDER]``.

Reads ``float.npz`` beside this file and writes ``model.npz`` to FOLDER (default: beside this file),
bit for bit the file that is there: only exact or correctly rounded operations stand between them.

============ ================================================================================
weights      int8, rule ``absmax_127``, one scale a channel
activations  int8, rule ``affine`` over the training images, one scale a tensor
bias         int32 at ``input_scale * weight_scale``
relu         a clamp at the output's zero point
pool5        scale and zero point of its input, as pooling kernels ask
============ ================================================================================

The rules are those of ``arith/quantize.py``, scales in float32 as model files and chips hold them,
codes by division in float64, half even.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.arith.quantize import Affine, affine_of, scale_of_range
from hwsim.arith.quantize import quantize as quantize_real
from hwsim.errors import ModelError
from hwsim.importers import npz
from hwsim.importers.arrays import read_npz
from hwsim.mapping.layer import MacLayer
from hwsim.models.digits.architecture import LAYERS, NAME, Layer
from hwsim.network.graph import Graph, Node, Tensor

HERE = Path(__file__).parent
INT8 = IntFormat(8)
INT32 = IntFormat(32)
NARROW = IntFormat(8, narrow=True)  # symmetric weights: -127..127
Trained = dict[str, NDArray[np.float64]]


def affine(lo: float, hi: float) -> Affine:
    """Scale and zero point of an int8 tensor whose values lie in ``[lo, hi]``.

    >>> affine(0.0, 1.0)
    Affine(scale=0.003921568859368563, zero_point=-128, format=int8)
    """
    return affine_of("affine", np.array([lo, hi]), INT8, dtype=np.float32)


def symmetric(weight: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Codes of weights, and the scale of each output channel.

    >>> symmetric(np.array([[-2.54, 1.0], [0.0, 0.0]]))[0].tolist()
    [[-127, 50], [0, 0]]
    """
    scales = [
        scale_of_range("absmax_127", channel.min(), channel.max(), 8, dtype=np.float32)
        for channel in weight
    ]
    codes = [
        quantize_real(channel, Affine(scale, 0, NARROW))[0]
        for channel, scale in zip(weight, scales, strict=True)
    ]
    return np.stack(codes), np.array(scales)


def bias_codes(bias: NDArray[np.float64], scales: NDArray[np.float64]) -> NDArray[np.int64]:
    """int32 codes at ``scales``, one for each channel."""
    codes = [
        quantize_real(bias[i : i + 1], Affine(scale, 0, INT32))[0] for i, scale in enumerate(scales)
    ]
    return np.concatenate(codes)


def tensors_of(trained: Trained) -> dict[str, Tensor]:
    """Every activation tensor with its scale."""
    shapes = {"image": (8, 8, 1), **{layer.name: layer.output_shape for layer in LAYERS}}
    shapes |= {"add3": (8, 8, 16), "pool5": (1, 1, 24), "features": (24,)}
    tensors = {}
    for name, shape in shapes.items():
        ranged = "conv4" if name in ("pool5", "features") else name
        lo, hi = trained[f"{ranged}.range"]
        coded = affine(float(lo), float(hi))
        tensors[name] = Tensor(name, shape, INT8, coded.scale, coded.zero_point)
    return tensors


def node_of(layer: Layer, trained: Trained, tensors: dict[str, Tensor]) -> Node:
    """One layer on the array, quantized."""
    weight, bias = trained[f"{layer.name}.weight"], trained[f"{layer.name}.bias"]
    codes, scale = symmetric(weight)
    source = "features" if layer.input == "pool5" else layer.input
    quantized = MacLayer(
        op=layer.op,
        weight=codes,
        weight_format=INT8,
        weight_scale=scale,
        weight_zero_point=np.zeros(1, np.int64),
        bias=bias_codes(bias, tensors[source].scale * scale),
        stride=(layer.stride, layer.stride),
        padding=layer.padding,
        groups=layer.groups,
        clamp=(tensors[layer.name].zero_point if layer.relu else None, None),
        float_weight=weight,
        float_bias=bias,
    )
    return Node(layer.name, layer.op, (source,), layer.name, quantized)


def quantize(trained: Trained) -> Graph:
    """The quantized network.

    Parameters
    ----------
    trained : dict of str to float64 ndarray
        ``<layer>.weight``, ``<layer>.bias`` and ``<tensor>.range`` (least, largest).
    """
    tensors = tensors_of(trained)
    relu = {"clamp": (tensors["add3"].zero_point, None), "activation": "relu"}
    whole = {"window": (4, 4), "stride": (4, 4)}
    others = {
        "add3": Node("add3", "add", ("conv1", "pw3"), "add3", attributes=relu),
        "pool5": Node("pool5", "average_pool_2d", ("conv4",), "pool5", attributes=whole),
        "flatten": Node("flatten", "reshape", ("pool5",), "features", attributes={"shape": (24,)}),
    }
    nodes = {layer.name: node_of(layer, trained, tensors) for layer in LAYERS} | others
    order = ("conv1", "dw2", "pw3", "add3", "conv4", "pool5", "flatten", "fc6")
    return Graph(NAME, tensors, tuple(nodes[name] for name in order), ("image",), ("fc6",))


def main(folder: Path) -> None:
    """Write ``model.npz`` to a folder."""
    stored = read_npz(HERE / "float.npz", ModelError)
    trained = {name: values.astype(np.float64) for name, values in stored.items()}
    npz.save(quantize(trained), folder / "model.npz")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
