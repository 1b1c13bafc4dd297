"""An interrupt ends a command with one line, and leaves nothing half-written."""

import signal
import subprocess
import sys
import threading

import pytest


@pytest.mark.parametrize("seconds", [0.2, 1.5, 4.0])
def test_interrupted_run_is_one_line_and_leaves_nothing(seconds, tmp_path):
    words = ["hwsim", "run", "--engine", "cycle", "--set", "array.cols=256", "--out", "out"]
    words += ["--set", "latency.pe=2"]  # clock by clock: long enough to be interrupted
    program = (
        "import sys; from hwsim.cli import main\n"
        f"sys.argv = {words!r}; print('started', flush=True); main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "started\n"
    timer = threading.Timer(seconds, process.send_signal, [signal.SIGINT])
    timer.start()
    stdout, stderr = process.communicate(timeout=300)
    assert (process.returncode, stdout, stderr) == (130, "", "interrupted\n")
    assert list(tmp_path.iterdir()) == []


CRASHES_AT_THE_END = """
import atexit, os, signal, sys
from hwsim import cli

atexit.register(os.kill, os.getpid(), signal.SIGSEGV)
cli.app = lambda **words: {end}
print("said")
cli.main()
"""


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("os.kill(os.getpid(), signal.SIGINT)", 130),
        ("sys.exit(130)", 130),
        ("sys.exit(2)", -signal.SIGSEGV),
    ],
)
def test_an_interrupted_process_takes_nothing_apart(end, code):
    """What is half-made may crash then; every other end is Python's own."""
    ended = subprocess.run(
        [sys.executable, "-c", CRASHES_AT_THE_END.replace("{end}", end)],
        capture_output=True, text=True, timeout=50,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (code, "said\n")
    assert ended.stderr == ("interrupted\n" if "SIGINT" in end else "")


LOSES_AN_INTERRUPT = """
import os, signal, sys, time
import typer
from hwsim.cli_console import one_line_errors
from hwsim.cli_interrupt import watch_interrupts

class StruckWhileTakenApart:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)  # where the exception is raised, and lost

class HalfMade:
    def __del__(self):
        raise AttributeError("half-made")

watch_interrupts()
HalfMade()  # a defect: told
try:
    with one_line_errors():
        StruckWhileTakenApart()
        HalfMade()  # after an interrupt: not told
        while True:
            pass
except typer.Exit as end:
    sys.exit(end.exit_code)
"""


def test_lost_interrupt_strikes_again_and_silences_what_is_half_made():
    ended = subprocess.run(
        [sys.executable, "-c", LOSES_AN_INTERRUPT], capture_output=True, text=True, timeout=50
    )
    assert ended.returncode == 130
    assert ended.stderr.count("AttributeError: half-made") == 1
    assert ended.stderr.endswith("\ninterrupted\n")


SWALLOWED = """
import os, signal, sys, time
from hwsim import cli

def command(**words):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)
    except BaseException:
        pass  # as C code does that looks a key up
    while True:
        pass

cli.app = command
cli.main()
"""


def test_swallowed_interrupt_strikes_again():
    ended = subprocess.run(
        [sys.executable, "-c", SWALLOWED], capture_output=True, text=True, timeout=50
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "interrupted\n")


CLEANS_UP = """
import os, signal, sys, time
from hwsim import cli

def command(**words):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)
    finally:
        try:
            {"a": 1}["b"]
        except KeyError:
            time.sleep(0.5)  # an interrupt is not raised again
        print("cleaned up")

cli.app = command
cli.main()
"""


def test_interrupt_leaves_clean_ups_alone():
    ended = subprocess.run(
        [sys.executable, "-c", CLEANS_UP], capture_output=True, text=True, timeout=50
    )
    assert (ended.returncode, ended.stdout) == (130, "cleaned up\n")
    assert ended.stderr == "interrupted\n"
