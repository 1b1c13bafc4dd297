// One stream out of the device, or one of its stages: LANES lanes of BITS bits, beat by beat against
// a file. A lane that `keep` does not name is not compared. An unknown bit (X) is a mismatch.
module tb_beat_checker #(
    parameter NAME = "output",
    parameter FILE = "",
    parameter int LANES = 1,
    parameter int BITS = 8,
    parameter int COUNT = 1
) (
    input logic clk,
    input logic rst,
    input logic beat,
    input logic [LANES-1:0] keep,
    input logic [LANES*BITS-1:0] data,
    input logic start,  // a run starts: its beats are numbered from 0
    input int run,
    input int said,  // mismatches of all checkers so far: 20 are printed
    output int beats,
    output int mismatches
);
  int first, found;
  logic [BITS-1:0] want, got;

  tb_hex_file #(.FILE(FILE), .BITS(LANES * BITS), .COUNT(COUNT)) words_of ();

  // found, want and got live within one clock
  // verilator lint_off BLKSEQ
  always @(posedge clk)
    if (rst) begin
      beats <= 0;
      first <= 0;
      mismatches <= 0;
    end else if (start) begin
      first <= beats;
    end else if (beat === 1'b1) begin
      found = 0;
      for (int lane = 0; lane < LANES; lane++) begin
        want = beats < COUNT ? words_of.memory[beats][lane*BITS+:BITS] : 'x;
        got = data[lane*BITS+:BITS];
        if (keep[lane] !== 1'b0 && (got !== want || beats >= COUNT)) begin
          if (said + found < 20)
            $display("MISMATCH stream=%0s run=%0d beat=%0d lane=%0d expected=%h got=%h",
                     NAME, run, beats - first, lane, want, got);
          found = found + 1;
        end
      end
      beats <= beats + 1;
      mismatches <= mismatches + found;
    end
  // verilator lint_on BLKSEQ
endmodule
