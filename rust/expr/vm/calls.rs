//! Calls: arguments, built-ins, and the functions given to them.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::super::builtins::{self, Call, Function, Method};
use super::super::error::{Fault, Span};
use super::super::limits::{CALL_FUEL, CALLBACK_FUEL, LIST_ITEMS_MAX};
use super::super::program::{Arguments, Callback, Item};
use super::{Lent, Machine, too_many};
use crate::value::{Instance, Value};

impl<'m> Machine<'m> {
    /// The values of arguments, in order.
    pub(super) fn arguments<const TRACED: bool>(
        &mut self,
        arguments: &'m Arguments,
    ) -> Result<Vec<Value>, Fault> {
        let mut given = self.vm.spare.pop().unwrap_or_default();
        self.arguments_from::<TRACED>(&arguments.items, &mut given)?;
        Ok(given)
    }

    /// The values of the arguments that are left.
    pub(super) fn arguments_from<const TRACED: bool>(
        &mut self,
        items: &'m [Item],
        given: &mut Vec<Value>,
    ) -> Result<(), Fault> {
        for item in items {
            let value = self.eval::<TRACED>(&item.node)?;
            self.give(item, value, given)?;
        }
        Ok(())
    }

    /// Adds an argument, or those that it is spread to.
    #[inline]
    pub(super) fn give(
        &mut self,
        item: &'m Item,
        value: Lent<'m>,
        given: &mut Vec<Value>,
    ) -> Result<(), Fault> {
        if !item.spread {
            given.push(value.into_owned());
            return Ok(());
        }
        let items = self.iterate(&value).map_err(|fault| fault.at(&item.node.span))?;
        if given.len() + items.len() > LIST_ITEMS_MAX {
            return Err(too_many());
        }
        self.charge(items.len())?;
        given.extend(items.iter().map(|item| item.element().clone()));
        Ok(())
    }

    pub(super) fn recycle(&mut self, mut arguments: Vec<Value>) {
        arguments.clear();
        if self.vm.spare.len() < 16 && arguments.capacity() <= 64 {
            self.vm.spare.push(arguments);
        }
    }

    pub(super) fn call_method(
        &mut self,
        method: &'static Method,
        receiver: Value,
        arguments: Vec<Value>,
        callback: Option<&'m Callback>,
        span: &Span,
    ) -> Result<Value, Fault> {
        let run = match method.of(&receiver) {
            // A map's own value hides the method, and values are no functions.
            Some(run) if receiver.get(method.name).is_none() => run,
            _ => return Err(self.no_method(method.name, &receiver, span)),
        };
        self.charge(CALL_FUEL)?;
        let callback = callback.or_else(|| computed(method.callback, &arguments));
        let mut call = Call { machine: self, receiver, arguments, callback };
        let value = run(&mut call);
        let arguments = std::mem::take(&mut call.arguments);
        self.recycle(arguments);
        value
    }

    pub(super) fn call_function(
        &mut self,
        function: &'static Function,
        arguments: Vec<Value>,
        callback: Option<&'m Callback>,
    ) -> Result<Value, Fault> {
        self.charge(CALL_FUEL)?;
        let callback = callback.or_else(|| computed(function.callback, &arguments));
        let mut call = Call { machine: self, receiver: Value::Undefined, arguments, callback };
        let value = (function.run)(&mut call);
        let arguments = std::mem::take(&mut call.arguments);
        self.recycle(arguments);
        value
    }

    /// Calls a function that was given as an argument.
    pub(in super::super) fn call(
        &mut self,
        callback: &'m Callback,
        given: &[&Value],
    ) -> Result<Value, Fault> {
        let lent: SmallVec<[Lent<'m>; 4]> =
            given.iter().map(|value| Cow::Owned(value.element().clone())).collect();
        let value = if self.recorder.is_some() {
            self.apply::<true>(callback, lent)
        } else {
            self.apply::<false>(callback, lent)
        };
        value.map(Cow::into_owned)
    }

    /// Calls a function with these arguments.
    pub(super) fn apply<const TRACED: bool>(
        &mut self,
        callback: &'m Callback,
        given: SmallVec<[Lent<'m>; 4]>,
    ) -> Result<Lent<'m>, Fault> {
        self.charge(CALLBACK_FUEL)?;
        match callback {
            Callback::Function(function) => {
                let mut arguments = self.vm.spare.pop().unwrap_or_default();
                arguments.extend(given.into_iter().map(Cow::into_owned));
                self.call_function(function, arguments, None).map(Cow::Owned)
            }
            Callback::Arrow(arrow) => {
                self.bind::<TRACED>(arrow, given)?;
                self.eval::<TRACED>(&arrow.body)
            }
        }
    }
}

/// The function among the arguments that is a value: one that was chosen or read, not written out.
fn computed(position: Option<usize>, arguments: &[Value]) -> Option<&'static Callback> {
    match arguments.get(position?)? {
        Value::Instance(instance) => match &**instance {
            Instance::Function(function) => Some(builtins::callback(*function)),
            _ => None,
        },
        _ => None,
    }
}
