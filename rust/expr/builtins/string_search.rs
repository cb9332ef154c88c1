//! Strings: what looks for text in text, and what cuts or replaces where it is found.

use memchr::memmem;

use super::super::error::Fault;
use super::super::limits::{LIST_ITEMS_MAX, STRING_BYTES_MAX};
use super::super::operators::too_long;
use super::super::vm::{too_many, unit_value};
use super::substitute::{Piece, pieces};
use super::{Call, Entry, regexp};
use crate::value::string::Units;
use crate::value::{Text, Value, string};

pub(super) const METHODS: &[Entry] = &[
    ("endsWith", None, ends_with),
    ("includes", None, includes),
    ("indexOf", None, index_of),
    ("lastIndexOf", None, last_index_of),
    ("match", None, regexp::match_text),
    ("matchAll", None, regexp::match_all),
    ("replace", Some(1), replace),
    ("replaceAll", Some(1), replace_all),
    ("search", None, regexp::search),
    ("split", None, split),
    ("startsWith", None, starts_with),
];

/// The byte offset of the unit position that an argument names, clamped.
fn offset(call: &mut Call<'_, '_>, position: usize, text: &str) -> Result<usize, Fault> {
    let at = call.integer(position)?.clamp(0.0, text.len() as f64);
    Ok(string::byte_offset(text, at as usize))
}

/// The text to look for, which may be no regular expression.
fn wanted(call: &mut Call<'_, '_>) -> Result<Text, Fault> {
    if regexp::regexp_of(call.argument(0)).is_some() {
        return Err(Fault::type_error("a text is expected, and a regular expression is given"));
    }
    call.text(0)
}

fn find(call: &mut Call<'_, '_>, wanted: &Text) -> Result<(Text, Option<usize>), Fault> {
    let text = call.receiver_text()?;
    call.machine.charge_bytes(text.len())?;
    let start = offset(call, 1, &text)?;
    let found = memmem::find(&text.as_bytes()[start..], wanted.as_bytes());
    Ok((text, found.map(|at| start + at)))
}

fn includes(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let wanted = wanted(call)?;
    Ok(Value::Bool(find(call, &wanted)?.1.is_some()))
}

fn index_of(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let wanted = call.text(0)?;
    let (text, found) = find(call, &wanted)?;
    Ok(Value::Number(found.map_or(-1.0, |at| string::units_before(&text, at) as f64)))
}

fn last_index_of(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    call.machine.charge_bytes(text.len())?;
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
    let wanted = wanted(call)?;
    let start = offset(call, 1, &text)?;
    Ok(Value::Bool(text[start..].starts_with(&*wanted)))
}

fn ends_with(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    let wanted = wanted(call)?;
    let end = if call.given(1) { offset(call, 1, &text)? } else { text.len() };
    Ok(Value::Bool(text[..end].ends_with(&*wanted)))
}

fn split(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    let limit = regexp::split_limit(call)?;
    let pattern = regexp::regexp_of(call.argument(0));
    let separator = if pattern.is_some() { Text::default() } else { call.text(0)? };
    if limit == 0 {
        return call.machine.array(Vec::new());
    }
    if let Some(pattern) = pattern {
        return regexp::split(call, &pattern, &text, limit);
    }
    if !call.given(0) {
        return call.machine.array(vec![Value::String(text)]);
    }
    let enough = limit.min(LIST_ITEMS_MAX + 1);
    let parts: Vec<Value> = if separator.is_empty() {
        text.encode_utf16().take(enough).map(unit_value).collect()
    } else {
        text.split(&*separator).take(enough).map(Value::text).collect()
    };
    if parts.len() > LIST_ITEMS_MAX {
        return Err(too_many());
    }
    call.machine.charge(2 * parts.len())?;
    call.machine.array(parts)
}

fn replace(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    if let Some(pattern) = regexp::regexp_of(call.argument(0)) {
        return regexp::replace(call, &pattern, false);
    }
    let text = call.receiver_text()?;
    call.machine.charge_bytes(text.len())?;
    let wanted = call.text(0)?;
    let found = memmem::find(text.as_bytes(), wanted.as_bytes());
    replace_at(call, &text, &wanted, found.into_iter().collect())
}

fn replace_all(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    if let Some(pattern) = regexp::regexp_of(call.argument(0)) {
        return regexp::replace(call, &pattern, true);
    }
    let text = call.receiver_text()?;
    call.machine.charge_bytes(text.len())?;
    let wanted = call.text(0)?;
    if wanted.is_empty() {
        return replace_between(call, &text);
    }
    let found = text.match_indices(&*wanted).map(|(at, _)| at).collect();
    replace_at(call, &text, &wanted, found)
}

/// What a replacement of text is made of: a function, or pieces.
fn replacement(call: &mut Call<'_, '_>) -> Result<Text, Fault> {
    if call.callback.is_none() { call.text(1) } else { Ok(Text::default()) }
}

fn replace_at(
    call: &mut Call<'_, '_>,
    text: &Text,
    wanted: &Text,
    found: Vec<usize>,
) -> Result<Value, Fault> {
    // Shared by all calls: a copy for each match would be work that nobody pays for.
    let (match_value, text_value) = (Value::String(wanted.clone()), Value::String(text.clone()));
    let replacement = replacement(call)?;
    let pieces = pieces(&replacement, 0, &[]);
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
                call.machine.charge(2 + 2 * pieces.len())?;
                for piece in &pieces {
                    out.push_str(match piece {
                        Piece::Literal(literal) => literal,
                        Piece::Before => &text[..at],
                        Piece::After => &text[at + wanted.len()..],
                        Piece::Whole | Piece::Group(_) => wanted,
                    });
                    refuse_long(out.len() / 2)?;
                }
            }
        }
        done = at + wanted.len();
        units += string::length(wanted);
        refuse_long(out.len())?;
    }
    out.push_str(&text[done..]);
    call.machine.text(out)
}

fn refuse_long(bytes: usize) -> Result<(), Fault> {
    if bytes > STRING_BYTES_MAX { Err(too_long()) } else { Ok(()) }
}

/// `replaceAll("", …)`: before each unit, and at the end; halves of a pair that nothing comes
/// between stay a pair.
fn replace_between(call: &mut Call<'_, '_>, text: &Text) -> Result<Value, Fault> {
    let replacement = replacement(call)?;
    let pieces = pieces(&replacement, 0, &[]);
    let (empty, text_value) = (Value::String(Text::default()), Value::String(text.clone()));
    let mut out = Units::default();
    let units: Vec<u16> = text.encode_utf16().collect();
    for at in 0..=units.len() {
        call.machine.charge(1)?;
        match call.callback {
            Some(function) => {
                let given = [&empty, &Value::Number(at as f64), &text_value];
                let value = call.machine.call(function, &given)?;
                out.push_str(&call.machine.text_of(&value)?);
            }
            None => {
                call.machine.charge(pieces.len())?;
                for piece in &pieces {
                    match piece {
                        Piece::Literal(literal) => out.push_str(literal),
                        Piece::Before => units[..at].iter().for_each(|unit| out.push_unit(*unit)),
                        Piece::After => units[at..].iter().for_each(|unit| out.push_unit(*unit)),
                        Piece::Whole | Piece::Group(_) => {}
                    }
                    refuse_long(out.byte_count() / 2)?;
                }
            }
        }
        if let Some(unit) = units.get(at) {
            out.push_unit(*unit);
        }
        refuse_long(out.byte_count())?;
    }
    call.machine.text(out.finish())
}
