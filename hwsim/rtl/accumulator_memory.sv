// Accumulators behind the array, one word of LANES sums an address:
//
//   acc[address] = fit((first ? fit(start) : acc[address]) + addend)       under `write`
//
// `start` is the preloaded bias or 0. `stored` holds what the last write stored. Lane c of a packed
// port is slice c. Two flags lie beside a sum: a store of the chain that was added
// (`addend_overflowed`), or of the accumulator itself, has changed its value.

module accumulator_memory #(
    parameter int LANES = 4,
    parameter int DEPTH = 64,
    parameter int ADDEND_BITS = 20,
    parameter int BITS = 24,
    parameter int OVERFLOW = hwsim_pkg::SATURATE,
    parameter int WRAP_BITS = 0
) (
    input logic clk,
    input logic enable,
    input logic write,
    input logic first,
    input logic [31:0] address,
    input logic [LANES*64-1:0] start,
    input logic [LANES*ADDEND_BITS-1:0] addend,
    input logic [LANES-1:0] addend_overflowed,
    output logic [LANES*BITS-1:0] stored,
    output logic [LANES-1:0] chain_overflowed,
    output logic [LANES-1:0] overflowed
);
  localparam int ADDRESS_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;

  logic [LANES*(BITS+2)-1:0] memory [0:DEPTH-1];
  logic [LANES*(BITS+2)-1:0] old, next, last;

  assign old = memory[address[ADDRESS_BITS-1:0]];

  for (genvar c = 0; c < LANES; c++) begin : lane
    logic signed [63:0] bias, held, presented;
    logic signed [BITS-1:0] own;
    logic signed [ADDEND_BITS-1:0] added;
    logic chain_held, held_overflowed;
    // verilator lint_off UNUSEDSIGNAL
    logic signed [63:0] sum;
    // verilator lint_on UNUSEDSIGNAL
    assign {chain_held, held_overflowed, own} = old[c*(BITS+2)+:BITS+2];
    assign added = addend[c*ADDEND_BITS+:ADDEND_BITS];
    assign bias = hwsim_pkg::fit($signed(start[c*64+:64]), BITS, OVERFLOW, WRAP_BITS);
    assign held = first ? bias : 64'(own);
    assign presented = held + 64'(added);
    assign sum = hwsim_pkg::fit(presented, BITS, OVERFLOW, WRAP_BITS);
    assign next[c*(BITS+2)+:BITS+2] = {
      (!first && chain_held) || addend_overflowed[c],
      (first ? bias != $signed(start[c*64+:64]) : held_overflowed) || sum != presented,
      sum[BITS-1:0]
    };
    assign {chain_overflowed[c], overflowed[c], stored[c*BITS+:BITS]} = last[c*(BITS+2)+:BITS+2];
  end

  always_ff @(posedge clk)
    if (enable && write) begin
      memory[address[ADDRESS_BITS-1:0]] <= next;
      last <= next;
    end

  // verilator lint_off UNUSEDSIGNAL
  logic unused;
  assign unused = |address;
  // verilator lint_on UNUSEDSIGNAL
endmodule
