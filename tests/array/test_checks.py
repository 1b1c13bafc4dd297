"""Rules between fields: each is broken once, alone, and found; a good machine breaks none."""

import inspect
from typing import get_args

import pytest

from hwsim.array import checks
from hwsim.array.checks import check
from hwsim.array.overrides import changed
from hwsim.array.specification import REAL_BIAS_SCHEMES, Machine, Scheme
from hwsim.importers import machine_files
from hwsim.importers.hardware import load

DOUBLE = {"scheme": "multiplier_shift_double", "rounding": "half_away"}
FLOAT = {"scheme": "float32", "rounding": "half_even"}

# rule, machine, words changed, fields that break
NARROW = {"shift": 2, "rounding": "half_away", "bits": 32, "overflow": "saturate"}
MEMORY = {
    "activation_kib": 64,
    "weight_kib": 64,
    "output_kib": 64,
    "bytes_per_cycle": 16,
    "double_buffered": True,
}
BROKEN = [
    ("check_array_size", "edge_ws_16x16", {"array.rows": None}, ["array.rows"]),
    ("check_array_size", "edge_ws_16x16", {"array.cols": None}, ["array.cols"]),
    (
        "check_array_size",
        "edge_os_16x16",
        {"array.dataflow": "none"},
        ["array.rows", "array.cols"],
    ),
    ("check_array_size", "onnxruntime", {"array.rows": 4}, ["array.rows"]),
    ("check_array_size", "dot_product_64x16", {"array.rows": 1, "chain.bits": 9}, ["array.rows"]),
    ("check_k_order", "edge_ws_16x16", {"array.k_order": ["ky", "kx"]}, ["array.k_order"]),
    (
        "check_k_order",
        "edge_ws_16x16",
        {"array.k_order": ["ky", "kx", "ic", "ic"]},
        ["array.k_order"],
    ),
    ("check_k_order", "edge_ws_16x16", {"array.k_order": ["ky", "kx", "ky"]}, ["array.k_order"]),
    ("check_chain_presence", "edge_ws_16x16", {"chain": None}, ["chain"]),
    ("check_chain_presence", "edge_is_16x16", {"chain": None}, ["chain"]),
    ("check_chain_presence", "dot_product_64x16", {"chain": None}, ["chain"]),
    (
        "check_chain_presence",
        "edge_ws_16x16",
        {"array.dataflow": "output_stationary"},
        ["chain"],
    ),
    (
        "check_chain_length",
        "onnxruntime",
        {"chain": {"bits": 9, "overflow": "wrap"}},
        ["chain.length"],
    ),
    ("check_chain_length", "edge_ws_16x16", {"chain.length": 16}, ["chain.length"]),
    ("check_chain_length", "dot_product_64x16", {"chain.length": 2}, ["chain.length"]),
    ("check_chain_levels", "edge_ws_16x16", {"chain.bits": [20]}, ["chain.bits"]),
    ("check_chain_levels", "dot_product_64x16", {"chain.bits": [9] * 5}, ["chain.bits"]),
    ("check_chain_levels", "dot_product_64x16", {"chain.bits": [9] * 7}, ["chain.bits"]),
    ("check_chain_levels", "dot_product_64x16", {"array.rows": 65}, ["chain.bits"]),
    ("check_wrap_bits", "edge_ws_16x16", {"accumulator.wrap_bits": 1}, ["accumulator.wrap_bits"]),
    ("check_wrap_bits", "edge_ws_16x16", {"bias.wrap_bits": 1}, ["bias.wrap_bits"]),
    ("check_wrap_bits", "edge_ws_16x16", {"chain.wrap_bits": 20}, ["chain.wrap_bits"]),
    ("check_wrap_bits", "dot_product_64x16", {"chain.wrap_bits": 18}, ["chain.wrap_bits"]),
    (
        "check_product",
        "edge_ws_16x16",
        {"operands.zero_point": "fold", "product.drop_bits": 1},
        ["product.drop_bits"],
    ),
    ("check_product", "edge_ws_16x16", {"product.rounding": "stochastic"}, ["product.rounding"]),
    (
        "check_requantize",
        "edge_ws_16x16",
        {"requantize": {"conv_2d": FLOAT}},
        ["requantize.default"],
    ),
    ("check_requantize", "edge_ws_16x16", {"requantize.conv2d": FLOAT}, ["requantize.conv2d"]),
    (
        "check_requantize",
        "edge_ws_16x16",
        {"requantize.conv_2d_4": FLOAT},
        ["requantize.conv_2d_4"],
    ),
    (
        "check_requantize",
        "edge_ws_16x16",
        {"requantize.default_8": FLOAT},
        ["requantize.default_8"],
    ),
    (
        "check_requantize",
        "edge_ws_16x16",
        {"requantize.conv_2d": FLOAT | {"rounding": "floor"}},
        ["requantize.conv_2d.rounding"],
    ),
    (
        "check_requantize",
        "edge_ws_16x16",
        {"requantize.default.multiplier_bits": None},
        ["requantize.default.multiplier_bits"],
    ),
    (
        "check_requantize",
        "edge_ws_16x16",
        {"requantize.default.tail": {"lanes": 8, "rounding": "stochastic"}},
        ["requantize.default.tail.rounding"],
    ),
    (
        "check_requantize",
        "onnxruntime",
        {"requantize.default.tail": {"lanes": 8, "rounding": "half_away"}},
        ["requantize.default.tail"],
    ),
    (
        "check_requantize",
        "edge_ws_16x16",
        {"requantize.default.tail": {"lanes": 8, "rounding": "half_up", "scheme": "float32"}},
        ["requantize.default.tail.scheme"],
    ),
    (
        "check_requantize",
        "edge_ws_16x16",
        {"requantize.default.narrow": NARROW | {"rounding": "stochastic"}},
        ["requantize.default.narrow.rounding"],
    ),
    (
        "check_requantize",
        "edge_ws_16x16",
        {"requantize.default.narrow": NARROW | {"overflow": "trap"}},
        ["requantize.default.narrow.overflow"],
    ),
    (
        "check_requantize",
        "edge_ws_16x16",
        {"requantize.default.narrow": NARROW | {"wrap_bits": 1}},
        ["requantize.default.narrow.wrap_bits"],
    ),
    (
        "check_requantize",
        "edge_ws_16x16",
        {"requantize.default.fraction_bits": 8},
        ["requantize.default.fraction_bits"],
    ),
    ("check_operators", "edge_ws_16x16", {"operators.conv_2d": FLOAT}, ["operators.conv_2d"]),
    (
        "check_operators",
        "edge_ws_16x16",
        {"operators.quantize_same_8": {"scheme": "fixed_fraction", "rounding": "half_up"}},
        ["operators.quantize_same_8.fraction_bits"],
    ),
    (
        "check_operators",
        "tflite_reference",
        {"operators.average_pool.tail": {"lanes": 8, "rounding": "half_up"}},
        ["operators.average_pool.tail"],
    ),
    ("check_double_width", "tflite_reference", {"accumulator.bits": 33}, ["accumulator.bits"]),
    (
        "check_double_width",
        "onnxruntime",
        {"accumulator.bits": 64, "requantize.conv_2d": DOUBLE},
        ["accumulator.bits"],
    ),
    ("check_latency", "edge_ws_16x16", {"latency.tree_stage": 2}, ["latency.tree_stage"]),
    ("check_latency", "dot_product_64x16", {"latency.pe": 2}, ["latency.pe"]),
    ("check_latency", "tflite_reference", {"latency.requantize": 2}, ["latency.requantize"]),
    ("check_memory", "tflite_reference", {"memory": MEMORY}, ["memory"]),
    ("check_overrides", "edge_ws_16x16", {"overrides": [{"bias.bits": 9}]}, ["overrides[0].match"]),
    ("check_overrides", "edge_ws_16x16", {"overrides": [{"match": "a"}]}, ["overrides[0]"]),
    (
        "check_overrides",
        "edge_ws_16x16",
        {"overrides": [{"match": "a", "bias.bits": 9}, {"match": "b", "array.cols": 9}]},
        ["overrides[1].array.cols"],
    ),
]

