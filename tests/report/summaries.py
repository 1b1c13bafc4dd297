"""Synthetic runs: summaries and details that hold together, for every shape of a report."""

from __future__ import annotations

from typing import Any

import numpy as np

Run = tuple[dict[str, Any], dict[str, np.ndarray]]

NAMES = ("conv_1", "conv_2", "conv_2/pointwise", "conv_3", "conv_3/pointwise", "pool", "fc_1",
         "fc_2", "logits")  # fmt: skip


def error(rng: np.random.Generator, level: float) -> dict[str, Any]:
    return {
        "sqnr_db": float(level + rng.normal(0, 1.5)),
        "cosine": 0.999,
        "mean_lsb": float(rng.normal(0, 0.05)),
        "rms_lsb": 0.6,
        "max_lsb": 4.25,
        "exact_match": 0.81,
        "clipped": 0.002,
    }


EXACT_ERROR = {
    "sqnr_db": None, "cosine": 1.0, "mean_lsb": 0.0, "rms_lsb": 0.0, "max_lsb": 0.0,
    "exact_match": 1.0, "clipped": 0.0,
}  # fmt: skip


def ladder(weight: int, seen: int, overflow: str) -> dict[str, Any]:
    return {
        "overflow": overflow,
        "type_bits": weight + 4,
        "weight_bits": weight,
        "observed_partial_bits": seen,
        "observed_final_bits": seen - 1,
    }


def no_overflow() -> dict[str, Any]:
    stages = dict.fromkeys(("chain", "accumulator", "bias", "requant", "output"), 0)
    return {
        "events": 0, "outputs_affected": 0, "persistent": 0, "transient": 0, "by_stage": stages,
        "excess_bits": 0, "first": None, "codes_changed": 0, "max_code_change": 0,
    }  # fmt: skip


def overflow(chain: int, accumulator: int, *, sample: int = 0) -> dict[str, Any]:
    events = chain + accumulator
    persistent, transient = events // 3, events // 5
    return {
        "events": events,
        "outputs_affected": persistent + transient,
        "persistent": persistent,
        "transient": transient,
        "by_stage": {
            "chain": chain, "accumulator": accumulator, "bias": 0, "requant": 0, "output": 7,
        },
        "excess_bits": 2,
        "first": {
            "sample": sample, "group": 0, "m": 17, "n": 5, "k": 43, "row": 15, "col": 5,
            "cycle": 1234, "stage": "accumulator",
        },
        "codes_changed": events // 4,
        "max_code_change": 63,
    }  # fmt: skip


