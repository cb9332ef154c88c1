//! Canonical: a value as one text that tells apart whatever JavaScript tells apart.
//!
//! JSON, in which what JSON cannot say is an object whose first name is "$"; `evaluate.mjs` writes the same
//! texts for Node's values (`encode` there lists the forms). Equal texts mean equal values: type,
//! order of names, NaN and the sign of zero included.

use p13n::value::json::{write_number, write_string};
use p13n::value::{Instance, Value};

/// The value's text.
pub fn canonical(value: &Value) -> String {
    let mut out = Vec::new();
    write(value, &mut out);
    String::from_utf8(out).expect("JSON is UTF-8")
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Undefined => out.extend(b"{\"$\":\"undefined\"}"),
        Value::Null => out.extend(b"null"),
        Value::Bool(truth) => out.extend(truth.to_string().into_bytes()),
        Value::Number(number) => write_any_number(*number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => write_list(items.iter(), out),
        Value::Object(object) => {
            let entries = object.entries().iter();
            write_names(entries.map(|(name, entry)| (name.as_str(), entry)), out);
        }
        Value::Instance(instance) => write_instance(instance, out),
        Value::Hole => out.extend(b"{\"$\":\"hole\"}"),
    }
}

fn write_instance(instance: &Instance, out: &mut Vec<u8>) {
    match instance {
        Instance::Date(date) => {
            out.extend(b"{\"$\":\"Date\",\"ms\":");
            write_any_number(date.time_ms(), out);
        }
        Instance::Set(set) => {
            out.extend(b"{\"$\":\"Set\",\"items\":");
            write_list(set.items().iter(), out);
        }
        Instance::RegExp(regexp) => {
            out.extend(b"{\"$\":\"RegExp\",\"text\":");
            write_string(&regexp.to_text(), out);
        }
        Instance::Match(found) => {
            out.extend(b"{\"$\":\"list\",\"items\":");
            write_list(found.items().iter(), out);
            out.extend(b",\"names\":");
            let names = ["index", "input", "groups", "indices"];
            let found: Vec<_> = names
                .iter()
                .filter_map(|name| instance.property(name).map(|value| (*name, value)))
                .collect();
            write_names(found.iter().map(|(name, value)| (*name, value)), out);
        }
        Instance::Iterator(_) => out.extend(b"{\"$\":\"iterator\""),
        Instance::Function(_) => out.extend(b"{\"$\":\"function\""),
    }
    out.push(b'}');
}

fn write_names<'v>(entries: impl Iterator<Item = (&'v str, &'v Value)>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (position, (name, entry)) in entries.enumerate() {
        out.extend(if position == 0 { "" } else { "," }.as_bytes());
        write_string(name, out);
        out.push(b':');
        write(entry, out);
    }
    out.push(b'}');
}

fn write_any_number(number: f64, out: &mut Vec<u8>) {
    let special = match number {
        _ if number.is_nan() => "NaN",
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ if number == 0.0 && number.is_sign_negative() => "-0",
        _ => return write_number(number, out),
    };
    out.extend(format!("{{\"$\":\"{special}\"}}").into_bytes());
}

fn write_list<'v>(items: impl Iterator<Item = &'v Value>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (position, item) in items.enumerate() {
        out.extend(if position == 0 { "" } else { "," }.as_bytes());
        write(item, out);
    }
    out.push(b']');
}
