"""hwsim_pkg.sv against hwsim.arith: every rule on every small width, and on random wide words."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from rtl.simulators import SIMULATORS, simulate, write_hex

from hwsim.arith.formats import IntFormat
from hwsim.arith.lfsr import lfsr_next
from hwsim.arith.overflow import Overflow, fit
from hwsim.arith.requantize import shift_by
from hwsim.arith.rounding import Rounding, drop_low_bits
from hwsim.rtl import RTL

HERE = Path(__file__).parent
FIT, DROP, SHIFT, LFSR = range(4)
WIDE = 1 << 39


def case(function, size, rule, wrap_bits, x, expected, random=0, polynomial=0):
    """One case, packed as tb_package.sv reads it."""
    fields = (function, 8), (size, 16), (rule, 8), (wrap_bits, 8), (0, 24)
    word = 0
    for value, bits in (*fields, (polynomial, 32), (random, 32), (x, 64), (expected, 64)):
        word = (word << bits) | (int(value) & ((1 << bits) - 1))
    return word


def fit_case(x, bits, rule, wrap_bits):
    form = IntFormat(bits)
    expected = fit(x, form.lo, form.hi, int(rule), wrap_bits)
    return case(FIT, bits, rule, wrap_bits, x, expected)


def rules_of(bits):
    """Every overflow rule with every number of top bits that it knows."""
    for rule in Overflow:
        counts = range(bits) if rule in (Overflow.WRAP, Overflow.WRAP_SIGN_MAGNITUDE) else (0,)
        yield from ((rule, wrap_bits) for wrap_bits in counts)


def small_fits():
    for bits in range(2, 7):
        reach = 3 << bits
        for (rule, wrap_bits), x in itertools.product(rules_of(bits), range(-reach, reach + 1)):
            yield fit_case(x, bits, rule, wrap_bits)


def small_shifts():
    for shift, rule, x in itertools.product(range(6), Rounding, range(-130, 131)):
        if rule == Rounding.STOCHASTIC:
            for random in range(1 << min(shift, 3)):
                yield case(SHIFT, shift, rule, 0, x, shift_by(x, shift, int(rule), random), random)
            continue
        yield case(SHIFT, shift, rule, 0, x, shift_by(x, shift, int(rule), 0))
        yield case(DROP, shift, rule, 0, x, drop_low_bits(x, shift, int(rule)))


def random_words(rng, count):
    for _ in range(count):
        x, bits = int(rng.integers(-WIDE, WIDE)), int(rng.integers(2, 65))
        rules = list(rules_of(bits))
        yield fit_case(x, bits, *rules[rng.integers(len(rules))])
        near = int(rng.integers(-3, 4)) + int(rng.choice([-1, 1])) * (1 << int(min(bits, 40) - 1))
        yield fit_case(near, bits, *rules[rng.integers(len(rules))])
        random, rule = int(rng.integers(1 << 32)), int(rng.integers(0, 11))
        most = 32 if rule == Rounding.STOCHASTIC else 62
        shift = int(rng.integers(-20, most + 1))
        yield case(SHIFT, shift, rule, 0, x, shift_by(x, shift, rule, random), random)
        shift = int(rng.integers(1, min(most, 38) + 1))
        tie = (x >> shift << shift) + (1 << (shift - 1))
        yield case(SHIFT, shift, rule, 0, tie, shift_by(tie, shift, rule, random), random)
        polynomial = int(rng.integers(1, 1 << 32))
        state = lfsr_next(random, polynomial)
        yield case(LFSR, 0, 0, 0, 0, state, random, polynomial)


def cases():
    yield from small_fits()
    yield from small_shifts()
    yield from random_words(np.random.default_rng(5), 10_000)


def write_cases(words, folder):
    write_hex(folder / "cases.hex", words, 256)
    return len(words)


def verdict(simulator, package, folder, count):
    """None where the package returns what arith does in every case, else the first differences."""
    files = package, HERE / "tb_package.sv"
    said = simulate(simulator, files, "tb_package", folder, {"COUNT": count})
    return None if f"DONE {count} cases, 0 mismatches" in said else said


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_every_rule_of_the_package_is_the_rule_of_arith(simulator, tmp_path):
    count = write_cases(list(cases()), tmp_path)
    assert count > 80_000
    said = verdict(simulator, RTL / "hwsim_pkg.sv", tmp_path, count)
    assert said is None, said[:3000]
