"""The C model's entries: one signature, written as a C prototype and as a DPI-C import."""

from __future__ import annotations

from typing import Any, NamedTuple

C_TYPE = {"longint": "int64_t", "int": "int32_t", "int unsigned": "uint32_t"}
RESULTS = (
    ("codes", "longint"),
    ("accumulators", "longint"),
    ("chain_events", "int"),
    ("accumulator_events", "int"),
    ("lost", "int"),
    ("clipped", "int"),
)


class Argument(NamedTuple):
    """``output``: given back; ``array``: its size as an SV expression, or empty."""

    name: str
    type: str
    output: bool = False
    array: str = ""

    @property
    def c(self) -> str:
        """As a C parameter."""
        pointer = ("" if self.output else "const ") if self.output or self.array else ""
        star = "*" if self.output or self.array else ""
        return f"{pointer}{C_TYPE[self.type]} {star}{self.name}"

    @property
    def sv(self) -> str:
        """As an argument of a DPI-C import."""
        size = f" [{self.array}]" if self.array else ""
        return f"{'output' if self.output else 'input'} {self.type} {self.name}{size}"


class Entry(NamedTuple):
    """One function of the C model."""

    name: str
    meaning: str
    result: str
    arguments: tuple[Argument, ...]

    @property
    def c(self) -> str:
        """The prototype, without its semicolon."""
        result = "void" if self.result == "void" else C_TYPE[self.result]
        return _listed(f"{result} {self.name}(", [a.c for a in self.arguments])

    @property
    def sv(self) -> str:
        """The import, without its semicolon."""
        head = f'import "DPI-C" function {self.result} {self.name}('
        return _listed(head, [a.sv for a in self.arguments])


def _listed(head: str, arguments: list[str]) -> str:
    """One line, or one line an argument where that is longer than 100 characters.

    >>> _listed("int f(", ["int a", "int b"])
    'int f(int a, int b)'
    """
    line = f"{head}{', '.join(arguments)})"
    return line if len(line) < 100 else head + "\n    " + ",\n    ".join(arguments) + ")"


def entries(words: dict[str, Any]) -> list[Entry]:
    """An entry for each stage that the layer has, in the order in which values pass them."""
    acc, channel = Argument("acc", "longint"), Argument("channel", "int")
    random = (Argument("random", "int unsigned"),) if words["stochastic"] else ()
    tail = (Argument("tail", "int"),) if words["tail"] else ()
    left, right = Argument("left", "longint"), Argument("right", "longint")
    lost = Argument("lost", "int", output=True)
    listed = [
        (True, "product", "The product of two operands, as the multiplier gives it.",
         (Argument("a", "longint"), Argument("w", "longint"))),
        (words["chain"], "chain", "The chain's register after one more product.",
         (Argument("chain", "longint"), Argument("product", "longint"))),
        (words["tree"], "tree", "A node of the adder tree; leaves' parents are level 1.",
         (Argument("level", "int"), left, right)),
        (words["preload"], "preload", "The accumulator before the first product.", (channel,)),
        (True, "accumulator", "The accumulator after one more store.",
         (acc, Argument("addend", "longint"))),
        (words["final"], "final_check", "The one check of the accumulator, after its last store.",
         (Argument("presented", "longint"),)),
        (True, "after_products",
         "The stores that follow all products; events: how many of them lost something.",
         (channel, acc, Argument("row_sum", "longint"), Argument("events", "int", output=True))),
        (words["narrow"], "narrow", "The sum in the register before the scheme.", (acc, lost)),
        (True, "requantize", "The scheme: from sum to value.",
         (channel, acc, *tail, *random, lost)),
        (True, "output", "From value to code: zero point, clamp, output format.",
         (Argument("value", "longint"), Argument("clipped", "int", output=True))),
    ]  # fmt: skip
    return [
        Entry(f"{words['name']}_{stage}", meaning, "longint", arguments)
        for there, stage, meaning, arguments in listed
        if there
    ]


def layer_entries(name: str) -> list[Entry]:
    """The whole layer, from operands and from codes."""
    results = tuple(
        Argument(result, kind, True, f"{name.upper()}_OUTPUTS") for result, kind in RESULTS
    )
    return [
        Entry(
            f"{name}_{entry}",
            "",
            "void",
            (
                Argument("m", "int"),
                Argument(rows, "longint", False, f"{name.upper()}_INPUTS"),
                *results,
            ),
        )
        for entry, rows in (("layer", "operands"), ("layer_of_codes", "input_codes"))
    ]
