// Every line of the file CASES: a function of hwsim_pkg, its arguments and what it must return.
//
// One case is 256 bits: function 8, bits or shift 16 (signed), rule 8, wrap_bits 8, unused 24,
// polynomial 32, random 32, x 64, expected 64; functions: 0 fit, 1 drop_low_bits, 2 shift_by, 3 lfsr_next.

module tb_package;
  parameter CASES = "cases.hex";
  parameter int COUNT = 1;

  logic [255:0] cases [0:COUNT-1];
  logic [255:0] line;
  logic signed [63:0] x, expected, value;
  logic signed [15:0] size;
  int rule, wrap_bits, mismatches;

  initial begin
    $readmemh(CASES, cases, 0, COUNT - 1);
    mismatches = 0;
    for (int i = 0; i < COUNT; i++) begin
      line = cases[i];
      size = line[247:232];
      rule = {24'd0, line[231:224]};
      wrap_bits = {24'd0, line[223:216]};
      x = line[127:64];
      expected = line[63:0];
      case (line[255:248])
        8'd0: value = hwsim_pkg::fit(x, 32'(size), rule, wrap_bits);
        8'd1: value = hwsim_pkg::drop_low_bits(x, 32'(size), rule);
        8'd2: value = hwsim_pkg::shift_by(x, 32'(size), rule, line[159:128]);
        default: value = {32'd0, hwsim_pkg::lfsr_next(line[159:128], line[191:160])};
      endcase
      if (value !== expected) begin
        mismatches++;
        if (mismatches <= 10)
          $display("MISMATCH case %0d %h: %h, not %h", i, line, value, expected);
      end
    end
    $display("DONE %0d cases, %0d mismatches", COUNT, mismatches);
    $finish;
  end
endmodule
