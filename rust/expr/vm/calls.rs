//! Calls: arguments from the stack, built-ins, and the functions given to them.

use super::super::builtins::{Call, Function, Method};
use super::super::error::{Fault, Span};
use super::super::limits::CALL_DEPTH_MAX;
use super::super::program::{Callback, NO_CALLBACK};
use super::{Machine, excerpt, kind_of};
use crate::value::Value;

impl<'m> Machine<'m> {
    pub(super) fn take_arguments(&mut self, count: usize) -> Vec<Value> {
        let first = self.vm.stack.len().saturating_sub(count);
        let mut arguments = self.vm.spare.pop().unwrap_or_default();
        arguments.extend(self.vm.stack.drain(first..));
        arguments
    }

    pub(super) fn spread_arguments(&mut self) -> Vec<Value> {
        match self.pop() {
            Value::Array(items) => items.to_vec(),
            _ => Vec::new(),
        }
    }

    pub(super) fn recycle(&mut self, mut arguments: Vec<Value>) {
        arguments.clear();
        if self.vm.spare.len() < 16 && arguments.capacity() <= 64 {
            self.vm.spare.push(arguments);
        }
    }

    pub(super) fn callback(&self, index: u32) -> Option<&'m Callback> {
        if index == NO_CALLBACK { None } else { self.program.callbacks.get(index as usize) }
    }

    pub(super) fn call_method(
        &mut self,
        method: &'static Method,
        receiver: Value,
        arguments: Vec<Value>,
        callback: u32,
        span: &Span,
    ) -> Result<Value, Fault> {
        let Some(run) = method.of(&receiver) else {
            return Err(self.no_method(method, &receiver, span));
        };
        let callback = self.callback(callback);
        let mut call = Call { machine: self, receiver, arguments, callback };
        let value = run(&mut call);
        let arguments = std::mem::take(&mut call.arguments);
        self.recycle(arguments);
        value
    }

    #[cold]
    pub(super) fn no_method(&self, method: &Method, receiver: &Value, span: &Span) -> Fault {
        let text = excerpt(&self.program.source, span);
        let kind = kind_of(receiver);
        let name = method.name;
        if receiver.is_nullish() {
            let message = format!("cannot call `{name}` of {kind}: `{text}`");
            return Fault::type_error(message);
        }
        Fault::type_error(format!("{kind} has no method `{name}`: `{text}`"))
    }

    pub(super) fn call_function(
        &mut self,
        function: &'static Function,
        arguments: Vec<Value>,
        callback: u32,
    ) -> Result<Value, Fault> {
        let callback = self.callback(callback);
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
        self.charge(1)?;
        if self.depth >= CALL_DEPTH_MAX {
            return Err(Fault::limit(format!("calls nest deeper than {CALL_DEPTH_MAX}")));
        }
        self.depth += 1;
        let value = match callback {
            Callback::Function(function) => {
                let mut arguments = self.vm.spare.pop().unwrap_or_default();
                arguments.extend(given.iter().map(|value| (*value).clone()));
                self.call_function(function, arguments, NO_CALLBACK)
            }
            Callback::Arrow { block, first, count, rest } => {
                let plain = count - usize::from(*rest);
                for position in 0..plain {
                    let value = given.get(position).map_or(Value::Undefined, |v| (*v).clone());
                    self.vm.parameters[first + position] = value;
                }
                if *rest {
                    let rest = given.get(plain..).unwrap_or(&[]);
                    let items = rest.iter().map(|value| (*value).clone()).collect();
                    self.vm.parameters[first + plain] = self.array(items)?;
                }
                self.run(*block)
            }
        };
        self.depth -= 1;
        value
    }
}
