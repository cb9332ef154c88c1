//! Mutants: every deliberate fault of `rust/mutant.rs` must turn the harness red that is meant for it.
//!
//! A campaign that cannot fail proves nothing. Each mutant gets 200 cycles of its harness in a process of its own,
//! and without a mutant the same harnesses stay green for as long. A kill leaves the page cache alone, so the mutants
//! that leave out a sync are for the simulated disk.

use std::process::{Command, ExitCode};

use crate::random::fresh_seed;

/// Cycles within which a mutant must be caught.
const CYCLES: u64 = 200;

/// Mutant and harness.
const TABLE: [(&str, &str); 12] = [
    ("no-sync", "images"),
    ("answer-before-sync", "images"),
    ("no-directory-sync", "images"),
    ("cut-at-first-bad-record", "damage"),
    ("retry-sync", "sweep"),
    ("no-sync-when-idle", "images"),
    ("payload-unchecked", "damage"),
    ("length-unchecked", "images"),
    ("snapshot-before-sync", "reactor"),
    ("retain-too-little", "reactor"),
    ("serve-before-sync", "images"),
    ("reads-do-not-wait", "reactor"),
];

/// Tries all twelve, and none; prints the table.
pub fn all(words: &[String]) -> ExitCode {
    if !cfg!(feature = "mutants") {
        eprintln!("campaign mutants: this build has none; build with `--features mutants`");
        return ExitCode::from(2);
    }
    let seed = match words {
        [] => fresh_seed(),
        [option, seed] if option == "--seed" => seed.parse().unwrap_or_else(|_| fresh_seed()),
        _ => {
            eprintln!("campaign mutants: the only option is --seed N");
            return ExitCode::from(2);
        }
    };
    println!("campaign mutants: seed={seed}");
    println!("{:<26} {:<8} result", "mutant", "harness");
    let mut bad = 0;
    for (mutant, harness) in TABLE {
        let (caught, said) = cycles_of(Some(mutant), harness, seed);
        bad += u64::from(!caught);
        let result = if caught { "caught" } else { "SURVIVED" };
        println!("{mutant:<26} {harness:<8} {result} {said}");
    }
    for harness in ["images", "sweep", "damage", "reactor"] {
        let (red, said) = cycles_of(None, harness, seed);
        bad += u64::from(red);
        let result = if red { "RED WITHOUT A MUTANT" } else { "green" };
        println!("{:<26} {harness:<8} {result} {said}", "(none)");
    }
    if bad == 0 {
        println!("campaign mutants: good: 12 of 12 caught, each within {CYCLES} cycles");
        return ExitCode::SUCCESS;
    }
    println!("campaign mutants: FAULT: {bad} rows are not as they must be");
    ExitCode::FAILURE
}

/// Runs a harness for as many cycles as a mutant gets: whether it turned red, and what it said of it.
fn cycles_of(mutant: Option<&str>, harness: &str, seed: u64) -> (bool, String) {
    let Ok(own) = std::env::current_exe() else {
        return (false, "this program has no name".into());
    };
    let mut command = Command::new(own);
    let (seed, cycles) = (seed.to_string(), CYCLES.to_string());
    command.args([harness, "--seed", &seed, "--cycles", &cycles]);
    if harness == "sweep" {
        // So short that nothing is sealed meanwhile: sealing reads the cache and mends what the disk lost.
        command.args(["--size", "12"]);
    }
    match mutant {
        Some(mutant) => _ = command.env("P13N_MUTANT", mutant),
        None => _ = command.env_remove("P13N_MUTANT"),
    }
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return (false, format!("the harness does not start: {error}")),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let cycles = said.split("runs=").nth(1).and_then(|rest| rest.split(' ').next());
    let fault = said.split("FAULT: ").nth(1).and_then(|rest| rest.lines().next()).unwrap_or("");
    let fault: String = fault.chars().take(110).collect();
    // Only a found fault counts as red: a harness that broke down has caught nothing.
    let red = output.status.code() == Some(1) && !fault.is_empty();
    (red, format!("after {} cycles {fault}", cycles.unwrap_or("?")))
}
