"""Vector kernels: the sums of the fast engine in the processor's own vector instructions.

They are the same functions as `hwsim.array.fast_sums`, which is the definition and runs everywhere;
numba calls them in its place where the lanes are laid out in pairs (`hwsim.array.fast_layout`).
``instructions`` says which instructions there are, and chooses once; ``emission`` writes LLVM code,
of which ``functions`` makes what numba kernels call; ``kernels`` are the sums step by step,
``runs`` those in runs of one sign. ``systolic`` does the cycle engine's stores
(`hwsim.array.cycle_fast`), in 32-bit lanes (``systolic_sums``) and, where they fit, in 16-bit ones
(``systolic_halves``). ``matrices`` adds exact products in matrix registers
(`hwsim.array.matrix_sums`). ``turning`` turns blocks of codes from channels to planes.
"""
