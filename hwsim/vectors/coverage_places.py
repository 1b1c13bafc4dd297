"""Bins of folds, PEs, lanes and operands: where products and codes go."""

from __future__ import annotations

import numpy as np

from hwsim.array.gemm import Ints
from hwsim.vectors.coverage_bins import Bin, Ran
from hwsim.vectors.directed_stores import Stores

MOST_PES = 1 << 12  # with a bin each; of larger arrays rows and columns have bins


def bins(stores: Stores, runs: list[Ran]) -> list[Bin]:
    """All bins of groups ``tile``, ``pe``, ``lane`` and ``operand``."""
    return (
        tile_bins(runs) + k_tile_bins(runs) + pe_bins(runs) + lane_bins(runs) + operand_bins(runs)
    )


def tile_bins(runs: list[Ran]) -> list[Bin]:
    """Folds that use all rows and columns of the array, or only some."""
    names = ("full", "partial_rows", "partial_cols", "partial_both")
    hits = dict.fromkeys(names, 0)
    for one in runs:
        schedule = one.run.schedule
        flow = schedule.dataflow
        for fold in schedule.fold_list():
            rows = schedule.extent(flow.row) - fold.row_start < schedule.rows
            cols = schedule.extent(flow.col) - fold.col_start < schedule.cols
            hits[names[rows + 2 * cols]] += 1
    schedule = runs[0].run.schedule
    axes = ((schedule.dataflow.row, schedule.rows), (schedule.dataflow.col, schedule.cols))
    proofs = {}
    for number, name in enumerate(names):
        wanted = (number & 1, number >> 1)
        reasons = [
            _no_such_tile(axis, schedule.extent(axis), size, bool(partial))
            for (axis, size), partial in zip(axes, wanted, strict=True)
        ]
        proofs[name] = next((reason for reason in reasons if reason), None)
    return [
        Bin("tile", f"tile.{name}", hits[name], None if hits[name] else proofs[name])
        for name in names
    ]


def _no_such_tile(axis: str, extent: int, size: int, partial: bool) -> str | None:
    """Why an axis has no partial, or no full tile; a run may have any number of rows m."""
    if axis == "m":
        return "a tile of one is always full" if partial and size == 1 else None
    if partial:
        return (
            f"{axis.upper()} = {extent} fills all tiles of {size}" if extent % size == 0 else None
        )
    return f"{axis.upper()} = {extent} fills no tile of {size}" if extent < size else None


def k_tile_bins(runs: list[Ran]) -> list[Bin]:
    """Folds of the first, a middle, the last K tile, where K is cut into tiles."""
    schedule = runs[0].run.schedule
    if schedule.dataflow.row != "k":
        return []
    per_tile = sum(one.run.schedule.folds for one in runs) // max(schedule.row_tiles, 1)
    middle = per_tile * max(schedule.row_tiles - 2, 0)
    proof = f"K = {schedule.k} has {schedule.row_tiles} tiles of {schedule.rows}"
    return [
        Bin("tile", "tile.k_first", per_tile, None),
        Bin("tile", "tile.k_middle", middle, None if middle else proof),
        Bin("tile", "tile.k_last", per_tile, None),
    ]


def pe_bins(runs: list[Ran]) -> list[Bin]:
    """Products of two operands that are not 0, in every PE."""
    total, possible = pe_products(runs)
    rows, cols = total.shape
    proof = "no weight that is not 0 comes to it"
    if total.size > MOST_PES:
        found = []
        for axis, word, count in ((1, "row", rows), (0, "col", cols)):
            hits, can = total.sum(axis=axis), possible.sum(axis=axis)
            found += [
                Bin("pe", f"pe.{word}_{i}", int(hits[i]), None if can[i] else proof)
                for i in range(count)
            ]
        return found
    return [
        Bin("pe", f"pe.{r}.{c}", int(total[r, c]), None if possible[r, c] else proof)
        for r in range(rows)
        for c in range(cols)
    ]


def pe_products(runs: list[Ran]) -> tuple[Ints, Ints]:
    """Products without a 0 by PE, (rows, cols); and weights that are not 0 and may come to it: one
    for each that can, whatever m is."""
    schedule = runs[0].run.schedule
    flow, rows, cols = schedule.dataflow, schedule.rows, schedule.cols
    total, possible = np.zeros((2, rows, cols), np.int64)
    for one in runs:
        for a, w in zip(one.run.datapath.a[0] != 0, one.run.datapath.w != 0, strict=True):
            some_a, some_w = a.astype(np.int64), w.astype(np.int64)
            at = {
                ("k", "n"): some_a.sum(axis=0)[:, None] * some_w,
                ("m", "n"): some_a @ some_w if flow.row == "m" else None,
                ("k", "m"): some_a.T * some_w.sum(axis=1)[:, None],
            }[flow.row, flow.col]
            assert at is not None
            total += _folded(at, rows, cols)
            weights = {
                ("k", "n"): _folded(some_w, rows, cols),
                ("m", "n"): _folded(np.tile(some_w.sum(axis=0), (rows, 1)), rows, cols),
                ("k", "m"): _folded(np.tile(some_w.sum(axis=1)[:, None], (1, cols)), rows, cols),
            }[flow.row, flow.col]
            possible += weights
    return total, possible


def _folded(table: Ints, rows: int, cols: int) -> Ints:
    """Sums of a table's elements by row and column modulo the array's.

    >>> _folded(np.arange(6).reshape(3, 2), 2, 1)
    array([[10],
           [ 5]])
    """
    height, width = -(-table.shape[0] // rows) * rows, -(-table.shape[1] // cols) * cols
    whole = np.zeros((height, width), np.int64)
    whole[: table.shape[0], : table.shape[1]] = table
    folded: Ints = whole.reshape(-1, rows, height and width // cols, cols).sum(axis=(0, 2))
    return folded


def lane_bins(runs: list[Ran]) -> list[Bin]:
    """Outputs by the column that they leave."""
    cols = runs[0].run.schedule.cols
    hits, axis = np.zeros(cols, np.int64), runs[0].run.schedule.dataflow.col
    for one in runs:
        schedule = one.run.schedule
        own = np.bincount(np.arange(schedule.extent(axis)) % cols, minlength=cols)
        other = schedule.m if axis == "n" else schedule.n
        hits += own * other * schedule.groups
    extent = runs[0].run.schedule.n
    proof = f"N = {extent} leaves it empty" if axis == "n" else None
    return [Bin("lane", f"lane.{c}", int(hits[c]), None if hits[c] else proof) for c in range(cols)]


def operand_bins(runs: list[Ran]) -> list[Bin]:
    """Codes at the ends of both formats, and activations at the zero point."""
    gemm = runs[0].run.gemm
    codes = {"lo": gemm.a_range[0], "hi": gemm.a_range[1], "zero_point": gemm.a_zero_point}
    found = [
        Bin("operand", f"operand.activation.{name}",
            sum(int((one.run.gemm.a == code).sum()) for one in runs), None)
        for name, code in codes.items()
    ]  # fmt: skip
    for name, code in (("lo", gemm.w_range[0]), ("hi", gemm.w_range[1])):
        hits = int((gemm.w == code).sum()) * len(runs)
        found.append(Bin("operand", f"operand.weight.{name}", hits, f"no weight is {code}"))
    return found
