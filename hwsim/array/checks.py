"""Rules between fields of a machine: one small function a rule, all failures collected.

A failure is ``(dotted field, value, what must hold)``; ``importers/hardware.py`` adds the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hwsim.array.conditions import condition_failures
from hwsim.array.policy_checks import check_operator, check_policy
from hwsim.array.specification import ChainSpec, Machine, RegisterSpec, Spec

Failure = tuple[str, Any, str]

REQUANTIZE_KEYS = (
    "default",
    "conv_2d",
    "depthwise_conv_2d",
    "transpose_conv_2d",
    "fully_connected",
    "batch_matmul",
)
OPERATOR_KEYS = (
    "add",
    "sub",
    "mul",
    "average_pool",
    "max_pool",
    "mean",
    "softmax",
    "logistic",
    "tanh",
    "hard_swish",
    "relu",
    "resize_nearest_neighbor",
    "concatenation",
    "quantize",
    "quantize_real",
    "dequantize",
)
SELECTORS = ("match", "when")  # of an override: which layers it is for
FIXED_PER_MACHINE = ("name", "clock_mhz", "overrides", "array.rows", "array.cols")
_WIDTH_SUFFIX = re.compile(r"_(8|16)$")
_FORMAT_SUFFIX = re.compile(r"_(same_)?\d+$|_\d+_to_\d+$")


def check(machine: Machine) -> list[Failure]:
    """Every rule between fields that ``machine`` breaks; empty for a machine that can be built."""
    return [
        failure
        for rule in (
            check_array_size,
            check_k_order,
            check_chain_presence,
            check_chain_length,
            check_chain_levels,
            check_wrap_bits,
            check_product,
            check_requantize,
            check_operators,
            check_double_width,
            check_latency,
            check_memory,
            check_overrides,
        )
        for failure in rule(machine)
    ]


def check_array_size(machine: Machine) -> Iterator[Failure]:
    """An array has rows and columns; a runtime has neither."""
    array = machine.array
    for word, size in (("rows", array.rows), ("cols", array.cols)):
        if array.is_array and size is None:
            must = f"must be given: {array.dataflow} is an array of PEs"
            yield f"array.{word}", "missing", must
        if not array.is_array and size is not None:
            yield f"array.{word}", size, "must be left out where array.dataflow is none"
    if array.dataflow == "dot_product" and array.rows == 1:
        yield "array.rows", 1, "must be 2 or more lanes, so that there is a tree"


def check_k_order(machine: Machine) -> Iterator[Failure]:
    """The reduction runs over ky, kx and ic, each once."""
    order = machine.array.k_order
    if sorted(order) != ["ic", "kx", "ky"]:
        yield "array.k_order", order, "must hold ky, kx and ic once each; the last is fastest"


def check_chain_presence(machine: Machine) -> Iterator[Failure]:
    """Columns and trees have a chain register, one PE's sum has none, a runtime may have one."""
    dataflow, chain = machine.array.dataflow, machine.chain
    needs_chain = dataflow in ("weight_stationary", "input_stationary", "dot_product")
    if needs_chain and chain is None:
        yield "chain", "missing", f"must be given: array.dataflow {dataflow} adds between PEs"
    if dataflow == "output_stationary" and chain is not None:
        must = f"must be left out: array.dataflow {dataflow} has no register between PEs"
        yield "chain", chain.model_dump(exclude_defaults=True), must


def check_chain_length(machine: Machine) -> Iterator[Failure]:
    """An array's rows say how many products a chain adds; a runtime's chain says it itself."""
    array, chain = machine.array, machine.chain
    if chain is None:
        return
    if array.is_array and chain.length is not None:
        must = f"must be left out: array.rows is the length under array.dataflow {array.dataflow}"
        yield "chain.length", chain.length, must
    if not array.is_array and chain.length is None:
        must = "must be given: products that a runtime adds before they enter the accumulator"
        yield "chain.length", "missing", must


def check_chain_levels(machine: Machine) -> Iterator[Failure]:
    """A list of chain widths is for a tree, one width a level, leaves first."""
    chain, array = machine.chain, machine.array
    if chain is None or not isinstance(chain.bits, list):
        return
    if array.dataflow != "dot_product":
        yield (
            "chain.bits",
            chain.bits,
            "must be one number; a list is for array.dataflow dot_product",
        )
    elif array.rows is not None and len(chain.bits) != (levels := (array.rows - 1).bit_length()):
        must = f"must be one number or {levels}, one a level of a tree of {array.rows} lanes"
        yield "chain.bits", chain.bits, must


