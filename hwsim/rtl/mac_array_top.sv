// One layer of one image on the array: operands and channel records in by valid/ready streams, in
// natural order; then all folds under the control of this module; codes out by a valid/ready
// stream. A clock in which a beat of codes waits is no clock of the array.
//
//   a        a[g][m][k], as the PEs multiply it (zero point subtracted or left in)
//   w        w[g][k][n]
//   channel  one record for each g * N + n:
//            {add 64, shift 8, multiplier 32, w_zero_point 64, bias 64}, bias in the lowest bits
//   code     COLS lanes a beat, `code_keep` says which hold an output. Lane c is output
//            (code_row, code_col + c), where columns are n; (code_row + c, code_col), where they
//            are m (input-stationary). Flags of a lane: `code_lost` (an intermediate of the
//            requantizer), `code_clipped` (by the output format), `code_chain_overflow` and
//            `code_accumulator_overflow` (at least one store of that register on the way).
//
// Before the streams: `start` for one clock; sizes and layer constants hold until `done`.
// `cycles` counts compute clocks: Schedule.cycles at the end.

module mac_array_top #(
    parameter int DATAFLOW = hwsim_pkg::WEIGHT_STATIONARY,
    parameter int ROWS = 4,
    parameter int COLS = 4,
    parameter int A_BITS = 9,
    parameter int W_BITS = 9,
    parameter int DROP_BITS = 0,
    parameter int PRODUCT_ROUNDING = hwsim_pkg::FLOOR,
    parameter logic [255:0] CHAIN_BITS = {32{8'd20}},  // 8 bits a tree level; a column: the lowest
    parameter int CHAIN_OVERFLOW = hwsim_pkg::WRAP,
    parameter int CHAIN_WRAP_BITS = 0,
    parameter int ACC_BITS = 24,
    parameter int ACC_OVERFLOW = hwsim_pkg::SATURATE,
    parameter int ACC_WRAP_BITS = 0,
    parameter int CHECK_FINAL = 0,
    parameter int BIAS_LAST = 0,
    parameter int ROW_SUM = 0,
    parameter int SCHEME = hwsim_pkg::MULTIPLIER_SHIFT,
    parameter int ROUNDING = hwsim_pkg::HALF_UP,
    parameter int NARROW = 0,
    parameter int NARROW_SHIFT = 0,
    parameter int NARROW_ROUNDING = hwsim_pkg::HALF_AWAY,
    parameter int NARROW_BITS = 32,
    parameter int NARROW_OVERFLOW = hwsim_pkg::SATURATE,
    parameter int NARROW_WRAP_BITS = 0,
    parameter logic [31:0] LFSR_POLYNOMIAL = 32'h80200003,
    parameter logic [31:0] LFSR_SEED = 32'd1,
    parameter int OUT_BITS = 8,
    parameter int LATENCY_MULTIPLIER = 1,  // registers, 1 to 4: see pe, systolic_array,
    parameter int LATENCY_PE = 1,  // dot_product_unit and requantize
    parameter int LATENCY_TREE = 1,
    parameter int LATENCY_REQUANTIZE = 1,
    parameter int A_DEPTH = 64,  // capacities: G * M * K
    parameter int W_DEPTH = 64,  // G * K * N
    parameter int CHANNELS = 16,  // G * N
    parameter int PIXELS = 16,  // G * M
    parameter int ACC_DEPTH = 16  // M, or N where the input stays
) (
    input logic clk,
    input logic rst,
    input logic start,
    input logic signed [31:0] groups, m, k, n,
    input logic signed [31:0] zero_point,
    input logic signed [63:0] clamp_lo, clamp_hi,
    input logic signed [31:0] out_lo, out_hi,
    input logic a_valid,
    output logic a_ready,
    input logic [A_BITS-1:0] a_data,
    input logic w_valid,
    output logic w_ready,
    input logic [W_BITS-1:0] w_data,
    input logic channel_valid,
    output logic channel_ready,
    input logic [231:0] channel_data,
    output logic code_valid,
    input logic code_ready,
    output logic [COLS*OUT_BITS-1:0] code_data,
    output logic [COLS-1:0] code_keep, code_lost, code_clipped,
    output logic [COLS-1:0] code_chain_overflow, code_accumulator_overflow,
    output logic signed [31:0] code_group, code_row, code_col,
    output logic done,
    output logic [63:0] cycles
);
  localparam int OS = DATAFLOW == hwsim_pkg::OUTPUT_STATIONARY ? 1 : 0;
  localparam int IS = DATAFLOW == hwsim_pkg::INPUT_STATIONARY ? 1 : 0;
  localparam int DP = DATAFLOW == hwsim_pkg::DOT_PRODUCT ? 1 : 0;
  localparam int LEFT_BITS = IS != 0 ? W_BITS : A_BITS;  // the operand that moves right
  localparam int TOP_BITS = IS != 0 ? A_BITS : W_BITS;
  localparam int TOP_LANES = DP != 0 ? ROWS * COLS : COLS;
  localparam int RECORD = 232;
  // the accumulator while it adds
  localparam int ADDING_BITS = CHECK_FINAL != 0 ? 64 : ACC_BITS;
  localparam int ADDING_OVERFLOW = CHECK_FINAL != 0 ? hwsim_pkg::SATURATE : ACC_OVERFLOW;
  localparam int ADDING_WRAP_BITS = CHECK_FINAL != 0 ? 0 : ACC_WRAP_BITS;
  localparam int SUM_BITS = OS != 0 ? ADDING_BITS : {24'd0, CHAIN_BITS[7:0]};
  localparam int NODES = hwsim_pkg::first_node(ROWS, $clog2(ROWS)) + 1;
  localparam int REGISTERS = DP != 0
      ? COLS * (NODES * 64 + ROWS * TOP_BITS) : ROWS * COLS * (SUM_BITS + TOP_BITS + LEFT_BITS);

  // ---- control
  logic advance, running, a_take, w_take;
  logic signed [31:0] a_count, w_count, channel_count, clock, length;
  logic signed [31:0] group, row_start, col_start, row_extent, col_extent;
  // verilator lint_off UNUSEDSIGNAL
  // for observers, or one of the dataflows
  logic flushing, last_clock, full;
  logic signed [31:0] element;
  logic [COLS-1:0] start_keep;
  // verilator lint_on UNUSEDSIGNAL

  assign advance = !(code_valid && !code_ready);
  assign a_take = a_valid && a_ready;
  assign w_take = w_valid && w_ready;

  layer_control #(
      .DATAFLOW(DATAFLOW), .ROWS(ROWS), .COLS(COLS), .LATENCY_MULTIPLIER(LATENCY_MULTIPLIER),
      .LATENCY_PE(LATENCY_PE), .LATENCY_TREE(LATENCY_TREE), .LATENCY_REQUANTIZE(LATENCY_REQUANTIZE)
  ) control (
      .clk(clk), .rst(rst), .start(start), .advance(advance),
      .groups(groups), .m(m), .k(k), .n(n),
      .a_valid(a_valid), .w_valid(w_valid), .channel_valid(channel_valid),
      .a_ready(a_ready), .w_ready(w_ready), .channel_ready(channel_ready),
      .a_count(a_count), .w_count(w_count), .channel_count(channel_count),
      .running(running), .flushing(flushing), .done(done), .cycles(cycles),
      .clock(clock), .last_clock(last_clock), .full(full), .element(element),
      .group(group), .row_start(row_start), .col_start(col_start),
      .row_extent(row_extent), .col_extent(col_extent), .length(length)
  );

  // ---- operands at both edges
  logic [ROWS*LEFT_BITS-1:0] left;
  logic [TOP_LANES*TOP_BITS-1:0] top;

  operand_feed #(
      .DATAFLOW(DATAFLOW), .ROWS(ROWS), .COLS(COLS), .LEFT_BITS(LEFT_BITS), .TOP_BITS(TOP_BITS),
      .TOP_LANES(TOP_LANES), .LEFT_DEPTH(IS != 0 ? W_DEPTH : A_DEPTH),
      .TOP_DEPTH(IS != 0 ? A_DEPTH : W_DEPTH), .LATENCY_PE(LATENCY_PE)
  ) feed (
      .clk(clk), .m(m), .k(k), .n(n), .running(running), .clock(clock), .length(length),
      .group(group), .row_start(row_start), .col_start(col_start),
      .row_extent(row_extent), .col_extent(col_extent),
      .left_write(IS != 0 ? w_take : a_take),
      .left_write_address(IS != 0 ? w_count : a_count),
      .left_word(IS != 0 ? LEFT_BITS'(w_data) : LEFT_BITS'(a_data)),
      .top_write(IS != 0 ? a_take : w_take),
      .top_write_address(IS != 0 ? a_count : w_count),
      .top_word(IS != 0 ? TOP_BITS'(a_data) : TOP_BITS'(w_data)),
      .left(left), .top(top)
  );

  // ---- channel records of sums that start, and of sums that end
  logic signed [31:0] start_group, start_col, start_index, end_group, end_col, end_index;
  logic [COLS*64-1:0] start_bias, row_sum, first_store;
  logic [COLS-1:0] end_keep;
  logic [COLS*RECORD-1:0] end_record;

  channel_records #(
      .COLS(COLS), .A_BITS(A_BITS), .CHANNELS(CHANNELS), .PIXELS(PIXELS), .COLUMNS_M(IS),
      .ROW_SUM(ROW_SUM)
  ) records (
      .clk(clk), .start(start), .m(m), .k(k), .n(n), .col_extent(col_extent),
      .channel_take(channel_valid && channel_ready), .channel_count(channel_count),
      .channel_data(channel_data), .a_take(a_take), .a_data(a_data),
      .start_group(start_group), .start_col(start_col), .start_index(start_index),
      .end_group(end_group), .end_col(end_col), .end_index(end_index),
      .start_bias(start_bias), .start_keep(start_keep),
      .end_record(end_record), .end_keep(end_keep), .row_sum(row_sum)
  );
  assign first_store = BIAS_LAST != 0 ? '0 : start_bias;

  // ---- the array; `registers` is every register of it, for observers
  logic [COLS*ADDING_BITS-1:0] stored;  // sums that were stored, before the stores after all products
  logic [COLS-1:0] chain_overflowed, overflowed;
  logic stored_valid, end_last, end_valid;
  // verilator lint_off UNUSEDSIGNAL
  logic [REGISTERS-1:0] registers;
  // verilator lint_on UNUSEDSIGNAL

  assign end_valid = stored_valid && end_last;

  if (OS != 0) begin : sums_stay
    assign start_group = group;
    assign start_col = col_start;
    assign start_index = '0;
    assign end_last = 1'b1;
    assign chain_overflowed = '0;
    sums_stay #(
        .ROWS(ROWS), .COLS(COLS), .LEFT_BITS(LEFT_BITS), .TOP_BITS(TOP_BITS),
        .DROP_BITS(DROP_BITS), .PRODUCT_ROUNDING(PRODUCT_ROUNDING), .BITS(ADDING_BITS),
        .OVERFLOW(ADDING_OVERFLOW), .WRAP_BITS(ADDING_WRAP_BITS),
        .LATENCY_MULTIPLIER(LATENCY_MULTIPLIER), .LATENCY_PE(LATENCY_PE)
    ) half (
        .clk(clk), .rst(rst), .advance(advance), .running(running), .clock(clock),
        .last_clock(last_clock), .group(group), .row_start(row_start), .col_start(col_start),
        .row_extent(row_extent), .left(left), .top(top), .bias(first_store),
        .registers(registers), .stored(stored), .overflowed(overflowed),
        .stored_valid(stored_valid), .end_group(end_group), .end_index(end_index),
        .end_col(end_col)
    );
  end else begin : sums_move
    sums_move #(
        .TREE(DP), .ROWS(ROWS), .COLS(COLS), .LEFT_BITS(LEFT_BITS), .TOP_BITS(TOP_BITS),
        .DROP_BITS(DROP_BITS), .PRODUCT_ROUNDING(PRODUCT_ROUNDING), .CHAIN_BITS(CHAIN_BITS),
        .CHAIN_OVERFLOW(CHAIN_OVERFLOW), .CHAIN_WRAP_BITS(CHAIN_WRAP_BITS), .BITS(ADDING_BITS),
        .OVERFLOW(ADDING_OVERFLOW), .WRAP_BITS(ADDING_WRAP_BITS), .DEPTH(ACC_DEPTH),
        .LATENCY_MULTIPLIER(LATENCY_MULTIPLIER), .LATENCY_PE(LATENCY_PE),
        .LATENCY_TREE(LATENCY_TREE)
    ) half (
        .clk(clk), .rst(rst), .advance(advance), .running(running), .clock(clock), .full(full),
        .element(element), .group(group), .row_start(row_start), .col_start(col_start),
        .row_extent(row_extent), .left(left), .top(top), .bias(first_store),
        .registers(registers), .start_group(start_group), .start_index(start_index),
        .start_col(start_col), .stored(stored), .chain_overflowed(chain_overflowed),
        .overflowed(overflowed), .stored_valid(stored_valid), .end_last(end_last),
        .end_group(end_group), .end_index(end_index), .end_col(end_col)
    );
  end

  // ---- sums that end: last stores, requantization, the stream of codes
  // verilator lint_off UNUSEDSIGNAL
  logic [COLS*64-1:0] final_sum;  // for observers
  // verilator lint_on UNUSEDSIGNAL

  for (genvar c = 0; c < COLS; c++) begin : lane
    output_lane #(
        .BITS(ADDING_BITS), .OVERFLOW(ADDING_OVERFLOW), .WRAP_BITS(ADDING_WRAP_BITS),
        .ROW_SUM(ROW_SUM), .BIAS_LAST(BIAS_LAST), .CHECK_FINAL(CHECK_FINAL),
        .FINAL_BITS(ACC_BITS), .FINAL_OVERFLOW(ACC_OVERFLOW), .FINAL_WRAP_BITS(ACC_WRAP_BITS),
        .SCHEME(SCHEME), .ROUNDING(ROUNDING), .NARROW(NARROW), .NARROW_SHIFT(NARROW_SHIFT),
        .NARROW_ROUNDING(NARROW_ROUNDING), .NARROW_BITS(NARROW_BITS),
        .NARROW_OVERFLOW(NARROW_OVERFLOW), .NARROW_WRAP_BITS(NARROW_WRAP_BITS),
        .LFSR_POLYNOMIAL(LFSR_POLYNOMIAL),
        .LFSR_START(LFSR_SEED + c == 32'd0 ? 32'd1 : LFSR_SEED + c), .OUT_BITS(OUT_BITS),
        .LATENCY_REQUANTIZE(LATENCY_REQUANTIZE)
    ) output_stage (
        .clk(clk), .start(start), .enable(advance), .keep(end_valid && end_keep[c]),
        .stored(stored[c*ADDING_BITS+:ADDING_BITS]),
        .chain_overflowed(chain_overflowed[c]), .overflowed(overflowed[c]),
        .row_sum(row_sum[c*64+:64]), .record(end_record[c*RECORD+:RECORD]), .zero_point(zero_point),
        .clamp_lo(clamp_lo), .clamp_hi(clamp_hi), .out_lo(out_lo), .out_hi(out_hi),
        .final_sum(final_sum[c*64+:64]), .code(code_data[c*OUT_BITS+:OUT_BITS]),
        .lost(code_lost[c]), .clipped(code_clipped[c]), .chain_overflow(code_chain_overflow[c]),
        .accumulator_overflow(code_accumulator_overflow[c])
    );
  end

  delay #(.BITS(COLS + 97), .CLOCKS(LATENCY_REQUANTIZE)) places (
      .clk(clk), .rst(rst), .enable(advance),
      .d({end_valid, end_keep, end_group, IS != 0 ? {end_col, end_index} : {end_index, end_col}}),
      .q({code_valid, code_keep, code_group, code_row, code_col})
  );
endmodule
