// Accumulators behind the array, one word of LANES sums an address:
//
//   acc[address] = fit((first ? fit(start) : acc[address]) + addend)       under `write`
//
// `start` is the preloaded bias or 0. `stored` holds what the last write stored. Lane c of a packed
// port is slice c.

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
    output logic [LANES*BITS-1:0] stored
);
  localparam int ADDRESS_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;

  logic [LANES*BITS-1:0] memory [0:DEPTH-1];
  logic [LANES*BITS-1:0] old, next;

  assign old = memory[address[ADDRESS_BITS-1:0]];

  for (genvar c = 0; c < LANES; c++) begin : lane
    logic signed [63:0] held;
    logic signed [BITS-1:0] own;
    logic signed [ADDEND_BITS-1:0] added;
    // verilator lint_off UNUSEDSIGNAL
    logic signed [63:0] sum;
    // verilator lint_on UNUSEDSIGNAL
    assign own = old[c*BITS+:BITS];
    assign added = addend[c*ADDEND_BITS+:ADDEND_BITS];
    assign held = first
        ? hwsim_pkg::fit($signed(start[c*64+:64]), BITS, OVERFLOW, WRAP_BITS) : 64'(own);
    assign sum = hwsim_pkg::fit(held + 64'(added), BITS, OVERFLOW, WRAP_BITS);
    assign next[c*BITS+:BITS] = sum[BITS-1:0];
  end

  always_ff @(posedge clk)
    if (enable && write) begin
      memory[address[ADDRESS_BITS-1:0]] <= next;
      stored <= next;
    end

  // verilator lint_off UNUSEDSIGNAL
  logic unused;
  assign unused = |address;
  // verilator lint_on UNUSEDSIGNAL
endmodule
