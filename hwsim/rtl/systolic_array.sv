// ROWS x COLS processing elements: a moves right, w moves down while it shifts.
//
// Weight- and input-stationary (SUM_STAYS 0): sums move down, 0 enters above. Output-stationary
// (SUM_STAYS 1): they stay, and start from sum_load in a clock of load_sum.
// Element (r, c) of a packed port is slice r * COLS + c.

module systolic_array #(
    parameter int ROWS = 4,
    parameter int COLS = 4,
    parameter int A_BITS = 9,
    parameter int W_BITS = 9,
    parameter int DROP_BITS = 0,
    parameter int PRODUCT_ROUNDING = hwsim_pkg::FLOOR,
    parameter int SUM_BITS = 20,
    parameter int SUM_OVERFLOW = hwsim_pkg::WRAP,
    parameter int SUM_WRAP_BITS = 0,
    parameter int SUM_STAYS = 0
) (
    input logic clk,
    input logic rst,
    input logic enable,
    input logic shift_w,
    input logic load_sum,
    input logic [ROWS*A_BITS-1:0] a_edge,
    input logic [COLS*W_BITS-1:0] w_edge,
    input logic [ROWS*COLS*SUM_BITS-1:0] sum_load,
    output logic [ROWS*COLS*A_BITS-1:0] a,
    output logic [ROWS*COLS*W_BITS-1:0] w,
    output logic [ROWS*COLS*SUM_BITS-1:0] sum
);
  for (genvar r = 0; r < ROWS; r++) begin : row
    for (genvar c = 0; c < COLS; c++) begin : col
      localparam int P = r * COLS + c;
      logic [A_BITS-1:0] a_in;
      logic [W_BITS-1:0] w_in;
      logic [SUM_BITS-1:0] sum_in;

      if (c == 0) assign a_in = a_edge[r*A_BITS+:A_BITS];
      else assign a_in = a[(P-1)*A_BITS+:A_BITS];

      if (r == 0) assign w_in = w_edge[c*W_BITS+:W_BITS];
      else assign w_in = w[(P-COLS)*W_BITS+:W_BITS];

      if (SUM_STAYS != 0) assign sum_in = sum_load[P*SUM_BITS+:SUM_BITS];
      else if (r == 0) assign sum_in = '0;
      else assign sum_in = sum[(P-COLS)*SUM_BITS+:SUM_BITS];

      pe #(
          .A_BITS(A_BITS),
          .W_BITS(W_BITS),
          .DROP_BITS(DROP_BITS),
          .PRODUCT_ROUNDING(PRODUCT_ROUNDING),
          .SUM_BITS(SUM_BITS),
          .SUM_OVERFLOW(SUM_OVERFLOW),
          .SUM_WRAP_BITS(SUM_WRAP_BITS),
          .SUM_STAYS(SUM_STAYS)
      ) cell_pe (
          .clk(clk),
          .rst(rst),
          .enable(enable),
          .shift_w(shift_w),
          .load_sum(load_sum),
          .a_in(a_in),
          .w_in(w_in),
          .sum_in(sum_in),
          .a(a[P*A_BITS+:A_BITS]),
          .w(w[P*W_BITS+:W_BITS]),
          .sum(sum[P*SUM_BITS+:SUM_BITS])
      );
    end
  end
  if (SUM_STAYS == 0) begin : sums_move
    // verilator lint_off UNUSEDSIGNAL
    logic unused;
    assign unused = |sum_load;
    // verilator lint_on UNUSEDSIGNAL
  end
endmodule
