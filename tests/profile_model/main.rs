//! The profile model: random lives of a reactor against plain maps that page 4 was written down in.
//!
//! Without arguments, as `cargo test` runs it: a short form with one seed. `--cases N --seed S` is the long form
//! (`make profile-model`). People are forgotten in between, unless `--erasures 0`. A difference is shrunk: steps
//! are left out as long as it stays, and what is left is printed with the configuration.

mod plain;
#[allow(dead_code, reason = "the campaign uses more of it")]
#[path = "../campaign/random.rs"]
mod random;
mod run;
mod script;
mod shape;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use random::Random;
use script::Script;
use world::Figures;

/// Cases of the short form; always the same, so that what others changed is not blamed on a change.
const SHORT_CASES: u64 = 300;
const SHORT_SEED: u64 = 4;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--list") {
        return ExitCode::SUCCESS;
    }
    let (mut seed, mut cases, mut first, mut erasures) = (SHORT_SEED, SHORT_CASES, 0, 1);
    if words.iter().any(|word| word == "--cases") {
        seed = random::fresh_seed();
    }
    for pair in words.chunks(2) {
        let value = pair.get(1).map_or("", String::as_str);
        let slot = match pair[0].as_str() {
            "--cases" => &mut cases,
            "--seed" => &mut seed,
            "--first" => &mut first,
            "--erasures" => &mut erasures,
            // What `cargo test` hands to every test.
            _ => continue,
        };
        let Ok(number) = value.parse() else {
            eprintln!(
                "profile model: {} {value}? --cases N, --seed N, --first N, --erasures 0",
                pair[0]
            );
            return ExitCode::from(2);
        };
        *slot = number;
    }
    check(seed, first, cases, erasures > 0)
}

fn check(seed: u64, first: u64, cases: u64, erasures: bool) -> ExitCode {
    println!("profile model: seed {seed}, {cases} cases");
    let begun = Instant::now();
    let (next, steps) = (AtomicU64::new(first), AtomicU64::new(0));
    let total = Mutex::new(Figures::default());
    let wrong = OnceLock::new();
    let work = || {
        while wrong.get().is_none() {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= first + cases {
                break;
            }
            let script = Script::random(&mut Random::part(seed, number), erasures);
            steps.fetch_add(script.steps.len() as u64, Ordering::Relaxed);
            match run(&script) {
                Ok(figures) => total.lock().expect("no panic holds it").add(&figures),
                Err(what) => {
                    eprintln!("profile model: seed {seed}, case {number}: {what}");
                    let _first_stays = wrong.set((number, script));
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
    if let Some((number, script)) = wrong.into_inner() {
        let (script, what) = shrunk(script);
        eprintln!(
            "profile model: seed {seed}, case {number} (--seed {seed} --first {number} --cases 1)"
        );
        eprintln!("{}\nshards {}", script.shape.yaml(), script.shards);
        script.steps.iter().enumerate().for_each(|(at, step)| eprintln!("{at}: {step:?}"));
        eprintln!("{what}");
        return ExitCode::FAILURE;
    }
    let figures = total.into_inner().expect("no panic holds it");
    let (steps, seconds) = (steps.into_inner(), begun.elapsed().as_secs_f64());
    println!(
        "profile model: {cases} cases, {steps} steps, {figures}; no difference, {seconds:.1} s"
    );
    ExitCode::SUCCESS
}

/// As [`run::run`]; a panic is a difference, too.
fn run(script: &Script) -> Result<Figures, String> {
    let ran = catch_unwind(AssertUnwindSafe(|| run::run(script)));
    ran.unwrap_or_else(|_| Err("it panicked".to_owned()))
}

/// The script without the steps that the difference does not need.
fn shrunk(mut script: Script) -> (Script, String) {
    let mut what = "it does not happen again".to_owned();
    let mut chunk = script.steps.len().max(1);
    loop {
        let mut at = 0;
        while at < script.steps.len() {
            let mut fewer = script.clone();
            fewer.steps.drain(at..(at + chunk).min(script.steps.len()));
            match run(&fewer) {
                Err(_) => script = fewer,
                Ok(_) => at += chunk,
            }
        }
        if chunk == 1 {
            break;
        }
        chunk = chunk.div_ceil(2);
    }
    while script.shape.attributes.len() > 1 {
        let fewer = (0..script.shape.attributes.len()).find_map(|at| {
            let mut fewer = script.clone();
            fewer.shape.attributes.remove(at);
            run(&fewer).is_err().then_some(fewer)
        });
        match fewer {
            Some(fewer) => script = fewer,
            None => break,
        }
    }
    if let Err(found) = run(&script) {
        what = found;
    }
    (script, what)
}
