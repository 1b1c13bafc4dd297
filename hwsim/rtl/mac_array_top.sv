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
//            are m (input-stationary).
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
    parameter int A_DEPTH = 64,  // capacities: G * M * K
    parameter int W_DEPTH = 64,  // G * K * N
    parameter int CHANNELS = 16,  // G * N
    parameter int PIXELS = 16,  // G * M
    parameter int ACC_DEPTH = 16  // M, or N where the input stays
) (
    input logic clk,
    input logic rst,
    input logic start,
    input logic signed [31:0] groups,
    input logic signed [31:0] m,
    input logic signed [31:0] k,
    input logic signed [31:0] n,
    input logic signed [31:0] zero_point,
    input logic signed [63:0] clamp_lo,
    input logic signed [63:0] clamp_hi,
    input logic signed [31:0] out_lo,
    input logic signed [31:0] out_hi,
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
    output logic [COLS-1:0] code_keep,
    output logic [COLS-1:0] code_lost,
    output logic [COLS-1:0] code_clipped,
    output logic signed [31:0] code_group,
    output logic signed [31:0] code_row,
    output logic signed [31:0] code_col,
    output logic done,
    output logic [63:0] cycles
);
  localparam int OS = DATAFLOW == hwsim_pkg::OUTPUT_STATIONARY ? 1 : 0;
  localparam int IS = DATAFLOW == hwsim_pkg::INPUT_STATIONARY ? 1 : 0;
  localparam int DP = DATAFLOW == hwsim_pkg::DOT_PRODUCT ? 1 : 0;
  localparam int LEVELS = $clog2(ROWS);
  localparam int LEFT_BITS = IS != 0 ? W_BITS : A_BITS;  // the operand that moves right
  localparam int TOP_BITS = IS != 0 ? A_BITS : W_BITS;
  localparam int TOP_LANES = DP != 0 ? ROWS * COLS : COLS;
  localparam int RECORD = 232;
  localparam int LATENCY = OS != 0 ? ROWS + 1 : 2;
  // the accumulator while it adds
  localparam int ADDING_BITS = CHECK_FINAL != 0 ? 64 : ACC_BITS;
  localparam int ADDING_OVERFLOW = CHECK_FINAL != 0 ? hwsim_pkg::SATURATE : ACC_OVERFLOW;
  localparam int ADDING_WRAP_BITS = CHECK_FINAL != 0 ? 0 : ACC_WRAP_BITS;
  localparam int ROOT_LEVEL = DP != 0 && LEVELS > 0 ? LEVELS - 1 : 0;
  localparam int ROOT_BITS = {24'd0, CHAIN_BITS[8*ROOT_LEVEL+:8]};
  localparam int SUM_BITS = OS != 0 ? ADDING_BITS : ROOT_BITS;

  localparam int NODES = hwsim_pkg::first_node(ROWS, LEVELS) + 1;
  localparam int REGISTERS = DP != 0
      ? COLS * (NODES * 64 + ROWS * TOP_BITS) : ROWS * COLS * (SUM_BITS + TOP_BITS + LEFT_BITS);

  // ---- streams in, each counted to the layer's size
  logic loading, flushing, advance, ending, all_here;
  logic signed [31:0] a_count, w_count, channel_count, flush_count;
  logic a_take, w_take, channel_take;

  assign a_ready = loading && a_count != groups * m * k;
  assign w_ready = loading && w_count != groups * k * n;
  assign channel_ready = loading && channel_count != groups * n;
  assign a_take = a_valid && a_ready;
  assign w_take = w_valid && w_ready;
  assign channel_take = channel_valid && channel_ready;
  assign all_here = loading && !a_ready && !w_ready && !channel_ready;
  assign advance = !(code_valid && !code_ready);

  // ---- folds
  logic running, last_clock, last_fold;
  logic signed [31:0] clock, group, row_start, col_start, row_extent, col_extent, length;

  fold_control #(.DATAFLOW(DATAFLOW), .ROWS(ROWS), .COLS(COLS)) control (
      .clk(clk), .rst(rst), .start(all_here), .enable(advance),
      .groups(groups), .m(m), .k(k), .n(n),
      .running(running), .clock(clock), .last_clock(last_clock), .last_fold(last_fold),
      .group(group), .row_start(row_start), .col_start(col_start),
      .row_extent(row_extent), .col_extent(col_extent), .length(length)
  );

  assign ending = flushing && advance && flush_count == LATENCY - 1;
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
      if (a_take) a_count <= a_count + 1;
      if (w_take) w_count <= w_count + 1;
      if (channel_take) channel_count <= channel_count + 1;
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

  // ---- operands at both edges
  logic [ROWS*LEFT_BITS-1:0] left;
  logic [TOP_LANES*TOP_BITS-1:0] top;

  operand_feed #(
      .DATAFLOW(DATAFLOW), .ROWS(ROWS), .COLS(COLS), .LEFT_BITS(LEFT_BITS), .TOP_BITS(TOP_BITS),
      .TOP_LANES(TOP_LANES), .LEFT_DEPTH(IS != 0 ? W_DEPTH : A_DEPTH),
      .TOP_DEPTH(IS != 0 ? A_DEPTH : W_DEPTH)
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

  // ---- channel records: ports 0..COLS-1 where sums start, the others where they end
  logic [2*COLS-1:0] record_valid;
  logic [2*COLS*32-1:0] record_address;
  // verilator lint_off UNUSEDSIGNAL
  logic [2*COLS*RECORD-1:0] record;  // where sums start, the bias alone is read
  logic [COLS-1:0] end_keep;
  logic [COLS*32-1:0] pixel_address;
  // verilator lint_on UNUSEDSIGNAL
  logic [COLS*64-1:0] row_sum;
  logic signed [31:0] start_group, start_col, start_index, end_group, end_col, end_index;

  for (genvar p = 0; p < 2 * COLS; p++) begin : record_lane
    logic signed [31:0] of_group, line, element;
    assign of_group = p < COLS ? start_group : end_group;
    assign line = (p < COLS ? start_col : end_col) + p % COLS;
    assign element = p < COLS ? start_index : end_index;
    assign record_valid[p] = line < col_extent;
    assign record_address[p*32+:32] = of_group * n + (IS != 0 ? element : line);
    if (p >= COLS) begin : ends
      assign end_keep[p-COLS] = line < col_extent;
      assign pixel_address[(p-COLS)*32+:32] = of_group * m + (IS != 0 ? line : element);
    end
  end

  operand_memory #(.BITS(RECORD), .DEPTH(CHANNELS), .PORTS(2 * COLS)) channels (
      .clk(clk), .write(channel_take), .write_address(channel_count), .write_data(channel_data),
      .valid(record_valid), .address(record_address), .data(record)
  );

  if (ROW_SUM != 0) begin : corrected
    row_sums #(.A_BITS(A_BITS), .PIXELS(PIXELS), .PORTS(COLS)) sums (
        .clk(clk), .start(start), .k(k), .take(a_take), .a_word(a_data),
        .valid(end_keep), .address(pixel_address), .data(row_sum)
    );
  end else begin : uncorrected
    assign row_sum = '0;
  end

  // ---- the array; `registers` is every register of it, for observers
  logic [COLS*64-1:0] first_store;  // preloaded bias, or 0
  logic [COLS*ADDING_BITS-1:0] stored;  // sums that end, before the stores after all products
  logic end_valid;
  // verilator lint_off UNUSEDSIGNAL
  logic stored_valid;
  logic [REGISTERS-1:0] registers;
  // verilator lint_on UNUSEDSIGNAL

  for (genvar c = 0; c < COLS; c++) begin : preload
    assign first_store[c*64+:64] = BIAS_LAST != 0 ? 64'd0 : record[c*RECORD+:64];
  end

  if (OS != 0) begin : sums_stay
    logic [ROWS*COLS*LEFT_BITS-1:0] a;
    logic [ROWS*COLS*TOP_BITS-1:0] w;
    logic [ROWS*COLS*SUM_BITS-1:0] sum, sum_load, shadow;
    logic finished, draining;
    logic signed [31:0] fold_group, fold_row, fold_col, drain_group, drain_start, drain_col, drain;

    assign registers = {sum, w, a};
    assign start_group = group;
    assign start_col = col_start;
    assign start_index = '0;
    for (genvar p = 0; p < ROWS * COLS; p++) begin : cell_load
      // verilator lint_off UNUSEDSIGNAL
      logic signed [63:0] bias;
      // verilator lint_on UNUSEDSIGNAL
      assign bias = hwsim_pkg::fit(
          $signed(first_store[(p%COLS)*64+:64]), SUM_BITS, ADDING_OVERFLOW, ADDING_WRAP_BITS);
      assign sum_load[p*SUM_BITS+:SUM_BITS] =
          row_start + p / COLS < row_extent ? bias[SUM_BITS-1:0] : '0;
    end

    systolic_array #(
        .ROWS(ROWS), .COLS(COLS), .A_BITS(LEFT_BITS), .W_BITS(TOP_BITS), .DROP_BITS(DROP_BITS),
        .PRODUCT_ROUNDING(PRODUCT_ROUNDING), .SUM_BITS(SUM_BITS), .SUM_OVERFLOW(ADDING_OVERFLOW),
        .SUM_WRAP_BITS(ADDING_WRAP_BITS), .SUM_STAYS(1)
    ) array (
        .clk(clk), .rst(rst), .enable(running && advance), .shift_w(1'b1),
        .load_sum(clock == 0), .a_edge(left), .w_edge(top), .sum_load(sum_load),
        .a(a), .w(w), .sum(sum)
    );

    // finished sums move to the shadow registers in the next clock, and drain a row a clock
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
          draining <= 1'b1;
          drain <= '0;
          drain_group <= fold_group;
          drain_start <= fold_row;
          drain_col <= fold_col;
        end
      end

    assign stored = shadow[drain[15:0]*(COLS*SUM_BITS)+:COLS*SUM_BITS];
    assign end_index = drain_start + drain;
    assign end_valid = draining && end_index < row_extent;
    assign stored_valid = end_valid;
    assign end_group = drain_group;
    assign end_col = drain_col;
  end else begin : sums_move
    localparam int FIRST = DP != 0 ? LEVELS : 2 * ROWS + COLS - 2;  // clock of the first full sum
    logic [COLS*SUM_BITS-1:0] aligned;
    logic beat, beat_first, beat_last, end_last;
    logic signed [31:0] beat_index, beat_group, beat_col;

    if (DP != 0) begin : tree
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
            .SUM_OVERFLOW(CHAIN_OVERFLOW), .SUM_WRAP_BITS(CHAIN_WRAP_BITS)
        ) unit (
            .clk(clk), .rst(rst), .enable(running && advance), .load_w(clock == 0),
            .a_in(left), .w_in(tile), .w(w[c*ROWS*TOP_BITS+:ROWS*TOP_BITS]),
            .nodes(nodes[c*NODES*64+:NODES*64])
        );
        assign aligned[c*SUM_BITS+:SUM_BITS] = nodes[(c*NODES+NODES-1)*64+:SUM_BITS];
      end
    end else begin : column
      logic [ROWS*COLS*LEFT_BITS-1:0] a;
      logic [ROWS*COLS*TOP_BITS-1:0] w;
      logic [ROWS*COLS*SUM_BITS-1:0] sum;
      assign registers = {sum, w, a};
      systolic_array #(
          .ROWS(ROWS), .COLS(COLS), .A_BITS(LEFT_BITS), .W_BITS(TOP_BITS), .DROP_BITS(DROP_BITS),
          .PRODUCT_ROUNDING(PRODUCT_ROUNDING), .SUM_BITS(SUM_BITS), .SUM_OVERFLOW(CHAIN_OVERFLOW),
          .SUM_WRAP_BITS(CHAIN_WRAP_BITS), .SUM_STAYS(0)
      ) array (
          .clk(clk), .rst(rst), .enable(running && advance), .shift_w(clock < ROWS),
          .load_sum(1'b0), .a_edge(left), .w_edge(top), .sum_load({(ROWS * COLS * SUM_BITS) {1'b0}}),
          .a(a), .w(w), .sum(sum)
      );
      deskew #(.COLS(COLS), .BITS(SUM_BITS)) aligner (
          .clk(clk), .enable(running && advance),
          .skewed(sum[(ROWS-1)*COLS*SUM_BITS+:COLS*SUM_BITS]), .aligned(aligned)
      );
    end

    // a beat: COLS sums that stand side by side after this clock; one clock later they are stored
    always_ff @(posedge clk)
      if (rst) begin
        beat <= 1'b0;
        stored_valid <= 1'b0;
        end_last <= 1'b0;
      end else if (advance) begin
        beat <= running && clock >= FIRST;
        beat_index <= clock - FIRST;
        beat_first <= row_start == 0;
        beat_last <= row_start + ROWS >= row_extent;
        beat_group <= group;
        beat_col <= col_start;
        stored_valid <= beat;
        end_last <= beat_last;
        end_index <= beat_index;
        end_group <= beat_group;
        end_col <= beat_col;
      end

    assign end_valid = stored_valid && end_last;
    assign start_group = beat_group;
    assign start_col = beat_col;
    assign start_index = beat_index;

    accumulator_memory #(
        .LANES(COLS), .DEPTH(ACC_DEPTH), .ADDEND_BITS(SUM_BITS), .BITS(ADDING_BITS),
        .OVERFLOW(ADDING_OVERFLOW), .WRAP_BITS(ADDING_WRAP_BITS)
    ) accumulators (
        .clk(clk), .enable(advance), .write(beat), .first(beat_first), .address(beat_index),
        .start(first_store), .addend(aligned), .stored(stored)
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
        .LFSR_START(LFSR_SEED + c == 32'd0 ? 32'd1 : LFSR_SEED + c), .OUT_BITS(OUT_BITS)
    ) output_stage (
        .clk(clk), .start(start), .enable(advance), .keep(end_valid && end_keep[c]),
        .stored(stored[c*ADDING_BITS+:ADDING_BITS]), .row_sum(row_sum[c*64+:64]),
        .record(record[(COLS+c)*RECORD+:RECORD]), .zero_point(zero_point),
        .clamp_lo(clamp_lo), .clamp_hi(clamp_hi), .out_lo(out_lo), .out_hi(out_hi),
        .final_sum(final_sum[c*64+:64]), .code(code_data[c*OUT_BITS+:OUT_BITS]),
        .lost(code_lost[c]), .clipped(code_clipped[c])
    );
  end

  always_ff @(posedge clk)
    if (rst) code_valid <= 1'b0;
    else if (advance) begin
      code_valid <= end_valid;
      code_keep <= end_keep;
      code_group <= end_group;
      code_row <= IS != 0 ? end_col : end_index;
      code_col <= IS != 0 ? end_index : end_col;
    end
endmodule
