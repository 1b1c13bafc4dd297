"""The embedded network as plain arrays, for makers of frozen outputs: read with numpy alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[3]
MODEL = ROOT / "hwsim" / "models" / "digits"
IMAGES = 32


@dataclass(frozen=True)
class Tensor:
    """Scale and zero point of signed 8-bit codes; ``shape`` is one image's."""

    shape: tuple[int, ...]
    scale: float
    zero_point: int


@dataclass(frozen=True)
class Node:
    """One operator; ``arrays``: weight, weight_scale, bias, float_bias of a layer."""

    op: str
    inputs: list[str]
    output: str
    attributes: dict[str, Any]
    arrays: dict[str, np.ndarray]


def read() -> tuple[dict[str, Tensor], list[Node]]:
    """Every tensor and every node, in order."""
    with np.load(MODEL / "model.npz") as stored:
        graph = json.loads(stored["graph"].tobytes())
        tensors = {
            t["name"]: Tensor(tuple(t["shape"]), t["scale"], t["zero_point"])
            for t in graph["tensors"]
        }
        nodes = []
        for record in graph["nodes"]:
            layer = record["layer"] or {}
            names = ("weight", "weight_scale", "bias", "float_bias")
            arrays = {name: stored[layer[name]] for name in names if layer}
            attributes = {**record["attributes"], **{k: layer[k] for k in layer if k not in names}}
            nodes.append(Node(record["op"], record["inputs"], record["output"], attributes, arrays))
    return tensors, nodes


def images() -> np.ndarray:
    """The first test images as codes of the network's input, int8 (S, 8, 8, 1)."""
    tensors, _ = read()
    image = tensors["image"]
    with np.load(MODEL / "test.npz") as stored:
        x = stored["X"][:IMAGES]
    if x.dtype == np.int8:
        return x.reshape(-1, *image.shape)
    codes = np.rint(x.astype(np.float64) / image.scale) + image.zero_point
    return np.clip(codes, -128, 127).astype(np.int8).reshape(-1, *image.shape)


def write(path: str, arrays: dict[str, np.ndarray], versions: dict[str, str], command: str) -> None:
    """A frozen file: every tensor's codes, and who made them how."""
    made = json.dumps({"versions": versions, "command": command}, sort_keys=True)
    stored = {"made": np.frombuffer(made.encode(), np.uint8), **arrays}
    np.savez_compressed(path, **stored)
