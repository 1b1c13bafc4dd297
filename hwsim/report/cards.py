"""Key figures at the top of the page: what needs no table and no plot."""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.report import words
from hwsim.report.words import NONE, Layer, Summary


@dataclass(frozen=True)
class Card:
    """One key figure with its context."""

    title: str
    figure: str
    lines: list[str]
    alarm: bool = False


def key_figures(summary: Summary) -> list[Card]:
    """Accuracy, worst layer, widths, overflow and time, those that the run has."""
    cards = [
        _accuracy_card(summary),
        _worst_card(summary["layers"]),
        *_width_cards(summary["layers"]),
        _overflow_card(summary),
        *_time_cards(summary),
    ]
    return [card for card in cards if card is not None]


def _accuracy_card(summary: Summary) -> Card | None:
    accuracy = summary["accuracy"]
    if accuracy is None:
        return None
    lines = [
        f"{words.percent(accuracy['exact'])} with unlimited registers",
        f"{words.percent(accuracy['float'])} in floating point",
    ]
    return Card("Top-1 accuracy on this machine", words.percent(accuracy["hardware"]), lines)


def _worst_card(layers: list[Layer]) -> Card | None:
    known = [layer for layer in layers if layer["error"] is not None]
    finite = [layer for layer in known if layer["error"]["sqnr_db"] is not None]
    if not finite:
        if known and all(layer["error"]["max_lsb"] == 0 for layer in known):
            return Card("Against the float reference", "exact", ["every output of every layer"])
        return None
    worst = min(finite, key=lambda layer: float(layer["error"]["sqnr_db"]))
    lines = [
        words.printable(worst["name"]),
        f"rms {words.number(worst['error']['rms_lsb'])} LSB, "
        f"at most {words.number(worst['error']['max_lsb'], 1)} LSB",
    ]
    return Card("Worst layer, accumulated SQNR", words.decibel(worst["error"]), lines)


def _width_cards(layers: list[Layer]) -> list[Card]:
    """Bits needed by this data and by any data, beside what there is."""
    cards = []
    accumulators = [(layer["width"], layer["width"]["accumulator_bits"]) for layer in layers]
    chains = [layer["width"]["chain"] for layer in layers if layer["width"]["chain"]]
    ladders = [("Accumulator", accumulators)]
    ladders.append(("Chain register", [(chain, words.widest(chain["bits"])) for chain in chains]))
    for name, entries in ladders:
        if entries:
            seen = [ladder["observed_partial_bits"] or 0 for ladder, _ in entries]
            rules = sorted({ladder["overflow"].replace("_", " ") for ladder, _ in entries})
            guaranteed = max(ladder["weight_bits"] for ladder, _ in entries)
            has = words.width_range([bits for _, bits in entries])
            lines = [
                f"seen on this data; {guaranteed} bits hold any input",
                f"it has {has} bits ({', '.join(rules)})",
            ]
            short = any(need > bits for need, (_, bits) in zip(seen, entries, strict=True))
            cards.append(Card(f"{name} needs", f"{max(seen)} bits", lines, short))
    return cards


def _overflow_card(summary: Summary) -> Card:
    layers = summary["layers"]
    persistent = sum(layer["overflow"]["persistent"] for layer in layers)
    transient = sum(layer["overflow"]["transient"] for layer in layers)
    hit = sum(layer["overflow"]["events"] > 0 for layer in layers)
    lines = [f"{words.metric(persistent)} sums persistent, {words.metric(transient)} transient"]
    lines.append(f"in {hit} of {words.several(len(layers), 'layer')}")
    figure = words.metric(summary["totals"]["overflow_events"])
    return Card("Overflow events", figure, lines, hit > 0)


def _time_cards(summary: Summary) -> list[Card]:
    totals = summary["totals"]
    macs = f"{words.metric(totals['macs'])} MACs per image"
    if totals["cycles"] is None:
        return [Card("Cycles", NONE, [macs, "a runtime's arithmetic: there is no array to time"])]
    stall = totals["stall_cycles"] or 0
    clocks = totals["cycles"] + stall
    lines = [f"{words.metric(stall)} of them waiting for memory"] if stall else []
    clock = summary.get("clock_mhz")
    if clock:
        lines.append(f"{words.metric(clocks / (clock * 1e6), 's')} at {clock:g} MHz")
    return [
        Card("PE utilization", words.percent(totals["utilization"]), [macs]),
        Card("Clocks per image", words.metric(clocks), lines),
    ]