# words that look like the broken ones and hold
SOUND = [
    ("dot_product_64x16", {"chain.bits": 23}),
    ("dot_product_64x16", {"array.rows": 33}),
    ("dot_product_64x16", {"array.rows": 2, "chain.bits": [18]}),
    ("dot_product_64x16", {"chain.wrap_bits": 17}),
    ("edge_ws_16x16", {"array.rows": 1, "array.cols": 1}),
    ("edge_ws_16x16", {"array.k_order": ["ic", "kx", "ky"]}),
    ("edge_ws_16x16", {"chain.wrap_bits": 19, "chain.overflow": "wrap_sign_magnitude"}),
    ("edge_ws_16x16", {"product.drop_bits": 1, "product.rounding": "odd"}),
    ("edge_ws_16x16", {"operands.zero_point": "fold"}),
    ("edge_ws_16x16", {"requantize.depthwise_conv_2d_8": FLOAT}),
    ("edge_ws_16x16", {"requantize.batch_matmul": FLOAT, "operators.add": FLOAT}),
    ("edge_ws_16x16", {"accumulator.bits": 64}),
    ("tflite_reference", {"accumulator.bits": 32}),
    ("edge_ws_16x16", {"requantize.default.tail": {"lanes": 8, "rounding": "half_away"}}),
    ("edge_ws_16x16", {"requantize.default.narrow": NARROW}),
    ("edge_os_16x16", {"latency.pe": 4, "latency.multiplier": 2, "latency.requantize": 3}),
    ("dot_product_64x16", {"latency.tree_stage": 4, "latency.multiplier": 2}),
    (
        "edge_ws_16x16",
        {"requantize.default.narrow": NARROW | {"overflow": "wrap", "wrap_bits": 31}},
    ),
    ("edge_ws_16x16", {"operators.quantize_8_to_16": FLOAT, "operators.add_16": FLOAT}),
    ("edge_ws_16x16", {"overrides": [{"match": "a", "array.dataflow": "input_stationary"}]}),
]


