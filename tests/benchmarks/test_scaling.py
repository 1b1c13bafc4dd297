"""Cost against work: time in proportion to MACs and to images."""

import time

import numpy as np
import pytest
from benchmarks.moments import in_some_moment
from benchmarks.products import ledger_layer
from benchmarks.workloads import Product

from hwsim.importers import hardware, model
from hwsim.network import run as network_run

STEPS = (1, 2, 4, 8)
NEAR = 0.2  # an exponent is 1 where time is in proportion to work


def exponent(functions, work, rounds=5):
    """The slope of log time over log work, by least squares; the least time of each in turn."""
    for function in functions:
        function()
    return in_some_moment(lambda: slope_of(functions, work, rounds), in_proportion)


def in_proportion(found):
    return abs(found[0] - 1) < NEAR


def slope_of(functions, work, rounds):
    least = np.full(len(functions), np.inf)
    for _ in range(rounds):
        for i, function in enumerate(functions):
            start = time.process_time()
            function()
            least[i] = min(least[i], time.process_time() - start)
    slope, _ = np.polyfit(np.log(work), np.log(least), 1)
    return slope, least


def test_time_is_in_proportion_to_macs(table, benchmark):
    """Rows enough that laying out the weights, once a call, takes little of it."""
    products = [Product(m=1568 * step) for step in STEPS]
    slope, least = exponent([ledger_layer(one) for one in products], STEPS)
    rate = products[-1].m * products[-1].k * products[-1].n / least[-1] / 1e9
    benchmark.pedantic(ledger_layer(products[0]), rounds=3)
    what = "full ledger, product of 1,568 to 12,544 rows: time ~ MACs to the power of"
    table.note(what, f"{slope:.2f} ({rate:.0f} GMAC/s)", "1")
    assert in_proportion((slope, least)), slope


@pytest.mark.slow
def test_time_is_in_proportion_to_images(table, benchmark, shared):
    graph = model.load(shared / "data" / "models" / "ic_resnet8_int8.tflite").graph
    machine = hardware.load("edge_os_16x16")
    codes = np.random.default_rng(0).integers(-128, 128, (32 * STEPS[-1], 32, 32, 3))

    def images(step):
        return lambda: network_run.run(graph, machine, {graph.inputs[0]: codes[: 32 * step]})

    slope, least = exponent([images(step) for step in STEPS], STEPS, rounds=2)
    benchmark.pedantic(images(1), rounds=1)
    what = "full ledger, ResNet-8, 32 to 256 images: time ~ images to the power of"
    table.note(what, f"{slope:.2f} ({least[-1] / len(codes) * 1e3:.2f} ms an image)", "1")
    assert in_proportion((slope, least)), slope
