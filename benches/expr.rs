//! How fast expressions are: the seed's condition, a 20-term condition, an event's fields, the
//! golden suite; each as the best of many rounds, beside a control loop that does nothing.
//!
//! `cargo bench --bench expr`; figures go to `benches/results/expr.json` too.

use std::borrow::Cow;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

mod burners;

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

fn main() {
    // `cargo bench --bench expr -- sort` burns fuel with the programs of that name alone.
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    if wanted.is_some() {
        burners::burn(wanted.as_deref());
        return;
    }
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
    let dearest = burners::burn(None);
    let rows = [
        ("control_loop_ns", control_ns),
        ("seed_condition_ns", seed_ns),
        ("twenty_term_condition_ns", twenty_ns),
        ("twenty_terms_traced_ns", traced_ns),
        ("take_5_of_8_fields_ns", take_ns),
        ("parse_event_ns", parse_ns),
        ("write_event_ns", write_ns),
        ("dearest_fuel_us", dearest.whole_us),
        ("dearest_unit_ns", dearest.unit_ns),
        ("burners", dearest.burners as f64),
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
