//! Date: a point in time, read in a time zone.
//!
//! Times are milliseconds of the epoch as a double, whole, at most 8.64e15 either way, or NaN
//! (ECMA-262 21.4.1). The calendar is the proleptic Gregorian one.

use super::Text;

/// Milliseconds of a day.
const DAY_MS: f64 = 86_400_000.0;

/// A point in time, or the invalid date.
#[derive(Debug)]
pub struct Date {
    /// Epoch milliseconds; NaN: invalid.
    time_ms: f64,
}

impl Date {
    /// The date of that time.
    pub fn new(time_ms: f64) -> Self {
        Self { time_ms }
    }

    /// Epoch milliseconds; NaN when invalid.
    pub fn time_ms(&self) -> f64 {
        self.time_ms
    }

    /// `toString`.
    pub fn to_text(&self) -> Text {
        self.iso_text().unwrap_or(Text::new_static("Invalid Date"))
    }

    /// `toISOString`; `None` when invalid.
    pub fn iso_text(&self) -> Option<Text> {
        if self.time_ms.is_nan() {
            return None;
        }
        let day = libm::floor(self.time_ms / DAY_MS);
        let (year, month, date) = civil(day as i64);
        let within = (self.time_ms - day * DAY_MS) as u64;
        let (hour, minute) = (within / 3_600_000, within / 60_000 % 60);
        let (second, millisecond) = (within / 1000 % 60, within % 1000);
        let year = match year {
            0..=9999 => format!("{year:04}"),
            _ => format!("{}{:06}", if year < 0 { '-' } else { '+' }, year.abs()),
        };
        Some(Text::from(format!(
            "{year}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z"
        )))
    }
}

/// Year, month (1 to 12) and day of the month of a day since the epoch.
fn civil(day: i64) -> (i64, u32, u32) {
    // Years that begin in March put the leap day last; an era is 400 years.
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let date = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u32, date as u32)
}
