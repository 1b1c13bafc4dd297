"""hwsim beside its peers: products, ResNet-18's layers and whole networks, one core."""

import ctypes
import shutil
import subprocess
from functools import partial

import numpy as np
import pytest
from benchmarks.conftest import PLAIN
from benchmarks.workloads import RESNET_18, Product
from numba import njit

import hwsim
from hwsim.array import fast
from hwsim.array.dataflow import Schedule
from hwsim.array.exact_sums import TILES, exact_sums, lanes_of, lay_blocks
from hwsim.array.gemm import Datapath, Register
from hwsim.array.specification import ArraySpec
from hwsim.array.vector import exact
from hwsim.importers import hardware
from hwsim.network import run as network_run
from hwsim.network.values import Values

BITS = 20
LO, HI = -(1 << BITS - 1), (1 << BITS - 1) - 1
BUSY = 0.6  # of a goal: what a busy machine still shows
SHARE = 1.0 if exact.HAS_VNNI else PLAIN

C_KERNEL = """
#include <stdint.h>
void exact(const uint8_t *a, const int8_t *w, int32_t *out, int m, int k, int n) {
  for (int i = 0; i < m; i++) {
    int32_t *row = out + (long)i * n;
    for (int j = 0; j < n; j++) row[j] = 0;
    for (int t = 0; t < k; t++) {
      int32_t x = a[(long)i * k + t];
      for (int j = 0; j < n; j++) row[j] += x * w[(long)t * n + j];
    }
  }
}
void full(const uint8_t *a, const int8_t *w, int32_t *out, int32_t *events, int32_t *least,
          int32_t *largest, int32_t lo, int32_t hi, int m, int k, int n) {
  for (int i = 0; i < m; i++)
    for (int j0 = 0; j0 < n; j0 += 16) {
      int32_t s[16] = {0}, c[16] = {0}, p[16] = {0}, q[16] = {0};
      for (int t = 0; t < k; t++) {
        int32_t x = a[(long)i * k + t];
        for (int j = 0; j < 16; j++) {
          int32_t v = s[j] + x * w[(long)t * n + j0 + j];
          p[j] = v < p[j] ? v : p[j];
          q[j] = v > q[j] ? v : q[j];
          int32_t kept = v < lo ? lo : v > hi ? hi : v;
          c[j] += kept != v;
          s[j] = kept;
        }
      }
      for (int j = 0; j < 16; j++) {
        long at = (long)i * n + j0 + j;
        out[at] = s[j]; events[at] = c[j]; least[at] = p[j]; largest[at] = q[j];
      }
    }
}
"""


@pytest.fixture(scope="session")
def c_kernels(table, tmp_path_factory):
    """The C limit, compiled here."""
    if shutil.which("gcc") is None:
        table.missing("C kernel", "gcc is not installed")
        pytest.skip("gcc is not installed")
    folder = tmp_path_factory.mktemp("c")
    (folder / "k.c").write_text(C_KERNEL)
    command = ["gcc", "-O3", "-march=native", "-mprefer-vector-width=512", "-shared", "-fPIC",
               "-o", str(folder / "k.so"), str(folder / "k.c")]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return ctypes.CDLL(str(folder / "k.so"))


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


