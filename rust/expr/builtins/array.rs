//! Arrays: what reads and builds lists without a function.

use super::super::error::Fault;
use super::super::limits::{LIST_ITEMS_MAX, VALUE_DEPTH_MAX};
use super::super::vm::{index_name, too_many};
use super::{Call, Entry, Function, within};
use crate::value::{Value, ops};

pub(super) const METHODS: &[Entry] = &[
    ("at", None, at),
    ("concat", None, concat),
    ("flat", None, flat),
    ("hasOwnProperty", None, super::object::has_own_property),
    ("includes", None, includes),
    ("indexOf", None, index_of),
    ("join", None, join),
    ("lastIndexOf", None, last_index_of),
    ("reverse", None, reverse),
    ("slice", None, slice),
    ("toReversed", None, reverse),
    ("toSpliced", None, to_spliced),
    ("toString", None, to_text),
    ("valueOf", None, super::object::value_of),
    ("with", None, with),
];

pub(super) const FUNCTIONS: &[Function] = &[
    Function { namespace: Some("Array"), member: "from", callback: Some(1), run: from },
    within("Array", "isArray", is_array),
    within("Array", "of", of),
];

fn at(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.items();
    let position = call.position(0, items.len())?;
    Ok(position.map_or(Value::Undefined, |at| items[at].clone()))
}

fn concat(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let mut out = call.items().to_vec();
    for argument in std::mem::take(&mut call.arguments) {
        match argument {
            Value::Array(items) => {
                if out.len() + items.len() > LIST_ITEMS_MAX {
                    return Err(too_many());
                }
                out.extend(items.iter().cloned());
            }
            other => out.push(other),
        }
    }
    call.machine.array(out)
}

fn flat(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let depth = if call.given(0) { call.integer(0)? } else { 1.0 };
    let mut out = Vec::new();
    flatten(call, &call.items(), depth, 0, &mut out)?;
    call.machine.array(out)
}

/// Appends items, those of lists up to `depth` levels down in their place.
fn flatten(
    call: &mut Call<'_, '_>,
    items: &[Value],
    depth: f64,
    level: usize,
    out: &mut Vec<Value>,
) -> Result<(), Fault> {
    call.machine.charge(items.len())?;
    for item in items {
        match item {
            // What nests deeper than any value may is refused where values end.
            Value::Array(inner) if depth >= 1.0 && level < 4 * VALUE_DEPTH_MAX => {
                flatten(call, inner, depth - 1.0, level + 1, out)?;
            }
            other => out.push(other.clone()),
        }
        if out.len() > LIST_ITEMS_MAX {
            return Err(too_many());
        }
    }
    Ok(())
}

fn includes(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.items();
    let start = call.relative(1, items.len(), 0)?;
    let wanted = call.take(0);
    let found = items[start..].iter().position(|item| ops::same_value_zero(item, &wanted));
    call.machine.charge(found.unwrap_or(items.len() - start))?;
    Ok(Value::Bool(found.is_some()))
}

fn index_of(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.items();
    let start = call.relative(1, items.len(), 0)?;
    let wanted = call.take(0);
    let found = items[start..].iter().position(|item| ops::strict_equals(item, &wanted));
    call.machine.charge(found.unwrap_or(items.len() - start))?;
    Ok(Value::Number(found.map_or(-1.0, |at| (start + at) as f64)))
}

fn last_index_of(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.items();
    let length = items.len() as f64;
    let from = if call.arguments.len() > 1 { call.integer(1)? } else { length - 1.0 };
    let last = if from < 0.0 { length + from } else { from.min(length - 1.0) };
    let wanted = call.take(0);
    call.machine.charge(items.len())?;
    if last < 0.0 {
        return Ok(Value::Number(-1.0));
    }
    let found = items[..=last as usize].iter().rposition(|item| ops::strict_equals(item, &wanted));
    Ok(Value::Number(found.map_or(-1.0, |at| at as f64)))
}

fn join(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.items();
    let separator = if call.given(0) { call.text(0)? } else { ",".into() };
    let text = call.machine.join(&items, &separator)?;
    Ok(Value::String(text))
}

fn to_text(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.items();
    Ok(Value::String(call.machine.join(&items, ",")?))
}

fn reverse(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let mut items = call.items().to_vec();
    items.reverse();
    call.machine.array(items)
}

fn slice(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.items();
    let start = call.relative(0, items.len(), 0)?;
    let end = call.relative(1, items.len(), items.len())?;
    let part = if start < end { items[start..end].to_vec() } else { Vec::new() };
    call.machine.array(part)
}

fn to_spliced(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.items();
    let length = items.len();
    let start = call.relative(0, length, 0)?;
    let skipped = match call.arguments.len() {
        0 => 0,
        1 => length - start,
        _ => call.integer(1)?.clamp(0.0, (length - start) as f64) as usize,
    };
    let mut out = items[..start].to_vec();
    out.extend(std::mem::take(&mut call.arguments).into_iter().skip(2));
    out.extend_from_slice(&items[start + skipped..]);
    call.machine.array(out)
}

fn with(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let mut items = call.items().to_vec();
    let Some(at) = call.position(0, items.len())? else {
        return Err(Fault::range_error("`with` got an index outside the list"));
    };
    items[at] = call.take(1);
    call.machine.array(items)
}

fn is_array(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(Value::Bool(call.argument(0).items().is_some()))
}

fn of(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = std::mem::take(&mut call.arguments);
    call.machine.array(items)
}

fn from(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let source = call.take(0);
    if call.callback.is_none() && call.given(1) {
        call.function(1)?;
    }
    let items = match &source {
        Value::Array(_) | Value::String(_) => call.machine.iterate(&source)?.into_owned(),
        Value::Object(object) => {
            let length = object.get("length").cloned().unwrap_or_default();
            let length = call.machine.number_of(&length)?.max(0.0);
            if length > LIST_ITEMS_MAX as f64 {
                return Err(too_many());
            }
            call.machine.charge(length as usize)?;
            let item = |at| object.get(&index_name(at)).cloned().unwrap_or_default();
            (0..length as usize).map(item).collect()
        }
        Value::Undefined | Value::Null => call.machine.iterate(&source)?.into_owned(),
        _ => Vec::new(),
    };
    let Some(function) = call.callback else { return call.machine.array(items) };
    let mut out = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        out.push(call.machine.call(function, &[item, &Value::Number(at as f64)])?);
    }
    call.machine.array(out)
}
