"""Sentences about one node of ``hwsim inspect``: tensors, weights, bias, requantizer, registers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hwsim.report import words

Entry = Mapping[str, Any]
_WHEN = {"preload": "before the first product", "last": "after the last product"}
_FORMS = {
    "real": "sum × real factor",
    "shift": "sum >> shift",
    "multiplier": "sum × multiplier >> shift",
    "table": "a table of codes",
}


def shape(tensor: Entry) -> str:
    """A shape as it is spoken.

    >>> shape({"shape": [8, 8, 16]}), shape({"shape": []})
    ('8×8×16', 'scalar')
    """
    return "×".join(map(str, tensor["shape"])) or "scalar"


def span(values: Sequence[float], digits: int = 6) -> str:
    """Least and largest value, or the only one.

    >>> span([38, 40]), span([7, 7]), span([]), span([0.25, 0.33333333], 3)
    ('38..40', '7', '–', '0.25..0.333')
    """
    if not values:
        return words.NONE
    texts = [f"{v:.{digits}g}" if isinstance(v, float) else str(v) for v in values]
    return texts[0] if len({*texts}) == 1 else "..".join(texts)


def tensor_text(tensor: Entry, letters: int | None = None) -> str:
    """Name, shape, format, scale and zero point of a tensor."""
    name = tensor["name"] if letters is None else words.shortened(tensor["name"], letters)
    text = f"{name}, {shape(tensor)} {tensor['format']}"
    if tensor["format"] == "float":
        return text
    return f"{text}, scale {tensor['scale']:.8g}, zero point {tensor['zero_point']}"


def weight_sentence(entry: Entry) -> str:
    """Format, granularity and zero point of the weights; without its numbers."""
    weight = entry["weight"]
    if weight["shape"] is None:
        return "none, the second input is the weight"
    scales = "one scale a channel" if weight["per"] == "channel" else "one scale"
    zero = "with zero points" if any(weight["zero_point"]) else "zero point 0"
    return f"{weight['format']}, {scales}, {zero}"


def bias_sentence(entry: Entry) -> str:
    """Whether the bias is quantized, where it lives and at which scale; without its numbers."""
    bias = entry["bias"]
    if bias is None:
        return "none"
    if bias["place"] == "accumulator":
        made = "" if bias["rule"] is None else f" made from real numbers by {bias['rule']}"
        codes = f"{bias['format']} codes{made}, at scale input × weight"
        return f"{codes}, in the accumulator, {_WHEN[bias['when']]}"
    if bias["place"] == "requantizer":
        codes = " (codes × input scale × weight scale)" if bias["origin"] == "codes" else ""
        return f"real numbers{codes}, added by the requantizer ({entry['scheme']})"
    if bias["format"] == "real":
        return "real numbers"
    return f"{bias['format']} codes, at scale input × weight"


def bias_text(entry: Entry) -> str:
    """The same with its numbers."""
    bias = entry["bias"]
    text = bias_sentence(entry)
    if bias is None:
        return text
    if bias["format"] == "real":
        return f"{text}: {span(bias['range'])}"
    step = f"one code is {span(bias['step'])}"
    return f"{text}: {span(bias['range'])} ({bias['bits']} bits); {step}"


def requantizer_sentence(entry: Entry) -> str:
    """The scheme, and what it does with a sum."""
    rounding = entry["rounding"].replace("_", " ")
    return f"{entry['scheme']}, {_FORMS[entry['form']]}, rounded {rounding}"


def requantizer_text(entry: Entry) -> str:
    """The same with its numbers."""
    text = f"{requantizer_sentence(entry)}; real factor {span(entry['real_scale'])}"
    if entry["form"] == "multiplier":
        text += f", multiplier {span(entry['multiplier'])}"
    return text if entry["form"] == "real" else f"{text}, shift {span(entry['shift'])}"


def shift_text(entry: Entry) -> str:
    """Whether requantization could be a shift."""
    only = entry["shift_only"]
    if only is None:
        return "no channel has a factor"
    if only["exact"]:
        return f"yes, exactly: shift {span(only['shift'])}"
    least, largest = only["gain"]
    off = f"gain error {least:+.1%} to {largest:+.1%}, {only['rms']:.1%} rms"
    return f"only with a {off}; hwsim quantize --power-of-two weights makes it exact"


def activation_text(activation: Entry | None) -> str:
    """The fused activation, and its bounds in output codes."""
    if activation is None:
        return "none"
    least, largest = ("" if end is None else str(end) for end in activation["clamp"])
    name = "" if activation["name"] == "none" else f"{activation['name']}, "
    return f"{name}codes {least}..{largest}"


def register_text(ladder: Entry, bits: int | list[int], reach: Sequence[int]) -> str:
    """A register: what it has, what it must hold, and the bits that takes."""
    needs = f"these weights need {ladder['weight_bits']}, any weights {ladder['type_bits']}"
    rule = ladder["overflow"].replace("_", " ")
    holds = f"{words.count(reach[0])} to {words.count(reach[1])}"
    return f"{words.chain_bits(bits)} bits, {rule}; {needs}; must hold {holds}"
