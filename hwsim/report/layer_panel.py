"""One layer in full: every number of its summary, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hwsim.report import words
from hwsim.report.plots.causes import word
from hwsim.report.words import Layer


@dataclass(frozen=True)
class LayerPanel:
    """What unfolds under one layer."""

    title: str
    facts: list[tuple[str, str]]


def panel(layer: Layer) -> LayerPanel:
    """The layer of a run."""
    name = words.printable(layer["name"])
    events = layer["overflow"]["events"]
    said = words.several(events, "overflow event") if events else "no overflow"
    title = f"{name}, {words.printable(layer['op'])}: {said}, SQNR {words.decibel(layer['error'])}"
    facts = [
        *_shape(layer),
        *_times(layer),
        *_registers(layer),
        *_overflow(layer["overflow"]),
        *_errors(layer),
        *_causes(layer),
    ]
    return LayerPanel(title, facts)


def _shape(layer: Layer) -> list[tuple[str, str]]:
    facts = [
        ("Product", f"{words.product(layer)}, {words.count(layer['macs'])} MACs an image"),
        ("Output", f"{words.shape(layer.get('shape'))}, tensor {words.printable(layer['tensor'])}"),
    ]
    formats = layer.get("formats")
    if formats:
        kinds = [f"{kind} {words.printable(str(form))}" for kind, form in formats.items() if form]
        facts.append(("Formats", ", ".join(kinds)))
    if layer.get("scheme"):
        facts.append(("Requantizer", words.printable(layer["scheme"]).replace("_", " ")))
    return facts


def _times(layer: Layer) -> list[tuple[str, str]]:
    facts = []
    if layer["cycles"] is not None:
        folds = layer.get("dataflow_folds")
        more = "" if folds is None else f" in {words.several(folds, 'fold')}"
        if (layer.get("groups_per_fold") or 1) > 1:
            more += f" of {layer['groups_per_fold']} groups each"
        stall = layer["stall_cycles"] or 0
        text = f"{words.count(layer['cycles'])} compute{more}, {words.count(stall)} waiting"
        facts.append(("Clocks", f"{text}; {words.percent(layer['utilization'])} of the PEs busy"))
    folds = layer.get("fold_utilization")
    if folds and folds["edge_folds"]:
        text = f"{words.percent(folds['least'])} to {words.percent(folds['largest'])} busy"
        facts.append(("Folds", f"{text}; {words.count(folds['edge_folds'])} at an edge"))
    memory = layer.get("memory")
    if memory:
        text = (
            f"{words.metric(memory['fetched_bytes'], 'B')} in, "
            f"{words.metric(memory['written_bytes'], 'B')} out"
        )
        if memory["macs_per_byte"] is not None:
            text += f", {words.number(memory['macs_per_byte'], 1)} MACs per byte"
        facts.append(("Memory", f"{text}; bound by {memory['bound']}"))
    return facts


def _registers(layer: Layer) -> list[tuple[str, str]]:
    width, chain = layer["width"], layer["width"]["chain"]
    found = [("Accumulator", _ladder(width, str(width["accumulator_bits"])))]
    if chain is not None:
        found.append(("Chain", _ladder(chain, words.chain_bits(chain["bits"]))))
    return found


def _ladder(ladder: dict[str, Any], bits: str) -> str:
    seen = "nothing seen"
    if ladder["observed_partial_bits"] is not None:
        seen = f"seen {ladder['observed_partial_bits']} ({ladder['observed_final_bits']} final)"
    rule = ladder["overflow"].replace("_", " ")
    return (
        f"{bits} bits, {rule}; {seen}; {ladder['weight_bits']} for any input, "
        f"{ladder['type_bits']} for any weights"
    )


def _overflow(overflow: dict[str, Any]) -> list[tuple[str, str]]:
    if not overflow["events"]:
        return [("Overflow", "none")]
    stages = [
        f"{words.count(overflow['by_stage'][stage])} in the {words.STAGE_WORDS[stage]}"
        for stage in words.STAGES
        if overflow["by_stage"][stage]
    ]
    text = (
        f"{words.count(overflow['persistent'])} sums persistent, "
        f"{words.count(overflow['transient'])} transient; at most "
        f"{words.several(overflow['excess_bits'], 'bit')} too wide"
    )
    damage = (
        f"{words.several(overflow['codes_changed'], 'output code')} changed, "
        f"by at most {words.count(overflow['max_code_change'])} LSB"
    )
    return [("Overflow", ", ".join(stages)), ("", text), ("Damage", damage)]


def _errors(layer: Layer) -> list[tuple[str, str]]:
    found = []
    for name, key in (("Error", "error"), ("Error alone", "error_isolated")):
        error = layer[key]
        if error is None:
            continue
        found.append(
            (
                name,
                f"SQNR {words.decibel(error)}; mean {words.number(error['mean_lsb'], 3)}, "
                f"rms {words.number(error['rms_lsb'], 3)}, "
                f"at most {words.number(error['max_lsb'])} LSB; "
                f"{words.percent(error['exact_match'])} equal, "
                f"{words.percent(error['clipped'])} clipped",
            )
        )
    return found


def _causes(layer: Layer) -> list[tuple[str, str]]:
    """The largest shares of the error as the network ran."""
    if not layer.get("causes"):
        return []
    causes = layer["causes"]["accumulated"]["causes"]
    parts = sorted(causes, key=lambda entry: -abs(entry["share"]))[:4]
    text = ", ".join(f"{word(x['cause'])} {100 * x['share']:.1f} %" for x in parts)
    return [("By cause", text or "no error")]
