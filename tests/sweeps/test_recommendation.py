"""The answer of a sweep: machines that load again, and keep what was promised."""

import pytest
import yaml

import hwsim
from hwsim.importers import hardware
from hwsim.network import run as network_run
from hwsim.simulation import simulate
from hwsim.sweeps.array_bits import ArrayBits, array_bits
from hwsim.sweeps.axes import axes_of
from hwsim.sweeps.recommend import WIDTH, Terms, flips
from hwsim.sweeps.recommendation import recommend
from hwsim.sweeps.sweep import run
from hwsim.sweeps.work import Work

BUDGET = 0.05


def answer(machine, terms, *, limit=None, **axes):
    model = hwsim.load_model("digits")
    data = model.data
    work = Work(model.graph, machine, data, axes_of(axes), False)
    found = run(work)
    machines = [point.machine for point in work.points]
    inputs = {model.graph.inputs[0]: data.X}
    given = recommend(model.graph, machine, inputs, found.points, machines, found.samples, terms)
    return model, found, given


@pytest.fixture(scope="module")
def digits():
    machine = hardware.load("edge_os_16x16")
    return answer(
        machine,
        Terms(BUDGET, 0.95),
        **{"accumulator.bits": "10:24", "accumulator.overflow": "wrap,saturate"},
    )


def accuracy(model, machine):
    run_ = network_run.run(model.graph, machine, {model.graph.inputs[0]: model.data.X})
    codes = run_.codes[model.graph.outputs[0]]
    return (codes.reshape(len(codes), -1).argmax(axis=1) == model.data.Y).mean(), run_


def test_the_uniform_machine_loads_again_and_keeps_the_budget(digits, tmp_path):
    model, _, given = digits
    (tmp_path / "r.yaml").write_bytes(given.files["recommended.yaml"])
    machine = hardware.load(tmp_path / "r.yaml")
    best = given.entry["best"]
    assert machine.accumulator.bits == best["found"]["bits"]
    assert machine.accumulator.overflow == best["values"]["accumulator.overflow"]
    ample, _ = accuracy(model, hardware.load("edge_os_16x16", ["accumulator.bits=32"]))
    ours, _ = accuracy(model, machine)
    assert ample - ours == pytest.approx(best["found"]["loss"])
    assert best["found"]["loss_bound"] <= BUDGET
    assert best["found"]["bits"] < best["guaranteed_bits"]
    assert b"MAC_ARRAY_PARAMETERS" in given.files["recommended.svh"]


def test_the_per_layer_machine_loads_again_and_keeps_the_budget(digits, tmp_path):
    model, _, given = digits
    (tmp_path / "r.yaml").write_bytes(given.files["recommended_per_layer.yaml"])
    machine = hardware.load(tmp_path / "r.yaml")
    ours, run_ = accuracy(model, machine)
    ample, _ = accuracy(model, hardware.load("edge_os_16x16", ["accumulator.bits=32"]))
    assert ample - ours <= BUDGET
    assert ample - ours == pytest.approx(given.entry["per_layer"]["loss"])
    widths = {layer["name"]: layer["recommended_bits"] for layer in given.entry["layers"]}
    assert {n: x.accumulator.bits for n, x in run_.layers.items()} == widths
    assert yaml.safe_load(given.files["recommended_per_layer.yaml"])["overrides"]


def test_the_machines_that_were_written_are_what_was_recommended(digits, tmp_path):
    """Simulated from their YAML: the sweep's point to every total and image, and as many images
    lost and gained as the answer says."""
    model, found, given = digits
    runs = {}
    for name in ("recommended", "recommended_per_layer"):
        path = tmp_path / f"{name}.yaml"
        path.write_bytes(given.files[path.name])
        runs[name] = simulate(model.graph, hardware.load(path), model.data)
    best = given.entry["best"]
    values = {**best["values"], WIDTH: best["found"]["bits"]}
    (point,) = [point for point in found.points if point["values"] == values]
    summary = runs["recommended"].summary
    assert summary["totals"] == point["totals"]
    assert summary["accuracy"] == point["accuracy"]
    classes = {name: run.outputs.argmax(axis=1) for name, run in runs.items()}
    assert (classes["recommended"] == found.samples["predicted"][point["number"]]).all()
    exact, labels = found.samples["exact"], found.samples["labels"]
    for name, said in (("recommended", best["found"]),
                       ("recommended_per_layer", given.entry["per_layer"])):  # fmt: skip
        assert flips(classes[name], exact, labels) == (said["lost"], said["gained"])
    assert given.entry["per_layer"]["lost"] > 0


def test_every_bound_holds_the_next_one(digits):
    _, _, given = digits
    for layer in given.entry["layers"]:
        bits = [layer[f"{word}_bits"] for word in ("type", "l1", "weight", "observed")]
        assert bits[1:] == sorted(bits[1:], reverse=True)
        assert bits[0] >= bits[2]
        assert max(g["weight_bits"] for g in layer["groups"]) == layer["weight_bits"]
        assert max(g["observed_bits"] for g in layer["groups"]) == layer["observed_bits"]
        assert layer["headroom"] == layer["weight_bits"] - layer["observed_bits"]
    tighter = [x for x in given.entry["layers"] if x["l1_bits"] > x["weight_bits"]]
    assert tighter or all(x["l1_bits"] == x["weight_bits"] for x in given.entry["layers"])


def test_saved_bits_are_those_of_the_array(digits):
    model, _, given = digits
    saved, bits = given.entry["saved"], given.entry["best"]["found"]["bits"]
    was = hardware.load("edge_os_16x16").accumulator.bits
    assert saved["adder_bits"] == [256 * was, 256 * bits]
    assert saved["register_bits"] == [512 * was, 512 * bits]
    layers = given.entry["layers"]
    macs = network_run.run(
        model.graph, hardware.load("edge_os_16x16"), {model.graph.inputs[0]: model.data.X[:1]}
    ).layers
    outputs = [x.schedule.groups * x.schedule.m * x.schedule.n for x in macs.values()]
    per_layer = [n * x["recommended_bits"] for n, x in zip(outputs, layers, strict=True)]
    assert saved["stored_bits_per_layer"] == [sum(outputs) * was, sum(per_layer)]


def test_an_overflow_limit_keeps_wider_registers(digits):
    _, _, loose = digits
    machine = hardware.load("edge_os_16x16")
    _, _, strict = answer(machine, Terms(0.02, 0.95, 1e-9), **{"accumulator.bits": "10:24"})
    assert strict.entry["best"]["found"]["proof"] == "guaranteed"
    assert strict.entry["best"]["found"]["bits"] > loose.entry["best"]["found"]["bits"]


def test_a_runtime_has_no_array_to_save(tmp_path):
    assert array_bits(hardware.load("tflite_reference"), []) is None
    ws = hardware.load("edge_ws_16x16", ["chain.bits=20", "accumulator.bits=24"])
    assert array_bits(ws, []) == ArrayBits(256 * 20 + 16 * 24, 256 * 20)
    tree = hardware.load("dot_product_64x16", ["chain.bits=18", "accumulator.bits=24"])
    assert array_bits(tree, []) == ArrayBits(16 * 63 * 18 + 16 * 24, 16 * 63 * 18)
