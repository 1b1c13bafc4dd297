"""Two runs side by side: which figures differ, and whether that is better or worse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hwsim.errors import DataError
from hwsim.report import words
from hwsim.report.verdict import Verdict
from hwsim.report.words import Layer, Summary

BETTER, WORSE = "better", "worse"


@dataclass(frozen=True)
class Pair:
    """One figure of both runs; ``mark``: ``better``, ``worse``, or nothing."""

    name: str
    texts: tuple[str, str]
    difference: str
    mark: str = ""


def check_comparable(a: Summary, b: Summary) -> None:
    """Refuse runs that have no layer in common.

    Raises
    ------
    DataError
        Other models, whose layers have no name in common.
    """
    shared = {layer["name"] for layer in a["layers"]} & {layer["name"] for layer in b["layers"]}
    same = a["model"] == b["model"] and not (a["layers"] and b["layers"])
    if not shared and not same:
        models = " and ".join(words.printable(run["model"]) for run in (a, b))
        raise DataError.at("--compare", "models", models, "must have layers of the same names")


def same_data(a: Summary, b: Summary) -> bool:
    """Whether both ran on the same samples, so that counts of events compare."""
    keys = ("samples", "sha256")
    return all(a["data"][key] == b["data"][key] for key in keys)


def marked(a: float | None, b: float | None, more_is_better: bool) -> str:
    """Whether b is better than a.

    >>> marked(1, 2, True), marked(1, 2, False), marked(1, 1, True), marked(None, 1, True)
    ('better', 'worse', '', '')
    """
    if a is None or b is None or a == b:
        return ""
    return BETTER if (b > a) == more_is_better else WORSE


def signed(value: float, text: Callable[[float], str]) -> str:
    """A difference with its sign; 0 is an equals sign.

    >>> signed(-2, words.count), signed(0, words.count)
    ('−2', '=')
    """
    if value == 0:
        return "="
    return f"{'+' if value > 0 else '−'}{text(abs(value))}"


def pair(
    name: str,
    figures: tuple[float | None, float | None],
    text: Callable[[float | None], str],
    more_is_better: bool | None = None,
    gap: Callable[[float], str] | None = None,
) -> Pair:
    """One figure of both; without a direction it has no mark. ``gap``: the difference's text."""
    a, b = figures
    known = a is not None and b is not None
    difference = signed(b - a, gap or text) if a is not None and b is not None else words.NONE
    mark = marked(a, b, more_is_better) if known and more_is_better is not None else ""
    return Pair(name, (text(a), text(b)), difference, mark)


def points_text(share: float | None) -> str:
    """A share in percent, with two places: differences are small."""
    return words.NONE if share is None else f"{100 * share:.2f} %"


def totals(a: Summary, b: Summary) -> list[Pair]:
    """Accuracy, overflow and clocks of both."""
    counted: Callable[[float | None], str] = words.count
    found = []
    if a["accuracy"] is not None or b["accuracy"] is not None:
        for key, name in (
            ("hardware", "Top-1 accuracy"),
            ("exact", "with unlimited registers"),
            ("float", "in floating point"),
        ):
            shares = (_accuracy(a, key), _accuracy(b, key))
            found.append(pair(name, shares, points_text, key == "hardware" or None, _points))
    fewer = False if same_data(a, b) else None  # counts over other samples say nothing
    for key, name in (
        ("events", "Overflow events"),
        ("persistent", "Persistent sums"),
        ("transient", "Transient sums"),
        ("codes_changed", "Output codes changed"),
    ):
        found.append(pair(name, (_overflow(a, key), _overflow(b, key)), counted, fewer))
    for key, name, direction in (
        ("macs", "MACs per image", None),
        ("cycles", "Compute clocks", False),
        ("stall_cycles", "Clocks waiting for memory", False),
    ):
        found.append(pair(name, (a["totals"][key], b["totals"][key]), counted, direction))
    use = (a["totals"]["utilization"], b["totals"]["utilization"])
    found.append(pair("PE utilization", use, points_text, True, _points))
    return found


def _accuracy(run: Summary, key: str) -> float | None:
    accuracy = run["accuracy"]
    found: float | None = None if accuracy is None else accuracy[key]
    return found


