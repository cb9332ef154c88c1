//! Codec: the state of an attribute as compact bytes, in memory and in snapshots.
//!
//! ```text
//! state    u8 tag, changed_ms signed, then
//!   0 single    signed changed_ms - time; lsn; value
//!   1 list      varint: count of shapes << 1 | items say their form; shapes, each: varint count of names,
//!               names; varint count of items, each: time; lsn, from the item before; form (where items say
//!               it); values. The first time is signed changed_ms - time, later ones varint, from the one before
//!   2 counter   amounts
//!   3 counters  varint count, each: name; lsn, from the one before; signed changed_ms - its own; amounts
//!   4 mean      varint count; then as a single
//! amounts  u8 whether it has a total, then: amount, newest_ms signed; varint count of rows, each: window
//!          varint (minutes << 1, or milliseconds << 1 | 1), varint count of buckets, each: bucket signed,
//!          later ones varint, from the bucket before; amount
//! lsn      varint: 0 when 8 bytes follow, the LSN; else 1 + (signed) the difference from the one before
//! form     varint: 0 `{value, time}`: value    1 anything else: value    n shape n - 2 and `time`: a value
//!          for each name
//! ```
//!
//! The LSN of the record that changes a state is not known while the state is written: 8 bytes wait for it,
//! and their places are handed to whoever installs the change.
//!
//! Invariants: reading never panics; what reads back is equal in every bit, caches left out; states that
//! ascend in time are shortest, and all others read back as well.

use std::sync::Arc;

use smallvec::SmallVec;

use super::counter::{Counter, Row, Total};
use super::counters::{Counters, NAMES_MAX, Named};
use super::list::{List, Mark, TIME, VALUE};
use super::single::Single;
use super::{AttributeState, LSN_PENDING, Stamp};
use crate::profile::compact::{
    count, number, put_number, put_signed, put_text, put_value, put_varint, signed, text, value,
    varint,
};
use crate::profile::packed::Pending;
use crate::value::codec::{BadBytes, Bytes};
use crate::value::{Object, Text, Value};

const SINGLE: u8 = 0;
const LIST: u8 = 1;
const COUNTER: u8 = 2;
const COUNTERS: u8 = 3;
const MEAN: u8 = 4;

const MINUTE_MS: i64 = 60_000;

/// Forms of items; later ones are shapes.
pub(super) const PLAIN: usize = 0;
const OTHER: usize = 1;
const SHAPES: usize = 2;

/// Fewest bytes of a name's counter, a list's item, a counter's row, a bucket.
const NAMED_BYTES_MIN: usize = 5;
const ITEM_BYTES_MIN: usize = 3;
const ROW_BYTES_MIN: usize = 2;
const BUCKET_BYTES_MIN: usize = 2;

impl AttributeState {
    /// Appends the state's bytes, and the places of the LSNs that are pending.
    pub(in crate::profile) fn pack(&self, out: &mut Vec<u8>, pending: &mut Pending) {
        match self {
            Self::Single(single) => put_single(out, single, pending),
            Self::List(list) => {
                begin_list(out, list.changed_ms);
                put_list(out, list, pending);
            }
            Self::Counter(counter) => {
                out.push(COUNTER);
                put_signed(out, counter.changed_ms);
                put_counter(out, counter);
            }
            Self::Counters(counters) => {
                out.push(COUNTERS);
                put_signed(out, counters.changed_ms);
                put_counters(out, counters, pending);
            }
        }
    }

    /// Reads a state.
    pub(in crate::profile) fn unpack(bytes: &mut Bytes<'_>) -> Result<Self, BadBytes> {
        let tag = bytes.u8()?;
        let changed_ms = signed(bytes)?;
        Ok(match tag {
            SINGLE => Self::Single(single(bytes, changed_ms, 0)?),
            MEAN => {
                let count = varint(bytes)?;
                Self::Single(single(bytes, changed_ms, count)?)
            }
            LIST => Self::List(list(bytes, changed_ms)?),
            COUNTER => Self::Counter(counter(bytes, changed_ms)?),
            COUNTERS => Self::Counters(counters(bytes, changed_ms)?),
            _ => return Err(BadBytes("an attribute's kind is unknown")),
        })
    }
}

fn put_single(out: &mut Vec<u8>, single: &Single, pending: &mut Pending) {
    let Single { value, stamp, count, changed_ms } = single;
    out.push(if *count == 0 { SINGLE } else { MEAN });
    put_signed(out, *changed_ms);
    if *count > 0 {
        put_varint(out, *count);
    }
    put_signed(out, changed_ms.wrapping_sub(stamp.time_ms));
    Lsns::default().put(out, stamp.lsn, pending);
    put_value(out, value);
}

