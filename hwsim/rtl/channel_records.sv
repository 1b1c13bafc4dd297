// Channel records, and sums of activation rows where a zero point of weights is folded (ROW_SUM):
// both kept while they stream in, read where sums start (the bias) and where they end.
//
// A record: {add 64, shift 8, multiplier 32, w_zero_point 64, bias 64}, bias in the lowest bits.
// Lane c reads output (index, col + c), or (col + c, index) where columns are m (COLUMNS_M).

module channel_records #(
    parameter int COLS = 4,
    parameter int A_BITS = 9,
    parameter int CHANNELS = 16,
    parameter int PIXELS = 16,
    parameter int COLUMNS_M = 0,
    parameter int ROW_SUM = 0
) (
    input logic clk,
    input logic start,
    input logic signed [31:0] m,
    input logic signed [31:0] k,
    input logic signed [31:0] n,
    input logic signed [31:0] col_extent,
    input logic channel_take,
    input logic signed [31:0] channel_count,
    input logic [231:0] channel_data,
    input logic a_take,
    input logic [A_BITS-1:0] a_data,
    input logic signed [31:0] start_group,
    input logic signed [31:0] start_col,
    input logic signed [31:0] start_index,
    input logic signed [31:0] end_group,
    input logic signed [31:0] end_col,
    input logic signed [31:0] end_index,
    output logic [COLS*64-1:0] start_bias,
    output logic [COLS-1:0] start_keep,  // lanes that hold outputs
    output logic [COLS*232-1:0] end_record,
    output logic [COLS-1:0] end_keep,
    output logic [COLS*64-1:0] row_sum
);
  localparam int RECORD = 232;

  logic [2*COLS-1:0] valid;
  logic [2*COLS*32-1:0] address;
  // verilator lint_off UNUSEDSIGNAL
  logic [2*COLS*RECORD-1:0] record;  // where sums start, the bias alone is read
  logic [COLS*32-1:0] pixel_address;
  // verilator lint_on UNUSEDSIGNAL

  for (genvar c = 0; c < COLS; c++) begin : lane
    logic signed [31:0] start_line, end_line;
    assign start_line = start_col + c;
    assign end_line = end_col + c;
    assign start_keep[c] = start_line < col_extent;
    assign end_keep[c] = end_line < col_extent;
    assign address[c*32+:32] = start_group * n + (COLUMNS_M != 0 ? start_index : start_line);
    assign address[(COLS+c)*32+:32] = end_group * n + (COLUMNS_M != 0 ? end_index : end_line);
    assign pixel_address[c*32+:32] = end_group * m + (COLUMNS_M != 0 ? end_line : end_index);
    assign start_bias[c*64+:64] = record[c*RECORD+:64];
  end
  assign valid = {end_keep, start_keep};
  assign end_record = record[COLS*RECORD+:COLS*RECORD];

  operand_memory #(.BITS(RECORD), .DEPTH(CHANNELS), .PORTS(2 * COLS)) channels (
      .clk(clk), .write(channel_take), .write_address(channel_count), .write_data(channel_data),
      .valid(valid), .address(address), .data(record)
  );

  if (ROW_SUM != 0) begin : corrected
    row_sums #(.A_BITS(A_BITS), .PIXELS(PIXELS), .PORTS(COLS)) sums (
        .clk(clk), .start(start), .k(k), .take(a_take), .a_word(a_data),
        .valid(end_keep), .address(pixel_address), .data(row_sum)
    );
  end else begin : uncorrected
    assign row_sum = '0;
    // verilator lint_off UNUSEDSIGNAL
    logic unused;
    assign unused = |{start, k, a_take, a_data};
    // verilator lint_on UNUSEDSIGNAL
  end
endmodule
