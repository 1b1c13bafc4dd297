// Both operands of a layer, and which word enters each edge lane in a clock: the skew of a systolic
// array is in the addresses. A lane outside the tile, or before or after its stream, takes 0.
//
//   left   ROWS lanes, the operand that moves right: a, or w where the input stays
//   top    COLS lanes, the operand that shifts down; DOT_PRODUCT: the tile, lane r * COLS + c

module operand_feed #(
    parameter int DATAFLOW = hwsim_pkg::WEIGHT_STATIONARY,
    parameter int ROWS = 4,
    parameter int COLS = 4,
    parameter int LEFT_BITS = 9,
    parameter int TOP_BITS = 9,
    parameter int TOP_LANES = 4,
    parameter int LEFT_DEPTH = 64,
    parameter int TOP_DEPTH = 64,
    parameter int LATENCY_PE = 1  // clocks from a PE to its neighbour
) (
    input logic clk,
    input logic signed [31:0] m,
    input logic signed [31:0] k,
    input logic signed [31:0] n,
    input logic running,
    input logic signed [31:0] clock,
    input logic signed [31:0] length,
    input logic signed [31:0] group,
    input logic signed [31:0] row_start,
    input logic signed [31:0] col_start,
    input logic signed [31:0] row_extent,
    input logic signed [31:0] col_extent,
    input logic left_write,
    input logic [31:0] left_write_address,
    input logic [LEFT_BITS-1:0] left_word,
    input logic top_write,
    input logic [31:0] top_write_address,
    input logic [TOP_BITS-1:0] top_word,
    output logic [ROWS*LEFT_BITS-1:0] left,
    output logic [TOP_LANES*TOP_BITS-1:0] top
);
  localparam int OS = DATAFLOW == hwsim_pkg::OUTPUT_STATIONARY ? 1 : 0;
  localparam int IS = DATAFLOW == hwsim_pkg::INPUT_STATIONARY ? 1 : 0;
  localparam int DP = DATAFLOW == hwsim_pkg::DOT_PRODUCT ? 1 : 0;
  localparam int LOAD = OS + DP == 0 ? ROWS : 0;  // clocks in which the tile shifts in

  logic [ROWS-1:0] left_valid;
  logic [ROWS*32-1:0] left_address;
  logic [TOP_LANES-1:0] top_valid;
  logic [TOP_LANES*32-1:0] top_address;

  for (genvar r = 0; r < ROWS; r++) begin : left_lane
    logic signed [31:0] element, line;
    assign element = clock - LOAD - (DP != 0 ? 0 : LATENCY_PE * r);
    assign line = row_start + r;
    assign left_valid[r] = running && element >= 0 && element < length && line < row_extent;
    if (IS != 0) assign left_address[r*32+:32] = (group * k + line) * n + element;
    else if (OS != 0) assign left_address[r*32+:32] = (group * m + line) * k + element;
    else assign left_address[r*32+:32] = (group * m + element) * k + line;
  end

  for (genvar p = 0; p < TOP_LANES; p++) begin : top_lane
    logic signed [31:0] line, column;
    assign column = col_start + p % COLS;
    if (DP != 0) assign line = row_start + p / COLS;
    else if (OS != 0) assign line = clock - LATENCY_PE * p;
    else assign line = row_start + ROWS - 1 - clock;
    assign top_valid[p] = running && line >= (LOAD != 0 ? row_start : 0) && line < k
        && column < col_extent;
    if (IS != 0) assign top_address[p*32+:32] = (group * m + column) * k + line;
    else assign top_address[p*32+:32] = (group * k + line) * n + column;
  end

  operand_memory #(.BITS(LEFT_BITS), .DEPTH(LEFT_DEPTH), .PORTS(ROWS)) left_memory (
      .clk(clk),
      .write(left_write),
      .write_address(left_write_address),
      .write_data(left_word),
      .valid(left_valid),
      .address(left_address),
      .data(left)
  );
  operand_memory #(.BITS(TOP_BITS), .DEPTH(TOP_DEPTH), .PORTS(TOP_LANES)) top_memory (
      .clk(clk),
      .write(top_write),
      .write_address(top_write_address),
      .write_data(top_word),
      .valid(top_valid),
      .address(top_address),
      .data(top)
  );
endmodule
