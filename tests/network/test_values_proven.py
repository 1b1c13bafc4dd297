"""Layers whose codes prove that no register overflows: the same codes, and no proof too many."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from network.test_values_saturating import K_ORDERS, codes_of_run, random_layer

from hwsim.arith.formats import IntFormat
from hwsim.array.exact_sums import tile_of
from hwsim.array.proven_sums import PATIENCE, Ends, proven_sums
from hwsim.array.vector.exact import HAS_VNNI
from hwsim.importers import hardware
from hwsim.mapping.layer import MacLayer
from hwsim.network import values_proven, values_work
from hwsim.network.graph import Graph, Node, Tensor
from hwsim.network.values import Values

needs_vnni = pytest.mark.skipif(
    not HAS_VNNI, reason="no VNNI here: two exact products are not tried before the sums themselves"
)


def proofs_of(values):
    """Of each layer that has one."""
    return [layer.proof.sums for layer in values.layers.values() if layer.proof is not None]


def not_negative(graph, codes, most=256):
    """The same layer where no operand is: the zero point is the least code."""
    source = graph.tensors["x"]
    source = replace(source, zero_point=source.format.lo)
    low = (codes - source.format.lo) % most + source.format.lo
    return replace(graph, tensors={**graph.tensors, "x": source}), low


@needs_vnni
@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    hw=st.sampled_from(["edge_os_16x16", "edge_os_16x16", "edge_ws_16x16"]),
    bits=st.integers(14, 21),
    overflow=st.sampled_from(["saturate", "saturate_symmetric"]),
    op=st.sampled_from(["conv_2d", "conv_2d", "fully_connected"]),
    signed=st.booleans(),
    unsigned=st.booleans(),
    when=st.sampled_from(["preload", "last"]),
    k_order=st.sampled_from(K_ORDERS),
    most=st.sampled_from([256, 64, 8]),
)
def test_layers_that_are_proven_have_the_codes_of_the_run(
    seed, hw, bits, overflow, op, signed, unsigned, when, k_order, most
):
    graph, codes = random_layer(seed, op=op, signed=signed, step=1 << seed % (bits - 9))
    words = [
        f"accumulator.bits={bits}", f"accumulator.overflow={overflow}", f"bias.when={when}",
        f"array.k_order=[{','.join(k_order)}]",
    ]  # fmt: skip
    if unsigned:  # no operand is negative, whatever the zero point
        words += ["operands.activation.signed=false", "operands.zero_point=fold"]
    else:
        graph, codes = not_negative(graph, codes, most)
    if hw == "edge_ws_16x16":
        words += [f"chain.bits={bits - seed % 3}", f"chain.overflow={overflow}"]
    machine = hardware.load(hw, words)
    values = Values(graph, machine)
    expected, events = codes_of_run(graph, machine, codes)
    assert (values(codes) == expected).all(), values.ways
    for proof in proofs_of(values):
        assert proof.tried > 0
        assert proof.held < proof.tried or not events


def one_output(weight, bias, signed=False):
    """A layer of one output, by its weights and bias."""
    weight = np.asarray(weight, np.int32)[None]
    layer = MacLayer(
        "fully_connected", weight, IntFormat(8), np.full(1, 1e-3), np.zeros(1, np.int64),
        bias=np.array([bias]),
    )  # fmt: skip
    form = IntFormat(8, signed)
    source = Tensor("x", (weight.size,), form, 0.02, form.lo)
    out = Tensor("y", (1,), IntFormat(8), 2e-2, 0)
    node = Node("layer", "fully_connected", ("x",), "y", layer)
    return Graph("one", {"x": source, "y": out}, (node,), ("x",), ("y",))


@needs_vnni
@pytest.mark.parametrize("when", ["preload", "last"])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("bias", [0, 100, -100])
@pytest.mark.parametrize("most", [511, 512, 513])
def test_a_proof_reaches_to_the_last_value_of_the_register(most, bias, sign, signed, when):
    """40 steps: of one sign first, then of the other, back to nearly 0."""
    up = np.full(20, 1)
    graph = one_output(np.concatenate([sign * up, -sign * up]), bias, signed)
    machine = hardware.load(
        "edge_os_16x16",
        ["accumulator.bits=10", "accumulator.overflow=saturate", f"bias.when={when}"],
    )
    first = bias if when == "preload" else 0
    codes = np.zeros(40, np.int64)  # what the first half adds up to, beside the start
    codes[:20] = (most - sign * first) // 20
    codes[0] += (most - sign * first) % 20
    codes[20:] = codes[:20]
    codes = codes[None] + graph.tensors["x"].format.lo
    values = Values(graph, machine)
    expected, events = codes_of_run(graph, machine, codes)
    assert (values(codes) == expected).all()
    (proof,) = proofs_of(values)
    reached = first + sign * (most - sign * first)
    others = first - sign * (most - sign * first)  # the proof does not know the order
    assert -512 <= reached <= 511 or events
    assert proof.held == all(-512 <= end <= 511 for end in (reached, others))


@needs_vnni
@pytest.mark.parametrize(("bias", "proven"), [(31, True), (32, False), (-992, True), (-993, False)])
def test_a_late_bias_is_part_of_the_proof(bias, proven):
    graph = one_output(np.ones(40), bias)
    words = ["accumulator.bits=10", "accumulator.overflow=saturate", "bias.when=last"]
    machine, codes = hardware.load("edge_os_16x16", words), np.full((1, 40), 12)
    values = Values(graph, machine)
    expected, events = codes_of_run(graph, machine, codes)
    assert (values(codes) == expected).all()
    assert (proofs_of(values)[0].held == 1) == proven == (events == 0)


@needs_vnni
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("most", [511, 512, 513])
def test_a_proof_holds_for_the_chain_too(most, sign):
    """One fold that reaches so far."""
    graph = one_output([sign] * 16 + [0] * 24, 0)
    words = ["chain.bits=10", "chain.overflow=saturate", "accumulator.bits=16"]
    machine, codes = hardware.load("edge_ws_16x16", words), np.zeros((1, 40), np.int64)
    codes[0, :16], codes[0, 0] = most // 16, most - 15 * (most // 16)
    values = Values(graph, machine)
    assert (values(codes) == codes_of_run(graph, machine, codes)[0]).all()
    assert (proofs_of(values)[0].held == 1) == (-512 <= sign * most <= 511)


@pytest.mark.parametrize("rank", [0, 2, 5, 8, 11])
@pytest.mark.parametrize("seed", range(3))
def test_parts_are_proven_where_every_order_stays_inside(seed, rank):
    rng = np.random.default_rng(seed)
    steps, lanes, each = 8, 16, tile_of(16, 8)
    places = 12 * each
    x = rng.integers(0, 200, places * steps + 64).astype(np.uint8)
    w = rng.integers(-20, 20, (1, 1, steps // 4, 4 * lanes)).astype(np.int8)
    at = np.arange(places) * steps
    start = rng.integers(-200, 200, (1, lanes)).astype(np.int32)
    positive, nothing = np.maximum(w, 0).astype(np.int8), np.zeros((1, lanes), np.int32)
    a = x[at[:, None] + np.arange(steps)].astype(np.int64)
    by_step = w.reshape(steps // 4, lanes, 4).transpose(0, 2, 1).reshape(steps, lanes)
    products = a[:, :, None] * by_step[None].astype(np.int64)
    above, below = np.maximum(products, 0).sum(1), np.minimum(products, 0).sum(1)
    reached = np.maximum(start + above, -(start + below)).reshape(-1, each * lanes).max(axis=1)
    most = int(np.sort(reached)[rank])  # to the last value
    expected = (reached <= most).tolist()
    wide = [np.tile(end.ravel(), seed + 1) for end in (most - start, nothing + most)]
    ends = Ends(*wide, -most, most)  # out = start + P - N
    out = np.zeros((places, 1, lanes), np.int32)
    found = np.zeros(-(-places // each), np.bool_)
    proven_sums(x, at, 0, w, positive, start, nothing, ends, each, out, found)
    failed = [expected[:part].count(False) for part in range(len(found))]
    given_up = [part for part, f in enumerate(failed) if f > part - f + PATIENCE]
    seen = given_up[0] if given_up else len(found)
    assert found.tolist() == expected[:seen] + [False] * (len(found) - seen)
    exact = (start + products.sum(1)).reshape(-1, 1, lanes)
    assert (out[: seen * each] == exact[: seen * each]).all()
    assert sum(expected) == rank + 1


@needs_vnni
def test_a_proof_that_never_holds_is_given_up():
    graph, codes = not_negative(*random_layer(7, step=1 << 6))
    values = Values(graph, hardware.load("edge_os_16x16", ["accumulator.bits=12"]))
    (proof,) = proofs_of(values)
    for _ in range(values_proven.TRIALS + 2):
        values(codes)
    assert proof.held == 0
    assert not proof.hopeful
    tried = proof.tried
    values(codes)
    assert proof.tried == tried


@needs_vnni
def test_some_parts_may_be_proven_and_others_not(monkeypatch):
    """Images in turn dark and bright, shared out among threads."""
    monkeypatch.setattr(values_work, "WORTH", 1)
    monkeypatch.setattr(values_work, "STEP", 0)
    rng = np.random.default_rng(0)
    weight = rng.integers(-60, 60, (20, 3, 3, 8)).astype(np.int32)
    layer = MacLayer(
        "conv_2d", weight, IntFormat(8), np.full(20, 1e-3), np.zeros(20, np.int64),
        bias=rng.integers(-3000, 3000, 20), stride=(1, 1), padding=((1, 1), (1, 1)),
    )  # fmt: skip
    source = Tensor("x", (16, 16, 8), IntFormat(8), 0.02, -128)
    out = Tensor("y", (16, 16, 20), IntFormat(8), 2e-2, 3)
    node = Node("layer", "conv_2d", ("x",), "y", layer)
    graph = Graph("one", {"x": source, "y": out}, (node,), ("x",), ("y",))
    codes = rng.integers(0, 256, (20, 16, 16, 8))
    codes[::2] //= 8
    codes -= 128
    machine = hardware.load("edge_os_16x16", ["accumulator.bits=17"])
    expected, events = codes_of_run(graph, machine, codes)
    assert events > 0
    for number in ("1", "2"):
        monkeypatch.setenv("HWSIM_THREADS", number)
        values = Values(graph, machine)
        assert (values(codes) == expected).all()
        (proof,) = proofs_of(values)
        assert proof.held < proof.tried
        assert proof.held > 0 or number != "1"  # several threads may meet bright images first


def test_operands_that_may_be_negative_are_not_tried():
    graph, _ = random_layer(7)
    one_less = replace(graph.tensors["x"], zero_point=graph.tensors["x"].format.lo + 1)
    graph = replace(graph, tensors={**graph.tensors, "x": one_less})
    values = Values(graph, hardware.load("edge_os_16x16", ["accumulator.bits=20"]))
    assert dict(values.ways) == {"layer": "saturating"}
    assert not proofs_of(values)
