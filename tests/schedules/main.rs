//! Schedules: the log under orders of its threads that no run on a real machine would show.
//!
//! The schedule tester (feature `shuttle`) runs all threads of a scenario as one and decides at every lock, atomic and
//! channel who goes on. Half of the schedules are random, half follow PCT (Burckhardt et al., ASPLOS 2010), which finds
//! bugs of small depth with a known chance. A failing schedule is printed by the tester, with its seed.

#[path = "../campaign/ledger.rs"]
#[allow(dead_code, reason = "the campaign uses the rest")]
mod ledger;
#[path = "../campaign/payload.rs"]
mod payload;
#[path = "../campaign/random.rs"]
#[allow(dead_code, reason = "the campaign uses the rest")]
mod random;
#[path = "../campaign/recover.rs"]
#[allow(dead_code, reason = "the campaign uses the rest")]
mod recover;

mod commit;
mod retention;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, MaxSteps, Runner};

/// Changes of mind that a PCT schedule has at most.
const PCT_DEPTH: usize = 3;
/// A schedule that takes more steps than this goes round in circles.
const STEPS_MAX: usize = 200_000;
/// In full a scenario gets this long, whatever its number of schedules.
const FULL: Duration = Duration::from_secs(300);

/// A scenario: its name and one run of it.
type Scenario = (&'static str, fn());

const SCENARIOS: [Scenario; 3] = [
    ("commit", commit::group_commit),
    ("failure", commit::a_failing_disk),
    ("retention", retention::append_beside_retention),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        words.get(at + 1)?.parse::<u64>().ok()
    };
    let seed = number("--seed").unwrap_or_else(random::fresh_seed);
    let schedules = number("--size").unwrap_or(if words.iter().any(|word| word == "full") {
        1_000_000
    } else {
        10_000
    });
    let only = words.iter().find(|word| SCENARIOS.iter().any(|(name, _)| name == word));
    println!("schedules: seed={seed}");
    for (name, run) in SCENARIOS.iter().filter(|(name, _)| only.is_none_or(|only| only == name)) {
        let begun = Instant::now();
        let done = try_all(name, *run, seed, schedules as usize);
        println!("schedules {name}: good: {done} in {:.1} s", begun.elapsed().as_secs_f64());
    }
    ExitCode::SUCCESS
}

/// Runs a scenario so many times, on two threads of the machine; a bad schedule ends the process.
fn try_all(name: &'static str, run: fn(), seed: u64, schedules: usize) -> u64 {
    let done = Arc::new(AtomicU64::new(0));
    let said_s = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let half = schedules.div_ceil(2);
    std::thread::scope(|scope| {
        let random = RandomScheduler::new_from_seed(seed, half);
        let pct = PctScheduler::new_from_seed(seed, PCT_DEPTH, half);
        let schedulers: [Box<dyn Scheduler + Send>; 2] = [Box::new(random), Box::new(pct)];
        for scheduler in schedulers {
            let (done, said_s) = (Arc::clone(&done), Arc::clone(&said_s));
            scope.spawn(move || {
                let mut config = Config::new();
                config.max_steps = MaxSteps::FailAfter(STEPS_MAX);
                config.max_time = Some(FULL);
                config.stack_size = 256 << 10;
                config.silence_warnings = true;
                let runner = Runner::new(scheduler, config);
                runner.run(move || {
                    run();
                    let done = done.fetch_add(1, Ordering::Relaxed);
                    let now_s = begun.elapsed().as_secs();
                    if now_s >= said_s.load(Ordering::Relaxed) + 10 {
                        said_s.store(now_s, Ordering::Relaxed);
                        println!("  schedules {name}: {done} after {now_s} s");
                    }
                });
            });
        }
    });
    done.load(Ordering::Relaxed)
}
