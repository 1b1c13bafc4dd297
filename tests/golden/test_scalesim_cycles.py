"""SCALE-Sim's compute cycles for ResNet-18, all 126 rows: ours are theirs + 1."""

import csv
from time import perf_counter

import pytest
import strategies

from hwsim.array.dataflow import Schedule

DATAFLOWS = {"ws": "weight_stationary", "os": "output_stationary", "is": "input_stationary"}


@pytest.fixture(scope="module")
def rows(shared):
    with (shared / "golden/performance/scalesim_resnet18_cycles.csv").open() as file:
        return list(csv.DictReader(file))


def schedule(row) -> Schedule:
    side = int(row["array"])
    machine = strategies.machine(DATAFLOWS[row["dataflow"]], side, side)
    m, k, n = (int(row[axis]) for axis in ("P_ofmap_px", "K_window", "M_filters"))
    return Schedule(machine.array, 1, m, k, n)


def test_cycles_are_scalesims_plus_one(rows):
    assert len(rows) == 126
    assert [schedule(row).cycles for row in rows] == [
        int(row["scalesim3.0.0_total_cycles"]) + 1 for row in rows
    ]


def test_folds_are_scalesims(rows):
    assert [schedule(row).folds for row in rows] == [int(row["folds"]) for row in rows]


def test_utilization_is_scalesims_over_all_clocks(rows):
    """SCALE-Sim prints four decimals of macs / (PEs x its cycles), one clock fewer than ours."""
    for row in rows:
        found = schedule(row)
        scaled = found.utilization * found.cycles / (found.cycles - 1)
        assert f"{100 * scaled:.4f}" == row["overall_util_pct"]


def test_all_rows_take_less_than_ten_milliseconds(rows):
    schedules = [schedule(row) for row in rows]
    times = []
    for _ in range(5):
        start = perf_counter()
        for one in schedules:
            assert one.cycles > 0
        times.append(perf_counter() - start)
    assert min(times) < 0.010
