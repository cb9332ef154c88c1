//! Compact: integers, texts and values in as few bytes as they need, for profiles in memory and in snapshots.
//!
//! A million profiles are mostly small numbers, times near each other and short texts, so everything has a
//! length of its own. The layout stands here, beside its writer and its reader.
//!
//! ```text
//! varint   7 bits a byte, the low ones first; the high bit says that more follow; at most 10 bytes
//! signed   varint of (n << 1) ^ (n >> 63)
//! value    varint: low 3 bits the kind, the others its argument
//!   0 constant  0 undefined, 1 null, 2 false, 3 true
//!   1 integer   signed n, of magnitude up to 2^53
//!   2 cents     signed n, the number n / 100
//!   3 double    8 bytes follow, little endian
//!   4 text      length; UTF-8 bytes follow
//!   5 list      count; values follow
//!   6 object    count; pairs of name (varint length, UTF-8 bytes) and value follow, in property order
//!   7 uuid      16 bytes follow: a text that is a UUID in lower case
//! ```
//!
//! Invariants: reading never panics and never allocates more than the bytes that are there can fill; what
//! was written reads back bit by bit; equal values have equal bytes.

use crate::value::codec::{BadBytes, Bytes, VALUE_DEPTH_MAX};
use crate::value::{Text, Value};

/// Bits of a value's head that say its kind.
const KIND_BITS: u32 = 3;
const CONSTANT: u64 = 0;
const INTEGER: u64 = 1;
const CENTS: u64 = 2;
const DOUBLE: u64 = 3;
const TEXT: u64 = 4;
const LIST: u64 = 5;
const OBJECT: u64 = 6;
const UUID: u64 = 7;

/// The largest magnitude up to which every integer is a double.
const INTEGER_MAX: f64 = 9_007_199_254_740_992.0;
/// Length of a UUID's text, and where its hyphens stand.
const UUID_TEXT_BYTES: usize = 36;
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

const TOO_LONG: BadBytes = BadBytes("an integer is too long");
const TOO_MANY: BadBytes = BadBytes("it is cut short");

/// Appends an integer.
#[inline]
pub(super) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends an integer that may be negative.
#[inline]
pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_varint(out, folded(number));
}

const fn folded(number: i64) -> u64 {
    (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned()
}

const fn unfolded(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

/// Reads an integer.
#[inline]
pub(super) fn varint(bytes: &mut Bytes<'_>) -> Result<u64, BadBytes> {
    let first = bytes.u8()?;
    if first < 0x80 {
        return Ok(u64::from(first));
    }
    let mut number = u64::from(first & 0x7f);
    let mut shift = 7;
    loop {
        let byte = bytes.u8()?;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return Err(TOO_LONG);
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Ok(number);
        }
        shift += 7;
        if shift > 63 {
            return Err(TOO_LONG);
        }
    }
}

/// Reads an integer that may be negative.
#[inline]
pub(super) fn signed(bytes: &mut Bytes<'_>) -> Result<i64, BadBytes> {
    varint(bytes).map(unfolded)
}

/// Reads how many things follow, each at least `bytes_min` long: so many can be there.
pub(super) fn count(bytes: &mut Bytes<'_>, bytes_min: usize) -> Result<usize, BadBytes> {
    plausible(varint(bytes)?, bytes, bytes_min)
}

fn plausible(count: u64, bytes: &Bytes<'_>, bytes_min: usize) -> Result<usize, BadBytes> {
    let most = bytes.0.len() / bytes_min.max(1);
    usize::try_from(count).ok().filter(|count| *count <= most).ok_or(TOO_MANY)
}

/// Appends a text with its length.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Reads a text.
pub(super) fn text<'a>(bytes: &mut Bytes<'a>) -> Result<&'a str, BadBytes> {
    let length = count(bytes, 1)?;
    utf8(bytes, length)
}

fn utf8<'a>(bytes: &mut Bytes<'a>, length: usize) -> Result<&'a str, BadBytes> {
    std::str::from_utf8(bytes.take(length)?).map_err(|_| BadBytes("a text is not UTF-8"))
}

/// The bytes of a UUID written in lower case; `None` for any other text.
pub(super) fn uuid_of(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; UUID_TEXT_BYTES] = text.as_bytes().try_into().ok()?;
    if HYPHENS.iter().any(|at| text[*at] != b'-') {
        return None;
    }
    let mut uuid = [0; 16];
    let mut digits = text.iter().enumerate().filter(|(at, _)| !HYPHENS.contains(at));
    for byte in &mut uuid {
        let (high, low) = (digits.next()?.1, digits.next()?.1);
        *byte = hex(*high)? << 4 | hex(*low)?;
    }
    Some(uuid)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// The text of a UUID, in lower case.
pub(super) fn uuid_text(uuid: &[u8; 16]) -> Text {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'-'; UUID_TEXT_BYTES];
    let mut places = (0..UUID_TEXT_BYTES).filter(|at| !HYPHENS.contains(at));
    for byte in uuid {
        for nibble in [byte >> 4, byte & 15] {
            if let Some(place) = places.next() {
                text[place] = DIGITS[usize::from(nibble)];
            }
        }
    }
    Text::new(std::str::from_utf8(&text).unwrap_or_default())
}

