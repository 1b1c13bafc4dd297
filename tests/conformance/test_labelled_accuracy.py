"""``hwsim run`` on labelled data: as many right answers as LiteRT's kernels give."""

import json

import pytest
from cli.runner import hwsim

MNIST = ("--input-scale", "1/255")


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["tflite_reference", "tflite_xnnpack"])
@pytest.mark.parametrize(
    ("model", "data", "words", "right"),
    [
        ("kws_dscnn_int8", "kws01_dev", (), {"tflite_reference": 0.8941, "tflite_xnnpack": 0.8980}),
        ("ic_resnet8_int8", "cifar10_train_dev", (), 0.925),
        ("mnist_lenet300_int8", "mnist_dev", MNIST, 0.9753),
    ],
)
def test_accuracy_is_that_of_the_runtime(
    shared, tmp_path, machine, model, data, words, right
) -> None:
    result = hwsim(
        "run",
        str(shared / "data" / "models" / f"{model}.tflite"),
        "--hw",
        machine,
        "--data",
        str(shared / "data" / "data" / f"{data}.npz"),
        *words,
        "--quiet",
        "--out",
        str(tmp_path / "run"),
    )
    assert result.exit_code == 0, result.stderr
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    expected = right[machine] if isinstance(right, dict) else right
    assert round(summary["accuracy"]["hardware"], 4) == expected
