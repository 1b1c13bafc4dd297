"""TFLite Micro's seanet models (90b983c): 50 files of one operator each, 16-bit activations.

Each comes with its inputs and with what TFLite Micro's kernels must give.
"""

import zipfile
from collections import Counter

import numpy as np
import pytest

from hwsim.errors import UnsupportedError
from hwsim.importers import tflite
from hwsim.importers.hardware import load
from hwsim.network.run import run

COUNTS = {  # operator: models, outputs compared
    "add": (7, 11776),
    "conv": (7, 5760),
    "pad": (7, 7936),
    "quantize": (1, 640),
    "strided_slice": (16, 35144),
    "sub": (3, 6848),
    "transpose_conv": (1, 2304),
}
NOT_RUN = {"leaky_relu": 8}  # LEAKY_RELU is not an operator of hwsim


@pytest.fixture(scope="module")
def archive(shared):
    return zipfile.ZipFile(shared / "data" / "golden" / "tflm_seanet_int16_dev.zip")


def models(archive):
    """``operator/name`` of every model."""
    files = archive.namelist()
    return sorted(name.removesuffix(".tflite") for name in files if name.endswith(".tflite"))


def graph_of(archive, model, folder):
    """The imported model."""
    return tflite.load(archive.extract(f"{model}.tflite", folder))


def numbers(archive, name):
    """The integers of a CSV file."""
    return np.array(archive.read(name).decode().strip(" ,\n").split(","), np.int64)


def inputs_of(archive, model, graph):
    """Codes by input; an int32 file is a shape, which the importer reads from the model."""
    files = sorted(n for n in archive.namelist() if n.startswith(f"{model}_input"))
    codes = [numbers(archive, name) for name in files if name.endswith("_int16.csv")]
    return {
        name: values.reshape(1, *graph.tensors[name].shape)
        for name, values in zip(graph.inputs, codes, strict=True)
    }


@pytest.mark.conformance
@pytest.mark.parametrize("operator", COUNTS)
def test_seanet_operator_equals_tflite_micro(archive, operator, tmp_path, record_conformance):
    machine = load("tflite_micro")
    chosen = [model for model in models(archive) if model.startswith(f"{operator}/")]
    compared, different = 0, {}
    for model in chosen:
        graph = graph_of(archive, model, tmp_path)
        (output,) = graph.outputs
        (golden,) = [n for n in archive.namelist() if n.startswith(f"{model}_golden")]
        expected = numbers(archive, golden)
        got = run(graph, machine, inputs_of(archive, model, graph)).codes[output].ravel()
        assert got.shape == expected.shape
        compared += got.size
        if wrong := np.count_nonzero(got != expected):
            different[model] = int(wrong)
    record_conformance(
        runtime="TFLite Micro",
        version="tflite-micro 90b983c, seanet goldens",
        machine="tflite_micro",
        outputs=compared,
        differences=sum(different.values()),
    )
    assert different == {}
    assert (len(chosen), compared) == COUNTS[operator]


def test_models_not_run_are_known_and_named(archive, tmp_path):
    by_operator = Counter(model.split("/")[0] for model in models(archive))
    run_here = {operator: number for operator, (number, _) in COUNTS.items()}
    assert by_operator == {**run_here, **NOT_RUN}
    with pytest.raises(UnsupportedError, match="operator 0 = LEAKY_RELU"):
        graph_of(archive, "leaky_relu/leaky_relu1", tmp_path)
