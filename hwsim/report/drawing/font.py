"""The font of every picture, DejaVu Sans, as matplotlib ships it; matplotlib itself never loads."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

_FOLDER = "mpl-data/fonts/ttf"
_FILES = {False: "DejaVuSans.ttf", True: "DejaVuSans-Bold.ttf"}
_MISSING = "\uffff"


@cache
def font(size: float, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The font at a height in pixels."""
    spec = find_spec("matplotlib")
    assert spec is not None
    assert spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0]) / _FOLDER / _FILES[bold]
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Pixels that a text takes.

    >>> text_width("layer", 12) < text_width("layer", 13)
    True
    """
    return float(font(size, bold).getlength(text))


@cache
def _has(letter: str) -> bool:
    shown, missing = (font(16).getmask(x) for x in (letter, _MISSING))
    return shown.size != missing.size or bytes(shown) != bytes(missing)


def drawable(text: str) -> str:
    """Text that the font can show; other letters become ``?``.

    >>> drawable("conv_1 \\n \\u4e2d")
    'conv_1 ? ?'
    """
    return "".join(
        letter if letter.isprintable() and (letter.isascii() or _has(letter)) else "?"
        for letter in text
    )
