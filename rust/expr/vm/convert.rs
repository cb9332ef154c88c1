//! Coercions and operators over values, paid for by the bytes they read.

use std::borrow::Cow;

use super::super::ast::BinaryOperator;
use super::super::error::Fault;
use super::super::limits::{
    BYTES_PER_FUEL, CONVERSION_FUEL, DATE_TEXT_FUEL, NUMBER_BYTES_PER_FUEL, NUMBER_FUEL,
    NUMBER_TEXT_FUEL, STRING_BYTES_MAX,
};
use super::super::operators;
use super::Machine;
use crate::value::ops::{self, Hint};
use crate::value::{Instance, Text, Value, number};

impl Machine<'_> {
    /// `ToString`, paid for.
    pub(in super::super) fn text_of(&mut self, value: &Value) -> Result<Text, Fault> {
        match value {
            Value::String(text) => Ok(text.clone()),
            value if let Some(items) = value.items() => self.join(items, ","),
            Value::Instance(instance) => {
                self.charge(DATE_TEXT_FUEL)?;
                Ok(instance.to_text())
            }
            Value::Number(number) => {
                self.charge(NUMBER_TEXT_FUEL)?;
                Ok(number::to_text(*number))
            }
            _ => Ok(ops::to_text(value, STRING_BYTES_MAX)?),
        }
    }

    /// `join`, paid for by the elements visited and the bytes written.
    pub(in super::super) fn join(
        &mut self,
        items: &[Value],
        separator: &str,
    ) -> Result<Text, Fault> {
        let before = usize::try_from(self.left).unwrap_or(usize::MAX);
        let mut visits = before;
        let joined = ops::join(items, separator, STRING_BYTES_MAX, &mut visits);
        self.charge(before - visits)?;
        if joined.is_err() && visits == 0 {
            return Err(Fault::fuel());
        }
        let text = joined?;
        self.charge_bytes(text.len())?;
        Ok(text)
    }

    /// `ToPrimitive`, paid for.
    pub(in super::super) fn primitive<'v>(
        &mut self,
        value: &'v Value,
        hint: Hint,
    ) -> Result<Cow<'v, Value>, Fault> {
        match value {
            Value::Instance(instance)
                if let (Hint::Number, Instance::Date(date)) = (hint, &**instance) =>
            {
                Ok(Cow::Owned(Value::Number(date.time_ms())))
            }
            value if ops::is_compound(value) => Ok(Cow::Owned(Value::String(self.text_of(value)?))),
            _ => Ok(Cow::Borrowed(value)),
        }
    }

    /// `ToNumber`, paid for.
    pub(in super::super) fn number_of(&mut self, value: &Value) -> Result<f64, Fault> {
        if let Value::Number(number) = value {
            return Ok(*number);
        }
        let primitive = self.primitive(value, Hint::Number)?;
        if let Value::String(text) = &*primitive {
            self.charge(NUMBER_FUEL + text.len() / NUMBER_BYTES_PER_FUEL)?;
        }
        Ok(ops::to_number(&primitive, STRING_BYTES_MAX)?)
    }

    /// What a binary operator yields.
    #[inline]
    pub(super) fn binary(
        &mut self,
        operator: BinaryOperator,
        left: &Value,
        right: &Value,
    ) -> Result<Value, Fault> {
        if operators::is_relation(operator) {
            return self.relation(operator, left, right).map(Value::Bool);
        }
        self.arithmetic(operator, left, right)
    }

    /// Operators that yield a number or, of `+`, text.
    #[inline]
    pub(super) fn arithmetic(
        &mut self,
        operator: BinaryOperator,
        left: &Value,
        right: &Value,
    ) -> Result<Value, Fault> {
        match (left, right) {
            (Value::Number(left), Value::Number(right)) => {
                self.charge(operators::number_fuel(operator))?;
                Ok(Value::Number(operators::computed(operator, *left, *right)))
            }
            (Value::String(left), Value::String(right)) if operator == BinaryOperator::Add => {
                self.add_texts(left, right)
            }
            _ => self.general(operator, left, right),
        }
    }

    /// `+` of two texts, at the price that `general` takes.
    #[inline(never)]
    fn add_texts(&mut self, left: &str, right: &str) -> Result<Value, Fault> {
        self.charge_bytes(left.len().min(right.len()))?;
        self.charge(CONVERSION_FUEL)?;
        self.charge_bytes(left.len())?;
        self.charge_bytes(right.len())?;
        if left.len() + right.len() > STRING_BYTES_MAX {
            return Err(operators::too_long());
        }
        Ok(Value::String(operators::concatenate(left, right)))
    }

    /// Operators that yield true or false.
    #[inline]
    pub(super) fn relation(
        &mut self,
        operator: BinaryOperator,
        left: &Value,
        right: &Value,
    ) -> Result<bool, Fault> {
        let quick = match (left, right) {
            (Value::Number(left), Value::Number(right)) => {
                operators::related(operator, *left, *right)
            }
            // Short texts cost nothing beyond the step; long ones are paid for below.
            (Value::String(left), Value::String(right))
                if left.len().min(right.len()) < BYTES_PER_FUEL =>
            {
                operators::same_text(operator, left, right)
            }
            _ => None,
        };
        match quick {
            Some(truth) => Ok(truth),
            None => self.relation_general(operator, left, right),
        }
    }

    #[inline(never)]
    fn relation_general(
        &mut self,
        operator: BinaryOperator,
        left: &Value,
        right: &Value,
    ) -> Result<bool, Fault> {
        if operator == BinaryOperator::In {
            return self.has_property(left, right);
        }
        self.general(operator, left, right).map(|value| ops::truthy(&value))
    }

    #[inline(never)]
    fn general(
        &mut self,
        operator: BinaryOperator,
        left: &Value,
        right: &Value,
    ) -> Result<Value, Fault> {
        use BinaryOperator as B;
        if let (Value::String(left), Value::String(right)) = (left, right) {
            self.charge(2 + left.len().min(right.len()) / BYTES_PER_FUEL)?;
        }
        match operator {
            B::StrictEqual | B::StrictNotEqual => return operators::binary(operator, left, right),
            // Two lists or maps are compared as they are, and nothing is like null.
            B::Equal | B::NotEqual
                if ops::is_compound(left) == ops::is_compound(right)
                    || left.is_nullish()
                    || right.is_nullish() =>
            {
                return operators::binary(operator, left, right);
            }
            _ => {}
        }
        self.charge(CONVERSION_FUEL + operators::number_fuel(operator))?;
        let hint = match operator {
            B::Add | B::Equal | B::NotEqual => Hint::Default,
            _ => Hint::Number,
        };
        let left = self.primitive(left, hint)?;
        let right = self.primitive(right, hint)?;
        let both = matches!((&*left, &*right), (Value::String(_), Value::String(_)));
        for side in [&left, &right] {
            if let Value::String(text) = &**side {
                // Beside what is no text it is read as a number, but for `+`.
                let bytes_per_fuel = match operator {
                    B::Add => BYTES_PER_FUEL,
                    _ if both => BYTES_PER_FUEL,
                    _ => NUMBER_BYTES_PER_FUEL,
                };
                self.charge(text.len() / bytes_per_fuel)?;
            }
        }
        operators::binary(operator, &left, &right)
    }
}

/// Writes a number as JavaScript does; small whole ones, as most are, digit by digit.
pub(super) fn push_number(number: f64, out: &mut String) {
    let whole = number as i32;
    if f64::from(whole) == number && (whole != 0 || number.is_sign_positive()) {
        let mut digits = [0_u8; 11];
        let mut at = digits.len();
        let mut rest = whole.unsigned_abs();
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if whole < 0 {
            at -= 1;
            digits[at] = b'-';
        }
        out.extend(digits[at..].iter().map(|&digit| char::from(digit)));
        return;
    }
    out.push_str(ryu_js::Buffer::new().format(number));
}
