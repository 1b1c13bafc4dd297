"""Values alone: the same bits as the network run, whichever way a node takes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hwsim
from hwsim.array.exact_sums import add_exact, exact_sums, lanes_of, lay_blocks, tile_of
from hwsim.importers import hardware
from hwsim.network import run as network_run
from hwsim.network import values_layer
from hwsim.network.values import Values
from hwsim.network.values_work import Worker

MACHINES = (
    "tflite_reference", "tflite_xnnpack", "tflite_optimized", "cmsis_nn", "tosa", "onnxruntime",
    "pytorch_qnnpack", "edge_ws_16x16", "edge_os_16x16", "dot_product_64x16", "gemmini",
    "shift_only_16x16", "narrow_acc_16bit", "nvdla_int8",
)  # fmt: skip


def random_codes(graph, samples, seed):
    tensor = graph.tensors[graph.inputs[0]]
    rng = np.random.default_rng(seed)
    return rng.integers(tensor.format.lo, tensor.format.hi + 1, (samples, *tensor.shape))


def both(model, machine, codes):
    name = model.graph.inputs[0]
    run = network_run.run(model.graph, machine, {name: codes})
    return Values(model.graph, machine), run.codes[model.graph.outputs[0]]


@pytest.mark.parametrize("name", MACHINES)
def test_digits_has_the_same_codes_on_every_machine(name):
    model = hwsim.load_model("digits")
    values, expected = both(model, hardware.load(name), model.data.X[:70])
    assert (values(model.data.X[:70]) == expected).all()


@pytest.mark.parametrize("name", ["tflite_reference", "tflite_xnnpack", "edge_ws_16x16"])
@pytest.mark.parametrize(
    "file",
    [
        "ic_resnet8_int8",
        "kws_dscnn_int8",
        "ad_autoencoder_int8",
        "vww_mobilenet_int8",
        "mobilenet_v1_0.25_128_uint8",
    ],
)
def test_shared_networks_have_the_same_codes(file, name, shared):
    model = hwsim.load_model(shared / f"data/models/{file}.tflite")
    codes = random_codes(model.graph, 3, 0)
    values, expected = both(model, hardware.load(name), codes)
    assert (values(codes) == expected).all()
    if name != "edge_ws_16x16" and not file.endswith("uint8"):  # w - Zw leaves a signed byte
        assert "stepwise" not in dict(values.ways).values()


def test_narrow_registers_go_step_by_step():
    model = hwsim.load_model("digits")
    machine = hardware.load("edge_ws_16x16", ["accumulator.bits=12", "chain.bits=12"])
    values, expected = both(model, machine, model.data.X[:20])
    assert (values(model.data.X[:20]) == expected).all()
    assert "stepwise" in dict(values.ways).values()
    ample = Values(model.graph, hardware.load("edge_ws_16x16"))
    assert (ample(model.data.X[:20]) != expected).any()


def test_calls_do_not_remember_each_other():
    model = hwsim.load_model("digits")
    values, expected = both(model, hardware.load("edge_ws_16x16"), model.data.X[:9])
    for size in (9, 1, 5, 9):
        assert (values(model.data.X[:size]) == expected[:size]).all()
    assert values(model.data.X[:0]).shape == (0, 10)


@pytest.mark.parametrize("machine", ["tflite_reference", "edge_ws_16x16"])
def test_images_laid_out_a_few_at_a_time_have_the_codes_of_all(machine, monkeypatch):
    model = hwsim.load_model("digits")
    whole = Values(model.graph, hardware.load(machine))(model.data.X[:11])
    monkeypatch.setattr(values_layer, "OUTPUTS_AT_ONCE", 200)
    values = Values(model.graph, hardware.load(machine))
    assert 1 < max(layer.pixels for layer in values.layers.values()) <= 200
    values(model.data.X[20:31])  # other codes where new memory will lie
    assert (values(model.data.X[:11]) == whole).all()


def test_two_workers_never_share_what_they_write():
    """Images of one number are another array than those of the next."""
    graph = hwsim.load_model("digits").graph
    layer = next(iter(Values(graph, hardware.load("tflite_reference")).layers.values()))
    seen = []
    kernel = layer.way.kernel
    assert kernel is not None
    layer.way.kernel = lambda *given: (seen.append(given[2]), kernel(*given))
    codes = random_codes(graph, 2, 0).astype(np.int8)
    first, second = (layer([codes], Worker(number)) for number in (0, 1))
    assert (first == second).all()
    assert not np.shares_memory(*seen)


@settings(max_examples=150, deadline=None)
@given(
    pixels=st.integers(1, 120),
    length=st.one_of(st.integers(1, 37), st.integers(38, 400), st.sampled_from([64, 128, 192])),
    even=st.booleans(),
    runs=st.integers(1, 3),
    channels=st.integers(1, 130),
    seed=st.integers(0, 1 << 32),
)
def test_exact_sums_are_the_matrix_product(pixels, length, even, runs, channels, seed):
    rng = np.random.default_rng(seed)
    lanes = lanes_of(channels, runs * -(-length // 4))
    w = rng.integers(-128, 128, (runs, length, channels))
    w[rng.random(w.shape) < 0.2] = -128
    x = rng.integers(0, 256, 6144).astype(np.uint8)
    x[rng.random(x.shape) < 0.2] = 255
    jump = int(rng.integers(0, 300))
    blocks = lay_blocks(w, lanes)
    tile = tile_of(lanes, runs * blocks.shape[2])
    places = rng.integers(0, 3000, -(-pixels // tile) * tile)
    if even:  # outputs of a row side by side, or one output again and again; then another row
        step = int(rng.choice([0, 1, 3, 16]))
        places = rng.integers(0, 900) + step * np.arange(places.size)
        places[int(rng.integers(1, places.size + 1)) :] += 100
    start = rng.integers(-(1 << 20), 1 << 20, (len(blocks), lanes)).astype(np.int32)
    out = np.empty((places.size, len(blocks), lanes), np.int32)
    exact_sums(x, places, jump, blocks, start, out)
    taps = places[:, None, None] + np.arange(runs)[:, None] * jump + np.arange(length)
    expected = np.einsum("prl,rln->pn", x[taps].astype(np.int64), w)
    found = out.reshape(places.size, -1)[:, :channels] - start.ravel()[:channels]
    assert (found == expected).all()
    plain = np.empty_like(out)
    add_exact(x, places[:2], jump, blocks, start, plain)
    assert (plain[:2] == out[:2]).all()
