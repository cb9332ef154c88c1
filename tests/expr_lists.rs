//! Lists, sets and JSON in expressions: order where a function contradicts itself, limits, and prices.

use std::borrow::Cow;
use std::thread;

use p13n::expr::{FieldTable, Fuel, Names, ProfileNames, Scope, Vm, compile};
use p13n::value::{Text, Value, write_json};

struct Nothing(Value);

impl Scope for Nothing {
    fn profile(&self, _slot: u32) -> Cow<'_, Value> {
        Cow::Borrowed(&self.0)
    }
    fn profile_object(&self) -> &Value {
        &self.0
    }
    fn field(&self, _index: u32) -> &Value {
        &self.0
    }
    fn event(&self) -> &Value {
        &self.0
    }
    fn local(&self, _index: u32) -> &Value {
        &self.0
    }
    fn now_ms(&self) -> i64 {
        0
    }
    fn rid(&self) -> Option<Text> {
        None
    }
}

/// The value as JSON, or the error's class, and the fuel that it took.
fn run(source: &str) -> (String, u64) {
    let mut fields = FieldTable::default();
    let mut names = Names { profile: ProfileNames::Object, fields: &mut fields, locals: &[] };
    let program = compile(source, &mut names).unwrap_or_else(|error| panic!("{source}: {error}"));
    let mut fuel = Fuel::request();
    let full = fuel.left;
    let outcome = Vm::default().evaluate(&program, &Nothing(Value::Undefined), &mut fuel);
    let text = match outcome {
        Ok(value) => {
            let mut out = Vec::new();
            write_json(&value, &mut out);
            String::from_utf8(out).unwrap()
        }
        Err(error) => error.kind.name().to_string(),
    };
    (text, full - fuel.left)
}

fn value(source: &str) -> String {
    run(source).0
}

/// What Node 20 gives, folded to a number: runs, binary insertion, merges and gallops all show in it.
#[test]
fn lists_are_sorted_as_v8_does_whatever_the_function_says() {
    assert_eq!(
        value("Array.from({length: 12}, (_, i) => i * 7 % 12).sort((a, b) => a > b).join()"),
        "\"0,7,2,9,4,11,6,1,8,3,10,5\""
    );
    for (length, item, order, folded) in [
        (200, "i * 7919 % 101", "(a * 7919 + b * 104729) % 13 - 6", "997706"),
        (300, "i < 150 ? i * 2 : (i - 150) * 2 + 1", "a - b", "730778"),
        (500, "i % 97 === 0 ? i * 31 % 17 : i", "a > b", "776695"),
        (257, "257 - i", "a % 3 - 1", "927719"),
        (1000, "i < 600 ? 1000 + i : i % 50 * 3", "(a >> 4) - (b >> 4)", "425200"),
    ] {
        let source = format!(
            "Array.from({{length: {length}}}, (_, i) => {item}).sort((a, b) => {order})\
             .reduce((x, y) => (x * 31 + y) % 1000003, 0)"
        );
        assert_eq!(value(&source), folded, "{source}");
    }
}

#[test]
fn lists_sets_and_json_end_at_their_limits() {
    for (source, expected) in [
        ("Array(10000).length", "10000"),
        ("Array(10001)", "LimitError"),
        ("Array(4294967296)", "RangeError"),
        ("Array(1.5)", "RangeError"),
        ("Array.from({length: 10001})", "LimitError"),
        ("JSON.parse('['.repeat(64) + ']'.repeat(64)).length", "1"),
        ("JSON.parse('['.repeat(65) + ']'.repeat(65))", "LimitError"),
        ("JSON.parse('[' + '0,'.repeat(9999) + '0]').length", "10000"),
        ("JSON.parse('[' + '0,'.repeat(10000) + '0]')", "LimitError"),
        ("JSON.stringify(1, (k, v) => [v])", "LimitError"),
        ("JSON.stringify('x'.repeat(65535))", "LimitError"),
        ("JSON.stringify(Array(3), null, 10).length", "50"),
        ("new Set(Array(3000).keys()).size", "3000"),
        ("[...new Set(Array(1000).keys())].every(x => new Set([x]).has(x))", "true"),
    ] {
        assert_eq!(value(source), expected, "{source}");
    }
}

/// Functions given to JSON may call JSON: what nests in what nests must not end the thread.
#[test]
fn json_within_json_keeps_to_a_small_stack() {
    let deep = "JSON.parse('['.repeat(64) + ']'.repeat(64))";
    let mut write = String::from("v");
    let mut read = String::from("v");
    for _ in 0..12 {
        write = format!("JSON.stringify({deep}, (k, v) => v.length ? v : {write})");
        read = format!("JSON.parse('[[[1]]]', (k, v) => v.length ? v : {read})");
    }
    let run = move || (value(&write), value(&read));
    let small = thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap();
    let (write, read) = small.join().unwrap();
    assert!(!write.is_empty() && !read.is_empty());
}

#[test]
fn what_compares_long_texts_pays_for_their_bytes() {
    let texts = "Array(8).toReversed().map((_, i) => 'x'.repeat(16000) + i)";
    for call in ["includes('x'.repeat(16000) + 9, 0)", "lastIndexOf('x'.repeat(16000) + 9)"] {
        let (found, fuel) = run(&format!("{texts}.{call}"));
        assert!(found == "false" || found == "-1", "{call}: {found}");
        let (_, without) = run(&format!("{texts}.{}", call.replace("+ 9", "+ 99")));
        assert!(fuel > without + 8 * 900, "{call}: {fuel} against {without}");
    }
    let (size, fuel) = run(&format!("new Set({texts}).size"));
    assert_eq!(size, "8");
    assert!(fuel > run(texts).1 + 8 * 2_000, "a set of long texts took {fuel}");
    let (_, short) = run("(1.5).toPrecision(2)");
    let (_, long) = run("(1.5e-300).toPrecision(100)");
    assert!(long > short + 1_000, "a hundred digits of a small number took {long}");
}

/// A chain of sets or iterators is dropped level by level, as one of lists is.
#[test]
fn values_do_not_grow_deep_by_what_is_no_data() {
    for body in ["new Set([a])", "[a].values()", "[[a].entries()]"] {
        for method in ["reduce", "reduceRight"] {
            let source = format!("[...Array(10000)].{method}(a => {body}, 1)");
            assert_eq!(value(&source), "LimitError", "{source}");
        }
    }
    assert_eq!(value("[new Set([[new Set([1])]])].length"), "1");
}
