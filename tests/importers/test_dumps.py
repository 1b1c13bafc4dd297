"""Dumped tensors: every form that is read, and one line for each that is not."""

import json
import re

import numpy as np
import pytest

from hwsim import models
from hwsim.arith.formats import IntFormat
from hwsim.errors import DataError
from hwsim.importers import dumps
from hwsim.network.graph import Graph, Node, Tensor

CODES = np.random.default_rng(0).integers(-128, 128, (3, 4, 5, 2))


@pytest.fixture
def graph():
    """One node; names that no file can have."""
    tensors = {
        "in:0": Tensor("in:0", (4, 5, 2), IntFormat(8), 0.5, 3),
        "block/out;x": Tensor("block/out;x", (4, 5, 2), IntFormat(8), 0.25, -7),
    }
    node = Node("relu_0", "relu", ("in:0",), "block/out;x")
    return Graph("g", tensors, (node,), ("in:0",), ("block/out;x",))


def write_map(folder, **entries):
    """A map as JSON, which is YAML too."""
    path = folder / "map.json"
    path.write_text(json.dumps(entries))
    return path


@pytest.mark.parametrize("stem", ["block_out_x", "relu_0"])
def test_npy_is_matched_by_its_sanitized_name_and_by_its_node(graph, tmp_path, stem):
    np.save(tmp_path / f"{stem}.npy", CODES.astype(np.int8))
    np.save(tmp_path / "stray.npy", CODES)
    dump = dumps.load(tmp_path, graph)
    assert dump.tensors.keys() == {"block/out;x"}
    assert (dump.tensors["block/out;x"] == CODES).all()
    assert dump.unmatched == ("stray",)


@pytest.mark.parametrize("shape", [(3, 4, 5, 2), (3, 40), (3, 1, 4, 5, 2)])
def test_npz_holds_tensors_by_name_in_any_shape_that_keeps_the_order(graph, tmp_path, shape):
    arrays = {"block/out;x": CODES.reshape(shape), "X": CODES.reshape(shape)}
    np.savez(tmp_path / "all.npz", **arrays)
    for where in (tmp_path, tmp_path / "all.npz"):
        dump = dumps.load(where, graph)
        assert dump.samples == 3
        assert all((codes == CODES).all() for codes in dump.tensors.values())
        assert dump.tensors.keys() == {"in:0", "block/out;x"}


def test_one_sample_may_come_without_its_axis(graph, tmp_path):
    np.save(tmp_path / "relu_0.npy", CODES[0])
    assert dumps.load(tmp_path, graph).tensors["block/out;x"].shape == (1, 4, 5, 2)


@pytest.mark.parametrize("dtype", ["int8", "int16", ">int16", "<int32", "float32"])
def test_raw_needs_its_type_and_takes_its_layout_from_the_map(graph, tmp_path, dtype):
    values = CODES if dtype != "float32" else (CODES + 7) * 0.25
    stored = np.dtype(dtype.lstrip("<>")).newbyteorder(">" if dtype[0] == ">" else "<")
    np.moveaxis(values, 3, 1).astype(stored).tofile(tmp_path / "o.raw")
    entry = {"file": "o.raw", "dtype": dtype, "layout": "NCHW", "shape": [3, 2, 4, 5]}
    dump = dumps.load(tmp_path, graph, write_map(tmp_path, **{"block/out;x": entry}))
    assert (dump.tensors["block/out;x"] == CODES).all()


def test_real_values_on_the_grid_are_codes_and_others_are_refused(graph, tmp_path):
    np.save(tmp_path / "relu_0.npy", ((CODES + 7) * 0.25).astype(np.float32))
    assert (dumps.load(tmp_path, graph).tensors["block/out;x"] == CODES).all()
    np.save(tmp_path / "relu_0.npy", (CODES + 7) * 0.25 + 0.1)
    with pytest.raises(DataError, match=r"must be codes, or real values that are multip"):
        dumps.load(tmp_path, graph)


