"""What the commands print: results to stdout, errors and progress to stderr."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import typer
from typer.core import TyperGroup

from hwsim.cli_interrupt import INTERRUPTED, take_interrupt, was_interrupted
from hwsim.errors import HwsimError

ARGUMENTS = "hwsim.arguments"  # where a context keeps the words of the command line
BARE = {"--causes": "32"}  # options that may stand without their number, and what it is then
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

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Read the command line, and keep it: a run's summary says how to reproduce it."""
        arguments = list(args)
        with one_line_errors():
            context = super().make_context(info_name, with_values(args), parent, **extra)
            context.meta[ARGUMENTS] = arguments
            return context

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with one_line_errors():
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result


def with_values(arguments: Sequence[str]) -> list[str]:
    """The words of a command line, options that stand alone with their number.

    >>> with_values(["run", "--causes", "--quiet"]), with_values(["run", "--causes", "8"])
    (['run', '--causes', '32', '--quiet'], ['run', '--causes', '8'])
    """
    found = []
    for word, following in zip(arguments, [*arguments[1:], ""], strict=False):
        found.append(word)
        if word in BARE and not following.lstrip("-").isdigit():
            found.append(BARE[word])
    return found


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn failures that a user can mend into a line on stderr and an exit code."""
    try:
        yield
    except HwsimError as error:
        raise _stop(str(error), error.exit_code) from None
    except KeyboardInterrupt:
        raise _interrupted() from None
    except OSError as error:
        _abandon_stdout()
        if error.errno == errno.EPIPE:  # the reader has seen enough: `hwsim hw list | head -1`
            raise typer.Exit(0) from None
        where = error.filename or "writing"
        raise _stop(f"{where}: {error.strerror or error}", HwsimError.exit_code) from None
    except Exception:
        if was_interrupted():  # lost in a callback of the compiler, which then failed
            raise _interrupted() from None
        raise


def _interrupted() -> typer.Exit:
    take_interrupt()
    return _stop("interrupted", INTERRUPTED)


def _stop(message: str, code: int) -> typer.Exit:
    print(message, file=sys.stderr)
    return typer.Exit(code)


def _abandon_stdout() -> None:
    """What could not be written must not be tried again when Python exits."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, sys.stdout.fileno())
    os.close(sink)


@contextmanager
def progress_bar(quiet: bool, *, time_left: bool = False) -> Iterator[Progress | None]:
    """A bar on stderr, as ``progress(done, total, layer)``; None where nobody watches.

    ``time_left`` : show how long it will take, beside how long it took.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich import progress
    from rich.console import Console

    columns = [
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TimeElapsedColumn(),
    ]
    if time_left:
        columns += [progress.TextColumn("left"), progress.TimeRemainingColumn()]
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
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
    """Rows as JSON, or as CSV with a column for every number that any row has."""
    if form is Format.JSON:
        print_json(rows)
        return
    from hwsim.report.tables import csv_text

    table = [flat(row) for row in rows]
    header = list(dict.fromkeys(key for row in table for key in row))
    print(csv_text(header, [[_plain(row.get(key)) for key in header] for row in table]), end="")


def flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings, also in lists, as dotted keys.

    >>> flat({"name": "conv1", "width": {"type_bits": 23}, "inputs": [{"name": "x"}]})
    {'name': 'conv1', 'width.type_bits': 23, 'inputs.0.name': 'x'}
    """
    result: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            value = dict(zip(map(str, range(len(value))), value, strict=True))
        result |= (
            flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
        )
    return result


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ("; " if any(isinstance(item, str) for item in value) else " ").join(map(str, value))
    return str(value)
