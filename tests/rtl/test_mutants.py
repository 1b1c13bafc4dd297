"""A changed operator in the RTL is found: every mutant of this list makes a simulation differ.

A mutant of the package meets every case of test_package.py, any other the lockstep with the cycle
engine, a few machines at a time until one differs. Simulated with Icarus; about two minutes.
"""

import re

import pytest
from rtl.lockstep import verdict, write_testbench
from rtl.random_machines import draw_case
from rtl.simulators import need, simulate
from rtl.test_package import cases as package_cases
from rtl.test_package import verdict as package_verdict
from rtl.test_package import write_cases

from hwsim.rtl import sources

CHUNK, CHUNKS = 6, 8
MUTANTS = [
    ("pe.sv", "shift_w ? w_in : w", "shift_w ? w : w_in"),
    ("pe.sv", "64'(addend) + 64'(due)", "64'(addend) - 64'(due)"),
    ("pe.sv", "64'(a_in) * 64'(w_next)", "64'(a_in) * 64'(w)"),
    ("pe.sv", "64'(a_in) * 64'(w_next)", "64'(a_in) | 64'(w_next)"),
    ("pe.sv", "SUM_STAYS == 0 || load_sum", "SUM_STAYS == 0 || !load_sum"),
    ("dot_product_unit.sv", "load_w ? w_in", "!load_w ? w_in"),
    ("dot_product_unit.sv", "left + right", "left - right"),
    ("dot_product_unit.sv", "8*(l-1)+:8", "8*(LEVELS-l)+:8"),
    ("accumulator_memory.sv", "held + 64'(added)", "held - 64'(added)"),
    ("accumulator_memory.sv", "assign held = first", "assign held = !first"),
    ("accumulator_memory.sv", "enable && write", "enable && !write"),
    ("final_stores.sv", "64'(stored) - correction", "64'(stored) + correction"),
    ("final_stores.sv", "corrected + (BIAS_LAST", "corrected - (BIAS_LAST"),
    ("final_stores.sv", "CHECK_FINAL != 0", "CHECK_FINAL == 0"),
    ("requantize.sv", "product + add", "product - add"),
    ("requantize.sv", "32'sd31 - right", "32'sd31 + right"),
    ("requantize.sv", "value < clamp_lo", "value > clamp_lo"),
    ("requantize.sv", "scheme_value + 64'(zero_point)", "scheme_value - 64'(zero_point)"),
    ("requantize.sv", "half + 64'sd1, 32", "half - 64'sd1, 32"),
    ("requantize.sv", "narrowed * factor", "narrowed + factor"),
    ("requantize.sv", "kept != clamped", "kept == clamped"),
    ("requantize.sv", "wrapped != to_left", "wrapped == to_left"),
    ("fold_control.sv", "row_start + ROWS >= row_extent", "row_start + ROWS > row_extent"),
    ("fold_control.sv", "element == length - 1", "element == length"),
    ("fold_control.sv", "ROWS + COLS - 2", "ROWS + COLS - 1"),
    ("operand_feed.sv", "clock - LOAD -", "clock + LOAD -"),
    ("operand_feed.sv", "line = clock - LATENCY_PE * p", "line = clock + LATENCY_PE * p"),
    ("operand_feed.sv", "ROWS - 1 - clock", "ROWS - 1 + clock"),
    ("operand_feed.sv", "(group * k + line) * n + column", "(group * k + line) * n - column"),
    ("deskew.sv", "COLS - 1 - c", "COLS - c"),
    ("row_sums.sv", "sum) + 64'(a_word)", "sum) - 64'(a_word)"),
    ("output_lane.sv", "enable && keep", "enable || keep"),
    ("layer_control.sv", "OUTPUT_STATIONARY ? ROWS : 1", "OUTPUT_STATIONARY ? ROWS : 2"),
    ("sums_stay.sv", "row_start + p / COLS < row_extent", "row_start + p / COLS > row_extent"),
    # registers of a path
    ("pe.sv", "LATENCY_MULTIPLIER - 1", "LATENCY_MULTIPLIER"),
    ("systolic_array.sv", "BETWEEN = LATENCY_PE - 1", "BETWEEN = 0"),
    ("systolic_array.sv", "SUM_STAYS != 0 ? BETWEEN : 0", "BETWEEN"),
    ("dot_product_unit.sv", "LATENCY_MULTIPLIER - 1", "0"),
    ("dot_product_unit.sv", "LATENCY_TREE - 1", "LATENCY_TREE"),
    ("operand_feed.sv", ": LATENCY_PE * r", ": r"),
    ("requantize.sv", "CLOCKS(LATENCY_REQUANTIZE)", "CLOCKS(1)"),
    ("delay.sv", "(CLOCKS-1)*BITS", "0"),
    # overflow flags
    ("pe.sv", "|| stored != presented", "|| stored == presented"),
    ("pe.sv", "takes_in ? overflowed_in : overflowed", "takes_in ? 1'b0 : overflowed"),
    ("dot_product_unit.sv", "below_overflowed ||", "below_overflowed &&"),
    ("accumulator_memory.sv", "!first && chain_held", "chain_held"),
    ("accumulator_memory.sv", "first ? bias != ", "!first ? bias != "),
    ("final_stores.sv", "biased != with_bias", "biased == with_bias"),
    ("output_lane.sv", "overflowed || final_overflowed", "overflowed && final_overflowed"),
    ("sums_stay.sv", "kept != own", "kept == own"),
]
PACKAGE_MUTANTS = [
    ("x >= lo && x <= hi", "x >= lo && x < hi"),
    ("x < lo ? lo : hi", "x > lo ? lo : hi"),
    ("(x < 0 ? -largest(bits) - 64'sd1 : 64'sd0)", "(x > 0 ? -largest(bits) - 64'sd1 : 64'sd0)"),
    ("new_sign != (kept", "new_sign == (kept"),
    ("TOWARD_ZERO: round_up = negative", "TOWARD_ZERO: round_up = ~negative"),
    ("rest == half, rounding", "rest != half, rounding"),
    ("^ (state[0]", "| (state[0]"),
    ("HALF_EVEN: round_up = above | (tie & odd)", "HALF_EVEN: round_up = above | (tie & ~odd)"),
    ("HALF_AWAY: round_up = above | (tie & ~negative)", "HALF_AWAY: round_up = tie & ~negative"),
    ("ODD: round_up = ~odd", "ODD: round_up = odd"),
    ("old != lowest_saturated", "old == lowest_saturated"),
    ("span >>> wrap_bits", "span <<< wrap_bits"),
    ("shift < 0", "shift > 0"),
]


