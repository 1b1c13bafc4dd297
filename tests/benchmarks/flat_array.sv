// A ROWS x COLS weight-stationary array, saturating at SUM_BITS, as flat registers.
//
// a.hex: elements at the left edge, ROWS a clock; w.hex: weights, row by row. The stream starts again
// after CLOCKS clocks; out.hex: what the bottom row held after each clock of the last pass. Registers
// are whole words: a simulator in C++ is at its best with them.

module flat_array #(
    parameter int ROWS = 16,
    parameter int COLS = 16,
    parameter int CLOCKS = 814,
    parameter int SUM_BITS = 20
) (
    input logic clk
);
  localparam int TOP = (1 << (SUM_BITS - 1)) - 1;

  int stream[CLOCKS*ROWS], weights[ROWS*COLS], out[CLOCKS*COLS];
  int a[ROWS][COLS], sum[ROWS][COLS];
  int t;

  initial begin
    $readmemh("a.hex", stream);
    $readmemh("w.hex", weights);
    t = 0;
  end
  final $writememh("out.hex", out);

  // from the last PE to the first: each reads its neighbours before they change
  always_ff @(posedge clk) begin
    for (int r = ROWS - 1; r >= 0; r--) begin
      for (int c = COLS - 1; c >= 0; c--) begin
        a[r][c] = c == 0 ? stream[t*ROWS+r] : a[r][c == 0 ? 0 : c-1];
        sum[r][c] = (r == 0 ? 0 : sum[r == 0 ? 0 : r-1][c]) + weights[r*COLS+c] * a[r][c];
        if (sum[r][c] > TOP) sum[r][c] = TOP;
        else if (sum[r][c] < -TOP - 1) sum[r][c] = -TOP - 1;
      end
    end
    for (int c = 0; c < COLS; c++) out[t*COLS+c] = sum[ROWS-1][c];
    t <= t == CLOCKS - 1 ? 0 : t + 1;
  end
endmodule
