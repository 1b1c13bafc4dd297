// Delays column c by COLS - 1 - c clocks: sums that leave a systolic array one column after the
// other stand side by side.

module deskew #(
    parameter int COLS = 4,
    parameter int BITS = 20
) (
    input logic clk,
    input logic enable,
    input logic [COLS*BITS-1:0] skewed,
    output logic [COLS*BITS-1:0] aligned
);
  for (genvar c = 0; c < COLS; c++) begin : col
    localparam int DELAY = COLS - 1 - c;
    if (DELAY == 0) begin : last
      assign aligned[c*BITS+:BITS] = skewed[c*BITS+:BITS];
    end else begin : line
      logic [DELAY*BITS-1:0] held;
      always_ff @(posedge clk)
        if (enable) held <= (DELAY*BITS)'({held, skewed[c*BITS+:BITS]});
      assign aligned[c*BITS+:BITS] = held[(DELAY-1)*BITS+:BITS];
    end
  end
  if (COLS == 1) begin : no_clock
    // verilator lint_off UNUSEDSIGNAL
    logic unused;
    assign unused = clk & enable;
    // verilator lint_on UNUSEDSIGNAL
  end
endmodule
