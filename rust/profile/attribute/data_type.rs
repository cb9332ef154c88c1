//! Data types: what `data_type` and `fields` make of values before an attribute takes them.
//!
//! Conversions are JavaScript's: `Number(v)`, `String(v)`, `Boolean(v)`, `new Date(v).getTime()`,
//! and for arrays the same of each element, where anything but an array is an array of one.
//! Invariants: `undefined` stays what it is, for it applies nothing; so does the `null` that
//! clears a single; a NaN is never stored.

use std::sync::Arc;

use super::{AttributeSpec, Operation, Rejected};
use crate::value::date::{Date, Zone, parse};
use crate::value::{Instance, Object, Text, Value, ops};

/// Bytes of text that a conversion makes, at most; what is stored is bounded by `value_bytes_max`.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// A type that values are converted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    /// `Number(value)`.
    Number,
    /// `String(value)`.
    String,
    /// `Boolean(value)`.
    Boolean,
    /// `new Date(value).getTime()`: epoch milliseconds.
    Timestamp,
    /// Of each element `String(element)`.
    StringArray,
    /// Of each element `Number(element)`.
    NumberArray,
}

impl DataType {
    /// The words of the configuration.
    pub const WORDS: [(&'static str, Self); 6] = [
        ("number", Self::Number),
        ("string", Self::String),
        ("boolean", Self::Boolean),
        ("timestamp", Self::Timestamp),
        ("string_array", Self::StringArray),
        ("number_array", Self::NumberArray),
    ];

    /// Whether what it makes is one number.
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Number | Self::Timestamp)
    }

    /// The value as this type; `undefined` stays `undefined`.
    ///
    /// # Errors
    /// `NotANumber` for what would be NaN, `NotConvertible` for what has no such form.
    pub fn convert(self, value: Value, zone: Zone) -> Result<Value, Rejected> {
        if matches!(value, Value::Undefined | Value::Hole) {
            return Ok(Value::Undefined);
        }
        match self {
            Self::Number => number(&value).map(Value::Number),
            Self::String => text(&value).map(Value::String),
            Self::Boolean => Ok(Value::Bool(ops::truthy(&value))),
            Self::Timestamp => moment(&value, zone).map(Value::Number),
            Self::StringArray => each(&value, |item| text(item).map(Value::String)),
            Self::NumberArray => each(&value, |item| number(item).map(Value::Number)),
        }
    }
}

fn number(value: &Value) -> Result<f64, Rejected> {
    let number = ops::to_number(value, TEXT_BYTES_MAX).map_err(|_| Rejected::NotConvertible)?;
    if number.is_nan() { Err(Rejected::NotANumber) } else { Ok(number) }
}

fn text(value: &Value) -> Result<Text, Rejected> {
    ops::to_text(value, TEXT_BYTES_MAX).map_err(|_| Rejected::NotConvertible)
}

fn moment(value: &Value, zone: Zone) -> Result<f64, Rejected> {
    let time_ms = match value {
        Value::String(written) => parse(written, zone),
        Value::Instance(instance) if let Instance::Date(date) = &**instance => date.time_ms(),
        Value::Array(_) | Value::Object(_) | Value::Instance(_) => parse(&text(value)?, zone),
        other => Date::new(number(other)?, zone).time_ms(),
    };
    if time_ms.is_nan() { Err(Rejected::NotANumber) } else { Ok(time_ms) }
}

fn each(
    value: &Value,
    convert: impl Fn(&Value) -> Result<Value, Rejected>,
) -> Result<Value, Rejected> {
    let items = match value.items() {
        Some(items) => items.iter().map(|item| convert(item.element())).collect(),
        None => convert(value).map(|item| vec![item]),
    };
    items.map(Value::array)
}

/// What an attribute makes of the values that it is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conversion {
    /// `data_type`: of a single, of an increment, of the `value` of a list's items.
    pub own: Option<DataType>,
    /// `fields`: of the fields of items that are written as maps, by name.
    pub fields: Vec<(Text, DataType)>,
}

impl Conversion {
    /// Whether values stay as they are.
    pub fn is_none(&self) -> bool {
        self.own.is_none() && self.fields.is_empty()
    }

