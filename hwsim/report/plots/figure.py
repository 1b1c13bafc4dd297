"""One look for every plot: layers run down the page, so that any number of them stays readable.

matplotlib's object interface only: no window, no global state beyond a `style_context`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

import matplotlib.style
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image  # comes with matplotlib

from hwsim.report import words

# Okabe and Ito, "Color Universal Design" (2008): told apart with any colour vision
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#767676"
BAND = "#f6f6f6"

WIDTH = 9.0  # inches; the page shows it about 940 pixels wide
ROW = 0.27  # inches a layer
DPI = 150
LABEL = 34  # letters of a layer's name; longer ones lose their middle
_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.edgecolor": GREY,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "x",
    "grid.color": "#e4e4e4",
    "ytick.left": False,
    "xtick.color": "#333333",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "text.parse_math": False,  # a layer's name may hold a dollar sign
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
}
_P = ParamSpec("_P")
_R = TypeVar("_R")


def style_context() -> AbstractContextManager[None]:
    """matplotlib's own defaults and our look on top: a user's matplotlibrc changes nothing."""
    return matplotlib.style.context(["default", _STYLE])


def styled(draw: Callable[_P, _R]) -> Callable[_P, _R]:
    """Run a drawing function in our style."""

    @wraps(draw)
    def inner(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with style_context():
            return draw(*args, **kwargs)

    return inner


@styled
def png_bytes(figure: Figure) -> bytes:
    """The picture, in a palette of 256 colours; equal numbers give equal bytes."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]  # matplotlib
    picture = Image.fromarray(pixels).convert("RGB")
    buffer = io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(buffer, format="png")
    return buffer.getvalue()


@lru_cache(maxsize=1)
def _font() -> FT2Font:
    return FT2Font(font_manager.findfont("DejaVu Sans"))


def drawable(text: str) -> str:
    """Text that the font can show; other letters become ``?``.

    >>> drawable("conv_1 \\n \\u4e2d")
    'conv_1 ? ?'
    """
    return "".join(
        letter if letter.isprintable() and _font().get_char_index(ord(letter)) else "?"
        for letter in text
    )


def labels(layers: dict[int, str]) -> list[str]:
    """Short names, numbered as in the page's table.

    A path that all layers share is dropped, of fused names (``a;b``) the first stays, and the
    middle of what is still too long.

    >>> labels({0: "net/conv", 1: "net/fc;net/relu"})
    ['0  conv', '1  fc;…']
    """
    names = [drawable(name) for name in layers.values()]
    shared = _shared_path(names)
    return [
        f"{index}  {_shortened(name[shared:])}" for index, name in zip(layers, names, strict=True)
    ]


def _shared_path(names: list[str]) -> int:
    """Letters of the folders that all names start with; 0 for a single name."""
    folders = [name.split("/")[:-1] for name in names]
    if len(names) < 2:
        return 0
    depth = 0
    while all(len(path) > depth and path[depth] == folders[0][depth] for path in folders):
        depth += 1
    return sum(len(folder) + 1 for folder in folders[0][:depth])


def _shortened(name: str) -> str:
    first, fused, _ = name.partition(";")
    return words.shortened(f"{first};…" if fused else first, LABEL)


def rows_figure(
    layers: dict[int, str], titles: Sequence[str], ratios: Sequence[float] | None = None
) -> tuple[Figure, list[Axes]]:
    """An empty figure with one row a layer, and panels side by side that share the rows.

    Row ``i`` is centred at y = i, the first layer on top.
    """
    count = len(layers)
    height = 1.25 + ROW * max(count, 3)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    panels = figure.subplots(
        1, len(titles), sharey=True, squeeze=False, gridspec_kw={"width_ratios": ratios}
    )[0]
    for axes, title in zip(panels, titles, strict=True):
        axes.set_title(title)
        for row in range(1, count, 2):
            axes.axhspan(row - 0.5, row + 0.5, color=BAND, zorder=0, linewidth=0)
    panels[0].set_yticks(range(count), labels(layers))
    panels[0].set_ylim(max(count, 1) - 0.5, -0.5)
    return figure, list(panels)


def legend(figure: Figure, handles: Sequence[Any], columns: int = 5) -> None:
    """One legend above all panels."""
    figure.legend(handles=list(handles), loc="outside upper right", ncols=columns, handlelength=1.4)


def note(axes: Axes, text: str) -> None:
    """A sentence in place of marks that are not there."""
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center",
        color="#333333", fontsize=10, bbox={"facecolor": "white", "edgecolor": "none", "pad": 4},
    )  # fmt: skip


def count_label(value: float, _position: int | None = None) -> str:
    """Tick text of a count.

    >>> [count_label(value) for value in (0, 950, 1000, 2_500_000)]
    ['0', '950', '1k', '2.5M']
    """
    for factor, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:g}{suffix}"
    return f"{value:g}"


def count_axis(axes: Axes) -> None:
    """Whole numbers with k, M, G."""
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(count_label))
