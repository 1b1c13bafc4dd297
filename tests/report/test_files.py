"""Whole or not at all: what a failing disk leaves behind."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from report.summaries import one_layer

from hwsim.errors import DataError
from hwsim.report import files, render


def write(folder, **more):
    summary, details = one_layer()
    render.write_run(folder, {**summary, **more}, details, "name: edge\n", {"y": np.arange(3)})


def stop_rendering(monkeypatch):
    monkeypatch.setattr(render, "_draw", lambda folder, summary, details: None)


def no_space(*_args, **_kwargs):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("function", [(os, "replace"), (Path, "open"), (Path, "mkdir")])
def test_full_disk_leaves_nothing_and_says_one_line(tmp_path, monkeypatch, function):
    stop_rendering(monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(*function, no_space)
        with pytest.raises(DataError) as refusal:
            write(tmp_path / "run")
    assert len(str(refusal.value).splitlines()) == 1
    assert "No space left on device" in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


def test_failed_replacement_keeps_the_earlier_run(tmp_path, monkeypatch):
    stop_rendering(monkeypatch)
    write(tmp_path / "run", model="first")
    replace, calls = os.replace, []

    def fail_at_last(source, target):
        if Path(target) == tmp_path / "run":
            calls.append(source)
            no_space()
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail_at_last)
        with pytest.raises(DataError, match="No space left"):
            write(tmp_path / "run", model="second")
    assert len(calls) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert json.loads((tmp_path / "run/summary.json").read_text())["model"] == "first"


def test_interrupted_filling_leaves_nothing(tmp_path):
    def fill(folder):
        (folder / "half").write_text("x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write_folder(tmp_path / "run", fill)
    assert list(tmp_path.iterdir()) == []


def test_earlier_run_is_replaced_whole(tmp_path, monkeypatch):
    stop_rendering(monkeypatch)
    write(tmp_path / "run")
    (tmp_path / "run/stale.txt").write_text("of the first run")
    write(tmp_path / "run", model="second")
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert names == ["details.npz", "machine.yaml", "outputs.npz", "summary.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_empty_directory_is_taken(tmp_path, monkeypatch):
    stop_rendering(monkeypatch)
    (tmp_path / "run").mkdir()
    write(tmp_path / "run")
    assert files.is_run_directory(tmp_path / "run")


@pytest.mark.parametrize("content", ["{}", "not json", "[1]", '{"schema": 1}'])
def test_foreign_directory_is_never_replaced(tmp_path, monkeypatch, content):
    stop_rendering(monkeypatch)
    (tmp_path / "summary.json").write_text(content)
    with pytest.raises(DataError, match="must be empty or hold an earlier run"):
        write(tmp_path)
    assert (tmp_path / "summary.json").read_text() == content
    assert len(list(tmp_path.iterdir())) == 1


def test_file_in_the_way_is_never_replaced(tmp_path, monkeypatch):
    stop_rendering(monkeypatch)
    (tmp_path / "run").write_text("mine")
    with pytest.raises(DataError, match="must be a directory"):
        write(tmp_path / "run")
    assert (tmp_path / "run").read_text() == "mine"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float64("nan")])
def test_no_number_is_refused_in_json(tmp_path, value):
    with pytest.raises(DataError, match="null stands for no number"):
        write(tmp_path / "run", time_s=value)
    assert list(tmp_path.iterdir()) == []


def test_extra_files_are_part_of_the_whole(tmp_path, monkeypatch):
    stop_rendering(monkeypatch)
    summary, details = one_layer()
    render.write_run(
        tmp_path / "run", summary, details, "", {},
        extra=lambda folder: files.write_file(folder / "trace/events.npz", b"x"),
    )  # fmt: skip
    assert (tmp_path / "run/trace/events.npz").read_bytes() == b"x"


def test_arrays_of_any_name_come_back(tmp_path):
    arrays = {"file": np.arange(4), "a/b;c": np.ones((2, 3)), "../up": np.zeros(0, np.int8)}
    (tmp_path / "x.npz").write_bytes(files.npz_bytes(arrays))
    with np.load(tmp_path / "x.npz", allow_pickle=False) as found:
        assert set(found.files) == set(arrays)
        for name, array in arrays.items():
            assert found[name].dtype == array.dtype
            assert np.array_equal(found[name], array)


def test_objects_are_never_pickled():
    with pytest.raises(ValueError, match="allow_pickle"):
        files.npz_bytes({"x": np.array([object()])})
