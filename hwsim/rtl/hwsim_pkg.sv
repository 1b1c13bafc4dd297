// Rounding and overflow, rule by rule as hwsim/arith/{rounding,overflow}.py state them.
//
// Values are signed words of 64 bits; widths, rules and shifts are meant to be constants, so that
// what a rule does not need disappears in synthesis. The numbers of the rules are hwsim's.
// Modules write `hwsim_pkg::fit(...)`: Yosys has no imports, and no functions of user types.

package hwsim_pkg;

  // verilator lint_off UNUSEDPARAM
  // names of the numbers that parameters hold; a design needs some of them

  // overflow: what a register keeps of a value that does not fit (arith/overflow.py)
  localparam int WRAP = 0;
  localparam int SATURATE = 1;
  localparam int SATURATE_SYMMETRIC = 2;
  localparam int SATURATE_ZERO = 3;
  localparam int WRAP_SIGN_MAGNITUDE = 4;

  // rounding: which integer a value between two integers becomes (arith/rounding.py)
  localparam int FLOOR = 0;
  localparam int TOWARD_ZERO = 1;
  localparam int HALF_UP = 2;
  localparam int HALF_DOWN = 3;
  localparam int HALF_TOWARD_ZERO = 4;
  localparam int HALF_AWAY = 5;
  localparam int HALF_EVEN = 6;
  localparam int CEIL = 7;
  localparam int AWAY = 8;
  localparam int ODD = 9;
  localparam int STOCHASTIC = 10;

  // requantization schemes in integers (arith/requantize.py, arith/narrowing.py)
  localparam int MULTIPLIER_SHIFT = 2;
  localparam int MULTIPLIER_SHIFT_DOUBLE = 3;
  localparam int REDUCED_16 = 4;
  localparam int SHIFT_ONLY = 5;
  localparam int MULTIPLY_ADD_SHIFT = 6;
  localparam int REDUCED_16_NARROW = 9;
  localparam int FIXED_FRACTION = 13;

  // dataflows: what stays in a PE, or how products are added (array/dataflow.py)
  localparam int OUTPUT_STATIONARY = 0;
  localparam int WEIGHT_STATIONARY = 1;
  localparam int INPUT_STATIONARY = 2;
  localparam int DOT_PRODUCT = 3;

  // verilator lint_on UNUSEDPARAM

  // largest value of a signed register of `bits` bits
  function automatic logic signed [63:0] largest(input int bits);
    largest = 64'((64'd1 << (bits - 1)) - 64'd1);
  endfunction

  // least value that the register keeps as it is
  function automatic logic signed [63:0] least(input int bits, input int overflow);
    least = overflow == SATURATE_SYMMETRIC ? -largest(bits) : -largest(bits) - 64'sd1;
  endfunction

  // low `bits` bits of x, sign extended
  function automatic logic signed [63:0] wrap(input logic signed [63:0] x, input int bits);
    wrap = (x <<< (64 - bits)) >>> (64 - bits);
  endfunction

  // IEEE 1666 SC_WRAP, n > 0: n top bits saturate with the sign kept, the rest is copied
  function automatic logic signed [63:0] wrap_saturated(input logic signed [63:0] x, input int bits, input int wrap_bits);
    logic signed [63:0] below;
    below = 64'((64'd1 << (bits - wrap_bits)) - 64'd1);
    wrap_saturated = (x & below)
        + (x < 0 ? -largest(bits) - 64'sd1 : 64'sd0)
        + (x > 0 ? largest(bits) - below : 64'sd0);
  endfunction

  // IEEE 1666 SC_WRAP_SM
  function automatic logic signed [63:0] wrap_sign_magnitude(
      input logic signed [63:0] x, input int bits, input int wrap_bits);
    logic signed [63:0] span, kept, below, low_bits;
    logic new_sign, old, lowest_saturated;
    span = 64'((64'd1 << bits) - 64'd1);
    kept = x & span;
    below = span >>> wrap_bits;
    new_sign = wrap_bits == 1 ? x[63] : |((x >>> bits) & 64'sd1);
    lowest_saturated = x > 0;
    old = |(kept & (below + 64'sd1));
    low_bits = old != lowest_saturated ? below - (kept & below) : kept & below;
    if (wrap_bits <= 1) begin
      wrap_sign_magnitude = wrap(new_sign != (kept > largest(bits)) ? span - kept : kept, bits);
    end else begin
      wrap_sign_magnitude = low_bits
          + (x < 0 ? -largest(bits) - 64'sd1 : largest(bits) - below);
    end
  endfunction

  // what a signed register of `bits` bits stores of x; an event is fit(x) != x
  function automatic logic signed [63:0] fit(
      input logic signed [63:0] x, input int bits, input int overflow, input int wrap_bits);
    logic signed [63:0] lo, hi;
    lo = least(bits, overflow);
    hi = largest(bits);
    if (x >= lo && x <= hi) fit = x;
    else if (overflow == WRAP && wrap_bits == 0) fit = wrap(x, bits);
    else if (overflow == WRAP) fit = wrap_saturated(x, bits, wrap_bits);
    else if (overflow == SATURATE_ZERO) fit = 64'sd0;
    else if (overflow == WRAP_SIGN_MAGNITUDE) fit = wrap_sign_magnitude(x, bits, wrap_bits);
    else fit = x < lo ? lo : hi;
  endfunction

  // one is added to floor(x) of an inexact value: the one table of rounding rules.
  // odd: floor is odd; negative: x < 0; above, tie: the dropped part against one half
  function automatic logic round_up(
      input logic odd, input logic negative, input logic above, input logic tie,
      input int rounding);
    case (rounding)
      CEIL: round_up = 1'b1;
      TOWARD_ZERO: round_up = negative;
      AWAY: round_up = ~negative;
      ODD: round_up = ~odd;
      HALF_UP: round_up = above | tie;
      HALF_DOWN: round_up = above;
      HALF_TOWARD_ZERO: round_up = above | (tie & negative);
      HALF_AWAY: round_up = above | (tie & ~negative);
      HALF_EVEN: round_up = above | (tie & odd);
      default: round_up = 1'b0;  // FLOOR
    endcase
  endfunction

  // x / 2**shift rounded to an integer, 0 <= shift <= 62
  function automatic logic signed [63:0] shift_right(input logic signed [63:0] x, input int shift, input int rounding);
    logic signed [63:0] floor, rest, half;
    logic up;
    floor = x >>> shift;
    rest = x - (floor <<< shift);
    half = shift == 0 ? 64'sd0 : 64'sd1 <<< (shift - 1);
    up = round_up(floor[0], x < 0, rest > half, rest == half, rounding);
    shift_right = floor + (rest != 0 && up ? 64'sd1 : 64'sd0);
  endfunction

  // floor((x + r) / 2**shift), r the low `shift` bits of a random word
  function automatic logic signed [63:0] shift_right_stochastic(
      input logic signed [63:0] x, input int shift, input logic [31:0] random);
    logic signed [63:0] sum;
    sum = x + $signed({32'd0, random} & ((64'd1 << shift) - 64'd1));
    shift_right_stochastic = sum >>> shift;
  endfunction

  // what a multiplier that drops low bits keeps of a product: bits keep their weight
  function automatic logic signed [63:0] drop_low_bits(input logic signed [63:0] x, input int bits, input int rounding);
    drop_low_bits = shift_right(x, bits, rounding) <<< bits;
  endfunction

  // x / 2**shift rounded; a negative shift is to the left and exact (arith/requantize.py)
  function automatic logic signed [63:0] shift_by(
      input logic signed [63:0] x, input int shift, input int rounding, input logic [31:0] random);
    if (shift < 0) shift_by = x <<< -shift;
    else if (rounding == STOCHASTIC) shift_by = shift_right_stochastic(x, shift, random);
    else shift_by = shift_right(x, shift, rounding);
  endfunction

  // next state of a column's Galois LFSR (arith/lfsr.py)
  function automatic logic [31:0] lfsr_next(
      input logic [31:0] state, input logic [31:0] polynomial);
    lfsr_next = {1'b0, state[31:1]} ^ (state[0] ? polynomial : 32'd0);
  endfunction

  // adder tree over `lanes` products: nodes of one level (0: the products)
  function automatic int nodes_of(input int lanes, input int level);
    nodes_of = (lanes + (1 << level) - 1) >> level;
  endfunction

  // index of a level's first node, where all levels lie in one list, products first
  function automatic int first_node(input int lanes, input int level);
    int l;
    first_node = 0;
    for (l = 0; l < level; l = l + 1) first_node = first_node + ((lanes + (1 << l) - 1) >> l);
  endfunction

endpackage
