"""TFLite's schema, as much as is read: field numbers, enumerations, options of operators.

Source: tensorflow/lite/schema/schema.fbs, version 3 (checked against the generated classes in
tests/importers/test_tflite_schema.py).
"""

from __future__ import annotations

from typing import NamedTuple


class Field(NamedTuple):
    """A field of an options table: its slot, its type as `struct` writes it, its default."""

    slot: int
    kind: str
    default: int | float | bool = 0


IDENTIFIER = b"TFL3"
VERSION = 3

_TYPE_NAMES = (
    "float32 float16 int32 uint8 int64 string bool int16 complex64 int8 float64 complex128 uint64 "
    "resource variant uint32 uint16 int4 bfloat16 int2 uint4 float8_e4m3fn float8_e5m2"
)
TENSOR_TYPES = tuple(_TYPE_NAMES.split())
"""TensorType, in its order."""

ACTIVATIONS = ("none", "relu", "relu_n1_1", "relu6", "tanh", "sign_bit")
"""ActivationFunctionType, in its order, as hwsim calls them."""

PADDINGS = ("SAME", "VALID")

_OPERATOR_NAMES = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE
EMBEDDING_LOOKUP FLOOR FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D
LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6
RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL
CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND
SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE
BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM
CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE
SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW
ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK
REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR
LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS
WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE
NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM
BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG
REAL COMPLEX_ABS HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL
CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL
BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD
UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR
RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE STABLEHLO_MULTIPLY
STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE
STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL
STABLEHLO_REDUCE STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL
STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER
STABLEHLO_REMAINDER STABLEHLO_RSQRT STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH
STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE
STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA STABLEHLO_DOT_GENERAL
STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER STABLEHLO_TRANSPOSE
DILATE STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT
STABLEHLO_CBRT STABLEHLO_CASE
"""
OPERATORS = tuple(_OPERATOR_NAMES.split())
"""BuiltinOperator, in its order."""

_PADDING = {"padding": Field(0, "b"), "stride_x": Field(1, "i"), "stride_y": Field(2, "i")}
_FUSED = {"activation": Field(0, "b")}
_SUM = {**_FUSED, "pot_scale_int16": Field(1, "?", True)}

OPTIONS: dict[str, tuple[int, dict[str, Field]]] = {
    "CONV_2D": (
        1,
        {
            **_PADDING,
            "activation": Field(3, "b"),
            "dilation_x": Field(4, "i", 1),
            "dilation_y": Field(5, "i", 1),
        },
    ),
    "DEPTHWISE_CONV_2D": (
        2,
        {
            **_PADDING,
            "depth_multiplier": Field(3, "i"),
            "activation": Field(4, "b"),
            "dilation_x": Field(5, "i", 1),
            "dilation_y": Field(6, "i", 1),
        },
    ),
    "TRANSPOSE_CONV": (49, {**_PADDING, "activation": Field(3, "b")}),
    "AVERAGE_POOL_2D": (
        5,
        {
            **_PADDING,
            "window_x": Field(3, "i"),
            "window_y": Field(4, "i"),
            "activation": Field(5, "b"),
        },
    ),
    "FULLY_CONNECTED": (
        8,
        {**_FUSED, "weights_format": Field(1, "b"), "keep_num_dims": Field(2, "?", False)},
    ),
    "SOFTMAX": (9, {"beta": Field(0, "f", 0.0)}),
    "CONCATENATION": (10, {"axis": Field(0, "i"), "activation": Field(1, "b")}),
    "ADD": (11, _SUM),
    "MUL": (21, _FUSED),
    "SUB": (28, _SUM),
    "MEAN": (27, {"keep_dims": Field(0, "?", False)}),
    "STRIDED_SLICE": (
        32,
        {
            "begin_mask": Field(0, "i"),
            "end_mask": Field(1, "i"),
            "ellipsis_mask": Field(2, "i"),
            "new_axis_mask": Field(3, "i"),
            "shrink_axis_mask": Field(4, "i"),
            "offset": Field(5, "?", False),
        },
    ),
    "PACK": (59, {"values_count": Field(0, "i"), "axis": Field(1, "i")}),
    "RESIZE_NEAREST_NEIGHBOR": (
        74,
        {"align_corners": Field(0, "?", False), "half_pixel_centers": Field(1, "?", False)},
    ),
}
"""Operator to the number of its options in BuiltinOptions, and their fields; operators without an
entry have no options that matter here."""
OPTIONS["MAX_POOL_2D"] = OPTIONS["AVERAGE_POOL_2D"]
