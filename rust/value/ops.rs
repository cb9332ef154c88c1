//! Coercions and comparisons of ECMAScript 2023 over values.
//!
//! A conversion to text can fail in two ways: an object whose own `toString` is no function (all
//! are data here), and text beyond the caller's bound (shared lists inside lists grow without one).

use std::cmp::Ordering;
use std::sync::Arc;

use super::{Instance, Text, Value, number, string};

/// Why a value has no primitive form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConversionError {
    /// JavaScript's "Cannot convert object to primitive value".
    NotPrimitive,
    /// The text would be longer than the bound.
    TooLong,
}

/// `typeof`.
pub fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Undefined | Value::Hole => "undefined",
        Value::Instance(instance) => match &**instance {
            Instance::Function(_) => "function",
            _ => "object",
        },
        Value::Null | Value::Array(_) | Value::Object(_) => "object",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
    }
}

/// `ToBoolean`.
pub fn truthy(value: &Value) -> bool {
    match value {
        Value::Undefined | Value::Hole | Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => *number != 0.0 && !number.is_nan(),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) | Value::Instance(_) => true,
    }
}

/// `ToNumber`.
///
/// # Errors
/// As [`to_text`]; `bytes_max` bounds the text on the way.
pub fn to_number(value: &Value, bytes_max: usize) -> Result<f64, ConversionError> {
    Ok(match value {
        Value::Undefined | Value::Hole => f64::NAN,
        Value::Null => 0.0,
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        Value::Number(number) => *number,
        Value::String(text) => number::from_text(text),
        Value::Instance(instance) if let Instance::Date(date) = &**instance => date.time_ms(),
        Value::Array(_) | Value::Object(_) | Value::Instance(_) => {
            number::from_text(&to_text(value, bytes_max)?)
        }
    })
}

/// `ToString`; no more than `bytes_max` bytes where the text is built here.
///
/// # Errors
/// An object that has no primitive form, or text that is too long.
pub fn to_text(value: &Value, bytes_max: usize) -> Result<Text, ConversionError> {
    Ok(match value {
        Value::Undefined | Value::Hole => Text::new_static("undefined"),
        Value::Null => Text::new_static("null"),
        Value::Bool(true) => Text::new_static("true"),
        Value::Bool(false) => Text::new_static("false"),
        Value::Number(number) => number::to_text(*number),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let mut visits = bytes_max;
            join(items, ",", bytes_max, &mut visits)?
        }
        Value::Object(object) => {
            if object.get("toString").is_some() {
                return Err(ConversionError::NotPrimitive);
            }
            Text::new_static("[object Object]")
        }
        Value::Instance(instance) => match value.items() {
            Some(items) => join(items, ",", bytes_max, &mut bytes_max.clone())?,
            None => instance.to_text(),
        },
    })
}

/// `Array.prototype.join`; `visits` bounds the elements visited, and is what is left of it.
///
/// # Errors
/// As [`to_text`].
pub fn join(
    items: &[Value],
    separator: &str,
    bytes_max: usize,
    visits: &mut usize,
) -> Result<Text, ConversionError> {
    let mut out = String::new();
    join_into(items, separator, &mut out, visits, bytes_max)?;
    Ok(Text::from(out))
}

/// `visits` bounds the elements visited: empty lists shared inside lists write nothing.
fn join_into(
    items: &[Value],
    separator: &str,
    out: &mut String,
    visits: &mut usize,
    bytes_max: usize,
) -> Result<(), ConversionError> {
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.push_str(separator);
        }
        let Some(left) = visits.checked_sub(visit_price(item)) else {
            *visits = 0;
            return Err(ConversionError::TooLong);
        };
        *visits = left;
        match item {
            Value::Undefined | Value::Hole | Value::Null => {}
            Value::String(text) => out.push_str(text),
            Value::Array(inner) => join_into(inner, ",", out, visits, bytes_max)?,
            other => out.push_str(&to_text(other, bytes_max)?),
        }
        if out.len() > bytes_max {
            return Err(ConversionError::TooLong);
        }
    }
    Ok(())
}

/// What writing an element costs beside its bytes: more where text is made for it first.
fn visit_price(item: &Value) -> usize {
    match item {
        Value::Number(_) => 4,
        Value::Instance(_) => 24,
        _ => 2,
    }
}

/// Which primitive is wanted of a compound; only dates have two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Arithmetic and order: a date is its number.
    Number,
    /// `+`, `==`: a date is its text.
    Default,
}

/// Whether this is no primitive: a list, a map or an instance.
pub fn is_compound(value: &Value) -> bool {
    matches!(value, Value::Array(_) | Value::Object(_) | Value::Instance(_))
}

/// `ToPrimitive`: lists, maps and instances become text (a date its number where that is wanted),
/// all else stays.
///
/// # Errors
/// As [`to_text`].
pub fn to_primitive(value: &Value, hint: Hint, bytes_max: usize) -> Result<Value, ConversionError> {
    match value {
        Value::Instance(instance)
            if let (Hint::Number, Instance::Date(date)) = (hint, &**instance) =>
        {
            Ok(Value::Number(date.time_ms()))
        }
        Value::Array(_) | Value::Object(_) | Value::Instance(_) => {
            Ok(Value::String(to_text(value, bytes_max)?))
        }
        other => Ok(other.clone()),
    }
}

