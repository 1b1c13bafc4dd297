"""Linear layers whose activations are quantized at run time, by each sample's own range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.importers.onnx.source import Array, Op, Stored


@dataclass(frozen=True, eq=False)
class DynamicLinear:
    """One layer.

    Attributes
    ----------
    name, source : str
        Of the result, of the real input.
    codes : int ndarray of shape (oc, ic)
    scale, zero_point : ndarray of shape (oc,) or ()
        Of the weight.
    bias : ndarray of shape (oc,), or None
        Real.
    rule, bits : str, int
        ``network/ops/dynamic_quantize.py``.
    """

    name: str
    source: str
    codes: Array
    scale: Array
    zero_point: Array
    bias: Array | None
    rule: str
    bits: int = 8

    def write(self, ops: list[Op], constants: dict[str, Stored]) -> None:
        """Append the layer as ONNX's dynamic quantization writes it."""
        name = self.name
        codes, scale, zero = (f"{name}.{part}" for part in ("codes", "scale", "zero"))
        words = {"rule": self.rule, "bits": self.bits}
        ops.append(
            Op(codes, "DynamicQuantizeLinear", "hwsim", (self.source,), (codes, scale, zero), words)
        )
        form = IntFormat(8)
        constants[f"{name}.w"] = Stored(self.codes.astype(np.int8).T, form)
        constants[f"{name}.w_zero"] = Stored(np.atleast_1d(self.zero_point).astype(np.int8), form)
        constants[f"{name}.w_scale"] = Stored(np.atleast_1d(self.scale).astype(np.float64), None)
        sums, real, gain = (f"{name}.{part}" for part in ("sums", "cast", "gain"))
        result = name if self.bias is None else f"{name}.product"

        def op(kind: str, inputs: tuple[str, ...], output: str, **attributes: int) -> None:
            own = name if kind == "MatMulInteger" else output
            ops.append(Op(own, kind, "", inputs, (output,), attributes))

        op("MatMulInteger", (codes, f"{name}.w", zero, f"{name}.w_zero"), sums)
        op("Cast", (sums,), real, to=1)
        op("Mul", (scale, f"{name}.w_scale"), gain)
        op("Mul", (real, gain), result)
        if self.bias is not None:
            constants[f"{name}.b"] = Stored(self.bias, None)
            op("Add", (result, f"{name}.b"), name)
