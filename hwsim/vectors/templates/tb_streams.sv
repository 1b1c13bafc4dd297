// Transaction mode: every run of the bundle through the device, each stream compared by order, not
// by clock, under random stalls. For any device with the ports of mac_array_top (README.md).
//
//   +seed=N +stall=P  random stalls on every stream from this seed (0: none), P percent (50)
//   +data=FOLDER  the bundle's hex files (data); +seen=FILE: the codes seen (seen_output.hex)
//   +timeout=N    clocks without a beat on any stream after which the device hangs
//   +vcd=FILE     waveform
//   +ignore_places, +ignore_flags, +ignore_cycles   do not compare these outputs of the device
//
// Macros: DUT, the device's module (mac_array_top); DUT_HAS_NO_PARAMETERS, where it takes none;
// STAGES, where stages.svh names what its stages hold.

`include "mac_array_parameters.svh"
`include "bundle.svh"
`ifndef DUT
`define DUT mac_array_top
`endif

module tb_streams;
  localparam int COLS = `BUNDLE_COLS;
  localparam int OUT_BITS = `BUNDLE_OUTPUT_LANE_BITS;
  localparam int BEATS = `BUNDLE_OUTPUT_COUNT;
  localparam int QUIET = 64;  // clocks after a run in which no further code may come

  logic clk, rst;
  tb_clock clock_source (.clk(clk), .rst(rst));

  // ---- the device
  logic start, code_valid, code_ready, done;
  logic a_valid, a_ready, w_valid, w_ready, channel_valid, channel_ready;
  logic [`BUNDLE_ACTIVATIONS_WIDTH-1:0] a_data;
  logic [`BUNDLE_WEIGHTS_WIDTH-1:0] w_data;
  logic [`BUNDLE_CHANNEL_WIDTH-1:0] channel_data;
  logic [`BUNDLE_OUTPUT_WIDTH-1:0] code_data;
  logic [COLS-1:0] code_keep, code_lost, code_clipped;
  logic [COLS-1:0] code_chain_overflow, code_accumulator_overflow;
  logic signed [31:0] code_group, code_row, code_col;
  logic [63:0] cycles;

  // ---- runs: one start each
  tb_hex_file #(.FILE("runs.hex"), .BITS(`BUNDLE_RUNS_WIDTH), .COUNT(`BUNDLE_RUNS_COUNT)) runs ();
  int run;
  logic [31:0] m, first_activation, activations, first_output, outputs;
  logic [63:0] want_cycles;
  // verilator lint_off UNUSEDSIGNAL
  logic [31:0] first_clock, run_clocks;  // for tb_clocks.sv
  // verilator lint_on UNUSEDSIGNAL
  assign {run_clocks, first_clock, want_cycles, outputs, first_output, activations,
          first_activation, m} = runs.memory[run];

`ifdef DUT_HAS_NO_PARAMETERS
  `DUT dut (
`else
  `DUT #(`MAC_ARRAY_PARAMETERS) dut (
`endif
      .clk(clk), .rst(rst), .start(start),
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

  // ---- streams in
  logic [31:0] a_waiting, w_waiting, channel_waiting;
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

  // ---- the stream out, and every file that tells of it
  logic stall, code_beat;
  logic [COLS-1:0] keep;  // lanes that must hold an output
  logic [2*COLS-1:0] code_flags, code_overflow;
  logic [`BUNDLE_OUTPUT_WIDTH-1:0] lanes_kept;
  int beats, said, of_codes, of_keep, of_places, of_flags, of_overflow, of_stages, of_cycles;
  logic check_places, check_flags, check_cycles;

  tb_stalls #(.STREAM(3)) pause (.clk(clk), .stall(stall));
  assign code_ready = !stall;
  assign code_beat = code_valid && code_ready;
  assign said = of_codes + of_keep + of_places + of_flags + of_overflow + of_stages + of_cycles;
  assign keep = beat_keep.words_of.memory[beats];
  for (genvar c = 0; c < COLS; c++) begin : lane
    assign code_flags[2*c+:2] = {code_lost[c], code_clipped[c]};
    assign code_overflow[2*c+:2] = {code_accumulator_overflow[c], code_chain_overflow[c]};
    assign lanes_kept[c*OUT_BITS+:OUT_BITS] = {OUT_BITS{keep[c]}};
  end

  tb_beat_checker #(
      .NAME("output"), .FILE("output.hex"), .LANES(COLS), .BITS(OUT_BITS), .COUNT(BEATS)
  ) beat_codes (
      .clk(clk), .rst(rst), .start(start), .run(run), .said(said), .beat(code_beat),
      .keep(keep), .data(code_data), .beats(beats), .mismatches(of_codes)
  );
  // beats are counted once, by beat_codes
  // verilator lint_off PINCONNECTEMPTY
  tb_beat_checker #(
      .NAME("output_keep"), .FILE("output_keep.hex"), .BITS(COLS), .COUNT(BEATS)
  ) beat_keep (
      .clk(clk), .rst(rst), .start(start), .run(run), .said(said), .beat(code_beat),
      .keep(check_places), .data(code_keep), .beats(), .mismatches(of_keep)
  );
  tb_beat_checker #(
      .NAME("output_place"), .FILE("output_place.hex"), .LANES(3), .BITS(32), .COUNT(BEATS)
  ) beat_places (
      .clk(clk), .rst(rst), .start(start), .run(run), .said(said), .beat(code_beat),
      .keep({3{check_places}}), .data({code_col, code_row, code_group}),
      .beats(), .mismatches(of_places)
  );
  tb_beat_checker #(
      .NAME("output_flags"), .FILE("output_flags.hex"), .LANES(COLS), .BITS(2), .COUNT(BEATS)
  ) beat_flags (
      .clk(clk), .rst(rst), .start(start), .run(run), .said(said), .beat(code_beat),
      .keep(keep & {COLS{check_flags}}), .data(code_flags), .beats(), .mismatches(of_flags)
  );
  tb_beat_checker #(
      .NAME("overflow"), .FILE("overflow.hex"), .LANES(COLS), .BITS(2), .COUNT(BEATS)
  ) beat_overflow (
      .clk(clk), .rst(rst), .start(start), .run(run), .said(said), .beat(code_beat),
      .keep(keep & {COLS{check_flags}}), .data(code_overflow), .beats(), .mismatches(of_overflow)
  );
  // verilator lint_on PINCONNECTEMPTY

