"""The LFSR: states by hand, order of elements, chance."""

import numpy as np

from hwsim.arith.lfsr import lfsr_next, lfsr_start, random_numbers

POLYNOMIAL = 0x80200003  # x^32 + x^22 + x^2 + x + 1


def test_first_three_states_equal_hand_count():
    # 0x00000005 >> 1 = 0x00000002, xor 0x80200003 as bit 0 was 1: 0x80200001
    # 0x80200001 >> 1 = 0x40100000, xor: 0xC0300003;  >> 1 = 0x60180001, xor: 0xE0380002
    states = random_numbers(1, 3, 1, 4, POLYNOMIAL, 5)[0, :, 0].tolist()
    assert states == [0x80200001, 0xC0300003, 0xE0380002]


def test_start_adds_the_column_and_is_never_zero():
    assert [lfsr_start(0xFFFFFFFE, c) for c in range(4)] == [0xFFFFFFFE, 0xFFFFFFFF, 1, 1]


def stepped(start, steps):
    """The states of one register, one after the other."""
    states = []
    for _ in range(steps):
        start = lfsr_next(start, POLYNOMIAL)
        states.append(start)
    return states


def test_column_serves_its_tiles_and_groups_one_after_the_other():
    groups, m, n, columns = 2, 3, 5, 2
    states = random_numbers(groups, m, n, columns, POLYNOMIAL, 9)
    for column, tiles in ((0, (0, 2, 4)), (1, (1, 3))):
        seen = [states[g, i, j] for g in range(groups) for j in tiles for i in range(m)]
        assert seen == stepped(9 + column, len(seen))


def test_runtime_without_columns_has_one_register_a_channel():
    states = random_numbers(2, 3, 4, 0, POLYNOMIAL, 9)
    for g in range(2):
        for j in range(4):
            assert states[g, :, j].tolist() == stepped(9 + g * 4 + j, 3)


def test_states_are_words_of_32_bits_that_do_not_repeat():
    states = random_numbers(1, 20_000, 1, 1, POLYNOMIAL, 1)
    assert states.min() > 0
    assert states.max() < 2**32
    assert np.unique(states).size == states.size


def test_every_bit_is_set_about_half_the_time():
    states = random_numbers(1, 4096, 8, 8, POLYNOMIAL, 12345).ravel()
    for bit in range(32):  # six standard deviations of 32,768 fair draws: 543
        assert abs(int((states >> bit & 1).sum()) - 16_384) < 543
