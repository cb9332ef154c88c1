//! Power: `**` and `Math.pow` to the last bit of V8, whole exponents included.
//!
//! V8 computes powers as fdlibm does (`e_pow.c`), but for one step: it divides by the last
//! correction together with the denominator. That moves the last bit of some powers (`10 ** -5` is
//! 0.000009999999999999999), so `libm::pow`, which follows fdlibm, is not the same function.
//!
//! The method is fdlibm's: log2 of x in two parts, times y in two parts, and 2 to that power.
//!
//! ```text
//! Copyright (C) 2004 by Sun Microsystems, Inc. All rights reserved.
//! Permission to use, copy, modify, and distribute this software is freely granted, provided that
//! this notice is preserved.
//! ```

/// Coefficients of (3/2) * (log(x) - 2s - 2/3 * s^3).
const LOG: [f64; 6] = [
    5.999_999_999_999_946e-1,
    4.285_714_285_785_502e-1,
    3.333_333_298_183_774_3e-1,
    2.727_281_238_085_34e-1,
    2.306_607_457_755_617_5e-1,
    2.069_750_178_003_384_2e-1,
];
/// Coefficients of the exponential.
const EXP: [f64; 5] = [
    1.666_666_666_666_660_2e-1,
    -2.777_777_777_701_559_3e-3,
    6.613_756_321_437_934e-5,
    -1.653_390_220_546_525_2e-6,
    4.138_136_797_057_238_5e-8,
];
/// 1 and 1.5, between which the logarithm's argument lies, and log2 of them in two parts.
const NEAR: [f64; 2] = [1.0, 1.5];
const NEAR_LOG_HIGH: [f64; 2] = [0.0, 5.849_624_872_207_642e-1];
const NEAR_LOG_LOW: [f64; 2] = [0.0, 1.350_039_202_129_749e-8];
/// ln 2, whole and in two parts.
const LN2: f64 = std::f64::consts::LN_2;
const LN2_HIGH: f64 = 6.931_471_824_645_996e-1;
const LN2_LOW: f64 = -1.904_654_299_957_768e-9;
/// 2 / (3 ln 2), whole and in two parts.
const TWO_THIRDS: f64 = 9.617_966_939_259_756e-1;
const TWO_THIRDS_HIGH: f64 = 9.617_967_009_544_373e-1;
const TWO_THIRDS_LOW: f64 = -7.028_461_650_952_758e-9;
/// 1 / ln 2, whole and in two parts.
const INVERSE_LN2: f64 = std::f64::consts::LOG2_E;
const INVERSE_LN2_HIGH: f64 = 1.442_695_021_629_333_5;
const INVERSE_LN2_LOW: f64 = 1.925_962_991_126_617_5e-8;
/// 1024 less log2 of the greatest double and half a unit of it, negated.
const OVERFLOW_TAIL: f64 = 8.008_566_259_537_294e-17;
/// 2^53.
const SUBNORMAL_SCALE: f64 = 9_007_199_254_740_992.0;

fn high(number: f64) -> i32 {
    (number.to_bits() >> 32) as i32
}

fn with_high(number: f64, high: i32) -> f64 {
    f64::from_bits(u64::from(high as u32) << 32 | number.to_bits() & 0xffff_ffff)
}

/// The number with the lower half of its bits gone.
fn cut(number: f64) -> f64 {
    f64::from_bits(number.to_bits() & 0xffff_ffff_0000_0000)
}

/// `base ** exponent`.
pub(super) fn power(base: f64, exponent: f64) -> f64 {
    // Unlike C, 1 to an infinite or unknown power is unknown.
    if exponent.is_nan() || (exponent.is_infinite() && base.abs() == 1.0) {
        return f64::NAN;
    }
    if exponent == 0.0 {
        return 1.0;
    }
    if base.is_nan() || exponent.is_infinite() {
        let grows = (base.abs() > 1.0) == (exponent > 0.0);
        return match (base.is_nan(), grows) {
            (true, _) => f64::NAN,
            (_, true) => f64::INFINITY,
            (_, false) => 0.0,
        };
    }
    let is_whole = libm::trunc(exponent) == exponent;
    let is_odd = is_whole && libm::fmod(exponent, 2.0) != 0.0;
    let sign = if base.is_sign_negative() && is_odd { -1.0 } else { 1.0 };
    let magnitude = base.abs();
    if magnitude == 0.0 || magnitude.is_infinite() || magnitude == 1.0 {
        let result = if exponent < 0.0 { 1.0 / magnitude } else { magnitude };
        return if base == -1.0 && !is_whole { f64::NAN } else { sign * result };
    }
    if base < 0.0 && !is_whole {
        return f64::NAN;
    }
    if exponent == 1.0 {
        base
    } else if exponent == -1.0 {
        1.0 / base
    } else if exponent == 2.0 {
        base * base
    } else if exponent == 0.5 {
        libm::sqrt(base)
    } else {
        sign * of_magnitude(magnitude, exponent)
    }
}

