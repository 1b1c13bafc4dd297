"""Bit-accurate and cycle-accurate simulator of MAC-array accelerators.

::

    import hwsim

    model = hwsim.load_model("digits")
    machine = hwsim.load_hardware("edge_ws_16x16", ["accumulator.bits=18"])
    result = hwsim.simulate(model, machine)
    result.outputs, result.layers, result.ledger["conv1"], result.taps
    result.save("reports/mine")

`hwsim.arith` is the golden model of one number: what RTL testbenches import.

Names are loaded when they are first used, so that ``import hwsim`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hwsim import arith
    from hwsim.array.specification import Machine
    from hwsim.compiled import compile_values as compile
    from hwsim.errors import HwsimError
    from hwsim.importers.data import Data
    from hwsim.importers.data import load as load_data
    from hwsim.importers.model import Model
    from hwsim.importers.torch import from_torch
    from hwsim.network.graph import Graph
    from hwsim.simulation import Result, bounds, load_hardware, load_model, simulate
    from hwsim.sweeps.sweep import Sweep, sweep
    from hwsim.vectors.write import write_vectors
    from hwsim.version import VERSION as __version__  # noqa: N811

__all__ = [
    "Data",
    "Graph",
    "HwsimError",
    "Machine",
    "Model",
    "Result",
    "Sweep",
    "__version__",
    "arith",
    "bounds",
    "compile",
    "from_torch",
    "load_data",
    "load_hardware",
    "load_model",
    "simulate",
    "sweep",
    "write_vectors",
]

_HOMES = {
    "Data": ("hwsim.importers.data", "Data"),
    "Graph": ("hwsim.network.graph", "Graph"),
    "HwsimError": ("hwsim.errors", "HwsimError"),
    "Machine": ("hwsim.array.specification", "Machine"),
    "Model": ("hwsim.importers.model", "Model"),
    "Result": ("hwsim.simulation", "Result"),
    "Sweep": ("hwsim.sweeps.sweep", "Sweep"),
    "__version__": ("hwsim.version", "VERSION"),
    "bounds": ("hwsim.simulation", "bounds"),
    "compile": ("hwsim.compiled", "compile_values"),
    "from_torch": ("hwsim.importers.torch", "from_torch"),
    "load_data": ("hwsim.importers.data", "load"),
    "load_hardware": ("hwsim.simulation", "load_hardware"),
    "load_model": ("hwsim.simulation", "load_model"),
    "simulate": ("hwsim.simulation", "simulate"),
    "sweep": ("hwsim.sweeps.sweep", "sweep"),
    "write_vectors": ("hwsim.vectors.write", "write_vectors"),
}


def __getattr__(name: str) -> Any:
    """Load a public name from its home, once."""
    if name == "arith":
        return import_module("hwsim.arith")
    if name not in _HOMES:
        raise AttributeError(f"module 'hwsim' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value
