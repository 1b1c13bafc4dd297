"""Counterfactual outputs of one layer: what comes out with only some of its deviations at work.

In units of the output LSB, zero point removed. ``x``, ``w``, ``b`` are true inputs, trained weights
and bias in units of sx, sw and sx * sw; ``q`` marks codes less their zero points; ``*`` is the
layer's product; ``A`` the activation with its real bounds, ``A'`` with its code bounds;
``r = sx * sw / sy``. In the default order::

    y_0  float twin                A(r * (x * w + b))
    +    weight_quantization       A(r * (x * qw + b))
    +    activation_quantization   A(r * (qx * qw + b))
    +    inherited                 A(r * (hx * qw + b))           hx: the network's own input codes
    +    bias_quantization         A(r * (hx * qw + qb))          qb: integer, in its register
    +    zero_point                + what folding Za into the bias makes its register lose
    +    product_rounding          + what ``product.drop_bits`` takes from the products
    +    overflow_persistent       sums exact until their last store, then fit once
    +    overflow_transient        the registers' own content
    +    multiplier                A(r' * acc)                    r': the scale that the scheme has
    +    output_quantization       A'(half_even(r' * acc))
    +    rounding_rule             the machine's own rounding, before the format
    +    requantizer_overflow      an intermediate of the requantizer that wrapped or saturated
    +    output_clipping           the output's codes

The chain's last store is that of every fold. A layer alone has no ``inherited``: its inputs are
the true ones, quantized. Other orders and subsets use the same terms: sums add up in units of the
accumulator, ``multiplier`` exchanges r, the last four add what they add to the hardware's own
output. A model without trained parameters has ``w = qw`` and ``b = qb``: nothing is known of their
quantization.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.causes_shares import CAUSES
from hwsim.analysis.causes_sums import LayerSums, layer_sums
from hwsim.array.specification import Machine
from hwsim.network import float_twin
from hwsim.network.graph import Graph, Node, quantize_input
from hwsim.network.layers import codes_of
from hwsim.network.ops.activation import clamp_real

Reals = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Inputs:
    """A layer's operands in units of their scales, (S, *shape) each: true, quantized, received.

    ``received`` are the codes that the layer gets, less their zero point; of a layer alone the
    same arrays as ``quantized``.
    """

    true: list[Reals]
    quantized: list[Reals]
    received: list[Reals]

    @property
    def alone(self) -> bool:
        """Whether nothing is inherited."""
        return self.received is self.quantized


def inputs_of(
    graph: Graph,
    node: Node,
    reference: Mapping[str, Reals],
    codes: Mapping[str, NDArray[np.int64]] | None,
) -> Inputs:
    """Operands of a layer from the float twin and, unless it stands alone, the network's codes."""
    true, quantized, received = [], [], []
    for name in node.inputs:
        tensor = graph.tensors[name]
        if name in graph.constants:
            constant = codes_of(graph, reference, name).astype(np.float64) - tensor.zero_point
            true.append(constant)
            quantized.append(constant)
            received.append(constant)
            continue
        true.append(reference[name] / tensor.scale)
        coded = quantize_input(tensor, reference[name]) - tensor.zero_point
        quantized.append(coded.astype(np.float64))
        if codes is not None:
            received.append((codes[name] - tensor.zero_point).astype(np.float64))
    return Inputs(true, quantized, quantized if codes is None else received)


