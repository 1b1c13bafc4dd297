"""Values in another layout: the reshapes and transpositions that the file does not have."""

from __future__ import annotations

from hwsim.importers.onnx.builder import Builder
from hwsim.importers.onnx.layout import Layout
from hwsim.importers.onnx.values import Activation


def arranged(b: Builder, activation: Activation, wanted: Layout) -> Activation:
    """The same values with their axes as wanted; ``wanted`` has the same ONNX shape."""
    layout = activation.layout
    if layout == wanted:
        return activation
    if layout.image is not None:  # back to the image that was flattened
        activation = _moved(b, activation, "reshape", layout.image, layout.image.shape)
        plain = Layout(layout.image.onnx_shape, tuple(range(1, layout.image.rank)))
        activation = arranged(b, activation, plain)
        return _moved(b, activation, "reshape", wanted, wanted.shape)
    kept = tuple(i for i, axis in enumerate(layout.axes) if axis is not None)
    if len(kept) < len(layout.axes):
        bare = Layout(tuple(layout.shape[i] for i in kept), tuple(layout.axes[i] for i in kept))
        activation = _moved(b, activation, "reshape", bare, bare.shape)
        layout = bare
    real = tuple(axis for axis in wanted.axes if axis is not None)
    if layout.axes != real:
        perm = tuple(layout.axes.index(axis) for axis in real)
        bare = Layout(tuple(layout.shape[i] for i in perm), real)
        activation = _moved(b, activation, "transpose", bare, perm)
    if len(real) < len(wanted.axes):
        activation = _moved(b, activation, "reshape", wanted, wanted.shape)
    return activation


def _moved(
    b: Builder, activation: Activation, op: str, layout: Layout, how: tuple[int, ...]
) -> Activation:
    """A reshape or transpose of ours, which the file does not have."""
    output = b.tensor(f"{activation.tensor}#{op}", layout, b.quantization(activation.tensor))
    name = b.extra_name(output)
    attributes = {"shape": how} if op == "reshape" else {"perm": how}
    b.node(name, op, (activation.tensor,), output, attributes)
    return Activation(output, output, layout, activation.view)
