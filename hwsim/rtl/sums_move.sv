// Sums leave the array: down the columns of a systolic array, or up the trees of dot-product units
// (TREE 1). A beat, COLS sums of one element of the stream, is stored one clock after it stands.

module sums_move #(
    parameter int TREE = 0,
    parameter int ROWS = 4,
    parameter int COLS = 4,
    parameter int LEFT_BITS = 9,
    parameter int TOP_BITS = 9,
    parameter int DROP_BITS = 0,
    parameter int PRODUCT_ROUNDING = hwsim_pkg::FLOOR,
    parameter logic [255:0] CHAIN_BITS = {32{8'd20}},
    parameter int CHAIN_OVERFLOW = hwsim_pkg::WRAP,
    parameter int CHAIN_WRAP_BITS = 0,
    parameter int BITS = 24,
    parameter int OVERFLOW = hwsim_pkg::SATURATE,
    parameter int WRAP_BITS = 0,
    parameter int DEPTH = 16,
    parameter int LATENCY_MULTIPLIER = 1,
    parameter int LATENCY_PE = 1,
    parameter int LATENCY_TREE = 1,
    // these follow from the others
    parameter int TOP_LANES = TREE != 0 ? ROWS * COLS : COLS,
    parameter int NODES = hwsim_pkg::first_node(ROWS, $clog2(ROWS)) + 1,
    parameter int ROOT_LEVEL = TREE != 0 && ROWS > 1 ? $clog2(ROWS) - 1 : 0,
    parameter int SUM_BITS = {24'd0, CHAIN_BITS[8*ROOT_LEVEL+:8]},
    parameter int REGISTERS = TREE != 0
        ? COLS * (NODES * 64 + ROWS * TOP_BITS) : ROWS * COLS * (SUM_BITS + TOP_BITS + LEFT_BITS)
) (
    input logic clk,
    input logic rst,
    input logic advance,
    input logic running,
    input logic signed [31:0] clock,
    input logic full,
    input logic signed [31:0] element,
    input logic signed [31:0] group,
    input logic signed [31:0] row_start,
    input logic signed [31:0] col_start,
    input logic signed [31:0] row_extent,
    input logic [ROWS*LEFT_BITS-1:0] left,
    input logic [TOP_LANES*TOP_BITS-1:0] top,
    input logic [COLS*64-1:0] bias,  // of the beat, or 0
    output logic [REGISTERS-1:0] registers,
    output logic signed [31:0] start_group,  // of the beat that stands
    output logic signed [31:0] start_index,
    output logic signed [31:0] start_col,
    output logic [COLS*BITS-1:0] stored,
    output logic [COLS-1:0] chain_overflowed,
    output logic [COLS-1:0] overflowed,
    output logic stored_valid,
    output logic end_last,  // no product is missing
    output logic signed [31:0] end_group,
    output logic signed [31:0] end_index,
    output logic signed [31:0] end_col
);
  logic [COLS*SUM_BITS-1:0] aligned;
  logic [COLS-1:0] aligned_overflowed;
  logic beat, beat_first, beat_last;

  if (TREE != 0) begin : tree
    logic [COLS*ROWS*TOP_BITS-1:0] w;
    logic [COLS*NODES*64-1:0] nodes;
    assign registers = {nodes, w};
    for (genvar c = 0; c < COLS; c++) begin : col
      logic [ROWS*TOP_BITS-1:0] tile;
      for (genvar r = 0; r < ROWS; r++) begin : lane
        assign tile[r*TOP_BITS+:TOP_BITS] = top[(r*COLS+c)*TOP_BITS+:TOP_BITS];
      end
      dot_product_unit #(
          .LANES(ROWS), .A_BITS(LEFT_BITS), .W_BITS(TOP_BITS), .DROP_BITS(DROP_BITS),
          .PRODUCT_ROUNDING(PRODUCT_ROUNDING), .LEVEL_BITS(CHAIN_BITS),
          .SUM_OVERFLOW(CHAIN_OVERFLOW), .SUM_WRAP_BITS(CHAIN_WRAP_BITS),
          .LATENCY_MULTIPLIER(LATENCY_MULTIPLIER), .LATENCY_TREE(LATENCY_TREE)
      ) unit (
          .clk(clk), .rst(rst), .enable(running && advance), .load_w(clock == 0),
          .a_in(left), .w_in(tile), .w(w[c*ROWS*TOP_BITS+:ROWS*TOP_BITS]),
          .nodes(nodes[c*NODES*64+:NODES*64]), .overflowed(aligned_overflowed[c])
      );
      assign aligned[c*SUM_BITS+:SUM_BITS] = nodes[(c*NODES+NODES-1)*64+:SUM_BITS];
    end
  end else begin : column
    logic [ROWS*COLS*LEFT_BITS-1:0] a;
    logic [ROWS*COLS*TOP_BITS-1:0] w;
    logic [ROWS*COLS*SUM_BITS-1:0] sum;
    logic [ROWS*COLS-1:0] sum_overflowed;
    assign registers = {sum, w, a};
    systolic_array #(
        .ROWS(ROWS), .COLS(COLS), .A_BITS(LEFT_BITS), .W_BITS(TOP_BITS), .DROP_BITS(DROP_BITS),
        .PRODUCT_ROUNDING(PRODUCT_ROUNDING), .SUM_BITS(SUM_BITS), .SUM_OVERFLOW(CHAIN_OVERFLOW),
        .SUM_WRAP_BITS(CHAIN_WRAP_BITS), .SUM_STAYS(0), .LATENCY_MULTIPLIER(LATENCY_MULTIPLIER),
        .LATENCY_PE(LATENCY_PE)
    ) array (
        .clk(clk), .rst(rst), .enable(running && advance), .shift_w(clock < ROWS),
        .load_sum(1'b0), .a_edge(left), .w_edge(top),
        .sum_load({(ROWS * COLS * SUM_BITS) {1'b0}}), .overflowed_load({(ROWS * COLS) {1'b0}}),
        .a(a), .w(w), .sum(sum), .overflowed(sum_overflowed)
    );
    deskew #(.COLS(COLS), .BITS(SUM_BITS), .HOP(LATENCY_PE)) sums (
        .clk(clk), .rst(rst), .enable(running && advance),
        .skewed(sum[(ROWS-1)*COLS*SUM_BITS+:COLS*SUM_BITS]), .aligned(aligned)
    );
    deskew #(.COLS(COLS), .BITS(1), .HOP(LATENCY_PE)) flags (
        .clk(clk), .rst(rst), .enable(running && advance),
        .skewed(sum_overflowed[(ROWS-1)*COLS+:COLS]), .aligned(aligned_overflowed)
    );
    if (ROWS > 1) begin : upper_rows
      // verilator lint_off UNUSEDSIGNAL
      logic unused;
      assign unused = |sum_overflowed;
      // verilator lint_on UNUSEDSIGNAL
    end
  end

  always_ff @(posedge clk)
    if (rst) begin
      beat <= 1'b0;
      stored_valid <= 1'b0;
      end_last <= 1'b0;
    end else if (advance) begin
      beat <= running && full;
      start_index <= element;
      beat_first <= row_start == 0;
      beat_last <= row_start + ROWS >= row_extent;
      start_group <= group;
      start_col <= col_start;
      stored_valid <= beat;
      end_last <= beat_last;
      end_index <= start_index;
      end_group <= start_group;
      end_col <= start_col;
    end

  accumulator_memory #(
      .LANES(COLS), .DEPTH(DEPTH), .ADDEND_BITS(SUM_BITS), .BITS(BITS),
      .OVERFLOW(OVERFLOW), .WRAP_BITS(WRAP_BITS)
  ) accumulators (
      .clk(clk), .enable(advance), .write(beat), .first(beat_first), .address(start_index),
      .start(bias), .addend(aligned), .addend_overflowed(aligned_overflowed), .stored(stored),
      .chain_overflowed(chain_overflowed), .overflowed(overflowed)
  );
endmodule
