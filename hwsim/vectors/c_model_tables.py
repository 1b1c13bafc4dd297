"""Numbers of a layer as C: constants and constant tables."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.requantize import Scheme
from hwsim.arith.rounding import Rounding
from hwsim.arith.scale import Reals
from hwsim.array.datapath import recentre
from hwsim.array.gemm import Datapath
from hwsim.array.requantizer import Requantizer
from hwsim.errors import UnsupportedError
from hwsim.vectors.case import LayerCase, Run

COLUMNS = 96
TYPE_BITS = (8, 16, 32, 64)
REAL_TABLES: dict[Scheme, tuple[tuple[str, str], ...]] = {
    Scheme.FLOAT32: (("factor", "float"),),
    Scheme.FLOAT64: (("factor", "double"),),
    Scheme.FLOAT32_BIAS: (("factor", "float"), ("added_bias", "float")),
    Scheme.FLOAT32_DEQUANTIZED: (
        ("unit", "float"), ("weight_scale", "float"), ("added_bias", "float"), ("steps", "float"),
    ),
    Scheme.REAL_BIAS: (
        ("unit", "double"), ("added_bias", "double"), ("divisor", "float"), ("multiplier", "float"),
    ),
}  # fmt: skip
"""Rows of `Requantizer.reals` by the names that the C functions give them."""
MULTIPLIED = frozenset(
    {
        Scheme.MULTIPLIER_SHIFT,
        Scheme.MULTIPLIER_SHIFT_DOUBLE,
        Scheme.FIXED_FRACTION,
        Scheme.REDUCED_16,
        Scheme.REDUCED_16_NARROW,
        Scheme.MULTIPLY_ADD_SHIFT,
    }
)
SHIFTED = MULTIPLIED | {Scheme.SHIFT_ONLY, Scheme.LOOKUP_TABLE}


def literal(value: int) -> str:
    """An integer of 64 bits as a C literal.

    >>> literal(-5), literal(1 << 40), literal(-(1 << 63))
    ('-5', 'INT64_C(1099511627776)', 'INT64_MIN')
    """
    if value == -(1 << 63):
        return "INT64_MIN"
    return str(value) if -(1 << 31) < value < 1 << 31 else f"INT64_C({value})"


def integer_type(values: NDArray[Any]) -> str:
    """The narrowest C type that holds them all.

    >>> integer_type(np.array([127])), integer_type(np.array([128]))
    ('int8_t', 'int16_t')
    """
    lo, hi = int(values.min(initial=0)), int(values.max(initial=0))
    bits = next(b for b in TYPE_BITS if -(1 << (b - 1)) <= lo and hi < 1 << (b - 1))
    return f"int{bits}_t"


def integers(name: str, comment: str, values: NDArray[Any]) -> str:
    """A constant table of integers, its last axis by lines.

    >>> print(integers("bias", "[channel]", np.array([1, -2])))
    /* [channel] */
    static const int8_t bias[2] = {
        1, -2,
    };
    """
    return _table(integer_type(values), name, comment, [literal(int(v)) for v in values.ravel()])


def reals(name: str, c_type: str, values: Reals, where: str) -> str:
    """A constant table of float32 or float64 values, exact: hexadecimal literals.

    >>> print(reals("factor", "float", np.array([0.1875]), "conv1"))
    /* [channel], exact */
    static const float factor[1] = {
        0x1.8000000000000p-3f,
    };
    """
    bad = values[~np.isfinite(values)]
    if bad.size:
        raise UnsupportedError.at(where, name, bad[0], "has no literal in C: must be finite")
    suffix = "f" if c_type == "float" else ""
    return _table(c_type, name, "[channel], exact", [f"{float(v).hex()}{suffix}" for v in values])


def _table(c_type: str, name: str, comment: str, items: Sequence[str]) -> str:
    """Items in lines of up to `COLUMNS` characters."""
    lines = textwrap.wrap(
        ", ".join(items) + ",", COLUMNS, break_long_words=False, break_on_hyphens=False
    )
    body = "\n".join(f"    {line}" for line in lines)
    return f"/* {comment} */\nstatic const {c_type} {name}[{len(items)}] = {{\n{body}\n}};"


def defined(values: dict[str, int | None]) -> str:
    """Constants as macros; None: none.

    >>> print(defined({"ZERO_POINT": -3, "CLAMP_LO": None}))
    #define ZERO_POINT (-3)
    """
    return "\n".join(
        f"#define {name} ({literal(value)})" for name, value in values.items() if value is not None
    )


def tables(case: LayerCase) -> list[str]:
    """Every table of the layer."""
    where = f"{case.machine.name}, layer {case.layer}"
    return _datapath_tables(case.runs[0].datapath) + _requantizer_tables(case.requantizer, where)


def _datapath_tables(datapath: Datapath) -> list[str]:
    """Weights, stored biases, weight zero points."""
    found = []
    if datapath.w.size:
        found.append(integers("weight", "weights as the PEs multiply them, [g][k][n]", datapath.w))
    bias = datapath.last if datapath.preload is None else datapath.preload
    if bias is not None:
        found.append(integers("bias", "as stored in its own format, [channel]", bias))
    if datapath.row_sum is not None:
        found.append(integers("w_zero_point", "[channel]", datapath.w_zero_point))
    return found


def _requantizer_tables(requantizer: Requantizer, where: str) -> list[str]:
    """What the scheme reads for each channel."""
    scheme = requantizer.scheme
    found = []
    if scheme in MULTIPLIED:
        found.append(integers("multiplier", "[channel]", requantizer.multiplier))
    if scheme in SHIFTED:
        found.append(integers("shift", "of the whole factor, [channel]", requantizer.shift))
    if scheme == Scheme.MULTIPLY_ADD_SHIFT:
        found.append(integers("add", "[channel]", requantizer.add))
    rows = zip(REAL_TABLES.get(scheme, ()), requantizer.reals, strict=False)
    found += [reals(name, c_type, row, where) for (name, c_type), row in rows]
    if requantizer.table.shape[1]:
        distinct, row_of = np.unique(requantizer.table, axis=0, return_inverse=True)
        found.append(integers("table", "[row][entry]", distinct))
        found.append(integers("table_row", "which row a channel reads, [channel]", row_of))
    return found


def entry_type(requantizer: Requantizer) -> str:
    """C type of the table's entries."""
    return integer_type(requantizer.table)


