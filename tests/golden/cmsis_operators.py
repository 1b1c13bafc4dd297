"""CMSIS-NN's unit-test cases beside convolutions and linear layers; see ``cmsis_cases.py``."""

import numpy as np
from golden.cmsis_cases import INT8, exact_scale, margins, one_node

from hwsim.mapping.layer import MacLayer
from hwsim.network.graph import Node, Tensor


def batch_matmul(case):
    """``(heads, rows, k) @ (heads, k, cols)``; stored operands may be transposed or shared."""
    c, form = case.defines, case.activation
    heads = c["OUTPUT_BATCH"] * c["OUTPUT_HEIGHT"]
    arrays = []
    for side, transposed in (("LHS", c["ADJ_X"]), ("RHS", c["ADJ_Y"])):
        shape = [c[f"{side}_{axis}"] for axis in ("BATCH", "HEIGHT", "ROWS", "COLS")]
        stored = case.array(f"{side.lower()}_input_tensor").reshape(shape)
        stored = stored.swapaxes(2, 3) if transposed else stored
        full = (c["OUTPUT_BATCH"], c["OUTPUT_HEIGHT"], *stored.shape[2:])
        arrays.append(np.broadcast_to(stored, full).reshape(1, heads, *stored.shape[2:]))
    sources = [
        Tensor("a", arrays[0].shape[1:], form, 1.0, -c["LHS_OFFSET"]),
        Tensor("b", arrays[1].shape[1:], form, scale_of(case, "OUTPUT"), -c["RHS_OFFSET"]),
    ]
    shape = (heads, c["OUTPUT_ROWS"], c["OUTPUT_COLS"])
    output = Tensor("y", shape, form, 1.0, c["OUTPUT_OFFSET"])
    layer = MacLayer(
        "batch_matmul", None, form, np.ones(1), np.zeros(1, np.int64), clamp=case.clamp
    )
    node = Node(case.name, "batch_matmul", ("a", "b"), "y", layer)
    return one_node(case, node, sources, output, arrays)


def scale_of(case, name):
    """The scale that a case's one multiplier and shift mean."""
    multiplier = case.defines.get(f"{name}_MULTIPLIER", case.defines.get(f"{name}_MULT"))
    return float(exact_scale(multiplier, case[f"{name}_SHIFT"]))


def elementwise(case):
    """add (its first multipliers are 1/2: equal scales) or mul."""
    op, form = case.name.split("_")[0], case.activation
    scales = (scale_of(case, "OUTPUT"), 1.0, 1.0)
    if op == "add":
        assert {scale_of(case, f"INPUT{i}") for i in (1, 2)} == {0.5}
        one = scale_of(case, "OUTPUT") * 2.0 ** (case["LEFT_SHIFT"] - 1)
        scales = (one, one, 1.0)
    sources = [
        Tensor(name, (case["DST_SIZE"],), form, scale, -case[f"INPUT{i}_OFFSET"])
        for i, name, scale in zip((1, 2), "ab", scales, strict=False)
    ]
    output = Tensor("y", (case["DST_SIZE"],), form, scales[2], case["OUTPUT_OFFSET"])
    node = Node(case.name, op, ("a", "b"), "y", attributes={"clamp": case.clamp})
    return one_node(case, node, sources, output, [case.array(f"input{i}") for i in (1, 2)])


def pool(case):
    """average_pool_2d or max_pool_2d."""
    c, form = case.defines, case.activation
    taps, stride = (c["FILTER_H"], c["FILTER_W"]), (c["STRIDE_H"], c["STRIDE_W"])
    size, out = (c["INPUT_H"], c["INPUT_W"]), (c["OUTPUT_H"], c["OUTPUT_W"])
    sides = zip(size, out, taps, stride, (1, 1), (c["PADDING_H"], c["PADDING_W"]), strict=True)
    attributes = {
        "window": taps,
        "stride": stride,
        "padding": tuple(margins(*side) for side in sides),
        "clamp": case.clamp,
    }
    op = "average_pool_2d" if case.name.startswith("avg") else "max_pool_2d"
    node = Node(case.name, op, ("x",), "y", attributes=attributes)
    source = Tensor("x", (*size, c["INPUT_C"]), form)
    output = Tensor("y", (*out, c["OUTPUT_C"]), form)
    return one_node(case, node, [source], output, [case.array("input_tensor")])


def softmax(case):
    """Rows of int8; the multiplier is ``scale * 2**26`` (gemmlowp's Q5.26)."""
    scale = float(exact_scale(case["INPUT_MULT"], case["INPUT_LEFT_SHIFT"])) / 2.0**26
    node = Node(case.name, "softmax", ("x",), "y", attributes={"beta": 1.0})
    source = Tensor("x", (case["ROW_SIZE"],), INT8, scale, 0)
    output = Tensor("y", (case["ROW_SIZE"],), INT8, 1 / 256, -128)
    return one_node(case, node, [source], output, [case.array("input")])
