//! Regular expressions: their own methods, and what the methods of strings do with them.
//!
//! Every search is paid for by what it looks at (`value::regexp`), every match by its groups.
//! Regular expressions never change, so that each call starts at the text's start, whatever the
//! flags g and y found before (page 3.6.1).

use std::sync::{Arc, LazyLock};

use super::super::error::Fault;
use super::super::limits::{self, LIST_ITEMS_MAX, STRING_BYTES_MAX};
use super::super::operators::too_long;
use super::super::vm::{kind_of, too_many};
use super::substitute::{Piece, pieces};
use super::{Call, Entry};
use crate::value::iterator::Iter;
use crate::value::regexp::{Flags, Found, Match, Position, RegExp, Searcher};
use crate::value::string::Units;
use crate::value::{Instance, Text, Value, number as numbers};

pub(super) const METHODS: &[Entry] = &[
    ("exec", None, exec),
    ("hasOwnProperty", None, super::object::has_own_property),
    ("propertyIsEnumerable", None, super::object::property_is_enumerable),
    ("test", None, test),
    ("toString", None, super::object::to_text),
    ("valueOf", None, super::object::value_of),
];

type Searched<'r, 't> = Searcher<'r, 't>;

/// The regular expression of a value that is one.
pub(super) fn regexp_of(value: &Value) -> Option<Arc<Instance>> {
    match value {
        Value::Instance(instance) if matches!(&**instance, Instance::RegExp(_)) => {
            Some(Arc::clone(instance))
        }
        _ => None,
    }
}

fn inner(instance: &Instance) -> &RegExp {
    match instance {
        Instance::RegExp(regexp) => regexp,
        _ => unreachable!("only regular expressions come here"),
    }
}

fn receiver(call: &Call<'_, '_>) -> Result<Arc<Instance>, Fault> {
    regexp_of(&call.receiver)
        .ok_or_else(|| Fault::type_error("the receiver is no regular expression"))
}

fn test(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let regexp = receiver(call)?;
    let text = call.text(0)?;
    let searcher = Searcher::new(inner(&regexp), &text);
    Ok(Value::Bool(searcher.test(|units| call.machine.charge(units))?))
}

fn exec(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let regexp = receiver(call)?;
    let text = call.text(0)?;
    first_match(call, &Searcher::new(inner(&regexp), &text), &text)
}

fn first_match(
    call: &mut Call<'_, '_>,
    searcher: &Searched<'_, '_>,
    text: &Text,
) -> Result<Value, Fault> {
    match searcher.first(|units| call.machine.charge(units))? {
        Some(found) => match_value(call, searcher, found, text),
        None => Ok(Value::Null),
    }
}

/// The text of a group, paid for; `undefined` when it took no part.
fn group_text(
    call: &mut Call<'_, '_>,
    searcher: &Searched<'_, '_>,
    group: Option<Found>,
) -> Result<Value, Fault> {
    match group {
        Some(group) => call.machine.text(searcher.between(group.start, group.end)),
        None => Ok(Value::Undefined),
    }
}

/// The list that a match is.
fn match_value(
    call: &mut Call<'_, '_>,
    searcher: &Searched<'_, '_>,
    found: Found,
    text: &Text,
) -> Result<Value, Fault> {
    let groups = searcher.groups(found, |units| call.machine.charge(units))?;
    call.machine.charge(groups.len())?;
    let mut items = Vec::with_capacity(groups.len());
    for group in &groups {
        items.push(group_text(call, searcher, *group)?);
    }
    let named = named_groups(call, searcher.regexp(), &items)?;
    let mut matched = Match::new(items, found.start.unit, text.clone(), named);
    if searcher.regexp().flags().has_indices {
        matched = matched.with_indices(indices(call, searcher.regexp(), &groups)?);
    }
    call.machine.count_container();
    Ok(Value::from(Instance::Match(matched)))
}

/// Named groups by name, each with its item; `undefined` where none has a name.
fn named_groups(call: &mut Call<'_, '_>, regexp: &RegExp, items: &[Value]) -> Result<Value, Fault> {
    if regexp.names().is_empty() {
        return Ok(Value::Undefined);
    }
    let entry = |(name, group): &(Text, u32)| {
        (name.clone(), items.get(*group as usize).cloned().unwrap_or_default())
    };
    call.machine.object(regexp.names().iter().map(entry).collect())
}

