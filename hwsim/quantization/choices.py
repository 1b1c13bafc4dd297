"""What a quantization decides, every word of it by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from hwsim.arith.formats import IntFormat
from hwsim.arith.quantize import SYMMETRIC_RULES
from hwsim.errors import ConfigError

ObserverName = Literal["minmax", "moving_average", "percentile", "entropy", "mean_square"]
GridName = Literal["symmetric", "affine"]
BiasForm = Literal["int32", "int16_clamped", "int16_rescaled", "int8_own_scale", "float"]
PowerOfTwo = Literal["none", "scales", "weights"]


@dataclass(frozen=True)
class Choices:
    """How to quantize a network; every field changes codes.

    Attributes
    ----------
    weight_bits, activation_bits : int
        2..16.
    weights, activations : {"symmetric", "affine"}
        The grid: zero point 0, or where the range asks it.
    activation_signed : bool
        Signed codes; unsigned ones only for affine grids.
    weight_rule, activation_rule : str
        Scale of a symmetric grid (`arith.quantize.scale_of_range`); affine grids have one rule.
    per_channel : bool
        One weight scale for each output channel, or one a layer.
    observer : str
        How the range of an activation follows from data (``observers.py``).
    percentile : float
        Of the observer ``percentile``: percent of the values inside the range.
    averaging : float
        Of the observer ``moving_average``: weight of a new batch.
    bias : str
        ``int32`` at input scale times weight scale; ``int16_clamped``: the same codes, clamped;
        ``int16_rescaled``: the weight scale of a channel grows until its bias fits;
        ``int8_own_scale``: 8 bits at an own scale of the layer, shifted onto the accumulator's
        scale when stored; ``float``: a real number, added in the requantizer or rounded by the
        machine (``bias.from_real``).
    power_of_two : str
        ``scales``: every scale is rounded up to a power of two; ``weights``: each channel's weight
        scale is re-fit so that ``s_x * s_w / s_y`` is one: requantization is then a pure shift.

    Examples
    --------
    >>> Choices(weight_bits=4).weight_format
    int4 narrow
    >>> Choices(weight_bits=1)
    Traceback (most recent call last):
    ...
    hwsim.errors.ConfigError: quantize: weight_bits = 1: must be 2..16
    """

    weight_bits: int = 8
    activation_bits: int = 8
    weights: GridName = "symmetric"
    activations: GridName = "affine"
    activation_signed: bool = True
    weight_rule: str = "absmax_127"
    activation_rule: str = "absmax_127"
    per_channel: bool = True
    observer: ObserverName = "percentile"
    percentile: float = 99.99
    averaging: float = 0.01
    bias: BiasForm = "int32"
    power_of_two: PowerOfTwo = "none"

    def __post_init__(self) -> None:
        for field in ("weight_bits", "activation_bits"):
            self._require(field, 2 <= getattr(self, field) <= 16, "must be 2..16")
        for field, words in (
            ("weights", get_args(GridName)),
            ("activations", get_args(GridName)),
            ("weight_rule", SYMMETRIC_RULES),
            ("activation_rule", SYMMETRIC_RULES),
            ("observer", get_args(ObserverName)),
            ("bias", get_args(BiasForm)),
            ("power_of_two", get_args(PowerOfTwo)),
        ):
            self._require(field, getattr(self, field) in words, f"must be one of {_list(words)}")
        self._require("percentile", 50 < self.percentile <= 100, "must be above 50, at most 100")
        self._require("averaging", 0 < self.averaging <= 1, "must be above 0, at most 1")
        signed = self.activation_signed or self.activations == "affine"
        self._require("activation_signed", signed, "must be true for a symmetric grid")

    def _require(self, field: str, holds: bool, must: str) -> None:
        if not holds:
            raise ConfigError.at("quantize", field, getattr(self, field), must)

    @property
    def weight_format(self) -> IntFormat:
        """Weight codes: signed; without its least code where the scale rule never uses it."""
        narrow = self.weights == "symmetric" and self.weight_rule == "absmax_127"
        return IntFormat(self.weight_bits, narrow=narrow)

    @property
    def activation_format(self) -> IntFormat:
        """Activation codes."""
        return IntFormat(self.activation_bits, self.activation_signed)


def _list(words: Any) -> str:
    return ", ".join(words)