fn single(bytes: &mut Bytes<'_>, changed_ms: i64, count: u64) -> Result<Single, BadBytes> {
    let time_ms = changed_ms.wrapping_sub(signed(bytes)?);
    let stamp = Stamp { time_ms, lsn: Lsns::default().take(bytes)? };
    Ok(Single { value: value(bytes)?, stamp, count, changed_ms })
}

/// LSNs one after another, each told by its difference from the last that was known when it was written.
#[derive(Default)]
pub(super) struct Lsns {
    before: u64,
}

impl Lsns {
    pub(super) fn put(&mut self, out: &mut Vec<u8>, lsn: u64, pending: &mut Pending) {
        let difference = lsn.wrapping_sub(self.before).cast_signed();
        let folded = (difference.cast_unsigned() << 1) ^ (difference >> 63).cast_unsigned();
        if lsn == LSN_PENDING || folded == u64::MAX {
            out.push(0);
            if lsn == LSN_PENDING {
                pending.push(out.len() as u32);
            }
            out.extend_from_slice(&lsn.to_le_bytes());
        } else {
            put_varint(out, folded + 1);
            self.before = lsn;
        }
    }

    pub(super) fn take(&mut self, bytes: &mut Bytes<'_>) -> Result<u64, BadBytes> {
        match varint(bytes)? {
            0 => bytes.u64(),
            code => {
                let folded = code - 1;
                let difference = (folded >> 1) ^ (folded & 1).wrapping_neg();
                self.before = self.before.wrapping_add(difference);
                Ok(self.before)
            }
        }
    }
}

/// The names of an item's fields, `time` left out.
type Shape<'a> = SmallVec<[&'a Text; 8]>;

/// Whether an item is told by its value and its time.
fn is_plain(item: &Value, time_ms: i64) -> bool {
    let entries = if let Value::Object(object) = item { object.entries() } else { &[] };
    matches!(entries, [(value, _), (name, Value::Number(at))]
        if *value == VALUE && *name == TIME && at.to_bits() == (time_ms as f64).to_bits())
}

/// What stands before a list's items, to be written again.
pub(super) struct Head<'a> {
    pub(super) count: usize,
    pub(super) say_form: bool,
    shapes: SmallVec<[SmallVec<[&'a str; 8]>; 2]>,
    shape_bytes: &'a [u8],
}

impl<'a> Head<'a> {
    pub(super) fn take(bytes: &mut Bytes<'a>) -> Result<Self, BadBytes> {
        let head = varint(bytes)?;
        let begins = bytes.0;
        let mut shapes = SmallVec::new();
        for _ in 0..head >> 1 {
            let names = count(bytes, 1)?;
            let names: Result<_, BadBytes> = (0..names).map(|_| text(bytes)).collect();
            shapes.push(names?);
        }
        let shape_bytes = &begins[..begins.len() - bytes.0.len()];
        Ok(Self {
            count: count(bytes, ITEM_BYTES_MIN)?,
            say_form: head & 1 == 1,
            shapes,
            shape_bytes,
        })
    }

    pub(super) fn put(&self, out: &mut Vec<u8>, count: usize) {
        put_varint(out, (self.shapes.len() as u64) << 1 | u64::from(self.say_form));
        out.extend_from_slice(self.shape_bytes);
        put_varint(out, count as u64);
    }

    /// How many values an item of this form has.
    pub(super) fn value_count(&self, form: usize) -> Result<usize, BadBytes> {
        match form {
            PLAIN | OTHER => Ok(1),
            form => {
                let shape = self.shapes.get(form - SHAPES);
                shape.map(SmallVec::len).ok_or(BadBytes("an item's form is unknown"))
            }
        }
    }

    /// The form of a new item, when the list has it already.
    pub(super) fn form_of(&self, item: &Value, time_ms: i64) -> Option<usize> {
        if is_plain(item, time_ms) {
            return Some(PLAIN);
        }
        let Value::Object(object) = item else { return None };
        let [fields @ .., (name, Value::Number(at))] = object.entries() else { return None };
        let is_shaped = *name == TIME && at.to_bits() == (time_ms as f64).to_bits();
        let has_names =
            |shape: &SmallVec<[&str; 8]>| shape.iter().copied().eq(names(fields).map(Text::as_str));
        let shape = self.shapes.iter().position(has_names);
        shape.filter(|_| is_shaped && self.say_form).map(|shape| SHAPES + shape)
    }
}

/// The bytes of a list behind its tag, and when it changed; `None` for another kind.
pub(super) fn of_list(state: &[u8]) -> Option<(Bytes<'_>, i64)> {
    let mut bytes = Bytes(state);
    if bytes.u8().ok()? != LIST {
        return None;
    }
    let changed_ms = signed(&mut bytes).ok()?;
    Some((bytes, changed_ms))
}

pub(super) fn begin_list(out: &mut Vec<u8>, changed_ms: i64) {
    out.push(LIST);
    put_signed(out, changed_ms);
}

/// Appends an item's values.
pub(super) fn put_body(out: &mut Vec<u8>, form: usize, item: &Value) {
    let entries = if let Value::Object(object) = item { object.entries() } else { &[] };
    match (form, entries) {
        (OTHER, _) | (_, []) => put_value(out, item),
        (_, [fields @ .., _]) => fields.iter().for_each(|(_, value)| put_value(out, value)),
    }
}

/// How an item is written: its form.
fn form_of<'a>(item: &'a Value, time_ms: i64, shapes: &mut Vec<Shape<'a>>) -> usize {
    if is_plain(item, time_ms) {
        return PLAIN;
    }
    let entries = if let Value::Object(object) = item { object.entries() } else { &[] };
    let time = (time_ms as f64).to_bits();
    match entries {
        [fields @ .., (name, Value::Number(at))] if *name == TIME && at.to_bits() == time => {
            let has_names = |shape: &Shape<'_>| shape.iter().copied().eq(names(fields));
            let known = shapes.iter().position(has_names);
            SHAPES
                + known.unwrap_or_else(|| {
                    shapes.push(names(fields).collect());
                    shapes.len() - 1
                })
        }
        _ => OTHER,
    }
}

