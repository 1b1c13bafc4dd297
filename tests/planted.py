"""A device of its own, with mistakes to plant: other arithmetic than hwsim's, and none of its code
(only its records, to hand the same layer to both).

Codes are made by rounding real numbers, sums by ``np.einsum`` over windows, the output by one
float64 product, ties away from zero: a right device, but not equal to any machine in every tie.
"""

from dataclasses import dataclass, replace

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.mapping.layer import MacLayer
from hwsim.network.graph import Graph, Node, Tensor

MISTAKES = (
    "bias dropped", "bias not scaled",
    "input truncated: floor", "input truncated: zero",
    "weight truncated: floor", "weight truncated: zero",
    "output truncated: floor", "output truncated: zero",
    "weight zero point kept", "padding of 0", "padding of the least code",
    "shift one too small", "shift one too large",
    "scale (s1 + s2) / s3", "scale without s3", "scale of the next channel",
)  # fmt: skip


@dataclass(frozen=True)
class Device:
    """One layer as a device has it.

    ``weight`` real, (oc, ky, kx, ic / groups) or (oc, ic); ``bias`` real, (oc,); ``codes`` and
    ``zw`` of the weights; scales; ``lo, hi`` of the input's codes; ``out`` of the output's
    (activation included).
    """

    weight: np.ndarray
    codes: np.ndarray
    weight_range: tuple
    bias: np.ndarray
    sx: float
    zx: int
    input_range: tuple
    sw: np.ndarray
    zw: np.ndarray
    sy: float
    zy: int
    out: tuple
    stride: tuple = (1, 1)
    padding: tuple = ((0, 0), (0, 0))
    dilation: tuple = (1, 1)
    groups: int = 1


def half_away(v):
    """Nearest, ties away from zero."""
    return np.sign(v) * np.floor(np.abs(v) + 0.5)


def rounded(v, how):
    """To integers, as a mistake has it."""
    return {"floor": np.floor, "zero": np.trunc}.get(how, np.rint)(v)


def way(mistake, what):
    """How ``what`` is rounded."""
    return mistake.split(": ")[1] if mistake.startswith(what) else "nearest"


def run(device: Device, x_real, mistake="") -> np.ndarray:
    """Output codes, (S, oy, ox, oc) or (S, oc), of real inputs."""
    d = device
    lo, hi = d.input_range
    x = np.clip(rounded(x_real / d.sx, way(mistake, "input")) + d.zx, lo, hi)
    axes = (-1,) + (1,) * (d.codes.ndim - 1)
    w = d.codes.astype(float)
    if mistake.startswith("weight truncated"):
        w = rounded(d.weight / d.sw.reshape(axes), way(mistake, "weight")) + d.zw.reshape(axes)
        w = np.clip(w, *d.weight_range)
    if mistake != "weight zero point kept":
        w = w - d.zw.reshape(axes)
    acc = sums(d, x, w, mistake)
    if mistake == "bias not scaled":
        acc = acc + np.rint(d.bias)
    elif mistake != "bias dropped":
        acc = acc + np.rint(d.bias / (d.sx * d.sw))
    v = acc * factor(d, mistake)
    code = rounded(v, way(mistake, "output")) if mistake.startswith("output") else half_away(v)
    return np.clip(code + d.zy, *d.out).astype(np.int64)


def factor(d: Device, mistake):
    """From the sum to the output."""
    right = d.sx * d.sw / d.sy
    return {
        "shift one too small": 2 * right,
        "shift one too large": right / 2,
        "scale (s1 + s2) / s3": (d.sx + d.sw) / d.sy,
        "scale without s3": d.sx * d.sw,
        "scale of the next channel": np.roll(right, -1),
    }.get(mistake, right)


