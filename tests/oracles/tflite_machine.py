"""TFLite's reference kernels as a machine, written out for tests."""

from hwsim.array.specification import Machine, OperatorSpec, RequantizeSpec

DOUBLE = {"scheme": "multiplier_shift_double", "rounding": "half_away"}
OPERATORS = {
    "add": DOUBLE,
    "mul": {**DOUBLE, "scale": "float32_product_quotient"},
    "average_pool": {"scheme": "mean_of_codes", "rounding": "half_away"},
    "softmax": {"scheme": "fixed_point", "rounding": "half_away"},
    "quantize": DOUBLE,
    "dequantize": {"scheme": "float32", "rounding": "half_even"},
}


def tflite_machine(activation_bits=8, weight_bits=8, *, wide_bias=False, signed=True) -> Machine:
    """The machine; ``wide_bias``: 16-bit activations with an int64 bias and sum."""
    conv = {"scheme": "reduced_16", "rounding": "half_up"} if wide_bias else DOUBLE
    words = {
        "name": "tflite_reference",
        "array": {"dataflow": "none", "k_order": ["ky", "kx", "ic"]},
        "operands": {
            "activation": {"bits": activation_bits, "signed": signed},
            "weight": {"bits": weight_bits, "signed": signed},
            "zero_point": "subtract",
        },
        "product": {"kind": "exact", "drop_bits": 0, "rounding": "floor"},
        "accumulator": {
            "kind": "integer",
            "bits": 64 if wide_bias else 32,
            "overflow": "wrap",
        },
        "bias": {"bits": 64 if wide_bias else 32, "overflow": "wrap", "when": "last"},
        "requantize": {
            "default": conv,
            "conv_2d": conv,
            "depthwise_conv_2d": conv,
            "fully_connected": {"scheme": "float64", "rounding": "half_away"},
        },
        "operators": OPERATORS,
        "output": {"overflow": "saturate"},
    }
    return Machine.model_validate(words)


def machine_with(operators=None, default=DOUBLE) -> Machine:
    """A runtime with these policies of operators and this default."""
    specs = {name: OperatorSpec(**words) for name, words in (operators or {}).items()}
    requantize = {"default": RequantizeSpec(**default)}
    return tflite_machine().model_copy(update={"operators": specs, "requantize": requantize})
