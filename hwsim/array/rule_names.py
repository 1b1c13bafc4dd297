"""Rules as words of a machine: rounding and overflow, foreign names of theirs, their numbers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

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
ActivationBounds = Literal["half_away", "half_even_inside"]
FunctionScheme = Literal[
    "table_float32",  # logistic, tanh, hard_swish: one entry a code, made in binary32
    "table_float32_inside",  # the same, the zero point inside the rounding
    "interpolated_table",  # 16-bit logistic, tanh, softmax
    "interpolated_table_float32",  # 16-bit softmax, its tables made in binary32
    "divided_multiplier",  # mean: the multiplier divided by the number of elements
    "separate_zero_point",  # mean: of raw codes, the zero point rounded by itself
    "float32_inside",  # mean, mul, average_pool: the zero point inside the rounding
    "float32_affine",  # concatenation: binary32, the input's zero point as an offset
    "float32_quotient",  # quantize, concatenation: to a real number and back, in binary32
    "copy_codes",  # concatenation: codes as they are, whatever the scales
]


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
