// Folds of one layer in order, and the clock within the fold (array/dataflow.Schedule):
// groups, then the outer tiles, then the inner ones; every fold takes the same clocks.
//
//   OUTPUT_STATIONARY   rows m, columns n, stream k; rows outer    K + P (R + C - 2) + X - 1
//   WEIGHT_STATIONARY   rows k, columns n, stream m; columns outer R + M + P (R + C - 2) + X - 1
//   INPUT_STATIONARY    rows k, columns m, stream n; columns outer R + N + P (R + C - 2) + X - 1
//   DOT_PRODUCT         rows k, columns n, stream m; columns outer M + S LEVELS + X - 1
//
// X, P, S: LATENCY_MULTIPLIER, LATENCY_PE, LATENCY_TREE. FIRST is the clock of the fold in which
// the last lane's last store takes in the stream's first element.

module fold_control #(
    parameter int DATAFLOW = hwsim_pkg::WEIGHT_STATIONARY,
    parameter int ROWS = 4,
    parameter int COLS = 4,
    parameter int LATENCY_MULTIPLIER = 1,
    parameter int LATENCY_PE = 1,
    parameter int LATENCY_TREE = 1
) (
    input logic clk,
    input logic rst,
    input logic start,  // one clock; the first compute clock follows
    input logic enable,
    input logic signed [31:0] groups,
    input logic signed [31:0] m,
    input logic signed [31:0] k,
    input logic signed [31:0] n,
    output logic running,
    output logic signed [31:0] clock,  // within the fold
    output logic last_clock,
    output logic full,  // a sum of all rows' products stands at the end of the last lane
    output logic signed [31:0] element,  // of the stream: the one that it is of
    output logic last_fold,
    output logic signed [31:0] group,
    output logic signed [31:0] row_start,
    output logic signed [31:0] col_start,
    output logic signed [31:0] row_extent,
    output logic signed [31:0] col_extent,
    output logic signed [31:0] length  // of the stream
);
  localparam int STREAMS_K = DATAFLOW == hwsim_pkg::OUTPUT_STATIONARY ? 1 : 0;
  localparam int LOADS = DATAFLOW == hwsim_pkg::WEIGHT_STATIONARY
      || DATAFLOW == hwsim_pkg::INPUT_STATIONARY ? 1 : 0;
  localparam int FIRST = LATENCY_MULTIPLIER - 1 + (DATAFLOW == hwsim_pkg::DOT_PRODUCT
      ? LATENCY_TREE * $clog2(ROWS) : LATENCY_PE * (ROWS + COLS - 2) + LOADS * ROWS);

  logic row_ends, col_ends;

  assign row_extent = STREAMS_K != 0 ? m : k;
  assign col_extent = DATAFLOW == hwsim_pkg::INPUT_STATIONARY ? m : n;
  assign length = STREAMS_K != 0 ? k : DATAFLOW == hwsim_pkg::INPUT_STATIONARY ? n : m;

  assign element = clock - FIRST;
  assign full = element >= 0;
  assign last_clock = element == length - 1;
  assign row_ends = row_start + ROWS >= row_extent;
  assign col_ends = col_start + COLS >= col_extent;
  assign last_fold = row_ends && col_ends && group == groups - 1;

  always_ff @(posedge clk)
    if (rst) begin
      running <= 1'b0;
      clock <= '0;
      group <= '0;
      row_start <= '0;
      col_start <= '0;
    end else if (start) begin
      running <= 1'b1;
      clock <= '0;
      group <= '0;
      row_start <= '0;
      col_start <= '0;
    end else if (enable && running) begin
      clock <= last_clock ? '0 : clock + 1;
      if (last_clock) begin
        if (last_fold) running <= 1'b0;
        if (row_ends && col_ends) group <= group + 1;
        if (STREAMS_K != 0) begin  // columns are the inner tiles
          col_start <= col_ends ? '0 : col_start + COLS;
          if (col_ends) row_start <= row_ends ? '0 : row_start + ROWS;
        end else begin
          row_start <= row_ends ? '0 : row_start + ROWS;
          if (row_ends) col_start <= col_ends ? '0 : col_start + COLS;
        end
      end
    end
endmodule
