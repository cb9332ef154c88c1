//! Counter: amounts in epoch-aligned buckets, one row of buckets a window.
//!
//! A window is the exact sum of its own last 60 buckets of a sixtieth of it (page 4.2). Windows of
//! one counter rarely divide each other, so each keeps its own buckets: at most 60 pairs, only
//! those that are not empty. A counter for life keeps one amount.
//! Invariants: a row's buckets ascend; bucket n of a window of w milliseconds holds the times t
//! with floor(60 t / w) = n, which is exact where w / 60 is not whole.

use smallvec::SmallVec;

use super::{AttributeSpec, Moment, Operation, Rejected};
use crate::value::Value;

/// Buckets of a window.
const BUCKETS: i64 = 60;

/// The state of a counter.
#[derive(Clone, Debug, Default)]
pub struct Counter {
    pub(super) total: Option<Total>,
    pub(super) rows: SmallVec<[Row; 1]>,
    /// Processing time of the last event that changed it, epoch milliseconds.
    pub(super) changed_ms: i64,
}

/// The amount of a counter for life.
#[derive(Clone, Copy, Debug)]
pub(super) struct Total {
    pub(super) amount: f64,
    pub(super) newest_ms: i64,
}

/// The buckets of one window.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) window_ms: i64,
    pub(super) buckets: Vec<(i64, f64)>,
}

impl Row {
    fn bucket(&self, time_ms: i64) -> i64 {
        time_ms.saturating_mul(BUCKETS).div_euclid(self.window_ms)
    }

    /// How many buckets, counted from the oldest, lie before the window.
    fn expired(&self, now_ms: i64) -> usize {
        let oldest = self.bucket(now_ms) - BUCKETS;
        self.buckets.iter().take_while(|(bucket, _)| *bucket <= oldest).count()
    }

    fn sum(&self, now_ms: i64) -> f64 {
        self.buckets[self.expired(now_ms)..].iter().map(|(_, amount)| amount).sum::<f64>() + 0.0
    }

    fn expire(&mut self, now_ms: i64) {
        self.buckets.drain(..self.expired(now_ms));
    }

    /// What the bucket comes to with `amount` more.
    fn with(&self, bucket: i64, amount: f64) -> f64 {
        match self.buckets.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => self.buckets[at].1 + amount,
            Err(_) => amount,
        }
    }

    fn add(&mut self, bucket: i64, amount: f64) {
        match self.buckets.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => self.buckets[at].1 = bounded(self.buckets[at].1 + amount),
            Err(at) => self.buckets.insert(at, (bucket, amount)),
        }
    }
}

impl Counter {
    pub(super) fn apply(
        &mut self,
        spec: &AttributeSpec,
        moment: Moment,
        operation: Operation,
    ) -> Result<(), Rejected> {
        self.conform(spec)?;
        self.expire(moment.now_ms);
        match operation {
            Operation::Set(Value::Undefined) => Ok(()),
            Operation::Set(Value::Number(amount)) => self.add(moment, amount),
            Operation::Set(_) => Err(Rejected::NotFinite),
            Operation::Increment => self.add(moment, 1.0),
            Operation::Clear => {
                self.clear(moment);
                Ok(())
            }
            Operation::Delete(_) | Operation::SetFields(_) | Operation::CountOf(..) => {
                Err(Rejected::WrongKind)
            }
        }
    }

    /// Adds an amount that fits.
    fn put(&mut self, moment: Moment, amount: f64) {
        self.expire(moment.now_ms);
        if let Some(total) = &mut self.total {
            total.amount = bounded(total.amount + amount);
            total.newest_ms = total.newest_ms.max(moment.time_ms);
            self.changed_ms = moment.now_ms;
        }
        for row in &mut self.rows {
            let bucket = row.bucket(moment.time_ms);
            if bucket > row.bucket(moment.now_ms) - BUCKETS {
                row.add(bucket, amount);
                self.changed_ms = moment.now_ms;
            }
        }
    }