/// The power of a number that is positive, finite and not 1, to a finite exponent that is not 0.
fn of_magnitude(magnitude: f64, exponent: f64) -> f64 {
    let grows = (magnitude > 1.0) == (exponent > 0.0);
    let far = if grows { f64::INFINITY } else { 0.0 };
    let base_high = high(magnitude);
    let exponent_size = high(exponent) & 0x7fff_ffff;
    let (log_high, log_low) = if exponent_size > 0x41e0_0000 {
        // Beyond 2^31 only bases next to 1 stay in range; beyond 2^64 none.
        if exponent_size > 0x43f0_0000 || !(0x3fef_ffff..=0x3ff0_0000).contains(&base_high) {
            return far;
        }
        log2_near_one(magnitude)
    } else {
        log2(magnitude)
    };
    let exponent_high = cut(exponent);
    let low = (exponent - exponent_high) * log_high + exponent * log_low;
    let high_part = exponent_high * log_high;
    let sum = low + high_part;
    if sum > 1024.0 || (sum == 1024.0 && low + OVERFLOW_TAIL > sum - high_part) {
        return f64::INFINITY;
    }
    if sum < -1075.0 || (sum == -1075.0 && low <= sum - high_part) {
        return 0.0;
    }
    exp2(high_part, low, sum)
}

/// log2 in two parts of a number within 2^-20 of 1.
fn log2_near_one(number: f64) -> (f64, f64) {
    let t = number - 1.0;
    let w = (t * t) * (0.5 - t * (0.333_333_333_333_333_3 - t * 0.25));
    let u = INVERSE_LN2_HIGH * t;
    let v = t * INVERSE_LN2_LOW - w * INVERSE_LN2;
    let log_high = cut(u + v);
    (log_high, v - (log_high - u))
}

/// log2 in two parts.
fn log2(number: f64) -> (f64, f64) {
    let (mut number, mut binary_exponent) = (number, 0);
    if high(number) < 0x0010_0000 {
        number *= SUBNORMAL_SCALE;
        binary_exponent -= 53;
    }
    binary_exponent += (high(number) >> 20) - 0x3ff;
    let fraction = high(number) & 0x000f_ffff;
    let mut number_high = fraction | 0x3ff0_0000;
    // Below sqrt(3/2) near 1, below sqrt(3) near 1.5, else near 1 one octave on.
    let near = match fraction {
        ..=0x3988e => 0,
        0x3988f..=0xbb679 => 1,
        _ => {
            binary_exponent += 1;
            number_high -= 0x0010_0000;
            0
        }
    };
    number = with_high(number, number_high);
    let u = number - NEAR[near];
    let v = 1.0 / (number + NEAR[near]);
    let s = u * v;
    let s_high = cut(s);
    let t_high_bits = ((number_high >> 1) | 0x2000_0000) + 0x0008_0000 + ((near as i32) << 18);
    let t_high = with_high(0.0, t_high_bits);
    let t_low = number - (t_high - NEAR[near]);
    let s_low = v * ((u - s_high * t_high) - s_high * t_low);
    let square = s * s;
    let [l1, l2, l3, l4, l5, l6] = LOG;
    let series = l1 + square * (l2 + square * (l3 + square * (l4 + square * (l5 + square * l6))));
    let r = square * square * series + s_low * (s_high + s);
    let square = s_high * s_high;
    let t_high = cut(3.0 + square + r);
    let t_low = r - ((t_high - 3.0) - square);
    let u = s_high * t_high;
    let v = s_low * t_high + t_low * s;
    let p_high = cut(u + v);
    let p_low = v - (p_high - u);
    let z_high = TWO_THIRDS_HIGH * p_high;
    let z_low = TWO_THIRDS_LOW * p_high + p_low * TWO_THIRDS + NEAR_LOG_LOW[near];
    let t = f64::from(binary_exponent);
    let log_high = cut(((z_high + z_low) + NEAR_LOG_HIGH[near]) + t);
    (log_high, z_low - (((log_high - t) - NEAR_LOG_HIGH[near]) - z_high))
}

