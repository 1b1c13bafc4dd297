// Delays column c by HOP * (COLS - 1 - c) clocks: sums that leave a systolic array one column after
// the other stand side by side.

module deskew #(
    parameter int COLS = 4,
    parameter int BITS = 20,
    parameter int HOP = 1
) (
    input logic clk,
    input logic rst,
    input logic enable,
    input logic [COLS*BITS-1:0] skewed,
    output logic [COLS*BITS-1:0] aligned
);
  for (genvar c = 0; c < COLS; c++) begin : col
    delay #(.BITS(BITS), .CLOCKS(HOP * (COLS - 1 - c))) line (
        .clk(clk), .rst(rst), .enable(enable),
        .d(skewed[c*BITS+:BITS]), .q(aligned[c*BITS+:BITS])
    );
  end
endmodule
