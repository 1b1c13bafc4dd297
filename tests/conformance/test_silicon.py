"""MLPerf Tiny's keyword spotter against what real boards printed: 510 inputs, 12 probabilities.

Boards print three decimals of ``code / 256``: ST rounds, the others cut. Integer thousandths are
compared. The Silicon Labs board matches no machine: its arithmetic is not known.
"""

from pathlib import Path

import numpy as np
import pytest

from hwsim import load_hardware, load_model
from hwsim.network.run import run

VALUES = 510 * 12


def probabilities(shared: Path, machine: str) -> np.ndarray:
    """Softmax codes 0..255 of all inputs on a machine, int64 (510, 12)."""
    graph = load_model(shared / "data" / "models" / "kws_dscnn_int8.tflite").graph
    (name,) = graph.inputs
    with np.load(shared / "data" / "data" / "kws01_dev.npz") as stored:
        x = stored["X"].astype(np.int64).reshape(-1, *graph.tensors[name].shape)
    codes = run(graph, load_hardware(machine), {name: x}).codes[graph.outputs[0]]
    return codes.reshape(-1, 12) + 128


def printed(shared: Path, board: str) -> np.ndarray:
    """A board's thousandths, int64 (510, 12)."""
    with np.load(shared / "data" / "golden" / "kws01_device_outputs_dev.npz") as stored:
        return np.rint(stored[board].astype(np.float64) * 1000).astype(np.int64)


def cut(codes: np.ndarray) -> np.ndarray:
    """Thousandths of ``code / 256``, the rest cut."""
    return codes * 1000 // 256


def rounded(codes: np.ndarray) -> np.ndarray:
    """Thousandths as ``f"{code / 256:.3f}"`` prints them."""
    return np.array([round(float(f"{code / 256:.3f}") * 1000) for code in range(257)])[codes]


@pytest.mark.parametrize(
    ("board", "machine", "prints", "equal"),
    [
        ("stm32_xcubeai_L4R5ZI", "tflite_xnnpack", rounded, VALUES),
        ("plumerai_L4R5ZI", "tflite_xnnpack", cut, VALUES),
        ("andes_d25_tflm", "tflite_optimized", cut, VALUES),
        ("renesas_ra6m4_tflm", "tflite_optimized", cut, 6116),
    ],
)
def test_a_board_prints_what_the_machine_computes(
    shared, record_conformance, board, machine, prints, equal
) -> None:
    ours, theirs = prints(probabilities(shared, machine)), printed(shared, board)
    assert ours.shape == theirs.shape == (510, 12)
    found = int(np.count_nonzero(ours == theirs))
    assert found == equal
    record_conformance(
        runtime=f"boards: {board}",
        version="MLPerf Tiny 0.7 results",
        outputs=VALUES,
        differences=VALUES - found,
        machine=machine,
    )
