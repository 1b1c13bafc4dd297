"""Operands and bias before the first clock (DATAPATH.md section 2), as lists of integers."""

from dataclasses import dataclass

from oracles import clocks, rules
from oracles.tally import Rule


@dataclass
class Problem:
    """One layer on one machine as lists of integers, zero points already in their place."""

    shape: clocks.Shape
    samples: int
    a: list
    w: list
    bias: list | None  # (G, N), before its format
    stored_bias: list | None
    row_sum: bool
    w_zero_point: list


def prepare(gemm, machine) -> Problem:
    """DATAPATH.md section 2: re-centre, subtract or fold zero points, give the bias its format."""
    samples, groups, m, k = gemm.a.shape
    n = gemm.w.shape[2]
    da = recentring(gemm.a_range, machine.operands.activation)
    dw = recentring(gemm.w_range, machine.operands.weight)
    za = int(gemm.a_zero_point) + da
    zw = [[int(z) + dw for z in row] for row in gemm.w_zero_point]
    a = [[[[x + da for x in r] for r in g] for g in s] for s in gemm.a.tolist()]
    w = [[[x + dw for x in r] for r in g] for g in gemm.w.tolist()]
    bias = None if gemm.bias is None else gemm.bias.tolist()
    row_sum = False
    if machine.operands.zero_point == "subtract":
        a = [[[[x - za for x in r] for r in g] for g in s] for s in a]
        w = [[[x - z for x, z in zip(r, zw[i], strict=True)] for r in g] for i, g in enumerate(w)]
    else:
        row_sum = any(z for row in zw for z in row)
        raw = bias or [[0] * n for _ in range(groups)]
        bias = [
            [
                b - za * sum(w[g][i][c] for i in range(k)) + k * za * zw[g][c]
                for c, b in enumerate(r)
            ]
            for g, r in enumerate(raw)
        ]
    rule = Rule(machine.bias.bits, machine.bias.overflow, machine.bias.wrap_bits)
    stored = None if bias is None else [[rule.kept(b) for b in row] for row in bias]
    shape = clocks.Shape(groups, m, k, n)
    return Problem(shape, samples, a, w, bias, stored, row_sum, zw)


def recentring(codes, operand) -> int:
    """What takes a tensor into the machine's format: 0, or +-2**(bits-1) for the other sign."""
    lo = -(2 ** (operand.bits - 1)) if operand.signed else 0
    hi = lo + 2**operand.bits - 1
    if lo <= codes[0] and codes[1] <= hi:
        return 0
    shift = lo if operand.signed else 2 ** (operand.bits - 1)
    assert operand.signed or rules.width(codes) == operand.bits, "refused: another width"
    assert lo <= codes[0] + shift <= codes[1] + shift <= hi, "refused: does not fit"
    return shift
