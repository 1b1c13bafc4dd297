"""Floor 2: what the MAC array does.

Read in this order: specification, checks, gemm, datapath, bounds, dataflow, ledger; cycle (clock by
clock); stepwise (the order of additions, the definition), fast (the same bits, sooner);
requantizer.
"""
