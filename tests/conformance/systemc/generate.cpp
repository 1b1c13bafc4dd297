// Vectors of IEEE 1666 rounding and overflow, made by SystemC's own fixed-point library.
//
//   g++ -O1 generate.cpp -lsystemc -o generate
//   ./generate exhaustive | gzip -9n > exhaustive.txt.gz
//   ./generate random     | gzip -9n > random.txt.gz
//
// One line for each rounding, overflow rule, width and shift:
//
//   SC_RND SC_WRAP <wrap_bits> <signed> <bits> <shift> : <x> <y> <x> <y> ...      (random)
//   SC_RND SC_WRAP <wrap_bits> <signed> <bits> <shift> : <first x> : <y> <y> ...  (exhaustive)
//
// y is what a register of `bits` integer bits holds after x / 2**shift was assigned to it.

#define SC_INCLUDE_FX
#include <systemc>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>

using namespace sc_dt;

struct Rounding {
  sc_q_mode mode;
  const char *name;
};

struct Overflow {
  sc_o_mode mode;
  int wrap_bits;
  const char *name;
};

static const Rounding ROUNDINGS[] = {
    {SC_TRN, "SC_TRN"},           {SC_TRN_ZERO, "SC_TRN_ZERO"}, {SC_RND, "SC_RND"},
    {SC_RND_ZERO, "SC_RND_ZERO"}, {SC_RND_INF, "SC_RND_INF"},   {SC_RND_CONV, "SC_RND_CONV"},
    {SC_RND_MIN_INF, "SC_RND_MIN_INF"},
};

static const Overflow OVERFLOWS[] = {
    {SC_SAT, 0, "SC_SAT"},         {SC_SAT_ZERO, 0, "SC_SAT_ZERO"}, {SC_SAT_SYM, 0, "SC_SAT_SYM"},
    {SC_WRAP, 0, "SC_WRAP"},       {SC_WRAP, 1, "SC_WRAP"},         {SC_WRAP, 3, "SC_WRAP"},
    {SC_WRAP_SM, 0, "SC_WRAP_SM"}, {SC_WRAP_SM, 1, "SC_WRAP_SM"},   {SC_WRAP_SM, 3, "SC_WRAP_SM"},
};

struct Register {
  const Rounding &rounding;
  const Overflow &overflow;
  bool is_signed;
  int bits;
};

// x / 2**shift, exact: 64 bits of which `shift` are a fraction.
static sc_fix scaled(int64_t x, int shift) {
  sc_fix integer(64, 64, SC_TRN, SC_WRAP, 0);
  integer = static_cast<int64>(x);
  sc_fix fraction(64, 64 - shift, SC_TRN, SC_WRAP, 0);
  fraction = integer >> shift;
  return fraction;
}

static int64_t stored(int64_t x, int shift, const Register &r) {
  if (r.is_signed) {
    sc_fix kept(r.bits, r.bits, r.rounding.mode, r.overflow.mode, r.overflow.wrap_bits);
    kept = scaled(x, shift);
    return static_cast<int64_t>(kept.to_int64());
  }
  sc_ufix kept(r.bits, r.bits, r.rounding.mode, r.overflow.mode, r.overflow.wrap_bits);
  kept = scaled(x, shift);
  return static_cast<int64_t>(kept.to_uint64());
}

static void print_head(const Register &r, int shift) {
  std::printf("%s %s %d %d %d %d :", r.rounding.name, r.overflow.name, r.overflow.wrap_bits,
              r.is_signed, r.bits, shift);
}

// Every x of four times the register's span, so that values overflow on both sides.
static void print_exhaustive(const Register &r, int shift) {
  const int64_t end = INT64_C(1) << (r.bits + shift + 1);
  print_head(r, shift);
  std::printf(" %lld :", static_cast<long long>(-end));
  for (int64_t x = -end; x < end; ++x)
    std::printf(" %lld", static_cast<long long>(stored(x, shift, r)));
  std::printf("\n");
}

// Both signs, up to twice the span; every other x is a tie or one beside it.
static void print_random(const Register &r, int shift, std::mt19937_64 &random, int count) {
  print_head(r, shift);
  for (int i = 0; i < count; ++i) {
    const uint64_t span = UINT64_C(1) << (r.bits + shift + 1);
    int64_t x = static_cast<int64_t>(random() % span) - static_cast<int64_t>(span / 2);
    if (i % 2 && shift > 0)
      x = (x >> shift) * (INT64_C(1) << shift) + (INT64_C(1) << (shift - 1)) + i % 5 / 2 - 1;
    std::printf(" %lld %lld", static_cast<long long>(x),
                static_cast<long long>(stored(x, shift, r)));
  }
  std::printf("\n");
}

int sc_main(int argc, char **argv) {
  const bool exhaustive = argc > 1 && !std::strcmp(argv[1], "exhaustive");
  std::mt19937_64 random(1666);
  for (const Rounding &rounding : ROUNDINGS)
    for (const Overflow &overflow : OVERFLOWS)
      for (bool is_signed : {false, true}) {
        if (!is_signed && overflow.mode == SC_WRAP_SM) continue;  // not defined for unsigned
        if (exhaustive) {
          for (int bits : {4, 5})
            for (int shift : {0, 1, 2, 3})
              print_exhaustive({rounding, overflow, is_signed, bits}, shift);
        } else {
          for (int bits : {8, 12, 16, 24, 32})
            for (int shift : {1, 2, 7, 15, 20})
              print_random({rounding, overflow, is_signed, bits}, shift, random, 10);
        }
      }
  return 0;
}
