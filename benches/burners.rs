//! Burners: programs that burn fuel as dearly as they can, and the CPU time that they take.
//!
//! None may take a millisecond for 100,000 units of fuel (page 3.4). Time is the thread's own, so
//! that what else the machine does is not in it, and the least of many rounds; a program that ends
//! before its fuel does counts as if it were run again until nothing is left.
//!
//! What the programs of `burners.toml` read: `N` and `K` are 1,000 and 10,000 numbers, `O` maps,
//! `T` texts, `P` lists of two; `A` and `U` 60 KB of words, and of words beyond ASCII; `D` a date, `S` a set,
//! `M` a match, `E` an iterator.

use std::borrow::Cow;
use std::hint::black_box;
use std::path::Path;

use p13n::expr::limits::EXPRESSION_FUEL_MAX;
use p13n::expr::random::Sequence;
use p13n::expr::{
    CompileError, FieldTable, Fuel, Names, ProfileNames, Program, Scope, Vm, compile,
};
use p13n::value::date::Zone;
use p13n::value::{Text, Value};
use rustix::time::{ClockId, clock_gettime};

/// Rounds of which the least counts, and the longest that they may take together.
const ROUNDS: usize = 40;
const ROUNDS_NS_MAX: f64 = 15e6;
/// Below this a program has not burnt enough for its price to be told.
const UNITS_MIN: u64 = 2_000;

/// What the programs read: a name, and the program that gives its value, with those before it.
const NAMES: &[(&str, &str)] = &[
    ("N", "Array.from({length: 1000}, (x, i) => i)"),
    ("K", "[...Array(10000).keys()]"),
    ("O", "N.map(n => ({value: \"value \" + n, time: n}))"),
    ("T", "N.map(n => \"text \" + n * 7919 % 1000)"),
    ("P", "N.map(n => [n, 1000 - n])"),
    ("A", "\"some words, all of them short; \".repeat(1950)"),
    ("U", "\"Wörter größer als Bytes über… \".repeat(1700)"),
    ("D", "new Date(1709210096789)"),
    ("S", "new Set(K.slice(0, 4000))"),
    ("M", "/(?<first>b)(c)/.exec(\"abc\")"),
    ("E", "N.entries()"),
];

/// What burns.
struct Burner {
    locals: Vec<Value>,
    random: Sequence,
    zone: Zone,
}

impl Burner {
    fn new() -> Self {
        let zone = Zone::named("Europe/Berlin").expect("a zone");
        let mut burner = Self { locals: Vec::new(), random: Sequence::new(7), zone };
        for (name, source) in NAMES {
            let program = burner.compile(source).unwrap_or_else(|error| panic!("{name}: {error}"));
            let value = Vm::default().evaluate(&program, &burner, &mut Fuel::request());
            burner.locals.push(value.unwrap_or_else(|error| panic!("{name}: {error}")));
        }
        burner
    }

    fn compile(&self, source: &str) -> Result<Program, CompileError> {
        let mut fields = FieldTable::default();
        let locals: Vec<Text> =
            NAMES[..self.locals.len()].iter().map(|(name, _)| Text::new(name)).collect();
        let profile = ProfileNames::Object;
        let mut names = Names { profile, fields: &mut fields, locals: &locals };
        compile(source, &mut names)
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
        Some(Text::new("6f1b0f2e-0f55-4c7b-9a43-0d5d0d8f3c11"))
    }
    fn zone(&self) -> Zone {
        self.zone
    }
    fn random(&self) -> Option<f64> {
        Some(self.random.draw())
    }
}

