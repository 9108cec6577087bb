/* Arithmetic of PTX that C does not have: reinterpreted bits, approximate functions, saturating conversions. */

#define SMALLEST_F32 1.17549435e-38f
#define SMALLEST_F64 2.2250738585072014e-308

static f32 f32_of(u32 bits) { f32 value; memcpy(&value, &bits, 4); return value; }
static f64 f64_of(u64 bits) { f64 value; memcpy(&value, &bits, 8); return value; }
static u32 bits_of_f32(f32 value) { u32 bits; memcpy(&bits, &value, 4); return bits; }
static u64 bits_of_f64(f64 value) { u64 bits; memcpy(&bits, &value, 8); return bits; }

#define either_nan(a, b) (isnan(a) || isnan(b))

static f32 saturated(f32 x) { return isnan(x) || x <= 0.0f ? 0.0f : x > 1.0f ? 1.0f : x; }

/* The sum in f64 is exact enough: rounding it to f32 and stepping back when the result is too far from 0. */
static f32 add_toward_zero(f32 a, f32 b) {
  f64 sum = (f64)a + (f64)b;
  f32 rounded = (f32)sum;
  return isfinite(rounded) && fabs((f64)rounded) > fabs(sum) ? nextafterf(rounded, 0.0f) : rounded;
}

static __attribute__((noinline)) f32 fma_rounded(f32 a, f32 b, f32 c, int rounding) {
  volatile f32 x = a, y = b, z = c, result;
  fesetround(rounding);
  result = fmaf(x, y, z);
  fesetround(FE_TONEAREST);
  return result;
}

/* .ftz: subnormal numbers become 0. */
static f32 flushed_f32(f32 x) { return fabsf(x) < SMALLEST_F32 ? copysignf(0.0f, x) : x; }
static f64 flushed_f64(f64 x) { return fabs(x) < SMALLEST_F64 ? copysign(0.0, x) : x; }

/* A result off by at most L->ulps units in the last place, the same for equal arguments. */
static f32 perturbed(Launch *L, f32 result, f32 argument) {
  if (!L->ulps || !isfinite(result) || fabsf(result) < 1e-37f || fabsf(result) > 1e38f) return result;
  u64 state = bits_of_f32(argument);
  s64 error = (s64)(random_bits(&state) % (2 * L->ulps + 1)) - (s64)L->ulps;
  return f32_of(bits_of_f32(result) + (s32)error);
}

/* Powers of 2 are exact: libdevice counts on exact results for whole exponents. */
static f32 power_of_two(Launch *L, f32 x) {
  x = flushed_f32(x);
  f32 result = (f32)exp2((f64)x);
  return flushed_f32(x == floorf(x) ? result : perturbed(L, result, x));
}

static f32 logarithm(Launch *L, f32 x) { return perturbed(L, (f32)log2((f64)flushed_f32(x)), x); }

static f32 reciprocal_f32(Launch *L, f32 x) {
  x = flushed_f32(x);
  int power_of_two = !(bits_of_f32(x) << 9);
  return flushed_f32(power_of_two ? 1.0f / x : perturbed(L, 1.0f / x, x));
}

/* Of f64, the upper 32 bits of argument and result count. */
static f64 reciprocal_f64(Launch *L, f64 x) {
  const u64 upper = 0xffffffff00000000ull;
  f64 result = flushed_f64(1.0 / flushed_f64(f64_of(bits_of_f64(x) & upper)));
  return isnan(result) ? result : f64_of(bits_of_f64(result) & upper);
}

/* Conversions of whole numbers in f64: the nearest number of the type; NaN as PTX defines it. */
static s64 s64_of(f64 x) {
  return isnan(x) ? INT64_MIN : x >= 0x1p63 ? INT64_MAX : x < -0x1p63 ? INT64_MIN : (s64)x;
}
static u64 u64_of(f64 x) { return isnan(x) ? 1ull << 63 : x >= 0x1p64 ? UINT64_MAX : x <= 0 ? 0 : (u64)x; }
static s32 s32_of(f64 x) { return isnan(x) ? 0 : x >= 0x1p31 ? INT32_MAX : x <= -0x1p31 ? INT32_MIN : (s32)x; }
static u32 u32_of(f64 x) { return isnan(x) ? 0 : x >= 0x1p32 ? UINT32_MAX : x <= 0 ? 0 : (u32)x; }
