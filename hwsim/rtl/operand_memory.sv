// One write port, PORTS read ports without a clock; a port that is not valid reads 0.

module operand_memory #(
    parameter int BITS = 9,
    parameter int DEPTH = 64,
    parameter int PORTS = 4
) (
    input logic clk,
    input logic write,
    input logic [31:0] write_address,
    input logic [BITS-1:0] write_data,
    input logic [PORTS-1:0] valid,
    input logic [PORTS*32-1:0] address,
    output logic [PORTS*BITS-1:0] data
);
  localparam int ADDRESS_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;

  logic [BITS-1:0] memory [0:DEPTH-1];

  always_ff @(posedge clk) if (write) memory[write_address[ADDRESS_BITS-1:0]] <= write_data;

  for (genvar p = 0; p < PORTS; p++) begin : port
    logic [BITS-1:0] word;
    assign word = memory[address[p*32+:ADDRESS_BITS]];
    assign data[p*BITS+:BITS] = valid[p] ? word : '0;
  end

  // verilator lint_off UNUSEDSIGNAL
  logic unused;
  assign unused = |{write_address, address};
  // verilator lint_on UNUSEDSIGNAL
endmodule
