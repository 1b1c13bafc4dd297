"""What a register must hold: sums of worst products, against their definition, weight by weight."""

from types import SimpleNamespace

import numpy as np
import pytest
from oracles.rules import product

from hwsim.arith.rounding import Rounding
from hwsim.array.bounds import _reaches

RANGES = [(-128, 127), (0, 255), (3, 9), (-9, -3), (0, 0), (-5, 0)]


def worst(weight, a_range, drop_bits):
    """Least and largest product, 0 among them."""
    products = [product(end, weight, drop_bits, "half_up") for end in a_range]
    return min(0, *products), max(0, *products)


@pytest.mark.parametrize("drop_bits", [0, 3])
@pytest.mark.parametrize("k_tile", [1, 4, 5, 10, 11, 12])
@pytest.mark.parametrize("a_range", RANGES)
def test_reaches_are_sums_of_worst_products(a_range, k_tile, drop_bits):
    rng = np.random.default_rng(k_tile)
    w = rng.integers(-128, 128, (2, 11, 3)).astype(np.int32)
    datapath = SimpleNamespace(drop_bits=drop_bits, product_rounding=int(Rounding.HALF_UP))
    found = _reaches(w, a_range, datapath, k_tile)
    for g, n in np.ndindex(2, 3):
        ends = [worst(weight, a_range, drop_bits) for weight in w[g, :, n].tolist()]
        folds = [ends[start : start + k_tile] for start in range(0, 11, k_tile)]
        expected = (
            sum(high for _, high in ends),
            sum(low for low, _ in ends),
            min(sum(low for low, _ in fold) for fold in folds),
            max(sum(high for _, high in fold) for fold in folds),
        )
        assert tuple(int(part[g, n]) for part in found) == expected


def test_a_layer_without_steps_reaches_nothing():
    datapath = SimpleNamespace(drop_bits=0, product_rounding=0)
    found = _reaches(np.zeros((1, 0, 2), np.int32), (-128, 127), datapath, 4)
    assert [part.tolist() for part in found] == [[[0, 0]]] * 4
