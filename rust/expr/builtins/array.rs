//! Arrays: what reads and builds lists without a function.
//!
//! Each method says by itself what a hole is to it, as JavaScript has it: nothing (`indexOf`,
//! `flat`), a hole still (`slice`, `concat`, `reverse`), or `undefined` (all that came with ES2015
//! and later).

use super::super::error::Fault;
use super::super::limits::{BYTES_PER_FUEL, LIST_ITEMS_MAX, VALUE_DEPTH_MAX};
use super::super::vm::{index_name, too_many};
use super::{Call, Entry, Function, global, within};
use crate::value::iterator::Iter;
use crate::value::{Instance, Value, number, ops};

pub(super) const METHODS: &[Entry] = &[
    ("at", None, at),
    ("concat", None, concat),
    ("entries", None, entries),
    ("flat", None, flat),
    ("hasOwnProperty", None, super::object::has_own_property),
    ("includes", None, includes),
    ("indexOf", None, index_of),
    ("join", None, join),
    ("keys", None, keys),
    ("lastIndexOf", None, last_index_of),
    ("propertyIsEnumerable", None, super::object::property_is_enumerable),
    ("reverse", None, reverse),
    ("slice", None, slice),
    ("toReversed", None, to_reversed),
    ("toSpliced", None, to_spliced),
    ("toString", None, to_text),
    ("valueOf", None, super::object::value_of),
    ("values", None, values),
    ("with", None, with),
];

pub(super) const FUNCTIONS: &[Function] = &[
    global("Array", array_of),
    Function { callback: Some(1), ..within("Array", "from", from) },
    within("Array", "isArray", is_array),
    within("Array", "of", of),
];

const ITERATOR: &str = "Array Iterator";

/// What making a small list costs beyond its elements.
const SMALL_LIST_FUEL: usize = 4;

/// The elements as they read: a hole is `undefined`.
pub(super) fn read_items(items: &[Value]) -> Vec<Value> {
    items.iter().map(|item| item.element().clone()).collect()
}

/// `[first, second]` for each, as `entries` gives them; paid for.
pub(super) fn pairs(
    call: &mut Call<'_, '_>,
    entries: impl ExactSizeIterator<Item = (Value, Value)>,
) -> Result<Vec<Value>, Fault> {
    call.machine.charge(entries.len() * SMALL_LIST_FUEL)?;
    let mut out = Vec::with_capacity(entries.len());
    for (first, second) in entries {
        out.push(call.machine.array(vec![first, second])?);
    }
    Ok(out)
}

fn at(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.items();
    let position = call.position(0, items.len())?;
    Ok(position.map_or(Value::Undefined, |at| items[at].element().clone()))
}

fn concat(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let mut out = call.items().to_vec();
    for argument in std::mem::take(&mut call.arguments) {
        match argument.items() {
            Some(items) => {
                if out.len() + items.len() > LIST_ITEMS_MAX {
                    return Err(too_many());
                }
                out.extend(items.iter().cloned());
            }
            None => out.push(argument),
        }
    }
    call.machine.charge(out.len())?;
    call.machine.array(out)
}

fn flat(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let depth = if call.given(0) { call.integer(0)? } else { 1.0 };
    let mut out = Vec::new();
    flatten(call, &call.items(), depth, 0, &mut out)?;
    call.machine.array(out)
}

/// Appends items but no holes, those of lists up to `depth` levels down in their place.
fn flatten(
    call: &mut Call<'_, '_>,
    items: &[Value],
    depth: f64,
    level: usize,
    out: &mut Vec<Value>,
) -> Result<(), Fault> {
    call.machine.charge(items.len())?;
    for item in items {
        match item.items() {
            // What nests deeper than any value may is refused where values end.
            Some(inner) if depth >= 1.0 && level < 4 * VALUE_DEPTH_MAX => {
                flatten(call, inner, depth - 1.0, level + 1, out)?;
            }
            _ if matches!(item, Value::Hole) => {}
            _ => out.push(item.clone()),
        }
        if out.len() > LIST_ITEMS_MAX {
            return Err(too_many());
        }
    }
    Ok(())
}

