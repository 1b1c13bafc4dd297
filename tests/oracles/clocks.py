"""DATAPATH.md section 8: folds, clocks and PEs, one formula for each dataflow, no table."""

from math import ceil
from typing import NamedTuple


class Latency(NamedTuple):
    """Pipeline registers, by the words of the YAML."""

    multiplier: int = 1
    pe: int = 1
    tree_stage: int = 1
    requantize: int = 1


ONE_EACH = Latency()


class Shape(NamedTuple):
    """Extents of one layer and one image."""

    groups: int
    m: int
    k: int
    n: int


def tree_levels(lanes: int) -> int:
    """ceil(log2 lanes), by doubling."""
    levels = 0
    while 2**levels < lanes:
        levels += 1
    return levels


def tiles(extent: int, tile: int) -> int:
    """How many tiles cover an axis."""
    return ceil(extent / tile)


def fold_cycles(array, shape: Shape, latency: Latency = ONE_EACH) -> int:
    """Clocks of one fold: load (where an operand stays), stream, fill and drain."""
    rows, cols = array.rows, array.cols
    hops = latency.pe * (rows - 1) + latency.pe * (cols - 1)
    products = latency.multiplier - 1
    match array.dataflow:
        case "output_stationary":
            return shape.k + hops + products
        case "weight_stationary":
            return rows + shape.m + hops + products
        case "input_stationary":
            return rows + shape.n + hops + products
        case "dot_product":
            return shape.m + products + latency.tree_stage * tree_levels(rows)
    raise AssertionError(array.dataflow)


def latency_cycles(array, latency: Latency) -> int:
    """Clocks after the last fold: accumulator write or drain of the rows, then the requantizer."""
    drain = array.rows if array.dataflow == "output_stationary" else 1
    return drain + latency.requantize


def folds(array, shape: Shape) -> int:
    """Folds of one group."""
    rows, cols = array.rows, array.cols
    match array.dataflow:
        case "output_stationary":
            return tiles(shape.m, rows) * tiles(shape.n, cols)
        case "weight_stationary" | "dot_product":
            return tiles(shape.n, cols) * tiles(shape.k, rows)
        case "input_stationary":
            return tiles(shape.m, cols) * tiles(shape.k, rows)
    raise AssertionError(array.dataflow)


def cycles(array, shape: Shape, latency: Latency = ONE_EACH) -> int:
    """Compute clocks of one image; nothing to add costs nothing."""
    if array.dataflow == "none" or 0 in shape:
        return 0
    return shape.groups * folds(array, shape) * fold_cycles(array, shape, latency)


def place(
    array, shape: Shape, stage: str, group: int, m: int, n: int, k: int, level: int,
    latency: Latency = ONE_EACH,
):  # fmt: skip
    """(PE row, PE column, clock) of one store; ``level``: of a tree node, 1 above the products."""
    if array.dataflow == "none":
        return -1, -1, -1
    if 0 in shape:
        return -1, -1, 0
    rows, cols = array.rows, array.cols
    step = max(0, min(k, shape.k - 1))
    if array.dataflow == "output_stationary":
        number = (m // rows) * tiles(shape.n, cols) + n // cols
        row, col = m % rows, n % cols
        clock = step + latency.pe * (m % rows + n % cols)
    else:
        across, stream = (m, n) if array.dataflow == "input_stationary" else (n, m)
        number = (across // cols) * tiles(shape.k, rows) + step // rows
        row, col = (step % rows if stage == "chain" else rows - 1), across % cols
        if array.dataflow == "dot_product":
            clock = stream + latency.tree_stage * (level if stage == "chain" else tree_levels(rows))
        else:
            clock = rows + stream + latency.pe * row + latency.pe * col
    clock += latency.multiplier - 1
    start = (group * folds(array, shape) + number) * fold_cycles(array, shape, latency)
    return row, col, start + (clock if k >= 0 else 0)