/// A program and its name: whole ones, and calls made again and again.
fn programs() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/burners.toml");
    let table: toml::Table =
        std::fs::read_to_string(path).expect("the burners").parse().expect("TOML");
    let text = |value: &toml::Value| value.as_str().expect("text").to_string();
    let whole = table["programs"].as_table().expect("programs");
    let mut programs: Vec<(String, String)> =
        whole.iter().map(|(name, source)| (name.clone(), text(source))).collect();
    let calls = table["calls"].as_table().expect("calls");
    let list = |name: &str| -> Vec<String> {
        calls[name].as_array().expect("a list").iter().map(text).collect()
    };
    for kind in ["numbers", "math", "dates", "texts", "lists", "maps"] {
        programs.extend(list(kind).into_iter().map(|call| (call.clone(), repeated(&call))));
    }
    for function in list("functions") {
        for argument in list("arguments") {
            let call = format!("Math.{function}({argument})");
            programs.push((call.clone(), repeated(&call)));
        }
    }
    programs
}

fn repeated(call: &str) -> String {
    format!("N.map(x => K.map(y => {call}))")
}

/// Nanoseconds that this thread has worked.
fn cpu_ns() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// One program's figures.
struct Burnt {
    name: String,
    /// Microseconds of one evaluation.
    whole_us: f64,
    units: u64,
    outcome: String,
}

impl Burnt {
    /// Of the whole budget where an error ended it: nothing can be run again behind that.
    fn unit_ns(&self) -> f64 {
        let units = if self.outcome == "ends" { self.units } else { EXPRESSION_FUEL_MAX };
        self.whole_us * 1e3 / units as f64
    }
}

fn burnt(burner: &Burner, name: String, program: &Program) -> Burnt {
    let mut vm = Vm::default();
    let (mut best_ns, mut all_ns) = (f64::INFINITY, 0.0);
    let mut units = 0;
    let mut outcome = String::new();
    for _ in 0..ROUNDS {
        let mut fuel = Fuel::request();
        let start_ns = cpu_ns();
        let value = black_box(vm.evaluate(program, burner, &mut fuel));
        // What was made is let go within the time: that is work as well.
        outcome = match value {
            Ok(value) => {
                drop(value);
                "ends".to_string()
            }
            Err(error) => format!("{:?}", error.kind),
        };
        let took_ns = cpu_ns() - start_ns;
        units = Fuel::request().left - fuel.left;
        best_ns = best_ns.min(took_ns);
        all_ns += took_ns;
        if all_ns > ROUNDS_NS_MAX {
            break;
        }
    }
    Burnt { name, whole_us: best_ns / 1e3, units, outcome }
}

/// The dearest of all burners.
#[derive(Default)]
pub struct Dearest {
    /// Microseconds of 100,000 units, as one evaluation may take them.
    pub whole_us: f64,
    /// Nanoseconds of a unit.
    pub unit_ns: f64,
    /// How many were burnt.
    pub burners: usize,
}

/// Burns fuel in every way whose name holds `wanted`, dearest first; gives the dearest.
pub fn burn(wanted: Option<&str>) -> Dearest {
    let burner = Burner::new();
    let asked = |name: &str| wanted.is_none_or(|wanted| name.contains(wanted));
    let mut refused = 0;
    let mut rows: Vec<Burnt> = Vec::new();
    for (name, source) in programs().into_iter().filter(|(name, _)| asked(name)) {
        match burner.compile(&source) {
            Ok(program) => rows.push(burnt(&burner, name, &program)),
            Err(error) => {
                eprintln!("{source}: {error}");
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 0, "programs that do not compile burn nothing");
    rows.sort_by(|left, right| right.unit_ns().total_cmp(&left.unit_ns()));
    for row in &rows {
        let Burnt { name, whole_us, units, outcome } = row;
        let unit_ns = row.unit_ns();
        println!("{name:<52}{unit_ns:>8.2} ns/unit{whole_us:>10.1} us{units:>8} units  {outcome}");
    }
    let told = || rows.iter().filter(|row| row.units >= UNITS_MIN);
    let unit_ns = told().map(Burnt::unit_ns).fold(0.0, f64::max);
    Dearest { whole_us: unit_ns * EXPRESSION_FUEL_MAX as f64 / 1e3, unit_ns, burners: rows.len() }
}
