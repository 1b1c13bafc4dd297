"""What one narrow accumulator does to the MLPerf Tiny networks: 928 rows, made by another program.

Every layer of four networks, eight widths, saturating and wrapping: stores that lost something,
outputs with such a store, the smallest and largest value presented to the register, and a CRC of
all results. One input each; a layer's input is what TFLite's reference kernels compute upstream.
"""

import csv
import zlib
from dataclasses import replace

import numpy as np
import pytest
import records

from hwsim.arith.formats import IntFormat
from hwsim.array.specification import RequantizeSpec
from hwsim.importers import tflite
from hwsim.importers.hardware import load
from hwsim.mapping.run import run_layer
from hwsim.network.graph import Graph, Tensor
from hwsim.network.layers import layer_gemms, output_side
from hwsim.network.run import run

NETWORKS = {  # file, array of natural.npz or None for seed 0, layers
    "resnet8": ("ic_resnet8_int8", "c32", 10),
    "vww": ("vww_mobilenet_int8", "c96", 28),
    "kws": ("kws_dscnn_int8", None, 10),
    "ad": ("ad_autoencoder_int8", None, 10),
}
OVERFLOW = {"sat": "saturate", "wrap": "wrap"}


def rows_of(shared, network):
    """The table's rows by layer."""
    path = shared / "golden" / "performance" / "overflow_mlperftiny.csv"
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == network]
    layers = {}
    for row in rows:
        layers.setdefault(int(row["layer"]), []).append(row)
    return layers


def reference_codes(shared, network):
    """Graph and every tensor's codes for the table's input, by LiteRT's reference arithmetic."""
    file, natural, _ = NETWORKS[network]
    graph = tflite.load(shared / "data" / "models" / f"{file}.tflite")
    (name,) = graph.inputs
    shape = graph.tensors[name].shape
    if natural is None:
        codes = np.random.default_rng(0).integers(-128, 128, size=shape)
    else:
        with np.load(shared / "golden" / "performance" / "natural.npz") as images:
            codes = images[natural][0].astype(np.int64) - 128
    assert codes.shape == shape
    return graph, run(graph, load("tflite_reference"), {name: codes[None]}).codes


def register(bits, overflow):
    """No array, one accumulator, which leaves as it is."""
    identity = RequantizeSpec(scheme="shift_only", rounding="floor")
    made = records.machine("none", accumulator=(bits, overflow), bias=(32, overflow, 0, "last"))
    return made.model_copy(update={"requantize": {"default": identity}})


def accumulator_only(graph, node):
    """One layer without its bias, whose output is its accumulator."""
    source = graph.tensors[node.inputs[0]]
    source = Tensor("x", source.shape, source.format, 1.0, source.zero_point)
    output = Tensor("y", graph.tensors[node.output].shape, IntFormat(32))
    layer = replace(
        node.layer, bias=None, weight_scale=np.ones(1), clamp=(None, None), activation="none"
    )
    node = replace(node, inputs=("x",), output="y", layer=layer)
    return Graph(node.name, {"x": source, "y": output}, (node,), ("x",), ("y",))


def stored(graph, machine, codes):
    """Content of the register after each product, of shape (K, G, M, N).

    Sample k of the batch has the first k + 1 products of each sum; the others are 0, which a
    register keeps.
    """
    (node,) = graph.nodes
    ((_, gemm),) = layer_gemms(graph, node, [codes], machine)
    k = gemm.shape[3]
    a = np.repeat(gemm.a, k, axis=0)
    for i in range(k):
        a[i, :, :, i + 1 :] = gemm.a_zero_point
    return run_layer(replace(gemm, a=a), output_side(graph, node), machine, node.name).accumulator


def presented_extremes(graph, machine, codes, layer):
    """Least and largest value presented to the register.

    Without an event they are the range of the exact partial sums. A value that does not fit is
    an event; on a side without one, every value presented was stored as it was.
    """
    ledger = layer.ledger.accumulator
    if ledger.events == 0:
        return int(ledger.partial_lo.min()), int(ledger.partial_hi.max())
    (events,) = layer.events
    presented, held = events.columns["presented"], machine.accumulator.format
    if presented.min() >= held.lo or presented.max() <= held.hi:
        values = stored(graph, machine, codes)
        place = tuple(events.columns[axis] for axis in ("k", "group", "m", "n"))
        values[place] = presented
        presented = values
    return int(presented.min()), int(presented.max())


def measured(graph, codes, row):
    """The table's figures of one layer on one register, as the table spells them."""
    machine = register(int(row["B"]), OVERFLOW[row["mode"]])
    result = run(graph, machine, {"x": codes}, list_events=True)
    (layer,) = result.layers.values()
    ledger = layer.ledger.accumulator
    least, largest = presented_extremes(graph, machine, codes, layer)
    return {
        "events": str(ledger.events),
        "outputs_with_event": str(int(ledger.persistent.sum() + ledger.transient.sum())),
        "min_prefix": str(least),
        "max_prefix": str(largest),
        "crc32_result": f"{zlib.crc32(result.codes['y'].astype('<i4').tobytes()):08x}",
    }


@pytest.mark.slow
@pytest.mark.conformance
@pytest.mark.parametrize("network", NETWORKS)
def test_ledger_equals_the_overflow_table(shared, network):
    graph, codes = reference_codes(shared, network)
    table = rows_of(shared, network)
    nodes = graph.mac_nodes
    assert len(nodes) == len(table) == NETWORKS[network][2]
    different, compared = {}, 0
    for number, node in enumerate(nodes):
        layer = accumulator_only(graph, node)
        shape = node.layer.weight.shape
        pixels = graph.tensors[node.output].shape[:-1]
        for row in table[number]:
            assert (shape[0], np.prod(shape[1:]), np.prod(pixels)) == (
                int(row["M"]), int(row["K"]), int(row["P"]),
            )  # fmt: skip
            found = measured(layer, codes[node.inputs[0]], row)
            compared += 1
            if found != {key: row[key] for key in found}:
                different[number, row["B"], row["mode"]] = found
    assert different == {}
    assert compared == 16 * NETWORKS[network][2]
