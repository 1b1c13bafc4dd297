"""A run beside its float twin: the figures do not depend on how many samples come at once."""

import numpy as np
import pytest

from hwsim.analysis import measured
from hwsim.importers import hardware, model
from hwsim.simulation import simulate


@pytest.mark.parametrize("at_once", [1, 3, 6])
def test_figures_are_those_of_all_samples_at_once(at_once, monkeypatch):
    digits = model.load("digits")
    machine = hardware.load("edge_ws_16x16", ["accumulator.bits=13", "chain.bits=13"])
    x = digits.data.X[:7]
    whole = simulate(digits, machine, x)
    monkeypatch.setattr(measured, "samples_at_once", lambda graph: at_once)
    parts = simulate(digits, machine, x)
    for one, other in zip(whole.layers, parts.layers, strict=True):
        assert one == other
    assert whole.details.keys() == parts.details.keys()
    assert all(np.array_equal(whole.details[name], parts.details[name]) for name in whole.details)
    assert whole.summary["totals"]["overflow_events"] > 0