fn names(fields: &[(Text, Value)]) -> impl Iterator<Item = &Text> {
    fields.iter().map(|(name, _)| name)
}

fn put_list(out: &mut Vec<u8>, list: &List, pending: &mut Pending) {
    let mut shapes = Vec::new();
    let both = || list.items.iter().zip(&list.marks);
    let form = |(item, mark): (_, &Mark)| form_of(item, mark.stamp.time_ms, &mut shapes);
    let forms: SmallVec<[usize; 32]> = both().map(form).collect();
    let say_form = forms.iter().any(|form| *form != PLAIN);
    put_varint(out, (shapes.len() as u64) << 1 | u64::from(say_form));
    for shape in &shapes {
        put_varint(out, shape.len() as u64);
        shape.iter().for_each(|name| put_text(out, name));
    }
    put_varint(out, forms.len() as u64);
    let (mut lsns, mut before_ms) = (Lsns::default(), None);
    for ((item, mark), form) in both().zip(forms) {
        let time_ms = mark.stamp.time_ms;
        match before_ms {
            None => put_signed(out, list.changed_ms.wrapping_sub(time_ms)),
            Some(before_ms) => put_varint(out, time_ms.wrapping_sub(before_ms).cast_unsigned()),
        }
        before_ms = Some(time_ms);
        lsns.put(out, mark.stamp.lsn, pending);
        if say_form {
            put_varint(out, form as u64);
        }
        put_body(out, form, item);
    }
}

fn list(bytes: &mut Bytes<'_>, changed_ms: i64) -> Result<List, BadBytes> {
    let head = varint(bytes)?;
    let say_form = head & 1 == 1;
    if head >> 1 > bytes.0.len() as u64 {
        return Err(BadBytes("a list has more shapes than it can have"));
    }
    let shapes = bytes.several((head >> 1) as usize, |bytes| {
        let names = count(bytes, 1)?;
        bytes.several(names, |bytes| text(bytes).map(Text::new))
    })?;
    let count = count(bytes, ITEM_BYTES_MIN)?;
    let (mut items, mut marks) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let (mut lsns, mut time_ms) = (Lsns::default(), changed_ms);
    for at in 0..count {
        time_ms = match at {
            0 => changed_ms.wrapping_sub(signed(bytes)?),
            _ => time_ms.wrapping_add(varint(bytes)?.cast_signed()),
        };
        let stamp = Stamp { time_ms, lsn: lsns.take(bytes)? };
        let form = if say_form { varint(bytes)? as usize } else { PLAIN };
        items.push(item(bytes, form, &shapes, time_ms)?);
        marks.push(Mark { stamp, hash: 0 });
    }
    Ok(List { items: Arc::new(items), marks, changed_ms })
}

