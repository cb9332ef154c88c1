//! How fast expressions are: the seed's condition, a 20-term condition, an event's fields, the
//! golden suite; each as the best of many rounds, beside a control loop that does nothing.
//!
//! `cargo bench --bench expr`; figures go to `benches/results/expr.json` too.

use std::borrow::Cow;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use p13n::expr::{
    FieldTable, Fuel, Names, ProfileNames, ProfileSlots, Program, Scope, Vm, compile,
};
use p13n::value::{
    FieldIndex, Text, Value, parse_json, take_fields, take_fields_and_whole, write_json,
};

const ROUNDS: usize = 200;

const TWENTY_TERMS: &str = "PROFILE.preferences.length > 0 && PROFILE.visits >= 3 \
    && PROFILE.name !== undefined && EVENT.quantity > 1 && EVENT.price < 100 \
    && EVENT.path.startsWith(\"/shop\") && PROFILE.preferences[0].value === \"shoes\" \
    && PROFILE.visits % 2 === 1 && EVENT.missing === undefined && !EVENT.flag \
    && (EVENT.price * EVENT.quantity > 20 || PROFILE.visits > 100) \
    && PROFILE.preferences.some(p => p.value === \"hats\") && EVENT.user?.email !== null \
    && EVENT.user.email.endsWith(\".com\") && PROFILE.name.length === 3 && EVENT.quantity <= 5 \
    && [\"/a\", \"/shop?x=1\"].includes(EVENT.path) && (EVENT.price ?? 0) > 10 \
    && PROFILE.preferences.at(-1).time > 1 && PROFILE.visits !== EVENT.quantity";

const EVENT: &str = r#"{"td_client_id":"6f1b0f2e-0f55-4c7b-9a43-0d5d0d8f3c11","path":"/shop?x=1","price":19.9,"quantity":2,"flag":false,"user":{"email":"ada@example.com"},"td_referrer":"https://www.example.com/search?q=shoes+red+42&page=2&sort=price","td_user_agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0"}"#;

struct Slots;

impl ProfileSlots for Slots {
    fn slot(&self, name: &str) -> Option<u32> {
        self.names().iter().position(|known| *known == name).map(|slot| slot as u32)
    }
    fn names(&self) -> Vec<&str> {
        vec!["preferences", "visits", "name"]
    }
}

struct Customer {
    slots: Vec<Value>,
    fields: Vec<Value>,
    whole: Value,
}

impl Scope for Customer {
    fn profile(&self, slot: u32) -> Cow<'_, Value> {
        Cow::Borrowed(&self.slots[slot as usize])
    }
    fn profile_object(&self) -> &Value {
        &self.slots[0]
    }
    fn field(&self, index: u32) -> &Value {
        &self.fields[index as usize]
    }
    fn event(&self) -> &Value {
        &self.whole
    }
    fn local(&self, _index: u32) -> &Value {
        &Value::Undefined
    }
    fn now_ms(&self) -> i64 {
        1_700_000_000_000
    }
    fn rid(&self) -> Option<Text> {
        None
    }
}

/// Nanoseconds of one run: the best of many short rounds, which no other process interrupted.
fn best_ns(runs: usize, mut run: impl FnMut()) -> f64 {
    best_of(ROUNDS, || (0..runs).for_each(|_| run())) / runs as f64
}

/// Nanoseconds of the best of so many rounds.
fn best_of(rounds: usize, mut round: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..rounds {
        let start = Instant::now();
        round();
        best = best.min(start.elapsed().as_nanos() as f64);
    }
    best
}

fn condition(source: &str) -> (Program, Customer) {
    let mut fields = FieldTable::default();
    let mut names =
        Names { profile: ProfileNames::Slots(&Slots), fields: &mut fields, locals: &[] };
    let program = compile(source, &mut names).expect("the condition compiles");
    let preferences = r#"[{"value":"shoes","time":1},{"value":"hats","time":2}]"#;
    let mut taken = Vec::new();
    take_fields(EVENT.as_bytes(), &FieldIndex::new(fields.names()), &mut taken).expect("an event");
    let slots = vec![
        parse_json(preferences.as_bytes()).expect("a list"),
        Value::Number(7.0),
        Value::from("Ada"),
    ];
    (program, Customer { slots, fields: taken, whole: Value::Undefined })
}

/// A condition evaluated to a value while every subexpression is written down.
fn traced_ns(source: &str) -> f64 {
    let (program, scope) = condition(source);
    let mut vm = Vm::default();
    best_ns(200, || {
        black_box(vm.trace(&program, &scope, &mut Fuel::request()).entries.len());
    })
}

