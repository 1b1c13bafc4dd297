"""hwsim report: a run, a sweep, two runs; and what it refuses."""

import pytest
from cli.runner import hwsim
from report import sweep_folders
from report.summaries import nine_with_overflow, one_layer

from hwsim.report import files


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    summary, details = nine_with_overflow()
    for name in ("a", "b"):
        files.write_file(tmp_path / name / "summary.json", files.json_bytes(summary))
        files.write_file(tmp_path / name / "details.npz", files.npz_bytes(details))
    return tmp_path


def test_report_renders_every_folder(runs):
    sweep_folders.write(runs / "sweep", sweep_folders.WIDTHS)
    result = hwsim("report", "a", "sweep")
    assert (result.exit_code, result.stdout) == (
        0, "Rendered a/report.html\nRendered sweep/report.html\n",
    )  # fmt: skip
    assert (runs / "a" / "report.html").is_file()
    assert "How narrow can it be?" in (runs / "sweep" / "report.html").read_text(encoding="utf-8")


def test_compare_writes_one_page(runs):
    result = hwsim("report", "--compare", "a", "b")
    assert (result.exit_code, result.stdout) == (0, "Report: reports/a--and--b.html\n")
    assert (runs / "reports" / "a--and--b.html").is_file()
    result = hwsim("report", "--compare", "a", "b", "--out", "x/y.html")
    assert (result.exit_code, result.stdout) == (0, "Report: x/y.html\n")
    assert (runs / "x" / "y.html").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--compare", "a"], "--compare: folders = 1: must be two\n"),
        (["--compare", "a", "b", "a"], "--compare: folders = 3: must be two\n"),
        (["a", "--out", "x.html"], "--out: file = x.html: goes with --compare\n"),
        (["--compare", "a", "none"], "none/summary.json: cannot be read: No such file or "
         "directory: run `hwsim run` first\n"),
        (["none"], "none/summary.json: cannot be read: No such file or directory: run "
         "`hwsim run` first\n"),
        (["--compare", "a", "other"],
         "--compare: models = digits and else: must have layers of the same names\n"),
    ],
)  # fmt: skip
def test_report_refuses_in_one_line(runs, words, message):
    summary, _ = one_layer()
    summary["model"], summary["layers"][0]["name"] = "else", "elsewhere"
    files.write_file(runs / "other" / "summary.json", files.json_bytes(summary))
    result = hwsim("report", *words)
    assert (result.exit_code, result.stderr) == (2, message)
    assert not (runs / "reports").exists()
