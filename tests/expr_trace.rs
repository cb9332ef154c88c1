//! Traces of expressions: they change nothing, tell every subexpression, and name what decided.

use std::borrow::Cow;
use std::path::Path;

use p13n::expr::{FieldTable, Fuel, Names, ProfileNames, Program, Scope, Trace, Vm, compile};
use p13n::value::{FieldIndex, Text, Value, parse_json, take_fields_and_whole};

struct Given {
    profile: Value,
    fields: Vec<Value>,
    event: Value,
}

impl Scope for Given {
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
        1_700_000_000_000
    }
    fn rid(&self) -> Option<Text> {
        None
    }
}

fn given(source: &str, profile: &str, event: &str) -> Option<(Program, Given)> {
    let mut fields = FieldTable::default();
    let mut names = Names { profile: ProfileNames::Object, fields: &mut fields, locals: &[] };
    let program = compile(source, &mut names).ok()?;
    let mut taken = Vec::new();
    let index = FieldIndex::new(fields.names());
    let event = take_fields_and_whole(event.as_bytes(), &index, &mut taken).unwrap();
    let profile = parse_json(profile.as_bytes()).unwrap();
    Some((program, Given { profile, fields: taken, event }))
}

fn trace(source: &str) -> Trace {
    let profile = r#"{"a": 1, "list": [{"v": 1}, {"v": 2}, {"v": 3}], "none": null}"#;
    let (program, scope) = given(source, profile, r#"{"x": 5}"#).expect("it compiles");
    Vm::default().trace(&program, &scope, &mut Fuel::request())
}

fn decided(source: &str) -> &str {
    &source[trace(source).decided]
}

#[test]
fn a_trace_changes_neither_value_nor_error_nor_fuel() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/expr");
    let mut compared = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let table: toml::Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        for case in table["case"].as_array().unwrap() {
            let text = |name: &str| case.get(name).and_then(|value| value.as_str());
            let source = text("expression").unwrap();
            let profile = text("profile").unwrap_or("{}");
            let event = text("event").unwrap_or("{}");
            let Some((program, scope)) = given(source, profile, event) else { continue };
            let mut vm = Vm::default();
            let (mut plain, mut traced) = (Fuel::request(), Fuel::request());
            let value = vm.evaluate(&program, &scope, &mut plain);
            let trace = vm.trace(&program, &scope, &mut traced);
            assert_eq!(format!("{value:?}"), format!("{:?}", trace.outcome), "{source}");
            assert_eq!(plain.left, traced.left, "{source}");
            compared += 1;
        }
    }
    assert!(compared > 4_000, "only {compared} cases were compared");
}

#[test]
fn the_smallest_subexpression_that_settled_the_result_is_told() {
    for (source, expected) in [
        ("PROFILE.a > 0 && EVENT.x < 3 && PROFILE.a", "EVENT.x < 3"),
        ("PROFILE.a > 0 && EVENT.x > 3", "PROFILE.a > 0 && EVENT.x > 3"),
        ("PROFILE.a > 2 || EVENT.x > 3", "EVENT.x > 3"),
        ("PROFILE.a > 2 || EVENT.x > 9", "PROFILE.a > 2 || EVENT.x > 9"),
        ("!(PROFILE.a > 0 && EVENT.x < 3)", "EVENT.x < 3"),
        ("(PROFILE.a > 2 || EVENT.x > 3) && !EVENT.x", "EVENT.x"),
        ("PROFILE.a > 0 ? EVENT.x : 1", "EVENT.x"),
        ("PROFILE.a > 0 ? true : false", "PROFILE.a > 0"),
        ("EVENT.missing ?? EVENT.x", "EVENT.x"),
        ("PROFILE.a > 0 && PROFILE.none.x > 1", "PROFILE.none"),
        ("PROFILE.list.some(p => p.v > 2)", "PROFILE.list.some(p => p.v > 2)"),
        ("1 + 2", "1 + 2"),
    ] {
        assert_eq!(decided(source), expected, "{source}");
    }
}

#[test]
fn every_subexpression_that_was_evaluated_is_told_in_order() {
    let source = "PROFILE.list.slice(-1)[0].v > 2 && EVENT.x";
    let told: Vec<String> = trace(source)
        .entries
        .iter()
        .map(|entry| match &entry.outcome {
            Ok(Value::Number(number)) => format!("{} = {number}", &source[entry.span.clone()]),
            Ok(Value::Bool(truth)) => format!("{} = {truth}", &source[entry.span.clone()]),
            _ => source[entry.span.clone()].to_string(),
        })
        .collect();
    assert_eq!(
        told,
        [
            "PROFILE.list",
            "PROFILE.list.slice(-1)",
            "PROFILE.list.slice(-1)[0].v = 3",
            "PROFILE.list.slice(-1)[0].v > 2 = true",
            "EVENT.x = 5",
            "PROFILE.list.slice(-1)[0].v > 2 && EVENT.x = 5",
        ]
    );
    let error = trace("1 + PROFILE.none.deep");
    assert!(error.outcome.is_err());
    assert!(error.entries.last().is_some_and(|entry| entry.outcome.is_err()));
}

#[test]
fn the_body_of_a_function_is_told_for_its_first_calls() {
    let trace = trace("Array.from({length: 500}, (_, i) => i * 2).length");
    assert!(trace.cut);
    assert!(trace.entries.len() < 400, "{}", trace.entries.len());
    let few = self::trace("[1, 2].map(x => x * 2)");
    assert!(!few.cut);
    assert_eq!(few.entries.iter().filter(|entry| entry.span == (16..21)).count(), 2);
}
