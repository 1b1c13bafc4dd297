"""Pooling: TFLite's model, and one exact rounding of the mean elsewhere."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from oracles import tflite_ops
from oracles.rules import rounded
from oracles.tflite_machine import machine_with, tflite_machine

from hwsim.arith.formats import IntFormat
from hwsim.errors import UnsupportedError
from hwsim.network.beside import run_beside
from hwsim.network.graph import Graph, Node, Tensor
from hwsim.network.kept import own_dtype
from hwsim.network.ops import FLOAT_OPS, OPS

FORMATS = (IntFormat(8), IntFormat(8, signed=False), IntFormat(16))


def window(rng, height, width):
    """Random window, stride and TFLite padding (SAME or VALID)."""
    size = (int(rng.integers(1, min(height, 4) + 1)), int(rng.integers(1, min(width, 4) + 1)))
    stride = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    padding = ((0, 0), (0, 0))
    if rng.integers(2):
        sizes = zip((height, width), size, stride, strict=True)
        padding = tuple(tflite_ops.same_padding(*one) for one in sizes)
    return {"window": size, "stride": stride, "padding": padding}


def problem(rng, form, *, same=True):
    """An image, its window and its tensors; ``same``: output quantized as the input."""
    height, width = (int(v) for v in rng.integers(1, 9, 2))
    attributes = window(rng, height, width)
    zero = int(rng.integers(form.lo, form.hi + 1))
    source = Tensor("x", (height, width, 3), form, 0.1, zero)
    output = Tensor("y", (), form, *((0.1, zero) if same else (0.083, zero // 2)))
    codes = rng.integers(form.lo, form.hi + 1, (2, height, width, 3))
    return attributes, {"x": source, "y": output}, codes


def run(op, attributes, tensors, codes, machine):
    return OPS[op](Node("pool", op, ("x",), "y", attributes=attributes), tensors, [codes], machine)


@pytest.mark.parametrize(("op", "kind"), [("average_pool_2d", "average"), ("max_pool_2d", "max")])
@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_pool_equals_the_model_of_tflite(op, kind, form):
    rng, outputs = np.random.default_rng(form.hi), 0
    for _ in range(60):
        attributes, tensors, codes = problem(rng, form)
        clamp = (int(rng.integers(form.lo, 0 if form.signed else 100)), None)
        expected = tflite_ops.pool(codes, kind, *attributes.values())
        got = run(op, {**attributes, "clamp": clamp}, tensors, codes, tflite_machine())
        assert np.array_equal(got, np.maximum(expected, clamp[0]))
        outputs += got.size
    assert outputs > 1000


@pytest.mark.parametrize("rule", ["floor", "half_up", "half_away", "half_even"])
def test_mean_of_codes_rounds_the_mean_of_raw_codes(rule):
    machine = machine_with({"average_pool": {"scheme": "mean_of_codes", "rounding": rule}})
    tensors = {name: Tensor(name, (1, 2, 1), IntFormat(8), 0.5, 3) for name in "xy"}
    codes = np.array([[-5, -2], [1, 2], [4, 5]]).reshape(3, 1, 2, 1)
    got = run("average_pool_2d", {"window": (1, 2), "stride": (1, 1)}, tensors, codes, machine)
    assert got.ravel().tolist() == [rounded(Fraction(v, 2), rule) for v in (-7, 3, 9)]


def exact_multiplier(real):
    """The nearest multiplier of 31 bits to a float64, as a fraction."""
    r, s = Fraction(real), 0
    while r * Fraction(2) ** s < 2**30:
        s += 1
    return rounded(r * 2**s, "half_away") / Fraction(2) ** s


@pytest.mark.parametrize("include", [False, True])
def test_other_schemes_requantize_the_sum_once_for_each_number_of_taps(include):
    words = {"scheme": "multiplier_shift", "rounding": "half_even", "multiplier_bits": 31}
    form, counts_seen = IntFormat(8), set()
    for seed in range(20):
        attributes, tensors, codes = problem(np.random.default_rng(seed), form, same=False)
        attributes["count_include_padding"] = include
        x, y = tensors["x"], tensors["y"]
        padded = np.pad(codes - x.zero_point, ((0, 0), *attributes["padding"], (0, 0)))
        inside = np.pad(np.ones_like(codes), ((0, 0), *attributes["padding"], (0, 0)))
        got = run("average_pool_2d", attributes, tensors, codes, machine_with(default=words))
        (ky, kx), (sy, sx) = attributes["window"], attributes["stride"]
        for s, i, j, c in np.ndindex(got.shape):
            place = (s, slice(i * sy, i * sy + ky), slice(j * sx, j * sx + kx), c)
            count = ky * kx if include else int(inside[place].sum())
            factor = exact_multiplier(x.scale / (count * y.scale))
            code = rounded(int(padded[place].sum()) * factor, "half_even") + y.zero_point
            assert got[s, i, j, c] == min(max(code, form.lo), form.hi)
            counts_seen.add(count)
    assert len(counts_seen) > 4


def test_mean_of_codes_refuses_another_output_scale():
    attributes, tensors, codes = problem(np.random.default_rng(0), IntFormat(8), same=False)
    with pytest.raises(UnsupportedError, match=r"must equal the input's under operators.average_"):
        run("average_pool_2d", attributes, tensors, codes, tflite_machine())


@pytest.mark.parametrize("keep_dims", [False, True])
def test_mean_is_the_average_pool_of_the_whole_image(keep_dims):
    machine = machine_with(default={"scheme": "float32", "rounding": "half_even"})
    _, tensors, codes = problem(np.random.default_rng(3), IntFormat(8), same=False)
    whole = {"window": codes.shape[1:3], "stride": (1, 1)}
    expected = run("average_pool_2d", whole, tensors, codes, machine)
    got = run("mean", {"axes": (0, 1), "keep_dims": keep_dims}, tensors, codes, machine)
    assert got.shape == ((2, 1, 1, 3) if keep_dims else (2, 3))
    assert np.array_equal(got.reshape(expected.shape), expected)


def test_mean_under_float32_is_onnx_runtimes_formula():
    machine = machine_with(
        default={
            "scheme": "float32",
            "rounding": "half_even",
            "scale": "float32_product_quotient",
        }
    )
    rng, f32 = np.random.default_rng(4), np.float32
    for _ in range(20):
        _, tensors, codes = problem(rng, IntFormat(8), same=False)
        x, y = tensors["x"], tensors["y"]
        factor = f32(x.scale) / f32(f32(y.scale) * f32(codes.shape[1] * codes.shape[2]))
        total = (codes - x.zero_point).sum(axis=(1, 2))
        expected = np.rint(total.astype(f32) * factor).astype(np.int64) + y.zero_point
        got = run("mean", {}, tensors, codes, machine)
        assert np.array_equal(got, np.clip(expected, -128, 127))


def test_max_pool_rescales_where_scales_differ():
    attributes, tensors, codes = problem(np.random.default_rng(5), IntFormat(8), same=False)
    x, y = tensors["x"], tensors["y"]
    largest = tflite_ops.pool(codes, "max", *attributes.values())
    expected = tflite_ops.quantize_codes(largest, x.scale, x.zero_point, y.scale, y.zero_point)
    got = run("max_pool_2d", attributes, tensors, codes, machine_with())
    assert np.array_equal(got, np.clip(expected, -128, 127))


OTHER = {IntFormat(8): IntFormat(16), IntFormat(8, signed=False): IntFormat(8)}


@pytest.mark.parametrize("op", ["average_pool_2d", "max_pool_2d"])
@pytest.mark.parametrize("form", FORMATS, ids=str)
@pytest.mark.parametrize("output", ["the same", "another scale", "another format"])
def test_codes_are_pooled_alike_in_the_type_that_they_are_kept_in(op, form, output):
    """A difference of codes, or a code of another format, may not fit that type."""
    words = {"scheme": "multiplier_shift", "rounding": "half_even", "multiplier_bits": 31}
    machine, ends = machine_with(default=words), set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        attributes, tensors, codes = problem(rng, form, same=output != "another scale")
        if output == "another format":
            x, y = (replace(tensors[name], zero_point=0) for name in "xy")
            tensors = {"x": x, "y": replace(y, format=OTHER.get(form, IntFormat(8)))}
        node = Node("pool", op, ("x",), "y", attributes=attributes)
        graph = Graph("pool", tensors, (node,), ("x",), ("y",), {})
        expected = OPS[op](node, tensors, [codes], machine)
        found = run_beside(graph, node, [codes.astype(own_dtype(form))], machine)
        assert np.array_equal(found, expected)
        ends |= {int(expected.min()), int(expected.max())}
    assert max(ends) - min(ends) > 100


def test_float_pools_are_the_real_mean_and_maximum():
    x = np.arange(9.0).reshape(1, 3, 3, 1) * 4 - 16
    attributes = {"window": (2, 2), "stride": (2, 2), "padding": ((0, 1), (0, 1))}
    tensors = {"x": Tensor("x", (3, 3, 1), None), "y": Tensor("y", (2, 2, 1), None)}
    for op, expected in (
        ("average_pool_2d", [[-8, -2], [10, 16]]),
        ("max_pool_2d", [[0, 4], [12, 16]]),
    ):
        node = Node("pool", op, ("x",), "y", attributes=attributes)
        assert FLOAT_OPS[op](node, tensors, [x])[0, :, :, 0].tolist() == expected
    node = Node("pool", "mean", ("x",), "y")
    assert FLOAT_OPS["mean"](node, tensors, [x]).tolist() == [[0.0]]
