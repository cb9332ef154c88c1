//! Sets: what `new Set` makes, and what reads it.

use std::sync::Arc;

use super::super::error::Fault;
use super::super::limits::BYTES_PER_FUEL;
use super::{Call, Entry, Function, array, object, within};
use crate::value::iterator::Iter;
use crate::value::set::Set;
use crate::value::{Instance, Value};

pub(super) const METHODS: &[Entry] = &[
    ("entries", None, entries),
    ("forEach", Some(0), for_each),
    ("has", None, has),
    ("hasOwnProperty", None, object::has_own_property),
    ("keys", None, values),
    ("propertyIsEnumerable", None, object::property_is_enumerable),
    ("toString", None, object::to_text),
    ("valueOf", None, object::value_of),
    ("values", None, values),
];

pub(super) const FUNCTIONS: &[Function] = &[within("new", "Set", new)];

/// What making a set or an iterator costs beyond its elements.
const INSTANCE_FUEL: usize = 4;

const ITERATOR: &str = "Set Iterator";

/// The receiver's elements; none of them is a hole.
fn items(call: &Call<'_, '_>) -> Arc<Vec<Value>> {
    match &call.receiver {
        Value::Instance(instance) if let Instance::Set(set) = &**instance => set.items().clone(),
        _ => Arc::default(),
    }
}

/// What comparing this value once costs beyond a unit.
fn bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        _ => 0,
    }
}

fn new(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let source = call.take(0);
    call.machine.charge(INSTANCE_FUEL)?;
    if source.is_nullish() {
        return Ok(Instance::Set(Set::default()).into());
    }
    let items = call.machine.iterate(&source)?;
    // Sorted to find repeats: so many rounds, each of which compares every text at worst.
    let rounds = items.len().max(1).ilog2() as usize + 2;
    let bytes: usize = items.iter().map(bytes).sum();
    call.machine.charge((items.len() + bytes / BYTES_PER_FUEL) * rounds)?;
    call.machine.count_container();
    Ok(Instance::Set(Set::from_items(items.into_owned())).into())
}

fn has(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    // Large ones are searched by halves.
    call.machine.charge(8 + 4 * bytes(call.argument(0)) / BYTES_PER_FUEL)?;
    let found = match &call.receiver {
        Value::Instance(instance) if let Instance::Set(set) = &**instance => {
            set.has(call.argument(0))
        }
        _ => false,
    };
    Ok(Value::Bool(found))
}

fn for_each(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = items(call);
    let function = call.function(0)?;
    for item in items.iter() {
        call.machine.call(function, &[item, item, &call.receiver])?;
    }
    Ok(Value::Undefined)
}

fn values(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = items(call);
    call.machine.charge(INSTANCE_FUEL + items.len())?;
    Ok(Instance::Iterator(Iter::over(ITERATOR, &items)).into())
}

fn entries(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = items(call);
    let pairs = array::pairs(call, items.iter().map(|item| (item.clone(), item.clone())))?;
    Ok(Instance::Iterator(Iter::new(ITERATOR, pairs)).into())
}
