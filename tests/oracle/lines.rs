//! Lines: expressions in, outcomes out, a JSON line each; for tools in other languages.

use std::io::{BufRead, Write};
use std::process::ExitCode;

use p13n::expr::Vm;
use serde_json::{Value as Json, json};

use super::engine::{self, Outcome, World};

const NOW_MS: i64 = 1_700_000_000_000;

/// Answers {"expression"} lines until the input ends: {"value"}, {"error"} or {"refused"}.
pub fn answer_all() -> ExitCode {
    let mut vm = Vm::default();
    let world = World::new("{}", "{}");
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("the input is text");
        let asked: Json = serde_json::from_str(&line).expect("a line is JSON");
        let source = asked["expression"].as_str().expect("an expression");
        let answer = match engine::evaluate(source, &world, NOW_MS, "UTC", &mut vm) {
            Outcome::Value(value) => json!({ "value": value }),
            Outcome::Error(thrown) => json!({ "error": thrown.class }),
            Outcome::Refused(code, message) => json!({ "refused": code, "message": message }),
        };
        writeln!(out, "{answer}").expect("somebody reads");
    }
    ExitCode::SUCCESS
}
