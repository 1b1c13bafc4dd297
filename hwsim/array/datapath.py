"""Meet of one layer and one machine: operands as the PEs multiply them, registers in numbers.

Here stand the rules of DATAPATH.md sections 2 and 4 that happen before the first clock: formats
are checked and re-centred, zero points subtracted or folded into the bias, the bias stored in its
own format, and a layer whose exact sums could leave int64 is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hwsim.arith.formats import IntFormat, signed_bits
from hwsim.arith.overflow import fit
from hwsim.array.dataflow import Schedule
from hwsim.array.gemm import Codes, Datapath, Gemm, Ints, Register
from hwsim.array.specification import Machine, RegisterSpec, overflow_code, rounding_code
from hwsim.errors import ConfigError


@dataclass(frozen=True, eq=False)
class Bias:
    """The bias operand before and after its own format.

    Attributes
    ----------
    presented, stored : int64 ndarray of shape (G, N), or None where the layer has none
        Under ``zero_point: fold`` the folded bias. An element where they differ is one event of
        stage ``bias``.
    """

    presented: Ints | None
    stored: Ints | None

    @property
    def lost(self) -> Ints | None:
        """What the format took away, or None."""
        if self.presented is None or self.stored is None:
            return None
        return self.presented - self.stored


def recentre(lo: int, hi: int, target: IntFormat, field: str, where: str = "machine") -> int:
    """The shift that takes a tensor of range ``[lo, hi]`` into the machine's format, exactly.

    0 where the range fits; +-2**(bits-1) for a tensor of the same width and the other signedness.

    >>> recentre(0, 255, IntFormat(8), "operands.activation")
    -128
    """
    if target.lo <= lo and hi <= target.hi:
        return 0
    shift = -(1 << (target.bits - 1)) if target.signed else 1 << (target.bits - 1)
    same_width = target.signed or signed_bits(lo, hi) == target.bits
    if same_width and target.lo <= lo + shift and hi + shift <= target.hi:
        return shift
    raise ConfigError.at(
        where, field, target, f"must hold codes in [{lo}, {hi}], as they are or re-centred"
    )


def to_machine_formats(gemm: Gemm, machine: Machine, where: str) -> Gemm:
    """The same problem in the machine's operand formats: codes and zero points shifted alike."""
    activation, weight = machine.operands.activation.format, machine.operands.weight.format
    da = recentre(*gemm.a_range, activation, "operands.activation", where)
    dw = recentre(*gemm.w_range, weight, "operands.weight", where)
    if da == 0 and dw == 0:
        return gemm
    return replace(
        gemm,
        a=gemm.a.astype(np.int64) + da if da else gemm.a,
        w=gemm.w.astype(np.int64) + dw if dw else gemm.w,
        a_zero_point=gemm.a_zero_point + da,
        w_zero_point=gemm.w_zero_point + dw,
        a_range=(gemm.a_range[0] + da, gemm.a_range[1] + da),
        w_range=(gemm.w_range[0] + dw, gemm.w_range[1] + dw),
    )


def register(spec: RegisterSpec) -> Register:
    """A register's numbers."""
    return _register(spec.bits, spec.overflow, spec.wrap_bits)


def _register(bits: int, overflow: str, wrap_bits: int) -> Register:
    form = IntFormat(bits)
    return Register(bits, form.lo, form.hi, overflow_code(overflow), wrap_bits)


def chain_registers(machine: Machine, schedule: Schedule) -> tuple[Register, ...]:
    """The chain in numbers: none, the column's register, or one for each tree level."""
    spec = machine.chain
    if spec is None:
        return ()
    if machine.array.dataflow != "dot_product":
        assert isinstance(spec.bits, int)  # checks.py
        return (_register(spec.bits, spec.overflow, spec.wrap_bits),)
    bits = spec.bits if isinstance(spec.bits, list) else [spec.bits] * schedule.tree_levels
    return tuple(_register(b, spec.overflow, spec.wrap_bits) for b in bits)


def store_bias(bias: Ints | None, machine: Machine) -> Bias:
    """The bias in its own format (``bias.bits``, ``bias.overflow``)."""
    if bias is None:
        return Bias(None, None)
    r = register(machine.bias)
    stored = bias.astype(np.int64)
    for at in np.argwhere((stored < max(r.lo, -r.hi)) | (stored > r.hi)):  # all `fit` can change
        place = tuple(at)
        stored[place] = fit(int(stored[place]), r.lo, r.hi, r.overflow, r.wrap_bits)
    return Bias(bias, stored)


