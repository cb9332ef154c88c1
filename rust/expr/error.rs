//! Errors of expressions: a kind, a sentence, a span; rendering is the caller's.

use std::ops::Range;

/// Byte range in the expression's source.
pub type Span = Range<usize>;

/// Why an expression does not compile.
///
/// Codes: `E0301` syntax, `E0302` not in this version or not built yet, `E0303` refused for good,
/// `E0304` unknown name, `E0305` a limit.
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

impl CompileError {
    /// An error without help.
    pub(super) fn new(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { code, span, message: message.into(), help: None }
    }

    /// With what to write instead.
    #[must_use]
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
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
    /// Batch data could not be read.
    Unreadable,
}

impl EvalErrorKind {
    /// The class as JavaScript names it; `FuelError`, `LimitError` and `UnreadableError` are ours.
    pub fn name(self) -> &'static str {
        match self {
            Self::Type => "TypeError",
            Self::Range => "RangeError",
            Self::Syntax => "SyntaxError",
            Self::Uri => "URIError",
            Self::Fuel => "FuelError",
            Self::Limit => "LimitError",
            Self::Unreadable => "UnreadableError",
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

/// What went wrong inside an instruction or a built-in; the machine adds the span.
///
/// One pointer wide, so that results on the fast path are no larger than values.
#[derive(Clone, Debug)]
pub(super) struct Fault(Box<Blame>);

#[derive(Clone, Debug)]
struct Blame {
    kind: EvalErrorKind,
    message: String,
    span: Option<Span>,
}

impl Fault {
    #[cold]
    pub(super) fn new(kind: EvalErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Blame { kind, message: message.into(), span: None }))
    }

    /// The error, blamed on `whole` where nothing smaller is known.
    pub(super) fn into_error(self, whole: Span) -> EvalError {
        let Blame { kind, message, span } = *self.0;
        EvalError { kind, span: span.unwrap_or(whole), message }
    }

    pub(super) fn type_error(message: impl Into<String>) -> Self {
        Self::new(EvalErrorKind::Type, message)
    }

    pub(super) fn range_error(message: impl Into<String>) -> Self {
        Self::new(EvalErrorKind::Range, message)
    }

    pub(super) fn limit(message: impl Into<String>) -> Self {
        Self::new(EvalErrorKind::Limit, message)
    }

    /// Out of fuel.
    #[cold]
    pub(super) fn fuel() -> Self {
        Self::new(EvalErrorKind::Fuel, "the expression ran out of fuel")
    }

    /// Blames `span`, unless another is blamed already.
    pub(super) fn blame(&mut self, span: &Span) {
        self.0.span.get_or_insert_with(|| span.clone());
    }

    /// The fault with `span`, unless it has one already.
    #[must_use]
    pub(super) fn at(mut self, span: &Span) -> Self {
        self.blame(span);
        self
    }
}
