"""TensorFlow Lite Micro's reference kernels, as the package ``tflite_micro`` builds them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.importers.tflite import tensor_names
from hwsim.runtimes.installed import refusals, required, version_of

PACKAGE = "tflite_micro"


def version() -> str:
    """Package and version."""
    return version_of(PACKAGE)


def run(
    path: Path, inputs: Mapping[str, NDArray[Any]], wanted: Collection[str]
) -> dict[str, NDArray[Any]]:
    """Run a ``.tflite`` file sample by sample; all tensors are kept.

    Parameters
    ----------
    path : Path
    inputs : mapping of str to ndarray of shape (S, *shape)
        Codes by tensor name, in the file's order of inputs.
    wanted : collection of str
        Tensors to read.

    Raises
    ------
    UnsupportedError
        The package is absent, or refuses the file.
    """
    module = required("tflite_micro.python.tflite_micro.runtime", PACKAGE)
    index = {name: i for i, name in enumerate(tensor_names(path))}
    names = [name for name in wanted if name in index]
    rows: dict[str, list[NDArray[Any]]] = {name: [] for name in names}
    with refusals(PACKAGE, path):
        interpreter = module.Interpreter.from_file(
            str(path), intrepreter_config=module.InterpreterConfig.kPreserveAllTensors
        )
        for sample in range(len(next(iter(inputs.values())))):
            for i, codes in enumerate(inputs.values()):
                form = interpreter.get_input_details(i)
                value = codes[sample].astype(form["dtype"]).reshape(form["shape"])
                interpreter.set_input(value, i)
            interpreter.invoke()
            for name in names:
                rows[name].append(np.array(interpreter.GetTensor(index[name], 0)["tensor_data"]))
    return {name: np.stack(values) for name, values in rows.items()}
