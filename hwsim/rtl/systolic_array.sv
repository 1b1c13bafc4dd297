// ROWS x COLS processing elements: a moves right, w moves down while it shifts.
//
// Weight- and input-stationary (SUM_STAYS 0): sums move down, 0 enters above. Output-stationary
// (SUM_STAYS 1): they stay, and start from sum_load in a clock of load_sum.
// LATENCY_PE - 1 registers stand between neighbours, but for a w that shifts in and stays.
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
    parameter int SUM_STAYS = 0,
    parameter int LATENCY_MULTIPLIER = 1,
    parameter int LATENCY_PE = 1
) (
    input logic clk,
    input logic rst,
    input logic enable,
    input logic shift_w,
    input logic load_sum,
    input logic [ROWS*A_BITS-1:0] a_edge,
    input logic [COLS*W_BITS-1:0] w_edge,
    input logic [ROWS*COLS*SUM_BITS-1:0] sum_load,
    input logic [ROWS*COLS-1:0] overflowed_load,
    output logic [ROWS*COLS*A_BITS-1:0] a,
    output logic [ROWS*COLS*W_BITS-1:0] w,
    output logic [ROWS*COLS*SUM_BITS-1:0] sum,
    output logic [ROWS*COLS-1:0] overflowed
);
  localparam int BETWEEN = LATENCY_PE - 1;

  for (genvar r = 0; r < ROWS; r++) begin : row
    for (genvar c = 0; c < COLS; c++) begin : col
      localparam int P = r * COLS + c;
      logic [A_BITS-1:0] a_in;
      logic [W_BITS-1:0] w_in;
      logic [SUM_BITS-1:0] sum_in;
      logic overflowed_in;
      logic signed [A_BITS-1:0] a_own;
      logic signed [W_BITS-1:0] w_own;
      logic signed [SUM_BITS-1:0] sum_own;
      logic overflowed_own;

      if (c == 0) begin : left_edge
        assign a_in = a_edge[r*A_BITS+:A_BITS];
      end else begin : from_left
        delay #(.BITS(A_BITS), .CLOCKS(BETWEEN)) between (
            .clk(clk), .rst(rst), .enable(enable), .d(row[r].col[c-1].a_own), .q(a_in)
        );
      end

      if (r == 0) begin : top_edge
        assign w_in = w_edge[c*W_BITS+:W_BITS];
      end else begin : w_from_above
        delay #(.BITS(W_BITS), .CLOCKS(SUM_STAYS != 0 ? BETWEEN : 0)) between (
            .clk(clk), .rst(rst), .enable(enable), .d(row[r-1].col[c].w_own), .q(w_in)
        );
      end

      if (SUM_STAYS != 0) begin : loaded
        assign sum_in = sum_load[P*SUM_BITS+:SUM_BITS];
        assign overflowed_in = overflowed_load[P];
      end else if (r == 0) begin : empty
        assign sum_in = '0;
        assign overflowed_in = 1'b0;
      end else begin : sum_from_above
        delay #(.BITS(SUM_BITS + 1), .CLOCKS(BETWEEN)) between (
            .clk(clk), .rst(rst), .enable(enable),
            .d({row[r-1].col[c].overflowed_own, row[r-1].col[c].sum_own}),
            .q({overflowed_in, sum_in})
        );
      end

      pe #(
          .A_BITS(A_BITS), .W_BITS(W_BITS), .DROP_BITS(DROP_BITS),
          .PRODUCT_ROUNDING(PRODUCT_ROUNDING), .SUM_BITS(SUM_BITS), .SUM_OVERFLOW(SUM_OVERFLOW),
          .SUM_WRAP_BITS(SUM_WRAP_BITS), .SUM_STAYS(SUM_STAYS),
          .LATENCY_MULTIPLIER(LATENCY_MULTIPLIER)
      ) cell_pe (
          .clk(clk), .rst(rst), .enable(enable), .shift_w(shift_w), .load_sum(load_sum),
          .a_in(a_in), .w_in(w_in), .sum_in(sum_in), .overflowed_in(overflowed_in),
          .a(a_own), .w(w_own), .sum(sum_own), .overflowed(overflowed_own)
      );
      always_comb begin
        a[P*A_BITS+:A_BITS] = a_own;
        w[P*W_BITS+:W_BITS] = w_own;
        sum[P*SUM_BITS+:SUM_BITS] = sum_own;
        overflowed[P] = overflowed_own;
      end
    end
  end
  if (SUM_STAYS == 0) begin : sums_move
    // verilator lint_off UNUSEDSIGNAL
    logic unused;
    assign unused = |{sum_load, overflowed_load};
    // verilator lint_on UNUSEDSIGNAL
  end
endmodule
