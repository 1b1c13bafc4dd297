"""The machine's words: strict types, foreign names, which policy an operator follows."""

from typing import get_args

import pytest
from pydantic import ValidationError

from hwsim.arith.overflow import Overflow
from hwsim.arith.rounding import Rounding
from hwsim.array.rule_names import (
    OVERFLOW_ALIASES,
    ROUNDING_ALIASES,
    OverflowName,
    RoundingName,
    overflow_code,
    rounding_code,
)
from hwsim.array.specification import ChainSpec, Machine, RegisterSpec, RequantizeSpec
from hwsim.importers.hardware import load

OVERFLOWS = get_args(get_args(OverflowName)[0])
ROUNDINGS = get_args(get_args(RoundingName)[0])


def test_every_word_names_its_rule():
    assert [overflow_code(word) for word in OVERFLOWS] == [int(rule) for rule in Overflow]
    assert [rounding_code(word) for word in ROUNDINGS] == [int(rule) for rule in Rounding]


def test_foreign_names_become_ours():
    for alias, word in OVERFLOW_ALIASES.items():
        assert RegisterSpec(bits=8, overflow=alias).overflow == word
        assert word in OVERFLOWS
    for alias, word in ROUNDING_ALIASES.items():
        assert RequantizeSpec(scheme="shift_only", rounding=alias).rounding == word
        assert word in ROUNDINGS


@pytest.mark.parametrize(
    ("alias", "rule"),
    [
        ("SC_RND", Rounding.HALF_UP),
        ("SC_RND_ZERO", Rounding.HALF_TOWARD_ZERO),
        ("SC_RND_MIN_INF", Rounding.HALF_DOWN),
        ("SC_RND_INF", Rounding.HALF_AWAY),
        ("SC_RND_CONV", Rounding.HALF_EVEN),
        ("SC_TRN", Rounding.FLOOR),
        ("SC_TRN_ZERO", Rounding.TOWARD_ZERO),
        ("RNU", Rounding.HALF_UP),
        ("RNE", Rounding.HALF_EVEN),
        ("RDN", Rounding.FLOOR),
        ("ROD", Rounding.ODD),
    ],
)
def test_foreign_rounding_is_the_standards(alias, rule):
    assert rounding_code(ROUNDING_ALIASES[alias]) == rule


@pytest.mark.parametrize("bits", [True, 8.0, "8", 1, 65, None])
def test_register_width_is_a_strict_integer(bits):
    with pytest.raises(ValidationError):
        RegisterSpec(bits=bits, overflow="wrap")


@pytest.mark.parametrize("bits", [2, 64])
def test_register_width_includes_its_ends(bits):
    assert RegisterSpec(bits=bits, overflow="wrap").format.bits == bits


@pytest.mark.parametrize("bits", [[], [8, 8.0], [8, True], [8, 1], (8, 8)])
def test_chain_widths_are_strict_integers(bits):
    with pytest.raises(ValidationError):
        ChainSpec(bits=bits, overflow="wrap")


def test_unknown_word_is_refused():
    with pytest.raises(ValidationError):
        RegisterSpec(bits=8, overflow="wrap", width=8)


def test_machine_is_frozen():
    with pytest.raises(ValidationError):
        load("edge_ws_16x16").name = "x"


def test_policy_is_the_most_specific():
    tflite = load("tflite_reference")
    schemes = {
        ("conv_2d", 8): "multiplier_shift_double",
        ("conv_2d", 16): "reduced_16",
        ("depthwise_conv_2d", 16): "reduced_16",
        ("fully_connected", 8): "float64",
        ("fully_connected", 16): "float64",
        ("batch_matmul", 8): "multiplier_shift_double",
    }
    found = {key: tflite.policy(*key).scheme for key in schemes}
    assert found == schemes


def test_runtimes_have_the_arithmetic_of_semantics():
    assert load("onnxruntime").policy("conv_2d", 8).model_dump(exclude_none=True) == {
        "scheme": "float32",
        "rounding": "half_even",
        "scale": "float32_product_quotient",
    }
    reference = load("tflite_reference")
    assert reference.policy("conv_2d", 16).scheme == "reduced_16"
    assert reference.policy("fully_connected", 16).scheme == "float64"


def test_dump_validates_as_the_same_machine():
    machine = load("dot_product_64x16")
    assert Machine.model_validate(machine.model_dump()) == machine
