"""What a .tflite file says, as plain records: nothing is interpreted here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.importers.tflite.buffer import Buffer

ABSENT = -1  # index of an optional input that is not there
MAX_SHOWN = 80  # characters of a name or a value in a message


@dataclass(frozen=True, eq=False)
class FileTensor:
    """One tensor as the file says it.

    Attributes
    ----------
    index : int
    name : str
        Unique: an empty or repeated name has ``#<index>`` appended.
    shape : tuple of int
        With the batch axis.
    kind : str
        Of ``TENSOR_TYPES``.
    scale : float32 ndarray; empty where the tensor has no quantization
    zero_point : int64 ndarray
    axis : int
        Which axis several scales belong to.
    data : uint8 ndarray, or None
        A constant's bytes.
    obstacle : str
        What hwsim does not read in it, or empty.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    kind: str
    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int
    data: NDArray[np.uint8] | None
    obstacle: str

    @property
    def label(self) -> str:
        """The tensor in messages."""
        shown = self.name if len(self.name) <= MAX_SHOWN else f"{self.name[:MAX_SHOWN]}..."
        return f"tensor {self.index} ({shown})"


@dataclass(frozen=True, eq=False)
class FileOperator:
    """One operator: ``kind`` of ``OPERATORS``, tensor indexes, its options by name."""

    index: int
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any]


@dataclass(frozen=True, eq=False)
class TfliteFile:
    """The only subgraph of a file; ``where`` is the file's name in messages."""

    where: str
    buffer: Buffer
    tensors: list[FileTensor]
    operators: list[FileOperator]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
