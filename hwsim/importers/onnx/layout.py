"""Which storage axis holds which ONNX axis of one sample.

ONNX images are (batch, channels, y, x); hwsim's tensors have no batch axis and hold images as
(y, x, channels). So that nothing has to be moved, a value says where its axes lie: a transposition
of an activation changes only what it says, and a flattened image remembers its shape, so that a
linear layer can order its weights by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from hwsim.importers.onnx.source import Array

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """Where one sample's axes lie.

    Attributes
    ----------
    shape : tuple of int
        As stored, without batch.
    axes : tuple of int or None
        The ONNX axis (batch is 0) of each storage axis; None: of extent 1, not in ONNX.
    image : Layout or None
        Of a flattened value: the layout before, in whose order the elements still lie.
    """

    shape: Shape
    axes: tuple[int | None, ...]
    image: Layout | None = None

    @property
    def rank(self) -> int:
        """ONNX's number of axes, batch included."""
        return 1 + sum(axis is not None for axis in self.axes)

    @property
    def onnx_shape(self) -> Shape:
        """One sample's shape in ONNX's order, without batch.

        >>> images((3, 8, 6)).onnx_shape, images((3, 8, 6)).shape
        ((3, 8, 6), (8, 6, 3))
        """
        extents = dict(zip(self.axes, self.shape, strict=True))
        return tuple(extents[axis] for axis in range(1, self.rank))

    @property
    def is_natural(self) -> bool:
        """Whether elements lie as in ONNX."""
        return self.image is None and self.axes == tuple(range(1, self.rank))

    def storage_axis(self, axis: int) -> int:
        """The storage axis of an ONNX axis."""
        return self.axes.index(axis)

    def with_shape(self, shape: Shape) -> Layout:
        """The same order of axes with other extents, given in storage order."""
        return Layout(shape, self.axes)

    def transposed(self, perm: tuple[int, ...]) -> Layout:
        """After ONNX's Transpose: elements stay where they are.

        >>> images((3, 8, 6)).transposed((0, 2, 3, 1)).is_natural
        True
        """
        axes = tuple(None if axis is None else perm.index(axis) for axis in self.axes)
        return Layout(self.shape, axes)

    @property
    def onnx_order(self) -> Array:
        """For each element as stored, its place in ONNX's order; int64 of shape (elements,).

        >>> images((2, 1, 3)).onnx_order.tolist()
        [0, 3, 1, 4, 2, 5]
        """
        if self.image is not None:
            return self.image.onnx_order
        places = np.arange(prod(self.shape), dtype=np.int64).reshape(self.onnx_shape)
        return self.stored(places).reshape(-1)

    def stored(self, sample: Array) -> Array:
        """One sample in ONNX's order (its axes without batch), as it is stored."""
        kept = [axis - 1 for axis in self.axes if axis is not None]
        moved = sample.transpose(kept)
        for place, axis in enumerate(self.axes):
            if axis is None:
                moved = np.expand_dims(moved, place)
        return moved

    def from_file(self, samples: Array) -> Array:
        """Samples (S, ...) in ONNX's order as hwsim stores them, (S, *shape).

        >>> images((2, 1, 3)).from_file(np.arange(6).reshape(1, 2, 1, 3)).tolist()
        [[[[0, 3], [1, 4], [2, 5]]]]
        """
        flat = samples.reshape(len(samples), -1)
        return flat[:, self.onnx_order].reshape(len(samples), *self.shape)

    def to_file(self, samples: Array) -> Array:
        """Samples as hwsim stores them, in ONNX's order: (S, *onnx_shape)."""
        flat = np.empty((len(samples), prod(self.shape)), samples.dtype)
        flat[:, self.onnx_order] = samples.reshape(flat.shape)
        return flat.reshape(len(samples), *self.onnx_shape)

    def flattened(self) -> Layout:
        """One axis; the order of elements is remembered where it is not ONNX's."""
        elements = prod(self.shape)
        extents = zip(self.axes, self.shape, strict=True)
        large = [axis or 0 for axis, extent in extents if extent > 1]
        if self.image is None and large == sorted(large):
            return Layout((elements,), (1,))
        return Layout((elements,), (1,), self.image or self)


def natural(shape: Shape) -> Layout:
    """ONNX's own order; ``shape`` without batch."""
    return Layout(shape, tuple(range(1, len(shape) + 1)))


def images(shape: Shape) -> Layout:
    """(channels, y, x) as (y, x, channels), (channels, x) as (1, x, channels)."""
    if len(shape) == 2:
        return Layout((1, shape[1], shape[0]), (None, 2, 1))
    channels, height, width = shape
    return Layout((height, width, channels), (2, 3, 1))


def like(layout: Layout, model: Layout) -> Layout:
    """The same values with their axes in the order of another layout."""
    extents = dict(zip(range(1, layout.rank), layout.onnx_shape, strict=True))
    return Layout(tuple(1 if a is None else extents[a] for a in model.axes), model.axes)
