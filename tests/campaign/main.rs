//! The campaign: what the log promises, held against every way in which a machine can break it.
//!
//! One program with a command for each part (docs/reliability.md). Without a command it runs the short form of
//! every part, as `cargo test` does; a word selects the parts whose name holds it. Every part prints its
//! seed first and its figures last, and ends with a code other than 0 when something is wrong.

mod camera;
mod child;
mod damage;
mod images;
mod keep;
mod kills;
mod ledger;
mod lives;
mod message;
mod mutants;
mod order;
mod payload;
mod phase;
mod powercut;
mod random;
mod reactor;
mod recover;
mod sweep;
mod watched;

#[path = "../shop/mod.rs"]
mod shop;

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A part of the campaign: its name, its size in short and in full, and what it does.
struct Part {
    name: &'static str,
    short: u64,
    full: u64,
    run: fn(&Order) -> Verdict,
}

/// The code of a part that this system does not let run.
const CANNOT: u8 = 77;

/// What a part is asked to do.
struct Order {
    seed: u64,
    /// How many images, kills, cuts or operations.
    size: u64,
    /// No more runs of the harness than this.
    cycles: u64,
    progress: Progress,
}

/// How a part ended: its figures up to there, and the first fault.
pub struct Ended<F> {
    /// Its figures.
    pub figures: F,
    /// What is wrong.
    pub fault: Option<String>,
}

/// A part's end, in words.
enum Verdict {
    /// With these figures.
    Good(String),
    /// With these figures, and this is wrong.
    Bad(String, String),
    /// It could not run here, because of this.
    Cannot(String),
}

const PARTS: [Part; 7] = [
    Part { name: "kill", short: 200, full: 10_000, run: run_kills },
    Part { name: "powercut", short: 20, full: 1_000, run: run_power_cuts },
    Part { name: "images", short: 20_000, full: 1_000_000, run: run_images },
    Part { name: "reactor", short: 1_000, full: 100_000, run: run_reactor },
    Part { name: "sweep", short: 200, full: 2_000, run: run_sweep },
    Part { name: "damage", short: 20_000, full: u64::MAX, run: run_damage },
    Part { name: "order", short: 250, full: 2_500, run: run_order },
];

fn run_kills(order: &Order) -> Verdict {
    spoken(kills::campaign(order.seed, order.size, &|done| order.progress.at(done, order.size)))
}

fn run_power_cuts(order: &Order) -> Verdict {
    let counted = |done| order.progress.at(done, order.size);
    or_cannot(powercut::campaign(order.seed, order.size, &counted))
}

fn run_images(order: &Order) -> Verdict {
    let counted = |done| order.progress.at(done, order.size);
    spoken(images::campaign(order.seed, order.size, order.cycles, &counted))
}

fn run_reactor(order: &Order) -> Verdict {
    let counted = |done| order.progress.at(done, order.size);
    spoken(reactor::campaign(order.seed, order.size, order.cycles, &counted))
}

fn run_sweep(order: &Order) -> Verdict {
    spoken(sweep::campaign(order.seed, order.size, order.cycles, &|done| {
        order.progress.at(done, 0)
    }))
}

fn run_damage(order: &Order) -> Verdict {
    let images = order.size.min(order.cycles);
    spoken(damage::campaign(order.seed, images, &|done| order.progress.at(done, 0)))
}

fn run_order(order: &Order) -> Verdict {
    or_cannot(order::campaign(order.seed, order.size))
}

fn spoken<F: std::fmt::Display>(ended: Ended<F>) -> Verdict {
    match ended.fault {
        None => Verdict::Good(ended.figures.to_string()),
        Some(fault) => Verdict::Bad(ended.figures.to_string(), fault),
    }
}

fn or_cannot<F: std::fmt::Display>(ended: Result<Ended<F>, String>) -> Verdict {
    ended.map_or_else(Verdict::Cannot, spoken)
}

/// Says every ten seconds how far a part is.
struct Progress {
    name: &'static str,
    begun: Instant,
    said_s: AtomicU64,
}

