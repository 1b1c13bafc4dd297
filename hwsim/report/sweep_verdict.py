"""A sweep in words: how narrow, how sure, and what it saves."""

from __future__ import annotations

from typing import Any

from hwsim.report import words
from hwsim.report.cards import Card
from hwsim.report.sweep_points import FIELD_WORDS, Entry, SweepFolder, field_value, good_share
from hwsim.report.verdict import Verdict
from hwsim.report.words import NONE

SAVED = (
    ("adder_bits", "adder bits of the array"),
    ("register_bits", "register bits of the array"),
    ("stored_bits", "accumulator bits written for an image, one width"),
    ("stored_bits_per_layer", "the same, a width for each layer"),
    ("stored_bits_per_group", "the same, a width for each group of channels"),
)


def verdict(sweep: SweepFolder) -> Verdict:
    """The answer first."""
    given = sweep.recommendation
    if not sweep.manifest["points"]:
        return Verdict("warn", "This sweep has no points.", [])
    if given is None:
        return _without(sweep)
    best = given.get("best")
    terms = terms_sentence(given["terms"], bool(sweep.manifest["data"].get("labels")))
    if best is None:
        text = "No accumulator width of this sweep keeps the terms."
        return Verdict("bad", text, [terms, *_widest(given)])
    found = best["found"]
    rule = _others(best["values"])
    headline = f"An accumulator of {words.several(found['bits'], 'bit')} is enough{rule}."
    sentences = [terms, found_sentence(found, sweep), headroom_sentence(best)]
    sentences += [*_next_narrower(best, given["terms"])]
    sentences += [*_other_answers(given, best), *_layer_widths(given)]
    return Verdict("good", headline, sentences)


def _without(sweep: SweepFolder) -> Verdict:
    """What the points alone tell, where nothing was recommended."""
    count = words.several(len(sweep.uniform), "point")
    clean = False
    said = []
    if sweep.width is not None:
        dirty = [p["values"][sweep.width] for p in sweep.uniform if p["overflow"]["events"]]
        free = [p["values"][sweep.width] for p in sweep.uniform]
        free = [bits for bits in free if bits > max(dirty, default=-1)]
        clean = bool(free)
        if clean:
            said.append(f"Nothing overflows from {words.several(min(free), 'bit')} on.")
        else:
            said.append("Registers overflow at every width of this sweep.")
        same = [point for point in sweep.uniform if not point["samples_changed"]]
        if same:
            bits = min(point["values"][sweep.width] for point in same)
            text = f"No output of any sample changes at {words.several(bits, 'bit')}"
            said.append(f"{text}, the narrowest that keeps all.")
    best = [share for share in map(good_share, sweep.uniform) if share is not None]
    if best:
        low, high = words.percent(min(best)), words.percent(max(best))
        said.append(f"Top-1 accuracy is {low} to {high}.")
    return Verdict("good" if clean else "warn", f"{count} simulated.", said)


def terms_sentence(terms: Entry, labelled: bool) -> str:
    """What was asked of a recommendation."""
    lost = "accuracy lost" if labelled else "all classes changed"
    text = f"Asked: at most {words.percent(terms['budget'])} of {lost} against registers that hold "
    text += f"every sum, with a confidence of {words.percent(terms['confidence'])}"
    rate = terms.get("overflow_rate")
    if rate is not None:
        text += f", and at most {words.percent(rate)} of the outputs overflowing"
    return f"{text}."


def found_sentence(found: Entry, sweep: SweepFolder) -> str:
    """What speaks for one width."""
    if found["proof"] == "guaranteed":
        return "With these weights no input can overflow it: that needs no test."
    samples = words.several(sweep.manifest["data"]["samples"], "image")
    changed = "lost" if sweep.manifest["data"].get("labels") else "classified differently"
    text = f"Of {samples}, {words.count(found['lost'])} {changed}"
    if sweep.manifest["data"].get("labels"):
        text += f" and {words.count(found['gained'])} gained (McNemar p {found['mcnemar']:.2g})"
    return (
        f"{text}; as many others lose at most {words.percent(found['loss_bound'])}. "
        f"{_rate(found['rate'])} of the outputs overflowed; elsewhere at most "
        f"{words.percent(found['rate_bound'])}."
    )


