"""CMSIS-NN's own unit-test numbers (commit 99f736a): every layer, pool and product it tests."""

from collections import Counter

import numpy as np
import pytest
from golden import cmsis_cases, cmsis_operators

from hwsim.importers.hardware import load
from hwsim.network.run import run

VERSION = "CMSIS-NN 99f736a"
OPERATORS = {  # the first word of a case that is no convolution or linear layer
    "avgpooling": cmsis_operators.pool,
    "maxpool": cmsis_operators.pool,
    "maxpooling": cmsis_operators.pool,
    "add": cmsis_operators.elementwise,
    "mul": cmsis_operators.elementwise,
    "softmax": cmsis_operators.softmax,
    "batch": cmsis_operators.batch_matmul,
}
NOT_RUN = {  # the first word of a case, and why hwsim does not run it
    "lstm": "recurrent cells are not simulated",
    "svdf": "a layer with state is not simulated",
    "minimum": "not an operator of hwsim",
    "maximum": "not an operator of hwsim",
    "transpose": "moves codes only, and the file does not hold the permutation",
}
ONLY_DOUBLE = {  # cases that single rounding does not meet, and outputs that differ there
    "conv_1_x_n_2_int4": 4,
    "conv_1_x_n_7": 1,
    "conv_2x2_dilation": 1,
    "conv_5": 1,
    "depthwise_dilation": 1,
    "depthwise_int4_1": 23,
    "int16xint8xint32_4": 3,
    "kernel1x1_int4": 3,
    "kernel1x1_stride_x_int4": 1,
    "kernel1x1_stride_x_y_int4": 1,
    "batch_matmul_1_s8": 1,
    "batch_matmul_3_s8": 1,
    "batch_matmul_4_s8": 2,
    "batch_matmul_5_s8": 5,
    "transpose_conv_1": 2,
}
LAYERS = ("convolution", "linear", "transposed", "batch_matmul")


@pytest.fixture(scope="module")
def cases(shared):
    return cmsis_cases.read(shared / "data" / "golden" / "cmsis_nn_integer_dev.npz")


def kind(case):
    """What makes the case's network; None where hwsim does not run it."""
    word = case.name.split("_")[0]
    if "transpose_conv" in case.name:
        return cmsis_cases.transposed
    if word in NOT_RUN:
        return None
    if word in OPERATORS:
        return OPERATORS[word]
    return cmsis_cases.linear if "ACCUMULATION_DEPTH" in case.defines else cmsis_cases.convolution


def differences(case, machine):
    """Outputs compared and outputs that differ."""
    graph, inputs, expected = kind(case)(case)
    got = run(graph, machine, inputs).codes["y"]
    assert got.shape == expected.shape
    return expected.size, int(np.count_nonzero(got != expected))


def compare(cases, machine):
    """Outputs of every case, and the cases that differ with their counts."""
    counts = {case.name: differences(case, load(machine)) for case in cases}
    compared = sum(outputs for outputs, _ in counts.values())
    return compared, {name: wrong for name, (_, wrong) in counts.items() if wrong}


@pytest.mark.conformance
@pytest.mark.parametrize(
    ("make", "number", "outputs"),
    [
        ("convolution", 52, 24370),
        ("linear", 12, 240),
        ("transposed", 5, 2555),
        ("batch_matmul", 6, 41472),
        ("pool", 12, 956),
        ("elementwise", 4, 693),
        ("softmax", 1, 10),
    ],
)
def test_cmsis_nn_cases_equal(cases, make, number, outputs, record_conformance):
    chosen = [c for c in cases.values() if getattr(kind(c), "__name__", None) == make]
    compared, different = compare(chosen, "cmsis_nn")
    record_conformance(
        runtime="CMSIS-NN",
        version=VERSION,
        machine="cmsis_nn",
        outputs=compared,
        differences=sum(different.values()),
    )
    assert different == {}
    assert (len(chosen), compared) == (number, outputs)


@pytest.mark.conformance
def test_single_rounding_differs_where_the_numbers_need_two(cases):
    """The numbers come from double rounding; built with one, CMSIS-NN fails its own tests here."""
    chosen = [case for case in cases.values() if getattr(kind(case), "__name__", None) in LAYERS]
    compared, different = compare(chosen, "cmsis_nn_single")
    assert different == ONLY_DOUBLE
    assert (len(chosen), compared) == (75, 68637)


def test_cases_not_run_are_known(cases):
    left_out = Counter(case.name.split("_")[0] for case in cases.values() if kind(case) is None)
    assert left_out == {"lstm": 4, "svdf": 3, "minimum": 5, "maximum": 4, "transpose": 6}
    assert left_out.keys() == NOT_RUN.keys()
