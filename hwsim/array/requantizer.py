"""The requantizer of one layer: integers made from its scales once, then applied to every output.

::

    accumulator -> scheme (arith/requantize.py) -> + zero point -> activation clamp -> output format

A register that narrows sums before the scheme, and channels that round otherwise, are in
``requantizer_stages.py``.

Only saturation at the output format counts as clipped; an intermediate of the scheme that wraps or
saturates is an event of stage ``requant`` (DATAPATH.md sections 5 and 6).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.arith.lfsr import random_numbers
from hwsim.arith.requantize import Scheme
from hwsim.arith.rounding import Rounding
from hwsim.arith.scale import Reals, compose
from hwsim.array.gemm import Ints
from hwsim.array.policy_checks import check_policy
from hwsim.array.requantizer_integers import (
    REAL_SCHEMES,
    ZERO_POINT_INSIDE,
    addends,
    bias_in_steps,
    constants,
    factors,
    multipliers_and_shifts,
    tables,
)
from hwsim.array.requantizer_kernel import Flags, requantize_all
from hwsim.array.requantizer_limits import refuse
from hwsim.array.requantizer_stages import (
    Requantized,
    narrowed,
    narrowed_range,
    output_stage,
    tail_of,
)
from hwsim.array.specification import LfsrSpec, NarrowSpec, RequantizeSpec
from hwsim.errors import ConfigError

NO_RANDOM = np.zeros((1, 1, 1), np.int64)


@dataclass(frozen=True, eq=False)
class Requantizer:
    """One layer's requantization in numbers; made by `build`.

    Attributes
    ----------
    scheme : Scheme
    rounding : Rounding
    multiplier, shift : int64 ndarray of shape (channels,)
        The factor is ``multiplier / 2**shift`` in the integer schemes; channel = g * N + n.
        ``shift`` addresses a lookup table.
    add : int64 ndarray of shape (channels,)
        zero point and real bias ``<< shift`` (multiply_add_shift); the zero point (float64,
        float32_dequantized); the code below all thresholds (threshold_table); else 0.
    factor : float64 ndarray of shape (channels,)
        The factor by the policy's scale rule; a float32 value under scheme float32.
    reals : float64 ndarray of shape (constants, channels)
        What the scheme computes with, in the order of its arguments; ``reals[0]`` is the factor
        where no bias is real.
    real_scale : float64 ndarray of shape (channels,)
        ``input_scale * weight_scale / output_scale`` in float64, whatever the rule.
    table : int64 ndarray of shape (channels, entries)
        Thresholds or entries, else of shape (channels, 0). The first and last threshold only say
        whether the output saturates.
    zero_point : int
    clamp : tuple
        Activation bounds in codes; None: no bound on that side.
    output : IntFormat
    lfsr : LfsrSpec or None
    columns : int
        Array columns, 0 without an array: which LFSR rounds which output.
    narrow : NarrowSpec or None
        The register before the scheme; ``factor`` is that of what leaves it.
    tail, tail_rounding : int, Rounding
        The first channel that rounds by ``tail_rounding``; the number of channels where none does.
    tail_lanes : int
        Lanes of a vector where the tail is of an image's elements (m, then channel), else 0.
    """

    scheme: Scheme
    rounding: Rounding
    multiplier: Ints
    shift: Ints
    add: Ints
    factor: Reals
    reals: Reals
    real_scale: Reals
    table: Ints
    zero_point: int
    clamp: tuple[int | None, int | None]
    output: IntFormat
    lfsr: LfsrSpec | None
    columns: int
    narrow: NarrowSpec | None
    tail: int
    tail_rounding: Rounding
    tail_lanes: int = 0

    @property
    def effective_scale(self) -> Reals:
        """What an accumulator is really multiplied by: float64 ndarray of shape (channels,)."""
        dropped = 0 if self.narrow is None else self.narrow.shift
        if self.scheme in REAL_SCHEMES or self.table.shape[1]:
            return np.ldexp(self.factor, -dropped)
        return np.ldexp(self.multiplier.astype(np.float64), -self.shift.astype(np.int32) - dropped)

    def apply(self, accumulator: Ints) -> Requantized:
        """Requantize final accumulator values, int64 ndarray of shape (S, G, M, N)."""
        lost: Flags | None = None
        if self.narrow is not None:
            accumulator, lost = narrowed(accumulator, self.narrow)
        values, events = self._schemed(accumulator, self.rounding)
        late = self._in_tail(accumulator.shape)
        if late.any():
            tail, tail_events = self._schemed(accumulator, self.tail_rounding)
            values = np.where(late, tail, values)
            events = np.where(late, tail_events, events)
        if lost is not None:
            events |= lost
        if self.scheme not in ZERO_POINT_INSIDE:
            values += self.zero_point
        codes, clipped = output_stage(values, self.clamp, self.output)
        return Requantized(codes, clipped, events)

    def _in_tail(self, shape: tuple[int, ...]) -> Flags:
        """Which outputs of an image round by the tail's rule, to broadcast with (G, M, N)."""
        _, groups, m, n = shape
        place = np.arange(groups * n).reshape(groups, 1, n)
        if self.tail_lanes == 0:
            return place >= self.tail
        elements = m * groups * n
        late: Flags = (
            place + groups * n * np.arange(m)[:, None] >= elements - elements % self.tail_lanes
        )
        return late

    def _schemed(self, accumulator: Ints, rounding: Rounding) -> tuple[Ints, Flags]:
        """The scheme with one rounding rule for all channels."""
        return requantize_all(
            accumulator,
            self.scheme,
            rounding,
            (self.multiplier, self.shift, self.add),
            self.reals,
            self.table,
            self._random(accumulator.shape),
        )

    def _random(self, shape: tuple[int, ...]) -> Ints:
        """The LFSR states of one image's outputs, (G, M, N); a stand-in where none are used."""
        if self.lfsr is None:
            return NO_RANDOM
        _, groups, m, n = shape
        states: Ints = random_numbers(
            groups, m, n, self.columns, self.lfsr.polynomial, self.lfsr.seed
        )
        return states


