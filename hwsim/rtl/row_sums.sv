// Exact sum of every row a[g][m][0..K-1], taken while the activations stream in; read without a
// clock, 0 on a port that is not valid.

module row_sums #(
    parameter int A_BITS = 9,
    parameter int PIXELS = 16,
    parameter int PORTS = 4
) (
    input logic clk,
    input logic start,
    input logic signed [31:0] k,
    input logic take,
    input logic signed [A_BITS-1:0] a_word,
    input logic [PORTS-1:0] valid,
    input logic [PORTS*32-1:0] address,
    output logic [PORTS*64-1:0] data
);
  logic signed [31:0] step, line;
  logic signed [63:0] sum, next;
  logic ends;

  assign next = (step == 0 ? 64'sd0 : sum) + 64'(a_word);
  assign ends = step == k - 1;

  always_ff @(posedge clk)
    if (start) begin
      step <= '0;
      line <= '0;
    end else if (take) begin
      sum <= next;
      step <= ends ? '0 : step + 1;
      if (ends) line <= line + 1;
    end

  operand_memory #(.BITS(64), .DEPTH(PIXELS), .PORTS(PORTS)) sums (
      .clk(clk),
      .write(take && ends),
      .write_address(line),
      .write_data(next),
      .valid(valid),
      .address(address),
      .data(data)
  );
endmodule
