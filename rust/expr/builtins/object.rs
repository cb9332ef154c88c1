//! Objects: names, values and entries, and the methods that every value has.

use super::super::error::Fault;
use super::super::limits::{BYTES_PER_FUEL, NAME_FUEL};
use super::super::vm::{entries_of, index_name, kind_of};
use super::{Call, Entry, Function, array, within};
use crate::value::{Instance, Text, Value, array_index, ops, string};

/// What every object has. Iterators have no more: they are there to be spread, given to `Array.from`,
/// `new Set` or `Object.fromEntries`, and taken apart; nor have functions, which are passed on.
pub(super) const METHODS: &[Entry] = &[
    ("hasOwnProperty", None, has_own_property),
    ("propertyIsEnumerable", None, property_is_enumerable),
    ("toString", None, to_text),
    ("valueOf", None, value_of),
];

pub(super) const FUNCTIONS: &[Function] = &[
    within("Object", "assign", assign),
    within("Object", "entries", entries),
    within("Object", "fromEntries", from_entries),
    within("Object", "getOwnPropertyNames", own_property_names),
    within("Object", "hasOwn", has_own),
    within("Object", "is", is),
    within("Object", "keys", keys),
    within("Object", "values", values),
];

/// What spelling a position as a name costs.
const INDEX_NAME_FUEL: usize = 6;

/// A map's own entry of a method's name hides the method, and is no function.
fn refuse_hidden(call: &Call<'_, '_>, method: &str) -> Result<(), Fault> {
    match &call.receiver {
        Value::Object(object) if object.get(method).is_some() => {
            Err(Fault::type_error(format!("the object's own `{method}` is no function")))
        }
        _ => Ok(()),
    }
}

pub(super) fn value_of(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    refuse_hidden(call, "valueOf")?;
    Ok(std::mem::take(&mut call.receiver))
}

pub(super) fn to_text(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    refuse_hidden(call, "toString")?;
    let receiver = call.receiver.clone();
    Ok(Value::String(call.machine.text_of(&receiver)?))
}

pub(super) fn has_own_property(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    refuse_hidden(call, "hasOwnProperty")?;
    let name = call.text(0)?;
    charge_look(call, &call.receiver.clone(), &name)?;
    Ok(Value::Bool(owns(&call.receiver, &name)))
}

pub(super) fn property_is_enumerable(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    refuse_hidden(call, "propertyIsEnumerable")?;
    let name = call.text(0)?;
    charge_look(call, &call.receiver.clone(), &name)?;
    Ok(Value::Bool(own(&call.receiver, &name) == Some(Own::Enumerable)))
}

/// Pays for looking for a name: text beyond ASCII is counted through, long names are compared.
fn charge_look(call: &mut Call<'_, '_>, value: &Value, name: &str) -> Result<(), Fault> {
    let text = match value {
        Value::String(text) => text.len(),
        _ => 0,
    };
    call.machine.charge(NAME_FUEL + name.len() / 3 + 2 * text / BYTES_PER_FUEL)
}

fn has_own(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    refuse_nullish(call)?;
    let name = call.text(1)?;
    charge_look(call, &call.argument(0).clone(), &name)?;
    Ok(Value::Bool(owns(call.argument(0), &name)))
}

/// Whether the value has a property of that name itself.
pub(in super::super) fn owns(value: &Value, name: &str) -> bool {
    own(value, name).is_some()
}

/// What an own property is to `Object.keys` and its like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Own {
    Enumerable,
    Hidden,
}

/// The value's own property of that name, if there is one.
fn own(value: &Value, name: &str) -> Option<Own> {
    let there = |found: bool| found.then_some(Own::Enumerable);
    match value {
        Value::Object(object) => there(object.get(name).is_some()),
        Value::String(_) | Value::Array(_) if name == "length" => Some(Own::Hidden),
        Value::String(text) => {
            let length = string::length(text);
            there(array_index(name).is_some_and(|index| (index as usize) < length))
        }
        Value::Array(items) => {
            let item = array_index(name).and_then(|index| items.get(index as usize));
            there(item.is_some_and(|item| !matches!(item, Value::Hole)))
        }
        Value::Instance(instance) => match (&**instance, name) {
            (Instance::Match(_), "length")
            | (Instance::RegExp(_), "lastIndex")
            | (Instance::Function(_), "name" | "length") => Some(Own::Hidden),
            (Instance::Match(found), _) => match array_index(name) {
                Some(index) => there((index as usize) < found.items().len()),
                None => there(instance.property(name).is_some()),
            },
            _ => None,
        },
        _ => None,
    }
}

