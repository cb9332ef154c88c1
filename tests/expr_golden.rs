//! The golden suite of the expression language: what Node answered, case by case.
//!
//! `tests/golden/expr/generate.mjs` says how the expectations are made and written.

use std::path::Path;

use p13n::expr::{FieldTable, Names, ProfileNames, Vm, compile};

#[path = "oracle/canonical.rs"]
mod canonical;
#[path = "oracle/engine.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod engine;

use engine::{Outcome, World, evaluate};

const NOW_MS: i64 = 1_700_000_000_000;

#[derive(Debug)]
struct Case {
    name: String,
    expression: String,
    profile: String,
    event: String,
    time_zone: String,
    expected: Outcome,
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
                time_zone: text("time_zone").unwrap_or_else(|| "UTC".into()),
                expected: match text("error") {
                    Some(error) => Outcome::error(&error),
                    None => Outcome::Value(text("value").unwrap()),
                },
            });
        }
    }
    cases
}

#[test]
fn every_golden_case_gives_what_node_gave() {
    let cases = cases();
    assert!(cases.len() >= 1_500, "only {} cases were found", cases.len());
    let mut wrong = Vec::new();
    let mut vm = Vm::default();
    for case in &cases {
        let world = World::new(&case.profile, &case.event);
        let got = evaluate(&case.expression, &world, NOW_MS, &case.time_zone, &mut vm);
        if got != case.expected {
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
