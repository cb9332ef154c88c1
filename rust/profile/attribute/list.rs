//! List: items in the order of their time, the newest last.
//!
//! The items are one shared array of ready item objects, so that reading the whole list is one
//! counted reference; their marks stand beside it, so that looking for a repeat seldom touches an
//! item.
//! Invariants: items and marks are of one length and ascend by stamp (equal stamps: by arrival);
//! `time` is the last field of every item.

use std::sync::Arc;

use super::json_form::{
    Entry, equal, equal_entries, exceeds, hash_entries, hash_value, write_canonical,
};
use super::{AttributeSpec, LSN_PENDING, Moment, Operation, Rejected, Stamp, is_expired};
use crate::value::{Object, Text, Value};

pub(super) const VALUE: Text = Text::new_static("value");
pub(super) const TIME: Text = Text::new_static("time");

/// The state of a list.
#[derive(Clone, Debug, Default)]
pub struct List {
    pub(super) items: Arc<Vec<Value>>,
    pub(super) marks: Vec<Mark>,
    /// Processing time of the last event that changed it, epoch milliseconds.
    pub(super) changed_ms: i64,
}

/// What a list knows of an item without touching it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) stamp: Stamp,
    /// Hash of the JSON form of what tells items apart (the value in a `distinct` list, the id
    /// field's in one with `id`), else 0: not known.
    pub(super) hash: u64,
}

impl Mark {
    fn may_equal(&self, other: &Self) -> bool {
        self.hash == other.hash || self.hash == 0 || other.hash == 0
    }
}

/// The options of a list.
#[derive(Clone, Debug)]
pub(in crate::profile) struct Bounds {
    pub(super) max_items: usize,
    pub(super) duration_ms: i64,
    repeats: Repeats,
}

/// Which items are repeats of each other.
#[derive(Clone, Debug)]
enum Repeats {
    /// None.
    Kept,
    /// Those of one value.
    OfValue,
    /// Those of one value of this field.
    OfField(Text),
}

impl Repeats {
    fn are_kept(&self) -> bool {
        matches!(self, Self::Kept)
    }

    fn hash(&self, item: &Value) -> u64 {
        match self {
            Self::Kept => 0,
            Self::OfValue => hash_entries(fields(item)) | 1,
            Self::OfField(name) => field(item, name).map_or(0, |value| hash_value(value) | 1),
        }
    }

    /// Whether both items tell the same, whenever they came.
    fn are(&self, left: &Value, right: &Value) -> bool {
        match self {
            Self::Kept => false,
            Self::OfValue => equal_entries(fields(left), fields(right)),
            Self::OfField(name) => match (field(left, name), field(right, name)) {
                (Some(left), Some(right)) => equal(left, right),
                _ => false,
            },
        }
    }
}

impl Bounds {
    pub(in crate::profile) fn of(spec: &AttributeSpec) -> Result<Self, Rejected> {
        let AttributeSpec::List { max_items, duration_ms, distinct, id } = spec else {
            return Err(Rejected::WrongKind);
        };
        let repeats = match (id, distinct) {
            (Some(name), _) => Repeats::OfField(name.clone()),
            (None, true) => Repeats::OfValue,
            (None, false) => Repeats::Kept,
        };
        Ok(Self { max_items: *max_items, duration_ms: *duration_ms, repeats })
    }
}

/// A checked change of a list.
#[derive(Clone, Debug)]
pub(in crate::profile) enum ListChange {
    /// A ready item.
    Push(Value),
    /// Items of this value go.
    Delete(Value),
    /// All items go.
    Clear,
}

impl Bounds {
    /// Whether no item is a repeat of another.
    pub(super) fn keeps_repeats(&self) -> bool {
        self.repeats.are_kept()
    }

    /// Whether items of one value are repeats.
    pub(super) fn drops_equal_values(&self) -> bool {
        matches!(self.repeats, Repeats::OfValue)
    }

    /// Checks an operation and makes its item; `None`: it applies nothing.
    pub(in crate::profile) fn prepare(
        &self,
        moment: Moment,
        operation: Operation,
        value_bytes_max: usize,
    ) -> Result<Option<ListChange>, Rejected> {
        let item = match operation {
            Operation::Set(Value::Undefined) => return Ok(None),
            Operation::Set(value) if exceeds(&value, value_bytes_max) => {
                return Err(Rejected::TooLarge);
            }
            Operation::Set(value) => {
                let time = Value::Number(moment.time_ms as f64);
                Value::Object(Arc::new(Object::from_pair((VALUE, value), (TIME, time))))
            }
            Operation::SetFields(object) => {
                if exceeds(&Value::Object(object.clone()), value_bytes_max) {
                    return Err(Rejected::TooLarge);
                }
                item_of_fields(object.entries(), moment.time_ms)
            }
            Operation::Delete(value) => return Ok(Some(ListChange::Delete(value))),
            Operation::Clear => return Ok(Some(ListChange::Clear)),
            Operation::Increment | Operation::CountOf(..) => return Err(Rejected::WrongKind),
        };
        match &self.repeats {
            Repeats::OfField(name) if field(&item, name).is_none_or(Value::is_nullish) => {
                Err(Rejected::NoId)
            }
            _ => Ok(Some(ListChange::Push(item))),
        }
    }

