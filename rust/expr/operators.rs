//! Operators over primitives: pure, so that the compiler folds with the very same functions.
//!
//! Lists and maps are made primitive by the machine first, under fuel.

use std::cmp::Ordering;

use super::ast::{BinaryOperator, UnaryOperator};
use super::error::Fault;
use super::limits::{POWER_FUEL, REMAINDER_FUEL, STRING_BYTES_MAX};
use super::power::power;
use crate::value::number::{to_int32, to_uint32};
use crate::value::ops::{self, ConversionError};
use crate::value::{Text, Value};

impl From<ConversionError> for Fault {
    fn from(error: ConversionError) -> Self {
        match error {
            ConversionError::NotPrimitive => {
                Fault::type_error("cannot convert an object to a primitive value")
            }
            ConversionError::TooLong => too_long(),
        }
    }
}

/// Text beyond the limit.
#[cold]
pub(super) fn too_long() -> Fault {
    Fault::limit(format!("text is longer than {STRING_BYTES_MAX} bytes"))
}

/// Whether the operator yields true or false.
pub(super) fn is_relation(operator: BinaryOperator) -> bool {
    use BinaryOperator as B;
    matches!(
        operator,
        B::Less
            | B::LessOrEqual
            | B::Greater
            | B::GreaterOrEqual
            | B::Equal
            | B::NotEqual
            | B::StrictEqual
            | B::StrictNotEqual
            | B::In
    )
}

fn number(value: &Value) -> Result<f64, Fault> {
    Ok(ops::to_number(value, STRING_BYTES_MAX)?)
}

/// Applies a unary operator.
pub(super) fn unary(operator: UnaryOperator, operand: &Value) -> Result<Value, Fault> {
    Ok(match operator {
        UnaryOperator::Not => Value::Bool(!ops::truthy(operand)),
        UnaryOperator::Negate => Value::Number(-number(operand)?),
        UnaryOperator::Plus => Value::Number(number(operand)?),
        UnaryOperator::BitNot => Value::Number(f64::from(!to_int32(number(operand)?))),
        UnaryOperator::TypeOf => Value::String(Text::new_static(ops::type_of(operand))),
        UnaryOperator::Void => Value::Undefined,
    })
}

/// Applies a binary operator to primitives (`===` and `!==`: to anything).
pub(super) fn binary(
    operator: BinaryOperator,
    left: &Value,
    right: &Value,
) -> Result<Value, Fault> {
    use BinaryOperator as B;
    Ok(match operator {
        B::StrictEqual => Value::Bool(ops::strict_equals(left, right)),
        B::StrictNotEqual => Value::Bool(!ops::strict_equals(left, right)),
        B::Equal => Value::Bool(ops::loose_equals(left, right, STRING_BYTES_MAX)?),
        B::NotEqual => Value::Bool(!ops::loose_equals(left, right, STRING_BYTES_MAX)?),
        B::Less | B::LessOrEqual | B::Greater | B::GreaterOrEqual => {
            let order = ops::compare(left, right, STRING_BYTES_MAX)?;
            Value::Bool(ordered(operator, order))
        }
        B::Add => return add(left, right),
        B::In => return Err(Fault::type_error("the right side of `in` is no object")),
        _ => Value::Number(arithmetic(operator, number(left)?, number(right)?)),
    })
}

fn ordered(operator: BinaryOperator, order: Option<Ordering>) -> bool {
    use BinaryOperator as B;
    match order {
        None => false,
        Some(Ordering::Less) => matches!(operator, B::Less | B::LessOrEqual),
        Some(Ordering::Equal) => matches!(operator, B::LessOrEqual | B::GreaterOrEqual),
        Some(Ordering::Greater) => matches!(operator, B::Greater | B::GreaterOrEqual),
    }
}

fn add(left: &Value, right: &Value) -> Result<Value, Fault> {
    if !matches!(left, Value::String(_)) && !matches!(right, Value::String(_)) {
        return Ok(Value::Number(number(left)? + number(right)?));
    }
    let left = ops::to_text(left, STRING_BYTES_MAX)?;
    let right = ops::to_text(right, STRING_BYTES_MAX)?;
    if left.len() + right.len() > STRING_BYTES_MAX {
        return Err(too_long());
    }
    Ok(Value::String(concatenate(&left, &right)))
}