    /// Whether an amount of this moment is in any of its windows.
    pub(super) fn reaches(&self, moment: Moment) -> bool {
        let in_window =
            |row: &Row| row.bucket(moment.time_ms) > row.bucket(moment.now_ms) - BUCKETS;
        self.total.is_some() || self.rows.iter().any(in_window)
    }

    fn conforms(&self, spec: &AttributeSpec) -> bool {
        let AttributeSpec::Counter { duration_ms, windows_ms, .. } = spec else { return false };
        let wanted = || duration_ms.iter().chain(windows_ms);
        self.total.is_some() == duration_ms.is_none()
            && wanted().all(|window_ms| self.row(*window_ms).is_some())
            && self.rows.iter().all(|row| wanted().any(|window_ms| *window_ms == row.window_ms))
    }

    fn fits(&self, moment: Moment, amount: f64) -> bool {
        let bucket_fits = |row: &Row| row.with(row.bucket(moment.time_ms), amount).is_finite();
        amount.is_finite()
            && self.total.is_none_or(|total| (total.amount + amount).is_finite())
            && self.rows.iter().all(bucket_fits)
    }

    /// Brings the rows in line with the windows of `spec`: a window that is new starts from the
    /// buckets there (page 2, Versions), one that is gone leaves.
    pub(super) fn conform(&mut self, spec: &AttributeSpec) -> Result<(), Rejected> {
        let AttributeSpec::Counter { duration_ms, windows_ms, .. } = spec else {
            return Err(Rejected::WrongKind);
        };
        if self.conforms(spec) {
            return Ok(());
        }
        let wanted = || duration_ms.iter().chain(windows_ms).copied();
        let widest = self.rows.iter().max_by_key(|row| row.window_ms).cloned();
        for window_ms in wanted() {
            if self.row(window_ms).is_none() {
                self.rows.push(Row { window_ms, buckets: Vec::new() });
                if let (Some(row), Some(widest)) = (self.rows.last_mut(), &widest) {
                    row.start_from(widest);
                }
            }
        }
        self.rows.retain(|row| wanted().any(|window_ms| window_ms == row.window_ms));
        self.total = match (self.total, duration_ms) {
            (_, Some(_)) => None,
            (Some(total), None) => Some(total),
            (None, None) => Some(Total { amount: 0.0, newest_ms: i64::MIN }),
        };
        Ok(())
    }

    fn row(&self, window_ms: i64) -> Option<&Row> {
        self.rows.iter().find(|row| row.window_ms == window_ms)
    }

    fn add(&mut self, moment: Moment, amount: f64) -> Result<(), Rejected> {
        if !self.fits(moment, amount) {
            return Err(Rejected::NotFinite);
        }
        self.put(moment, amount);
        Ok(())
    }

    /// Drops the buckets up to the event's own; younger ones stay. A counter for life goes when
    /// nothing younger was added.
    pub(super) fn clear(&mut self, moment: Moment) {
        for row in &mut self.rows {
            let bucket = row.bucket(moment.time_ms);
            let before = row.buckets.len();
            row.buckets.retain(|(held, _)| *held > bucket);
            if row.buckets.len() < before {
                self.changed_ms = moment.now_ms;
            }
        }
        if let Some(total) = &mut self.total
            && total.newest_ms <= moment.time_ms
        {
            *total = Total { amount: 0.0, newest_ms: i64::MIN };
            self.changed_ms = moment.now_ms;
        }
    }

    pub(super) fn expire(&mut self, now_ms: i64) {
        self.rows.iter_mut().for_each(|row| row.expire(now_ms));
    }

    pub(super) fn read(&self, spec: &AttributeSpec, now_ms: i64) -> f64 {
        match spec {
            AttributeSpec::Counter { duration_ms: Some(ms), .. } => self.window(*ms, now_ms),
            _ => self.total.map_or(0.0, |total| total.amount),
        }
    }

    /// The sum over the last `window_ms`. A window that no operation has met yet reads what the
    /// widest row has of it.
    pub(super) fn window(&self, window_ms: i64, now_ms: i64) -> f64 {
        match self.row(window_ms) {
            Some(row) => row.sum(now_ms),
            None => match self.rows.iter().max_by_key(|row| row.window_ms) {
                Some(widest) => {
                    let mut row = Row { window_ms, buckets: Vec::new() };
                    row.start_from(widest);
                    row.sum(now_ms)
                }
                None => 0.0,
            },
        }
    }

