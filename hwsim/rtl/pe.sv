// One processing element, as array/cycle_clocks.define_clocks states it:
//
//   a'   = a_in                                   the left neighbour's, or the left edge
//   w'   = shift_w ? w_in : w                     the upper neighbour's, or the top edge
//   sum' = fit(addend + drop_low_bits(a_in * w')) addend: sum_in, or the own sum where sums stay
//
// LATENCY_MULTIPLIER - 1 registers stand between product and sum. `overflowed` goes with the sum:
// a store of it, or of what it was added to, has changed its value.

module pe #(
    parameter int A_BITS = 9,
    parameter int W_BITS = 9,
    parameter int DROP_BITS = 0,
    parameter int PRODUCT_ROUNDING = hwsim_pkg::FLOOR,
    parameter int SUM_BITS = 20,
    parameter int SUM_OVERFLOW = hwsim_pkg::WRAP,
    parameter int SUM_WRAP_BITS = 0,
    parameter int SUM_STAYS = 0,  // 1: sum_in is taken only under load_sum
    parameter int LATENCY_MULTIPLIER = 1
) (
    input logic clk,
    input logic rst,
    input logic enable,
    input logic shift_w,
    input logic load_sum,
    input logic signed [A_BITS-1:0] a_in,
    input logic signed [W_BITS-1:0] w_in,
    input logic signed [SUM_BITS-1:0] sum_in,
    input logic overflowed_in,
    output logic signed [A_BITS-1:0] a,
    output logic signed [W_BITS-1:0] w,
    output logic signed [SUM_BITS-1:0] sum,
    output logic overflowed
);
  localparam int EXACT = A_BITS + W_BITS > DROP_BITS + 2 ? A_BITS + W_BITS : DROP_BITS + 2;
  localparam int PRODUCT_BITS = EXACT > 64 ? 64 : EXACT;

  logic signed [W_BITS-1:0] w_next;
  logic signed [SUM_BITS-1:0] addend;
  logic takes_in;
  logic signed [PRODUCT_BITS-1:0] due;
  logic signed [63:0] presented;
  // verilator lint_off UNUSEDSIGNAL
  logic signed [63:0] product;  // the low PRODUCT_BITS hold the value
  logic signed [63:0] stored;  // the low SUM_BITS hold the value
  // verilator lint_on UNUSEDSIGNAL

  assign w_next = shift_w ? w_in : w;
  assign product =
      hwsim_pkg::drop_low_bits(64'(a_in) * 64'(w_next), DROP_BITS, PRODUCT_ROUNDING);
  delay #(.BITS(PRODUCT_BITS), .CLOCKS(LATENCY_MULTIPLIER - 1)) products (
      .clk(clk), .rst(rst), .enable(enable), .d(product[PRODUCT_BITS-1:0]), .q(due)
  );

  assign takes_in = SUM_STAYS == 0 || load_sum;
  assign addend = takes_in ? sum_in : sum;
  assign presented = 64'(addend) + 64'(due);
  assign stored = hwsim_pkg::fit(presented, SUM_BITS, SUM_OVERFLOW, SUM_WRAP_BITS);

  always_ff @(posedge clk)
    if (rst) begin
      a <= '0;
      w <= '0;
      sum <= '0;
      overflowed <= 1'b0;
    end else if (enable) begin
      a <= a_in;
      w <= w_next;
      sum <= stored[SUM_BITS-1:0];
      overflowed <= (takes_in ? overflowed_in : overflowed) || stored != presented;
    end
endmodule
