"""Products, and what runs them: the fast paths of hwsim, and loops that others write."""

import ctypes

import numpy as np
from numba import njit

from hwsim._jit import kernel
from hwsim.arith.formats import IntFormat
from hwsim.array import fast
from hwsim.array.alignment import aligned, aligned_copy
from hwsim.array.dataflow import Schedule
from hwsim.array.exact_sums import (
    add_in_vectors,
    exact_sums,
    lanes_of,
    lay_blocks,
    tile_of,
)
from hwsim.array.fast_layout import lane_layout
from hwsim.array.fast_run import LaneRun
from hwsim.array.gemm import Datapath, Register
from hwsim.array.specification import ArraySpec
from hwsim.array.vector.instructions import CHOSEN
from hwsim.importers import hardware
from hwsim.mapping.layer import MacLayer
from hwsim.network.graph import Graph, Node, Tensor
from hwsim.network.layers import prepare_without_input
from hwsim.network.values_layer import quick_layer
from hwsim.network.values_pieces import joined

BITS = 20
LO, HI = -(1 << BITS - 1), (1 << BITS - 1) - 1

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


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


@kernel
def vector_sums(x, places, jump, w, start, out):
    """Exact sums in vectors, also where the processor has matrix registers."""
    add_in_vectors(x, places, jump, w, start, out)


class ExactProduct:
    """The exact path on one product, laid out once, as a layer's weights are.

    ``in_vectors``: in what saturating sums have too, whatever else the processor has.
    """

    def __init__(self, product, *, in_vectors=False):
        self.sums = vector_sums if in_vectors and CHOSEN is not None else exact_sums
        self.a, self.w = product.operands()
        m, k, n = product.m, product.k, product.n
        steps = 1 if in_vectors else -(-k // 4)
        lanes = lanes_of(n, steps)
        self.blocks = lay_blocks(self.w[None].astype(np.int64), lanes)
        tile = tile_of(lanes, steps)
        rows = -(-m // tile) * tile
        self.places = np.minimum(np.arange(rows), m - 1) * k
        self.start = np.zeros((len(self.blocks), lanes), np.int32)
        self.out = aligned((rows, len(self.blocks), lanes), np.int32)
        codes = np.concatenate([self.a.ravel(), np.zeros(64, np.uint8)])
        self.codes = aligned_copy(codes)  # as images lie

    def __call__(self):
        self.sums(self.codes, self.places, 0, self.blocks, self.start, self.out)
        return self.out


class SaturatingProduct:
    """The same product in one register that saturates at each addition, codes laid out before.

    ``proof``: what the codes prove is added in any order, as layers of networks do it.
    """

    def __init__(self, product, bits, *, proof=True):
        self.a, self.w = product.operands()
        graph = one_layer(product, self.w)
        machine = hardware.load("edge_os_16x16", [f"accumulator.bits={bits}"])
        prepared = prepare_without_input(graph, graph.nodes[0], machine)
        source, output = graph.tensors["x"], graph.tensors["y"]
        _, layer = quick_layer(graph.nodes[0].layer, prepared, source, output)
        self.way, self.proof = layer.way_of(self.a[None], product.m), layer.proof if proof else None
        both = [way for way in (self.way, self.proof) if way is not None]
        self.images = [way.lay(self.a[None], 0) for way in both]
        self.places = [way.places(1) for way in both]
        self.out = [
            aligned((len(places), *way.sums.shape), np.int32)
            for way, places in zip(both, self.places, strict=True)
        ]
        self.shape, self.register = (product.m, product.n), prepared.datapath.accumulator

    def __call__(self):
        left = [(0, len(self.places[0]))]
        if self.proof is not None and self.proof.sums.hopeful:
            left = joined(self.proof.sums.add(self.images[1], self.places[1], self.out[1]))
        for start, stop in left:
            some = slice(start, stop)
            self.way.sums.add(self.images[0], self.places[0][some], self.out[0][some])
        return left

    def sums(self):
        """Of every output."""
        (m, n), left = self.shape, self()
        whole = [out.reshape(len(out), -1)[:m, :n] for out in self.out]
        found = whole[-1].copy()
        for start, stop in left:
            found[start:stop] = whole[0][start:stop]
        return found


def one_layer(product, w):
    """A graph of a linear layer: every pixel a row."""
    m, k, n = product.m, product.k, product.n
    layer = MacLayer(
        "fully_connected", w.T.astype(np.int32), IntFormat(8), np.full(n, 1e-3),
        np.zeros(n, np.int64),
    )  # fmt: skip
    tensors = {
        "x": Tensor("x", (m, k), IntFormat(8, signed=False), 0.02),
        "y": Tensor("y", (m, n), IntFormat(8), 2e-2),
    }
    node = Node("layer", "fully_connected", ("x",), "y", layer)
    return Graph("product", tensors, (node,), ("x",), ("y",))


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


def ledger_problem(product):
    """Datapath and schedule of one layer with one saturating register."""
    a, w = product.operands()
    spec = ArraySpec(dataflow="output_stationary", rows=16, cols=16, k_order=["ky", "kx", "ic"])
    schedule = Schedule(spec, 1, product.m, product.k, product.n)
    laid = np.ascontiguousarray(a.T.astype(np.int32)).T[None, None]
    datapath = Datapath(
        a=laid, w=w[None].astype(np.int32), preload=None, row_sum=None,
        w_zero_point=np.zeros((1, product.n), np.int64), last=None, drop_bits=0,
        product_rounding=0, chain=(), accumulator=Register(BITS, LO, HI, 1, 0),
        check_final=False, ranges=((0, 255), (-127, 127)),
    )  # fmt: skip
    return datapath, schedule


def ledger_layer(product):
    """The fast engine with its full ledger."""
    datapath, schedule = ledger_problem(product)
    return lambda: fast.execute(datapath, schedule)


def ready_ledger_layer(product):
    """The same of a layer made ready, as networks keep it: its weights lie in lanes."""
    datapath, schedule = ledger_problem(product)
    run = LaneRun(lane_layout(datapath, schedule), datapath)
    exact, kept = (np.empty(product.m * product.n, np.int64) for _ in range(2))

    def ready():
        run.reset()
        run(1, exact, kept)
        return exact, run.tallies()

    return ready
