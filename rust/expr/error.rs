//! Errors of expressions: a kind, a sentence, a span; rendering is the caller's.

use std::ops::Range;

/// Byte range in the expression's source.
pub type Span = Range<usize>;

/// Why an expression does not compile.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct CompileError {
    /// Stable code, `E03xx`.
    pub code: &'static str,
    /// Where, in the expression's source.
    pub span: Span,
    /// One sentence.
    pub message: String,
    /// What to write instead, where it can be guessed.
    pub help: Option<String>,
}

/// Classes of errors at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EvalErrorKind {
    /// JavaScript's TypeError.
    Type,
    /// JavaScript's RangeError.
    Range,
    /// JavaScript's SyntaxError (`JSON.parse`).
    Syntax,
    /// JavaScript's URIError.
    Uri,
    /// Fuel ran out.
    Fuel,
    /// A string, list or call depth limit was passed.
    Limit,
}

impl EvalErrorKind {
    /// Its name: JavaScript's class, or the limit's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Type => "TypeError",
            Self::Range => "RangeError",
            Self::Syntax => "SyntaxError",
            Self::Uri => "URIError",
            Self::Fuel => "Fuel",
            Self::Limit => "Limit",
        }
    }
}

/// What an expression threw.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// Its class.
    pub kind: EvalErrorKind,
    /// The subexpression to blame.
    pub span: Span,
    /// One sentence; names the subexpression, never its value.
    pub message: String,
}
