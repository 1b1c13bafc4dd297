"""Single events: places of whole columns, and the order of events."""

from itertools import product

import numpy as np
import strategies
from hypothesis import given
from hypothesis import strategies as st

from hwsim.array.dataflow import DATAFLOWS, Schedule
from hwsim.array.ledger import EventList
from hwsim.array.replay import event_list, place_columns

dataflows = st.sampled_from([*DATAFLOWS, "none"])


@given(
    dataflows, st.integers(2, 6), st.integers(1, 6), st.integers(1, 2),
    st.integers(0, 7), st.integers(0, 9), st.integers(0, 7),
)  # fmt: skip
def test_place_columns_equal_place_on_every_row(dataflow, rows, cols, groups, m, k, n):
    schedule = Schedule(strategies.machine(dataflow, rows, cols).array, groups, m, k, n)
    chained = dataflow in DATAFLOWS and schedule.dataflow.reduction != "pe"
    levels = max(schedule.tree_levels, 1) if chained else 0
    stores = [
        (*at, level)
        for *at, level in product(
            range(groups), range(m), range(n), range(-1, k + 1), range(levels + 1)
        )
        if level == 0 or 0 <= at[3] < k
    ]
    columns = np.array(stores, np.int64).reshape(len(stores), 5).T
    found = np.stack(place_columns(schedule, *columns)).T.tolist()
    places = [
        schedule.place("chain" if level else "accumulator", 0, *at, level) for *at, level in stores
    ]
    assert found == [[place.row, place.col, place.cycle] for place in places]


def test_event_list_of_nothing_has_every_column():
    columns = event_list([]).columns
    assert tuple(columns) == EventList.NAMES
    assert all(column.dtype == np.int64 and len(column) == 0 for column in columns.values())
