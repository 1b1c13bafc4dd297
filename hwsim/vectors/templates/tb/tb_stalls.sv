// 1 in the clocks in which a stream waits: +stall=PERCENT of them (50 where none is given), drawn
// from +seed=N; no stalls where N is 0 or not given. Equal in every simulator.
module tb_stalls #(
    parameter int STREAM = 0  // streams of one testbench draw different numbers
) (
    input logic clk,
    output logic stall
);
  int unsigned seed, percent;
  logic [31:0] state, next;

  initial begin
    if (!$value$plusargs("seed=%d", seed)) seed = 0;
    if (!$value$plusargs("stall=%d", percent)) percent = 50;
    if (percent > 99) percent = 99;
    state = (seed * 32'd8 + STREAM) * 32'h9e3779b9 ^ 32'h2545f491;
    if (state == 0) state = 32'd1;
    stall = 1'b0;
  end

  // Marsaglia's xorshift32
  logic [31:0] once, twice;
  assign once = state ^ (state << 13);
  assign twice = once ^ (once >> 17);
  assign next = twice ^ (twice << 5);

  always @(posedge clk) begin
    state <= next;
    stall <= seed != 0 && (next >> 8) % 32'd100 < percent;
  end
endmodule
