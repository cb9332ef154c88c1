//! Date: a point in time, read in a time zone (ECMA-262 21.4).
//!
//! Times are milliseconds of the epoch as a double, whole, at most 8.64e15 either way, or NaN. A
//! date knows its zone, for its text is made where no context is at hand (inside lists).

mod calendar;
mod parse;
mod text;
mod zone;

pub use calendar::{Fields, time_of};
pub use parse::parse;
pub use zone::Zone;

use super::Text;
use calendar::{DAY_MS, MINUTE_MS, TIME_MS_MAX, clip};

/// What an invalid date is written as.
const INVALID: Text = Text::new_static("Invalid Date");

/// A point in time, or the invalid date.
#[derive(Debug)]
pub struct Date {
    /// Epoch milliseconds; NaN: invalid.
    time_ms: f64,
    zone: Zone,
}

impl Date {
    /// The date of that time, invalid when there is no such time.
    pub fn new(time_ms: f64, zone: Zone) -> Self {
        Self { time_ms: clip(time_ms), zone }
    }

    /// The date of a local year, month, date, hour, minute, second and millisecond; from the month
    /// on they may be left out.
    pub fn of_local(components: &[f64], zone: Zone) -> Self {
        let local_ms = time_of(components);
        // No offset leads back over more than a few days.
        if local_ms.abs() <= TIME_MS_MAX + 10.0 * DAY_MS as f64 {
            Self::new(zone.time_ms(local_ms as i64) as f64, zone)
        } else {
            Self::new(f64::NAN, zone)
        }
    }

    /// The time of a year, month, date, ... in UTC (`Date.UTC`); NaN when there is none.
    pub fn utc_ms(components: &[f64]) -> f64 {
        clip(time_of(components))
    }

    /// Epoch milliseconds; NaN when invalid.
    pub fn time_ms(&self) -> f64 {
        self.time_ms
    }

    fn whole_ms(&self) -> Option<i64> {
        (!self.time_ms.is_nan()).then_some(self.time_ms as i64)
    }

    /// The fields in UTC; `None` when invalid.
    pub fn utc(&self) -> Option<Fields> {
        self.whole_ms().map(Fields::of)
    }

    /// The fields in the date's zone; `None` when invalid.
    pub fn local(&self) -> Option<Fields> {
        self.whole_ms().map(|time_ms| Fields::of(time_ms + self.zone.offset_ms(time_ms)))
    }

    /// Whole minutes that UTC is ahead of local time (`getTimezoneOffset`), as V8 has them.
    pub fn behind_minutes(&self) -> Option<i64> {
        self.whole_ms().map(|time_ms| -self.zone.offset_ms(time_ms) / MINUTE_MS)
    }

    /// `toString`.
    pub fn to_text(&self) -> Text {
        match (self.whole_ms(), self.local()) {
            (Some(time_ms), Some(fields)) => text::full(&fields, time_ms, self.zone),
            _ => INVALID,
        }
    }

    /// `toDateString`.
    pub fn day_text(&self) -> Text {
        self.local().map_or(INVALID, |fields| text::day(&fields))
    }

    /// `toTimeString`.
    pub fn time_text(&self) -> Text {
        match (self.whole_ms(), self.local()) {
            (Some(time_ms), Some(fields)) => text::time(&fields, time_ms, self.zone),
            _ => INVALID,
        }
    }

    /// `toUTCString`.
    pub fn utc_text(&self) -> Text {
        self.utc().map_or(INVALID, |fields| text::utc(&fields))
    }

    /// `toISOString`; `None` when invalid.
    pub fn iso_text(&self) -> Option<Text> {
        self.utc().map(|fields| text::iso(&fields))
    }
}

#[cfg(test)]
mod tests;
