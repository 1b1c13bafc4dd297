"""Data files: what is codes, what is real, and one line for whatever is wrong."""

import hashlib

import numpy as np
import pytest

from hwsim.arith.formats import IntFormat
from hwsim.errors import DataError
from hwsim.importers import arrays, data
from hwsim.network.graph import Tensor

INT8 = Tensor("x", (2, 2, 1), IntFormat(8), 0.5, -3)
UINT4 = Tensor("x", (2, 2, 1), IntFormat(4, signed=False), 0.5, 3)
REAL = Tensor("x", (2, 2, 1), None)
CODES = np.arange(12, dtype=np.int8).reshape(3, 2, 2, 1) - 6


def stored(tmp_path, **members):
    path = tmp_path / "d.npz"
    np.savez(path, **members)
    return path


def test_own_integer_type_holds_codes(tmp_path):
    given = data.load(stored(tmp_path, X=CODES, Y=[2, 0, 1]), INT8)
    assert np.array_equal(given.X, CODES)
    assert given.X.dtype == given.Y.dtype == np.int64
    assert given.Y.tolist() == [2, 0, 1]
    assert given.real is None
    assert given.name == "d"


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<i1", ">i2", "<i4", ">f4", "f8", "f2"])
def test_any_byte_order_and_layout_is_read(tmp_path, dtype, order):
    tensor = Tensor("x", (2, 2, 1), IntFormat(16), 1.0, 0)
    x = np.asarray(CODES.astype(dtype), order=order)
    read = arrays.read_npz(stored(tmp_path, X=x), DataError)["X"]
    assert read.dtype.isnative
    assert read.flags.c_contiguous
    assert np.array_equal(data.load(stored(tmp_path, X=x), tensor).X, CODES)
    assert np.array_equal(data.load(stored(tmp_path, X=x), tensor, limit=2).X, CODES[:2])


def test_the_axis_of_a_sole_channel_may_be_left_out(tmp_path):
    given = data.load(stored(tmp_path, X=CODES[..., 0]), INT8)
    assert np.array_equal(given.X, CODES)


def test_flattened_samples_take_the_inputs_shape(tmp_path):
    given = data.load(stored(tmp_path, X=CODES.reshape(3, 4)), INT8)
    assert np.array_equal(given.X, CODES)


def test_other_types_hold_real_values_that_are_quantized_half_even(tmp_path):
    x = np.array([[0.25, 0.75, -0.25, 1e308]])  # 0.5, 1.5, -0.5 steps; far outside
    given = data.load(stored(tmp_path, X=x), INT8)
    assert given.X.ravel().tolist() == [-3, -1, -3, 127]
    assert np.array_equal(given.real.ravel(), x.ravel())
    unsigned = np.array([[0, 1, 2, 200]], np.uint8)  # not the input's own type: real values
    assert data.load(stored(tmp_path, X=unsigned), INT8).X.ravel().tolist() == [-3, -1, 1, 127]


def test_scale_and_zero_point_turn_stored_integers_into_real_values(tmp_path):
    x = np.array([[10, 12, 14, 16]], np.uint8)
    path = stored(tmp_path, X=x, X_scale=0.25, X_zero_point=10)
    given = data.load(path, INT8)
    assert given.real.ravel().tolist() == [0.0, 0.5, 1.0, 1.5]
    assert given.X.ravel().tolist() == [-3, -2, -1, 0]


def test_input_scale_takes_the_place_of_the_files(tmp_path):
    path = stored(tmp_path, X=np.full((1, 4), 2, np.uint8), X_scale=0.25)
    assert data.load(path, INT8, input_scale=1.0).real.ravel().tolist() == [2.0] * 4


def test_a_scale_makes_codes_of_the_own_type_real_values(tmp_path):
    path = stored(tmp_path, X=np.full((1, 4), 2, np.int8), X_scale=1.0)
    assert data.load(path, INT8).X.ravel().tolist() == [1] * 4  # 2.0 / 0.5 - 3


