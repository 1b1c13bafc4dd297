"""The smallest model file: one layer as plain arrays, as ``numpy.savez`` writes them.

::

    scales = {"input_scale": 0.02, "weight_scale": 0.01, "output_scale": 0.1}
    numpy.savez("layer.npz", a=a, w=w, bias=bias, **scales)

======================== ==================================================================
``w``                    integer weights. Two axes, ``(K, N)``: ``out = a @ w``; four axes,
                         ``(oc, ky, kx, ic / groups)``: a convolution
``a``                    input codes: ``(K,)``, ``(M, K)`` or ``(S, M, K)``; for a convolution
                         ``(y, x, ic)`` or ``(S, y, x, ic)``. One sample where S is absent
``input_shape``          one sample's shape, where there is no ``a``
``bias``                 integers ``(N,)``, at scale ``input_scale * weight_scale``; optional
``input_scale``          real step of one input code
``weight_scale``         one number, or one for each output channel
``output_scale``         real step of one output code
``input_zero_point``     codes of real 0; 0 where absent (``weight_zero_point``: one number or
``weight_zero_point``    one for each output channel)
``output_zero_point``
``input_bits``           formats: the width; ``a``'s and ``w``'s own type where absent, the
``weight_bits``          output has the input's format. Without ``a``, ``input_bits`` and
``output_bits``          ``input_signed`` say the input's format
``input_signed``         true, false; only with or without ``a`` as its type says
``output_signed``
``stride``, ``dilation`` ``(y, x)``; 1, 1 where absent (convolutions only)
``padding``              ``((top, bottom), (left, right))``; 0 where absent
``groups``               1 where absent; ``groups = ic`` with ``w`` ending in 1 is depthwise
``relu``                 true: outputs below ``output_zero_point`` become it
======================== ==================================================================

Any other array is refused: a misspelled name must not pass. The codes ``a`` are the file's data
(``data.load`` finds them).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.errors import ModelError
from hwsim.importers.npz_checks import shape_after
from hwsim.mapping.layer import MacLayer, MacOp, Padding
from hwsim.network.graph import Graph, Node, Tensor

INTEGERS = (
    "a",
    "w",
    "bias",
    "input_shape",
    "input_zero_point",
    "weight_zero_point",
    "output_zero_point",
    "input_bits",
    "weight_bits",
    "output_bits",
    "stride",
    "dilation",
    "padding",
    "groups",
)
REALS = ("input_scale", "weight_scale", "output_scale")
FLAGS = ("input_signed", "output_signed", "relu")


class _Fields:
    """The file's arrays, asked for by name, kind and shape."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], where: str) -> None:
        self.arrays = arrays
        self.where = where
        if "w" not in arrays:
            raise self.error("graph", "absent", "must be there, or w for a file of one layer")
        for name, values in arrays.items():
            if name not in (*INTEGERS, *REALS, *FLAGS):
                known = ", ".join((*INTEGERS, *REALS, *FLAGS))
                raise self.error("array", name, f"must be one of {known}")
            if name in INTEGERS and values.dtype.kind not in "iu":
                raise self.error(f"{name}.dtype", values.dtype, "must be an integer type")
            if name in REALS:
                bad = ~(np.isfinite(values) & (values > 0))
                if bad.any():
                    raise self.error(name, values[bad][0], "must be positive and finite")

    def error(self, field: str, value: Any, must: str) -> Exception:
        return ModelError.at(self.where, field, value, must)

    def number(self, name: str, default: int | None, lo: int, hi: int) -> int:
        """An integer scalar in ``[lo, hi]``."""
        value = self.shaped(name, (), default)
        if not lo <= int(value) <= hi:
            raise self.error(name, int(value), f"must be {lo}..{hi}")
        return int(value)

    def real(self, name: str) -> float:
        """A real scalar."""
        return float(self.shaped(name, (), None))

    def flag(self, name: str, default: bool | None) -> bool:
        """True or false (also 0 or 1)."""
        value = self.shaped(name, (), default)
        if value not in (0, 1):
            raise self.error(name, value, "must be true or false")
        return bool(value)

    def steps(self, name: str) -> tuple[int, int]:
        """Two integers from 1."""
        y, x = (int(step) for step in self.shaped(name, (2,), (1, 1)))
        if not (1 <= y <= 1 << 16 and 1 <= x <= 1 << 16):
            raise self.error(name, (y, x), "must be 1..65536")
        return y, x

    def padding(self) -> Padding:
        """Four margins from 0."""
        margins = self.shaped("padding", (2, 2), ((0, 0), (0, 0)))
        if margins.min() < 0 or margins.max() > 1 << 16:
            raise self.error("padding", margins.tolist(), "must be 0..65536")
        (top, bottom), (left, right) = margins.tolist()
        return ((top, bottom), (left, right))

    def shaped(self, name: str, shape: tuple[int, ...], default: Any) -> NDArray[Any]:
        """An array of this shape; required where ``default`` is None."""
        if name not in self.arrays:
            if default is None:
                raise self.error(name, "absent", "must be there")
            return np.asarray(default)
        values = self.arrays[name]
        if values.shape != shape:
            raise self.error(f"{name}.shape", values.shape, f"must be {shape}")
        return values


