//! Fuzz: many random programs, each evaluated by both sides.
//!
//! Batch `n` of a seed is the same whatever the number of threads is.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use p13n::expr::Vm;

use super::body::Body;
use super::engine::{self, Outcome, World};
use super::grammar;
use super::group::Group;
use super::judge::{CAUSES, Cause, Trial, Verdict, judge};
use super::node::{Answer, Node, Question, Setting};
use super::random::Random;
use super::shrink::Mismatch;
use super::tree::Style;
use super::world;

const BATCH_PROGRAMS: u64 = 500;
const BATCH_WORLDS: usize = 12;
/// Mismatches that are made small and shown; the others are only counted.
const SHOWN_MAX: usize = 40;
/// Mismatches that are kept to be made small.
const KEPT_MAX: usize = 400;
/// The share of programs that a limit may end, in a thousand.
const LIMITED_SHARE_MAX: u64 = 20;

/// Zones with every kind of change, but not those whose rules differ between the two sides' releases of
/// the database (as Africa/Casablanca's after 2026 between Node 20's 2025c and our 2026e).
const ZONES: &[&str] = &[
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "Europe/Dublin",
    "Asia/Kathmandu",
    "America/Caracas",
    "Asia/Tokyo",
    "America/St_Johns",
];

const NOWS_MS: &[i64] =
    &[1_700_000_000_000, 1_711_846_800_000, 1_709_164_800_123, 0, -1, 4_102_444_800_000];

/// What is asked for.
pub struct Plan<'p> {
    pub seed: u64,
    pub programs: u64,
    pub threads: u64,
    pub groups: &'p [Group],
}

/// What was found.
#[derive(Default)]
pub struct Figures {
    programs: u64,
    values: u64,
    errors: BTreeMap<String, u64>,
    refused: u64,
    exempt: BTreeMap<Cause, (u64, String)>,
    other_dates: u64,
    mismatches: u64,
    kept: Vec<Mismatch>,
}

/// Runs the plan; the text says what came out, and the number how many mismatches there are.
pub fn campaign(plan: &Plan<'_>) -> (String, u64) {
    let begun = Instant::now();
    let next = AtomicU64::new(0);
    let all = Mutex::new(Figures::default());
    let batches = plan.programs.div_ceil(BATCH_PROGRAMS);
    std::thread::scope(|scope| {
        for _ in 0..plan.threads {
            scope.spawn(|| {
                let mut sides = (Node::start(), Vm::default());
                let mut said_s = 0;
                loop {
                    let batch = next.fetch_add(1, Ordering::Relaxed);
                    if batch >= batches {
                        return;
                    }
                    let figures = run_batch(plan, batch, &mut sides);
                    let mut all = all.lock().expect("nobody panicked");
                    all.add(figures);
                    if begun.elapsed().as_secs() >= said_s + 10 {
                        said_s = begun.elapsed().as_secs();
                        println!("  {} programs, {} mismatches", all.programs, all.mismatches);
                    }
                }
            });
        }
    });
    let mut figures = all.into_inner().expect("nobody panicked");
    let shown = figures.shown();
    let limited = figures.exempt.get(&Cause::Limit).map_or(0, |(count, _)| *count);
    let too_many = limited * 1000 > figures.programs * LIMITED_SHARE_MAX;
    let mut text = format!("{shown}{}", figures.text(begun.elapsed().as_secs_f64()));
    if too_many {
        let _ = writeln!(text, "too many programs end at a limit: {limited}");
    }
    (text, figures.mismatches + u64::from(too_many))
}

