"""A sweep killed at any point goes on: the same bytes, and nothing computed twice."""

import contextlib
import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from cli.runner import hwsim as command

from hwsim import models
from hwsim.errors import DataError
from hwsim.importers import hardware
from hwsim.importers.data import Data
from hwsim.sweeps.recommend import Terms
from hwsim.sweeps.sweep import sweep

TERMS = Terms(0.005, 0.95)  # as the command has them, where nothing is said
SWEPT = {
    "accumulator_bits": "12:20",
    "overflow": "wrap,saturate,saturate_zero,saturate_symmetric",
    "rounding": "half_up,half_even,floor",
}
OPTIONS = [
    word for name, values in SWEPT.items() for word in (f"--{name.replace('_', '-')}", values)
]
WORDS = ["sweep", "digits", "--hw", "edge_os_16x16", "--limit", "24", *OPTIONS]
LONG = 300  # seconds that a cold cache on a busy machine may take


@pytest.fixture(scope="module")
def digits():
    graph, data = models.load("digits")
    return graph, Data(data.X[:24], data.Y[:24], data.name, data.sha256, data.real[:24])


@pytest.fixture(scope="module")
def whole(digits, tmp_path_factory):
    """The folder of a sweep that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    graph, data = digits
    sweep(graph, hardware.load("edge_os_16x16"), data, directory=folder, terms=TERMS, **SWEPT)
    return folder


def killed(folder, *words):
    """A sweep in a process of its own, killed as soon as some points are there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hwsim", *WORDS, "--quiet", "--out", str(folder), *words],
        start_new_session=True,
    )
    deadline, points = time.monotonic() + LONG, folder / "points"
    while not points.is_dir() or len(list(points.glob("*.json"))) < 5:
        assert process.poll() is None, "the sweep ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.kill()
    process.wait()
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:  # what it started ends by itself
            os.killpg(process.pid, 0)
            time.sleep(0.01)
        pytest.fail("a killed sweep left processes behind")
    return {path.name: path.stat().st_mtime_ns for path in points.glob("*.json")}


@pytest.mark.parametrize("scheduler", ["here", "local"])
def test_a_killed_sweep_goes_on_to_the_same_bytes(scheduler, whole, tmp_path):
    folder = tmp_path / "killed"
    finished = killed(folder, "--scheduler", scheduler)
    assert 5 <= len(finished) < 108
    assert not (folder / "sweep.csv").exists()
    result = command(*WORDS, "--quiet", "--out", str(folder), "--resume", "--scheduler", scheduler)
    assert result.exit_code == 0, result.output
    for name in ("sweep.csv", "samples.npz", "begun.json"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes(), name
    points = {path.name: path for path in (folder / "points").glob("*.json")}
    assert len(points) == 108
    for name, time_of in finished.items():
        assert points[name].stat().st_mtime_ns == time_of, f"{name} was computed again"
    ours, theirs = (json.loads((f / "sweep.json").read_text()) for f in (folder, whole))
    assert "--resume" not in ours.pop("command")
    assert ours == theirs


def test_a_finished_sweep_computes_nothing_again(digits, whole, monkeypatch):
    graph, data = digits
    before = {p: p.stat().st_mtime_ns for p in (whole / "points").iterdir()}
    content = (whole / "sweep.csv").read_bytes()
    monkeypatch.setattr("hwsim.sweeps.work.Sweeper.record", None)
    sweep(graph, "edge_os_16x16", data, directory=whole, resume=True, terms=TERMS, **SWEPT)
    assert {p: p.stat().st_mtime_ns for p in (whole / "points").iterdir()} == before
    assert (whole / "sweep.csv").read_bytes() == content


def altered(digits, what):
    """The arguments of a sweep that differs in one thing."""
    graph, data = digits
    machine, swept = hardware.load("edge_os_16x16"), dict(SWEPT)
    if what == "machine":
        machine = hardware.load("edge_os_16x16", ["bias.when=last"])
    elif what == "swept fields":
        swept["accumulator_bits"] = "12:21"
    elif what == "data":
        data = Data(np.roll(data.X, 1, axis=0), data.Y, data.name, data.sha256)
    elif what == "model":
        graph, data = models.load("seed_conv")
    return (graph, machine, data), swept


@pytest.mark.parametrize("what", ["machine", "swept fields", "data", "model"])
def test_another_sweep_is_not_resumed(what, digits, whole):
    arguments, swept = altered(digits, what)
    content = (whole / "sweep.csv").read_bytes()
    with pytest.raises(DataError) as refused:
        sweep(*arguments, directory=whole, resume=True, **swept)
    assert str(refused.value).startswith(f"--resume: {what} = ")
    assert "\n" not in str(refused.value)
    assert (whole / "sweep.csv").read_bytes() == content


def test_nothing_is_resumed_from_a_folder_without_a_sweep(digits, tmp_path):
    graph, data = digits
    with pytest.raises(DataError, match="must hold a sweep that was begun"):
        sweep(graph, "edge_os_16x16", data, directory=tmp_path, resume=True, **SWEPT)
    with pytest.raises(DataError, match="must be given"):
        sweep(graph, "edge_os_16x16", data, resume=True, **SWEPT)


def test_a_folder_with_other_things_is_left_alone(digits, tmp_path):
    graph, data = digits
    (tmp_path / "thesis.tex").write_text("all my work")
    with pytest.raises(DataError, match="must be empty or hold an earlier sweep"):
        sweep(graph, "edge_os_16x16", data, directory=tmp_path, accumulator_bits=20)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_new_sweep_takes_the_place_of_an_earlier_one(digits, tmp_path):
    graph, data = digits
    for bits in ("12:14", "30"):
        sweep(graph, "edge_os_16x16", data, directory=tmp_path, accumulator_bits=bits)
    assert len(list((tmp_path / "points").iterdir())) == 1
    assert (tmp_path / "sweep.csv").read_text().count("\n30,") == len(graph.mac_nodes)