fn put_head(out: &mut Vec<u8>, kind: u64, argument: u64) {
    put_varint(out, argument << KIND_BITS | kind);
}

/// Appends a number.
pub(super) fn put_number(out: &mut Vec<u8>, number: f64) {
    if number.abs() <= INTEGER_MAX {
        let whole = number as i64;
        // The bits are compared, so that -0 stays what it is.
        if (whole as f64).to_bits() == number.to_bits() {
            return put_head(out, INTEGER, folded(whole));
        }
        let cents = (number * 100.0).round();
        let whole = cents as i64;
        if cents.abs() <= INTEGER_MAX && (whole as f64 / 100.0).to_bits() == number.to_bits() {
            return put_head(out, CENTS, folded(whole));
        }
    }
    put_head(out, DOUBLE, 0);
    out.extend_from_slice(&number.to_bits().to_le_bytes());
}

/// Reads a number.
pub(super) fn number(bytes: &mut Bytes<'_>) -> Result<f64, BadBytes> {
    let head = varint(bytes)?;
    number_of(head, bytes)?.ok_or(BadBytes("an amount is no number"))
}

fn number_of(head: u64, bytes: &mut Bytes<'_>) -> Result<Option<f64>, BadBytes> {
    let argument = head >> KIND_BITS;
    Ok(match head & 7 {
        INTEGER => Some(unfolded(argument) as f64),
        CENTS => Some(unfolded(argument) as f64 / 100.0),
        DOUBLE if argument == 0 => Some(bytes.f64()?),
        _ => None,
    })
}

