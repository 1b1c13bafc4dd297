"""What a point costs, by the user's own numbers.

::

    cost = adder_bit * bits of adders + register_bit * bits of registers
           + mac * MACs + sram_byte * SRAM bytes + dram_byte * DRAM bytes

Bits are of the array (``array_bits.py``), the rest of one image. Whoever gives the numbers gives
their unit: all of an area, or all of an energy. What is left out costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from hwsim.array.dataflow import Schedule
from hwsim.array.specification import Machine
from hwsim.errors import ConfigError
from hwsim.importers import strict_yaml

BYTE = 8


@dataclass(frozen=True)
class Costs:
    """One number a unit of each thing, 0 or more."""

    adder_bit: float = 0.0
    register_bit: float = 0.0
    mac: float = 0.0
    sram_byte: float = 0.0
    dram_byte: float = 0.0

    @classmethod
    def of(cls, given: Mapping[str, Any] | str | Path) -> Costs:
        """From numbers by name, or from a YAML file of them.

        Raises
        ------
        ConfigError
            Not a file, a name that is none of these, or no number; all failures together.

        Examples
        --------
        >>> Costs.of({"mac": 0.2, "sram_byte": 1.5}).mac
        0.2
        """
        if not isinstance(given, Mapping):
            return cls._read(Path(given))
        places = dict.fromkeys(given, "costs")
        return cls._checked(given, places)

    @classmethod
    def _read(cls, path: Path) -> Costs:
        """From a file."""
        try:
            content = path.read_bytes()
        except OSError as error:
            reason = error.strerror or str(error)
            raise ConfigError.at("--costs", "file", path, f"must be readable: {reason}") from None
        document = strict_yaml.load(content, str(path))
        names = ", ".join(field.name for field in fields(cls))
        if not isinstance(document.value, dict):
            must = f"must be numbers by name: {names}"
            raise ConfigError.at(str(path), "text", "no mapping", must)
        places = {name: str(document.places[(name,)]) for name in document.value}
        return cls._checked(document.value, places)

    @classmethod
    def _checked(cls, given: Mapping[str, Any], places: Mapping[str, str]) -> Costs:
        """Every name known, every value a number."""
        names = [field.name for field in fields(cls)]
        failures = []
        for name, value in given.items():
            if name not in names:
                must = f"must be one of {', '.join(names)}"
                failures.append(str(ConfigError.at(places[name], "name", name, must)))
            elif isinstance(value, bool) or not isinstance(value, int | float):
                must = "must be a number"
                failures.append(str(ConfigError.at(places[name], name, value, must)))
            elif not (math.isfinite(value) and value >= 0):
                must = "must be 0 or more"
                failures.append(str(ConfigError.at(places[name], name, value, must)))
        if failures:
            raise ConfigError.all(failures)
        if not given:
            must = f"must be at least one of {', '.join(names)}"
            raise ConfigError.at("--costs", "numbers", "none", must)
        return cls(**{name: float(value) for name, value in given.items()})

    def check(self, machine: Machine) -> None:
        """Refuse costs of what is not known of a machine (`total`), before anything runs."""
        array = 0 if machine.array.is_array else None
        dram = array if machine.memory is not None else None
        known = {"adder_bits": array, "register_bits": array, "sram_bytes": array}
        self.total({**known, "dram_bytes": dram, "macs": 0})

    def total(self, amounts: Mapping[str, int | None]) -> float:
        """The cost of some amounts, by the names ``adder_bits``, ``macs``, ``sram_bytes``, ...

        Raises
        ------
        ConfigError
            Something that costs is not known: of a runtime all but MACs, DRAM bytes where the
            machine has no ``memory:``.
        """
        cost = 0.0
        for name, each in asdict(self).items():
            amount = amounts[f"{name}s"]
            if each and amount is None:
                must = "must go with a machine that has " + (
                    "memory:" if name == "dram_byte" else "an array"
                )
                raise ConfigError.at("--costs", name, each, must)
            cost += each * (amount or 0)
        return cost


def sram_bytes(schedule: Schedule, bits: tuple[int, int, int]) -> int:
    """Bytes of one layer and image between the SRAM buffers and the array.

    Every fold reads both its tiles, tap by tap as they enter the array; an output's code is written
    once, and partial sums stay in the accumulator memory::

        activations   G * M * K * (tiles of n, where n is tiled)
        weights       G * K * N * (tiles of m, where m is tiled)
        outputs       G * M * N

    Parameters
    ----------
    schedule : Schedule
    bits : tuple of int
        Of an activation, a weight, an output code.

    Examples
    --------
    >>> from hwsim.array.specification import ArraySpec
    >>> ws = ArraySpec(dataflow="weight_stationary", rows=4, cols=4, k_order=["ky", "kx", "ic"])
    >>> sram_bytes(Schedule(ws, groups=1, m=4, k=4, n=8), (8, 8, 8))  # 2 * 16 + 32 + 32
    96
    """
    if not schedule.folds:
        return 0
    flow = schedule.dataflow
    times = {flow.row: schedule.row_tiles, flow.col: schedule.col_tiles}
    m, k, n = schedule.m, schedule.k, schedule.n
    weights = k * n // schedule.packed  # those between packed groups are made on the chip
    moved = (m * k * times.get("n", 1), weights * times.get("m", 1), m * n)
    return sum(-(-schedule.groups * x * b // BYTE) for x, b in zip(moved, bits, strict=True))