def build(
    spec: RequantizeSpec,
    *,
    input_scale: float,
    weight_scale: Reals,
    output_scale: float,
    zero_point: int,
    output: IntFormat,
    clamp: tuple[int | None, int | None],
    accumulator: tuple[int, int],
    real_bias: Reals | None = None,
    columns: int | None = None,
    where: str,
) -> Requantizer:
    """The requantizer of one layer under one policy.

    Parameters
    ----------
    spec : RequantizeSpec
        The policy; ``scale`` left out is float64.
    input_scale, output_scale : float
    weight_scale : float64 ndarray of shape (channels,)
        channel = g * N + n.
    zero_point : int
        Output code of real 0.0.
    output : IntFormat
    clamp : tuple
        Activation bounds in codes; None: no bound on that side.
    accumulator : tuple of int
        Least and largest value that the accumulator can hold.
    real_bias : float64 ndarray of shape (channels,), or None
        The bias that the scheme adds, of those that add one.
    columns : int or None
        Array columns; None: no array.
    where : str
        Machine and layer, for errors.

    Raises
    ------
    ConfigError
        The policy contradicts itself, or its scheme cannot take this accumulator or these scales.
    """
    failures = check_policy(spec)
    if failures:
        lines = [ConfigError.at(where, f"requantize.{f}", v, must) for f, v, must in failures]
        raise ConfigError.all([str(line) for line in lines])
    weight_scale = np.asarray(weight_scale, np.float64).reshape(-1)
    scheme, rounding = Scheme[spec.scheme.upper()], Rounding[spec.rounding.upper()]
    factor = factors(spec, scheme, input_scale, weight_scale, output_scale, where)
    if spec.narrow is not None:
        accumulator = narrowed_range(accumulator, spec.narrow)
    multiplier, shift = multipliers_and_shifts(
        scheme, spec, factor, accumulator, output, zero_point
    )
    steps = bias_in_steps(real_bias, output_scale, weight_scale.size)
    refuse(scheme, rounding, multiplier, shift, zero_point, steps, output, accumulator, where)
    of_elements = spec.tail is not None and spec.tail.of == "elements"
    return Requantizer(
        scheme=scheme,
        rounding=rounding,
        multiplier=multiplier,
        shift=shift,
        add=addends(scheme, shift, zero_point, steps, output),
        factor=factor,
        reals=constants(spec, factor, real_bias, input_scale, weight_scale, output_scale),
        real_scale=compose("float64", input_scale, weight_scale, output_scale),
        table=tables(scheme, rounding, spec.table_bits, factor, shift, zero_point, output),
        zero_point=zero_point,
        clamp=clamp,
        output=output,
        lfsr=spec.lfsr,
        columns=columns or 0,
        narrow=spec.narrow,
        tail=weight_scale.size if of_elements else tail_of(weight_scale.size, spec.tail),
        tail_lanes=spec.tail.lanes if spec.tail is not None and of_elements else 0,
        tail_rounding=rounding if spec.tail is None else Rounding[spec.tail.rounding.upper()],
    )
