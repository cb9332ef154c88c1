//! Attributes: kinds, options and state (page 4.2).
//!
//! One operation at a time is applied to one state, at a moment given from outside; every
//! operation first drops what has expired, so a sweep at any moment never changes a result.
//!
//! Invariants: a rejected operation changes nothing but what had expired anyway; reading drops
//! nothing and hides what has expired; a state from which all has expired equals no state.

mod aggregate;
mod codec;
mod counter;
mod counters;
mod data_type;
mod items;
mod json_form;
#[cfg(test)]
mod kinds_tests;
mod list;
#[cfg(test)]
mod model_tests;
mod single;

use std::borrow::Cow;
use std::sync::Arc;

pub use aggregate::{Aggregate, ListFold};
pub use counter::Counter;
pub use counters::{Counters, NAMES_MAX};
pub use data_type::{Conversion, DataType};
pub use list::List;
pub use single::Single;

pub(super) use items::{Written, change as change_items};
pub(super) use json_form::write_text;
pub(super) use list::{Bounds, ListChange};

use crate::value::{Object, Text, Value};

/// How a single folds the values it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregation {
    /// The value latest by event time.
    Last,
    /// The value earliest by event time.
    First,
    /// The sum of finite numbers.
    Sum,
    /// The least number.
    Min,
    /// The greatest number.
    Max,
    /// How many values there were, whatever they are.
    Count,
    /// The mean of finite numbers.
    Mean,
}

/// An attribute's kind and options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeSpec {
    /// One value.
    Single {
        /// How values fold.
        aggregation: Aggregation,
        /// How long a value lasts, milliseconds; `None`: for life.
        duration_ms: Option<i64>,
    },
    /// Items, newest last.
    List {
        /// At most so many (1 to 10,000).
        max_items: usize,
        /// How long an item lasts, milliseconds.
        duration_ms: i64,
        /// A repeat moves to the end.
        distinct: bool,
        /// The field by which items are told apart: a repeat replaces and moves to the end. Items
        /// are maps that have it.
        id: Option<Text>,
    },
    /// Amounts in epoch-aligned buckets.
    Counter {
        /// The counter's own window, milliseconds; `None`: `total`, for life.
        duration_ms: Option<i64>,
        /// Further windows, milliseconds, in the order of `Attribute::windows`.
        windows_ms: Vec<i64>,
        /// A counter for each value of an expression: [`Operation::CountOf`].
        by: bool,
    },
    /// Nothing is held: what it reads comes from elsewhere (`computed`, `imported`), or its number
    /// was given up. What a profile still has under such a number is no state: it is neither read
    /// nor hashed nor merged, and goes at the next change of the profile.
    Stateless,
}

impl AttributeSpec {
    /// What an attribute of this kind reads as when nothing is known: `undefined`, `[]`, `0` or
    /// `{}`.
    pub fn nothing(&self) -> Value {
        match self {
            Self::Single { .. } | Self::Stateless => Value::Undefined,
            Self::List { .. } => Value::Array(Arc::new(Vec::new())),
            Self::Counter { by: false, .. } => Value::Number(0.0),
            Self::Counter { by: true, .. } => Value::object(Vec::new()),
        }
    }

    /// Whether profiles hold state of it.
    pub fn holds_state(&self) -> bool {
        !matches!(self, Self::Stateless)
    }
}

/// The LSN of what was computed and not yet installed; later than every real one.
pub const LSN_PENDING: u64 = u64::MAX;

/// When something happened: by event time, and of equal times by the order of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// Placed event time, epoch milliseconds.
    pub time_ms: i64,
    /// The record's LSN; [`LSN_PENDING`] until installed.
    pub lsn: u64,
}

impl Stamp {
    fn settle(&mut self, lsn: u64) {
        if self.lsn == LSN_PENDING {
            self.lsn = lsn;
        }
    }
}

/// When an event is applied.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Processing time, epoch milliseconds.
    pub now_ms: i64,
    /// The event's own time as [`place`] gives it, epoch milliseconds, never after `now_ms`.
    pub time_ms: i64,
}

impl Moment {
    /// The moment of an event that says `event_time_s`, received at `now_ms`.
    pub fn of_event(event_time_s: Option<i64>, now_ms: i64, clock_skew_ms: i64) -> Self {
        Self { now_ms, time_ms: place(event_time_s, now_ms, clock_skew_ms) }
    }

    fn stamp(self) -> Stamp {
        Stamp { time_ms: self.time_ms, lsn: LSN_PENDING }
    }
}

/// Where an event stands in time, epoch milliseconds (page 4.2): at reception without a time, within
/// `clock_skew_ms` of reception, and when it claims to come from the future; else at its own time.
pub fn place(event_time_s: Option<i64>, now_ms: i64, clock_skew_ms: i64) -> i64 {
    let own_ms = event_time_s.map_or(now_ms, |seconds| seconds.saturating_mul(1000));
    if own_ms >= now_ms.saturating_sub(clock_skew_ms) { now_ms } else { own_ms }
}

