"""Accumulator values of every channel against the register's limits."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.report import words
from hwsim.report.drawing.panels import ROW, Column, Key, Panel, rows_drawing
from hwsim.report.drawing.scale import Scale
from hwsim.report.drawing.shapes import (
    BLACK,
    BLUE,
    SKY,
    VERMILLION,
    WHITE,
    Area,
    Box,
    Drawing,
    Line,
)
from hwsim.report.plots.numbers import Arrays, Numbers, Plot, detail
from hwsim.report.words import Summary

Reals = NDArray[np.float64]
_RANGES = ("partial_lo", "partial_hi", "final_lo", "final_hi")
_COLUMNS = ("index", "layer", "channel", *_RANGES, "register_lo", "register_hi")
_HEIGHT = 0.84  # of a row, for all its channels
_BANDS = 22  # a row is so many pixels high: more channels than that share one
_LEAST = 0.06  # width of a single value, so that it still shows


def _numbers(summary: Summary, details: Arrays) -> Numbers:
    """One row a channel: range of exact partial and final sums, and what the register holds."""
    rows = []
    for i, layer in enumerate(summary["layers"]):
        width = layer["width"]
        narrow = width["overflow"] == "saturate_symmetric"
        register = IntFormat(width["accumulator_bits"], narrow=narrow)
        columns = [detail(details, i, name).tolist() for name in _RANGES]
        for channel, values in enumerate(zip(*columns, strict=True)):
            if values[0] <= values[1]:  # else nothing was stored
                rows.append((i, layer["name"], channel, *values, register.lo, register.hi))
    return Numbers(_COLUMNS, rows)


def signed_log2(values: list[int] | NDArray[np.int64], linear_bits: int) -> Reals:
    """Bits beyond ``2**linear_bits``, signed; linear inside, so that 0 has a place.

    ::

        sign(x) (1 + log2(|x| / 2**linear_bits))    |x| > 2**linear_bits
        x / 2**linear_bits                          else

    >>> signed_log2([-1024, -128, 0, 64], 7).tolist()
    [-4.0, -1.0, 0.0, 0.5]
    """
    x = np.array(values, np.float64) / 2.0**linear_bits
    far = np.abs(x) > 1
    return np.where(far, np.sign(x) * (1 + np.log2(np.where(far, np.abs(x), 1))), x)


def _linear_bits(numbers: Numbers) -> int:
    """Where the axis turns linear: some bits below the least limit or widest channel."""
    reaches = []
    for index in numbers.layers():
        layer = numbers.of_layer(index)
        reaches.append(max(map(abs, [*layer.column("partial_lo"), *layer.column("partial_hi")])))
    bits = [reach.bit_length() for reach in reaches if reach]
    return max(min(bits, default=0) - 6, 0)


def _draw(numbers: Numbers) -> Drawing:
    linear_bits = _linear_bits(numbers)
    everything = [value for name in _COLUMNS[3:] for value in numbers.column(name)]
    reach = float(np.abs(signed_log2(everything, linear_bits)).max())
    powers = range(1, int(reach) + 2, max(1, math.ceil(reach / 9)))
    ticks = [-power for power in reversed(powers)] + [0] + list(powers)
    shown = tuple((tick, _power(tick, linear_bits)) for tick in ticks if abs(tick) <= reach + 0.6)
    scale = Scale(-reach - 0.6, reach + 0.6, shown)
    axis = "exact value of the accumulator, logarithmic on both sides of 0"
    legend = [
        Key("bar", BLACK, "limits of the register"),
        Key("box", SKY, "partial sums"),
        Key("box", BLUE, "final sums"),
        Key("box", VERMILLION, "out of range"),
    ]
    drawing, (panel,) = rows_drawing(numbers.layers(), [Column("", scale, axis)], legend)
    for row, index in enumerate(numbers.layers()):
        _silhouette(panel, numbers.of_layer(index), row, linear_bits)
    drawing.add(Line(((panel.x(0), panel.top), (panel.x(0), panel.bottom)), WHITE))
    return drawing


def _silhouette(panel: Panel, numbers: Numbers, row: int, linear_bits: int) -> None:
    """A layer's channels as thin bars on top of each other, the widest on top."""
    values = {name: signed_log2(numbers.column(name), linear_bits) for name in _COLUMNS[3:]}
    order = np.argsort(-(values["partial_hi"] - values["partial_lo"]), kind="stable")
    starts = np.unique(np.arange(min(_BANDS, order.size)) * order.size // min(_BANDS, order.size))
    lo, hi, final_lo, final_hi = (
        (np.minimum if name.endswith("lo") else np.maximum).reduceat(values[name][order], starts)
        for name in _RANGES
    )
    edges = panel.y(row) + ROW * _HEIGHT * (np.append(starts, order.size) / order.size - 0.5)
    hint = _hint(numbers)
    limits = float(values["register_lo"][0]), float(values["register_hi"][0])
    panel.drawing.add(
        _band(panel, edges, lo, np.maximum(hi, lo + _LEAST), SKY, hint),
        _band(panel, edges, final_lo, np.maximum(final_hi, final_lo + _LEAST), BLUE, hint),
    )
    for at in range(lo.size):
        top, tall = float(edges[at]), float(edges[at + 1] - edges[at])
        for key, start, end in (("below", lo[at], min(hi[at], limits[0])),
                                ("above", max(lo[at], limits[1]), hi[at])):  # fmt: skip
            if end > start:
                x = panel.x(float(start))
                wide = panel.x(float(end)) - x
                panel.drawing.add(Box(x, top, wide, tall, VERMILLION, hint, key))
    for limit in limits:
        x = panel.x(limit)
        panel.drawing.add(Line(((x, panel.y(row - 0.5)), (x, panel.y(row + 0.5))), BLACK, 2.5))


def _band(panel: Panel, edges: Reals, left: Reals, right: Reals, color: str, hint: str) -> Area:
    """The outline of bars on top of each other."""
    heights = np.repeat(edges, 2)[1:-1].tolist()
    lefts = [panel.x(x) for x in np.repeat(left, 2).tolist()]
    rights = [panel.x(x) for x in np.repeat(right, 2).tolist()]
    there = list(zip(lefts, heights, strict=True))
    back = list(zip(rights, heights, strict=True))[::-1]
    return Area((*there, *back), color, hint)


def _hint(numbers: Numbers) -> str:
    """The layer's ranges over all channels."""
    lo, hi, final_lo, final_hi = (
        f"{(min if name.endswith('lo') else max)(numbers.column(name)):,}" for name in _RANGES
    )
    limits = f"{numbers.column('register_lo')[0]:,} to {numbers.column('register_hi')[0]:,}"
    return (
        f"{words.printable(numbers.column('layer')[0])}: partial sums {lo} to {hi}, "
        f"final {final_lo} to {final_hi}; the register holds {limits}"
    )


def _power(tick: int, linear_bits: int) -> str:
    """Tick text: a power of two with its sign.

    >>> _power(-9, 7), _power(0, 7)
    ('−2¹⁵', '0')
    """
    if tick == 0:
        return "0"
    sign = "\N{MINUS SIGN}" if tick < 0 else ""
    exponent = str(abs(tick) - 1 + linear_bits)
    return f"{sign}2{exponent.translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


PLOT = Plot(
    "accumulator_range",
    "Accumulator values against the register's limits",
    "Each band is a layer and stacks its output channels, the widest on top: light blue is where "
    "exact partial sums went, dark blue where they ended, the black lines are what the register "
    "can hold. Red is outside. One step of the axis is one bit, so the gap to the line is the "
    "number of spare bits.",
    _numbers,
    _draw,
)
