"""A layer without its ledger, codes to codes: sums piece by piece, requantized while they are near.

Images are laid out with their borders once, and taps are read where they lie; how sums are added
is `values_exact` and `values_saturating`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hwsim.array.gemm import Ints
from hwsim.array.requantizer import Requantizer
from hwsim.array.requantizer_kernel import TABLE_SCHEMES
from hwsim.array.threads import side_by_side
from hwsim.mapping.layer import MacLayer
from hwsim.mapping.prepare import PreparedLayer
from hwsim.network.graph import Tensor
from hwsim.network.values_codes import Codes
from hwsim.network.values_exact import exact_sums_of
from hwsim.network.values_geometry import Geometry
from hwsim.network.values_saturating import saturating_sums_of
from hwsim.network.values_work import PARTS, Worker

SLACK = 64  # elements that the last tap's read may reach past an image
OUTPUTS_AT_ONCE = 8192  # pixels of all images that are laid out together
BYTE_CODES = 8
SUMS_AT_ONCE = 1 << 17  # that are kept between adding and requantizing

Images = NDArray[Any]


class Sums(Protocol):
    """How one layer's sums are added.

    Attributes
    ----------
    shape : (blocks, lanes)
        Of the channels of one output.
    tile : int
        Outputs that are added together.
    border : int
        What the images hold around the codes.
    kind : type
        Of the images' elements.
    macs : int
        Of one output pixel, all channels.
    """

    shape: tuple[int, int]
    tile: int
    border: int
    kind: type[np.generic]
    macs: int

    def place(self, codes: NDArray[Any], geometry: Geometry, images: Images) -> None:
        """Lay codes (S, *shape) of bytes into images whose borders stand."""
        ...

    def add(self, images: Images, places: Ints, out: NDArray[np.int32]) -> None:
        """The sums of whole tiles of places: ``out``, int32 of shape (places, *shape)."""
        ...


@dataclass
class Room:
    """One worker's arrays, kept from call to call, since new memory is slow."""

    images: Images
    sums: NDArray[np.int32]


class QuickLayer:
    """Codes to codes of one layer: arrays of int8 or uint8, (S, *shape) to (S, *shape).

    Each worker has a room of its own: one call at a time.
    """

    def __init__(
        self, geometry: Geometry, sums: Sums, output: Tensor, requantizer: Requantizer
    ) -> None:
        self.geometry, self.sums, self.output = geometry, sums, output
        pixels, lanes = geometry.places.size, sums.shape[0] * sums.shape[1]
        self.codes = Codes(requantizer, lanes)
        self.at_once = max(1, OUTPUTS_AT_ONCE // max(pixels, 1))
        self.piece = max(SUMS_AT_ONCE // lanes // sums.tile, 1) * sums.tile
        self._rooms: dict[int, Room] = {}
        self._places: dict[int, Ints] = {}

    @property
    def macs(self) -> int:
        """Of one image."""
        return self.sums.macs * self.geometry.places.size

    def __call__(self, codes: NDArray[Any], worker: Worker) -> NDArray[Any]:
        """Every image, as many at once as keep their sums near."""
        pixels = self.geometry.places.size
        out = np.empty((len(codes), pixels, self.codes.channels), self.output_type)
        for first in range(0, len(codes), self.at_once):
            some = codes[first : first + self.at_once]
            images = self._room(worker.number, len(some)).images
            self.sums.place(some, self.geometry, images)
            self._share(images, out[first : first + self.at_once], worker)
        return out.reshape(len(codes), *self.output.shape)

    @property
    def output_type(self) -> type[np.int8] | type[np.uint8]:
        """Of the codes that leave."""
        assert self.output.format is not None
        return np.int8 if self.output.format.signed else np.uint8

    def _room(self, number: int, images: int) -> Room:
        """A worker's, for so many images."""
        room, size = self._rooms.get(number), images * self.geometry.size + SLACK
        if room is None or room.images.size < size:
            laid = np.full(size, self.sums.border, self.sums.kind)
            sums = np.empty((self.piece, *self.sums.shape), np.int32)
            room = self._rooms[number] = Room(laid, sums if room is None else room.sums)
        return room

    def _share(self, images: Images, out: NDArray[Any], worker: Worker) -> None:
        """All outputs, in parts of whole tiles."""
        flat = out.reshape(-1, out.shape[-1])
        tile, count = self.sums.tile, len(out)
        if count not in self._places:
            self._places[count] = self.geometry.places_of(count, tile)
        places, hands = self._places[count], worker.hands(self.sums.macs * len(flat))
        parts = 1 if hands == 1 else hands * PARTS
        part = -(-len(places) // tile // parts) * tile

        def make(begin: int, number: int) -> None:
            sums = self._room(worker.number + number, 0).sums
            self._make(images, places[begin:][:part], flat[begin:][:part], sums)

        side_by_side([partial(make, begin) for begin in range(0, len(places), part)], hands)

    def _make(
        self, images: Images, places: Ints, out: NDArray[Any], sums: NDArray[np.int32]
    ) -> None:
        """One part, piece by piece."""
        for begin in range(0, len(places), self.piece):
            some, found = places[begin:][: self.piece], out[begin:][: self.piece]
            self.sums.add(images, some, sums[: len(some)])
            self.codes.make(sums[: len(found)], found)


def quick_layer(
    layer: MacLayer, prepared: PreparedLayer, source: Tensor, output: Tensor
) -> tuple[str, QuickLayer] | None:
    """The layer without its ledger, and how its sums are added; None where no way is proven to give
    the same bits, or built.

    ``bytes``: no register can overflow. ``once``: an exact sum, stored once at the end.
    ``saturating``: registers saturate at each addition.
    """
    if not simple(layer, source, output) or not plain(prepared.requantizer):
        return None
    assert layer.weight is not None
    kernel = layer.weight.shape[1:3] if layer.weight.ndim > 2 else (1, 1)
    geometry = Geometry.of(layer, source, kernel)
    exact = exact_sums_of(layer, prepared, source, geometry)
    sums: Sums | None = exact or saturating_sums_of(prepared, source, geometry)
    if sums is None:
        return None
    way = "saturating" if exact is None else "bytes" if exact.once is None else "once"
    return way, QuickLayer(geometry, sums, output, prepared.requantizer)


def simple(layer: MacLayer, source: Tensor, output: Tensor) -> bool:
    """Byte codes and weights of its own; one group, or one of each channel."""
    assert source.format is not None
    assert output.format is not None
    if max(source.format.bits, output.format.bits) > BYTE_CODES or layer.weight is None:
        return False
    if layer.op == "transpose_conv_2d":
        return False
    return layer.groups == 1 or layer.groups == source.shape[-1] == len(layer.weight)


def plain(requantizer: Requantizer) -> bool:
    """Whether `Codes` does all that the requantizer does: every channel alone, by one rule."""
    if requantizer.narrow or requantizer.lfsr or requantizer.scheme in TABLE_SCHEMES:
        return False
    return not requantizer.tail_lanes and requantizer.tail == requantizer.multiplier.size
