"""A layer without its ledger, codes to codes.

Images are laid out with their borders once, and taps are read where they lie; how sums are added
is `values_exact`, `values_saturating`, `values_listed`, `values_paired` and `values_proven`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.requantizer import Requantizer
from hwsim.array.requantizer_kernel import TABLE_SCHEMES
from hwsim.array.threads import side_by_side
from hwsim.mapping.layer import MacLayer
from hwsim.mapping.prepare import PreparedLayer
from hwsim.network.graph import Tensor
from hwsim.network.values_exact import ExactPieces, exact_sums_of
from hwsim.network.values_geometry import Geometry
from hwsim.network.values_listed import ListedSums, listed_sums_of
from hwsim.network.values_paired import PairedSums, is_quicker, paired_sums_of
from hwsim.network.values_pieces import Pieces, Span, joined
from hwsim.network.values_proven import ProvenSums, proven_sums_of
from hwsim.network.values_registers import Registers, registers_of
from hwsim.network.values_saturating import SaturatingSums
from hwsim.network.values_work import PARTS, Worker

OUTPUTS_AT_ONCE = 8192  # pixels of all images that are laid out together
BYTE_CODES = 8


class QuickLayer:
    """Codes to codes of one layer: arrays of int8 or uint8, (S, *shape) to (S, *shape).

    Each worker has memory of its own: one call at a time. ``proof`` : what is tried first, where
    it has helped so far; ``way`` does the rest, or ``listed`` where the codes make that quicker.
    """

    def __init__(
        self,
        way: Pieces[Any],
        output: Tensor,
        proof: Pieces[ProvenSums] | None = None,
        listed: Pieces[ListedSums] | None = None,
    ) -> None:
        self.way, self.proof, self.listed, self.output = way, proof, listed, output
        self.pixels = way.geometry.places.size
        self.at_once = max(1, OUTPUTS_AT_ONCE // max(self.pixels, 1))
        self.macs = int(way.sums.macs * self.pixels)  # of one image, as `Sums.macs`
        self.has_one_way = proof is None and listed is None
        assert output.format is not None
        self.output_type = np.int8 if output.format.signed else np.uint8

    def __call__(self, inputs: list[NDArray[Any]], worker: Worker) -> NDArray[Any]:
        """Every image, as many at once as keep their sums near; codes of the sole input."""
        (codes,) = inputs
        samples, pixels = len(codes), self.pixels
        rows = np.empty((samples * pixels, self.way.codes.channels), self.output_type)
        hands = worker.hands(self.macs * min(samples, self.at_once))
        for first in range(0, samples, self.at_once):
            some = codes[first : first + self.at_once]
            found = rows[first * pixels : (first + len(some)) * pixels]
            if hands == 1 and self.has_one_way:
                self.way.make_all(some, found, worker.number)
            else:
                self._make_shared(some, found, worker)
        return rows.reshape(samples, *self.output.shape)

    def _make_shared(self, codes: NDArray[Any], out: NDArray[Any], worker: Worker) -> None:
        """By proof where that helps, the rest by the quickest way, on several threads where that is
        worth while."""
        left = [(0, len(out))]
        if self.proof is not None and self.proof.sums.hopeful:
            left = self._share(self.proof, codes, left, out, worker)
        if left:
            outputs = sum(stop - start for start, stop in left)
            way = self.way_of(codes, outputs // self._parts(outputs, worker))
            self._share(way, codes, left, out, worker)

    def way_of(self, codes: NDArray[Any], outputs: int) -> Pieces[Any]:
        """The quicker one for these codes, so many outputs a part."""
        if self.listed is None or outputs < self.listed.sums.fewest:
            return self.way
        return self.listed if self.listed.sums.cost_of(codes) < self.way.sums.cost else self.way

    def _parts(self, outputs: int, worker: Worker) -> int:
        """Parts in which so many outputs are shared out."""
        hands = worker.hands(self.way.sums.macs * outputs)
        return 1 if hands == 1 else hands * PARTS

    def _share(
        self,
        way: Pieces[Any],
        codes: NDArray[Any],
        spans: list[Span],
        out: NDArray[Any],
        worker: Worker,
    ) -> list[Span]:
        """The outputs of some spans, shared out in parts of whole tiles; spans that are left."""
        images, places = way.lay(codes, worker.number), way.places(len(codes))
        outputs, tile = sum(stop - start for start, stop in spans), way.sums.tile
        hands = worker.hands(way.sums.macs * outputs)
        if hands == 1:
            alone = (way.make(images, places, span, out, worker.number) for span in spans)
            return joined([span for found in alone for span in found])
        part = max(-(-outputs // tile // self._parts(outputs, worker)), 1) * tile
        left: list[Span] = []

        def make(begin: int, end: int, number: int) -> None:
            left.extend(way.make(images, places, (begin, end), out, worker.number + number))

        tasks = [
            partial(make, begin, min(begin + part, stop))
            for start, stop in spans
            for begin in range(start, stop, part)
        ]
        side_by_side(tasks, hands)
        return joined(left)


def quick_layer(
    layer: MacLayer, prepared: PreparedLayer, source: Tensor, output: Tensor
) -> tuple[str, QuickLayer] | None:
    """The layer without its ledger, and how its sums are added; None where no way is proven to give
    the same bits, or built.

    ``bytes``: no register can overflow. ``once``: an exact sum, stored once at the end.
    ``saturating``: registers saturate at each addition, or the codes prove that they do not.
    """
    if not simple(layer, source, output) or not plain(prepared.requantizer):
        return None
    assert layer.weight is not None
    kernel = layer.weight.shape[1:3] if layer.weight.ndim > 2 else (1, 1)
    geometry = Geometry.of(layer, source, kernel)
    requantizer = prepared.requantizer
    exact = exact_sums_of(layer, prepared, source, geometry)
    if exact is not None:
        way = "bytes" if exact.once is None else "once"
        return way, QuickLayer(ExactPieces(geometry, exact, requantizer), output)
    registers = registers_of(prepared)
    if registers is None:
        return None
    given = prepared, source, geometry, registers
    sums = saturating_sums_of(*given)
    proven = proven_sums_of(*given, sums.tile)
    proof = None if proven is None else Pieces(geometry, proven, requantizer)
    listed = listed_sums_of(*given)
    lists = None if listed is None else Pieces(geometry, listed, requantizer)
    return "saturating", QuickLayer(Pieces(geometry, sums, requantizer), output, proof, lists)


def saturating_sums_of(
    prepared: PreparedLayer, source: Tensor, geometry: Geometry, registers: Registers
) -> PairedSums | SaturatingSums:
    """The sums step by step, or in pairs of steps where that is the same and quicker."""
    sums = SaturatingSums(geometry, prepared, source, registers)
    pairs = paired_sums_of(prepared, source, geometry, registers)
    quicker = pairs is not None and is_quicker(pairs, sums.cost, geometry.places.size)
    return pairs if pairs is not None and quicker else sums


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