/// Where each group lies, with the flag d.
fn indices(
    call: &mut Call<'_, '_>,
    regexp: &RegExp,
    groups: &[Option<Found>],
) -> Result<Value, Fault> {
    let mut items = Vec::with_capacity(groups.len());
    for group in groups {
        items.push(match group {
            Some(found) => {
                let place = |place: Position| Value::Number(place.unit as f64);
                call.machine.array(vec![place(found.start), place(found.end)])?
            }
            None => Value::Undefined,
        });
    }
    let named = named_groups(call, regexp, &items)?;
    call.machine.count_container();
    Ok(Value::from(Instance::Match(Match::of_indices(items, named))))
}

/// Calls `take` with each match from the text's start on.
fn each_match(
    call: &mut Call<'_, '_>,
    searcher: &Searched<'_, '_>,
    mut take: impl FnMut(&mut Call<'_, '_>, Found) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut from = Some(Position::default());
    while let Some(place) = from {
        let Some(found) = searcher.next(place, |units| call.machine.charge(units))? else { break };
        call.machine.charge(1)?;
        take(call, found)?;
        from = searcher.after(found);
    }
    Ok(())
}

static ANYWHERE: LazyLock<Arc<Instance>> = LazyLock::new(|| {
    match RegExp::new("", Flags { global: true, ..Flags::default() }, &limits::REGEXP) {
        Ok(regexp) => Arc::new(Instance::RegExp(Arc::new(regexp))),
        Err(error) => unreachable!("the empty pattern compiles: {error}"),
    }
});

/// The pattern that `match`, `matchAll` and `search` are given; constants are compiled already.
fn pattern(call: &Call<'_, '_>) -> Result<Option<Arc<Instance>>, Fault> {
    if !call.given(0) {
        return Ok(None);
    }
    regexp_of(call.argument(0)).map(Some).ok_or_else(|| {
        let kind = kind_of(call.argument(0));
        Fault::limit(format!("a pattern is compiled with the expression, and {kind} is given"))
    })
}

/// `match`: the first match, or with the flag g the texts of all.
pub(super) fn match_text(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    let given = pattern(call)?;
    let regexp = inner(given.as_ref().unwrap_or(&ANYWHERE));
    let searcher = Searcher::new(regexp, &text);
    if given.is_none() || !regexp.flags().global {
        return first_match(call, &searcher, &text);
    }
    let mut items = Vec::new();
    each_match(call, &searcher, |call, found| {
        items.push(group_text(call, &searcher, Some(found))?);
        if items.len() > LIST_ITEMS_MAX { Err(too_many()) } else { Ok(()) }
    })?;
    if items.is_empty() { Ok(Value::Null) } else { call.machine.array(items) }
}

/// `matchAll`: all matches, each as `exec` gives it.
pub(super) fn match_all(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    let given = pattern(call)?;
    let regexp = inner(given.as_ref().unwrap_or(&ANYWHERE));
    refuse_single(regexp, "matchAll")?;
    let searcher = Searcher::new(regexp, &text);
    let mut items = Vec::new();
    each_match(call, &searcher, |call, found| {
        items.push(match_value(call, &searcher, found, &text)?);
        if items.len() > LIST_ITEMS_MAX { Err(too_many()) } else { Ok(()) }
    })?;
    call.machine.charge(items.len())?;
    Ok(Value::from(Instance::Iterator(Iter::new("RegExp String Iterator", items))))
}

/// `search`: where the first match is, or -1.
pub(super) fn search(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    let given = pattern(call)?;
    let regexp = inner(given.as_ref().unwrap_or(&ANYWHERE));
    let found = Searcher::new(regexp, &text).first(|units| call.machine.charge(units))?;
    Ok(Value::Number(found.map_or(-1.0, |found| found.start.unit as f64)))
}

/// `replaceAll` and `matchAll` want the flag g.
pub(super) fn refuse_single(regexp: &RegExp, method: &str) -> Result<(), Fault> {
    if regexp.flags().global {
        return Ok(());
    }
    Err(Fault::type_error(format!("`{method}` takes a regular expression with the flag g")))
}

