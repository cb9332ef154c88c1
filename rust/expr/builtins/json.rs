//! JSON: `JSON.parse` and `JSON.stringify`, within the limits of text and fuel.
//!
//! Both walk values with a stack of their own: the functions given to them may call either again,
//! and what nests in what nests must not add up on the machine's stack.

use std::sync::Arc;

use super::super::error::{EvalErrorKind, Fault};
use super::super::limits::{
    BYTES_PER_FUEL, DATE_TEXT_FUEL, LIST_ITEMS_MAX, STRING_BYTES_MAX, VALUE_DEPTH_MAX,
};
use super::super::operators::too_long;
use super::super::program::Callback;
use super::super::vm::index_name;
use super::{Call, Function, within};
use crate::value::json::{write_number, write_string};
use crate::value::{Instance, Object, Text, Value, parse_json_as_javascript, string};

pub(super) const FUNCTIONS: &[Function] = &[
    Function { callback: Some(1), ..within("JSON", "parse", parse) },
    Function { callback: Some(1), ..within("JSON", "stringify", stringify) },
];

/// What making a value of text, or text of a value, costs beyond its bytes.
const VALUE_FUEL: usize = 6;

fn parse(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.text(0)?;
    // Every value is at least two bytes, and dearer than a byte.
    call.machine.charge(VALUE_FUEL + text.len() * 5 / 8)?;
    call.machine.count_container();
    let value = parse_json_as_javascript(&text, LIST_ITEMS_MAX).map_err(|error| {
        let kind = if error.is_limit() { EvalErrorKind::Limit } else { EvalErrorKind::Syntax };
        Fault::new(kind, format!("`JSON.parse` got no JSON: {error}"))
    })?;
    charge_names(call, &value)?;
    match call.callback {
        Some(reviver) => revive(call, reviver, value),
        None => Ok(value),
    }
}

/// Pays for the lists and maps in a value, and for the sorting of their names.
fn charge_names(call: &mut Call<'_, '_>, value: &Value) -> Result<(), Fault> {
    match value {
        Value::Array(items) => {
            call.machine.charge(VALUE_FUEL + 1)?;
            items.iter().try_for_each(|item| charge_names(call, item))
        }
        Value::Object(object) => {
            let rounds = object.len().max(1).ilog2() as usize;
            call.machine.charge(VALUE_FUEL + object.len() * (4 + rounds))?;
            object.entries().iter().try_for_each(|(_, value)| charge_names(call, value))
        }
        _ => Ok(()),
    }
}

/// A list or map whose parts are being revived, under the name it has itself.
struct Revival {
    name: Text,
    source: Source,
    next: usize,
    items: Vec<Value>,
    entries: Vec<(Text, Value)>,
}

/// What has parts.
enum Source {
    List(Arc<Vec<Value>>),
    Map(Arc<Object>),
}

impl Revival {
    fn new(name: Text, source: Source) -> Self {
        Self { name, source, next: 0, items: Vec::new(), entries: Vec::new() }
    }

    /// The next part and its name.
    fn part(&mut self) -> Option<(Text, Value)> {
        self.next += 1;
        match &self.source {
            Source::List(items) => {
                Some((index_name(self.next - 1), items.get(self.next - 1)?.clone()))
            }
            Source::Map(object) => object.entries().get(self.next - 1).cloned(),
        }
    }

    /// Takes what the function made of the last part: `undefined` leaves a hole, or nothing.
    fn put(&mut self, name: Text, value: Value) {
        match (&self.source, value) {
            (Source::List(_), Value::Undefined) => self.items.push(Value::Hole),
            (Source::List(_), value) => self.items.push(value),
            (Source::Map(_), Value::Undefined) => {}
            (Source::Map(_), value) => self.entries.push((name, value)),
        }
    }
}

