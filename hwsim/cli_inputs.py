"""Which data a command runs on: a file, the model's own, an embedded model's, or random codes."""

from __future__ import annotations

import sys
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from hwsim.errors import ConfigError, DataError

if TYPE_CHECKING:
    from hwsim.array.specification import Machine
    from hwsim.importers.data import Data
    from hwsim.importers.model import Model
    from hwsim.network.graph import Graph, Tensor

RANDOM = "random"
RANDOM_SAMPLES = 16


def check_overrides(machine: Machine, *graphs: Graph) -> None:
    """Refuse an override that names a layer of no network; say on stderr which glob has none."""
    from hwsim.array.overrides import unmatched

    names = [node.name for graph in graphs for node in graph.mac_nodes]
    for field, glob in unmatched(machine, names):
        shown = ", ".join(graph.name for graph in graphs)
        print(f"{machine.name}: {field} = {glob}: has no layer in {shown}", file=sys.stderr)


def real_number(text: str) -> float:
    """A positive number, or a quotient of two such as ``1/255``.

    >>> real_number("1/255") == 1 / 255
    True
    """
    try:
        value = float(Fraction(text.replace(" ", "")))
    except (ValueError, ZeroDivisionError, OverflowError):
        value = 0.0
    if not 0 < value < float("inf"):
        raise ConfigError.at("--input-scale", "scale", text, "must be positive, like 0.1 or 1/255")
    return value


def without_data(limit: int | None, input_scale: str | None) -> None:
    """Refuse options of data where none is asked for."""
    for option, value in (("--limit", limit), ("--input-scale", input_scale)):
        if value is not None:
            raise ConfigError.at(option, "value", value, "must go with --data")


def inputs_of(
    model: Model, data: str | None, limit: int | None, input_scale: str | None, seed: int
) -> Data:
    """The samples to run.

    Parameters
    ----------
    model : Model
    data : str or None
        A file, an embedded model's name, ``random`` (uniform codes), or None: the model's own.
    limit : int or None
        Take only so many leading samples; of random ones, make so many (16 by default).
    input_scale : str or None
        Real step of one stored number of a file.
    seed : int
        Of random codes.

    Raises
    ------
    DataError
        There is no data, or it does not go with the network.
    """
    from hwsim import models
    from hwsim.importers import data as data_files

    if input_scale is not None and (data is None or data == RANDOM or data in models.embedded()):
        raise ConfigError.at("--input-scale", "scale", input_scale, "must go with --data FILE")
    tensor = model.graph.tensors[model.graph.inputs[0]]
    if data is None:
        if model.data is None:
            must = f"must be given: --data FILE, or --data {RANDOM}"
            raise DataError.at(model.graph.name, "data", "none", must)
        return first(model.data, limit)
    if data == RANDOM:
        return random_codes(model, limit or RANDOM_SAMPLES, seed)
    if data in models.embedded():
        return first(embedded(model, data), limit)
    scale = None if input_scale is None else real_number(input_scale)
    loaded = data_files.load(data, tensor, scale, limit)
    warn_of_clipping(data, loaded, tensor)
    return loaded


def warn_of_clipping(file: str, data: Data, tensor: Tensor) -> None:
    """Say on stderr where real values lie beyond the input's range: a scale may be missing."""
    import numpy as np

    if data.real is None or tensor.format is None or not data.real.size:
        return
    ends = (tensor.format.lo - 1, tensor.format.hi + 1)  # a step beyond is no mistake
    low, high = ((end - tensor.zero_point) * tensor.scale for end in ends)
    share = float(np.mean((data.real < low) | (data.real > high)))
    if share > 0:
        print(
            f"{file}: {share:.2%} of the values are beyond the network's input, "
            f"{low:.4g}..{high:.4g}, and saturate; does it need --input-scale?",
            file=sys.stderr,
        )


def first(data: Data, limit: int | None) -> Data:
    """The first ``limit`` samples."""
    if limit is None or limit >= len(data.X):
        return data
    labels = None if data.Y is None else data.Y[:limit]
    real = None if data.real is None else data.real[:limit]
    return replace(data, X=data.X[:limit], Y=labels, real=real)


def embedded(model: Model, name: str) -> Data:
    """The data of an embedded model, quantized for this one's input."""
    from hwsim import models
    from hwsim.network.graph import quantize_input

    data = models.load(name)[1]
    tensor = model.graph.tensors[model.graph.inputs[0]]
    if model.graph.name == name:
        return data
    shape = data.X.shape[1:]
    if shape != tensor.shape or data.real is None:
        raise DataError.at(f"--data {name}", "sample shape", shape, f"must be {tensor.shape}")
    codes = data.real if tensor.format is None else quantize_input(tensor, data.real)
    return replace(data, X=codes)


def random_codes(model: Model, samples: int, seed: int) -> Data:
    """Uniform codes over the input's whole format; of a real input, the values of such codes of the
    tensor that it is quantized to."""
    import numpy as np

    from hwsim.importers.data import of_array

    tensor = model.graph.tensors[model.graph.inputs[0]]
    coded = tensor
    for node in model.graph.nodes:
        if tensor.format is None and node.op == "quantize" and node.inputs[0] == tensor.name:
            coded = model.graph.tensors[node.output]
            break
    if coded.format is None:
        must = "must be an integer format, or quantized first in the network"
        raise DataError.at("--data random", "input format", "float", must)
    rng = np.random.default_rng(seed)
    shape = (samples, *tensor.shape)
    codes = rng.integers(coded.format.lo, coded.format.hi, shape, np.int64, endpoint=True)
    values = codes if coded is tensor else (codes - coded.zero_point) * coded.scale
    return replace(of_array(values, tensor), name=f"random, seed {seed}")
