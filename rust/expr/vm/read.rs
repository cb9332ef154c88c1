//! Reading names and their members by reference.

use std::borrow::Cow;

use super::super::builtins;
use super::super::error::Fault;
use super::super::limits::{
    BYTES_PER_FUEL, FUNCTION_FUEL, MEMBER_FUEL, NAME_FUEL, NUMBER_BYTES_PER_FUEL,
};
use super::super::program::{Base, Read, Step, StepKind};
use super::{Lent, Machine, UNDEFINED, excerpt, kind_of, unit_value};
use crate::value::{Instance, Value, ops, string};

impl<'m> Machine<'m> {
    /// What a name and its members hold; the whole stands from `start` on.
    #[inline]
    pub(super) fn read(&mut self, read: &'m Read, start: usize) -> Result<Lent<'m>, Fault> {
        let value = match read.base {
            Base::Profile(slot) => match self.slot(slot) {
                Cow::Borrowed(value) => value,
                Cow::Owned(value) => return self.follow_owned(value, &read.steps, start),
            },
            Base::Field(index) => self.scope.field(index),
            Base::Parameter(place) => match &self.parameters[place as usize] {
                Cow::Borrowed(value) => value,
                Cow::Owned(_) => return self.read_parameter(place, &read.steps, start),
            },
            Base::Local(index) => self.scope.local(index),
            Base::Event => self.scope.event(),
            Base::ProfileObject => self.scope.profile_object(),
        };
        self.follow(value, &read.steps, start)
    }

    /// A name of `PROFILE`: a list or map that the scope makes anew is kept, so that it stays itself.
    #[inline]
    fn slot(&self, slot: u32) -> Lent<'m> {
        if let Some(value) = self.kept.find(slot) {
            return Cow::Borrowed(value);
        }
        match self.scope.profile(slot) {
            Cow::Owned(value) if ops::is_compound(&value) => {
                Cow::Borrowed(self.kept.keep(slot, value))
            }
            value => value,
        }
    }

