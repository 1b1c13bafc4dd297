// A clock, and a reset of three of its edges.
module tb_clock (
    output logic clk,
    output logic rst
);
  initial begin
    clk = 1'b0;
    rst = 1'b1;
    repeat (6) #5 clk = ~clk;
    rst = 1'b0;
    forever #5 clk = ~clk;
  end
endmodule
