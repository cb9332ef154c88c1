//! Call: one call of a built-in, and how it reads what it is given.
//!
//! Built-ins read through these methods, so that how the machine hands values over is its own affair.

use std::sync::Arc;

use super::super::error::Fault;
use super::super::program::Callback;
use super::super::vm::{Machine, kind_of};
use crate::value::{Instance, Text, Value, number as numbers};

static UNDEFINED: Value = Value::Undefined;

/// One call of a built-in.
pub(in super::super) struct Call<'c, 'm> {
    pub machine: &'c mut Machine<'m>,
    pub receiver: Value,
    pub arguments: Vec<Value>,
    pub callback: Option<&'m Callback>,
}

impl<'m> Call<'_, 'm> {
    /// An argument, `undefined` when it is not given.
    pub(super) fn argument(&self, position: usize) -> &Value {
        self.arguments.get(position).unwrap_or(&UNDEFINED)
    }

    /// Takes an argument out.
    pub(super) fn take(&mut self, position: usize) -> Value {
        self.arguments.get_mut(position).map(std::mem::take).unwrap_or_default()
    }

    /// An argument's number.
    pub(super) fn number(&mut self, position: usize) -> Result<f64, Fault> {
        match self.argument(position) {
            Value::Number(number) => Ok(*number),
            other => {
                let other = other.clone();
                self.machine.number_of(&other)
            }
        }
    }

    /// An argument as an integer or infinity; NaN is 0.
    pub(super) fn integer(&mut self, position: usize) -> Result<f64, Fault> {
        Ok(numbers::to_integer(self.number(position)?))
    }

    /// An argument's text.
    pub(super) fn text(&mut self, position: usize) -> Result<Text, Fault> {
        let argument = self.argument(position).clone();
        let text = self.machine.text_of(&argument)?;
        self.machine.charge_bytes(text.len())?;
        Ok(text)
    }

    /// Whether an argument is given and not `undefined`.
    pub(super) fn given(&self, position: usize) -> bool {
        !matches!(self.argument(position), Value::Undefined)
    }

    /// A position relative to the end when negative, clamped to `0..=length`.
    pub(super) fn relative(
        &mut self,
        position: usize,
        length: usize,
        default: usize,
    ) -> Result<usize, Fault> {
        if !self.given(position) {
            return Ok(default);
        }
        let integer = self.integer(position)?;
        let length_f64 = length as f64;
        let clamped = if integer < 0.0 { (length_f64 + integer).max(0.0) } else { integer };
        Ok(clamped.min(length_f64) as usize)
    }

    /// A position that may miss: relative to the end when negative, `None` outside.
    pub(super) fn position(
        &mut self,
        position: usize,
        length: usize,
    ) -> Result<Option<usize>, Fault> {
        let integer = self.integer(position)?;
        let at = if integer < 0.0 { length as f64 + integer } else { integer };
        Ok((at >= 0.0 && at < length as f64).then_some(at as usize))
    }

    /// The receiver's items; holes are among them.
    pub(super) fn items(&self) -> Arc<Vec<Value>> {
        self.receiver.items().cloned().unwrap_or_default()
    }

    /// The receiver's text, paid for.
    pub(super) fn receiver_text(&mut self) -> Result<Text, Fault> {
        match &self.receiver {
            Value::String(text) => {
                let text = text.clone();
                self.machine.charge_bytes(text.len())?;
                Ok(text)
            }
            _ => Ok(Text::default()),
        }
    }

    /// The function that was given.
    pub(super) fn function(&self, position: usize) -> Result<&'m Callback, Fault> {
        self.callback.ok_or_else(|| {
            let given = match self.argument(position) {
                Value::Instance(own) if matches!(&**own, Instance::Function(_)) => {
                    "one that is called on nothing"
                }
                other => kind_of(other),
            };
            Fault::type_error(format!("a function is expected, and {given} is given"))
        })
    }
}
