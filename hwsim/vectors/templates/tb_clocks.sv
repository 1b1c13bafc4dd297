// Lockstep: every register of the array, every store and every code after every clock, against
// clocks.hex. For mac_array_top as it stands in rtl/ (or a change of it): the names of its signals
// are used. +seed=N stalls all streams: a clock in which the array waits does not count.
// Plusargs: seed, stall, data, timeout, vcd, as in tb_streams.sv.

`include "mac_array_parameters.svh"
`include "bundle.svh"
`ifndef DUT
`define DUT mac_array_top
`endif

module tb_clocks;
  localparam int COLS = `BUNDLE_COLS;
  localparam int OUT_BITS = `BUNDLE_OUT_BITS;
  localparam int ADDING_BITS = `BUNDLE_ADDING_BITS;
  localparam int BITS = `BUNDLE_CLOCKS_WIDTH;

  logic clk, rst;
  tb_clock clock_source (.clk(clk), .rst(rst));

  // ---- the device and its streams in
  logic clear;  // every run begins with cleared registers, as its expected words do
  logic start, a_valid, a_ready, w_valid, w_ready, channel_valid, channel_ready;
  logic [`BUNDLE_ACTIVATIONS_WIDTH-1:0] a_data;
  logic [`BUNDLE_WEIGHTS_WIDTH-1:0] w_data;
  logic [`BUNDLE_CHANNEL_WIDTH-1:0] channel_data;
  logic code_valid, code_ready, done, stall;
  logic [COLS*OUT_BITS-1:0] code_data;
  logic [COLS-1:0] code_keep, code_lost, code_clipped;
  logic [COLS-1:0] code_chain_overflow, code_accumulator_overflow;
  logic signed [31:0] code_group, code_row, code_col;
  logic [63:0] cycles;

  int run;
  logic [31:0] m, first_activation, activations, first_clock, run_clocks;
  logic [63:0] want_cycles;
  // verilator lint_off UNUSEDSIGNAL
  logic [31:0] first_output, outputs, a_waiting, w_waiting, channel_waiting;
  // verilator lint_on UNUSEDSIGNAL
  tb_hex_file #(.FILE("runs.hex"), .BITS(`BUNDLE_RUNS_WIDTH), .COUNT(`BUNDLE_RUNS_COUNT)) runs ();
  tb_hex_file #(.FILE("clocks.hex"), .BITS(BITS), .COUNT(`BUNDLE_CLOCKS_COUNT)) words_of ();
  assign {run_clocks, first_clock, want_cycles, outputs, first_output, activations,
          first_activation, m} = runs.memory[run];

