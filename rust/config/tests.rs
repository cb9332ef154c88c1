//! Tests of the whole way from a file to a plan: limits, records, numbers, places of errors.

use std::borrow::Cow;
use std::fmt::Write;
use std::io;

use super::diagnostic::CODES;
use super::limits;
use super::plan::{Action, EventSet, Slot};
use super::{Compiled, Diagnostic, Numbers, Secrets, SourceFile, compile, compile_recorded};
use crate::expr::{Fuel, Scope, Template, Vm};
use crate::profile::attribute::AttributeSpec;
use crate::value::{Text, Value};

/// No environment and no files.
struct Nothing;

impl Secrets for Nothing {
    fn variable(&self, _name: &str) -> Option<String> {
        None
    }

    fn file(&self, _path: &str) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}

const HEAD: &str = "version: 1\naccount: 1\ninstance: 8\nname: retail\ndatabase: retail\n";
const KEYS: &str = "keys:\n  - name: customer_id\n";
const EVENTS: &str = "events:\n  - {name: pageview, table: pageviews}\n";

fn run(text: &str) -> Result<Compiled, Vec<Diagnostic>> {
    compile(&SourceFile::new("test.yaml", text), &Numbers::default(), &Nothing)
}

fn plan(text: &str) -> Compiled {
    run(text).unwrap_or_else(|found| panic!("{}", super::diagnostic::render_all(&found)))
}

/// Codes and sentences of what is wrong with a text.
fn problems(text: &str) -> Vec<(&'static str, String)> {
    let found = match run(text) {
        Ok(compiled) => compiled.warnings,
        Err(found) => found,
    };
    found.into_iter().map(|found| (found.code, found.message)).collect()
}

fn codes(text: &str) -> Vec<&'static str> {
    problems(text).into_iter().map(|(code, _)| code).collect()
}

/// A section with `count` entries, each made from its number.
fn section(name: &str, count: usize, entry: impl Fn(usize) -> String) -> String {
    let mut text = format!("{name}:\n");
    for number in 0..count {
        writeln!(text, "  - {}", entry(number)).expect("text grows");
    }
    text
}

fn attributes(count: usize) -> String {
    section("attributes", count, |n| format!("{{name: a{n}, type: single, set: []}}"))
}

#[test]
fn fifty_tokens_are_allowed_and_one_more_is_not() {
    let tokens = |count| section("tokens", count, |n| format!("{{name: t{n}, value: v{n}}}"));
    assert_eq!(limits::TOKENS_MAX, 50);
    assert!(codes(&format!("{HEAD}{KEYS}{}", tokens(50))).is_empty());
    assert_eq!(codes(&format!("{HEAD}{KEYS}{}", tokens(51))), ["E0240"]);
}

#[test]
fn fifty_entries_of_ignore_are_allowed_and_one_more_is_not() {
    let entries = |count| section("ignore", count, |n| format!("{{if: EVENT.robot === {n}}}"));
    assert_eq!(limits::IGNORES_MAX, 50);
    assert!(codes(&format!("{HEAD}{KEYS}{}", entries(50))).is_empty());
    assert_eq!(codes(&format!("{HEAD}{KEYS}{}", entries(51))), ["E0240"]);
}

#[test]
fn a_profile_lives_a_day_at_least() {
    let ttl = |text: &str| format!("{HEAD}{KEYS}profiles: {{ttl: {text}}}\n");
    assert_eq!(limits::PROFILE_TTL_MIN_MS, 86_400_000);
    assert_eq!(plan(&ttl("86400s")).plan.profile_ttl_ms, Some(limits::PROFILE_TTL_MIN_MS));
    assert_eq!(codes(&ttl("86399s")), ["E0206"]);
    assert_eq!(plan(&ttl("36500d")).plan.profile_ttl_ms, Some(limits::DURATION_MAX_MS));
    assert_eq!(codes(&ttl("36501d")), ["E0206"]);
    assert_eq!(plan(&format!("{HEAD}{KEYS}")).plan.profile_ttl_ms, None);
}

