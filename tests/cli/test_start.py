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
