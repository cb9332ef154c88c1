//! Templates: literals with `${expression}` inside, as they stand in `data` and `value`.

use super::EvalErrorKind;
use super::error::Fault;
use super::limits::{BYTES_PER_FUEL, EXPRESSION_FUEL_MAX, STRING_BYTES_MAX};
use super::{CompileError, EvalError, Fuel, Names, Program, Scope, Vm, compiler, parser};
use crate::value::ops::{self, ConversionError};
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
    /// What only some may see: `undefined` where the scope does not show what is sensitive. It is
    /// evaluated in any case, so that fuel and random numbers are the same for whoever asks.
    Sensitive(Box<Template>),
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
    pub fn scalar(source: &str, names: &mut Names<'_>) -> Result<Self, CompileError> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut at = 0;
        while let Some(found) = source[at..].find('$').map(|offset| at + offset) {
            text.push_str(&source[at..found]);
            let rest = &source[found..];
            if rest.starts_with("$${") {
                text.push_str("${");
                at = found + 3;
            } else if rest.starts_with("${") {
                let (expr, close) = parser::parse_embedded(source, found + 2)?;
                let program = compiler::compile(source, &expr, names)?;
                if !text.is_empty() {
                    parts.push(Part::Text(Text::from(std::mem::take(&mut text))));
                }
                parts.push(Part::Expression(program));
                at = close + 1;
            } else {
                text.push('$');
                at = found + 1;
            }
        }
        text.push_str(&source[at..]);
        if parts.is_empty() {
            return Ok(Self::Literal(Value::String(Text::from(text))));
        }
        if !text.is_empty() {
            parts.push(Part::Text(Text::from(text)));
        }
        if parts.len() == 1
            && let Some(Part::Expression(program)) = parts.pop_if(|_| true)
        {
            return Ok(Self::Expression(program));
        }
        Ok(Self::Text(parts))
    }

    /// The template's value as data; `undefined` where nothing came of it. Inside maps and lists errors
    /// are handed to `on_error` and go on as 1.4 says; at the top they are returned.
    ///
    /// # Errors
    /// What the top expression threw.
    pub fn evaluate<S: Scope>(
        &self,
        vm: &mut Vm,
        scope: &S,
        fuel: &mut Fuel,
        on_error: &mut dyn FnMut(EvalError),
    ) -> Result<Value, EvalError> {
        match self {
            Self::Expression(program) => {
                let value = vm.evaluate(program, scope, fuel)?;
                pay(&value, fuel).map_err(|fault| fault.into_error(0..program.source().len()))?;
                Ok(value.into_plain())
            }
            Self::Text(parts) => text(parts, vm, scope, fuel),
            Self::Literal(value) => Ok(value.clone()),
            Self::List(items) => {
                let mut out = Vec::with_capacity(items.len());
                for item in items {
                    let value = item.evaluate(vm, scope, fuel, on_error);
                    out.push(match settle(value, on_error) {
                        Value::Undefined => Value::Null,
                        value => value,
                    });
                }
                Ok(Value::array(out))
            }
            Self::Map(entries) => {
                let mut out = Vec::with_capacity(entries.len());
                for (name, template) in entries {
                    let value = template.evaluate(vm, scope, fuel, on_error);
                    match settle(value, on_error) {
                        Value::Undefined => {}
                        value => out.push((name.clone(), value)),
                    }
                }
                Ok(Value::object(out))
            }
            Self::Sensitive(inner) => {
                let value = inner.evaluate(vm, scope, fuel, on_error)?;
                Ok(if scope.shows_sensitive() { value } else { Value::Undefined })
            }
        }
    }
}

/// Takes the fuel of what leaves an evaluation: a unit an element, and one for 16 bytes of text. What
/// is shared inside is paid for as often as it will be written.
fn pay(value: &Value, fuel: &mut Fuel) -> Result<(), Fault> {
    let mut left = fuel.left.min(EXPRESSION_FUEL_MAX);
    let before = left;
    let outcome = pay_from(value, &mut left);
    fuel.left -= before - left;
    outcome
}

fn pay_from(value: &Value, left: &mut u64) -> Result<(), Fault> {
    let take = |units: usize, left: &mut u64| match left.checked_sub(units as u64) {
        Some(rest) => {
            *left = rest;
            Ok(())
        }
        None => {
            *left = 0;
            Err(Fault::fuel())
        }
    };
    match value {
        Value::String(text) => take(text.len() / BYTES_PER_FUEL, left),
        Value::Object(object) => {
            take(object.len(), left)?;
            object.entries().iter().try_for_each(|(name, value)| {
                take(name.len() / BYTES_PER_FUEL, left)?;
                pay_from(value, left)
            })
        }
        _ => match value.items() {
            Some(items) => {
                take(items.len(), left)?;
                items.iter().try_for_each(|item| pay_from(item, left))
            }
            None => Ok(()),
        },
    }
}

/// The value, or `undefined` after the error was told.
fn settle(outcome: Result<Value, EvalError>, on_error: &mut dyn FnMut(EvalError)) -> Value {
    outcome.unwrap_or_else(|error| {
        on_error(error);
        Value::Undefined
    })
}

fn text<S: Scope>(
    parts: &[Part],
    vm: &mut Vm,
    scope: &S,
    fuel: &mut Fuel,
) -> Result<Value, EvalError> {
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Expression(program) => {
                let value = vm.evaluate(program, scope, fuel)?;
                if value.is_nullish() {
                    return Ok(Value::Undefined);
                }
                out.push_str(
                    &ops::to_text(&value, STRING_BYTES_MAX)
                        .map_err(|error| not_text(error, program))?,
                );
            }
        }
        if out.len() > STRING_BYTES_MAX {
            return Err(EvalError {
                kind: EvalErrorKind::Limit,
                span: 0..0,
                message: format!("text is longer than {STRING_BYTES_MAX} bytes"),
            });
        }
    }
    Ok(Value::String(Text::from(out)))
}

fn not_text(error: ConversionError, program: &Program) -> EvalError {
    let (kind, message) = match error {
        ConversionError::NotPrimitive => {
            (EvalErrorKind::Type, "cannot convert an object to text".to_string())
        }
        ConversionError::TooLong => {
            (EvalErrorKind::Limit, format!("text is longer than {STRING_BYTES_MAX} bytes"))
        }
    };
    EvalError { kind, span: 0..program.source().len(), message }
}
