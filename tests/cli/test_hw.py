"""hwsim hw: list, show, check."""

import json

from cli.runner import hwsim
from importers.machine_text import GOOD, write_fixture  # noqa: F401

from hwsim.importers import machine_files
from hwsim.importers.hardware import load, machine_hash


def test_hw_list_names_every_machine():
    result = hwsim("hw", "list")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == machine_files.names()


def test_hw_list_prints_json_and_csv():
    rows = json.loads(hwsim("hw", "list", "--format", "json").stdout)
    assert [row["name"] for row in rows] == machine_files.names()
    header, *lines = hwsim("hw", "list", "--format", "csv").stdout.splitlines()
    assert header == "name,what"
    assert len(lines) == len(rows)


def test_hw_show_prints_a_file_that_loads_as_the_same_machine(write):
    result = hwsim("hw", "show", "edge_os_16x16", "--set", "accumulator.bits=19")
    assert result.exit_code == 0
    machine = load(write(result.stdout))
    assert machine == load("edge_os_16x16", ["accumulator.bits=19"])
    assert result.stdout.startswith(f"# {machine_hash(machine)}\n")


def test_hw_check_accepts_a_good_file(write):
    path = write(GOOD)
    result = hwsim("hw", "check", path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"m.yaml: good, good {machine_hash(load(path))}\n"


def test_hw_check_lists_every_failure_on_stderr(write):
    path = write(GOOD.replace("bits: 24", "bits: 99").replace("rows: 4", "rows: 4.5"))
    result = hwsim("hw", "check", path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        "m.yaml:4: array.rows = 4.5: must be an integer, 1..65536",
        "m.yaml:13: accumulator.bits = 99: must be an integer, 2..64",
    ]
