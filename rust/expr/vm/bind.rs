//! Bind: from the arguments of a call to parameters, through defaults and patterns.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::super::error::Fault;
use super::super::limits::{NAME_FUEL, PATTERN_FUEL};
use super::super::program::{Arrow, Binding, Pattern, PropertyName, Step};
use super::{Lent, Machine, UNDEFINED, char_value, kind_of};
use crate::value::{Text, Value};

impl<'m> Machine<'m> {
    /// Gives parameters up to `end` a place.
    #[inline]
    pub(super) fn room(&mut self, end: usize) {
        while self.parameters.len() < end {
            self.parameters.push(Cow::Borrowed(&UNDEFINED));
        }
    }

    /// Gives parameters their values.
    pub(super) fn bind<const TRACED: bool>(
        &mut self,
        arrow: &'m Arrow,
        given: SmallVec<[Lent<'m>; 4]>,
    ) -> Result<(), Fault> {
        self.room(arrow.places_end);
        let plain = arrow.count - usize::from(arrow.rest);
        let mut given = given.into_iter();
        for place in arrow.first..arrow.first + plain {
            self.parameters[place] = given.next().unwrap_or(Cow::Borrowed(&UNDEFINED));
        }
        if arrow.rest {
            self.charge(PATTERN_FUEL)?;
            let rest = self.array(given.map(Cow::into_owned).collect())?;
            self.parameters[arrow.first + plain] = Cow::Owned(rest);
        }
        self.settle_bindings::<TRACED>(arrow)
    }

    /// Defaults and patterns of parameters that have their values.
    #[inline]
    pub(super) fn settle_bindings<const TRACED: bool>(
        &mut self,
        arrow: &'m Arrow,
    ) -> Result<(), Fault> {
        for binding in &arrow.bindings {
            self.settle_binding::<TRACED>(binding)?;
        }
        Ok(())
    }

    fn settle_binding<const TRACED: bool>(&mut self, binding: &'m Binding) -> Result<(), Fault> {
        self.charge(1)?;
        if let Some(default) = &binding.default
            && matches!(*self.parameters[binding.place], Value::Undefined)
        {
            self.parameters[binding.place] = self.eval::<TRACED>(default)?;
        }
        match &binding.pattern {
            None => Ok(()),
            Some(pattern) => {
                let value = self.parameters[binding.place].clone();
                let taken = match pattern {
                    Pattern::Object { properties, rest } => {
                        self.take_properties::<TRACED>(value, properties, *rest)
                    }
                    Pattern::Array { elements, rest } => {
                        self.take_elements::<TRACED>(value, elements, rest.as_deref())
                    }
                };
                taken.map_err(|fault| fault.at(&binding.span))
            }
        }
    }

    fn take_properties<const TRACED: bool>(
        &mut self,
        value: Lent<'m>,
        properties: &'m [(PropertyName, Binding)],
        rest: Option<usize>,
    ) -> Result<(), Fault> {
        if value.is_nullish() {
            let message = format!("{} cannot be taken apart by a pattern", kind_of(&value));
            return Err(Fault::type_error(message));
        }
        let mut taken: Vec<Text> = Vec::new();
        for (name, binding) in properties {
            self.charge(1)?;
            let computed;
            let step = match name {
                PropertyName::Written(step) => step,
                PropertyName::Computed(name) => {
                    self.charge(NAME_FUEL)?;
                    let name = self.eval::<TRACED>(name)?;
                    computed = Step::new(self.text_of(&name)?, 0);
                    &computed
                }
            };
            let property = match &value {
                Cow::Borrowed(value) => self.member(value, step, 0)?,
                Cow::Owned(value) => Cow::Owned(self.member(value, step, 0)?.into_owned()),
            };
            self.parameters[binding.place] = property;
            if rest.is_some() {
                taken.push(step.name.clone());
            }
            self.settle_binding::<TRACED>(binding)?;
        }
        if let Some(place) = rest {
            let mut entries = self.own_entries(&value)?;
            self.charge(entries.len() * taken.len())?;
            entries.retain(|(name, _)| !taken.contains(name));
            self.parameters[place] = Cow::Owned(self.object(entries)?);
        }
        Ok(())
    }

    fn take_elements<const TRACED: bool>(
        &mut self,
        value: Lent<'m>,
        elements: &'m [Option<Binding>],
        rest: Option<&'m Binding>,
    ) -> Result<(), Fault> {
        self.charge(PATTERN_FUEL + elements.len())?;
        let items = match &*value {
            // Holes are read as `undefined` below, and what nothing reads need not be made.
            Value::Array(items) => Cow::Borrowed(&items[..]),
            Value::String(text) if rest.is_none() => {
                Cow::Owned(text.chars().take(elements.len()).map(char_value).collect())
            }
            _ => self.iterate(&value)?,
        };
        for (position, binding) in elements.iter().enumerate() {
            let Some(binding) = binding else { continue };
            let item = items.get(position).map_or(&UNDEFINED, Value::element);
            self.parameters[binding.place] = Cow::Owned(item.clone());
            self.settle_binding::<TRACED>(binding)?;
        }
        if let Some(binding) = rest {
            let items = items.get(elements.len()..).unwrap_or_default();
            let items = items.iter().map(|item| item.element().clone()).collect();
            self.parameters[binding.place] = Cow::Owned(self.array(items)?);
            self.settle_binding::<TRACED>(binding)?;
        }
        Ok(())
    }
}
