"""The machine: every word of a hardware YAML, typed, with its range (DATAPATH.md, DESIGN.md 2).

A `Machine` is built once, at the edge, and never changed. One field alone is checked by its type
here, rules between fields in ``checks.py``; ``importers/hardware.py`` adds file and line.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hwsim.arith.formats import IntFormat
from hwsim.array.rule_names import ActivationBounds as ActivationBounds
from hwsim.array.rule_names import FunctionScheme, OverflowName, RoundingName
from hwsim.array.rule_names import overflow_code as overflow_code
from hwsim.array.rule_names import rounding_code as rounding_code

ConvolutionAxis = Literal["ky", "kx", "ic"]
Positive = Annotated[int, Field(ge=1, le=1 << 16)]
Registers = Annotated[int, Field(ge=1, le=4)]


class Spec(BaseModel):
    """Base of every part: frozen, strict (no 8.0 for 8), unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ArraySpec(Spec):
    """The PEs: which operand stays, how many, and the order of the reduction."""

    dataflow: Literal[
        "output_stationary", "weight_stationary", "input_stationary", "dot_product", "none"
    ]
    rows: Positive | None = None  # PEs down (dot product: lanes); absent for `none`
    cols: Positive | None = None  # PEs across (dot product: units); absent for `none`
    k_order: list[ConvolutionAxis]  # last is fastest
    group_packing: Literal["block_diagonal"] | None = None  # absent: one group on the array

    @property
    def is_array(self) -> bool:
        """Whether there is an array at all; a runtime has none and reports no cycles."""
        return self.dataflow != "none"


class OperandSpec(Spec):
    """Format of one operand; ``encoding`` leaves room for tables and small floats."""

    bits: Annotated[int, Field(ge=1, le=32)]
    signed: bool
    encoding: Literal["int"] = "int"

    @property
    def format(self) -> IntFormat:
        """The range of codes."""
        return IntFormat(self.bits, self.signed)


class OperandsSpec(Spec):
    """Both operands, and where zero points go (DATAPATH.md section 2)."""

    activation: OperandSpec
    weight: OperandSpec
    zero_point: Literal["subtract", "fold"]


class ProductSpec(Spec):
    """``product = round(a * w / 2**drop_bits) * 2**drop_bits``: bits keep their weight."""

    kind: Literal["exact"]
    drop_bits: Annotated[int, Field(ge=0, le=62)]
    rounding: RoundingName


class RegisterSpec(Spec):
    """A signed register: its width and what it keeps of a value that does not fit."""

    bits: Annotated[int, Field(ge=2, le=64)]
    overflow: OverflowName
    wrap_bits: Annotated[int, Field(ge=0, le=63)] = 0  # n of SC_WRAP; 0 is plain wrapping

    @property
    def format(self) -> IntFormat:
        """The range of values."""
        return IntFormat(self.bits)


class ChainSpec(Spec):
    """The register between PEs: a column, or a tree with one width for all levels or a list; of a
    runtime, what adds ``length`` neighbours in k before they enter the accumulator."""

    bits: (
        Annotated[int, Field(ge=2, le=64)]
        | Annotated[list[Annotated[int, Field(ge=2, le=64)]], Field(min_length=1)]
    )
    overflow: OverflowName
    wrap_bits: Annotated[int, Field(ge=0, le=63)] = 0
    length: Positive | None = None  # products a fold, of a runtime alone (array.dataflow none)


class AccumulatorSpec(RegisterSpec):
    """The register that adds chain results over K folds, or products where there is no chain."""

    kind: Literal["integer"]
    check: Literal["each_add", "final"] = "each_add"  # final: exact until the end, then fit once


class BiasSpec(RegisterSpec):
    """Format of the bias operand, and when it enters the accumulator."""

    bits: Annotated[int, Field(ge=1, le=64)]
    when: Literal["preload", "last"]
    from_real: Literal["float32", "float64"] | None = None  # how a real bias becomes an integer


class LfsrSpec(Spec):
    """The random source of stochastic rounding: a Galois LFSR of 32 bits (arith/lfsr.py)."""

    polynomial: Annotated[int, Field(ge=1, le=0xFFFFFFFF)]
    seed: Annotated[int, Field(ge=1, le=0xFFFFFFFF)]


ScaleRule = Literal[
    "float64", "float32_product", "float32_product_quotient", "float32_product_reciprocal"
]
QuantizeForm = Literal["division", "reciprocal", "reciprocal_float64"]
Scheme = Literal[
    "float32",
    "float64",
    "multiplier_shift",
    "multiplier_shift_double",
    "fixed_fraction",
    "reduced_16",
    "reduced_16_narrow",
    "shift_only",
    "multiply_add_shift",
    "threshold_table",
    "lookup_table",
    "float32_bias",
    "float32_dequantized",
    "real_bias",
]
REAL_BIAS_SCHEMES = frozenset({"float32_bias", "float32_dequantized", "real_bias"})  # added last