    /// As [`Counter::window`]; `None` when nothing is left in the window.
    pub(super) fn window_held(&self, window_ms: i64, now_ms: i64) -> Option<f64> {
        let row = match self.row(window_ms) {
            Some(row) => row.clone(),
            None => {
                let mut row = Row { window_ms, buckets: Vec::new() };
                row.start_from(self.rows.iter().max_by_key(|row| row.window_ms)?);
                row
            }
        };
        (row.expired(now_ms) < row.buckets.len()).then(|| row.sum(now_ms))
    }

    /// The amount of a counter for life; `None` when nothing was added.
    pub(super) fn total_held(&self) -> Option<f64> {
        self.total.filter(|total| total.newest_ms != i64::MIN).map(|total| total.amount)
    }

    pub(super) fn merge(&mut self, other: &Self, spec: &AttributeSpec, now_ms: i64) {
        let changed_ms = match (self.has_expired(now_ms), other.has_expired(now_ms)) {
            (_, true) => self.changed_ms,
            (true, false) => other.changed_ms,
            (false, false) => self.changed_ms.max(other.changed_ms),
        };
        let mut other = other.clone();
        if self.conform(spec).is_err() || other.conform(spec).is_err() {
            return;
        }
        other.expire(now_ms);
        for theirs in &other.rows {
            if let Some(mine) = self.rows.iter_mut().find(|row| row.window_ms == theirs.window_ms) {
                theirs.buckets.iter().for_each(|(bucket, amount)| mine.add(*bucket, *amount));
            }
        }
        if let (Some(mine), Some(theirs)) = (&mut self.total, other.total) {
            mine.amount = bounded(mine.amount + theirs.amount);
            mine.newest_ms = mine.newest_ms.max(theirs.newest_ms);
        }
        self.changed_ms = changed_ms;
    }

    /// Whether nothing is left at `now_ms`.
    pub(super) fn has_expired(&self, now_ms: i64) -> bool {
        self.total.is_none_or(|total| total.newest_ms == i64::MIN)
            && self.rows.iter().all(|row| row.expired(now_ms) == row.buckets.len())
    }

    /// A counter for life that nothing was added to, or all of whose buckets have expired.
    pub(super) fn is_empty(&self) -> bool {
        self.total.is_none_or(|total| total.newest_ms == i64::MIN)
            && self.rows.iter().all(|row| row.buckets.is_empty())
    }

    pub(super) fn hash_into(&self, out: &mut Vec<u8>) {
        out.push(b'C');
        out.extend_from_slice(&self.changed_ms.to_le_bytes());
        if let Some(total) = self.total {
            out.push(b'T');
            out.extend_from_slice(&total.newest_ms.to_le_bytes());
            out.extend_from_slice(&(total.amount + 0.0).to_bits().to_le_bytes());
        }
        let mut rows: SmallVec<[&Row; 4]> =
            self.rows.iter().filter(|row| !row.buckets.is_empty()).collect();
        rows.sort_by_key(|row| row.window_ms);
        for row in rows {
            out.push(b'W');
            out.extend_from_slice(&row.window_ms.to_le_bytes());
            for (bucket, amount) in &row.buckets {
                out.push(b'b');
                out.extend_from_slice(&bucket.to_le_bytes());
                out.extend_from_slice(&(amount + 0.0).to_bits().to_le_bytes());
            }
        }
        out.push(b'.');
    }
}

impl Row {
    /// Takes over another row's amounts, each at the time at which its bucket begins.
    fn start_from(&mut self, other: &Row) {
        for (bucket, amount) in &other.buckets {
            let begins_ms = -(bucket.saturating_mul(-other.window_ms).div_euclid(BUCKETS));
            self.add(self.bucket(begins_ms), *amount);
        }
    }
}

/// Two finite amounts may add up past the doubles: the greatest double stays.
fn bounded(amount: f64) -> f64 {
    amount.clamp(f64::MIN, f64::MAX)
}
