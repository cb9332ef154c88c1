//! Codec: the state of an attribute as bytes, for snapshots.
//!
//! ```text
//! state    u8 tag
//!   0 single    changed_ms i64, stamp, count u64, value
//!   1 list      changed_ms i64, u32 count, each: stamp, hash u64, item
//!   2 counter   amounts
//!   3 counters  changed_ms i64, u32 count, each: name text, touched u64, amounts
//! amounts  changed_ms i64, u8 whether it has a total, then: amount f64, newest_ms i64;
//!          u32 count of rows, each: window_ms i64, u32 count, each: bucket i64, amount f64
//! stamp    time_ms i64, lsn u64
//! item     u8 form; `time` of the forms 0 and 1 is the stamp's
//!   0 `{value, time}`: value    1 fields and `time`: entries    2 anything else: value
//! ```
//!
//! Invariant: what reads back is equal in every bit, caches included, save NaN's.

use std::sync::Arc;

use super::counter::{Counter, Row, Total};
use super::counters::{Counters, NAMES_MAX, Named};
use super::list::{List, Mark, TIME, VALUE};
use super::single::Single;
use super::{AttributeState, Stamp};
use crate::value::codec::{BadBytes, Bytes, put_entries, put_text, put_value};
use crate::value::{Object, Text, Value};

/// Fewest bytes of a name's counter, a list's item, a counter's row, a bucket.
const NAMED_BYTES_MIN: usize = 4 + 8 + 8 + 1 + 4;
const ITEM_BYTES_MIN: usize = 16 + 8 + 2;
const ROW_BYTES_MIN: usize = 8 + 4;
const BUCKET_BYTES: usize = 16;

impl AttributeState {
    /// Appends the state's bytes.
    pub(in crate::profile) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Single(single) => {
                out.push(0);
                out.extend_from_slice(&single.changed_ms.to_le_bytes());
                put_stamp(out, single.stamp);
                out.extend_from_slice(&single.count.to_le_bytes());
                put_value(out, &single.value);
            }
            Self::List(list) => {
                out.push(1);
                put_list(out, list);
            }
            Self::Counter(counter) => {
                out.push(2);
                put_counter(out, counter);
            }
            Self::Counters(counters) => {
                out.push(3);
                put_counters(out, counters);
            }
        }
    }

    /// Reads the next state.
    pub(in crate::profile) fn decode(bytes: &mut Bytes<'_>) -> Result<Self, BadBytes> {
        Ok(match bytes.u8()? {
            0 => Self::Single(single(bytes)?),
            1 => Self::List(list(bytes)?),
            2 => Self::Counter(counter(bytes)?),
            3 => Self::Counters(counters(bytes)?),
            _ => return Err(BadBytes("an attribute's kind is unknown")),
        })
    }
}

fn put_stamp(out: &mut Vec<u8>, stamp: Stamp) {
    out.extend_from_slice(&stamp.time_ms.to_le_bytes());
    out.extend_from_slice(&stamp.lsn.to_le_bytes());
}

fn stamp(bytes: &mut Bytes<'_>) -> Result<Stamp, BadBytes> {
    Ok(Stamp { time_ms: bytes.i64()?, lsn: bytes.u64()? })
}

fn single(bytes: &mut Bytes<'_>) -> Result<Single, BadBytes> {
    let changed_ms = bytes.i64()?;
    let stamp = stamp(bytes)?;
    let count = bytes.u64()?;
    Ok(Single { value: bytes.value()?, stamp, count, changed_ms })
}

fn put_list(out: &mut Vec<u8>, list: &List) {
    out.extend_from_slice(&list.changed_ms.to_le_bytes());
    out.extend_from_slice(&(list.marks.len() as u32).to_le_bytes());
    for (item, mark) in list.items.iter().zip(&list.marks) {
        put_stamp(out, mark.stamp);
        out.extend_from_slice(&mark.hash.to_le_bytes());
        put_item(out, item, mark.stamp.time_ms);
    }
}

fn put_item(out: &mut Vec<u8>, item: &Value, time_ms: i64) {
    let entries = if let Value::Object(object) = item { object.entries() } else { &[] };
    let time = (time_ms as f64).to_bits();
    match entries {
        [fields @ .., (name, Value::Number(at))] if *name == TIME && at.to_bits() == time => {
            match fields {
                [(name, value)] if *name == VALUE => {
                    out.push(0);
                    put_value(out, value);
                }
                fields => {
                    out.push(1);
                    put_entries(out, fields);
                }
            }
        }
        _ => {
            out.push(2);
            put_value(out, item);
        }
    }
}

