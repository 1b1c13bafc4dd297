"""Bounds of a product whose weights are an input: no weights leave them."""

from itertools import product

import numpy as np
import pytest
from oracles.stores import stores

from hwsim.array.dataflow import Schedule
from hwsim.array.gemm import Gemm
from hwsim.importers import hardware
from hwsim.mapping.prepare import matmul_bounds


@pytest.mark.parametrize("when", ["preload", "last"])
@pytest.mark.parametrize("form", ["subtract", "fold"])
@pytest.mark.parametrize("zero_points", [(-2, -2), (1, -2), (-2, 1), (1, 1), (0, -1)])
def test_no_sum_of_any_weights_leaves_the_bounds_of_its_zero_points(zero_points, form, when):
    small = ["operands.activation.bits=2", "operands.weight.bits=2"]
    machine = hardware.load(
        "edge_os_16x16", [*small, f"operands.zero_point={form}", f"bias.when={when}"]
    )
    za, zw = zero_points
    codes = range(-2, 2)
    found = {
        value
        for a in product(codes, repeat=2)
        for w in product(codes, repeat=2)
        for value in stores(machine, a, w, za, zw, 0)[0]
    }
    gemm = Gemm(
        a=np.zeros((1, 1, 1, 2), np.int64),
        w=np.zeros((1, 2, 1), np.int64),
        a_zero_point=za,
        w_zero_point=np.array([[zw]]),
        bias=None,
        a_range=(-2, 1),
        w_range=(-2, 1),
    )
    bounds = matmul_bounds(gemm, machine, Schedule.of(machine, gemm.shape), "product")
    for hull in (bounds.accumulator_type, bounds.accumulator_weight):
        assert hull.lo.item() <= min(found)
        assert max(found) <= hull.hi.item()
