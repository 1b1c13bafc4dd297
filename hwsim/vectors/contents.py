"""What each file of words of a bundle holds: lanes, widths, order, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hwsim.array.dataflow import DATAFLOWS
from hwsim.rtl.machine import LEVEL_FIELD
from hwsim.rtl.streams import RECORD, RECORD_BITS
from hwsim.vectors.clocks import adding_bits
from hwsim.vectors.manifest import Lanes

RUN = {
    "m": 32, "activations_first": 32, "activations_count": 32, "output_first": 32,
    "output_count": 32, "cycles": 64, "clocks_first": 32, "clocks_count": 32,
}  # fmt: skip
"""Fields of a record of ``runs.hex`` and their bits, lowest first; unsigned."""
RUN_BITS = sum(RUN.values())


@dataclass(frozen=True)
class Content:
    """One file of words; a word of several kinds of lanes has ``fields``."""

    lanes: int
    lane_bits: int
    signed: bool
    order: str
    description: str
    fields: tuple[Lanes, ...] = ()

    @property
    def width(self) -> int:
        """Bits of a word."""
        return self.lanes * self.lane_bits


def contents(values: Mapping[str, int], *, codes_signed: bool) -> dict[str, Content]:
    """Every file of words that a bundle can have, by its stem; ``values``: parameters."""
    return {
        **_inputs(values),
        **_outputs(values, codes_signed=codes_signed),
        **_stages(values),
        **_edges(values),
    }


def flow_of(values: Mapping[str, int]) -> str:
    """The dataflow's name."""
    return list(DATAFLOWS)[values["DATAFLOW"]]


def lane_words(values: Mapping[str, int]) -> str:
    """Which outputs stand in the lanes of a beat."""
    row, col = ("row + c", "col") if DATAFLOWS[flow_of(values)].col == "m" else ("row", "col + c")
    return f"lane c is output ({row}, {col}) of its group; a lane without an output is 0"


def chain_bits(values: Mapping[str, int]) -> int:
    """Width of what leaves the array: the column's register, or the root of the tree."""
    levels = (values["ROWS"] - 1).bit_length() if flow_of(values) == "dot_product" else 0
    level = max(levels - 1, 0)
    return values["CHAIN_BITS"] >> (LEVEL_FIELD * level) & ((1 << LEVEL_FIELD) - 1)


def _inputs(values: Mapping[str, int]) -> dict[str, Content]:
    record = tuple(
        Lanes(name=name, lanes=1, bits=bits, signed=name != "multiplier")
        for name, bits in RECORD.items()
    )
    run = tuple(Lanes(name=name, lanes=1, bits=bits, signed=False) for name, bits in RUN.items())
    return {
        "activations": Content(
            1, values["A_BITS"], True, "a[run][g][m][k], k fastest",
            "stream a: activations as the PEs multiply them, padding included",
        ),
        "weights": Content(
            1, values["W_BITS"], True, "w[g][k][n], n fastest; the same in every run",
            "stream w: weights as the PEs multiply them",
        ),
        "channel": Content(
            1, RECORD_BITS, False, "g * N + n; the same in every run",
            "stream channel: one record a channel", record,
        ),
        "bias": Content(
            1, 64, True, "g * N + n", "the bias of each channel's record, as it is stored",
        ),
        "runs": Content(
            1, RUN_BITS, False, "runs in order",
            "sizes of every run, and its first beat and beats in the other files", run,
        ),
    }  # fmt: skip


def _outputs(values: Mapping[str, int], *, codes_signed: bool) -> dict[str, Content]:
    cols, lane = values["COLS"], lane_words(values)
    return {
        "output": Content(
            cols, values["OUT_BITS"], codes_signed, f"runs, then clocks; {lane}",
            "stream code: codes",
        ),
        "output_keep": Content(cols, 1, False, "as output", "1 where a lane holds an output"),
        "output_place": Content(
            3, 32, False, "as output",
            "lane 0 group, 1 row, 2 col: the ports code_group, code_row, code_col",
        ),
        "output_flags": Content(
            cols, 2, False, "as output",
            "bit 0: the output format saturated; bit 1: an intermediate of the requantizer did "
            "not fit",
        ),
        "output_cycle": Content(
            1, 64, False, "as output",
            "compute clock after which the codes stand, from the run's first clock, 0",
        ),
        "overflow": Content(
            cols, 2, False, "as output",
            "bit 0: a store of the chain changed its value for this output; bit 1: one of the "
            "accumulator",
        ),
    }  # fmt: skip


def _stages(values: Mapping[str, int]) -> dict[str, Content]:
    cols, lane, adding = values["COLS"], lane_words(values), adding_bits(values)
    every = f"runs, then clocks; every fold; {lane}"
    return {
        "chain": Content(
            cols, chain_bits(values), True, every,
            "what leaves the array and is added: partial sums of one tile of k",
        ),
        "partial": Content(cols, adding, True, every, "accumulators after each such store"),
        "store_keep": Content(
            cols, 1, False, "as partial", "1 where a lane of chain and partial holds an output"
        ),
        "store_place": Content(
            3, 32, False, "as partial", "lane 0 group, 1 row, 2 col of each such store"
        ),
        "preload": Content(
            cols, adding, True, "as output", "accumulators that hold the bias and nothing else"
        ),
        "products": Content(
            cols, adding, True, "as output",
            "accumulators after the last product, before row sum, last bias and final check",
        ),
        "accumulator": Content(
            cols, 64, True, "as output", "accumulators after their last store"
        ),
        "narrowed": Content(
            cols, values["NARROW_BITS"], True, "as output",
            "the register between accumulator and scheme",
        ),
        "narrowed_lost": Content(
            cols, 1, False, "as output", "1 where the sum did not fit that register"
        ),
        "requantized": Content(
            cols, 64, True, "as output", "after the scheme and the zero point, before any clamp"
        ),
    }  # fmt: skip


def _edges(values: Mapping[str, int]) -> dict[str, Content]:
    rows, cols, flow = values["ROWS"], values["COLS"], flow_of(values)
    left, top = ("W_BITS", "A_BITS") if flow == "input_stationary" else ("A_BITS", "W_BITS")
    clocks = "one beat a compute clock, runs in order; as many clocks as clocks.hex has"
    tile = "one beat a fold: the tile that enters in its first clock, lane r * COLS + c"
    tree = flow == "dot_product"
    return {
        "left": Content(
            rows, values[left], True, clocks,
            "operands that enter the array's first column (the tree's lanes), lane r into row r",
        ),
        "top": Content(
            rows * cols if tree else cols, values[top], True, tile if tree else clocks,
            "operands that enter the array from above; 0 where none enters",
        ),
    }  # fmt: skip