@pytest.mark.parametrize(
    ("array", "line"),
    [
        (CODES[:, :3], r".*block/out;x.shape = \(3, 3, 5, 2\): must be \(samples, 4, 5, 2\) .*"),
        (np.moveaxis(CODES, 3, 1), r".*; it looks like layout NCHW, which --map can say"),
        (CODES + 200, r".*block/out;x.values = 3\d\d: must be in \[-128, 127\], codes of int8"),
        (CODES[:0], r".*shape = \(0, 4, 5, 2\).*"),
    ],
)
def test_a_tensor_that_does_not_fit_is_refused(graph, tmp_path, array, line):
    np.save(tmp_path / "relu_0.npy", array)
    with pytest.raises(DataError) as caught:
        dumps.load(tmp_path, graph)
    assert re.fullmatch(line, str(caught.value)), caught.value


def test_a_dump_of_other_tensors_is_refused(graph, tmp_path):
    np.save(tmp_path / "stray.npy", CODES)
    with pytest.raises(DataError, match=r"tensors = stray: must hold tensors of the model"):
        dumps.load(tmp_path, graph)
    with pytest.raises(DataError, match=r"folder = missing"):
        dumps.load(tmp_path / "no", graph)


def test_a_tensor_that_is_there_twice_is_refused(graph, tmp_path):
    np.save(tmp_path / "relu_0.npy", CODES)
    np.save(tmp_path / "block_out_x.npy", CODES)
    with pytest.raises(DataError, match=r"must be there once: block/out;x"):
        dumps.load(tmp_path, graph)


def test_tensors_of_different_samples_are_refused(graph, tmp_path):
    np.save(tmp_path / "relu_0.npy", CODES)
    np.save(tmp_path / "X.npy", CODES[:2])
    with pytest.raises(DataError, match=r"samples = 2 of in:0, 3 of block/out;x: must be the same"):
        dumps.load(tmp_path, graph)


@pytest.mark.parametrize(
    ("entries", "line"),
    [
        ({"nosuch": {"file": "o.raw"}}, r".*map.json:1: tensor = nosuch: must be a tensor or .*"),
        ({"relu_0": {}}, r".*map.json:1: relu_0.file = absent: .*"),
        ({"relu_0": {"file": "o.raw", "dtype": "complex64"}}, r".*relu_0.dtype = 'complex64'.*"),
        ({"relu_0": {"file": "o.raw", "layout": "CHWN"}}, r".*relu_0.layout = 'CHWN'.*"),
        ({"relu_0": {"file": "o.raw"}}, r".*o.raw: dtype = absent: must be stated in --map .*"),
        ({"relu_0": {"file": "o.raw", "dtype": "int32"}}, r".*o.raw: size = 7: .* 4 bytes.*"),
        ({"relu_0": {"file": "no.raw", "dtype": "int8"}}, r".*file = no.raw: must be readable: .*"),
        (
            {"relu_0": {"file": "o.raw", "dtype": "int8", "shape": [2, 4]}},
            r".*shape = \(2, 4\): must hold 7 values",
        ),
    ],
)
def test_a_map_that_is_wrong_is_one_line(graph, tmp_path, entries, line):
    (tmp_path / "o.raw").write_bytes(b"1234567")
    with pytest.raises(DataError) as caught:
        dumps.load(tmp_path, graph, write_map(tmp_path, **entries))
    assert re.fullmatch(line, str(caught.value)), caught.value


def test_what_a_run_writes_is_a_dump(tmp_path):
    """outputs.npz names its arrays as the model does."""
    graph, data = models.load("seed_conv")
    np.savez(tmp_path / "outputs.npz", y=np.zeros((1, 5, 5, 4), np.uint8), X=data.X)
    assert dumps.load(tmp_path, graph).tensors.keys() == {"x", "y"}
