//! Golden advice: every case of `golden/advice` draws exactly the warnings that stand beside it,
//! each at its place; and no expression of the language suite is warned of without being listed.

use std::path::{Path, PathBuf};

use p13n::expr::advice::{Advice, ProfileTypes, Purpose, Type, Types, of_expression, of_template};
use p13n::expr::{FieldTable, Names, ProfileNames, compile};
use p13n::value::Text;
use proptest::prelude::*;

fn golden(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(folder);
    let entries = std::fs::read_dir(&folder).expect("a folder of golden cases");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files
}

fn table(path: &Path) -> toml::Table {
    std::fs::read_to_string(path).expect("a readable case").parse().expect("a table")
}

/// The types that the cases of this suite name.
fn type_named(name: &str) -> Type {
    let timed = |mut fields: Vec<(Text, Type)>| {
        fields.push(("time".into(), Type::milliseconds()));
        Type::list_of(Type::object(fields))
    };
    match name {
        "key" => Type::text().or_undefined(),
        "counter" => Type::count(),
        "number" => Type::number(),
        "single" => Type::json().never_null(),
        "sum" => Type::number().or_undefined(),
        "list" => timed(vec![("value".into(), Type::json())]),
        "lines" => timed(vec![("sku".into(), Type::json()), ("price".into(), Type::json())]),
        "object" => Type::object(vec![
            ("street".into(), Type::text()),
            ("city".into(), Type::text().or_undefined()),
        ]),
        "numbers" => Type::list_of(Type::number()),
        "texts" => Type::list_of(Type::text()),
        "unknown" => Type::unknown(),
        _ => panic!("no type is called {name}"),
    }
}

fn types_in(file: &toml::Table, section: &str) -> Vec<(Text, Type)> {
    let entries = file.get(section).and_then(toml::Value::as_table).into_iter().flatten();
    entries.map(|(name, of)| (Text::new(name), type_named(of.as_str().expect("a name")))).collect()
}

fn advise(file: &toml::Table, case: &toml::Value) -> Advice {
    let profile = types_in(file, "profile");
    let locals = types_in(file, "locals");
    let declared = |name: &str| {
        profile.iter().find(|(known, _)| known == name).map(|(_, declared)| declared.clone())
    };
    let profile = match profile.is_empty() {
        true => ProfileTypes::Object,
        false => ProfileTypes::Declared(&declared),
    };
    let types = Types { profile, locals: &locals };
    let text = |name: &str| case.get(name).and_then(toml::Value::as_str);
    match (text("condition"), text("value"), text("template")) {
        (Some(source), None, None) => of_expression(source, Purpose::Condition, &types),
        (None, Some(source), None) => of_expression(source, Purpose::Value, &types),
        (None, None, Some(source)) => of_template(source, &types),
        _ => panic!("a case has one of condition, value and template: {case}"),
    }
}

fn source(case: &toml::Value) -> &str {
    ["condition", "value", "template"]
        .into_iter()
        .find_map(|name| case.get(name).and_then(toml::Value::as_str))
        .expect("a source")
}

