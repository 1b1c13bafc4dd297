"""A bundle read back as numbers: machine, operands, registers, requantizer, and every stage.

Everything comes from the bundle's files, checked against the manifest's digests: the model that the
layer came from is not needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from hwsim.arith.formats import IntFormat
from hwsim.arith.overflow import Overflow
from hwsim.arith.requantize import Scheme
from hwsim.arith.rounding import Rounding
from hwsim.array.dataflow import Schedule
from hwsim.array.datapath import chain_registers, register
from hwsim.array.gemm import Codes, Datapath, Ints
from hwsim.array.requantizer import Requantizer
from hwsim.array.specification import (
    LfsrSpec,
    Machine,
    NarrowSpec,
    rounding_code,
)
from hwsim.errors import DataError
from hwsim.rtl.streams import NO_BOUND
from hwsim.vectors.case import LayerCase
from hwsim.vectors.divergence_stage import Product
from hwsim.vectors.manifest import FILE, Manifest
from hwsim.vectors.reading import load, read_bits, read_lanes
from hwsim.vectors.words import lanes_of

FIELDS = {"bias": 64, "w_zero_point": 64, "multiplier": 32, "shift": 8, "add": 64}
"""Of a channel record, lowest bits first."""


@dataclass(frozen=True, eq=False)
class Golden:
    """One layer on one machine, as a bundle holds it.

    Attributes
    ----------
    layer : str
    machine : Machine
    requantizer : Requantizer
        Of an integer scheme.
    products : tuple of Product
        One a run.
    """

    layer: str
    machine: Machine
    requantizer: Requantizer
    products: tuple[Product, ...]

    @classmethod
    def of_case(cls, case: LayerCase) -> Golden:
        """The same of a layer that has not been written."""
        products = (Product(run.name, run.datapath, run.schedule) for run in case.runs)
        return cls(case.layer, case.machine, case.requantizer, tuple(products))


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle's folder and its manifest."""

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, folder: Path) -> Bundle:
        """Read the manifest.

        Raises
        ------
        DataError
            There is none, or it is broken.
        """
        return cls(folder, load(folder))

    def lanes(self, stem: str) -> Ints:
        """``data/<stem>.hex``: int64 of shape (beats, lanes)."""
        return read_lanes(self.folder, self.manifest, stem)

    @cached_property
    def channels(self) -> dict[str, Ints]:
        """Fields of the channel records: int64 of shape (channels,)."""
        bits, found, at = read_bits(self.folder, self.manifest, "channel"), {}, 0
        for name, width in FIELDS.items():
            signed = name != "multiplier"
            found[name] = lanes_of(bits[:, at : at + width], width, signed=signed)[:, 0]
            at += width
        return found

    def golden(self) -> Golden:
        """Machine, runs and requantizer.

        Raises
        ------
        DataError
            The bundle is that of a stage alone, or its machine is none.
        """
        manifest = self.manifest
        if manifest.kind != "layer":
            at = str(self.folder / FILE)
            raise DataError.at(at, "kind", manifest.kind, "must be layer: a stage has no array")
        try:
            machine = Machine.model_validate(manifest.machine)
        except ValidationError as failure:
            first = failure.errors()[0]
            place = ".".join(map(str, first["loc"]))
            must = f"must be a machine of this version of hwsim: {first['msg']}"
            raise DataError.at(str(self.folder / FILE), f"machine.{place}", "?", must) from None
        return Golden(manifest.layer, machine, self._requantizer(), self._products(machine))

    def _products(self, machine: Machine) -> tuple[Product, ...]:
        ports, activations = self.manifest.ports, self.lanes("activations")
        groups, k, n = ports["groups"], ports["k"], ports["n"]
        weights = self.lanes("weights").astype(np.int32).reshape(groups, k, n)
        found = []
        for run in self.manifest.runs:
            span = slice(run.activations.first, run.activations.first + run.activations.count)
            a = activations[span].astype(np.int32).reshape(1, groups, run.m, k)
            schedule = Schedule.of(machine, (1, groups, run.m, k, n))
            datapath = self._datapath(machine, schedule, a, weights)
            found.append(Product(run.name, datapath, schedule))
        return tuple(found)

    def _datapath(self, machine: Machine, schedule: Schedule, a: Codes, w: Codes) -> Datapath:
        """The operands as they stand in the bundle, and the machine's registers."""
        shape = w.shape[0], w.shape[2]
        bias = self.channels["bias"].reshape(shape)
        preload = machine.bias.when == "preload"
        zero_points = self.channels["w_zero_point"].reshape(shape)
        fold = machine.operands.zero_point == "fold" and bool(zero_points.any())
        return Datapath(
            a=a,
            w=w,
            preload=bias if preload else None,
            row_sum=a.sum(axis=3, dtype=np.int64) if fold else None,
            w_zero_point=zero_points,
            last=None if preload else bias,
            drop_bits=machine.product.drop_bits,
            product_rounding=rounding_code(machine.product.rounding),
            chain=chain_registers(machine, schedule),
            accumulator=register(machine.accumulator),
            check_final=machine.accumulator.check == "final",
        )

    def _requantizer(self) -> Requantizer:
        """The parameters of `requantize.sv`, and the records' integers."""
        ports, values = self.manifest.ports, self.manifest.parameters
        channels = self.channels
        blank = np.zeros(len(channels["bias"]), np.float64)
        rounding = Rounding(values["ROUNDING"])
        lfsr = LfsrSpec(polynomial=values["LFSR_POLYNOMIAL"], seed=values["LFSR_SEED"])
        lo, hi = ports["clamp_lo"], ports["clamp_hi"]
        return Requantizer(
            scheme=Scheme(values["SCHEME"]),
            rounding=rounding,
            multiplier=channels["multiplier"],
            shift=channels["shift"],
            add=channels["add"],
            factor=blank,
            reals=blank[None],
            real_scale=blank,
            table=np.zeros((len(blank), 0), np.int64),
            zero_point=ports["zero_point"],
            clamp=(None if lo == -NO_BOUND else lo, None if hi == NO_BOUND else hi),
            output=_format(ports["out_lo"], ports["out_hi"], values["OUT_BITS"]),
            lfsr=lfsr if rounding == Rounding.STOCHASTIC else None,
            columns=values["COLS"],
            narrow=_narrow(values),
            tail=len(blank),
            tail_rounding=rounding,
        )


def _format(lo: int, hi: int, bits: int) -> IntFormat:
    """The format of a range.

    >>> _format(-7, 7, 4)
    int4 narrow
    """
    return IntFormat(bits, signed=lo < 0, narrow=lo == -hi)


def _narrow(values: dict[str, int]) -> NarrowSpec | None:
    """The register before the scheme, from its parameters."""
    if not values["NARROW"]:
        return None
    words = {
        "shift": values["NARROW_SHIFT"],
        "rounding": Rounding(values["NARROW_ROUNDING"]).name.lower(),
        "bits": values["NARROW_BITS"],
        "overflow": Overflow(values["NARROW_OVERFLOW"]).name.lower(),
        "wrap_bits": values["NARROW_WRAP_BITS"],
    }
    return NarrowSpec.model_validate(words)
