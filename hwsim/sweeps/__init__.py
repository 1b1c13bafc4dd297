"""Many machines, one network: what is the same for all of them is computed once."""
