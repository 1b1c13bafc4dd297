"""Accumulator values of every channel against the register's limits."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.report.plots.figure import BLACK, BLUE, SKY, VERMILLION, legend, rows_figure, styled
from hwsim.report.plots.numbers import Arrays, Numbers, Plot, detail
from hwsim.report.words import Summary

_RANGES = ("partial_lo", "partial_hi", "final_lo", "final_hi")
_COLUMNS = ("index", "layer", "channel", *_RANGES, "register_lo", "register_hi")
_HEIGHT = 0.84  # of a row, for all its channels
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


def signed_log2(values: list[int] | NDArray[np.int64], linear_bits: int) -> NDArray[np.float64]:
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


@styled
def _draw(numbers: Numbers) -> Figure:
    figure, (axes,) = rows_figure(numbers.layers(), [""])
    linear_bits = _linear_bits(numbers)
    for row, index in enumerate(numbers.layers()):
        _silhouette(axes, numbers.of_layer(index), row, linear_bits)
    axes.axvline(0, color="white", linewidth=1, zorder=3)
    everything = [value for name in _COLUMNS[3:] for value in numbers.column(name)]
    reach = float(np.abs(signed_log2(everything, linear_bits)).max())
    axes.set_xlim(-reach - 0.6, reach + 0.6)
    step = max(1, int(np.ceil(reach / 9)))
    powers = range(1, int(reach) + 2, step)
    ticks = [-p for p in reversed(powers)] + [0] + list(powers)
    axes.set_xticks(ticks, [_power(tick, linear_bits) for tick in ticks])
    axes.set_xlabel("exact value of the accumulator, logarithmic on both sides of 0")
    legend(
        figure,
        [Line2D([], [], color=BLACK, linewidth=2, label="limits of the register"),
         Patch(color=SKY, label="partial sums"), Patch(color=BLUE, label="final sums"),
         Patch(color=VERMILLION, label="out of range")],
    )  # fmt: skip
    return figure


def _silhouette(axes: Axes, numbers: Numbers, row: int, linear_bits: int) -> None:
    """A layer's channels as thin bars on top of each other, the widest on top."""
    values = {name: signed_log2(numbers.column(name), linear_bits) for name in _COLUMNS[3:]}
    order = np.argsort(-(values["partial_hi"] - values["partial_lo"]), kind="stable")
    values = {name: column[order] for name, column in values.items()}
    lo_limit, hi_limit = values["register_lo"][0], values["register_hi"][0]
    edges = row - _HEIGHT / 2 + _HEIGHT / len(order) * np.arange(len(order) + 1)
    heights = np.repeat(edges, 2)[1:-1]
    lo, hi = values["partial_lo"], values["partial_hi"]
    bands = (
        (SKY, "partial", lo, np.maximum(hi, lo + _LEAST)),
        (
            BLUE,
            "final",
            values["final_lo"],
            np.maximum(values["final_hi"], values["final_lo"] + _LEAST),
        ),
        (VERMILLION, "below", lo, np.clip(hi, lo, np.maximum(lo, lo_limit))),
        (VERMILLION, "above", np.clip(lo, np.minimum(hi, hi_limit), hi), hi),
    )
    for layer, (color, gid, left, right) in enumerate(bands):
        axes.fill_betweenx(
            heights, np.repeat(left, 2), np.repeat(right, 2), color=color,
            where=np.repeat(right > left, 2), linewidth=0, zorder=2 + layer / 10, gid=gid,
        )  # fmt: skip
    axes.vlines([lo_limit, hi_limit], row - 0.5, row + 0.5, color=BLACK, linewidth=2, zorder=4)


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
