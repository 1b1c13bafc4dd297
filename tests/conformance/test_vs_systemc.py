"""IEEE 1666 rounding and overflow against SystemC: frozen vectors, and live where installed."""

import csv
import gzip
import shutil
import subprocess
from pathlib import Path

import pytest

from hwsim.arith.formats import IntFormat
from hwsim.arith.overflow import fit
from hwsim.arith.rounding import shift_right
from hwsim.array.rule_names import (
    OVERFLOW_ALIASES,
    ROUNDING_ALIASES,
    overflow_code,
    rounding_code,
)

pytestmark = pytest.mark.conformance

GENERATOR = Path(__file__).parent / "systemc" / "generate.cpp"


def hwsim_value(line_head, x):
    """What hwsim stores for the same rounding, overflow rule, width and shift."""
    rounding, overflow, wrap_bits, signed, bits, shift = line_head
    form = IntFormat(int(bits), signed == "1")
    rounded = shift_right(x, int(shift), rounding_code(ROUNDING_ALIASES[rounding]))
    rule = overflow_code(OVERFLOW_ALIASES[overflow])
    return fit(rounded, form.lo, form.hi, rule, int(wrap_bits))


def pairs_of(line, kind):
    """(head, pairs of x and y) of one line of a frozen file."""
    head, *rest = line.split(" : ")
    numbers = [int(word) for word in rest[-1].split()]
    if kind == "exhaustive":
        first = int(rest[0])
        return head.split(), list(zip(range(first, first + len(numbers)), numbers, strict=True))
    return head.split(), list(zip(numbers[::2], numbers[1::2], strict=True))


@pytest.mark.parametrize(("kind", "count"), [("exhaustive", 302_400), ("random", 26_250)])
def test_rounding_and_overflow_equal_frozen_systemc(kind, count, root):
    with gzip.open(root / "traces" / "systemc" / f"{kind}.txt.gz", "rt") as lines:
        cases = [pairs_of(line.rstrip("\n"), kind) for line in lines]
    assert sum(len(pairs) for _, pairs in cases) == count
    assert len({tuple(head[:4]) for head, _ in cases}) == 105  # 63 signed modes, 42 unsigned
    wrong = [(head, x, y) for head, pairs in cases for x, y in pairs if hwsim_value(head, x) != y]
    assert wrong == []


@pytest.mark.parametrize("kind", ["exhaustive", "random"])
def test_frozen_systemc_vectors_are_reproducible(kind, root, tmp_path):
    compiler = shutil.which("g++")
    header = Path("/usr/include/systemc")
    if compiler is None or not header.exists():
        pytest.skip("g++ or the SystemC headers (Debian: libsystemc-dev) are absent")
    program = tmp_path / "generate"
    subprocess.run([compiler, "-O1", GENERATOR, "-lsystemc", "-o", program], check=True)
    made = subprocess.run([program, kind], check=True, capture_output=True).stdout
    assert made == gzip.decompress((root / "traces/systemc" / f"{kind}.txt.gz").read_bytes())


@pytest.mark.parametrize(("kind", "count"), [("exhaustive", 268_800), ("random", 42_000)])
def test_rounding_and_overflow_equal_shared_systemc_goldens(kind, count, shared):
    path = shared / "golden" / "semantics" / f"golden_systemc_{kind}.csv.gz"
    with gzip.open(path, "rt", newline="") as text:
        rows = list(csv.reader(text))[1:]
    assert len(rows) == count
    wrong = [row for row in rows if hwsim_value(row[:6], int(row[6])) != int(row[7])]
    assert wrong == []
