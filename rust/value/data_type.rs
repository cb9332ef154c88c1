//! Data type: what a value is made when a configuration says `data_type`, as JavaScript converts it.
//!
//! `number`, `string` and `boolean` are `Number(x)`, `String(x)` and `Boolean(x)`; `timestamp` is the epoch
//! milliseconds of `new Date(x)`; the arrays convert each element. What would be NaN is no value.

use super::date::Zone;
use super::{Text, Value, date, ops};

/// A `data_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    /// `number`.
    Number,
    /// `string`.
    String,
    /// `boolean`.
    Boolean,
    /// `timestamp`.
    Timestamp,
    /// `string_array`.
    StringArray,
    /// `number_array`.
    NumberArray,
}

/// All of them, as they are written.
pub const DATA_TYPES: [(&str, DataType); 6] = [
    ("number", DataType::Number),
    ("string", DataType::String),
    ("boolean", DataType::Boolean),
    ("timestamp", DataType::Timestamp),
    ("string_array", DataType::StringArray),
    ("number_array", DataType::NumberArray),
];

/// Bytes of text that a conversion makes, at most.
const TEXT_BYTES_MAX: usize = 64 * 1024;

impl DataType {
    /// How it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        let known = DATA_TYPES.iter().find(|(_, data_type)| *data_type == self);
        known.map_or("", |(word, _)| word)
    }

    /// The value converted; `None` when it cannot be. `undefined` and `null` stay what they are.
    #[must_use]
    pub fn convert(self, value: &Value, zone: Zone) -> Option<Value> {
        if value.is_nullish() {
            return Some(value.clone());
        }
        match self {
            Self::Number => number(value).map(Value::Number),
            Self::String => text(value).map(Value::String),
            Self::Boolean => Some(Value::Bool(ops::truthy(value))),
            Self::Timestamp => timestamp(value, zone),
            Self::StringArray => items(value, |item| text(item).map(Value::String)),
            Self::NumberArray => items(value, |item| number(item).map(Value::Number)),
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    ops::to_number(value, TEXT_BYTES_MAX).ok().filter(|number| number.is_finite())
}

fn text(value: &Value) -> Option<Text> {
    ops::to_text(value, TEXT_BYTES_MAX).ok()
}

fn timestamp(value: &Value, zone: Zone) -> Option<Value> {
    let ms = match value {
        Value::String(text) => date::parse(text, zone),
        other => number(other)?,
    };
    (ms.is_finite() && ms.abs() <= 8.64e15).then(|| Value::Number(ms.trunc()))
}

fn items(value: &Value, convert: impl Fn(&Value) -> Option<Value>) -> Option<Value> {
    let Value::Array(items) = value else { return None };
    items.iter().map(convert).collect::<Option<Vec<_>>>().map(Value::array)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(data_type: DataType, value: impl Into<Value>) -> Option<Value> {
        data_type.convert(&value.into(), Zone::UTC)
    }

    #[test]
    fn values_convert_as_javascript_does_and_what_is_no_number_is_none() {
        use DataType::{Boolean, Number, NumberArray, String, StringArray, Timestamp};
        let show = |value: Option<Value>| format!("{value:?}");
        let same =
            |found: Option<Value>, wanted: Value| assert_eq!(show(found), show(Some(wanted)));
        same(converted(Number, " 12.50 "), 12.5.into());
        same(converted(Number, true), 1.0.into());
        assert!(converted(Number, "twelve").is_none());
        same(converted(String, 12.5), "12.5".into());
        same(converted(Boolean, ""), false.into());
        same(converted(Boolean, "false"), true.into());
        same(converted(Timestamp, "2026-01-02T03:04:05Z"), 1_767_323_045_000.0.into());
        same(converted(Timestamp, 5.9), 5.0.into());
        assert!(converted(Timestamp, "soon").is_none());
        let mixed = Value::array(vec![1.0.into(), "2".into()]);
        let texts = Value::array(vec!["1".into(), "2".into()]);
        same(converted(StringArray, mixed.clone()), texts);
        same(converted(NumberArray, mixed), Value::array(vec![1.0.into(), 2.0.into()]));
        assert!(converted(StringArray, "a").is_none());
        same(converted(Number, Value::Null), Value::Null);
        for (word, data_type) in DATA_TYPES {
            assert_eq!(data_type.word(), word);
        }
    }
}
