"""What a sum or difference of two tensors is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwsim.arith.scale import compose
from hwsim.errors import ConfigError
from hwsim.network.graph import Tensor
from hwsim.network.ops.policy import Policy


@dataclass(frozen=True)
class Terms:
    """Both inputs' and the output's quantization, the sign of the second, and the policy.

    ``pot_scale_int16``: the attribute of the same name, under which TFLite may shift instead of
    multiply.
    """

    a: Tensor
    b: Tensor
    output: Tensor
    sign: int
    policy: Policy
    where: str
    pot_scale_int16: bool = False

    @property
    def ratios(self) -> tuple[float, float]:
        """ra and rb, by the policy's rule for scales (float64 unless it says otherwise)."""
        rule = self.policy.scale or "float64"
        one = np.ones(1)
        ra, rb = (compose(rule, t.scale, one, self.output.scale)[0] for t in (self.a, self.b))
        return float(ra), float(rb)

    @property
    def multiplier_bits(self) -> int:
        """N of the schemes that have a multiplier."""
        if self.policy.multiplier_bits is None:
            must = f"must be given for {self.policy.scheme}"
            raise ConfigError.at(self.where, "operators.add.multiplier_bits", None, must)
        return self.policy.multiplier_bits