/// 2 to the power of two parts, whose sum is within the range of a double's exponent.
fn exp2(mut high_part: f64, low: f64, sum: f64) -> f64 {
    let sum_high = high(sum);
    let size = sum_high & 0x7fff_ffff;
    let mut whole = 0;
    if size > 0x3fe0_0000 {
        // The whole number nearest to the sum is taken out.
        let rounded = sum_high + (0x0010_0000 >> ((size >> 20) - 0x3ff + 1));
        let shift = ((rounded & 0x7fff_ffff) >> 20) - 0x3ff;
        let taken = with_high(0.0, rounded & !(0x000f_ffff >> shift));
        whole = ((rounded & 0x000f_ffff) | 0x0010_0000) >> (20 - shift);
        if sum_high < 0 {
            whole = -whole;
        }
        high_part -= taken;
    }
    let t = cut(low + high_part);
    let u = t * LN2_HIGH;
    let v = (low - (t - high_part)) * LN2 + t * LN2_LOW;
    let z = u + v;
    let w = v - (z - u);
    let square = z * z;
    let [p1, p2, p3, p4, p5] = EXP;
    let series = p1 + square * (p2 + square * (p3 + square * (p4 + square * p5)));
    let t = z - square * series;
    // Here V8 parts from fdlibm, which subtracts the correction from the quotient.
    let r = (z * t) / ((t - 2.0) - (w + z * w));
    let result = 1.0 - (r - z);
    let result_high = high(result) + (whole << 20);
    if result_high >> 20 <= 0 {
        libm::scalbn(result, whole)
    } else {
        with_high(result, result_high)
    }
}

#[cfg(test)]
mod tests {
    use super::power;

    /// What Node answers.
    const NODE: &[(f64, f64, f64)] = &[
        (10.0, 308.0, 1e308),
        (10.0, 309.0, f64::INFINITY),
        (10.0, -5.0, 0.000009999999999999999),
        (10.0, -7.0, 1e-7),
        (10.0, -323.0, 1e-323),
        (10.0, -324.0, 0.0),
        (2.0, -1074.0, 5e-324),
        (2.0, -1075.0, 0.0),
        (2.0, 1023.0, 8.98846567431158e307),
        (2.0, 1024.0, f64::INFINITY),
        (3.0, 40.0, 12157665459056929000.0),
        (7.0, 30.0, 2.253934029069226e25),
        (-2.0, 3.0, -8.0),
        (-2.0, -3.0, -0.125),
        (-2.0, 0.5, f64::NAN),
        (-2.0, 2.5, f64::NAN),
        (-0.0, 3.0, -0.0),
        (-0.0, -3.0, f64::NEG_INFINITY),
        (-0.0, 2.0, 0.0),
        (-0.0, -2.0, f64::INFINITY),
        (0.0, -1.0, f64::INFINITY),
        (-0.0, -0.5, f64::INFINITY),
        (f64::NAN, 0.0, 1.0),
        (1.0, f64::NAN, f64::NAN),
        (1.0, f64::INFINITY, f64::NAN),
        (-1.0, f64::NEG_INFINITY, f64::NAN),
        (-1.0, 0.5, f64::NAN),
        (-1.0, 1e300, 1.0),
        (0.5, f64::INFINITY, 0.0),
        (2.0, f64::NEG_INFINITY, 0.0),
        (f64::NEG_INFINITY, 3.0, f64::NEG_INFINITY),
        (f64::NEG_INFINITY, -3.0, -0.0),
        (f64::INFINITY, 0.5, f64::INFINITY),
        (-8.0, 0.3333333333333333, f64::NAN),
        (1.0000001, 16777217.0, 5.353345095920349),
        (1.0000000000000002, 4503599627370496.0, std::f64::consts::E),
        (0.9999999999999999, 4611686018427388000.0, 4.377491037052927e-223),
        (5e-324, 0.5, 2.2227587494850775e-162),
        (5e-324, -0.2, 4.583983741703447e64),
        (1.1, 10.0, 2.5937424601000023),
        (7.0, -0.49999999999999994, 0.3779644730092273),
        (-1.5, 9007199254740992.0, f64::INFINITY),
        (0.1, 3.0, 0.0010000000000000002),
        (1e300, -1.05, 1e-315),
        (2.0, 0.5, std::f64::consts::SQRT_2),
        (f64::NEG_INFINITY, 0.5, f64::INFINITY),
    ];

    #[test]
    fn powers_are_the_ones_that_node_has_to_the_last_bit() {
        for (base, exponent, expected) in NODE {
            let found = power(*base, *exponent);
            assert!(
                found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()),
                "{base} ** {exponent} is {found}"
            );
        }
    }
}
