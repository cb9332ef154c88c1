//! Numbers and booleans: their spellings, their tests, their constants.

use super::super::error::Fault;
use super::super::limits::DIGITS_FUEL;
use super::{Call, Entry, Function, global, object, within};
use crate::value::{Value, number, ops};

pub(super) const METHODS: &[Entry] = &[
    ("hasOwnProperty", None, object::has_own_property),
    ("propertyIsEnumerable", None, object::property_is_enumerable),
    ("toExponential", None, to_exponential),
    ("toFixed", None, to_fixed),
    ("toPrecision", None, to_precision),
    ("toString", None, to_text),
    ("valueOf", None, object::value_of),
];

pub(super) const BOOLEAN_METHODS: &[Entry] = &[
    ("hasOwnProperty", None, object::has_own_property),
    ("propertyIsEnumerable", None, object::property_is_enumerable),
    ("toString", None, object::to_text),
    ("valueOf", None, object::value_of),
];

pub(super) const FUNCTIONS: &[Function] = &[
    global("Boolean", boolean_of),
    global("Number", number_of),
    global("isFinite", is_finite),
    global("isNaN", is_nan),
    global("parseFloat", parse_float),
    global("parseInt", parse_int),
    within("Number", "isFinite", is_finite_number),
    within("Number", "isInteger", is_integer),
    within("Number", "isNaN", is_nan_number),
    within("Number", "isSafeInteger", is_safe_integer),
    within("Number", "parseFloat", parse_float),
    within("Number", "parseInt", parse_int),
];

const SAFE_INTEGER_MAX: f64 = 9_007_199_254_740_991.0;

pub(super) const CONSTANTS: &[(&str, f64)] = &[
    ("EPSILON", f64::EPSILON),
    ("MAX_SAFE_INTEGER", SAFE_INTEGER_MAX),
    ("MAX_VALUE", f64::MAX),
    ("MIN_SAFE_INTEGER", -SAFE_INTEGER_MAX),
    ("MIN_VALUE", 5e-324),
    ("NEGATIVE_INFINITY", f64::NEG_INFINITY),
    ("NaN", f64::NAN),
    ("POSITIVE_INFINITY", f64::INFINITY),
];

fn receiver(call: &Call<'_, '_>) -> f64 {
    match call.receiver {
        Value::Number(number) => number,
        _ => f64::NAN,
    }
}

/// An argument that counts digits, within its range.
fn digits(call: &mut Call<'_, '_>, least: f64, most: f64) -> Result<usize, Fault> {
    let digits = call.integer(0)?;
    if digits < least || digits > most {
        let message = format!("a number of digits must be between {least} and {most}");
        return Err(Fault::range_error(message));
    }
    Ok(digits as usize)
}

/// Pays for digits of the exact value: each is worked out of a number as long as the exponent.
fn charge_digits(call: &mut Call<'_, '_>, digits: usize, value: f64) -> Result<(), Fault> {
    // Most exponents are below 16, where they cost nothing and need not be worked out.
    if (1e-15..1e15).contains(&value.abs()) {
        return call.machine.charge(DIGITS_FUEL + digits);
    }
    let exponent = libm::fabs(libm::log10(libm::fabs(value)));
    let exponent = if exponent.is_finite() { exponent as usize } else { 0 };
    call.machine.charge(DIGITS_FUEL + digits * (1 + exponent / 16))
}

fn to_fixed(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let digits = digits(call, 0.0, 100.0)?;
    let value = receiver(call);
    // What is smaller than the last digit is no work.
    charge_digits(call, digits + 21, value.clamp(-1e21, 1e21))?;
    Ok(Value::String(number::to_fixed(value, digits)))
}

fn to_precision(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let value = receiver(call);
    if !call.given(0) || !value.is_finite() {
        return Ok(Value::String(number::to_text(value)));
    }
    let precision = digits(call, 1.0, 100.0)?;
    charge_digits(call, precision, value)?;
    Ok(Value::String(number::to_precision(value, precision)))
}

fn to_exponential(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let value = receiver(call);
    if !value.is_finite() {
        return Ok(Value::String(number::to_text(value)));
    }
    let digits = if call.given(0) { Some(digits(call, 0.0, 100.0)?) } else { None };
    charge_digits(call, digits.unwrap_or(0) + 1, value)?;
    Ok(Value::String(number::to_exponential(value, digits)))
}

fn to_text(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    if !call.given(0) {
        return Ok(Value::String(number::to_text(receiver(call))));
    }
    let radix = call.integer(0)?;
    if !(2.0..=36.0).contains(&radix) {
        return Err(Fault::range_error("`toString` takes a radix between 2 and 36"));
    }
    // Up to a thousand digits, a unit each.
    let text = number::to_radix(receiver(call), radix as u32);
    call.machine.charge(24 + 3 * text.len() / 2)?;
    Ok(Value::String(text))
}

fn boolean_of(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(Value::Bool(ops::truthy(call.argument(0))))
}

fn number_of(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    if call.arguments.is_empty() {
        return Ok(Value::Number(0.0));
    }
    Ok(Value::Number(call.number(0)?))
}

fn is_finite(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(Value::Bool(call.number(0)?.is_finite()))
}

fn is_nan(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(Value::Bool(call.number(0)?.is_nan()))
}

fn parse_float(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.text(0)?;
    call.machine.charge(4 + text.len() / 8)?;
    Ok(Value::Number(number::parse_float(&text)))
}

fn parse_int(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.text(0)?;
    let radix = number::to_int32(call.number(1)?);
    call.machine.charge(2 + text.len() / 2)?;
    Ok(Value::Number(number::parse_int(&text, radix)))
}

/// A test that only numbers pass.
fn test(call: &Call<'_, '_>, holds: fn(f64) -> bool) -> Value {
    Value::Bool(matches!(call.argument(0), Value::Number(number) if holds(*number)))
}

fn is_whole(number: f64) -> bool {
    number.is_finite() && libm::trunc(number) == number
}

fn is_finite_number(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(test(call, f64::is_finite))
}

fn is_nan_number(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(test(call, f64::is_nan))
}

fn is_integer(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(test(call, is_whole))
}

fn is_safe_integer(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(test(call, |number| is_whole(number) && number.abs() <= SAFE_INTEGER_MAX))
}
