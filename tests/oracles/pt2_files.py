"""Small ``.pt2`` files written from scratch: a linear layer, as ``torch.export`` writes it."""

import json
import zipfile
from pathlib import Path

import numpy as np

FLOAT, INT8, INT64 = 7, 2, 5


def tensor(name):
    return {"as_tensor": {"name": name}}


def sizes(values):
    return [{"as_int": int(v)} for v in values]


def meta(number, shape):
    strides = [int(np.prod(shape[i + 1 :], dtype=np.int64)) for i in range(len(shape))]
    return {"dtype": number, "sizes": sizes(shape), "strides": sizes(strides)}


def call(target, output, **arguments):
    kinds = {bool: "as_bool", int: "as_int", float: "as_float", list: "as_ints"}
    inputs = [
        {"name": name, "arg": value if isinstance(value, dict) else {kinds[type(value)]: value}}
        for name, value in arguments.items()
    ]
    return {"target": f"torch.ops.{target}", "inputs": inputs, "outputs": [tensor(output)]}


def grid(scale, zero_point):
    return {
        "scale": scale,
        "zero_point": zero_point,
        "quant_min": -128,
        "quant_max": 127,
        "dtype": {"as_scalar_type": INT8},
    }


def linear_program():
    """The JSON of the program and of the weights, and the weights' bytes."""
    weights = {
        "w": (INT8, np.arange(-6, 6, dtype=np.int8).reshape(3, 4)),
        "s": (FLOAT, np.array([0.5, 0.25, 0.125], np.float32)),
        "z": (INT64, np.zeros(3, np.int64)),
        "b": (FLOAT, np.array([1.0, -1.0, 0.3], np.float32)),
    }
    specs = [{"buffer": {"arg": {"name": name}, "buffer_name": name}} for name in weights]
    specs.append({"user_input": {"arg": tensor("x")}})
    q, dq = "quantized_decomposed.quantize_per_tensor.default", "quantized_decomposed."
    nodes = [
        call(
            f"{dq}dequantize_per_channel.default",
            "wr",
            input=tensor("w"),
            scales=tensor("s"),
            zero_points=tensor("z"),
            axis=0,
            quant_min=-127,
            quant_max=127,
            dtype={"as_scalar_type": INT8},
        ),
        call(q, "xq", input=tensor("x"), **grid(0.1, 3)),
        call(f"{dq}dequantize_per_tensor.default", "xr", input=tensor("xq"), **grid(0.1, 3)),
        call("aten.linear.default", "y", input=tensor("xr"), weight=tensor("wr"), bias=tensor("b")),
        call("aten.relu.default", "r", self=tensor("y")),
        call(q, "yq", input=tensor("r"), **grid(0.3, -128)),
        call(f"{dq}dequantize_per_tensor.default", "yr", input=tensor("yq"), **grid(0.3, -128)),
    ]
    model = {
        "schema_version": {"major": 8, "minor": 20},
        "graph_module": {
            "signature": {
                "input_specs": specs,
                "output_specs": [{"user_output": {"arg": tensor("yr")}}],
            },
            "graph": {"nodes": nodes, "tensor_values": {"x": meta(FLOAT, (2, 4))}},
        },
    }
    config = {
        name: {"path_name": f"weight_{name}", "use_pickle": False, "tensor_meta": meta(n, a.shape)}
        for name, (n, a) in weights.items()
    }
    raw = {f"weight_{name}": array.tobytes() for name, (_, array) in weights.items()}
    return model, {"config": config}, raw


def write(path: Path, model, config, raw, compression=zipfile.ZIP_STORED) -> Path:
    """The archive; JSON given as bytes is written as it is."""

    def text(value):
        return value if isinstance(value, bytes) else json.dumps(value).encode()

    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("net/models/model.json", text(model))
        archive.writestr("net/data/weights/model_weights_config.json", text(config))
        for name, content in raw.items():
            archive.writestr(f"net/data/weights/{name}", content)
    return path
