//! The clock: all ways of all engines take turns in every round, so that a slow moment of the
//! machine meets all of them, and the median over the rounds counts.
//!
//! It is the thread's own processor time: what other processes take from this one between two
//! looks does not count. No engine here works on another thread.

use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};

use crate::engines::Prepared;

/// Turns that each way gets at a case.
pub const ROUNDS: usize = 25;
const TURN_NS: f64 = 3_000_000.0;

/// The processor time of this thread.
fn now_ns() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Nanoseconds of one run, by a turn of so many.
fn turn_ns(runs: u64, run: impl FnOnce(u64)) -> f64 {
    let start_ns = now_ns();
    run(runs);
    (now_ns() - start_ns) / runs as f64
}

/// So many runs that a turn takes about `wanted_ns`; warms up on the way.
fn runs_for(wanted_ns: f64, mut run: impl FnMut(u64)) -> u64 {
    let mut runs = 1;
    loop {
        let taken_ns = turn_ns(runs, &mut run) * runs as f64;
        if taken_ns * 4.0 >= wanted_ns {
            return ((wanted_ns / taken_ns * runs as f64) as u64).max(1);
        }
        runs *= 2;
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// The median of each; every round another one begins.
pub fn medians_ns(runners: &mut [Prepared<'_>]) -> Vec<f64> {
    let count = runners.len();
    let run = |runner: &mut Prepared<'_>, runs: u64| {
        black_box(runner.run(runs));
    };
    let runs: Vec<u64> =
        runners.iter_mut().map(|runner| runs_for(TURN_NS, |runs| run(runner, runs))).collect();
    let mut figures = vec![Vec::with_capacity(ROUNDS); count];
    for round in 0..ROUNDS {
        for turn in 0..count {
            let position = (round + turn) % count;
            let runner = &mut runners[position];
            figures[position].push(turn_ns(runs[position], |runs| run(runner, runs)));
        }
    }
    figures.into_iter().map(median).collect()
}

/// The loop alone, which every figure contains.
pub fn control_ns() -> f64 {
    let empty = |runs: u64| {
        for run in 0..runs {
            black_box(run);
        }
    };
    let runs = runs_for(TURN_NS, empty);
    median((0..ROUNDS).map(|_| turn_ns(runs, empty)).collect())
}
