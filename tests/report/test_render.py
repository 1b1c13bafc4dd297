"""A run directory as a whole: rendered from two files, the same bytes every time."""

import csv
import subprocess
import sys

import numpy as np
import pytest
from report.summaries import RUNS, nine_with_overflow, runtime

from hwsim.errors import DataError
from hwsim.report import files, plots
from hwsim.report.render import render, write_run
from hwsim.report.tables import columns


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    summary, details = nine_with_overflow()
    write_run(folder, summary, details, "name: edge\n", {"y": np.arange(3)})
    return folder


def test_run_directory_holds_what_design_promises(run_dir):
    names = set(contents(run_dir))
    plain = {"summary.json", "details.npz", "machine.yaml", "outputs.npz", "layers.csv"}
    drawn = set(plots.names()) - {"causes", "roofline"}  # not asked for; no memory
    pictures = {f"plots/{name}.{kind}" for name in drawn for kind in ("png", "csv")}
    assert names == plain | pictures | {"report.html"}


def test_rendering_again_gives_identical_bytes(run_dir):
    before = contents(run_dir)
    render(run_dir)
    assert contents(run_dir) == before


def test_two_files_are_enough_to_render(run_dir, tmp_path):
    for name in ("summary.json", "details.npz"):
        (tmp_path / name).write_bytes((run_dir / name).read_bytes())
    render(tmp_path)
    whole = contents(run_dir)
    for name, content in contents(tmp_path).items():
        assert content == whole[name], name


def test_plots_that_no_longer_apply_are_removed(tmp_path):
    summary, details = runtime()
    (tmp_path / "plots").mkdir()
    for name in ("utilization.png", "utilization.csv", "mine.txt"):
        (tmp_path / "plots" / name).write_text("of another run")
    (tmp_path / "summary.json").write_bytes(files.json_bytes(summary))
    (tmp_path / "details.npz").write_bytes(files.npz_bytes(details))
    render(tmp_path)
    names = {path.name for path in (tmp_path / "plots").iterdir()}
    assert "utilization.png" not in names
    assert "utilization.csv" not in names
    assert {"mine.txt", "width_ladder.png"} <= names


@pytest.mark.parametrize("name", RUNS)
def test_layers_csv_has_a_row_a_layer_and_every_column(tmp_path, name, monkeypatch):
    monkeypatch.setattr(plots, "draw_all", lambda summary, details: {})
    summary, details = RUNS[name]()
    write_run(tmp_path / "run", summary, details, "", {})
    with (tmp_path / "run/layers.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == columns()
    assert {
        "name", "width.accumulator_bits", "width.chain.bits", "overflow.events",
        "overflow.by_stage.chain", "overflow.first.cycle", "error.sqnr_db",
        "error_isolated.sqnr_db",
    } <= set(header)  # fmt: skip
    assert [row[0] for row in rows] == [layer["name"] for layer in summary["layers"]]
    for row, layer in zip(rows, summary["layers"], strict=True):
        entry = dict(zip(header, row, strict=True))
        assert entry["overflow.events"] == str(layer["overflow"]["events"])
        error = layer["error"]
        decibel = None if error is None else error["sqnr_db"]
        assert entry["error.sqnr_db"] == ("" if decibel is None else repr(decibel))


@pytest.mark.parametrize("missing", ["summary.json", "details.npz"])
def test_absent_file_is_said_in_one_line(run_dir, tmp_path, missing):
    for name in {"summary.json", "details.npz"} - {missing}:
        (tmp_path / name).write_bytes((run_dir / name).read_bytes())
    with pytest.raises(DataError) as refusal:
        render(tmp_path)
    assert missing in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["summary.json", "details.npz"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"{", b"\xff\xfe"])
def test_broken_file_is_said_in_one_line(run_dir, tmp_path, name, content):
    for other in ("summary.json", "details.npz"):
        (tmp_path / other).write_bytes((run_dir / other).read_bytes())
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as refusal:
        render(tmp_path)
    assert name in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1


def test_start_of_the_command_line_loads_neither_jinja2_nor_pillow():
    code = (
        "import sys, hwsim.report.render, hwsim.report.tables;"
        "sys.exit('PIL' in sys.modules or 'jinja2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_rendering_never_loads_matplotlib(run_dir, tmp_path):
    for name in ("summary.json", "details.npz"):
        (tmp_path / name).write_bytes((run_dir / name).read_bytes())
    code = (
        "import sys; from pathlib import Path; from hwsim.report.render import render;"
        f"render(Path({str(tmp_path)!r})); sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