def machine_with(name, words) -> Machine:
    return Machine.model_validate(changed(load(name), words))


@pytest.mark.parametrize(("rule", "name", "words", "fields"), BROKEN)
def test_broken_rule_is_found_alone(rule, name, words, fields):
    machine = machine_with(name, words)
    found = check(machine)
    assert [field for field, _, _ in found] == fields
    assert list(getattr(checks, rule)(machine)) == found
    assert all(must for _, _, must in found)


@pytest.mark.parametrize(("name", "words"), SOUND)
def test_sound_machine_breaks_no_rule(name, words):
    assert check(machine_with(name, words)) == []


@pytest.mark.parametrize("name", machine_files.names())
def test_shipped_machine_breaks_no_rule(name):
    assert check(load(name)) == []


def test_every_rule_is_applied_and_broken_here():
    rules = {n for n, _ in inspect.getmembers(checks, inspect.isfunction) if n.startswith("check_")}
    assert rules - {"check_policy", "check_operator"} == {rule for rule, _, _, _ in BROKEN}


def test_all_broken_rules_are_collected():
    words = {
        "array.rows": None,
        "chain": None,
        "latency.tree_stage": 3,
        "product.rounding": "stochastic",
    }
    found = check(machine_with("edge_ws_16x16", words))
    assert {field for field, _, _ in found} == set(words)


def test_failure_says_the_value_and_what_must_hold():
    machine = machine_with("edge_ws_16x16", {"chain.bits": [20, 21]})
    assert check(machine) == [
        (
            "chain.bits",
            [20, 21],
            "must be one number; a list is for array.dataflow dot_product",
        )
    ]
    machine = machine_with("dot_product_64x16", {"chain.bits": [20, 21]})
    assert check(machine) == [
        ("chain.bits", [20, 21], "must be one number or 6, one a level of a tree of 64 lanes")
    ]


def test_every_scheme_of_the_reference_file_has_a_policy_that_holds():
    rounding = {
        "float32": "half_even",
        "float64": "half_away",
        "multiplier_shift_double": "half_up",
    }
    for scheme in get_args(Scheme):
        words = {"scheme": scheme, "rounding": rounding.get(scheme, "half_up")}
        if scheme in ("multiplier_shift", "multiply_add_shift"):
            words["multiplier_bits"] = 31
        if scheme == "lookup_table":
            words["table_bits"] = 8
        if scheme == "fixed_fraction":
            words["fraction_bits"] = 8
        if scheme in REAL_BIAS_SCHEMES:
            words["rounding"] = "half_even"
            own = {"real_bias": ("quantize", "division"),
                   "float32_dequantized": ("weight_scale", "float32")}  # fmt: skip
            words.update([own[scheme]] if scheme in own else [])
        assert check(machine_with("edge_ws_16x16", {"requantize.default": words})) == []
