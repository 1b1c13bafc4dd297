"""What an ONNX name stands for while a graph is built: a constant, a tensor, or an operator that
waits to learn its output's quantization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.importers.onnx.layout import Layout
from hwsim.importers.onnx.source import Array
from hwsim.mapping.layer import MacOp, Padding

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Quantization:
    """``real = scale * (code - zero_point)`` of an activation."""

    format: IntFormat
    scale: float
    zero_point: int


@dataclass(frozen=True, eq=False)
class Grid:
    """The integer codes of a constant.

    Attributes
    ----------
    codes : int64 ndarray
    scale, zero_point : float64, int64 ndarray
        Of as many axes as ``codes``, 1 where one number holds for all.
    format : IntFormat
    real : float64 ndarray or None
        What was quantized, where the file has it.
    """

    codes: NDArray[np.int64]
    scale: Reals
    zero_point: NDArray[np.int64]
    format: IntFormat
    real: Reals | None = None

    def moved(self, perm: tuple[int, ...]) -> Grid:
        """With its axes in another order."""
        return Grid(
            self.codes.transpose(perm),
            self.scale.transpose(perm),
            self.zero_point.transpose(perm),
            self.format,
            None if self.real is None else self.real.transpose(perm),
        )


@dataclass(frozen=True, eq=False)
class Constant:
    """Numbers known at import. ``grid``: they are the real values of these codes; with ``form``,
    the codes themselves. ``form``: the numbers are codes of this format."""

    array: Array
    grid: Grid | None = None
    form: IntFormat | None = None
    name: str = "constant"


@dataclass(frozen=True, eq=False)
class Activation:
    """A tensor of the graph, as a name of the file sees it.

    ``view`` true: the name stands for real values (of codes, or of a real tensor); false: for the
    codes themselves. ``name`` is the file's.
    """

    tensor: str
    name: str
    layout: Layout
    view: bool


@dataclass(frozen=True, eq=False)
class Weight:
    """A layer's weight in hwsim's shape, channels first; codes where the file has them.

    ``real`` holds real values where there are no codes; ``trained`` what codes were made from.
    """

    codes: NDArray[np.int64] | None
    scale: Reals
    zero_point: NDArray[np.int64]
    format: IntFormat
    real: Reals
    trained: Reals | None = None

    @property
    def channels(self) -> int:
        """Output channels."""
        return int(self.real.shape[0])


@dataclass(frozen=True, eq=False)
class Product:
    """A convolution or linear layer before its output is known.

    ``y = gain * (x (*) w + bias) + offset`` for each output channel. ``bias_grid``: the integer
    bias and its scale, where the file has one.
    """

    op: MacOp
    weight: Weight | None
    bias: Reals | None = None
    bias_grid: Grid | None = None
    gain: Reals = field(default_factory=lambda: np.ones(1))
    offset: Reals = field(default_factory=lambda: np.zeros(1))
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: Padding = ((0, 0), (0, 0))
    groups: int = 1


@dataclass(frozen=True)
class Move:
    """A reshape after an operator, before its quantization is known: it keeps codes as they are."""

    name: str
    output: str
    layout: Layout


@dataclass(frozen=True, eq=False)
class Pending:
    """An operator whose output is not yet a tensor: what follows says how it is quantized.

    Attributes
    ----------
    name : str
        The node's.
    op : str
        hwsim's operator.
    inputs : tuple of Activation or Constant
    output : str
        The file's name of the result as real values.
    layout : Layout
    product : Product or None
        Of an operator that runs on the array.
    attributes : mapping
    bounds : (lo, hi)
        Of a fused Relu or Clip, real values; None: no bound.
    keeps : bool
        Whether codes are only moved, so that the first input's quantization holds.
    moves : tuple of Move
        Reshapes that follow.
    """

    name: str
    op: str
    inputs: tuple[Activation | Constant, ...]
    output: str
    layout: Layout
    product: Product | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    bounds: tuple[float | None, float | None] = (None, None)
    keeps: bool = False
    moves: tuple[Move, ...] = ()

    @property
    def last_layout(self) -> Layout:
        """After the moves."""
        return self.moves[-1].layout if self.moves else self.layout


@dataclass(frozen=True, eq=False)
class RunTime:
    """A scale or zero point that each sample decides.

    ``tensor``: the scale's, to be multiplied by ``gain``, one number or one a channel; empty for a
    zero point. ``codes``: the tensor of codes that it belongs to.
    """

    tensor: str
    codes: str
    gain: Reals


Value = Constant | Activation | Pending | RunTime