def check_wrap_bits(machine: Machine) -> Iterator[Failure]:
    """The n saturated top bits of SC_WRAP are fewer than the register has."""
    registers: dict[str, RegisterSpec | ChainSpec | None] = {
        "chain": machine.chain,
        "accumulator": machine.accumulator,
        "bias": machine.bias,
    }
    for name, spec in registers.items():
        if spec is None or spec.wrap_bits == 0:
            continue
        bits = min(spec.bits) if isinstance(spec.bits, list) else spec.bits
        if spec.overflow not in ("wrap", "wrap_sign_magnitude"):
            must = f"must be 0 or left out: {name}.overflow {spec.overflow} does not wrap"
            yield f"{name}.wrap_bits", spec.wrap_bits, must
        elif spec.wrap_bits >= bits:
            yield f"{name}.wrap_bits", spec.wrap_bits, f"must be below {name}.bits, {bits}"


def check_product(machine: Machine) -> Iterator[Failure]:
    """Folded zero points need exact products; PEs have no random source."""
    product = machine.product
    if machine.operands.zero_point == "fold" and product.drop_bits > 0:
        must = "must be 0 where operands.zero_point is fold: the folded bias holds exact products"
        yield "product.drop_bits", product.drop_bits, must
    if product.rounding == "stochastic":
        must = "must be another rounding: only the requantizer has a random source"
        yield "product.rounding", product.rounding, must


def check_requantize(machine: Machine) -> Iterator[Failure]:
    """There is a default policy, every key names an operator, every policy has its words."""
    if "default" not in machine.requantize:
        yield "requantize.default", "missing", "must be given"
    for key, policy in machine.requantize.items():
        if _WIDTH_SUFFIX.sub("", key) not in REQUANTIZE_KEYS or key.startswith("default_"):
            must = (
                f"must be named {', '.join(REQUANTIZE_KEYS)}; all but default also with _8 or _16"
            )
            yield f"requantize.{key}", policy.scheme, must
        for word, value, must in check_policy(policy):
            shown = value.model_dump() if isinstance(value, Spec) else value
            yield f"requantize.{key}.{word}", "missing" if shown is None else shown, must


def check_operators(machine: Machine) -> Iterator[Failure]:
    """Every key of ``operators`` names an operator that computes."""
    for key, operator in machine.operators.items():
        if _FORMAT_SUFFIX.sub("", key) not in OPERATOR_KEYS:
            names = ", ".join(OPERATOR_KEYS)
            must = f"must be named {names}; also with _8 or another width, _same_8, _8_to_16"
            yield f"operators.{key}", operator.scheme, must
        for word, value, must in check_operator(operator):
            yield f"operators.{key}.{word}", "missing" if value is None else value, must


def check_double_width(machine: Machine) -> Iterator[Failure]:
    """Double rounding (gemmlowp) multiplies a 32-bit sum and nothing wider."""
    doubles = [k for k, p in machine.requantize.items() if p.scheme == "multiplier_shift_double"]
    if machine.accumulator.bits > 32 and doubles:
        must = (
            f"must be at most 32: requantize.{doubles[0]}, multiplier_shift_double, takes 32 bits"
        )
        yield "accumulator.bits", machine.accumulator.bits, must


def check_latency(machine: Machine) -> Iterator[Failure]:
    """A path that the array does not have has no further registers."""
    flow, tree = machine.array.dataflow, machine.array.dataflow == "dot_product"
    for word, clocks in machine.latency.model_dump().items():
        absent = not machine.array.is_array or word == ("pe" if tree else "tree_stage")
        if absent and clocks != 1:
            must = f"must be 1 or left out: array.dataflow {flow} has no such path"
            yield f"latency.{word}", clocks, must


def check_memory(machine: Machine) -> Iterator[Failure]:
    """A runtime has no clocks to stall."""
    if machine.memory is not None and not machine.array.is_array:
        value = machine.memory.model_dump(exclude_none=True)
        yield "memory", value, "must be left out where array.dataflow is none"


def check_overrides(machine: Machine) -> Iterator[Failure]:
    """An override says which layers it is for, and changes words that a layer can change."""
    for i, entry in enumerate(machine.overrides):
        if not isinstance(entry.get("match"), str):
            must = "must be given: a glob of layer names, such as conv1*"
            yield f"overrides[{i}].match", entry.get("match", "missing"), must
        for word, value, must in condition_failures(entry.get("when", {})):
            yield ".".join(filter(None, (f"overrides[{i}].when", word))), value, must
        if not entry.keys() - set(SELECTORS):
            yield f"overrides[{i}]", entry, "must change a word, such as accumulator.bits: 20"
        for word in entry:
            if word in FIXED_PER_MACHINE or word.partition(".")[0] == "memory":
                must = "must be the same for all layers of a machine"
                yield f"overrides[{i}].{word}", entry[word], must
