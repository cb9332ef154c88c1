//! Numbers as text, and text as numbers, exactly as ECMAScript has them.
//!
//! Shortest text comes from `ryu-js`; fixed, precise and exponential forms round the double's
//! exact decimal value, ties upward, as the standard says (Rust's formatter is exact, but rounds
//! ties to even).

use super::{Text, string};

/// `Number::toString(number, 10)`.
pub fn to_text(number: f64) -> Text {
    match whole_text(number, &mut [0; WHOLE_BYTES_MAX]) {
        Some(text) => Text::new(text),
        None => Text::new(ryu_js::Buffer::new().format(number)),
    }
}

/// Bytes of a whole number that a double holds exactly, sign included.
pub(super) const WHOLE_BYTES_MAX: usize = 17;

/// The text of a whole number that a double holds exactly: most numbers are such, and this is many
/// times as fast as the way that takes them all.
pub(super) fn whole_text(number: f64, buffer: &mut [u8; WHOLE_BYTES_MAX]) -> Option<&str> {
    let whole = number as i64;
    if whole as f64 != number || whole.unsigned_abs() > 1 << 53 {
        return None;
    }
    let (mut rest, mut start) = (whole.unsigned_abs(), WHOLE_BYTES_MAX);
    loop {
        start -= 1;
        buffer[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if whole < 0 {
        start -= 1;
        buffer[start] = b'-';
    }
    std::str::from_utf8(&buffer[start..]).ok()
}

/// `StringToNumber`: surrounding white space goes, the empty text is 0, what is no number is NaN.
pub fn from_text(text: &str) -> f64 {
    let text = string::trim(text);
    let bytes = text.as_bytes();
    match bytes {
        [] => 0.0,
        [b'0', b'x' | b'X', digits @ ..] => from_digits(digits, 16),
        [b'0', b'o' | b'O', digits @ ..] => from_digits(digits, 8),
        [b'0', b'b' | b'B', digits @ ..] => from_digits(digits, 2),
        _ => {
            let unsigned = match bytes[0] {
                b'+' | b'-' => &text[1..],
                _ => text,
            };
            if unsigned == "Infinity" {
                return if bytes[0] == b'-' { f64::NEG_INFINITY } else { f64::INFINITY };
            }
            if decimal_prefix_len(unsigned.as_bytes()) != unsigned.len() {
                return f64::NAN;
            }
            text.parse().unwrap_or(f64::NAN)
        }
    }
}

/// `parseFloat`: the longest prefix that is a decimal number.
pub fn parse_float(text: &str) -> f64 {
    let text = string::trim_start(text);
    let (negative, unsigned) = split_sign(text);
    let magnitude = if unsigned.starts_with("Infinity") {
        f64::INFINITY
    } else {
        match decimal_prefix_len(unsigned.as_bytes()) {
            0 => return f64::NAN,
            length => unsigned[..length].parse().unwrap_or(f64::NAN),
        }
    };
    if negative { -magnitude } else { magnitude }
}

/// `parseInt(text, radix)`; `radix` 0 means "as the prefix says".
pub fn parse_int(text: &str, radix: i32) -> f64 {
    let text = string::trim_start(text);
    let (negative, mut unsigned) = split_sign(text);
    let mut radix = radix;
    if radix != 0 && !(2..=36).contains(&radix) {
        return f64::NAN;
    }
    if (radix == 0 || radix == 16) && matches!(unsigned.as_bytes(), [b'0', b'x' | b'X', ..]) {
        unsigned = &unsigned[2..];
        radix = 16;
    }
    let radix = if radix == 0 { 10 } else { radix as u32 };
    let length = unsigned.bytes().take_while(|&byte| char::from(byte).is_digit(radix)).count();
    let digits = &unsigned.as_bytes()[..length];
    let magnitude = from_digits(digits, radix);
    if negative { -magnitude } else { magnitude }
}

/// The number that `digits` spell in `radix`; NaN when there are none, or a strange one.
pub fn from_digits(digits: &[u8], radix: u32) -> f64 {
    if digits.is_empty() || !digits.iter().all(|&byte| char::from(byte).is_digit(radix)) {
        return f64::NAN;
    }
    if radix == 10 {
        return std::str::from_utf8(digits).ok().and_then(|t| t.parse().ok()).unwrap_or(f64::NAN);
    }
    let values = digits.iter().filter_map(|&byte| char::from(byte).to_digit(radix));
    if radix.is_power_of_two() {
        from_binary_digits(values, radix.trailing_zeros())
    } else {
        from_odd_digits(values, radix)
    }
}

/// Digits of a power of two: exact, ties to even.
fn from_binary_digits(values: impl Iterator<Item = u32>, bits: u32) -> f64 {
    // Sixty-four leading bits, then how many more, and whether any of those is set.
    let (mut head, mut exponent, mut sticky) = (0_u64, 0_i32, false);
    for value in values {
        for bit in (0..bits).rev() {
            let set = value >> bit & 1;
            if head >> 63 == 0 {
                head = head << 1 | u64::from(set);
            } else {
                exponent = exponent.saturating_add(1);
                sticky |= set == 1;
            }
        }
    }
    if exponent == 0 {
        return head as f64;
    }
    // The lowest of 64 bits lies far under the 53 that count: it can carry the rest.
    let rounded = (head | u64::from(sticky)) as f64;
    rounded * libm::exp2(f64::from(exponent.min(2_000)))
}

/// Digits of other radixes, in parts of 32 bits as V8 adds them up.
fn from_odd_digits(values: impl Iterator<Item = u32>, radix: u32) -> f64 {
    let (mut total, mut part, mut multiplier) = (0.0_f64, 0_u32, 1_u32);
    // Zeroes before the first digit that counts would move where the parts begin.
    for value in values.skip_while(|&value| value == 0) {
        if u64::from(multiplier) * u64::from(radix) > u64::from(u32::MAX / 36) {
            total = total * f64::from(multiplier) + f64::from(part);
            (part, multiplier) = (0, 1);
        }
        part = part * radix + value;
        multiplier *= radix;
    }
    total * f64::from(multiplier) + f64::from(part)
}

fn split_sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

/// Bytes of the longest prefix that is an unsigned `StrDecimalLiteral`.
fn decimal_prefix_len(bytes: &[u8]) -> usize {
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let whole = digits(0);
    let mut end = whole;
    let mut fraction = 0;
    if bytes.get(end) == Some(&b'.') {
        fraction = digits(end + 1);
        if whole + fraction > 0 {
            end += 1 + fraction;
        }
    }
    if whole + fraction == 0 {
        return 0;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = if end + 1 + sign <= bytes.len() { digits(end + 1 + sign) } else { 0 };
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    end
}

/// `toFixed(digits)` for 0 to 100 digits.
pub fn to_fixed(number: f64, digits: usize) -> Text {
    if !number.is_finite() || number.abs() >= 1e21 {
        return to_text(number);
    }
    short_fixed(number, digits).unwrap_or_else(|| general_fixed(number, digits))
}

/// `toFixed` of every magnitude under 1e21.
fn general_fixed(number: f64, digits: usize) -> Text {
    let magnitude = number.abs();
    let mut text = if tie_place(magnitude) == Some(digits as i32) {
        // Rust rounds ties to even, JavaScript upward; one digit more is the exact number.
        let exact = format!("{magnitude:.0$}", digits + 1);
        fixed_from_digits(&round_up(&exact[..exact.len() - 1].replace('.', "")), digits)
    } else {
        format!("{magnitude:.digits$}")
    };
    if number < 0.0 {
        text.insert(0, '-');
    }
    Text::from(text)
}

/// `toFixed` of an ordinary magnitude: all of the double's bits times the power of ten are a whole
/// number of 128 bits, so that the rounding, ties upward, is exact.
fn short_fixed(number: f64, digits: usize) -> Option<Text> {
    const DIGITS_MAX: usize = 15;
    let magnitude = number.abs();
    if digits > DIGITS_MAX || !(1e-9..1e15).contains(&magnitude) {
        return None;
    }
    let bits = magnitude.to_bits();
    // The magnitude is `mantissa / 2^shift`, by its bounds with a shift between 3 and 82.
    let (mantissa, shift) = (bits & ((1 << 52) - 1) | 1 << 52, 1075 - (bits >> 52));
    let product = u128::from(mantissa) * u128::from(10_u64.pow(digits as u32));
    let rounded = (product + (1_u128 << (shift - 1))) >> shift;
    let mut rest = u64::try_from(rounded).ok()?;
    // Twenty digits of 64 bits, the point and the sign.
    let mut buffer = [0; 22];
    let (mut start, mut written) = (buffer.len(), 0);
    while rest > 0 || written <= digits {
        if written == digits && digits > 0 {
            start -= 1;
            buffer[start] = b'.';
        }
        start -= 1;
        buffer[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        written += 1;
    }
    if number < 0.0 {
        start -= 1;
        buffer[start] = b'-';
    }
    std::str::from_utf8(&buffer[start..]).ok().map(Text::new)
}

/// After how many decimals (negative: before the point) the magnitude would be cut exactly in the
/// middle between two neighbours; there is at most one such place.
fn tie_place(magnitude: f64) -> Option<i32> {
    if magnitude == 0.0 {
        return None;
    }
    let bits = magnitude.to_bits();
    let (stored, fraction) = ((bits >> 52) as i32, bits & ((1 << 52) - 1));
    let (whole, exponent) =
        if stored == 0 { (fraction, -1074) } else { (fraction | 1 << 52, stored - 1075) };
    let (odd, exponent) =
        (whole >> whole.trailing_zeros(), exponent + whole.trailing_zeros() as i32);
    if exponent < 0 {
        // odd / 2^n has n decimals, of which the last is 5.
        return Some(-exponent - 1);
    }
    // odd * 2^n ends in 5 and n zeroes when five divides it once oftener than two does.
    let dropped = exponent as u32 + 1;
    let ends = 5_u64.checked_pow(dropped).is_some_and(|power| odd % power == 0);
    ends.then_some(-(dropped as i32))
}

/// `toExponential(digits)`; `None`: as many as necessary.
pub fn to_exponential(number: f64, digits: Option<usize>) -> Text {
    if !number.is_finite() {
        return to_text(number);
    }
    let magnitude = number.abs();
    let (mantissa, exponent) = match digits {
        Some(digits) => significant_digits(magnitude, digits + 1),
        None => shortest_digits(magnitude),
    };
    let sign = if number < 0.0 { "-" } else { "" };
    Text::from(format!("{sign}{}", exponential(&mantissa, exponent)))
}

/// `toPrecision(precision)` for 1 to 100.
pub fn to_precision(number: f64, precision: usize) -> Text {
    if !number.is_finite() {
        return to_text(number);
    }
    let (mantissa, exponent) = significant_digits(number.abs(), precision);
    let sign = if number < 0.0 { "-" } else { "" };
    if exponent < -6 || exponent >= precision as i32 {
        return Text::from(format!("{sign}{}", exponential(&mantissa, exponent)));
    }
    let text = if exponent < 0 {
        format!("0.{}{mantissa}", "0".repeat((-exponent - 1) as usize))
    } else if precision as i32 == exponent + 1 {
        mantissa
    } else {
        let (whole, fraction) = mantissa.split_at(exponent as usize + 1);
        format!("{whole}.{fraction}")
    };
    Text::from(format!("{sign}{text}"))
}

/// `toString(radix)` for 2 to 36, with V8's choice of fraction digits.
pub fn to_radix(number: f64, radix: u32) -> Text {
    if radix == 10 || !number.is_finite() {
        return to_text(number);
    }
    let base = f64::from(radix);
    let magnitude = number.abs();
    let mut integer = libm::floor(magnitude);
    let fraction = radix_fraction(magnitude, &mut integer, radix);
    let mut reversed = Vec::new();
    // Digits beneath a double's precision carry nothing.
    while integer / base >= 9_007_199_254_740_992.0 {
        integer /= base;
        reversed.push(b'0');
    }
    loop {
        let remainder = libm::fmod(integer, base);
        reversed.push(digit_char(remainder as u32));
        integer = (integer - remainder) / base;
        if integer <= 0.0 {
            break;
        }
    }
    let mut text = String::with_capacity(reversed.len() + fraction.len() + 2);
    if number < 0.0 {
        text.push('-');
    }
    text.extend(reversed.iter().rev().map(|&byte| char::from(byte)));
    if !fraction.is_empty() {
        text.push('.');
        text.extend(fraction.iter().map(|&byte| char::from(byte)));
    }
    Text::from(text)
}

/// The fraction's digits, up to the double's precision; a carry goes to `integer`.
fn radix_fraction(magnitude: f64, integer: &mut f64, radix: u32) -> Vec<u8> {
    let base = f64::from(radix);
    let mut fraction = magnitude - *integer;
    let next = f64::from_bits(magnitude.to_bits() + 1);
    let mut delta = (0.5 * (next - magnitude)).max(f64::from_bits(1));
    let mut digits: Vec<u8> = Vec::new();
    if fraction < delta {
        return digits;
    }
    loop {
        fraction *= base;
        delta *= base;
        let digit = fraction as u32;
        digits.push(digit_char(digit));
        fraction -= f64::from(digit);
        let past_half = fraction > 0.5 || (fraction == 0.5 && digit & 1 == 1);
        if past_half && fraction + delta > 1.0 {
            loop {
                let Some(last) = digits.pop() else {
                    *integer += 1.0;
                    break;
                };
                let value = char::from(last).to_digit(radix).unwrap_or(0);
                if value + 1 < radix {
                    digits.push(digit_char(value + 1));
                    break;
                }
            }
            return digits;
        }
        if fraction < delta {
            return digits;
        }
    }
}

fn digit_char(digit: u32) -> u8 {
    char::from_digit(digit, 36).map_or(b'0', |digit| digit as u8)
}

/// `digits` significant digits of a magnitude, ties upward, with the decimal exponent.
fn significant_digits(magnitude: f64, digits: usize) -> (String, i32) {
    if magnitude == 0.0 {
        return ("0".repeat(digits), 0);
    }
    let (rounded, exponent) = split_exponential(&format!("{magnitude:.0$e}", digits - 1));
    let place = digits as i32 - 1 - exponent;
    // A tie that was rounded to the next power of ten shows one place further.
    let Some(_) = tie_place(magnitude).filter(|&tie| tie == place || tie == place + 1) else {
        return (rounded, exponent);
    };
    let (exact, exact_exponent) = split_exponential(&format!("{magnitude:.digits$e}"));
    if tie_place(magnitude) != Some(digits as i32 - 1 - exact_exponent) {
        return (rounded, exponent);
    }
    let up = round_up(&exact[..digits]);
    match up.len() > digits {
        true => (up[..digits].to_string(), exact_exponent + 1),
        false => (up, exact_exponent),
    }
}

fn shortest_digits(magnitude: f64) -> (String, i32) {
    split_exponential(&format!("{magnitude:e}"))
}

fn split_exponential(text: &str) -> (String, i32) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    (mantissa.replace('.', ""), exponent.parse().unwrap_or(0))
}

/// One unit in the last place more; longer by a digit when all were nines.
fn round_up(digits: &str) -> String {
    let mut rounded = digits.as_bytes().to_vec();
    for digit in rounded.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return String::from_utf8(rounded).unwrap_or_default();
        }
        *digit = b'0';
    }
    rounded.insert(0, b'1');
    String::from_utf8(rounded).unwrap_or_default()
}

/// `digits` (of which the last `fraction` stand after the point) as fixed text.
fn fixed_from_digits(digits: &str, fraction: usize) -> String {
    let padded = format!("{digits:0>0$}", fraction + 1);
    if fraction == 0 {
        return padded;
    }
    let (whole, rest) = padded.split_at(padded.len() - fraction);
    format!("{whole}.{rest}")
}

fn exponential(mantissa: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    let magnitude = exponent.unsigned_abs();
    match mantissa.split_at(1) {
        (first, "") => format!("{first}e{sign}{magnitude}"),
        (first, rest) => format!("{first}.{rest}e{sign}{magnitude}"),
    }
}

/// `ToInt32`.
pub fn to_int32(number: f64) -> i32 {
    to_uint32(number) as i32
}

/// `ToUint32`.
pub fn to_uint32(number: f64) -> u32 {
    if number.is_finite() && number.abs() < 4_294_967_296.0 {
        return (number as i64) as u32;
    }
    if !number.is_finite() {
        return 0;
    }
    let modulo = libm::fmod(libm::trunc(number), 4_294_967_296.0);
    (modulo as i64) as u32
}

/// `ToIntegerOrInfinity`.
pub fn to_integer(number: f64) -> f64 {
    if number.is_nan() { 0.0 } else { libm::trunc(number) + 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_a_number_as_javascript_has_it() {
        for (text, number) in [
            ("", 0.0),
            (" \n\u{feff}12.5 ", 12.5),
            ("1e3", 1000.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("-Infinity", f64::NEG_INFINITY),
            ("0x1F", 31.0),
            ("0b11", 3.0),
            ("0o17", 15.0),
        ] {
            assert_eq!(from_text(text), number, "{text:?}");
        }
        for text in ["abc", "1e", ".", "-0x10", "1 2", "inf", "nan", "infinity", "1_000", "0x"] {
            assert!(from_text(text).is_nan(), "{text:?}");
        }
        assert!(from_text("-0").is_sign_negative());
    }

    #[test]
    fn ties_round_away_from_zero() {
        assert_eq!(to_fixed(2.5, 0), "3");
        assert_eq!(to_fixed(-2.5, 0), "-3");
        assert_eq!(to_fixed(0.5, 0), "1");
        assert_eq!(to_fixed(1.005, 2), "1.00");
        assert_eq!(to_fixed(1.25, 1), "1.3");
        assert_eq!(to_fixed(0.000001, 7), "0.0000010");
        assert_eq!(to_precision(2.5, 1), "3");
        assert_eq!(to_precision(1e21, 3), "1.00e+21");
        assert_eq!(to_exponential(99.5, Some(0)), "1e+2");
        assert_eq!(to_exponential(0.0, Some(2)), "0.00e+0");
    }

    #[test]
    fn ties_are_found_wherever_they_stand() {
        assert_eq!(to_precision(9.5, 1), "1e+1");
        assert_eq!(to_precision(1250.0, 2), "1.3e+3");
        assert_eq!(to_precision(2.5e22, 1), "2e+22");
        assert_eq!(to_precision(1.5e21, 1), "2e+21");
        assert_eq!(to_precision(99_995.0, 4), "1.000e+5");
        assert_eq!(to_precision(5e-324, 3), "4.94e-324");
        assert_eq!(to_exponential(12_500.0, Some(1)), "1.3e+4");
        assert_eq!(to_exponential(0.000_001_953_125, Some(5)), "1.95313e-6");
        assert_eq!(to_fixed(0.125, 2), "0.13");
        assert_eq!(to_fixed(1.45, 1), "1.4");
        assert_eq!(to_fixed(4_503_599_627_370_497.5, 0), "4503599627370498");
        assert_eq!(to_fixed(9.5, 0), "10");
    }

    #[test]
    fn ordinary_magnitudes_are_fixed_as_the_general_way_fixes_them() {
        let mut number = 1.3e-9_f64;
        let mut ties = 0;
        while number < 1e15 {
            for near in [number, number.trunc() + 0.5, number.trunc() + 0.125, number.trunc()] {
                for digits in 0..16 {
                    let short = [short_fixed(near, digits), short_fixed(-near, digits)];
                    let [Some(short), Some(negative)] = short else { continue };
                    assert_eq!(short, general_fixed(near, digits), "{near} {digits}");
                    ties += usize::from(tie_place(near) == Some(digits as i32));
                    assert_eq!(negative, format!("-{short}"));
                }
            }
            number *= 1.7;
        }
        assert!(ties > 50, "{ties} ties");
    }

    #[test]
    fn whole_numbers_are_spelt_as_the_general_way_spells_them() {
        let mut number = 1.0_f64;
        while number < 1e17 {
            for near in [number - 1.0, number, number + 1.0, -number, number + 0.5] {
                assert_eq!(to_text(near), ryu_js::Buffer::new().format(near), "{near}");
            }
            number *= 3.0;
        }
        assert_eq!(to_text(-0.0), "0");
        assert_eq!(to_text(9_007_199_254_740_992.0), "9007199254740992");
        assert_eq!(to_text(f64::NAN), "NaN");
    }

    #[test]
    fn radixes_spell_fractions_as_v8_does() {
        assert_eq!(to_radix(255.0, 16), "ff");
        assert_eq!(to_radix(-0.5, 2), "-0.1");
        assert_eq!(to_radix(0.1, 3), "0.0022002200220022002200220022002201");
        assert_eq!(parse_int("0x1f", 0), 31.0);
        assert_eq!(parse_int("0xaFInfinityo.E", 36), 4_381_653_826_679_215_600.0);
        assert_eq!(parse_int("12px", 10), 12.0);
        assert!(parse_int("", 10).is_nan());
    }
}
