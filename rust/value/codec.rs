//! Codec: values and texts as bytes, for the log's records and for snapshots.
//!
//! The layout stands here, beside its writer and its reader; pages of formats refer to it. All integers are
//! little endian.
//!
//! ```text
//! text    u32 length, UTF-8 bytes
//! value   u8 tag: 0 undefined, 1 null, 2 false, 3 true, 4 f64 bits, 5 text, 6 u32 count and values,
//!         7 u32 count and (text, value) pairs in property order
//! ```
//!
//! Invariants: reading never panics and never allocates more than the bytes that are there can fill;
//! what was written reads back bit by bit.

use super::{Text, Value};

/// An expression yields 64 levels at most, a template of the file puts up to 64 around them, and a list its
/// item: what is kept nests no deeper.
pub const VALUE_DEPTH_MAX: usize = 132;

/// Room is made for no more than so many elements before they are seen.
const ROOM_MAX: usize = 1_024;

/// Bytes that are not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadBytes(pub &'static str);

/// Appends a text.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Appends a value.
pub fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        // Instances and holes never leave an evaluation (`Value::into_plain`).
        Value::Undefined | Value::Hole | Value::Instance(_) => out.push(0),
        Value::Null => out.push(1),
        Value::Bool(false) => out.push(2),
        Value::Bool(true) => out.push(3),
        Value::Number(number) => {
            out.push(4);
            out.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        Value::String(text) => {
            out.push(5);
            put_text(out, text);
        }
        Value::Array(items) => {
            out.push(6);
            out.extend_from_slice(&(items.len() as u32).to_le_bytes());
            items.iter().for_each(|item| put_value(out, item));
        }
        Value::Object(object) => {
            out.push(7);
            put_entries(out, object.entries());
        }
    }
}

/// Appends an object's entries: their count, then name and value of each.
pub fn put_entries(out: &mut Vec<u8>, entries: &[(Text, Value)]) {
    out.extend_from_slice(&(entries.len() as u32).to_le_bytes());
    for (name, value) in entries {
        put_text(out, name);
        put_value(out, value);
    }
}

/// What is left to read; every read is checked.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    /// `BadBytes` when there are not so many; the same holds for every other read.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], BadBytes> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(CUT_SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// As [`Bytes::take`].
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], BadBytes> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(CUT_SHORT)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// A `u8`.
    ///
    /// # Errors
    /// As [`Bytes::take`].
    pub fn u8(&mut self) -> Result<u8, BadBytes> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    /// A `u16`.
    ///
    /// # Errors
    /// As [`Bytes::take`].
    pub fn u16(&mut self) -> Result<u16, BadBytes> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// A `u32`.
    ///
    /// # Errors
    /// As [`Bytes::take`].
    pub fn u32(&mut self) -> Result<u32, BadBytes> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// A `u64`.
    ///
    /// # Errors
    /// As [`Bytes::take`].
    pub fn u64(&mut self) -> Result<u64, BadBytes> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// An `i64`.
    ///
    /// # Errors
    /// As [`Bytes::take`].
    pub fn i64(&mut self) -> Result<i64, BadBytes> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// A double.
    ///
    /// # Errors
    /// As [`Bytes::take`].
    pub fn f64(&mut self) -> Result<f64, BadBytes> {
        Ok(f64::from_bits(self.u64()?))
    }

    /// A `u32` that counts what follows, each at least `bytes_min` long: so many can be there, so that
    /// room may be made for them.
    ///
    /// # Errors
    /// `BadBytes` when so many cannot be there.
    pub fn count(&mut self, bytes_min: usize) -> Result<usize, BadBytes> {
        let count = self.u32()? as usize;
        if count > self.0.len() / bytes_min.max(1) {
            return Err(CUT_SHORT);
        }
        Ok(count)
    }

    /// Passes over a text.
    ///
    /// # Errors
    /// As [`Bytes::take`].
    pub fn skip_text(&mut self) -> Result<(), BadBytes> {
        let length = self.u32()? as usize;
        self.take(length).map(|_| ())
    }

    /// `count` times what `read` reads, with room made at once for as many as are usual.
    ///
    /// # Errors
    /// The first of `read`.
    pub fn several<T>(
        &mut self,
        count: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, BadBytes>,
    ) -> Result<Vec<T>, BadBytes> {
        let mut all = Vec::with_capacity(count.min(ROOM_MAX));
        for _ in 0..count {
            all.push(read(self)?);
        }
        Ok(all)
    }

    /// A text.
    ///
    /// # Errors
    /// `BadBytes` when it is cut short or no UTF-8.
    pub fn text(&mut self) -> Result<&'a str, BadBytes> {
        let length = self.u32()? as usize;
        std::str::from_utf8(self.take(length)?).map_err(|_| BadBytes("a text is not UTF-8"))
    }

    /// A value.
    ///
    /// # Errors
    /// `BadBytes` when it is cut short, of an unknown tag, or nested too deep.
    pub fn value(&mut self) -> Result<Value, BadBytes> {
        self.value_at(0)
    }

    /// What [`put_entries`] wrote, in its order.
    ///
    /// # Errors
    /// As [`Bytes::value`].
    pub fn entries(&mut self) -> Result<Vec<(Text, Value)>, BadBytes> {
        self.entries_at(0)
    }

    fn value_at(&mut self, depth: usize) -> Result<Value, BadBytes> {
        if depth > VALUE_DEPTH_MAX {
            return Err(BadBytes("a value is nested too deep"));
        }
        Ok(match self.u8()? {
            0 => Value::Undefined,
            1 => Value::Null,
            2 => Value::Bool(false),
            3 => Value::Bool(true),
            4 => Value::Number(self.f64()?),
            5 => Value::String(Text::new(self.text()?)),
            6 => {
                let count = self.count(1)?;
                Value::array(self.several(count, |bytes| bytes.value_at(depth + 1))?)
            }
            7 => Value::object(self.entries_at(depth)?),
            _ => return Err(BadBytes("a value's tag is unknown")),
        })
    }

    fn entries_at(&mut self, depth: usize) -> Result<Vec<(Text, Value)>, BadBytes> {
        let count = self.count(5)?;
        self.several(count, |bytes| Ok((Text::new(bytes.text()?), bytes.value_at(depth + 1)?)))
    }
}

const CUT_SHORT: BadBytes = BadBytes("it is cut short");

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> Value {
        (0..depth).fold(Value::Null, |inner, _| Value::array(vec![inner]))
    }

    #[test]
    fn values_nest_to_the_limit_and_no_deeper() {
        for (depth, good) in [(VALUE_DEPTH_MAX, true), (VALUE_DEPTH_MAX + 1, false)] {
            let mut out = Vec::new();
            put_value(&mut out, &nested(depth));
            assert_eq!(Bytes(&out).value().is_ok(), good, "{depth}");
        }
    }

    #[test]
    fn a_count_that_cannot_be_there_is_refused_before_any_room_is_made() {
        for tag in [6, 7] {
            let mut out = vec![tag];
            out.extend_from_slice(&u32::MAX.to_le_bytes());
            assert_eq!(Bytes(&out).value().unwrap_err(), CUT_SHORT);
        }
    }
}
