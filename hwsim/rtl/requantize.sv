// Accumulator to code: narrow (optional), scheme, zero point, activation clamp, output format;
// LATENCY_REQUANTIZE registers behind. Schemes as arith/requantize.py and arith/narrowing.py state them:
//
//   MULTIPLIER_SHIFT, FIXED_FRACTION  round(acc * multiplier / 2**shift)
//   MULTIPLIER_SHIFT_DOUBLE           gemmlowp: high half of the doubled product, then a shift
//   REDUCED_16                        wrap32(half_up(acc * multiplier / 2**shift))
//   REDUCED_16_NARROW                 the same, narrowed to 32 bits before the last bit goes
//   SHIFT_ONLY                        round(acc / 2**shift)
//   MULTIPLY_ADD_SHIFT                round((acc * multiplier + add) / 2**shift); zero point inside
//
// `lost`: an intermediate wrapped or saturated. `clipped`: saturated by the output format.

module requantize #(
    parameter int SCHEME = hwsim_pkg::MULTIPLIER_SHIFT,
    parameter int ROUNDING = hwsim_pkg::HALF_UP,
    parameter int NARROW = 0,  // 1: a rounding shift into a narrower register stands before
    parameter int NARROW_SHIFT = 0,
    parameter int NARROW_ROUNDING = hwsim_pkg::HALF_AWAY,
    parameter int NARROW_BITS = 32,
    parameter int NARROW_OVERFLOW = hwsim_pkg::SATURATE,
    parameter int NARROW_WRAP_BITS = 0,
    parameter int OUT_BITS = 8,
    parameter int LATENCY_REQUANTIZE = 1
) (
    input logic clk,
    input logic enable,
    input logic signed [63:0] acc,
    input logic [30:0] multiplier,
    input logic signed [7:0] shift,  // of the whole factor, to the right
    input logic signed [63:0] add,
    input logic [31:0] random,  // state of the column's LFSR, under STOCHASTIC
    input logic signed [31:0] zero_point,
    input logic signed [63:0] clamp_lo,  // the activation's bounds
    input logic signed [63:0] clamp_hi,
    input logic signed [31:0] out_lo,  // the output format
    input logic signed [31:0] out_hi,
    output logic [OUT_BITS-1:0] code,
    output logic lost,
    output logic clipped
);
  logic signed [63:0] narrowed, narrow_exact, factor, product, scheme_value, value;
  logic signed [63:0] clamped, low, high;
  // verilator lint_off UNUSEDSIGNAL
  logic signed [63:0] kept;  // the low OUT_BITS hold the code
  // verilator lint_on UNUSEDSIGNAL
  logic signed [31:0] right;
  logic scheme_lost, any_lost;

  // the register that narrows sums
  assign narrow_exact = hwsim_pkg::shift_right(acc, NARROW_SHIFT, NARROW_ROUNDING);
  assign narrowed = NARROW == 0 ? acc
      : hwsim_pkg::fit(narrow_exact, NARROW_BITS, NARROW_OVERFLOW, NARROW_WRAP_BITS);

  // the scheme
  assign factor = {33'd0, multiplier};
  assign product = narrowed * factor;
  assign right = 32'(shift);
  if (SCHEME == hwsim_pkg::MULTIPLIER_SHIFT_DOUBLE) begin : scheme
    logic signed [63:0] to_left, wrapped, high_half;
    logic signed [31:0] after;
    assign to_left = narrowed <<< (right < 31 ? 32'sd31 - right : 32'sd0);
    assign after = right > 31 ? right - 32'sd31 : 32'sd0;
    assign wrapped = hwsim_pkg::wrap(to_left, 32);
    assign high_half = hwsim_pkg::shift_right(wrapped * factor, 31, hwsim_pkg::HALF_UP);
    assign scheme_value = hwsim_pkg::shift_right(high_half, after, ROUNDING);
    assign scheme_lost = wrapped != to_left;
  end else if (SCHEME == hwsim_pkg::REDUCED_16) begin : scheme
    logic signed [63:0] exact;
    assign exact = hwsim_pkg::shift_right(product, right, hwsim_pkg::HALF_UP);
    assign scheme_value = hwsim_pkg::wrap(exact, 32);
    assign scheme_lost = scheme_value != exact;
  end else if (SCHEME == hwsim_pkg::REDUCED_16_NARROW) begin : scheme
    logic signed [63:0] exact, half, rounded;
    assign exact = product >>> (right - 32'sd1);
    assign half = hwsim_pkg::wrap(exact, 32);
    assign rounded = hwsim_pkg::wrap(half + 64'sd1, 32);
    assign scheme_value = rounded >>> 1;
    assign scheme_lost = half != exact || rounded != half + 64'sd1;
  end else begin : scheme
    logic signed [63:0] scaled;
    assign scaled = SCHEME == hwsim_pkg::SHIFT_ONLY ? narrowed
        : SCHEME == hwsim_pkg::MULTIPLY_ADD_SHIFT ? product + add : product;
    assign scheme_value = hwsim_pkg::shift_by(scaled, right, ROUNDING, random);
    assign scheme_lost = 1'b0;
  end

  // zero point, clamp, output format
  assign value = SCHEME == hwsim_pkg::MULTIPLY_ADD_SHIFT
      ? scheme_value : scheme_value + 64'(zero_point);
  assign clamped = value < clamp_lo ? clamp_lo : value > clamp_hi ? clamp_hi : value;
  assign low = 64'(out_lo);
  assign high = 64'(out_hi);
  assign kept = clamped < low ? low : clamped > high ? high : clamped;

  assign any_lost = scheme_lost || (NARROW != 0 && narrowed != narrow_exact);
  delay #(.BITS(OUT_BITS + 2), .CLOCKS(LATENCY_REQUANTIZE)) codes (
      .clk(clk), .rst(1'b0), .enable(enable),
      .d({kept != clamped, any_lost, kept[OUT_BITS-1:0]}), .q({clipped, lost, code})
  );
  // verilator lint_off UNUSEDSIGNAL
  logic unused;
  assign unused = |{add, random, product, zero_point};
  // verilator lint_on UNUSEDSIGNAL
endmodule