impl Progress {
    fn new(name: &'static str) -> Self {
        Self { name, begun: Instant::now(), said_s: AtomicU64::new(0) }
    }

    /// So many are done, of so many (0: nobody knows).
    fn at(&self, done: u64, of: u64) {
        let now_s = self.begun.elapsed().as_secs();
        let said_s = self.said_s.load(Ordering::Relaxed);
        if now_s < said_s + 10 {
            return;
        }
        let mine =
            self.said_s.compare_exchange(said_s, now_s, Ordering::Relaxed, Ordering::Relaxed);
        if mine.is_ok() {
            let of = if of == 0 { String::new() } else { format!(" of {of}") };
            println!("  {}: {done}{of} after {now_s} s", self.name);
        }
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("mutants") => mutants::all(&words[1..]),
        Some("check") => check(&words[1..]),
        Some("child") => match child::Task::of_words(&words[1..]) {
            Some(task) => child::live(&task),
            None => ExitCode::from(2),
        },
        Some(name) if PARTS.iter().any(|part| part.name == name) => full(name, &words[1..]),
        _ => short(&words),
    }
}

/// The short form of all parts, or of those whose name holds one of the words.
fn short(words: &[String]) -> ExitCode {
    if words.iter().any(|word| word == "--list") {
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<_> = words.iter().filter(|word| !word.starts_with('-')).collect();
    let mut all_good = true;
    for part in &PARTS {
        if wanted.is_empty() || wanted.iter().any(|word| part.name.contains(word.as_str())) {
            let code = run(part, random::fresh_seed(), part.short, u64::MAX);
            all_good &= code == 0 || code == CANNOT;
        }
    }
    if all_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One part at the size that is asked for.
fn full(name: &str, words: &[String]) -> ExitCode {
    let Some(part) = PARTS.iter().find(|part| part.name == name) else {
        unreachable!("the caller has looked it up")
    };
    let options = match options(words) {
        Ok(options) => options,
        Err(what) => {
            eprintln!("campaign {name}: {what}");
            return ExitCode::from(2);
        }
    };
    let option = |name, otherwise| options.get(name).copied().unwrap_or(otherwise);
    let seed = options.get("--seed").copied().unwrap_or_else(random::fresh_seed);
    ExitCode::from(run(part, seed, option("--size", part.full), option("--cycles", u64::MAX)))
}

fn options(words: &[String]) -> Result<HashMap<&str, u64>, String> {
    const KNOWN: [&str; 3] = ["--seed", "--size", "--cycles"];
    let mut options = HashMap::new();
    for pair in words.chunks(2) {
        let [name, value] = pair else { return Err(format!("{} needs a number", pair[0])) };
        let value = value.parse().map_err(|_| format!("{name} needs a number, not {value:?}"))?;
        if !KNOWN.contains(&name.as_str()) {
            return Err(format!("{name} is none of {}", KNOWN.join(", ")));
        }
        options.insert(name.as_str(), value);
    }
    Ok(options)
}

fn run(part: &Part, seed: u64, size: u64, cycles: u64) -> u8 {
    let name = part.name;
    println!("campaign {name}: seed={seed}");
    let progress = Progress::new(name);
    let begun = Instant::now();
    let verdict = (part.run)(&Order { seed, size, cycles, progress });
    let seconds = begun.elapsed().as_secs_f64();
    match verdict {
        Verdict::Good(figures) => {
            println!("campaign {name}: good: {figures} seconds={seconds:.1}");
            0
        }
        Verdict::Bad(figures, what) => {
            println!("campaign {name}: {figures} seconds={seconds:.1}");
            println!("campaign {name}: FAULT: {what}");
            1
        }
        Verdict::Cannot(why) => {
            println!("campaign {name}: SKIPPED, nothing is proved: {why}");
            CANNOT
        }
    }
}

fn check(words: &[String]) -> ExitCode {
    let [folder] = words else {
        eprintln!("campaign check: name the folder of a kept image");
        return ExitCode::from(2);
    };
    match keep::check(Path::new(folder)) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(what) => {
            println!("{what}");
            ExitCode::FAILURE
        }
    }
}
