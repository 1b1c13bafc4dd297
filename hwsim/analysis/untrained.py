"""Widths for layers that are not trained yet: the type bound from the reduction's length alone.

Nothing is known but formats, K and what the user promises of zero points and bias. Over all weights
and activations of the machine's formats, all zero points allowed, and all biases of at most
``2**(bias_bits - 1)``::

    accumulator   hull of the type bound (DATAPATH.md section 7) over the ends of the zero points

Products, and a folded bias, are linear in each zero point, so their extremes lie at its ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Literal

import numpy as np

from hwsim.analysis.ladder import width_ladder
from hwsim.array.bounds import Bounds, Hull
from hwsim.array.dataflow import Schedule
from hwsim.array.datapath import chain_registers, register
from hwsim.array.gemm import Gemm
from hwsim.array.specification import Machine
from hwsim.errors import ConfigError
from hwsim.mapping.prepare import matmul_bounds

ZeroPoints = Literal["none", "activations", "both"]
MOST_K = 1 << 24
ANY, GROUP = "any layer", "not trained yet"


def untrained_ladder(
    machine: Machine,
    k: int,
    *,
    zero_points: ZeroPoints = "activations",
    bias_bits: int | None = None,
) -> dict[str, Any]:
    """The ladder of any layer with K products an output, as one entry of `static_ladders`.

    Parameters
    ----------
    machine : Machine
        Its own words; overrides choose by layers, and there is none.
    k : int
        Products of one output, 1 or more.
    zero_points : {"none", "activations", "both"}
        Which operands may have one, anywhere in their format. Trained networks mostly have
        symmetric weights.
    bias_bits : int, optional
        Promise that ``abs(bias) <= 2**(bias_bits - 1)``; None: no bias.

    Returns
    -------
    dict
        ``weight_bits`` is ``type_bits``: no weights are known.

    Examples
    --------
    >>> from hwsim.importers.hardware import load
    >>> width = untrained_ladder(load("edge_os_16x16"), 1152)["width"]
    >>> width["type_bits"]  # 1152 * 255 * 128 = 37,601,280
    27
    """
    if not 1 <= k <= MOST_K:
        raise ConfigError.at("--k", "length", k, f"must be 1..{MOST_K}")
    corners = [
        matmul_bounds(gemm, machine, Schedule.of(machine, gemm.shape), f"K = {k}")
        for gemm in _corners(machine, k, zero_points, bias_bits)
    ]
    schedule = Schedule.of(machine, (1, 1, 1, k, 1))
    bounds = Bounds(
        accumulator_type=_hull(corner.accumulator_type for corner in corners),
        accumulator_weight=_hull(corner.accumulator_weight for corner in corners),
        chain_type=_chain(corner.chain_type for corner in corners),
        chain_weight=_chain(corner.chain_weight for corner in corners),
    )
    chain = chain_registers(machine, schedule)
    width = width_ladder(bounds, register(machine.accumulator), chain, None)
    return {"name": f"K = {k}", "op": ANY, "k": k, "width": width}


def untrained_ladders(
    machine: Machine,
    lengths: str | Iterable[int],
    zero_points: ZeroPoints = "activations",
    bias_bits: int | None = None,
) -> list[dict[str, Any]]:
    """The ladder of every length (`untrained_ladder`); text is read as the command line's.

    Raises
    ------
    ConfigError
        No list of lengths, or one twice.
    """
    if isinstance(lengths, str):
        parts = [part.strip() for part in lengths.split(",")]
        if not all(part.isascii() and part.isdigit() for part in parts):
            raise ConfigError.at("--k", "lengths", lengths, "must be like 576,1152")
        lengths = [int(part) for part in parts]
    lengths = list(lengths)
    twice = sorted({k for k in lengths if lengths.count(k) > 1})
    if twice:
        raise ConfigError.at("--k", "length", twice[0], "must be given once")
    return [
        untrained_ladder(machine, k, zero_points=zero_points, bias_bits=bias_bits) for k in lengths
    ]


def _corners(
    machine: Machine, k: int, zero_points: ZeroPoints, bias_bits: int | None
) -> Iterator[Gemm]:
    """A layer for each choice of zero points at the ends of their formats."""
    a, w = machine.operands.activation.format, machine.operands.weight.format
    free = {"none": (False, False), "activations": (True, False), "both": (True, True)}
    ends = [(form.lo, form.hi) if own else (0,)
            for form, own in zip((a, w), free[zero_points], strict=True)]  # fmt: skip
    bias = None if bias_bits is None else np.array([[1 << (bias_bits - 1)]], np.int64)
    for za, zw in product(*ends):
        yield Gemm(
            a=np.zeros((1, 1, 1, k), np.int64),
            w=np.zeros((1, k, 1), np.int64),
            a_zero_point=za,
            w_zero_point=np.array([[zw]], np.int64),
            bias=bias,
            a_range=(a.lo, a.hi),
            w_range=(w.lo, w.hi),
        )


def _hull(hulls: Iterable[Hull]) -> Hull:
    """The hull of hulls."""
    found = list(hulls)
    return Hull(
        np.minimum.reduce([hull.lo for hull in found]),
        np.maximum.reduce([hull.hi for hull in found]),
    )


def _chain(hulls: Iterable[Hull | None]) -> Hull | None:
    """The same of the chain, where there is one."""
    found = [hull for hull in hulls if hull is not None]
    return _hull(found) if found else None


RUNGS = ("type_bits", "weight_bits", "observed_partial_bits", "observed_final_bits")


def widest(
    machine: Machine, models: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, Any] | None:
    """What one machine needs for all of some models: of each register every rung's widest.

    Parameters
    ----------
    machine : Machine
        Its own widths are what the registers have.
    models : mapping of str to sequence of dict
        Ladders of each model's layers (`static_ladders`, `untrained_ladder`).

    Returns
    -------
    dict or None
        As one layer's entry; ``by``: of each register the layers that need most weight bits, as
        ``model: layer``. None where there is no layer.

    Examples
    --------
    >>> from hwsim.importers.hardware import load
    >>> os = load("edge_os_16x16")
    >>> two = {"not trained": [untrained_ladder(os, 64), untrained_ladder(os, 1152)]}
    >>> found = widest(os, two)
    >>> found["width"]["type_bits"], found["by"]["accumulator"]
    (27, 'not trained: K = 1152')
    """
    named = [(f"{name}: {layer['name']}", layer) for name, own in models.items() for layer in own]
    if not named:
        return None
    ladders = [(name, layer["width"]) for name, layer in named]
    chains = [(name, width["chain"]) for name, width in ladders if width["chain"] is not None]
    bits = machine.accumulator.bits
    width: dict[str, Any] = {
        "accumulator_bits": bits,
        "overflow": machine.accumulator.overflow,
        **_most(ladders),
        "chain": None,
    }
    by = {"accumulator": _neediest(ladders)}
    if chains:
        assert machine.chain is not None
        own = {"bits": machine.chain.bits, "overflow": machine.chain.overflow}
        width["chain"] = {**own, **_most(chains)}
        by["chain"] = _neediest(chains)
    k = max(layer["k"] for _, layer in named)
    return {"name": "widest", "op": ANY, "k": k, "width": width, "by": by}


def _most(ladders: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, int | None]:
    """Every rung's largest; None where none is known."""
    rungs = {name: [ladder[name] for _, ladder in ladders] for name in RUNGS}
    return {
        name: max((bits for bits in found if bits is not None), default=None)
        for name, found in rungs.items()
    }


def _neediest(ladders: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """The first that needs most."""
    return max(ladders, key=lambda named: named[1]["weight_bits"])[0]