def layer(
    i: int, name: str, rng: np.random.Generator, *, events: tuple[int, int] = (0, 0),
    k: int = 144, chain: bool = True, timed: bool = True,
) -> dict[str, Any]:  # fmt: skip
    m, n = 64, 16
    macs = m * k * n
    folds = -(-k // 16)
    cycles = folds * (m + 46) if k else 0
    weight = 21 + i % 3
    return {
        "name": name, "tensor": f"{name}:0", "op": "conv_2d", "shape": [8, 8, n],
        "formats": {"activation": "int8", "weight": "int8", "bias": "int32", "output": "int8"},
        "scheme": "multiplier_shift", "m": m, "n": n, "k": k, "groups": 1, "macs": macs,
        "cycles": cycles if timed else None, "stall_cycles": 100 * (i % 2) if timed else None,
        "utilization": (macs / (256 * cycles) if cycles else 0.0) if timed else None,
        "dataflow_folds": folds if timed else None, "latency_cycles": 2 if timed else None,
        "width": {
            "accumulator_bits": 20, **ladder(weight, 19 + 2 * any(events), "saturate"),
            "chain": {"bits": 20, **ladder(weight - 2, 17, "wrap")} if chain else None,
        },
        "overflow": overflow(*events) if any(events) else no_overflow(),
        "error": error(rng, 38 - 0.3 * i), "error_isolated": error(rng, 42),
    }  # fmt: skip


def arrays(i: int, record: dict[str, Any], rng: np.random.Generator) -> dict[str, np.ndarray]:
    n, k, overflow = record["n"], record["k"], record["overflow"]
    stage = overflow["by_stage"]
    even = np.full(n, 1 / n)
    by_channel = np.stack(
        [rng.multinomial(stage[name], even) for name in ("chain", "accumulator", "bias")]
    )
    ramp = np.arange(1, k + 3) ** 4.0
    by_step = np.stack(
        [rng.multinomial(stage[name], ramp / ramp.sum()) for name in ("chain", "accumulator")]
    )
    reach = 2 ** (record["width"]["observed_partial_bits"] - 1)
    hi = (reach * rng.uniform(0.1, 1, n)).astype(np.int64)
    lo = -(reach * rng.uniform(0.05, 1, n)).astype(np.int64)
    lsb = np.array([0, *np.exp(-np.abs(np.arange(-8, 9)) * 1.6), 0.0005])
    counts = np.floor(1e5 * lsb / lsb.sum()).astype(np.int64)
    return {
        f"layer{i}_{name}": value
        for name, value in {
            "events_by_channel": by_channel.astype(np.int64),
            "events_by_step": by_step.astype(np.int64),
            "partial_lo": lo, "partial_hi": hi, "final_lo": lo // 2, "final_hi": hi // 2,
            "error_histogram": counts, "channel_mean_lsb": rng.normal(0, 0.25, n),
        }.items()
    }  # fmt: skip


def run(layers: list[dict[str, Any]], rng: np.random.Generator, **more: Any) -> Run:
    timed = all(record["cycles"] is not None for record in layers)
    cycles = sum(record["cycles"] for record in layers) if timed else None
    macs = sum(record["macs"] for record in layers)
    events = sum(record["overflow"]["events"] for record in layers)
    summary = {
        "schema": 1, "hwsim_version": "0.1.0", "model": "digits", "hardware": "edge_ws_16x16",
        "data": {"name": "digits", "samples": 360, "sha256": "ab" * 32},
        "accuracy": {"float": 0.975, "exact": 0.9722, "hardware": 0.9722 - 0.1 * bool(events)},
        "totals": {
            "macs": macs, "cycles": cycles,
            "utilization": macs / (256 * cycles) if cycles else (0.0 if timed else None),
            "stall_cycles": sum(record["stall_cycles"] for record in layers) if timed else None,
            "overflow_events": events,
        },
        "layers": layers, "engine": "fast", "seed": 0, "time_s": 1.53,
        "float_reference": "trained parameters", "command": "hwsim run digits --hw edge_ws_16x16",
        "clock_mhz": 500.0,
        "machine": {
            "name": "edge_ws_16x16", "clock_mhz": 500.0,
            "array": {"dataflow": "weight_stationary", "rows": 16, "cols": 16},
            "accumulator": {"kind": "integer", "bits": 20, "overflow": "saturate"},
        },
        **more,
    }  # fmt: skip
    details: dict[str, np.ndarray] = {}
    for i, record in enumerate(layers):
        details |= arrays(i, record, rng)
    return summary, details


def one_layer() -> Run:
    rng = np.random.default_rng(1)
    return run([layer(0, "conv_1", rng)], rng)


def nine_with_overflow() -> Run:
    rng = np.random.default_rng(2)
    events = {1: (900, 120), 3: (0, 12_000), 6: (3, 500_000)}
    layers = [layer(i, name, rng, events=events.get(i, (0, 0))) for i, name in enumerate(NAMES)]
    return run(layers, rng)


def runtime() -> Run:
    rng = np.random.default_rng(3)
    layers = [layer(i, name, rng, chain=False, timed=False) for i, name in enumerate(NAMES[:4])]
    return run(layers, rng, hardware="tflite_reference", clock_mhz=None)


def many_layers() -> Run:
    rng = np.random.default_rng(4)
    layers = [
        layer(i, f"MobilenetV1/MobilenetV1/Conv2d_{i}_depthwise/Relu6;MobilenetV1/BatchNorm_{i}",
              rng, events=(0, 400 * i) if i % 7 == 3 else (0, 0))
        for i in range(58)
    ]  # fmt: skip
    return run(layers, rng)


def without_labels() -> Run:
    rng = np.random.default_rng(5)
    layers = [layer(i, name, rng, events=(4, 9)) for i, name in enumerate(NAMES[:3])]
    for record in layers[:2]:
        record["error"] = record["error_isolated"] = None
    return run(layers, rng, accuracy=None, float_reference="dequantized parameters")


def empty_sum() -> Run:
    rng = np.random.default_rng(6)
    layers = [layer(0, "bias_only", rng, k=0), layer(1, "fc", rng)]
    layers[0]["error"] = layers[0]["error_isolated"] = EXACT_ERROR
    return run(layers, rng)


def all_overflow() -> Run:
    rng = np.random.default_rng(7)
    layers = [layer(i, name, rng, events=(60_000, 40_000 + i)) for i, name in enumerate(NAMES)]
    summary, details = run(layers, rng)
    for i in range(len(layers)):
        details[f"layer{i}_channel_mean_lsb"] = rng.normal(-30, 15, 16)
        details[f"layer{i}_error_histogram"] = np.array([9000] + [10] * 17 + [500])
    return summary, details


def exact() -> Run:
    rng = np.random.default_rng(8)
    layers = [layer(i, name, rng) for i, name in enumerate(NAMES[:3])]
    for record in layers:
        record["error"] = record["error_isolated"] = EXACT_ERROR
    return run(layers, rng)


HOSTILE = "<script>alert(1)</script>\"'&$x_1$\x1b[31m\n中;rest"


def hostile() -> Run:
    rng = np.random.default_rng(9)
    layers = [layer(0, HOSTILE, rng, events=(1, 1)), layer(1, "=cmd()", rng)]
    return run(layers, rng, model=HOSTILE, command=f"hwsim run '{HOSTILE}'")


def with_memory() -> Run:
    summary, details = nine_with_overflow()
    summary["machine"]["memory"] = {
        "activation_kib": 4, "weight_kib": 8, "output_kib": 4, "bytes_per_cycle": 8,
        "double_buffered": True,
    }  # fmt: skip
    for i, record in enumerate(summary["layers"]):
        moved = 2000 * 4**i
        record["memory"] = {
            "fetched_bytes": moved - 500, "written_bytes": 500,
            "macs_per_byte": record["macs"] / moved, "stalled_folds": i % 2,
            "largest_fold_stall": 100 * (i % 2), "bound": "bandwidth" if i > 5 else "compute",
        }  # fmt: skip
    return summary, details


CAUSES = ("weight_quantization", "inherited", "overflow_persistent", "output_quantization")


def decomposition(shares: list[float]) -> dict[str, Any]:
    return {
        "outputs": 1000,
        "rms_lsb": 0.6,
        "causes": [
            {
                "cause": cause, "share": share, "share_least": share - 0.1,
                "share_largest": share + 0.1, "mean_lsb": -0.01, "rms_lsb": 0.3,
            }
            for cause, share in zip(CAUSES, shares, strict=True)
            if share
        ],
    }  # fmt: skip


def with_causes() -> Run:
    summary, details = nine_with_overflow()
    for i, record in enumerate(summary["layers"]):
        accumulated = [0.5, 0.25, 0.5, -0.25] if i else [0.25, 0.0, 0.25, 0.5]
        record["causes"] = {
            "name": record["name"], "op": record["op"], "trained_parameters": True,
            "alone": decomposition([0.5, 0.0, 0.0, 0.5] if i != 3 else [0.0, 0.0, 0.0, 0.0]),
            "accumulated": decomposition(accumulated),
        }  # fmt: skip
    summary["causes_samples"] = 32
    summary["changes"] = [
        {
            "change": "weights", "layer": None, "words": "finer weights in every layer",
            "rms_lsb": 0.5, "rms_lsb_before": 1.0, "top1": None, "top1_before": None,
            "gain": 0.75, "evidence": "output error from 1.000 to 0.500 LSB rms",
        }
    ]  # fmt: skip
    return summary, details


def no_layers() -> Run:
    rng = np.random.default_rng(10)
    return run([], rng)


RUNS = {
    make.__name__: make
    for make in (
        one_layer, nine_with_overflow, runtime, many_layers, without_labels, empty_sum,
        all_overflow, exact, hostile, no_layers, with_memory, with_causes,
    )
}  # fmt: skip
