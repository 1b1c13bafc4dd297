"""Help, version, wrong usage, and how quickly the command line starts."""

import re
import subprocess
import sys

import pytest
from cli.runner import hwsim


@pytest.mark.parametrize(
    "words",
    [
        ["nosuch"],
        ["hw", "nosuch"],
        ["run", "--limit", "0"],
        ["run", "--engine", "slow"],
        ["run", "--format", "xml"],
        ["run", "--seed", "-1"],
        ["hw", "show"],
    ],
)
def test_wrong_usage_ends_with_two(words):
    assert hwsim(*words).exit_code == 2


def test_no_command_prints_help():
    result = hwsim()
    assert "Usage: " in result.stdout + result.stderr
    for command in ("run", "bounds", "inspect", "report", "hw"):
        assert re.search(rf"^  {command} ", result.stdout + result.stderr, re.MULTILINE)


def test_version_is_printed():
    assert re.fullmatch(r"hwsim \d\S*\n", hwsim("--version").stdout)


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["hw", "list"]])
def test_quick_command_imports_nothing_heavy(words):
    program = (
        "import sys\n"
        "from hwsim.cli import main\n"
        f"sys.argv = ['hwsim', *{words!r}]\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'numpy', 'numba', 'matplotlib', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


def test_a_run_loads_no_more_than_it_needs(tmp_path):
    """A second run: neither the compiler's declarations nor what other commands are made of."""
    program = (
        "import sys\n"
        "from hwsim.cli import main\n"
        f"sys.argv = ['hwsim', 'run', 'seed_conv', '--out', {str(tmp_path / 'run')!r}]\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print(*sys.modules, sep='\\n', file=sys.stderr)\n"
    )
    for _ in range(2):  # the first fills the cache of kernels
        done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    loaded = set(done.stderr.decode().split())
    needless = {
        "hwsim.analysis.causes", "hwsim.array.cycle", "hwsim.importers.aimet",
        "hwsim.importers.onnx", "hwsim.importers.tflite", "hwsim.importers.torch", "hwsim.sweeps",
        "hwsim.vectors", "jsonschema", "matplotlib", "numba.np.arraymath", "pandas", "scipy.linalg",
        "sklearn", "vcd", "xml.etree.ElementTree",
    }  # fmt: skip
    assert "hwsim.simulation" in loaded
    assert not needless & loaded
