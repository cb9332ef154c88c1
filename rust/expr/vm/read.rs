//! Reading members by reference, so that only the last value is shared.

use std::borrow::Cow;

use super::super::ast::BinaryOperator;
use super::super::builtins;
use super::super::error::{Fault, Span};
use super::super::limits::BYTES_PER_FUEL;
use super::super::operators;
use super::super::program::{Base, NO_CHAIN, Step, StepKind};
use super::{Machine, UNDEFINED, excerpt, kind_of, unit_value};
use crate::value::{Instance, Text, Value, ops, string};

/// A place that a read starts from, lent for one instruction.
macro_rules! base_value {
    ($machine:expr, $base:expr) => {
        match $base {
            Base::Profile(slot) => $machine.scope.profile(slot),
            Base::ProfileObject => Cow::Borrowed($machine.scope.profile_object()),
            Base::Field(index) => Cow::Borrowed($machine.scope.field(index)),
            Base::Event => Cow::Borrowed($machine.scope.event()),
            Base::Local(index) => Cow::Borrowed($machine.scope.local(index)),
            Base::Parameter(place) => Cow::Borrowed(&$machine.vm.parameters[place as usize]),
        }
    };
}

impl Machine<'_> {
    /// What a name and its members hold.
    #[inline]
    pub(super) fn read(&mut self, base: Base, chain: u32, span: &Span) -> Result<Value, Fault> {
        if chain == NO_CHAIN {
            return Ok(base_value!(self, base).into_owned());
        }
        let steps = &self.program.chains[chain as usize];
        let mut left = self.left;
        let read = follow(base_value!(self, base), steps, &mut left).map(Cow::into_owned);
        self.left = left;
        read.map_err(|stop| self.unreadable(stop, span))
    }

    /// What the members of a value hold.
    pub(super) fn members(
        &mut self,
        object: &Value,
        chain: u32,
        span: &Span,
    ) -> Result<Value, Fault> {
        let steps = &self.program.chains[chain as usize];
        let mut left = self.left;
        let read = follow(Cow::Borrowed(object), steps, &mut left).map(Cow::into_owned);
        self.left = left;
        read.map_err(|stop| self.unreadable(stop, span))
    }

    /// A read against a constant: numbers and sameness are settled without sharing the value.
    #[inline]
    pub(super) fn read_binary(
        &mut self,
        base: Base,
        chain: u32,
        operator: BinaryOperator,
        constant: u32,
        span: &Span,
    ) -> Result<Value, Fault> {
        let program = self.program;
        let steps: &[Step] = if chain == NO_CHAIN { &[] } else { &program.chains[chain as usize] };
        let right = &program.constants[constant as usize];
        let mut left = self.left;
        let read = follow(base_value!(self, base), steps, &mut left).map(|value| {
            let quick = match (&*value, right) {
                (Value::Number(number), Value::Number(right)) => {
                    operators::numeric(operator, *number, *right)
                }
                // Short texts cost nothing beyond the instruction; long ones are paid for below.
                (Value::String(text), Value::String(right))
                    if text.len().min(right.len()) < BYTES_PER_FUEL =>
                {
                    operators::same_text(operator, text, right)
                }
                _ => None,
            };
            quick.ok_or_else(|| value.into_owned())
        });
        self.left = left;
        match read {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(value)) => self.binary_general(operator, &value, right),
            Err(stop) => Err(self.unreadable(stop, span)),
        }
    }

    pub(super) fn has_property(&mut self, name: &Value, object: &Value) -> Result<Value, Fault> {
        if !ops::is_compound(object) {
            let message = format!("the right side of `in` is {}, no object", kind_of(object));
            return Err(Fault::type_error(message));
        }
        let name = self.text_of(name)?;
        let found = builtins::owns(object, &name) || builtins::inherits(object, &name);
        Ok(Value::Bool(found))
    }

    /// `object[index]`.
    pub(super) fn index(&mut self, object: &Value, index: &Value) -> Result<Value, Fault> {
        if let (Value::Array(items), Value::Number(number)) = (object, index) {
            let position = *number as usize;
            let exact = position as f64 == *number;
            let item = items.get(position).filter(|_| exact);
            return Ok(item.map_or(Value::Undefined, |item| item.element().clone()));
        }
        if object.is_nullish() {
            let message = format!("cannot read a property of {}", kind_of(object));
            return Err(Fault::type_error(message));
        }
        let name = self.text_of(index)?;
        let mut left = self.left;
        let step = Step::new(name, 0);
        let value = member(object, &step, &mut left).map(Cow::into_owned);
        self.left = left;
        match value {
            Ok(value) => Ok(value),
            Err(Stop::Fuel) => Err(Fault::fuel()),
            Err(Stop::Nullish { .. }) => Ok(Value::Undefined),
        }
    }

    #[cold]
    fn unreadable(&mut self, stop: Stop, span: &Span) -> Fault {
        match stop {
            Stop::Fuel => {
                self.left = 0;
                Fault::fuel()
            }
            Stop::Nullish { name, kind, object_end } => {
                let object = span.start..object_end.max(span.start);
                let text = excerpt(&self.program.source, &object);
                let message = format!("cannot read `{name}` of {kind}: `{text}` is {kind}");
                Fault::type_error(message).at(&object)
            }
        }
    }
}

