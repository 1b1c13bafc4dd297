"""Numbers to RTL: bundles, directed cases, coverage, testbenches, co-simulation, divergence."""