/// The position of the first of `items` that is `alike`, paid for.
///
/// Texts are compared byte by byte only where their lengths agree, and the longer ones are what
/// costs more than an element.
fn find<'i>(
    call: &mut Call<'_, '_>,
    mut items: impl ExactSizeIterator<Item = (usize, &'i Value)>,
    wanted: &Value,
    alike: fn(&Value, &Value) -> bool,
) -> Result<Option<usize>, Fault> {
    let long = match wanted {
        Value::String(text) if text.len() >= BYTES_PER_FUEL => text.len(),
        _ => 0,
    };
    if long == 0 {
        let length = items.len();
        let found = items.find(|(_, item)| alike(item, wanted));
        call.machine.charge(length - items.len())?;
        return Ok(found.map(|(at, _)| at));
    }
    for (at, item) in items {
        let same_length = matches!(item, Value::String(text) if text.len() == long);
        call.machine.charge(if same_length { 1 + long / BYTES_PER_FUEL } else { 1 })?;
        if same_length && alike(item, wanted) {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn includes(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.items();
    // Where there is nothing to search the position is not looked at, here and below.
    if items.is_empty() {
        return Ok(Value::Bool(false));
    }
    let start = call.relative(1, items.len(), 0)?;
    let wanted = call.take(0);
    let read = items[start..].iter().enumerate().map(|(at, item)| (at, item.element()));
    let found = find(call, read, &wanted, ops::same_value_zero)?;
    Ok(Value::Bool(found.is_some()))
}

fn index_of(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.items();
    if items.is_empty() {
        return Ok(Value::Number(-1.0));
    }
    let start = call.relative(1, items.len(), 0)?;
    let wanted = call.take(0);
    let read = items[start..].iter().enumerate().map(|(at, item)| (start + at, item));
    let found = find(call, read, &wanted, ops::strict_equals)?;
    Ok(Value::Number(found.map_or(-1.0, |at| at as f64)))
}

fn last_index_of(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.items();
    if items.is_empty() {
        return Ok(Value::Number(-1.0));
    }
    let length = items.len() as f64;
    let from = if call.arguments.len() > 1 { call.integer(1)? } else { length - 1.0 };
    let last = if from < 0.0 { length + from } else { from.min(length - 1.0) };
    let wanted = call.take(0);
    if last < 0.0 {
        return Ok(Value::Number(-1.0));
    }
    let read = items[..=last as usize].iter().enumerate().rev();
    let found = find(call, read, &wanted, ops::strict_equals)?;
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

fn to_reversed(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let mut items = read_items(&call.items());
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
    let mut out = read_items(&items[..start]);
    out.extend(std::mem::take(&mut call.arguments).into_iter().skip(2));
    out.extend(items[start + skipped..].iter().map(|item| item.element().clone()));
    call.machine.array(out)
}

fn with(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let mut items = read_items(&call.items());
    let Some(at) = call.position(0, items.len())? else {
        return Err(Fault::range_error("`with` got an index outside the list"));
    };
    items[at] = call.take(1);
    call.machine.array(items)
}

fn keys(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let positions = 0..call.items().len();
    call.machine.charge(SMALL_LIST_FUEL + positions.len())?;
    let positions = positions.map(|at| Value::Number(at as f64)).collect();
    Ok(Instance::Iterator(Iter::new(ITERATOR, positions)).into())
}

fn values(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.items();
    call.machine.charge(SMALL_LIST_FUEL + items.len())?;
    Ok(Instance::Iterator(Iter::over(ITERATOR, &items)).into())
}

fn entries(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = call.items();
    let entry = |(at, item): (usize, &Value)| (Value::Number(at as f64), item.element().clone());
    let pairs = pairs(call, items.iter().enumerate().map(entry))?;
    Ok(Instance::Iterator(Iter::new(ITERATOR, pairs)).into())
}

/// `Array(length)`, all holes, or `Array(...items)`.
fn array_of(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let [Value::Number(length)] = call.arguments[..] else { return of(call) };
    if f64::from(number::to_uint32(length)) != length {
        return Err(Fault::range_error("`Array` got a length that no list can have"));
    }
    if length > LIST_ITEMS_MAX as f64 {
        return Err(too_many());
    }
    call.machine.array(vec![Value::Hole; length as usize])
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
        Value::Bool(_) | Value::Number(_) => Vec::new(),
        Value::Object(_) => indexed_items(call, &source)?,
        Value::Instance(instance) => match &**instance {
            Instance::Set(_) | Instance::Match(_) | Instance::Iterator(_) => {
                call.machine.iterate(&source)?.into_owned()
            }
            _ => indexed_items(call, &source)?,
        },
        _ => call.machine.iterate(&source)?.into_owned(),
    };
    let Some(function) = call.callback else { return call.machine.array(items) };
    let mut out = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        out.push(call.machine.call(function, &[item, &Value::Number(at as f64)])?);
    }
    call.machine.array(out)
}

/// The elements of what has a `length` and no iterator.
fn indexed_items(call: &mut Call<'_, '_>, source: &Value) -> Result<Vec<Value>, Fault> {
    let read = |name: &str| match source {
        Value::Object(object) => object.get(name).cloned(),
        Value::Instance(instance) => instance.property(name),
        _ => None,
    };
    let length = read("length").unwrap_or_default();
    let length = number::to_integer(call.machine.number_of(&length)?).max(0.0);
    if length > LIST_ITEMS_MAX as f64 {
        return Err(too_many());
    }
    // Each is looked up by a name that is spelt for it.
    call.machine.charge(length as usize * SMALL_LIST_FUEL)?;
    Ok((0..length as usize).map(|at| read(&index_name(at)).unwrap_or_default()).collect())
}
