//! The configuration of a reactor: what YAML says, checked whole, compiled to the plan that runs.

pub mod diagnostic;
pub mod plan;

pub use plan::Plan;
