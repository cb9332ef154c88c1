//! The campaign: what the log promises, held against every way in which a machine can break it.
//!
//! One program with a command for each part (docs/reliability.md). Without a command it runs the short form of
//! every part, as `cargo test` does; a word selects the parts whose name holds it. Every part prints its
//! seed first and its figures last, and ends with a code other than 0 when something is wrong.

mod damage;
mod images;
mod keep;
mod ledger;
mod payload;
mod phase;
mod random;
mod recover;
mod sweep;
mod watched;

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

/// What a part is asked to do.
pub struct Order {
    pub seed: u64,
    /// How many images, kills, cuts or operations.
    pub size: u64,
    /// No more runs of the harness than this.
    pub cycles: u64,
    pub progress: Progress,
}

/// Figures, and what is wrong, if anything.
pub type Verdict = Result<String, (String, String)>;

const PARTS: [Part; 3] = [
    Part { name: "images", short: 20_000, full: 1_000_000, run: run_images },
    Part { name: "sweep", short: 200, full: 2_000, run: run_sweep },
    Part { name: "damage", short: 20_000, full: u64::MAX, run: run_damage },
];

fn run_images(order: &Order) -> Verdict {
    let counted = |done| order.progress.at(done, order.size);
    spoken(images::campaign(order.seed, order.size, order.cycles, &counted))
}

fn run_sweep(order: &Order) -> Verdict {
    spoken(sweep::campaign(order.seed, order.size, &|done| order.progress.at(done, 0)))
}

fn run_damage(order: &Order) -> Verdict {
    spoken(damage::campaign(order.seed, order.size, &|done| order.progress.at(done, 0)))
}

fn spoken<F: std::fmt::Display>(outcome: Result<F, (F, String)>) -> Verdict {
    match outcome {
        Ok(figures) => Ok(figures.to_string()),
        Err((figures, what)) => Err((figures.to_string(), what)),
    }
}

/// Says every ten seconds how far a part is.
pub struct Progress {
    name: &'static str,
    begun: Instant,
    said_s: AtomicU64,
}

impl Progress {
    fn new(name: &'static str) -> Self {
        Self { name, begun: Instant::now(), said_s: AtomicU64::new(0) }
    }

    /// So many are done, of so many (0: nobody knows).
    pub fn at(&self, done: u64, of: u64) {
        let now_s = self.begun.elapsed().as_secs();
        let said_s = self.said_s.load(Ordering::Relaxed);
        if now_s < said_s + 10 {
            return;
        }
        let mine = self.said_s.compare_exchange(said_s, now_s, Ordering::Relaxed, Ordering::Relaxed);
        if mine.is_ok() {
            let of = if of == 0 { String::new() } else { format!(" of {of}") };
            println!("  {}: {done}{of} after {now_s} s", self.name);
        }
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("check") => check(&words[1..]),
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
            all_good &= run(part, random::fresh_seed(), part.short, u64::MAX);
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
    let good = run(part, seed, option("--size", part.full), option("--cycles", u64::MAX));
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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

fn run(part: &Part, seed: u64, size: u64, cycles: u64) -> bool {
    println!("campaign {}: seed={seed}", part.name);
    let progress = Progress::new(part.name);
    let begun = Instant::now();
    let verdict = (part.run)(&Order { seed, size, cycles, progress });
    let seconds = begun.elapsed().as_secs_f64();
    match verdict {
        Ok(figures) => {
            println!("campaign {}: good: {figures} seconds={seconds:.1}", part.name);
            true
        }
        Err((figures, what)) => {
            println!("campaign {}: {figures} seconds={seconds:.1}", part.name);
            println!("campaign {}: FAULT: {what}", part.name);
            false
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
