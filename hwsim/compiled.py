"""The Python interface to values alone: a network on a machine, made ready once."""

from __future__ import annotations

from hwsim.array.specification import Machine
from hwsim.importers import hardware
from hwsim.importers.model import Model
from hwsim.network.graph import Graph
from hwsim.network.values import Values


def compile_values(model: Model | Graph, machine: Machine | str) -> Values:
    """Codes in, codes out, without a ledger: the bits of `simulate` in a fraction of its time.

    Parameters
    ----------
    model : Model or Graph
        From `load_model`.
    machine : Machine or str
        From `load_hardware`, or its name.

    Returns
    -------
    Values
        Called with codes of shape (S, *shape), one call at a time; ``ways``: how each node runs
        (`hwsim.network.values`). Large calls run on ``HWSIM_THREADS`` threads, as many as there are
        processors where that is not set; codes do not depend on it.

    Raises
    ------
    ConfigError, UnsupportedError
        A node does not go with the machine.

    Examples
    --------
    >>> from hwsim.importers.model import load
    >>> digits = load("digits")
    >>> values = compile_values(digits, "tflite_reference")
    >>> values(digits.data.X[:3]).shape
    (3, 10)
    """
    graph = model.graph if isinstance(model, Model) else model
    return Values(graph, hardware.load(machine) if isinstance(machine, str) else machine)
