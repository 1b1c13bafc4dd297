// One stage alone: every word of input.hex through the device, what comes out compared by order with
// output.hex, under random stalls. For any device with the ports of requantize_stage (README.md).
//
//   +seed=N       random stalls on both streams from this seed; 0 or none: no stalls
//   +stall=P      clocks that stall, in percent (50)
//   +data=FOLDER  the bundle's hex files (data)
//   +seen=FILE    where the values that were seen go, packed as output.hex (seen_output.hex)
//   +timeout=N    clocks without a beat on any stream after which the device hangs
//   +vcd=FILE     waveform
//   +ignore_flags do not compare out_lost and out_clipped
//
// Macros: DUT, the device's module; DUT_HAS_NO_PARAMETERS, where it takes none.

`include "stage_parameters.svh"
`include "bundle.svh"
`ifndef DUT
`define DUT `STAGE_DUT
`endif

module tb_requantize;
  localparam int QUIET = 64;  // clocks after the last value in which no further one may come

  logic clk, rst;
  tb_clock clock_source (.clk(clk), .rst(rst));

  logic in_valid, in_ready, out_valid, out_ready, out_lost, out_clipped;
  logic signed [63:0] in_sum, in_partial, in_addend;
  logic [231:0] in_record;
  logic [31:0] in_random, waiting;
  logic [`BUNDLE_INPUT_WIDTH-1:0] in_word;
  logic [`BUNDLE_OUTPUT_WIDTH-1:0] out_data;
  assign {in_random, in_record, in_addend, in_partial, in_sum} = in_word;

`ifdef DUT_HAS_NO_PARAMETERS
  `DUT dut (
`else
  `DUT #(`STAGE_PARAMETERS) dut (
`endif
      .clk(clk), .rst(rst), .zero_point(`BUNDLE_ZERO_POINT),
      .clamp_lo(`BUNDLE_CLAMP_LO), .clamp_hi(`BUNDLE_CLAMP_HI),
      .out_lo(`BUNDLE_OUT_LO), .out_hi(`BUNDLE_OUT_HI),
      .in_valid(in_valid), .in_ready(in_ready), .in_sum(in_sum), .in_partial(in_partial),
      .in_addend(in_addend), .in_record(in_record), .in_random(in_random),
      .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data),
      .out_lost(out_lost), .out_clipped(out_clipped)
  );

  logic start, stall, beat, check_flags;
  int beats, of_values, of_flags, of_stages, said;
  tb_stream_source #(
      .FILE("input.hex"), .BITS(`BUNDLE_INPUT_WIDTH), .COUNT(`BUNDLE_INPUT_COUNT), .STREAM(0)
  ) source (
      .clk(clk), .rst(rst), .start(start), .first(32'd0), .words(`BUNDLE_INPUT_COUNT),
      .valid(in_valid), .ready(in_ready), .data(in_word), .waiting(waiting)
  );
  tb_stalls #(.STREAM(3)) pause (.clk(clk), .stall(stall));
  assign out_ready = !stall;
  assign beat = out_valid && out_ready;
  assign said = of_values + of_flags + of_stages;

  tb_beat_checker #(
      .NAME("output"), .FILE("output.hex"), .BITS(`BUNDLE_OUTPUT_WIDTH),
      .COUNT(`BUNDLE_OUTPUT_COUNT)
  ) beat_values (
      .clk(clk), .rst(rst), .beat(beat), .keep(1'b1), .data(out_data),
      .start(start), .run(0), .said(said), .beats(beats), .mismatches(of_values)
  );
  // beats are counted once, by beat_values
  // verilator lint_off PINCONNECTEMPTY
  tb_beat_checker #(
      .NAME("output_flags"), .FILE("output_flags.hex"), .BITS(2), .COUNT(`BUNDLE_OUTPUT_COUNT)
  ) beat_flags (
      .clk(clk), .rst(rst), .beat(beat), .keep(check_flags), .data({out_lost, out_clipped}),
      .start(start), .run(0), .said(said), .beats(), .mismatches(of_flags)
  );
`ifdef STAGES
  // after the scheme and the zero point, before any clamp: inside requantize
  `include "stages.svh"
`else
  assign of_stages = 0;
`endif
  // verilator lint_on PINCONNECTEMPTY

  int timeout, idle, quiet, clocks, seen;
  logic running, all_seen;
  string text;
  assign all_seen = beats == `BUNDLE_OUTPUT_COUNT && waiting == 0;

  initial begin
    check_flags = !$test$plusargs("ignore_flags");
    if (!$value$plusargs("timeout=%d", timeout)) timeout = `BUNDLE_TIMEOUT;
    if ($value$plusargs("vcd=%s", text)) begin
      $dumpfile(text);
      $dumpvars(0, tb_requantize);
    end
    if (!$value$plusargs("seen=%s", text)) text = "seen_output.hex";
    seen = $fopen(text, "w");
  end

  always @(posedge clk)
    if (rst) begin
      start <= 1'b0;
      running <= 1'b0;
      idle <= 0;
      quiet <= 0;
      clocks <= 0;
    end else begin
      clocks <= clocks + 1;
      running <= 1'b1;
      start <= !running;
      idle <= (in_valid && in_ready === 1'b1) || beat === 1'b1 ? 0 : idle + 1;
      if (beat === 1'b1) $fdisplay(seen, "%h", out_data);
      if (running && !start && all_seen) quiet <= quiet + 1;
      if (beat === 1'bx) begin
        text = "out_valid is unknown (X)";
        fail();
      end else if (beat && beats == `BUNDLE_OUTPUT_COUNT) begin
        $sformat(text, "too many outputs: %0d are right", beats);
        fail();
      end else if (idle > timeout && waiting == 0 && !all_seen) begin
        $sformat(text, "too few outputs: %0d of %0d", beats, `BUNDLE_OUTPUT_COUNT);
        fail();
      end else if (idle > timeout && !all_seen) begin
        $sformat(text, "timeout: no output for %0d clocks", idle);
        fail();
      end else if (quiet == QUIET) verdict();
    end

  task verdict;
    $sformat(text, "mismatches: %0d", said);
    if (said != 0) fail();
    else begin
      $fclose(seen);
      $display("PASS runs=1 beats=%0d clocks=%0d", beats, clocks);
      $finish(0);
    end
  endtask

  task fail;
    $display("FAIL %0s", text);
    $fclose(seen);
    $fatal(0);
  endtask
endmodule
