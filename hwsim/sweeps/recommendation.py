"""A sweep's answer: the narrowest uniform and per-layer accumulators, and machines to use them.

Per layer, the widths are tried as a sequence, from safe to bold: the guaranteed ones, then those
that the data needed, then one bit fewer in every layer, two, and so on. Each machine is simulated
on the data as it will be written; the first that does not keep the terms ends the search.
"""

from __future__ import annotations

import glob
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hwsim.array.gemm import Ints
from hwsim.array.overrides import override_of
from hwsim.array.specification import Machine
from hwsim.errors import UnsupportedError
from hwsim.importers import hardware
from hwsim.importers.strict_yaml import Document, Place
from hwsim.network import run as network_run
from hwsim.network.graph import Graph
from hwsim.network.layers import layer_facts
from hwsim.rtl.machine import parameter_text, parameters
from hwsim.sweeps.array_bits import array_bits
from hwsim.sweeps.confidence import most_elsewhere
from hwsim.sweeps.layer_widths import LayerWidths, as_json, layer_widths, stored_bits
from hwsim.sweeps.points import ample
from hwsim.sweeps.recommend import WIDTH, Found, Terms, uniform, weigh
from hwsim.sweeps.results import predicted

LEAST_BITS = 2


@dataclass(frozen=True, eq=False)
class Recommendation:
    """What `sweep.json` says under ``recommendation``, and files beside it."""

    entry: dict[str, Any]
    files: dict[str, bytes]


def recommend(
    graph: Graph,
    machine: Machine,
    inputs: Mapping[str, Ints],
    points: Sequence[Mapping[str, Any]],
    machines: Sequence[Machine],
    samples: Mapping[str, Any],
    terms: Terms,
) -> Recommendation:
    """The answer of one sweep.

    Parameters
    ----------
    graph, machine, inputs
        As swept; codes of the network's input by name.
    points, machines, samples
        Of sweep.json, the machine of each, and samples.npz.
    terms : Terms
    """
    wide = with_widths(graph, machine, ample(graph, machine)[WIDTH])
    result = network_run.run(graph, wide, inputs)
    widths = [layer_widths(graph, wide, layer) for layer in result.layers.values()]
    guaranteed = max((w.weight_bits for w in widths), default=LEAST_BITS)
    observed = max((w.observed_bits for w in widths), default=LEAST_BITS)
    outputs = sum(w.outputs for w in widths) * len(samples["exact"])
    facts = {point["number"]: (guaranteed, observed, outputs) for point in points}
    answers = uniform(points, samples, facts, terms)
    files: dict[str, bytes] = {}
    best = least(answers)
    chosen = machine
    if best is not None:
        number = next(
            p["number"]
            for p in points
            if p["only_layer"] is None
            and p["values"] == {**best["values"], WIDTH: best["found"]["bits"]}
        )
        chosen = machines[number]
        files |= machine_files(chosen, "recommended")

    def test(bits: list[int]) -> tuple[Found, Machine]:
        return _tried(graph, chosen, inputs, samples, widths, bits, terms)

    layers = per_layer(widths, test, terms)
    if layers is not None:
        files |= machine_files(layers[2], "recommended_per_layer")
    entry = {
        "terms": asdict(terms),
        "least_samples": least_samples(terms),
        "uniform": answers,
        "best": best,
        "per_layer": None if layers is None else asdict(layers[0]),
        "layers": [
            as_json(w, None if layers is None else layers[1][i]) for i, w in enumerate(widths)
        ],
        "saved": saved(graph, machine, chosen, result, widths, layers and layers[1]),
        "files": sorted(files),
    }
    return Recommendation(entry, files)


def least_samples(terms: Terms) -> int:
    """Samples, none of them lost, that promise the budget; 0 where none can.

    >>> least_samples(Terms(0.005, 0.95))
    800
    """
    return math.ceil(most_elsewhere(0, terms.confidence) / terms.budget) if terms.budget else 0


