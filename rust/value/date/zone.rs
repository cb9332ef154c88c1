//! Zone: a time zone of the bundled database, as a table of offsets.
//!
//! The database is part of the release and never the machine's, so that a replay elsewhere reads
//! the same hours. A zone's table is made once, on first use, and then a look-up is a search in
//! it. Before a zone's first transition its first offset holds (local mean time, with seconds);
//! from [`CYCLE_MS`] on years are read as their likes 400 years before, for the calendar and all
//! rules repeat. Invariant: UTC has no table and is never searched.

use std::fmt;
use std::sync::{LazyLock, OnceLock};

use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;

use super::calendar::{CYCLE_DAYS, DAY_MS};

/// The first of January 2100: every zone follows its last rule by then.
const CYCLE_BEGIN_MS: i64 = 4_102_444_800_000;
/// Milliseconds of 400 years.
const CYCLE_MS: i64 = CYCLE_DAYS * DAY_MS;
const CYCLE_END_MS: i64 = CYCLE_BEGIN_MS + CYCLE_MS;

/// A time zone, UTC unless it is named; as cheap to copy as a reference.
#[derive(Clone, Copy, Default)]
pub struct Zone(Option<&'static Known>);

impl Zone {
    /// Coordinated Universal Time.
    pub const UTC: Self = Self(None);

    /// The zone of that IANA name, spelled exactly.
    pub fn named(name: &str) -> Option<Self> {
        let at = KNOWN.binary_search_by(|known| known.name.as_str().cmp(name)).ok()?;
        let table = KNOWN[at].table();
        let is_utc = table.starts_ms.is_empty()
            && table.periods[0].offset_ms == 0
            && &*table.periods[0].abbreviation == "UTC";
        Some(if is_utc { Self::UTC } else { Self(Some(&KNOWN[at])) })
    }

    /// The names of all zones, sorted.
    pub fn names() -> impl Iterator<Item = &'static str> {
        KNOWN.iter().map(|known| known.name.as_str())
    }

    /// Milliseconds that local time is ahead of UTC at a time.
    pub fn offset_ms(self, time_ms: i64) -> i64 {
        match self.0 {
            Some(known) => known.table().period(time_ms).offset_ms,
            None => 0,
        }
    }

    /// What the zone calls its time at a time (`CET`, `CEST`, `+0545`).
    pub(super) fn abbreviation(self, time_ms: i64) -> &'static str {
        match self.0 {
            Some(known) => &known.table().period(time_ms).abbreviation,
            None => "Coordinated Universal Time",
        }
    }

    /// The time at which local clocks show `local_ms`: the earlier one where they show it twice; where they
    /// skip it, the time that it would be by the offset before.
    pub fn time_ms(self, local_ms: i64) -> i64 {
        match self.0 {
            Some(known) => known.table().time_ms(local_ms),
            None => local_ms,
        }
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.map_or("UTC", |known| &known.name))
    }
}

/// A zone of the database, its table once it was asked for.
struct Known {
    name: String,
    table: OnceLock<Table>,
}

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let database = TimeZoneDatabase::bundled();
    let names = database.available().map(|name| name.as_str().to_owned());
    let mut known: Vec<Known> = names.map(|name| Known { name, table: OnceLock::new() }).collect();
    known.sort_by(|left, right| left.name.cmp(&right.name));
    known
});

impl Known {
    fn table(&self) -> &Table {
        self.table.get_or_init(|| Table::of(&self.name))
    }
}

/// Offsets in the order of time.
struct Table {
    /// When each period but the first begins, ascending.
    starts_ms: Vec<i64>,
    /// One more than there are starts.
    periods: Vec<Period>,
    least_offset_ms: i64,
    greatest_offset_ms: i64,
}

struct Period {
    offset_ms: i64,
    abbreviation: Box<str>,
}

impl Table {
    fn of(name: &str) -> Self {
        let zone = TimeZoneDatabase::bundled()
            .get(name)
            .expect("a name that the bundled database lists is in it");
        let first = zone.to_offset_info(Timestamp::MIN);
        let period = |offset: jiff::tz::Offset, abbreviation: &str| Period {
            offset_ms: i64::from(offset.seconds()) * 1_000,
            abbreviation: abbreviation.into(),
        };
        let mut periods = vec![period(first.offset(), first.abbreviation())];
        let mut starts_ms = Vec::new();
        for transition in zone.following(Timestamp::MIN) {
            let start_ms = transition.timestamp().as_millisecond();
            if start_ms >= CYCLE_END_MS {
                break;
            }
            starts_ms.push(start_ms);
            periods.push(period(transition.offset(), transition.abbreviation()));
        }
        let offsets = || periods.iter().map(|period| period.offset_ms);
        let least_offset_ms = offsets().min().unwrap_or(0);
        let greatest_offset_ms = offsets().max().unwrap_or(0);
        Self { starts_ms, periods, least_offset_ms, greatest_offset_ms }
    }

