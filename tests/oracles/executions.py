"""What two executions of one layer give, side by side."""

import numpy as np


def assert_same(found, wanted):
    """Two executions of one layer."""
    assert (found.accumulator == wanted.accumulator).all()
    assert (found.exact == wanted.exact).all()
    for one, other in (
        (found.accumulator_ledger, wanted.accumulator_ledger),
        (found.chain, wanted.chain),
    ):
        assert (one is None) == (other is None)
        for name in vars(one) if one is not None else ():
            assert np.array_equal(getattr(one, name), getattr(other, name)), name
    for name, column in found.events.columns.items():
        assert np.array_equal(column, wanted.events.columns[name]), name
