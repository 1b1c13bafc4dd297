"""The oracle's own truth: SystemC's tables for one store, hand counts for one output."""

import ast
import csv
import gzip
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import strategies
from oracles import clocks, exact, rules

ROUNDINGS = {
    "SC_RND": "half_up", "SC_RND_ZERO": "half_toward_zero", "SC_RND_MIN_INF": "half_down",
    "SC_RND_INF": "half_away", "SC_RND_CONV": "half_even", "SC_TRN": "floor",
    "SC_TRN_ZERO": "toward_zero",
}  # fmt: skip
OVERFLOWS = {
    "SC_SAT": "saturate", "SC_SAT_ZERO": "saturate_zero", "SC_SAT_SYM": "saturate_symmetric",
    "SC_WRAP": "wrap", "SC_WRAP_SM": "wrap_sign_magnitude",
}  # fmt: skip


def test_the_oracle_imports_no_arithmetic_of_hwsim():
    folder = Path(__file__).parent.parent / "oracles"
    for path in (
        folder / f"{name}.py" for name in ("exact", "problem", "tally", "clocks", "rules")
    ):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in getattr(node, "names", []) if hasattr(alias, "name")]
            module = getattr(node, "module", None) or ""
            assert not any(name.startswith("hwsim") for name in [module, *names]), path.name


@pytest.mark.parametrize(("table", "rows"), [("exhaustive", 161280), ("random", 25200)])
def test_one_store_is_systemcs(shared, table, rows):
    """Every signed row of SystemC's fixed-point library: rounding, then overflow."""
    seen = 0
    path = shared / f"golden/semantics/golden_systemc_{table}.csv.gz"
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            if row["signed"] == "1":
                x = Fraction(int(row["x"]), 2 ** int(row["shift"]))
                rounded = rules.rounded(x, ROUNDINGS[row["q"]])
                rule = OVERFLOWS[row["o"]]
                kept = rules.kept(rounded, int(row["W"]), rule, int(row["nbits"]))
                assert kept == int(row["y"]), row
                seen += 1
    assert seen == rows


def test_rules_beside_systemc():
    halves = [Fraction(n, 2) for n in range(-5, 6)]
    assert [rules.rounded(x, "ceil") for x in halves] == [-2, -2, -1, -1, 0, 0, 1, 1, 2, 2, 3]
    assert [rules.rounded(x, "away") for x in halves] == [-3, -2, -2, -1, -1, 0, 1, 1, 2, 2, 3]
    assert [rules.rounded(x, "odd") for x in halves] == [-3, -2, -1, -1, -1, 0, 1, 1, 1, 2, 3]
    assert [rules.kept(x, 4, "trap") for x in (-9, -8, 7, 8)] == [-8, -8, 7, 7]


def test_cycles_are_the_hand_count():
    shape = clocks.Shape(1, 4, 4, 4)
    arrays = {name: strategies.machine(name, 4, 4).array for name in strategies.ARRAYS}
    assert {name: clocks.cycles(array, shape) for name, array in arrays.items()} == {
        "weight_stationary": 14, "input_stationary": 14, "output_stationary": 10, "dot_product": 6,
    }  # fmt: skip


def test_one_output_by_hand():
    """Two folds of two rows; chain 8 bits saturating, accumulator 9 bits saturating.

    Products 100, 60 | 100, -30: chain 100, 127 (was 160) | 100, 70; accumulator 127, 197; the
    exact sum is 230. A bias of 100 preloaded: 100, 227, 255 (was 297); exact 100, 260, 330.
    """
    gemm = strategies.gemm([[[[100, 60, 100, -30]]]], np.ones((1, 4, 1)), bias=100)
    machine = strategies.machine(
        "weight_stationary", 2, 1, chain=(8, "saturate"), accumulator=(9, "saturate")
    )
    truth = exact.run(gemm, machine)
    assert (truth.accumulator, truth.exact) == ([[[[255]]]], [[[[330]]]])
    # fold: 2 load + 1 stream + 2 + 1 - 2 = 4 clocks; row 1 meets sample 0 at clock 2 + 0 + 1
    assert [tuple(event) for event in truth.events] == [
        (0, 0, 0, 0, 1, 1, 0, 3, 1, 160, 127),
        (0, 0, 0, 0, 3, 1, 0, 7, 2, 297, 255),
    ]
    assert truth.cycles == 8
    assert (truth.chain.persistent, truth.chain.transient) == ({(0, 0): 1}, {})
    assert (truth.chain.excess_bits, truth.accumulator_ledger.excess_bits) == (1, 1)
    plain = truth.accumulator_ledger.plain(truth.problem.shape)
    assert (plain["partial_lo"], plain["partial_hi"]) == ([[100]], [[330]])
    assert plain["events_by_step"] == [0, 0, 0, 0, 1, 0]
