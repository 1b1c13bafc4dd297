"""The schema as the importer has it against the classes generated from schema.fbs."""

import ast
import inspect
import re

import pytest

from hwsim.importers.tflite import schema

generated = pytest.importorskip(
    "ai_edge_litert.schema_py_generated", reason="ai-edge-litert holds TFLite's schema"
)
WORDS = {
    "padding": "Padding",
    "stride_x": "StrideW",
    "stride_y": "StrideH",
    "dilation_x": "DilationWFactor",
    "dilation_y": "DilationHFactor",
    "window_x": "FilterWidth",
    "window_y": "FilterHeight",
    "activation": "FusedActivationFunction",
}


def members(enumeration):
    """Names by value."""
    return {v: k for k, v in vars(enumeration).items() if isinstance(v, int)}


def test_operators_types_and_activations_have_their_numbers() -> None:
    operators = members(generated.BuiltinOperator)
    assert dict(enumerate(schema.OPERATORS)) == {n: operators[n] for n in range(len(operators))}
    types = members(generated.TensorType)
    assert [types[n].lower() for n in range(len(types))] == list(schema.TENSOR_TYPES)
    names = {"relu_n1_1": "RELU_N1_TO_1"}
    fused = [names.get(name, name.upper()) for name in schema.ACTIVATIONS]
    assert dict(enumerate(fused)) == members(generated.ActivationFunctionType)
    assert dict(enumerate(schema.PADDINGS)) == members(generated.Padding)


@pytest.mark.parametrize("operator", schema.OPTIONS)
def test_options_have_their_slots_and_defaults(operator) -> None:
    number, fields = schema.OPTIONS[operator]
    name = members(generated.BuiltinOptions)[number]
    options = getattr(generated, name)
    assert name in {
        "AVERAGE_POOL_2D": "Pool2DOptions",
        "MAX_POOL_2D": "Pool2DOptions",
        "MEAN": "ReducerOptions",
        "CONV_2D": "Conv2DOptions",
        "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    }.get(operator, operator.title().replace("_", "") + "Options")
    for word, field in fields.items():
        method = WORDS.get(word, word.title().replace("_", ""))
        slot, kind, default = accessor(options, method)
        kinds = {"b": "Int8", "?": "Bool", "i": "Int32", "f": "Float32"}
        assert (slot, kind) == (field.slot, kinds[field.kind]), word
        assert default == field.default, word


def accessor(options, method):
    """Slot, type and default of a generated reader, from its code."""
    source = inspect.getsource(getattr(options, method))
    offset = int(re.search(r"Offset\((\d+)\)", source)[1])
    kind = re.search(r"number_types\.(\w+)Flags, o \+", source)[1]
    default = re.findall(r"return (\S+)", source)[-1]
    return (offset - 4) // 2, kind, ast.literal_eval(default)