/// Calls the function on every part, inner ones first, and at last on the whole.
fn revive<'m>(
    call: &mut Call<'_, 'm>,
    reviver: &'m Callback,
    whole: Value,
) -> Result<Value, Fault> {
    let mut open: Vec<Revival> = Vec::new();
    let mut part = (Text::default(), whole);
    loop {
        call.machine.charge(2 * VALUE_FUEL)?;
        let (name, value) = part;
        let mut done = match value {
            Value::Array(items) => {
                open.push(Revival::new(name, Source::List(items)));
                None
            }
            Value::Object(object) => {
                open.push(Revival::new(name, Source::Map(object)));
                None
            }
            other => Some((name, other)),
        };
        part = loop {
            if let Some((name, value)) = done.take() {
                let value = call.machine.call(reviver, &[&Value::String(name.clone()), &value])?;
                match open.last_mut() {
                    Some(outer) => outer.put(name, value),
                    None => return Ok(value),
                }
            }
            let Some(inner) = open.last_mut() else { unreachable!("something is open or done") };
            if let Some(part) = inner.part() {
                break part;
            }
            let Some(Revival { name, source, items, entries, .. }) = open.pop() else {
                unreachable!("it has just been looked at")
            };
            let value = match source {
                Source::List(_) => call.machine.array(items)?,
                Source::Map(_) => call.machine.object(entries)?,
            };
            done = Some((name, value));
        };
    }
}

fn stringify(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    call.machine.charge(2 * VALUE_FUEL)?;
    let value = call.take(0);
    let names = match call.argument(1).items().cloned() {
        Some(items) => Some(property_list(call, &items)?),
        _ => None,
    };
    let indent = indent(call)?;
    let replacer = call.callback;
    let mut writer = Writer { call, replacer, out: Vec::new(), names, indent, open: Vec::new() };
    if !writer.write(value)? {
        return Ok(Value::Undefined);
    }
    let out = String::from_utf8(writer.out).unwrap_or_default();
    call.machine.text(out)
}

/// The names that a list given as replacer lets through.
fn property_list(call: &mut Call<'_, '_>, items: &[Value]) -> Result<Vec<Text>, Fault> {
    let mut names: Vec<Text> = Vec::new();
    for item in items {
        call.machine.charge(VALUE_FUEL)?;
        if let Value::String(_) | Value::Number(_) = item {
            names.push(call.machine.text_of(item)?);
        }
    }
    // A map's names are distinct, and found without comparing each with each.
    let bytes: usize = names.iter().map(Text::len).sum();
    let rounds = names.len().max(1).ilog2() as usize + 1;
    call.machine.charge((names.len() + bytes / BYTES_PER_FUEL) * rounds)?;
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|&left, &right| names[left].cmp(&names[right]));
    order.dedup_by(|later, first| names[*later] == names[*first]);
    order.sort_unstable();
    Ok(order.into_iter().map(|at| names[at].clone()).collect())
}

fn indent(call: &mut Call<'_, '_>) -> Result<Text, Fault> {
    Ok(match call.argument(2) {
        Value::Number(_) => Text::from(" ".repeat(call.integer(2)?.clamp(0.0, 10.0) as usize)),
        Value::String(text) => string::slice(text, 0, 10),
        _ => Text::default(),
    })
}

/// A list or map that is being written.
struct Level {
    source: Source,
    next: usize,
    empty: bool,
}

struct Writer<'w, 'c, 'm> {
    call: &'w mut Call<'c, 'm>,
    replacer: Option<&'m Callback>,
    out: Vec<u8>,
    names: Option<Vec<Text>>,
    indent: Text,
    open: Vec<Level>,
}

