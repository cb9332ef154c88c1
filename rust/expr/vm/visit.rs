//! Visit: a function called on each element of a list.
//!
//! Elements of a borrowed list are borrowed. A hole is no element to a function, but for the
//! searches `find…`, to which it is `undefined`. The list does not change meanwhile, as no value does.

use std::borrow::Cow;

use smallvec::smallvec;

use super::super::error::Fault;
use super::super::limits::{
    HOLES_PER_FUEL, LIST_ITEMS_MAX, LOOP_FUEL, VALUE_DEPTH_MAX, VISIT_FUEL,
};
use super::super::program::{Arguments, Arrow, Base, Callback, NodeKind, Visit};
use super::operand::walk;
use super::quick::lent_item;
use super::{Lent, Machine, UNDEFINED, too_many};
use crate::value::{Value, ops};

/// Lists and maps that a `reduce` may make between two looks at how deep its value has become.
const CONTAINERS_BETWEEN_CHECKS: usize = 64;

/// A list, and the function that is called over it.
struct Visited<'m> {
    list: Lent<'m>,
    callback: &'m Callback,
}

impl<'m> Visited<'m> {
    fn items(&self) -> &[Value] {
        match &*self.list {
            Value::Array(items) => items,
            _ => &[],
        }
    }
}

impl<'m> Machine<'m> {
    /// A method that calls a function over a list.
    pub(super) fn visit<const TRACED: bool>(
        &mut self,
        visit: Visit,
        list: Lent<'m>,
        arguments: &'m Arguments,
    ) -> Result<Lent<'m>, Fault> {
        let Some(callback) = &arguments.callback else {
            unreachable!("the compiler asks for a visit only where a function is given");
        };
        let initial = self.other_arguments::<TRACED>(arguments)?;
        if let Callback::Arrow(arrow) = callback {
            self.room(arrow.places_end);
        }
        let visited = Visited { list, callback };
        // Holes are passed over without a call, which is work too.
        self.charge(LOOP_FUEL + visited.items().len() / HOLES_PER_FUEL)?;
        let length = visited.items().len();
        let number = |at: Option<usize>| Cow::Owned(Value::Number(at.map_or(-1.0, |at| at as f64)));
        let item = |at: Option<usize>| {
            at.map_or(Cow::Borrowed(&UNDEFINED), |at| lent_item(&visited.list, at))
        };
        Ok(match visit {
            Visit::Some => {
                let found = self.find::<TRACED>(&visited, 0..length, true, true)?;
                Cow::Owned(Value::Bool(found.is_some()))
            }
            Visit::Every => {
                let found = self.find::<TRACED>(&visited, 0..length, false, true)?;
                Cow::Owned(Value::Bool(found.is_none()))
            }
            Visit::Find => item(self.find::<TRACED>(&visited, 0..length, true, false)?),
            Visit::FindIndex => number(self.find::<TRACED>(&visited, 0..length, true, false)?),
            Visit::FindLast => {
                item(self.find::<TRACED>(&visited, (0..length).rev(), true, false)?)
            }
            Visit::FindLastIndex => {
                number(self.find::<TRACED>(&visited, (0..length).rev(), true, false)?)
            }
            Visit::Filter => self.filter::<TRACED>(&visited)?,
            Visit::Map => self.map::<TRACED>(&visited)?,
            Visit::FlatMap => self.flat_map::<TRACED>(&visited)?,
            Visit::ForEach => {
                for at in 0..length {
                    if !matches!(visited.items()[at], Value::Hole) {
                        self.call_on::<TRACED>(&visited, at)?;
                    }
                }
                Cow::Borrowed(&UNDEFINED)
            }
            Visit::Reduce => self.reduce::<TRACED>(&visited, initial)?,
        })
    }

    /// `list.filter(…).length`.
    pub(super) fn count(
        &mut self,
        list: &Lent<'m>,
        arguments: &'m Arguments,
    ) -> Result<usize, Fault> {
        self.other_arguments::<false>(arguments)?;
        let Some(callback) = &arguments.callback else { return Ok(0) };
        if let Callback::Arrow(arrow) = callback {
            self.room(arrow.places_end);
        }
        let visited = Visited { list: list.clone(), callback };
        // Holes are passed over without a call, which is work too.
        self.charge(LOOP_FUEL + visited.items().len() / HOLES_PER_FUEL)?;
        let mut count = 0;
        for at in 0..visited.items().len() {
            if !matches!(visited.items()[at], Value::Hole) && self.holds::<false>(&visited, at)? {
                count += 1;
            }
        }
        self.charge_list(count)?;
        Ok(count)
    }

    /// Arguments behind the function: they are evaluated before anything is called.
    fn other_arguments<const TRACED: bool>(
        &mut self,
        arguments: &'m Arguments,
    ) -> Result<Option<Lent<'m>>, Fault> {
        let mut first = None;
        for item in arguments.items.iter().skip(1) {
            let value = self.eval::<TRACED>(&item.node)?;
            first.get_or_insert(value);
        }
        Ok(first)
    }

    /// The first element, in the order given, of which the function's truth is `wanted`.
    fn find<const TRACED: bool>(
        &mut self,
        visited: &Visited<'m>,
        positions: impl Iterator<Item = usize>,
        wanted: bool,
        skip_holes: bool,
    ) -> Result<Option<usize>, Fault> {
        for at in positions {
            if skip_holes && matches!(visited.items()[at], Value::Hole) {
                continue;
            }
            if self.holds::<TRACED>(visited, at)? == wanted {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// The truth of the function on one element.
    #[inline]
    fn holds<const TRACED: bool>(
        &mut self,
        visited: &Visited<'m>,
        at: usize,
    ) -> Result<bool, Fault> {
        let Callback::Arrow(arrow) = visited.callback else {
            return self.call_on::<TRACED>(visited, at).map(|value| ops::truthy(&value));
        };
        // `item => item.value === "x"`: the element need not even become a parameter.
        if !TRACED
            && let NodeKind::Compare(comparison) = &arrow.body.kind
            && comparison.read.base == Base::Parameter(arrow.first as u32)
            && arrow.bindings.is_empty()
            && !arrow.rest
        {
            self.charge(VISIT_FUEL + 2)?;
            let span = &comparison.read_span;
            let item = visited.items()[at].element();
            if let Some(value) = walk(item, &comparison.read.steps) {
                return self
                    .relation(comparison.operator, value, &comparison.constant)
                    .map_err(|fault| fault.at(&arrow.body.span));
            }
            return match self.follow(item, &comparison.read.steps, span.start) {
                Ok(value) => self
                    .relation(comparison.operator, &value, &comparison.constant)
                    .map_err(|fault| fault.at(&arrow.body.span)),
                Err(fault) => Err(fault.at(span)),
            };
        }
        self.enter::<TRACED>(visited, at)?;
        self.test::<TRACED>(&arrow.body)
    }

    /// What the function gives for one element.
    #[inline]
    fn call_on<const TRACED: bool>(
        &mut self,
        visited: &Visited<'m>,
        at: usize,
    ) -> Result<Lent<'m>, Fault> {
        match visited.callback {
            Callback::Arrow(arrow) => {
                self.enter::<TRACED>(visited, at)?;
                self.eval::<TRACED>(&arrow.body)
            }
            Callback::Function(_) => {
                let item = lent_item(&visited.list, at);
                let position = Cow::Owned(Value::Number(at as f64));
                let given = smallvec![item, position, visited.list.clone()];
                self.apply::<TRACED>(visited.callback, given)
            }
        }
    }

    /// Gives an arrow function its parameters: element, position, list.
    #[inline]
    fn enter<const TRACED: bool>(&mut self, visited: &Visited<'m>, at: usize) -> Result<(), Fault> {
        let Callback::Arrow(arrow) = visited.callback else { return Ok(()) };
        self.charge(VISIT_FUEL)?;
        let item = lent_item(&visited.list, at);
        let position = || Cow::Owned(Value::Number(at as f64));
        if arrow.rest || arrow.count > 3 {
            return self.bind::<TRACED>(arrow, smallvec![item, position(), visited.list.clone()]);
        }
        let first = arrow.first;
        if arrow.count > 0 {
            self.parameters[first] = item;
        }
        if arrow.count > 1 {
            self.parameters[first + 1] = position();
        }
        if arrow.count > 2 {
            self.parameters[first + 2] = visited.list.clone();
        }
        self.settle_bindings::<TRACED>(arrow)
    }

    fn filter<const TRACED: bool>(&mut self, visited: &Visited<'m>) -> Result<Lent<'m>, Fault> {
        let mut out = Vec::new();
        for at in 0..visited.items().len() {
            if !matches!(visited.items()[at], Value::Hole) && self.holds::<TRACED>(visited, at)? {
                out.push(visited.items()[at].clone());
            }
        }
        self.array(out).map(Cow::Owned)
    }

    fn map<const TRACED: bool>(&mut self, visited: &Visited<'m>) -> Result<Lent<'m>, Fault> {
        let length = visited.items().len();
        let mut out = Vec::with_capacity(length);
        for at in 0..length {
            out.push(match visited.items()[at] {
                Value::Hole => Value::Hole,
                _ => self.call_on::<TRACED>(visited, at)?.into_owned(),
            });
        }
        self.array(out).map(Cow::Owned)
    }

    fn flat_map<const TRACED: bool>(&mut self, visited: &Visited<'m>) -> Result<Lent<'m>, Fault> {
        let mut out = Vec::new();
        for at in 0..visited.items().len() {
            if matches!(visited.items()[at], Value::Hole) {
                continue;
            }
            let value = self.call_on::<TRACED>(visited, at)?;
            match value.items() {
                Some(inner) => {
                    self.charge(inner.len())?;
                    out.extend(inner.iter().filter(|i| !matches!(i, Value::Hole)).cloned());
                }
                None => out.push(value.into_owned()),
            }
            if out.len() > LIST_ITEMS_MAX {
                return Err(too_many());
            }
        }
        self.array(out).map(Cow::Owned)
    }

    fn reduce<const TRACED: bool>(
        &mut self,
        visited: &Visited<'m>,
        initial: Option<Lent<'m>>,
    ) -> Result<Lent<'m>, Fault> {
        let holds_value = |at: &usize| !matches!(visited.items()[*at], Value::Hole);
        let mut positions = (0..visited.items().len()).filter(holds_value);
        let mut folded = match initial {
            Some(value) => value,
            None => match positions.next() {
                Some(first) => lent_item(&visited.list, first),
                None => {
                    let message = "`reduce` of an empty list needs an initial value";
                    return Err(Fault::type_error(message));
                }
            },
        };
        let mut checked = self.containers;
        if let (false, Callback::Arrow(arrow)) = (TRACED, visited.callback)
            && arrow.count == 2
            && !arrow.rest
        {
            return self.fold_plainly(visited, arrow, folded, positions);
        }
        for at in positions {
            folded = self.fold_one::<TRACED>(visited, folded, at)?;
            // Only here can a value grow deeper with every element.
            if self.containers - checked > CONTAINERS_BETWEEN_CHECKS {
                self.check_depth(&folded, 2 * VALUE_DEPTH_MAX)?;
                checked = self.containers;
            }
        }
        Ok(folded)
    }

    /// `reduce` by a function of two parameters, on which numbers stay numbers.
    fn fold_plainly(
        &mut self,
        visited: &Visited<'m>,
        arrow: &'m Arrow,
        mut folded: Lent<'m>,
        positions: impl Iterator<Item = usize>,
    ) -> Result<Lent<'m>, Fault> {
        let mut checked = self.containers;
        for at in positions {
            self.charge(VISIT_FUEL)?;
            self.parameters[arrow.first] = folded;
            self.parameters[arrow.first + 1] = lent_item(&visited.list, at);
            self.settle_bindings::<false>(arrow)?;
            let operand = self.operand(&arrow.body)?;
            folded = self.lent(operand);
            // Only here can a value grow deeper with every element.
            if self.containers - checked > CONTAINERS_BETWEEN_CHECKS {
                self.check_depth(&folded, 2 * VALUE_DEPTH_MAX)?;
                checked = self.containers;
            }
        }
        Ok(folded)
    }

    #[inline]
    fn fold_one<const TRACED: bool>(
        &mut self,
        visited: &Visited<'m>,
        folded: Lent<'m>,
        at: usize,
    ) -> Result<Lent<'m>, Fault> {
        let item = lent_item(&visited.list, at);
        if let Callback::Arrow(arrow) = visited.callback
            && arrow.count == 2
            && !arrow.rest
        {
            self.charge(VISIT_FUEL)?;
            self.parameters[arrow.first] = folded;
            self.parameters[arrow.first + 1] = item;
            self.settle_bindings::<TRACED>(arrow)?;
            return self.eval::<TRACED>(&arrow.body);
        }
        let position = Cow::Owned(Value::Number(at as f64));
        let given = smallvec![folded, item, position, visited.list.clone()];
        self.apply::<TRACED>(visited.callback, given)
    }
}
