//! The engines: each compiles a case once and then runs it as often as it is told.
//!
//! A way is one manner of driving an engine (a function's arguments or global names, a tree or
//! bytecode). Where an engine has several, all are prepared, all must give the same answer, and its
//! fastest way for the case is what counts. The loop over the runs is inside the way, so that what
//! the bench itself needs is the same few instructions for everybody.

mod boa;
mod cel;
mod javascript;
mod ours;
mod quickjs;
mod rhai;
mod zen;

use serde_json::Value as Json;

/// The language that an engine speaks.
#[derive(Clone, Copy, Debug)]
pub enum Language {
    /// p13n, QuickJS and Boa.
    JavaScript,
    /// Common Expression Language.
    Cel,
    /// Rhai.
    Rhai,
    /// Zen.
    Zen,
}

/// Why an engine has no figure for a case.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// Its language cannot say it.
    Language(String),
    /// It does not compile it.
    Compile(String),
}

/// An engine with the profile and the event in its own form.
pub trait Engine {
    /// As people write it.
    fn name(&self) -> &'static str;
    /// The crate that it is, for its version.
    fn package(&self) -> &'static str;
    /// What its sources are written in.
    fn language(&self) -> Language;
    /// Compiles `source`, in every way that this engine can be driven.
    ///
    /// # Errors
    /// What the engine's compiler says.
    fn prepare(&self, source: &str, condition: bool) -> Result<Vec<Prepared<'_>>, String>;
}

/// One way of running a compiled case.
pub trait Way {
    /// The case's answer as JSON; `undefined` is `null`.
    ///
    /// # Errors
    /// What the engine says.
    fn answer(&mut self) -> Result<Json, String>;
    /// The value, read and dropped, so many times.
    fn values(&mut self, runs: u64);
    /// The truth as a `bool`, so many times; how often it was true.
    fn truths(&mut self, runs: u64) -> u64;
}

/// A way with its name.
pub struct Prepared<'e> {
    /// Unique within the engine.
    pub name: &'static str,
    condition: bool,
    way: Box<dyn Way + 'e>,
}

impl<'e> Prepared<'e> {
    fn new(name: &'static str, condition: bool, way: impl Way + 'e) -> Self {
        Self { name, condition, way: Box::new(way) }
    }

    /// The answer as JSON.
    ///
    /// # Errors
    /// What the engine says.
    pub fn answer(&mut self) -> Result<Json, String> {
        self.way.answer()
    }

    /// The measured work, so many times.
    pub fn run(&mut self, runs: u64) -> u64 {
        if self.condition {
            self.way.truths(runs)
        } else {
            self.way.values(runs);
            runs
        }
    }
}

/// Every engine, ours first.
///
/// # Errors
/// What an engine says that does not start.
pub fn all() -> Result<Vec<Box<dyn Engine>>, String> {
    Ok(vec![
        Box::new(ours::Ours::new()?),
        Box::new(quickjs::QuickJs::new()?),
        Box::new(cel::Cel::new()?),
        Box::new(rhai::Rhai::new()?),
        Box::new(zen::Zen::new()),
        Box::new(boa::Boa::new()?),
    ])
}
