"""What several operators ask of their options: windows, padding, fused activations."""

from __future__ import annotations

from typing import Any

from hwsim.errors import ModelError
from hwsim.importers.tflite.assembly import Assembly, Shape
from hwsim.importers.tflite.records import FileOperator
from hwsim.importers.tflite.schema import ACTIVATIONS, PADDINGS
from hwsim.network.graph import Tensor

MAX_STEP = 1 << 16  # stride, dilation, window
_ACTIVATIONS = ACTIVATIONS[:4]


def image(assembly: Assembly, operator: FileOperator, x: Tensor) -> Shape:
    """The shape (height, width, channels) of an operand that must be an image."""
    if len(x.shape) != 3:
        must = "must be (height, width, channels)"
        raise assembly.refusal(operator, "input shape", x.shape, must, ModelError)
    return x.shape


def activation(assembly: Assembly, operator: FileOperator) -> Any:
    """The fused activation by name."""
    number = operator.options["activation"]
    if not 0 <= number < len(_ACTIVATIONS):
        name = ACTIVATIONS[number] if 0 <= number < len(ACTIVATIONS) else number
        must = f"must be one of {', '.join(_ACTIVATIONS)}"
        raise assembly.refusal(operator, "activation", name, must)
    return _ACTIVATIONS[number]


def fused(assembly: Assembly, operator: FileOperator) -> dict[str, Any]:
    """The attribute of a fused activation, where there is one."""
    name = activation(assembly, operator)
    return {} if name == "none" else {"activation": name}


def steps(assembly: Assembly, operator: FileOperator, name: str) -> tuple[int, int]:
    """A pair of options (y, x), each at least 1; dilation is 1 where the operator has none."""
    pair = (operator.options.get(f"{name}_y", 1), operator.options.get(f"{name}_x", 1))
    if not all(1 <= step <= MAX_STEP for step in pair):
        raise assembly.refusal(operator, name, pair, f"must be 1..{MAX_STEP}", ModelError)
    return pair


def margins(assembly: Assembly, operator: FileOperator) -> str:
    """SAME or VALID."""
    number = operator.options["padding"]
    if not 0 <= number < len(PADDINGS):
        raise assembly.refusal(operator, "padding", number, "must be 0 or 1", ModelError)
    return PADDINGS[number]


def explicit_padding(
    rule: str, extent: int, window: int, stride: int, dilation: int = 1
) -> tuple[int, int]:
    """Rows before and after the image, the smaller half first.

    ::

        SAME:  total = max((ceil(extent / stride) - 1) * stride + reach - extent, 0)
               reach = (window - 1) * dilation + 1
        VALID: none

    >>> explicit_padding("SAME", 49, 10, 2), explicit_padding("VALID", 49, 10, 2)
    ((4, 5), (0, 0))
    """
    if rule == "VALID":
        return 0, 0
    reach = (window - 1) * dilation + 1
    total = max((-(-extent // stride) - 1) * stride + reach - extent, 0)
    return total // 2, total - total // 2


def transposed_padding(
    rule: str, extent: int, outer: int, window: int, stride: int
) -> tuple[int, int]:
    """Rows that a transposed convolution loses before and after; a negative end adds some.

    ::

        before = explicit_padding(rule, outer, window, stride)[0]
        after = (extent - 1) * stride + window - outer - before

    >>> transposed_padding("SAME", 4, 8, 3, 2), transposed_padding("VALID", 4, 10, 3, 2)
    ((0, 1), (0, -1))
    """
    before, _ = explicit_padding(rule, outer, window, stride)
    return before, (extent - 1) * stride + window - outer - before
