"""Numbers as people read them: with units, separators, and a word where there is no number."""

from __future__ import annotations

from typing import Any

Summary = dict[str, Any]
Layer = dict[str, Any]

STAGES = ("bias", "chain", "accumulator", "requant")
STAGE_WORDS = {
    "bias": "bias operand",
    "chain": "chain register",
    "accumulator": "accumulator",
    "requant": "requantizer",
}
NONE = "–"


def printable(text: str) -> str:
    """Text without control characters: names come from model files.

    >>> printable("conv\\x1b[31m\\n")
    'conv?[31m?'
    """
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def count(value: float | None) -> str:
    """An integer with separators.

    >>> count(1234567), count(None)
    ('1,234,567', '–')
    """
    return NONE if value is None else f"{value:,.0f}"


def percent(share: float | None) -> str:
    """A share in percent, with as many places as it needs to differ from 0 and 100.

    >>> [percent(share) for share in (0, 1, 0.975, 0.00002, 0.99999, None)]
    ['0 %', '100 %', '97.5 %', '0.002 %', '> 99.9 %', '–']
    """
    if share is None:
        return NONE
    if share in (0, 1):
        return f"{share * 100:.0f} %"
    if share >= 0.9995:
        return "> 99.9 %"
    return f"{share * 100:.1f} %" if share >= 0.001 else f"{share * 100:.2g} %".replace("e-0", "e-")


def decibel(error: dict[str, Any] | None) -> str:
    """SQNR of one layer: dB, or ``exact`` where the error is zero everywhere.

    >>> decibel({"sqnr_db": 31.24, "max_lsb": 1}), decibel({"sqnr_db": None, "max_lsb": 0})
    ('31.2 dB', 'exact')
    """
    if error is None:
        return NONE
    if error["sqnr_db"] is None:
        return "exact" if error["max_lsb"] == 0 else "no signal"
    return f"{error['sqnr_db']:.1f} dB"


def number(value: float | None, places: int = 2) -> str:
    """A real number with a fixed number of places.

    >>> number(-0.5), number(None)
    ('-0.50', '–')
    """
    return NONE if value is None else f"{value:,.{places}f}"


def metric(value: float | None, unit: str = "") -> str:
    """A large or small number with an SI prefix.

    >>> metric(1_234_000), metric(999), metric(0.00042, "s"), metric(12.5, "s")
    ('1.23 M', '999', '420 µs', '12.5 s')
    """
    if value is None:
        return NONE
    if value == 0:
        return f"0 {unit}".strip()
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""), (1e-3, "m"), (1e-6, "µ")):
        if abs(value) >= factor:
            return f"{value / factor:.3g} {prefix}{unit}".strip()
    return f"{value / 1e-9:.3g} n{unit}"


def several(items: int, noun: str) -> str:
    """A counted noun.

    >>> several(1, "layer"), several(2, "layer")
    ('1 layer', '2 layers')
    """
    return f"{count(items)} {noun}{'' if items == 1 else 's'}"


def listing(words: list[str]) -> str:
    """Words joined as in a sentence.

    >>> listing(["a"]), listing(["a", "b"]), listing(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def chain_bits(bits: int | list[int]) -> str:
    """Width of a chain: one number, or one a tree level.

    >>> chain_bits(20), chain_bits([17, 18, 19])
    ('20', '17/18/19')
    """
    return "/".join(map(str, bits)) if isinstance(bits, list) else str(bits)


def widest(bits: int | list[int]) -> int:
    """The width that a chain's last register has: the root of a tree."""
    return bits[-1] if isinstance(bits, list) else bits


def shape(sizes: list[int] | None) -> str:
    """Extents of a tensor.

    >>> shape([8, 8, 16])
    '8 × 8 × 16'
    """
    return NONE if sizes is None else " × ".join(map(str, sizes))


def product(layer: Layer) -> str:
    """The layer as a matrix product: ``groups · (M × K × N)``."""
    text = f"{count(layer['m'])} × {count(layer['k'])} × {count(layer['n'])}"
    return text if layer["groups"] == 1 else f"{count(layer['groups'])} · ({text})"


def width_range(widths: list[int]) -> str:
    """One width, or least to largest.

    >>> width_range([24, 24]), width_range([16, 24])
    ('24', '16 to 24')
    """
    low, high = min(widths), max(widths)
    return str(low) if low == high else f"{low} to {high}"


def least(bits: int | list[int]) -> int:
    """The narrowest width of a chain."""
    return min(bits) if isinstance(bits, list) else bits


def shortened(name: str, letters: int) -> str:
    """A name without its middle, where it is too long.

    >>> shortened("depthwise_conv_2d", 9), shortened("conv", 9)
    ('dept…v_2d', 'conv')
    """
    if len(name) <= letters:
        return name
    tail = (letters - 1) // 2
    return f"{name[: letters - 1 - tail]}…{name[len(name) - tail :]}"
