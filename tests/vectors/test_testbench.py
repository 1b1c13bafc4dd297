"""Bundles under Icarus and Verilator: what passes, and that an altered bit does not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rtl.simulators import need
from vectors.testbench_runs import SMALL, altered, case_of, fails, make, passes

from hwsim.vectors.bundle import write

TOOLS = """make sh bash iverilog vvp verilator verilator_bin perl g++ gcc ar ld as cc c++ ranlib
    echo cat cp grep cmp tail test mkdir rm uname env sed dirname basename cut
    tr head nproc xargs"""


def test_a_layer_passes_in_icarus(small_bundle):
    need("iverilog")
    code, said = make(small_bundle, "icarus")
    assert code == 0, said
    assert passes(said) == [said.splitlines()[-2]]
    assert "PASS runs=2 beats=512" in said
    assert (small_bundle / "seen_output.hex").read_text() == (
        small_bundle / "data/output.hex"
    ).read_text()


def test_a_layer_runs_in_lockstep_in_icarus_with_and_without_stalls(small_bundle):
    need("iverilog")
    for seed in (0, 5):
        code, said = make(small_bundle, "lockstep", "SIM=icarus", f"SEED={seed}")
        assert code == 0, said
        assert len(passes(said)) == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("edge_os_16x16", SMALL),
        ("edge_is_16x16", SMALL),
        ("dot_product_64x16", [*SMALL, "chain.bits=18"]),
        ("nvdla_int8", SMALL),
        ("edge_ws_16x16", [*SMALL, "latency={multiplier: 2, pe: 2, tree_stage: 1, requantize: 3}"]),
    ],
)
def test_every_dataflow_passes_in_icarus(name, words, tmp_path):
    need("iverilog")
    write(case_of(name, words, images=1), tmp_path / "B")
    for words in (["icarus", "SEED=3"], ["lockstep", "SIM=icarus"]):
        code, said = make(tmp_path / "B", *words)
        assert code == 0, said


def expected_stems(small_bundle):
    inputs = {"activations", "weights", "channel"}
    return sorted(
        path.stem for path in (small_bundle / "data").glob("*.hex") if path.stem not in inputs
    )


def test_one_altered_bit_of_any_expected_file_fails(own_bundle):
    stems = expected_stems(own_bundle)
    assert {"output", "accumulator", "chain", "partial", "clocks", "left", "runs"} <= set(stems)
    for number, stem in enumerate(stems):
        before = (own_bundle / "data" / f"{stem}.hex").read_text()
        altered(own_bundle, stem, (number % 5) / 4)
        words = ["lockstep", "SIM=icarus"] if stem in ("clocks", "left", "top") else ["icarus"]
        code, said = make(own_bundle, *words)
        assert code != 0, stem
        assert fails(said), (stem, said)
        assert not passes(said), stem
        (own_bundle / "data" / f"{stem}.hex").write_text(before)
    assert make(own_bundle, "icarus")[0] == 0


def test_a_mismatch_says_where(own_bundle):
    at = altered(own_bundle, "accumulator", 0.25)
    _, said = make(own_bundle, "icarus")
    (line,) = [line for line in said.splitlines() if line.startswith("MISMATCH")]
    assert line.startswith(f"MISMATCH stream=accumulator run=0 beat={at} lane=0 expected=")
    assert fails(said) == ["FAIL mismatches: 1"]


def test_a_missing_or_short_file_fails(own_bundle):
    file = own_bundle / "data" / "output.hex"
    lines = file.read_text()
    file.write_text(lines[: len(lines) // 2 // 9 * 9])
    assert "FAIL data/output.hex holds fewer than 512 words" in make(own_bundle, "icarus")[1]
    file.unlink()
    code, said = make(own_bundle, "icarus")
    assert code != 0
    assert fails(said) == ["FAIL missing file data/output.hex"]


def test_stalls_are_the_same_streams(own_bundle):
    code, said = make(own_bundle, "stalls", "SIM=icarus", "SEEDS=6", "STALL=70")
    assert code == 0, said
    assert "6 seeds, 0 failed" in said


def without_python(folder):
    """A PATH with the tools of a simulator, and no Python."""
    folder.mkdir()
    for name in TOOLS.split():
        found = shutil.which(name)
        if found:
            (folder / name).symlink_to(found)
    return str(folder)


def test_a_bundle_needs_no_python(own_bundle, tmp_path):
    path = without_python(tmp_path / "bin")
    code, said = make(own_bundle, "icarus", path=path)
    assert code == 0, said


def test_cocotb_passes_and_finds_an_altered_bit(own_bundle):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    if shutil.which("cocotb-config", path=path) is None:
        pytest.skip("cocotb is not installed: pip install cocotb")
    assert make(own_bundle, "cocotb", "SEED=3", path=path)[0] == 0
    altered(own_bundle, "output", 0.5)
    assert make(own_bundle, "cocotb", path=path)[0] != 0


@pytest.mark.slow
def test_a_layer_passes_in_verilator_under_200_seeds_without_python(small_bundle, tmp_path):
    need("verilator")
    path = without_python(tmp_path / "bin")
    code, said = make(small_bundle, path=path)
    assert code == 0, said
    assert len(passes(said)) == 1
    code, said = make(small_bundle, "stalls", "SIM=verilator", "SEEDS=200", path=path)
    assert code == 0, said
    assert "200 seeds, 0 failed" in said


@pytest.mark.slow
def test_a_layer_runs_in_lockstep_in_verilator(small_bundle):
    need("verilator")
    code, said = make(small_bundle, "lockstep", "SIM=verilator")
    assert code == 0, said
    altered(small_bundle, "clocks", 0.0)
    code, said = make(small_bundle, "lockstep", "SIM=verilator")
    altered(small_bundle, "clocks", 0.0)
    assert code != 0
    assert "MISMATCH clocks run=0 clock=0 bit=0 expected=1 got=0" in said


def test_testbenches_are_clean_under_lint(small_bundle):
    need("verilator")
    for top in ("tb_streams", "tb_clocks"):
        listed = [x for x in (small_bundle / "filelist.f").read_text().split() if x.endswith(".sv")]
        files = [x for x in listed if not x.startswith("tb_")] + [f"{top}.sv"]
        done = subprocess.run(
            ["verilator", "--lint-only", "-Wall", "--timing", "-DSTAGES", "--top", top, *files],
            cwd=small_bundle, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_the_text_of_a_bundle_is_the_same_twice(small_bundle, tmp_path):
    write(case_of("edge_ws_16x16", SMALL), tmp_path / "B")
    for path in sorted((tmp_path / "B").rglob("*")):
        if path.is_file():
            assert (
                path.read_bytes() == (small_bundle / path.relative_to(tmp_path / "B")).read_bytes()
            )