def test_real_input_takes_real_values(tmp_path):
    given = data.load(stored(tmp_path, X=CODES, X_scale=0.5), REAL)
    assert np.array_equal(given.X, CODES * 0.5)
    assert given.X.dtype == np.float64


def test_npy_holds_x_alone(tmp_path):
    path = tmp_path / "d.npy"
    np.save(path, CODES)
    assert np.array_equal(data.load(path, INT8).X, CODES)
    assert np.array_equal(data.load(path, INT8, limit=2).X, CODES[:2])
    assert data.load(path, INT8).Y is None


@pytest.mark.parametrize("limit", [1, 2, 3, 99])
def test_limit_takes_leading_samples_and_at_most_all(tmp_path, limit):
    given = data.load(stored(tmp_path, X=CODES, Y=[2, 0, 1]), INT8, limit=limit)
    assert np.array_equal(given.X, CODES[:limit])
    assert given.Y.tolist() == [2, 0, 1][:limit]


def test_limit_reads_a_file_that_is_too_large_as_a_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "MAX_BYTES", 20)
    path = stored(tmp_path, X=np.zeros((100, 4), np.int8))
    assert len(data.load(path, INT8, limit=5).X) == 5
    with pytest.raises(DataError, match=r"X.shape = \(100, 4\): must fit 20 bytes"):
        data.load(path, INT8)


def test_digest_is_of_the_file(tmp_path):
    path = stored(tmp_path, X=CODES)
    assert data.load(path, INT8).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_other_arrays_are_left_alone(tmp_path):
    path = stored(tmp_path, X=CODES, names=np.array(["a", "b"]), objects=np.array([{}]))
    assert np.array_equal(data.load(path, INT8).X, CODES)


def test_codes_of_a_layer_file_are_its_data_whatever_their_type(tmp_path):
    tensor = Tensor("a", (3, 4), IntFormat(5), 0.5)
    a = np.arange(12).reshape(3, 4)  # int64
    path = stored(tmp_path, a=a, w=np.zeros((4, 2), np.int8))
    given = data.of_model_file(path, tensor)
    assert np.array_equal(given.X, a[None])
    assert given.real is None
    two = stored(tmp_path, a=np.stack([a, a]))
    assert np.array_equal(data.of_model_file(two, tensor, limit=1).X, a[None])


def test_other_model_files_hold_no_data(tmp_path):
    path = stored(tmp_path, graph=np.zeros(3, np.uint8))
    assert data.of_model_file(path, INT8) is None
    assert data.of_model_file(tmp_path / "m.tflite", INT8) is None


