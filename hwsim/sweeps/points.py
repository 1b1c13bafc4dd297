"""The points of a sweep: every combination of values, each a machine that is checked as any other.

Under ``per_layer`` further points follow: one layer alone has the swept registers, and the others'
hold any sum of the network, so that what is lost was lost there.
"""

from __future__ import annotations

import glob
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hwsim.analysis.static import static_ladders
from hwsim.array.overrides import for_layer, override_of
from hwsim.array.specification import Machine
from hwsim.errors import ConfigError
from hwsim.importers import hardware
from hwsim.importers.strict_yaml import Document, Place
from hwsim.network.graph import Graph, Node
from hwsim.network.layers import layer_facts
from hwsim.sweeps.axes import REGISTERS, Axes, Value, value_of, words
from hwsim.sweeps.digest import digest

MOST_POINTS = 1 << 16


@dataclass(frozen=True, eq=False)
class Point:
    """One machine of a sweep.

    Attributes
    ----------
    values : dict of str
        The swept fields.
    only_layer : str or None
        The layer that alone has them; the other layers' registers hold every sum.
    machine : Machine
    """

    values: dict[str, Value]
    only_layer: str | None
    machine: Machine

    @property
    def key(self) -> str:
        """Sixteen hex digits that name the point within its sweep."""
        return digest([self.values, self.only_layer])[:16]


def points(graph: Graph, machine: Machine, axes: Axes, *, per_layer: bool) -> list[Point]:
    """Every point, the last field fastest; then the layers' own, layer by layer.

    Raises
    ------
    ConfigError, UnsupportedError
        A machine that cannot be built, or one that stops at an overflow.
    """
    count = 1
    for values in axes.values():
        count *= len(values)
    count *= 1 + len(graph.mac_nodes) * per_layer
    if count > MOST_POINTS:
        raise ConfigError.at("hwsim sweep", "points", count, f"must be at most {MOST_POINTS}")
    found = [Point(chosen, None, point) for chosen, point in _machines(machine, axes)]
    if per_layer:
        if not set(axes) & set(REGISTERS):
            must = "must go with a swept register, like --accumulator-bits 12:32"
            raise ConfigError.at("--per-layer", "fields", ", ".join(axes) or "none", must)
        for node in graph.mac_nodes:
            found += [
                Point(chosen, node.name, _alone(graph, node, point))
                for chosen, point in _machines(machine, axes)
            ]
    for one in found:
        _refuse_trap(one.machine)
    return found


def _machines(machine: Machine, axes: Axes) -> Iterator[tuple[dict[str, Value], Machine]]:
    """Every combination of values, and its machine."""
    for chosen in itertools.product(*axes.values()):
        values = dict(zip(axes, chosen, strict=True))
        own = [word for name, value in values.items() for word in words(machine, name, value)]
        yield values, hardware.with_words(machine, own) if own else machine


def _alone(graph: Graph, node: Node, machine: Machine) -> Machine:
    """The machine whose registers are as wide as any layer can need, in all layers but one."""
    facts = layer_facts(graph, node)
    resolved = for_layer(machine, facts)
    own = {name: value_of(resolved, name) for name in REGISTERS}
    entry = {
        "match": glob.escape(node.name),
        **override_of(machine, facts),
        **{name: value for name, value in own.items() if value is not None},
    }
    tree = machine.model_dump(exclude_none=True)
    for name, bits in ample(graph, machine).items():
        register = name.removesuffix(".bits")
        tree[register]["bits"] = bits
        for other in tree["overrides"]:
            if name in other:
                other[name] = bits
            elif isinstance(other.get(register), dict):
                other[register]["bits"] = bits
    tree["overrides"].insert(0, entry)
    return hardware.build(Document(tree, {(): Place(machine.name, 0)}))


def ample(graph: Graph, machine: Machine) -> dict[str, int]:
    """Widths of registers that no input of any layer can overflow."""
    ladders = [layer["width"] for layer in static_ladders(graph, machine)]
    bits = {
        "accumulator.bits": max([machine.accumulator.bits, *(w["weight_bits"] for w in ladders)])
    }
    if machine.chain is not None:
        own = machine.chain.bits
        widths = [w["chain"]["weight_bits"] for w in ladders if w["chain"] is not None]
        bits["chain.bits"] = max([*(own if isinstance(own, list) else [own]), *widths])
    return bits


def _refuse_trap(machine: Machine) -> None:
    """A machine that stops at an overflow has no results beyond it."""
    trees: list[tuple[str, dict[str, Any]]] = [("", machine.model_dump(exclude_none=True))]
    for i, entry in enumerate(machine.overrides):
        trees.append((f"overrides[{i}].", entry))
    for where, tree in trees:
        for name in ("accumulator", "chain", "bias"):
            register = tree.get(name) or {}
            rule = register.get("overflow") or tree.get(f"{name}.overflow")
            if rule == "trap":
                must = "must not be trap: a sweep looks beyond the first overflow"
                raise ConfigError.at(machine.name, f"{where}{name}.overflow", "trap", must)
