"""Fused activations: their bounds in codes and in real values."""

from __future__ import annotations

import math

import numpy as np

from hwsim.mapping.layer import Clamp
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.policy import Reals

REAL_BOUNDS: dict[str, tuple[float | None, float | None]] = {
    "none": (None, None),
    "relu": (0.0, None),
    "relu6": (0.0, 6.0),
    "relu_n1_1": (-1.0, 1.0),
}


def code_of(value: float, output: Tensor) -> int:
    """``q(v) = zy + half_away(f32(v) / f32(sy))``, not yet in the format (TFLite's rule).

    >>> from hwsim.arith.formats import IntFormat
    >>> y = Tensor("y", (1,), IntFormat(8), 0.0625, -128)
    >>> code_of(6.0, y), code_of(-0.09375, y)  # -1.5 steps
    (-32, -130)
    """
    steps = float(np.float32(value) / np.float32(output.scale))
    nearest = math.floor(abs(steps) + 0.5)  # exact: a float32 and one half fit a float64
    return output.zero_point + (nearest if steps >= 0 else -nearest)


def code_bounds(activation: str, output: Tensor) -> Clamp:
    """The clamp of an activation in output codes; None where it has no bound.

    >>> from hwsim.arith.formats import IntFormat
    >>> code_bounds("relu6", Tensor("y", (1,), IntFormat(8), 0.02, -128))
    (-128, 127)
    """
    assert output.format is not None
    lo, hi = REAL_BOUNDS[activation]
    return (
        None if lo is None else max(code_of(lo, output), output.format.lo),
        None if hi is None else min(code_of(hi, output), output.format.hi),
    )


def clamp_real(values: Reals, node: Node, clamp: Clamp, output: Tensor) -> Reals:
    """The float twin's activation.

    Exact real bounds where ``node.attributes["activation"]`` names it (relu: 0); else a code bound
    b stands for ``(b - zy) * sy``. The range of the format never clips the float twin.
    """
    name = node.attributes.get("activation")
    if name is not None:
        lo, hi = REAL_BOUNDS[name]
    else:
        lo, hi = (
            None if bound is None else (bound - output.zero_point) * output.scale for bound in clamp
        )
    clamped: Reals = values if lo is None else np.maximum(values, lo)
    return clamped if hi is None else np.minimum(clamped, hi)
