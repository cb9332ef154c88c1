//! Sort: a list by a function, stably; elements stay where they are until their order is known.

use std::borrow::Cow;
use std::cmp::Ordering;

use smallvec::smallvec;

use super::super::error::{Fault, Span};
use super::super::limits::VISIT_FUEL;
use super::super::program::{Callback, MethodCall};
use super::quick::lent_item;
use super::{Lent, Machine};
use crate::value::Value;

impl<'m> Machine<'m> {
    /// `sort` and `toSorted` with a function: `undefined` goes last.
    pub(super) fn sort<const TRACED: bool>(
        &mut self,
        list: Lent<'m>,
        call: &'m MethodCall,
        callback: &'m Callback,
        span: &Span,
    ) -> Result<Lent<'m>, Fault> {
        let length = list.items().map_or(0, |items| items.len());
        let holes = list.items().is_some_and(|i| i.iter().any(|i| matches!(i, Value::Hole)));
        if holes {
            // What becomes of holes differs between the two, and is the built-ins' affair.
            let given = self.arguments::<TRACED>(&call.arguments)?;
            let sorted =
                self.call_method(call.method, list.into_owned(), given, Some(callback), span);
            return sorted.map(Cow::Owned);
        }
        for item in call.arguments.items.iter().skip(1) {
            self.eval::<TRACED>(&item.node)?;
        }
        if let Callback::Arrow(arrow) = callback {
            self.room(arrow.places_end);
        }
        let (undefined, defined): (Vec<Lent<'m>>, Vec<Lent<'m>>) = (0..length)
            .map(|at| lent_item(&list, at))
            .partition(|item| matches!(**item, Value::Undefined));
        let sorted = self.merge_sort::<TRACED>(callback, defined)?;
        let sorted = sorted.into_iter().chain(undefined).map(Cow::into_owned).collect();
        self.array(sorted).map(Cow::Owned)
    }

    /// Merge sort: stable, and at ease with a function that contradicts itself.
    fn merge_sort<const TRACED: bool>(
        &mut self,
        callback: &'m Callback,
        mut items: Vec<Lent<'m>>,
    ) -> Result<Vec<Lent<'m>>, Fault> {
        if items.len() < 2 {
            return Ok(items);
        }
        let right = items.split_off(items.len() / 2);
        let left = self.merge_sort::<TRACED>(callback, items)?;
        let right = self.merge_sort::<TRACED>(callback, right)?;
        let mut out = Vec::with_capacity(left.len() + right.len());
        let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
        while let (Some(l), Some(r)) = (left.peek(), right.peek()) {
            let order = self.order::<TRACED>(callback, r, l)?;
            // The right one goes first only when it is less: equals keep their order.
            let next = if order.partial_cmp(&0.0) == Some(Ordering::Less) {
                right.next()
            } else {
                left.next()
            };
            out.extend(next);
        }
        out.extend(left);
        out.extend(right);
        Ok(out)
    }

    fn order<const TRACED: bool>(
        &mut self,
        callback: &'m Callback,
        left: &Lent<'m>,
        right: &Lent<'m>,
    ) -> Result<f64, Fault> {
        let order = match callback {
            Callback::Arrow(arrow) if arrow.count == 2 && !arrow.rest => {
                self.charge(VISIT_FUEL)?;
                self.parameters[arrow.first] = left.clone();
                self.parameters[arrow.first + 1] = right.clone();
                self.settle_bindings::<TRACED>(arrow)?;
                self.eval::<TRACED>(&arrow.body)?
            }
            _ => self.apply::<TRACED>(callback, smallvec![left.clone(), right.clone()])?,
        };
        self.number_of(&order)
    }
}
