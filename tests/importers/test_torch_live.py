"""Live PyTorch modules: every mode of the fixtures, layer by layer, against PyTorch's own codes."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from hwsim import from_torch, load_hardware
from hwsim.errors import ModelError, UnsupportedError
from hwsim.network import float_twin
from hwsim.network.graph import Graph
from hwsim.network.run import run

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
torch = pytest.importorskip("torch", reason="torch is not installed")

from importers import torch_digits  # noqa: E402  # after the skip

IMAGES = 100
VNNI = "avx512_vnni" in Path("/proc/cpuinfo").read_text()
needs_vnni = pytest.mark.skipif(not VNNI, reason="this processor has no VNNI: products saturate")
LAYERS = ("c1", "c2", "c3", "c4", "c5", "fc")
MODES = {  # fixture: engine, how its module is made
    "eager_static_x86": ("x86", torch_digits.converted_eager),
    "eager_qat_fbgemm": ("fbgemm", torch_digits.converted_eager),
    "eager_qat_qnnpack": ("qnnpack", torch_digits.converted_eager),
    "fx_static": ("x86", torch_digits.converted_fx),
}


def images():
    """Test images of scikit-learn's digits, by the documents' split: float32 (S, 1, 8, 8)."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = torch.randperm(1797, generator=torch.Generator().manual_seed(0))[-497:]
    x = torch.tensor(digits.images[order.numpy()][:IMAGES] / 16, dtype=torch.float32)
    return x.unsqueeze(1)


def channels_last(codes):
    return codes.transpose(0, 2, 3, 1) if codes.ndim == 4 else codes


def tapped(module, x):
    """Output codes of every quantized part that has a name, channels last."""
    taps = {}
    for name, part in module.named_children():
        part.register_forward_hook(
            lambda _part, _inputs, out, name=name: taps.__setitem__(name, out)
        )
    with torch.no_grad():
        result = module(x)
    return result, {
        name: channels_last(out.int_repr().numpy())
        for name, out in taps.items()
        if out.is_quantized
    }


def alone(graph, node):
    """One node as a network."""
    names = (*node.inputs, node.output)
    tensors = {name: graph.tensors[name] for name in names}
    return Graph(node.name, tensors, (node,), node.inputs, (node.output,))


def compared(module, engine) -> tuple[int, int]:
    """Outputs of every layer on PyTorch's own inputs: how many, and how many differ."""
    x = images()
    _, theirs = tapped(module, x)
    graph = from_torch(module, x)
    machine = load_hardware(f"pytorch_{engine}")
    inputs = {graph.inputs[0]: channels_last(x.numpy()).astype(np.float64)}
    codes = run(graph, machine, inputs).codes
    outputs = differences = 0
    for node in graph.mac_nodes:
        true = {name: _true_input(graph, name, theirs, codes) for name in node.inputs}
        ours = run(alone(graph, node), machine, true).codes[node.output]
        outputs += ours.size
        differences += int(np.count_nonzero(ours != theirs[node.name]))
    assert [node.name for node in graph.mac_nodes] == list(LAYERS)
    return outputs, differences


@needs_vnni
@pytest.mark.parametrize("mode", MODES)
def test_every_layer_of_a_fixture_is_the_engine_s(shared, record_conformance, mode) -> None:
    engine, make = MODES[mode]
    state = torch_digits.state_of(shared / "data" / "fixtures" / f"{mode}.pt")
    outputs, differences = compared(make(engine, state), engine)
    record_conformance(
        runtime=f"PyTorch {engine}",
        version=f"torch {torch.__version__}",
        machine=f"pytorch_{engine}",
        outputs=outputs,
        differences=differences,
    )
    assert differences == 0


@needs_vnni
@pytest.mark.parametrize("engine", ["fbgemm", "x86", "qnnpack", "onednn"])
@pytest.mark.parametrize(
    "make",
    [torch_digits.converted_eager, torch_digits.converted_qat, torch_digits.converted_fx],
)
def test_every_layer_of_a_mode_made_here_is_the_engine_s(make, engine) -> None:
    torch.manual_seed(0)
    assert compared(make(engine), engine)[1] == 0


def _true_input(graph, name, theirs, codes):
    """PyTorch's codes of a tensor, where it shows them; a reshape of them, or ours."""
    maker = next((node for node in graph.nodes if node.output == name), None)
    if maker is not None and maker.name in theirs:
        return theirs[maker.name].astype(np.int64)
    return codes[name]