fn condition_ns(source: &str) -> f64 {
    let (program, scope) = condition(source);
    let mut vm = Vm::default();
    assert!(vm.test(&program, &scope, &mut Fuel::request()).expect("it evaluates"), "{source}");
    best_ns(2_000, || {
        let mut fuel = Fuel::request();
        black_box(vm.test(black_box(&program), black_box(&scope), &mut fuel).is_ok());
    })
}

/// Every golden case once: compiled before, evaluated in the loop.
fn golden_us() -> (f64, usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/expr");
    let mut cases: Vec<(Program, Customer)> = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the golden suite") {
        let path = entry.expect("an entry").path();
        let named = |stem: &str| path.file_stem().is_some_and(|found| found == stem);
        // Refused cases do not compile, and differences burn all fuel on purpose.
        if path.extension().is_none_or(|e| e != "toml") || named("refused") || named("differences")
        {
            continue;
        }
        let table: toml::Table =
            std::fs::read_to_string(&path).expect("a file").parse().expect("TOML");
        for case in table["case"].as_array().expect("cases") {
            let text = |name: &str| case.get(name).and_then(|v| v.as_str()).unwrap_or("{}");
            let mut fields = FieldTable::default();
            let mut names =
                Names { profile: ProfileNames::Object, fields: &mut fields, locals: &[] };
            let program = compile(text("expression"), &mut names).expect("it compiles");
            let index = FieldIndex::new(fields.names());
            let mut taken = Vec::new();
            let whole = take_fields_and_whole(text("event").as_bytes(), &index, &mut taken)
                .expect("an event");
            let profile = parse_json(text("profile").as_bytes()).expect("a profile");
            cases.push((program, Customer { slots: vec![profile], fields: taken, whole }));
        }
    }
    let mut vm = Vm::default();
    let total_ns = best_ns(1, || {
        for (program, scope) in &cases {
            black_box(vm.evaluate(program, scope, &mut Fuel::request()).is_ok());
        }
    });
    (total_ns / 1_000.0, cases.len())
}