    /// Whether `delete` of `value` means this item.
    fn is_deleted_by(&self, item: &Value, value: &Value) -> bool {
        match &self.repeats {
            Repeats::OfField(name) => field(item, name).is_some_and(|held| equal(held, value)),
            _ => is_value(item, value),
        }
    }
}

impl List {
    pub(super) fn apply(
        &mut self,
        spec: &AttributeSpec,
        moment: Moment,
        operation: Operation,
        value_bytes_max: usize,
    ) -> Result<(), Rejected> {
        let bounds = Bounds::of(spec)?;
        if let Some(change) = bounds.prepare(moment, operation, value_bytes_max)? {
            self.change(&bounds, moment, LSN_PENDING, change);
        }
        Ok(())
    }

    /// Drops what has expired, then carries out a checked change.
    pub(in crate::profile) fn change(
        &mut self,
        bounds: &Bounds,
        moment: Moment,
        lsn: u64,
        change: ListChange,
    ) {
        self.sweep(bounds, moment.now_ms);
        let changed = match change {
            ListChange::Push(item) => self.push(bounds, moment, lsn, item),
            ListChange::Delete(value) => self.keep(|item, time_ms| {
                time_ms > moment.time_ms || !bounds.is_deleted_by(item, &value)
            }),
            ListChange::Clear => self.keep(|_, time_ms| time_ms > moment.time_ms),
        };
        if changed {
            self.changed_ms = moment.now_ms;
        }
    }

    fn sweep(&mut self, bounds: &Bounds, now_ms: i64) {
        self.drop_oldest(self.expired(bounds, now_ms));
        self.drop_oldest(self.marks.len().saturating_sub(bounds.max_items));
    }

    /// Puts an item where its time says, with `distinct`, `id` and `max_items`; whether it was
    /// taken.
    fn push(&mut self, bounds: &Bounds, moment: Moment, lsn: u64, item: Value) -> bool {
        if is_expired(moment.time_ms, bounds.duration_ms, moment.now_ms) {
            return false;
        }
        let stamp = Stamp { time_ms: moment.time_ms, lsn };
        let mark = Mark { stamp, hash: bounds.repeats.hash(&item) };
        let mut at = match self.marks.last() {
            Some(newest) if newest.stamp > stamp => {
                self.marks.partition_point(|held| held.stamp <= stamp)
            }
            _ => self.marks.len(),
        };
        if let Some(held) = self.position_of(&bounds.repeats, mark, &item) {
            // What came later tells more: a late repeat changes nothing.
            if held >= at {
                return false;
            }
            self.remove(held);
            at -= 1;
        }
        if self.marks.len() >= bounds.max_items {
            if at == 0 {
                return false;
            }
            // Room is made first, so that a full list never grows its allocation.
            self.drop_oldest(1);
            at -= 1;
        }
        self.marks.insert(at, mark);
        Arc::make_mut(&mut self.items).insert(at, item);
        true
    }

    fn position_of(&self, repeats: &Repeats, mark: Mark, item: &Value) -> Option<usize> {
        if repeats.are_kept() {
            return None;
        }
        let mut marks = self.marks.iter().enumerate();
        marks
            .find(|(at, held)| held.may_equal(&mark) && repeats.are(&self.items[*at], item))
            .map(|(at, _)| at)
    }

    fn remove(&mut self, at: usize) {
        self.marks.remove(at);
        Arc::make_mut(&mut self.items).remove(at);
    }

    fn drop_oldest(&mut self, count: usize) {
        match count {
            0 => {}
            1 => self.remove(0),
            count => {
                self.marks.drain(..count);
                Arc::make_mut(&mut self.items).drain(..count);
            }
        }
    }

    /// Drops the other items; whether there were any.
    fn keep(&mut self, mut kept: impl FnMut(&Value, i64) -> bool) -> bool {
        let both = self.items.iter().zip(&self.marks);
        let keeps: Vec<bool> = both.map(|(item, mark)| kept(item, mark.stamp.time_ms)).collect();
        if keeps.iter().all(|keep| *keep) {
            return false;
        }
        let mut flags = keeps.iter();
        self.marks.retain(|_| flags.next().is_some_and(|keep| *keep));
        let mut flags = keeps.iter();
        Arc::make_mut(&mut self.items).retain(|_| flags.next().is_some_and(|keep| *keep));
        true
    }

