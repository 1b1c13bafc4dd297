"""Containers that are broken, hostile or damaged."""

import io
import zipfile

import numpy as np
import pytest
from importers.npz_cases import refused, rewritten

from hwsim.errors import ModelError
from hwsim.importers import arrays, npz


def test_pickled_array_is_refused_unread(tmp_path):
    path = tmp_path / "m.npz"

    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    np.savez(path, graph=np.array([Bomb()], object))
    refused(path, r"graph.dtype = object: must be boolean, integer or float")


def member(header_shape, content=b"", compression=zipfile.ZIP_DEFLATED, name="w.npy"):
    """An .npz of one int8 array whose header says what we like."""
    body = io.BytesIO()
    header = {"descr": "|i1", "fortran_order": False, "shape": header_shape}
    np.lib.format.write_array_header_1_0(body, header)
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", compression) as archive:
        archive.writestr(name, body.getvalue() + content)
    return whole.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "file = m.npz: must be an .npz"),
        (b"PK", "file = m.npz: must be a whole zip"),
        (b"\x80\x04N.", "file = m.npz: must be an .npz"),
        (member((1 << 40,), b"12"), r"w.shape = .* must take the 2 bytes there are"),
        (member((1 << 62, 1 << 62)), "w.shape"),
        (member((2,), b"1"), "must take the 1 bytes there are"),
        (member((1,), b"12"), "must take the 2 bytes there are"),
        (member((-1, -1), b"1"), "w = header: must be of .npy version 1 or 2: shape"),
        (member((1,) * 40, b"1"), "w = header"),
        (member((1,), b"1", zipfile.ZIP_BZIP2), "w = compressed: must be stored or deflated"),
        (member((1,), b"1", name="w.txt"), "member = 'w.txt': must end in .npy"),
        (member((1,), b"1", name="../w.npy"), "graph = absent: must be there, or w for a file of"),
        (member((1,), b"1", name="a\nb.npy"), r"member = 'a\\nb': must be printable"),
    ],
)
def test_broken_container_is_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "m.npz"
    path.write_bytes(content)
    refused(path, message)


def test_compression_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "MAX_BYTES", 1 << 20)
    path = tmp_path / "m.npz"
    np.savez_compressed(path, w=np.zeros(1 << 19, np.int8), a=np.zeros((1 << 19) + 1, np.int8))
    assert path.stat().st_size < 1 << 14
    refused(path, r"a.shape = \(524289,\): must fit 1048576 bytes \(all arrays together\)")


def test_missing_file_and_folder_are_refused_in_one_line(tmp_path):
    refused(tmp_path / "none.npz", "must be readable: No such file or directory")
    refused(tmp_path, "must be readable: Is a directory")


def test_member_twice_is_refused(tmp_path):
    path = tmp_path / "m.npz"
    body = io.BytesIO()
    np.save(body, np.zeros(1, np.int8))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w.npy", body.getvalue())
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("w.npy", body.getvalue())
    refused(path, "member = 'w': must be there once")


@pytest.mark.parametrize("compressed", [False, True])
def test_any_changed_byte_is_refused_or_harmless(tmp_path, compressed):
    """400 damaged files: each loads or says one line; nothing else gets out."""
    whole = rewritten(tmp_path)
    if compressed:
        np.savez_compressed(whole, **dict(np.load(whole)))
    good, random = whole.read_bytes(), np.random.default_rng(7)
    outcomes = []
    for _ in range(400):
        damaged = bytearray(good)
        for place in random.integers(0, len(good), random.integers(1, 4)):
            damaged[place] = random.integers(0, 256)
        if random.random() < 0.2:
            del damaged[random.integers(0, len(good)) :]
        whole.write_bytes(damaged)
        try:
            npz.load(whole)
            outcomes.append("")
        except ModelError as error:
            outcomes.append(str(error))
    said = [line for line in outcomes if line]
    assert len(said) > 300
    assert all(line.startswith(f"{whole}: ") for line in said)
