//! Calendar: days and milliseconds to years, months and hours, and back (ECMA-262 21.4.1).
//!
//! The proleptic Gregorian calendar over the whole range of times; nothing here knows a time zone.
//! What arguments may be is as V8 has it: years of a million either way, ten million months.

/// Milliseconds of a second.
pub const SECOND_MS: i64 = 1_000;
/// Milliseconds of a minute.
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
/// Milliseconds of an hour.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Milliseconds of a day.
pub const DAY_MS: i64 = 24 * HOUR_MS;
/// Days after which the calendar repeats, weekdays included.
pub const CYCLE_DAYS: i64 = 146_097;
/// The last time that there is, and the first one but for its sign.
pub const TIME_MS_MAX: f64 = 8.64e15;

/// Years and months beyond these make no date, whatever else is added or taken away.
const YEAR_MAX: f64 = 1e6;
const MONTH_MAX: f64 = 1e7;
/// Days from the first of March of the year 0 to the epoch.
const EPOCH_DAY: i64 = 719_468;

/// A time taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    /// The year; 0 is the year before 1.
    pub year: i32,
    /// 0 to 11.
    pub month: u8,
    /// Day of the month, 1 to 31.
    pub date: u8,
    /// Day of the week, 0 is Sunday.
    pub weekday: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999.
    pub millisecond: u16,
}

impl Fields {
    /// The fields of a time within a day of the range.
    pub fn of(time_ms: i64) -> Self {
        let day = time_ms.div_euclid(DAY_MS);
        let within_ms = time_ms.rem_euclid(DAY_MS) as u32;
        let (year, month, date) = civil(day);
        let seconds = within_ms / 1_000;
        Self {
            year,
            month,
            date,
            weekday: (day + 4).rem_euclid(7) as u8,
            hour: (seconds / 3_600) as u8,
            minute: (seconds / 60 % 60) as u8,
            second: (seconds % 60) as u8,
            millisecond: (within_ms % 1_000) as u16,
        }
    }
}

/// Year, month (0 to 11) and day of the month of a day since the epoch.
fn civil(day: i64) -> (i32, u8, u8) {
    // Years that begin in March put the leap day last; a cycle is 400 years.
    let shifted = day + EPOCH_DAY;
    let cycle = shifted.div_euclid(CYCLE_DAYS);
    let day_of_cycle = shifted.rem_euclid(CYCLE_DAYS) as u32;
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524
        - day_of_cycle / 146_096)
        / 365;
    let day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month = (5 * day_of_year + 2) / 153;
    let date = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 2 } else { month - 10 };
    let year = i64::from(year_of_cycle) + cycle * 400 + i64::from(month < 2);
    (year as i32, month as u8, date as u8)
}

/// The day since the epoch of the first of a month (0 to 11).
fn first_of_month(year: i64, month: i64) -> i64 {
    let year = year - i64::from(month < 2);
    let month = if month < 2 { month + 10 } else { month - 2 };
    let cycle = year.div_euclid(400);
    let year_of_cycle = year.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5;
    let day_of_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
    cycle * CYCLE_DAYS + day_of_cycle - EPOCH_DAY
}

/// `MakeDay`: months and days beyond theirs run into the next ones.
fn make_day(year: f64, month: f64, date: f64) -> f64 {
    let (year, month) = (libm::trunc(year), libm::trunc(month));
    if !(year.abs() <= YEAR_MAX && month.abs() <= MONTH_MAX && date.is_finite()) {
        return f64::NAN;
    }
    let (year, month) = (year as i64, month as i64);
    let first = first_of_month(year + month.div_euclid(12), month.rem_euclid(12));
    (first - 1) as f64 + libm::trunc(date)
}

/// `MakeTime`, with the standard's own order of sums.
fn make_time(hour: f64, minute: f64, second: f64, millisecond: f64) -> f64 {
    if ![hour, minute, second, millisecond].into_iter().all(f64::is_finite) {
        return f64::NAN;
    }
    let hours_ms = libm::trunc(hour) * HOUR_MS as f64;
    let minutes_ms = libm::trunc(minute) * MINUTE_MS as f64;
    let seconds_ms = libm::trunc(second) * SECOND_MS as f64;
    hours_ms + minutes_ms + seconds_ms + libm::trunc(millisecond)
}

