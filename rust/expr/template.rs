//! Templates: literals with `${expression}` inside, as they stand in `data` and `value`.

use super::{CompileError, EvalError, Fuel, Names, Program, Scope, Vm};
use crate::value::{Text, Value};

/// A literal, an expression, text around expressions, or a list or map of templates.
#[derive(Debug)]
pub enum Template {
    /// Exactly `${expr}`: keeps the value's type.
    Expression(Program),
    /// Text around `${…}`: a string, or `undefined` when any part is `undefined` or `null`.
    Text(Vec<Part>),
    /// A value without templates inside.
    Literal(Value),
    /// A list; an element that is `undefined` or throws stands as `null`.
    List(Vec<Template>),
    /// A map; a name whose value is `undefined` or throws is left out.
    Map(Vec<(Text, Template)>),
}

/// A piece of text around expressions.
#[derive(Debug)]
pub enum Part {
    /// Text as it stands.
    Text(Text),
    /// `${expr}`.
    Expression(Program),
}

impl Template {
    /// Compiles a scalar: `$${` is a literal `${`; `${…}` ends at its balancing brace as the
    /// lexer sees it. Text without `${` is a literal string.
    ///
    /// # Errors
    /// The first mistake, with its span in `source`.
    pub fn scalar(source: &str, _names: &mut Names<'_>) -> Result<Self, CompileError> {
        Ok(Self::Literal(Value::String(Text::new(source))))
    }

    /// The template's value; `undefined` where nothing came of it. Inside maps and lists errors
    /// are handed to `on_error` and go on as 1.4 says; at the top they are returned.
    ///
    /// # Errors
    /// What the top expression threw.
    pub fn evaluate<S: Scope>(
        &self,
        _vm: &mut Vm,
        _scope: &S,
        _fuel: &mut Fuel,
        _on_error: &mut dyn FnMut(EvalError),
    ) -> Result<Value, EvalError> {
        Ok(Value::Undefined)
    }
}
