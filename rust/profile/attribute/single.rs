//! Single: one value and the event time that it stands for.
//!
//! A mean keeps its sum as the value, and how many numbers went in. Sums, minima and maxima take late events as
//! any; their time is that of the newest event folded in, so a duration counts from the last event that touched
//! them.
//! Invariant: `Value::Undefined` means that there is none, and its stamp says nothing.

use std::borrow::Cow;

use super::json_form::{exceeds, write_canonical};
use super::{Aggregation, AttributeSpec, Moment, Operation, Rejected, Stamp, is_expired};
use crate::value::Value;

/// The state of a single.
#[derive(Clone, Debug)]
pub struct Single {
    pub(super) value: Value,
    pub(super) stamp: Stamp,
    /// How many numbers a mean's sum is of; 0 for every other aggregation.
    pub(super) count: u64,
    /// Processing time of the last event that it took, epoch milliseconds.
    pub(super) changed_ms: i64,
}

impl Default for Single {
    fn default() -> Self {
        Self {
            value: Value::Undefined,
            stamp: Stamp { time_ms: 0, lsn: 0 },
            count: 0,
            changed_ms: 0,
        }
    }
}

impl Single {
    pub(super) fn apply(
        &mut self,
        spec: &AttributeSpec,
        moment: Moment,
        operation: Operation,
        value_bytes_max: usize,
    ) -> Result<(), Rejected> {
        self.expire(spec, moment.now_ms);
        if let Some(next) = self.next(spec, moment, operation, value_bytes_max)? {
            *self = next;
        }
        Ok(())
    }

    /// The state after the operation, or `None` when it stays as it is.
    pub(in crate::profile) fn next(
        &self,
        spec: &AttributeSpec,
        moment: Moment,
        operation: Operation,
        value_bytes_max: usize,
    ) -> Result<Option<Self>, Rejected> {
        let AttributeSpec::Single { aggregation, duration_ms } = spec else {
            return Err(Rejected::WrongKind);
        };
        if self.has_expired(spec, moment.now_ms) {
            return Self::default().next(spec, moment, operation, value_bytes_max);
        }
        let value = match operation {
            Operation::Set(value) => value,
            Operation::SetFields(fields) => Value::Object(fields),
            Operation::Clear => Value::Null,
            Operation::Increment | Operation::CountOf(..) | Operation::Delete(_) => {
                return Err(Rejected::WrongKind);
            }
        };
        match value {
            Value::Undefined => Ok(None),
            Value::Null => Ok((self.stamp.time_ms <= moment.time_ms).then(Self::default)),
            value if exceeds(&value, value_bytes_max) => Err(Rejected::TooLarge),
            value => {
                let folded = self.fold(*aggregation, value, moment)?;
                let is_late = duration_ms.is_some_and(|duration_ms| {
                    is_expired(moment.time_ms, duration_ms, moment.now_ms)
                });
                Ok(folded.filter(|_| !is_late))
            }
        }
    }

    /// What the value becomes, or `None` when it stays.
    fn fold(
        &self,
        aggregation: Aggregation,
        value: Value,
        moment: Moment,
    ) -> Result<Option<Self>, Rejected> {
        let stamp = moment.stamp();
        let changed_ms = moment.now_ms;
        let number = match aggregation {
            Aggregation::Last => {
                let wins = self.is_empty() || stamp.time_ms >= self.stamp.time_ms;
                return Ok(wins.then_some(Self { value, stamp, count: 0, changed_ms }));
            }
            Aggregation::First => {
                let wins = self.is_empty() || stamp.time_ms < self.stamp.time_ms;
                return Ok(wins.then_some(Self { value, stamp, count: 0, changed_ms }));
            }
            Aggregation::Count => 1.0,
            Aggregation::Sum | Aggregation::Min | Aggregation::Max | Aggregation::Mean => {
                finite(&value)?
            }
        };
        let folded = match self.value {
            Value::Number(held) => combine(aggregation, held, number),
            _ => number,
        };
        let newest = if self.is_empty() { stamp } else { stamp.max(self.stamp) };
        let value = Value::Number(folded);
        finite(&value)?;
        let count = if aggregation == Aggregation::Mean { self.count + 1 } else { 0 };
        Ok(Some(Self { value, stamp: newest, count, changed_ms }))
    }

    pub(super) fn expire(&mut self, spec: &AttributeSpec, now_ms: i64) {
        if self.has_expired(spec, now_ms) {
            *self = Self::default();
        }
    }

    pub(super) fn has_expired(&self, spec: &AttributeSpec, now_ms: i64) -> bool {
        match spec {
            AttributeSpec::Single { duration_ms: Some(duration_ms), .. } if !self.is_empty() => {
                is_expired(self.stamp.time_ms, *duration_ms, now_ms)
            }
            _ => false,
        }
    }

    pub(super) fn read(&self, spec: &AttributeSpec, now_ms: i64) -> Cow<'_, Value> {
        match (&self.value, spec) {
            _ if self.is_empty() || self.has_expired(spec, now_ms) => Cow::Owned(spec.nothing()),
            (Value::Number(sum), AttributeSpec::Single { aggregation: Aggregation::Mean, .. }) => {
                Cow::Owned(Value::Number(sum / self.count.max(1) as f64))
            }
            (value, _) => Cow::Borrowed(value),
        }
    }

    pub(super) fn settle(&mut self, lsn: u64) {
        self.stamp.settle(lsn);
    }

    pub(super) fn merge(&mut self, other: &Self, spec: &AttributeSpec, now_ms: i64) {
        let AttributeSpec::Single { aggregation, .. } = spec else { return };
        if other.is_empty() || other.has_expired(spec, now_ms) {
            return;
        }
        if self.is_empty() {
            *self = other.clone();
            return;
        }
        let changed_ms = self.changed_ms.max(other.changed_ms);
        match aggregation {
            Aggregation::Last if other.stamp > self.stamp => *self = other.clone(),
            Aggregation::First if other.stamp < self.stamp => *self = other.clone(),
            Aggregation::Last | Aggregation::First => {}
            _ => {
                if let (Value::Number(mine), Value::Number(theirs)) = (&self.value, &other.value) {
                    // Two finite sums may add up past the doubles: the greatest double stays.
                    let united = combine(*aggregation, *mine, *theirs).clamp(f64::MIN, f64::MAX);
                    self.value = Value::Number(united);
                    self.stamp = self.stamp.max(other.stamp);
                    self.count += other.count;
                }
            }
        }
        self.changed_ms = changed_ms;
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self.value, Value::Undefined)
    }

    pub(super) fn hash_into(&self, out: &mut Vec<u8>) {
        out.push(b'S');
        out.extend_from_slice(&self.stamp.time_ms.to_le_bytes());
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&self.changed_ms.to_le_bytes());
        write_canonical(&self.value, out);
    }
}

fn finite(value: &Value) -> Result<f64, Rejected> {
    match value {
        Value::Number(number) if number.is_finite() => Ok(*number),
        _ => Err(Rejected::NotFinite),
    }
}

fn combine(aggregation: Aggregation, held: f64, number: f64) -> f64 {
    match aggregation {
        Aggregation::Min => held.min(number),
        Aggregation::Max => held.max(number),
        _ => held + number,
    }
}
