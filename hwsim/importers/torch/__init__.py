"""PyTorch: ``.pt2`` files, read without PyTorch, and live modules.

A ``.pt2`` file is JSON and raw numbers; nothing of it is executed. Files that hold pickles
(``torch.save`` of a module) run code when they are read: they are refused unless asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hwsim.errors import ModelError, UnsupportedError
from hwsim.importers.onnx import graph_of
from hwsim.importers.torch import archive
from hwsim.importers.torch.aten import source_of
from hwsim.network.graph import Graph


def load(path: Path) -> Graph:
    """Read a ``.pt2`` file.

    Raises
    ------
    ModelError, UnsupportedError
        ``<path>: <field> = <value>: <must>``.
    """
    return graph_of(source_of(archive.read(path)))


def refuse_pickle(path: Path) -> Graph:
    """Refuse a file of ``torch.save``: it has no graph, and reading a module runs its code.

    Raises
    ------
    UnsupportedError
        Always, with the ways in.
    """
    must = (
        "holds a state dict or a pickled class, not a graph, and a pickle runs code when it is "
        "read: save it with torch.export.save as .pt2, or load it into its module and call "
        "hwsim.from_torch(module, example); --allow-pickle SHAPE reads a whole module that you "
        "trust"
    )
    raise UnsupportedError.at(str(path), "format", path.suffix, must)


def load_pickle(path: Path, shape: tuple[int, ...]) -> Graph:
    """A whole module of ``torch.save``: **runs code of the file**. Only for files that you trust.

    Parameters
    ----------
    path : Path
    shape : tuple of int
        One sample of the module's input, channels first: a module does not say it.

    Raises
    ------
    ModelError, UnsupportedError
        It cannot be read, or is no module.
    """
    torch = _torch()
    try:
        module = torch.load(path, weights_only=False, map_location="cpu")
    except Exception as reason:  # a pickle raises every kind
        text = str(reason).strip().splitlines()[0][:160] if str(reason) else type(reason).__name__
        raise ModelError.at(str(path), "file", path.name, f"must be readable: {text}") from None
    if not isinstance(module, torch.nn.Module):
        must = "must be a whole module: load a state dict into its module, then from_torch"
        raise ModelError.at(str(path), "content", type(module).__name__, must)
    return from_torch(module.eval(), torch.zeros(1, *shape))


def _torch() -> Any:
    """The library."""
    try:
        import torch
        import torch.fx
    except ImportError:
        must = "must be installed: pip install 'hwsim[torch]'"
        raise UnsupportedError.at("hwsim.from_torch", "library", "torch", must) from None
    return torch


def from_torch(module: Any, example: Any) -> Graph:
    """A live module: float, converted by PT2E, or eager and FX quantized.

    Parameters
    ----------
    module : torch.nn.Module or torch.export.ExportedProgram
        In evaluation mode.
    example : torch.Tensor
        One batch of its input, samples first.

    Raises
    ------
    ModelError, UnsupportedError
        PyTorch cannot trace it, or an operator that hwsim does not import.

    Examples
    --------
    ``graph = hwsim.from_torch(torch.nn.Linear(3, 2).eval(), torch.zeros(1, 3))``
    """
    torch = _torch()
    from hwsim.importers.torch import eager, live

    if isinstance(module, torch.export.ExportedProgram):
        name, shape = type(module).__name__, tuple(example.shape)
        return graph_of(source_of(live.program_of(module, name, shape)))
    traced = isinstance(module, torch.fx.GraphModule)  # its mode is in its graph
    if module.training and not traced:
        must = "must be false: call module.eval()"
        raise ModelError.at("hwsim.from_torch", "module.training", True, must)
    if eager.is_quantized(module):
        return graph_of(eager.trace(module, example))
    return graph_of(source_of(live.trace(module, example)))
