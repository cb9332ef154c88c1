//! Coercions and operators over values, paid for by the bytes they read.

use std::borrow::Cow;

use super::super::ast::{BinaryOperator, UnaryOperator};
use super::super::error::Fault;
use super::super::limits::{DATE_TEXT_FUEL, STRING_BYTES_MAX};
use super::super::operators;
use super::Machine;
use crate::value::ops::{self, Hint};
use crate::value::{Instance, Text, Value};

impl Machine<'_> {
    /// `ToString`, paid for.
    pub(in super::super) fn text_of(&mut self, value: &Value) -> Result<Text, Fault> {
        match value {
            Value::String(text) => Ok(text.clone()),
            value if let Some(items) = value.items() => self.join(items, ","),
            Value::Instance(instance) if let Instance::Date(date) = &**instance => {
                self.charge(DATE_TEXT_FUEL)?;
                Ok(date.to_text())
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
            self.charge_bytes(text.len())?;
        }
        Ok(ops::to_number(&primitive, STRING_BYTES_MAX)?)
    }

    pub(super) fn unary(
        &mut self,
        operator: UnaryOperator,
        operand: Value,
    ) -> Result<Value, Fault> {
        match operator {
            UnaryOperator::Not | UnaryOperator::TypeOf | UnaryOperator::Void => {
                operators::unary(operator, &operand)
            }
            _ => operators::unary(operator, &Value::Number(self.number_of(&operand)?)),
        }
    }

    #[inline]
    pub(super) fn binary(
        &mut self,
        operator: BinaryOperator,
        left: &Value,
        right: &Value,
    ) -> Result<Value, Fault> {
        if let (Value::Number(left), Value::Number(right)) = (left, right)
            && let Some(value) = operators::numeric(operator, *left, *right)
        {
            return Ok(value);
        }
        self.binary_general(operator, left, right)
    }

    pub(super) fn binary_general(
        &mut self,
        operator: BinaryOperator,
        left: &Value,
        right: &Value,
    ) -> Result<Value, Fault> {
        use BinaryOperator as B;
        if let (Value::String(left), Value::String(right)) = (left, right) {
            self.charge_bytes(left.len().min(right.len()))?;
        }
        match operator {
            B::StrictEqual | B::StrictNotEqual => return operators::binary(operator, left, right),
            B::Equal | B::NotEqual => {
                // Two lists or maps are compared as they are, and nothing is like null.
                if ops::is_compound(left) == ops::is_compound(right)
                    || left.is_nullish()
                    || right.is_nullish()
                {
                    return operators::binary(operator, left, right);
                }
            }
            B::In => return self.has_property(left, right),
            _ => {}
        }
        let hint = match operator {
            B::Add | B::Equal | B::NotEqual => Hint::Default,
            _ => Hint::Number,
        };
        let left = self.primitive(left, hint)?;
        let right = self.primitive(right, hint)?;
        for side in [&left, &right] {
            if let Value::String(text) = &**side {
                self.charge_bytes(text.len())?;
            }
        }
        operators::binary(operator, &left, &right)
    }
}