def sums(d: Device, x, w, mistake):
    """Sums of products, zero point of the input subtracted, padding as a mistake has it."""
    if w.ndim == 2:
        return (x - d.zx) @ w.T
    fill = {"padding of 0": 0, "padding of the least code": d.input_range[0]}.get(mistake, d.zx)
    (top, bottom), (left, right) = d.padding
    x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill) - d.zx
    oc, ky, kx, ic = w.shape
    reach = [(k - 1) * step + 1 for k, step in zip((ky, kx), d.dilation, strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(1, 2))
    windows = windows[:, :: d.stride[0], :: d.stride[1], :, :: d.dilation[0], :: d.dilation[1]]
    parts = []
    for g in range(d.groups):
        mine = windows[:, :, :, g * ic : (g + 1) * ic]
        own = w[g * (oc // d.groups) : (g + 1) * (oc // d.groups)]
        parts.append(np.einsum("syxcij,oijc->syxo", mine, own, optimize=True))
    return np.concatenate(parts, axis=-1)


def possible(d: Device) -> list[str]:
    """The mistakes that this layer can have."""
    out = []
    padded = d.codes.ndim == 4 and np.any(d.padding)
    for mistake in MISTAKES:
        if mistake == "weight zero point kept" and not d.zw.any():
            continue
        if mistake.startswith("padding") and not padded:
            continue
        if mistake == "padding of 0" and d.zx == 0:
            continue
        if mistake == "padding of the least code" and d.input_range[0] in (0, d.zx):
            continue
        if mistake == "scale of the next channel" and np.ptp(d.sw) == 0:
            continue
        out.append(mistake)
    return out


def random_device(seed: int) -> tuple[Device, np.ndarray]:
    """A layer made of chance, with fitting scales, and real inputs for it: (S, *shape)."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(["conv", "depthwise", "fully_connected"])
    affine, unsigned, relu = (bool(rng.integers(2)) for _ in range(3))
    oc = int(rng.integers(2, 13))
    if kind == "fully_connected":
        ic = int(rng.integers(8, 97))
        x = rng.normal(0.3, 1.0, (48, ic))
        weight = rng.normal(0, 1 / np.sqrt(ic), (oc, ic))
        words = {}
    else:
        size, k = int(rng.integers(6, 13)), int(rng.choice([1, 3, 3, 3, 5]))
        ic = oc if kind == "depthwise" else int(rng.integers(1, 9))
        taps = 1 if kind == "depthwise" else ic
        x = rng.normal(0.3, 1.0, (4, size, size, ic))
        weight = rng.normal(0, 1 / np.sqrt(k * k * taps), (oc, k, k, taps))
        pad = k // 2 * int(rng.integers(4) > 0)
        words = {
            "padding": ((pad, pad), (pad, pad)),
            "stride": (int(rng.integers(1, 3)),) * 2,
            "groups": oc if kind == "depthwise" else 1,
        }
    if rng.integers(2):
        x = np.maximum(x, 0)
    weight = weight * rng.uniform(0.3, 2.0, oc).reshape((-1,) + (1,) * (weight.ndim - 1))
    weight = weight + (rng.normal(0, 0.1, oc) * affine).reshape((-1,) + (1,) * (weight.ndim - 1))
    lo, hi = (0, 255) if unsigned else (-128, 127)
    sx = (x.max() - min(x.min(), 0)) / 255
    zx = int(np.rint(lo - min(x.min(), 0) / sx))
    rows = weight.reshape(oc, -1)
    if affine:
        span = np.maximum(rows.max(1), 0) - np.minimum(rows.min(1), 0)
        sw, (wlo, whi) = span / 255, (-128, 127)
        zw = np.rint(wlo - np.minimum(rows.min(1), 0) / sw).astype(np.int64)
    else:
        sw, (wlo, whi) = np.abs(rows).max(1) / 127, (-127, 127)
        zw = np.zeros(oc, np.int64)
    axes = (-1,) + (1,) * (weight.ndim - 1)
    codes = np.clip(np.rint(weight / sw.reshape(axes)) + zw.reshape(axes), wlo, whi)
    bias = rng.normal(0, 0.5, oc)
    device = Device(
        weight, codes.astype(np.int64), (wlo, whi), bias, sx, zx, (lo, hi), sw, zw, 1.0, 0,
        (-(1 << 40), 1 << 40), **words,
    )  # fmt: skip
    inputs = np.clip(np.rint(x / sx) + zx, lo, hi)
    v = sums(device, inputs, codes - zw.reshape(axes), "") * (sx * sw) + bias
    least = 0.0 if relu else min(float(np.quantile(v, 0.001)), 0.0)
    sy = max(float(np.quantile(v, 0.999)) - least, 1e-3) / 255
    zy = int(np.rint(lo - least / sy))
    return replace(device, sy=sy, zy=zy, out=(zy if relu else lo, hi)), x


def graph_of(d: Device, shape, out_shape):
    """The same layer as hwsim has it: codes, and the trained parameters beside them."""
    kinds = {2: "fully_connected", 4: "depthwise_conv_2d" if d.groups > 1 else "conv_2d"}
    op, form = kinds[d.codes.ndim], IntFormat(8, d.input_range[0] < 0)
    least = d.weight_range[0]
    weight_form = IntFormat(8, signed=least < 0, narrow=least == -127)
    layer = MacLayer(
        op, d.codes.astype(np.int32), weight_form, d.sw, d.zw,
        bias=np.rint(d.bias / (d.sx * d.sw)).astype(np.int64), stride=d.stride, padding=d.padding,
        dilation=d.dilation, groups=d.groups, float_weight=d.weight, float_bias=d.bias,
        clamp=(d.out[0] if d.out[0] != form.lo else None, None),
    )  # fmt: skip
    tensors = {
        "x": Tensor("x", tuple(shape), form, d.sx, d.zx),
        "y": Tensor("y", tuple(out_shape), form, d.sy, d.zy),
    }
    return Graph("planted", tensors, (Node("layer", op, ("x",), "y", layer),), ("x",), ("y",))


def device_of(graph, node, clamp, rng) -> Device:
    """A network's layer as a device; trained weights are drawn about the codes where it has none.

    ``clamp``: the activation's bounds in codes, None where there is none.
    """
    layer, source, out = node.layer, graph.tensors[node.inputs[0]], graph.tensors[node.output]
    channels = len(layer.weight)
    sw, zw = (np.broadcast_to(v, channels) for v in (layer.weight_scale, layer.weight_zero_point))
    axes = (-1,) + (1,) * (layer.weight.ndim - 1)
    steps = layer.weight - zw.reshape(axes)
    weight = layer.float_weight
    if weight is None:
        weight = (steps + rng.uniform(-0.49, 0.49, steps.shape)) * sw.reshape(axes)
    bias = np.zeros(channels) if layer.bias is None else layer.bias * (source.scale * sw)
    lo, hi = (
        end if bound is None else max(min(bound, out.format.hi), out.format.lo)
        for bound, end in zip(clamp, (out.format.lo, out.format.hi), strict=True)
    )
    return Device(
        weight, layer.weight.astype(np.int64), (layer.weight_format.lo, layer.weight_format.hi),
        bias, source.scale, source.zero_point, (source.format.lo, source.format.hi), sw, zw,
        out.scale, out.zero_point, (lo, hi), layer.stride, layer.padding, layer.dilation,
        layer.groups,
    )  # fmt: skip
