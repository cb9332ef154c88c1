//! Retention: from which record on the log is kept (page 5.6).
//!
//! By age, by size, by what has been exported: the oldest segments go first, whole. How far they may go is
//! decided here; that a base stands before what is left is the keeper's affair. Invariants: the newest
//! closed segment always stays, for it says which LSN comes next; nothing that was not exported goes
//! when exports are waited for.

use std::num::NonZeroU8;

use crate::log::Entry;
use crate::snapshot::Kept;

/// How much of the log is kept. A limit that is `None` limits nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Segments go that were closed so long ago, milliseconds.
    pub age_ms: Option<i64>,
    /// The oldest segments go while all together are longer, bytes.
    pub bytes: Option<u64>,
    /// As `bytes`, in hundredths of the disk.
    pub disk_percent: Option<NonZeroU8>,
    /// Whether nothing goes that was not exported yet ([`super::Reactor::exported_through`]).
    pub waits_for_export: bool,
}

/// 30 days.
const AGE_MS: i64 = 30 * 24 * 3_600_000;
const DISK_PERCENT: NonZeroU8 = NonZeroU8::new(60).expect("60 is not 0");

impl Default for Retention {
    fn default() -> Self {
        Self {
            age_ms: Some(AGE_MS),
            bytes: None,
            disk_percent: Some(DISK_PERCENT),
            waits_for_export: false,
        }
    }
}

/// How far a retention reaches, as things are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RetentionOutlook {
    /// Bytes of the log's segments now.
    pub log_bytes: u64,
    /// Most bytes of the log; `None`: not limited by size.
    pub bytes_max: Option<u64>,
    /// Most days; `None`: not limited by age.
    pub days_max: Option<f64>,
    /// Bytes that a day adds, at the rate of the segments that are there; `None`: too early to tell.
    pub bytes_per_day: Option<f64>,
}

const DAY_MS: f64 = 24.0 * 3_600_000.0;
/// Over a shorter time than an hour no rate is told.
const RATE_MS_MIN: i64 = 3_600_000;

/// A snapshot that retires becomes a candidate for the base when it is a quarter of the retention younger
/// than the newest one: the log is then at most a quarter longer than it has to be.
const CANDIDATES_A_RETENTION: u64 = 4;

impl Retention {
    /// Most bytes of the log on a disk of `disk_bytes`.
    pub(super) fn bytes_max(&self, disk_bytes: u64) -> u64 {
        let share = self.disk_percent.map(|percent| disk_bytes / 100 * u64::from(percent.get()));
        self.bytes.into_iter().chain(share).min().unwrap_or(u64::MAX)
    }

    /// How far it reaches: rate by the segments that were closed after the oldest one.
    pub(super) fn outlook(
        &self,
        segments: &[Entry],
        now_ms: i64,
        disk_bytes: Option<u64>,
    ) -> RetentionOutlook {
        let bytes_max = self.bytes_max(disk_bytes.unwrap_or(u64::MAX));
        let oldest = segments.iter().find(|segment| segment.is_closed());
        let span_ms = oldest.map_or(0, |oldest| now_ms.saturating_sub(oldest.closed_ms as i64));
        let after: u64 = segments.iter().skip(1).map(|segment| segment.file_bytes).sum();
        let per_day = after as f64 / span_ms as f64 * DAY_MS;
        RetentionOutlook {
            log_bytes: segments.iter().map(|segment| segment.file_bytes).sum(),
            bytes_max: (bytes_max < u64::MAX / 2).then_some(bytes_max),
            days_max: self.age_ms.map(|age_ms| age_ms as f64 / DAY_MS),
            bytes_per_day: (span_ms >= RATE_MS_MIN).then_some(per_day),
        }
    }

    /// The first LSN that has to be kept.
    pub(super) fn first_lsn(
        &self,
        segments: &[Entry],
        now_ms: i64,
        bytes_max: u64,
        exported_lsn: u64,
    ) -> u64 {
        let closed = segments.iter().filter(|segment| segment.is_closed()).count();
        let mut left: u64 = segments.iter().map(|segment| segment.file_bytes).sum();
        let goes = segments.iter().take(closed.saturating_sub(1)).take_while(|segment| {
            let age_ms = now_ms.saturating_sub(segment.closed_ms as i64);
            let is_old = self.age_ms.is_some_and(|age_ms_max| age_ms > age_ms_max);
            let is_over = left > bytes_max;
            left -= segment.file_bytes;
            (is_old || is_over) && (!self.waits_for_export || segment.last_lsn <= exported_lsn)
        });
        let first = segments.first().map_or(1, |segment| segment.first_lsn);
        goes.last().map_or(first, |last| last.last_lsn + 1)
    }

