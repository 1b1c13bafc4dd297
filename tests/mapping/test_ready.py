"""A layer made ready once against the same layer lowered, run and requantized anew."""

from dataclasses import fields, is_dataclass

import numpy as np
import pytest
import records

from hwsim.arith.formats import IntFormat
from hwsim.array.fast_source import of_rows
from hwsim.array.vector.instructions import CHOSEN
from hwsim.errors import TrapError
from hwsim.mapping import ready as ready_module
from hwsim.mapping.images import WORTH, Images
from hwsim.mapping.layer import MacLayer
from hwsim.mapping.lowering import im2col, lower, output_shape
from hwsim.mapping.prepare import OutputSide, prepare
from hwsim.mapping.ready import ready_layer
from hwsim.mapping.run import run_layer

BYTE = IntFormat(8)
ORDERS = (["ky", "kx", "ic"], ["ic", "ky", "kx"], ["kx", "ic", "ky"])
LAYERS = {  # image, weight, words
    "plain": ((7, 6, 3), (5, 3, 3, 3), {"padding": ((1, 1), (1, 1))}),
    "wide": ((9, 40, 2), (6, 3, 3, 2), {"padding": ((1, 1), (1, 1))}),
    "strided": ((9, 18, 3), (8, 3, 3, 3), {"stride": (2, 2), "padding": ((0, 1), (1, 2))}),
    "three": ((8, 25, 2), (4, 2, 2, 2), {"stride": (2, 3), "dilation": (2, 2)}),
    "depthwise": (
        (6, 6, 4), (8, 3, 3, 1), {"groups": 4, "padding": ((1, 0), (1, 0))},
    ),
    "planes": ((7, 6, 4), (4, 3, 3, 1), {"groups": 4, "padding": ((1, 1), (1, 0))}),
    "turned": ((4, 5, 3), (4, 3, 2, 3), {"stride": (2, 3), "padding": ((1, 0), (0, 1))}),
    "linear": ((3, 17), (9, 17), {}),
}  # fmt: skip
OPS = {
    "depthwise": "depthwise_conv_2d",
    "planes": "depthwise_conv_2d",
    "turned": "transpose_conv_2d",
    "linear": "fully_connected",
}
MACHINES = {
    "saturating": {"accumulator": (13, "saturate")},
    "wrapping": {"accumulator": (12, "wrap"), "bias": (32, "saturate", 0, "last")},
    "final": {"accumulator": (13, "saturate"), "check": "final"},
    "folded": {"accumulator": (13, "saturate"), "zero_point": "fold"},
    "chained": {
        "dataflow": "weight_stationary",
        "chain": (12, "saturate"),
        "accumulator": (13, "wrap"),
    },
    "ample": {},
}


def made(name, rng):
    """A layer of random weights, and four samples of codes."""
    shape, kernel, words = LAYERS[name]
    weight = rng.integers(-40, 41, kernel).astype(np.int32)
    bias = rng.integers(-900, 900, kernel[0])
    layer = MacLayer(OPS.get(name, "conv_2d"), weight, BYTE, np.full(kernel[0], 0.01),
                     np.zeros(1, np.int64), bias, **words)  # fmt: skip
    return layer, shape, rng.integers(-128, 128, (4, *shape))


def side_of(layer, scheme="float32"):
    channels = layer.weight.shape[0]
    scale = np.full(channels, 0.01 if scheme == "float32" else 2.0**20)
    return OutputSide(layer.op, 1.0, scale, 1.0, 3, BYTE, (-100, None), 8)


