// One unit: LANES multipliers, and an adder tree with a register at every node
// (array/cycle_tree.define_tree).
//
//   w'       = load_w ? w_in : w
//   product' = drop_low_bits(a_in * w')             level 0, exact
//   node'    = fit(left + right)                    adjacent pairs; an odd one out: + 0
//
// Level l (1 is nearest to the products) holds LEVEL_BITS[8*(l-1) +: 8] bits. `nodes` lists all
// registers, products first, each sign extended to 64 bits; the last one is the root.
// LATENCY_MULTIPLIER - 1 registers stand before a product's, LATENCY_TREE - 1 between two levels.
// `overflowed` goes with the root: a store of it, or of a node below it, has changed its value.

module dot_product_unit #(
    parameter int LANES = 4,
    parameter int A_BITS = 9,
    parameter int W_BITS = 9,
    parameter int DROP_BITS = 0,
    parameter int PRODUCT_ROUNDING = hwsim_pkg::FLOOR,
    parameter logic [255:0] LEVEL_BITS = {32{8'd20}},
    parameter int SUM_OVERFLOW = hwsim_pkg::WRAP,
    parameter int SUM_WRAP_BITS = 0,
    parameter int LATENCY_MULTIPLIER = 1,
    parameter int LATENCY_TREE = 1,
    parameter int LEVELS = $clog2(LANES),  // these two follow from LANES
    parameter int NODES = hwsim_pkg::first_node(LANES, LEVELS) + 1
) (
    input logic clk,
    input logic rst,
    input logic enable,
    input logic load_w,
    input logic [LANES*A_BITS-1:0] a_in,
    input logic [LANES*W_BITS-1:0] w_in,
    output logic [LANES*W_BITS-1:0] w,
    output logic [NODES*64-1:0] nodes,
    output logic overflowed
);
  localparam int EXACT = A_BITS + W_BITS > DROP_BITS + 2 ? A_BITS + W_BITS : DROP_BITS + 2;
  localparam int PRODUCT_BITS = EXACT > 64 ? 64 : EXACT;

  logic [NODES-1:0] node_overflowed;
  assign overflowed = node_overflowed[NODES-1];

  for (genvar i = 0; i < LANES; i++) begin : lane
    logic signed [A_BITS-1:0] moving;
    logic signed [W_BITS-1:0] weight;
    // verilator lint_off UNUSEDSIGNAL
    logic signed [63:0] exact;
    // verilator lint_on UNUSEDSIGNAL
    logic signed [PRODUCT_BITS-1:0] due, product;
    assign moving = a_in[i*A_BITS+:A_BITS];
    assign weight = load_w ? w_in[i*W_BITS+:W_BITS] : w[i*W_BITS+:W_BITS];
    assign exact = hwsim_pkg::drop_low_bits(64'(moving) * 64'(weight), DROP_BITS, PRODUCT_ROUNDING);
    assign nodes[i*64+:64] = 64'(product);
    assign node_overflowed[i] = 1'b0;
    delay #(.BITS(PRODUCT_BITS), .CLOCKS(LATENCY_MULTIPLIER - 1)) products (
        .clk(clk), .rst(rst), .enable(enable), .d(exact[PRODUCT_BITS-1:0]), .q(due)
    );
    always_ff @(posedge clk)
      if (rst) begin
        w[i*W_BITS+:W_BITS] <= '0;
        product <= '0;
      end else if (enable) begin
        w[i*W_BITS+:W_BITS] <= weight;
        product <= due;
      end
  end

  for (genvar l = 1; l <= LEVELS; l++) begin : level
    localparam int BITS = {24'd0, LEVEL_BITS[8*(l-1)+:8]};
    for (genvar i = 0; i < hwsim_pkg::nodes_of(LANES, l); i++) begin : node
      localparam int LEFT = hwsim_pkg::first_node(LANES, l - 1) + 2 * i;
      localparam int OWN = hwsim_pkg::first_node(LANES, l) + i;
      logic signed [63:0] right_node, left, right, presented;
      logic right_overflowed, below_overflowed;
      // verilator lint_off UNUSEDSIGNAL
      logic signed [63:0] stored;
      // verilator lint_on UNUSEDSIGNAL
      logic signed [BITS-1:0] sum;
      logic flag;
      if (2 * i + 1 < hwsim_pkg::nodes_of(LANES, l - 1)) begin : pair
        assign right_node = nodes[(LEFT+1)*64+:64];
        assign right_overflowed = node_overflowed[LEFT+1];
      end else begin : odd_one_out
        assign right_node = '0;
        assign right_overflowed = 1'b0;
      end
      delay #(.BITS(129), .CLOCKS(LATENCY_TREE - 1)) between (
          .clk(clk), .rst(rst), .enable(enable),
          .d({node_overflowed[LEFT] | right_overflowed, nodes[LEFT*64+:64], right_node}),
          .q({below_overflowed, left, right})
      );
      assign presented = left + right;
      assign stored = hwsim_pkg::fit(presented, BITS, SUM_OVERFLOW, SUM_WRAP_BITS);
      assign nodes[OWN*64+:64] = 64'(sum);
      assign node_overflowed[OWN] = flag;
      always_ff @(posedge clk)
        if (rst) begin
          sum <= '0;
          flag <= 1'b0;
        end else if (enable) begin
          sum <= stored[BITS-1:0];
          flag <= below_overflowed || stored != presented;
        end
    end
  end
endmodule