/// Appends a text as a value.
pub(super) fn put_text_value(out: &mut Vec<u8>, text: &str) {
    match uuid_of(text) {
        Some(uuid) => {
            put_head(out, UUID, 0);
            out.extend_from_slice(&uuid);
        }
        None => {
            put_head(out, TEXT, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// Appends a value.
pub(super) fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        // Instances and holes never leave an evaluation (`Value::into_plain`).
        Value::Undefined | Value::Hole | Value::Instance(_) => put_head(out, CONSTANT, 0),
        Value::Null => put_head(out, CONSTANT, 1),
        Value::Bool(false) => put_head(out, CONSTANT, 2),
        Value::Bool(true) => put_head(out, CONSTANT, 3),
        Value::Number(number) => put_number(out, *number),
        Value::String(text) => put_text_value(out, text),
        Value::Array(items) => {
            put_head(out, LIST, items.len() as u64);
            items.iter().for_each(|item| put_value(out, item));
        }
        Value::Object(object) => {
            put_head(out, OBJECT, object.len() as u64);
            for (name, value) in object.entries() {
                put_text(out, name);
                put_value(out, value);
            }
        }
    }
}

/// Reads a value.
pub(super) fn value(bytes: &mut Bytes<'_>) -> Result<Value, BadBytes> {
    value_at(bytes, 0)
}

fn value_at(bytes: &mut Bytes<'_>, depth: usize) -> Result<Value, BadBytes> {
    if depth > VALUE_DEPTH_MAX {
        return Err(BadBytes("a value is nested too deep"));
    }
    let head = varint(bytes)?;
    let argument = head >> KIND_BITS;
    Ok(match head & 7 {
        TEXT => {
            let length = plausible(argument, bytes, 1)?;
            Value::String(Text::new(utf8(bytes, length)?))
        }
        LIST => {
            let count = plausible(argument, bytes, 1)?;
            Value::array(bytes.several(count, |bytes| value_at(bytes, depth + 1))?)
        }
        OBJECT => {
            let count = plausible(argument, bytes, 2)?;
            Value::object(bytes.several(count, |bytes| {
                Ok((Text::new(text(bytes)?), value_at(bytes, depth + 1)?))
            })?)
        }
        UUID if argument == 0 => Value::String(uuid_text(&bytes.array()?)),
        CONSTANT => match argument {
            0 => Value::Undefined,
            1 => Value::Null,
            2 => Value::Bool(false),
            3 => Value::Bool(true),
            _ => return Err(BadBytes("a value's constant is unknown")),
        },
        _ => match number_of(head, bytes)? {
            Some(number) => Value::Number(number),
            None => return Err(BadBytes("a value's head is unknown")),
        },
    })
}

/// Passes over a value that was written here: what is in it is not looked at.
pub(super) fn skip_value(bytes: &mut Bytes<'_>) -> Result<(), BadBytes> {
    // Values within lists and objects that are yet to come.
    let mut left = 1u64;
    while left > 0 {
        left -= 1;
        let head = varint(bytes)?;
        let argument = head >> KIND_BITS;
        match head & 7 {
            TEXT => {
                let length = plausible(argument, bytes, 1)?;
                bytes.take(length)?;
            }
            DOUBLE => drop(bytes.take(8)?),
            UUID => drop(bytes.take(16)?),
            LIST => left += argument,
            OBJECT => return skip_entries(bytes, argument, left),
            _ => {}
        }
    }
    Ok(())
}

/// Passes over an object's entries, and over the values that follow it.
fn skip_entries(bytes: &mut Bytes<'_>, entries: u64, values: u64) -> Result<(), BadBytes> {
    for _ in 0..entries {
        let length = count(bytes, 1)?;
        bytes.take(length)?;
        skip_value(bytes)?;
    }
    (0..values).try_for_each(|_| skip_value(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(super) fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Undefined),
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<f64>().prop_map(Value::Number),
            any::<i32>().prop_map(|whole| Value::Number(f64::from(whole))),
            any::<i32>().prop_map(|cents| Value::Number(f64::from(cents) / 100.0)),
            ".{0,30}".prop_map(Value::text),
            any::<u128>().prop_map(|bits| Value::String(uuid_text(&bits.to_le_bytes()))),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::array),
                prop::collection::vec(("[a-z0-9]{0,5}", inner), 0..6).prop_map(|entries| {
                    let named = entries.into_iter().map(|(name, value)| (Text::from(name), value));
                    Value::object(named.collect())
                }),
            ]
        })
    }

    fn bytes_of(value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        put_value(&mut out, value);
        out
    }

    proptest! {
        #[test]
        fn integers_read_back(number in any::<u64>(), small in 0..300u64, signed_one in any::<i64>()) {
            for number in [number, small, u64::MAX, number >> 40] {
                let mut out = Vec::new();
                put_varint(&mut out, number);
                prop_assert_eq!(varint(&mut Bytes(&out)), Ok(number));
            }
            for number in [signed_one, signed_one >> 40, i64::MIN, i64::MAX] {
                let mut out = Vec::new();
                put_signed(&mut out, number);
                prop_assert_eq!(signed(&mut Bytes(&out)), Ok(number));
            }
        }

        #[test]
        fn values_read_back_in_every_bit_and_are_passed_over_whole(value in any_value()) {
            let out = bytes_of(&value);
            let (mut bytes, mut passed) = (Bytes(&out), Bytes(&out));
            let read = super::value(&mut bytes).unwrap();
            skip_value(&mut passed).unwrap();
            prop_assert!(bytes.is_empty() && passed.is_empty());
            prop_assert_eq!(bytes_of(&read), out);
            let mut plain = (Vec::new(), Vec::new());
            crate::value::codec::put_value(&mut plain.0, &value);
            crate::value::codec::put_value(&mut plain.1, &read);
            prop_assert_eq!(plain.0, plain.1);
        }

        #[test]
        fn damaged_values_never_panic_and_what_reads_is_passed_over_whole(
            value in any_value(),
            at in any::<prop::sample::Index>(),
            other in any::<u8>(),
        ) {
            let mut out = bytes_of(&value);
            let at = at.index(out.len());
            out[at] = other;
            let (mut bytes, mut passed) = (Bytes(&out), Bytes(&out));
            if super::value(&mut bytes).is_ok() {
                prop_assert_eq!(skip_value(&mut passed), Ok(()));
                prop_assert_eq!(bytes.0, passed.0);
            }
            out.truncate(at);
            let _ = super::value(&mut Bytes(&out));
        }
    }

    #[test]
    fn common_values_take_few_bytes() {
        for (value, bytes) in [
            (Value::Number(1.0), 1),
            (Value::Number(1_000.0), 2),
            (Value::Number(19.99), 3),
            (Value::Number(-0.0), 9),
            (Value::Number(0.1 + 0.2), 9),
            (Value::text("women"), 6),
            (Value::text("42a508e2-d9b1-4baa-9eb2-000000000000"), 17),
            (Value::text("42A508E2-d9b1-4baa-9eb2-000000000000"), 38),
            (Value::text("42a508e2-d9b1-4baa-9eb2x000000000000"), 38),
        ] {
            assert_eq!(bytes_of(&value).len(), bytes, "{value:?}");
        }
    }

    #[test]
    fn an_integer_of_more_than_64_bits_and_an_implausible_count_are_refused() {
        assert_eq!(varint(&mut Bytes(&[0xff; 10])), Err(TOO_LONG));
        let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(varint(&mut Bytes(&most)), Ok(u64::MAX));
        for kind in [TEXT, LIST, OBJECT] {
            let mut out = Vec::new();
            put_head(&mut out, kind, 1 << 40);
            assert_eq!(super::value(&mut Bytes(&out)).unwrap_err(), TOO_MANY);
        }
    }

    #[test]
    fn values_nest_to_the_limit_and_no_deeper() {
        for (depth, good) in [(VALUE_DEPTH_MAX, true), (VALUE_DEPTH_MAX + 1, false)] {
            let nested = (0..depth).fold(Value::Null, |inner, _| Value::array(vec![inner]));
            let out = bytes_of(&nested);
            assert_eq!(super::value(&mut Bytes(&out)).is_ok(), good, "{depth}");
        }
    }
}
