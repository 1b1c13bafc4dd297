"""Whole networks beside LiteRT, an image: codes alone, and with the full ledger."""

import numpy as np
import pytest
from benchmarks.conftest import BUSY, SHARE
from benchmarks.products import BITS

import hwsim
from hwsim.importers import hardware
from hwsim.network import run as network_run
from hwsim.network.values import Values

NETWORKS = {
    "ResNet-8": "ic_resnet8_int8",
    "MobileNetV1-0.25 (VWW)": "vww_mobilenet_int8",
    "DS-CNN": "kws_dscnn_int8",
}
BATCH, LEDGER_BATCH = 64, 64
CODES = 15  # times LiteRT reference: ResNet-8


def litert(path, kind, codes):
    """One image after the other, one thread."""
    from ai_edge_litert import interpreter as lite

    kinds = {
        "LiteRT reference": lite.OpResolverType.BUILTIN_REF,
        "LiteRT built-in": lite.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        "LiteRT XNNPACK": lite.OpResolverType.AUTO,
    }
    engine = lite.Interpreter(str(path), experimental_op_resolver_type=kinds[kind], num_threads=1)
    engine.allocate_tensors()
    place, out = engine.get_input_details()[0]["index"], engine.get_output_details()[0]["index"]

    def run():
        found = []
        for image in codes:
            engine.set_tensor(place, image[None].astype(np.int8))
            engine.invoke()
            found.append(engine.get_tensor(out)[0].copy())
        return np.array(found)

    return run


@pytest.mark.parametrize("images", [2, 16, 64])
@pytest.mark.parametrize("words", [[], [f"accumulator.bits={BITS}"]], ids=["exact", "saturating"])
def test_a_small_network_is_no_slower_on_two_threads(
    images, words, table, in_turn, shared, monkeypatch, benchmark
):
    graph = hwsim.load_model(shared / "data" / "models" / f"{NETWORKS['ResNet-8']}.tflite").graph
    shape = graph.tensors[graph.inputs[0]].shape
    codes = np.random.default_rng(0).integers(-128, 128, (images, *shape)).astype(np.int8)
    runs = []
    for number in ("2", "1"):
        monkeypatch.setenv("HWSIM_THREADS", number)
        runs.append(Values(graph, hardware.load("edge_os_16x16", words)))
    two, one = runs
    for _ in range(5):  # what an image takes is known once kernels are there
        assert (two(codes) == one(codes)).all()
    seconds = in_turn(
        lambda: two(codes), lambda: one(codes), rounds=15,
        holds=lambda found: found[1] >= BUSY * found[0],
    )  # fmt: skip
    way = f"codes, {BITS} bits, two threads" if words else "codes, two threads"
    ratio = table.add(f"ResNet-8, images: {images}", way, "one thread (hwsim)", seconds, goal=1)
    benchmark.pedantic(lambda: two(codes), rounds=3)
    assert ratio >= BUSY


@pytest.mark.parametrize("name", NETWORKS)
def test_whole_networks_beside_litert(name, table, in_turn, shared, benchmark):
    path = shared / "data" / "models" / f"{NETWORKS[name]}.tflite"
    model = hwsim.load_model(path)
    tensor = model.graph.tensors[model.graph.inputs[0]]
    codes = np.random.default_rng(0).integers(-128, 128, (BATCH, *tensor.shape))
    values = Values(model.graph, hardware.load("tflite_reference"))
    some = {model.graph.inputs[0]: codes[:LEDGER_BATCH]}
    narrow = hardware.load("edge_os_16x16", [f"accumulator.bits={BITS}"])
    saturating = Values(model.graph, narrow)

    def ledger():
        return network_run.run(model.graph, narrow, some)

    try:
        peers = {
            kind: litert(path, kind, codes)
            for kind in ("LiteRT reference", "LiteRT built-in", "LiteRT XNNPACK")
        }
    except ImportError:
        table.missing("LiteRT", "pip install ai-edge-litert")
        pytest.skip("ai-edge-litert is not installed")
    seconds = in_turn(
        lambda: values(codes), ledger, lambda: saturating(codes), *peers.values(), rounds=3,
        holds=lambda found: name != "ResNet-8" or found[3] >= CODES * BUSY * SHARE * found[0],
    )  # fmt: skip
    assert (values(codes) == peers["LiteRT reference"]()).all()
    images = np.array([BATCH, LEDGER_BATCH, BATCH, BATCH, BATCH, BATCH])
    per_image = seconds / images
    for i, kind in enumerate(peers):
        goal = CODES if (name, kind) == ("ResNet-8", "LiteRT reference") else None
        ratio = table.add(f"{name}, an image", "codes, batch 64", kind, per_image[[0, 3 + i]], goal)
        if goal:
            assert ratio >= goal * BUSY * SHARE
        goal = 5 if goal else None
        table.add(
            f"{name}, an image", f"full ledger, {BITS} bits", kind, per_image[[1, 3 + i]], goal
        )
        goal = 1 if (name, kind) == ("ResNet-8", "LiteRT built-in") else None
        table.add(f"{name}, an image", f"codes, {BITS} bits", kind, per_image[[2, 3 + i]], goal)
    benchmark.pedantic(lambda: values(codes[:8]), rounds=3)
