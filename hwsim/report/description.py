"""The machine and the model in sentences."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hwsim.report import words
from hwsim.report.words import Summary

Entry = dict[str, Any]


def machine_sentences(machine: Entry) -> list[str]:
    """What a machine's settings say; nothing where they are not known."""
    array = machine.get("array")
    if not array:
        return []
    name = words.printable(str(machine.get("name", "The machine")))
    found = [f"{name}: {_array(array)}{_clock(machine)}. {_registers(machine)}"]
    memory = machine.get("memory")
    if memory:
        sizes = [
            f"{memory[key]} KiB of {word}"
            for key, word in (("activation_kib", "activations"), ("weight_kib", "weights"),
                              ("output_kib", "outputs"))
            if memory.get(key) is not None
        ]  # fmt: skip
        halves = ", in two halves" if memory.get("double_buffered") else ""
        found.append(
            f"SRAM holds {words.listing(sizes)}{halves}; "
            f"{memory.get('bytes_per_cycle')} bytes a clock from and to DRAM."
        )
    return found


def _array(array: Entry) -> str:
    flow = str(array.get("dataflow", "")).replace("_", " ")
    if not array.get("rows") or not array.get("cols"):
        return "a runtime's arithmetic, without an array"
    return f"{array['rows']} rows × {array['cols']} columns of PEs, {flow}"


def _clock(machine: Entry) -> str:
    clock = machine.get("clock_mhz")
    return f", at {clock:g} MHz" if clock else ""


def _registers(machine: Entry) -> str:
    parts = []
    for key, noun in (("accumulator", "accumulator"), ("chain", "chain register")):
        register = machine.get(key)
        if register and register.get("bits") is not None:
            bits = words.chain_bits(register["bits"])
            rule = str(register.get("overflow", "")).replace("_", " ")
            parts.append(f"{noun} of {bits} bits ({rule})")
    text = words.listing(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def model_sentences(summary: Summary) -> list[str]:
    """What the layers of the array are."""
    layers = summary["layers"]
    if not layers:
        return []
    kinds = Counter(words.printable(layer["op"]).replace("_", " ") for layer in layers)
    parts = [f"{count} × {kind}" for kind, count in kinds.most_common()]
    longest = max(layer["k"] for layer in layers)
    text = (
        f"{words.printable(summary['model'])}: {words.several(len(layers), 'layer')} on the array "
        f"({words.listing(parts)}), {words.metric(summary['totals']['macs'])} multiply-adds an "
        f"image; the longest sum has {words.count(longest)} products."
    )
    formats = Counter(
        f"{layer['formats']['activation']} × {layer['formats']['weight']}"
        for layer in layers
        if layer.get("formats")
    )
    if formats:
        named = [words.printable(form) for form, _ in formats.most_common()]
        text += f" Activations × weights: {words.listing(named)}."
    return [text]