/// `replace` and `replaceAll` with a regular expression.
pub(super) fn replace(
    call: &mut Call<'_, '_>,
    instance: &Instance,
    all: bool,
) -> Result<Value, Fault> {
    let regexp = inner(instance);
    if all {
        refuse_single(regexp, "replaceAll")?;
    }
    let text = call.receiver_text()?;
    let replacement = if call.callback.is_none() { call.text(1)? } else { Text::default() };
    let pieces = pieces(&replacement, regexp.groups(), regexp.names());
    let searcher = Searcher::new(regexp, &text);
    let mut out = Units::default();
    let mut done = Position::default();
    let mut replace_one = |call: &mut Call<'_, '_>, found: Found| {
        searcher.write(done, found.start, &mut out);
        match call.callback {
            Some(_) => {
                let value = called(call, &searcher, found, &text)?;
                out.push_str(&value);
            }
            None => substituted(call, &searcher, found, &pieces, &mut out)?,
        }
        done = found.end;
        if out.byte_count() > STRING_BYTES_MAX { Err(too_long()) } else { Ok(()) }
    };
    if regexp.flags().global {
        each_match(call, &searcher, replace_one)?;
    } else if let Some(found) = searcher.first(|units| call.machine.charge(units))? {
        replace_one(call, found)?;
    }
    searcher.write(done, searcher.end(done), &mut out);
    call.machine.text(out.finish())
}

/// What the given function makes of a match.
fn called(
    call: &mut Call<'_, '_>,
    searcher: &Searched<'_, '_>,
    found: Found,
    text: &Text,
) -> Result<Text, Fault> {
    let function = call.function(1)?;
    let groups = searcher.groups(found, |units| call.machine.charge(units))?;
    call.machine.charge(groups.len())?;
    let mut given = Vec::with_capacity(groups.len() + 3);
    for group in groups {
        given.push(group_text(call, searcher, group)?);
    }
    let named = named_groups(call, searcher.regexp(), &given)?;
    given.push(Value::Number(found.start.unit as f64));
    given.push(Value::String(text.clone()));
    if !matches!(named, Value::Undefined) {
        given.push(named);
    }
    let value = call.machine.call(function, &given.iter().collect::<Vec<_>>())?;
    call.machine.text_of(&value)
}

/// Writes what the pieces of the replacement stand for.
fn substituted(
    call: &mut Call<'_, '_>,
    searcher: &Searched<'_, '_>,
    found: Found,
    pieces: &[Piece<'_>],
    out: &mut Units,
) -> Result<(), Fault> {
    call.machine.charge(1 + pieces.len())?;
    let asks_groups = pieces.iter().any(|piece| matches!(piece, Piece::Group(_)));
    let groups = match asks_groups {
        true => searcher.groups(found, |units| call.machine.charge(units))?,
        false => Vec::new(),
    };
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => out.push_str(literal),
            Piece::Whole => searcher.write(found.start, found.end, out),
            Piece::Before => searcher.write(Position::default(), found.start, out),
            Piece::After => searcher.write(found.end, searcher.end(found.end), out),
            Piece::Group(group) => {
                if let Some(Some(group)) = groups.get(*group) {
                    searcher.write(group.start, group.end, out);
                }
            }
        }
        if out.byte_count() > 2 * STRING_BYTES_MAX {
            return Err(too_long());
        }
    }
    Ok(())
}

/// `split` at the matches; groups stand between the parts.
pub(super) fn split(
    call: &mut Call<'_, '_>,
    instance: &Instance,
    text: &Text,
    limit: usize,
) -> Result<Value, Fault> {
    let searcher = Searcher::new(inner(instance), text).not_sticky();
    if text.is_empty() {
        let found = searcher.first(|units| call.machine.charge(units))?;
        let parts = if found.is_some() { Vec::new() } else { vec![Value::String(text.clone())] };
        return call.machine.array(parts);
    }
    let mut parts = Vec::new();
    let mut last = Position::default();
    let mut from = Some(last);
    while let Some(place) = from.filter(|place| !searcher.is_end(*place)) {
        let Some(found) = searcher.next(place, |units| call.machine.charge(units))? else { break };
        if searcher.is_end(found.start) {
            break;
        }
        call.machine.charge(1)?;
        if found.end == last {
            from = searcher.advance(found.start);
            continue;
        }
        parts.push(call.machine.text(searcher.between(last, found.start))?);
        let groups = searcher.groups(found, |units| call.machine.charge(units))?;
        for group in &groups[1..] {
            parts.push(group_text(call, &searcher, *group)?);
        }
        if parts.len() >= limit {
            parts.truncate(limit);
            return call.machine.array(parts);
        }
        if parts.len() > LIST_ITEMS_MAX {
            return Err(too_many());
        }
        last = found.end;
        from = Some(last);
    }
    parts.push(call.machine.text(searcher.between(last, searcher.end(last)))?);
    call.machine.array(parts)
}

/// The limit of `split`.
pub(super) fn split_limit(call: &mut Call<'_, '_>) -> Result<usize, Fault> {
    Ok(if call.given(1) { numbers::to_uint32(call.number(1)?) as usize } else { usize::MAX })
}
