"""A machine as parameters of `mac_array_top`: a dict, and the text of an ``.svh`` file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hwsim.arith.requantize import Scheme
from hwsim.arith.rounding import Rounding
from hwsim.array.dataflow import DATAFLOWS
from hwsim.array.requantizer import Requantizer
from hwsim.array.specification import (
    LfsrSpec,
    Machine,
    NarrowSpec,
    OperandSpec,
    overflow_code,
    rounding_code,
)
from hwsim.errors import UnsupportedError
from hwsim.rtl.streams import WIDEST_MULTIPLIER

MACRO = "MAC_ARRAY_PARAMETERS"
LEVELS = 32  # of CHAIN_BITS
LEVEL_FIELD = 8  # bits of one width in CHAIN_BITS
SCHEMES = frozenset(
    {
        Scheme.MULTIPLIER_SHIFT,
        Scheme.MULTIPLIER_SHIFT_DOUBLE,
        Scheme.FIXED_FRACTION,
        Scheme.REDUCED_16,
        Scheme.REDUCED_16_NARROW,
        Scheme.SHIFT_ONLY,
        Scheme.MULTIPLY_ADD_SHIFT,
    }
)
CHANNEL_ORDER = frozenset({"weight_stationary", "dot_product"})
"""Dataflows whose outputs leave a column in the order of its LFSR: ascending m in an n tile."""


def parameters(machine: Machine, op: str = "default", activation_bits: int = 8) -> dict[str, int]:
    """Parameters of `mac_array_top`, but for capacities, which a layer gives (`streams`).

    ``op``, ``activation_bits``: whose requantization policy, as `Machine.policy` takes them; codes
    have ``activation_bits`` too. Where the layer is known: `layer_parameters`.

    Raises
    ------
    UnsupportedError
        The machine has no RTL; the message names the word that has none.
    """
    policy = machine.policy(op, activation_bits)
    tail = None if policy.tail is None else policy.tail.lanes
    array = _array_parameters(machine, policy.scheme, policy.rounding, tail)
    return {
        **array,
        "SCHEME": int(Scheme[policy.scheme.upper()]),
        "ROUNDING": rounding_code(policy.rounding),
        **_narrow_parameters(policy.narrow),
        **_lfsr_parameters(policy.lfsr),
        "OUT_BITS": activation_bits,
    }


def layer_parameters(machine: Machine, requantizer: Requantizer) -> dict[str, int]:
    """`parameters` of a machine for one layer: its own requantizer and format of codes.

    Raises
    ------
    UnsupportedError
        As `parameters`.
    """
    scheme, rounding = requantizer.scheme.name.lower(), requantizer.rounding.name.lower()
    return {
        **_array_parameters(machine, scheme, rounding, _tail(requantizer)),
        **_requantizer_parameters(requantizer),
    }


def requantizer_parameters(requantizer: Requantizer, *, scheme: bool = True) -> dict[str, int]:
    """Parameters of `requantize` alone; without ``scheme``, of the register before it.

    Raises
    ------
    UnsupportedError
        The scheme has no RTL.
    """
    if not scheme:
        return _narrow_parameters(requantizer.narrow)
    for field, value, must in _scheme_without_rtl(requantizer.scheme.name, _tail(requantizer)):
        raise UnsupportedError.at("requantizer", field, value, must)
    if requantizer.multiplier.max(initial=0) >= WIDEST_MULTIPLIER:
        largest = int(requantizer.multiplier.max())
        must = "must stay below 2**31 in the RTL"
        raise UnsupportedError.at("requantizer", "multiplier", largest, must)
    return _requantizer_parameters(requantizer)


def _tail(requantizer: Requantizer) -> int | None:
    """The first channel that rounds otherwise, or None."""
    whole = requantizer.tail == requantizer.multiplier.size and requantizer.tail_lanes == 0
    return None if whole else requantizer.tail


def _requantizer_parameters(requantizer: Requantizer) -> dict[str, int]:
    """Scheme, narrow register, random source, width of codes."""
    return {
        "SCHEME": int(requantizer.scheme),
        "ROUNDING": int(requantizer.rounding),
        **_narrow_parameters(requantizer.narrow),
        **_lfsr_parameters(requantizer.lfsr),
        "OUT_BITS": requantizer.output.bits,
    }


def _array_parameters(
    machine: Machine, scheme: str, rounding: str, tail: int | None
) -> dict[str, int]:
    """Parameters up to the requantizer; refuses what has no RTL."""
    for field, value, must in _without_rtl(machine, scheme, rounding, tail):
        raise UnsupportedError.at(machine.name, field, value, must)
    array, operands, chain = machine.array, machine.operands, machine.chain
    subtract = operands.zero_point == "subtract"
    return {
        "DATAFLOW": list(DATAFLOWS).index(array.dataflow),
        "ROWS": array.rows or 1,
        "COLS": array.cols or 1,
        "A_BITS": _operand_bits(operands.activation, subtract=subtract),
        "W_BITS": _operand_bits(operands.weight, subtract=subtract),
        "DROP_BITS": machine.product.drop_bits,
        "PRODUCT_ROUNDING": rounding_code(machine.product.rounding),
        "CHAIN_BITS": _packed(chain.bits if chain else 2),
        "CHAIN_OVERFLOW": overflow_code(chain.overflow) if chain else 0,
        "CHAIN_WRAP_BITS": chain.wrap_bits if chain else 0,
        "ACC_BITS": machine.accumulator.bits,
        "ACC_OVERFLOW": overflow_code(machine.accumulator.overflow),
        "ACC_WRAP_BITS": machine.accumulator.wrap_bits,
        "CHECK_FINAL": int(machine.accumulator.check == "final"),
        "BIAS_LAST": int(machine.bias.when == "last"),
        "ROW_SUM": int(not subtract),
        "LATENCY_MULTIPLIER": machine.latency.multiplier,
        "LATENCY_PE": machine.latency.pe,
        "LATENCY_TREE": machine.latency.tree_stage,
        "LATENCY_REQUANTIZE": machine.latency.requantize,
    }


def _narrow_parameters(narrow: NarrowSpec | None) -> dict[str, int]:
    """The register before the scheme."""
    return {
        "NARROW": int(narrow is not None),
        "NARROW_SHIFT": narrow.shift if narrow else 0,
        "NARROW_ROUNDING": rounding_code(narrow.rounding) if narrow else 0,
        "NARROW_BITS": narrow.bits if narrow else 32,
        "NARROW_OVERFLOW": overflow_code(narrow.overflow) if narrow else 0,
        "NARROW_WRAP_BITS": narrow.wrap_bits if narrow else 0,
    }


def _lfsr_parameters(lfsr: LfsrSpec | None) -> dict[str, int]:
    """The random source of stochastic rounding."""
    return {
        "LFSR_POLYNOMIAL": lfsr.polynomial if lfsr else 1,
        "LFSR_SEED": lfsr.seed if lfsr else 1,
    }


def _without_rtl(
    machine: Machine, scheme: str, rounding: str, tail: int | None
) -> Iterator[tuple[str, object, str]]:
    """Words of the machine that the RTL does not have."""
    flow = machine.array.dataflow
    if not machine.array.is_array:
        yield "array.dataflow", flow, "has no RTL: the arithmetic of a runtime is not an array"
    yield from _scheme_without_rtl(scheme, tail)
    if rounding == Rounding.STOCHASTIC.name.lower() and flow not in CHANNEL_ORDER:
        yield "requantize.rounding", rounding, f"has no RTL under array.dataflow {flow}"


def _scheme_without_rtl(scheme: str, tail: int | None) -> Iterator[tuple[str, object, str]]:
    """The same of the requantizer alone."""
    if Scheme[scheme.upper()] not in SCHEMES:
        names = ", ".join(sorted(known.name.lower() for known in SCHEMES))
        yield "requantize.scheme", scheme.lower(), f"has no RTL: the RTL has {names}"
    if tail is not None:
        yield "requantize.tail", tail, "has no RTL: all channels round alike"


def _operand_bits(spec: OperandSpec, *, subtract: bool) -> int:
    """Width of a PE's operand: one bit more where a zero point is subtracted, or without a sign."""
    return spec.bits + int(subtract or not spec.signed)


