"""Sums of a layer in any order, on bytes: nothing is lost on their way.

Where the weight bound proves that no register of a layer leaves its range, sums are exact in any
order. Two machines store an exact sum once, at the end: one that says so (``accumulator.check:
final``), and one that wraps all along, since what wrapping takes away is a multiple of
``2**bits`` (a chain that wraps must be as wide as the accumulator, or wide enough for its sums).

Activations stay bytes; with ``o`` = 128 for signed codes, else 0, and Z = Za + o::

    sum (x - Za) * w = sum (x + o) * w - Z * sum w
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.overflow import Overflow
from hwsim.array.alignment import aligned_copy
from hwsim.array.bounds import Bounds
from hwsim.array.channel_sums import exact_channels, repeated
from hwsim.array.exact_codes import exact_codes
from hwsim.array.exact_sums import (
    FOUR,
    exact_sums,
    in_matrices,
    lanes_of,
    lay_blocks,
    store_once,
    tile_of,
)
from hwsim.array.gemm import Datapath, Ints, Register
from hwsim.array.images import lay_codes
from hwsim.array.requantizer import Requantizer
from hwsim.mapping.layer import MacLayer
from hwsim.mapping.prepare import PreparedLayer
from hwsim.network.graph import Tensor
from hwsim.network.values_codes import padded
from hwsim.network.values_geometry import Geometry
from hwsim.network.values_pieces import Pieces, Span

IN_MATRICES = 8  # MACs, about, that are worth a thread as one is in vectors


def chain_holds(bounds: Bounds, datapath: Datapath) -> bool:
    """Whether the weight bound lies inside every register between the products and the sum."""
    if bounds.chain_weight is None:
        return True
    lo, hi = bounds.chain_weight.reach
    return all(r.lo <= lo <= hi <= r.hi for r in datapath.chain)


def cannot_overflow(bounds: Bounds, datapath: Datapath) -> bool:
    """Whether the weight bound lies inside every register."""
    lo, hi = bounds.accumulator_weight.reach
    register = datapath.accumulator
    return register.lo <= lo <= hi <= register.hi and chain_holds(bounds, datapath)


def wraps(register: Register) -> bool:
    """Whether it keeps the low bits, all of them."""
    return register.overflow == Overflow.WRAP and not register.wrap_bits


def stored_once(bounds: Bounds, datapath: Datapath) -> bool:
    """Whether one store of the exact sum, at the end, gives what the accumulator holds."""
    last = datapath.accumulator
    if last.overflow == Overflow.TRAP:
        return False
    if datapath.check_final:
        return chain_holds(bounds, datapath)
    chain_wraps = all(wraps(r) and r.bits >= last.bits for r in datapath.chain)
    return wraps(last) and (chain_wraps or chain_holds(bounds, datapath))


class ExactSums:
    """`hwsim.network.values_pieces.Sums` in whatever order is quickest; stored once or as they are.

    ``once``: the register that stores them at the end, or None where it holds all of them.
    """

    kind: type[np.generic] = np.uint8

    def __init__(
        self, geometry: Geometry, weight: Ints, bias: Ints, source: Tensor, once: Register | None
    ) -> None:
        assert source.format is not None
        channels, ky = weight.shape[:2]
        self.once = once
        self.offset = np.uint8(128 if source.format.signed else 0)
        zero = source.zero_point + int(self.offset)
        self.border = zero & 0xFF
        self.by_channel = geometry.by_channel
        steps = ky * -(-weight[0, 0].size // FOUR)
        lanes = channels if self.by_channel else lanes_of(channels, steps)
        self.macs = weight.size
        start = bias - zero * weight.sum(axis=(1, 2, 3))
        by_block = padded(start, lanes).reshape(-1, lanes).astype(np.int32)
        self.start = aligned_copy(by_block)
        self.shape = (len(self.start), lanes)
        self.jump, self.taps = geometry.jump, geometry.taps
        self.weight: NDArray[np.signedinteger]
        self.tile = 1
        if self.by_channel:
            self.weight = repeated(weight[..., 0].reshape(channels, -1).T)
            self.row = repeated(self.start)
        else:
            by_run = weight.transpose(1, 2, 3, 0).reshape(ky, -1, channels)
            self.weight = lay_blocks(by_run, lanes)
            self.tile = tile_of(lanes, steps)
            if in_matrices(steps):
                self.macs //= IN_MATRICES

    def place(self, codes: NDArray[Any], geometry: Geometry, images: NDArray[Any]) -> None:
        """Codes with the offset added: + 128 of a byte is its top bit."""
        lay_codes(geometry.rows_of(codes), self.offset, 0, 0, images, *geometry.where_rows_lie)

    def add(self, images: NDArray[Any], places: Ints, out: NDArray[np.int32]) -> list[Span]:
        """Sums of whole tiles."""
        if self.by_channel:
            exact_channels(images, places, self.taps, self.weight, self.row, out[:, 0])
        else:
            exact_sums(images, places, self.jump, self.weight, self.start, out)
        if self.once is not None:
            register = self.once
            store_once(
                out.reshape(-1), register.lo, register.hi, register.overflow, register.wrap_bits
            )
        return []


class ExactPieces(Pieces[ExactSums]):
    """Sums and codes in one kernel, where nothing comes between them."""

    def __init__(self, geometry: Geometry, sums: ExactSums, requantizer: Requantizer) -> None:
        super().__init__(geometry, sums, requantizer)
        codes = self.codes
        alone = sums.once is None and not sums.by_channel and codes.lanes == codes.channels
        together = alone and codes.is_near
        self.kernel = exact_codes(codes.scheme, codes.rounding) if together else None
        self.where = (sums.offset, *geometry.where_rows_lie)
        self.given = (
            sums.jump, sums.weight, sums.start, sums.tile, codes.constants[1], codes.repeats,
            codes.constants[codes.repeats], codes.output,
        )  # fmt: skip
        self.nothing = np.empty((0, 0, 0), np.uint8)

    def make_all(self, codes: NDArray[Any], out: NDArray[Any], number: int) -> list[Span]:
        """As `Pieces`."""
        if self.kernel is None:
            return super().make_all(codes, out, number)
        samples, rows = len(codes), self.geometry.rows_of(codes)
        images, places = self.images(samples, number), self.places(samples)
        self.kernel(rows, self.where, images, places, *self.given, out)
        return []

    def make(
        self, images: NDArray[Any], places: Ints, span: Span, out: NDArray[Any], number: int
    ) -> list[Span]:
        """As `Pieces`."""
        if self.kernel is None:
            return super().make(images, places, span, out, number)
        (begin, end), tile = span, self.sums.tile
        some = places[begin : begin + -(-(end - begin) // tile) * tile]
        self.kernel(self.nothing, self.where, images, some, *self.given, out[begin:end])
        return []


def exact_sums_of(
    layer: MacLayer, prepared: PreparedLayer, source: Tensor, geometry: Geometry
) -> ExactSums | None:
    """The sums on bytes, or None where that is not proven equal, or not built."""
    lost, datapath = prepared.bias.lost, prepared.datapath
    exact = cannot_overflow(prepared.bounds, datapath)
    if not exact and not stored_once(prepared.bounds, datapath):
        return None
    if datapath.drop_bits or (lost is not None and lost.any()):
        return None
    if not geometry.in_rows:
        return None
    weight = plain_weight(layer)
    bias = prepared.gemm.bias
    channels = len(weight)
    start = np.zeros(channels, np.int64) if bias is None else bias.ravel()
    farthest = np.abs(weight).sum(axis=(1, 2, 3)).max(initial=0) * 255 * 2
    farthest += int(np.abs(start).max(initial=0))
    if np.abs(weight).max(initial=0) > 127 + (weight.min() == -128) or farthest >= 1 << 31:
        return None
    return ExactSums(geometry, weight, start, source, None if exact else datapath.accumulator)


def plain_weight(layer: MacLayer) -> Ints:
    """``w - Zw`` of shape (oc, ky, kx, ic)."""
    assert layer.weight is not None
    weight = layer.weight.astype(np.int64)
    weight = weight - layer.weight_zero_point.reshape(-1, *[1] * (weight.ndim - 1))
    return weight[:, None, None, :] if weight.ndim == 2 else weight
