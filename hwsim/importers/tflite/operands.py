"""Operands of operators that take several tensors: brought to as many axes each."""

from __future__ import annotations

import math

from hwsim.importers.tflite.assembly import Assembly, Shape
from hwsim.importers.tflite.records import FileOperator
from hwsim.network.graph import Tensor


def aligned(assembly: Assembly, operator: FileOperator) -> tuple[tuple[Tensor, ...], int]:
    """All inputs with equally many axes, ones in front; and how many axes of the file went.

    That is 1, the batch axis, but 0 where an input does not begin with it.
    """
    indexes = [assembly.operand(operator, place) for place in range(len(operator.inputs))]
    shapes = [assembly.file.tensors[index].shape for index in indexes]
    rank = max(len(shape) for shape in shapes)
    full = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    computed = [not assembly.is_constant(index) for index in indexes]
    leading = {shape[:1] for shape, known in zip(full, computed, strict=True) if known}
    dropped = int(leading <= {(assembly.batch,)})
    parts = (_aligned(assembly, operator, i, full[i], dropped) for i in range(len(indexes)))
    return tuple(parts), dropped


def _aligned(
    assembly: Assembly, operator: FileOperator, place: int, full: Shape, dropped: int
) -> Tensor:
    """One operand as a sample of its shape with all axes."""
    index = assembly.operand(operator, place)
    if assembly.is_constant(index):
        if dropped and full[:1] != (1,):
            must = "must be the same for every sample"
            raise assembly.refusal(operator, "constant", full, must)
        return assembly.constant(index, full[dropped:])
    known = assembly.tensor(operator, place)
    if known.shape == full[dropped:]:
        return known
    if math.prod(full[dropped:]) != math.prod(known.shape):
        must = f"must have {len(full)} axes, samples first"
        raise assembly.refusal(operator, "input shape", known.shape, must)
    return assembly.reshaped(operator, known, full[dropped:])
