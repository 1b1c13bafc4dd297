"""Document 000's convolution at every accumulator width, rule, order and bias place."""

import json

import numpy as np
import pytest
import strategies
from golden.seed_layers import execute, float32_codes, per_channel, problem

RULES = {"sat": "saturate", "wrap": "wrap"}
ZERO_POINT = 141


@pytest.fixture(scope="module")
def golden(shared):
    return dict(np.load(shared / "golden/seeds/seed000_conv.npz"))


@pytest.fixture(scope="module")
def table(shared):
    return json.loads((shared / "golden/seeds/seed000_accwidth.json").read_text())


def measured(golden, bits, rule, order, bias_first, dataflow="none", engine="fast", side=4):
    """[events, outputs touched, wrong codes, largest code error] and the accumulators."""
    machine = strategies.machine(
        dataflow, side, side, activation=(8, False), accumulator=(bits, RULES[rule]),
        bias=(32, "saturate", 0, "preload" if bias_first else "last"),
    )  # fmt: skip
    found = execute(problem(golden, order, a_range=(0, 255)), machine, engine)
    ledger = found.accumulator_ledger
    codes = float32_codes(found.accumulator[0, 0], golden["k_f32"], ZERO_POINT)
    error = np.abs(codes - per_channel(golden["qy"]))
    touched = int(ledger.persistent.sum() + ledger.transient.sum())
    return [ledger.events, touched, int((error != 0).sum()), int(error.max())], found


def test_exact_sums_are_the_documents(golden):
    _, found = measured(golden, 32, "sat", "ckk", 0)
    assert (found.exact[0, 0] == per_channel(golden["acc_bias"])).all()
    codes = float32_codes(found.exact[0, 0], golden["k_f32"], ZERO_POINT)
    assert (codes == per_channel(golden["qy"])).all()


def test_every_row_of_the_width_table(golden, table):
    assert len(table) == 64
    assert [row[:4] + measured(golden, *row[:4])[0] for row in table] == table


def test_an_output_stationary_array_counts_the_same_on_every_engine(golden, table):
    """One register per output, k ascending: the array's size and its clock change nothing."""
    rows = [row for row in table if row[0] == 17]
    assert len(rows) == 8
    for row in rows:
        for engine in ("fast", "cycle"):
            found, _ = measured(golden, *row[:4], "output_stationary", engine, side=5)
            assert row[:4] + found == row


def test_partial_sums_reach_beyond_every_final_value(golden):
    _, found = measured(golden, 18, "sat", "kkc", 0)
    ledger = found.accumulator_ledger
    assert ledger.partial_lo.min() == -130706
    assert found.exact.min() >= -116817
    assert (ledger.observed_partial_bits, ledger.observed_final_bits) == (18, 18)
    assert ledger.excess_bits == 0


def test_saturation_depends_on_order_and_wrap_does_not(golden):
    def accumulators(rule):
        return [
            measured(golden, 17, rule, order, first)[1].accumulator.tolist()
            for order in ("ckk", "kkc")
            for first in (0, 1)
        ]

    wrapped, saturated = accumulators("wrap"), accumulators("sat")
    assert all(one == wrapped[0] for one in wrapped)
    assert all(one != saturated[0] for one in saturated[1:])
