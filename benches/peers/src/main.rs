//! p13n's expressions side by side with QuickJS, CEL, Rhai, Zen and Boa: one run, the same work,
//! the same profile and event in each engine's own form.
//!
//! `make bench-peers` from the repository's root. Words after `--` keep the cases whose names hold
//! one of them; only a whole run writes `benches/results/peers.json`. Answers are compared before
//! any clock starts: the code is not 0 when they differ, and never because of speed. A build for
//! development ends there.

mod answer;
mod case;
mod customer;
mod engines;
mod measure;
mod report;

use std::process::ExitCode;

use case::Case;
use engines::{Engine, Prepared, Refusal};
use report::{Cell, Report, Row};
use serde_json::Value as Json;

/// What became of one case in one engine before the clock starts.
type Prepareds<'e> = Vec<Result<Vec<Prepared<'e>>, Refusal>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("peers: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> Result<(), String> {
    let kept = |case: &Case| words.is_empty() || words.iter().any(|word| case.name.contains(word));
    let cases: Vec<Case> = case::all()?.into_iter().filter(kept).collect();
    if cases.is_empty() {
        return Err(format!("no case is named like {}", words.join(" or ")));
    }
    let engines = engines::all()?;
    let mut faults = Vec::new();
    let prepared: Vec<Prepareds<'_>> =
        cases.iter().map(|case| prepare(case, &engines, &mut faults)).collect();
    if !faults.is_empty() {
        return Err(faults.join("\n"));
    }
    println!("{} cases: every answer is the same.", cases.len());
    if cfg!(debug_assertions) {
        println!("No clock: this is a build for development.");
        return Ok(());
    }
    let mut report = Report::new(&engines, measure::control_ns());
    report.print_head();
    for (case, ways) in cases.iter().zip(prepared) {
        let row = Row { case, cells: measure(ways) };
        report.print_row(&row);
        report.rows.push(row);
    }
    report.print_end();
    if words.is_empty() { report.write() } else { Ok(()) }
}

/// Every engine's ways to run the case; what is wrong with their answers goes to `faults`.
fn prepare<'e>(
    case: &Case,
    engines: &'e [Box<dyn Engine>],
    faults: &mut Vec<String>,
) -> Prepareds<'e> {
    let mut prepared: Prepareds<'e> = engines
        .iter()
        .map(|engine| {
            let source = case.source_for(engine.language())?;
            engine.prepare(source, case.condition).map_err(Refusal::Compile)
        })
        .collect();
    // The first that answers is ours, unless we refuse the case.
    let mut expected: Option<(String, Json)> = None;
    for (engine, ways) in engines.iter().zip(&mut prepared) {
        for way in ways.iter_mut().flatten() {
            let who = format!("{}: {} ({})", case.name, engine.name(), way.name);
            match way.answer() {
                Err(error) => faults.push(format!("{who} does not evaluate: {error}")),
                Ok(answer) if case.condition && !answer.is_boolean() => {
                    faults.push(format!("{who} answers {answer}, which is no truth"));
                }
                Ok(answer) => match &expected {
                    None => expected = Some((who, answer)),
                    Some((first, wanted)) if !answer::same(wanted, &answer) => {
                        faults.push(format!("{who} answers {answer}, but {first} {wanted}"));
                    }
                    Some(_) => {}
                },
            }
        }
    }
    prepared
}

/// The medians of all ways of all engines.
fn measure(prepared: Prepareds<'_>) -> Vec<Result<Cell, Refusal>> {
    let counts: Vec<Result<usize, Refusal>> =
        prepared.iter().map(|ways| ways.as_ref().map(Vec::len).map_err(Refusal::clone)).collect();
    let mut runners: Vec<Prepared<'_>> = prepared.into_iter().flatten().flatten().collect();
    let medians = measure::medians_ns(&mut runners);
    let mut ways = runners.iter().map(|runner| runner.name).zip(medians);
    let mut cell_of = |count| Cell { ways: ways.by_ref().take(count).collect() };
    counts.into_iter().map(|count| count.map(&mut cell_of)).collect()
}
