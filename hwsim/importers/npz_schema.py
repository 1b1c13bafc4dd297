"""The JSON of a model file, typed: ``npz_schema.json`` is this module's schema, written out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from hwsim.errors import ModelError
from hwsim.mapping.layer import Activation, MacOp

SCHEMA = "hwsim-graph-1"
SCHEMA_FILE = Path(__file__).with_name("npz_schema.json")
LAYER_ARRAYS = (
    "weight",
    "weight_scale",
    "weight_zero_point",
    "bias",
    "float_weight",
    "float_bias",
    "real_bias",
)
"""Fields of a layer that name arrays."""
OPTIONAL_ARRAYS = frozenset({"real_bias"})
"""Those of them that are written only where the layer has them."""

Name = Annotated[str, Field(max_length=10_000, pattern=r"^[^\x00-\x1f\x7f]+$")]  # one line
Int64 = Annotated[int, Field(ge=-(1 << 63), le=(1 << 63) - 1)]
Extent = Annotated[int, Field(ge=1, le=1 << 31)]
Margin = Annotated[int, Field(ge=-(1 << 16), le=1 << 16)]  # below 0: transpose_conv_2d alone
Step = Annotated[int, Field(ge=1, le=1 << 16)]


class Record(BaseModel):
    """Base of every part: strict, unknown keys refused, no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class FormatRecord(Record):
    """An ``IntFormat``."""

    bits: Annotated[int, Field(ge=1, le=64)]
    signed: bool
    narrow: bool = False


class TensorRecord(Record):
    """A ``Tensor``; ``format`` null: real values."""

    name: Name
    shape: Annotated[tuple[Extent, ...], Field(max_length=16)]
    format: FormatRecord | None
    scale: Annotated[float, Field(gt=0)] = 1.0
    zero_point: Int64 = 0


class LayerRecord(Record):
    """A ``MacLayer``; weight, scales, zero points, bias and float parameters name arrays."""

    op: MacOp
    weight: Name | None
    weight_format: FormatRecord
    weight_scale: Name
    weight_zero_point: Name
    bias: Name | None = None
    stride: tuple[Step, Step] = (1, 1)
    dilation: tuple[Step, Step] = (1, 1)
    padding: tuple[tuple[Margin, Margin], tuple[Margin, Margin]] = ((0, 0), (0, 0))
    groups: Extent = 1
    clamp: tuple[Int64 | None, Int64 | None] = (None, None)
    activation: Activation = "none"
    float_weight: Name | None = None
    float_bias: Name | None = None
    bias_bits: Annotated[int, Field(ge=1, le=64)] | None = None
    real_bias: Name | None = None


class NodeRecord(Record):
    """A ``Node``. In ``attributes``, ``{"array": NAME}`` is an array, a list is a tuple."""

    name: Name
    op: Name
    inputs: tuple[Name, ...]
    output: Name
    layer: LayerRecord | None = None
    attributes: dict[str, JsonValue] = Field(default_factory=dict)


class GraphRecord(Record):
    """A ``Graph``; ``constants`` maps a tensor to the array of its codes."""

    schema_: Annotated[Literal["hwsim-graph-1"], Field(alias="schema")]
    name: Name
    tensors: tuple[TensorRecord, ...]
    nodes: tuple[NodeRecord, ...]
    inputs: Annotated[tuple[Name, ...], Field(min_length=1)]
    outputs: Annotated[tuple[Name, ...], Field(min_length=1)]
    constants: dict[str, Name] = Field(default_factory=dict)


def parse(text: bytes, where: str) -> GraphRecord:
    """The JSON of a model file.

    Raises
    ------
    ModelError
        One line a failure: no JSON, a key twice, an unknown or missing key, a value out of range.
    """
    try:
        json.loads(text.decode("utf-8"), object_pairs_hook=_keys_once)
        return GraphRecord.model_validate_json(text)
    except ValidationError as failure:
        lines = [_line(where, error) for error in failure.errors(include_url=False)[:20]]
        raise ModelError.all(lines) from None
    except (ValueError, RecursionError) as reason:
        words = str(reason).splitlines()[0][:160]
        raise ModelError.at(where, "graph", "text", f"must be UTF-8 JSON: {words}") from None


def _line(where: str, error: Any) -> str:
    """One failure of pydantic as ``<where>: <field> = <value>: <must>``."""
    field = ".".join(str(part).encode("unicode_escape").decode() for part in error["loc"])
    value = "absent" if error["type"] == "missing" else repr(error["input"])[:60]
    musts = {"missing": "must be there", "extra_forbidden": "must be a known key"}
    words = error["msg"].splitlines()[0].removeprefix("Input should be ")
    must = musts.get(error["type"], f"must be {words}")
    return str(ModelError.at(where, f"graph.{field}", value, must))


def _keys_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    twice = [key for key in keys if keys.count(key) > 1]
    if twice:
        raise ValueError(f"key {twice[0]!r} is there twice")
    return dict(pairs)


def schema_text() -> str:
    """The JSON Schema of a model file's ``graph``, as it is shipped."""
    schema = GraphRecord.model_json_schema(by_alias=True)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA, **schema}
    return json.dumps(schema, indent=1, sort_keys=True, allow_nan=False) + "\n"