def _overflow(run: Summary, key: str) -> int:
    return sum(layer["overflow"][key] for layer in run["layers"])


def shared_layers(a: Summary, b: Summary) -> list[tuple[int, Layer, Layer]]:
    """Layers of the same name: position in a, and both; of a name twice, in order."""
    there: dict[str, list[Layer]] = {}
    for layer in b["layers"]:
        there.setdefault(layer["name"], []).append(layer)
    found = []
    for i, layer in enumerate(a["layers"]):
        if there.get(layer["name"]):
            found.append((i, layer, there[layer["name"]].pop(0)))
    return found


def only_in(a: Summary, b: Summary) -> list[str]:
    """Layers of a that b has not."""
    names = {layer["name"] for layer in b["layers"]}
    return [words.printable(x["name"]) for x in a["layers"] if x["name"] not in names]


def machine_differences(a: Summary, b: Summary) -> list[tuple[str, str, str]]:
    """Settings that differ, by their path."""
    flat = [_flat(run.get("machine") or {}) for run in (a, b)]
    names = list(dict.fromkeys([*flat[0], *flat[1]]))
    texts = [[str(side.get(name, words.NONE)) for name in names] for side in flat]
    return [
        (words.printable(name), words.printable(x), words.printable(y))
        for name, x, y in zip(names, *texts, strict=True)
        if x != y
    ]


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        found: dict[str, Any] = {}
        for key, inner in value.items():
            found |= _flat(inner, f"{path}.{key}" if path else str(key))
        return found
    return {path: value}


def clocks(layer: Layer) -> int | None:
    """Clocks of one image, stalls included; None of a runtime."""
    return None if layer["cycles"] is None else layer["cycles"] + (layer["stall_cycles"] or 0)


def decibels(layer: Layer) -> float | None:
    """Accumulated SQNR; None where there is no number."""
    error = layer["error"]
    found: float | None = None if error is None else error["sqnr_db"]
    return found


def verdict(a: Summary, b: Summary) -> Verdict:
    """What changed from A to B, in words."""
    said = []
    shares = (_accuracy(a, "hardware"), _accuracy(b, "hardware"))
    events = (_overflow(a, "events"), _overflow(b, "events"))
    same = same_data(a, b)
    mark = marked(*shares, True) or (marked(*events, False) if same else "")
    if shares[0] is not None and shares[1] is not None:
        told = " and ".join(points_text(share) for share in shares)
        gap = "the same" if shares[0] == shares[1] else signed(shares[1] - shares[0], _points)
        said.append(f"Top-1 accuracy is {told} (A and B): {gap}.")
    said.append(
        f"Overflow events: {words.count(events[0])} and {words.count(events[1])}"
        f"{'' if same else ', of other samples'}."
    )
    spent = [
        run["totals"]["cycles"] and run["totals"]["cycles"] + (run["totals"]["stall_cycles"] or 0)
        for run in (a, b)
    ]
    if all(spent):
        ratio = spent[1] / spent[0]
        gap = "as many" if ratio == 1 else f"{ratio:.2f} times as many"
        said.append(f"B takes {gap} clocks an image: {words.count(spent[1])}.")
    said += _changed_layers(a, b)
    if not same:
        said.append("The runs saw other samples: counts of events do not compare.")
    headlines = {BETTER: "B is better.", WORSE: "B is worse.", "": "A and B are as good."}
    levels = {BETTER: "good", WORSE: "bad", "": "warn"}
    return Verdict(levels[mark], headlines[mark], said)  # type: ignore[arg-type]  # one of three


def _points(share: float) -> str:
    return f"{100 * share:.2f} points"


def _changed_layers(a: Summary, b: Summary) -> list[str]:
    """The layers whose SQNR moved most."""
    moved = []
    for _, x, y in shared_layers(a, b):
        before, after = decibels(x), decibels(y)
        if before is not None and after is not None and before != after:
            moved.append((after - before, words.printable(x["name"])))
    moved.sort(key=lambda entry: -abs(entry[0]))
    if not moved:
        return ["No layer's error differs."]
    named = [f"{name} ({signed(gap, lambda x: f'{x:.1f}')} dB)" for gap, name in moved[:3]]
    return [f"SQNR moved most in {words.listing(named)}."]
