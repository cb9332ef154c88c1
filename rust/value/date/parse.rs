//! Parse: text to a time: the forms of ISO 8601 that the standard has, and what dates write.
//!
//! `YYYY`, `YYYY-MM`, `YYYY-MM-DD` (UTC), each with `THH:mm`, `:ss` and a fraction (local time without
//! `Z` or an offset); years of six digits with a sign. Where the standard leaves room this is V8's reading:
//! the 31st runs into the next month where a month has less days, letters may be small, an offset's colon
//! may be missing, and of a fraction nine digits after leading zeros count. Text that `toString` and
//! `toUTCString` write leads back to the same second. All else is no date (page 3.6.6).

use super::calendar::{HOUR_MS, MINUTE_MS, SECOND_MS, clip, time_of_written};
use super::text::{MONTHS, WEEKDAYS};
use super::zone::Zone;

/// Digits of a number that count.
const SIGNIFICANT_DIGITS: usize = 9;

/// The time of a text, NaN when it is no date; without an offset it is in `zone`.
pub fn parse(text: &str, zone: Zone) -> f64 {
    let text = text.as_bytes();
    let time_ms = iso(text, zone).or_else(|| written(text)).or_else(|| written_utc(text));
    time_ms.map_or(f64::NAN, |time_ms| clip(time_ms as f64))
}

/// What is left of a text.
struct Rest<'t>(&'t [u8]);

impl Rest<'_> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// Takes one of these bytes.
    fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let byte = self.peek().filter(|byte| bytes.contains(byte))?;
        self.0 = &self.0[1..];
        Some(byte)
    }

    fn literal(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text.as_bytes())?;
        Some(())
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    /// A run of digits: its number, of which nine digits after leading zeros count, and length.
    fn digits(&mut self) -> Option<(i64, usize)> {
        let length = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        let significant = digits[zeros..].iter().take(SIGNIFICANT_DIGITS);
        let number = significant.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        (length > 0).then_some((number, length))
    }

    /// A run of exactly so many digits, whose number is in the range.
    fn fixed(&mut self, length: usize, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let (number, found) = self.digits()?;
        (found == length && range.contains(&number)).then_some(number)
    }

    /// The position of one of these names.
    fn name(&mut self, names: &[&str]) -> Option<i64> {
        let at = names.iter().position(|name| self.0.starts_with(name.as_bytes()))?;
        self.literal(names[at])?;
        Some(at as i64)
    }
}

fn iso(text: &[u8], zone: Zone) -> Option<i64> {
    let mut rest = Rest(text);
    let year = match rest.one_of(b"+-") {
        Some(sign) => match (sign, rest.fixed(6, 0..=999_999)?) {
            (b'-', 0) => return None,
            (b'-', year) => -year,
            (_, year) => year,
        },
        None => rest.fixed(4, 0..=9_999)?,
    };
    let (mut month, mut date) = (0, 1);
    if rest.one_of(b"-").is_some() {
        month = rest.fixed(2, 1..=12)? - 1;
        if rest.one_of(b"-").is_some() {
            date = rest.fixed(2, 1..=31)?;
        }
    }
    if rest.one_of(b"Tt").is_none() {
        rest.end()?;
        return Some(time_of_written(year, month, date, 0));
    }
    let within_ms = iso_clock(&mut rest)?;
    let time_ms = time_of_written(year, month, date, within_ms);
    let offset_ms = iso_offset(&mut rest)?;
    rest.end()?;
    Some(match offset_ms {
        Some(offset_ms) => time_ms - offset_ms,
        None => zone.time_ms(time_ms),
    })
}

/// `HH:mm`, `HH:mm:ss`, `HH:mm:ss.sss`; 24:00 is the end of the day.
fn iso_clock(rest: &mut Rest<'_>) -> Option<i64> {
    let hour = rest.fixed(2, 0..=24)?;
    let most = if hour == 24 { 0 } else { 59 };
    rest.one_of(b":")?;
    let minute = rest.fixed(2, 0..=most)?;
    let (mut second, mut millisecond) = (0, 0);
    if rest.one_of(b":").is_some() {
        second = rest.fixed(2, 0..=most)?;
        if rest.one_of(b".").is_some() {
            let (number, length) = rest.digits()?;
            if hour == 24 && number > 0 {
                return None;
            }
            millisecond = match length {
                1 => number * 100,
                2 => number * 10,
                _ => number / 10_i64.pow(length.min(SIGNIFICANT_DIGITS) as u32 - 3),
            };
        }
    }
    Some(hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS + millisecond)
}

/// `Z`, `+hh:mm`, `+hhmm`, or nothing.
fn iso_offset(rest: &mut Rest<'_>) -> Option<Option<i64>> {
    if rest.one_of(b"Zz").is_some() {
        return Some(Some(0));
    }
    let Some(sign) = rest.one_of(b"+-") else { return Some(None) };
    let (hour, minute) = match rest.digits()? {
        (number, 4) => (number / 100, number % 100),
        (hour, 2) => {
            rest.one_of(b":")?;
            (hour, rest.fixed(2, 0..=59)?)
        }
        _ => return None,
    };
    let offset_ms = hour * HOUR_MS + minute * MINUTE_MS;
    let good = hour <= 23 && minute <= 59;
    good.then_some(Some(if sign == b'-' { -offset_ms } else { offset_ms }))
}

