//! Evaluate: any text that compiles gives the same twice, over any profile and event, within its fuel.
//!
//! The input is the expression, the profile and the event, with a zero byte between them.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use p13n::expr::Vm;

#[path = "../../tests/oracle/canonical.rs"]
mod canonical;
#[path = "../../tests/oracle/engine.rs"]
#[allow(dead_code, reason = "each target uses its part")]
mod engine;

use engine::World;

const NOW_MS: i64 = 1_700_000_000_000;
const ZONES: [&str; 3] = ["UTC", "Europe/Berlin", "America/New_York"];

fuzz_target!(|input: &str| -> Corpus {
    let mut parts = input.splitn(3, '\0');
    let source = parts.next().unwrap_or("");
    let (profile, event) = (parts.next().unwrap_or("{}"), parts.next().unwrap_or("{}"));
    let Some(world) = World::read_if_json(profile, event) else { return Corpus::Reject };
    let time_zone = ZONES[source.len() % ZONES.len()];
    engine::evaluate(source, &world, NOW_MS, time_zone, &mut Vm::default());
    Corpus::Keep
});
