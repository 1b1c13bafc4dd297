"""LiteRT (TensorFlow Lite) on this host: reference kernels, optimized ones, XNNPACK.

All tensors are kept. Under the default resolver that makes every operator a delegate of its own,
so that the tensors between operators that XNNPACK runs are there as well.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.importers.tflite import tensor_names
from hwsim.runtimes.installed import refusals, required, silent, version_of

PACKAGE = "ai-edge-litert"


def version() -> str:
    """Package and version."""
    return version_of(PACKAGE)


def run(
    resolver: str, path: Path, inputs: Mapping[str, NDArray[Any]], wanted: Collection[str]
) -> dict[str, NDArray[Any]]:
    """Run a ``.tflite`` file sample by sample, on one thread.

    Parameters
    ----------
    resolver : str
        A member of ``OpResolverType``: which kernels.
    path : Path
    inputs : mapping of str to ndarray of shape (S, *shape)
        Codes, or real values of a float input, by tensor name.
    wanted : collection of str
        Tensors to read; those that the runtime does not show are left out.

    Raises
    ------
    UnsupportedError
        The package is absent, or refuses the file.
    """
    module = required("ai_edge_litert.interpreter", PACKAGE)
    index = {name: i for i, name in enumerate(tensor_names(path))}
    with refusals(PACKAGE, path):
        interpreter = _interpreter(module, resolver, path)
        forms = {d["index"]: d for d in interpreter.get_input_details()}
        rows: dict[str, list[NDArray[Any]]] = {name: [] for name in wanted if name in index}
        for sample in range(len(next(iter(inputs.values())))):
            for name, codes in inputs.items():
                form = forms[index[name]]
                value = codes[sample].astype(form["dtype"]).reshape(form["shape"])
                interpreter.set_tensor(index[name], value)
            interpreter.invoke()
            for name in list(rows):
                _keep(interpreter, index[name], name, rows)
    return {name: np.stack(values) for name, values in rows.items()}


def _interpreter(module: Any, resolver: str, path: Path) -> Any:
    with silent(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # keeping all tensors is for debugging: this is
        interpreter = module.Interpreter(
            model_path=str(path),
            num_threads=1,
            experimental_op_resolver_type=module.OpResolverType[resolver],
            experimental_preserve_all_tensors=True,
        )
        interpreter.allocate_tensors()
    return interpreter


def _keep(interpreter: Any, index: int, name: str, rows: dict[str, list[NDArray[Any]]]) -> None:
    """One more sample of a tensor; a tensor that the runtime fused away is given up."""
    try:
        rows[name].append(interpreter.get_tensor(index))
    except ValueError:
        del rows[name]
