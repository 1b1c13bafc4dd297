"""The command line: what it prints, its exit codes, and what --fail-on means."""

import json
import re
import subprocess
import sys

import pytest
from importers.machine_text import GOOD, write_fixture  # noqa: F401
from typer.testing import CliRunner

from hwsim.cli import app
from hwsim.cli_criterion import Criterion
from hwsim.cli_inputs import real_number
from hwsim.errors import ConfigError
from hwsim.importers import machine_files
from hwsim.importers.hardware import load, machine_hash


def hwsim(*words: str):
    return CliRunner().invoke(app, list(words))


# -- hwsim hw --------------------------------------------------------------------------------


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


# -- --fail-on -------------------------------------------------------------------------------

SUMMARY = {
    "model": "two layers",
    "accuracy": {"float": 0.99, "exact": 0.98, "hardware": 0.9},
    "totals": {"macs": 100, "cycles": 50, "utilization": 0.25, "overflow_events": 7},
    "layers": [
        {
            "name": "conv1",
            "overflow": {
                "persistent": 2,
                "max_code_change": 9,
                "by_stage": {"chain": 3},
                "first": {"cycle": 4},
            },
            "error": {"sqnr_db": 30.5, "exact_match": True},
            "width": {"chain": None},
        },
        {
            "name": "fc",
            "overflow": {
                "persistent": 3,
                "max_code_change": 5,
                "by_stage": {"chain": 4},
                "first": None,
            },
            "error": {"sqnr_db": None},
            "width": {"chain": {"bits": 20}},
        },
    ],
}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("overflow.persistent>0", ["--fail-on: overflow.persistent = 5: must not be > 0"]),
        ("overflow.persistent>4", ["--fail-on: overflow.persistent = 5: must not be > 4"]),
        ("overflow.persistent>5", []),
        ("overflow.persistent>=5", ["--fail-on: overflow.persistent = 5: must not be >= 5"]),
        (
            "overflow.by_stage.chain==7",
            ["--fail-on: overflow.by_stage.chain = 7: must not be == 7"],
        ),
        ("overflow.max_code_change>8", ["conv1: overflow.max_code_change = 9: must not be > 8"]),
        ("overflow.first.cycle<5", ["conv1: overflow.first.cycle = 4: must not be < 5"]),
        ("totals.utilization<0.3", ["--fail-on: totals.utilization = 0.25: must not be < 0.3"]),
        ("utilization < .25", []),
        ("overflow_events!=7", []),
        ("accuracy.hardware<=0.9", ["--fail-on: accuracy.hardware = 0.9: must not be <= 0.9"]),
        ("accuracy.hardware<0.9", []),
        ("error.sqnr_db<31", ["conv1: error.sqnr_db = 30.5: must not be < 31"]),
        ("width.chain.bits>-1e1", ["fc: width.chain.bits = 20: must not be > -10.0"]),
        ("cycles>+49", ["--fail-on: cycles = 50: must not be > 49"]),
    ],
)
def test_fail_on_holds_for_these_values(text, lines):
    assert [str(finding) for finding in Criterion.parse(text).findings(SUMMARY)] == lines


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "x>",
        ">0",
        "x>y",
        "x=>0",
        "x=0",
        "x>0 or 1",
        "x>0x10",
        "x>nan",
        "x>inf",
        "x>1.2.3",
        "x..y>0",
        "x.>0",
        "__import__('os')>0",
        "x[0]>0",
        "x>0;y>0",
        "x>>0",
        "x<>0",
        "x>- 1",
        "²>0",
        "x>٣",
    ],
)
def test_fail_on_refuses_everything_else(text):
    with pytest.raises(ConfigError, match="--fail-on: expression = "):
        Criterion.parse(text)


@pytest.mark.parametrize(
    "key",
    [
        "nosuch",
        "overflow",
        "overflow.nosuch",
        "model",
        "totals",
        "accuracy.exactly",
        "error.exact_match",
        "totals.stall_cycles",
        "layers",
        "name",
        "overflow.first",
    ],
)
def test_fail_on_refuses_a_key_without_number(key):
    with pytest.raises(ConfigError, match=f"--fail-on: key = {key}: must be a number"):
        Criterion.parse(f"{key}>0").findings(SUMMARY)


def test_fail_on_refuses_accuracy_that_was_not_measured():
    criterion = Criterion.parse("accuracy.hardware<0.9")
    with pytest.raises(ConfigError):
        criterion.findings(SUMMARY | {"accuracy": None})


@pytest.mark.parametrize(
    ("text", "value"), [("1/255", 1 / 255), ("0.5", 0.5), ("1e-3", 1e-3), (" 2 / 4 ", 0.5)]
)
def test_input_scale_is_a_number_or_a_quotient(text, value):
    assert real_number(text) == value