/// What an attribute rule does to the state.
#[derive(Clone, Debug)]
pub enum Operation {
    /// A value: a single's, a list item's (`{value, time}`), a counter's increment.
    Set(Value),
    /// A list item written as a map: its fields beside `time`. For a single the same as the object.
    SetFields(Arc<Object>),
    /// A counter's increment by 1.
    Increment,
    /// An increment of the counter of this value, in a counter with `by`.
    CountOf(Text, Value),
    /// List items whose value equals this go, in a list with `id` those whose id field does; save
    /// those younger than the event.
    Delete(Value),
    /// All goes, save what is younger than the event.
    Clear,
}

/// Why an operation applied nothing. Counted by the caller, named in the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// A numeric fold or a counter was given, or would come to, something but a finite number.
    #[error("not a finite number")]
    NotFinite,
    /// The value's JSON is over `value_bytes_max`.
    #[error("the value is larger than value_bytes_max")]
    TooLarge,
    /// The attribute's kind has no such operation; a checked configuration never asks for it.
    #[error("this kind of attribute has no such operation")]
    WrongKind,
    /// An item of a list with `id` came without that field.
    #[error("the item has no id")]
    NoId,
    /// `data_type` makes nothing of the value: a number that would be NaN.
    #[error("data_type makes no number of it")]
    NotANumber,
    /// `data_type` makes nothing of the value: text beyond the limit.
    #[error("data_type makes nothing of it")]
    NotConvertible,
    /// `by` is no text, number or boolean.
    #[error("`by` is no text, number or boolean")]
    NoName,
}

/// The state of one attribute of one profile.
#[derive(Clone, Debug)]
pub enum AttributeState {
    /// One value.
    Single(Single),
    /// Items.
    List(List),
    /// Amounts.
    Counter(Counter),
    /// Amounts by name: a counter with `by`.
    Counters(Counters),
}

impl AttributeState {
    /// The state before anything happened.
    pub fn new(spec: &AttributeSpec) -> Self {
        match spec {
            AttributeSpec::Single { .. } | AttributeSpec::Stateless => {
                Self::Single(Single::default())
            }
            AttributeSpec::List { .. } => Self::List(List::default()),
            AttributeSpec::Counter { by: false, .. } => Self::Counter(Counter::default()),
            AttributeSpec::Counter { by: true, .. } => Self::Counters(Counters::default()),
        }
    }

    /// Applies one operation. `undefined` applies nothing. A state of another kind (the
    /// configuration changed with `reset: true`) starts anew.
    pub fn apply(
        &mut self,
        spec: &AttributeSpec,
        moment: Moment,
        operation: Operation,
        value_bytes_max: usize,
    ) -> Result<(), Rejected> {
        if !spec.holds_state() {
            return Err(Rejected::WrongKind);
        }
        if !self.is_of(spec) {
            *self = Self::new(spec);
        }
        match self {
            Self::Single(single) => single.apply(spec, moment, operation, value_bytes_max),
            Self::List(list) => list.apply(spec, moment, operation, value_bytes_max),
            Self::Counter(counter) => counter.apply(spec, moment, operation),
            Self::Counters(counters) => counters.apply(spec, moment, operation, value_bytes_max),
        }
    }

    /// Processing time of the last event that it took, epoch milliseconds: what `UPDATED.<name>`
    /// reads. `None` when nothing is left at `now_ms`.
    pub fn changed_ms(&self, spec: &AttributeSpec, now_ms: i64) -> Option<i64> {
        if !self.is_of(spec) || self.has_expired(spec, now_ms) {
            return None;
        }
        Some(match self {
            Self::Single(single) => single.changed_ms,
            Self::List(list) => list.changed_ms,
            Self::Counter(counter) => counter.changed_ms,
            Self::Counters(counters) => counters.changed_ms,
        })
    }

    /// Whether nothing is left at `now_ms`.
    fn has_expired(&self, spec: &AttributeSpec, now_ms: i64) -> bool {
        match self {
            Self::Single(single) => single.is_empty() || single.has_expired(spec, now_ms),
            Self::List(list) => list.has_expired(spec, now_ms),
            Self::Counter(counter) => counter.has_expired(now_ms),
            Self::Counters(counters) => counters.has_expired(now_ms),
        }
    }

    /// Drops what has expired at `now_ms`.
    pub fn expire(&mut self, spec: &AttributeSpec, now_ms: i64) {
        match self {
            Self::Single(single) => single.expire(spec, now_ms),
            Self::List(list) => list.expire(spec, now_ms),
            Self::Counter(counter) => counter.expire(now_ms),
            Self::Counters(counters) => counters.expire(now_ms),
        }
    }

