"""Which file becomes a graph how: the one table of model formats."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from hwsim import models
from hwsim.errors import ModelError, UnsupportedError
from hwsim.importers.data import Data, of_model_file
from hwsim.network.graph import Graph

FORMATS = {
    ".encodings": ("aimet", "load"),
    ".npz": ("npz", "load"),
    ".onnx": ("onnx", "load"),
    ".pt": ("torch", "refuse_pickle"),
    ".pt2": ("torch", "load"),
    ".pth": ("torch", "refuse_pickle"),
    ".tflite": ("tflite", "load"),
}
"""Which module of this package reads a file, and by which function."""
PICKLED = ("torch", "refuse_pickle")


def reader(suffix: str) -> Callable[[Path], Graph]:
    """What reads files of a suffix of `FORMATS`, loaded when the first of them is read.

    >>> reader(".npz").__module__
    'hwsim.importers.npz'
    """
    module, function = FORMATS[suffix]
    found: Callable[[Path], Graph] = getattr(import_module(f"hwsim.importers.{module}"), function)
    return found


@dataclass(frozen=True, eq=False)
class Model:
    """A network, and the data that came with it (embedded models, one-layer files)."""

    graph: Graph
    data: Data | None


def load(name_or_path: str | Path, pickled: tuple[int, ...] | None = None) -> Model:
    """Load an embedded model by name, or a model file.

    Parameters
    ----------
    name_or_path : str or Path
    pickled : tuple of int, optional
        Allow a pickled PyTorch module, which runs the file's code; its input's shape, channels
        first. Only for files that you trust.

    Raises
    ------
    ModelError
        No such model or file, or a broken one.
    UnsupportedError
        A format that hwsim does not import.

    Examples
    --------
    >>> load("seed_conv").graph.nodes[0].op
    'conv_2d'
    """
    if str(name_or_path) in models.embedded():
        graph, data = models.load(str(name_or_path))
        return Model(graph, data)
    path = Path(name_or_path)
    if not path.suffix:
        close = difflib.get_close_matches(str(name_or_path), models.embedded(), 1)
        hint = f"; perhaps {close[0]}" if close else ""
        known = ", ".join(models.embedded())
        must = f"must be a file or one of: {known}{hint}"
        raise ModelError.at("hwsim", "model", name_or_path, must)
    if path.suffix not in FORMATS:
        supported = ", ".join(sorted(FORMATS))
        raise UnsupportedError.at(
            str(path), "format", path.suffix, f"not imported; supported: {supported}"
        )
    if not path.is_file():
        raise ModelError.at(str(path), "file", path.name, "must exist and be a regular file")
    if pickled is not None and FORMATS[path.suffix] == PICKLED:
        from hwsim.importers import torch

        graph = torch.load_pickle(path, pickled)
    else:
        graph = reader(path.suffix)(path)
    return Model(graph, of_model_file(path, graph.tensors[graph.inputs[0]]))
