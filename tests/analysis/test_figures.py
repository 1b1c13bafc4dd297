"""Figures that the project shows, through ``simulate``: order, overflow rules, accuracy."""

import numpy as np
import pytest

from hwsim import models
from hwsim.importers.data import Data
from hwsim.simulation import load_hardware, load_model, simulate

ORDERS = {  # events, outputs affected, codes changed, largest change
    "[ic,ky,kx]": (119, 35, 35, 89),
    "[ky,kx,ic]": (103, 34, 34, 91),
}


def seed_conv(*words):
    machine = load_hardware("edge_os_16x16", ["accumulator.overflow=saturate", *words])
    return simulate(load_model("seed_conv"), machine)


@pytest.mark.parametrize("order", ORDERS)
def test_17_bits_on_seed_conv_depend_on_the_order_of_products(order):
    result = seed_conv("accumulator.bits=17", "bias.when=last", f"array.k_order={order}")
    found = result.layers[0]["overflow"]
    names = ("events", "outputs_affected", "codes_changed", "max_code_change")
    assert tuple(found[name] for name in names) == ORDERS[order]
    changed = result.outputs != result.run.exact["y"]
    assert changed.sum() == found["codes_changed"]
    assert np.abs(result.outputs - result.run.exact["y"]).max() == found["max_code_change"]


def test_18_bits_are_enough_for_seed_conv_in_every_order():
    for order in ("[ic,ky,kx]", "[ky,kx,ic]", "[kx,ic,ky]"):
        result = seed_conv("accumulator.bits=18", "bias.when=last", f"array.k_order={order}")
        assert result.summary["totals"]["overflow_events"] == 0
        assert result.layers[0]["width"]["observed_partial_bits"] == 18


def test_fold_and_subtract_are_two_machines_on_a_16_bit_saturating_register():
    """The same exact sums; other partial sums, events and codes (DATAPATH.md section 2)."""
    graph, data = models.load("digits")
    few = Data(data.X[:4], data.Y[:4], data.name, data.sha256, data.real[:4])
    runs = {}
    for form in ("subtract", "fold"):
        words = ["accumulator.bits=16", f"operands.zero_point={form}"]
        runs[form] = simulate(graph, load_hardware("edge_os_16x16", words), few).run
    for name in runs["fold"].exact:
        assert (runs["fold"].exact[name] == runs["subtract"].exact[name]).all()
    assert (runs["fold"].codes["conv1"] != runs["subtract"].codes["conv1"]).any()
    first = [run.layers["conv1"].ledger.accumulator.first for run in runs.values()]
    assert first[0] != first[1]
    events = [run.layers["conv1"].ledger.accumulator.events for run in runs.values()]
    assert events[0] != events[1]
    assert min(events) > 0


def test_digits_is_right_in_97_of_100_images_and_hardware_within_one_point():
    accuracy = simulate(load_model("digits"), "edge_ws_16x16").summary["accuracy"]
    assert accuracy["float"] >= 0.97
    assert abs(accuracy["hardware"] - accuracy["float"]) <= 0.01
    assert accuracy["exact"] == accuracy["hardware"]
