"""Bad input, a full disk: one line, an exit code, no traceback, nothing half written."""

import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from importers.machine_text import GOOD

HWSIM = [sys.executable, "-m", "hwsim"]
ENVIRONMENT = os.environ | {"COLUMNS": "200"}


def run(*words, cwd: Path, **options) -> subprocess.CompletedProcess[str]:
    command = [*HWSIM, *map(str, words)]
    return subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, **options
    )


def refused(*words, cwd: Path, line: str, code: int = 2, **options) -> None:
    """The command ends with ``code`` and one line, and leaves the folder as it was."""
    before = sorted(cwd.rglob("*"))
    ended = run(*words, cwd=cwd, **options)
    assert ended.stdout == ""
    assert re.fullmatch(line + r"\n", ended.stderr), ended.stderr
    assert ended.returncode == code
    assert sorted(cwd.rglob("*")) == before


MACHINES = {
    "duplicate key": (
        GOOD + "product: {kind: exact, drop_bits: 0, rounding: ceil}\n",
        r"m\.yaml:21: product = again: key already set on line 11",
    ),
    "unknown key": (
        GOOD + "turbo: true\n",
        r"m\.yaml:21: turbo = true: unknown word, must be one of .*",
    ),
    "bits 99": (
        GOOD.replace("bits: 24", "bits: 99"),
        r"m\.yaml:13: accumulator\.bits = 99: must be an integer, 2\.\.64",
    ),
    "float for an integer": (
        GOOD.replace("rows: 4", "rows: 4.0"),
        r"m\.yaml:4: array\.rows = 4\.0: must be an integer, 1\.\.65536",
    ),
    "not text": ("\0\1\2", r"m\.yaml:1: text = unacceptable character #x0000.*"),
}


@pytest.mark.parametrize("case", MACHINES)
@pytest.mark.parametrize("words", [["hw", "check", "m.yaml"], ["run", "--hw", "m.yaml"]])
def test_bad_machine_file_is_one_line(case, words, tmp_path):
    text, line = MACHINES[case]
    (tmp_path / "m.yaml").write_text(text)
    refused(*words, cwd=tmp_path, line=line)


# seed_conv's input is (5, 5, 3), uint8
DATA = {
    "NaN": ({"X": np.full((2, 5, 5, 3), np.nan)}, r"d\.npz: X.* = .*nan.*: must .*"),
    "infinity": ({"X": np.full((2, 5, 5, 3), np.inf)}, r"d\.npz: X.* = .*inf.*: must .*"),
    "wrong shape": ({"X": np.zeros((2, 5, 4, 3), np.uint8)}, r"d\.npz: X\.shape = .*: must .*"),
    "wrong dtype": ({"X": np.zeros((2, 5, 5, 3), complex)}, r"d\.npz: X.* = .*: must .*"),
    "text": ({"X": np.full((2, 5, 5, 3), "a")}, r"d\.npz: X.* = .*: must .*"),
    "zero samples": ({"X": np.zeros((0, 5, 5, 3), np.uint8)}, r"d\.npz: X\.shape = .*: must .*"),
    "no X": ({"Z": np.zeros(3)}, r"d\.npz: .* = .*: must .*"),
}


@pytest.mark.parametrize("case", DATA)
def test_bad_data_file_is_one_line(case, tmp_path):
    arrays, line = DATA[case]
    np.savez(tmp_path / "d.npz", **arrays)
    refused("run", "seed_conv", "--data", "d.npz", cwd=tmp_path, line=line)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["hw", "show", "no.yaml"], r"no\.yaml: file = missing: must be a machine's YAML file"),
        (["hw", "show", "."], r"hardware: name = \.: must be a file or one of .*"),
        (["run", "--hw", "/proc/self/mem"], r"/proc/self/mem: .*: must .*"),
        (["run", "no.npz"], r"no\.npz: .* = .*: must .*"),
        (["run", "nosuch"], r".*model = nosuch: must be a file or one of.*"),
        (["run", "seed_conv", "--data", "no.npz"], r"no\.npz: .* = .*: must .*"),
        (["run", "seed_conv", "--data", "/proc/self/mem"], r"/proc/self/mem: .* = .*: must .*"),
        (["report", "no"], r"no.*: .*"),
        (["run", "--set", "accumulator.bits=99"], r"--set: accumulator\.bits = 99: must be .*"),
        (["run", "--fail-on", "x>y"], r"--fail-on: expression = x>y: must be like .*"),
        (["run", "--input-scale", "2"], r"--input-scale: scale = 2: must go with --data FILE"),
        (
            ["run", "seed_conv", "--out", "/proc/out"],
            r"/proc/.*: cannot be written: .*",
        ),
    ],
)
def test_unreadable_path_or_option_is_one_line(words, line, tmp_path):
    refused(*words, cwd=tmp_path, line=line)


def test_out_that_is_not_ours_is_kept(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years")
    refused("run", "seed_conv", "--out", "out", cwd=tmp_path, line=r".*out: content = .*: must .*")
    assert (tmp_path / "out" / "thesis.txt").read_text() == "years"


@pytest.fixture
def full_disk(tmp_path):
    """A file system of 64 KiB; skipped where mounting is not allowed."""
    folder = tmp_path / "full"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if mounted.returncode:
        pytest.skip(f"tmpfs cannot be mounted: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_disk_is_one_line_and_leaves_nothing(full_disk, tmp_path):
    line = r".*out.*: cannot be written: No space left on device"
    refused("run", "seed_conv", "--out", "full/out", cwd=tmp_path, line=line)
    assert list(full_disk.iterdir()) == []


def test_file_size_limit_is_one_line_and_leaves_nothing(tmp_path):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    assert run("run", "seed_conv", "--out", "warm", cwd=tmp_path).returncode == 0  # kernel cache
    line = r".*out.*: cannot be written: File too large"
    refused("run", "seed_conv", "--out", "out", cwd=tmp_path, line=line, preexec_fn=limit)


def test_full_disk_behind_stdout_is_one_line(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with open("/dev/full", "w") as full:
        command = [*HWSIM, "hw", "list"]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (2, "writing: No space left on device\n")


def test_reader_that_leaves_early_is_no_failure(tmp_path):
    read, write = os.pipe()
    os.close(read)
    command = [*HWSIM, "hw", "list"]
    ended = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(write)
    assert (ended.returncode, ended.stderr) == (0, "")
