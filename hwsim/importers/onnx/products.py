"""Convolutions and linear layers: weights in hwsim's shape, factors and biases folded in."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.importers.onnx.source import Op
from hwsim.importers.onnx.values import Constant, Grid, Pending, Product, Reals, Weight
from hwsim.mapping.layer import Activation, Clamp, MacLayer

_SAME_SCALE = 2.0**-20
"""Relative distance within which a bias scale is ``sx * sw``: float32 products differ by an ulp."""


def weight_of(op: Op, constant: Constant, perm: tuple[int, ...]) -> Weight:
    """A constant as a layer's weight: axes in the order ``perm``, output channels first."""
    real = op.finite("weight", constant.array).transpose(perm)
    if 0 in real.shape:
        raise op.error("weight shape", real.shape, "must hold at least one number")
    one, zero = np.ones(1), np.zeros(1, np.int64)
    grid = constant.grid
    if grid is None:
        return Weight(None, one, zero, IntFormat(8), real)
    grid = grid.moved(perm)
    for name, values in (("scale", grid.scale), ("zero point", grid.zero_point)):
        if values.size != values.shape[0]:
            must = "must be one number, or one for each output channel"
            raise op.unsupported(f"weight {name}", f"shape {values.shape}", must)
    return Weight(
        np.ascontiguousarray(grid.codes),
        grid.scale.reshape(-1).astype(np.float64),
        grid.zero_point.reshape(-1).astype(np.int64),
        grid.format,
        real,
        grid.real,
    )


def reordered(weight: Weight, order: NDArray[np.int64]) -> Weight:
    """A linear layer's weight for inputs whose elements lie in another order."""

    def columns(array: NDArray[Any] | None) -> NDArray[Any] | None:
        return None if array is None else np.ascontiguousarray(array[:, order])

    real = columns(weight.real)
    assert real is not None
    return Weight(
        columns(weight.codes),
        weight.scale,
        weight.zero_point,
        weight.format,
        real,
        columns(weight.trained),
    )


def code_layer(pending: Pending, input_scale: float, activation: str, clamp: Clamp) -> MacLayer:
    """The layer on codes, its gain in the weight scale and its offset in the bias."""
    product = pending.product
    assert product is not None
    if product.weight is None:
        return _layer(product, _empty(), activation, clamp)
    codes, scale, zero, form = _with_gain(product)
    fields: dict[str, Any] = {
        "weight": codes,
        "weight_scale": scale,
        "weight_zero_point": zero,
        "weight_format": form,
        **_bias(product, input_scale),
    }
    if product.weight.trained is not None:
        gain = _column(product.gain, product.weight.trained.ndim)
        fields["float_weight"] = np.ascontiguousarray(product.weight.trained * gain)
    return _layer(product, fields, activation, clamp)


def float_layer(product: Product, activation: str) -> MacLayer:
    """A layer of real values: it runs in the float twin, and is what quantization starts from."""
    fields = _empty()
    if product.weight is not None:
        weight = product.weight.real
        gain = _column(product.gain, weight.ndim)
        fields["float_weight"] = np.ascontiguousarray(weight * gain)
        bias = _real_bias(product)
        fields["float_bias"] = bias if bias is not None else None
    return _layer(product, fields, activation, (None, None))


def sum_layer(pending: Pending, input_scale: float) -> tuple[MacLayer, Reals, Reals]:
    """A layer whose codes are its sums, with the factor and offset of each channel after it.

    The integer bias stays in the accumulator where it is at ``sx * sw``.
    """
    product = pending.product
    assert product is not None
    if product.weight is None:
        return _layer(product, _empty(), "none", (None, None)), product.gain, product.offset
    weight = product.weight
    assert weight.codes is not None
    channels = weight.channels
    codes = _integer_bias(product, input_scale)
    gain = np.broadcast_to(product.gain * weight.scale, (channels,)).astype(np.float64)
    offset = np.broadcast_to(product.offset, (channels,)).astype(np.float64)
    if codes is None and product.bias is not None:
        offset = offset + product.bias * product.gain
    fields: dict[str, Any] = {
        "weight": weight.codes,
        "weight_scale": np.ones(1),
        "weight_zero_point": weight.zero_point,
        "weight_format": weight.format,
        "bias": codes,
        "bias_bits": None if codes is None else 32,
    }
    if weight.trained is not None:
        step = _column(weight.scale, weight.trained.ndim)
        fields["float_weight"] = np.ascontiguousarray(weight.trained / step)
    return _layer(product, fields, "none", (None, None)), gain, offset


