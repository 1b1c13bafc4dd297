"""Rebuild ``seed_conv``: ``python -m hwsim.models.seed_conv.make GOLDEN [FOLDER]``.

GOLDEN is ``seed000_conv.npz`` of the shared goldens; torch's layout (n, c, y, x) becomes
(n, y, x, c), nothing else is computed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.errors import ModelError
from hwsim.importers import npz
from hwsim.importers.arrays import read_npz, write_npz
from hwsim.mapping.layer import MacLayer
from hwsim.network.graph import Graph, Node, Tensor

HERE = Path(__file__).parent
UINT8 = IntFormat(8, signed=False)


def channels_last(values: NDArray[Any]) -> NDArray[Any]:
    """(n, c, y, x) to (n, y, x, c); weights (oc, ic, ky, kx) to (oc, ky, kx, ic)."""
    return np.ascontiguousarray(values.transpose(0, 2, 3, 1))


def build(golden: dict[str, NDArray[Any]]) -> Graph:
    """The graph of one convolution. An offset there is minus a zero point here."""
    x = Tensor("x", (5, 5, 3), UINT8, float(golden["x_scale"]), -int(golden["x_offset"]))
    y = Tensor("y", (5, 5, 4), UINT8, float(golden["y_scale"]), -int(golden["y_offset"]))
    layer = MacLayer(
        op="conv_2d",
        weight=channels_last(golden["qw"]).astype(np.int64),
        weight_format=IntFormat(8),
        weight_scale=golden["w_scale"].reshape(1).astype(np.float64),
        weight_zero_point=np.zeros(1, np.int64),
        bias=golden["qb"].astype(np.int64),
        padding=((1, 1), (1, 1)),
        float_weight=channels_last(golden["w"]).astype(np.float64),
        float_bias=golden["b"].astype(np.float64),
    )
    node = Node("conv", "conv_2d", ("x",), "y", layer)
    return Graph("seed_conv", {"x": x, "y": y}, (node,), ("x",), ("y",))


def main(golden: Path, folder: Path) -> None:
    """Write ``model.npz`` and ``test.npz`` (the real input: it quantizes to the golden codes)."""
    arrays = read_npz(golden, ModelError)
    npz.save(build(arrays), folder / "model.npz")
    write_npz(folder / "test.npz", {"X": channels_last(arrays["x"])})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else HERE)
