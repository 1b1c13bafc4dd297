"""Installed runtimes beside hwsim: one driver a runtime, and the table of their names.

A driver hands a model file and codes to a runtime and reads back every tensor that the runtime
shows. Nothing here computes: a driver that imported hwsim's arithmetic would prove nothing. The
floor lies above ``importers``, whose tensor names it uses, and beside ``analysis``, which compares
what comes back; only ``cli`` uses both. Each optional package is imported inside its one driver.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from hwsim.errors import ConfigError, UnsupportedError
from hwsim.runtimes import litert, tflite_micro

Arrays = Mapping[str, NDArray[Any]]
Run = Callable[[Path, Arrays, Collection[str]], dict[str, NDArray[Any]]]


@dataclass(frozen=True)
class Runtime:
    """One runtime.

    Attributes
    ----------
    machine : str
        The machine of ``hw_configs/`` that stands for its arithmetic.
    formats : tuple of str
        Suffixes of the model files that it reads.
    run : callable
        ``run(path, inputs, wanted)``: inputs by name, codes of shape (S, *shape); the wanted
        tensors that it shows, each with one row a sample.
    version : callable
        Package and version, as ``ai-edge-litert 2.3.0``.
    """

    machine: str
    formats: tuple[str, ...]
    run: Run
    version: Callable[[], str]


def _litert(machine: str, resolver: str) -> Runtime:
    return Runtime(machine, (".tflite",), partial(litert.run, resolver), litert.version)


RUNTIMES: dict[str, Runtime] = {
    "tflite_reference": _litert("tflite_reference", "BUILTIN_REF"),
    "tflite_optimized": _litert("tflite_optimized", "BUILTIN_WITHOUT_DEFAULT_DELEGATES"),
    "tflite_xnnpack": _litert("tflite_xnnpack", "AUTO"),
    "tflite_micro": Runtime("tflite_micro", (".tflite",), tflite_micro.run, tflite_micro.version),
}


def runtime(name: str) -> Runtime:
    """A runtime by its name.

    Raises
    ------
    ConfigError
        There is none; a near name is proposed.
    """
    if name not in RUNTIMES:
        close = difflib.get_close_matches(name, RUNTIMES, 1)
        hint = f"; perhaps {close[0]}" if close else ""
        must = f"must be one of {', '.join(RUNTIMES)}{hint}"
        raise ConfigError.at("--runtime", "name", name, must)
    return RUNTIMES[name]


def check_format(name: str, model: str | Path) -> None:
    """Refuse a model file that a runtime cannot read.

    Raises
    ------
    UnsupportedError
        Another suffix.
    """
    formats = runtime(name).formats
    if Path(model).suffix not in formats:
        must = f"must be a {' or '.join(formats)} file to run on {name}"
        raise UnsupportedError.at("--runtime", "model", model, must)
