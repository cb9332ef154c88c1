//! Fields: the named top-level fields of one JSON object, taken in one pass.
//!
//! This is the hot path's reader: of an event it builds only the values that the plan reads, and
//! checks all the rest as strictly as it reads. Names are found by a table that is built once a
//! plan; its buckets depend on the plan's names only, so no event can make them long.

use super::json::Cursor;
use super::{JSON_DEPTH_MAX, JsonError, Object, Text, Value};

const EMPTY: u32 = u32::MAX;

/// Name -> position, for the names of one plan.
#[derive(Clone, Debug)]
pub struct FieldIndex {
    names: Vec<Text>,
    /// Open addressing over positions; a power of two, at most a quarter full.
    buckets: Vec<u32>,
}

impl FieldIndex {
    /// Builds the index over `names`, which are distinct.
    pub fn new(names: &[Text]) -> Self {
        let size = (names.len() * 4).next_power_of_two().max(8);
        let mut buckets = vec![EMPTY; size];
        for (position, name) in names.iter().enumerate() {
            let mut bucket = hash(name) & (size - 1);
            while buckets[bucket] != EMPTY {
                bucket = (bucket + 1) & (size - 1);
            }
            buckets[bucket] = position as u32;
        }
        Self { names: names.to_vec(), buckets }
    }

    /// The position of `name`.
    #[inline]
    pub fn find(&self, name: &str) -> Option<usize> {
        let mask = self.buckets.len() - 1;
        let mut bucket = hash(name) & mask;
        loop {
            let position = self.buckets[bucket];
            if position == EMPTY {
                return None;
            }
            if self.names[position as usize] == name {
                return Some(position as usize);
            }
            bucket = (bucket + 1) & mask;
        }
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// Length, first and last bytes: names of fields differ there.
#[inline]
fn hash(name: &str) -> usize {
    let bytes = name.as_bytes();
    let word = match bytes.len() {
        0 => 0,
        length @ 1..8 => {
            u64::from(bytes[0])
                | u64::from(bytes[length / 2]) << 8
                | u64::from(bytes[length - 1]) << 16
        }
        length => {
            let word =
                |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default());
            word(0) ^ word(length - 8).rotate_left(29)
        }
    };
    let mixed = (word ^ bytes.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 40) as usize
}

/// Parses one JSON object and puts the values of the index's names into `out` (cleared first),
/// by position; `undefined` where the object has none; of repeated names the last wins.
///
/// # Errors
/// Anything but one JSON object that [`super::parse_json`] would take whole.
pub fn take_fields(body: &[u8], index: &FieldIndex, out: &mut Vec<Value>) -> Result<(), JsonError> {
    out.clear();
    out.resize(index.len(), Value::Undefined);
    let mut cursor = Cursor::new(body, JSON_DEPTH_MAX)?;
    cursor.expect(b'{', "expected an object")?;
    cursor.enter()?;
    if !cursor.take(b'}') {
        loop {
            cursor.skip_space();
            let found = index.find(cursor.raw_string()?);
            cursor.expect(b':', "expected `:`")?;
            match found {
                Some(position) => out[position] = cursor.value()?,
                None => cursor.skip_value()?,
            }
            if !cursor.take(b',') {
                break;
            }
        }
        cursor.expect(b'}', "expected `,` or `}`")?;
    }
    cursor.leave();
    cursor.finish()
}

/// As [`take_fields`], and the whole object besides.
///
/// # Errors
/// As [`take_fields`].
pub fn take_fields_and_whole(
    body: &[u8],
    index: &FieldIndex,
    out: &mut Vec<Value>,
) -> Result<Value, JsonError> {
    let whole = super::parse_json(body)?;
    let Value::Object(object) = &whole else {
        return Err(JsonError { reason: "expected an object", offset: 0 });
    };
    take_from_object(object, index, out);
    Ok(whole)
}

fn take_from_object(object: &Object, index: &FieldIndex, out: &mut Vec<Value>) {
    out.clear();
    out.extend(index.names.iter().map(|name| object.get(name).cloned().unwrap_or_default()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(names: &[&str]) -> FieldIndex {
        FieldIndex::new(&names.iter().map(Text::new).collect::<Vec<_>>())
    }

    fn taken(body: &str, names: &[&str]) -> Result<Vec<String>, JsonError> {
        let mut out = Vec::new();
        take_fields(body.as_bytes(), &index(names), &mut out)?;
        let mut whole = Vec::new();
        take_fields_and_whole(body.as_bytes(), &index(names), &mut whole)?;
        assert_eq!(format!("{out:?}"), format!("{whole:?}"));
        Ok(out.iter().map(|value| format!("{value:?}")).collect())
    }

    #[test]
    fn named_fields_are_taken_by_position_and_the_last_repeat_wins() {
        let body =
            r#" { "a" : 1, "long_field_name":"x", "\u0062":[true,{}], "a":2, "z":{"a":9} } "#;
        let out = taken(body, &["b", "a", "missing", "long_field_name"]).unwrap();
        assert_eq!(out[1..3], ["Number(2.0)", "Undefined"]);
        assert!(out[0].starts_with("Array") && out[3].contains("x"));
        assert_eq!(taken("{}", &[]).unwrap().len(), 0);
    }

    #[test]
    fn what_is_skipped_is_checked_and_only_objects_are_taken() {
        for body in [
            "[]",
            "1",
            "null",
            "",
            "{\"x\":1e999}",
            "{\"x\":\"\\ud800\"}",
            "{\"x\":[1,]}",
            "{\"x\":1}}",
            "{\"x\":01}",
            "{\"x\"}",
            "{,}",
            "{\"x\":1,}",
            "{1:1}",
        ] {
            assert!(taken(body, &["a"]).is_err(), "{body}");
        }
        let deep =
            |levels: usize| format!("{{\"x\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(taken(&deep(63), &["a"]).is_ok());
        assert!(taken(&deep(64), &["a"]).is_err());
        assert!(taken(&deep(64), &["x"]).is_err());
    }

    #[test]
    fn names_that_share_a_bucket_are_told_apart() {
        let names: Vec<Text> = (0..500).map(|n| Text::from(format!("field_{n}_x"))).collect();
        let index = FieldIndex::new(&names);
        for (position, name) in names.iter().enumerate() {
            assert_eq!(index.find(name), Some(position));
        }
        assert_eq!(index.find("field_500_x"), None);
    }
}
