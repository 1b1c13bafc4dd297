"""Reading a VCD as a testbench samples it: the values that stand at each rising edge of a clock.

A change written at the time of the edge itself happens after it, as non-blocking assignments do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hwsim.errors import DataError

CHANGE = re.compile(r"([01xXzZ])(\S+)|[bB]([01xXzZ]+)\s+(\S+)")
TIME = ""  # no signal's code
CLOCKS = ("clk", "clock", "aclk", "clk_i")
INDEX = re.compile(r"\s*\[\d+(:\d+)?\]$")
Sample = dict[str, int | None]


@dataclass(frozen=True)
class Signal:
    """``name``: scopes and name, dots between; ``code``: what changes call it; ``bits``."""

    name: str
    code: str
    bits: int


@dataclass(frozen=True)
class Wave:
    """A VCD: its signals; its changes are read by `samples`."""

    path: Path
    signals: dict[str, Signal]

    def find(self, name: str) -> Signal:
        """`shortest`.

        Raises
        ------
        DataError
            There is none.
        """
        found = self.shortest(name)
        if found is None:
            close = sorted(path for path in self.signals if name.split(".")[-1] in path)[:5]
            must = f"must be a signal, like {', '.join(close or sorted(self.signals)[:5])}"
            raise DataError.at(str(self.path), "signal", name, must)
        return found

    def shortest(self, name: str) -> Signal | None:
        """The signal of that name, else of the shortest name that ends with it, else None."""
        if name in self.signals:
            return self.signals[name]
        found = [one for path, one in self.signals.items() if path.endswith(f".{name}")]
        return min(found, key=lambda one: (one.name.count("."), one.name), default=None)

    def beside(self, signal: Signal, name: str) -> Signal | None:
        """The signal ``name`` in the scope of ``signal``, or in the nearest one above."""
        scope = signal.name.rpartition(".")[0]
        while scope:
            if f"{scope}.{name}" in self.signals:
                return self.signals[f"{scope}.{name}"]
            scope = scope.rpartition(".")[0]
        return None

    def clock_of(self, signal: Signal) -> Signal:
        """The clock beside a signal."""
        for name in CLOCKS:
            clock = self.beside(signal, name)
            if clock is not None:
                return clock
        must = f"must have a clock beside it: {', '.join(CLOCKS)}"
        raise DataError.at(str(self.path), "signal", signal.name, must)

    def samples(self, clock: Signal, wanted: Iterable[Signal]) -> Iterator[tuple[int, Sample]]:
        """(time, values) at each rising edge of ``clock``; None: an unknown bit, or no value yet.

        The dictionary is the same object each time.
        """
        names: dict[str, list[str]] = {}
        for signal in wanted:
            names.setdefault(signal.code, []).append(signal.name)
        values: Sample = {name: None for group in names.values() for name in group}
        level, rises, time = "", False, 0
        pending: Sample = {}
        for code, text in self._changes():
            if code == TIME:
                if rises:
                    yield time, values
                for name, value in pending.items():
                    values[name] = value
                rises, pending, time = False, {}, int(text)
                continue
            if code == clock.code:
                rises = rises or (level == "0" and text == "1")
                level = text
            for name in names.get(code, ()):
                pending[name] = int(text, 2) if set(text) <= {"0", "1"} else None
        if rises:
            yield time, values

    def _changes(self) -> Iterator[tuple[str, str]]:
        """(code, bits) of every change, and (TIME, time)."""
        with self.path.open(encoding="latin-1") as lines:
            for line in lines:
                if line.startswith("$enddefinitions"):
                    break
            for line in lines:
                if line.startswith("#"):
                    yield TIME, line[1:].strip()
                    continue
                match = CHANGE.match(line)
                if match is not None:
                    yield (match[2], match[1]) if match[1] else (match[4], match[3])


def read(path: Path) -> Wave:
    """The header of a VCD.

    Raises
    ------
    DataError
        It is no VCD.
    """
    signals: dict[str, Signal] = {}
    scopes: list[str] = []
    with path.open(encoding="latin-1") as lines:
        for words in map(str.split, lines):
            match words:
                case ["$scope", _, name, *_]:
                    scopes.append(name)
                case ["$upscope", *_] if scopes:
                    scopes.pop()
                case ["$var", kind, bits, code, *rest] if kind not in ("parameter", "real"):
                    name = ".".join([*scopes, INDEX.sub("", " ".join(rest[:-1]))])
                    signals[name] = Signal(name, code, int(bits) if bits.isdigit() else 0)
                case ["$enddefinitions", *_]:
                    return Wave(path, signals)
    raise DataError.at(str(path), "content", "no $enddefinitions", "must be a VCD")
