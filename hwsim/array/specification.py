"""The machine: every word of a hardware YAML, typed, with its range (DATAPATH.md, DESIGN.md 2).

A `Machine` is built once, at the edge, and never changed; engines and kernels trust it. One field
alone is checked by its type here, rules between fields in ``checks.py``, file and line numbers
are added by ``importers/hardware.py``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from hwsim.arith.formats import IntFormat
from hwsim.arith.overflow import Overflow
from hwsim.arith.rounding import Rounding

OVERFLOW_ALIASES = {
    "SC_WRAP": "wrap",
    "AP_WRAP": "wrap",
    "SC_SAT": "saturate",
    "AP_SAT": "saturate",
    "SC_SAT_SYM": "saturate_symmetric",
    "AP_SAT_SYM": "saturate_symmetric",
    "SC_SAT_ZERO": "saturate_zero",
    "AP_SAT_ZERO": "saturate_zero",
    "SC_WRAP_SM": "wrap_sign_magnitude",
    "AP_WRAP_SM": "wrap_sign_magnitude",
}
ROUNDING_ALIASES = {
    "SC_TRN": "floor",
    "AP_TRN": "floor",
    "RDN": "floor",
    "SC_TRN_ZERO": "toward_zero",
    "AP_TRN_ZERO": "toward_zero",
    "SC_RND": "half_up",
    "AP_RND": "half_up",
    "RNU": "half_up",
    "SC_RND_MIN_INF": "half_down",
    "AP_RND_MIN_INF": "half_down",
    "SC_RND_ZERO": "half_toward_zero",
    "AP_RND_ZERO": "half_toward_zero",
    "SC_RND_INF": "half_away",
    "AP_RND_INF": "half_away",
    "SC_RND_CONV": "half_even",
    "AP_RND_CONV": "half_even",
    "RNE": "half_even",
    "ROD": "odd",
}


def _own_word(aliases: dict[str, str]) -> Any:
    """Turn a foreign name into ours; leave everything else to the type."""
    return BeforeValidator(lambda word: aliases.get(word, word) if isinstance(word, str) else word)


OverflowName = Annotated[
    Literal[
        "wrap", "saturate", "saturate_symmetric", "saturate_zero", "wrap_sign_magnitude", "trap"
    ],
    _own_word(OVERFLOW_ALIASES),
]
RoundingName = Annotated[
    Literal[
        "floor",
        "toward_zero",
        "half_up",
        "half_down",
        "half_toward_zero",
        "half_away",
        "half_even",
        "ceil",
        "away",
        "odd",
        "stochastic",
    ],
    _own_word(ROUNDING_ALIASES),
]
ConvolutionAxis = Literal["ky", "kx", "ic"]
Positive = Annotated[int, Field(ge=1, le=1 << 16)]


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
    """The register between PEs: a column, or a tree with one width for all levels or a list."""

    bits: (
        Annotated[int, Field(ge=2, le=64)]
        | Annotated[list[Annotated[int, Field(ge=2, le=64)]], Field(min_length=1)]
    )
    overflow: OverflowName
    wrap_bits: Annotated[int, Field(ge=0, le=63)] = 0


class AccumulatorSpec(RegisterSpec):
    """The register that adds chain results over K folds, or products where there is no chain."""

    kind: Literal["integer"]
    check: Literal["each_add", "final"] = "each_add"  # final: exact until the end, then fit once


class BiasSpec(RegisterSpec):
    """Format of the bias operand, and when it enters the accumulator."""

    bits: Annotated[int, Field(ge=1, le=64)]
    when: Literal["preload", "last"]


class LfsrSpec(Spec):
    """The random source of stochastic rounding: a Galois LFSR of 32 bits (arith/lfsr.py)."""

    polynomial: Annotated[int, Field(ge=1, le=0xFFFFFFFF)]
    seed: Annotated[int, Field(ge=1, le=0xFFFFFFFF)]


Scheme = Literal[
    "float32",
    "float64",
    "multiplier_shift",
    "multiplier_shift_double",
    "reduced_16",
    "shift_only",
    "multiply_add_shift",
    "threshold_table",
    "lookup_table",
]


class RequantizeSpec(Spec):
    """One requantization policy (arith/requantize.py); which words a scheme needs: checks.py."""

    scheme: Scheme
    rounding: RoundingName
    multiplier_bits: Annotated[int, Field(ge=1, le=31)] | None = None
    scale: Literal["float64", "float32_product", "float32_product_quotient"] | None = None
    table_bits: Annotated[int, Field(ge=2, le=16)] | None = None
    lfsr: LfsrSpec | None = None


class OperatorSpec(Spec):
    """How an operator beside the array computes; absent words follow ``requantize.default``."""

    scheme: Scheme | Literal["mean_of_codes", "fixed_point", "shared_shift"]
    rounding: RoundingName
    multiplier_bits: Annotated[int, Field(ge=1, le=31)] | None = None
    left_shift: Annotated[int, Field(ge=0, le=20)] | None = None
    scale: Literal["float64", "float32_product", "float32_product_quotient"] | None = None


class OutputSpec(Spec):
    """What becomes of a code outside the output format."""

    overflow: Literal["saturate"]


class LatencySpec(Spec):
    """Pipeline registers; more than one each is not simulated yet."""

    multiplier: Annotated[int, Field(ge=1, le=4)] = 1
    pe: Annotated[int, Field(ge=1, le=4)] = 1
    tree_stage: Annotated[int, Field(ge=1, le=4)] = 1
    requantize: Annotated[int, Field(ge=1, le=4)] = 1


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
    latency: LatencySpec = LatencySpec()
    overrides: list[dict[str, Any]] = Field(default_factory=list)

    def policy(self, op: str, activation_bits: int) -> RequantizeSpec:
        """The requantization of operator ``op``: ``op_<bits>`` first, then ``op``, then default."""
        for key in (f"{op}_{activation_bits}", op, "default"):
            if key in self.requantize:
                return self.requantize[key]
        raise KeyError(op)  # checks.py requires `default`


def overflow_code(name: str) -> int:
    """The `Overflow` of a YAML word, as a plain int for kernels.

    >>> overflow_code("saturate_zero")
    3
    """
    return int(Overflow[name.upper()])


def rounding_code(name: str) -> int:
    """The `Rounding` of a YAML word, as a plain int for kernels.

    >>> rounding_code("half_even")
    6
    """
    return int(Rounding[name.upper()])
