"""Words of a bundle: packing, text and back, and files that are no such words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.errors import DataError
from hwsim.vectors.words import bits_of, digits, hex_text, lanes_of, read_hex, words_of


@st.composite
def beats(draw):
    bits, count = draw(st.integers(1, 64)), draw(st.integers(1, 5))
    signed = draw(st.booleans()) or bits == 64
    lo, hi = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    lane = st.integers(lo, hi)
    rows = draw(st.lists(st.lists(lane, min_size=count, max_size=count), min_size=1, max_size=4))
    return bits, signed, rows


@given(beats())
def test_words_are_the_lanes_lowest_first(case):
    bits, _, rows = case
    words = [sum((x % (1 << bits)) << (bits * i) for i, x in enumerate(row)) for row in rows]
    packed = bits_of(np.array(rows, np.int64), bits)
    assert words_of(packed) == words
    size = digits(len(rows[0]) * bits)
    assert hex_text(packed).decode() == "".join(f"{word:0{size}x}\n" for word in words)


@given(beats())
def test_reading_undoes_writing(case):
    bits, signed, rows = case
    text = hex_text(bits_of(np.array(rows, np.int64), bits))
    for content in (text, text.upper(), text.replace(b"\n", b"\r\n")):
        back = read_hex(content, len(rows[0]) * bits, len(rows), "file")
        assert lanes_of(back, bits, signed=signed).tolist() == rows


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"01\n02\n", "f: words = 2: must be 3"),
        (b"01\n02\n03\n04\n", "f: words = 4: must be 3"),
        (b"01\n2\n03\n", "f:2: word = '2': must be 2 hex digits"),
        (b"01\n02\nxx\n", "f:3: word = 'xx': must be 2 hex digits"),
        (b"01\n-2\n03\n", "f:2: word = '-2': must be 2 hex digits"),
        (b"01\n\xff2\n03\n", "f:2: word = '\\xff2': must be 2 hex digits"),
        (b"01\n02\n20\n", "f:3: word = 20: must fit 5 bits"),
    ],
)
def test_words_that_are_none_are_refused_by_line(content, says):
    with pytest.raises(DataError) as refusal:
        read_hex(content, 5, 3, "f")
    assert str(refusal.value) == says
