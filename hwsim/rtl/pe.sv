// One processing element, as array/cycle_clocks.define_clocks states it:
//
//   a'   = a_in                                   the left neighbour's, or the left edge
//   w'   = shift_w ? w_in : w                     the upper neighbour's, or the top edge
//   sum' = fit(addend + drop_low_bits(a_in * w')) addend: sum_in, or the own sum where sums stay

module pe #(
    parameter int A_BITS = 9,
    parameter int W_BITS = 9,
    parameter int DROP_BITS = 0,
    parameter int PRODUCT_ROUNDING = hwsim_pkg::FLOOR,
    parameter int SUM_BITS = 20,
    parameter int SUM_OVERFLOW = hwsim_pkg::WRAP,
    parameter int SUM_WRAP_BITS = 0,
    parameter int SUM_STAYS = 0  // 1: sum_in is taken only under load_sum
) (
    input logic clk,
    input logic rst,
    input logic enable,
    input logic shift_w,
    input logic load_sum,
    input logic signed [A_BITS-1:0] a_in,
    input logic signed [W_BITS-1:0] w_in,
    input logic signed [SUM_BITS-1:0] sum_in,
    output logic signed [A_BITS-1:0] a,
    output logic signed [W_BITS-1:0] w,
    output logic signed [SUM_BITS-1:0] sum
);
  logic signed [W_BITS-1:0] w_next;
  logic signed [SUM_BITS-1:0] addend;
  logic signed [63:0] product, presented;
  // verilator lint_off UNUSEDSIGNAL
  logic signed [63:0] stored;  // the low SUM_BITS hold the value
  // verilator lint_on UNUSEDSIGNAL

  assign w_next = shift_w ? w_in : w;
  assign addend = SUM_STAYS == 0 || load_sum ? sum_in : sum;
  assign product =
      hwsim_pkg::drop_low_bits(64'(a_in) * 64'(w_next), DROP_BITS, PRODUCT_ROUNDING);
  assign presented = 64'(addend) + product;
  assign stored = hwsim_pkg::fit(presented, SUM_BITS, SUM_OVERFLOW, SUM_WRAP_BITS);

  always_ff @(posedge clk)
    if (rst) begin
      a <= '0;
      w <= '0;
      sum <= '0;
    end else if (enable) begin
      a <= a_in;
      w <= w_next;
      sum <= stored[SUM_BITS-1:0];
    end
endmodule