fn run_batch(plan: &Plan<'_>, batch: u64, sides: &mut (Node, Vm)) -> Figures {
    let mut random = Random::part(plan.seed, batch);
    let time_zone = match plan.groups.contains(&Group::Date) {
        true => random.pick(ZONES),
        false => "UTC",
    };
    let now_ms = random.pick(NOWS_MS);
    let texts: Vec<_> = (0..BATCH_WORLDS).map(|_| world::world(&mut random)).collect();
    let worlds: Vec<_> = texts.iter().map(|(p, e)| World::new(p, e)).collect();
    let mut programs: Vec<(usize, Body, String)> = Vec::new();
    for _ in 0..BATCH_PROGRAMS {
        let tree = grammar::program(&mut random, plan.groups);
        let body = match random.percent(6) {
            true => Body::damage(&tree, &mut random),
            false => Body::Whole(tree),
        };
        let source = body.source(Style::default());
        programs.push((random.below(BATCH_WORLDS as u64) as usize, body, source));
    }
    let questions: Vec<_> = programs
        .iter()
        .map(|(world, body, source)| Question { world: *world, source, damaged: body.is_damaged() })
        .collect();
    let setting = Setting { now_ms, time_zone, worlds: &texts };
    let (answers, counts) = sides.0.ask(setting, &questions);
    let mut figures = Figures { other_dates: counts.other_dates, ..Figures::default() };
    for ((world, body, source), node) in programs.iter().zip(answers) {
        let ours = engine::evaluate(source, &worlds[*world], now_ms, time_zone, &mut sides.1);
        let trial = Trial { body, texts: &texts[*world], now_ms, time_zone };
        let verdict = judge(&trial, &ours, &node, sides);
        figures.count(&trial, source, ours, node, verdict);
    }
    figures
}

impl Figures {
    fn count(
        &mut self,
        trial: &Trial<'_>,
        source: &str,
        ours: Outcome,
        node: Answer,
        verdict: Verdict,
    ) {
        self.programs += 1;
        match &ours {
            Outcome::Value(_) => self.values += 1,
            Outcome::Error(thrown) => *self.errors.entry(thrown.class.clone()).or_default() += 1,
            Outcome::Refused(..) => self.refused += 1,
        }
        match verdict {
            Verdict::Same => {}
            Verdict::Exempt(cause) => {
                let (count, shortest) = self.exempt.entry(cause).or_default();
                *count += 1;
                keep_shorter(shortest, source);
            }
            Verdict::Mismatch => {
                self.mismatches += 1;
                if self.kept.len() < KEPT_MAX {
                    self.kept.push(Mismatch {
                        body: trial.body.clone(),
                        texts: trial.texts.clone(),
                        now_ms: trial.now_ms,
                        time_zone: trial.time_zone.to_string(),
                        ours,
                        node,
                    });
                }
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.programs += other.programs;
        self.values += other.values;
        self.refused += other.refused;
        self.other_dates += other.other_dates;
        self.mismatches += other.mismatches;
        for (class, count) in other.errors {
            *self.errors.entry(class).or_default() += count;
        }
        for (cause, (count, source)) in other.exempt {
            let (all, shortest) = self.exempt.entry(cause).or_default();
            *all += count;
            keep_shorter(shortest, &source);
        }
        self.kept.extend(other.kept);
        self.kept.truncate(KEPT_MAX);
    }

    /// The mismatches made small, each kind once, as golden cases.
    fn shown(&mut self) -> String {
        let mut sides = (Node::start(), Vm::default());
        let mut found: BTreeMap<String, (u64, Mismatch)> = BTreeMap::new();
        for mismatch in self.kept.drain(..) {
            let small = mismatch.shrunk(&mut sides);
            let entry = found.entry(small.signature()).or_insert_with(|| (0, small));
            entry.0 += 1;
        }
        let mut shown: Vec<_> = found.into_values().collect();
        shown.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        let mut text = String::new();
        for (count, mismatch) in shown.iter().take(SHOWN_MAX) {
            let _ = writeln!(text, "# {count} like this\n{}\n", mismatch.golden());
        }
        text
    }

    fn text(&self, seconds: f64) -> String {
        let mut text = String::new();
        let _ = writeln!(
            text,
            "{} programs in {seconds:.0} s: {} values, {} refused, errors {:?}",
            self.programs, self.values, self.refused, self.errors
        );
        for (cause, name) in CAUSES {
            if let Some((count, shortest)) = self.exempt.get(cause) {
                let share = *count as f64 * 100.0 / self.programs as f64;
                let _ = writeln!(text, "  {name}: {count} ({share:.2} %), such as {shortest}");
            }
        }
        if self.other_dates > 0 {
            let _ = writeln!(text, "  forms beside ISO 8601 that were NaN: {}", self.other_dates);
        }
        let _ = writeln!(text, "{} mismatches", self.mismatches);
        text
    }
}

fn keep_shorter(shortest: &mut String, source: &str) {
    if shortest.is_empty() || source.len() < shortest.len() {
        *shortest = source.to_string();
    }
}
