"""Codes laid out as operands between borders that stand."""

import numpy as np
import pytest

from hwsim.array.images import lay_codes


@pytest.mark.parametrize(
    ("kind", "shift", "zero"), [(np.int16, 0, 5), (np.int16, 7, 5), (np.uint8, 0, 0)]
)
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("length", [1, 8, 200])
def test_codes_are_laid_as_operands(signed, kind, shift, zero, length):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 256, (2, 3, length)).astype(np.uint8)
    high, wide = 5, length + 4
    images = np.full((2, high, wide), 9, kind)
    top_bit = 128 if signed else 0
    where = wide + 2, high * wide, wide
    given = zero + top_bit if kind == np.int16 else 0  # bytes: codes + 128
    lay_codes(codes, np.uint8(top_bit), given, shift, images.reshape(-1), *where)
    real = (codes.view(np.int8) if signed else codes).astype(np.int64)
    expected = (real - zero) << shift if kind == np.int16 else real + top_bit
    assert (images[:, 1:4, 2:-2] == expected).all()
    images[:, 1:4, 2:-2] = 9
    assert (images == 9).all()
