//! Arrays: what takes a function, called once an element, in the list's order.

use std::cmp::Ordering;
use std::hint::black_box;
use std::sync::Arc;

use super::super::error::Fault;
use super::super::limits::{LIST_ITEMS_MAX, VALUE_DEPTH_MAX};
use super::super::program::Callback;
use super::super::vm::too_many;
use super::{Call, Entry};
use crate::value::{Text, Value, ops, string};

pub(super) const METHODS: &[Entry] = &[
    ("every", Some(0), every),
    ("filter", Some(0), filter),
    ("find", Some(0), find),
    ("findIndex", Some(0), find_index),
    ("findLast", Some(0), find_last),
    ("findLastIndex", Some(0), find_last_index),
    ("flatMap", Some(0), flat_map),
    ("forEach", Some(0), for_each),
    ("map", Some(0), map),
    ("reduce", Some(0), reduce),
    ("reduceRight", Some(0), reduce_right),
    ("some", Some(0), some),
    ("sort", Some(0), sort),
    ("toSorted", Some(0), sort),
];

/// Lists and maps that a `reduce` may make between two looks at how deep its value has become.
const CONTAINERS_BETWEEN_CHECKS: usize = 64;

/// How many elements are loaded ahead.
const TOUCHED_MAX: usize = 64;

impl<'m> Call<'_, 'm> {
    /// The list that a function is about to be called over. Its elements are loaded first, all at
    /// once: counting a reference waits for its cache line, and one wait is shorter than one each.
    fn elements(&self) -> Arc<Vec<Value>> {
        let items = self.items();
        let loaded = items.iter().take(TOUCHED_MAX).map(|item| match item {
            Value::Object(object) => object.touch(),
            _ => 0,
        });
        black_box(loaded.sum::<usize>());
        items
    }

    /// Calls the function on one element, as JavaScript does: element, position, list.
    fn visit(&mut self, function: &'m Callback, item: &Value, at: usize) -> Result<Value, Fault> {
        self.machine.call(function, &[item, &Value::Number(at as f64), &self.receiver])
    }

    /// The first element, in the order given, that the function holds for.
    fn search(
        &mut self,
        positions: impl Iterator<Item = usize>,
    ) -> Result<Option<(usize, Value)>, Fault> {
        let items = self.elements();
        let function = self.function(0)?;
        for at in positions {
            if ops::truthy(&self.visit(function, &items[at], at)?) {
                return Ok(Some((at, items[at].clone())));
            }
        }
        Ok(None)
    }
}

fn every(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.elements();
    let function = call.function(0)?;
    for (at, item) in items.iter().enumerate() {
        if !ops::truthy(&call.visit(function, item, at)?) {
            return Ok(Value::Bool(false));
        }
    }
    Ok(Value::Bool(true))
}

fn some(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let length = call.items().len();
    Ok(Value::Bool(call.search(0..length)?.is_some()))
}

fn find(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let length = call.items().len();
    Ok(call.search(0..length)?.map_or(Value::Undefined, |(_, item)| item))
}

fn find_index(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let length = call.items().len();
    Ok(Value::Number(call.search(0..length)?.map_or(-1.0, |(at, _)| at as f64)))
}

fn find_last(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let length = call.items().len();
    Ok(call.search((0..length).rev())?.map_or(Value::Undefined, |(_, item)| item))
}

fn find_last_index(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let length = call.items().len();
    Ok(Value::Number(call.search((0..length).rev())?.map_or(-1.0, |(at, _)| at as f64)))
}

fn filter(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.elements();
    let function = call.function(0)?;
    let mut out = Vec::new();
    for (at, item) in items.iter().enumerate() {
        if ops::truthy(&call.visit(function, item, at)?) {
            out.push(item.clone());
        }
    }
    call.machine.array(out)
}

fn map(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.elements();
    let function = call.function(0)?;
    let mut out = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        out.push(call.visit(function, item, at)?);
    }
    call.machine.array(out)
}

fn flat_map(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.elements();
    let function = call.function(0)?;
    let mut out = Vec::new();
    for (at, item) in items.iter().enumerate() {
        match call.visit(function, item, at)? {
            Value::Array(inner) => {
                call.machine.charge(inner.len())?;
                out.extend(inner.iter().cloned());
            }
            other => out.push(other),
        }
        if out.len() > LIST_ITEMS_MAX {
            return Err(too_many());
        }
    }
    call.machine.array(out)
}

fn for_each(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.elements();
    let function = call.function(0)?;
    for (at, item) in items.iter().enumerate() {
        call.visit(function, item, at)?;
    }
    Ok(Value::Undefined)
}

fn reduce(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let length = call.items().len();
    fold(call, 0..length)
}

fn reduce_right(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let length = call.items().len();
    fold(call, (0..length).rev())
}

fn fold(
    call: &mut Call<'_, '_>,
    mut positions: impl Iterator<Item = usize>,
) -> Result<Value, Fault> {
    let items = call.elements();
    let function = call.function(0)?;
    let mut folded = if call.arguments.len() > 1 {
        call.take(1)
    } else {
        let Some(first) = positions.next() else {
            return Err(Fault::type_error("`reduce` of an empty list needs an initial value"));
        };
        items[first].clone()
    };
    let mut checked = call.machine.containers();
    for at in positions {
        let position = Value::Number(at as f64);
        let given = [&folded, &items[at], &position, &call.receiver];
        folded = call.machine.call(function, &given)?;
        // Only here can a value grow deeper with every element.
        if call.machine.containers() - checked > CONTAINERS_BETWEEN_CHECKS {
            call.machine.check_depth(&folded, 2 * VALUE_DEPTH_MAX)?;
            checked = call.machine.containers();
        }
    }
    Ok(folded)
}

/// A new list, sorted stably: by the function, or as text; `undefined` goes last.
fn sort(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    if call.callback.is_none() && call.given(0) {
        call.function(0)?;
    }
    let items = call.items();
    let (undefined, mut defined): (Vec<Value>, Vec<Value>) =
        items.iter().cloned().partition(|item| matches!(item, Value::Undefined));
    match call.callback {
        Some(function) => defined = merge_sort(call, function, defined)?,
        None => defined = sort_as_text(call, defined)?,
    }
    defined.extend(undefined);
    call.machine.array(defined)
}

fn sort_as_text(call: &mut Call<'_, '_>, items: Vec<Value>) -> Result<Vec<Value>, Fault> {
    let mut keyed: Vec<(Text, Value)> = Vec::with_capacity(items.len());
    let mut bytes = 0;
    for item in items {
        let key = call.machine.text_of(&item)?;
        bytes += key.len();
        keyed.push((key, item));
    }
    // So many comparisons, each of two whole keys at worst.
    let rounds = keyed.len().max(1).ilog2() as usize + 1;
    call.machine.charge((keyed.len() + bytes / 16) * rounds)?;
    keyed.sort_by(|(left, _), (right, _)| string::compare(left, right));
    Ok(keyed.into_iter().map(|(_, item)| item).collect())
}

/// Merge sort: stable, and at ease with a function that contradicts itself.
fn merge_sort<'m>(
    call: &mut Call<'_, 'm>,
    function: &'m Callback,
    mut items: Vec<Value>,
) -> Result<Vec<Value>, Fault> {
    if items.len() < 2 {
        return Ok(items);
    }
    let right = items.split_off(items.len() / 2);
    let left = merge_sort(call, function, items)?;
    let right = merge_sort(call, function, right)?;
    let mut out = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(l), Some(r)) = (left.peek(), right.peek()) {
        let order = call.machine.call(function, &[r, l])?;
        let order = call.machine.number_of(&order)?;
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