def constants(run: Run, requantizer: Requantizer) -> dict[str, int | None]:
    """Constants of the layer that are not tables; None: not of this layer."""
    rule, table = requantizer.rounding, requantizer.table
    lo, hi = requantizer.clamp
    lfsr = requantizer.lfsr if rule == Rounding.STOCHASTIC else None
    columns, channels = requantizer.columns, requantizer.multiplier.size
    threshold = requantizer.scheme == Scheme.THRESHOLD_TABLE
    in_tail = requantizer.tail if requantizer.tail < channels else None
    return {
        "CODE_TO_OPERAND": code_to_operand(run),
        "ZERO_POINT": requantizer.zero_point,
        "CLAMP_LO": lo,
        "CLAMP_HI": hi,
        "OUTPUT_LO": requantizer.output.lo,
        "OUTPUT_HI": requantizer.output.hi,
        "ENTRIES": table.shape[1] or None,
        "LEAST_CODE": int(requantizer.add[0]) if threshold else None,
        "TAIL": in_tail,
        "TAIL_LANES": requantizer.tail_lanes or None,
        "LFSRS": (columns or channels) if lfsr else None,
        "LFSR_POLYNOMIAL": lfsr.polynomial if lfsr else None,  # of 32 bits: the text casts them
        "LFSR_SEED": lfsr.seed if lfsr else None,
    }


def code_to_operand(run: Run) -> int:
    """What is added to a code of the network to make it the operand that a PE multiplies.

    ::

        subtract    -Za
        fold        the shift that re-centres codes in the machine's format
    """
    machine = run.prepared.machine
    if machine.operands.zero_point == "subtract":
        return -run.gemm.a_zero_point
    return recentre(*run.gemm.a_range, machine.operands.activation.format, "operands.activation")
