"""Every file of a bundle again, with Python's integers alone: from operands, records and widths."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path


def lanes(word, bits, count, signed=True):
    """A word's lanes, lowest first."""
    found = [(word >> (bits * i)) & ((1 << bits) - 1) for i in range(count)]
    return [x - (1 << bits) if signed and x >> (bits - 1) else x for x in found]


def fit(x, bits, rule):
    half = 1 << (bits - 1)
    if rule == "wrap":
        return (x + half) % (2 * half) - half
    return max(-half, min(half - 1, x))


@dataclass
class Oracle:
    """A bundle's folder, of a 4 x 4 machine with half-up multiplier and shift."""

    folder: Path

    def __post_init__(self):
        self.manifest = json.loads((self.folder / "manifest.json").read_text())
        self.machine = self.manifest["machine"]
        self.flow = self.machine["array"]["dataflow"]
        self.rows, self.cols = self.machine["array"]["rows"], self.machine["array"]["cols"]
        ports = self.manifest["ports"]
        self.groups, self.k, self.n = ports["groups"], ports["k"], ports["n"]
        self.activations = [x for (x,) in self.read("activations")]
        self.weights = [x for (x,) in self.read("weights")]

    def read(self, stem):
        """Beats of a file as lists of lanes."""
        entry = self.manifest["files"][f"data/{stem}.hex"]
        words = (self.folder / f"data/{stem}.hex").read_text().split()
        assert len(words) == entry["count"]
        assert {len(word) for word in words} == {(entry["width"] + 3) // 4}
        one = entry["lane_bits"], entry["lanes"], entry["signed"]
        return [lanes(int(word, 16), *one) for word in words]

    def record(self, g, n):
        """bias, w_zero_point, multiplier, shift, add of a channel."""
        word = self.read_records()[g * self.n + n]
        found, at = [], 0
        for bits, signed in ((64, True), (64, True), (32, False), (8, True), (64, True)):
            found += lanes(word >> at, bits, 1, signed)
            at += bits
        return found

    @cache  # noqa: B019
    def read_records(self):
        return [int(x, 16) for x in (self.folder / "data/channel.hex").read_text().split()]

    def __hash__(self):
        return id(self)

    def products(self, run, g, m, n):
        """The products of one output, k ascending."""
        first = self.manifest["runs"][run]["activations"]["first"]
        rows = self.manifest["runs"][run]["m"]
        a = first + (g * rows + m) * self.k
        w = [self.weights[(g * self.k + k) * self.n + n] for k in range(self.k)]
        return [self.activations[a + k] * w[k] for k in range(self.k)]

    @cache  # noqa: B019
    def output(self, run, g, m, n):
        """preload, chain results, partial sums, final, requantized, code, and flags."""
        spec, chain = self.machine["accumulator"], self.machine.get("chain")
        bias, _, multiplier, shift, _ = self.record(g, n)
        sums, chains = [fit(bias, spec["bits"], spec["overflow"])], []
        lost = [False, sums[0] != bias]  # of the chain, of the accumulator
        products = self.products(run, g, m, n)
        step = 1 if self.flow == "output_stationary" else self.rows
        for first in range(0, self.k, step):
            addend = products[first]
            if step > 1:
                tile = products[first : first + step] + [0] * (first + step - self.k)
                add = self.tree if self.flow == "dot_product" else self.column
                addend, overflowed = add(tile, chain)
                lost[0] |= overflowed
                chains.append(addend)
            presented = sums[-1] + addend
            sums.append(fit(presented, spec["bits"], spec["overflow"]))
            lost[1] |= sums[-1] != presented
        real = sums[-1] * multiplier
        scaled = (real + (1 << shift >> 1)) >> shift
        ports = self.manifest["ports"]
        value = scaled + ports["zero_point"]
        clamped = max(ports["clamp_lo"], min(ports["clamp_hi"], value))
        code = max(ports["out_lo"], min(ports["out_hi"], clamped))
        return {
            "preload": sums[0], "chain": chains, "partial": sums[1:], "accumulator": sums[-1],
            "requantized": value, "output": code, "overflow": lost[0] + 2 * lost[1],
            "output_flags": int(code != clamped),
        }  # fmt: skip

    def column(self, tile, chain):
        total, overflowed = 0, False
        for product in tile:
            kept = fit(total + product, chain["bits"], chain["overflow"])
            overflowed |= kept != total + product
            total = kept
        return total, overflowed

    def tree(self, tile, chain):
        overflowed = False
        while len(tile) > 1:
            pairs = [tile[i] + tile[i + 1] for i in range(0, len(tile), 2)]
            tile = [fit(x, chain["bits"], chain["overflow"]) for x in pairs]
            overflowed |= tile != pairs
        return tile[0], overflowed

    def store_order(self, run):
        """(g, row, col, last, clock) of every store, and of the beats that end."""
        m, r, c = self.manifest["runs"][run]["m"], self.rows, self.cols
        starts = {"m": range(0, m, c), "n": range(0, self.n, c), "k": range(0, self.k, r)}
        base, found = 0, []
        for g in range(self.groups):
            if self.flow == "output_stationary":
                fold = self.k + r + c - 2
                for m0 in range(0, m, r):
                    for n0 in starts["n"]:
                        base += fold
                        rows = range(min(r, m - m0))
                        found += [(g, m0 + i, n0, True, base + i) for i in rows]
                continue
            stream = self.n if self.flow == "input_stationary" else m
            first = 2 * r + c - 2 if self.flow != "dot_product" else 2
            fold = first + stream if self.flow != "dot_product" else stream + 2
            for tile in starts["m" if self.flow == "input_stationary" else "n"]:
                for k0 in starts["k"]:
                    for t in range(stream):
                        place = (tile, t) if self.flow == "input_stationary" else (t, tile)
                        found.append((g, *place, k0 + r >= self.k, base + first + 1 + t))
                    base += fold
        return found, base

    def lanes_of(self, run, g, row, col):
        """(m, n) of the lanes of a beat that hold outputs."""
        if self.flow == "input_stationary":
            most = self.manifest["runs"][run]["m"]
            return [(row + i, col) for i in range(self.cols) if row + i < most]
        return [(row, col + i) for i in range(self.cols) if col + i < self.n]