#[test]
fn a_hundred_tables_are_allowed_over_destinations_and_events_together() {
    let tables = |count| section("destinations", count, |n| format!("{{table: table_{n}}}"));
    let event = |table| format!("events:\n  - {{name: e, table: {table}}}\n");
    assert_eq!(limits::TABLES_MAX, 100);
    assert!(codes(&format!("{HEAD}{KEYS}{}{}", tables(100), event("table_0"))).is_empty());
    assert_eq!(codes(&format!("{HEAD}{KEYS}{}{}", tables(100), event("other"))), ["E0240"]);
    assert_eq!(codes(&format!("{HEAD}{KEYS}{}", tables(101))), ["E0240"]);
}

#[test]
fn a_hundred_keys_are_allowed_and_one_more_is_not() {
    let keys = |count| section("keys", count, |n| format!("name: k{n}"));
    assert!(codes(&format!("{HEAD}{}", keys(100))).is_empty());
    assert_eq!(codes(&format!("{HEAD}{}", keys(101))), ["E0240"]);
}

#[test]
fn two_hundred_attributes_hold_state_and_six_hundred_names_fit() {
    assert!(codes(&format!("{HEAD}{KEYS}{}", attributes(200))).is_empty());
    assert_eq!(codes(&format!("{HEAD}{KEYS}{}", attributes(201))), ["E0240"]);
    assert_eq!(codes(&format!("{HEAD}{KEYS}{}", attributes(599))), ["E0240"]);
    let found = problems(&format!("{HEAD}{KEYS}{}", attributes(600)));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].1.contains("at most 600 keys, attributes and activations"), "{found:?}");
}

#[test]
fn segments_catalogs_and_their_columns_have_their_limits() {
    let segments = |count| section("segments", count, |n| format!("{{id: i{n}, name: s{n}}}"));
    assert!(codes(&format!("{HEAD}{KEYS}{}", segments(limits::SEGMENTS_MAX))).is_empty());
    assert_eq!(codes(&format!("{HEAD}{KEYS}{}", segments(limits::SEGMENTS_MAX + 1))), ["E0240"]);
    let catalogs =
        |count| section("catalogs", count, |n| format!("{{name: c{n}, key: k, columns: [a]}}"));
    assert!(codes(&format!("{HEAD}{KEYS}{}", catalogs(limits::CATALOGS_MAX))).is_empty());
    assert_eq!(codes(&format!("{HEAD}{KEYS}{}", catalogs(limits::CATALOGS_MAX + 1))), ["E0240"]);
    let columns = |count: usize| {
        let names: Vec<String> = (0..count).map(|n| format!("a{n}")).collect();
        let names = names.join(", ");
        format!("{HEAD}{KEYS}catalogs: [{{name: c, key: k, columns: [{names}]}}]\n")
    };
    assert!(codes(&columns(limits::CATALOG_COLUMNS_MAX)).is_empty());
    assert_eq!(codes(&columns(limits::CATALOG_COLUMNS_MAX + 1)), ["E0240"]);
    let id =
        |bytes: usize| format!("{HEAD}{KEYS}segments: [{{id: {}, name: s}}]\n", "x".repeat(bytes));
    assert!(codes(&id(limits::SEGMENT_ID_BYTES_MAX)).is_empty());
    assert_eq!(codes(&id(limits::SEGMENT_ID_BYTES_MAX + 1)), ["E0205"]);
}

#[test]
fn an_expression_has_ten_thousand_characters_and_no_more() {
    let offer = |condition: &str| {
        format!("{HEAD}{KEYS}{EVENTS}offers: [{{name: o, set: [{{if: '{condition}'}}]}}]\n")
    };
    let condition = |length: usize| format!("EVENT.a + \"{}\"", "é".repeat(length - 12));
    assert_eq!(condition(10_000).chars().count(), 10_000);
    assert!(codes(&offer(&condition(10_000))).is_empty());
    assert_eq!(codes(&offer(&condition(10_001))).len(), 1);
}