def build(gemm: Gemm, machine: Machine, where: str) -> tuple[Datapath, Bias]:
    """One layer on one machine (DATAPATH.md section 2).

    ``subtract``: the PE multiplies ``(a - Za) * (w - Zw)``. ``fold``: it multiplies raw codes,
    padding included, and ``bias' = bias - Za * sum_k w + K * Za * Zw`` enters instead of the bias.

    Raises
    ------
    ConfigError
        The operands do not fit the machine, or the exact sums could leave int64.
    """
    gemm = to_machine_formats(gemm, machine, where)
    refuse_wide_sums(gemm, machine.product.drop_bits, where)
    k = gemm.shape[3]
    za, zw = gemm.a_zero_point, gemm.w_zero_point
    bias = gemm.bias
    a_range, w_range = operand_ranges(gemm, machine)
    a, row_sum = activations(gemm, machine)
    w = gemm.w
    if machine.operands.zero_point == "subtract":
        w = w.astype(np.int64) - zw[:, None, :] if zw.any() else w
    elif za != 0:
        correction = k * za * zw - za * w.sum(axis=1, dtype=np.int64)
        bias = correction if bias is None else bias + correction
    stored = store_bias(bias, machine)
    preload = machine.bias.when == "preload"
    return (
        Datapath(
            a=a,
            w=w.astype(a.dtype, copy=False),
            preload=stored.stored if preload else None,
            row_sum=row_sum,
            w_zero_point=zw,
            last=None if preload else stored.stored,
            drop_bits=machine.product.drop_bits,
            product_rounding=rounding_code(machine.product.rounding),
            chain=chain_registers(machine, Schedule.of(machine, gemm.shape)),
            accumulator=register(machine.accumulator),
            check_final=machine.accumulator.check == "final",
            ranges=(a_range, w_range),
        ),
        stored,
    )


def activations(gemm: Gemm, machine: Machine) -> tuple[Codes, Ints | None]:
    """`Datapath.a` and `Datapath.row_sum` of a layer in the machine's formats."""
    dtype = operand_dtype(gemm)
    a: Codes = gemm.a.astype(dtype, copy=False)
    if machine.operands.zero_point == "subtract":
        return np.subtract(a, gemm.a_zero_point, dtype=dtype), None
    return a, a.sum(axis=3, dtype=np.int64) if gemm.w_zero_point.any() else None


def operand_ranges(gemm: Gemm, machine: Machine) -> tuple[tuple[int, int], tuple[int, int]]:
    """Ranges of the two operands as the PEs multiply them: re-centred, zero points subtracted."""
    a_lo, a_hi = gemm.a_range
    w_lo, w_hi = gemm.w_range
    da = recentre(a_lo, a_hi, machine.operands.activation.format, "operands.activation")
    dw = recentre(w_lo, w_hi, machine.operands.weight.format, "operands.weight")
    if machine.operands.zero_point == "subtract":
        za, zw = gemm.a_zero_point, gemm.w_zero_point
        zw_lo, zw_hi = (int(zw.min()), int(zw.max())) if zw.size else (0, 0)
        return (a_lo - za, a_hi - za), (w_lo - zw_hi, w_hi - zw_lo)
    return (a_lo + da, a_hi + da), (w_lo + dw, w_hi + dw)


def operand_dtype(gemm: Gemm) -> type[np.int32] | type[np.int64]:
    """int32 where every operand, zero point subtracted, fits it; else int64."""
    zero_points = [gemm.a_zero_point, int(gemm.w_zero_point.min(initial=0))]
    zero_points.append(int(gemm.w_zero_point.max(initial=0)))
    reach = max(abs(v) for v in (*gemm.a_range, *gemm.w_range)) + max(abs(z) for z in zero_points)
    return np.int32 if reach < 1 << 31 else np.int64


def refuse_wide_sums(gemm: Gemm, drop_bits: int, where: str) -> None:
    """Refuse a layer whose exact sums could leave int64: computation is int64, nothing may wrap
    silently.

    Bound: K products, rounded up by at most ``2**drop_bits`` each, plus the bias; three times
    over, for a folded bias and row sums of the same size; below 2**62, for the store on top of
    a full register.
    """
    k = gemm.shape[3]
    reach = max(abs(v) for v in gemm.a_range) + abs(gemm.a_zero_point)
    weight = max(abs(v) for v in gemm.w_range) + int(np.abs(gemm.w_zero_point).max(initial=0))
    bias = 0
    if gemm.bias is not None:
        bias = max(-int(gemm.bias.min(initial=0)), int(gemm.bias.max(initial=0)))
    total = 3 * k * (reach * weight + (1 << drop_bits)) + bias
    if total >= 1 << 62:
        must = "must stay below 2**62, so that sums are exact"
        raise ConfigError.at(where, "K * largest product + bias", total, must)