/// What `toString` writes.
fn written(text: &[u8]) -> Option<i64> {
    let mut rest = Rest(text);
    rest.name(&WEEKDAYS)?;
    rest.literal(" ")?;
    let month = rest.name(&MONTHS)?;
    rest.literal(" ")?;
    let date = rest.fixed(2, 1..=31)?;
    rest.literal(" ")?;
    let year = written_year(&mut rest)?;
    rest.literal(" ")?;
    let within_ms = written_clock(&mut rest)?;
    rest.literal(" GMT")?;
    let sign = rest.one_of(b"+-")?;
    let (number, length) = rest.digits()?;
    if length != 4 || number % 100 > 59 {
        return None;
    }
    let offset_ms = number / 100 * HOUR_MS + number % 100 * MINUTE_MS;
    rest.literal(" (")?;
    let name = rest.0.iter().position(|byte| *byte == b')')?;
    if name + 1 != rest.0.len() {
        return None;
    }
    let local_ms = time_of_written(year, month, date, within_ms);
    Some(if sign == b'-' { local_ms + offset_ms } else { local_ms - offset_ms })
}

/// What `toUTCString` writes.
fn written_utc(text: &[u8]) -> Option<i64> {
    let mut rest = Rest(text);
    rest.name(&WEEKDAYS)?;
    rest.literal(", ")?;
    let date = rest.fixed(2, 1..=31)?;
    rest.literal(" ")?;
    let month = rest.name(&MONTHS)?;
    rest.literal(" ")?;
    let year = written_year(&mut rest)?;
    rest.literal(" ")?;
    let within_ms = written_clock(&mut rest)?;
    rest.literal(" GMT")?;
    rest.end()?;
    Some(time_of_written(year, month, date, within_ms))
}

fn written_year(rest: &mut Rest<'_>) -> Option<i64> {
    let sign = if rest.one_of(b"-").is_some() { -1 } else { 1 };
    let (year, length) = rest.digits()?;
    (4..=6).contains(&length).then_some(sign * year)
}

fn written_clock(rest: &mut Rest<'_>) -> Option<i64> {
    let hour = rest.fixed(2, 0..=23)?;
    rest.literal(":")?;
    let minute = rest.fixed(2, 0..=59)?;
    rest.literal(":")?;
    let second = rest.fixed(2, 0..=59)?;
    Some(hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS)
}

#[cfg(test)]
mod tests {
    use super::super::Date;
    use super::*;

    /// What Node answers in Europe/Berlin.
    const BERLIN: &[(&str, f64)] = &[
        ("2024", 1_704_067_200_000.0),
        ("2024-03", 1_709_251_200_000.0),
        ("2024-03-31", 1_711_843_200_000.0),
        ("2024-02-30", 1_709_251_200_000.0),
        ("2024-03-31T02:30", 1_711_848_600_000.0),
        ("2024-10-27T02:30", 1_729_989_000_000.0),
        ("2024T10:00", 1_704_099_600_000.0),
        ("2024-01T10:00", 1_704_099_600_000.0),
        ("2024-01-01T24:00", 1_704_150_000_000.0),
        ("2024-01-01t00:00z", 1_704_067_200_000.0),
        ("2024-01-01T00:00+0100", 1_704_063_600_000.0),
        ("2024-01-01T00:00-23:59", 1_704_153_540_000.0),
        ("2024-01-01T00:00:00.000123456789Z", 1_704_067_200_123.0),
        ("2024-01-01T00:00:00.0001234567Z", 1_704_067_200_001.0),
        ("2024-01-01T00:00:00.5Z", 1_704_067_200_500.0),
        ("+002024-01", 1_704_067_200_000.0),
        ("-000001-01-01T00:00Z", -62_198_755_200_000.0),
        ("+275760-09-13T00:00Z", 8.64e15),
        ("+275760-09-13T00:00:00.001Z", f64::NAN),
        ("2024-01-01T24:00:00.001", f64::NAN),
        ("2024-01-01T24:01", f64::NAN),
        ("2024-01-01T00:00+24:00", f64::NAN),
        ("2024-01-01T00:00:00.", f64::NAN),
        ("2024-01-01T00:00Z ", f64::NAN),
        ("2024-01-01T10", f64::NAN),
        ("2024-13-01", f64::NAN),
        ("2024-00-01", f64::NAN),
        ("2024-01-32", f64::NAN),
        ("-000000", f64::NAN),
        ("", f64::NAN),
    ];

    #[test]
    fn iso_forms_are_read_as_node_reads_them() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        for (text, expected) in BERLIN {
            let found = parse(text, berlin);
            assert!(found == *expected || (found.is_nan() && expected.is_nan()), "{text}: {found}");
        }
    }

    #[test]
    fn what_is_no_iso_form_is_no_date() {
        let loose = ["2024-1-1", "2024-01-01 10:00", "Jan 1 2024", "1/2/2024", " 2024", "12024"];
        for text in loose {
            assert!(parse(text, Zone::UTC).is_nan(), "{text}");
        }
    }

    #[test]
    fn what_dates_write_leads_back_to_the_second() {
        for name in ["UTC", "America/New_York", "Asia/Kathmandu", "Africa/Casablanca"] {
            let zone = Zone::named(name).unwrap();
            for time_s in [-62_198_755_200_i64, 0, 951_782_400, 1_711_848_600, 8_640_000_000_000] {
                let date = Date::new(time_s as f64 * 1_000.0, zone);
                let utc = parse(&date.utc_text(), zone);
                assert_eq!(utc, date.time_ms(), "{name} {time_s}");
                // Local mean time has seconds in its offset, which text leaves out.
                if zone.offset_ms(time_s * 1_000) % MINUTE_MS == 0 {
                    assert_eq!(parse(&date.to_text(), Zone::UTC), date.time_ms(), "{name}");
                }
            }
        }
        assert!(parse("Invalid Date", Zone::UTC).is_nan());
        assert!(parse("Mon Jan 01 2024 00:00:00 GMT+0000 (UTC", Zone::UTC).is_nan());
        assert!(parse("Mon Jan 01 2024 00:00:00 GMT+0000", Zone::UTC).is_nan());
    }
}