#[test]
fn a_file_has_one_mebibyte_and_no_more() {
    let mut text = format!("{HEAD}{KEYS}# ");
    text.push_str(&"x".repeat(limits::FILE_BYTES_MAX - text.len()));
    assert!(codes(&text).is_empty());
    text.push('x');
    assert_eq!(codes(&text), ["E0101"]);
    assert!(SourceFile::from_bytes("f", text.into_bytes()).is_err());
}

#[test]
fn max_items_is_one_to_ten_thousand() {
    let list = |most: &str| {
        format!("{HEAD}{KEYS}attributes: [{{name: a, type: list, max_items: {most}, set: []}}]\n")
    };
    assert!(codes(&list("1")).is_empty());
    assert!(codes(&list("10000")).is_empty());
    assert_eq!(codes(&list("0")), ["E0206"]);
    assert_eq!(codes(&list("10001")), ["E0206"]);
}

#[test]
fn names_have_128_characters_and_wire_names_256() {
    let attribute = |name: String| {
        format!("{HEAD}{KEYS}attributes: [{{name: {name}, type: single, set: []}}]\n")
    };
    assert!(codes(&attribute("a".repeat(128))).is_empty());
    assert_eq!(codes(&attribute("a".repeat(129))), ["E0210"]);
    let offer = |name: String, data: String| {
        format!("{HEAD}{KEYS}offers: [{{name: {name}, set: [{{data: {{{data}: 1}}}}]}}]\n")
    };
    assert!(codes(&offer("é".repeat(256), "ü".repeat(256))).is_empty());
    assert_eq!(codes(&offer("é".repeat(257), "a".to_owned())), ["E0210"]);
    assert_eq!(codes(&offer("a".to_owned(), "ü".repeat(257))), ["E0210"]);
}

#[test]
fn tables_have_3_to_128_characters() {
    let table = |name: String| format!("{HEAD}{KEYS}destinations: [{{table: {name}}}]\n");
    assert!(codes(&table("abc".to_owned())).is_empty());
    assert!(codes(&table("a".repeat(128))).is_empty());
    assert_eq!(codes(&table("ab".to_owned())), ["E0214"]);
    assert_eq!(codes(&table("a".repeat(129))), ["E0214"]);
}

#[test]
fn sixty_four_levels_are_read_and_one_more_is_not() {
    let nested = |levels: usize| {
        // The file, the section, the offer, its rules, the rule and `data` are six of them.
        let (open, close) = ("[".repeat(levels - 6), "]".repeat(levels - 6));
        let offers = "offers:\n  - name: o\n    set:\n      - data:\n          a: ";
        format!("{HEAD}{KEYS}{offers}{open}1{close}\n")
    };
    assert!(codes(&nested(64)).is_empty());
    assert_eq!(codes(&nested(65)), ["E0240"]);
}

