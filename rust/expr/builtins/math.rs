//! Math: through `libm`, never the platform's, so that every machine gives the same last bit.

use super::super::error::Fault;
use super::super::limits::POWER_FUEL;
use super::super::power::power;
use super::{Call, Fold, Function, within};
use crate::value::{Value, number as numbers};

pub(super) const CONSTANTS: &[(&str, f64)] = &[
    ("E", std::f64::consts::E),
    ("LN10", std::f64::consts::LN_10),
    ("LN2", std::f64::consts::LN_2),
    ("LOG10E", std::f64::consts::LOG10_E),
    ("LOG2E", std::f64::consts::LOG2_E),
    ("PI", std::f64::consts::PI),
    ("SQRT1_2", std::f64::consts::FRAC_1_SQRT_2),
    ("SQRT2", std::f64::consts::SQRT_2),
];

/// A function of one number.
macro_rules! unary {
    ($name:literal, $function:expr) => {
        Function {
            number: Some($function),
            ..within("Math", $name, |call| {
                let function: fn(f64) -> f64 = $function;
                Ok(Value::Number(function(call.number(0)?)))
            })
        }
    };
}

/// What a function costs that is computed by a series.
const SERIES_FUEL: usize = 6;
/// What an angle costs beyond that when it is so large that pi must be known to many digits.
const LARGE_ANGLE_FUEL: usize = 16;
/// From here on an angle is large.
const LARGE_ANGLE: f64 = 1e6;

/// A function of one number that is computed by a series.
macro_rules! series {
    ($name:literal, $function:expr) => {
        within("Math", $name, |call| {
            let function: fn(f64) -> f64 = $function;
            call.machine.charge(SERIES_FUEL)?;
            Ok(Value::Number(function(call.number(0)?)))
        })
    };
}

/// A function of an angle.
macro_rules! angle {
    ($name:literal, $function:expr) => {
        within("Math", $name, |call| {
            let function: fn(f64) -> f64 = $function;
            let angle = call.number(0)?;
            let large = if angle.abs() > LARGE_ANGLE { LARGE_ANGLE_FUEL } else { 0 };
            call.machine.charge(SERIES_FUEL + large)?;
            Ok(Value::Number(function(angle)))
        })
    };
}

pub(super) const FUNCTIONS: &[Function] = &[
    unary!("abs", f64::abs),
    series!("acos", libm::acos),
    // Below 1 there is none, which `libm::acosh` does not see everywhere.
    series!("acosh", |number| if number < 1.0 { f64::NAN } else { libm::acosh(number) }),
    series!("asin", libm::asin),
    series!("asinh", libm::asinh),
    series!("atan", libm::atan),
    series!("atanh", libm::atanh),
    series!("cbrt", libm::cbrt),
    unary!("ceil", libm::ceil),
    unary!("clz32", |number| f64::from(numbers::to_uint32(number).leading_zeros())),
    angle!("cos", libm::cos),
    series!("cosh", libm::cosh),
    series!("exp", libm::exp),
    series!("expm1", libm::expm1),
    unary!("floor", libm::floor),
    unary!("fround", |number| f64::from(number as f32)),
    series!("log", libm::log),
    series!("log10", libm::log10),
    series!("log1p", libm::log1p),
    series!("log2", libm::log2),
    unary!("round", round),
    unary!("sign", |number| if number == 0.0 || number.is_nan() {
        number
    } else {
        number.signum()
    }),
    angle!("sin", libm::sin),
    series!("sinh", libm::sinh),
    unary!("sqrt", libm::sqrt),
    angle!("tan", libm::tan),
    series!("tanh", libm::tanh),
    unary!("trunc", libm::trunc),
    within("Math", "atan2", |call| {
        call.machine.charge(SERIES_FUEL)?;
        Ok(Value::Number(libm::atan2(call.number(0)?, call.number(1)?)))
    }),
    within("Math", "hypot", hypot),
    within("Math", "imul", |call| {
        let left = numbers::to_int32(call.number(0)?);
        let right = numbers::to_int32(call.number(1)?);
        Ok(Value::Number(f64::from(left.wrapping_mul(right))))
    }),
    Function { fold: Some(MAX), ..within("Math", "max", max) },
    Function { fold: Some(MIN), ..within("Math", "min", min) },
    within("Math", "random", random),
    within("Math", "pow", |call| {
        call.machine.charge(POWER_FUEL)?;
        Ok(Value::Number(power(call.number(0)?, call.number(1)?)))
    }),
];

