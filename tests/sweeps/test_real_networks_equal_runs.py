"""Sweeps of networks of MLPerf Tiny, 12 to 32 bits, against runs of single machines."""

import numpy as np
import pytest
from sweeps.test_sweep_equals_runs import same

from hwsim.importers import data, hardware, tflite
from hwsim.network import run as network_run
from hwsim.sweeps.axes import axes_of
from hwsim.sweeps.network import run_point
from hwsim.sweeps.work import Sweeper, Work

NETWORKS = {"ic_resnet8_int8": "cifar10_train_dev", "kws_dscnn_int8": "kws01_dev"}
SWEPT = {
    "edge_os_16x16": {"accumulator.bits": "12:32", "accumulator.overflow": "saturate"},
    "edge_ws_16x16": {"accumulator.bits": "13,17,20,32", "chain.bits": "12,15,17,24"},
}


@pytest.mark.parametrize("machine", SWEPT)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_width_of_a_network_equals_its_own_run(shared, name, machine):
    """Every tensor, counter and clock; at some width only some samples differ."""
    graph = tflite.load(shared / "data" / "models" / f"{name}.tflite")
    source = graph.tensors[graph.inputs[0]]
    images = data.load(shared / "data" / "data" / f"{NETWORKS[name]}.npz", source, limit=5)
    work = Work(graph, hardware.load(machine), images, axes_of(SWEPT[machine]), per_layer=False)
    sweeper, events, shares = Sweeper(work), [], set()
    for point in work.points:
        layers = sweeper.preparation.layers(point.machine)
        exact = sweeper.exact(point, layers)
        found = run_point(exact, point.machine, layers, sweeper.preparation)
        alone = network_run.run(graph, point.machine, {source.name: images.X})
        for tensor, codes in alone.codes.items():
            assert (found.run.codes[tensor] == codes).all(), (point.values, tensor)
            assert (found.run.exact[tensor] == alone.exact[tensor]).all(), (point.values, tensor)
        for layer, result in alone.layers.items():
            same(found.run.layers[layer].ledger, result.ledger, f"{point.values} {layer}")
            assert found.run.layers[layer].memory == result.memory
        events.append(sum(one.ledger.accumulator.events for one in alone.layers.values()))
        shares |= {float(np.mean(changed)) for changed in found.changed.values()}
    assert max(events) > 100_000
    assert {0.0, 1.0} < shares