def least(answers: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The answer with the fewest bits; the first of several."""
    found = [answer for answer in answers if answer["found"] is not None]
    return min(found, key=lambda answer: answer["found"]["bits"], default=None)


def per_layer(
    widths: Sequence[LayerWidths], test: Callable[[list[int]], tuple[Found, Machine]], terms: Terms
) -> tuple[Found, list[int], Machine] | None:
    """The last of the sequence that keeps the terms, or None where there is no layer."""
    if not widths:
        return None
    guaranteed = [w.weight_bits for w in widths]
    best = None
    for fewer in range(-1, max(guaranteed)):
        bits = guaranteed
        if fewer >= 0:
            bits = [max(w.observed_bits - fewer, LEAST_BITS) for w in widths]
        found, machine = test(bits)
        if not found.keeps(terms):
            break
        best = found, bits, machine
    return best


def _tried(
    graph: Graph,
    machine: Machine,
    inputs: Mapping[str, Ints],
    samples: Mapping[str, Any],
    widths: Sequence[LayerWidths],
    bits: list[int],
    terms: Terms,
) -> tuple[Found, Machine]:
    """Widths layer by layer, simulated on all data."""
    names = [w.name for w in widths]
    machine = with_widths(graph, machine, dict(zip(names, bits, strict=True)))
    run = network_run.run(graph, machine, inputs)
    ledgers = [layer.ledger.accumulator for layer in run.layers.values()]
    affected = sum(int((x.persistent + x.transient).sum()) for x in ledgers)
    outputs = sum(w.outputs for w in widths) * len(samples["exact"])
    classes = predicted(run.codes[graph.outputs[0]])
    safe = all(b >= w.weight_bits for b, w in zip(bits, widths, strict=True))
    images = (classes, np.asarray(samples["exact"]), samples.get("labels"))
    most = max(bits)
    return weigh(most, most if safe else most + 1, images, (affected, outputs),
                 terms.confidence), machine  # fmt: skip


def with_widths(graph: Graph, machine: Machine, bits: int | Mapping[str, int]) -> Machine:
    """The machine with accumulators of one width, or of a width for each layer, by name."""
    tree = machine.model_dump(exclude_none=True)
    names = [node.name for node in graph.mac_nodes]
    own = dict.fromkeys(names, bits) if isinstance(bits, int) else dict(bits)
    entries = []
    for node in graph.mac_nodes:
        words = override_of(machine, layer_facts(graph, node))
        entries.append({"match": glob.escape(node.name), **words, WIDTH: own[node.name]})
    tree["overrides"] = entries
    tree["accumulator"]["bits"] = max(own.values(), default=machine.accumulator.bits)
    return hardware.build(Document(tree, {(): Place(machine.name, 0)}))


def machine_files(machine: Machine, stem: str) -> dict[str, bytes]:
    """The machine's YAML, and its RTL's parameters where it has RTL."""
    files = {f"{stem}.yaml": hardware.resolved_yaml(machine).encode()}
    try:
        text = parameter_text(parameters(machine), machine.name)
    except UnsupportedError:
        return files
    return files | {f"{stem}.svh": text.encode()}


def saved(
    graph: Graph,
    machine: Machine,
    chosen: Machine,
    result: network_run.NetworkRun,
    widths: list[LayerWidths],
    layer_bits: list[int] | None,
) -> dict[str, Any]:
    """Bits of adders and registers before and after, and accumulator bits written for an image."""
    schedules = [layer.schedule for layer in result.layers.values()]
    before, after = array_bits(machine, schedules), array_bits(chosen, schedules)
    was = stored_bits(widths, [machine.accumulator.bits] * len(widths))
    found: dict[str, Any] = {
        "adder_bits": None if before is None or after is None else [before.adders, after.adders],
        "register_bits": (
            None if before is None or after is None else [before.registers, after.registers]
        ),
        "stored_bits": [was, stored_bits(widths, [chosen.accumulator.bits] * len(widths))],
        "stored_bits_per_layer": None,
        "stored_bits_per_group": [was, group_bits(widths)],
    }
    if layer_bits is not None:
        found["stored_bits_per_layer"] = [was, stored_bits(widths, layer_bits)]
    return found


def group_bits(widths: Sequence[LayerWidths]) -> int:
    """Accumulator bits written for one image, each group of channels as wide as the data needed."""
    total = 0
    for layer in widths:
        channels = sum(g["last"] - g["first"] + 1 for g in layer.groups)
        each = layer.stores // channels if channels else 0
        total += sum((g["last"] - g["first"] + 1) * each * g["observed_bits"] for g in layer.groups)
    return total
