"""Small .tflite files written from scratch, and the installed runtimes that run them.

Needs ai_edge_litert (its schema module and flatbuffers), imported where it is used, so that this
module can always be imported. Imports nothing from hwsim.
"""

from functools import cache

import numpy as np

RESOLVERS = ("BUILTIN_REF", "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "AUTO")


@cache
def schema():
    """The generated classes of TFLite's schema."""
    from ai_edge_litert import schema_py_generated

    return schema_py_generated


def packed_int4(codes):
    """Two codes a byte, the first in the low half; an odd tail is filled with 0."""
    flat = np.asarray(codes).reshape(-1).astype(np.int8)
    if flat.size % 2:
        flat = np.append(flat, np.int8(0))
    pairs = flat.astype(np.uint8) & 0xF
    return pairs[0::2] | (pairs[1::2] << 4)


class TfliteFile:
    """A file under construction: add tensors and operators, then `build`."""

    def __init__(self):
        empty = schema().BufferT()
        empty.data = None
        self.buffers, self.tensors, self.operators, self.codes = [empty], [], [], []

    def tensor(self, name, shape, kind, scale=None, zero_point=0, *, axis=0, data=None):
        """Add a tensor, return its index.

        ``kind``: int4, int8, uint8, int16, int32, int64, float16, float32, bool; ``scale`` and
        ``zero_point``: one number or one a channel of ``axis``; ``data`` makes it a constant.
        """
        tensor = schema().TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, [int(n) for n in shape], 0
        tensor.type = getattr(schema().TensorType, kind.upper())
        if data is not None:
            tensor.buffer = self.buffer(data, kind)
        if scale is not None:
            tensor.quantization = quantization(scale, zero_point, axis)
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def buffer(self, data, kind):
        """Add constant data, return the buffer's index."""
        buffer = schema().BufferT()
        if kind == "int4":
            buffer.data = packed_int4(data)
        else:
            raw = np.ascontiguousarray(np.asarray(data, np.dtype(kind))).tobytes()
            buffer.data = np.frombuffer(raw, np.uint8)
        self.buffers.append(buffer)
        return len(self.buffers) - 1

    def operator(self, name, inputs, outputs, options=None, *, version=1, **words):
        """Add an operator: its name in BuiltinOperator, its options class and their fields.

        ``file.operator("CONV_2D", [0, 1, 2], [3], "Conv2DOptions", version=3, strideH=1)``
        """
        number = getattr(schema().BuiltinOperator, name)
        code = schema().OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode = number, min(number, 127)
        code.version = version
        self.codes.append(code)
        operator = schema().OperatorT()
        operator.opcodeIndex = len(self.codes) - 1
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        if options is not None:
            operator.builtinOptionsType = getattr(schema().BuiltinOptions, options)
            operator.builtinOptions = getattr(schema(), f"{options}T")()
            for word, value in words.items():
                assert hasattr(operator.builtinOptions, word), (options, word)
                setattr(operator.builtinOptions, word, value)
        self.operators.append(operator)

    def build(self, inputs, outputs) -> bytes:
        """The file's bytes; one subgraph."""
        import flatbuffers

        graph = schema().SubGraphT()
        graph.tensors, graph.operators, graph.name = self.tensors, self.operators, "main"
        graph.inputs, graph.outputs = list(inputs), list(outputs)
        model = schema().ModelT()
        model.version, model.description = 3, "one small network"
        model.operatorCodes, model.subgraphs, model.buffers = self.codes, [graph], self.buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def quantization(scale, zero_point, axis):
    """A tensor's scales and zero points."""
    made = schema().QuantizationParametersT()
    made.scale = np.atleast_1d(np.asarray(scale, np.float32)).tolist()
    zeros = np.broadcast_to(np.atleast_1d(zero_point), (len(made.scale),))
    made.zeroPoint, made.quantizedDimension = [int(z) for z in zeros], axis
    return made


def run_litert(model: bytes, inputs, resolver="BUILTIN_REF", *, every_tensor=False):
    """Outputs of LiteRT, one thread; with ``every_tensor`` all tensors as a dict by index.

    ``resolver``: BUILTIN_REF (reference kernels), BUILTIN_WITHOUT_DEFAULT_DELEGATES (optimized
    kernels) or AUTO (XNNPACK, then the optimized kernels).
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=model,
        experimental_op_resolver_type=OpResolverType[resolver],
        num_threads=1,
        experimental_preserve_all_tensors=every_tensor,
    )
    interpreter.allocate_tensors()
    for place, data in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(place["index"], np.ascontiguousarray(data))
    interpreter.invoke()
    if every_tensor:
        details = interpreter.get_tensor_details()
        return {d["index"]: interpreter.get_tensor(d["index"]) for d in details}
    return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]


def run_micro(model: bytes, inputs):
    """Outputs of TensorFlow Lite Micro."""
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(model, arena_size=1 << 20)
    for number, data in enumerate(inputs):
        interpreter.set_input(np.ascontiguousarray(data), number)
    interpreter.invoke()
    count = len(schema().Model.GetRootAs(model, 0).Subgraphs(0).OutputsAsNumpy())
    return [interpreter.get_output(number) for number in range(count)]
