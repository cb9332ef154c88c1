//! Quantities: durations `90s 15m 24h 30d 12w` and sizes `64KiB`, as texts and as numbers.

/// Milliseconds of a duration. `None` when it is malformed or passes what an `i64` holds.
pub fn duration_ms(text: &str) -> Option<i64> {
    let unit = text.chars().next_back()?;
    let unit_ms: i64 = match unit {
        's' => 1000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        'w' => 604_800_000,
        _ => return None,
    };
    digits(&text[..text.len() - 1])?.try_into().ok().and_then(|n: i64| n.checked_mul(unit_ms))
}

/// Bytes of a size: `512B`, `64KiB`, `1MiB`. `None` when it is malformed.
pub fn size_bytes(text: &str) -> Option<u64> {
    let (number, unit) = [("KiB", 1024), ("MiB", 1024 * 1024), ("B", 1)]
        .into_iter()
        .find_map(|(unit, bytes)| text.strip_suffix(unit).map(|number| (number, bytes)))?;
    digits(number)?.checked_mul(unit)
}

/// A whole number written in digits only.
pub fn digits(text: &str) -> Option<u64> {
    let only_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    only_digits.then(|| text.parse().ok()).flatten()
}

/// Whether a plain scalar is a number by JSON's grammar.
pub fn is_json_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let whole = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    let leading_zero = whole > 1 && unsigned.starts_with('0');
    if whole == 0 || leading_zero {
        return false;
    }
    let rest = &unsigned[whole..];
    let rest = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if length == 0 {
                return false;
            }
            &fraction[length..]
        }
    };
    match rest.strip_prefix(['e', 'E']) {
        None => rest.is_empty(),
        Some(exponent) => digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_unit() {
        assert_eq!(duration_ms("90s"), Some(90_000));
        assert_eq!(duration_ms("15m"), Some(900_000));
        assert_eq!(duration_ms("24h"), Some(86_400_000));
        assert_eq!(duration_ms("30d"), Some(2_592_000_000));
        assert_eq!(duration_ms("12w"), Some(7_257_600_000));
        for wrong in ["", "d", "30", "1.5h", "-1d", "30 d", "30D", "1d12h", "9999999999999999w"] {
            assert_eq!(duration_ms(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(size_bytes("512B"), Some(512));
        assert_eq!(size_bytes("64KiB"), Some(65_536));
        assert_eq!(size_bytes("1MiB"), Some(1_048_576));
        for wrong in ["", "64", "64KB", "64kib", "KiB", "1.5KiB", "-1B", "99999999999999999999MiB"]
        {
            assert_eq!(size_bytes(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_follow_the_grammar_of_json() {
        for number in ["0", "-0", "10", "1.5", "-1.25e10", "1E-3", "2e+5"] {
            assert!(is_json_number(number), "{number}");
        }
        for text in ["", "-", "01", "1.", ".5", "+1", "1e", "0x10", "1_000", "NaN", "1 "] {
            assert!(!is_json_number(text), "{text}");
        }
    }
}
