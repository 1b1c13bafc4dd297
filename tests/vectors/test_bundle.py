"""Bundles as folders: digests, reproducibility, refusals, and what an untrusted one may not do."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import hwsim
from hwsim.errors import DataError, UnsupportedError
from hwsim.report import files as report_files
from hwsim.vectors.manifest import Manifest, manifest_bytes
from hwsim.vectors.reading import check_files, load, read_lanes

SMALL = ["array.rows=4", "array.cols=4"]
LAYER = "fc6"
WRITE = """
import sys, hwsim
machine = hwsim.load_hardware("edge_ws_16x16", ["array.rows=4", "array.cols=4"])
hwsim.write_vectors(hwsim.load_model("digits"), machine, "fc6", sys.argv[1], directed=True, seed=3)
"""


def write(folder, *words, name="edge_ws_16x16", layer=LAYER, **more):
    machine = hwsim.load_hardware(name, [*SMALL, *words])
    return hwsim.write_vectors(hwsim.load_model("digits"), machine, layer, folder, **more)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle") / "B"
    write(folder, directed=True, seed=3)
    return folder


@pytest.fixture
def bundle(written, tmp_path):
    """A copy that a test may spoil."""
    for path in written.rglob("*"):
        if path.is_file():
            target = tmp_path / "B" / path.relative_to(written)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return tmp_path / "B"


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_manifest_names_every_file_with_its_digest(written):
    found = contents(written)
    entries = json.loads(found.pop("manifest.json"))["files"]
    assert entries.keys() == found.keys()
    for path, content in found.items():
        assert entries[path]["sha256"] == hashlib.sha256(content).hexdigest(), path
        assert entries[path]["bytes"] == len(content)
        assert entries[path]["description"]


def test_a_bundle_reads_back(written):
    manifest = load(written)
    check_files(written, manifest)
    assert manifest_bytes(manifest) == (written / "manifest.json").read_bytes()
    assert manifest.layer == LAYER
    assert manifest.runs[0].name == "image_0"
    assert read_lanes(written, manifest, "output").shape == (manifest.words("output").count, 4)


def test_directed_runs_stand_behind_the_images(written):
    names = [run.name for run in load(written).runs]
    assert names[0] == "image_0"
    assert names[1:]
    assert all(name.startswith("directed_") for name in names[1:])


def test_a_bundle_names_no_folder_of_this_machine(written):
    home = str(Path(hwsim.__file__).parent.parent).encode()
    found = contents(written)
    assert not [path for path, content in found.items() if home in content or b"/tmp/" in content]


def test_another_process_with_other_hashes_writes_the_same_bytes(written, tmp_path):
    other = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    environment = {**os.environ, "PYTHONHASHSEED": other}
    command = [sys.executable, "-c", WRITE, str(tmp_path / "B")]
    subprocess.run(command, check=True, env=environment, cwd=tmp_path)
    assert contents(tmp_path / "B") == contents(written)


@pytest.mark.parametrize("path", ["data/output.hex", "data/vectors.npz", "Makefile"])
def test_one_changed_bit_is_found(bundle, path):
    content = bytearray((bundle / path).read_bytes())
    content[-2] ^= 1
    (bundle / path).write_bytes(content)
    with pytest.raises(DataError, match=rf"{path}: sha256 = .*: the file was changed"):
        check_files(bundle, load(bundle))


def test_a_file_that_is_absent_or_longer_is_found(bundle):
    manifest = load(bundle)
    with (bundle / "data/output.hex").open("ab") as file:
        file.write(b"00\n")
    with pytest.raises(DataError, match=r"output\.hex: bytes = \d+: must be \d+"):
        read_lanes(bundle, manifest, "output")
    (bundle / "data/output.hex").unlink()
    with pytest.raises(DataError, match="file = absent"):
        read_lanes(bundle, manifest, "output")
    with pytest.raises(DataError, match=r"must be one of .*accumulator"):
        read_lanes(bundle, manifest, "nothing")


def changed(bundle, change):
    path = bundle / "manifest.json"
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda v: v.update(schema="hwsim.vectors/2"), "schema = 'hwsim.vectors/2': must be"),
        (lambda v: v.pop("schema"), "schema = None: must be 'hwsim.vectors/1'"),
        (lambda v: v.pop("layer"), "layer"),
        (lambda v: v.update(more=1), "more = 1"),
        (lambda v: v.update(runs=[]), "runs"),
        (lambda v: v["files"].update({"../x": v["files"]["Makefile"]}), "files"),
        (lambda v: v["files"].update({"/etc/passwd": v["files"]["Makefile"]}), "files"),
        (lambda v: v["files"].update({"a/../../x": v["files"]["Makefile"]}), "files"),
        (lambda v: v["files"].update({"a\nb": v["files"]["Makefile"]}), "files"),
        (lambda v: v["files"]["data/output.hex"].update(count=1 << 50), "count"),
        (lambda v: v["files"]["data/output.hex"].update(lanes=3), "lanes * lane_bits"),
        (lambda v: v["files"]["data/output.hex"].update(width="8"), "width"),
        (lambda v: v["files"]["data/output.hex"].pop("count"), "go together"),
        (lambda v: v["files"]["data/channel.hex"]["fields"].pop(), "add up to width"),
    ],
)
def test_a_manifest_that_is_none_is_refused_in_one_line(bundle, change, says):
    changed(bundle, change)
    with pytest.raises(DataError) as refusal:
        load(bundle)
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"[" * 100_000, b"\xff\xfe", b"1" * 5000])
def test_a_manifest_that_is_no_json_object_is_refused(bundle, content):
    (bundle / "manifest.json").write_bytes(content)
    with pytest.raises(DataError, match=r"manifest\.json: "):
        load(bundle)


def test_a_link_out_of_the_bundle_is_not_followed(bundle, tmp_path):
    outside = tmp_path / "outside"
    outside.write_bytes((bundle / "Makefile").read_bytes())
    (bundle / "Makefile").unlink()
    (bundle / "Makefile").symlink_to(outside)
    with pytest.raises(DataError, match="must stay inside the bundle"):
        check_files(bundle, load(bundle))


def test_an_older_bundle_is_replaced_and_another_folder_is_not(tmp_path):
    folder = tmp_path / "B"
    write(folder)
    (folder / "build").mkdir()
    write(folder)
    assert not (folder / "build").exists()
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(DataError, match="must be empty or hold an earlier vector bundle"):
        write(folder)
    assert (folder / "manifest.json").read_text() == "{}"


def test_a_disk_that_is_full_leaves_the_older_bundle(tmp_path, monkeypatch):
    write(tmp_path / "B")
    before = contents(tmp_path / "B")

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DataError, match="B: cannot be written: No space left on device"):
        write(tmp_path / "B")
    monkeypatch.undo()
    assert contents(tmp_path / "B") == before
    assert [path.name for path in tmp_path.iterdir()] == ["B"]


def test_a_scheme_without_rtl_is_refused_by_name(tmp_path):
    machine = hwsim.load_hardware("edge_ws_16x16", SMALL)
    real = hwsim.load_hardware("onnxruntime").requantize
    machine = machine.model_copy(update={"requantize": real})
    with pytest.raises(
        UnsupportedError, match=r"requantize\.scheme = float\w+: has no RTL"
    ) as seen:
        hwsim.write_vectors(hwsim.load_model("digits"), machine, LAYER, tmp_path / "B")
    assert "\n" not in str(seen.value)
    assert not (tmp_path / "B").exists()


def test_a_runtime_is_refused_by_name(tmp_path):
    with pytest.raises(UnsupportedError, match=r"tosa: array\.dataflow = none: has no RTL"):
        hwsim.write_vectors(hwsim.load_model("digits"), "tosa", LAYER, tmp_path / "B")


def test_a_bundle_of_a_stage_is_the_codes_of_the_layer(tmp_path):
    manifest = write(tmp_path / "B", stage="requantize")
    assert manifest.kind == "requantize"
    assert not {"activations", "weights", "chain", "clocks"} & set(manifest.stems())
    check_files(tmp_path / "B", manifest)


def test_registers_are_kept_for_the_first_clocks_where_there_is_no_room(tmp_path, monkeypatch):
    whole = write(tmp_path / "W")
    monkeypatch.setattr("hwsim.vectors.stages.MOST_CLOCK_BITS", whole.clocks_width * 7 + 1)
    cut = write(tmp_path / "B")
    assert cut.words("clocks").count == cut.runs[0].clocks.count == 7
    assert cut.clocks_total == whole.words("clocks").count > 7
    assert "the first 7 only" in cut.words("clocks").order
    head = (tmp_path / "W/data/clocks.hex").read_bytes().splitlines()[:7]
    assert (tmp_path / "B/data/clocks.hex").read_bytes().splitlines() == head
    assert cut.words("left").count == 7


def test_the_model_is_a_part_of_the_manifest(written):
    value = json.loads((written / "manifest.json").read_text())
    assert Manifest.model_validate(value).machine["array"]["rows"] == 4
    canonical = json.dumps(value["machine"], sort_keys=True, separators=(",", ":"))
    assert value["machine_sha256"] == hashlib.sha256(canonical.encode()).hexdigest()
    assert report_files.is_run_directory(written, "manifest.json")
