//! Chains: members, indexes and calls in a row, each on what the one before it gave.

use std::borrow::Cow;

use super::super::builtins::{self, Method};
use super::super::error::{Fault, Span};
use super::super::program::{ComputedCall, MethodCall, Node, Part, PartKind, Quick, Step, Visit};
use super::{Lent, Machine, UNDEFINED, excerpt, kind_of};
use crate::value::Value;

/// What a part gave.
enum Link<'m> {
    Value(Lent<'m>),
    /// The chain ends with `undefined`.
    End,
}

impl<'m> Machine<'m> {
    /// A value and the parts behind it.
    pub(super) fn chain<const TRACED: bool>(
        &mut self,
        base: &'m Node,
        parts: &'m [Part],
    ) -> Result<Lent<'m>, Fault> {
        let mut current = self.eval::<TRACED>(base)?;
        let mut at = 0;
        while let Some(part) = parts.get(at) {
            if part.optional && current.is_nullish() {
                return Ok(Cow::Borrowed(&UNDEFINED));
            }
            let joined = !TRACED && self.joins(part, &current);
            let outcome = if joined {
                self.joined(part, &parts[at + 1], &current)
            } else {
                self.part::<TRACED>(part, current)
            };
            if TRACED && at + 1 < parts.len() {
                self.record_part(&part.span, &outcome);
            }
            match outcome {
                Ok(Link::Value(value)) => current = value,
                Ok(Link::End) => return Ok(Cow::Borrowed(&UNDEFINED)),
                Err(fault) => return Err(fault.at(&part.span)),
            }
            at += 1 + usize::from(joined);
        }
        Ok(current)
    }

    fn record_part(&mut self, span: &Span, outcome: &Result<Link<'m>, Fault>) {
        match outcome {
            Ok(Link::Value(value)) => self.record_at(span, &Ok(Cow::Borrowed(value))),
            Ok(Link::End) => self.record_at(span, &Ok(Cow::Borrowed(&UNDEFINED))),
            Err(fault) => self.record_at(span, &Err(fault.clone().at(span))),
        }
    }

    /// Whether the part and the one behind it are answered in one.
    #[inline]
    fn joins(&self, part: &Part, receiver: &Value) -> bool {
        match (&part.kind, receiver) {
            (PartKind::Method(call), Value::Array(_)) => {
                matches!(call.quick, Quick::SliceItem { .. } | Quick::Count)
            }
            _ => false,
        }
    }

    /// A `slice` with the element read of it, a `filter` with its length: the same price as one
    /// after the other, without the list between the two.
    fn joined(
        &mut self,
        part: &'m Part,
        next: &'m Part,
        receiver: &Lent<'m>,
    ) -> Result<Link<'m>, Fault> {
        let (PartKind::Method(call), PartKind::Members(steps)) = (&part.kind, &next.kind) else {
            unreachable!("the compiler joins a call with members");
        };
        self.charge(1)?;
        let value = match call.quick {
            Quick::SliceItem { start, end, index } => {
                self.slice_item(receiver, start, end, index)?
            }
            _ => Cow::Owned(Value::Number(self.count(receiver, &call.arguments)? as f64)),
        };
        self.charge(1).map_err(|fault| fault.at(&next.span))?;
        let value = self.follow_lent(value, &steps[1..], next.span.start);
        value.map(Link::Value).map_err(|fault| fault.at(&next.span))
    }

    fn part<const TRACED: bool>(
        &mut self,
        part: &'m Part,
        current: Lent<'m>,
    ) -> Result<Link<'m>, Fault> {
        self.charge(1)?;
        match &part.kind {
            PartKind::Members(steps) => {
                self.follow_lent(current, steps, part.span.start).map(Link::Value)
            }
            PartKind::Index(node) => {
                let index = self.eval::<TRACED>(node)?;
                self.index(current, &index).map(Link::Value)
            }
            PartKind::Method(call) => self.method::<TRACED>(current, call, &part.span),
            PartKind::Computed(call) => self.computed::<TRACED>(current, call, &part.span),
        }
    }

    fn follow_lent(
        &mut self,
        value: Lent<'m>,
        steps: &'m [Step],
        start: usize,
    ) -> Result<Lent<'m>, Fault> {
        match value {
            Cow::Borrowed(value) => self.follow(value, steps, start),
            Cow::Owned(value) => self.follow_owned(value, steps, start),
        }
    }

    fn method<const TRACED: bool>(
        &mut self,
        receiver: Lent<'m>,
        call: &'m MethodCall,
        span: &Span,
    ) -> Result<Link<'m>, Fault> {
        if receiver.is_nullish() {
            return Err(self.no_method(call.method.name, &receiver, span));
        }
        if call.optional && !has_method(&receiver, call.method.name, Some(call.method)) {
            return Ok(Link::End);
        }
        let arguments = &call.arguments;
        let value = match (call.quick, &*receiver) {
            (Quick::Visit(visit), Value::Array(_)) => {
                return self.visit::<TRACED>(visit, receiver, arguments).map(Link::Value);
            }
            // What is asked of the two joined is the `filter` alone when it is watched.
            (Quick::Count, Value::Array(_)) => {
                return self.visit::<TRACED>(Visit::Filter, receiver, arguments).map(Link::Value);
            }
            (Quick::At(position), Value::Array(items)) => {
                return Ok(Link::Value(self.item_at(&receiver, items, position)));
            }
            (Quick::Search(search), _) => {
                let wanted = self.eval::<TRACED>(&arguments.items[0].node)?;
                if let Some(found) = self.search(search, &receiver, &wanted)? {
                    return Ok(Link::Value(Cow::Owned(found)));
                }
                let mut given = self.vm.spare.pop().unwrap_or_default();
                given.push(wanted.into_owned());
                self.call_method(call.method, receiver.into_owned(), given, None, span)?
            }
            _ => {
                let given = self.arguments::<TRACED>(arguments)?;
                let callback = arguments.callback.as_ref();
                self.call_method(call.method, receiver.into_owned(), given, callback, span)?
            }
        };
        Ok(Link::Value(Cow::Owned(value)))
    }

    /// `object[name](…)`.
    fn computed<const TRACED: bool>(
        &mut self,
        receiver: Lent<'m>,
        call: &'m ComputedCall,
        span: &Span,
    ) -> Result<Link<'m>, Fault> {
        let name = self.eval::<TRACED>(&call.name)?;
        if receiver.is_nullish() {
            let message = format!("cannot read a property of {}", kind_of(&receiver));
            return Err(Fault::type_error(message));
        }
        let name = self.text_of(&name)?;
        let method = builtins::method(&name);
        if call.optional && !has_method(&receiver, &name, method) {
            return Ok(Link::End);
        }
        let given = self.arguments::<TRACED>(&call.arguments)?;
        let Some(method) = method else {
            return Err(self.no_method("that name", &receiver, span));
        };
        let value = self.call_method(method, receiver.into_owned(), given, None, span)?;
        Ok(Link::Value(Cow::Owned(value)))
    }

    #[cold]
    pub(super) fn no_method(&self, name: &str, receiver: &Value, span: &Span) -> Fault {
        let text = excerpt(&self.program.source, span);
        let kind = kind_of(receiver);
        if receiver.is_nullish() {
            let message = format!("cannot call `{name}` of {kind}: `{text}`");
            return Fault::type_error(message);
        }
        Fault::type_error(format!("{kind} has no method `{name}`: `{text}`"))
    }
}

/// Whether `receiver.name` is there to be called, for `?.(`: what is no function is an error later.
fn has_method(receiver: &Value, name: &str, method: Option<&Method>) -> bool {
    match receiver.get(name) {
        Some(own) => !own.is_nullish(),
        None => method.is_some_and(|method| method.of(receiver).is_some()),
    }
}