def _layer(product: Product, fields: dict[str, Any], activation: str, clamp: Clamp) -> MacLayer:
    assert activation in get_args(Activation)
    return MacLayer(
        op=product.op,
        stride=product.stride,
        dilation=product.dilation,
        padding=product.padding,
        groups=product.groups,
        clamp=clamp,
        activation=activation,  # type: ignore[arg-type]  # checked above
        **fields,
    )


def _empty() -> dict[str, Any]:
    """The fields of a layer without weight codes."""
    return {
        "weight": None,
        "weight_format": IntFormat(8),
        "weight_scale": np.ones(1),
        "weight_zero_point": np.zeros(1, np.int64),
    }


def _with_gain(
    product: Product,
) -> tuple[NDArray[np.int64], Reals, NDArray[np.int64], IntFormat]:
    """Codes, scale, zero point and format with the gain in the scale; scales stay positive.

    A negative gain turns the signs of its channel's codes, for which the format may need one bit
    more; a gain of 0 makes them zero points.
    """
    weight, gain = product.weight, product.gain
    assert weight is not None
    assert weight.codes is not None
    if (gain == 1.0).all():
        return weight.codes, weight.scale, weight.zero_point, weight.format
    channels = weight.channels
    gain = np.broadcast_to(gain, (channels,))
    zero = np.broadcast_to(weight.zero_point, (channels,)).copy()
    scale = np.broadcast_to(weight.scale, (channels,)) * np.where(gain == 0, 1.0, np.abs(gain))
    codes = weight.codes.copy()
    codes[gain == 0] = _column(zero[gain == 0], codes.ndim)
    codes[gain < 0] *= -1
    zero[gain < 0] *= -1
    form = weight.format
    values = (int(codes.min()), int(codes.max()), int(zero.min()), int(zero.max()))
    if not all(value in form for value in values):
        form = IntFormat(form.bits + 1)
    if (zero == zero[0]).all():
        zero = zero[:1]
    return codes, scale, zero, form


def _bias(product: Product, input_scale: float) -> dict[str, Any]:
    """The bias fields: integers where the file has them at ``sx * sw`` and nothing follows."""
    plain = (product.gain == 1.0).all() and (product.offset == 0.0).all()
    codes = _integer_bias(product, input_scale)
    if codes is not None and plain:
        return {"bias": codes, "bias_bits": 32}
    return {"real_bias": _real_bias(product)}


def _real_bias(product: Product) -> Reals | None:
    """The whole bias in real numbers; None where there is none."""
    if product.bias is None and (product.offset == 0.0).all():
        return None
    assert product.weight is not None
    bias = np.zeros(1) if product.bias is None else product.bias
    total = product.gain * bias + product.offset
    return np.broadcast_to(total, (product.weight.channels,)).astype(np.float64)


def _integer_bias(product: Product, input_scale: float) -> NDArray[np.int64] | None:
    """The bias's codes where their scale is ``sx * sw`` and their zero point 0."""
    grid, weight = product.bias_grid, product.weight
    if grid is None or weight is None:
        return None
    scale = np.broadcast_to(grid.scale.reshape(-1), (weight.channels,))
    wanted = np.broadcast_to(weight.scale * input_scale, (weight.channels,))
    same = np.abs(scale - wanted) <= _SAME_SCALE * wanted
    if not same.all() or grid.zero_point.any():
        return None
    return np.ascontiguousarray(np.broadcast_to(grid.codes.reshape(-1), (weight.channels,)))


def bias_of(op: Op, constant: Constant | None, channels: int) -> tuple[Reals | None, Grid | None]:
    """A layer's bias: real values of shape (channels,), and its codes where the file has them."""
    if constant is None:
        return None, None
    values = op.finite("bias", constant.array).reshape(-1)
    if values.size not in (1, channels):
        must = f"must be {channels} numbers"
        raise op.error("bias", f"shape {constant.array.shape}", must)
    grid = constant.grid
    if grid is not None and grid.scale.size not in (1, values.size):
        grid = None
    return np.broadcast_to(values, (channels,)).astype(np.float64), grid


def _column(values: NDArray[Any], axes: int) -> NDArray[Any]:
    """One number a channel, to be combined with a weight of so many axes."""
    return np.asarray(values).reshape(-1, *(1,) * (axes - 1))
