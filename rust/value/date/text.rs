//! Text: a date as it is written, byte by byte, for dates are written more often than anything
//! else about them is asked.
//!
//! The name of the zone in parentheses is left to implementations by the standard: ours is
//! `Coordinated Universal Time` for UTC, and for others the zone's own abbreviation (`CET`, or
//! `+0545` where it has no letters), of which no table of translations is needed.

use super::calendar::{Fields, MINUTE_MS};
use super::zone::Zone;
use crate::value::Text;

pub(super) const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
pub(super) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// What is written so far.
struct Out(String);

impl Out {
    fn new() -> Self {
        Self(String::with_capacity(72))
    }

    /// At least so many digits.
    fn digits(&mut self, number: u32, count: u32) {
        let mut most = 10_u32.pow(count - 1);
        while most <= number / 10 {
            most *= 10;
        }
        while most > 0 {
            self.0.push(char::from(b'0' + (number / most % 10) as u8));
            most /= 10;
        }
    }

    fn year(&mut self, year: i32) {
        if year < 0 {
            self.0.push('-');
        }
        self.digits(year.unsigned_abs(), 4);
    }

    fn clock(&mut self, fields: &Fields) {
        self.digits(u32::from(fields.hour), 2);
        self.0.push(':');
        self.digits(u32::from(fields.minute), 2);
        self.0.push(':');
        self.digits(u32::from(fields.second), 2);
    }

    /// `Mon Jan 01 2024`.
    fn day(&mut self, fields: &Fields) {
        self.0.push_str(WEEKDAYS[usize::from(fields.weekday)]);
        self.0.push(' ');
        self.0.push_str(MONTHS[usize::from(fields.month)]);
        self.0.push(' ');
        self.digits(u32::from(fields.date), 2);
        self.0.push(' ');
        self.year(fields.year);
    }

    /// `10:00:00 GMT+0100 (CET)`; seconds of an offset are not written.
    fn time(&mut self, fields: &Fields, time_ms: i64, zone: Zone) {
        self.clock(fields);
        let offset_minutes = zone.offset_ms(time_ms) / MINUTE_MS;
        self.0.push_str(if offset_minutes < 0 { " GMT-" } else { " GMT+" });
        let offset_minutes = offset_minutes.unsigned_abs() as u32;
        self.digits(offset_minutes / 60, 2);
        self.digits(offset_minutes % 60, 2);
        self.0.push_str(" (");
        self.0.push_str(zone.abbreviation(time_ms));
        self.0.push(')');
    }

    fn finish(self) -> Text {
        Text::new(self.0)
    }
}

/// `toString`.
pub(super) fn full(fields: &Fields, time_ms: i64, zone: Zone) -> Text {
    let mut out = Out::new();
    out.day(fields);
    out.0.push(' ');
    out.time(fields, time_ms, zone);
    out.finish()
}

/// `toDateString`.
pub(super) fn day(fields: &Fields) -> Text {
    let mut out = Out::new();
    out.day(fields);
    out.finish()
}

/// `toTimeString`.
pub(super) fn time(fields: &Fields, time_ms: i64, zone: Zone) -> Text {
    let mut out = Out::new();
    out.time(fields, time_ms, zone);
    out.finish()
}

/// `toUTCString`, of fields in UTC.
pub(super) fn utc(fields: &Fields) -> Text {
    let mut out = Out::new();
    out.0.push_str(WEEKDAYS[usize::from(fields.weekday)]);
    out.0.push_str(", ");
    out.digits(u32::from(fields.date), 2);
    out.0.push(' ');
    out.0.push_str(MONTHS[usize::from(fields.month)]);
    out.0.push(' ');
    out.year(fields.year);
    out.0.push(' ');
    out.clock(fields);
    out.0.push_str(" GMT");
    out.finish()
}

/// `toISOString`, of fields in UTC.
pub(super) fn iso(fields: &Fields) -> Text {
    let mut out = Out::new();
    match fields.year {
        0..=9_999 => out.digits(fields.year as u32, 4),
        year => {
            out.0.push(if year < 0 { '-' } else { '+' });
            out.digits(year.unsigned_abs(), 6);
        }
    }
    out.0.push('-');
    out.digits(u32::from(fields.month) + 1, 2);
    out.0.push('-');
    out.digits(u32::from(fields.date), 2);
    out.0.push('T');
    out.clock(fields);
    out.0.push('.');
    out.digits(u32::from(fields.millisecond), 3);
    out.0.push('Z');
    out.finish()
}
