//! World: random profiles and events, as JSON text.
//!
//! The names and their usual kinds are fixed, so that a program knows what it probably reads; the values are
//! not, and one in twelve is of another kind altogether.

use std::fmt::Write;

use super::kind::Kind;
use p13n::value::number::to_text;

use super::random::Random;

/// The names of a profile and an event, with what they usually hold. `missing` never exists.
pub const FIELDS: &[(&str, &str, Kind)] = &[
    ("PROFILE", "name", Kind::Text),
    ("PROFILE", "city", Kind::Text),
    ("PROFILE", "visits", Kind::Number),
    ("PROFILE", "score", Kind::Number),
    ("PROFILE", "seen_ms", Kind::Number),
    ("PROFILE", "vip", Kind::Bool),
    ("PROFILE", "nothing", Kind::Nullish),
    ("PROFILE", "missing", Kind::Nullish),
    ("PROFILE", "numbers", Kind::Numbers),
    ("PROFILE", "words", Kind::Texts),
    ("PROFILE", "preferences", Kind::Visits),
    ("PROFILE", "empty", Kind::Mixed),
    ("PROFILE", "mixed", Kind::Mixed),
    ("PROFILE", "nested", Kind::Lists),
    ("PROFILE", "address", Kind::Object),
    ("EVENT", "td_path", Kind::Text),
    ("EVENT", "price", Kind::Text),
    ("EVENT", "when", Kind::Moment),
    ("EVENT", "quantity", Kind::Number),
    ("EVENT", "time", Kind::Number),
    ("EVENT", "flag", Kind::Bool),
    ("EVENT", "none", Kind::Nullish),
    ("EVENT", "missing", Kind::Nullish),
    ("EVENT", "tags", Kind::Texts),
    ("EVENT", "items", Kind::Visits),
    ("EVENT", "user", Kind::Object),
    ("EVENT", "text", Kind::Text),
];

/// Names that objects have; some spell array indices, which come first in JavaScript's order.
pub const NAMES: &[&str] =
    &["value", "time", "a", "b", "city", "zip", "10", "2", "length", "toString", "x y", ""];

const TEXTS: &[&str] = &[
    "",
    "a",
    "b",
    "abc",
    "Ada",
    "shoes",
    "hats",
    "42",
    "-7",
    " 12 ",
    "0x1f",
    "1e3",
    "0",
    "-0",
    "NaN",
    "Infinity",
    "undefined",
    "null",
    "true",
    "[object Object]",
    "1,2",
    "a,b,c",
    "/shop?x=1&y=2",
    "A@Example.com ",
    "\u{141}\u{f3}d\u{17a}",
    "stra\u{df}e",
    "\u{1f600}",
    "a\u{1f600}b",
    "\u{1f468}\u{200d}\u{1f469}",
    "e\u{301}",
    "\u{130}",
    "\u{3a3}\u{3c2}",
    "\u{feff}x\u{a0}",
    "line\nbreak\tand\r",
    "<a href=\"x\">'&'</a>",
    "a b  c",
    "aaaa",
    "abcabc",
    "2024-02-29",
    "19.90",
    ".5",
    "5.",
    "1_0",
    "\\",
    "$&",
    "\u{ffff}",
    "\u{2028}",
    "%41%zz",
];

const LETTERS: &[&str] = &[
    "a",
    "b",
    "c",
    "A",
    "z",
    "0",
    "1",
    "9",
    " ",
    "-",
    "_",
    ".",
    ",",
    "/",
    "@",
    "$",
    "&",
    "\n",
    "\t",
    "\"",
    "\u{e9}",
    "\u{df}",
    "\u{130}",
    "\u{131}",
    "\u{3a3}",
    "\u{3c2}",
    "\u{1c5}",
    "\u{fb01}",
    "\u{1e9e}",
    "\u{212a}",
    "\u{17f}",
    "\u{301}",
    "\u{345}",
    "\u{ac00}",
    "\u{4e00}",
    "\u{fffd}",
    "\u{ffff}",
    "\u{200d}",
    "\u{feff}",
    "\u{a0}",
    "\u{2028}",
    "\u{1f600}",
    "\u{10400}",
    "\u{10428}",
    "\u{1d7d8}",
    "\u{661}",
    "\u{0}",
    "\u{7f}",
    "\u{85}",
    "\u{10ffff}",
    "\u{e000}",
];

const MOMENTS: &[&str] = &[
    "2024-02-29",
    "2023-11-14T22:13:20Z",
    "2024-03-31T01:30:00",
    "2024-10-27T01:30:00.123+02:00",
    "1969-12-31T23:59:59.999Z",
    "2000-01",
    "1999",
    "2024-06-15T12:00",
    "+010000-01-01T00:00:00Z",
    "2024-12-31T24:00:00Z",
    "0001-01-01T00:00:00Z",
    "2024-01-01T10:00:00-05:30",
];

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "7",
    "10",
    "-1",
    "-2",
    "0.5",
    "1.5",
    "-0.5",
    "12.5",
    "100",
    "255",
    "1e21",
    "1e-7",
    "0.1",
    "0.2",
    "1700000000000",
    "1699999999999",
    "86400000",
    "4294967295",
    "4294967296",
    "2147483648",
    "-2147483649",
    "9007199254740991",
    "9007199254740993",
    "1e300",
    "5e-324",
    "1.7976931348623157e308",
    "123456789.125",
    "0.000001",
    "-1e-10",
    "99.995",
    "1.005",
];