    pub(super) fn expire(&mut self, spec: &AttributeSpec, now_ms: i64) {
        if let Ok(bounds) = Bounds::of(spec) {
            self.drop_oldest(self.expired(&bounds, now_ms));
        }
    }

    /// Whether nothing is left at `now_ms`.
    pub(super) fn has_expired(&self, spec: &AttributeSpec, now_ms: i64) -> bool {
        let expired = Bounds::of(spec).map_or(0, |bounds| self.expired(&bounds, now_ms));
        expired == self.marks.len()
    }

    /// How many items, counted from the oldest, have expired.
    fn expired(&self, bounds: &Bounds, now_ms: i64) -> usize {
        match self.marks.first() {
            Some(oldest) if is_expired(oldest.stamp.time_ms, bounds.duration_ms, now_ms) => self
                .marks
                .partition_point(|held| is_expired(held.stamp.time_ms, bounds.duration_ms, now_ms)),
            _ => 0,
        }
    }

    pub(super) fn read(&self, spec: &AttributeSpec, now_ms: i64) -> Value {
        match Bounds::of(spec).map_or(0, |bounds| self.expired(&bounds, now_ms)) {
            0 => Value::Array(self.items.clone()),
            expired => Value::Array(Arc::new(self.items[expired..].to_vec())),
        }
    }

    pub(in crate::profile) fn settle(&mut self, lsn: u64) {
        self.marks.iter_mut().for_each(|mark| mark.stamp.settle(lsn));
    }

    pub(super) fn merge(&mut self, other: &Self, spec: &AttributeSpec, now_ms: i64) {
        let Ok(bounds) = Bounds::of(spec) else { return };
        let changed_ms = match (self.has_expired(spec, now_ms), other.has_expired(spec, now_ms)) {
            (_, true) => self.changed_ms,
            (true, false) => other.changed_ms,
            (false, false) => self.changed_ms.max(other.changed_ms),
        };
        let mut united: Vec<(Mark, &Value)> = Vec::new();
        // The sort is stable: of items that are still equal the survivor's counts as the newer.
        united.extend(other.marks.iter().copied().zip(other.items.iter()));
        united.extend(self.marks.iter().copied().zip(self.items.iter()));
        united.sort_by_key(|(mark, _)| mark.stamp);
        united.retain(|(mark, _)| !is_expired(mark.stamp.time_ms, bounds.duration_ms, now_ms));
        if !bounds.repeats.are_kept() {
            let mut newest_first: Vec<(Mark, &Value)> = Vec::with_capacity(united.len());
            for (mark, item) in united.into_iter().rev() {
                let repeats = |(newer, held): &(Mark, &Value)| {
                    newer.may_equal(&mark) && bounds.repeats.are(held, item)
                };
                if !newest_first.iter().any(repeats) {
                    newest_first.push((mark, item));
                }
            }
            newest_first.reverse();
            united = newest_first;
        }
        let over = united.len().saturating_sub(bounds.max_items);
        let (marks, items) =
            united[over..].iter().map(|(mark, item)| (*mark, (*item).clone())).unzip();
        *self = Self { items: Arc::new(items), marks, changed_ms };
    }

    pub(super) fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    pub(super) fn hash_into(&self, out: &mut Vec<u8>) {
        out.push(b'L');
        out.extend_from_slice(&self.changed_ms.to_le_bytes());
        for (item, mark) in self.items.iter().zip(&self.marks) {
            out.extend_from_slice(&mark.stamp.time_ms.to_le_bytes());
            write_canonical(item, out);
        }
        out.push(b'.');
    }
}

/// The item object: the fields, then `time`.
fn item_of_fields(entries: &[Entry], time_ms: i64) -> Value {
    let mut fields = Vec::with_capacity(entries.len() + 1);
    fields.extend_from_slice(entries);
    fields.push((TIME, Value::Number(time_ms as f64)));
    Value::object(fields)
}

/// The item's fields without `time`.
fn fields(item: &Value) -> &[Entry] {
    match item {
        Value::Object(object) => object.entries().split_last().map_or(&[], |(_, fields)| fields),
        _ => &[],
    }
}

/// A field of the item.
fn field<'v>(item: &'v Value, name: &str) -> Option<&'v Value> {
    let mut named = fields(item).iter().filter(|(known, _)| known == name);
    named.next().map(|(_, value)| value)
}

/// Whether the item's value is `value`. An item whose only field is `value` has that value.
fn is_value(item: &Value, value: &Value) -> bool {
    match (fields(item), value) {
        ([(name, held)], value) if name == "value" && equal(held, value) => true,
        (fields, Value::Object(object)) => equal_entries(fields, object.entries()),
        _ => false,
    }
}