@pytest.fixture(scope="session")
def benches(tmp_path_factory):
    """Folders of files and a testbench, a few cases each, with their clocks."""
    need("iverilog")
    made = []
    for chunk in range(CHUNKS):
        folder = tmp_path_factory.mktemp("bench")
        cases = [draw_case(chunk * CHUNK + i) for i in range(CHUNK)]
        made.append((folder, write_testbench(cases, folder)))
    return made


def first_difference(benches, rtl):
    """The first words of a simulation that differs; None where all agree."""
    for folder, clocks in benches:
        files = [*rtl, folder / "tb_lockstep.sv"]
        said = verdict(simulate("icarus", files, "tb_lockstep", folder), clocks)
        if said is not None:
            return said
    return None


def mutated(file, old, new, folder):
    """The sources, one operator changed; `old` must stand once in the code, comments aside."""
    files = []
    for source in sources():
        text = source.read_text()
        if source.name == file:
            code = re.sub("//.*", "", text)
            assert code.count(old) == 1, f"{file} holds {old!r} {code.count(old)} times"
            text = code.replace(old, new)
        (folder / source.name).write_text(text)
        files.append(folder / source.name)
    return files


@pytest.fixture(scope="session")
def package_bench(tmp_path_factory):
    """The folder of the package's cases, and how many there are."""
    need("iverilog")
    folder = tmp_path_factory.mktemp("package")
    return folder, write_cases(list(package_cases()), folder)


@pytest.mark.slow
def test_the_rtl_itself_agrees(benches):
    assert first_difference(benches, sources()) is None


@pytest.mark.slow
@pytest.mark.parametrize(("file", "old", "new"), MUTANTS)
def test_a_changed_operator_is_found(file, old, new, benches, tmp_path):
    said = first_difference(benches, mutated(file, old, new, tmp_path))
    assert said is not None, f"{file}: {new!r} in place of {old!r} passes"
    assert "MISMATCH" in said or "HANG" in said, said[:2000]


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new"), PACKAGE_MUTANTS)
def test_a_changed_operator_of_the_package_is_found(old, new, package_bench, tmp_path):
    folder, count = package_bench
    rtl = mutated("hwsim_pkg.sv", old, new, tmp_path)
    said = package_verdict("icarus", rtl[0], folder, count)
    assert said is not None, f"{new!r} in place of {old!r} passes"
    assert "MISMATCH" in said, said[:2000]
