"""Codes of all samples in the smallest type: what goes in comes out, as int64."""

import numpy as np
import pytest

from hwsim.arith.formats import IntFormat
from hwsim.network.graph import Tensor
from hwsim.network.kept import KeptCodes

FORMATS = [IntFormat(8), IntFormat(8, signed=False), IntFormat(12), IntFormat(20), IntFormat(33)]


def filled(form, codes, step=2):
    kept = KeptCodes({"y": Tensor("y", codes.shape[1:], form)}, len(codes))
    for start in range(0, len(codes), step):
        kept.put("y", start, codes[start : start + step])
    return kept


@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_every_code_of_a_format_comes_back_as_int64(form):
    codes = np.array([[form.lo, form.hi], [0, 1], [form.hi, form.lo]])
    kept = filled(form, codes)
    assert kept["y"].dtype == np.int64
    assert (kept["y"] == codes).all()
    assert (kept.part("y", slice(1, 3)) == codes[1:3]).all()
    assert kept.own("y").itemsize * 8 >= form.bits > kept.own("y").itemsize * 4 or form.bits <= 8


def test_a_code_beyond_its_format_is_kept_too():
    codes = np.array([[1], [2], [300], [4]])
    assert (filled(IntFormat(8), codes)["y"] == codes).all()


def test_real_values_stay_what_they_are():
    values = np.array([[0.1], [np.nan], [1e300]])
    kept = filled(None, values)
    assert kept["y"].dtype == np.float64
    assert np.array_equal(kept["y"], values, equal_nan=True)


def test_sharing_ends_with_a_copy():
    codes = np.array([[1], [2]])
    kept, other = filled(IntFormat(8), codes), KeptCodes({}, 2)
    other.share("y", kept)
    assert other.shares("y", kept)
    other.copy_of("y", kept)
    kept.put("y", 0, np.array([[9]]))
    assert (other["y"] == codes).all()
    assert not other.shares("y", kept)
    assert (list(kept), len(kept)) == (["y"], 1)