/// Programs that burn fuel as dearly as they can: none may take a millisecond (page 3.4).
const BURNERS: &[(&str, &str)] = &[
    (
        "sums",
        "Array.from({length: 9999}).map((x, i) => Array.from({length: 9999}).reduce((a, b, i) => a + i, 0))",
    ),
    ("nested callbacks", "[N].map(n => n.map(a => n.map(b => n.map(c => a + b + c).length)))"),
    ("some over members", "[O].map(o => o.map(a => o.some(b => b.value === \"none\")))"),
    ("filters of members", "[O].map(o => o.map(a => o.filter(b => b.value !== \"none\").length))"),
    ("maps of members", "[O].map(o => o.map(a => o.map(b => b.value)))"),
    ("lists of one", "N.map(a => N.map(b => [b]))"),
    ("empty lists", "N.map(a => N.map(b => []))"),
    ("maps of one", "N.map(a => N.map(b => ({b})))"),
    ("maps of five", "N.map(a => N.map(b => ({a, b, c: 1, d: 2, e: 3})))"),
    (
        "maps of twenty",
        "N.map(a => N.map(b => ({a, b, c: 1, d: 2, e: 3, f: 4, g: 5, h: 6, i: 7, j: 8, k: 9, l: 10, m: 11, n: 12, o: 13, p: 14, q: 15, r: 16, s: 17, t: 18})))",
    ),
    ("spread in a reduce", "N.reduce((m, x, i) => ({...m, [i]: i}), {})"),
    ("lists grown by spread", "N.reduce((m, x) => [...m, x], [])"),
    ("concat", "N.reduce((m, x) => m.concat([x]), [])"),
    ("slices", "N.map(a => N.slice(1))"),
    (
        "text doubled",
        "N.map(x => [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].reduce(a => a + a, \"0123456789\"))",
    ),
    ("text grown", "N.reduce((a, x) => a + \"x\", \"\")"),
    ("short texts", "N.map(x => N.map(y => \"a\" + y))"),
    ("long texts", "N.map(x => N.map(y => \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" + y))"),
    ("templates", "N.map(x => N.map(y => `${x}-${y}`))"),
    ("fractions as text", "N.map(x => N.map(y => `${x / 7}`))"),
    ("extreme numbers as text", "N.map(x => N.map(y => String(1.7976931348623157e308 / (y + 3))))"),
    ("toFixed", "N.map(x => N.map(y => (y / 7).toFixed(2)))"),
    ("toFixed of a hundred", "N.map(x => N.map(y => (5e-324).toFixed(100)))"),
    ("toPrecision", "N.map(x => N.map(y => (y / 7).toPrecision(100)))"),
    ("toExponential", "N.map(x => N.map(y => (y / 7).toExponential(50)))"),
    ("toString(2)", "N.map(x => N.map(y => (y / 7).toString(2)))"),
    ("toString(36) of 1e308", "N.map(x => N.map(y => (1e308).toString(36)))"),
    ("texts as numbers", "N.map(x => N.map(y => +\"123456789.123456789e-3\"))"),
    ("long texts as numbers", "[\"1234567890\".repeat(6000)].map(t => N.map(y => +t))"),
    ("parseFloat", "[\"0.\" + \"1234567890\".repeat(6000)].map(t => N.map(y => parseFloat(t)))"),
    ("indexOf in 60 KB", "[\"ab\".repeat(30000)].map(t => N.map(x => t.indexOf(\"bb\")))"),
    (
        "indexOf of a long needle",
        "[\"a\".repeat(30000)].map(t => N.map(x => t.indexOf(\"a\".repeat(1000) + \"b\")))",
    ),
    ("lastIndexOf", "[\"ab\".repeat(30000)].map(t => N.map(x => t.lastIndexOf(\"bb\")))"),
    ("lengths beyond ASCII", "[\"é\".repeat(30000)].map(t => N.map(x => t.length))"),
    ("charAt beyond ASCII", "[\"é\".repeat(30000)].map(t => N.map(x => t.charAt(29999)))"),
    ("index beyond ASCII", "[\"é\".repeat(30000)].map(t => N.map((x, i) => t[i]))"),
    ("slice beyond ASCII", "[\"é\".repeat(30000)].map(t => N.map(x => t.slice(1, 29999)))"),
    ("toUpperCase", "[\"é\".repeat(30000)].map(t => N.map(x => t.toUpperCase()))"),
    ("toLowerCase of ASCII", "[\"AB\".repeat(30000)].map(t => N.map(x => t.toLowerCase()))"),
    ("trim", "[\" \".repeat(60000)].map(t => N.map(x => t.trim()))"),
    (
        "order of texts",
        "[[\"é\".repeat(30000) + \"a\", \"é\".repeat(30000) + \"b\"]].map(([a, b]) => N.map(x => a < b))",
    ),
    (
        "equality of texts",
        "[[\"é\".repeat(30000) + \"a\", \"é\".repeat(30000) + \"b\"]].map(([a, b]) => N.map(x => a === b))",
    ),
    ("replaceAll with a function", "\"ab\".repeat(30000).replaceAll(\"a\", (m, i, t) => \"c\")"),
    ("replaceAll", "N.map(x => \"ab\".repeat(5000).replaceAll(\"a\", \"c\"))"),
    ("replaceAll that grows", "N.map(x => \"ab\".repeat(100).replaceAll(\"a\", \"$&$&\"))"),
    ("split by letters", "N.map(x => \"ab\".repeat(4000).split(\"\"))"),
    ("split by a comma", "N.map(x => \"a,\".repeat(4000).split(\",\"))"),
    ("spread of text", "N.map(x => [...\"ab\".repeat(4000)])"),
    ("repeat", "N.map(x => \"a\".repeat(60000))"),
    ("padStart", "N.map(x => \"a\".padStart(60000, \"bc\"))"),
    ("join", "N.map(x => N.join())"),
    ("join of texts", "N.map(x => T.join())"),
    ("join of lists", "[N.map(x => [x])].map(l => N.map(x => l.join()))"),
    ("sort", "N.map(x => N.sort())"),
    ("sort of texts", "N.map(x => T.sort())"),
    (
        "sort of texts beyond ASCII",
        "[T.map(t => \"é\".repeat(50) + t)].map(l => N.map(x => l.sort()))",
    ),
    ("sort with a function", "N.map(x => N.sort((a, b) => b - a))"),
    ("sort of maps", "O.map(x => O.sort((a, b) => b.time - a.time))"),
    ("sort that shuffles", "N.map(x => N.map((x, i) => i * 7919 % 10007).sort((a, b) => a - b))"),
    ("toReversed", "N.map(x => N.toReversed())"),
    ("flat", "[N.map(x => [x])].map(l => N.map(x => l.flat()))"),
    ("flatMap", "N.map(x => N.flatMap(y => [y, y]))"),
    ("Array.from a length", "N.map(x => Array.from({length: 9999}))"),
    ("Array.from a function", "N.map(x => Array.from({length: 9999}, (y, i) => i))"),
    ("includes", "N.map(x => N.includes(-1))"),
    ("includes of texts", "T.map(x => T.includes(\"none\"))"),
    ("indexOf in a list", "N.map(x => N.indexOf(\"x\"))"),
    ("lists as text", "N.map(x => `${N}`)"),
    ("Object.entries", "N.map(x => Object.entries(O[0]))"),
    ("Object.entries of lists", "N.map(x => Object.entries(N))"),
    ("Object.keys of lists", "N.map(x => Object.keys(N))"),
    (
        "Object.fromEntries",
        "[N.map(x => [\"k\" + x, x])].map(e => N.map(x => Object.fromEntries(e)))",
    ),
    (
        "Object.assign",
        "[Object.fromEntries(N.map(x => [\"k\" + x, x]))].map(o => N.map(x => Object.assign({}, o)))",
    ),
    (
        "reads of a large map",
        "[Object.fromEntries(N.map(x => [\"k\" + x, x]))].map(o => N.map(x => o[\"k9\"]))",
    ),
    ("computed names", "N.map(x => N.map(y => ({[x + y]: 1})))"),
    ("JSON.stringify numbers", "N.map(x => JSON.stringify(N))"),
    ("JSON.stringify fractions", "[N.map(x => x / 7)].map(l => N.map(x => JSON.stringify(l)))"),
    ("JSON.stringify maps", "N.map(x => JSON.stringify(O))"),
    ("JSON.stringify text", "[\"\\u0001\".repeat(9000)].map(t => N.map(x => JSON.stringify(t)))"),
    ("JSON.stringify indented", "N.map(x => JSON.stringify(O, null, 10))"),
    ("JSON.parse numbers", "[JSON.stringify(N)].map(t => N.map(x => JSON.parse(t)))"),
    ("JSON.parse maps", "[JSON.stringify(O)].map(t => N.map(x => JSON.parse(t)))"),
    (
        "JSON.parse nested lists",
        "[\"[[],[],[],[],[],[],[],[],[],[]],\".repeat(900)].map(t => N.map(x => JSON.parse(\"[\" + t + \"0]\")))",
    ),
    ("encodeURIComponent", "[\"é\".repeat(9000)].map(t => N.map(x => encodeURIComponent(t)))"),
    ("decodeURIComponent", "[\"%C3%A9\".repeat(9000)].map(t => N.map(x => decodeURIComponent(t)))"),
    ("escapeHtml", "[\"<&>\".repeat(3000)].map(t => N.map(x => escapeHtml(t)))"),
    ("Math.max of a spread", "N.map(x => Math.max(...N))"),
    ("Math.pow", "N.map(x => N.map(y => Math.pow(1.0001, y)))"),
    ("Math.sin of large numbers", "N.map(x => N.map(y => Math.sin(1e300 + y)))"),
    ("remainders", "N.map(x => N.map(y => 1.7e308 % 3e-308))"),
    ("new Set", "N.map(x => new Set(N))"),
    ("new Set of texts", "N.map(x => new Set(T))"),
    ("Set.has", "[new Set(T)].map(s => N.map(x => s.has(\"none\")))"),
    ("new Date of text", "N.map(x => N.map(y => new Date(\"2024-02-29T12:34:56.789Z\")))"),
    ("dates as text", "[new Date(0)].map(d => N.map(x => N.map(y => d.toString())))"),
    ("toISOString", "[new Date(0)].map(d => N.map(x => N.map(y => d.toISOString())))"),
    ("parameters taken apart", "O.map(x => O.map(({value, time = 0, ...rest}) => time))"),
    ("lists taken apart", "[N.map(x => [x, x])].map(l => N.map(x => l.map(([a, ...b]) => a)))"),
    ("optional chains", "O.map(x => O.map(y => y?.value?.length?.x?.y))"),
    ("functions read", "N.map(x => N.map(y => x.toFixed))"),
    ("typeof", "N.map(x => N.map(y => typeof y))"),
    ("characters", "N.map(x => String.fromCharCode(...N))"),
    ("toSpliced", "N.map(x => N.toSpliced(1, 1, 2))"),
    ("with", "N.map(x => N.with(1, 1))"),
];

