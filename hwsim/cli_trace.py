"""``--trace-layer``, ``--trace-cycles``, ``--trace-sample``: which part a full trace records."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwsim.errors import ConfigError

if TYPE_CHECKING:
    from hwsim.report.traces import TraceChoice


def clocks_of(text: str) -> tuple[int, int]:
    """``FIRST:LAST``, both included, as the first clock and the one after the last.

    >>> clocks_of("12:32")
    (12, 33)
    """
    match = re.fullmatch(r"(\d{1,18}):(\d{1,18})", text, re.ASCII)
    if match is None or int(match[1]) > int(match[2]):
        must = "must be FIRST:LAST, two clocks in order, like 0:99"
        raise ConfigError.at("--trace-cycles", "clocks", text, must)
    return int(match[1]), int(match[2]) + 1


def trace_choice(
    trace: str, layer: str | None, cycles: str | None, sample: int | None
) -> TraceChoice | None:
    """The chosen part of a run, or None where nothing was chosen.

    Raises
    ------
    ConfigError
        Clocks that are none, or a choice without ``--trace full``.
    """
    given = {"--trace-layer": layer, "--trace-cycles": cycles, "--trace-sample": sample}
    named = [name for name, value in given.items() if value is not None]
    if not named:
        return None
    if trace != "full":
        raise ConfigError.at(named[0], "trace", trace, "must go with --trace full")
    clocks = None if cycles is None else clocks_of(cycles)
    from hwsim.report.traces import TraceChoice

    return TraceChoice("*" if layer is None else layer, clocks, sample or 0)