fn refuse_nullish(call: &Call<'_, '_>) -> Result<(), Fault> {
    let argument = call.argument(0);
    if argument.is_nullish() {
        let message = format!("cannot convert {} to an object", kind_of(argument));
        return Err(Fault::type_error(message));
    }
    Ok(())
}

/// Own enumerable entries of whatever is no `undefined` or `null`.
fn own_entries(call: &mut Call<'_, '_>) -> Result<Vec<(Text, Value)>, Fault> {
    refuse_nullish(call)?;
    let value = call.take(0);
    entries_in(call, &value)
}

/// What a match has beside its elements, in JavaScript's order.
pub(in super::super) const MATCH_NAMES: [&str; 4] = ["index", "input", "groups", "indices"];

fn entries_in(call: &mut Call<'_, '_>, value: &Value) -> Result<Vec<(Text, Value)>, Fault> {
    if let Some(object) = entries_of(value) {
        call.machine.charge(object.len())?;
        return Ok(object.entries().to_vec());
    }
    let mut entries = match value {
        Value::Instance(_) => value.items().map(|items| items.to_vec()).unwrap_or_default(),
        _ => call.machine.own_items(value)?,
    }
    .into_iter()
    .enumerate()
    .filter(|(_, item)| !matches!(item, Value::Hole))
    .map(|(at, item)| (index_name(at), item))
    .collect::<Vec<_>>();
    call.machine.charge(entries.len() * INDEX_NAME_FUEL)?;
    if let Value::Instance(instance) = value
        && let Instance::Match(_) = &**instance
    {
        call.machine.charge(MATCH_NAMES.len() * INDEX_NAME_FUEL)?;
        let named = |name| instance.property(name).map(|value| (Text::new_static(name), value));
        entries.extend(MATCH_NAMES.into_iter().filter_map(named));
    }
    Ok(entries)
}

fn keys(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let entries = own_entries(call)?;
    call.machine.array(entries.into_iter().map(|(name, _)| Value::String(name)).collect())
}

/// As `keys`, with `length` where there is one.
fn own_property_names(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let length_after = match call.argument(0) {
        Value::String(text) => Some(string::length(text)),
        // Before the names that a match has beside its elements.
        other => other
            .items()
            .map(|items| items.iter().filter(|item| !matches!(item, Value::Hole)).count()),
    };
    let entries = own_entries(call)?;
    let mut names: Vec<Value> = entries.into_iter().map(|(name, _)| Value::String(name)).collect();
    if let Some(at) = length_after {
        names.insert(at, Value::String(Text::new_static("length")));
    }
    call.machine.array(names)
}

fn values(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let entries = own_entries(call)?;
    call.machine.array(entries.into_iter().map(|(_, value)| value).collect())
}

fn entries(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let entries = own_entries(call)?;
    let entries = entries.into_iter().map(|(name, value)| (Value::String(name), value));
    let pairs = array::pairs(call, entries)?;
    call.machine.array(pairs)
}

fn from_entries(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let source = call.take(0);
    let pairs = call.machine.iterate(&source)?;
    let mut entries = Vec::with_capacity(pairs.len());
    for pair in pairs.iter() {
        let (name, value) = match (pair, pair.items()) {
            (_, Some(items)) => {
                let item = |at: usize| items.get(at).map(|item| item.element().clone());
                (item(0).unwrap_or_default(), item(1).unwrap_or_default())
            }
            (Value::Object(object), _) => {
                let item = |name: &str| object.get(name).cloned().unwrap_or_default();
                (item("0"), item("1"))
            }
            (Value::Instance(_), _) => Default::default(),
            (other, _) => {
                let message = format!("{} is no [name, value] pair", kind_of(other));
                return Err(Fault::type_error(message));
            }
        };
        entries.push((call.machine.text_of(&name)?, value));
    }
    // Names are sorted when there are many.
    let rounds = entries.len().max(1).ilog2() as usize;
    call.machine.charge(entries.len() * (3 + rounds / 2))?;
    call.machine.object(entries)
}

/// The compiler sees to it that the first argument is a literal.
fn assign(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let mut entries = Vec::new();
    for (position, value) in std::mem::take(&mut call.arguments).into_iter().enumerate() {
        let own = entries_in(call, &value)?;
        // Assigning to `__proto__` sets no property of one's own.
        entries.extend(own.into_iter().filter(|(name, _)| position == 0 || name != "__proto__"));
    }
    let rounds = entries.len().max(1).ilog2() as usize;
    call.machine.charge(entries.len() * (1 + rounds / 2))?;
    call.machine.object(entries)
}

fn is(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(Value::Bool(ops::same_value(call.argument(0), call.argument(1))))
}