`ifdef STAGES
  `include "stages.svh"
`else
  assign of_stages = 0;
  task check_stages;
  endtask
`endif

  // ---- one run after the other: start it, wait for its outputs and `done`, then look for more
  int timeout, idle, quiet, clocks, seen;
  logic running, all_taken, all_seen, done_seen, passes;
  string text;

  assign all_taken = a_waiting == 0 && w_waiting == 0 && channel_waiting == 0;
  assign all_seen = beats == first_output + outputs;
  assign passes = (a_valid && a_ready === 1'b1) || (w_valid && w_ready === 1'b1)
      || (channel_valid && channel_ready === 1'b1) || code_beat === 1'b1;

  initial begin
    check_places = !$test$plusargs("ignore_places");
    check_flags = !$test$plusargs("ignore_flags");
    check_cycles = !$test$plusargs("ignore_cycles");
    if (!$value$plusargs("timeout=%d", timeout)) timeout = `BUNDLE_TIMEOUT;
    if ($value$plusargs("vcd=%s", text)) begin
      $dumpfile(text);
      $dumpvars(0, tb_streams);
    end
    if (!$value$plusargs("seen=%s", text)) text = "seen_output.hex";
    seen = $fopen(text, "w");
  end

  always @(posedge clk)
    if (rst) begin
      run <= 0;
      start <= 1'b0;
      running <= 1'b0;
      done_seen <= 1'b0;
      idle <= 0;
      quiet <= 0;
      clocks <= 0;
      of_cycles <= 0;
    end else begin
      clocks <= clocks + 1;
      start <= !running;
      if (!running) begin
        running <= 1'b1;
        done_seen <= 1'b0;
        idle <= 0;
        quiet <= 0;
      end else if (!start) begin
        idle <= passes ? 0 : idle + 1;
        if (done === 1'b1) done_seen <= 1'b1;
        if (done === 1'b1 && !done_seen && check_cycles && cycles !== want_cycles) begin
          of_cycles <= of_cycles + 1;
          $display("MISMATCH stream=cycles run=%0d beat=0 lane=0 expected=%h got=%h",
                   run, want_cycles, cycles);
        end
        if (code_beat === 1'b1) $fdisplay(seen, "%h", code_data & lanes_kept);
        if (all_taken && all_seen && done_seen) begin
          quiet <= quiet + 1;
          if (quiet == QUIET) begin
            running <= 1'b0;
            if (run == `BUNDLE_RUNS_COUNT - 1) verdict();
            else run <= run + 1;
          end
        end
        watch();
      end
    end

  // what ends a simulation early
  task watch;
    if (code_beat === 1'bx) begin
      text = "code_valid is unknown (X)";
      fail();
    end else if (code_beat && all_seen) begin
      $sformat(text, "too many outputs: run %0d has %0d", run, outputs);
      fail();
    end else if (idle > timeout && done_seen && !all_seen) begin
      $sformat(text, "too few outputs: %0d of %0d", beats - first_output, outputs);
      fail();
    end else if (idle > timeout) begin
      $sformat(text, "timeout: no output for %0d clocks", idle);
      fail();
    end
  endtask

  task verdict;
    $sformat(text, "mismatches: %0d", said);
    if (said != 0) fail();
    else begin
      check_stages();
      $fclose(seen);
      $display("PASS runs=%0d beats=%0d clocks=%0d", `BUNDLE_RUNS_COUNT, beats, clocks);
      $finish(0);
    end
  endtask

  task fail;
    $display("FAIL %0s", text);
    $fclose(seen);
    $fatal(0);
  endtask
endmodule
