"""hwsim vectors: where bundles go, and what is refused in one line with exit code 2."""

import pytest
from cli.runner import hwsim

from hwsim.vectors.reading import check_files, load

SMALL = ["--set", "array.rows=4", "--set", "array.cols=4"]


def test_every_layer_gets_a_bundle(tmp_path):
    words = ["--data", "random", "--limit", "2", "--out", str(tmp_path / "D")]
    result = hwsim("vectors", "seed_conv", *SMALL, *words)
    assert result.exit_code == 0, result.stderr
    folders = sorted((tmp_path / "D").iterdir())
    assert len(result.stdout.splitlines()) == len(folders) >= 1
    for folder in folders:
        manifest = load(folder)
        check_files(folder, manifest)
        assert len(manifest.runs) == 2
        assert f"Bundle: {folder}  {manifest.layer}: 2 runs" in result.stdout


def test_one_layer_goes_to_traces_by_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = hwsim("vectors", "--layer", "fc6", *SMALL)
    assert result.exit_code == 0, result.stderr
    assert [path.name for path in (tmp_path / "traces").iterdir()] == ["digits--edge_ws_16x16--fc6"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--layer", "fc7"], "--layer: name = fc7: must be one of"),
        (["--layer", "pool5"], "pool5: op = average_pool_2d: must be a layer of MACs"),
        (["--hw", "tosa", "--layer", "fc6"], "tosa: array.dataflow = none: has no RTL"),
        (["--waves", "0:9", "--layer", "fc6"], "--waves: folds = 0:9: must lie in 0:"),
        (["--waves", "0:9"], "--waves: folds = 0:9: must lie in 0:"),
        (["--stage", "narrow", "--layer", "fc6"], "requantize.narrow = None"),
    ],
)
def test_what_has_no_bundle_is_refused_in_one_line(words, says, tmp_path):
    result = hwsim("vectors", "digits", *words, "--out", str(tmp_path / "B"))
    assert result.exit_code == 2
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "B").exists()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    result = hwsim("vectors", "--layer", "fc6", *SMALL, "--out", str(tmp_path / "file" / "B"))
    assert result.exit_code == 2
    assert "cannot be written: Not a directory" in result.stderr
    assert len(result.stderr.splitlines()) == 1
