"""A .tflite file is untrusted: what its bytes may and may not do to the importer."""

import struct
import time
import tracemalloc

import numpy as np
import pytest
from importers.tflite_refused import changed, refused
from importers.tflite_small import FILES, convolution, half_weights

from hwsim.errors import ModelError, UnsupportedError
from hwsim.importers.tflite import graph_of
from hwsim.importers.tflite.buffer import Buffer
from hwsim.importers.tflite.file import parse

pytest.importorskip("ai_edge_litert", reason="ai-edge-litert writes the files of these tests")

CORRUPTIONS = 8000
EDGES = (0, 1, -1, 2, 3, 4, 127, 128, 255, 256, 65535, 65536, (1 << 31) - 1, -(1 << 31))


@pytest.mark.parametrize(
    ("content", "must"),
    [
        (b"", "identifier = b'': must be b'TFL3' at byte 4"),
        (b"PK\3\4 a zip file", "identifier = b' a z': must be b'TFL3' at byte 4"),
        (b"\xff\xff\xff\xffTFL3", "model = 4 bytes at byte 4294967295: must lie inside the file"),
        (b"\x08\0\0\0TFL3\0\0\0\0", "model's vtable = 0, 0: must be an even size from 4"),
        (b"\x08\0\0\0TFL3\0\0\0\x80", "model's vtable = 4 bytes at byte 2147483656: must lie"),
        (b"\x08\0\0\0TFL3\4\0\0\0", "model's vtable"),
    ],
)
def test_a_file_that_is_no_flatbuffer_is_refused(content, must) -> None:
    assert refused(content, ModelError).startswith(must)


def test_an_external_buffer_lies_inside_the_file() -> None:
    def change(model, graph):
        model.buffers[1].data, model.buffers[1].offset, model.buffers[1].size = None, 1 << 40, 72

    line = refused(changed(convolution(), change), ModelError)
    assert line.startswith("buffers[1].data = 72 bytes at byte 1099511627776: must lie inside")


def test_an_external_buffer_is_read() -> None:
    stored = np.random.default_rng(0).integers(-127, 128, 72).astype(np.int8)

    def change(model, graph):
        model.buffers[1].data, model.buffers[1].offset, model.buffers[1].size = None, 4096, 72

    content = changed(convolution(), change).ljust(4096, b"\0") + stored.tobytes()
    (node,) = graph_of(parse(content, "small.tflite"), "small").nodes
    assert np.array_equal(node.layer.weight.ravel(), stored)


def test_a_file_whose_parts_repeat_is_refused() -> None:
    """A vector of a million tables that are all the same table is a small file, and much work."""
    count = 1 << 17
    vtable = struct.pack("<HHHHHH", 12, 8, 0, 0, 0, 4)  # slot 3: four bytes into the table
    head = struct.pack("<I4s", 20, b"TFL3") + vtable + struct.pack("<iII", 12, 4, count)
    end = len(head) + 4 * count
    offsets = end - np.arange(len(head), end, 4, dtype=np.uint32)
    body = offsets.tobytes() + struct.pack("<iI", end - 8, 0)
    buffer = Buffer(head + body, "small.tflite")
    buffer.left = 1 << 20
    with pytest.raises(ModelError, match="must not repeat parts of the file more than 16 times"):
        buffer.root(b"TFL3").tables(3, "tensors")


def corrupted(content, rng):
    """A file with one or two bytes, bits, words or stretches of it changed, or its end lost."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 3)):
        place, way = int(rng.integers(len(content))), rng.integers(9)
        if way < 2:
            content[place] = int(rng.integers(256))
        elif way < 4:
            content[place] ^= 1 << int(rng.integers(8))
        elif way < 6:
            word = struct.pack("<i", EDGES[rng.integers(len(EDGES))])
            content[place & -4 : (place & -4) + 4] = word
        elif way < 8:
            source, length = int(rng.integers(len(content))), int(rng.integers(1, 32))
            content[place : place + length] = content[source : source + length]
        else:
            content = content[: max(place, 1)]
    return bytes(content)


def test_no_corruption_does_more_than_raise_one_of_our_errors() -> None:
    rng = np.random.default_rng(0)
    whole = [*(make() for make in FILES.values()), half_weights()]
    ends = {"read": 0, "refused": 0}
    messages: set[str] = set()
    longest = most = 0.0
    tracemalloc.start()
    for number in range(CORRUPTIONS):
        content = corrupted(whole[number % len(whole)], rng)
        tracemalloc.reset_peak()
        before, start = tracemalloc.get_traced_memory()[0], time.perf_counter()
        try:
            graph_of(parse(content, "small.tflite"), "small")
            ends["read"] += 1
        except (ModelError, UnsupportedError) as error:
            ends["refused"] += 1
            messages.update(str(error).splitlines())
        longest = max(longest, time.perf_counter() - start)
        most = max(most, tracemalloc.get_traced_memory()[1] - before)
    tracemalloc.stop()
    assert min(ends.values()) > CORRUPTIONS // 20
    assert all(len(line) < 1000 and line.isprintable() for line in messages)
    assert longest < 10  # seconds
    assert most < 1 << 20  # bytes, of files of a few thousand
