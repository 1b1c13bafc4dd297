"""The requantizer of one layer: integers made from its scales once, then applied to every output.

::

    accumulator -> scheme (arith/requantize.py) -> + zero point -> activation clamp -> output format

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
from hwsim.array.requantizer_integers import addends, factors, multipliers_and_shifts, tables
from hwsim.array.requantizer_kernel import Flags, requantize_all
from hwsim.array.requantizer_limits import refuse
from hwsim.array.specification import LfsrSpec, RequantizeSpec
from hwsim.errors import ConfigError

NO_RANDOM = np.zeros((1, 1, 1), np.int64)
ZERO_POINT_INSIDE = frozenset(
    {Scheme.FLOAT64, Scheme.MULTIPLY_ADD_SHIFT, Scheme.THRESHOLD_TABLE, Scheme.LOOKUP_TABLE}
)


@dataclass(frozen=True, eq=False)
class Requantized:
    """What leaves the requantizer.

    Attributes
    ----------
    codes : int64 ndarray of shape (S, G, M, N)
        Zero point added, clamped to the activation, in the output format.
    clipped : bool ndarray of shape (S, G, M, N)
        Saturated by the output format; the activation clamp does not count.
    events : bool ndarray of shape (S, G, M, N)
        An intermediate wrapped or saturated.
    """

    codes: Ints
    clipped: Flags
    events: Flags


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
        ``zero_point << shift`` (multiply_add_shift); the zero point (float64); the code below all
        thresholds (threshold_table); else 0.
    factor : float64 ndarray of shape (channels,)
        The factor by the policy's scale rule; a float32 value under scheme float32.
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
    """

    scheme: Scheme
    rounding: Rounding
    multiplier: Ints
    shift: Ints
    add: Ints
    factor: Reals
    real_scale: Reals
    table: Ints
    zero_point: int
    clamp: tuple[int | None, int | None]
    output: IntFormat
    lfsr: LfsrSpec | None
    columns: int

    @property
    def effective_scale(self) -> Reals:
        """What an accumulator is really multiplied by: float64 ndarray of shape (channels,)."""
        if self.scheme in (Scheme.FLOAT32, Scheme.FLOAT64) or self.table.shape[1]:
            return self.factor
        return np.ldexp(self.multiplier.astype(np.float64), -self.shift.astype(np.int32))

    def apply(self, accumulator: Ints) -> Requantized:
        """Requantize final accumulator values, int64 ndarray of shape (S, G, M, N)."""
        values, events = requantize_all(
            accumulator,
            self.scheme,
            self.rounding,
            (self.multiplier, self.shift, self.add, self.factor),
            self.table,
            self._random(accumulator.shape),
        )
        if self.scheme not in ZERO_POINT_INSIDE:
            values += self.zero_point
        codes, clipped = output_stage(values, self.clamp, self.output)
        return Requantized(codes, clipped, events)

    def _random(self, shape: tuple[int, ...]) -> Ints:
        """The LFSR states of one image's outputs, (G, M, N); a stand-in where none are used."""
        if self.lfsr is None:
            return NO_RANDOM
        _, groups, m, n = shape
        states: Ints = random_numbers(
            groups, m, n, self.columns, self.lfsr.polynomial, self.lfsr.seed
        )
        return states


def output_stage(
    codes: Ints, clamp: tuple[int | None, int | None], output: IntFormat
) -> tuple[Ints, Flags]:
    """Activation clamp, then the output format: the codes, and which the format saturated.

    >>> codes, clipped = output_stage(np.array([-200, 5, 90]), (0, None), IntFormat(7))
    >>> codes.tolist(), clipped.tolist()
    ([0, 5, 63], [False, False, True])
    """
    least, largest = clamp
    if least is not None or largest is not None:
        codes = np.clip(codes, least, largest)
    kept = np.clip(codes, output.lo, output.hi)
    return kept, kept != codes


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
    multiplier, shift = multipliers_and_shifts(
        scheme, spec, factor, accumulator, output, zero_point
    )
    refuse(scheme, rounding, multiplier, shift, zero_point, output, accumulator, where)
    return Requantizer(
        scheme=scheme,
        rounding=rounding,
        multiplier=multiplier,
        shift=shift,
        add=addends(scheme, shift, zero_point, output),
        factor=factor,
        real_scale=compose("float64", input_scale, weight_scale, output_scale),
        table=tables(scheme, rounding, spec.table_bits, factor, shift, zero_point, output),
        zero_point=zero_point,
        clamp=clamp,
        output=output,
        lfsr=spec.lfsr,
        columns=columns or 0,
    )
