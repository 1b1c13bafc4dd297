// One stream into the device. `start` offers the words first .. first + words - 1, each until it
// has been taken. While nothing is offered, data is X: a device that reads it shows.
module tb_stream_source #(
    parameter FILE = "",
    parameter int BITS = 8,
    parameter int COUNT = 1,
    parameter int STREAM = 0
) (
    input logic clk,
    input logic rst,
    input logic start,
    input logic [31:0] first,
    input logic [31:0] words,
    output logic valid,
    input logic ready,
    output logic [BITS-1:0] data,
    output logic [31:0] waiting  // words that have not been taken
);
  logic [31:0] next;
  logic stall, taken;

  tb_hex_file #(.FILE(FILE), .BITS(BITS), .COUNT(COUNT)) words_of ();
  tb_stalls #(.STREAM(STREAM)) pause (.clk(clk), .stall(stall));

  assign taken = valid && ready === 1'b1;
  assign data = valid ? words_of.memory[next] : 'x;

  always @(posedge clk)
    if (rst) begin
      valid <= 1'b0;
      next <= '0;
      waiting <= '0;
    end else if (start) begin
      valid <= 1'b0;
      next <= first;
      waiting <= words;
    end else begin
      if (taken) begin
        next <= next + 1;
        waiting <= waiting - 1;
      end
      if (taken || !valid) valid <= !stall && waiting > {31'd0, taken};
    end
endmodule
