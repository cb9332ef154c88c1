//! Regular expressions of the source: compiled with the expression, never while it runs.
//!
//! A pattern whose text is only known at run time would be compiled there, at a price that no
//! fuel covers; it is refused (page 3.6.7).

use std::sync::Arc;

use super::error::{CompileError, Span};
use super::limits;
use crate::value::regexp::{Flags, PatternError, PatternErrorKind, RegExp};
use crate::value::{Instance, Value};

/// The value of `/pattern/flags`, which starts at `start` in the source.
pub(super) fn literal(pattern: &str, flags: &str, start: usize) -> Result<Value, CompileError> {
    let in_source = |error: PatternError| {
        let offset = start + 1 + if error.in_flags { pattern.len() + 1 } else { 0 };
        let span = error.span.start + offset..error.span.end + offset;
        compile_error(error, span)
    };
    let flags = Flags::parse(flags).map_err(in_source)?;
    let regexp = RegExp::new(pattern, flags, &limits::REGEXP).map_err(in_source)?;
    Ok(Value::from(Instance::RegExp(Arc::new(regexp))))
}

/// The value that `match`, `matchAll` and `search` make of a text that is no regular expression.
pub(super) fn of_text(pattern: &str, global: bool, span: Span) -> Result<Value, CompileError> {
    let flags = Flags { global, ..Flags::default() };
    let regexp =
        RegExp::new(pattern, flags, &limits::REGEXP).map_err(|error| compile_error(error, span))?;
    Ok(Value::from(Instance::RegExp(Arc::new(regexp))))
}

fn compile_error(error: PatternError, span: Span) -> CompileError {
    let code = match error.kind {
        PatternErrorKind::Syntax => "E0301",
        PatternErrorKind::Refused => "E0303",
        PatternErrorKind::Limit => "E0305",
    };
    let compile_error = CompileError::new(code, span, error.message);
    match error.help {
        Some(help) => compile_error.help(help),
        None => compile_error,
    }
}
