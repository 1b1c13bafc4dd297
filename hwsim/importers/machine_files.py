"""Where machines' YAML files are: names of shipped ones, bytes of any.

Imports nothing heavy, so that ``hwsim hw list`` answers at once.
"""

from __future__ import annotations

import difflib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from hwsim.errors import ConfigError
from hwsim.importers.strict_yaml import MAX_BYTES


def folder() -> Traversable:
    """Shipped machines: inside the installed package, else ``hw_configs`` of the repository."""
    packaged = files("hwsim").joinpath("hw_configs")
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "hw_configs"


def names() -> list[str]:
    """Names of the shipped machines, sorted."""
    return sorted(
        item.name.removesuffix(".yaml")
        for item in folder().iterdir()
        if item.name.endswith(".yaml")
    )


def summary(name: str) -> str:
    """First comment line of a shipped machine's file: what it is."""
    text = folder().joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return text.partition("\n")[0].lstrip("# ")


def find(name_or_path: str | Path, beside: str | Path | None = None) -> Traversable:
    """The file of a machine.

    Parameters
    ----------
    name_or_path : str or Path
        A shipped machine's name, or a path (a `Path`, or text with a separator or a YAML suffix,
        or the name of an existing file).
    beside : str or Path, optional
        Folder that a relative path starts from; the current one by default.

    Raises
    ------
    ConfigError
        There is no such machine or file.
    """
    text = str(name_or_path)
    is_path = isinstance(name_or_path, Path) or "/" in text or "\\" in text
    is_path = is_path or text.endswith((".yaml", ".yml"))
    if not is_path and text in names():
        return folder().joinpath(f"{text}.yaml")
    path = Path(beside or ".") / text
    if path.is_file() or path.is_fifo():
        return path
    if is_path:
        found = "no regular file" if path.exists() else "missing"
        raise ConfigError.at(text, "file", found, "must be a machine's YAML file")
    close = difflib.get_close_matches(text, names(), 1)
    hint = f"; perhaps {close[0]}" if close else ""
    raise ConfigError.at(
        "hardware", "name", text, f"must be a file or one of {', '.join(names())}{hint}"
    )


def read(file: Traversable) -> bytes:
    """Bytes of a machine's file; never more than one over the limit.

    Raises
    ------
    ConfigError
        The file cannot be read.
    """
    try:
        with file.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError.at(str(file), "file", error.strerror, "must be readable") from None