/// A profile and an event.
pub fn world(random: &mut Random) -> (String, String) {
    (object(random, "PROFILE"), object(random, "EVENT"))
}

fn object(random: &mut Random, owner: &str) -> String {
    let mut out = String::from("{");
    for (of, name, kind) in FIELDS {
        let absent = *name == "missing" || random.percent(4);
        if *of != owner || absent {
            continue;
        }
        let kind = if random.percent(8) { any_kind(random) } else { *kind };
        let comma = if out.len() == 1 { "" } else { "," };
        let _ = write!(out, "{comma}\"{name}\":{}", value(random, kind, 2));
    }
    out.push('}');
    out
}

fn any_kind(random: &mut Random) -> Kind {
    random.pick(&[
        Kind::Text,
        Kind::Number,
        Kind::Bool,
        Kind::Nullish,
        Kind::Numbers,
        Kind::Texts,
        Kind::Mixed,
        Kind::Object,
        Kind::Lists,
        Kind::Visits,
        Kind::Moment,
    ])
}

fn value(random: &mut Random, kind: Kind, depth: u32) -> String {
    match kind {
        Kind::Text => quoted(&text(random)),
        Kind::Moment => quoted(random.pick(MOMENTS)),
        Kind::Number => number(random),
        Kind::Bool => random.percent(50).to_string(),
        Kind::Nullish => "null".to_string(),
        Kind::Numbers => list(random, 6, |random| value(random, Kind::Number, 0)),
        Kind::Texts => list(random, 5, |random| value(random, Kind::Text, 0)),
        Kind::Visits => list(random, 4, visit),
        Kind::Lists if depth > 0 => list(random, 3, |random| {
            let kind = random.pick(&[Kind::Numbers, Kind::Lists, Kind::Number]);
            value(random, kind, depth - 1)
        }),
        Kind::Mixed | Kind::Lists if depth > 0 => list(random, 4, |random| {
            let kind = any_kind(random);
            value(random, kind, depth - 1)
        }),
        Kind::Object if depth > 0 => entries(random, depth),
        _ => random.pick(&["[]", "{}", "[null]", "{\"a\":1}"]).to_string(),
    }
}

fn visit(random: &mut Random) -> String {
    let seen = random.pick(&["1", "2", "3", "1699999990000", "1700000000000"]);
    let what = value(random, Kind::Text, 0);
    format!("{{\"value\":{what},\"time\":{seen}}}")
}

fn list(random: &mut Random, most: u64, item: impl Fn(&mut Random) -> String) -> String {
    let items: Vec<String> = (0..random.below(most + 1)).map(|_| item(random)).collect();
    format!("[{}]", items.join(","))
}

fn entries(random: &mut Random, depth: u32) -> String {
    let mut names: Vec<&str> = Vec::new();
    for _ in 0..random.below(5) {
        let name = random.pick(NAMES);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let entries: Vec<String> = names
        .iter()
        .map(|name| {
            let kind = any_kind(random);
            format!("{}:{}", quoted(name), value(random, kind, depth - 1))
        })
        .collect();
    format!("{{{}}}", entries.join(","))
}

/// The text as JSON, which is also a JavaScript literal.
pub fn quoted(text: &str) -> String {
    let mut out = Vec::new();
    p13n::value::json::write_string(text, &mut out);
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// A text: one with a meaning, or letters of every kind.
pub fn text(random: &mut Random) -> String {
    if random.percent(80) {
        return random.pick(TEXTS).to_string();
    }
    (0..random.below(7)).map(|_| random.pick(LETTERS)).collect()
}

/// A number as JSON writes it: one at an edge, or any bits, or few digits.
pub fn number(random: &mut Random) -> String {
    let bits = random.next();
    let number = match random.below(10) {
        0 => f64::from_bits(bits),
        1 => (bits % 2_000_001) as f64 / 1000.0 - 1000.0,
        2 => (bits % 20_001) as f64 - 10_000.0,
        _ => return random.pick(NUMBERS).to_string(),
    };
    // JSON has no infinities, and an event no -0 (page 3.6.6).
    if number.is_finite() && number != 0.0 { to_text(number).to_string() } else { "0".to_string() }
}

/// A moment as text.
pub fn moment(random: &mut Random) -> &'static str {
    random.pick(MOMENTS)
}

/// Every profile and event that is one step smaller, as JSON values.
pub fn smaller(value: &serde_json::Value) -> Vec<serde_json::Value> {
    use serde_json::Value as Json;
    let mut found = Vec::new();
    match value {
        Json::Object(entries) => {
            for (name, entry) in entries {
                let mut fewer = entries.clone();
                fewer.remove(name);
                found.push(Json::Object(fewer));
                for smaller in smaller(entry) {
                    let mut changed = entries.clone();
                    changed.insert(name.clone(), smaller);
                    found.push(Json::Object(changed));
                }
            }
        }
        Json::Array(items) => {
            for at in 0..items.len() {
                let mut fewer = items.clone();
                fewer.remove(at);
                found.push(Json::Array(fewer));
                for smaller in smaller(&items[at]) {
                    let mut changed = items.clone();
                    changed[at] = smaller;
                    found.push(Json::Array(changed));
                }
            }
        }
        Json::String(text) if text != "a" => found.push(Json::from("a")),
        Json::Number(number) if number.as_f64() != Some(1.0) => found.push(Json::from(1)),
        _ => {}
    }
    found
}