NAN = np.full((1, 4), np.nan)
ONES = np.ones((3, 4), np.int8)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"Z": ONES}, "X = absent: must be there"),
        ({"X": NAN}, r"X\[0, 0, 0, 0\] = nan: must be finite"),
        ({"X": -np.inf * ONES}, r"X\[0, 0, 0, 0\] = -inf: must be finite"),
        ({"X": ONES * 1e300, "X_scale": 1e300}, r"X\[0, 0, 0, 0\] = 1e\+300: must be finite"),
        ({"X": ONES[:, :3]}, r"X.shape = \(3, 3\): must be \(samples, 2, 2, 1\) or"),
        ({"X": ONES.reshape(3, 1, 2, 2)}, "X.shape"),
        ({"X": ONES[0]}, r"X.shape = \(4,\): must be \(samples, 2, 2, 1\)"),
        ({"X": np.int8(1)}, r"X.shape = \(\): must have at least one sample"),
        ({"X": ONES[:0]}, r"X.shape = \(0, 4\): must have at least one sample"),
        ({"X": ONES.astype(complex)}, "X.dtype = complex128: must be boolean, integer or float"),
        ({"X": np.full((1, 4), "a")}, "X.dtype = <U1"),
        ({"X": np.full((1, 4), None)}, "X.dtype = object"),
        ({"X": np.zeros((1, 4), "M8[s]")}, "X.dtype = datetime64"),
        ({"X": ONES, "Y": [1, 2]}, r"Y.shape = \(2,\): must be \(3,\), as X"),
        ({"X": ONES, "Y": [1.0, 2, 3]}, "Y.dtype = float64: must be an integer type"),
        ({"X": ONES, "Y": [1, -2, 3]}, "Y = -2: must be labels from 0"),
        ({"X": ONES, "X_scale": 0.0}, "X_scale = 0.0: must be positive"),
        ({"X": ONES, "X_scale": np.nan}, "X_scale = nan: must be finite"),
        ({"X": ONES, "X_scale": [1.0, 2.0]}, r"X_scale.shape = \(2,\): must be \(\): one number"),
        ({"X": ONES, "X_zero_point": np.inf}, "X_zero_point = inf: must be finite"),
        ({"a": np.int8(1)}, r"X.shape = \(1,\): must be \(samples, 2, 2, 1\)"),
        ({"a": ONES * 1.0}, "a.dtype = float64: must be an integer type: codes"),
    ],
)
def test_faulty_file_is_refused_in_one_line(tmp_path, members, message):
    refused(stored(tmp_path, **members), INT8, message)


def refused(path, tensor, message, **given):
    with pytest.raises(DataError, match=message) as caught:
        data.load(path, tensor, **given)
    assert "\n" not in str(caught.value)


def test_codes_outside_a_narrow_format_are_refused_with_their_place(tmp_path):
    codes = np.zeros((3, 4), np.uint8)
    codes[1, 2] = 16
    message = r"X\[1, 1, 0, 0\] = 16: must be in \[0, 15\], codes of the input's uint4"
    refused(stored(tmp_path, X=codes), UINT4, message)
    codes[1, 2] = 15
    assert data.load(stored(tmp_path, X=codes), UINT4).X.max() == 15


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY", b"\x80\x04N.", b"1,2\n3,4"])
@pytest.mark.parametrize("suffix", ["npz", "npy"])
def test_broken_container_is_refused_in_one_line(tmp_path, content, suffix):
    path = tmp_path / f"d.{suffix}"
    path.write_bytes(content)
    refused(path, INT8, f"{path.name}|header")


def test_npy_whose_header_asks_for_more_than_there_is_is_refused(tmp_path):
    path = tmp_path / "d.npy"
    np.save(path, ONES)
    path.write_bytes(path.read_bytes().replace(b"(3, 4), ", b"(3, 4000000000), "))
    refused(path, INT8, r"array.shape = \(3, 4000000000\): must take the \d+ bytes there are")
    refused(path, INT8, "array.shape", limit=1)


def test_pickled_npy_is_refused(tmp_path):
    path = tmp_path / "d.npy"
    np.save(path, np.array([{}]), allow_pickle=True)
    refused(path, INT8, "array.dtype = object")


def test_unreadable_paths_are_refused_in_one_line(tmp_path):
    refused(tmp_path / "none.npz", INT8, "must be readable: No such file")
    refused(tmp_path / "none.npy", INT8, "must be readable: No such file")
    refused(tmp_path / "images.csv", INT8, "suffix = '.csv': must be .npz or .npy")
    (tmp_path / "folder.npz").mkdir()
    refused(tmp_path / "folder.npz", INT8, "must be readable: Is a directory")


@pytest.mark.parametrize("limit", [0, -1])
def test_limit_is_at_least_one(tmp_path, limit):
    refused(stored(tmp_path, X=ONES), INT8, f"limit = {limit}: must be 1 or more", limit=limit)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_input_scale_is_positive_and_finite(tmp_path, scale):
    message = "input_scale = .*: must be positive and finite"
    refused(stored(tmp_path, X=ONES), INT8, message, input_scale=scale)