/// The time of year, month, date, hour, minute, second and millisecond, not yet clipped; NaN when
/// there is none. `components` may be fewer: from the month on they have defaults.
pub fn time_of(components: &[f64]) -> f64 {
    let get = |position: usize, default: f64| components.get(position).copied().unwrap_or(default);
    let year = get(0, f64::NAN);
    let day = make_day(full_year(year), get(1, 0.0), get(2, 1.0));
    let within_ms = make_time(get(3, 0.0), get(4, 0.0), get(5, 0.0), get(6, 0.0));
    let time_ms = day * DAY_MS as f64 + within_ms;
    if time_ms.is_finite() { time_ms } else { f64::NAN }
}

/// Years 0 to 99 are those of the twentieth century.
fn full_year(year: f64) -> f64 {
    let whole = libm::trunc(year);
    if (0.0..=99.0).contains(&whole) { 1900.0 + whole } else { year }
}

/// The time of a written date, whose year is what it says.
pub fn time_of_written(year: i64, month: i64, date: i64, within_ms: i64) -> i64 {
    (first_of_month(year, month) + date - 1) * DAY_MS + within_ms
}

/// `TimeClip`: a time in range, whole and without a negative zero, else NaN.
pub fn clip(time_ms: f64) -> f64 {
    if time_ms.abs() <= TIME_MS_MAX { libm::trunc(time_ms) + 0.0 } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_two_cycles_and_of_the_ends_comes_back_from_its_fields() {
        let last = 100_000_000;
        let days = (-CYCLE_DAYS..=CYCLE_DAYS).chain(-last..-last + 800).chain(last - 800..=last);
        let mut before: Option<Fields> = None;
        for day in days {
            let fields = Fields::of(day * DAY_MS);
            let (year, month) = (i64::from(fields.year), i64::from(fields.month));
            assert_eq!(time_of_written(year, month, i64::from(fields.date), 0), day * DAY_MS);
            if let Some(before) = before.filter(|_| ![-last, last - 800].contains(&day)) {
                assert_eq!(fields.weekday, (before.weekday + 1) % 7);
                let next = fields.date == before.date + 1 && fields.month == before.month;
                let turned = fields.date == 1 && fields.month == (before.month + 1) % 12;
                assert!(next || turned, "{before:?} {fields:?}");
            }
            before = Some(fields);
        }
    }

    #[test]
    fn the_ends_of_time_are_where_the_standard_has_them() {
        let first = Fields::of(-8_640_000_000_000_000);
        assert_eq!((first.year, first.month, first.date, first.weekday), (-271_821, 3, 20, 2));
        let last = Fields::of(8_640_000_000_000_000);
        assert_eq!((last.year, last.month, last.date, last.weekday), (275_760, 8, 13, 6));
        assert_eq!(clip(8.64e15), 8.64e15);
        assert!(clip(8.64e15 + 1.0).is_nan() && clip(f64::NAN).is_nan());
        assert_eq!(clip(-0.9).to_bits(), 0.0_f64.to_bits());
        assert_eq!(clip(1.9), 1.0);
    }

    #[test]
    fn components_overflow_into_the_next_ones_and_have_bounds() {
        assert_eq!(time_of(&[2024.0, 12.0]), time_of(&[2025.0]));
        assert_eq!(time_of(&[2024.0, -1.0]), time_of(&[2023.0, 11.0]));
        assert_eq!(time_of(&[2024.0, 0.0, 1.0, 24.0]), time_of(&[2024.0, 0.0, 2.0]));
        assert_eq!(time_of(&[99.9]), time_of(&[1999.0]));
        assert_eq!(time_of(&[-0.5]), time_of(&[1900.0]));
        assert!(time_of(&[-1.0]) < time_of(&[1900.0]));
        assert!(time_of(&[]).is_nan());
        assert!(time_of(&[1e6 + 1.0, -1e6]).is_nan());
        assert!(time_of(&[2024.0, f64::INFINITY]).is_nan());
        assert!(time_of(&[2024.0, 0.0, 1.0, f64::NAN]).is_nan());
    }
}