/// Bytes of text that needs no allocation.
const INLINE_BYTES: usize = 23;

/// Two texts as one, without an allocation when the result is short.
pub(super) fn concatenate(left: &str, right: &str) -> Text {
    let mut buffer = [0; INLINE_BYTES];
    let length = left.len() + right.len();
    if length <= INLINE_BYTES {
        buffer[..left.len()].copy_from_slice(left.as_bytes());
        buffer[left.len()..length].copy_from_slice(right.as_bytes());
        if let Ok(text) = std::str::from_utf8(&buffer[..length]) {
            return Text::new(text);
        }
    }
    let mut builder = smol_str::SmolStrBuilder::new();
    builder.push_str(left);
    builder.push_str(right);
    builder.finish()
}

/// Whether two texts stand so to each other, for the operators that ask for sameness.
#[inline]
pub(super) fn same_text(operator: BinaryOperator, left: &Text, right: &Text) -> Option<bool> {
    use BinaryOperator as B;
    match operator {
        B::Equal | B::StrictEqual => Some(left == right),
        B::NotEqual | B::StrictNotEqual => Some(left != right),
        _ => None,
    }
}

/// Whether two numbers stand so to each other; `None` for operators that ask something else.
#[inline]
pub(super) fn related(operator: BinaryOperator, left: f64, right: f64) -> Option<bool> {
    use BinaryOperator as B;
    Some(match operator {
        B::Less => left < right,
        B::LessOrEqual => left <= right,
        B::Greater => left > right,
        B::GreaterOrEqual => left >= right,
        B::Equal | B::StrictEqual => left == right,
        B::NotEqual | B::StrictNotEqual => left != right,
        _ => return None,
    })
}

/// What an operator on two numbers costs beyond its step.
#[inline]
pub(super) fn number_fuel(operator: BinaryOperator) -> usize {
    match operator {
        BinaryOperator::Power => POWER_FUEL,
        BinaryOperator::Remainder => REMAINDER_FUEL,
        _ => 0,
    }
}

/// Numbers with numbers, where most work is, for the operators that yield a number.
#[inline]
pub(super) fn computed(operator: BinaryOperator, left: f64, right: f64) -> f64 {
    use BinaryOperator as B;
    match operator {
        B::Add => left + right,
        B::Subtract => left - right,
        B::Multiply => left * right,
        B::Divide => left / right,
        _ => arithmetic(operator, left, right),
    }
}

fn arithmetic(operator: BinaryOperator, left: f64, right: f64) -> f64 {
    use BinaryOperator as B;
    match operator {
        B::Subtract => left - right,
        B::Multiply => left * right,
        B::Divide => left / right,
        B::Remainder => remainder(left, right),
        B::Power => power(left, right),
        B::ShiftLeft => f64::from(to_int32(left).wrapping_shl(to_uint32(right) & 31)),
        B::ShiftRight => f64::from(to_int32(left) >> (to_uint32(right) & 31)),
        B::ShiftRightUnsigned => f64::from(to_uint32(left) >> (to_uint32(right) & 31)),
        B::BitAnd => f64::from(to_int32(left) & to_int32(right)),
        B::BitXor => f64::from(to_int32(left) ^ to_int32(right)),
        B::BitOr => f64::from(to_int32(left) | to_int32(right)),
        _ => f64::NAN,
    }
}

/// `%`: whole numbers, as most are, by the processor's own division.
fn remainder(left: f64, right: f64) -> f64 {
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    let (left_whole, right_whole) = (left as i64, right as i64);
    let whole = left_whole as f64 == left && right_whole as f64 == right;
    // A result of 0 takes the sign of the left side, which only a double can show.
    if whole && left_whole > 0 && left < WHOLE_MAX && right_whole != 0 && right.abs() < WHOLE_MAX {
        return (left_whole % right_whole) as f64;
    }
    libm::fmod(left, right)
}
