// CLOCKS registers one behind the other; 0: a wire.

module delay #(
    parameter int BITS = 8,
    parameter int CLOCKS = 1
) (
    input logic clk,
    input logic rst,
    input logic enable,
    input logic [BITS-1:0] d,
    output logic [BITS-1:0] q
);
  if (CLOCKS == 0) begin : wires
    assign q = d;
    // verilator lint_off UNUSEDSIGNAL
    logic unused;
    assign unused = clk & rst & enable;
    // verilator lint_on UNUSEDSIGNAL
  end else begin : line
    logic [CLOCKS*BITS-1:0] held;
    assign q = held[(CLOCKS-1)*BITS+:BITS];
    always_ff @(posedge clk)
      if (rst) held <= '0;
      else if (enable) held <= (CLOCKS * BITS)'({held, d});
  end
endmodule
