//! Strings: what looks for text in text, and what cuts or replaces where it is found.

use memchr::memmem;

use super::super::error::Fault;
use super::super::limits::{LIST_ITEMS_MAX, STRING_BYTES_MAX};
use super::super::operators::too_long;
use super::super::vm::{too_many, unit_value};
use super::{Call, Entry};
use crate::value::{Text, Value, number as numbers, string};

pub(super) const METHODS: &[Entry] = &[
    ("endsWith", None, ends_with),
    ("includes", None, includes),
    ("indexOf", None, index_of),
    ("lastIndexOf", None, last_index_of),
    ("replace", Some(1), replace),
    ("replaceAll", Some(1), replace_all),
    ("split", None, split),
    ("startsWith", None, starts_with),
];

/// The byte offset of the unit position that an argument names, clamped.
fn offset(call: &mut Call<'_, '_>, position: usize, text: &str) -> Result<usize, Fault> {
    let at = call.integer(position)?.clamp(0.0, text.len() as f64);
    Ok(string::byte_offset(text, at as usize))
}

fn find(call: &mut Call<'_, '_>) -> Result<(Text, Option<usize>), Fault> {
    let text = call.receiver_text()?;
    let wanted = call.text(0)?;
    let start = offset(call, 1, &text)?;
    let found = memmem::find(&text.as_bytes()[start..], wanted.as_bytes());
    Ok((text, found.map(|at| start + at)))
}

fn includes(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(Value::Bool(find(call)?.1.is_some()))
}

fn index_of(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let (text, found) = find(call)?;
    Ok(Value::Number(found.map_or(-1.0, |at| string::units_before(&text, at) as f64)))
}

fn last_index_of(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    let wanted = call.text(0)?;
    let from = call.number(1)?;
    let last = if from.is_nan() { text.len() as f64 } else { libm::trunc(from).max(0.0) };
    let last = string::byte_offset(&text, last.min(text.len() as f64) as usize);
    let end = (last + wanted.len()).min(text.len());
    let found = memmem::rfind(&text.as_bytes()[..end], wanted.as_bytes());
    Ok(Value::Number(found.map_or(-1.0, |at| string::units_before(&text, at) as f64)))
}

fn starts_with(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    let wanted = call.text(0)?;
    let start = offset(call, 1, &text)?;
    Ok(Value::Bool(text[start..].starts_with(&*wanted)))
}

fn ends_with(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    let wanted = call.text(0)?;
    let end = if call.given(1) { offset(call, 1, &text)? } else { text.len() };
    Ok(Value::Bool(text[..end].ends_with(&*wanted)))
}

fn split(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    let limit =
        if call.given(1) { numbers::to_uint32(call.number(1)?) as usize } else { usize::MAX };
    if limit == 0 {
        return call.machine.array(Vec::new());
    }
    if !call.given(0) {
        return call.machine.array(vec![Value::String(text)]);
    }
    let separator = call.text(0)?;
    let enough = limit.min(LIST_ITEMS_MAX + 1);
    let parts: Vec<Value> = if separator.is_empty() {
        text.encode_utf16().take(enough).map(unit_value).collect()
    } else {
        text.split(&*separator).take(enough).map(Value::text).collect()
    };
    if parts.len() > LIST_ITEMS_MAX {
        return Err(too_many());
    }
    call.machine.array(parts)
}

fn replace(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    let wanted = call.text(0)?;
    let found = memmem::find(text.as_bytes(), wanted.as_bytes());
    replace_at(call, &text, &wanted, found.into_iter().collect())
}

fn replace_all(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    let wanted = call.text(0)?;
    let found = text.match_indices(&*wanted).map(|(at, _)| at).collect();
    replace_at(call, &text, &wanted, found)
}

fn replace_at(
    call: &mut Call<'_, '_>,
    text: &Text,
    wanted: &Text,
    found: Vec<usize>,
) -> Result<Value, Fault> {
    // Shared by all calls: a copy for each match would be work that nobody pays for.
    let (match_value, text_value) = (Value::String(wanted.clone()), Value::String(text.clone()));
    let replacement = if call.callback.is_none() { call.text(1)? } else { Text::default() };
    let mut out = String::new();
    let (mut done, mut units) = (0, 0);
    for at in found {
        out.push_str(&text[done..at]);
        units += string::length(&text[done..at]);
        match call.callback {
            Some(function) => {
                let given = [&match_value, &Value::Number(units as f64), &text_value];
                let value = call.machine.call(function, &given)?;
                out.push_str(&call.machine.text_of(&value)?);
            }
            None => {
                call.machine.charge(1)?;
                substitute(&replacement, text, at, wanted, &mut out)?;
            }
        }
        done = at + wanted.len();
        units += string::length(wanted);
        if out.len() > STRING_BYTES_MAX {
            return Err(too_long());
        }
    }
    out.push_str(&text[done..]);
    call.machine.text(out)
}

/// Writes the replacement; `$$ $& $` $'` stand for `$`, the match, what is before and after it.
fn substitute(
    replacement: &str,
    text: &str,
    at: usize,
    wanted: &str,
    out: &mut String,
) -> Result<(), Fault> {
    let mut rest = replacement;
    while let Some(dollar) = rest.find('$') {
        out.push_str(&rest[..dollar]);
        let (piece, used) = match rest.as_bytes().get(dollar + 1) {
            Some(b'$') => ("$", 2),
            Some(b'&') => (wanted, 2),
            Some(b'`') => (&text[..at], 2),
            Some(b'\'') => (&text[at + wanted.len()..], 2),
            _ => ("$", 1),
        };
        out.push_str(piece);
        rest = &rest[dollar + used..];
        if out.len() > 2 * STRING_BYTES_MAX {
            return Err(too_long());
        }
    }
    out.push_str(rest);
    Ok(())
}
