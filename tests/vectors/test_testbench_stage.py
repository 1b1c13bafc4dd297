"""Bundles of one requantizer stage alone, also of machines whose array has no RTL."""

import subprocess

import numpy as np
import pytest
from rtl.simulators import need

import hwsim
from hwsim.errors import UnsupportedError
from hwsim.importers import hardware
from hwsim.vectors.case import layer_case
from hwsim.vectors.stage import INPUT, limits, stage_files, stage_numbers
from hwsim.vectors.stage_values import directed_sums

NVDLA = ("nvdla_int8", ["requantize.default.narrow.shift=1"])
GEMMINI = (
    "gemmini",
    ["requantize.default.narrow={shift: 4, rounding: half_even, bits: 20, overflow: saturate}"],
)


def case_of(name, words):
    model = hwsim.load_model("digits")
    node = next(node for node in model.graph.nodes if node.name == "conv1")
    return layer_case(model.graph, hardware.load(name, words), model.data.X[:1], node)


def simulate(files, folder, *words):
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    done = subprocess.run(
        ["make", "-C", str(folder), "icarus", *words],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def field(words, name):
    return words[:, list(INPUT).index(name)]


@pytest.mark.parametrize(
    ("stage", "machine"),
    [
        ("narrow", NVDLA),
        ("narrow", GEMMINI),
        ("requantize", NVDLA),
        ("requantize", ("edge_ws_16x16", [])),
        ("requantize", ("tflite_reference", [])),
    ],
)
def test_a_stage_passes_in_icarus_and_an_altered_bit_fails(stage, machine, tmp_path):
    need("iverilog")
    files = stage_files(case_of(*machine), stage, seed=1)
    code, said = simulate(files, tmp_path, "SEED=3")
    assert code == 0, said
    assert "PASS runs=1" in said
    for stem in ("output", "output_flags"):
        lines = files[f"data/{stem}.hex"].split()
        lines[-1] = b"%0*x" % (len(lines[-1]), int(lines[-1], 16) ^ 1)
        code, said = simulate({**files, f"data/{stem}.hex": b"\n".join(lines) + b"\n"}, tmp_path)
        assert code != 0
        assert "FAIL mismatches: 1" in said


def nvdla_cacc(partial, addend, shift):
    """NV_NVDLA_CACC_CALC_int8.v with in_sel 1, as its wires say, for shifts up to 16."""
    total = partial + addend
    kept = min(max(total, -(1 << 33)), (1 << 33) - 1)
    wide = (kept << 16) >> shift
    shifted, guide, stick = wide >> 16, wide >> 15 & 1, wide & 0x7FFF
    point5 = guide and (kept >= 0 or stick != 0)
    return min(max(shifted + int(point5), -(1 << 31)), (1 << 31) - 1)


def gemmini_shift(value, shift):
    """Arithmetic.scala: ``(c >> shift).clippedToWidthOf(SInt(20.W))``."""
    point5 = value >> (shift - 1) & 1
    zeros = value & ((1 << (shift - 1)) - 1)
    up = point5 and (zeros != 0 or value >> shift & 1)
    return min(max((value >> shift) + int(up), -(1 << 19)), (1 << 19) - 1)


def test_nvdla_accumulates_then_rounds_as_its_rtl():
    made = stage_numbers(case_of(*NVDLA), "narrow", 1)
    pairs = np.stack([field(made.input, "partial"), field(made.input, "addend")], axis=1).tolist()
    assert made.output[:, 0].tolist() == [nvdla_cacc(p, a, 1) for p, a in pairs]
    assert (made.flags[:, 0] == 2).sum() > 50
    kept = field(made.input, "sum") != field(made.input, "partial") + field(made.input, "addend")
    assert kept.sum() > 100  # the 34-bit partial sum saturated


def test_gemmini_shifts_as_its_rtl():
    made = stage_numbers(case_of(*GEMMINI), "narrow", 1)
    sums = field(made.input, "sum").tolist()
    assert made.output[:, 0].tolist() == [gemmini_shift(value, 4) for value in sums]


def test_every_channel_meets_its_corners():
    case = case_of(*NVDLA)
    lo, hi = limits(case, "narrow")
    assert (lo, hi) == (-(1 << 33), (1 << 33) - 1)
    for channel in range(4):
        found = directed_sums(case.requantizer, channel, lo, hi)
        assert {lo, hi, 0, 1, -1, 3, -3, 5, -5, 2, -2} <= set(found)
        assert {(1 << 32) - 1, -(1 << 32) - 1} <= set(found)


def test_requantizer_corners_hold_ties_and_both_clamps():
    case = case_of("edge_ws_16x16", ["requantize.default.multiplier_bits=6"])
    made = stage_numbers(case, "requantize", 1)
    factor, shift = field(made.input, "multiplier"), field(made.input, "shift")
    sums = field(made.input, "sum")
    tie = sums * factor % (1 << shift) == 1 << (shift - 1)
    assert (tie & (sums > 0)).any()
    assert (tie & (sums < 0)).any()
    assert {-128, -127, 126, 127} <= set(made.output[:, 0].tolist())
    low, high = made.requantized.min(), made.requantized.max()
    assert low < case.requantizer.output.lo
    assert high > case.requantizer.output.hi


def test_a_stage_is_the_same_twice_and_another_seed_draws_others():
    case = case_of(*GEMMINI)
    first, again, other = (stage_numbers(case, "narrow", seed).input for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_machine_without_the_stage_is_refused():
    with pytest.raises(UnsupportedError, match=r"requantize\.narrow"):
        stage_files(case_of("edge_ws_16x16", []), "narrow")
    with pytest.raises(UnsupportedError, match="float32"):
        stage_files(case_of("gemmini", []), "requantize")