def both(name, words, k_order=ORDERS[0], scheme="float32"):
    """What is needed to run a layer either way."""
    rng = np.random.default_rng(len(name) + 7)
    layer, shape, codes = made(name, rng)
    machine = records.machine(**words)
    rounding = "half_even" if scheme == "float32" else "half_away"
    requantize = {"default": {"scheme": scheme, "rounding": rounding}}
    array = machine.array.model_copy(update={"k_order": k_order})
    machine = type(machine)(**machine.model_dump() | {"requantize": requantize})
    machine = machine.model_copy(update={"array": array})
    side, zero = side_of(layer, scheme), 5

    def gemm(x):
        return lower(layer, x, zero, (-128, 127), k_order)

    def ready(most=4):
        prepared = prepare(gemm(codes[:0]), side, machine, "layer")
        found = ready_layer(layer, shape, prepared, most, np.dtype(np.int8), "layer")
        assert found is not None
        return found

    def anew(x, **how):
        return run_layer(gemm(x), side, machine, "layer", **how)

    return codes, ready, anew


def plain(value):
    """A ledger as nested lists."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return value.tolist() if isinstance(value, np.ndarray) else value


def compare(done, run):
    """Codes of both runs and every counter; the number of events."""
    assert (done.codes == run.codes).all()
    assert (done.exact_codes == run.exact_codes).all()
    assert (done.exact_codes is done.codes) == (run.exact_codes is run.codes)
    assert plain(done.ledger) == plain(run.ledger)
    return run.ledger.accumulator.events + (run.ledger.chain.events if run.ledger.chain else 0)


@pytest.mark.parametrize("outputs", [1, 1 << 16])
@pytest.mark.parametrize("words", MACHINES)
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_made_ready_equals_the_layer_run_anew(name, words, outputs, monkeypatch):
    """Batch after batch, a sample at a time or all at once: nothing is carried over."""
    monkeypatch.setattr(ready_module, "OUTPUTS_AT_ONCE", outputs)
    codes, ready, anew = both(name, MACHINES[words])
    layer = ready()
    for first, x in ((0, codes), (4, codes[::-1]), (8, codes[1:2].astype(np.int8)), (9, codes)):
        run = anew(x.astype(np.int64), first_sample=first)
        events = compare(layer(x, first_sample=first), run)
        assert (events > 0) == (words != "ample")
        assert (layer.exact_codes(x) == run.exact_codes).all()


@pytest.mark.parametrize("words", MACHINES)
@pytest.mark.parametrize("name", ["plain", "depthwise"])
def test_whichever_of_both_runs_comes_first_lays_out_the_weights(name, words):
    """The other has them, between its own registers."""
    codes, ready, anew = both(name, MACHINES[words])
    layer, run = ready(), anew(codes)
    for _ in range(2):
        assert (layer.exact_codes(codes) == run.exact_codes).all()
        compare(layer(codes), run)
    laid = [layer.lane_run(limited=limited).lanes for limited in (False, True)]
    assert laid[0].runs is laid[1].runs
    assert laid[0].w is laid[1].w


@pytest.mark.parametrize("k_order", ORDERS)
@pytest.mark.parametrize("name", ["strided", "depthwise", "turned"])
def test_every_order_of_the_taps_is_kept(name, k_order):
    """A saturating sum depends on it."""
    codes, ready, anew = both(name, MACHINES["saturating"], k_order)
    assert compare(ready()(codes), anew(codes)) > 0


def test_events_of_the_requantizer_are_counted_and_placed():
    """Factor 2**20: a sum beyond 1023 leaves 32 bits on its way."""
    codes, ready, anew = both("plain", {"accumulator": (12, "saturate")},
                              scheme="multiplier_shift_double")  # fmt: skip
    run = anew(codes, first_sample=2)
    compare(ready(2)(codes, first_sample=2), run)
    assert run.ledger.requant_events.sum() > run.ledger.requant_persistent.sum() > 0


def test_a_trap_is_the_same():
    words = {"accumulator": (13, "trap")}
    codes, ready, anew = both("plain", words)
    with pytest.raises(TrapError) as expected:
        anew(codes, first_sample=3)
    with pytest.raises(TrapError) as stop:
        ready(1)(codes, first_sample=3)
    assert str(stop.value) == str(expected.value)
    assert compare(ready()(codes, trap=False), anew(codes, trap=False)) > 0


def test_what_loses_bias_or_has_a_tree_is_not_made_ready():
    for words in ({"bias": (8, "saturate", 0, "preload")}, {"dataflow": "dot_product"}):
        with pytest.raises(AssertionError):
            both("plain", words)[1]()


@pytest.mark.parametrize("k_order", ORDERS)
@pytest.mark.parametrize("name", LAYERS)
def test_an_image_is_read_as_the_matrix_of_its_taps(name, k_order):
    layer, shape, codes = made(name, np.random.default_rng(1))
    images = Images(layer, shape, k_order, -9, 5, len(codes), np.int32)
    for some in (codes, codes[:2]):  # borders stay
        images.place(some)
        expected = im2col(some, layer, k_order, 5) - 9
        assert (at_all(images.source, expected.shape) == expected).all()
        assert (at_all(of_rows(expected), expected.shape) == expected).all()
    pixels = output_shape(layer, shape)[:-1]
    assert len(images.source.pixel) == np.prod(pixels)


def at_all(source, shape):
    """What a source holds at every sample, group, pixel and step."""
    s, g, m, k = np.indices(shape)
    at = s * source.strides[0] + g * source.strides[1] + source.pixel[m] + source.step[k]
    return source.codes[at]


def test_taps_of_a_strided_layer_lie_side_by_side():
    """Neighbouring outputs read neighbouring addresses: a vector's lanes load at once."""
    layer, shape, _ = made("strided", np.random.default_rng(1))
    images = Images(layer, shape, ORDERS[0], 0, 0, 1, np.int32)
    pixel = images.source.pixel.reshape(output_shape(layer, shape)[:2])
    assert (np.diff(pixel, axis=1) == 1).all()


