// One configuration in lockstep: streams in from files, every clock compared with a line of a file.
// Included once for each case, with the macros CASE_* and MAC_ARRAY_PARAMETERS of that case.

module `CASE_NAME (
    input logic clk,
    input logic rst,
    output logic finished
);
  logic [`CASE_A_BITS-1:0] a_words [0:`CASE_A_COUNT-1];
  logic [`CASE_W_BITS-1:0] w_words [0:`CASE_W_COUNT-1];
  logic [231:0] channel_words [0:`CASE_CHANNEL_COUNT-1];
  logic [`CASE_BITS-1:0] expected [0:`CASE_CLOCKS-1];
  logic [`CASE_BITS-1:0] seen, want;

  logic start, started, a_valid, a_ready, w_valid, w_ready, channel_valid, channel_ready;
  logic code_valid, code_ready, done, stepped;
  logic [`CASE_COLS*`CASE_OUT_BITS-1:0] code_data, codes;
  logic [`CASE_COLS-1:0] code_keep, code_lost, code_clipped, keep, lost, clipped;
  logic [`CASE_COLS-1:0] code_chain_overflow, code_accumulator_overflow;
  logic [`CASE_COLS-1:0] chain_overflow, accumulator_overflow;
  logic [`CASE_COLS*`CASE_ADDING_BITS-1:0] stored;
  logic [`CASE_COLS*64-1:0] final_sums;
  logic signed [31:0] code_group, code_row, code_col;
  logic [63:0] cycles;
  logic [31:0] random;
  int a_next, w_next, channel_next, clocks, mismatches, lowest;

  mac_array_top #(`MAC_ARRAY_PARAMETERS, `CASE_CAPACITIES) dut (
      .clk(clk), .rst(rst), .start(start), `CASE_INPUTS,
      .a_valid(a_valid), .a_ready(a_ready), .a_data(a_words[a_next]),
      .w_valid(w_valid), .w_ready(w_ready), .w_data(w_words[w_next]),
      .channel_valid(channel_valid), .channel_ready(channel_ready),
      .channel_data(channel_words[channel_next]),
      .code_valid(code_valid), .code_ready(code_ready), .code_data(code_data),
      .code_keep(code_keep), .code_lost(code_lost), .code_clipped(code_clipped),
      .code_chain_overflow(code_chain_overflow),
      .code_accumulator_overflow(code_accumulator_overflow),
      .code_group(code_group), .code_row(code_row), .code_col(code_col),
      .done(done), .cycles(cycles)
  );

  initial begin
    $readmemh(`CASE_A_FILE, a_words, 0, `CASE_A_COUNT - 1);
    $readmemh(`CASE_W_FILE, w_words, 0, `CASE_W_COUNT - 1);
    $readmemh(`CASE_CHANNEL_FILE, channel_words, 0, `CASE_CHANNEL_COUNT - 1);
    $readmemh(`CASE_EXPECTED_FILE, expected, 0, `CASE_CLOCKS - 1);
  end

  // random stalls on every stream where CASE_STALLS is not 0
  assign a_valid = a_next < `CASE_A_COUNT && (random[0] || random[5] || `CASE_STALLS == 0);
  assign w_valid = w_next < `CASE_W_COUNT && (random[7] || random[12] || `CASE_STALLS == 0);
  assign channel_valid = channel_next < `CASE_CHANNEL_COUNT
      && (random[17] || random[20] || `CASE_STALLS == 0);
  assign code_ready = random[23] || random[29] || `CASE_STALLS == 0;

  // lanes that hold nothing read 0
  for (genvar c = 0; c < `CASE_COLS; c++) begin : lane
    assign keep[c] = code_valid && code_keep[c];
    assign lost[c] = keep[c] && code_lost[c];
    assign clipped[c] = keep[c] && code_clipped[c];
    assign chain_overflow[c] = keep[c] && code_chain_overflow[c];
    assign accumulator_overflow[c] = keep[c] && code_accumulator_overflow[c];
    assign codes[c*`CASE_OUT_BITS+:`CASE_OUT_BITS] =
        keep[c] ? code_data[c*`CASE_OUT_BITS+:`CASE_OUT_BITS] : '0;
    assign stored[c*`CASE_ADDING_BITS+:`CASE_ADDING_BITS] =
        dut.stored_valid && dut.end_keep[c]
        ? dut.stored[c*`CASE_ADDING_BITS+:`CASE_ADDING_BITS] : '0;
    assign final_sums[c*64+:64] =
        dut.end_valid && dut.end_keep[c] ? dut.final_sum[c*64+:64] : '0;
  end
  assign seen = {
    code_valid ? {code_col, code_row, code_group} : 96'd0, accumulator_overflow, chain_overflow,
    clipped, lost, codes, keep, code_valid, final_sums, dut.end_valid, stored, dut.stored_valid, dut.registers
  };

  always @(posedge clk) begin
    start <= !rst && !started;
    if (rst) begin
      random <= 32'd`CASE_STALLS + 32'd99;
      started <= 1'b0;
      finished <= 1'b0;
      a_next <= 0;
      w_next <= 0;
      channel_next <= 0;
      stepped <= 1'b0;
    end else begin
      random <= {1'b0, random[31:1]} ^ (random[0] ? 32'h80200003 : 32'd0);
      started <= 1'b1;
      if (a_valid && a_ready) a_next <= a_next + 1;
      if (w_valid && w_ready) w_next <= w_next + 1;
      if (channel_valid && channel_ready) channel_next <= channel_next + 1;
      stepped <= (dut.running || dut.flushing) && dut.advance;
      if (done && !finished) begin
        finished <= 1'b1;
        if (clocks != `CASE_CLOCKS || cycles != 64'd`CASE_CYCLES)
          $display("MISMATCH %m: %0d clocks, %0d cycles, not %0d, %0d",
                   clocks, cycles, `CASE_CLOCKS, `CASE_CYCLES);
        else $display("CASE %m: %0d clocks, %0d mismatches", clocks, mismatches);
      end
    end
  end

  always @(negedge clk)
    if (rst) begin
      clocks = 0;
      mismatches = 0;
    end else if (stepped) begin
      want = expected[clocks];
      if (clocks >= `CASE_CLOCKS || seen !== want) begin
        mismatches = mismatches + 1;
        lowest = 0;
        while (lowest < `CASE_BITS && seen[lowest] === want[lowest]) lowest = lowest + 1;
        if (mismatches <= 3)
          $display("MISMATCH %m clock %0d: bit %0d of %0d", clocks, lowest, `CASE_BITS);
      end
      clocks = clocks + 1;
    end
endmodule