def _next_narrower(answer: Entry, terms: Entry) -> list[str]:
    """Why one width less is not recommended."""
    bits = answer["found"]["bits"]
    narrower = [width for width in answer.get("widths") or () if width["bits"] < bits]
    if not narrower:
        return []
    first = max(narrower, key=lambda width: int(width["bits"]))
    text = f"With {words.several(first['bits'], 'bit')} as many other images may lose up to "
    text += words.percent(first["loss_bound"])
    if first["loss"] <= terms["budget"] < first["loss_bound"]:
        text += f", though these lost {words.percent(first['loss'])}: more images would tell"
    elif first["loss_bound"] <= terms["budget"]:
        text += f", but {words.percent(first['rate_bound'])} of the outputs may overflow"
    return [f"{text}."]


def _rate(rate: float) -> str:
    return "None" if rate == 0 else words.percent(rate)


def headroom_sentence(answer: Entry) -> str:
    """Observed and guaranteed, side by side."""
    return (
        f"Guaranteed for any input: {words.several(answer['guaranteed_bits'], 'bit')}; the widest "
        f"sum of this data needed {answer['observed_bits']}: a headroom of "
        f"{words.several(answer['headroom'], 'bit')}."
    )


def _others(values: Entry) -> str:
    said = [field_value(name, value) for name, value in values.items()]
    return f" ({words.listing(said)})" if said else ""


def _other_answers(given: Entry, best: Entry) -> list[str]:
    """The same question under the other rules."""
    said = []
    for answer in given["uniform"]:
        if answer["values"] != best["values"]:
            found = answer["found"]
            bits = "no width" if found is None else words.several(found["bits"], "bit")
            said.append(f"{bits}{_others(answer['values'])}")
    return [f"Otherwise: {words.listing(said[:8])}."] if said else []


def _widest(given: Entry) -> list[str]:
    answers = given["uniform"]
    return [headroom_sentence(answers[0])] if answers else []


def _layer_widths(given: Entry) -> list[str]:
    bits = [x["recommended_bits"] for x in given["layers"] if x["recommended_bits"] is not None]
    if not bits:
        return []
    return [f"A width for each layer: {words.width_range(bits)} bits (below, layer by layer)."]


def cards(sweep: SweepFolder) -> list[Card]:
    """Key figures: widths, accuracy, and what a recommendation saves."""
    found = []
    given = sweep.recommendation or {}
    best = given.get("best")
    if best is not None:
        lines = [
            f"{best['observed_bits']} bits seen on this data",
            f"{best['guaranteed_bits']} bits hold any input",
        ]
        found.append(Card("Accumulator needs", f"{best['found']['bits']} bits", lines))
    shares = [share for share in map(good_share, sweep.uniform) if share is not None]
    if shares:
        accuracy = sweep.uniform[0]["accuracy"]
        lines = [
            f"{words.percent(accuracy['exact'])} with unlimited registers",
            f"{words.percent(accuracy['float'])} in floating point",
        ]
        low, high = words.percent(min(shares)), words.percent(max(shares))
        found.append(Card("Top-1 accuracy", low if low == high else f"{low} – {high}", lines))
    for name, title in SAVED[:2]:
        pair = (given.get("saved") or {}).get(name)
        if pair and pair[0]:
            lines = [f"{words.metric(pair[0])} before, {words.metric(pair[1])} after"]
            share = words.percent(1 - pair[1] / pair[0]) if pair[1] <= pair[0] else NONE
            found.append(Card(f"Saved: {title}", share, lines))
    fields = [f"{FIELD_WORDS.get(k, k)}: {len(v)}" for k, v in sweep.manifest["fields"].items()]
    points = words.count(len(sweep.manifest["points"]))
    found.append(Card("Machines simulated", points, [f"values of {words.listing(fields)}"]))
    return found


def saved_rows(sweep: SweepFolder) -> list[tuple[str, str]]:
    """Before and after, in words."""
    given: dict[str, Any] = (sweep.recommendation or {}).get("saved") or {}
    rows = []
    for name, title in SAVED:
        pair = given.get(name)
        if pair:
            share = f" ({words.percent(1 - pair[1] / pair[0])} fewer)" if pair[0] > pair[1] else ""
            rows.append((title, f"{words.count(pair[0])} → {words.count(pair[1])}{share}"))
    return rows