#[test]
fn the_recorded_text_keeps_no_secret_and_everything_else() {
    let text = format!(
        "{HEAD}{KEYS}tokens:\n  - name: a # one\n    value: |-\n      abcdefghijklmnop\n  \
         - {{name: b, \"value\": '123', type: server}}\n  - {{value: zz, name: c}}\n# end\n"
    );
    let compiled = plan(&text);
    let recorded = &compiled.plan.recorded_text;
    for secret in ["abcdefghijklmnop", "'123'", "zz"] {
        assert!(!recorded.contains(secret), "{recorded}");
    }
    let digest = "f39dac6cbaba535e2c207cd0cd8f154974223c848f727f98b3564cea569b41cf";
    let expected = format!(
        "{HEAD}{KEYS}tokens:\n  - name: a # one\n    value_sha256: {digest}\n  \
         - {{name: b, value_sha256: {}, type: server}}\n  - {{value_sha256: {}, name: c}}\n# end\n",
        "a665a45920422f9d417e4867efdc4fb8a04a1f3fff1fa07e998e86f7f7a27ae3",
        "4a60bf7d4bc1e485744cf7e8d0860524752fca1ce42331be7c439fd23043f151",
    );
    assert_eq!(*recorded, expected);
    let replayed = compile_recorded(recorded, &compiled.numbers).expect("a plan");
    assert_eq!(replayed.hash, compiled.plan.hash);
    assert_eq!(replayed.tokens.len(), 3);
    for (now, then) in replayed.tokens.iter().zip(&compiled.plan.tokens) {
        assert_eq!((&now.name, now.digest), (&then.name, then.digest));
    }
}

#[test]
fn the_same_text_and_numbers_give_the_same_hash_and_another_token_another() {
    let text = |token: &str| format!("{HEAD}{KEYS}tokens: [{{name: a, value: {token}}}]\n");
    assert_eq!(plan(&text("abc")).plan.hash, plan(&text("abc")).plan.hash);
    assert_ne!(plan(&text("abc")).plan.hash, plan(&text("abd")).plan.hash);
}

#[test]
fn known_names_keep_their_numbers_and_new_ones_get_the_next() {
    let known = Numbers {
        keys: vec![Text::new("email"), Text::new("customer_id")],
        attributes: vec![Text::new("gone"), Text::new("views")],
        ..Numbers::default()
    };
    let text = format!(
        "{HEAD}keys: [{{name: customer_id}}, {{name: phone}}, {{name: email}}]\n{EVENTS}\
         attributes:\n  - {{name: fresh, type: single, set: []}}\n  \
         - {{name: views, type: counter, total: true, set: [{{event: pageview}}]}}\n"
    );
    let compiled = compile(&SourceFile::new("f", text), &known, &Nothing).expect("a plan");
    let ids: Vec<u16> = compiled.plan.keys.iter().map(|key| key.id).collect();
    assert_eq!(ids, [1, 2, 0]);
    let ids: Vec<u16> = compiled.plan.attributes.iter().map(|attribute| attribute.id).collect();
    assert_eq!(ids, [2, 1]);
    assert_eq!(compiled.numbers.keys, ["email", "customer_id", "phone"]);
    assert_eq!(compiled.numbers.attributes, ["gone", "views", "fresh"]);
    assert_eq!(compiled.numbers.fields.as_deref(), Some(compiled.plan.fields.names()));
}

#[test]
fn a_replay_has_the_field_indices_that_were_recorded() {
    let text = format!("{HEAD}{KEYS}{EVENTS}");
    let fields = vec![Text::new("older"), Text::new("customer_id")];
    let numbers = Numbers { fields: Some(fields), ..Numbers::default() };
    let plan = compile_recorded(&text, &numbers).expect("a plan");
    assert_eq!(plan.key_fields, [1]);
    assert_eq!(plan.fields.names(), ["older", "customer_id"]);
}

#[test]
fn a_replay_loads_what_a_publish_would_refuse() {
    let text = format!(
        "{HEAD}{KEYS}{EVENTS}colour: red\noffers:\n  \
         - {{name: o, set: [{{event: [pageview, gone], if: EVENT.a, data: {{a: 1}}}}]}}\n"
    );
    assert_eq!(codes(&text), ["E0201", "E0213"]);
    let plan = compile_recorded(&text, &Numbers::default()).expect("a plan");
    assert!(matches!(&plan.offers[0].rules[0].events, EventSet::Of(ids) if ids == &[0]));
}

