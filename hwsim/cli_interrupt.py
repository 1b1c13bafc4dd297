"""An interrupt ends the command: once, with one line, whatever it strikes."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import Any

INTERRUPTED = 128 + signal.SIGINT
AGAIN = 0.1  # seconds between two looks at whether an interrupt was lost
_struck = threading.Event()
_taken = threading.Event()


def watch_interrupts() -> None:
    """See that an interrupt ends the command.

    An exception in a callback of the compiler, in a finalizer or in a dictionary's lookup is lost:
    an interrupt that struck there is raised again. What was half-made then may complain when Python
    takes it apart: after an interrupt nobody asks.
    """

    def interrupt(_number: int, _frame: Any) -> None:
        if _taken.is_set():
            return
        if not _struck.is_set():
            _struck.set()
            threading.Thread(target=_until_taken, daemon=True).start()
        raise KeyboardInterrupt

    def lost(unraisable: Any) -> None:
        if not _struck.is_set():
            sys.__unraisablehook__(unraisable)

    signal.signal(signal.SIGINT, interrupt)
    sys.unraisablehook = lost


def was_interrupted() -> bool:
    """Whether an interrupt struck: every failure after it is its doing."""
    return _struck.is_set()


def take_interrupt() -> None:
    """The interrupt has ended the command: it is not raised again."""
    _taken.set()


def leave_at_once(code: int) -> None:
    """End the process, all files closed: Python takes nothing apart.

    What an interrupt left half-made in the compiler may crash when it is taken apart.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)


def _until_taken() -> None:
    """Raise an interrupt again while it is neither taken nor on its way through clean-ups."""
    while not _taken.is_set():
        time.sleep(AGAIN)
        if not (_taken.is_set() or _on_its_way()):
            _thread.interrupt_main()


def _on_its_way() -> bool:
    """Whether the main thread is in a ``finally`` or an ``except`` that an interrupt led to."""
    active: Any = sys._current_exceptions().get(threading.main_thread().ident or 0)
    error = active[1] if isinstance(active, tuple) else active  # a tuple until Python 3.12
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__context__
    return False
