//! The JSON form of values, compared and measured without being written.
//!
//! `distinct`, `delete` and `value_bytes_max` speak of a value's JSON text. Two values have the same
//! text exactly when they are equal in this sense, so no text is made on the hot path.
//!
//! Invariants, as `JSON.stringify` has them: `undefined` is left out of objects and is `null` in
//! lists; numbers that are not finite are `null`; `-0` is `0`; names keep their order.

use xxhash_rust::xxh3::xxh3_64;

use crate::value::{Object, Text, Value};

/// One field of an object.
pub(super) type Entry = (Text, Value);

/// Whether both values have the same JSON text.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(left), Value::String(right)) => left == right,
        (Value::Number(left), Value::Number(right)) => {
            left == right || (!left.is_finite() && !right.is_finite())
        }
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left.iter().zip(right.iter()).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            equal_entries(left.entries(), right.entries())
        }
        (left, right) => is_null(left) && is_null(right),
    }
}

/// Whether objects of these entries have the same JSON text.
pub(super) fn equal_entries(left: &[Entry], right: &[Entry]) -> bool {
    let (mut left, mut right) = (written(left), written(right));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some((a, x)), Some((b, y))) if a == b && equal(x, y) => {}
            _ => return false,
        }
    }
}

/// Whether the value's JSON text is longer than `bytes_max`.
pub(super) fn exceeds(value: &Value, bytes_max: usize) -> bool {
    match value {
        // No character takes more than 6 bytes, and no double more than 25: most values end here.
        Value::String(text) if text.len() * 6 + 2 <= bytes_max => false,
        Value::Number(_) if bytes_max >= 25 => false,
        value => spend(value, bytes_max).is_none(),
    }
}

/// Writes a form that is equal for equal values and for no others, for the state hash.
pub(super) fn write_canonical(value: &Value, out: &mut Vec<u8>) {
    match value {
        value if is_null(value) => out.push(b'n'),
        Value::Bool(truth) => out.push(if *truth { b't' } else { b'f' }),
        Value::Number(number) => {
            out.push(b'd');
            // Adding zero makes -0 the 0 that it is read as.
            out.extend_from_slice(&(number + 0.0).to_bits().to_le_bytes());
        }
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push(b'a');
            out.extend_from_slice(&(items.len() as u64).to_le_bytes());
            items.iter().for_each(|item| write_canonical(item, out));
        }
        Value::Object(object) => write_object(object, out),
        Value::Undefined | Value::Null | Value::Instance(_) | Value::Hole => {}
    }
}

/// A hash that is the same for entries of the same JSON text. Not stored anywhere.
pub(super) fn hash_entries(entries: &[Entry]) -> u64 {
    written(entries)
        .fold(0, |hash, (name, value)| mix(mix(hash, xxh3_64(name.as_bytes())), hash_value(value)))
}

/// As [`hash_entries`], of one value.
pub(super) fn hash_value(value: &Value) -> u64 {
    match value {
        value if is_null(value) => 1,
        Value::Bool(truth) => 2 + u64::from(*truth),
        Value::Number(number) => mix(4, (number + 0.0).to_bits()),
        Value::String(text) => xxh3_64(text.as_bytes()),
        Value::Array(items) => items.iter().fold(5, |hash, item| mix(hash, hash_value(item))),
        Value::Object(object) => mix(6, hash_entries(object.entries())),
        Value::Undefined | Value::Null | Value::Instance(_) | Value::Hole => 1,
    }
}

fn mix(hash: u64, more: u64) -> u64 {
    (hash.rotate_left(25) ^ more).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Writes text with its length before it.
pub(in crate::profile) fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b's');
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn write_object(object: &Object, out: &mut Vec<u8>) {
    out.push(b'o');
    for (name, value) in written(object.entries()) {
        write_text(name, out);
        write_canonical(value, out);
    }
    out.push(b'.');
}

/// The entries that JSON text shows.
fn written(entries: &[Entry]) -> impl Iterator<Item = (&Text, &Value)> {
    entries
        .iter()
        .filter(|(_, value)| !matches!(value, Value::Undefined))
        .map(|(name, value)| (name, value))
}

fn is_null(value: &Value) -> bool {
    match value {
        Value::Undefined | Value::Null => true,
        Value::Number(number) => !number.is_finite(),
        _ => false,
    }
}

