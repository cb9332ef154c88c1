//! JSON: `JSON.parse` and `JSON.stringify`, within the limits of text and fuel.

use super::super::error::{EvalErrorKind, Fault};
use super::super::limits::STRING_BYTES_MAX;
use super::super::operators::too_long;
use super::{Call, Function, within};
use crate::value::json::{write_number, write_string};
use crate::value::{Text, Value, parse_json, string};

pub(super) const FUNCTIONS: &[Function] =
    &[within("JSON", "parse", parse), within("JSON", "stringify", stringify)];

fn parse(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.text(0)?;
    // Every value is at least two bytes, and dearer than a byte.
    call.machine.charge(text.len() / 2)?;
    call.machine.count_container();
    parse_json(text.as_bytes()).map_err(|error| {
        Fault::new(EvalErrorKind::Syntax, format!("`JSON.parse` got no JSON: {error}"))
    })
}

fn stringify(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let value = call.take(0);
    if matches!(value, Value::Undefined) {
        return Ok(Value::Undefined);
    }
    let names = match call.argument(1).clone() {
        Value::Array(items) => Some(property_list(call, &items)?),
        _ => None,
    };
    let indent = indent(call)?;
    let mut writer = Writer { call, out: Vec::new(), names, indent, level: 0 };
    writer.value(&value)?;
    let out = String::from_utf8(writer.out).unwrap_or_default();
    call.machine.text(out)
}

/// The names that a list given as replacer lets through.
fn property_list(call: &mut Call<'_, '_>, items: &[Value]) -> Result<Vec<Text>, Fault> {
    let mut names: Vec<Text> = Vec::new();
    for item in items {
        call.machine.charge(1 + names.len())?;
        if let Value::String(_) | Value::Number(_) = item {
            let name = call.machine.text_of(item)?;
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    Ok(names)
}

fn indent(call: &mut Call<'_, '_>) -> Result<Text, Fault> {
    Ok(match call.argument(2) {
        Value::Number(_) => Text::from(" ".repeat(call.integer(2)?.clamp(0.0, 10.0) as usize)),
        Value::String(text) => string::slice(text, 0, 10),
        _ => Text::default(),
    })
}

struct Writer<'w, 'c, 'm> {
    call: &'w mut Call<'c, 'm>,
    out: Vec<u8>,
    names: Option<Vec<Text>>,
    indent: Text,
    level: usize,
}

impl Writer<'_, '_, '_> {
    fn value(&mut self, value: &Value) -> Result<(), Fault> {
        self.call.machine.charge(1)?;
        if self.out.len() > STRING_BYTES_MAX {
            return Err(too_long());
        }
        match value {
            Value::Undefined | Value::Hole | Value::Null => self.out.extend_from_slice(b"null"),
            Value::Bool(true) => self.out.extend_from_slice(b"true"),
            Value::Bool(false) => self.out.extend_from_slice(b"false"),
            Value::Number(number) => write_number(*number, &mut self.out),
            Value::String(text) => write_string(text, &mut self.out),
            Value::Array(items) => {
                self.open(b'[');
                for (position, item) in items.iter().enumerate() {
                    self.separate(position == 0);
                    self.value(item)?;
                }
                self.close(b']', items.is_empty());
            }
            Value::Object(object) => {
                self.open(b'{');
                let mut first = true;
                match self.names.take() {
                    Some(names) => {
                        for name in &names {
                            if let Some(value) = object.get(name) {
                                // Given back for what nests inside.
                                self.names = Some(names.clone());
                                self.entry(name, value, &mut first)?;
                            }
                        }
                        self.names = Some(names);
                    }
                    None => {
                        for (name, value) in object.entries() {
                            self.entry(name, value, &mut first)?;
                        }
                    }
                }
                self.close(b'}', first);
            }
            Value::Instance(instance) => self.value(&instance.to_plain())?,
        }
        Ok(())
    }

    fn entry(&mut self, name: &str, value: &Value, first: &mut bool) -> Result<(), Fault> {
        if matches!(value, Value::Undefined) {
            return self.call.machine.charge(1);
        }
        self.separate(std::mem::take(first));
        write_string(name, &mut self.out);
        self.out.push(b':');
        if !self.indent.is_empty() {
            self.out.push(b' ');
        }
        self.value(value)
    }

    fn open(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.level += 1;
    }

    fn close(&mut self, bracket: u8, empty: bool) {
        self.level -= 1;
        if !empty {
            self.new_line();
        }
        self.out.push(bracket);
    }

    fn separate(&mut self, first: bool) {
        if !first {
            self.out.push(b',');
        }
        self.new_line();
    }

    fn new_line(&mut self) {
        if !self.indent.is_empty() {
            self.out.push(b'\n');
            for _ in 0..self.level {
                self.out.extend_from_slice(self.indent.as_bytes());
            }
        }
    }
}
