"""One product by every path, beside its peers, on one core."""

import ctypes
import shutil
import subprocess

import numpy as np
import pytest
from benchmarks.conftest import BUSY, SHARE
from benchmarks.moments import at_least
from benchmarks.products import (
    BITS,
    C_KERNEL,
    HI,
    LO,
    ExactProduct,
    SaturatingProduct,
    ledger_layer,
    numpy_loop,
    pointer,
    ready_ledger_layer,
    textbook,
    torch_loop,
)
from benchmarks.workloads import Product

from hwsim.array.vector.matrices import HAS_MATRICES


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


@pytest.mark.parametrize(
    ("bits", "proof"), [(12, True), (16, True), (17, True), (20, False), (20, True), (24, True)]
)
def test_saturating_product_beside_the_exact_one(bits, proof, table, in_turn, benchmark):
    """The goal is a share of exact sums in the same vectors; in matrix registers, where the
    processor has them, exact sums are several times as fast, and no register can saturate."""
    product = Product()
    ours = SaturatingProduct(product, bits, proof=proof)
    in_vectors, exact_sum = ExactProduct(product, in_vectors=True), ExactProduct(product)
    seconds = in_turn(ours, in_vectors, exact_sum, holds=at_least(0.06 * SHARE))
    lo, hi = ours.register.lo, ours.register.hi
    acc = np.zeros((product.m, product.n), np.int32)
    for k in range(product.k):
        acc = np.clip(
            acc + ours.a[:, k, None].astype(np.int32) * ours.w[k].astype(np.int32), lo, hi
        )
    assert (ours.sums() == acc).all()
    name = f"saturating sums, {bits} bits{'' if proof else ', step by step'}"
    if HAS_MATRICES:
        table.add(product.name, name, "exact sums in matrix registers (hwsim)", seconds[[0, 2]])
    ratio = table.add(product.name, name, "exact sums in vectors (hwsim)", seconds[:2], goal=0.2)
    benchmark.pedantic(ours, rounds=3)
    assert ratio >= 0.06 * SHARE


@pytest.mark.torch
@pytest.mark.parametrize(
    ("bits", "kind", "goal"),
    [
        (12, "int64", 90),
        (16, "int64", 90),
        (17, "int64", 90),
        (20, "int64", 90),
        (20, "int32", None),
    ],
)
def test_saturating_product_beside_torch(bits, kind, goal, table, in_turn, torch_alone, benchmark):
    product = Product()
    ours = SaturatingProduct(product, bits)
    lo, hi = ours.register.lo, ours.register.hi
    a, w = (torch_alone.from_numpy(x.astype(kind)) for x in product.operands())

    def loop():
        acc = torch_alone.zeros((product.m, product.n), dtype=a.dtype)
        for k in range(product.k):
            acc = (acc + a[:, k, None] * w[k]).clamp(lo, hi)
        return acc

    seconds = in_turn(ours, loop, rounds=7, holds=at_least(8 * SHARE))
    assert (ours.sums() == loop().numpy()).all()
    name = f"saturating sums, {bits} bits"
    ratio = table.add(product.name, name, f"torch loop, {kind}", seconds, goal=goal)
    benchmark.pedantic(ours, rounds=3)
    assert ratio >= 8 * SHARE


@pytest.mark.torch
def test_exact_product_beside_torch(table, in_turn, torch_alone, benchmark):
    product = Product()
    ours = ExactProduct(product)
    a = torch_alone.from_numpy((ours.a.astype(np.int16) - 128).astype(np.int8))
    w = torch_alone.from_numpy(ours.w)
    seconds = in_turn(
        ours, lambda: torch_alone._int_mm(a, w), rounds=25, holds=at_least(0.9 * BUSY * SHARE)
    )
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

    seconds = in_turn(ours, plain, lambda: numpy_loop(*wide), c, rounds=3, holds=at_least(1))
    c()
    run = ours()
    assert (run.accumulator[0, 0] == outs[0]).all()
    assert run.accumulator_ledger.events == outs[1].sum()
    name = f"full ledger, {BITS} bits"
    table.add(product.name, name, "numpy loop", seconds[[0, 2]])
    ratio = table.add(product.name, name, "textbook numba", seconds[[0, 1]], goal=20)
    table.add(product.name, name, "C kernel, gcc -O3", seconds[[0, 3]], goal=0.85)
    benchmark.pedantic(ours, rounds=3)
    assert ratio >= 1


@pytest.mark.torch
def test_full_ledger_product_beside_torch(table, in_turn, torch_alone, benchmark):
    product = Product()
    ours = ledger_layer(product)
    a, w = (torch_alone.from_numpy(x.astype(np.int32)) for x in product.operands())
    seconds = in_turn(
        ours, lambda: torch_loop(torch_alone, a, w), rounds=7, holds=at_least(10 * SHARE)
    )
    ratio = table.add(product.name, f"full ledger, {BITS} bits", "torch loop", seconds, goal=50)
    benchmark.pedantic(ours, rounds=3)
    assert ratio >= 10 * SHARE


def test_two_threads_beside_one_with_a_full_ledger(table, in_turn, monkeypatch, benchmark):
    product = Product()
    run = ready_ledger_layer(product)

    def by(number):
        monkeypatch.setenv("HWSIM_THREADS", number)
        return run()

    def two():
        return by("2")

    def one():
        return by("1")

    sums, (_, found) = two()
    kept = sums.copy()
    others, (_, wanted) = one()
    assert (kept == others).all()
    assert all(np.array_equal(*both) for both in zip(found, wanted, strict=True))
    name = f"full ledger, {BITS} bits, layer made ready, two threads"
    table.add(product.name, name, "one thread (hwsim)", in_turn(two, one), goal=1.7)
    benchmark.pedantic(two, rounds=3)
