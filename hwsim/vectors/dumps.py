"""What an RTL gave out: a hex dump, or the beats of a stream in a waveform.

::

    hex     a line a beat, packed as the bundle's file of that stage; or a line a value, in the
            order of beats and lanes; hexadecimal, two's complement, x and z are unknown bits
    VCD     beats where valid and ready are both 1 at a rising edge; FST by fst2vcd
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwsim.array.gemm import Ints
from hwsim.errors import DataError, UnsupportedError
from hwsim.vectors.vcd import Sample, Signal, Wave, read

WORD = re.compile(r"[0-9a-fA-FxXzZ]+")
COMMENT = re.compile(r"//.*|@[0-9a-fA-F]+|_")
MOST_BYTES = 1 << 31


@dataclass(frozen=True)
class Packing:
    """How a beat of one stage is packed: lane 0 lowest, two's complement where ``signed``."""

    lanes: int
    bits: int
    signed: bool

    def digits(self, lanes: int) -> int:
        """Hexadecimal digits of so many lanes."""
        return -(-lanes * self.bits // 4)

    def split(self, word: int) -> list[int]:
        """The lanes of a word.

        >>> Packing(2, 4, signed=True).split(0xF1)
        [1, -1]
        """
        mask, half = (1 << self.bits) - 1, 1 << (self.bits - 1) if self.signed else 0
        lanes = ((word >> (self.bits * lane)) & mask for lane in range(self.lanes))
        return [(value ^ half) - half for value in lanes]


@dataclass(frozen=True, eq=False)
class Dump:
    """What was seen.

    Attributes
    ----------
    values : int64 ndarray of shape (beats, lanes)
    known : bool ndarray of shape (beats, lanes)
        Lanes without an unknown bit.
    clock : int64 ndarray of shape (beats,), or None
        Array clock after which each beat stood, counted from the run's first; where the dump has
        no time, None.
    """

    values: Ints
    known: NDArray[np.bool_]
    clock: Ints | None = None


def read_hex(path: Path, packing: Packing, keep: NDArray[np.bool_]) -> Dump:
    """A hex dump; ``keep``: which lanes of the expected beats hold a value.

    Raises
    ------
    DataError
        A line that is no word, or wider than a beat.
    """
    words = list(_words(path, packing.digits(packing.lanes)))
    longest = max((len(word) for word in words), default=0)
    if packing.lanes > 1 and longest <= packing.digits(1) < packing.digits(packing.lanes):
        return _of_values(words, packing, keep)
    unknown = [_unknown(word, packing) for word in words]
    values = [packing.split(int(re.sub("[xXzZ]", "0", word), 16)) for word in words]
    shape = (len(words), packing.lanes)
    return Dump(np.array(values, np.int64).reshape(shape), ~np.array(unknown, bool).reshape(shape))


def _words(path: Path, digits: int) -> Iterator[str]:
    if path.stat().st_size > MOST_BYTES:
        raise DataError.at(str(path), "bytes", path.stat().st_size, f"must be <= {MOST_BYTES}")
    with path.open(encoding="latin-1") as lines:
        for number, line in enumerate(lines, 1):
            for word in COMMENT.sub("", line).split():
                if not WORD.fullmatch(word):
                    must = "must be hex digits, x or z"
                    raise DataError.at(f"{path}:{number}", "word", repr(word[:40])[1:-1], must)
                if len(word) > digits:
                    must = f"must be {digits} hex digits at most: one beat"
                    raise DataError.at(f"{path}:{number}", "word", word[:40], must)
                yield word


def _unknown(word: str, packing: Packing) -> list[bool]:
    """Which lanes an unknown digit touches."""
    bits = sum(15 << (4 * i) for i, digit in enumerate(reversed(word)) if digit in "xXzZ")
    mask = (1 << packing.bits) - 1
    return [bool((bits >> (packing.bits * lane)) & mask) for lane in range(packing.lanes)]


def _of_values(words: Sequence[str], packing: Packing, keep: NDArray[np.bool_]) -> Dump:
    """One value a line: into the lanes that hold one, in order."""
    one = Packing(1, packing.bits, packing.signed)
    values, known = [], []
    for word in words:
        unknown = any(digit in "xXzZ" for digit in word)
        known.append(not unknown)
        values += [0] if unknown else one.split(int(word, 16))
    places = np.argwhere(keep)[: len(words)]
    beats = int(places[-1, 0]) + 1 if len(places) else 0
    if len(words) > keep.sum():
        beats += 1  # more values than there are outputs: one beat too many says so
    found = np.zeros((beats, packing.lanes), np.int64)
    sure = np.zeros((beats, packing.lanes), np.bool_)
    at = tuple(places.T)
    found[at], sure[at] = values[: len(places)], known[: len(places)]
    return Dump(found, sure)


@dataclass(frozen=True)
class Tap:
    """Where a stage stands in `mac_array_top`: its data, and what must be 1 for a beat."""

    data: str
    when: tuple[str, ...]


TAPS = {
    "chain": Tap("aligned", ("beat", "advance")),
    "partial": Tap("stored", ("stored_valid", "advance")),
    "accumulator": Tap("final_sum", ("end_valid", "advance")),
    "output": Tap("code_data", ("code_valid", "code_ready")),
}
STEPS = ("running", "flushing", "advance")  # of `mac_array_top`: which clocks are the array's


def tap_of(wave: Wave, stage: str, name: str | None) -> Tap:
    """The stage's own tap, or that of any signal: ``<prefix>_valid`` and ``<prefix>_ready``.

    Raises
    ------
    DataError
        No such signal, or nothing says when it holds a beat.
    """
    if name is None:
        if stage not in TAPS:
            must = f"needs --signal: the RTL shows {', '.join(TAPS)}"
            raise DataError.at(str(wave.path), "stage", stage, must)
        return TAPS[stage]
    data = wave.find(name)
    last = data.name.rpartition(".")[2]
    for tap in TAPS.values():
        if tap.data == last and wave.beside(data, tap.when[0]) is not None:
            return Tap(name, tap.when)
    prefix = last.removesuffix("_data")
    when = tuple(f"{prefix}_{end}" for end in ("valid", "ready"))
    if wave.beside(data, when[0]) is None:
        must = f"must have {when[0]} beside it"
        raise DataError.at(str(wave.path), "signal", data.name, must)
    return Tap(name, when)


def read_vcd(wave: Wave, tap: Tap, packing: Packing) -> Dump:
    """The beats of one stream."""
    data = wave.find(tap.data)
    if data.bits != packing.lanes * packing.bits:
        must = f"must be {packing.lanes} lanes of {packing.bits} bits"
        raise DataError.at(str(wave.path), f"bits of {data.name}", data.bits, must)
    found = [wave.beside(data, name) for name in tap.when]
    when = [signal for signal in found if signal is not None]
    counted = steps_of(wave)
    timed = bool(counted)
    values, known, clocks = [], [], []
    for _, sample, clock in _stepped(wave, data, [data, *when], counted):
        if all(sample[signal.name] == 1 for signal in when):
            word = sample[data.name]
            values.append(packing.split(word or 0))
            known.append([word is not None] * packing.lanes)
            clocks.append(clock)
    shape = (len(values), packing.lanes)
    return Dump(
        np.array(values, np.int64).reshape(shape),
        np.array(known, bool).reshape(shape),
        np.array(clocks, np.int64) if timed else None,
    )


def steps_of(wave: Wave) -> list[Signal]:
    """`STEPS`, of one module; empty where the design has no such signals."""
    own = wave.shortest("flushing")
    scope = "" if own is None else own.name.rpartition(".")[0]
    found = [wave.signals.get(f"{scope}.{name}") for name in STEPS]
    return [signal for signal in found if signal is not None] if all(found) else []


def _stepped(
    wave: Wave, data: Signal, wanted: Sequence[Signal], steps: Sequence[Signal]
) -> Iterator[tuple[int, Sample, int]]:
    """Samples at the clock beside ``data``, each with the array's last clock before it, which goes
    on after a run's last one until the next run begins: a code may be late."""
    clock, busy = -1, False
    for time, sample in wave.samples(wave.clock_of(data), [*wanted, *steps]):
        yield time, sample, clock
        if not steps:
            continue
        running, flushing, advance = (sample[signal.name] == 1 for signal in steps)
        begins = (running or flushing) and not busy
        if advance and (begins or clock >= 0):
            clock = 0 if begins else clock + 1
            busy = running or flushing


@contextmanager
def opened(path: Path) -> Iterator[Wave]:
    """A VCD, or an FST made one by ``fst2vcd``."""
    if path.suffix.lower() != ".fst":
        yield read(path)
        return
    program = shutil.which("fst2vcd")
    if program is None:
        raise UnsupportedError(f"{path}: needs fst2vcd (apt install gtkwave), or a VCD")
    with tempfile.TemporaryDirectory(prefix="hwsim_") as folder:
        target = Path(folder) / "wave.vcd"
        done = subprocess.run(
            [program, "-f", str(path), "-o", str(target)], capture_output=True, check=False
        )
        if done.returncode != 0 or not target.is_file():
            raise DataError.at(str(path), "content", "no FST", "fst2vcd could not read it")
        yield read(target)


def is_wave(path: Path) -> bool:
    """Whether a file is a waveform, by its name."""
    return path.suffix.lower() in (".vcd", ".fst")
