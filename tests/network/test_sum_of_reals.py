"""Adding between dequantize and quantize, as PyTorch's engines, PT2E graphs and AIMET do."""

from fractions import Fraction

import numpy as np
import pytest
from oracles.reals import nearest_float
from oracles.rules import rounded

from hwsim.arith.formats import IntFormat
from hwsim.importers import hardware
from hwsim.network import run as network
from hwsim.network.graph import Graph, Node, Tensor

U8 = IntFormat(8, signed=False)


def single(x) -> Fraction:
    return nearest_float(Fraction(x), 24)


def expected(a, b, sign, scales, zeros, form) -> int:
    """One code, by fractions."""
    sa, sb = (single(s) for s in scales[:2])
    sy = Fraction(scales[2])
    total = single(single((a - zeros[0]) * sa) + sign * single((b - zeros[1]) * sb))
    if form == "division":
        steps = single(total / single(sy))
    elif form == "reciprocal":
        steps = single(total * single(1 / single(sy)))
    else:
        steps = single(total * single(nearest_float(1 / sy, 53)))
    return min(max(rounded(steps, "half_even") + zeros[2], 0), 255)


@pytest.mark.parametrize(
    ("machine", "form"),
    [
        ("pytorch_fbgemm", "reciprocal"),
        ("pytorch_x86", "reciprocal"),
        ("pt2e_graph", "reciprocal_float64"),
        ("aimet", "division"),
    ],
)
@pytest.mark.parametrize(
    "scales",
    [(0.5, 0.25, 1.0), (0.1, 0.1, 0.2), (0.3, 0.1, 0.2), (0.0371, 0.0214, 0.0453)],
    ids=["ties", "near ties", "near ties, unequal", "any"],
)
@pytest.mark.parametrize("op", ["add", "sub"])
def test_sum_equals_fractions(machine, form, scales, op):
    rng = np.random.default_rng(0)
    codes = {name: rng.integers(0, 256, (1, 300)) for name in ("a", "b")}
    zeros = (3, 120, 77)
    tensors = {
        name: Tensor(name, (300,), U8, scale, zero)
        for name, scale, zero in zip(("a", "b", "y"), scales, zeros, strict=True)
    }
    node = Node(op, op, ("a", "b"), "y")
    graph = Graph("sum", tensors, (node,), ("a", "b"), ("y",))
    found = network.run(graph, hardware.load(machine), codes).codes["y"][0]
    sign = 1 if op == "add" else -1
    pairs = zip(codes["a"][0].tolist(), codes["b"][0].tolist(), strict=True)
    assert found.tolist() == [expected(a, b, sign, scales, zeros, form) for a, b in pairs]
