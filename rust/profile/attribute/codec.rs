//! Codec: the state of an attribute as compact bytes, in memory and in snapshots.
//!
//! ```text
//! state    u8 tag
//!   0 single    time signed, lsn, value
//!   1 list      varint: count of shapes << 1 | items say their form; shapes, each: varint count of names,
//!               names; varint count of items, each: time varint, from the item before; lsn, from the item
//!               before; form (where items say it); values
//!   2 counter   u8 whether it has a total, then: amount, newest_ms signed; varint count of rows, each:
//!               window_ms varint, varint count of buckets, each: bucket signed, later ones varint, from the
//!               bucket before; amount
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
use super::list::{List, Mark, TIME, VALUE};
use super::single::Single;
use super::{AttributeState, LSN_PENDING, Stamp};
use crate::profile::compact::{
    count, number, put_number, put_signed, put_text, put_value, put_varint, signed, text, value, varint,
};
use crate::profile::packed::Pending;
use crate::value::codec::{BadBytes, Bytes};
use crate::value::{Object, Text, Value};

const SINGLE: u8 = 0;
const LIST: u8 = 1;
const COUNTER: u8 = 2;

/// Forms of items; later ones are shapes.
const PLAIN: usize = 0;
const OTHER: usize = 1;
const SHAPES: usize = 2;

/// Fewest bytes of a list's item, a counter's row, a bucket.
const ITEM_BYTES_MIN: usize = 3;
const ROW_BYTES_MIN: usize = 2;
const BUCKET_BYTES_MIN: usize = 2;

impl AttributeState {
    /// Appends the state's bytes, and the places of the LSNs that are pending.
    pub(in crate::profile) fn pack(&self, out: &mut Vec<u8>, pending: &mut Pending) {
        match self {
            Self::Single(single) => {
                out.push(SINGLE);
                put_signed(out, single.stamp.time_ms);
                Lsns::default().put(out, single.stamp.lsn, pending);
                put_value(out, &single.value);
            }
            Self::List(list) => {
                out.push(LIST);
                put_list(out, list, pending);
            }
            Self::Counter(counter) => {
                out.push(COUNTER);
                put_counter(out, counter);
            }
        }
    }

    /// Reads a state.
    pub(in crate::profile) fn unpack(bytes: &mut Bytes<'_>) -> Result<Self, BadBytes> {
        Ok(match bytes.u8()? {
            SINGLE => {
                let (time_ms, lsn) = (signed(bytes)?, Lsns::default().take(bytes)?);
                Self::Single(Single { stamp: Stamp { time_ms, lsn }, value: value(bytes)? })
            }
            LIST => Self::List(list(bytes)?),
            COUNTER => Self::Counter(counter(bytes)?),
            _ => return Err(BadBytes("an attribute's kind is unknown")),
        })
    }
}

/// LSNs one after another, each told by its difference from the last that was known when it was written.
#[derive(Default)]
struct Lsns {
    before: u64,
}

impl Lsns {
    fn put(&mut self, out: &mut Vec<u8>, lsn: u64, pending: &mut Pending) {
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

    fn take(&mut self, bytes: &mut Bytes<'_>) -> Result<u64, BadBytes> {
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

/// How an item is written: its form, and its values.
fn form_of<'a>(item: &'a Value, time_ms: i64, shapes: &mut Vec<Shape<'a>>) -> usize {
    let entries = if let Value::Object(object) = item { object.entries() } else { &[] };
    let time = (time_ms as f64).to_bits();
    match entries {
        [fields @ .., (name, Value::Number(at))] if *name == TIME && at.to_bits() == time => {
            if matches!(fields, [(name, _)] if *name == VALUE) {
                return PLAIN;
            }
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
    let (mut lsns, mut before_ms) = (Lsns::default(), 0);
    for ((item, mark), form) in both().zip(forms) {
        put_varint(out, mark.stamp.time_ms.wrapping_sub(before_ms).cast_unsigned());
        before_ms = mark.stamp.time_ms;
        lsns.put(out, mark.stamp.lsn, pending);
        if say_form {
            put_varint(out, form as u64);
        }
        let entries = if let Value::Object(object) = item { object.entries() } else { &[] };
        match (form, entries) {
            (OTHER, _) | (_, []) => put_value(out, item),
            (_, [fields @ .., _]) => fields.iter().for_each(|(_, value)| put_value(out, value)),
        }
    }
}

fn list(bytes: &mut Bytes<'_>) -> Result<List, BadBytes> {
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
    let (mut lsns, mut time_ms) = (Lsns::default(), 0i64);
    for _ in 0..count {
        time_ms = time_ms.wrapping_add(varint(bytes)?.cast_signed());
        let stamp = Stamp { time_ms, lsn: lsns.take(bytes)? };
        let form = if say_form { varint(bytes)? as usize } else { PLAIN };
        items.push(item(bytes, form, &shapes, time_ms)?);
        marks.push(Mark { stamp, hash: 0 });
    }
    Ok(List { items: Arc::new(items), marks })
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
        put_varint(out, row.window_ms.cast_unsigned());
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

fn counter(bytes: &mut Bytes<'_>) -> Result<Counter, BadBytes> {
    let total = match bytes.u8()? {
        0 => None,
        1 => Some(Total { amount: number(bytes)?, newest_ms: signed(bytes)? }),
        _ => return Err(BadBytes("a counter neither has a total nor has none")),
    };
    let count = count(bytes, ROW_BYTES_MIN)?;
    let rows = (0..count).map(|_| row(bytes)).collect::<Result<_, _>>()?;
    Ok(Counter { total, rows })
}

fn row(bytes: &mut Bytes<'_>) -> Result<Row, BadBytes> {
    let window_ms = varint(bytes)?.cast_signed();
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
