"""Layers that PyTorch quantizes at run time: eager mode, torchao, PT2E, against PyTorch itself.

Their results are real numbers; images go one at a time, since PyTorch takes one scale a batch.
Convolutions stay float there and here, and sum in another order.
"""

import numpy as np
import pytest

from hwsim import from_torch, load_hardware, load_model
from hwsim.network.run import run

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
torch = pytest.importorskip("torch", reason="torch is not installed")

from importers import torch_digits  # noqa: E402  # after the skip
from importers.test_torch_live import channels_last, images  # noqa: E402

BOUND = 1e-6  # of the largest logit: binary32 sums
IMAGES = 40


def assert_the_same(graph, machine, module):
    """Logits agree to binary32, classes altogether."""
    x = images()[:IMAGES]
    with torch.no_grad():
        theirs = torch.cat([module(image[None]) for image in x]).numpy()
    inputs = {graph.inputs[0]: channels_last(x.numpy()).astype(np.float64)}
    ours = run(graph, load_hardware(machine), inputs).codes[graph.outputs[0]]
    assert len(graph.mac_nodes) == 1
    assert np.abs(ours - theirs).max() <= BOUND * np.abs(theirs).max()
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).all()


@pytest.mark.parametrize("engine", ["fbgemm", "qnnpack"])
def test_eager_dynamic_layers_are_pytorchs(shared, engine) -> None:
    state = torch_digits.state_of(shared / "data" / "fixtures" / "digits_float.pt")
    torch.backends.quantized.engine = engine
    module = torch_digits.network()
    module.load_state_dict(state)
    dynamic = torch.ao.quantization.quantize_dynamic(module, {torch.nn.Linear}, torch.qint8)
    if engine == "fbgemm":
        fixture = torch_digits.state_of(shared / "data" / "fixtures" / "eager_dynamic.pt")
        dynamic.load_state_dict(fixture)
    graph = from_torch(dynamic, torch.zeros(1, 1, 8, 8))
    rules = [node.attributes for node in graph.nodes if node.op == "dynamic_quantize"]
    assert rules == [{"rule": "torch", "bits": 7 if engine == "fbgemm" else 8}]
    assert_the_same(graph, f"pytorch_{engine}", dynamic)


def test_torchao_rows_are_torchaos(shared) -> None:
    pytest.importorskip("torchao", reason="torchao is not installed")
    import torchao.quantization  # noqa: F401  # the classes that the file names

    path = shared / "data" / "fixtures" / "torchao_int8dyn.pt"
    module = torch_digits.network()
    module.load_state_dict(torch.load(path, weights_only=False), assign=True)
    assert_the_same(from_torch(module, torch.zeros(1, 1, 8, 8)), "pt2e_graph", module)


def test_torchao_made_here_is_torchaos() -> None:
    pytest.importorskip("torchao", reason="torchao is not installed")
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    torch.manual_seed(0)
    module = torch_digits.network()
    quantize_(module, Int8DynamicActivationInt8WeightConfig())
    assert_the_same(from_torch(module, torch.zeros(1, 1, 8, 8)), "pt2e_graph", module)


def test_a_pt2e_file_is_torchaos(shared) -> None:
    pytest.importorskip("torchao", reason="torchao is not installed")
    import torchao.quantization.pt2e.quantize_pt2e  # noqa: F401  # registers the operators

    path = shared / "data" / "fixtures" / "pt2e_dynamic.pt2"
    module = torch.export.load(path).module()
    assert_the_same(load_model(path).graph, "pt2e_graph", module)
