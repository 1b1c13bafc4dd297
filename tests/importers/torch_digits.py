"""The network of the PyTorch fixtures, and its fixtures loaded into modules."""

import warnings
from pathlib import Path


def network(quantized: bool = False):
    """conv-bn-relu, a residual pair, a strided and a depthwise convolution, a linear layer.

    ``quantized``: with the stubs and the FloatFunctional of eager mode.
    """
    import torch
    from torch import nn

    class Digits(nn.Module):
        def __init__(self):
            super().__init__()
            channels = (1, 8, 8, 8, 16, 16)
            strides, groups = (1, 1, 1, 2, 1), (1, 1, 1, 1, 16)
            for i in range(5):
                conv = nn.Conv2d(
                    channels[i], channels[i + 1], 3, strides[i], padding=1, groups=groups[i]
                )
                setattr(self, f"c{i + 1}", conv)
                setattr(self, f"b{i + 1}", nn.BatchNorm2d(channels[i + 1]))
                setattr(self, f"r{i + 1}", nn.ReLU())
            self.pool, self.fc = nn.AvgPool2d(4), nn.Linear(16, 10)
            if quantized:
                self.quant = torch.ao.quantization.QuantStub()
                self.dequant = torch.ao.quantization.DeQuantStub()
                self.add = nn.quantized.FloatFunctional()

        def forward(self, x):
            if quantized:
                x = self.quant(x)
            x = self.r1(self.b1(self.c1(x)))
            y = self.b3(self.c3(self.r2(self.b2(self.c2(x)))))
            x = self.add.add_relu(x, y) if quantized else self.r3(x + y)
            x = self.r5(self.b5(self.c5(self.r4(self.b4(self.c4(x))))))
            x = self.fc(torch.flatten(self.pool(x), 1))
            return self.dequant(x) if quantized else x

    return Digits().eval()


PAIRS = [["c1", "b1", "r1"], ["c2", "b2", "r2"], ["c3", "b3"], ["c4", "b4", "r4"]]
FUSED = [*PAIRS, ["c5", "b5", "r5"]]


def converted_eager(engine: str, state=None):
    """Eager static quantization: prepared, converted, its state loaded."""
    import torch
    from torch.ao import quantization as q

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.backends.quantized.engine = engine
        module = q.fuse_modules(network(quantized=True), FUSED)
        module.qconfig = q.get_default_qconfig(engine)
        prepared = q.prepare(module)
        prepared(torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0)))
        module = q.convert(prepared)
        if state is not None:
            module.load_state_dict(state)
    return module


def converted_qat(engine: str):
    """Eager quantization-aware training: prepared, a few steps of it, converted."""
    import torch
    from torch.ao import quantization as q

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.backends.quantized.engine = engine
        module = q.fuse_modules_qat(network(quantized=True).train(), FUSED)
        module.qconfig = q.get_default_qat_qconfig(engine)
        prepared = q.prepare_qat(module.train())
        optimizer = torch.optim.SGD(prepared.parameters(), 0.01)
        generator = torch.Generator().manual_seed(0)
        for _ in range(3):
            x = torch.rand(8, 1, 8, 8, generator=generator)
            optimizer.zero_grad()
            prepared(x).square().mean().backward()
            optimizer.step()
        return q.convert(prepared.eval())


def converted_fx(engine: str, state=None):
    """FX static quantization."""
    import torch
    from torch.ao.quantization import get_default_qconfig_mapping
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.backends.quantized.engine = engine
        example = (torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0)),)
        prepared = prepare_fx(network(), get_default_qconfig_mapping(engine), example)
        prepared(*example)
        module = convert_fx(prepared)
        if state is not None:
            module.load_state_dict(state)
    return module


def state_of(path: Path):
    """A state dict, without executing anything of the file."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.load(path, weights_only=True)
