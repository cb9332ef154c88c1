//! The golden suite of the expression language: what Node answered, case by case.
//!
//! `tests/golden/expr/generate.mjs` says how the expectations are made and written.

use std::borrow::Cow;
use std::path::Path;

use p13n::expr::{FieldTable, Fuel, Names, ProfileNames, Scope, Vm, compile};
use p13n::value::{FieldIndex, Text, Value, parse_json, take_fields_and_whole};

const NOW_MS: i64 = 1_700_000_000_000;

#[derive(Debug)]
struct Case {
    name: String,
    expression: String,
    profile: String,
    event: String,
    expected: Result<String, String>,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/expr");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .filter(|path| path.file_stem().is_some_and(|stem| stem != "refused"))
        .collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let table: toml::Table = std::fs::read_to_string(&file).unwrap().parse().unwrap();
        for case in table["case"].as_array().unwrap() {
            let text = |name: &str| case.get(name).map(|v| v.as_str().unwrap().to_string());
            cases.push(Case {
                name: text("name").unwrap(),
                expression: text("expression").unwrap(),
                profile: text("profile").unwrap_or_else(|| "{}".into()),
                event: text("event").unwrap_or_else(|| "{}".into()),
                expected: match text("error") {
                    Some(error) => Err(error),
                    None => Ok(text("value").unwrap()),
                },
            });
        }
    }
    cases
}

struct Golden {
    profile: Value,
    fields: Vec<Value>,
    event: Value,
}

impl Scope for Golden {
    fn profile(&self, _slot: u32) -> Cow<'_, Value> {
        unreachable!("PROFILE is an object here")
    }
    fn profile_object(&self) -> &Value {
        &self.profile
    }
    fn field(&self, index: u32) -> &Value {
        &self.fields[index as usize]
    }
    fn event(&self) -> &Value {
        &self.event
    }
    fn local(&self, _index: u32) -> &Value {
        unreachable!("there are no locals here")
    }
    fn now_ms(&self) -> i64 {
        NOW_MS
    }
    fn rid(&self) -> Option<Text> {
        None
    }
}

/// `{"$": "NaN"}` and its like become what they stand for.
fn decode(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::array(items.iter().cloned().map(decode).collect()),
        Value::Object(object) => match (object.len(), object.get("$")) {
            (1, Some(Value::String(text))) => match text.as_str() {
                "undefined" => Value::Undefined,
                "-0" => Value::Number(-0.0),
                number => Value::Number(number.parse().unwrap()),
            },
            _ => Value::object(
                object.entries().iter().map(|(n, v)| (n.clone(), decode(v.clone()))).collect(),
            ),
        },
        other => other,
    }
}

/// Exactly the same: type, order of names, NaN and the sign of zero included.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Undefined, Value::Undefined) | (Value::Null, Value::Null) => true,
        (Value::Bool(l), Value::Bool(r)) => l == r,
        (Value::Number(l), Value::Number(r)) => {
            (l.is_nan() && r.is_nan()) || l.to_bits() == r.to_bits()
        }
        (Value::String(l), Value::String(r)) => l == r,
        (Value::Array(l), Value::Array(r)) => {
            l.len() == r.len() && l.iter().zip(r.iter()).all(|(l, r)| same(l, r))
        }
        (Value::Object(l), Value::Object(r)) => {
            l.len() == r.len()
                && l.entries().iter().zip(r.entries()).all(|(l, r)| l.0 == r.0 && same(&l.1, &r.1))
        }
        _ => false,
    }
}

fn run(case: &Case) -> Result<Value, String> {
    let mut fields = FieldTable::default();
    let mut names = Names { profile: ProfileNames::Object, fields: &mut fields, locals: &[] };
    let program = compile(&case.expression, &mut names)
        .map_err(|error| format!("{} {} ({:?})", error.code, error.message, error.span))?;
    let mut taken = Vec::new();
    let index = FieldIndex::new(fields.names());
    let event = take_fields_and_whole(case.event.as_bytes(), &index, &mut taken).unwrap();
    let scope =
        Golden { profile: parse_json(case.profile.as_bytes()).unwrap(), fields: taken, event };
    let mut fuel = Fuel::request();
    Vm::default().evaluate(&program, &scope, &mut fuel).map_err(|e| e.kind.name().to_string())
}

#[test]
fn every_golden_case_gives_what_node_gave() {
    let cases = cases();
    assert!(cases.len() > 1_000, "only {} cases were found", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let got = run(case);
        let right = match (&got, &case.expected) {
            (Ok(value), Ok(text)) => same(value, &decode(parse_json(text.as_bytes()).unwrap())),
            (Err(error), Err(class)) => error == class,
            _ => false,
        };
        if !right {
            wrong.push(format!(
                "{}: {}\n  got {got:?}\n  not {:?}",
                case.name, case.expression, case.expected
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn what_is_refused_says_what_and_where_and_what_to_write_instead() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/expr/refused.toml");
    let table: toml::Table = std::fs::read_to_string(file).unwrap().parse().unwrap();
    let mut wrong = Vec::new();
    for case in table["case"].as_array().unwrap() {
        let text = |name: &str| case.get(name).and_then(|v| v.as_str());
        let source = text("expression").unwrap();
        let mut fields = FieldTable::default();
        let mut names = Names { profile: ProfileNames::Object, fields: &mut fields, locals: &[] };
        let Err(error) = compile(source, &mut names) else {
            wrong.push(format!("{source}: compiles"));
            continue;
        };
        let right = Some(error.code) == text("code")
            && error.message.contains(text("says").unwrap())
            && text("helps").is_none_or(|h| error.help.as_deref().unwrap_or("").contains(h))
            && text("span").is_none_or(|span| source.get(error.span.clone()) == Some(span));
        if !right {
            wrong.push(format!("{source}: {error:?} at {:?}", source.get(error.span.clone())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
