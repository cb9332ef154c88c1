//! Counters: a counter for each value of an expression, the most recently touched ones (`by`).
//!
//! A name is the text of what `by` gave. Beyond [`NAMES_MAX`] names the one that was touched the
//! longest ago goes, whatever it came to; touching is the order of the log, not of event times.
//! Invariants: names ascend by `touched`, each stands once; a name all of whose amounts have
//! expired is not there after a sweep, and reads as if it were not before.

use super::counter::Counter;
use super::json_form::{exceeds, write_text};
use super::{AttributeSpec, LSN_PENDING, Moment, Operation, Rejected};
use crate::value::{Text, Value};

/// Names that one attribute of a profile counts (page 4.2).
pub const NAMES_MAX: usize = 50;

/// The state of a counter with `by`.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// The most recently touched last.
    pub(super) named: Vec<Named>,
    /// Processing time of the last event that changed it, epoch milliseconds.
    pub(super) changed_ms: i64,
}

/// The counter of one name.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) name: Text,
    /// LSN of the last record that counted it; pending until installed.
    pub(super) touched: u64,
    pub(super) counter: Counter,
}

impl Counters {
    pub(super) fn apply(
        &mut self,
        spec: &AttributeSpec,
        moment: Moment,
        operation: Operation,
        value_bytes_max: usize,
    ) -> Result<(), Rejected> {
        self.expire(moment.now_ms);
        match operation {
            Operation::CountOf(_, Value::Undefined) | Operation::Set(Value::Undefined) => Ok(()),
            Operation::CountOf(name, amount) => {
                if exceeds(&Value::String(name.clone()), value_bytes_max) {
                    return Err(Rejected::TooLarge);
                }
                self.count(spec, moment, name, amount)
            }
            Operation::Clear => {
                self.clear(moment);
                Ok(())
            }
            _ => Err(Rejected::WrongKind),
        }
    }

    fn count(
        &mut self,
        spec: &AttributeSpec,
        moment: Moment,
        name: Text,
        amount: Value,
    ) -> Result<(), Rejected> {
        let held = self.named.iter().position(|named| named.name == name);
        let mut counter = held.map(|at| self.named[at].counter.clone()).unwrap_or_default();
        counter.apply(spec, moment, Operation::Set(amount))?;
        // An amount too old for every window leaves nothing, and touches nothing.
        if !counter.reaches(moment) {
            return Ok(());
        }
        if let Some(at) = held {
            self.named.remove(at);
        }
        self.changed_ms = moment.now_ms;
        self.named.push(Named { name, touched: LSN_PENDING, counter });
        self.let_go();
        Ok(())
    }

    fn let_go(&mut self) {
        self.named.drain(..self.named.len().saturating_sub(NAMES_MAX));
    }

    fn clear(&mut self, moment: Moment) {
        for named in &mut self.named {
            named.counter.clear(moment);
            self.changed_ms = self.changed_ms.max(named.counter.changed_ms);
        }
        self.named.retain(|named| !named.counter.is_empty());
    }

    pub(super) fn expire(&mut self, now_ms: i64) {
        self.named.iter_mut().for_each(|named| named.counter.expire(now_ms));
        self.named.retain(|named| !named.counter.is_empty());
    }

    /// Whether nothing is left at `now_ms`.
    pub(super) fn has_expired(&self, now_ms: i64) -> bool {
        self.named.iter().all(|named| named.counter.has_expired(now_ms))
    }

    /// An object of what each name came to, the most recently touched last; a name of which nothing
    /// is left in the window is not there.
    pub(super) fn read(&self, spec: &AttributeSpec, now_ms: i64) -> Value {
        let read = |counter: &Counter| match spec {
            AttributeSpec::Counter { duration_ms: Some(window_ms), .. } => {
                counter.window_held(*window_ms, now_ms)
            }
            _ => counter.total_held(),
        };
        self.object(read)
    }

    /// As [`Counters::read`], over the last `window_ms`.
    pub(super) fn window(&self, window_ms: i64, now_ms: i64) -> Value {
        self.object(|counter| counter.window_held(window_ms, now_ms))
    }

    fn object(&self, read: impl Fn(&Counter) -> Option<f64>) -> Value {
        let named = self.named.iter();
        let read = named.filter_map(|named| {
            read(&named.counter).map(|amount| (named.name.clone(), Value::Number(amount)))
        });
        Value::object(read.collect())
    }

    pub(super) fn settle(&mut self, lsn: u64) {
        for named in &mut self.named {
            if named.touched == LSN_PENDING {
                named.touched = lsn;
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self, spec: &AttributeSpec, now_ms: i64) {
        let changed_ms = match (self.has_expired(now_ms), other.has_expired(now_ms)) {
            (_, true) => self.changed_ms,
            (true, false) => other.changed_ms,
            (false, false) => self.changed_ms.max(other.changed_ms),
        };
        let mut other = other.clone();
        self.expire(now_ms);
        other.expire(now_ms);
        for theirs in other.named {
            match self.named.iter_mut().find(|mine| mine.name == theirs.name) {
                Some(mine) => {
                    mine.counter.merge(&theirs.counter, spec, now_ms);
                    mine.touched = mine.touched.max(theirs.touched);
                }
                // In front: of names touched by one record the survivor's counts as the newer.
                None => self.named.insert(0, theirs),
            }
        }
        self.named.sort_by_key(|named| named.touched);
        self.let_go();
        self.changed_ms = changed_ms;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    pub(super) fn hash_into(&self, out: &mut Vec<u8>) {
        out.push(b'B');
        out.extend_from_slice(&self.changed_ms.to_le_bytes());
        for named in &self.named {
            write_text(&named.name, out);
            named.counter.hash_into(out);
        }
        out.push(b'.');
    }
}