`ifdef DUT_HAS_NO_PARAMETERS
  `DUT dut (
`else
  `DUT #(`MAC_ARRAY_PARAMETERS) dut (
`endif
      .clk(clk), .rst(rst || clear), .start(start),
      .groups(`BUNDLE_GROUPS), .m(m), .k(`BUNDLE_K), .n(`BUNDLE_N),
      .zero_point(`BUNDLE_ZERO_POINT), .clamp_lo(`BUNDLE_CLAMP_LO), .clamp_hi(`BUNDLE_CLAMP_HI),
      .out_lo(`BUNDLE_OUT_LO), .out_hi(`BUNDLE_OUT_HI),
      .a_valid(a_valid), .a_ready(a_ready), .a_data(a_data),
      .w_valid(w_valid), .w_ready(w_ready), .w_data(w_data),
      .channel_valid(channel_valid), .channel_ready(channel_ready), .channel_data(channel_data),
      .code_valid(code_valid), .code_ready(code_ready), .code_data(code_data),
      .code_keep(code_keep), .code_lost(code_lost), .code_clipped(code_clipped),
      .code_chain_overflow(code_chain_overflow),
      .code_accumulator_overflow(code_accumulator_overflow),
      .code_group(code_group), .code_row(code_row), .code_col(code_col),
      .done(done), .cycles(cycles)
  );

  tb_stream_source #(
      .FILE("activations.hex"), .BITS(`BUNDLE_ACTIVATIONS_WIDTH),
      .COUNT(`BUNDLE_ACTIVATIONS_COUNT), .STREAM(0)
  ) a_source (
      .clk(clk), .rst(rst), .start(start), .first(first_activation), .words(activations),
      .valid(a_valid), .ready(a_ready), .data(a_data), .waiting(a_waiting)
  );
  tb_stream_source #(
      .FILE("weights.hex"), .BITS(`BUNDLE_WEIGHTS_WIDTH), .COUNT(`BUNDLE_WEIGHTS_COUNT), .STREAM(1)
  ) w_source (
      .clk(clk), .rst(rst), .start(start), .first(32'd0), .words(`BUNDLE_WEIGHTS_COUNT),
      .valid(w_valid), .ready(w_ready), .data(w_data), .waiting(w_waiting)
  );
  tb_stream_source #(
      .FILE("channel.hex"), .BITS(`BUNDLE_CHANNEL_WIDTH), .COUNT(`BUNDLE_CHANNEL_COUNT), .STREAM(2)
  ) channel_source (
      .clk(clk), .rst(rst), .start(start), .first(32'd0), .words(`BUNDLE_CHANNEL_COUNT),
      .valid(channel_valid), .ready(channel_ready), .data(channel_data), .waiting(channel_waiting)
  );
  tb_stalls #(.STREAM(3)) pause (.clk(clk), .stall(stall));
  assign code_ready = !stall;

  // ---- what stands after a clock; lanes that hold nothing read 0
  logic [COLS-1:0] keep, lost, clipped, chain_overflow, accumulator_overflow;
  logic [COLS*OUT_BITS-1:0] codes;
  logic [COLS*ADDING_BITS-1:0] stored;
  logic [COLS*64-1:0] final_sums;
  logic [BITS-1:0] seen, want;
  for (genvar c = 0; c < COLS; c++) begin : lane
    assign keep[c] = code_valid && code_keep[c];
    assign lost[c] = keep[c] && code_lost[c];
    assign clipped[c] = keep[c] && code_clipped[c];
    assign chain_overflow[c] = keep[c] && code_chain_overflow[c];
    assign accumulator_overflow[c] = keep[c] && code_accumulator_overflow[c];
    assign codes[c*OUT_BITS+:OUT_BITS] = keep[c] ? code_data[c*OUT_BITS+:OUT_BITS] : '0;
    assign stored[c*ADDING_BITS+:ADDING_BITS] =
        dut.stored_valid && dut.end_keep[c] ? dut.stored[c*ADDING_BITS+:ADDING_BITS] : '0;
    assign final_sums[c*64+:64] =
        dut.end_valid && dut.end_keep[c] ? dut.final_sum[c*64+:64] : '0;
  end
  assign seen = {
    code_valid ? {code_col, code_row, code_group} : 96'd0, accumulator_overflow, chain_overflow,
    clipped, lost, codes, keep, code_valid, final_sums, dut.end_valid, stored, dut.stored_valid, dut.registers
  };

  // ---- operands at the array's edges
  int of_edges, step;
  logic edge_beat;
  assign edge_beat = dut.running && dut.advance && step < int'(run_clocks);
  // verilator lint_off PINCONNECTEMPTY
  `include "edges.svh"
  // verilator lint_on PINCONNECTEMPTY

  // ---- clock by clock
  int timeout, idle, clock, clocks, beats, mismatches, lowest;
  logic running, stepped, done_seen;
  string text;

  initial begin
    if (!$value$plusargs("timeout=%d", timeout)) timeout = `BUNDLE_TIMEOUT;
    if ($value$plusargs("vcd=%s", text)) begin
      $dumpfile(text);
      $dumpvars(0, tb_clocks);
    end
  end

  // want and lowest live within one clock
  // verilator lint_off BLKSEQ
  always @(posedge clk)
    if (rst) begin
      run <= 0;
      start <= 1'b0;
      clear <= 1'b0;
      running <= 1'b0;
      stepped <= 1'b0;
      done_seen <= 1'b0;
      idle <= 0;
      step <= 0;
      clock <= 0;
      clocks <= 0;
      beats <= 0;
      mismatches <= 0;
    end else begin
      clear <= !running && !clear;
      start <= clear;
      stepped <= (dut.running || dut.flushing) && dut.advance;
      if (dut.running && dut.advance) step <= step + 1;
      if (code_valid && code_ready) beats <= beats + 1;
      idle <= (a_valid && a_ready) || (w_valid && w_ready) || (channel_valid && channel_ready)
          || (code_valid && code_ready) ? 0 : idle + 1;
      if (stepped) begin
        want = clock < int'(run_clocks) ? words_of.memory[int'(first_clock)+clock] : seen;
        if (seen !== want) begin
          lowest = 0;
          while (lowest < BITS - 1 && seen[lowest] === want[lowest]) lowest = lowest + 1;
          if (mismatches + of_edges < 20)
            $display("MISMATCH clocks run=%0d clock=%0d bit=%0d expected=%b got=%b",
                     run, clock, lowest, want[lowest], seen[lowest]);
          mismatches <= mismatches + 1;
        end
        clock <= clock + 1;
        clocks <= clocks + 1;
      end
      if (done === 1'b1) done_seen <= 1'b1;
      if (!running) begin
        running <= clear;
        done_seen <= 1'b0;
        idle <= 0;
        step <= 0;
        clock <= 0;
      end else if (done_seen && !code_valid && !start) begin
        running <= 1'b0;
        ended();
      end else if (idle > timeout) begin
        $display("FAIL timeout: no output for %0d clocks", idle);
        $fatal(0);
      end
    end
  // verilator lint_on BLKSEQ

  // a run is over: its number of clocks, then the next one or the verdict
  task ended;
    if (cycles !== want_cycles || 64'(clock) != want_cycles + `BUNDLE_CLOCKS_AFTER) begin
      $display("FAIL clocks: run %0d has %0d clocks, %0d cycles; not %0d, %0d",
               run, clock, cycles, want_cycles + `BUNDLE_CLOCKS_AFTER, want_cycles);
      $fatal(0);
    end else if (run != `BUNDLE_RUNS_COUNT - 1) run <= run + 1;
    else if (mismatches + of_edges != 0) begin
      $display("FAIL mismatches: %0d", mismatches + of_edges);
      $fatal(0);
    end else begin
      $display("PASS runs=%0d beats=%0d clocks=%0d", `BUNDLE_RUNS_COUNT, beats, clocks);
      $finish(0);
    end
  endtask
endmodule