WIDE = {  # image, kernel, words: 16 channels or more, runs of 8 columns or more, and others
    "even": ((5, 32, 16), (3, 3), {"padding": ((1, 1), (1, 1))}),
    "odd": ((4, 21, 19), (3, 3), {"padding": ((1, 0), (2, 1))}),
    "strided": ((6, 16, 33), (1, 1), {"stride": (2, 2)}),
    "three": ((4, 37, 40), (2, 2), {"stride": (2, 3), "padding": ((0, 0), (2, 1))}),
    "rest": ((4, 15, 17), (3, 3), {"stride": (2, 2), "padding": ((1, 1), (1, 1))}),
    "turned": ((3, 9, 16), (3, 3), {"stride": (2, 2)}),
}


@pytest.mark.parametrize("kind", [np.int8, np.uint8])
@pytest.mark.parametrize("name", WIDE)
def test_bytes_placed_in_blocks_lie_as_one_by_one(name, kind):
    """No block reaches beyond its run, its channels or its samples."""
    shape, kernel, words = WIDE[name]
    weight = np.ones((2, *kernel, shape[2]), np.int32)
    op = OPS.get(name, "conv_2d")
    layer = MacLayer(op, weight, BYTE, np.ones(1), np.zeros(1, np.int64), **words)
    ends = np.iinfo(kind)
    codes = np.random.default_rng(3).integers(ends.min, ends.max, (3, *shape), kind, endpoint=True)
    blocks, single = (Images(layer, shape, ORDERS[0], -7, 5, 4, np.int32) for _ in range(2))
    single.in_blocks, blocks.placed = False, WORTH
    assert blocks.in_blocks == (CHOSEN is not None)
    for some in (codes, codes[:2][::-1]):  # what came before stays in the other samples
        blocks.place(some)
        single.place(some)
        assert (blocks.images == single.images).all()
    assert (blocks.images != -2).any(axis=(1, 2, 3)).tolist() == [True] * 3 + [False]
    if CHOSEN is not None:
        assert (len(blocks.runs), len(blocks.rest)) == {
            "even": (1, 0), "odd": (1, 0), "strided": (2, 0), "three": (3, 0), "rest": (1, 7),
            "turned": (0, 9),
        }[name]  # fmt: skip
