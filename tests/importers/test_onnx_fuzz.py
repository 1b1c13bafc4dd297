"""Mutated ONNX files: a graph or one clear error, in bounded time and memory.

Two kinds of mutations of small files, all from fixed seeds: bytes of the file, and fields of its
messages (names, numbers, dims, attributes, whole nodes), which reach behind the parser.
"""

import os
import random
import resource
import time

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed")

from importers.onnx_small import Small, convolution, write

from hwsim.errors import HwsimError, ModelError, UnsupportedError
from hwsim.importers import onnx

ROUNDS = 1000 if os.environ.get("CI") else 250  # of each seed; CI: about half a minute
LONGEST = 10.0  # seconds of one import: what multiplies by its input takes minutes
MOST_MEMORY = 400 << 10  # KiB that the whole test may add to the process
NUMBERS = [-1, 0, 1, 2, 3, 7, 255, 1 << 16, 1 << 31, 1 << 40, (1 << 63) - 1, -(1 << 63)]


def network():
    """Every kind of operator in one small quantized file."""
    small = Small(1)
    x = small.quantize(small.input((3, 6, 6)), 0.02, 130)
    weight, scale = small.weights((4, 3, 3, 3))
    y = small.op("Conv", [x, weight, small.bias(4, np.float32(0.02) * scale)],
                 pads=[1, 1, 1, 1], strides=[2, 2])  # fmt: skip
    y = small.quantize(small.op("Relu", [y]), 0.05, 0)
    z = small.quantize(small.op("Add", [y, y]), 0.1, 3)
    z = small.op("Concat", [z, y], axis=1)
    z = small.op("MaxPool", [z], kernel_shape=[2, 2])
    z = small.op("Reshape", [z, small.constant(np.int64([0, -1]))])
    z = small.op("Softmax", [small.op("Mul", [z, small.constant(np.float32(0.5))])], axis=-1)
    weight = small.constant(small.rng.normal(size=(32, 3)).astype(np.float32))
    z = small.op("Gemm", [z, weight], alpha=0.5)
    z = small.op("Transpose", [small.op("Unsqueeze", [z, small.constant(np.int64([1]))])],
                 perm=[0, 2, 1])  # fmt: skip
    return small.model(small.op("ReduceMean", [z, small.constant(np.int64([1]))]))


def attempt(path):
    """Import; whether it went in. Anything but our two errors fails the test."""
    start = time.perf_counter()
    message = str(path)
    try:
        onnx.load(path)
        worked = True
    except (ModelError, UnsupportedError) as error:
        message, worked = str(error), False
    assert message.startswith(str(path))
    assert time.perf_counter() - start < LONGEST
    return worked


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize("seed", range(3))
def test_mutated_bytes_are_read_or_refused(tmp_path, seed):
    rng = random.Random(seed)
    files = [
        m.SerializeToString() for m in (network(), convolution(Small(2), (2, 5, 5), 3, (3, 3)))
    ]
    before, path, worked = peak(), tmp_path / "fuzz.onnx", 0
    for _ in range(ROUNDS):
        content = bytearray(rng.choice(files))
        for _ in range(rng.choice([1, 1, 2, 8])):
            place = rng.randrange(len(content))
            choice = rng.random()
            if choice < 0.6:
                content[place] = rng.randrange(256)
            elif choice < 0.8:
                del content[place : place + rng.randrange(1, 9)]
            else:
                content[place:place] = rng.randbytes(rng.randrange(1, 9))
        path.write_bytes(bytes(content))
        worked += attempt(path)
    assert 0 < worked < 250
    assert peak() - before < MOST_MEMORY


def mutate(model, rng):
    """Change one thing that a parser lets through."""
    graph = model.graph
    choice = rng.randrange(9)
    node = rng.choice(graph.node)
    tensor = rng.choice(graph.initializer)
    names = [n for other in graph.node for n in (*other.input, *other.output)] + ["", "nowhere"]
    if choice == 0 and node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice(names)
    elif choice == 1:
        node.op_type = rng.choice(
            [other.op_type for other in graph.node] + ["QLinearConv", "Quant"]
        )
        node.domain = rng.choice(["", "", "com.microsoft", "onnx.brevitas"])
    elif choice == 2 and node.attribute:
        attribute = rng.choice(node.attribute)
        attribute.i = rng.choice(NUMBERS)
        attribute.ints[:] = [rng.choice(NUMBERS) for _ in range(rng.randrange(5))]
        attribute.type = rng.choice([1, 2, 3, 6, 7, attribute.type])
    elif choice == 3 and tensor.dims:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(NUMBERS)
    elif choice == 4:
        tensor.data_type = rng.randrange(30)
    elif choice == 5:
        tensor.raw_data = rng.randbytes(len(tensor.raw_data))
    elif choice == 6:
        graph.node.remove(node)
    elif choice == 7:
        graph.node.append(node)
        graph.node[-1].output[:] = [f"extra{len(graph.node)}"]
        graph.output[0].name = rng.choice(names)
    else:
        shape = graph.input[0].type.tensor_type.shape
        shape.dim[rng.randrange(len(shape.dim))].dim_value = rng.choice(NUMBERS)


@pytest.mark.parametrize("seed", range(3))
def test_mutated_fields_are_read_or_refused(tmp_path, seed):
    rng = random.Random(100 + seed)
    before, worked, errors = peak(), 0, 0
    original = network()
    for _ in range(ROUNDS):
        model = type(original)()
        model.CopyFrom(original)
        for _ in range(rng.choice([1, 1, 2, 5])):
            if model.graph.node and model.graph.initializer:
                mutate(model, rng)
        worked += attempt(write(model, tmp_path))
        errors += 1
    assert 0 < worked < errors
    assert peak() - before < MOST_MEMORY


def test_the_network_itself_is_read(tmp_path):
    """So that mutations start from something that goes in."""
    assert issubclass(UnsupportedError, HwsimError)
    assert attempt(write(network(), tmp_path))
