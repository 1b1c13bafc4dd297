"""`make -C BUNDLE`, and what its words come to."""

import os
import subprocess

import hwsim
from hwsim.importers import hardware
from hwsim.vectors.case import layer_case

SECONDS = 500
SMALL = ["array.rows=4", "array.cols=4"]


def case_of(name, words, layer="conv1", images=2):
    model = hwsim.load_model("digits")
    node = next(node for node in model.graph.nodes if node.name == layer)
    return layer_case(model.graph, hardware.load(name, words), model.data.X[:images], node)


def make(folder, *words, path=None):
    """Exit code and all words of ``make -C folder``."""
    environment = {**os.environ, **({"PATH": path} if path else {})}
    environment.pop("MAKEFLAGS", None)
    done = subprocess.run(
        ["make", "-C", str(folder), *words], capture_output=True, text=True, check=False,
        timeout=SECONDS, env=environment,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def passes(said):
    return [line for line in said.splitlines() if line.startswith("PASS")]


def fails(said):
    return [line for line in said.splitlines() if line.startswith("FAIL")]


def altered(folder, stem, place):
    """Flip one bit of one word, in place; returns the line."""
    file = folder / "data" / f"{stem}.hex"
    lines = file.read_text().split()
    at = int(place * (len(lines) - 1))
    lines[at] = f"{int(lines[at], 16) ^ 1:0{len(lines[at])}x}"
    file.write_text("\n".join(lines) + "\n")
    return at