class TailSpec(Spec):
    """The last channels, or elements, that fill no vector, and how they round."""

    lanes: Annotated[int, Field(ge=2, le=1 << 16)]  # of a vector; the tail has fewer
    rounding: RoundingName
    of: Literal["channels", "elements"] = "channels"  # of a layer; operators go by elements
    scheme: Literal["float32", "float64"] | None = None  # of operators: left out, as the body's


class NarrowSpec(RegisterSpec):
    """A stage before the scheme: a rounding shift into a narrower register."""

    shift: Annotated[int, Field(ge=0, le=62)]
    rounding: RoundingName


class RequantizeSpec(Spec):
    """One requantization policy (arith/requantize.py); which words a scheme needs: checks.py."""

    scheme: Scheme
    rounding: RoundingName
    multiplier_bits: Annotated[int, Field(ge=1, le=31)] | None = None
    scale: ScaleRule | None = None
    fraction_bits: Annotated[int, Field(ge=1, le=31)] | None = None
    table_bits: Annotated[int, Field(ge=2, le=16)] | None = None
    quantize: QuantizeForm | None = None  # of real_bias: how the real result becomes a code
    weight_scale: Literal["float32", "twice_inverted"] | None = None  # of float32_dequantized
    lfsr: LfsrSpec | None = None
    tail: TailSpec | None = None
    narrow: NarrowSpec | None = None
    activation_bounds: ActivationBounds | None = None  # left out: as `output` says


class OperatorSpec(Spec):
    """How an operator beside the array computes; absent words follow ``requantize.default``."""

    scheme: (
        Scheme
        | Literal["mean_of_codes", "fixed_point", "float32_two_products"]
        | Literal["shared_shift", "shift_or_multipliers", "three_multipliers"]  # add
        | FunctionScheme
    )
    rounding: RoundingName
    multiplier_bits: Annotated[int, Field(ge=1, le=31)] | None = None
    left_shift: Annotated[int, Field(ge=0, le=20)] | None = None
    form: QuantizeForm | Literal["fused_reciprocal"] | None = None  # of quantize, from real values
    scale: ScaleRule | None = None
    fraction_bits: Annotated[int, Field(ge=1, le=31)] | None = None
    tail: TailSpec | None = None
    activation_bounds: ActivationBounds | None = None  # left out: as `output` says


class OutputSpec(Spec):
    """What becomes of a code outside the output format, and of a real activation bound."""

    overflow: Literal["saturate"]
    activation_bounds: ActivationBounds = "half_away"


class LatencySpec(Spec):
    """Registers on a path: cycles depend on them (`Schedule.store_clock`), values never."""

    multiplier: Registers = 1  # operands to the register that takes the product; in a PE the sum
    pe: Registers = 1  # PE to PE: operands that stream, sums that move; not a tile that shifts in
    tree_stage: Registers = 1  # one level of an adder tree to the next
    requantize: Registers = 1  # sum to code


class MemorySpec(Spec):
    """SRAM buffers beside the array and the bus to DRAM (array/memory.py): clocks, never values."""

    activation_kib: Positive
    weight_kib: Positive
    output_kib: Positive
    bytes_per_cycle: Positive  # of the bus to DRAM
    double_buffered: bool
    sram_bytes_per_cycle: Positive | None = None  # of the port to the array; left out: wide enough


class Machine(Spec):
    """One accelerator, or the arithmetic of one runtime (``array.dataflow: none``)."""

    name: Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9._-]+$")]
    clock_mhz: Annotated[float, Field(gt=0, allow_inf_nan=False, strict=False)] | None = (
        None  # turns cycles into time
    )
    array: ArraySpec
    operands: OperandsSpec
    product: ProductSpec
    chain: ChainSpec | None = None
    accumulator: AccumulatorSpec
    bias: BiasSpec
    requantize: dict[str, RequantizeSpec]
    operators: dict[str, OperatorSpec] = Field(default_factory=dict)
    output: OutputSpec
    memory: MemorySpec | None = None  # left out: memory never stalls
    latency: LatencySpec = LatencySpec()
    overrides: list[dict[str, Any]] = Field(default_factory=list)

    def policy(self, op: str, activation_bits: int) -> RequantizeSpec:
        """The requantization of operator ``op``: ``op_<bits>`` first, then ``op``, then default."""
        for key in (f"{op}_{activation_bits}", op, "default"):
            if key in self.requantize:
                return self.requantize[key]
        raise KeyError(op)  # checks.py requires `default`
