"""Operators beside the array, and the transposed convolution, against the installed runtimes.

One file an operator, with random scales, zero points, shapes and codes, a good part of them powers
of two (ties); functions of one 8-bit code on all 256 codes, of one 16-bit code on all 65,536.
"""

from functools import cache
from importlib.metadata import version

import numpy as np
import pytest
from oracles.operator_graph import outputs
from oracles.operator_moves import transpose_conv_2d
from oracles.operator_table import (
    COMPARED,
    MACHINES,
    NAMES,
    case,
    has_kernel,
    measured,
    rescaled_relu6,
)

from hwsim import load_hardware

pytestmark = pytest.mark.conformance
CASES = 24


@cache
def machine_of(name):
    return load_hardware(name)


def runtime_of(machine) -> str:
    """The package, or a skip that says which one is absent."""
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed")
    if machine == "tflite_micro":
        pytest.importorskip("tflite_micro", reason="tflite_micro is not installed")
        return f"tflite_micro {version('tflite_micro')}"
    return f"ai-edge-litert {version('ai-edge-litert')}"


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(("op", "kind"), COMPARED)
def test_operator_equals_the_runtime(op, kind, machine, record_conformance):
    package = runtime_of(machine)
    if not has_kernel(op, kind, machine):
        with pytest.raises((RuntimeError, ValueError)):
            measured(case(op, kind, 0), machine)
        return
    compared = different = 0
    for number in range(CASES):
        one = case(op, kind, number)
        if machine == "tflite_micro" and rescaled_relu6(one):
            continue  # see rescaled_relu6
        theirs = measured(one, machine)
        ours = outputs(one, machine_of(machine))
        assert ours.shape == theirs.shape
        compared += theirs.size
        different += int(np.count_nonzero(ours != theirs))
    record_conformance(
        runtime=NAMES[machine],
        version=package,
        machine=machine,
        outputs=compared,
        differences=different,
    )
    assert compared > 100
    assert different == 0


def test_a_transposed_kernel_below_its_stride_is_not_xnnpack_s():
    """SAME padding and a kernel smaller than its stride: LiteRT does not delegate TRANSPOSE_CONV.

    Where the padding is VALID it does, and the layers may be the same ones, so that no machine can
    tell them apart: tflite_xnnpack says what XNNPACK gives.
    """
    runtime_of("tflite_xnnpack")
    optimized, delegated = machine_of("tflite_optimized"), machine_of("tflite_xnnpack")
    not_xnnpack = 0
    for number in range(200):
        rng = np.random.default_rng([number, 1])
        one = transpose_conv_2d(rng, "transpose_conv_2d", "int8", smaller_kernel=True)
        theirs = measured(one, "tflite_xnnpack")
        assert np.array_equal(outputs(one, optimized), theirs)
        not_xnnpack += not np.array_equal(outputs(one, delegated), theirs)
    assert not_xnnpack > 5
