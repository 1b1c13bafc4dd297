"""What the commands print: results to stdout, errors and progress to stderr."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import typer
from typer.core import TyperGroup

from hwsim.errors import HwsimError

INTERRUPTED = 128 + signal.SIGINT
Progress = Callable[[int, int, str], None]


class Format(StrEnum):
    """How a command prints its result."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class RunFormat(StrEnum):
    """How ``run`` prints its result."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    JUNIT = "junit"


class OneLineErrors(TyperGroup):
    """Failures of every command: a line each and an exit code; a defect keeps its traceback."""

    def make_context(self, *words: Any, **options: Any) -> Any:
        """Read the command line."""
        with one_line_errors():
            return super().make_context(*words, **options)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with one_line_errors():
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn failures that a user can mend into a line on stderr and an exit code."""
    try:
        yield
    except HwsimError as error:
        raise _stop(str(error), error.exit_code) from None
    except KeyboardInterrupt:
        raise _stop("interrupted", INTERRUPTED) from None
    except OSError as error:
        _abandon_stdout()
        if error.errno == errno.EPIPE:  # the reader has seen enough: `hwsim hw list | head -1`
            raise typer.Exit(0) from None
        where = error.filename or "writing"
        raise _stop(f"{where}: {error.strerror or error}", HwsimError.exit_code) from None


def _stop(message: str, code: int) -> typer.Exit:
    print(message, file=sys.stderr)
    return typer.Exit(code)


def _abandon_stdout() -> None:
    """What could not be written must not be tried again when Python exits."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, sys.stdout.fileno())
    os.close(sink)


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Progress | None]:
    """A bar on stderr, as ``progress(done, total, layer)``; None where nobody watches."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("")
        yield lambda done, total, layer: bar.update(
            task, completed=done, total=total, description=layer
        )


def print_rich(renderable: Any) -> None:
    """A table, in the terminal's width; 100 characters where there is none."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else 100, highlight=False).print(renderable)


def print_json(value: Any) -> None:
    """Readable JSON."""
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def print_rows(rows: Sequence[Mapping[str, Any]], form: Format) -> None:
    """Flat rows of equal keys, in the form asked for."""
    if form is Format.JSON:
        print_json(rows)
    elif form is Format.CSV:
        from hwsim.report.tables import csv_text

        header = list(rows[0]) if rows else []
        print(csv_text(header, [[_plain(value) for value in row.values()] for row in rows]), end="")
    else:
        from rich.table import Table

        table = Table(*(rows[0] if rows else ()), box=None, header_style="bold", pad_edge=False)
        for row in rows:
            table.add_row(*(_plain(value) for value in row.values()))
        print_rich(table)


def flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted keys.

    >>> flat({"name": "conv1", "width": {"type_bits": 23}})
    {'name': 'conv1', 'width.type_bits': 23}
    """
    result: dict[str, Any] = {}
    for key, value in row.items():
        result |= (
            flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
        )
    return result


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
