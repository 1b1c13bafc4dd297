// What happens to the sum of one lane after its last product: stores after all products, then the
// requantizer, whose random source (stochastic rounding) is the lane's own (arith/lfsr.py).

module output_lane #(
    parameter int BITS = 24,
    parameter int OVERFLOW = hwsim_pkg::SATURATE,
    parameter int WRAP_BITS = 0,
    parameter int ROW_SUM = 0,
    parameter int BIAS_LAST = 0,
    parameter int CHECK_FINAL = 0,
    parameter int FINAL_BITS = 24,
    parameter int FINAL_OVERFLOW = hwsim_pkg::SATURATE,
    parameter int FINAL_WRAP_BITS = 0,
    parameter int SCHEME = hwsim_pkg::MULTIPLIER_SHIFT,
    parameter int ROUNDING = hwsim_pkg::HALF_UP,
    parameter int NARROW = 0,
    parameter int NARROW_SHIFT = 0,
    parameter int NARROW_ROUNDING = hwsim_pkg::HALF_AWAY,
    parameter int NARROW_BITS = 32,
    parameter int NARROW_OVERFLOW = hwsim_pkg::SATURATE,
    parameter int NARROW_WRAP_BITS = 0,
    parameter logic [31:0] LFSR_POLYNOMIAL = 32'h80200003,
    parameter logic [31:0] LFSR_START = 32'd1,  // state of this lane before the first output
    parameter int OUT_BITS = 8,
    parameter int LATENCY_REQUANTIZE = 1
) (
    input logic clk,
    input logic start,
    input logic enable,
    input logic keep,  // the lane holds an output
    input logic signed [BITS-1:0] stored,
    input logic chain_overflowed,  // before the stores after all products
    input logic overflowed,
    input logic signed [63:0] row_sum,
    input logic [231:0] record,
    input logic signed [31:0] zero_point,
    input logic signed [63:0] clamp_lo,
    input logic signed [63:0] clamp_hi,
    input logic signed [31:0] out_lo,
    input logic signed [31:0] out_hi,
    output logic signed [63:0] final_sum,
    output logic [OUT_BITS-1:0] code,
    output logic lost,
    output logic clipped,
    output logic chain_overflow,  // beside the code: any store of the chain, of the accumulator
    output logic accumulator_overflow
);
  logic [31:0] state, random;
  logic final_overflowed;

  assign random = hwsim_pkg::lfsr_next(state, LFSR_POLYNOMIAL);
  always_ff @(posedge clk)
    if (start) state <= LFSR_START;
    else if (enable && keep) state <= random;

  final_stores #(
      .BITS(BITS),
      .OVERFLOW(OVERFLOW),
      .WRAP_BITS(WRAP_BITS),
      .ROW_SUM(ROW_SUM),
      .BIAS_LAST(BIAS_LAST),
      .CHECK_FINAL(CHECK_FINAL),
      .FINAL_BITS(FINAL_BITS),
      .FINAL_OVERFLOW(FINAL_OVERFLOW),
      .FINAL_WRAP_BITS(FINAL_WRAP_BITS)
  ) stores (
      .stored(stored),
      .row_sum(row_sum),
      .w_zero_point(record[127:64]),
      .bias(record[63:0]),
      .final_sum(final_sum),
      .overflowed(final_overflowed)
  );

  delay #(.BITS(2), .CLOCKS(LATENCY_REQUANTIZE)) flags (
      .clk(clk),
      .rst(1'b0),
      .enable(enable),
      .d({chain_overflowed, overflowed || final_overflowed}),
      .q({chain_overflow, accumulator_overflow})
  );

  requantize #(
      .SCHEME(SCHEME),
      .ROUNDING(ROUNDING),
      .NARROW(NARROW),
      .NARROW_SHIFT(NARROW_SHIFT),
      .NARROW_ROUNDING(NARROW_ROUNDING),
      .NARROW_BITS(NARROW_BITS),
      .NARROW_OVERFLOW(NARROW_OVERFLOW),
      .NARROW_WRAP_BITS(NARROW_WRAP_BITS),
      .OUT_BITS(OUT_BITS),
      .LATENCY_REQUANTIZE(LATENCY_REQUANTIZE)
  ) requantizer (
      .clk(clk),
      .enable(enable),
      .acc(final_sum),
      .multiplier(record[158:128]),
      .shift(record[167:160]),
      .add(record[231:168]),
      .random(random),
      .zero_point(zero_point),
      .clamp_lo(clamp_lo),
      .clamp_hi(clamp_hi),
      .out_lo(out_lo),
      .out_hi(out_hi),
      .code(code),
      .lost(lost),
      .clipped(clipped)
  );

  // verilator lint_off UNUSEDSIGNAL
  logic unused;
  assign unused = record[159];
  // verilator lint_on UNUSEDSIGNAL
endmodule