@pytest.mark.parametrize("mode", MODES)
def test_a_whole_network_agrees_on_the_classes(shared, mode) -> None:
    engine, make = MODES[mode]
    module = make(engine, torch_digits.state_of(shared / "data" / "fixtures" / f"{mode}.pt"))
    x = images()
    with torch.no_grad():
        theirs = module(x).numpy()
    graph = from_torch(module, x)
    inputs = {graph.inputs[0]: channels_last(x.numpy()).astype(np.float64)}
    ours = run(graph, load_hardware(f"pytorch_{engine}"), inputs).codes[graph.outputs[0]]
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).all()


def test_a_float_module_is_its_float_twin(shared) -> None:
    module = torch_digits.network()
    module.load_state_dict(torch_digits.state_of(shared / "data" / "fixtures" / "digits_float.pt"))
    x = images()
    graph = from_torch(module, x)
    assert all(tensor.format is None for tensor in graph.tensors.values())
    inputs = {graph.inputs[0]: channels_last(x.numpy()).astype(np.float64)}
    ours = float_twin.run(graph, inputs)[graph.outputs[0]]
    with torch.no_grad():
        theirs = module.double()(x.double()).numpy()
    assert np.abs(ours - theirs).max() < 1e-9  # float64, sums in another order


def test_a_module_in_training_is_refused() -> None:
    with pytest.raises(ModelError, match=r"call module\.eval"):
        from_torch(torch_digits.network().train(), torch.zeros(1, 1, 8, 8))


def test_an_unknown_operator_is_named() -> None:
    class Odd(torch.nn.Module):
        def forward(self, x):
            return torch.cumsum(x, 1)

    with pytest.raises(UnsupportedError, match="cumsum"):
        from_torch(Odd().eval(), torch.zeros(1, 3))


def converted_by_pt2e(per_channel: bool):
    """PT2E of torchao with the XNNPACK quantizer of its tests."""
    pytest.importorskip("torchao", reason="torchao is not installed")
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.testing.pt2e._xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )

    x = images()
    module = torch.export.export(torch_digits.network(), (x,)).module()
    quantizer = XNNPACKQuantizer()
    config = get_symmetric_quantization_config(is_per_channel=per_channel)
    prepared = prepare_pt2e(module, quantizer.set_global(config))
    prepared(x)
    return convert_pt2e(prepared), x


@pytest.mark.parametrize("per_channel", [True, False])
def test_pt2e_live_and_its_file_are_the_same_network(tmp_path, per_channel) -> None:
    from hwsim import load_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module, x = converted_by_pt2e(per_channel)
        exported = torch.export.export(module, (x,))
        torch.export.save(exported, tmp_path / "net.pt2")
    live, again = from_torch(module, x), from_torch(exported, x)
    stored = load_model(tmp_path / "net.pt2").graph
    ops = [[node.op for node in graph.nodes] for graph in (live, again, stored)]
    assert ops[0] == ops[1] == ops[2]
    inputs = channels_last(x.numpy()).astype(np.float64)
    machine = load_hardware("pt2e_graph")
    runs = [run(g, machine, {g.inputs[0]: inputs}).codes[g.outputs[0]] for g in (live, stored)]
    assert np.array_equal(*runs)
    with torch.no_grad():
        theirs = module(x).numpy()
    scale = next(t.scale for t in reversed(stored.tensors.values()) if t.format is not None)
    steps = np.abs(runs[0] - theirs) / scale
    assert np.count_nonzero(steps > 0.5) <= theirs.size // 1000  # the graph sums in float
    assert steps.max() < 1.5


def test_a_pickled_module_is_read_only_where_it_is_allowed(tmp_path) -> None:
    from hwsim import load_model

    path = tmp_path / "net.pth"
    torch.save(torch.nn.Linear(3, 2), path)
    with pytest.raises(UnsupportedError, match="runs code"):
        load_model(path)
    graph = load_model(path, pickled=(3,)).graph
    assert [node.op for node in graph.nodes] == ["fully_connected"]
    torch.save({"weight": torch.zeros(2)}, path)
    with pytest.raises(ModelError, match="must be a whole module"):
        load_model(path, pickled=(3,))
