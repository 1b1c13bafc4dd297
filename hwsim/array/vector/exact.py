"""Exact sums of byte codes in VNNI: four products to a 32-bit lane in one instruction.

``vpdpbusd`` adds four unsigned times signed products to each lane and never saturates. Lanes are 16
output channels; a tile of ``pixels`` outputs times ``vectors`` of lanes stays in registers while K
runs. `hwsim.array.exact_sums.add_exact` is the definition.
"""

from __future__ import annotations

from typing import Any

from hwsim._jit import cpu_features, ir
from hwsim.array.vector.emission import INDEX, WORD, Array, Emitter, vector_kernel
from hwsim.array.vector.instructions import CHOSEN

LANES = 16  # channels of one vector
LANE_VECTOR = ir.VectorType(WORD, LANES)
DOT = "llvm.x86.avx512.vpdpbusd.512"
HAS_VNNI = CHOSEN is not None and CHOSEN.name == "avx512" and "avx512vnni" in cpu_features()
SHAPES = {1: 14, 2: 12, 4: 6}  # vectors of channels: pixels, so that 31 registers hold the tile


def _kernel(vectors: int, pixels: int) -> Any:
    """The kernel of one shape of tile."""

    def exact(
        e: Emitter, x: Array, places: Array, jump: Any, w: Array, start: Array, out: Array
    ) -> None:
        """Tiles of a layer; arrays as `exact_sums.add_exact` has them."""
        b = e.builder
        blocks, runs, steps = w.shape[:3]
        with e.loop(0, blocks) as block:
            first = [start.load(block, INDEX(j * LANES), kind=LANE_VECTOR) for j in range(vectors)]
            with e.loop(0, b.sdiv(places.shape[0], INDEX(pixels))) as tile:
                pixel = b.mul(tile, INDEX(pixels))
                at = [places.load(b.add(pixel, INDEX(i)), kind=INDEX) for i in range(pixels)]
                sums = [[e.slot(value) for value in first] for _ in range(pixels)]
                with e.loop(0, runs) as run, e.loop(0, steps) as step:
                    weights = [
                        w.load(block, run, step, INDEX(j * 4 * LANES), kind=LANE_VECTOR)
                        for j in range(vectors)
                    ]
                    offset = b.add(b.mul(run, jump), b.mul(step, INDEX(4)))
                    for place, row in zip(at, sums, strict=True):
                        four = x.load(b.add(place, offset), kind=WORD)
                        codes = e.splat(four, LANE_VECTOR)
                        for total, weight in zip(row, weights, strict=True):
                            total.set(e.call(DOT, LANE_VECTOR, total(), codes, weight))
                for i, row in enumerate(sums):
                    for j, total in enumerate(row):
                        out.store(total(), b.add(pixel, INDEX(i)), block, INDEX(j * LANES))

    exact.__name__ = f"exact_{vectors}x{pixels}"
    return vector_kernel(exact)


one_vector, two_vectors, four_vectors = (_kernel(v, pixels) for v, pixels in SHAPES.items())
