"""Freeze what LiteRT and TFLite Micro give on one-operator files: traces/litert_operators/*.npz.

::

    python tests/conformance/litert/freeze_operators.py

Needs ai-edge-litert and tflite_micro; imports nothing from hwsim. One file an operator; in it, for
case n: ``x{n}_{i}`` input codes, ``y{n}_{j}`` the different outputs that the runtimes gave, layer
arrays ``{word}{n}``, and ``cases``, a JSON text: quantization, attributes, machine to j. The text
``made`` holds this command and the packages' versions.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tests"))

from oracles.operator_table import (  # noqa: E402
    COMPARED,
    MACHINES,
    case,
    has_kernel,
    measured,
    rescaled_relu6,
)

FOLDER = ROOT / "traces" / "litert_operators"
COMMAND = "python tests/conformance/litert/freeze_operators.py"
PACKAGES = ("ai-edge-litert", "tflite_micro", "numpy")
CASES = {"mean": 24, "transpose_conv_2d": 10, "concatenation": 10, "sub": 6}  # else 3; of a type


def quantized(q) -> dict:
    """A tensor without data."""
    return {
        "shape": [int(n) for n in q.shape], "kind": q.kind,
        "scale": float(q.scale), "zero_point": int(q.zero_point),
    }  # fmt: skip


def outputs_of(one, number, arrays) -> dict[str, int]:
    """Machine to the number of its output; equal outputs are stored once."""
    kept: list[np.ndarray] = []
    places = {}
    for machine in MACHINES:
        if not has_kernel(one.op, one.output.kind, machine):
            continue
        if machine == "tflite_micro" and rescaled_relu6(one):
            continue
        y = measured(one, machine).astype(one.output.kind)
        same = [j for j, known in enumerate(kept) if np.array_equal(known, y)]
        if not same:
            arrays[f"y{number}_{len(kept)}"] = y
            kept.append(y)
        places[machine] = same[0] if same else len(kept) - 1
    return places


def layer_words(one, number, arrays) -> dict | None:
    """A layer's plain words; its arrays are stored beside."""
    if one.layer is None:
        return None
    words = {}
    for word, value in one.layer.items():
        if isinstance(value, np.ndarray):
            arrays[f"{word}{number}"], value = value, "array"
        words[word] = value
    return words


def freeze(op) -> Path:
    """All types of one operator."""
    arrays: dict[str, np.ndarray] = {}
    records = []
    for kind in [k for o, k in COMPARED if o == op]:
        for seed in range(CASES.get(op, 3)):
            one, number = case(op, kind, seed, small=True), len(records)
            for i, x in enumerate(one.codes):
                arrays[f"x{number}_{i}"] = x
            record = {"op": op, "inputs": [quantized(q) for q in one.inputs]}
            record |= {"output": quantized(one.output), "attributes": one.attributes}
            record["layer"] = layer_words(one, number, arrays)
            record["machines"] = outputs_of(one, number, arrays)
            records.append(record)
    made = {"command": COMMAND, **{name: version(name) for name in PACKAGES}}
    for name, value in (("cases", records), ("made", made)):
        arrays[name] = np.frombuffer(json.dumps(value).encode(), np.uint8)
    path = FOLDER / f"{op}.npz"
    np.savez_compressed(path, **arrays)
    return path


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in dict.fromkeys(op for op, _ in COMPARED):
        freeze(name)
