"""Layers on the named machines against the frozen outputs of LiteRT's three kernel families."""

import numpy as np
import pytest
from golden.tflite_cases import (
    LITERT,
    RESOLVERS,
    RUNTIMES,
    case_graph,
    cases,
    differences,
    outputs,
)

from hwsim.array.overrides import for_layer
from hwsim.importers.hardware import load
from hwsim.mapping.run import run_layer
from hwsim.network.layers import layer_facts, layer_gemms, output_side

FILES = [("golden_tflite_layers", 52, 25860), ("golden_tflite_layers_ties", 52, 21482)]
pytestmark = pytest.mark.conformance


@pytest.mark.parametrize(("file", "layers", "count"), FILES)
@pytest.mark.parametrize("resolver", RESOLVERS)
def test_layers_equal_litert(shared, record_conformance, file, layers, count, resolver):
    machine = load(RESOLVERS[resolver])
    found, compared, wrong = cases(shared / "golden" / "semantics" / f"{file}.npz"), 0, {}
    for (kind, name, number), case in found.items():
        y = outputs(case_graph(case, kind, name), machine, case["x"])
        differ = differences(y, case[f"y_{resolver}"])
        compared += y.size
        if differ:
            wrong[kind, name, number] = differ
    record_conformance(
        runtime=RUNTIMES[resolver],
        version=LITERT,
        machine=machine.name,
        outputs=compared,
        differences=sum(wrong.values()),
    )
    assert wrong == {}
    assert (len(found), compared) == (layers, count)


@pytest.mark.parametrize(("file", "layers", "count"), FILES)
def test_sums_equal_the_exact_ones(shared, file, layers, count):
    machine = load("tflite_reference")
    wrong, compared = 0, 0
    for (kind, name, _), case in cases(shared / "golden" / "semantics" / f"{file}.npz").items():
        graph = case_graph(case, kind, name)
        (node,) = graph.nodes
        own = for_layer(machine, layer_facts(graph, node))
        _, gemm = next(layer_gemms(graph, node, [case["x"].astype(np.int64)], own))
        sums = run_layer(gemm, output_side(graph, node), own, name).accumulator
        channels = sums.transpose(0, 2, 1, 3)  # samples, pixels, groups, channels
        wrong += differences(channels, case["acc"])
        compared += sums.size
    assert (compared, wrong) == (count, 0)
