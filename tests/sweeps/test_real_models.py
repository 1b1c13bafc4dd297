"""Sweeps of the MLPerf Tiny networks: SEEDS.md's width table, and accuracy at ample width."""

import numpy as np
import pytest

from hwsim import models
from hwsim.importers import data, hardware, tflite
from hwsim.sweeps.sweep import sweep

WIDTHS = (14, 16, 17, 18, 19, 24, 28, 31)
CHANGED = {  # SEEDS.md, "Accumulator width on real models": outputs, codes changed at each width
    "ic_resnet8_int8": (86_026, (41_315, 7_157, 269, 0, 0, 0, 0, 0)),
    "kws_dscnn_int8": (72_012, (17_464, 5_056, 684, 1, 0, 0, 0, 0)),
    "ad_autoencoder_int8": (1_672, (724, 616, 307, 0, 0, 0, 0, 0)),
    "vww_mobilenet_int8": (231_554, (51_655, 11_473, 6_921, 4_877, 4_707, 4_518, 4_428, 0)),
}
AMPLE = 32
LABELLED = [  # network, data, scale of the input, machine, right answers of samples
    ("kws_dscnn_int8", "kws01_dev", None, "tflite_reference", (456, 510)),
    ("kws_dscnn_int8", "kws01_dev", None, "tflite_xnnpack", (458, 510)),
    ("mnist_lenet300_int8", "mnist_dev", 1 / 255, "tflite_reference", (1463, 1500)),
    ("ic_resnet8_int8", "cifar10_train_dev", None, "tflite_reference", (925, 1000)),
]
RUNGS = ("observed_final", "observed_partial", "weight", "type")


def network(shared, name):
    return tflite.load(shared / "data" / "models" / f"{name}.tflite")


def changed_alone(found):
    """Codes changed of the layer that alone is narrow, summed over layers: one count a width."""
    sums = dict.fromkeys(WIDTHS, 0)
    for record in found.records:
        for layer in record["layers"]:
            if layer["name"] == record["only_layer"]:
                sums[record["values"]["accumulator.bits"]] += layer["overflow"]["codes_changed"]
    return tuple(sums.values())


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * name.startswith("vww")) for name in CHANGED],
)
def test_codes_changed_by_a_narrow_final_value_are_the_tables(shared, name):
    """Each layer alone is narrow, on the inputs that it has when nothing overflows; its bias is in
    the sum, which is exact until it is fit once. One sample of seed 0.

    The table's fifth row, streaming WW, is of a network whose file is not among the shared data.
    """
    graph = network(shared, name)
    shape = graph.tensors[graph.inputs[0]].shape
    codes = np.random.default_rng(0).integers(-128, 128, (1, *shape))
    machine = hardware.load("tflite_reference", ["accumulator.check=final"])
    found = sweep(
        graph, machine, codes, accumulator_bits=WIDTHS, overflow="saturate", per_layer=True
    )
    outputs, changed = CHANGED[name]
    layers = found.records[0]["layers"]
    assert sum(layer["groups"] * layer["m"] * layer["n"] for layer in layers) == outputs
    assert changed_alone(found) == changed


def assert_ladders_stand(found, registers=("width",)):
    """Final <= partial <= weight bound <= type bound, of every layer at every point."""
    for register in registers:
        at = [found.columns.index(f"{register}.{name}_bits") for name in RUNGS]
        ladders = [[row[i] for i in at] for row in found.rows]
        assert len(ladders) >= 3
        assert [sorted(ladder) for ladder in ladders] == ladders


def right(found, number, labels):
    return int(np.count_nonzero(found.samples["predicted"][number] == labels))


@pytest.mark.parametrize(
    ("name", "samples", "scale", "machine", "answers"),
    [pytest.param(*case, marks=[pytest.mark.slow] * case[0].startswith("ic")) for case in LABELLED],
)
def test_ample_registers_give_the_runtimes_right_answers(
    shared, name, samples, scale, machine, answers
):
    """As many as data/README.md's table has, measured with LiteRT."""
    graph = network(shared, name)
    given = data.load(
        shared / "data" / "data" / f"{samples}.npz", graph.tensors[graph.inputs[0]], scale
    )
    found = sweep(graph, machine, given, accumulator_bits=AMPLE)
    (point,) = found.points
    assert (right(found, 0, given.Y), len(given.Y)) == answers
    assert point["accuracy"]["hardware"] == point["accuracy"]["exact"] == answers[0] / answers[1]
    assert point["overflow"]["events"] == point["samples_changed"] == 0
    assert_ladders_stand(found)


@pytest.mark.parametrize(
    ("machine", "registers"),
    [("tflite_reference", ["width"]), ("edge_ws_16x16", ["width", "width.chain"])],
)
def test_ladders_stand_at_every_width(machine, registers):
    """Also where inputs of a layer are what an earlier one left of its sums."""
    graph, given = models.load("digits")
    swept = {"accumulator_bits": "12:20", "overflow": "wrap,saturate"}
    found = sweep(graph, machine, given.X[:40], **swept)
    assert found.points[0]["overflow"]["events"] > 1000
    assert_ladders_stand(found, registers)


def test_ample_registers_give_the_answers_of_litert_on_digits(root):
    """All 497 images; LiteRT runs the same network, written as a .tflite file."""
    interpreter = pytest.importorskip(
        "ai_edge_litert.interpreter", reason="ai-edge-litert is not installed"
    )
    graph, given = models.load("digits")
    path = str(root / "traces" / "runtimes" / "digits_int8.tflite")
    reference = interpreter.OpResolverType.BUILTIN_REF
    runtime = interpreter.Interpreter(path, experimental_op_resolver_type=reference)
    runtime.allocate_tensors()
    source, output = runtime.get_input_details()[0], runtime.get_output_details()[0]
    theirs = []
    for image in given.X:
        runtime.set_tensor(source["index"], image[None].astype(np.int8))
        runtime.invoke()
        theirs.append(runtime.get_tensor(output["index"])[0].argmax())
    found = sweep(graph, "tflite_reference", given, accumulator_bits=AMPLE)
    assert (found.samples["predicted"][0] == theirs).all()
    assert right(found, 0, given.Y) == np.count_nonzero(theirs == given.Y) == 495
    assert_ladders_stand(found)
