module tb_lockstep;
  logic clk, rst;
  logic [COUNT-1:0] finished;

INSTANCES
  initial begin
    clk = 1'b0;
    rst = 1'b1;
    for (int i = 0; i < LIMIT && !(i > 8 && &finished); i++) begin
      #1 clk = 1'b1;
      #1 clk = 1'b0;
      if (i == 2) rst = 1'b0;
    end
    if (&finished) $display("DONE");
    else $display("HANG: %b finished after LIMIT clocks", finished);
    $finish;
  end
endmodule