#[test]
fn a_time_zone_is_one_of_the_database_also_on_replay() {
    assert_eq!(format!("{:?}", plan(&format!("{HEAD}{KEYS}")).plan.time_zone), "UTC");
    let zoned = |name: &str| format!("{HEAD}time_zone: {name}\n{KEYS}");
    assert_eq!(format!("{:?}", plan(&zoned("Asia/Tokyo")).plan.time_zone), "Asia/Tokyo");
    for wrong in ["Mars/Olympus", "asia/tokyo", "", "+01:00", "[UTC]"] {
        assert_eq!(codes(&zoned(wrong)).len(), 1, "{wrong}");
        // Another zone in its place would compute other values.
        assert!(compile_recorded(&zoned(wrong), &Numbers::default()).is_err(), "{wrong}");
    }
}

#[test]
fn the_plan_holds_what_the_file_says() {
    let text = format!(
        "{HEAD}{KEYS}destinations: [{{table: pageviews}}]\nevents:\n  \
         - {{name: home, table: homes}}\n  - {{name: order, database: shop, table: orders}}\n  \
         - {{name: big, database: shop, table: orders, if: EVENT.big}}\n\
         attributes:\n  - name: views\n    type: counter\n    duration: 30d\n    \
         windows: {{views_1d: 1d, views_1h: 1h}}\n    set: [{{event: [big, home, big]}}]\n  \
         - {{name: seen, type: list, set: [{{value: {{a: 1, b: [x, 007, 1.50]}}}}]}}\n"
    );
    let plan = plan(&text).plan;
    assert_eq!(plan.clock_skew_ms, 300_000);
    assert_eq!(plan.value_bytes_max, 2048);
    let tables: Vec<_> = plan.tables.iter().map(|t| (&*t.database, &*t.table)).collect();
    assert_eq!(tables, [("retail", "pageviews"), ("retail", "homes"), ("shop", "orders")]);
    assert_eq!(plan.routes["shop"]["orders"], 2);
    let on_orders: Vec<_> =
        plan.tables[2].events.iter().map(|(id, f)| (*id, f.is_some())).collect();
    assert_eq!(on_orders, [(1, false), (2, true)]);
    let slots: Vec<_> = plan.slots.iter().map(|(name, slot)| (name.as_str(), *slot)).collect();
    assert_eq!(
        slots,
        [
            ("customer_id", Slot::Key(0)),
            ("views", Slot::Attribute(0)),
            ("views_1d", Slot::Window(0, 0)),
            ("views_1h", Slot::Window(0, 1)),
            ("seen", Slot::Attribute(1)),
            ("views", Slot::Updated(0)),
            ("seen", Slot::Updated(1)),
            ("segments", Slot::Segments),
        ]
    );
    assert_eq!(
        plan.attributes[0].spec,
        AttributeSpec::Counter {
            duration_ms: Some(2_592_000_000),
            windows_ms: vec![86_400_000, 3_600_000],
            by: false
        }
    );
    assert!(matches!(&plan.rules[0].events, EventSet::Of(ids) if ids == &[0, 2]));
    assert!(matches!(plan.rules[0].action, Action::Increment));
    assert!(matches!(plan.rules[1].events, EventSet::Every));
    let Action::Set(Template::Map(fields)) = &plan.rules[1].action else { panic!("a map") };
    assert!(matches!(&fields[0].1, Template::Literal(Value::Number(one)) if *one == 1.0));
    let Template::Literal(Value::Array(items)) = &fields[1].1 else { panic!("a literal list") };
    assert!(matches!(&items[0], Value::String(text) if text == "x"));
    assert!(matches!(&items[1], Value::String(text) if text == "007"));
    assert!(matches!(&items[2], Value::Number(number) if *number == 1.5));
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_change_nothing() {
    let text = format!("{HEAD}{KEYS}{EVENTS}");
    let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert!(codes(&windows).is_empty());
    let wrong = format!("\u{feff}{}colour: red\r\n", text.replace('\n', "\r\n"));
    let found = run(&wrong).unwrap_err();
    assert_eq!((found[0].line, found[0].column), (10, 1));
    assert_eq!(found[0].source_line, "colour: red");
}

#[test]
fn codes_are_listed_once_and_in_order() {
    let codes: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
    let mut sorted = codes.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(codes, sorted);
}

/// Nothing is known: every name reads as `undefined`.
struct Empty;

impl Scope for Empty {
    fn profile(&self, _slot: u32) -> Cow<'_, Value> {
        Cow::Owned(Value::Undefined)
    }

    fn profile_object(&self) -> &Value {
        &Value::Undefined
    }

    fn field(&self, _index: u32) -> &Value {
        &Value::Undefined
    }

    fn event(&self) -> &Value {
        &Value::Undefined
    }

    fn local(&self, _index: u32) -> &Value {
        &Value::Undefined
    }

    fn now_ms(&self) -> i64 {
        0
    }

    fn rid(&self) -> Option<Text> {
        None
    }
}

