// The stage of this bundle, as tb_requantize.sv takes it: one sum in, the same in a narrower
// register out. Input and output are valid/ready streams; a beat passes where both are 1 at a
// rising edge of clk. Replace it by your own module with these ports.
//
//   out_data = fit(round(in_sum / 2**NARROW_SHIFT))     in_sum = fit(in_partial + in_addend)
module narrow_stage #(
    // verilator lint_off UNUSEDPARAM
    parameter int NARROW = 1,
    // verilator lint_on UNUSEDPARAM
    parameter int NARROW_SHIFT = 0,
    parameter int NARROW_ROUNDING = hwsim_pkg::HALF_AWAY,
    parameter int NARROW_BITS = 32,
    parameter int NARROW_OVERFLOW = hwsim_pkg::SATURATE,
    parameter int NARROW_WRAP_BITS = 0
) (
    input logic clk,
    input logic rst,
    // verilator lint_off UNUSEDSIGNAL
    input logic signed [31:0] zero_point,
    input logic signed [63:0] clamp_lo,
    input logic signed [63:0] clamp_hi,
    input logic signed [31:0] out_lo,
    input logic signed [31:0] out_hi,
    // verilator lint_on UNUSEDSIGNAL
    input logic in_valid,
    output logic in_ready,
    input logic signed [63:0] in_sum,
    // verilator lint_off UNUSEDSIGNAL
    input logic signed [63:0] in_partial,  // for stages that add
    input logic signed [63:0] in_addend,
    input logic [231:0] in_record,
    input logic [31:0] in_random,
    // verilator lint_on UNUSEDSIGNAL
    output logic out_valid,
    input logic out_ready,
    output logic [NARROW_BITS-1:0] out_data,
    output logic out_lost,
    output logic out_clipped
);
  // verilator lint_off UNUSEDSIGNAL
  logic signed [63:0] exact, kept;
  // verilator lint_on UNUSEDSIGNAL
  assign exact = hwsim_pkg::shift_right(in_sum, NARROW_SHIFT, NARROW_ROUNDING);
  assign kept = hwsim_pkg::fit(exact, NARROW_BITS, NARROW_OVERFLOW, NARROW_WRAP_BITS);

  assign in_ready = !out_valid || out_ready;
  assign out_clipped = 1'b0;

  always_ff @(posedge clk)
    if (rst) out_valid <= 1'b0;
    else if (in_ready) begin
      out_valid <= in_valid;
      out_data <= kept[NARROW_BITS-1:0];
      out_lost <= kept != exact;
    end
endmodule
