"""A layer whose registers cannot overflow, on bytes: exact sums, requantized at once.

Where the weight bound proves that no register of a layer leaves its range, sums are exact in any
order, and the layer's codes are ``requantize(bias + sum (x - Za) * w)``. Activations stay bytes;
with ``o`` = 128 for signed codes, else 0, and Z = Za + o::

    sum (x - Za) * w = sum (x + o) * w - Z * sum w
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.bounds import Bounds
from hwsim.array.exact_sums import TILES, exact_sums, exact_taps, lanes_of, lay_blocks
from hwsim.array.gemm import Datapath, Ints
from hwsim.array.requantizer_kernel import TABLE_SCHEMES
from hwsim.mapping.layer import MacLayer
from hwsim.mapping.prepare import PreparedLayer
from hwsim.network.graph import Tensor
from hwsim.network.values_codes import Codes, padded
from hwsim.network.values_geometry import Geometry

SLACK = 64  # bytes that a run of four may read past an image
OUTPUTS_AT_ONCE = 8192
BYTE_CODES = 8


def cannot_overflow(bounds: Bounds, datapath: Datapath) -> bool:
    """Whether the weight bound lies inside every register."""
    lo, hi = bounds.accumulator_weight.reach
    if not datapath.accumulator.lo <= lo <= hi <= datapath.accumulator.hi:
        return False
    if bounds.chain_weight is None:
        return True
    lo, hi = bounds.chain_weight.reach
    return all(r.lo <= lo <= hi <= r.hi for r in datapath.chain)


def on_bytes(
    layer: MacLayer, prepared: PreparedLayer, source: Tensor, output: Tensor
) -> ByteLayer | None:
    """The layer on bytes, or None where that is not proven equal, or not built."""
    assert source.format is not None
    assert output.format is not None
    requantizer, lost = prepared.requantizer, prepared.bias.lost
    if max(source.format.bits, output.format.bits) > BYTE_CODES or layer.weight is None:
        return None
    if prepared.machine.product.drop_bits or (lost is not None and lost.any()):
        return None
    if not cannot_overflow(prepared.bounds, prepared.datapath):
        return None
    if requantizer.narrow or requantizer.lfsr or requantizer.scheme in TABLE_SCHEMES:
        return None
    if requantizer.tail_lanes or requantizer.tail < requantizer.multiplier.size:
        return None
    weight = layer.weight.astype(np.int64)
    weight = weight - layer.weight_zero_point.reshape(-1, *[1] * (weight.ndim - 1))
    if weight.ndim == 2:
        weight = weight[:, None, None, :]
    depthwise = layer.groups > 1
    simple = layer.op != "transpose_conv_2d" and layer.dilation[1] == 1
    if not simple or (depthwise and not layer.groups == source.shape[-1] == weight.shape[0]):
        return None
    offset = 128 if source.format.signed else 0
    farthest = np.abs(weight).sum(axis=(1, 2, 3)).max(initial=0) * 255 * 2
    bias = prepared.gemm.bias
    farthest += 0 if bias is None else int(np.abs(bias).max(initial=0))
    if np.abs(weight).max(initial=0) > 127 + (weight.min() == -128) or farthest >= 1 << 31:
        return None
    return ByteLayer(layer, weight, offset, source, output, prepared)


class ByteLayer:
    """Codes to codes of one layer: arrays of int8 or uint8, (S, *shape) to (S, *shape).

    It keeps its room from call to call: one call at a time.
    """

    def __init__(
        self,
        layer: MacLayer,
        weight: Ints,
        offset: int,
        source: Tensor,
        output: Tensor,
        prepared: PreparedLayer,
    ) -> None:
        channels, ky, kx, _ = weight.shape
        self.geometry = Geometry.of(layer, source, (ky, kx))
        self.offset, self.source, self.output = offset, source, output
        self.by_channel = layer.groups > 1
        zero = source.zero_point + offset
        bias = prepared.gemm.bias
        start = (0 if bias is None else bias.ravel()) - zero * weight.sum(axis=(1, 2, 3))
        self.lanes = channels if self.by_channel else lanes_of(channels)
        self.tile = 1 if self.by_channel else TILES[self.lanes]
        self.at_once = 0
        self.start = padded(start, self.lanes).reshape(-1, self.lanes).astype(np.int32)
        self.weight: NDArray[np.signedinteger]
        if self.by_channel:
            self.weight = np.ascontiguousarray(weight[..., 0].reshape(channels, -1).T, np.int32)
        else:
            by_run = weight.transpose(1, 2, 3, 0).reshape(ky, -1, channels)
            self.weight = lay_blocks(by_run, self.lanes)
        self.codes = Codes(prepared.requantizer, self.start.size)

    def __call__(self, codes: NDArray[Any]) -> NDArray[Any]:
        """Every image, as many at once as keep their sums near."""
        pixels = self.geometry.places.size
        at_once = max(1, min(len(codes), OUTPUTS_AT_ONCE // pixels))
        if at_once > self.at_once:
            self._make_room(at_once)
        out = np.empty((len(codes), pixels, self.codes.channels), self.output_type)
        for first in range(0, len(codes), at_once):
            some = codes[first : first + at_once]
            self.geometry.place(some, self.offset, self.images)
            outputs = len(some) * pixels
            self._add(-(-outputs // self.tile) * self.tile)
            self.codes.make(self.sums[:outputs], out[first : first + at_once])
        return out.reshape(len(codes), *self.output.shape)

    @property
    def output_type(self) -> type[np.int8] | type[np.uint8]:
        """Of the codes that leave."""
        assert self.output.format is not None
        return np.int8 if self.output.format.signed else np.uint8

    def _make_room(self, at_once: int) -> None:
        """For so many images at once; kept from call to call, since new memory is slow."""
        self.at_once = at_once
        self.places = self.geometry.places_of(at_once, self.tile)
        border = (self.source.zero_point + self.offset) & 0xFF
        self.images = np.full(at_once * self.geometry.size + SLACK, border, np.uint8)
        self.sums = np.empty((self.places.size, *self.start.shape), np.int32)

    def _add(self, outputs: int) -> None:
        """The first so many sums of the images that lie there."""
        places, sums = self.places[:outputs], self.sums[:outputs]
        if self.by_channel:
            taps = self.geometry.taps
            exact_taps(self.images, places, taps, self.weight, self.start[0], sums[:, 0])
        else:
            exact_sums(self.images, places, self.geometry.jump, self.weight, self.start, sums)
