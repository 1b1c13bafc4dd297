"""The run in words: does a register overflow, where first, and does it cost accuracy?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from hwsim.report import words
from hwsim.report.words import Layer, Summary


@dataclass(frozen=True)
class Verdict:
    """``level`` picks the colour; ``headline`` and ``sentences`` say everything without it."""

    level: Literal["good", "warn", "bad"]
    headline: str
    sentences: list[str]

    def __str__(self) -> str:
        return " ".join([self.headline, *self.sentences])


def verdict(summary: Summary) -> Verdict:
    """What a reader should know first."""
    layers = summary["layers"]
    if not layers:
        return Verdict("good", "No layer of this network runs on the array.", [])
    hit = [layer for layer in layers if layer["overflow"]["events"]]
    if not hit:
        sentences = [_room(layers), *_accuracy(summary, overflowed=False)]
        return Verdict("good", "Nothing overflowed.", sentences)
    changed = sum(layer["overflow"]["codes_changed"] for layer in layers)
    sentences = [_where(hit), _classes(hit), _damage(summary, changed)]
    sentences += _accuracy(summary, overflowed=True)
    headline = f"Overflow in {len(hit)} of {words.several(len(layers), 'layer')}."
    return Verdict(_level(summary, changed), headline, sentences)


def page_verdict(summary: Summary) -> Verdict:
    """The same, with what the page has room for: worst layers, and who waits for memory."""
    found = verdict(summary)
    more = [*_worst(summary["layers"]), *_bandwidth(summary)]
    return Verdict(found.level, found.headline, [*found.sentences, *more])


def _worst(layers: list[Layer]) -> list[str]:
    """The layers furthest from the float reference."""
    known = [x for x in layers if x["error"] is not None and x["error"]["sqnr_db"] is not None]
    if len(layers) < 2 or not known:
        return []
    worst = sorted(known, key=lambda layer: float(layer["error"]["sqnr_db"]))[:3]
    named = [f"{words.printable(x['name'])} ({words.decibel(x['error'])})" for x in worst]
    return [f"Furthest from the float reference: {words.listing(named)}."]


def _bandwidth(summary: Summary) -> list[str]:
    """Layers that the memory holds up, most stalled first."""
    layers = [layer for layer in summary["layers"] if layer.get("memory")]
    if not layers:
        return []
    bound = [layer for layer in layers if layer["memory"]["bound"] == "bandwidth"]
    if not bound:
        return ["No layer is bound by the memory's bandwidth."]
    bound.sort(key=lambda layer: -(layer["stall_cycles"] or 0))
    named = words.listing([words.printable(layer["name"]) for layer in bound[:3]])
    more = " and others" if len(bound) > 3 else ""
    return [
        f"Bound by the memory's bandwidth: {words.several(len(bound), 'layer')} of {len(layers)} "
        f"({named}{more})."
    ]


def _level(summary: Summary, changed: int) -> Literal["good", "warn", "bad"]:
    accuracy = summary["accuracy"]
    if changed == 0:
        return "warn"
    if accuracy is None or accuracy["exact"] is None or accuracy["hardware"] is None:
        return "bad"
    return "bad" if accuracy["hardware"] < accuracy["exact"] else "warn"


def _room(layers: list[Layer]) -> str:
    """How much of the accumulator was used, and whether any input could overflow it."""
    has = words.width_range([layer["width"]["accumulator_bits"] for layer in layers])
    seen = [layer["width"]["observed_partial_bits"] or 0 for layer in layers]
    text = f"The accumulator has {has} bits, and sums on this data needed at most {max(seen)}"
    needs = [
        layer["width"]["weight_bits"]
        for layer in layers
        if layer["width"]["weight_bits"] > layer["width"]["accumulator_bits"]
    ]
    if needs:
        return f"{text}; with these weights other inputs could need up to {max(needs)}."
    if not all(_chain_is_safe(layer["width"]["chain"]) for layer in layers):
        return f"{text}; with these weights other inputs could overflow the chain register."
    return f"{text}; with these weights no input can overflow a register of the array."


def _chain_is_safe(chain: dict[str, Any] | None) -> bool:
    return chain is None or words.least(chain["bits"]) >= chain["weight_bits"]


def _where(hit: list[Layer]) -> str:
    """The stages, and the layer with most events."""
    total = sum(layer["overflow"]["events"] for layer in hit)
    stages = [
        words.STAGE_WORDS[stage]
        for stage in words.STAGES
        if any(layer["overflow"]["by_stage"][stage] for layer in hit)
    ]
    text = f"{words.several(total, 'event')} in the {words.listing(stages)}"
    if len(hit) == 1:
        return f"{text}, all in layer {words.printable(hit[0]['name'])}."
    most = max(hit, key=lambda layer: int(layer["overflow"]["events"]))
    share = words.percent(most["overflow"]["events"] / total)
    return f"{text}, most in layer {words.printable(most['name'])} ({share})."


def _classes(hit: list[Layer]) -> str:
    """Persistent and transient outputs, each with what would help."""
    persistent = sum(layer["overflow"]["persistent"] for layer in hit)
    transient = sum(layer["overflow"]["transient"] for layer in hit)
    excess = max(layer["overflow"]["excess_bits"] for layer in hit)
    parts = []
    if persistent:
        parts.append(
            f"{words.several(persistent, 'sum')} end out of range (persistent: only more bits help)"
        )
    if transient:
        parts.append(
            f"{words.several(transient, 'sum')} leave the range and come back (transient: "
            "harmless where the register wraps, wrong where it saturates)"
        )
    text = " and ".join(parts)
    return (
        f"{text}; the widest is {words.several(excess, 'bit')} too wide." if excess else f"{text}."
    )


def _damage(summary: Summary, changed: int) -> str:
    """Output codes changed, as each layer's own doing."""
    if changed == 0:
        return "No output code changed."
    samples = summary["data"]["samples"]
    outputs = sum(
        samples * layer["groups"] * layer["m"] * layer["n"]
        for layer in summary["layers"]
        if layer["overflow"]["codes_changed"]
    )
    largest = max(layer["overflow"]["max_code_change"] for layer in summary["layers"])
    share = f" ({words.percent(changed / outputs)} of these layers' outputs)" if outputs else ""
    return (
        f"It changed {words.several(changed, 'output code')}{share}, by up to "
        f"{words.count(largest)} LSB."
    )


