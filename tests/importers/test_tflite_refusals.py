"""What the .tflite importer refuses: one line each that names the place."""

from itertools import pairwise

import numpy as np
import pytest
from importers.tflite_refused import changed, refused
from importers.tflite_small import (
    activation,
    bias,
    convolution,
    depthwise,
    integers,
    linear,
    weight,
)
from oracles.tflite_files import TfliteFile, schema

from hwsim import load_hardware, load_model, simulate
from hwsim.errors import ModelError, UnsupportedError
from hwsim.importers.tflite import graph_of
from hwsim.importers.tflite.file import parse

pytest.importorskip("ai_edge_litert", reason="ai-edge-litert writes the files of these tests")


def one(op, inputs, outputs, **words):
    """A file of one operator: shapes and types of its inputs and outputs."""
    file = TfliteFile()
    places = [activation(file, f"t{i}", *what) for i, what in enumerate((*inputs, *outputs))]
    file.operator(op, places[: len(inputs)], places[len(inputs) :], **words)
    return file.build(places[: len(inputs)], places[len(inputs) :])


PLAIN = ((1, 4), "int8")


def test_an_operator_that_is_not_run_is_named_with_its_index() -> None:
    file = TfliteFile()
    tensors = [activation(file, name, *PLAIN) for name in "xyzw"]
    for op, pair in zip(("RELU", "LEAKY_RELU", "FLOOR"), pairwise(tensors), strict=True):
        file.operator(op, pair[:1], pair[1:])
    content = file.build(tensors[:1], tensors[-1:])
    with pytest.raises(UnsupportedError) as caught:
        graph_of(parse(content, "small.tflite"), "small")
    first, second = str(caught.value).splitlines()
    assert first.startswith("small.tflite: operator 1 = LEAKY_RELU: must be one of ADD, ")
    assert second.startswith("small.tflite: operator 2 = FLOOR: must be one of ADD, ")


