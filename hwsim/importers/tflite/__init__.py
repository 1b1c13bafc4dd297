"""TensorFlow Lite files (``.tflite``): one quantized or float network.

Every operator of the file is one node, named ``<op>_<index in the file>``, but for those that are
known at import (``folding.py``). Tensors are named as the file spells them; an empty or
repeated name has ``#<tensor index>`` appended. Scales are the file's float32 numbers. A file with
real weights and activations (float, float16, dynamic range) becomes a float graph, which runs in
the float twin only.

The file is untrusted: every offset, length and index is checked before it is followed
(``buffer.py``, ``file.py``).
"""

from __future__ import annotations

from pathlib import Path

from hwsim.errors import ModelError, UnsupportedError
from hwsim.importers.tflite.assembly import Assembly
from hwsim.importers.tflite.file import read
from hwsim.importers.tflite.folding import FOLDS, fold
from hwsim.importers.tflite.operators import BUILDERS
from hwsim.importers.tflite.records import FileOperator, TfliteFile
from hwsim.network.graph import Graph

MAX_REFUSED = 20  # operators named in one message


def load(path: str | Path) -> Graph:
    """Read a model file.

    Raises
    ------
    ModelError
        ``<path>: <field> = <value>: <must>``: unreadable, broken, or it contradicts itself.
    UnsupportedError
        Operators, types or shapes that hwsim does not run, by name and index.
    """
    path = Path(path)
    return graph_of(read(path), path.stem)


def tensor_names(path: str | Path) -> list[str]:
    """Our name of every tensor of a file, by its index there."""
    return [tensor.name for tensor in read(Path(path)).tensors]


def graph_of(file: TfliteFile, name: str) -> Graph:
    """The network of a file's records; see `load`."""
    refuse_unknown(file)
    assembly = Assembly(file)
    _declare_inputs(assembly)
    for operator in file.operators:
        _check_output(assembly, operator)
        if not fold(assembly, operator):
            _build(assembly, operator)
    for index in file.outputs:
        if index not in assembly.computed or index in file.inputs:
            must = "must be computed by an operator"
            raise UnsupportedError.at(file.where, "output", file.tensors[index].label, must)
    used = {name for node in assembly.nodes for name in node.inputs}
    inputs = [assembly.computed[index] for index in file.inputs if index in assembly.computed]
    inputs = [name for name in inputs if name in used]
    if not inputs or not file.outputs:
        given = f"{len(inputs)} inputs, {len(file.outputs)} outputs"
        raise ModelError.at(file.where, "graph", given, "must have both")
    return Graph(
        name=name,
        tensors=assembly.tensors,
        nodes=tuple(assembly.nodes),
        inputs=tuple(inputs),
        outputs=tuple(assembly.computed[index] for index in file.outputs),
        constants=assembly.constants,
    )


def refuse_unknown(file: TfliteFile) -> None:
    """Name every operator that hwsim does not run.

    Raises
    ------
    UnsupportedError
        A line each.
    """
    known = {*BUILDERS, *FOLDS}
    must = f"must be one of {', '.join(sorted(known))}"
    unknown = [operator for operator in file.operators if operator.kind not in known]
    if unknown:
        raise UnsupportedError.all(
            [
                str(UnsupportedError.at(file.where, f"operator {it.index}", it.kind, must))
                for it in unknown[:MAX_REFUSED]
            ]
        )


def _declare_inputs(assembly: Assembly) -> None:
    """The network's inputs; integers that are no codes are parameters that a caller would give."""
    file = assembly.file
    for index in file.inputs:
        tensor = file.tensors[index]
        if tensor.data is not None or index in assembly.computed:
            raise ModelError.at(
                file.where, "input", tensor.label, "must be there once, no constant"
            )
        if tensor.kind in ("int32", "int64", "bool") and not tensor.scale.size:
            continue
        declared = assembly.describe(index, assembly.sample_shape(index), tensor.name)
        assembly.tensors[tensor.name] = declared
        assembly.computed[index] = tensor.name


def _check_output(assembly: Assembly, operator: FileOperator) -> None:
    """An operator computes one tensor, which nothing else has computed."""
    tensors = assembly.file.tensors
    if len(operator.outputs) != 1:
        must = "must be one tensor"
        raise assembly.refusal(operator, "outputs", len(operator.outputs), must)
    (output,) = operator.outputs
    taken = output in assembly.computed or output in assembly.file.inputs
    if taken or assembly.is_constant(output):
        must = "must be computed once, and be no input"
        raise assembly.refusal(operator, "output", tensors[output].label, must, ModelError)


def _build(assembly: Assembly, operator: FileOperator) -> None:
    """The operator's node."""
    if operator.kind not in BUILDERS:
        must = "must have constant inputs: it is computed at import"
        raise assembly.refusal(operator, "inputs", operator.inputs, must)
    if not operator.inputs:
        raise assembly.refusal(operator, "inputs", 0, "must be there", ModelError)
    BUILDERS[operator.kind](assembly, operator)