/// Milliseconds of a burner until it ends, and the fuel that it took.
fn burner_ms(source: &str) -> (f64, u64) {
    let mut fields = FieldTable::default();
    let locals: Vec<Text> = ["N", "O", "T"].map(Text::new).to_vec();
    let mut names = Names { profile: ProfileNames::Object, fields: &mut fields, locals: &locals };
    let program = compile(source, &mut names).unwrap_or_else(|error| panic!("{source}: {error}"));
    let scope = Burner::default();
    let mut vm = Vm::default();
    let mut spent = 0;
    let best = best_of(25, || {
        let mut fuel = Fuel::request();
        black_box(vm.evaluate(&program, &scope, &mut fuel).is_ok());
        spent = 1_000_000 - fuel.left;
    });
    (best / 1e6, spent)
}

/// Lists of the size that attributes have at most: numbers, items, texts.
struct Burner {
    locals: [Value; 3],
}

impl Default for Burner {
    fn default() -> Self {
        let numbers = (0..1_000).map(|n| Value::Number(f64::from(n))).collect();
        let item = |n: u32| {
            let value = (Text::from("value"), Value::from(format!("value {n}").as_str()));
            Value::object(vec![value, (Text::from("time"), Value::Number(f64::from(n)))])
        };
        let texts = (0..1_000).map(|n| Value::from(format!("text {}", n * 7_919 % 1_000).as_str()));
        let items = (0..1_000).map(item).collect();
        Self { locals: [Value::array(numbers), Value::array(items), Value::array(texts.collect())] }
    }
}