fn list(bytes: &mut Bytes<'_>) -> Result<List, BadBytes> {
    let changed_ms = bytes.i64()?;
    let count = bytes.count(ITEM_BYTES_MIN)?;
    let (mut items, mut marks) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for _ in 0..count {
        let mark = Mark { stamp: stamp(bytes)?, hash: bytes.u64()? };
        items.push(item(bytes, mark.stamp.time_ms)?);
        marks.push(mark);
    }
    Ok(List { items: Arc::new(items), marks, changed_ms })
}

fn item(bytes: &mut Bytes<'_>, time_ms: i64) -> Result<Value, BadBytes> {
    let time = (TIME, Value::Number(time_ms as f64));
    Ok(match bytes.u8()? {
        0 => Value::Object(Arc::new(Object::from_pair((VALUE, bytes.value()?), time))),
        1 => {
            let mut fields = bytes.entries()?;
            fields.push(time);
            Value::object(fields)
        }
        2 => bytes.value()?,
        _ => return Err(BadBytes("an item's form is unknown")),
    })
}

fn put_counter(out: &mut Vec<u8>, counter: &Counter) {
    out.extend_from_slice(&counter.changed_ms.to_le_bytes());
    out.push(u8::from(counter.total.is_some()));
    if let Some(total) = counter.total {
        out.extend_from_slice(&total.amount.to_bits().to_le_bytes());
        out.extend_from_slice(&total.newest_ms.to_le_bytes());
    }
    out.extend_from_slice(&(counter.rows.len() as u32).to_le_bytes());
    for row in &counter.rows {
        out.extend_from_slice(&row.window_ms.to_le_bytes());
        out.extend_from_slice(&(row.buckets.len() as u32).to_le_bytes());
        for (bucket, amount) in &row.buckets {
            out.extend_from_slice(&bucket.to_le_bytes());
            out.extend_from_slice(&amount.to_bits().to_le_bytes());
        }
    }
}

fn counter(bytes: &mut Bytes<'_>) -> Result<Counter, BadBytes> {
    let changed_ms = bytes.i64()?;
    let total = match bytes.u8()? {
        0 => None,
        1 => Some(Total { amount: bytes.f64()?, newest_ms: bytes.i64()? }),
        _ => return Err(BadBytes("a counter neither has a total nor has none")),
    };
    let count = bytes.count(ROW_BYTES_MIN)?;
    let rows = (0..count).map(|_| row(bytes)).collect::<Result<_, _>>()?;
    Ok(Counter { total, rows, changed_ms })
}

fn put_counters(out: &mut Vec<u8>, counters: &Counters) {
    out.extend_from_slice(&counters.changed_ms.to_le_bytes());
    out.extend_from_slice(&(counters.named.len() as u32).to_le_bytes());
    for named in &counters.named {
        put_text(out, &named.name);
        out.extend_from_slice(&named.touched.to_le_bytes());
        put_counter(out, &named.counter);
    }
}

fn counters(bytes: &mut Bytes<'_>) -> Result<Counters, BadBytes> {
    let changed_ms = bytes.i64()?;
    let count = bytes.count(NAMED_BYTES_MIN)?;
    if count > NAMES_MAX {
        return Err(BadBytes("a counter counts more names than it may"));
    }
    let mut named = Vec::with_capacity(count);
    for _ in 0..count {
        let (name, touched) = (Text::new(bytes.text()?), bytes.u64()?);
        named.push(Named { name, touched, counter: counter(bytes)? });
    }
    Ok(Counters { named, changed_ms })
}

fn row(bytes: &mut Bytes<'_>) -> Result<Row, BadBytes> {
    let window_ms = bytes.i64()?;
    if window_ms <= 0 {
        return Err(BadBytes("a counter's window is not positive"));
    }
    let count = bytes.count(BUCKET_BYTES)?;
    let mut buckets = Vec::with_capacity(count);
    for _ in 0..count {
        buckets.push((bytes.i64()?, bytes.f64()?));
    }
    Ok(Row { window_ms, buckets })
}