fn item(
    bytes: &mut Bytes<'_>,
    form: usize,
    shapes: &[Vec<Text>],
    time_ms: i64,
) -> Result<Value, BadBytes> {
    let time = (TIME, Value::Number(time_ms as f64));
    Ok(match form {
        PLAIN => Value::Object(Arc::new(Object::from_pair((VALUE, value(bytes)?), time))),
        OTHER => value(bytes)?,
        form => {
            let shape = shapes.get(form - SHAPES).ok_or(BadBytes("an item's form is unknown"))?;
            let mut fields = Vec::with_capacity(shape.len() + 1);
            for name in shape {
                fields.push((name.clone(), value(bytes)?));
            }
            fields.push(time);
            Value::object(fields)
        }
    })
}

fn put_counter(out: &mut Vec<u8>, counter: &Counter) {
    out.push(u8::from(counter.total.is_some()));
    if let Some(total) = counter.total {
        put_number(out, total.amount);
        put_signed(out, total.newest_ms);
    }
    put_varint(out, counter.rows.len() as u64);
    for row in &counter.rows {
        put_window(out, row.window_ms);
        put_varint(out, row.buckets.len() as u64);
        let mut before = None;
        for (bucket, amount) in &row.buckets {
            match before {
                None => put_signed(out, *bucket),
                Some(before) => put_varint(out, bucket.wrapping_sub(before).cast_unsigned()),
            }
            before = Some(*bucket);
            put_number(out, *amount);
        }
    }
}

fn counter(bytes: &mut Bytes<'_>, changed_ms: i64) -> Result<Counter, BadBytes> {
    let total = match bytes.u8()? {
        0 => None,
        1 => Some(Total { amount: number(bytes)?, newest_ms: signed(bytes)? }),
        _ => return Err(BadBytes("a counter neither has a total nor has none")),
    };
    let count = count(bytes, ROW_BYTES_MIN)?;
    let rows = (0..count).map(|_| row(bytes)).collect::<Result<_, _>>()?;
    Ok(Counter { total, rows, changed_ms })
}

fn row(bytes: &mut Bytes<'_>) -> Result<Row, BadBytes> {
    let window_ms = window(bytes)?;
    if window_ms <= 0 {
        return Err(BadBytes("a counter's window is not positive"));
    }
    let count = count(bytes, BUCKET_BYTES_MIN)?;
    let mut buckets: Vec<(i64, f64)> = Vec::with_capacity(count);
    for _ in 0..count {
        let bucket = match buckets.last() {
            None => signed(bytes)?,
            Some((before, _)) => before.wrapping_add(varint(bytes)?.cast_signed()),
        };
        buckets.push((bucket, number(bytes)?));
    }
    Ok(Row { window_ms, buckets })
}

fn put_window(out: &mut Vec<u8>, window_ms: i64) {
    let (number, is_ms) = match window_ms % MINUTE_MS {
        0 => (window_ms / MINUTE_MS, 0),
        _ => (window_ms, 1),
    };
    put_varint(out, number.cast_unsigned() << 1 | is_ms);
}

fn window(bytes: &mut Bytes<'_>) -> Result<i64, BadBytes> {
    let code = varint(bytes)?;
    let number = (code >> 1).cast_signed();
    let window_ms = if code & 1 == 1 { Some(number) } else { number.checked_mul(MINUTE_MS) };
    window_ms.ok_or(BadBytes("a counter's window is too long"))
}

fn put_counters(out: &mut Vec<u8>, counters: &Counters, pending: &mut Pending) {
    put_varint(out, counters.named.len() as u64);
    let mut lsns = Lsns::default();
    for named in &counters.named {
        put_text(out, &named.name);
        lsns.put(out, named.touched, pending);
        put_signed(out, counters.changed_ms.wrapping_sub(named.counter.changed_ms));
        put_counter(out, &named.counter);
    }
}

fn counters(bytes: &mut Bytes<'_>, changed_ms: i64) -> Result<Counters, BadBytes> {
    let count = count(bytes, NAMED_BYTES_MIN)?;
    if count > NAMES_MAX {
        return Err(BadBytes("a counter counts more names than it may"));
    }
    let mut named = Vec::with_capacity(count);
    let mut lsns = Lsns::default();
    for _ in 0..count {
        let (name, touched) = (Text::new(text(bytes)?), lsns.take(bytes)?);
        let own_ms = changed_ms.wrapping_sub(signed(bytes)?);
        named.push(Named { name, touched, counter: counter(bytes, own_ms)? });
    }
    Ok(Counters { named, changed_ms })
}
