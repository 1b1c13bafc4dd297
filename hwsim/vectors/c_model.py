"""The C golden model: one layer on one machine as a C99 file, its header and its DPI-C imports.

The text is the specification in C: one function a rule, as hwsim/arith states it, and only the
rules that this layer uses. Numbers of the layer stand in it as constant tables. Templates are in
``templates/c``; what they are filled with is in ``c_model_stages.py`` and ``c_model_tables.py``.
"""

from __future__ import annotations

import re
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from hwsim.errors import UnsupportedError
from hwsim.vectors.c_model_entries import entries, layer_entries
from hwsim.vectors.c_model_stages import Words, datapath_words, main_words, requantizer_words
from hwsim.vectors.c_model_tables import constants, defined, tables
from hwsim.vectors.case import LayerCase

LONGEST_NAME = 24  # C99 tells external names apart by 31 characters
DPI_ELEMENTS = 512  # of an array of dpi.svh, by default


def c_model(case: LayerCase) -> dict[str, str]:
    """The files of one layer's C model, by name: ``<layer>.c``, ``<layer>.h``, ``dpi.svh``.

    Parameters
    ----------
    case : LayerCase
        Weights, biases and requantizer are the same in all its runs; rows are no part of the text.

    Returns
    -------
    dict of str
        The same text for the same layer, byte for byte.

    Raises
    ------
    UnsupportedError
        The layer has no outputs, or a constant that C has no literal for.

    Notes
    -----
    All arithmetic is int64 and does not overflow on operands of the layer's formats: a layer whose
    sums could leave int64 is refused when machine and layer meet.
    """
    words = _words(case)
    files = {
        f"{words['name']}.c": "model.c.j2",
        f"{words['name']}.h": "model.h.j2",
        "dpi.svh": "dpi.svh.j2",
    }
    return {name: _templates().get_template(source).render(words) for name, source in files.items()}


@cache
def _templates() -> Environment:
    """The templates, compiled once."""
    return Environment(
        loader=PackageLoader("hwsim.vectors", "templates/c"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def c_name(layer: str) -> str:
    """A layer's name as the start of C names.

    >>> c_name("conv1"), c_name("model/conv2d;3"), c_name("3x3")
    ('conv1', 'model_conv2d_3', 'layer_3x3')
    """
    name = re.sub(r"[^A-Za-z0-9]+", "_", layer).strip("_")[:LONGEST_NAME].rstrip("_")
    return name if re.match("[A-Za-z]", name) else f"layer_{name}"[:LONGEST_NAME].rstrip("_")


def _words(case: LayerCase) -> Words:
    """Everything that the templates name."""
    _, groups, _, k, n = case.runs[0].datapath.shape
    if groups * n == 0:
        raise UnsupportedError.at(case.layer, "N", n, "has no C model: a layer must have outputs")
    name = c_name(case.layer)
    datapath = datapath_words(case.runs[0])
    requantizer = requantizer_words(case.requantizer)
    title = f"{case.layer} of {case.model} on {case.machine.name}"
    words: Words = {
        "name": name,
        "title": re.sub(r"[^A-Za-z0-9 ._:;,+()-]", "_", title),
        "few": max(DPI_ELEMENTS // (groups * max(k, n)), 1),
        **datapath,
        **requantizer,
        **main_words(case),
        "overflow_rules": datapath["overflow_rules"] | requantizer["overflow_rules"],
        "shift_rules": sorted(datapath["shift_rules"] | requantizer["shift_rules"]),
        "constants": defined(constants(case.runs[0], case.requantizer)),
        "tables": tables(case),
    }
    words["shifts_right"] = bool(
        words["shift_rules"] or words["stochastic"] or words["shifts_a_sign"]
    )
    words["entries"], words["layers"] = entries(words), layer_entries(name)
    return words
