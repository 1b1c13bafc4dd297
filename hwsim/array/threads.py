"""How many threads kernels run on: outputs are shared out among them, never one output's sum."""

from __future__ import annotations

import os

from hwsim.errors import ConfigError

NAME = "HWSIM_THREADS"


def threads() -> int:
    """The environment's ``HWSIM_THREADS``, 1 or more; where it is not set, one a processor.

    Raises
    ------
    ConfigError
        It is no positive number.

    Examples
    --------
    >>> from unittest.mock import patch
    >>> with patch.dict(os.environ, {NAME: "3"}):
    ...     threads()
    3
    """
    asked = os.environ.get(NAME, "")
    if not asked:
        return os.cpu_count() or 1
    if not (asked.isascii() and asked.isdigit() and int(asked)):
        raise ConfigError.at("environment", NAME, asked, "must be a positive number")
    return int(asked)
