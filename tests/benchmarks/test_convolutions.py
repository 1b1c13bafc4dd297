"""ResNet-18's convolution layers, codes to codes, beside PyTorch and on two threads."""

from functools import partial

import numpy as np
import pytest
from benchmarks.products import BITS
from benchmarks.workloads import RESNET_18

from hwsim.importers import hardware
from hwsim.network.values import Values


class Convolution:
    """One layer of ResNet-18 on bytes: pad, sums; requantized to bytes by one multiplier."""

    def __init__(self, image, channels, kernel, stride, outputs):
        from hwsim.arith.formats import IntFormat
        from hwsim.mapping.layer import MacLayer
        from hwsim.network.graph import Graph, Node, Tensor

        rng = np.random.default_rng(image + channels)
        pad = kernel // 2
        size = (image + 2 * pad - kernel) // stride + 1
        w = np.clip(np.rint(rng.normal(0, 30, (outputs, kernel, kernel, channels))), -127, 127)
        layer = MacLayer(
            "conv_2d", w.astype(np.int64), IntFormat(8), np.full(outputs, 1e-3),
            np.zeros(outputs, np.int64), bias=rng.integers(-9999, 9999, outputs),
            stride=(stride, stride), padding=((pad, pad), (pad, pad)),
        )  # fmt: skip
        self.source = Tensor("x", (image, image, channels), IntFormat(8, False), 0.02, 0)
        out = Tensor("y", (size, size, outputs), IntFormat(8, False), 2.0, 0)
        node = Node("conv", "conv_2d", ("x",), "y", layer)
        self.graph = Graph("layer", {"x": self.source, "y": out}, (node,), ("x",), ("y",))
        self.values = Values(self.graph, hardware.load("pytorch_x86"))
        assert self.values.ways == [("conv", "bytes")]
        self.x = rng.integers(0, 256, (1, image, image, channels)).astype(np.uint8)
        self.layer = layer

    def ours(self):
        """From bytes to bytes, as the peer."""
        return self.values(self.x, widen=False)

    def torchs(self, torch):
        layer = self.layer
        x = torch.quantize_per_tensor(
            torch.from_numpy(self.x[0].transpose(2, 0, 1)[None] * 0.02).float(),
            0.02, 0, torch.quint8,
        ).contiguous(memory_format=torch.channels_last)  # fmt: skip
        w = torch.quantize_per_tensor(
            torch.from_numpy(layer.weight.transpose(0, 3, 1, 2) * 1e-3).float(), 1e-3, 0,
            torch.qint8,
        )  # fmt: skip
        packed = torch.ops.quantized.conv2d_prepack(
            w, torch.zeros(len(layer.weight)), list(layer.stride), [layer.padding[0][0]] * 2,
            [1, 1], 1,
        )  # fmt: skip
        return lambda: torch.ops.quantized.conv2d(x, packed, 2.0, 0)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:.*quantized tensor creation:UserWarning")
@pytest.mark.filterwarnings("ignore:.*deprecated:UserWarning")
def test_resnet_18_convolutions_beside_torch(table, in_turn, torch_alone, benchmark):
    total = np.zeros(2)
    for *shape, times in RESNET_18:
        layer = Convolution(*shape)
        total += times * in_turn(layer.ours, layer.torchs(torch_alone), rounds=5)
    ratio = table.add(
        "ResNet-18, conv layers", "codes, requantized", "torch quantized conv2d", total, goal=0.8
    )
    benchmark.pedantic(layer.ours, rounds=3)
    assert ratio > 0


@pytest.mark.parametrize("images", [1, 8])
@pytest.mark.parametrize("name", ["tflite_reference", "edge_os_16x16"])
def test_two_threads_beside_one(name, images, table, in_turn, monkeypatch, benchmark):
    layer = Convolution(56, 64, 3, 1, 64)
    words = [] if name == "tflite_reference" else [f"accumulator.bits={BITS}"]
    runs = []
    for number in ("2", "1"):
        monkeypatch.setenv("HWSIM_THREADS", number)
        runs.append(Values(layer.graph, hardware.load(name, words)))
    codes = np.repeat(layer.x, images, axis=0)
    two, one = (partial(values, codes, widen=False) for values in runs)
    assert (two() == one()).all()
    way = runs[0].ways[0][1]
    workload = f"ResNet-18, a layer of 116 MMAC, images: {images}"
    table.add(workload, f"{way}, two threads", "one thread (hwsim)", in_turn(two, one), goal=1.7)
    benchmark.pedantic(two, rounds=3)