    /// A parameter whose value is its own: only what is read of it is shared.
    pub(super) fn read_parameter(
        &mut self,
        place: u32,
        steps: &'m [Step],
        start: usize,
    ) -> Result<Lent<'m>, Fault> {
        let place_at = place as usize;
        let place = &mut self.parameters[place_at];
        if steps.is_empty() {
            return Ok(place.clone());
        }
        let parameter = std::mem::replace(place, Cow::Borrowed(&UNDEFINED));
        let outcome = self.follow(&parameter, steps, start).map(own);
        self.parameters[place_at] = parameter;
        outcome
    }

    /// Follows members by reference as far as they go.
    #[inline]
    pub(super) fn follow<'v>(
        &mut self,
        value: &'v Value,
        steps: &'m [Step],
        start: usize,
    ) -> Result<Cow<'v, Value>, Fault> {
        let mut current = value;
        for (position, step) in steps.iter().enumerate() {
            match self.member(current, step, start)? {
                Cow::Borrowed(value) => current = value,
                Cow::Owned(value) => {
                    let rest = &steps[position + 1..];
                    if rest.is_empty() {
                        return Ok(Cow::Owned(value));
                    }
                    return self.follow_owned(value, rest, start);
                }
            }
        }
        Ok(Cow::Borrowed(current))
    }

    /// Follows members of a value that nobody else holds for long.
    pub(super) fn follow_owned<'v>(
        &mut self,
        value: Value,
        steps: &'m [Step],
        start: usize,
    ) -> Result<Cow<'v, Value>, Fault> {
        if steps.is_empty() {
            return Ok(Cow::Owned(value));
        }
        self.follow(&value, steps, start).map(own)
    }

    /// One member of a value.
    #[inline]
    pub(super) fn member<'v>(
        &mut self,
        value: &'v Value,
        step: &Step,
        start: usize,
    ) -> Result<Cow<'v, Value>, Fault> {
        match (value, step.kind) {
            (Value::Object(object), _) => Ok(match object.get(&step.name) {
                Some(value) => Cow::Borrowed(value),
                None => self.inherited(value, step.kind)?,
            }),
            (Value::Array(items), StepKind::Length) => {
                Ok(Cow::Owned(Value::Number(items.len() as f64)))
            }
            (Value::Array(items), StepKind::Index(index)) => {
                Ok(Cow::Borrowed(items.get(index as usize).map_or(&UNDEFINED, Value::element)))
            }
            _ => self.other_member(value, step, start),
        }
    }

    /// One member of what is neither map nor list.
    fn other_member<'v>(
        &mut self,
        value: &'v Value,
        step: &Step,
        start: usize,
    ) -> Result<Cow<'v, Value>, Fault> {
        match value {
            Value::Undefined | Value::Hole | Value::Null => {
                Err(self.unreadable(step, kind_of(value), start))
            }
            Value::String(text) => {
                if matches!(step.kind, StepKind::Name(_)) {
                    return self.inherited(value, step.kind);
                }
                // Text beyond ASCII is counted through.
                self.charge(MEMBER_FUEL + 3 * text.len() / (2 * BYTES_PER_FUEL))?;
                Ok(Cow::Owned(match step.kind {
                    StepKind::Index(index) => {
                        string::unit_at(text, index as usize).map_or(Value::Undefined, unit_value)
                    }
                    _ => Value::Number(string::length(text) as f64),
                }))
            }
            Value::Instance(instance) => {
                self.charge(MEMBER_FUEL)?;
                match instance_member(value, instance, step) {
                    Some(member) => Ok(member),
                    None => self.inherited(value, step.kind),
                }
            }
            _ => self.inherited(value, step.kind),
        }
    }

    pub(super) fn has_property(&mut self, name: &Value, object: &Value) -> Result<bool, Fault> {
        if !ops::is_compound(object) {
            let message = format!("the right side of `in` is {}, no object", kind_of(object));
            return Err(Fault::type_error(message));
        }
        let name = self.text_of(name)?;
        self.charge(2 * NAME_FUEL + name.len() / NUMBER_BYTES_PER_FUEL)?;
        Ok(builtins::owns(object, &name) || builtins::inherits(object, &name))
    }

    /// `object[index]`.
    #[inline]
    pub(super) fn index(&mut self, object: Lent<'m>, index: &Value) -> Result<Lent<'m>, Fault> {
        if let (Value::Array(items), Value::Number(number)) = (&*object, index) {
            let position = *number as usize;
            if position as f64 == *number {
                return Ok(match object {
                    Cow::Borrowed(Value::Array(items)) => {
                        Cow::Borrowed(items.get(position).map_or(&UNDEFINED, Value::element))
                    }
                    _ => Cow::Owned(
                        items.get(position).map_or(Value::Undefined, |i| i.element().clone()),
                    ),
                });
            }
        }
        self.index_by_name(object, index)
    }

    fn index_by_name(&mut self, object: Lent<'m>, index: &Value) -> Result<Lent<'m>, Fault> {
        if object.is_nullish() {
            let message = format!("cannot read a property of {}", kind_of(&object));
            return Err(Fault::type_error(message));
        }
        let name = self.text_of(index)?;
        // It is compared with the names of a map, of which the long ones may all begin alike.
        self.charge(NAME_FUEL + name.len() / NUMBER_BYTES_PER_FUEL)?;
        let step = Step::new(name, 0);
        match object {
            Cow::Borrowed(object) => self.member(object, &step, 0),
            Cow::Owned(object) => self.member(&object, &step, 0).map(own),
        }
    }

    /// What a value has by its kind: a method that is read and not called is a function.
    #[inline]
    fn inherited<'v>(&mut self, value: &Value, kind: StepKind) -> Result<Cow<'v, Value>, Fault> {
        match kind {
            StepKind::Name(Some(method)) if method.of(value).is_some() => {
                self.charge(FUNCTION_FUEL)?;
                Ok(Cow::Owned(builtins::method_value(method, value)))
            }
            _ => Ok(Cow::Borrowed(&UNDEFINED)),
        }
    }

    #[cold]
    fn unreadable(&self, step: &Step, kind: &str, start: usize) -> Fault {
        let object = start..step.object_end.max(start);
        let text = excerpt(&self.program.source, &object);
        let message = format!("cannot read `{}` of {kind}: `{text}` is {kind}", step.name);
        Fault::type_error(message).at(&object)
    }
}

fn own<'m>(value: Cow<'_, Value>) -> Lent<'m> {
    Cow::Owned(value.into_owned())
}

/// One member of an instance of its own: an element of a match, or a property.
fn instance_member<'v>(
    value: &'v Value,
    instance: &Instance,
    step: &Step,
) -> Option<Cow<'v, Value>> {
    match (step.kind, value.items()) {
        (StepKind::Length, Some(items)) => Some(Cow::Owned(Value::Number(items.len() as f64))),
        (StepKind::Index(index), Some(items)) => {
            Some(Cow::Borrowed(items.get(index as usize).map_or(&UNDEFINED, Value::element)))
        }
        _ => instance.property(&step.name).map(Cow::Owned),
    }
}