@pytest.mark.parametrize("text", ["0", "-1", "1/0", "nan", "inf", "1e999", "x", "", "1/2/3"])
def test_input_scale_is_positive_and_finite(text):
    with pytest.raises(ConfigError, match="--input-scale: scale = "):
        real_number(text)


# -- hwsim run, bounds, inspect, report ------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One run's folder and what it printed."""
    folder = tmp_path_factory.mktemp("cli") / "out"
    result = hwsim("run", "seed_conv", "--limit", "1", "--out", str(folder))
    assert result.exit_code == 0, result.output
    return folder, result


def test_run_writes_its_folder_and_says_where(finished):
    folder, result = finished
    assert {"report.html", "layers.csv", "summary.json", "plots", "outputs.npz"} <= {
        path.name for path in folder.iterdir()
    }
    assert result.stdout.endswith(f"Written to {folder}\n")
    assert result.stderr == ""


def test_run_prints_what_it_wrote(finished, tmp_path):
    words = ["run", "seed_conv", "--limit", "1", "--quiet"]
    text = hwsim(*words, "--out", str(tmp_path / "a"), "--format", "json").stdout
    printed = json.loads(text)
    written = json.loads((tmp_path / "a" / "summary.json").read_text())
    assert printed == {key: written[key] for key in printed}
    table = hwsim(*words, "--out", str(tmp_path / "b"), "--format", "csv").stdout
    assert table == (tmp_path / "b" / "layers.csv").read_text()
    junit = hwsim(*words, "--out", str(tmp_path / "c"), "--format", "junit").stdout
    assert 'failures="0"' in junit


def test_run_quiet_prints_nothing(tmp_path):
    result = hwsim("run", "seed_conv", "--limit", "1", "-q", "--out", str(tmp_path / "out"))
    assert (result.exit_code, result.output) == (0, "")


def test_run_writes_to_reports_by_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert hwsim("run", "seed_conv", "--hw", "edge_os_16x16", "-q").exit_code == 0
    assert (tmp_path / "reports" / "seed_conv--edge_os_16x16" / "summary.json").is_file()


def test_run_obeys_set_and_fail_on(tmp_path):
    words = ["run", "seed_conv", "-q", "--set", "accumulator.bits=12"]
    words += ["--fail-on", "overflow.events>0", "--fail-on", "macs<0"]
    result = hwsim(*words, "--out", str(tmp_path / "a"), "--format", "junit")
    assert result.exit_code == 1
    assert re.fullmatch(r"--fail-on: overflow.events = [1-9]\d*: must not be > 0\n", result.stderr)
    assert 'failures="1"' in result.stdout
    assert (tmp_path / "a" / "summary.json").is_file()
    held = hwsim(*words[:3], "--out", str(tmp_path / "b"), "--fail-on", "overflow.events>0")
    assert (held.exit_code, held.stderr) == (0, "")


def test_run_on_random_codes_repeats_with_its_seed(tmp_path):
    def sha256(seed: str, name: str) -> str:
        words = ["run", "seed_conv", "-q", "--data", "random", "--limit", "2", "--seed", seed]
        result = hwsim(*words, "--out", str(tmp_path / name), "--format", "json")
        return json.loads(result.stdout)["data"]["sha256"]

    assert sha256("1", "a") == sha256("1", "b")
    assert sha256("1", "a") != sha256("2", "c")


@pytest.mark.parametrize("command", ["bounds", "inspect"])
def test_static_commands_print_every_form(command):
    rows = json.loads(hwsim(command, "digits", "--format", "json").stdout)
    header, *lines = hwsim(command, "digits", "--format", "csv").stdout.splitlines()
    assert len(lines) == len(rows)
    assert header.startswith("name,op,")
    table = hwsim(command, "digits")
    assert table.exit_code == 0
    assert all(row["name"][:20] in table.stdout for row in rows)


def test_bounds_observes_where_data_is_given():
    words = ["bounds", "seed_conv", "--format", "json"]
    (static,) = json.loads(hwsim(*words).stdout)
    (observed,) = json.loads(hwsim(*words, "--data", "seed_conv").stdout)
    assert static["width"]["observed_partial_bits"] is None
    assert observed["width"]["observed_partial_bits"] <= static["width"]["weight_bits"]
    assert observed["width"]["weight_bits"] == static["width"]["weight_bits"]


def test_report_renders_again(finished):
    folder, _ = finished
    page = (folder / "report.html").read_bytes()
    (folder / "report.html").unlink()
    result = hwsim("report", str(folder))
    assert (result.exit_code, result.stdout) == (0, f"Rendered {folder / 'report.html'}\n")
    assert (folder / "report.html").read_bytes() == page
