// Clocks a flat_array: the number of clocks is the argument; prints the seconds of processor
// time that they took.

#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "Vflat_array.h"
#include "verilated.h"

int main(int, char** argv) {
  VerilatedContext context;
  Vflat_array array(&context);
  const long clocks = std::atol(argv[1]);
  const std::clock_t start = std::clock();
  for (long i = 0; i < clocks; i++) {
    array.clk = 0;
    array.eval();
    array.clk = 1;
    array.eval();
  }
  const double taken = double(std::clock() - start) / CLOCKS_PER_SEC;
  array.final();
  std::printf("%.9f\n", taken);
}
