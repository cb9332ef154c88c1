//! Objects: names, values and entries, and the methods that every value has.

use super::super::error::Fault;
use super::super::vm::{entries_of, index_name, kind_of};
use super::{Call, Entry, Function, within};
use crate::value::{Text, Value, array_index, ops, string};

pub(super) const METHODS: &[Entry] = &[
    ("hasOwnProperty", None, has_own_property),
    ("toString", None, to_text),
    ("valueOf", None, value_of),
];

pub(super) const FUNCTIONS: &[Function] = &[
    within("Object", "assign", assign),
    within("Object", "entries", entries),
    within("Object", "fromEntries", from_entries),
    within("Object", "hasOwn", has_own),
    within("Object", "is", is),
    within("Object", "keys", keys),
    within("Object", "values", values),
];

pub(super) fn value_of(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(std::mem::take(&mut call.receiver))
}

pub(super) fn to_text(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let receiver = call.receiver.clone();
    Ok(Value::String(call.machine.text_of(&receiver)?))
}

pub(super) fn has_own_property(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let name = call.text(0)?;
    Ok(Value::Bool(owns(&call.receiver, &name)))
}

fn has_own(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    refuse_nullish(call)?;
    let name = call.text(1)?;
    Ok(Value::Bool(owns(call.argument(0), &name)))
}

fn owns(value: &Value, name: &str) -> bool {
    let indexed = |length: usize| {
        name == "length" || array_index(name).is_some_and(|index| (index as usize) < length)
    };
    match value {
        Value::Object(object) => object.get(name).is_some(),
        Value::Array(items) => indexed(items.len()),
        Value::String(text) => indexed(string::length(text)),
        _ => false,
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

/// Own entries of whatever is no `undefined` or `null`.
fn own_entries(call: &mut Call<'_, '_>) -> Result<Vec<(Text, Value)>, Fault> {
    refuse_nullish(call)?;
    let value = call.take(0);
    entries_in(call, &value)
}

fn entries_in(call: &mut Call<'_, '_>, value: &Value) -> Result<Vec<(Text, Value)>, Fault> {
    if let Some(object) = entries_of(value) {
        call.machine.charge(object.len())?;
        return Ok(object.entries().to_vec());
    }
    let items = call.machine.own_items(value)?;
    Ok(items.into_iter().enumerate().map(|(at, item)| (index_name(at), item)).collect())
}

fn keys(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let entries = own_entries(call)?;
    call.machine.array(entries.into_iter().map(|(name, _)| Value::String(name)).collect())
}

fn values(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let entries = own_entries(call)?;
    call.machine.array(entries.into_iter().map(|(_, value)| value).collect())
}

fn entries(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let entries = own_entries(call)?;
    let mut pairs = Vec::with_capacity(entries.len());
    for (name, value) in entries {
        pairs.push(call.machine.array(vec![Value::String(name), value])?);
    }
    call.machine.array(pairs)
}

fn from_entries(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let source = call.take(0);
    let pairs = call.machine.iterate(&source)?;
    let mut entries = Vec::with_capacity(pairs.len());
    for pair in pairs.iter() {
        let (name, value) = match pair {
            Value::Array(items) => {
                let item = |at: usize| items.get(at).cloned().unwrap_or_default();
                (item(0), item(1))
            }
            Value::Object(object) => {
                let item = |name: &str| object.get(name).cloned().unwrap_or_default();
                (item("0"), item("1"))
            }
            other => {
                let message = format!("{} is no [name, value] pair", kind_of(other));
                return Err(Fault::type_error(message));
            }
        };
        entries.push((call.machine.text_of(&name)?, value));
    }
    call.machine.object(entries)
}

/// The compiler sees to it that the first argument is a literal.
fn assign(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let mut entries = Vec::new();
    for value in std::mem::take(&mut call.arguments) {
        let own = entries_in(call, &value)?;
        entries.extend(own);
    }
    call.machine.object(entries)
}

fn is(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(Value::Bool(ops::same_value(call.argument(0), call.argument(1))))
}