    /// How far a time is moved so that it lies in the table.
    fn cycles_ms(time_ms: i64) -> i64 {
        if time_ms < CYCLE_END_MS {
            return 0;
        }
        (time_ms - CYCLE_BEGIN_MS).div_euclid(CYCLE_MS) * CYCLE_MS
    }

    fn period(&self, time_ms: i64) -> &Period {
        let time_ms = time_ms - Self::cycles_ms(time_ms);
        &self.periods[self.starts_ms.partition_point(|start_ms| *start_ms <= time_ms)]
    }

    fn time_ms(&self, local_ms: i64) -> i64 {
        let moved_ms = Self::cycles_ms(local_ms);
        let local_ms = local_ms - moved_ms;
        let (earliest_ms, latest_ms) =
            (local_ms - self.greatest_offset_ms, local_ms - self.least_offset_ms);
        let mut at = self.starts_ms.partition_point(|start_ms| *start_ms <= earliest_ms);
        let mut skipped = None;
        loop {
            let begin_ms = if at == 0 { i64::MIN } else { self.starts_ms[at - 1] };
            let end_ms = self.starts_ms.get(at).copied().unwrap_or(i64::MAX);
            let time_ms = local_ms - self.periods[at].offset_ms;
            if (begin_ms..end_ms).contains(&time_ms) {
                return time_ms + moved_ms;
            }
            if time_ms >= end_ms && local_ms - self.periods[at + 1].offset_ms < end_ms {
                skipped = skipped.or(Some(time_ms));
            }
            if end_ms > latest_ms {
                // Every local time is either shown or skipped, so one of the two was met.
                return skipped.unwrap_or(time_ms) + moved_ms;
            }
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn zone(name: &str) -> Zone {
        Zone::named(name).unwrap()
    }

    #[test]
    fn names_are_the_databases_and_spelled_exactly() {
        assert!(Zone::names().count() > 500);
        assert!(Zone::named("Europe/Berlin").is_some());
        assert!(Zone::named("europe/berlin").is_none());
        assert!(Zone::named("Europe/Atlantis").is_none());
        for utc in ["UTC", "Etc/UTC", "Zulu"] {
            assert!(zone(utc).0.is_none(), "{utc} has no table");
        }
        assert_eq!(zone("GMT").abbreviation(0), "GMT");
    }

    #[test]
    fn skipped_and_repeated_hours_are_read_as_the_standard_says() {
        let berlin = zone("Europe/Berlin");
        // 2024-03-31T02:30 is skipped: by the winter's offset it is 01:30 UTC.
        assert_eq!(berlin.time_ms(1_711_852_200_000), 1_711_848_600_000);
        // 2024-10-27T02:30 is there twice: the first is in summer time.
        assert_eq!(berlin.time_ms(1_729_996_200_000), 1_729_996_200_000 - 2 * HOUR_MS);
        // Apia had no 30 December 2011.
        let apia = zone("Pacific/Apia");
        let noon_ms = 1_325_246_400_000;
        assert_eq!(apia.time_ms(noon_ms), noon_ms + 10 * HOUR_MS);
    }

    #[test]
    fn local_times_lead_back_in_every_zone_and_across_every_transition() {
        for name in Zone::names() {
            let zone = zone(name);
            let Some(known) = zone.0 else { continue };
            let table = known.table();
            for (at, start_ms) in table.starts_ms.iter().enumerate().step_by(7) {
                let (before, after) = (&table.periods[at], &table.periods[at + 1]);
                let far = if at % 2 == 0 { 0 } else { 600 * CYCLE_MS };
                let far = if *start_ms < CYCLE_BEGIN_MS + DAY_MS { 0 } else { far };
                let start_ms = start_ms + far;
                for time_ms in [start_ms - 1, start_ms, start_ms - HOUR_MS, start_ms + HOUR_MS] {
                    let local_ms = time_ms + zone.offset_ms(time_ms);
                    let back_ms = zone.time_ms(local_ms);
                    let repeated_ms = before.offset_ms - after.offset_ms;
                    assert!(
                        back_ms == time_ms || back_ms == time_ms - repeated_ms,
                        "{name}: {time_ms} came back as {back_ms}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_rules_of_the_last_years_repeat_for_ever() {
        let berlin = zone("Europe/Berlin");
        // July and January of the year 275000.
        let july_ms = 8_615_943_000_000_000 + 182 * DAY_MS;
        let abbreviations: Vec<_> =
            (0..12).map(|month| berlin.abbreviation(july_ms + month * 30 * DAY_MS)).collect();
        assert!(abbreviations.contains(&"CET") && abbreviations.contains(&"CEST"));
        assert_eq!(berlin.offset_ms(-8_640_000_000_000_000), 3_208_000);
        for year in [2100, 2101, 2499, 2500, 2501] {
            let new_year_ms = CYCLE_BEGIN_MS + (year - 2100) * CYCLE_MS / 400;
            assert_eq!(berlin.offset_ms(new_year_ms), HOUR_MS, "{year}");
        }
    }
}
