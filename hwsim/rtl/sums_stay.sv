// Output-stationary: sums stay in the PEs and start from the preloaded bias. Finished sums move to
// shadow registers in the clock after their fold, and drain a row a clock under the next one.

module sums_stay #(
    parameter int ROWS = 4,
    parameter int COLS = 4,
    parameter int LEFT_BITS = 9,
    parameter int TOP_BITS = 9,
    parameter int DROP_BITS = 0,
    parameter int PRODUCT_ROUNDING = hwsim_pkg::FLOOR,
    parameter int BITS = 24,
    parameter int OVERFLOW = hwsim_pkg::SATURATE,
    parameter int WRAP_BITS = 0,
    parameter int LATENCY_MULTIPLIER = 1,
    parameter int LATENCY_PE = 1
) (
    input logic clk,
    input logic rst,
    input logic advance,
    input logic running,
    input logic signed [31:0] clock,
    input logic last_clock,
    input logic signed [31:0] group,
    input logic signed [31:0] row_start,
    input logic signed [31:0] col_start,
    input logic signed [31:0] row_extent,
    input logic [ROWS*LEFT_BITS-1:0] left,
    input logic [COLS*TOP_BITS-1:0] top,
    input logic [COLS*64-1:0] bias,  // of this fold's columns, or 0
    output logic [ROWS*COLS*(BITS+TOP_BITS+LEFT_BITS)-1:0] registers,
    output logic [COLS*BITS-1:0] stored,
    output logic [COLS-1:0] overflowed,
    output logic stored_valid,
    output logic signed [31:0] end_group,
    output logic signed [31:0] end_index,
    output logic signed [31:0] end_col
);
  localparam int CELLS = ROWS * COLS;

  logic [CELLS*LEFT_BITS-1:0] a;
  logic [CELLS*TOP_BITS-1:0] w;
  logic [CELLS*BITS-1:0] sum, sum_load, shadow;
  logic [CELLS-1:0] sum_overflowed, load_overflowed, shadow_overflowed;
  logic finished, draining;
  logic signed [31:0] fold_group, fold_row, fold_col, drain_start, drain;

  assign registers = {sum, w, a};
  for (genvar p = 0; p < CELLS; p++) begin : cell_load
    logic used;
    logic signed [63:0] own;
    // verilator lint_off UNUSEDSIGNAL
    logic signed [63:0] kept;
    // verilator lint_on UNUSEDSIGNAL
    assign used = row_start + p / COLS < row_extent;
    assign own = bias[(p%COLS)*64+:64];
    assign kept = hwsim_pkg::fit(own, BITS, OVERFLOW, WRAP_BITS);
    assign sum_load[p*BITS+:BITS] = used ? kept[BITS-1:0] : '0;
    assign load_overflowed[p] = kept != own;
  end

  systolic_array #(
      .ROWS(ROWS), .COLS(COLS), .A_BITS(LEFT_BITS), .W_BITS(TOP_BITS), .DROP_BITS(DROP_BITS),
      .PRODUCT_ROUNDING(PRODUCT_ROUNDING), .SUM_BITS(BITS), .SUM_OVERFLOW(OVERFLOW),
      .SUM_WRAP_BITS(WRAP_BITS), .SUM_STAYS(1), .LATENCY_MULTIPLIER(LATENCY_MULTIPLIER),
      .LATENCY_PE(LATENCY_PE)
  ) array (
      .clk(clk), .rst(rst), .enable(running && advance), .shift_w(1'b1),
      .load_sum(clock == 0), .a_edge(left), .w_edge(top), .sum_load(sum_load),
      .overflowed_load(load_overflowed), .a(a), .w(w), .sum(sum), .overflowed(sum_overflowed)
  );

  always_ff @(posedge clk)
    if (rst) begin
      finished <= 1'b0;
      draining <= 1'b0;
    end else if (advance) begin
      finished <= running && last_clock;
      fold_group <= group;
      fold_row <= row_start;
      fold_col <= col_start;
      drain <= drain + 1;
      if (drain == ROWS - 1) draining <= 1'b0;
      if (finished) begin
        shadow <= sum;
        shadow_overflowed <= sum_overflowed;
        draining <= 1'b1;
        drain <= '0;
        end_group <= fold_group;
        drain_start <= fold_row;
        end_col <= fold_col;
      end
    end

  assign stored = shadow[drain[15:0]*(COLS*BITS)+:COLS*BITS];
  assign overflowed = shadow_overflowed[drain[15:0]*COLS+:COLS];
  assign end_index = drain_start + drain;
  assign stored_valid = draining && end_index < row_extent;
endmodule
