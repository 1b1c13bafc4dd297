"""Where a layer's bias is added: an integer in the accumulator, or a real number after it.

The requantization scheme decides (`REAL_BIAS_SCHEMES`), whatever the model brings: an integer bias
becomes ``bias * sx * sw``, a real one becomes an integer by ``bias.from_real``. Under
multiply_add_shift an integer bias is in the accumulator, and a real one in the scheme's addend
where ``bias.from_real`` is left out (NEMO's folded batch normalization).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.real_bias import bias_codes
from hwsim.array.gemm import Gemm
from hwsim.array.specification import REAL_BIAS_SCHEMES, Machine, RequantizeSpec
from hwsim.errors import ConfigError, ModelError

Reals = NDArray[np.float64]


def place_bias(
    gemm: Gemm,
    real_bias: Reals | None,
    scales: tuple[float, Reals],
    policy: RequantizeSpec,
    machine: Machine,
    where: str,
) -> tuple[Gemm, Reals | None]:
    """The layer with the accumulator's bias, and the bias that the requantizer adds.

    Parameters
    ----------
    gemm : Gemm
        ``bias`` as the model has it.
    real_bias : float64 ndarray of shape (G * N,), or None
        The bias as a real number, where the model has that.
    scales : float, float64 ndarray of shape (G * N,)
        sx and sw.
    policy : RequantizeSpec
    machine : Machine
    where : str
        The layer, for messages.

    Returns
    -------
    gemm : Gemm
    real_bias : float64 ndarray of shape (G * N,), or None
        None where the scheme adds no real bias, or the layer has none.

    Raises
    ------
    ModelError
        The layer has two biases.
    ConfigError
        The bias is real, and the machine does not say how it becomes an integer.
    """
    input_scale, weight_scale = scales
    if real_bias is not None and gemm.bias is not None:
        raise ModelError.at(where, "real_bias", "there", "must be absent beside an integer bias")
    if policy.scheme in REAL_BIAS_SCHEMES:
        if real_bias is None and gemm.bias is not None:
            real_bias = gemm.bias.ravel() * (input_scale * weight_scale)
        return replace(gemm, bias=None), real_bias
    if real_bias is None:
        return gemm, None
    if machine.bias.from_real is None and policy.scheme == "multiply_add_shift":
        return gemm, real_bias  # it has an adder of its own
    if machine.bias.from_real is None:
        must = f"must be given: the bias is real, and scheme {policy.scheme} adds an integer"
        raise ConfigError.at(f"{machine.name}, layer {where}", "bias.from_real", "missing", must)
    dtype = np.float32 if machine.bias.from_real == "float32" else np.float64
    codes = bias_codes(real_bias, input_scale, weight_scale, dtype)
    return replace(gemm, bias=codes.reshape(gemm.w_zero_point.shape)), None