/// What is left of `bytes` after the value's text, or `None` when it does not fit.
fn spend(value: &Value, bytes: usize) -> Option<usize> {
    match value {
        value if is_null(value) => bytes.checked_sub(4),
        Value::Bool(truth) => bytes.checked_sub(if *truth { 4 } else { 5 }),
        Value::Number(number) => {
            bytes.checked_sub(ryu_js::Buffer::new().format_finite(number + 0.0).len())
        }
        Value::String(text) => bytes.checked_sub(text_bytes(text)),
        Value::Array(items) => {
            let brackets_and_commas = 2 + items.len().saturating_sub(1);
            let bytes = bytes.checked_sub(brackets_and_commas)?;
            items.iter().try_fold(bytes, |bytes, item| spend(item, bytes))
        }
        Value::Object(object) => {
            let mut bytes = bytes.checked_sub(2)?;
            for (index, (name, value)) in written(object.entries()).enumerate() {
                let colon_and_comma = if index == 0 { 1 } else { 2 };
                bytes = spend(value, bytes.checked_sub(text_bytes(name) + colon_and_comma)?)?;
            }
            Some(bytes)
        }
        Value::Undefined | Value::Null | Value::Instance(_) | Value::Hole => None,
    }
}

/// Length of the text in JSON, quotes and escapes included.
fn text_bytes(text: &str) -> usize {
    let escapes: usize = text
        .bytes()
        .map(|byte| match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 1,
            0..=0x1f => 5,
            _ => 0,
        })
        .sum();
    text.len() + escapes + 2
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn array(items: &[Value]) -> Value {
        Value::Array(Arc::new(items.to_vec()))
    }

    fn object(entries: &[(&str, Value)]) -> Value {
        let entries = entries.iter().map(|(name, value)| (Text::from(*name), value.clone()));
        Value::Object(Arc::new(Object::from_entries(entries.collect())))
    }

    /// The JSON text as serde_json writes it, for values without escapes beyond its own.
    fn text(value: &Value) -> String {
        match value {
            Value::String(text) => serde_json::to_string(text.as_str()).unwrap(),
            Value::Array(items) => {
                format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(","))
            }
            Value::Object(object) => {
                let fields = object.entries().iter().filter_map(|(name, value)| {
                    let name = serde_json::to_string(name.as_str()).unwrap();
                    (!matches!(value, Value::Undefined)).then(|| format!("{name}:{}", text(value)))
                });
                format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
            }
            Value::Bool(truth) => truth.to_string(),
            Value::Number(number) if number.is_finite() => {
                ryu_js::Buffer::new().format(number + 0.0).to_string()
            }
            _ => "null".to_string(),
        }
    }

    fn samples() -> Vec<Value> {
        let mut samples = vec![
            Value::Undefined,
            Value::Null,
            Value::Bool(true),
            Value::Bool(false),
            Value::Number(0.0),
            Value::Number(-0.0),
            Value::Number(1e21),
            Value::Number(-1.2345678901234567e-300),
            Value::Number(f64::NAN),
            Value::Number(f64::INFINITY),
            Value::String("".into()),
            Value::String("1".into()),
            Value::String("quote \" slash \\ line \n bell \u{7} caf\u{e9}".into()),
        ];
        for value in samples.clone() {
            samples.push(array(&[value.clone(), Value::Number(1.0)]));
            samples.push(object(&[("a", value.clone())]));
            samples.push(object(&[("a", value), ("b", Value::Bool(true))]));
        }
        samples.push(array(&[]));
        samples.push(object(&[]));
        samples.push(object(&[("b", Value::Bool(true)), ("a", Value::Null)]));
        samples
    }

    #[test]
    fn values_are_equal_exactly_when_their_json_text_is() {
        for left in &samples() {
            for right in &samples() {
                let same_text = text(left) == text(right);
                assert_eq!(equal(left, right), same_text, "{left:?} {right:?}");
                let (mut a, mut b) = (Vec::new(), Vec::new());
                write_canonical(left, &mut a);
                write_canonical(right, &mut b);
                assert_eq!(a == b, same_text, "{left:?} {right:?}");
                let hashes = hash_value(left) == hash_value(right);
                assert_eq!(hashes, same_text, "{left:?} {right:?}");
            }
        }
    }

    #[test]
    fn a_value_exceeds_a_limit_exactly_when_its_json_text_is_longer() {
        for value in &samples() {
            let bytes = text(value).len();
            assert!(!exceeds(value, bytes), "{value:?}");
            assert!(exceeds(value, bytes - 1), "{value:?}");
        }
    }
}