    /// Whether a snapshot that retires is worth keeping as a candidate beside the newest one.
    pub(super) fn is_candidate(
        &self,
        newest: Option<&Kept>,
        retiring: &Kept,
        segments: &[Entry],
        bytes_max: u64,
    ) -> bool {
        let Some(newest) = newest else { return true };
        let age_ms = retiring.taken_ms.saturating_sub(newest.taken_ms);
        let between = segments
            .iter()
            .filter(|segment| segment.first_lsn > newest.lsn && segment.last_lsn <= retiring.lsn);
        let bytes: u64 = between.map(|segment| segment.file_bytes).sum();
        let quarter_ms = self.age_ms.map(|age_ms| age_ms / CANDIDATES_A_RETENTION as i64);
        quarter_ms.is_some_and(|quarter_ms| age_ms >= quarter_ms)
            || bytes >= bytes_max / CANDIDATES_A_RETENTION
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::SegmentState;
    use crate::snapshot::Role;

    fn segment(number: u64, closed_ms: i64) -> Entry {
        Entry {
            number,
            first_lsn: number * 10,
            last_lsn: number * 10 + 9,
            bytes: 100,
            file_bytes: 100,
            closed_ms: closed_ms as _,
            term: 1,
            state: SegmentState::Closed,
            revision: 0,
        }
    }

    fn none() -> Retention {
        Retention { age_ms: None, bytes: None, disk_percent: None, waits_for_export: false }
    }

    #[test]
    fn segments_go_by_age_from_the_oldest_and_the_newest_closed_one_stays() {
        let segments = [segment(1, 100), segment(2, 200), segment(3, 300)];
        let by_age = Retention { age_ms: Some(50), ..none() };
        let first = |now_ms| by_age.first_lsn(&segments, now_ms, u64::MAX, 0);
        assert_eq!(first(150), 10, "at the limit");
        assert_eq!(first(151), 20, "one over");
        assert_eq!(first(1_000), 30, "all are old");
        assert_eq!(none().first_lsn(&segments, 1_000, u64::MAX, 0), 10);
        assert_eq!(by_age.first_lsn(&[], 1_000, u64::MAX, 0), 1);
    }

    #[test]
    fn the_outlook_tells_a_rate_once_the_segments_span_an_hour() {
        let hour = RATE_MS_MIN;
        let segments = [segment(1, 0), segment(2, hour / 2), segment(3, hour)];
        let outlook = |now_ms| Retention::default().outlook(&segments, now_ms, Some(1_000));
        assert_eq!(outlook(hour - 1).bytes_per_day, None);
        assert_eq!(outlook(hour).bytes_per_day, Some(200.0 * 24.0));
        let told = outlook(hour);
        assert_eq!((told.log_bytes, told.bytes_max, told.days_max), (300, Some(600), Some(30.0)));
        assert_eq!(none().outlook(&segments, hour, None).bytes_max, None);
    }

    #[test]
    fn segments_go_by_size_until_the_rest_fits() {
        let segments = [segment(1, 0), segment(2, 0), segment(3, 0), segment(4, 0)];
        for (bytes_max, first) in [(400, 10), (399, 20), (200, 30), (0, 40)] {
            assert_eq!(none().first_lsn(&segments, 0, bytes_max, 0), first, "{bytes_max}");
        }
        let limits = Retention { bytes: Some(500), disk_percent: NonZeroU8::new(60), ..none() };
        assert_eq!(limits.bytes_max(1_000), 500);
        assert_eq!(limits.bytes_max(100), 60);
        assert_eq!(none().bytes_max(100), u64::MAX);
    }

    #[test]
    fn what_was_not_exported_stays() {
        let segments = [segment(1, 0), segment(2, 0), segment(3, 0)];
        let exporting = Retention { waits_for_export: true, ..none() };
        for (exported, first) in [(18, 10), (19, 20), (28, 20), (29, 30)] {
            assert_eq!(exporting.first_lsn(&segments, 0, 0, exported), first, "{exported}");
        }
    }

    #[test]
    fn a_quarter_of_the_retention_lies_between_candidates() {
        let kept = |lsn, taken_ms| Kept {
            number: lsn,
            lsn,
            bytes: 1,
            taken_ms,
            apply_epoch: 1,
            role: Role::None,
            crc: 0,
        };
        let segments = [segment(1, 0), segment(2, 0), segment(3, 0)];
        let by_age = Retention { age_ms: Some(400), ..none() };
        let is = |retention: &Retention, newest: Kept, retiring: Kept, bytes_max| {
            retention.is_candidate(Some(&newest), &retiring, &segments, bytes_max)
        };
        assert!(!is(&by_age, kept(5, 0), kept(6, 99), u64::MAX));
        assert!(is(&by_age, kept(5, 0), kept(6, 100), u64::MAX));
        assert!(is(&none(), kept(5, 0), kept(29, 0), 800));
        assert!(!is(&none(), kept(5, 0), kept(29, 0), 804));
        assert!(by_age.is_candidate(None, &kept(1, 0), &segments, u64::MAX));
    }
}
