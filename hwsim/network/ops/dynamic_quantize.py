"""Quantization by each sample's own scale: ``dynamic_quantize`` and ``dynamic_scale``.

Attributes: ``rule``, whose arithmetic makes scale and zero point, whatever the machine; ``bits``
(default 8), of which PyTorch's fbgemm, x86 and oneDNN use 7. With ``lo = min(0, min(x))``,
``hi = max(0, max(x))`` of the whole sample in binary32 and n = 2**bits - 1:

============ =======================================================================================
rule         scale, zero point and codes
============ =======================================================================================
onnx         ``s = f32((hi - lo) / n)``, 1 where it is 0; ``z = rint(f32(0 - f32(lo / s)))``;
             ``q = rint(f32(x / s)) + z``: ONNX's DynamicQuantizeLinear
torch        ``s = (hi - lo) / n`` in binary64; z from the end whose rounding errs least;
             ``q = rint(fma(x, f32(1 / s), z))``: torch's dynamic linear layers
decomposed   ``s = max(f32((hi - lo) / n), 2**-12)``; ``z = -rint(f32(lo / s))``;
             ``q = rint(f32(x * f32(1 / s))) + z``: PT2E's choose_qparams
symmetric    ``s = f32(max|x| / f32(n / 2))``; ``z`` the middle; ``q = rint(f32(x / s)) + z``:
             torchao's int8 activations, one scale a row
============ =======================================================================================

``dynamic_quantize`` gives ``q - z``, codes of one bit more at scale 1 and zero point 0: what the
array multiplies, and so the sums are those of q with zero point z. ``dynamic_scale`` gives ``s``, a
real tensor of one number, by which ``dequantize_channels`` makes real values of the sums. In the
float twin codes are the real values and the scale is 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.errors import UnsupportedError
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.policy import Reals

Floats = NDArray[np.float32]


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals], machine: Machine
) -> Ints:
    """Real values (S, *shape) to codes without zero point."""
    x = inputs[0].astype(np.float32)
    rule, top = _rule(node)
    scale, zero = (_beside(values, x.ndim) for values in scale_and_zero(x, rule, top))
    if rule == "torch":  # a fused multiply-add: exact in binary64 but for one rounding
        inverse = np.float32(1) / scale.astype(np.float32)
        sums = (x.astype(np.float64) * inverse.astype(np.float64) + zero).astype(np.float32)
        steps = np.rint(sums).astype(np.float64)
    elif rule == "decomposed":
        steps = np.rint(x * (np.float32(1) / scale.astype(np.float32))) + zero
    else:
        steps = np.rint(x / scale.astype(np.float32)) + zero
    codes: Ints = (np.clip(steps, 0, top) - zero).astype(np.int64)
    return codes


def run_scale(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals], machine: Machine
) -> Reals:
    """Real values (S, *shape) to the scale of each sample, (S, 1)."""
    rule, top = _rule(node)
    scale, _ = scale_and_zero(inputs[0].astype(np.float32), rule, top)
    return scale.astype(np.float64)[:, None]


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """Real values stay as they are."""
    return inputs[0]


def run_scale_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """The scale of values that stay as they are."""
    return np.ones((len(inputs[0]), 1))


def scale_and_zero(x: Floats, rule: str = "onnx", top: int = 255) -> tuple[Reals, Reals]:
    """Scale and zero point of each sample, float64 ndarrays of shape (S,); codes are 0..top.

    >>> scale, zero = scale_and_zero(np.array([[-1.0, 4.1], [0.0, 0.0]], np.float32))
    >>> scale.tolist(), zero.tolist()
    ([0.019999999552965164, 1.0], [50.0, 0.0])
    """
    flat = x.reshape(len(x), int(np.prod(x.shape[1:])))
    lo = flat.min(axis=1, initial=np.float32(0))
    hi = flat.max(axis=1, initial=np.float32(0))
    scale, zero = _GRIDS[rule](lo, hi, top)
    return scale.astype(np.float64), np.clip(zero, 0, top).astype(np.float64)


def _onnx(lo: Floats, hi: Floats, top: int) -> tuple[Any, Any]:
    scale = (hi - lo) / np.float32(top)
    scale = np.where(scale == 0, np.float32(1), scale)
    return scale, np.rint(np.float32(0) - lo / scale)


def _torch(lo: Floats, hi: Floats, top: int) -> tuple[Any, Any]:
    low, high = lo.astype(np.float64), hi.astype(np.float64)
    scale = (high - low) / top
    scale = np.where(scale.astype(np.float32) == 0, 0.1, scale)
    from_low, from_high = -low / scale, top - high / scale
    errs_less = np.abs(low / scale) < top + np.abs(high / scale)
    return scale, np.rint(np.where(errs_less, from_low, from_high))


def _decomposed(lo: Floats, hi: Floats, top: int) -> tuple[Any, Any]:
    scale = np.maximum((hi - lo) / np.float32(top), np.float32(2.0**-12))
    return scale, -np.rint(lo / scale)


def _symmetric(lo: Floats, hi: Floats, top: int) -> tuple[Any, Any]:
    scale = np.maximum(-lo, hi) / np.float32(top / 2)
    scale = np.where(scale == 0, np.float32(1), scale)
    return scale, np.full(lo.shape, (top + 1) // 2)


_GRIDS = {"onnx": _onnx, "torch": _torch, "decomposed": _decomposed, "symmetric": _symmetric}


def _rule(node: Node) -> tuple[str, int]:
    """The rule and the largest code."""
    rule, bits = node.attributes.get("rule", "onnx"), int(node.attributes.get("bits", 8))
    if rule not in _GRIDS or not 2 <= bits <= 8:
        must = f"must be one of {', '.join(_GRIDS)}, of 2 to 8 bits"
        raise UnsupportedError.at(node.name, "rule", f"{rule}, {bits} bits", must)
    return rule, (1 << bits) - 1


def _beside(values: Reals, axes: int) -> Reals:
    """One number a sample, to be combined with samples of so many axes."""
    return values.reshape(-1, *(1,) * (axes - 1))
