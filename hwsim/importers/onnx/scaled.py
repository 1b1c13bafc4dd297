"""Scalings in integers that become codes: ``integer_affine`` (network/ops)."""

from __future__ import annotations

import numpy as np

from hwsim.arith.formats import IntFormat, signed_bits
from hwsim.importers.onnx.builder import Builder
from hwsim.importers.onnx.values import Activation, Pending, Quantization

AFFINE = "integer_affine"


def scaled_codes(b: Builder, pending: Pending, form: IntFormat, name: str) -> Activation:
    """The codes of a scaling, at scale 1 in the given format."""
    inputs = tuple(x.tensor for x in pending.inputs if isinstance(x, Activation))
    output = b.tensor(name, pending.layout, Quantization(form, 1.0, 0))
    a = pending.attributes
    attributes = {
        "multipliers": tuple(tuple(m.tolist()) for m in a["multipliers"]),
        "add": tuple(a["add"].tolist()),
        "divisor": a["divisor"] or 1,
        "rounding": a["rounding"],
    }
    b.node(b.extra_name(f"{pending.name}#scale"), AFFINE, inputs, output, attributes)
    return Activation(output, name, pending.layout, True)


def holding(b: Builder, pending: Pending) -> IntFormat:
    """The least format of 8 bits or more that holds every value of a scaled sum."""
    a = pending.attributes
    lo = hi = np.asarray(a["add"], object)
    for x, factor in zip(pending.inputs, a["multipliers"], strict=True):
        assert isinstance(x, Activation)
        known = b.quantization(x.tensor)
        assert known is not None
        ends = [factor.astype(object) * end for end in (known.format.lo, known.format.hi)]
        lo, hi = lo + np.minimum(*ends), hi + np.maximum(*ends)
    divisor = a["divisor"] or 1
    least, most = int(np.min(lo)) // divisor, int(np.max(hi)) // divisor
    signed = least < 0
    bits = signed_bits(least, most) if signed else max(most.bit_length(), 1)
    return IntFormat(min(max(bits, 8), 32), signed)
