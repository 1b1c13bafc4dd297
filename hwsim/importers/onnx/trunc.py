"""QONNX's Trunc: the low bits of codes are dropped (Brevitas, behind a sum)."""

from __future__ import annotations

from hwsim.arith.formats import IntFormat
from hwsim.importers.onnx.builder import Builder
from hwsim.importers.onnx.inputs import any_activation
from hwsim.importers.onnx.source import Op
from hwsim.importers.onnx.values import Activation, Quantization

ROUNDINGS = {"FLOOR": "floor", "ROUND_TO_ZERO": "toward_zero", "DOWN": "toward_zero"}


def trunc(b: Builder, op: Op) -> None:
    """Trunc: ``y = s * round(x / s / 2**(in_bits - out_bits))``, zero point 0.

    x must be codes of scale s already; the result keeps s, so that real values shrink by the
    power of two: what follows knows it.
    """
    op.require(5)
    numbers = [b.real_constant(op, i) for i in range(1, 5)]
    if any(value is None or value.size != 1 for value in numbers):
        raise op.unsupported("inputs", list(op.inputs[1:]), "must be one constant number each")
    scale, zero, wide, narrow = (float(value.item()) for value in numbers if value is not None)
    rounding = str(op.attributes.get("rounding_mode", "FLOOR")).upper()
    if rounding not in ROUNDINGS:
        raise op.unsupported("rounding_mode", rounding, f"must be one of {', '.join(ROUNDINGS)}")
    if not (1 <= narrow <= wide <= 32 and narrow == int(narrow) and wide == int(wide)):
        raise op.error("bit widths", (wide, narrow), "must be integers, 1..32, the second smaller")
    x = any_activation(b, op)
    known = b.quantization(x.tensor)
    if known is None or (known.scale, known.zero_point, zero) != (scale, 0, 0.0):
        must = f"must be codes of scale {scale} and zero point 0"
        raise op.unsupported("input 0", op.inputs[0], must)
    form = IntFormat(int(narrow), bool(op.attributes.get("signed", known.format.signed)))
    output = b.tensor(op.outputs[0], x.layout, Quantization(form, scale, 0))
    words = {
        "multipliers": (1,),
        "add": 0,
        "divisor": 1 << int(wide - narrow),
        "rounding": ROUNDINGS[rounding],
    }
    b.node(op.name, "integer_affine", (x.tensor,), output, words)
    b.put(op, Activation(output, op.outputs[0], x.layout, True))