#[test]
fn every_case_draws_exactly_the_warnings_beside_it() {
    let mut wrong = Vec::new();
    let (mut warned, mut quiet) = (0, 0);
    for path in golden("advice") {
        let file = table(&path);
        for case in file["case"].as_array().expect("cases") {
            let source = source(case);
            let found = advise(&file, case).warnings;
            let expected: Vec<Vec<&str>> = case
                .get("warns")
                .and_then(toml::Value::as_array)
                .into_iter()
                .flatten()
                .map(|row| {
                    row.as_array().expect("a row").iter().filter_map(|v| v.as_str()).collect()
                })
                .collect();
            warned += usize::from(!expected.is_empty());
            quiet += usize::from(expected.is_empty());
            let matches = found.len() == expected.len()
                && found.iter().zip(&expected).all(|(warning, row)| {
                    warning.code == row[0]
                        && source.get(warning.span.clone()) == Some(row[1])
                        && row.get(2).is_none_or(|says| warning.message.contains(says))
                        && row.get(3).is_none_or(|helps| {
                            warning.help.as_deref().unwrap_or_default().contains(helps)
                        })
                });
            if !matches {
                let shown = found.iter().map(|warning| {
                    let at = source.get(warning.span.clone()).unwrap_or("?");
                    format!(
                        "    {} at {at:?}: {} [{:?}]",
                        warning.code, warning.message, warning.help
                    )
                });
                let shown: Vec<String> = shown.collect();
                wrong.push(format!("{source}\n  wants {expected:?}\n{}", shown.join("\n")));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases are wrong\n{}", wrong.len(), wrong.join("\n"));
    assert!(warned >= 100 && quiet >= 100, "{warned} cases warn, {quiet} do not");
}

#[test]
fn every_code_of_the_table_has_a_case() {
    let mut seen = std::collections::BTreeSet::new();
    for path in golden("advice") {
        let file = table(&path);
        for case in file["case"].as_array().expect("cases") {
            seen.extend(advise(&file, case).warnings.iter().map(|warning| warning.code));
        }
    }
    let known = p13n::config::diagnostic::CODES.iter().map(|(code, _)| *code);
    let known: std::collections::BTreeSet<&str> =
        known.filter(|code| code.starts_with("W02")).collect();
    assert_eq!(seen, known.into_iter().filter(|code| *code != "W0222").collect());
}

/// Where a warning says what a whole expression always gives, JavaScript gives just that.
#[test]
fn what_advice_calls_always_so_is_so_in_the_language_suite() {
    let types = Types { profile: ProfileTypes::Object, locals: &[] };
    let (mut cases, mut warned, mut checked) = (0, 0, 0);
    let mut wrong = Vec::new();
    for path in golden("expr") {
        let file = table(&path);
        for case in file["case"].as_array().expect("cases") {
            let source = case["expression"].as_str().expect("a source");
            let value = case.get("value").and_then(toml::Value::as_str);
            let found = of_expression(source, Purpose::Value, &types).warnings;
            cases += 1;
            warned += usize::from(!found.is_empty());
            for warning in found.iter().filter(|warning| warning.span == (0..source.len())) {
                let says = |words: &str| warning.message.ends_with(words);
                let wants = match () {
                    () if says("always false") => Some("false"),
                    () if says("always true") => Some("true"),
                    () if says("always NaN") => Some(r#"{"$":"NaN"}"#),
                    () => None,
                };
                checked += usize::from(wants.is_some());
                if wants.is_some() && wants != value {
                    wrong
                        .push(format!("{source}: {} {}, {value:?}", warning.code, warning.message));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked >= 10, "{checked} of {warned} warnings over {cases} cases say always");
}

#[test]
fn the_page_lists_every_code() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/expressions.md");
    let page = std::fs::read_to_string(page).expect("the page of expressions");
    let listed: Vec<&str> = page.lines().filter_map(|line| line.get(2..7)).collect();
    let codes = p13n::config::diagnostic::CODES.iter().map(|(code, _)| *code);
    let without: Vec<&str> =
        codes.filter(|code| code.starts_with("W02") && !listed.contains(code)).collect();
    assert!(without.is_empty(), "codes that the page does not list: {without:?}");
}

#[test]
fn advice_takes_time_in_proportion_to_the_text() {
    let types = Types { profile: ProfileTypes::Object, locals: &[] };
    let pieces = [
        "PROFILE.a === \"x\" || ",
        "PROFILE.a && ",
        "EVENT.list.map(x => x.y).filter(x => x > 1).length + ",
        "[EVENT.a, {b: EVENT.c}].concat([1]) + ",
        "(EVENT.a ? [1] : {a: 1}) + ",
        "`${EVENT.a}` + ",
    ];
    for piece in pieces {
        let source = format!("{}1", piece.repeat(9_900 / piece.len()));
        // The least of several: the machine has other work too.
        let elapsed = (0..5).map(|_| {
            let started = std::time::Instant::now();
            let _ = of_expression(&source, Purpose::Condition, &types);
            started.elapsed()
        });
        let least = elapsed.min().expect("five runs");
        assert!(least.as_millis() < 50, "{piece}: {least:?}");
    }
}

#[test]
fn advice_on_the_deepest_expression_needs_little_stack() {
    let types = Types { profile: ProfileTypes::Object, locals: &[] };
    let nested = |open: &str, close: &str, levels: usize| {
        format!("{}1{}", open.repeat(levels), close.repeat(levels))
    };
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("!", ""),
        ("({a: ", "})"),
        ("`${", "}`"),
        ("[1].map(a => ", ")"),
        ("(1 || 2 && 3 | 4 ^ 5 & 6 == 7 < 8 << 9 + 10 * ", ")"),
        ("EVENT.a[", "]"),
        ("1 ? ", " : 2"),
    ] {
        let source = nested(open, close, 48);
        let _ = of_expression(&source, Purpose::Condition, &types);
    }
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "PROFILE",
        "EVENT",
        ".a",
        ".time",
        "?.",
        ".length",
        "[0]",
        "[-1]",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "=>",
        ",",
        ":",
        "?",
        "??",
        "||",
        "&&",
        "+",
        "-",
        "*",
        "/",
        "**",
        "!",
        "~",
        "typeof",
        "in",
        "1",
        "0",
        "1e3",
        "\"a\"",
        "`",
        "${",
        "x",
        "...",
        ".map(x => x)",
        ".sort()",
        ".sort((a, b) => a > b)",
        ".reduce((a, b) => [a, b])",
        "Math.max",
        "undefined",
        "null",
        "NaN",
        "===",
        "!==",
        "==",
        "<",
        ">",
        "[1, 2]",
        "({a: 1})",
        ".indexOf(1)",
        ".trim()",
        "ago(\"1d\")",
        "parseInt",
        "Array.from",
        "JSON.parse",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.join(" "))
}

fn advise_any(source: &str) {
    let declared = |name: &str| Some(type_named(if name == "a" { "list" } else { "lines" }));
    for profile in [ProfileTypes::Object, ProfileTypes::Declared(&declared)] {
        let locals = [(Text::new("x"), type_named("object"))];
        let types = Types { profile, locals: &locals };
        for purpose in [Purpose::Condition, Purpose::Value] {
            for warning in of_expression(source, purpose, &types).warnings {
                assert!(source.get(warning.span.clone()).is_some(), "{warning:?}");
            }
        }
        let template = format!("a ${{{source}}} b");
        for warning in of_template(&template, &types).warnings {
            assert!(template.get(warning.span.clone()).is_some(), "{warning:?}");
        }
    }
}

proptest! {
    #[test]
    fn advice_on_text_of_any_kind_never_panics(source in "\\PC{0,80}") {
        advise_any(&source);
    }

    #[test]
    fn advice_on_pieces_of_the_language_in_any_order_never_panics(source in pieces()) {
        advise_any(&source);
    }
}

#[test]
fn every_quiet_case_and_every_warned_case_compiles() {
    let mut wrong = Vec::new();
    for path in golden("advice") {
        let file = table(&path);
        let locals: Vec<Text> =
            types_in(&file, "locals").into_iter().map(|(name, _)| name).collect();
        for case in file["case"].as_array().expect("cases") {
            if case.get("template").is_some() {
                continue;
            }
            let mut fields = FieldTable::default();
            let profile = ProfileNames::Object;
            let mut names = Names { profile, fields: &mut fields, locals: &locals };
            if let Err(error) = compile(source(case), &mut names) {
                wrong.push(format!("{}: {error}", source(case)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_examples_draw_no_warning() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for name in ["quickstart.yaml", "retail.yaml"] {
        let file = p13n::config::SourceFile::read(&folder.join(name)).expect("a file");
        let found = p13n::config::check(&file.expect("text"));
        assert!(found.is_empty(), "{}", p13n::config::diagnostic::render_all(&found));
    }
}
