"""A sweep's folder: every finished point on its own, so that a killed sweep goes on.

::

    DIR/begun.json             what the sweep is made of: digests of model, data, machine, fields,
                               and hwsim's sources
    DIR/points/<key>.json      one finished point
    DIR/sweep.csv sweep.json samples.npz    the result, once all points are there
    DIR/recommended*.yaml recommended*.svh  machines that keep the budget

Every file is written under a temporary name and renamed: one that is there is whole.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwsim.errors import DataError
from hwsim.report.files import json_bytes, remove_file, write_file
from hwsim.sweeps.points import Point
from hwsim.sweeps.results import Record
from hwsim.sweeps.work import Work

BEGUN, POINTS = "begun.json", "points"
PAGE, PLOTS = "report.html", "plots"  # which report/sweep_render.py writes
RESULTS = ("sweep.csv", "sweep.json", "samples.npz")
_STEMS = ("recommended", "recommended_per_layer")
MACHINES = tuple(f"{stem}.{kind}" for stem in _STEMS for kind in ("yaml", "svh"))
SCHEMA = "hwsim.sweep-begun/1"
_SHOWN = {"hwsim": "hwsim's sources", "fields": "swept fields"}


@dataclass(frozen=True)
class Folder:
    """Where one sweep is kept."""

    path: Path

    @classmethod
    def begin(cls, path: Path, work: Work, *, resume: bool) -> Folder:
        """Make the folder ready: as it was left, under ``resume``, else empty.

        Raises
        ------
        DataError
            It holds something that is no sweep, or another sweep than the one to resume.
        """
        folder = cls(path)
        found = folder._begun()
        if resume:
            folder._check_same(found, work)
        else:
            if found is None and path.exists() and (not path.is_dir() or any(path.iterdir())):
                must = "must be empty or hold an earlier sweep"
                raise DataError.at(str(path), "content", "not a sweep of hwsim", must)
            folder._clear()
            begun = {"schema": SCHEMA, "digests": work.digests}
            write_file(path / BEGUN, json_bytes(begun))
        return folder

    def _begun(self) -> dict[str, str] | None:
        """Digests of the sweep that was begun here, or None."""
        try:
            begun = json.loads((self.path / BEGUN).read_bytes())
            digests = begun["digests"] if begun["schema"] == SCHEMA else None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return digests if isinstance(digests, dict) else None

    def _check_same(self, found: Mapping[str, str] | None, work: Work) -> None:
        if found is None:
            must = "must hold a sweep that was begun"
            raise DataError.at("--resume", "folder", self.path, must)
        for name, own in work.digests.items():
            if found.get(name) != own:
                what, was = _SHOWN.get(name, name), str(found.get(name))[:16]
                must = f"must be as in {self.path}, {was}: that sweep was begun with another"
                raise DataError.at("--resume", what, own[:16], must)

    def _clear(self) -> None:
        """Take an earlier sweep away: its name first, so that a half-cleared one is none."""
        for name in (*RESULTS, *MACHINES, PAGE, BEGUN):
            remove_file(self.path / name)
        for name in (POINTS, PLOTS):
            _remove_tree(self.path / name)

    def finished(self, points: list[Point]) -> dict[int, Record]:
        """Points that are there, by number."""
        there = {name.removesuffix(".json") for name in self._names()}
        found = {}
        for number, point in enumerate(points):
            if point.key in there:
                content = (self.path / POINTS / f"{point.key}.json").read_bytes()
                found[number] = json.loads(content)
        return found

    def _names(self) -> list[str]:
        try:
            return os.listdir(self.path / POINTS)
        except FileNotFoundError:
            return []

    def keep(self, point: Point, record: Record) -> None:
        """One finished point."""
        write_file(self.path / POINTS / f"{point.key}.json", json_bytes(record))

    def write(self, contents: Mapping[str, bytes]) -> None:
        """The result."""
        for name, content in contents.items():
            write_file(self.path / name, content)


def _remove_tree(path: Path) -> None:
    """A folder, where it is."""
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{path}: cannot be removed: {reason}") from error


def is_sweep(folder: Path) -> bool:
    """Whether a folder holds a finished sweep.

    >>> is_sweep(Path("nowhere"))
    False
    """
    try:
        manifest: Any = json.loads((folder / "sweep.json").read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and str(manifest.get("schema", "")).startswith("hwsim.sweep/")
