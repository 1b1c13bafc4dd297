"""The README's accuracy of networks that hwsim quantized: measured, never typed.

``pytest --update-conformance tests/quantization/test_accuracy_table.py`` writes it; without the
option the test fails where the README shows other counts.
"""

from functools import cache
from pathlib import Path

import numpy as np
from conformance_table import replace

from hwsim import load_hardware, load_model
from hwsim.models.digits import train
from hwsim.network.run import run
from hwsim.quantization.choices import Choices
from hwsim.quantization.network import quantize

BEGIN = "<!-- quantization: begin (written by `pytest --update-conformance`) -->"
END = "<!-- quantization: end -->"
BITS = (8, 6, 5, 4, 3, 2)
OBSERVERS = ("minmax", "moving_average", "percentile", "entropy", "mean_square")
IMAGES = 497


@cache
def training_images():
    """scikit-learn's digits but for the last 497 of the documents' permutation: (1300, 8, 8, 1)."""
    from sklearn.datasets import load_digits

    chosen = train.permutation(1797, 0)[:-IMAGES]
    return load_digits().images[chosen][..., None] / 16


def right(graph, choices: Choices) -> int:
    """Test images, of 497, that the quantized network classifies, sums unlimited."""
    quantized = quantize(graph, training_images(), choices)
    data = load_model("digits").data
    (name,) = quantized.inputs
    tensor = quantized.tensors[name]
    codes = np.rint(data.real / np.float32(tensor.scale)) + tensor.zero_point
    codes = np.clip(codes, tensor.format.lo, tensor.format.hi).astype(np.int64)
    result = run(quantized, load_hardware("edge_ws_16x16"), {name: codes})
    return int(np.sum(result.exact[quantized.outputs[0]].argmax(axis=1) == data.Y))


def percent(count: int) -> str:
    return f"{100 * count / IMAGES:.1f}"


def render(graph) -> str:
    """Weights against activations, and observers."""
    head = " | ".join(map(str, BITS))
    lines = [f"| weights \\ activations, bits | {head} |", "|---|" + "---:|" * len(BITS)]
    for weight_bits in BITS:
        row = [right(graph, Choices(weight_bits=weight_bits, activation_bits=b)) for b in BITS]
        lines.append(f"| {weight_bits} | {' | '.join(map(percent, row))} |")
    lines += ["", f"| observer \\ bits of both | {head} |", "|---|" + "---:|" * len(BITS)]
    for observer in OBSERVERS:
        row = [
            right(graph, Choices(weight_bits=b, activation_bits=b, observer=observer)) for b in BITS
        ]
        lines.append(f"| `{observer}` | {' | '.join(map(percent, row))} |")
    return "\n".join(lines)


def in_readme(root: Path) -> str | None:
    """The tables that the README shows; None where it has no marked block."""
    _, begin, rest = (root / "README.md").read_text().partition(BEGIN)
    tables, end, _ = rest.partition(END)
    return tables.strip() if begin and end else None


def write_readme(root: Path, tables: str) -> None:
    """Put the tables between the README's marks."""
    path = root / "README.md"
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if begin and end:
        replace(path, f"{before}{BEGIN}\n{tables}\n{END}{after}")
