//! The configuration of a reactor: what YAML says, checked whole, compiled to the plan that runs.
//!
//! `yaml` reads the parser's events into a tree with places (and `pitfall` finds the expressions
//! that YAML tore apart), `load` makes the `model` of it field by field (`fields`, `schema`,
//! `names`, `quantity`), `check` looks at the whole, and `compile` builds the [`Plan`] with the
//! programs that `expressions` compiles and the digests that `secret` looks up; `sensitive` follows
//! what must not be shown to everybody. All problems of a
//! file are reported at once, each as a [`Diagnostic`] (page 2).
//!
//! Invariant: what runs is a [`Plan`]; nothing outside this module ever sees YAML.

mod check;
mod compile;
mod computed;
pub mod diagnostic;
mod document;
mod expressions;
mod fields;
pub mod limits;
mod load;
mod load_batch;
mod load_options;
mod load_rules;
mod model;
mod names;
pub mod numbers;
mod pitfall;
mod place;
pub mod plan;
mod quantity;
mod scan;
mod schema;
mod secret;
mod sensitive;
mod slots;
mod source;
pub mod time_zone;
mod types;
mod unreadable;
mod yaml;

#[cfg(test)]
mod tests;

pub use compile::{Compiled, compile, compile_recorded, diagnose as check};
pub use diagnostic::{Diagnostic, Severity};
pub use document::read_document;
pub use numbers::Numbers;
pub use plan::Plan;
pub use secret::{Environment, Secrets};
pub use source::SourceFile;
