//! Zen: bytecode compiled once, one reused machine, a scope made once.

use std::hint::black_box;

use serde_json::{Value as Json, json};
use zen_expression::expression::Standard;
use zen_expression::vm::VM;
use zen_expression::{Expression, IsolateError, Scope, Variable, compile_expression};

use super::{Engine, Language, Prepared, Way};
use crate::customer;

/// The scope with the profile and the event.
pub struct Zen {
    scope: Scope,
}

struct Compiled<'e> {
    expression: Expression<Standard>,
    scope: &'e Scope,
    vm: VM,
}

impl Zen {
    /// Takes the profile and the event.
    pub fn new() -> Self {
        let names = json!({"PROFILE": customer::profile(), "EVENT": customer::event()});
        Self { scope: Scope::new(Variable::from(names)) }
    }
}

impl Engine for Zen {
    fn name(&self) -> &'static str {
        "Zen"
    }
    fn package(&self) -> &'static str {
        "zen-expression"
    }
    fn language(&self) -> Language {
        Language::Zen
    }
    fn prepare(&self, source: &str, condition: bool) -> Result<Vec<Prepared<'_>>, String> {
        let expression = compile_expression(source).map_err(|error| error.to_string())?;
        let compiled = Compiled { expression, scope: &self.scope, vm: VM::new() };
        Ok(vec![Prepared::new("bytecode", condition, compiled)])
    }
}

impl Compiled<'_> {
    fn evaluate(&mut self) -> Result<Variable, IsolateError> {
        black_box(&self.expression).evaluate_with_scope(self.scope, &mut self.vm)
    }
}

impl Way for Compiled<'_> {
    fn answer(&mut self) -> Result<Json, String> {
        Ok(self.evaluate().map_err(|error| error.to_string())?.to_value())
    }

    fn values(&mut self, runs: u64) {
        for _ in 0..runs {
            drop(black_box(self.evaluate().expect("a value")));
        }
    }

    fn truths(&mut self, runs: u64) -> u64 {
        let mut truths = 0;
        for _ in 0..runs {
            let truth = self.evaluate().expect("a value").as_bool().expect("a truth");
            truths += u64::from(black_box(truth));
        }
        truths
    }
}