/// `===`: lists, maps and instances are equal when they are the same one, and a built-in is one function. A hole
/// is like nothing.
pub fn strict_equals(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Undefined, Value::Undefined) | (Value::Null, Value::Null) => true,
        (Value::Bool(l), Value::Bool(r)) => l == r,
        (Value::Number(l), Value::Number(r)) => l == r,
        (Value::String(l), Value::String(r)) => l == r,
        (Value::Array(l), Value::Array(r)) => Arc::ptr_eq(l, r),
        (Value::Object(l), Value::Object(r)) => Arc::ptr_eq(l, r),
        (Value::Instance(l), Value::Instance(r)) => match (&**l, &**r) {
            // One built-in is one function, however often it is read.
            (Instance::Function(l), Instance::Function(r)) => l == r,
            _ => Arc::ptr_eq(l, r),
        },
        _ => false,
    }
}

/// `SameValueZero`, by which `includes` looks: as `===`, but NaN is itself.
pub fn same_value_zero(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(l), Value::Number(r)) => l == r || (l.is_nan() && r.is_nan()),
        _ => strict_equals(left, right),
    }
}

/// `SameValue` (`Object.is`): NaN is itself, and 0 is not -0.
pub fn same_value(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(l), Value::Number(r)) => {
            (l.is_nan() && r.is_nan()) || (l == r && l.is_sign_negative() == r.is_sign_negative())
        }
        _ => strict_equals(left, right),
    }
}

/// `==`.
///
/// # Errors
/// As [`to_text`].
pub fn loose_equals(
    left: &Value,
    right: &Value,
    bytes_max: usize,
) -> Result<bool, ConversionError> {
    Ok(match (left, right) {
        (Value::Undefined | Value::Null, Value::Undefined | Value::Null) => true,
        (Value::Undefined | Value::Null, _) | (_, Value::Undefined | Value::Null) => false,
        (Value::Bool(_), Value::Bool(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::String(_), Value::String(_))
        | (
            Value::Array(_) | Value::Object(_) | Value::Instance(_),
            Value::Array(_) | Value::Object(_) | Value::Instance(_),
        ) => strict_equals(left, right),
        (Value::Number(number), Value::String(text))
        | (Value::String(text), Value::Number(number)) => *number == number::from_text(text),
        (Value::Bool(truth), other) | (other, Value::Bool(truth)) => {
            let number = Value::Number(f64::from(u8::from(*truth)));
            loose_equals(&number, other, bytes_max)?
        }
        (Value::Hole, other) | (other, Value::Hole) => {
            loose_equals(&Value::Undefined, other, bytes_max)?
        }
        (compound @ (Value::Array(_) | Value::Object(_) | Value::Instance(_)), other)
        | (other, compound @ (Value::Array(_) | Value::Object(_) | Value::Instance(_))) => {
            let primitive = to_primitive(compound, Hint::Default, bytes_max)?;
            loose_equals(&primitive, other, bytes_max)?
        }
    })
}

/// The order that `<`, `<=`, `>`, `>=` see; `None` when a NaN makes all of them false.
///
/// # Errors
/// As [`to_text`].
pub fn compare(
    left: &Value,
    right: &Value,
    bytes_max: usize,
) -> Result<Option<Ordering>, ConversionError> {
    if let (Value::Number(l), Value::Number(r)) = (left, right) {
        return Ok(l.partial_cmp(r));
    }
    let left = to_primitive(left, Hint::Number, bytes_max)?;
    let right = to_primitive(right, Hint::Number, bytes_max)?;
    if let (Value::String(l), Value::String(r)) = (&left, &right) {
        return Ok(Some(string::compare(l, r)));
    }
    Ok(to_number(&left, bytes_max)?.partial_cmp(&to_number(&right, bytes_max)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_coerces_as_the_standard_says() {
        let eq = |l: Value, r: Value| loose_equals(&l, &r, 1000).unwrap();
        assert!(eq(Value::Null, Value::Undefined));
        assert!(!eq(Value::Null, Value::Number(0.0)));
        assert!(eq(Value::text("1"), Value::Number(1.0)));
        assert!(eq(Value::Bool(true), Value::text("1")));
        assert!(eq(Value::array(vec![Value::Number(1.0)]), Value::Number(1.0)));
        assert!(eq(Value::array(vec![]), Value::Bool(false)));
        assert!(!eq(Value::array(vec![]), Value::array(vec![])));
        assert!(!eq(Value::Number(f64::NAN), Value::Number(f64::NAN)));
    }

    #[test]
    fn text_of_lists_inside_lists_is_bounded() {
        let mut list = Value::array(vec![Value::text("x"); 100]);
        for _ in 0..8 {
            list = Value::array(vec![list; 100]);
        }
        assert_eq!(to_text(&list, 65_536), Err(ConversionError::TooLong));
        let mut empty = Value::array(vec![]);
        for _ in 0..50 {
            empty = Value::array(vec![empty.clone(), empty]);
        }
        assert_eq!(to_text(&empty, 65_536), Err(ConversionError::TooLong));
    }
}