    /// The operation with its values converted.
    ///
    /// # Errors
    /// As [`DataType::convert`].
    pub fn operation(
        &self,
        spec: &AttributeSpec,
        operation: Operation,
        zone: Zone,
    ) -> Result<Operation, Rejected> {
        let own = |value: Value| match self.own {
            Some(data_type) => data_type.convert(value, zone),
            None => Ok(value),
        };
        Ok(match operation {
            Operation::Set(Value::Null) if matches!(spec, AttributeSpec::Single { .. }) => {
                Operation::Set(Value::Null)
            }
            Operation::Set(value) => Operation::Set(own(value)?),
            Operation::CountOf(name, amount) => Operation::CountOf(name, own(amount)?),
            Operation::SetFields(fields) if matches!(spec, AttributeSpec::List { .. }) => {
                Operation::SetFields(self.item(&fields, zone)?)
            }
            Operation::SetFields(fields) => match self.own {
                Some(_) => Operation::Set(own(Value::Object(fields))?),
                None => Operation::SetFields(fields),
            },
            // What is to go is named as it was given, and was stored converted.
            Operation::Delete(value) => Operation::Delete(match (spec, value) {
                (AttributeSpec::List { id: Some(name), .. }, value) => {
                    self.field(name, value, zone)?
                }
                (_, Value::Object(fields)) => Value::Object(self.item(&fields, zone)?),
                (_, value) => own(value)?,
            }),
            operation @ (Operation::Increment | Operation::Clear) => operation,
        })
    }

    fn field(&self, name: &str, value: Value, zone: Zone) -> Result<Value, Rejected> {
        match self.fields.iter().find(|(known, _)| known == name) {
            Some((_, data_type)) => data_type.convert(value, zone),
            None => Ok(value),
        }
    }

    fn item(&self, fields: &Arc<Object>, zone: Zone) -> Result<Arc<Object>, Rejected> {
        if self.fields.is_empty() {
            return Ok(Arc::clone(fields));
        }
        let mut converted = Vec::with_capacity(fields.len());
        for (name, value) in fields.entries() {
            converted.push((name.clone(), self.field(name, value.clone(), zone)?));
        }
        Ok(Arc::new(Object::from_entries(converted)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data_type: DataType, value: Value) -> Result<std::string::String, Rejected> {
        let converted = data_type.convert(value, Zone::UTC)?;
        if matches!(converted, Value::Undefined) {
            return Ok("undefined".to_owned());
        }
        let mut json = Vec::new();
        crate::value::json::write_json(&converted, &mut json);
        Ok(std::string::String::from_utf8(json).expect("JSON is UTF-8"))
    }

    fn list(items: &[Value]) -> Value {
        Value::array(items.to_vec())
    }

    #[test]
    fn each_type_converts_as_javascript_does() {
        use DataType::{Boolean, Number, NumberArray, String, StringArray, Timestamp};
        let text = |text: &str| Value::text(text);
        let map = Value::object(vec![("a".into(), Value::Number(1.0))]);
        for (data_type, value, expected) in [
            (Number, text(" 12.50 "), "12.5"),
            (Number, text(""), "0"),
            (Number, Value::Bool(true), "1"),
            (Number, Value::Null, "0"),
            (Number, list(&[text("7")]), "7"),
            (String, Value::Number(1e21), "\"1e+21\""),
            (String, Value::Null, "\"null\""),
            (String, list(&[Value::Number(1.0), Value::Null]), "\"1,\""),
            (String, map.clone(), "\"[object Object]\""),
            (Boolean, text("false"), "true"),
            (Boolean, text(""), "false"),
            (Boolean, Value::Number(0.0), "false"),
            (Timestamp, text("1970-01-02"), "86400000"),
            (Timestamp, Value::Number(12.9), "12"),
            (Timestamp, Value::Null, "0"),
            (StringArray, list(&[Value::Number(1.0), text("b")]), "[\"1\",\"b\"]"),
            (StringArray, text("a"), "[\"a\"]"),
            (NumberArray, list(&[text("1"), Value::Bool(false)]), "[1,0]"),
            (NumberArray, text("3"), "[3]"),
            (NumberArray, list(&[]), "[]"),
            (Number, Value::Undefined, "undefined"),
            (StringArray, Value::Undefined, "undefined"),
        ] {
            let read = read(data_type, value.clone());
            assert_eq!(read.as_deref(), Ok(expected), "{data_type:?} of {value:?}");
        }
        for (data_type, value) in [
            (Number, text("12 EUR")),
            (Number, map.clone()),
            (Number, list(&[text("1"), text("2")])),
            (Timestamp, text("yesterday")),
            (Timestamp, Value::Number(1e17)),
            (NumberArray, list(&[text("1"), text("x")])),
        ] {
            assert_eq!(read(data_type, value.clone()), Err(Rejected::NotANumber), "{value:?}");
        }
    }
}
