"""Outputs of a layer, piece by piece: summed, and requantized while the sums are near.

Every worker has memory of its own, kept from call to call, since new memory is slow.
"""

from __future__ import annotations

from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from hwsim.array.alignment import aligned
from hwsim.array.gemm import Ints
from hwsim.array.requantizer import Requantizer
from hwsim.network.values_codes import Codes
from hwsim.network.values_geometry import Geometry

SLACK = 64  # elements that the last tap's read may reach past an image
SUMS_AT_ONCE = 1 << 17  # that are kept between adding and requantizing

Images = NDArray[Any]
Span = tuple[int, int]  # outputs, from the first to before the last


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
        Of one output pixel, all channels, as vectors add them: what tells whether a second thread
        is worth while.
    """

    shape: tuple[int, int]
    tile: int
    border: int
    kind: type[np.generic]
    macs: int

    def place(self, codes: NDArray[Any], geometry: Geometry, images: Images) -> None:
        """Lay codes (S, *shape) of bytes into images whose borders stand."""
        ...

    def add(self, images: Images, places: Ints, out: NDArray[np.int32]) -> list[Span]:
        """The sums of whole tiles of places: ``out``, int32 of shape (places, *shape). Returns the
        spans of whole tiles, in order, that it leaves to another way."""
        ...


Way = TypeVar("Way", bound=Sums)


class Pieces(Generic[Way]):
    """One way to a layer's codes."""

    def __init__(self, geometry: Geometry, sums: Way, requantizer: Requantizer) -> None:
        self.geometry, self.sums = geometry, sums
        lanes = sums.shape[0] * sums.shape[1]
        self.codes = Codes(requantizer, lanes)
        self.piece = max(SUMS_AT_ONCE // lanes // sums.tile, 1) * sums.tile
        self._images: dict[int, Images] = {}
        self._sums: dict[int, NDArray[np.int32]] = {}
        self._places: dict[int, Ints] = {}

    def lay(self, codes: NDArray[Any], number: int) -> Images:
        """A worker's images, with these codes."""
        images = self.images(len(codes), number)
        self.sums.place(codes, self.geometry, images)
        return images

    def images(self, samples: int, number: int) -> Images:
        """A worker's images, as they were left; their borders stand."""
        images, size = self._images.get(number), samples * self.geometry.size + SLACK
        if images is None or images.size < size:
            images = aligned((size,), self.sums.kind)
            images[:] = self.sums.border
            self._images[number] = images
        return images

    def places(self, images: int) -> Ints:
        """Of the outputs of so many images, in whole tiles."""
        if images not in self._places:
            self._places[images] = self.geometry.places_of(images, self.sums.tile)
        return self._places[images]

    def make_all(self, codes: NDArray[Any], out: NDArray[Any], number: int) -> list[Span]:
        """A worker's codes of all outputs of some images: `lay` and `make`."""
        images, places = self.lay(codes, number), self.places(len(codes))
        return self.make(images, places, (0, len(out)), out, number)

    def make(
        self, images: Images, places: Ints, span: Span, out: NDArray[Any], number: int
    ) -> list[Span]:
        """A worker's codes of the outputs in a span that begins at a whole tile: rows of ``out``,
        of shape (outputs, channels). Returns the spans that are left."""
        if number not in self._sums:
            self._sums[number] = aligned((self.piece, *self.sums.shape), np.int32)
        sums, left = self._sums[number], []
        for begin in range(*span, self.piece):
            outputs = min(begin + self.piece, span[1]) - begin
            tiles = -(-outputs // self.sums.tile) * self.sums.tile
            parts = self.sums.add(images, places[begin : begin + tiles], sums[:tiles])
            for start, stop in between(parts, outputs):
                self.codes.make(sums[start:stop], out[begin + start : begin + stop])
            left += [(begin + start, min(begin + stop, span[1])) for start, stop in parts]
        return left


def joined(spans: list[Span]) -> list[Span]:
    """Spans in order, those that meet as one.

    >>> joined([(4, 6), (0, 2), (2, 3)])
    [(0, 3), (4, 6)]
    """
    found: list[Span] = []
    for start, stop in sorted(spans):
        begin = found.pop()[0] if found and found[-1][1] == start else start
        found.append((begin, stop))
    return found


def between(spans: list[Span], end: int) -> list[Span]:
    """What lies before, between and behind some spans in order, from 0 to ``end``.

    >>> between([], 5), between([(0, 2), (3, 4)], 5), between([(2, 8)], 5)
    ([(0, 5)], [(2, 3), (4, 5)], [(0, 2)])
    """
    edges = [0, *(edge for span in spans for edge in span), end]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(start, stop) for start, stop in pairs if start < min(stop, end)]