impl Scope for Burner {
    fn profile(&self, _slot: u32) -> Cow<'_, Value> {
        Cow::Borrowed(&Value::Undefined)
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
    fn local(&self, index: u32) -> &Value {
        &self.locals[index as usize]
    }
    fn now_ms(&self) -> i64 {
        1_700_000_000_000
    }
    fn rid(&self) -> Option<Text> {
        None
    }
}

/// Burns fuel in every way, dearest first; gives the dearest.
fn burn() -> f64 {
    let mut rows: Vec<(f64, u64, &str)> = BURNERS
        .iter()
        .map(|(name, source)| {
            let (ms, spent) = burner_ms(source);
            (ms, spent, *name)
        })
        .collect();
    rows.sort_by(|left, right| right.0.total_cmp(&left.0));
    for (ms, spent, name) in &rows {
        println!("{name:<32}{ms:>8.3} ms{spent:>9} units");
    }
    rows.first().map_or(0.0, |(ms, _, _)| *ms)
}

fn main() {
    let control_ns = best_ns(10_000, || {
        black_box(Fuel::request());
    });
    let seed_ns = condition_ns("PROFILE.preferences.length > 0");
    let twenty_ns = condition_ns(TWENTY_TERMS);
    let traced_ns = traced_ns(TWENTY_TERMS);
    let wanted: Vec<Text> =
        ["td_client_id", "path", "price", "quantity", "flag"].map(Text::new).to_vec();
    let index = FieldIndex::new(&wanted);
    let mut taken = Vec::new();
    let take_ns = best_ns(1_000, || {
        black_box(take_fields(black_box(EVENT.as_bytes()), &index, &mut taken).is_ok());
    });
    let parse_ns = best_ns(1_000, || {
        black_box(parse_json(black_box(EVENT.as_bytes())).is_ok());
    });
    let whole = parse_json(EVENT.as_bytes()).expect("an event");
    let mut out = Vec::new();
    let write_ns = best_ns(1_000, || {
        out.clear();
        write_json(black_box(&whole), &mut out);
    });
    let (golden_us, golden_cases) = golden_us();
    let dearest_ms = burn();
    let rows = [
        ("control_loop_ns", control_ns),
        ("seed_condition_ns", seed_ns),
        ("twenty_term_condition_ns", twenty_ns),
        ("twenty_terms_traced_ns", traced_ns),
        ("take_5_of_8_fields_ns", take_ns),
        ("parse_event_ns", parse_ns),
        ("write_event_ns", write_ns),
        ("dearest_fuel_us", dearest_ms * 1e3),
        ("golden_suite_us", golden_us),
        ("golden_suite_cases", golden_cases as f64),
        ("event_bytes", EVENT.len() as f64),
    ];
    let mut json = String::from("{\n");
    for (position, (name, figure)) in rows.iter().enumerate() {
        println!("{name:<28}{figure:>12.1}");
        let comma = if position + 1 < rows.len() { "," } else { "" };
        json.push_str(&format!("  \"{name}\": {figure:.1}{comma}\n"));
    }
    json.push_str("}\n");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/results");
    std::fs::create_dir_all(&folder).expect("the results' folder");
    std::fs::write(folder.join("expr.json"), json).expect("the results are written");
}
