"""Floor 2: what the MAC array does. Read in this order: specification, checks, gemm, datapath,
dataflow, ledger, cycle (the definition, clock by clock), fast (the same bits, sooner), requantizer."""
