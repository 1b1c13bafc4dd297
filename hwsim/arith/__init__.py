"""Floor 1: what one number does. Read in this order: formats, overflow, rounding, scale,
requantize, quantize, lfsr, tables."""