def _accuracy(summary: Summary, *, overflowed: bool) -> list[str]:
    """The cost in top-1, in points and samples."""
    accuracy = summary["accuracy"]
    if accuracy is None:
        return ["The data has no labels: what it costs in accuracy is unknown."] * overflowed
    exact, hardware = accuracy["exact"], accuracy["hardware"]
    if exact is None or hardware is None:
        return []
    samples = summary["data"]["samples"]
    if exact == hardware:
        return [f"Top-1 accuracy is {words.percent(hardware)} with and without these registers."]
    moved = words.count(round(abs(exact - hardware) * samples))
    total = words.several(samples, "sample")
    verb = "falls" if hardware < exact else "rises"
    return [
        f"Top-1 accuracy {verb} from {words.percent(exact)} with unlimited registers to "
        f"{words.percent(hardware)} on this machine: a net {moved} of {total}."
    ]


def first_overflow(summary: Summary) -> tuple[Layer, dict[str, Any]] | None:
    """Layer and place of the first event: least sample, then layer."""
    places = [
        (layer["overflow"]["first"]["sample"], i)
        for i, layer in enumerate(summary["layers"])
        if layer["overflow"]["first"]
    ]
    if not places:
        return None
    layer = summary["layers"][min(places)[1]]
    return layer, layer["overflow"]["first"]


def place_sentence(layer: Layer, place: dict[str, Any]) -> str:
    """One place in words, to follow a colon: which number, step of its sum, PE and clock."""
    k = place["k"]
    if k < 0:
        step = "as the bias was loaded, before the first product"
    elif k >= layer["k"]:
        step = "after all products"
    else:
        step = f"at reduction step k = {words.count(k)} of 0..{words.count(layer['k'] - 1)}"
    text = (
        f"sample {words.count(place['sample'])}, layer {words.printable(layer['name'])}: "
        f"output channel n = {words.count(place['n'])}"
        f"{_group(layer, place)}, {_position(layer, place['m'])}, {step}, "
        f"in the {words.STAGE_WORDS[place['stage']]}"
    )
    if place.get("row", -1) >= 0 and place.get("col", -1) >= 0:
        text += f" of PE (row {place['row']}, column {place['col']})"
    if place["cycle"] >= 0:
        text += f", {words.count(place['cycle'])} clocks after the layer's start"
    return text + "."


def _group(layer: Layer, place: dict[str, Any]) -> str:
    return f" of group {words.count(place['group'])}" if layer["groups"] > 1 else ""


def _position(layer: Layer, m: int) -> str:
    """Output position m, with its pixel where the output is an image."""
    sizes = layer.get("shape") or []
    sizes = sizes[-3:] if len(sizes) == 4 else sizes
    if len(sizes) == 3 and sizes[0] * sizes[1] == layer["m"] > 1:
        return f"output position m = {words.count(m)} (y = {m // sizes[1]}, x = {m % sizes[1]})"
    return f"output position m = {words.count(m)}"
