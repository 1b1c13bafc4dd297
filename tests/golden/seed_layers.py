"""The source documents' convolutions as problems, lowered here in plain numpy."""

import numpy as np
import strategies

from hwsim.array.dataflow import Schedule
from hwsim.array.datapath import build
from hwsim.array.engines import ENGINES

K_ORDERS = {"ckk": (0, 1, 2), "kkc": (1, 2, 0)}  # of (ic, ky, kx); the last is fastest
WIDE = (32, "saturate")


def taps(image, kernel: int, pad: int, pad_code: int) -> np.ndarray:
    """(ic, y, x) -> (m, ic, ky, kx), m row-major."""
    padded = np.pad(image, ((0, 0), (pad, pad), (pad, pad)), constant_values=pad_code)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
    channels, rows, cols = windows.shape[:3]
    return windows.transpose(1, 2, 0, 3, 4).reshape(rows * cols, channels, kernel, kernel)


def problem(golden, order="ckk", pad=1, za=0, zw=0, **words):
    """One image's convolution; weights (oc, ic, ky, kx)."""
    axes = K_ORDERS[order]
    a = taps(golden["qx"][0].astype(np.int64), golden["qw"].shape[2], pad, za)
    a = a.transpose(0, *[1 + axis for axis in axes]).reshape(1, 1, len(a), -1)
    w = golden["qw"].astype(np.int64).transpose(0, *[1 + axis for axis in axes])
    w = w.reshape(1, len(w), -1).transpose(0, 2, 1)
    return strategies.gemm(a, w, za, zw, golden["qb"], **words)


def execute(gemm, machine, engine="fast", **words):
    datapath, _ = build(gemm, machine, "the document's layer")
    return ENGINES[engine](datapath, Schedule.of(machine, datapath.shape), **words)


def per_channel(golden) -> np.ndarray:
    """An (1, oc, y, x) golden as (m, oc)."""
    channels = golden.shape[1]
    return golden[0].reshape(channels, -1).T


def float32_codes(accumulator, factor, zero_point: int) -> np.ndarray:
    """The documents' requantization: ``rint(float32(k) * float32(acc)) + zp``, clipped to uint8."""
    scaled = np.rint(np.float32(factor) * accumulator.astype(np.float32))
    return np.clip(scaled.astype(np.int64) + zero_point, 0, 255)
