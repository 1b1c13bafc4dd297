"""The exception tree.

::

    HwsimError            exit code 2: bad input, said in one line
    ├── ConfigError       a machine's YAML, or machine and layer do not go together
    ├── DataError         a data file: shape, dtype, NaN, number of samples
    ├── ModelError        a model file
    ├── UnsupportedError  understood, but not simulated
    └── CheckError        exit code 1: the thing checked does not hold
        ├── MismatchError two results that must be equal are not
        └── TrapError     an overflow under ``overflow: trap``

Every message reads ``<where>: <field> = <value>: <what must hold>``.
"""

from __future__ import annotations

from typing import Any


class HwsimError(Exception):
    """Bad input; ``str()`` is one line a failure, without a traceback's help."""

    exit_code = 2

    @classmethod
    def at(cls, where: str, field: str, value: Any, must: str) -> HwsimError:
        """Compose ``<where>: <field> = <value>: <what must hold>``.

        >>> str(ConfigError.at("edge.yaml:12", "accumulator.bits", 99, "must be 2..64"))
        'edge.yaml:12: accumulator.bits = 99: must be 2..64'
        """
        return cls(f"{where}: {field} = {value}: {must}")

    @classmethod
    def all(cls, failures: list[str]) -> HwsimError:
        """One error that lists every failure, one line each."""
        return cls("\n".join(failures))


class ConfigError(HwsimError):
    """A machine that cannot be built, or that does not go with this layer."""


class DataError(HwsimError):
    """A data file that does not hold what the network needs."""


class ModelError(HwsimError):
    """A model file that is broken or contradicts itself."""


class UnsupportedError(HwsimError):
    """Something hwsim understands and does not simulate; the message names it."""


class CheckError(HwsimError):
    """The thing checked does not hold."""

    exit_code = 1


class MismatchError(CheckError):
    """Two results that must be equal are not: first index, both values, count."""


class TrapError(CheckError):
    """A register with ``overflow: trap`` overflowed; the message names the place."""
