// One layer from `start` to `done`: streams in, each counted to the layer's size; then all folds;
// then LATENCY clocks until the last code stands. `cycles` counts the clocks of folds.

module layer_control #(
    parameter int DATAFLOW = hwsim_pkg::WEIGHT_STATIONARY,
    parameter int ROWS = 4,
    parameter int COLS = 4,
    parameter int LATENCY_MULTIPLIER = 1,
    parameter int LATENCY_PE = 1,
    parameter int LATENCY_TREE = 1,
    parameter int LATENCY_REQUANTIZE = 1
) (
    input logic clk,
    input logic rst,
    input logic start,
    input logic advance,  // 0: no clock of the array
    input logic signed [31:0] groups, m, k, n,
    input logic a_valid, w_valid, channel_valid,
    output logic a_ready, w_ready, channel_ready,
    output logic signed [31:0] a_count, w_count, channel_count,
    output logic running,
    output logic flushing,
    output logic done,
    output logic [63:0] cycles,
    output logic signed [31:0] clock,  // this one and those below: as in fold_control
    output logic last_clock,
    output logic full,
    output logic signed [31:0] element,
    output logic signed [31:0] group, row_start, col_start, row_extent, col_extent, length
);
  localparam int LATENCY =
      LATENCY_REQUANTIZE + (DATAFLOW == hwsim_pkg::OUTPUT_STATIONARY ? ROWS : 1);

  logic loading, all_here, ending, last_fold;
  logic signed [31:0] flush_count;

  assign a_ready = loading && a_count != groups * m * k;
  assign w_ready = loading && w_count != groups * k * n;
  assign channel_ready = loading && channel_count != groups * n;
  assign all_here = loading && !a_ready && !w_ready && !channel_ready;
  assign ending = flushing && advance && flush_count == LATENCY - 1;

  fold_control #(
      .DATAFLOW(DATAFLOW), .ROWS(ROWS), .COLS(COLS), .LATENCY_MULTIPLIER(LATENCY_MULTIPLIER),
      .LATENCY_PE(LATENCY_PE), .LATENCY_TREE(LATENCY_TREE)
  ) folds (
      .clk(clk), .rst(rst), .start(all_here), .enable(advance),
      .groups(groups), .m(m), .k(k), .n(n),
      .running(running), .clock(clock), .last_clock(last_clock), .last_fold(last_fold),
      .full(full), .element(element), .group(group), .row_start(row_start), .col_start(col_start),
      .row_extent(row_extent), .col_extent(col_extent), .length(length)
  );

  always_ff @(posedge clk)
    if (rst) begin
      loading <= 1'b0;
      flushing <= 1'b0;
      done <= 1'b0;
      a_count <= '0;
      w_count <= '0;
      channel_count <= '0;
      flush_count <= '0;
      cycles <= '0;
    end else begin
      done <= ending;
      if (start) begin
        loading <= 1'b1;
        a_count <= '0;
        w_count <= '0;
        channel_count <= '0;
        cycles <= '0;
      end
      if (a_valid && a_ready) a_count <= a_count + 1;
      if (w_valid && w_ready) w_count <= w_count + 1;
      if (channel_valid && channel_ready) channel_count <= channel_count + 1;
      if (all_here) loading <= 1'b0;
      if (running && advance) begin
        cycles <= cycles + 64'd1;
        if (last_clock && last_fold) begin
          flushing <= 1'b1;
          flush_count <= '0;
        end
      end
      if (flushing && advance) flush_count <= flush_count + 1;
      if (ending) flushing <= 1'b0;
    end
endmodule
