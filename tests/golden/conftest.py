"""Layers of a runtime on its machine, counted for the README's table."""

import pytest
from golden.runtime_layers import compared

TORCH = "torch 2.13.0"
RUNTIMES = {
    "onnxruntime": ("ONNX Runtime CPU", "onnxruntime 1.31.1"),
    "onnxruntime_avx2": ("ONNX Runtime CPU, AVX2 host", "onnxruntime 1.31.1"),
    "pt2e_graph": ("PT2E graph", "torchao 0.18.0"),
    "aimet": ("AIMET", "aimet-torch 2.42.0"),
    **{f"pytorch_{e}": (f"PyTorch {e}", TORCH) for e in ("fbgemm", "qnnpack", "onednn", "x86")},
    **{
        f"pytorch_{e}_avx2": (f"PyTorch {e}, AVX2 host", TORCH) for e in ("fbgemm", "onednn", "x86")
    },
}
"""Machine to runtime and the version that made the goldens."""


@pytest.fixture
def recorded(record_conformance):
    """`runtime_layers.compared`, with its counts recorded."""

    def compare(cases, machine, *words):
        found, outputs = compared(cases, machine, *words)
        runtime, version = RUNTIMES[machine]
        record_conformance(
            runtime=runtime,
            version=version,
            machine=machine,
            outputs=outputs,
            differences=sum(found.values()),
        )
        return found, outputs

    return compare