    /// What `PROFILE.<name>` reads at `now_ms`: a single's value, a list's items (a shared array),
    /// a counter's own window or total.
    pub fn read(&self, spec: &AttributeSpec, now_ms: i64) -> Cow<'_, Value> {
        match self {
            _ if !self.is_of(spec) => Cow::Owned(spec.nothing()),
            Self::Single(single) => single.read(spec, now_ms),
            Self::List(list) => Cow::Owned(list.read(spec, now_ms)),
            Self::Counter(counter) => Cow::Owned(Value::Number(counter.read(spec, now_ms))),
            Self::Counters(counters) => Cow::Owned(counters.read(spec, now_ms)),
        }
    }

    /// What the counter's window number `window` (as in `windows_ms`) reads at `now_ms`; for
    /// another kind what it reads when nothing is known.
    pub fn read_window(&self, spec: &AttributeSpec, window: usize, now_ms: i64) -> Value {
        let AttributeSpec::Counter { windows_ms, .. } = spec else { return spec.nothing() };
        match (self, windows_ms.get(window)) {
            (Self::Counter(counter), Some(ms)) if self.is_of(spec) => {
                Value::Number(counter.window(*ms, now_ms))
            }
            (Self::Counters(counters), Some(ms)) if self.is_of(spec) => {
                counters.window(*ms, now_ms)
            }
            _ => spec.nothing(),
        }
    }

    /// Gives pending stamps the LSN at which they are installed. Cannot fail.
    pub fn settle(&mut self, lsn: u64) {
        match self {
            Self::Single(single) => single.settle(lsn),
            Self::List(list) => list.settle(lsn),
            Self::Counter(_) => {}
            Self::Counters(counters) => counters.settle(lsn),
        }
    }

    /// Unites the state of a merged profile into this one, the survivor's (page 4.1).
    pub fn merge(&mut self, other: &Self, spec: &AttributeSpec, now_ms: i64) {
        self.expire(spec, now_ms);
        if !self.is_of(spec) {
            *self = other.clone();
            return self.expire(spec, now_ms);
        }
        match (self, other) {
            (Self::Single(mine), Self::Single(other)) => mine.merge(other, spec, now_ms),
            (Self::List(mine), Self::List(other)) => mine.merge(other, spec, now_ms),
            (Self::Counter(mine), Self::Counter(other)) => mine.merge(other, spec, now_ms),
            (Self::Counters(mine), Self::Counters(other)) => mine.merge(other, spec, now_ms),
            _ => {}
        }
    }

    /// Whether nothing is left: the same as no state.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Single(single) => single.is_empty(),
            Self::List(list) => list.is_empty(),
            Self::Counter(counter) => counter.is_empty(),
            Self::Counters(counters) => counters.is_empty(),
        }
    }

    /// Writes the canonical form of what is left at `now_ms` for the state hash (page 5.7): LSNs
    /// and caches left out. Nothing is written when nothing is left. Without a `spec` (the
    /// attribute sleeps) nothing expires.
    pub fn hash_into(&self, spec: Option<&AttributeSpec>, now_ms: i64, out: &mut Vec<u8>) {
        if spec.is_some_and(|spec| !spec.holds_state()) {
            return;
        }
        let swept = spec.map(|spec| {
            let mut swept = self.clone();
            swept.expire(spec, now_ms);
            swept
        });
        let state = swept.as_ref().unwrap_or(self);
        match state {
            _ if state.is_empty() => {}
            Self::Single(single) => single.hash_into(out),
            Self::List(list) => list.hash_into(out),
            Self::Counter(counter) => counter.hash_into(out),
            Self::Counters(counters) => counters.hash_into(out),
        }
    }

    fn is_of(&self, spec: &AttributeSpec) -> bool {
        matches!(
            (self, spec),
            (Self::Single(_), AttributeSpec::Single { .. })
                | (Self::List(_), AttributeSpec::List { .. })
                | (Self::Counter(_), AttributeSpec::Counter { by: false, .. })
                | (Self::Counters(_), AttributeSpec::Counter { by: true, .. })
        )
    }
}

/// Whether something of `time_ms` has outlived `duration_ms` at `now_ms`.
fn is_expired(time_ms: i64, duration_ms: i64, now_ms: i64) -> bool {
    now_ms.saturating_sub(time_ms) > duration_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_stands_at_reception_within_the_skew_and_when_ahead_else_at_its_own_time() {
        let now_ms = 1_700_000_000_500;
        let skew_ms = 300_000;
        assert_eq!(place(None, now_ms, skew_ms), now_ms);
        assert_eq!(place(Some(1_700_000_000), now_ms, skew_ms), now_ms);
        assert_eq!(place(Some(1_700_000_100), now_ms, skew_ms), now_ms);
        assert_eq!(place(Some(1_900_000_000), now_ms, skew_ms), now_ms);
        assert_eq!(place(Some(1_699_999_701), now_ms, skew_ms), now_ms);
        assert_eq!(place(Some(1_699_999_700), now_ms, skew_ms), 1_699_999_700_000);
        assert_eq!(place(Some(0), now_ms, skew_ms), 0);
    }
}
