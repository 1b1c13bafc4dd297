"""The C golden model of real layers: `digits` on every shipped machine, MLPerf Tiny networks."""

import numpy as np
import pytest
from vectors import c_model_cases, c_models

import hwsim
from hwsim.errors import HwsimError
from hwsim.importers import hardware, tflite

DIGITS = ["conv1", "dw2", "pw3", "conv4", "fc6"]
NETWORKS = {  # file: which machines
    "kws_dscnn_int8": ("tflite_reference", "edge_os_16x16"),
    "ic_resnet8_int8": ("tflite_xnnpack", "edge_ws_16x16"),
    "vww_mobilenet_int8": ("tflite_optimized", "dot_product_64x16"),
    "ad_autoencoder_int8": ("tflite_reference", "narrow_acc_16bit"),
}


def test_every_layer_of_digits_on_every_shipped_machine(root, tmp_path):
    names = sorted(path.stem for path in (root / "hw_configs").glob("*.yaml"))
    model, cases, refused = hwsim.load_model("digits"), {}, {}
    for name in names:
        try:
            made = c_model_cases.network_cases(
                model.graph, hardware.load(name, []), model.data.X[:1]
            )
        except HwsimError as error:
            refused[name] = str(error)
            continue
        assert list(made) == DIGITS
        cases |= {f"{name}_{layer}": case for layer, case in made.items()}
    assert refused == {}
    assert len(cases) == 5 * len(names) >= 145
    events, codes = c_models.check(short(cases), tmp_path)
    assert events > 0
    assert codes > 100_000


def short(cases):
    """The same cases by names that fit C's external names."""
    return {f"layer_{i}": case for i, case in enumerate(cases.values())}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "machine"), [(n, machine) for n, pair in NETWORKS.items() for machine in pair]
)
def test_every_layer_of_a_network(network, machine, shared, tmp_path):
    graph = tflite.load(shared / "data" / "models" / f"{network}.tflite")
    with np.load(shared / "golden" / "semantics" / "golden_mlperf_tiny.npz") as file:
        golden = GOLDEN[network]
        codes = file[f"{golden}_in0"].astype(np.int64)
    cases = c_model_cases.network_cases(graph, hardware.load(machine, []), codes)
    assert len(cases) >= 9
    _, compared = c_models.check(short(cases), tmp_path)
    assert compared > 1000


GOLDEN = {
    "ad_autoencoder_int8": "ad01_int8",
    "kws_dscnn_int8": "kws_ref_model",
    "ic_resnet8_int8": "pretrainedResnet_quant",
    "vww_mobilenet_int8": "vww_96_int8",
}
