//! Rhai with its full optimiser: as a walk over the tree, and as bytecode on its own machine.
//!
//! The bytecode's functions are made known to built-ins (`map`, `filter`) in every run, which costs;
//! where that makes the tree the faster way, the tree counts.

use std::hint::black_box;

use ::rhai::grain::{Compiler, SharedProgram, Vm};
use ::rhai::{AST, Dynamic, Engine as RhaiEngine, EvalAltResult, OptimizationLevel, Scope};
use serde_json::Value as Json;

use super::{Engine, Language, Prepared, Way};
use crate::customer;

/// The engine, and a scope with the profile and the event that each case gets a copy of.
pub struct Rhai {
    engine: RhaiEngine,
    scope: Scope<'static>,
}

struct Tree<'e> {
    engine: &'e RhaiEngine,
    ast: AST,
    scope: Scope<'static>,
}

struct Bytecode<'e> {
    vm: Vm<'e>,
    program: SharedProgram,
    scope: Scope<'static>,
}

impl Rhai {
    /// Starts the engine.
    ///
    /// # Errors
    /// When it does not take the profile or the event.
    pub fn new() -> Result<Self, String> {
        let mut engine = RhaiEngine::new();
        engine.set_optimization_level(OptimizationLevel::Full);
        engine.set_fast_operators(true);
        let mut scope = Scope::new();
        for (name, json) in [("PROFILE", customer::profile()), ("EVENT", customer::event())] {
            let value = ::rhai::serde::to_dynamic(json).map_err(|error| error.to_string())?;
            // A variable, not a constant: the optimiser must not know the answer.
            scope.push_dynamic(name, value);
        }
        Ok(Self { engine, scope })
    }
}

impl Engine for Rhai {
    fn name(&self) -> &'static str {
        "Rhai"
    }
    fn package(&self) -> &'static str {
        "rhai"
    }
    fn language(&self) -> Language {
        Language::Rhai
    }
    fn prepare(&self, source: &str, condition: bool) -> Result<Vec<Prepared<'_>>, String> {
        let ast = self.engine.compile(source).map_err(|error| error.to_string())?;
        let program = Compiler::new().compile(&ast).into_shared();
        let bytecode = Bytecode { vm: Vm::new(&self.engine), program, scope: self.scope.clone() };
        let tree = Tree { engine: &self.engine, ast, scope: self.scope.clone() };
        Ok(vec![
            Prepared::new("tree", condition, tree),
            Prepared::new("bytecode", condition, bytecode),
        ])
    }
}

fn json(value: &Dynamic) -> Result<Json, String> {
    serde_json::to_value(value).map_err(|error| error.to_string())
}

fn truth(value: &Dynamic) -> bool {
    value.as_bool().expect("a truth")
}

impl Tree<'_> {
    fn evaluate(&mut self) -> Result<Dynamic, Box<EvalAltResult>> {
        self.engine.eval_ast_with_scope(&mut self.scope, black_box(&self.ast))
    }
}

impl Bytecode<'_> {
    fn evaluate(&mut self) -> Result<Dynamic, Box<EvalAltResult>> {
        // Without functions of its own this is plain `eval_with_scope`.
        self.vm.eval_with_callbacks(&mut self.scope, black_box(&self.program))
    }
}

impl Way for Tree<'_> {
    fn answer(&mut self) -> Result<Json, String> {
        json(&self.evaluate().map_err(|error| error.to_string())?)
    }

    fn values(&mut self, runs: u64) {
        for _ in 0..runs {
            drop(black_box(self.evaluate().expect("a value")));
        }
    }

    fn truths(&mut self, runs: u64) -> u64 {
        (0..runs).map(|_| u64::from(black_box(truth(&self.evaluate().expect("a value"))))).sum()
    }
}

impl Way for Bytecode<'_> {
    fn answer(&mut self) -> Result<Json, String> {
        json(&self.evaluate().map_err(|error| error.to_string())?)
    }

    fn values(&mut self, runs: u64) {
        for _ in 0..runs {
            drop(black_box(self.evaluate().expect("a value")));
        }
    }

    fn truths(&mut self, runs: u64) -> u64 {
        (0..runs).map(|_| u64::from(black_box(truth(&self.evaluate().expect("a value"))))).sum()
    }
}