/// Why a member cannot be read.
enum Stop {
    Fuel,
    Nullish { name: Text, kind: &'static str, object_end: usize },
}

/// Follows members by reference as far as they go.
#[inline]
fn follow<'v>(
    start: Cow<'v, Value>,
    steps: &[Step],
    left: &mut u64,
) -> Result<Cow<'v, Value>, Stop> {
    let mut current = start;
    for step in steps {
        current = match &current {
            Cow::Borrowed(value) => member(value, step, left)?,
            Cow::Owned(value) => Cow::Owned(member(value, step, left)?.into_owned()),
        };
    }
    Ok(current)
}

/// One member of a value.
#[inline]
fn member<'v>(value: &'v Value, step: &Step, left: &mut u64) -> Result<Cow<'v, Value>, Stop> {
    Ok(match value {
        Value::Object(object) => Cow::Borrowed(object.get(&step.name).unwrap_or(&UNDEFINED)),
        Value::Array(items) => match step.kind {
            StepKind::Length => Cow::Owned(Value::Number(items.len() as f64)),
            StepKind::Index(index) => {
                Cow::Borrowed(items.get(index as usize).unwrap_or(&UNDEFINED).element())
            }
            StepKind::Name => Cow::Borrowed(&UNDEFINED),
        },
        Value::String(text) => {
            if matches!(step.kind, StepKind::Name) {
                return Ok(Cow::Borrowed(&UNDEFINED));
            }
            // Text beyond ASCII is counted through.
            let price = (text.len() / BYTES_PER_FUEL) as u64;
            *left = left.checked_sub(price).ok_or(Stop::Fuel)?;
            match step.kind {
                StepKind::Index(index) => Cow::Owned(
                    string::unit_at(text, index as usize).map_or(Value::Undefined, unit_value),
                ),
                _ => Cow::Owned(Value::Number(string::length(text) as f64)),
            }
        }
        Value::Undefined | Value::Hole | Value::Null => {
            return Err(Stop::Nullish {
                name: step.name.clone(),
                kind: kind_of(value),
                object_end: step.object_end,
            });
        }
        Value::Bool(_) | Value::Number(_) => Cow::Borrowed(&UNDEFINED),
        Value::Instance(instance) => return Ok(instance_member(value, instance, step)),
    })
}

/// One member of an instance: an element of a match, or a property.
fn instance_member<'v>(value: &'v Value, instance: &Instance, step: &Step) -> Cow<'v, Value> {
    match (step.kind, value.items()) {
        (StepKind::Length, Some(items)) => Cow::Owned(Value::Number(items.len() as f64)),
        (StepKind::Index(index), Some(items)) => {
            Cow::Borrowed(items.get(index as usize).unwrap_or(&UNDEFINED).element())
        }
        _ => Cow::Owned(instance.property(&step.name).unwrap_or_default()),
    }
}
