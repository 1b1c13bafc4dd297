"""Who made these tensors: every machine is found from its own dump, its name hidden."""

from dataclasses import replace

import numpy as np
import pytest

from hwsim import models
from hwsim.analysis.identify import same_on, try_machines
from hwsim.analysis.identify_apart import telling_input, telling_sum
from hwsim.analysis.identify_compose import any_dumped, search
from hwsim.analysis.identify_policies import fitting, grid, policies, with_policy, with_tails
from hwsim.array.policy_checks import check_policy
from hwsim.array.specification import RequantizeSpec
from hwsim.errors import HwsimError
from hwsim.importers import hardware, machine_files
from hwsim.network import run as network_run

SAMPLES = 6
GRAPH = models.load("digits")[0]
LAYERS = replace(GRAPH, nodes=GRAPH.nodes[:3], outputs=("pw3",))
IMAGES = np.random.default_rng(11).integers(-128, 128, (SAMPLES, 8, 8, 1))


@pytest.fixture(scope="module")
def machines():
    """Every shipped machine."""
    return {name: hardware.load(name) for name in machine_files.names()}


def dump_of(machine, graph=GRAPH):
    """Every tensor of a network on a machine."""
    return network_run.run(graph, machine, {"image": IMAGES}).codes


def suitable(machine):
    """digits; for a machine that lacks one of its other operators, the layers before them."""
    try:
        dump_of(machine)
    except HwsimError:
        return LAYERS
    return GRAPH


@pytest.mark.parametrize("name", machine_files.names())
def test_a_machine_is_found_from_its_own_dump(name, machines):
    graph = suitable(machines[name])
    dumped = dump_of(machines[name], graph)
    trials = try_machines(graph, machines.values(), dumped)
    fits = [trial.machine.name for trial in trials if trial.fits]
    assert name in fits
    assert fits == [trial.machine.name for trial in trials[: len(fits)]]  # the best come first
    for other in fits:  # equal on this data: so says a run of its own, not of shared layers
        again = dump_of(machines[other], graph)
        assert all((again[tensor] == dumped[tensor]).all() for tensor in dumped)
    for trial in trials[len(fits) :]:
        assert trial.different or trial.refused


@pytest.mark.parametrize("name", ["tflite_reference", "shift_only_16x16", "narrow_acc_16bit"])
def test_a_machine_is_found_from_final_outputs_alone(name, machines):
    whole = dump_of(machines[name])
    dumped = {"image": whole["image"], "fc6": whole["fc6"]}
    trials = try_machines(GRAPH, machines.values(), dumped)
    assert name in [trial.machine.name for trial in trials if trial.fits]
    assert not any_dumped(GRAPH, dumped)
    assert any_dumped(GRAPH, whole)


def test_a_layer_is_judged_on_its_true_inputs(machines):
    """With one wrong tensor in the dump, only its own layer and its readers are blamed."""
    dumped = dict(dump_of(machines["tflite_reference"]))
    dumped["conv4"] = dumped["conv4"].copy()
    dumped["conv4"][0, 0, 0, 0] ^= 64
    (trial,) = try_machines(GRAPH, [machines["tflite_reference"]], dumped)
    wrong = {name for name, one in trial.tensors.items() if one.different}
    assert wrong <= {"conv4", "pool5"}
    assert trial.tensors["conv4"].different == 1
    assert (trial.fits, trial.first.tensor) == (False, "conv4")


def test_shared_runs_give_what_each_machine_gives_alone(machines):
    dumped = dump_of(machines["onnxruntime"])
    together = try_machines(GRAPH, machines.values(), dumped)
    for trial in together[:4]:
        (alone,) = try_machines(GRAPH, [trial.machine], dumped)
        assert alone.tensors == trial.tensors


