"""What an override may ask of a layer beside its name: operator, shape, formats.

Runtimes choose a kernel by the layer's shape, so a machine says which: ``when: {op:
depthwise_conv_2d, kernel: [3, 3], padding: 1}``. Every condition that is given must hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from hwsim.arith.formats import IntFormat
from hwsim.array.specification import Positive, Spec

Failure = tuple[str, Any, str]
MacOpName = Literal[
    "conv_2d", "depthwise_conv_2d", "transpose_conv_2d", "fully_connected", "batch_matmul"
]
Extent = Annotated[int, Field(ge=0, le=1 << 16)]


@dataclass(frozen=True)
class LayerFacts:
    """What a machine may know of a layer to choose its words.

    Attributes
    ----------
    name, op : str
    kernel : (ky, kx); 1, 1 of what is no convolution
    padding : ((top, bottom), (left, right))
    channels : int
        Input channels, of all groups together.
    outputs : int
        Output channels, of all groups together.
    groups : int
    activation, weight : IntFormat
        Of a batched product the second input is the weight.
    bias_bits : int or None
        Width of the stored bias; None: none, or a real one.
    per_channel : bool
        Whether each output channel has a weight scale of its own.
    """

    name: str
    op: str
    kernel: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    channels: int
    outputs: int
    groups: int
    activation: IntFormat
    weight: IntFormat
    bias_bits: int | None = None
    per_channel: bool = False


class Conditions(Spec):
    """``overrides[].when``: each word that is given must hold."""

    op: MacOpName | None = None
    kernel: Annotated[list[Positive], Field(min_length=2, max_length=2)] | None = None  # ky, kx
    padding: Extent | None = None  # the same on all four sides
    channels_multiple_of: Positive | None = None  # input channels
    multiplier: Annotated[list[Positive], Field(min_length=1)] | None = None  # outputs a channel
    groups_above: Extent | None = None
    activation_signed: bool | None = None
    weight_signed: bool | None = None
    activation_bits: Positive | None = None
    weight_bits: Positive | None = None
    bias_bits: Positive | None = None
    per_channel: bool | None = None

    def hold(self, layer: LayerFacts) -> bool:
        """Whether all of them hold for a layer."""
        given = self.model_dump(exclude_none=True)
        (top, bottom), (left, right) = layer.padding
        seen = {
            "op": layer.op,
            "kernel": list(layer.kernel),
            "padding": top if top == bottom == left == right else None,
            "activation_signed": layer.activation.signed,
            "weight_signed": layer.weight.signed,
            "activation_bits": layer.activation.bits,
            "weight_bits": layer.weight.bits,
            "bias_bits": layer.bias_bits,
            "per_channel": layer.per_channel,
        }
        multiple, allowed = self.channels_multiple_of, self.multiplier
        return (
            all(seen[word] == value for word, value in given.items() if word in seen)
            and (multiple is None or layer.channels % multiple == 0)
            and (allowed is None or layer.outputs in [layer.channels * m for m in allowed])
            and (self.groups_above is None or layer.groups > self.groups_above)
        )


def condition_failures(when: Any) -> list[Failure]:
    """What is wrong with the words of a ``when``: ``(word, value, must)``.

    >>> condition_failures({"kernel": [3, 3], "group_above": 100})[0][0]
    'group_above'
    """
    try:
        Conditions.model_validate(when)
    except ValidationError as error:
        return [_failure(detail) for detail in error.errors(include_url=False)]
    return []


def _failure(detail: Any) -> Failure:
    """One failure of pydantic's in our words."""
    field = str(detail["loc"][0]) if detail["loc"] else ""
    if detail["type"] == "extra_forbidden":
        return field, detail["input"], f"must be one of {', '.join(Conditions.model_fields)}"
    words = detail["msg"].splitlines()[0].removeprefix("Input should be ")
    return field, detail["input"], f"must be {words}"