@pytest.mark.parametrize("op", ["IF", "WHILE", "CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "LSTM"])
def test_control_flow_and_variables_are_refused_by_name(op) -> None:
    assert refused(one(op, [PLAIN], [PLAIN])).startswith(f"operator 0 = {op}: must be one of ")


def test_a_custom_operator_is_refused_by_its_own_name() -> None:
    file = TfliteFile()
    x, y = (activation(file, name, *PLAIN) for name in "xy")
    file.operator("CUSTOM", [x], [y])
    file.codes[0].customCode = "MyDetector"
    content = file.build([x], [y])
    assert refused(content).startswith("operator 0 = CUSTOM 'MyDetector': must be one of ")


def test_several_subgraphs_are_refused() -> None:
    import flatbuffers

    model = schema().ModelT.InitFromPackedBuf(convolution(), 0)
    model.subgraphs *= 2
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    assert refused(bytes(builder.Output())) == "subgraphs = 2: must be 1: no control flow"


def set_on(tensor, **words):
    """A change of one tensor, or of its quantization."""

    def change(model, graph):
        for word, value in words.items():
            owner = graph.tensors[tensor]
            if hasattr(owner.quantization, word):
                owner = owner.quantization
            assert hasattr(owner, word)
            setattr(owner, word, value)

    return change


X, WEIGHT, BIAS, Y = range(4)
BROKEN = {
    "a scale of 0": (set_on(X, scale=[0.0]), "tensor 0 (x).scale = 0.0: must be positive"),
    "a negative scale": (set_on(WEIGHT, scale=[-1.0]), "tensor 1 (weight).scale = -1.0: must be"),
    "a scale of nan": (set_on(Y, scale=[np.nan]), "tensor 3 (y).scale = nan: must be positive"),
    "an infinite scale": (set_on(X, scale=[np.inf]), "tensor 0 (x).scale = inf: must be positive"),
    "a zero point out of range": (
        set_on(X, zeroPoint=[128]),
        "tensor 0 (x).zero_point = 128: must be in [-128, 127] (int8)",
    ),
    "two zero points of one scale": (
        set_on(X, zeroPoint=[1, 2]),
        "tensor 0 (x).zero_point = 2 numbers: must be 1 or 1 numbers, as the scale",
    ),
    "three weight scales": (
        set_on(WEIGHT, scale=[1.0] * 3, zeroPoint=[0]),
        "operator 0 (CONV_2D).weight scale = 3 numbers: must be 1 or 4",
    ),
    "weight scales of another axis": (
        set_on(WEIGHT, scale=[1.0] * 4, zeroPoint=[0], quantizedDimension=3),
        "operator 0 (CONV_2D).weight scale axis = 3: must be 0, the channels",
    ),
    "an extent below 0": (
        set_on(X, shape=[1, -7, 6, 3]),
        "tensor 0.shape = (1, -7, 6, 3): must be",
    ),
    "too many elements": (
        set_on(Y, shape=[1 << 20, 1 << 20]),
        "tensor 3.shape = (1048576, 1048576): must be up to 8 extents",
    ),
    "a buffer of another size": (
        set_on(WEIGHT, shape=[4, 3, 2, 2]),
        "tensor 1.buffer = 72 bytes: must be 48 for int8 of shape (4, 3, 2, 2)",
    ),
    "a buffer that is not there": (set_on(X, buffer=9), "tensor 0.buffer = 9: must be below 3"),
    "a type that is not there": (set_on(X, type=99), "tensor 0.type = 99: must be below 23"),
    "another output shape": (
        set_on(Y, shape=[1, 4, 6, 5]),
        "operator 0 (CONV_2D).output shape = (4, 6, 5): must be (4, 6, 4)",
    ),
    "an image of other axes": (
        set_on(X, shape=[1, 42, 3]),
        "operator 0 (CONV_2D).input shape = (42, 3): must be (height, width, channels)",
    ),
    "channels that do not divide": (
        set_on(X, shape=[1, 7, 6, 4]),
        "operator 0 (CONV_2D).weight shape = (4, 3, 2, 3): must divide the input's 4 channels",
    ),
    "a name with a line end": (
        set_on(X, name="x\ny"),
        r"tensors[0].name = 'x\ny': must be printable",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_tensor_is_named_with_its_value(what) -> None:
    change, begins = BROKEN[what]
    assert refused(changed(convolution(), change), ModelError).startswith(begins)


def operator(**words):
    """A change of the first operator, or of its options."""

    def change(model, graph):
        for word, value in words.items():
            owner = graph.operators[0]
            if hasattr(owner.builtinOptions, word):
                owner = owner.builtinOptions
            assert hasattr(owner, word)
            setattr(owner, word, value)

    return change


OPERATOR = {
    "an input beyond the tensors": (operator(inputs=[0, 1, 4]), "operators[0].inputs = 4: must be"),
    "an input that is absent": (
        operator(inputs=[0]),
        "operator 0 (CONV_2D).inputs = (0,): must na",
    ),
    "an input before it is computed": (
        operator(inputs=[3, 1, 2]),
        "operator 0 (CONV_2D).input = tensor 3 (y): must be computed before",
    ),
    "its own input as output": (
        operator(outputs=[0]),
        "operator 0 (CONV_2D).output = tensor 0 (x): must be computed once, and be no input",
    ),
    "a constant as output": (
        operator(outputs=[2]),
        "operator 0 (CONV_2D).output = tensor 2 (bias): must be computed once, and be no input",
    ),
    "an operator code that is not there": (
        operator(opcodeIndex=3),
        "operator 0.opcode_index = 3: must be below 1",
    ),
    "a stride of 0": (
        operator(strideH=0),
        "operator 0 (CONV_2D).stride = (0, 1): must be 1..65536",
    ),
    "a padding of 2": (operator(padding=2), "operator 0 (CONV_2D).padding = 2: must be 0 or 1"),
    "options of another operator": (
        operator(builtinOptionsType=5),
        "operator 0.builtin_options_type = 5: must be 1 for CONV_2D",
    ),
    "a kernel beyond the image": (
        operator(padding=1, dilationHFactor=9),
        "operator 0 (CONV_2D).input shape = (7, 6, 3): must go with kernel and padding",
    ),
}


@pytest.mark.parametrize("what", OPERATOR)
def test_a_broken_operator_is_named_with_its_value(what) -> None:
    change, begins = OPERATOR[what]
    assert refused(changed(convolution(), change), ModelError).startswith(begins)


NOT_RUN = {
    "a fused tanh": (operator(fusedActivationFunction=4), "operator 0 (CONV_2D).activation = tanh"),
    "two outputs": (
        operator(outputs=[3, 3]),
        "operator 0 (CONV_2D).outputs = 2: must be one tensor",
    ),
    "a variable": (
        set_on(X, isVariable=True),
        "tensor 0 (x) = a variable: must be plain and dense",
    ),
    "no scale": (set_on(X, quantization=None), "tensor 0 (x).scale = absent: must be there"),
    "two scales of an activation": (
        set_on(Y, scale=[1.0, 2.0], zeroPoint=[0, 0]),
        "tensor 3 (y).scale = 2 numbers: must be 1 of an activation",
    ),
    "a zero point of an int8 kernel": (
        set_on(WEIGHT, zeroPoint=[1]),
        "operator 0 (CONV_2D).weight zero point = 1: must be 0 of signed weights",
    ),
    "an empty activation": (
        set_on(X, shape=[1, 0, 6, 3]),
        "tensor 0 (x).shape = (1, 0, 6, 3): must not be empty",
    ),
    "an activation of 64 bits": (
        set_on(Y, type=4),
        "tensor 3 (y).type = int64: must be one of int4, int8, uint8, int16, int32, float32, ",
    ),
    "real values out of codes": (
        set_on(Y, type=0),
        "operator 0 (CONV_2D).output = real values: must be the same as all inputs",
    ),
}


@pytest.mark.parametrize("what", NOT_RUN)
def test_what_is_not_run_is_named(what) -> None:
    change, begins = NOT_RUN[what]
    assert refused(changed(convolution(), change)).startswith(begins)


def test_sparse_weights_are_refused() -> None:
    def change(model, graph):
        graph.tensors[WEIGHT].sparsity = schema().SparsityParametersT()

    assert refused(changed(convolution(), change)).startswith("tensor 1 (weight) = sparse: must be")


def test_weights_that_a_caller_gives_are_refused() -> None:
    def change(model, graph):
        graph.tensors[WEIGHT].buffer = 0
        graph.inputs = [X, WEIGHT]

    line = refused(changed(convolution(), change))
    assert line.startswith("operator 0 (CONV_2D).weight = tensor 1 (weight): must be a constant")


def test_shuffled_weights_are_refused() -> None:
    line = refused(changed(linear((1, 12), (1, 5)), operator(weightsFormat=1)))
    assert line == "operator 0 (FULLY_CONNECTED).weights_format = 1: must be 0: not shuffled"


def test_an_operator_out_of_order_is_refused() -> None:
    file = TfliteFile()
    x, y, z = (activation(file, name, *PLAIN) for name in "xyz")
    file.operator("RELU", [y], [z])
    file.operator("RELU", [x], [y])
    line = refused(file.build([x], [z]), ModelError)
    assert line == "operator 0 (RELU).input = tensor 1 (y): must be computed before"


def test_an_output_that_no_operator_computes_is_refused() -> None:
    file = TfliteFile()
    x, y = (activation(file, name, *PLAIN) for name in "xy")
    file.operator("RELU", [x], [y])
    line = "output = tensor 0 (x): must be computed by an operator"
    assert refused(file.build([x], [y, x])) == line


@pytest.mark.parametrize(
    ("shape", "target", "must"),
    [((1, 6), [1, 5], "shape = [1, 5]: must be (1, 6)"), ((1, 5), [1, -1], "output shape = (5,)")],
)
def test_a_reshape_keeps_all_elements(shape, target, must) -> None:
    file = TfliteFile()
    x, y = activation(file, "x", (1, 2, 3), "int8"), activation(file, "y", shape, "int8")
    file.operator("RESHAPE", [x, integers(file, "target", target)], [y])
    assert refused(file.build([x], [y]), ModelError).startswith(f"operator 0 (RESHAPE).{must}")


def test_samples_are_not_mixed() -> None:
    file = TfliteFile()
    x, y = activation(file, "x", (1, 2, 3), "int8"), activation(file, "y", (2, 1, 3), "int8")
    file.operator("TRANSPOSE", [x, integers(file, "perm", [1, 0, 2])], [y])
    line = "operator 0 (TRANSPOSE).perm = [1, 0, 2]: must leave the batch axis first"
    assert refused(file.build([x], [y])) == line
    file = TfliteFile()
    x, y = activation(file, "x", (4, 3), "int8"), activation(file, "y", (3,), "int8")
    axes = integers(file, "axes", [0])
    file.operator("MEAN", [x, axes], [y], "ReducerOptions")
    line = "operator 0 (MEAN).axis = 0: must not be the batch axis"
    assert refused(file.build([x], [y])) == line

    file = TfliteFile()
    x, y = activation(file, "x", (1, 3), "int8"), activation(file, "y", (2, 3), "int8")
    file.operator("PAD", [x, integers(file, "ends", [[1, 0], [0, 0]])], [y], "PadOptions")
    line = "operator 0 (PAD).padding = [1, 0]: must not pad samples"
    assert refused(file.build([x], [y])) == line
    file = TfliteFile()
    x, y = (activation(file, name, (2, 3), "int8") for name in "xy")
    c = file.tensor("c", (2, 3), "int8", 0.5, data=np.ones((2, 3)))
    file.operator("ADD", [x, c], [y], "AddOptions")
    line = "operator 0 (ADD).constant = (2, 3): must be the same for every sample"
    assert refused(file.build([x], [y])) == line


def test_operands_of_which_one_has_no_batch_axis_keep_all_axes() -> None:
    file = TfliteFile()
    x, flat = activation(file, "x", (1, 6), "int8"), activation(file, "flat", (2, 3), "int8")
    y = activation(file, "y", (2, 3), "int8")
    c = file.tensor("c", (2, 3), "int8", 0.5, data=np.ones((2, 3)))
    file.operator("RESHAPE", [x], [flat])
    file.operator("ADD", [flat, c], [y], "AddOptions")
    network = graph_of(parse(file.build([x], [y]), "small.tflite"), "small")
    assert [network.tensors[name].shape for name in ("x", "flat", "c", "y")] == [(6,)] + [
        (2, 3)
    ] * 3


@pytest.mark.parametrize(
    ("mask", "must"),
    [
        ("ellipsisMask", "ellipsis_mask = 1: must be 0"),
        ("newAxisMask", "new_axis_mask = 1: must be 0"),
        ("offset", "offset = True: must be 0"),
    ],
)
def test_masks_that_move_axes_are_refused(mask, must) -> None:
    file = TfliteFile()
    x, y = (activation(file, name, (1, 3), "int8") for name in "xy")
    ends = [integers(file, name, values) for name, values in (("b", [0, 0]), ("e", [1, 3]))]
    inputs, options = [x, *ends, integers(file, "s", [1, 1])], "StridedSliceOptions"
    file.operator("STRIDED_SLICE", inputs, [y], options, **{mask: 1})
    assert refused(file.build([x], [y])) == f"operator 0 (STRIDED_SLICE).{must}"


@pytest.mark.parametrize(
    ("op", "kinds", "must"),
    [
        ("DEQUANTIZE", ("float16", "float32"), "real values: must be real values, of codes"),
        ("DEQUANTIZE", ("int8", "int8"), "codes: must be real values, of codes"),
        ("QUANTIZE", ("float32", "float32"), "real values: must be codes"),
        ("RELU", ("float32", "int8"), "codes: must be the same as all inputs"),
    ],
)
def test_only_quantize_and_dequantize_change_between_codes_and_reals(op, kinds, must) -> None:
    line = refused(one(op, [((1, 3), kinds[0])], [((1, 3), kinds[1])]))
    assert line == f"operator 0 ({op}).output = {must}"


def test_an_empty_constant_of_a_large_shape_is_refused() -> None:
    """SHAPE of a scalar is empty; in another shape it must not become a range to walk."""
    file = TfliteFile()
    x, y = (activation(file, name, (), "int8") for name in "xy")
    empty, large = (file.tensor(f"{n}", (0, n)[-k:], "int32") for n, k in ((0, 1), (1 << 30, 2)))
    file.operator("RELU", [x], [y])
    file.operator("SHAPE", [x], [empty], "ShapeOptions", outType=2)
    file.operator("RESHAPE", [empty], [large])
    line = refused(file.build([x], [y]))
    assert line.startswith(f"tensor 3 ({1 << 30}) = (0, {1 << 30}): must not be empty")


def test_a_depth_multiplier_is_what_the_shapes_say() -> None:
    line = refused(changed(depthwise(), operator(depthMultiplier=3)), ModelError)
    assert (
        line == "operator 0 (DEPTHWISE_CONV_2D).depth_multiplier = 3: must be 2, as the shapes say"
    )


def test_groups_divide_the_output_channels() -> None:
    file = TfliteFile()
    x, y = (activation(file, name, (1, 2, 2, n), "int8") for name, n in (("x", 4), ("y", 3)))
    words = {"padding": 1, "strideH": 1, "strideW": 1}
    file.operator("CONV_2D", [x, weight(file, (3, 1, 1, 2))], [y], "Conv2DOptions", **words)
    line = refused(file.build([x], [y]), ModelError)
    assert line.startswith("operator 0 (CONV_2D).weight shape = (3, 1, 1, 2): must divide")


def test_a_float_graph_runs_on_no_machine(tmp_path) -> None:
    file = TfliteFile()
    x, y = activation(file, "x", (1, 3), "float32"), activation(file, "y", (1, 2), "float32")
    w = file.tensor("w", (2, 3), "float32", data=np.eye(2, 3))
    file.operator("FULLY_CONNECTED", [x, w], [y], "FullyConnectedOptions")
    path = tmp_path / "real.tflite"
    path.write_bytes(file.build([x], [y]))
    for machine in ("edge_ws_16x16", "tflite_reference"):
        with pytest.raises(UnsupportedError) as caught:
            simulate(load_model(path), load_hardware(machine), np.zeros((1, 3)))
        line = "real: model = float: must be quantized first (hwsim quantize)"
        assert str(caught.value) == line


def test_a_weight_that_many_operators_share_is_copied_a_few_times_only() -> None:
    file = TfliteFile()
    side = 256
    w = weight(file, (side, side))
    tensors = [activation(file, f"t{i}", (1, side), "int8") for i in range(40)]
    for source, target in pairwise(tensors):
        file.operator("FULLY_CONNECTED", [source, w], [target], "FullyConnectedOptions")
    line = refused(file.build(tensors[:1], tensors[-1:]), ModelError)
    assert line.startswith("tensor 0 (weight) = 65536 bytes: must not repeat parts of the file")


def test_bias_has_a_number_for_each_channel() -> None:
    file = TfliteFile()
    x, y = activation(file, "x", (1, 6), "int8"), activation(file, "y", (1, 5), "int8")
    inputs = [x, weight(file, (5, 6)), bias(file, 4)]
    file.operator("FULLY_CONNECTED", inputs, [y], "FullyConnectedOptions")
    line = refused(file.build([x], [y]), ModelError)
    assert line.startswith("operator 0 (FULLY_CONNECTED).bias = int32 (4,): must be 5 numbers")