class LayerOutputs:
    """The outputs of one layer and batch with any subset of its deviations at work.

    ``active`` lists, in default order, the deviations that can change something here.

    Parameters
    ----------
    graph, node
    machine : Machine
        Its overrides applied to this layer.
    inputs : Inputs
    reference : float64 ndarray of shape (S, *shape), or None
        The float twin's output, real values; None where the inputs are not its own.
    """

    def __init__(
        self,
        graph: Graph,
        node: Node,
        machine: Machine,
        inputs: Inputs,
        reference: Reals | None = None,
    ) -> None:
        assert node.layer is not None
        self.graph, self.node, self.inputs = graph, node, inputs
        self.tensor = graph.tensors[node.output]
        self.reference = reference
        self.sums: LayerSums = layer_sums(graph, node, machine, inputs.received)
        ends = clamp_real(np.array([-np.inf, np.inf]), node, node.layer.clamp, self.tensor)
        self.real_ends = ends / self.tensor.scale
        self._products: dict[tuple[str, str], Reals] = {}
        sums = self.sums
        nearest = self._nearest(sums.accumulator * sums.effective + sums.after)
        code = (sums.codes - self.tensor.zero_point).astype(np.float64)
        plain = ~(sums.clipped | sums.events)
        self.rounding = np.where(plain, code - nearest, 0.0)
        missed = self._clipped(nearest + self.rounding) != code
        self.requantizer = np.where(missed, code - nearest - self.rounding, 0.0)
        self.hardware = code
        self.active = self._active(nearest)

    def _active(self, nearest: Reals) -> list[str]:
        """The causes that can change this layer's outputs on these inputs, in default order."""
        sums = self.sums
        idle = {
            "weight_quantization": sums.weight is sums.weight_codes,
            "inherited": self.inputs.alone,
            "bias_quantization": bool((sums.bias == sums.bias_stored).all()),
            "multiplier": bool((sums.effective == sums.unit).all()),
            "rounding_rule": not self.rounding.any(),
            "requantizer_overflow": not self.requantizer.any(),
            "output_clipping": bool((self._clipped(nearest) == nearest).all()),
            **{name: not term.any() for name, term in sums.terms.items()},
        }
        return [cause for cause in CAUSES if not idle.get(cause, False)]

    def __call__(self, at_work: frozenset[str]) -> Reals:
        """(S, *shape), float64, output LSB, zero point removed."""
        if not at_work and self.reference is not None:
            return self.reference / self.tensor.scale
        if at_work >= set(self.active):
            return self.hardware
        y = self.scaled(at_work)
        y = (
            np.clip(y, *self.real_ends)
            if "output_quantization" not in at_work
            else self._nearest(y)
        )
        if "rounding_rule" in at_work:
            y = y + self.rounding
        if "requantizer_overflow" in at_work:
            y = y + self.requantizer
        return self._clipped(y) if "output_clipping" in at_work else y

    def scaled(self, at_work: frozenset[str]) -> Reals:
        """The sum in output LSB, before activation and rounding."""
        sums = self.sums
        acc = self._product(at_work)
        bias = "bias_quantization" in at_work
        acc = acc + (sums.bias_stored if bias else sums.bias)
        for name, term in sums.terms.items():
            if name in at_work:
                acc = acc + term
        factor = sums.effective if "multiplier" in at_work else sums.unit
        after: Reals = acc * factor + sums.after
        return after

    def _product(self, at_work: frozenset[str]) -> Reals:
        """Inputs times weights, as far as they are quantized, in accumulator units."""
        w = "codes" if "weight_quantization" in at_work else "trained"
        quantized = "activation_quantization" in at_work
        if self.inputs.alone or "inherited" not in at_work:
            return self._one(w, "quantized" if quantized else "true")
        if quantized:
            return self._one(w, "received")
        handed = self._one(w, "received") - self._one(w, "quantized")
        return self._one(w, "true") + handed

    def _one(self, weight: str, inputs: str) -> Reals:
        """One product, made once."""
        if self.sums.weight is self.sums.weight_codes:
            weight = "codes"
        key = (weight, inputs)
        if key not in self._products:
            layer = self.node.layer
            assert layer is not None
            w = self.sums.weight_codes if weight == "codes" else self.sums.weight
            if w is not None:
                layer = replace(layer, float_weight=w, float_bias=np.zeros(len(w)), real_bias=None)
            layer = replace(layer, clamp=(None, None), activation="none")
            bare = replace(self.node, layer=layer, attributes={})
            operands = getattr(self.inputs, inputs)
            self._products[key] = float_twin.run_node(self.graph, bare, operands)
        return self._products[key]

    def _nearest(self, y: Reals) -> Reals:
        """Rounded half even, the activation's bounds in codes."""
        lo, hi = self.sums.clamp
        zero = self.tensor.zero_point
        least = -np.inf if lo is None else lo - zero
        largest = np.inf if hi is None else hi - zero
        return np.clip(np.rint(y), least, largest)

    def _clipped(self, y: Reals) -> Reals:
        """Held in the output's format."""
        form = self.tensor.format
        assert form is not None
        zero = self.tensor.zero_point
        return np.clip(y, form.lo - zero, form.hi - zero)
