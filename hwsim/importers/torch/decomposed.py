"""``quantized_decomposed``: PT2E's quantize and dequantize with their grids."""

from __future__ import annotations

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.importers.onnx.source import Stored
from hwsim.importers.torch.program import Call, Ref
from hwsim.importers.torch.translation import Translation

FORMATS = {1: IntFormat(8, signed=False), 2: IntFormat(8), 3: IntFormat(16), 4: IntFormat(32)}
"""PyTorch's numbers of scalar types to formats."""


def _grid(t: Translation, call: Call) -> tuple[str, str]:
    """Scale and zero point of a quantize or dequantize call, as constants."""
    form = _code_format(call)
    scale, zero = call.arguments.get("scale"), call.arguments.get("zero_point")
    if isinstance(scale, Ref) and isinstance(zero, Ref):
        stored = t.constants.get(zero.name)
        if stored is None:
            raise call.unsupported("zero_point", zero.name, "must be a constant")
        values = stored.array.astype(np.int64)
        return scale.name, t.constant(call, "zero_point", values, form)
    dtype = np.int64
    return (
        t.constant(call, "scale", np.float64(call.real("scale"))),
        t.constant(call, "zero_point", dtype(call.integer("zero_point")), form),
    )


def _state_format(t: Translation, call: Call) -> None:
    """Constant codes have the format that the call states."""
    stored = t.constants.get(call.tensor("input"))
    if stored is not None:
        t.constants[call.tensor("input")] = Stored(stored.array, _code_format(call))


def _code_format(call: Call) -> IntFormat:
    """The format of codes: the type's, or a narrower one that quant_min and quant_max state."""
    lo, hi = call.integer("quant_min"), call.integer("quant_max")
    number = call.integer("dtype")
    if number not in FORMATS:
        raise call.unsupported("dtype", number, "must be an integer of 8 to 32 bits")
    signed = lo < 0
    bits = (hi if hi >= -lo else -lo - 1).bit_length() + signed
    for narrow in (False, True):
        if bits >= 1 + narrow and (signed or not narrow):
            form = IntFormat(bits, signed, narrow)
            if (form.lo, form.hi) == (lo, hi):
                return form
    raise call.unsupported("quant_min, quant_max", (lo, hi), "must be a whole range of codes")


def quantize(t: Translation, call: Call) -> None:
    """Real values to codes of one grid; of one chosen at run time: see `aten.linear`."""
    if _at_run_time(t, call):
        t.dynamic[call.outputs[0]] = call.tensor("input")
        return
    scale, zero = _grid(t, call)
    t.add(call, "QuantizeLinear", [call.tensor("input"), scale, zero])


def dequantize(t: Translation, call: Call) -> None:
    """Codes of one grid to real values."""
    if _at_run_time(t, call):
        source = t.dynamic.get(call.tensor("input"))
        if source is None:
            raise call.unsupported("input", call.tensor("input"), "must be quantized at run time")
        t.dynamic[call.outputs[0]] = source
        return
    scale, zero = _grid(t, call)
    _state_format(t, call)
    t.add(call, "DequantizeLinear", [call.tensor("input"), scale, zero])


def dequantize_channels(t: Translation, call: Call) -> None:
    """Weights with a scale for each channel."""
    form, zeros = _code_format(call), call.arguments.get("zero_points")
    if isinstance(zeros, Ref) and zeros.name in t.constants:
        values = t.constants[zeros.name].array.astype(np.int64)
    else:
        values = np.zeros(1, np.int64)
    _state_format(t, call)
    zero = t.constant(call, "zero_points", values, form)
    inputs = [call.tensor("input"), call.tensor("scales"), zero]
    t.add(call, "DequantizeLinear", inputs, axis=call.integer("axis"))


def choose_parameters(t: Translation, call: Call) -> None:
    """Scale and zero point of the values themselves; `DynamicLinear` has the rule."""
    if len(call.outputs) != 2:
        raise call.error("outputs", len(call.outputs), "must be two")
    levels = (call.integer("quant_min"), call.integer("quant_max"))
    if levels != (-128, 127) or call.real("eps") != 2.0**-12:
        raise call.unsupported("quant_min, quant_max", levels, "must be -128, 127, eps 2**-12")
    t.run_time.update(call.outputs)


def _at_run_time(t: Translation, call: Call) -> bool:
    """Whether scale and zero point were chosen at run time."""
    scale = call.arguments.get("scale")
    return isinstance(scale, Ref) and scale.name in t.run_time
