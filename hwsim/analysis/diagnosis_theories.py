"""One layer with one classical mistake in it: what would come out (SEEDS.md 004's table).

A theory is a sentence and the output codes of the layer with this one thing wrong, on the same
inputs. Those that only change what the model says (bias, zero points, activation, registers) stand
in ``compare_layer.py``; here are those that change how numbers are made: truncation where rounding
is due, the padding's constant, the requantizer's shift and scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.compare_layer import Theory
from hwsim.analysis.compare_layer import theories as model_theories
from hwsim.analysis.diagnosis_bench import Bench, padded_codes
from hwsim.array.gemm import Ints
from hwsim.errors import HwsimError
from hwsim.network.layers import output_side

Reals = NDArray[np.float64]
Outcome = tuple[str, str, Ints]  # cause, sentence, output codes (S, *shape)
REGISTERS = ("wrap", "saturation")


def mistakes(bench: Bench) -> Iterator[Outcome]:
    """The classical mistakes that this layer can have, with what would come out."""
    model = model_theories(bench.graph, bench.node, bench.machine, bench.sources)
    for theory in takewhile(lambda one: one[0] not in REGISTERS, model):
        if not _is_rare(theory):
            yield from _outcome(bench, theory)
    yield from _real_bias(bench)
    yield from truncations(bench)
    yield from paddings(bench)
    yield from shifts(bench)
    yield from scales(bench)


def rarer(bench: Bench) -> Iterator[Outcome]:
    """A bias subtracted or shifted, and accumulators too narrow for these sums: many, and slow."""
    for theory in model_theories(bench.graph, bench.node, bench.machine, bench.sources):
        if _is_rare(theory):
            yield from _outcome(bench, theory)


def _is_rare(theory: Theory) -> bool:
    """Whether it is left for `rarer`."""
    kind, layer = theory[0], theory[3].layer
    changed = kind == "bias" and layer is not None and layer.bias is not None
    return kind in REGISTERS or (changed and bool(np.any(layer.bias)))  # type: ignore[union-attr]


def _outcome(bench: Bench, theory: Theory) -> Iterator[Outcome]:
    """What comes out, unless the machine cannot be wrong in this way."""
    cause, text, graph, node, machine = theory
    try:
        codes = bench.codes(graph=graph, node=node, machine=machine)
    except HwsimError:
        return
    yield cause, text, codes


def _real_bias(bench: Bench) -> Iterator[Outcome]:
    """A real bias that is not added."""
    layer = bench.node.layer
    assert layer is not None
    if layer.real_bias is not None and layer.real_bias.any():
        bare = replace(layer, real_bias=np.zeros_like(layer.real_bias))
        yield "bias", "bias: it is dropped", bench.codes(node=replace(bench.node, layer=bare))


def truncations(bench: Bench) -> Iterator[Outcome]:
    """Codes cut where they should be rounded: of the output, of the weights, of the input."""
    sums, node, zero = bench.sums, bench.node, bench.graph.tensors[bench.node.output].zero_point
    real = sums.accumulator * sums.effective + sums.after
    for how, steps in _cuts(real, zero):
        yield "truncation", f"truncation: output codes are cut ({how})", bench.requantized(steps)
    layer = node.layer
    assert layer is not None
    assert layer.weight is not None
    form = layer.weight_format
    if layer.float_weight is not None:
        axes = (-1,) + (1,) * (layer.weight.ndim - 1)
        zeros = layer.weight_zero_point.reshape(axes)
        trained = layer.float_weight / layer.weight_scale.reshape(axes)
        for how, steps in _cuts(trained, zeros):
            cut = np.clip(steps + zeros, form.lo, form.hi).astype(layer.weight.dtype)
            codes = bench.codes(node=replace(node, layer=replace(layer, weight=cut)))
            yield "truncation", f"truncation: weight codes are cut ({how})", codes
    source = bench.graph.tensors[node.inputs[0]]
    if bench.real is not None and source.format is not None:
        for how, steps in _cuts(bench.real / source.scale, source.zero_point):
            cut = np.clip(steps + source.zero_point, source.format.lo, source.format.hi)
            codes = bench.codes(sources=[cut.astype(np.int64), *bench.sources[1:]])
            yield "truncation", f"truncation: input codes are cut ({how})", codes


def _cuts(real: Reals, zero_point: Any) -> list[tuple[str, Reals]]:
    """Steps by each way of cutting: down, toward zero, and toward code 0 (a cast in C).

    >>> [(how, steps.tolist()) for how, steps in _cuts(np.array([-1.5, 1.5]), 1)]
    [('floor', [-2.0, 1.0]), ('toward zero', [-1.0, 1.0]), ('toward code 0', [-1.0, 1.0])]
    """
    casted = np.trunc(real + zero_point) - zero_point
    return [("floor", np.floor(real)), ("toward zero", np.trunc(real)), ("toward code 0", casted)]


def paddings(bench: Bench) -> Iterator[Outcome]:
    """Borders filled with another code than the input's zero point."""
    layer = bench.node.layer
    assert layer is not None
    if layer.op == "fully_connected" or not np.any(layer.padding):
        return
    source = bench.graph.tensors[bench.node.inputs[0]]
    for constant in sorted({0, *border_codes(bench)} - {source.zero_point}, key=abs):
        text = f"padding: the border holds code {constant}, not the zero point {source.zero_point}"
        yield "padding", text, padded_codes(bench, constant)


def border_codes(bench: Bench) -> list[int]:
    """Constants worth a trial: the ends of the format, and the middle of unsigned codes."""
    form = bench.graph.tensors[bench.node.inputs[0]].format
    assert form is not None
    return [form.lo, form.hi, (form.lo + form.hi + 1) // 2]


def shifts(bench: Bench) -> Iterator[Outcome]:
    """The requantizer's shift off by one."""
    sums = bench.sums
    for factor, way in ((2.0, "too small"), (0.5, "too large")):
        steps = np.rint(sums.accumulator * (sums.effective * factor) + sums.after)
        text = f"shift: the requantizer's is {way} by one, a gain of {factor:g}"
        yield "shift", text, bench.requantized(steps)


def scales(bench: Bench) -> Iterator[Outcome]:
    """Scales put together wrongly, or taken from another channel."""
    sums, side = bench.sums, output_side(bench.graph, bench.node)
    for form, factor in scale_forms(side.input_scale, side.weight_scale, side.output_scale):
        if np.array_equal(factor, sums.unit):
            continue
        steps = np.rint(sums.accumulator * factor + sums.after)
        yield "scale", f"scale: the factor is {form}", bench.requantized(steps)


def scale_forms(sx: float, sw: Reals, sy: float) -> list[tuple[str, Reals]]:
    """Wrong associations of input, weight and output scale; right is ``sx * sw / sy``."""
    right = sx * sw / sy
    forms = [
        ("(sx + sw) / sy", (sx + sw) / sy),
        ("sx * sw * sy", right * sy * sy),
        ("sx * sw, without sy", right * sy),
        ("sx / sy, without sw", right / sw),
        ("sw / sy, without sx", right / sx),
        ("sx / (sw * sy)", right / sw / sw),
        ("sw / (sx * sy)", right / sx / sx),
        ("sy / (sx * sw)", 1 / right),
    ]
    if np.ptp(sw) > 0:
        forms += [
            ("that of the next channel", np.roll(right, -1)),
            ("that of the channel before", np.roll(right, 1)),
            ("that of channel 0 in every channel", np.full_like(right, right[0])),
            ("the largest in every channel", np.full_like(right, right.max())),
            ("that of the channels in reverse", right[::-1].copy()),
        ]
    return forms