fn random(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    match call.machine.random() {
        Some(number) => Ok(Value::Number(number)),
        None => Err(Fault::type_error("there is no `Math.random` here")),
    }
}

/// Halves go up; the sign of zero stays.
fn round(number: f64) -> f64 {
    let floor = libm::floor(number);
    let rounded = if number - floor >= 0.5 { floor + 1.0 } else { floor };
    rounded.copysign(number)
}

fn numbers_of(call: &mut Call<'_, '_>) -> Result<Vec<f64>, Fault> {
    call.machine.charge(call.arguments.len())?;
    (0..call.arguments.len()).map(|position| call.number(position)).collect()
}

const MAX: Fold = Fold { start: f64::NEG_INFINITY, step: greater };
const MIN: Fold = Fold { start: f64::INFINITY, step: less };

fn greater(most: f64, next: f64) -> f64 {
    let wins = next > most || (next == most && most.is_sign_negative());
    if most.is_nan() || next.is_nan() {
        f64::NAN
    } else if wins {
        next
    } else {
        most
    }
}

fn less(least: f64, next: f64) -> f64 {
    let wins = next < least || (next == least && next.is_sign_negative());
    if least.is_nan() || next.is_nan() {
        f64::NAN
    } else if wins {
        next
    } else {
        least
    }
}

fn max(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(Value::Number(numbers_of(call)?.into_iter().fold(MAX.start, MAX.step)))
}

fn min(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(Value::Number(numbers_of(call)?.into_iter().fold(MIN.start, MIN.step)))
}

/// Scaled by the greatest, and summed with compensation.
fn hypot(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let numbers = numbers_of(call)?;
    if numbers.iter().any(|number| number.is_infinite()) {
        return Ok(Value::Number(f64::INFINITY));
    }
    if numbers.iter().any(|number| number.is_nan()) {
        return Ok(Value::Number(f64::NAN));
    }
    let greatest = numbers.iter().fold(0.0_f64, |most, number| most.max(number.abs()));
    if greatest == 0.0 {
        return Ok(Value::Number(0.0));
    }
    let (mut sum, mut compensation) = (0.0, 0.0);
    for number in numbers {
        let scaled = number / greatest;
        let summand = scaled * scaled - compensation;
        let next = sum + summand;
        compensation = (next - sum) - summand;
        sum = next;
    }
    Ok(Value::Number(libm::sqrt(sum) * greatest))
}

#[cfg(test)]
mod tests {
    use super::round;

    #[test]
    fn halves_are_rounded_up_and_nothing_else_is() {
        let rows = [
            (0.5, 1.0),
            (-0.5, -0.0),
            (0.499_999_999_999_999_94, 0.0),
            (-0.2, -0.0),
            (1.5, 2.0),
            (-1.5, -1.0),
            (2.5, 3.0),
            (4_503_599_627_370_495.5, 4_503_599_627_370_496.0),
            (4_503_599_627_370_497.0, 4_503_599_627_370_497.0),
            (9_007_199_254_740_991.0, 9_007_199_254_740_991.0),
            (f64::INFINITY, f64::INFINITY),
        ];
        for (number, expected) in rows {
            assert_eq!(round(number).to_bits(), f64::to_bits(expected), "{number}");
        }
        assert!(round(f64::NAN).is_nan());
    }
}
