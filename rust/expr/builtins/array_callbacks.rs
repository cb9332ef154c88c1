//! Arrays: what takes a function, called once an element, in the list's order.
//!
//! Holes are passed over, but by what came with ES2015 and later (`find` and its like), to which they
//! are `undefined`.

use std::hint::black_box;
use std::sync::Arc;

use super::super::error::Fault;
use super::super::limits::{HOLES_PER_FUEL, LIST_ITEMS_MAX, VALUE_DEPTH_MAX};
use super::super::program::Callback;
use super::super::vm::too_many;
use super::{Call, Entry};
use crate::value::{Value, ops};

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
];

/// Lists and maps that a `reduce` may make between two looks at how deep its value has become.
const CONTAINERS_BETWEEN_CHECKS: usize = 64;

/// How many elements are loaded ahead.
const TOUCHED_MAX: usize = 64;

impl<'m> Call<'_, 'm> {
    /// The list that a function is about to be called over. Its elements are loaded first, all at
    /// once: counting a reference waits for its cache line, and one wait is shorter than one each.
    fn elements(&mut self) -> Result<Arc<Vec<Value>>, Fault> {
        let items = self.items();
        self.machine.charge(items.len() / HOLES_PER_FUEL)?;
        let loaded = items.iter().take(TOUCHED_MAX).map(|item| match item {
            Value::Object(object) => object.touch(),
            _ => 0,
        });
        black_box(loaded.sum::<usize>());
        Ok(items)
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
        let items = self.elements()?;
        let function = self.function(0)?;
        for at in positions {
            let item = items[at].element();
            if ops::truthy(&self.visit(function, item, at)?) {
                return Ok(Some((at, item.clone())));
            }
        }
        Ok(None)
    }
}

/// The elements that there are, with their positions: no holes.
fn present(items: &[Value]) -> impl Iterator<Item = (usize, &Value)> {
    items.iter().enumerate().filter(|(_, item)| !matches!(item, Value::Hole))
}

fn every(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.elements()?;
    let function = call.function(0)?;
    for (at, item) in present(&items) {
        if !ops::truthy(&call.visit(function, item, at)?) {
            return Ok(Value::Bool(false));
        }
    }
    Ok(Value::Bool(true))
}

fn some(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.elements()?;
    let function = call.function(0)?;
    for (at, item) in present(&items) {
        if ops::truthy(&call.visit(function, item, at)?) {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
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
    let items = call.elements()?;
    let function = call.function(0)?;
    let mut out = Vec::new();
    for (at, item) in present(&items) {
        if ops::truthy(&call.visit(function, item, at)?) {
            out.push(item.clone());
        }
    }
    call.machine.array(out)
}

fn map(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.elements()?;
    let function = call.function(0)?;
    let mut out = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        out.push(match item {
            Value::Hole => Value::Hole,
            _ => call.visit(function, item, at)?,
        });
    }
    call.machine.array(out)
}

fn flat_map(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.elements()?;
    let function = call.function(0)?;
    let mut out = Vec::new();
    for (at, item) in present(&items) {
        let value = call.visit(function, item, at)?;
        match value.items() {
            Some(inner) => {
                call.machine.charge(inner.len())?;
                out.extend(present(inner).map(|(_, item)| item.clone()));
            }
            None => out.push(value),
        }
        if out.len() > LIST_ITEMS_MAX {
            return Err(too_many());
        }
    }
    call.machine.array(out)
}

fn for_each(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.elements()?;
    let function = call.function(0)?;
    for (at, item) in present(&items) {
        call.visit(function, item, at)?;
    }
    Ok(Value::Undefined)
}

fn reduce(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.elements()?;
    fold(call, present(&items))
}

fn reduce_right(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.elements()?;
    let backwards = items.iter().enumerate().rev();
    fold(call, backwards.filter(|(_, item)| !matches!(item, Value::Hole)))
}

fn fold<'i>(
    call: &mut Call<'_, '_>,
    mut items: impl Iterator<Item = (usize, &'i Value)>,
) -> Result<Value, Fault> {
    let function = call.function(0)?;
    let mut folded = if call.arguments.len() > 1 {
        call.take(1)
    } else {
        let Some((_, first)) = items.next() else {
            return Err(Fault::type_error("`reduce` of an empty list needs an initial value"));
        };
        first.clone()
    };
    let mut checked = call.machine.containers();
    for (at, item) in items {
        let position = Value::Number(at as f64);
        let given = [&folded, item, &position, &call.receiver];
        folded = call.machine.call(function, &given)?;
        // Only here can a value grow deeper with every element.
        if call.machine.containers() - checked > CONTAINERS_BETWEEN_CHECKS {
            call.machine.check_depth(&folded, 2 * VALUE_DEPTH_MAX)?;
            checked = call.machine.containers();
        }
    }
    Ok(folded)
}
