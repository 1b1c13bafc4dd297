"""A program's records on their way to those of an ONNX file."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.importers.onnx.source import Array, Op, Stored
from hwsim.importers.torch.program import Call, Program


class Translation:
    """Operators and constants so far.

    ``run_time``: scales and zero points that are chosen at run time; ``dynamic``: tensors that are
    quantized by them, to the real tensor that they come from.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.ops: list[Op] = []
        self.run_time: set[str] = set()
        self.dynamic: dict[str, str] = {}
        self.constants = {
            name: Stored(array, _format_of(array)) for name, array in program.parameters.items()
        }

    def constant(self, call: Call, what: str, value: Any, form: IntFormat | None = None) -> str:
        """A new constant beside a call; its name."""
        name = f"{call.outputs[0]}.{what}"
        self.constants[name] = Stored(np.asarray(value), form)
        return name

    def add(self, call: Call, kind: str, inputs: list[str], **attributes: Any) -> None:
        """One operator with the call's output."""
        name = call.outputs[0]
        self.ops.append(Op(name, kind, "", tuple(inputs), (name,), attributes))


def _format_of(array: Array) -> IntFormat | None:
    if array.dtype.kind not in "iu" or array.dtype.itemsize > 4:
        return None
    return IntFormat(8 * array.dtype.itemsize, array.dtype.kind == "i")