impl Writer<'_, '_, '_> {
    /// Writes the whole; gives whether it has a form in JSON.
    fn write(&mut self, whole: Value) -> Result<bool, Fault> {
        let whole = self.replaced(Text::default(), whole)?;
        if whole.has_no_json() {
            return Ok(false);
        }
        self.begin(whole)?;
        while let Some((name, value)) = self.part() {
            let Some(name) = name else { continue };
            self.call.machine.charge(VALUE_FUEL)?;
            let value = self.replaced(name.clone(), value)?;
            let Some(level) = self.open.last_mut() else { continue };
            let in_map = matches!(level.source, Source::Map(_));
            if in_map && value.has_no_json() {
                continue;
            }
            if !std::mem::take(&mut level.empty) {
                self.out.push(b',');
            }
            self.new_line()?;
            if in_map {
                self.call.machine.charge_bytes(name.len())?;
                write_string(&name, &mut self.out);
                self.out.extend_from_slice(if self.indent.is_empty() { b":" } else { b": " });
            }
            self.begin(value)?;
        }
        Ok(true)
    }

    /// The next part of what is open; without a name when a level ended instead.
    fn part(&mut self) -> Option<(Option<Text>, Value)> {
        let level = self.open.last_mut()?;
        let at = level.next;
        level.next += 1;
        let part = match (&level.source, &self.names) {
            (Source::List(items), _) => {
                items.get(at).map(|item| {
                    // Only a function ever sees the position's name.
                    let name = self.replacer.map(|_| index_name(at)).unwrap_or_default();
                    (name, item.element().clone())
                })
            }
            (Source::Map(object), None) => object.entries().get(at).cloned(),
            (Source::Map(object), Some(names)) => names
                .get(at)
                .map(|name| (name.clone(), object.get(name).cloned().unwrap_or_default())),
        };
        match part {
            Some((name, value)) => Some((Some(name), value)),
            None => {
                self.end();
                Some((None, Value::Undefined))
            }
        }
    }

    /// The value as it is to be written: a date's text, and what the function makes of it.
    fn replaced(&mut self, name: Text, value: Value) -> Result<Value, Fault> {
        let value = match &value {
            Value::Instance(instance) if let Instance::Date(_) = &**instance => {
                self.call.machine.charge(DATE_TEXT_FUEL)?;
                instance.to_plain()
            }
            _ => value,
        };
        match self.replacer {
            Some(replacer) => self.call.machine.call(replacer, &[&Value::String(name), &value]),
            None => Ok(value),
        }
    }

    /// Writes a primitive, or opens a list or map.
    fn begin(&mut self, value: Value) -> Result<(), Fault> {
        if self.out.len() > STRING_BYTES_MAX {
            return Err(too_long());
        }
        let (bracket, source) = match value {
            Value::Bool(truth) => {
                self.out.extend_from_slice(if truth { b"true" } else { b"false" });
                return Ok(());
            }
            Value::Number(number) => {
                write_number(number, &mut self.out);
                return Ok(());
            }
            Value::String(text) => {
                // Looked through for what is escaped, and copied.
                self.call.machine.charge_bytes(text.len() + text.len() / 4)?;
                write_string(&text, &mut self.out);
                return Ok(());
            }
            Value::Array(items) => (b'[', Source::List(items)),
            Value::Object(object) => (b'{', Source::Map(object)),
            Value::Instance(instance) if !matches!(&*instance, Instance::Function(_)) => {
                match &*instance {
                    Instance::Match(found) => (b'[', Source::List(Arc::clone(found.items()))),
                    _ => (b'{', Source::Map(Arc::default())),
                }
            }
            _ => {
                self.out.extend_from_slice(b"null");
                return Ok(());
            }
        };
        if self.open.len() >= 4 * VALUE_DEPTH_MAX {
            let message = "`JSON.stringify` got a value that nests too deep";
            return Err(Fault::limit(message));
        }
        self.out.push(bracket);
        self.open.push(Level { source, next: 0, empty: true });
        Ok(())
    }

    fn end(&mut self) {
        let Some(level) = self.open.pop() else { return };
        if !level.empty {
            self.indent_line();
        }
        self.out.push(if matches!(level.source, Source::List(_)) { b']' } else { b'}' });
    }

    fn new_line(&mut self) -> Result<(), Fault> {
        if !self.indent.is_empty() {
            self.call.machine.charge_bytes(self.indent.len() * self.open.len())?;
            self.indent_line();
        }
        Ok(())
    }

    fn indent_line(&mut self) {
        if !self.indent.is_empty() {
            self.out.push(b'\n');
            for _ in &self.open {
                self.out.extend_from_slice(self.indent.as_bytes());
            }
        }
    }
}
