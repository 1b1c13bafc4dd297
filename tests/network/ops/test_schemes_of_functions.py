"""What the integer schemes of functions and means refuse; values: tests/conformance."""

import numpy as np
import pytest
from oracles.tflite_machine import machine_with

from hwsim.arith.formats import IntFormat
from hwsim.errors import UnsupportedError
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops import OPS

INT8, INT16 = IntFormat(8), IntFormat(16)
X8, X16 = Tensor("x", (), INT8, 0.1, 3), Tensor("x", (), INT16, 2.0**-12)
LOGISTIC_8, TANH_8 = Tensor("y", (), INT8, 2.0**-8, -128), Tensor("y", (), INT8, 2.0**-7)
WIDE = Tensor("y", (), INT16, 2.0**-15)


def run(op, scheme, x, y, codes=(0, 1), rounding="half_away", **attributes):
    node = Node("f", op, ("x",), "y", attributes=attributes)
    machine = machine_with({op: {"scheme": scheme, "rounding": rounding}})
    return OPS[op](node, {"x": x, "y": y}, [np.array([codes])], machine)


REFUSED = [
    ("logistic", "fixed_point", X8, TANH_8, "scale, zero point"),
    ("tanh", "fixed_point", X8, LOGISTIC_8, "scale, zero point"),
    ("logistic", "interpolated_table", X8, LOGISTIC_8, "input bits = 8: must be 16"),
    ("tanh", "interpolated_table", X16, TANH_8, "scale, zero point"),
    ("tanh", "fixed_point", Tensor("x", (), INT16, 2.0**-12, 1), WIDE, "input zero point = 1"),
    ("logistic", "interpolated_table", Tensor("x", (), INT16, 3.0), WIDE, "must be below 8/3"),
    ("hard_swish", "fixed_point", X16, WIDE, "input bits = 16: must be at most 8"),
    ("hard_swish", "fixed_point", X8, Tensor("y", (), INT8, 0.0005), "must be above 1/128"),
    ("softmax", "interpolated_table", X8, WIDE, "must have 16 bits in and out"),
    ("softmax", "interpolated_table", X16, Tensor("y", (), INT16, 2.0**-14), "must be"),
]


@pytest.mark.parametrize(("op", "scheme", "x", "y", "message"), REFUSED)
def test_integer_schemes_refuse_what_their_kernels_do_not_have(op, scheme, x, y, message):
    with pytest.raises(UnsupportedError, match=message):
        run(op, scheme, x, y)


def test_fixed_point_saturates_beyond_its_radius():
    far = Tensor("x", (), INT8, 1.0)
    assert run("logistic", "fixed_point", far, LOGISTIC_8, (-128, 127)).tolist() == [[-128, 127]]
    assert run("tanh", "fixed_point", far, TANH_8, (-128, 127)).tolist() == [[-128, 127]]


def test_a_table_s_zero_point_is_outside_or_inside_the_rounding():
    y = Tensor("y", (), INT8, 1.0, 1)
    steps = []
    for scheme in ("table_float32", "table_float32_inside"):
        x = Tensor("x", (), INT8, 1.0)
        steps.append(run("logistic", scheme, x, y, (0,), "half_even").tolist())  # f(0) = 1/2
    assert steps == [[[1]], [[2]]]  # rint(0.5) + 1, rint(1.5)


def test_concatenation_copies_codes_where_the_machine_does():
    node = Node("f", "concatenation", ("x",), "y")
    machine = machine_with({"concatenation": {"scheme": "copy_codes", "rounding": "floor"}})
    codes = np.array([[5, -7]])
    assert np.array_equal(OPS[node.op](node, {"x": X8, "y": TANH_8}, [codes], machine), codes)


def test_pad_takes_a_code_before_a_value():
    node = Node("f", "pad", ("x",), "y", attributes={"padding": ((1, 0),), "code": 9, "value": 1.0})
    y = Tensor("y", (), INT8, 0.1, 3)
    padded = OPS["pad"](node, {"x": X8, "y": y}, [np.array([[4]])], machine_with())
    assert padded.tolist() == [[9, 4]]