@pytest.mark.parametrize(
    "words",
    [
        {"default": "multiplier_shift_double half_up", "fully_connected": "shift_only half_even"},
        {"default": "multiplier_shift floor", "fully_connected": "shift_only half_up"},
    ],
)
def test_policies_of_no_shipped_machine_are_found_layer_by_layer(words, machines):
    changes = []
    for key, text in words.items():
        scheme, rounding = text.split()
        changes += [f"requantize.{key}.scheme={scheme}", f"requantize.{key}.rounding={rounding}"]
        if scheme == "multiplier_shift":
            changes.append(f"requantize.{key}.multiplier_bits=16")
    hidden = hardware.load("tflite_reference", changes)
    dumped = dump_of(hidden)
    trials = try_machines(GRAPH, machines.values(), dumped)
    assert not trials[0].fits
    found = search(GRAPH, trials, dumped)
    for node in GRAPH.mac_nodes:
        spec = hidden.policy(node.op, 8)
        assert any(one.spec == spec for one in found.layers[node.name]), node.name
    (made,) = try_machines(GRAPH, [found.machine], dumped)
    assert made.fits


def test_arithmetic_outside_the_grid_is_not_claimed(machines):
    hidden = hardware.load("tflite_reference", ["accumulator.bits=13"])
    dumped = dump_of(hidden)
    trials = try_machines(GRAPH, [machines["tflite_reference"]], dumped)
    found = search(GRAPH, trials, dumped)
    assert not all(found.layers.values())
    assert found.machine is None


def test_the_grid_holds_every_policy_of_every_shipped_machine(machines):
    """But for those with free numbers: tables, narrowing stages."""
    specs = {spec.model_dump_json(exclude={"activation_bounds"}) for spec in with_tails(grid())}
    for machine in machines.values():
        overridden = [entry.get("requantize.default") for entry in machine.overrides]
        own = [RequantizeSpec.model_validate(words) for words in overridden if words]
        for spec in [*machine.requantize.values(), *own]:
            if spec.table_bits is None and spec.narrow is None and spec.lfsr is None:
                plain = spec.model_copy(update={"scale": None}) if spec.scale == "float64" else spec
                assert plain.model_dump_json(exclude={"activation_bounds"}) in specs, machine.name


def test_the_grid_holds_each_policy_once_and_none_that_contradicts_itself():
    words = [spec.model_dump_json() for spec in grid()]
    assert len(set(words)) == len(words)
    assert not any(check_policy(spec) for spec in grid())


def test_fitting_means_equal_on_all_samples(machines):
    """A policy that meets the first samples only is not told."""
    machine = machines["tflite_reference"]
    node = next(node for node in GRAPH.nodes if node.name == "pw3")
    tensors = dump_of(machine)
    theirs = tensors["pw3"].copy()
    theirs[-1, 0, 0, 0] ^= 1
    specs = policies(GRAPH, node)
    assert not fitting(GRAPH, node, machine, [tensors["dw2"]], theirs, specs)
    assert fitting(GRAPH, node, machine, [tensors["dw2"]], tensors["pw3"], specs)


def test_what_tells_two_machines_apart_really_does(machines):
    a, b = machines["tflite_reference"], machines["onnxruntime"]
    found = telling_input(GRAPH, a, b)
    pair = [network_run.run(GRAPH, m, found.inputs).codes[found.first.tensor] for m in (a, b)]
    first = found.first.first
    assert [int(codes[(0, *first.index)]) for codes in pair] == [first.ours, first.theirs]
    assert first.ours != first.theirs
    told = telling_sum(GRAPH, a, b)
    assert told.codes[0] != told.codes[1]


def test_equal_machines_are_not_told_apart(machines):
    a = machines["tflite_reference"]
    b = a.model_copy(update={"name": "other"})
    assert same_on(GRAPH, a, b)
    assert telling_input(GRAPH, a, b) is None
    assert telling_sum(GRAPH, a, b) is None
    assert not same_on(GRAPH, a, with_policy(a, grid()[0]))
