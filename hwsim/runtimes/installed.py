"""What every driver needs: its package, or one line that says how to get it."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from hwsim.errors import UnsupportedError


def required(module: str, package: str) -> Any:
    """A module of an optional package.

    Raises
    ------
    UnsupportedError
        The package is absent.

    Examples
    --------
    >>> required("no_such_runtime.interpreter", "no-such-runtime")
    Traceback (most recent call last):
    hwsim.errors.UnsupportedError: runtime: package = no-such-runtime: must be installed: ...
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        must = f"must be installed: pip install {package}"
        raise UnsupportedError.at("runtime", "package", package, must) from None


def version_of(package: str) -> str:
    """Package and version, ``absent`` where it is not installed.

    >>> version_of("no-such-runtime")
    'no-such-runtime absent'
    """
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return f"{package} absent"


@contextmanager
def refusals(package: str, path: Path) -> Iterator[None]:
    """What a runtime says against a model file becomes one line."""
    try:
        yield
    except (RuntimeError, ValueError, TypeError) as reason:
        words = (str(reason).splitlines() or [type(reason).__name__])[0][:160].rstrip(".")
        must = f"is refused by {version_of(package)}: {words}"
        raise UnsupportedError.at("runtime", "model", path, must) from None


@contextmanager
def silent() -> Iterator[None]:
    """Nothing on stderr from a library's own code: what goes wrong is raised as well."""
    sys.stderr.flush()
    kept, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)