class ExactProduct:
    """The exact path on one product, laid out once, as a layer's weights are."""

    def __init__(self, product):
        self.a, self.w = product.operands()
        m, k, n = product.m, product.k, product.n
        lanes = lanes_of(n)
        self.blocks = lay_blocks(self.w[None].astype(np.int64), lanes)
        tile = TILES[lanes]
        rows = -(-m // tile) * tile
        self.places = np.minimum(np.arange(rows), m - 1) * k
        self.start = np.zeros((len(self.blocks), lanes), np.int32)
        self.out = np.empty((rows, len(self.blocks), lanes), np.int32)
        self.codes = np.concatenate([self.a.ravel(), np.zeros(64, np.uint8)])

    def __call__(self):
        exact_sums(self.codes, self.places, 0, self.blocks, self.start, self.out)
        return self.out


@njit
def textbook(a, w, lo, hi, out, events, least, largest):
    """What one writes first: three loops, saturating, with all figures of each output."""
    for i in range(a.shape[0]):
        for j in range(w.shape[1]):
            total, count, low, high = 0, 0, 0, 0
            for k in range(a.shape[1]):
                v = total + a[i, k] * w[k, j]
                low, high = min(low, v), max(high, v)
                total = min(max(v, lo), hi)
                count += total != v
            out[i, j], events[i, j], least[i, j], largest[i, j] = total, count, low, high


def numpy_loop(a, w, lo=LO, hi=HI):
    """All outputs side by side, K one after the other, with the same figures."""
    acc = np.zeros((a.shape[0], w.shape[1]), np.int32)
    events, least, largest = np.zeros_like(acc), np.zeros_like(acc), np.zeros_like(acc)
    for k in range(a.shape[1]):
        v = acc + a[:, k, None] * w[k]
        np.minimum(least, v, out=least)
        np.maximum(largest, v, out=largest)
        acc = np.clip(v, lo, hi)
        events += acc != v
    return acc, events, least, largest


def torch_loop(torch, a, w, lo=LO, hi=HI):
    """The same in PyTorch, as research code does it."""
    acc = torch.zeros((a.shape[0], w.shape[1]), dtype=torch.int32)
    events, least, largest = (torch.zeros_like(acc) for _ in range(3))
    for k in range(a.shape[1]):
        v = acc + a[:, k, None] * w[k]
        least, largest = torch.minimum(least, v), torch.maximum(largest, v)
        acc = v.clamp(lo, hi)
        events += acc != v
    return acc, events, least, largest


def ledger_layer(product):
    """The fast engine with its full ledger, one saturating register."""
    a, w = product.operands()
    spec = ArraySpec(dataflow="output_stationary", rows=16, cols=16, k_order=["ky", "kx", "ic"])
    schedule = Schedule(spec, 1, product.m, product.k, product.n)
    laid = np.ascontiguousarray(a.T.astype(np.int32)).T[None, None]
    datapath = Datapath(
        a=laid, w=w[None].astype(np.int32), preload=None, row_sum=None,
        w_zero_point=np.zeros((1, product.n), np.int64), last=None, drop_bits=0,
        product_rounding=0, chain=(), accumulator=Register(BITS, LO, HI, 1, 0),
        check_final=False, reach=(255, 127),
    )  # fmt: skip
    return lambda: fast.execute(datapath, schedule)


def test_exact_product(table, in_turn, c_kernels, benchmark):
    product = Product()
    ours = ExactProduct(product)
    c_out = np.empty((product.m, product.n), np.int32)
    wide = ours.a.astype(np.float32), ours.w.astype(np.float32)

    def c():
        c_kernels.exact(
            pointer(ours.a), pointer(ours.w), pointer(c_out), product.m, product.k, product.n
        )

    seconds = in_turn(ours, c, lambda: wide[0] @ wide[1])
    c()
    assert (ours().reshape(len(ours.places), -1)[: product.m] == c_out).all()
    table.add(product.name, "exact sums", "C kernel, gcc -O3", seconds[[0, 1]])
    table.add(product.name, "exact sums", "numpy float32 (BLAS)", seconds[[0, 2]])
    benchmark.pedantic(ours, rounds=5)


class SaturatingProduct:
    """The same product in one register that saturates at each addition, codes not yet made."""

    def __init__(self, product, bits):
        from hwsim.array.saturating_sums import lay_steps, saturating_sums
        from hwsim.network.values_saturating import form_of

        self.a, self.w = product.operands()
        m, k, n = product.m, product.k, product.n
        w, lo, hi = self.w.astype(np.int64), -(1 << bits - 1), (1 << bits - 1) - 1
        form = form_of((0, 255), w, (lo, hi), n)
        self.w_laid = lay_steps(w << form.weight_shift, form.lanes, form.halves)
        self.register = (lo, hi, form.weight_shift + form.code_shift)
        self.places = np.minimum(np.arange(-(-m // form.tile) * form.tile), m - 1) * k
        self.taps = np.arange(k)
        self.nothing = np.zeros((len(self.w_laid), form.lanes), np.int32)
        self.out = np.empty((len(self.places), *self.nothing.shape), np.int32)
        codes = self.a.astype(np.int16).ravel() << form.code_shift
        self.codes = np.append(codes, np.zeros(4, np.int16))
        self.add = saturating_sums(form.form, form.vectors)
        self.shape = m, n

    def __call__(self):
        self.add(
            self.codes, self.places, self.taps, self.w_laid, self.nothing, self.nothing,
            self.register, self.out,
        )  # fmt: skip
        return self.out.reshape(len(self.places), -1)[: self.shape[0], : self.shape[1]]


@pytest.mark.parametrize("bits", [12, 16, 17, 20])
def test_saturating_product_beside_the_exact_one(bits, table, in_turn, benchmark):
    product = Product()
    ours, exact_sum = SaturatingProduct(product, bits), ExactProduct(product)
    seconds = in_turn(ours, exact_sum)
    lo, hi, _ = ours.register
    acc = np.zeros((product.m, product.n), np.int32)
    for k in range(product.k):
        acc = np.clip(
            acc + ours.a[:, k, None].astype(np.int32) * ours.w[k].astype(np.int32), lo, hi
        )
    assert (ours() == acc).all()
    name = f"saturating sums, {bits} bits"
    ratio = table.add(product.name, name, "exact sums (hwsim)", seconds, goal=0.2)
    benchmark.pedantic(ours, rounds=3)
    assert ratio > 0.06 * SHARE


@pytest.mark.torch
@pytest.mark.parametrize(("kind", "goal"), [("int32", None), ("int64", 90)])
def test_saturating_product_beside_torch(kind, goal, table, in_turn, torch_alone, benchmark):
    product = Product()
    ours = SaturatingProduct(product, BITS)
    a, w = (torch_alone.from_numpy(x.astype(kind)) for x in product.operands())

    def loop():
        acc = torch_alone.zeros((product.m, product.n), dtype=a.dtype)
        for k in range(product.k):
            acc = (acc + a[:, k, None] * w[k]).clamp(LO, HI)
        return acc

    seconds = in_turn(ours, loop, rounds=3)
    assert (ours() == loop().numpy()).all()
    name = f"saturating sums, {BITS} bits"
    ratio = table.add(product.name, name, f"torch loop, {kind}", seconds, goal=goal)
    benchmark.pedantic(ours, rounds=3)
    assert ratio > 8 * SHARE


@pytest.mark.torch
def test_exact_product_beside_torch(table, in_turn, torch_alone, benchmark):
    product = Product()
    ours = ExactProduct(product)
    a = torch_alone.from_numpy((ours.a.astype(np.int16) - 128).astype(np.int8))
    w = torch_alone.from_numpy(ours.w)
    seconds = in_turn(ours, lambda: torch_alone._int_mm(a, w), rounds=25)
    ratio = table.add(product.name, "exact sums", "torch._int_mm", seconds, goal=0.9)
    benchmark.pedantic(ours, rounds=5)
    assert ratio >= 0.9 * BUSY * SHARE


def test_full_ledger_product(table, in_turn, c_kernels, benchmark):
    product = Product()
    ours = ledger_layer(product)
    a, w = product.operands()
    wide = a.astype(np.int32), w.astype(np.int32)
    outs = np.empty((4, product.m, product.n), np.int32)

    def c():
        c_kernels.full(
            pointer(a), pointer(w), *(pointer(out) for out in outs), LO, HI,
            product.m, product.k, product.n,
        )  # fmt: skip

    def plain():
        textbook(*wide, LO, HI, *outs)

    seconds = in_turn(ours, lambda: numpy_loop(*wide), plain, c, rounds=3)
    c()
    run = ours()
    assert (run.accumulator[0, 0] == outs[0]).all()
    assert run.accumulator_ledger.events == outs[1].sum()
    name = f"full ledger, {BITS} bits"
    table.add(product.name, name, "numpy loop", seconds[[0, 1]])
    ratio = table.add(product.name, name, "textbook numba", seconds[[0, 2]], goal=20)
    table.add(product.name, name, "C kernel, gcc -O3", seconds[[0, 3]], goal=0.85)
    benchmark.pedantic(ours, rounds=3)
    assert ratio > 1


@pytest.mark.torch
def test_full_ledger_product_beside_torch(table, in_turn, torch_alone, benchmark):
    product = Product()
    ours = ledger_layer(product)
    a, w = (torch_alone.from_numpy(x.astype(np.int32)) for x in product.operands())
    seconds = in_turn(ours, lambda: torch_loop(torch_alone, a, w), rounds=3)
    ratio = table.add(product.name, f"full ledger, {BITS} bits", "torch loop", seconds, goal=50)
    benchmark.pedantic(ours, rounds=3)
    assert ratio > 10 * SHARE


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


def test_two_threads_beside_one_with_a_full_ledger(table, in_turn, monkeypatch, benchmark):
    product = Product()
    run = ledger_layer(product)

    def by(number):
        monkeypatch.setenv("HWSIM_THREADS", number)
        return run()

    def two():
        return by("2")

    def one():
        return by("1")

    assert (two().accumulator == one().accumulator).all()
    name = f"full ledger, {BITS} bits, two threads"
    table.add(product.name, name, "one thread (hwsim)", in_turn(two, one), goal=1.7)
    benchmark.pedantic(two, rounds=3)


NETWORKS = {
    "ResNet-8": "ic_resnet8_int8",
    "MobileNetV1-0.25 (VWW)": "vww_mobilenet_int8",
    "DS-CNN": "kws_dscnn_int8",
}
BATCH, LEDGER_BATCH = 64, 64


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
        lambda: values(codes), ledger, lambda: saturating(codes), *peers.values(), rounds=3
    )
    assert (values(codes) == peers["LiteRT reference"]()).all()
    images = np.array([BATCH, LEDGER_BATCH, BATCH, BATCH, BATCH, BATCH])
    per_image = seconds / images
    for i, kind in enumerate(peers):
        goal = 15 if (name, kind) == ("ResNet-8", "LiteRT reference") else None
        ratio = table.add(f"{name}, an image", "codes, batch 64", kind, per_image[[0, 3 + i]], goal)
        if goal:
            assert ratio > goal * BUSY * SHARE
        goal = 5 if goal else None
        table.add(
            f"{name}, an image", f"full ledger, {BITS} bits", kind, per_image[[1, 3 + i]], goal
        )
        goal = 1 if (name, kind) == ("ResNet-8", "LiteRT built-in") else None
        table.add(f"{name}, an image", f"codes, {BITS} bits", kind, per_image[[2, 3 + i]], goal)
    benchmark.pedantic(lambda: values(codes[:8]), rounds=3)