def one_layer(arrays: Mapping[str, NDArray[Any]], path: Path) -> Graph:
    """A graph of one layer, from the arrays that this module's page names.

    Raises
    ------
    ModelError
        An array is missing, unknown, or of the wrong type, shape or range.
    """
    fields = _Fields(arrays, str(path))
    w = arrays["w"]
    if w.ndim not in (2, 4) or 0 in w.shape:
        raise fields.error("w.shape", w.shape, "must be (K, N) or (oc, ky, kx, ic / groups)")
    layer = _layer(fields, w)
    shape = _input_shape(fields, w.ndim)
    form = _input_format(fields)
    source = Tensor("a", shape, form, fields.real("input_scale"), _zero(fields, "input", form))
    bits = fields.number("output_bits", form.bits, 1, 32)
    out = IntFormat(bits, fields.flag("output_signed", form.signed))
    zero = _zero(fields, "output", out)
    sink = Tensor(
        "out", shape_after(layer, shape, "layer", str(path)), out, fields.real("output_scale"), zero
    )
    if fields.flag("relu", False):
        layer = MacLayer(**{**vars(layer), "clamp": (zero, None)})
    node = Node("layer", layer.op, ("a",), "out", layer)
    return Graph(path.stem, {"a": source, "out": sink}, (node,), ("a",), ("out",))


def _layer(fields: _Fields, w: NDArray[Any]) -> MacLayer:
    groups = fields.number("groups", 1, 1, 1 << 31)
    op: MacOp = "fully_connected"
    if w.ndim == 4:
        op = "depthwise_conv_2d" if groups > 1 and w.shape[3] == 1 else "conv_2d"
    weight = w.T if w.ndim == 2 else w
    bits = fields.number("weight_bits", 8 * w.dtype.itemsize, 1, 32)
    zeros = np.atleast_1d(fields.arrays.get("weight_zero_point", np.zeros(1, np.int64)))
    if "weight_scale" not in fields.arrays:
        raise fields.error("weight_scale", "absent", "must be there")
    return MacLayer(
        op=op,
        weight=np.ascontiguousarray(weight, np.int64),
        weight_format=IntFormat(bits, w.dtype.kind == "i"),
        weight_scale=np.atleast_1d(fields.arrays["weight_scale"]).astype(np.float64),
        weight_zero_point=zeros.astype(np.int64),
        bias=fields.arrays["bias"].astype(np.int64) if "bias" in fields.arrays else None,
        stride=fields.steps("stride"),
        dilation=fields.steps("dilation"),
        padding=fields.padding(),
        groups=groups,
    )


def _input_shape(fields: _Fields, axes: int) -> tuple[int, ...]:
    """One sample's shape: ``input_shape``, or that of ``a`` without its samples."""
    if "input_shape" in fields.arrays:
        shape = tuple(np.atleast_1d(fields.arrays["input_shape"]).ravel().tolist())
    elif "a" in fields.arrays:
        shape = fields.arrays["a"].shape
        most = 2 if axes == 2 else 3
        shape = shape[1:] if len(shape) == most + 1 else shape
    else:
        raise fields.error("a", "absent", "must be there, or input_shape")
    if not shape or len(shape) > 3 or min(shape) < 1:
        raise fields.error("input_shape", shape, "must be (K,), (M, K) or (y, x, channels)")
    return shape


def _input_format(fields: _Fields) -> IntFormat:
    a = fields.arrays.get("a")
    bits = fields.number("input_bits", None if a is None else 8 * a.dtype.itemsize, 1, 32)
    return IntFormat(bits, fields.flag("input_signed", None if a is None else a.dtype.kind == "i"))


def _zero(fields: _Fields, which: str, form: IntFormat) -> int:
    return fields.number(f"{which}_zero_point", 0, form.lo, form.hi)