def _packed(bits: int | Sequence[int]) -> int:
    """Widths of the chain, 8 bits a tree level, leaves first; one width fills all levels.

    >>> hex(_packed([9, 10]))
    '0xa09'
    """
    widths = [bits] * LEVELS if isinstance(bits, int) else bits
    return sum(width << (LEVEL_FIELD * level) for level, width in enumerate(widths))


def literal(name: str, value: int) -> str:
    """A parameter's value as SystemVerilog.

    >>> literal("ROWS", 16), literal("LFSR_SEED", 5)
    ('16', "32'h5")
    """
    if name == "CHAIN_BITS":
        return f"{LEVELS * LEVEL_FIELD}'h{value:x}"
    return f"32'h{value:x}" if name.startswith("LFSR") else str(value)


def parameter_text(values: dict[str, int], title: str) -> str:
    """An ``.svh`` file: one macro, to be used as ``mac_array_top #(`MAC_ARRAY_PARAMETERS) array``.

    >>> print(parameter_text({"ROWS": 4, "COLS": 2}, "tiny"), end="")
    // tiny: parameters of mac_array_top, written by `hwsim hw sv`
    `define MAC_ARRAY_PARAMETERS \\
        .ROWS(4), \\
        .COLS(2)
    """
    fields = [f"    .{name}({literal(name, value)})" for name, value in values.items()]
    head = f"// {title}: parameters of mac_array_top, written by `hwsim hw sv`\n"
    return head + ", \\\n".join([f"`define {MACRO} \\\n{fields[0]}", *fields[1:]]) + "\n"
