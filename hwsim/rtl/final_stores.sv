// Stores after all products of one output, in this order, without a clock:
//
//   acc = fit(acc - w_zero_point * row_sum)      zero points folded into the bias (ROW_SUM 1)
//   acc = fit(acc + bias)                        bias added last (BIAS_LAST 1)
//   acc = fit_final(acc)                         accumulator.check: final (CHECK_FINAL 1)
//
// `overflowed`: one of them has changed its value.
// BITS, OVERFLOW, WRAP_BITS: the register while it adds; under CHECK_FINAL it is 64 bits wide.

module final_stores #(
    parameter int BITS = 24,
    parameter int OVERFLOW = hwsim_pkg::SATURATE,
    parameter int WRAP_BITS = 0,
    parameter int ROW_SUM = 0,
    parameter int BIAS_LAST = 0,
    parameter int CHECK_FINAL = 0,
    parameter int FINAL_BITS = 24,
    parameter int FINAL_OVERFLOW = hwsim_pkg::SATURATE,
    parameter int FINAL_WRAP_BITS = 0
) (
    input logic signed [BITS-1:0] stored,
    input logic signed [63:0] row_sum,
    input logic signed [63:0] w_zero_point,
    input logic signed [63:0] bias,
    output logic signed [63:0] final_sum,
    output logic overflowed
);
  logic signed [63:0] correction, without_zero_point, corrected, with_bias, biased;

  assign correction = ROW_SUM != 0 ? w_zero_point * row_sum : 64'sd0;
  assign without_zero_point = 64'(stored) - correction;
  assign corrected = ROW_SUM != 0
      ? hwsim_pkg::fit(without_zero_point, BITS, OVERFLOW, WRAP_BITS) : 64'(stored);
  assign with_bias = corrected + (BIAS_LAST != 0 ? bias : 64'sd0);
  assign biased = BIAS_LAST != 0
      ? hwsim_pkg::fit(with_bias, BITS, OVERFLOW, WRAP_BITS) : corrected;
  assign final_sum = CHECK_FINAL != 0
      ? hwsim_pkg::fit(biased, FINAL_BITS, FINAL_OVERFLOW, FINAL_WRAP_BITS) : biased;
  assign overflowed =
      corrected != without_zero_point || biased != with_bias || final_sum != biased;

  // verilator lint_off UNUSEDSIGNAL
  logic unused;
  assign unused = |{row_sum, w_zero_point, bias};
  // verilator lint_on UNUSEDSIGNAL
endmodule