#[test]
fn on_replay_an_expression_that_is_no_longer_accepted_throws() {
    let text = format!(
        "{HEAD}{KEYS}{EVENTS}offers:\n  - name: o\n    set:\n      \
         - {{if: '1 +', let: {{a: \"${{2 *}}\"}}, data: {{b: \"${{a.}}\", c: 1}}}}\n"
    );
    assert_eq!(codes(&text), ["E0301", "E0301", "E0301"]);
    let plan = compile_recorded(&text, &Numbers::default()).expect("a plan");
    let rule = &plan.offers[0].rules[0];
    assert_eq!((rule.lets.len(), rule.conditions.len()), (1, 1));
    let mut vm = Vm::default();
    for program in rule.lets.iter().chain(&rule.conditions) {
        assert!(vm.evaluate(program, &Empty, &mut Fuel::request()).is_err());
    }
    let Template::Map(data) = &rule.data else { panic!("a map") };
    let mut thrown = 0;
    let (_, broken) = &data[0];
    let value = broken.evaluate(&mut vm, &Empty, &mut Fuel::request(), &mut |_| thrown += 1);
    assert!(value.is_err() || thrown == 1);
}

#[test]
fn a_directory_gives_65536_numbers_and_no_more() {
    let numbers = |count: usize| Numbers {
        attributes: (0..count).map(|n| Text::new(format!("old{n}"))).collect(),
        ..Numbers::default()
    };
    let file = SourceFile::new("f", format!("{HEAD}{KEYS}{}", attributes(1)));
    let last = compile(&file, &numbers(limits::NUMBERS_MAX - 1), &Nothing).expect("a plan");
    assert_eq!(last.plan.attributes[0].id, u16::MAX);
    let found = compile(&file, &numbers(limits::NUMBERS_MAX), &Nothing).unwrap_err();
    assert_eq!(found[0].code, "E0240");
}

#[test]
fn no_text_makes_the_reader_panic() {
    let base = format!(
        "{HEAD}{KEYS}{EVENTS}offers:\n  - name: o\n    set:\n      - if: [\"a\", EVENT.b > 1]\n        \
         let: {{x: \"${{1}}\"}}\n        data: {{a: é, b: '${{EVENT.c}}'}} # c\n"
    );
    let bases = [base.as_str(), include_str!("../../tests/golden/config/valid/everything.yaml")];
    let pieces = [
        "!", "\"", "'", "[", "{", "&", "*", "|", ">", "%", "@", "`", ": ", " #", "é", "\n", "\t",
        "- ",
    ];
    for base in bases {
        let places: Vec<usize> = base.char_indices().map(|(at, _)| at).collect();
        for (turn, piece) in pieces.into_iter().enumerate() {
            for at in places.iter().skip(turn).step_by(29) {
                let mut text = base.to_owned();
                text.insert_str(*at, piece);
                drop(run(&text));
                text.truncate(*at + piece.len());
                drop(run(&text));
            }
        }
    }
}
