"""PyTorch's modules in ONNX's words: attributes and parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwsim.errors import UnsupportedError
from hwsim.importers.torch.dynamic import DynamicLinear

WHERE = "hwsim.from_torch"
REAL_LAYERS = frozenset({"Conv2d", "Linear", "BatchNorm2d"})
"""Modules that a dynamically quantized network keeps in float."""


def convolution(module: Any) -> dict[str, Any]:
    """Attributes of ``Conv``."""
    y, x = module.padding
    return {
        "strides": list(module.stride),
        "dilations": list(module.dilation),
        "pads": [y, x, y, x],
        "group": module.groups,
    }


def real_parameters(module: Any, kind: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """ONNX's operator of a float layer, its parameters in order, and its attributes."""
    names = ["weight", "bias"]
    words: dict[str, Any] = {"transB": 1}
    if kind == "Conv2d":
        words = convolution(module)
    elif kind == "BatchNorm2d":
        names += ["running_mean", "running_var"]
        words = {"epsilon": module.eps}
    values = {name: getattr(module, name) for name in names}
    parts = {name: v.detach().numpy() for name, v in values.items() if v is not None}
    onnx = {"Conv2d": "Conv", "Linear": "Gemm", "BatchNorm2d": "BatchNormalization"}[kind]
    return onnx, parts, words


def pool(module: Any, name: str, kind: str) -> tuple[str, dict[str, Any]]:
    """ONNX's operator of a pooling module, and its attributes."""
    if kind == "AdaptiveAvgPool2d":
        if module.output_size not in (1, (1, 1)):
            size = module.output_size
            raise UnsupportedError.at(f"{WHERE}: {name}", "output_size", size, "must be 1")
        return "GlobalAveragePool", {}
    window, stride, padding = (
        list(value) if isinstance(value, tuple) else [value, value]
        for value in (module.kernel_size, module.stride, module.padding)
    )
    words: dict[str, Any] = {"kernel_shape": window, "strides": stride, "pads": padding * 2}
    if kind == "AvgPool2d":
        words["count_include_pad"] = int(module.count_include_pad)
    return kind.replace("Avg", "Average").removesuffix("2d"), words


def dynamic_linear(module: Any, source: str, name: str, kind: str) -> DynamicLinear:
    """A linear layer that quantizes its input by its range: eager mode's, or torchao's."""
    import torch

    if kind != "Linear":
        raise UnsupportedError.at(f"{WHERE}: {name}", "module", kind, "must be Linear")
    words: dict[str, Any] = {"rule": "torch", "bits": 7, "zero_point": np.zeros(1)}
    if hasattr(module.weight, "qdata"):  # torchao, one scale a row
        weight, bias = module.weight, module.bias
        words |= {"rule": "symmetric", "bits": 8, "codes": weight.qdata.numpy()}
        words["scale"] = weight.scale.detach().float().numpy().reshape(-1)
    else:
        weight, bias = module.weight(), module.bias()
        words |= {"codes": weight.int_repr().numpy()}
        channels = weight.qscheme() == torch.per_channel_affine
        words["scale"] = np.asarray(
            weight.q_per_channel_scales() if channels else weight.q_scale(), np.float64
        )
        if torch.backends.quantized.engine == "qnnpack":
            words["bits"] = 8  # the others leave a bit, so that pairs of products fit 16
    offset = None if bias is None else bias.detach().float().numpy()
    return DynamicLinear(name=name, source=source, bias=offset, **words)
