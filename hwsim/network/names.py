"""Finding a node by the name that a user gives."""

from __future__ import annotations

import difflib

from hwsim.errors import ConfigError
from hwsim.network.graph import Graph, Node


def node_named(graph: Graph, name: str, where: str = "--layer") -> Node:
    """The node, also by the name of its output; a near name is proposed where there is none.

    Raises
    ------
    ConfigError
        There is no such node; ``where`` is what the message names.
    """
    nodes = {node.output: node for node in graph.nodes} | {node.name: node for node in graph.nodes}
    if name not in nodes:
        close = difflib.get_close_matches(name, nodes, 1)
        hint = f"; perhaps {close[0]}" if close else ""
        listed = ", ".join(node.name for node in graph.nodes)
        raise ConfigError.at(where, "name", name, f"must be one of {listed}{hint}")
    return nodes[name]
