"""Floor 3: one layer on the array: records, lowering to a matrix product, execution."""
