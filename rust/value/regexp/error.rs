//! Error: why a pattern is no regular expression here.

use std::ops::Range;

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternErrorKind {
    /// JavaScript refuses it too.
    Syntax,
    /// JavaScript has it, and linear time has not (page 3.6.3), or our tables have not.
    Refused,
    /// Beyond a limit.
    Limit,
}

/// Why a pattern is refused, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatternError {
    /// Whose fault it is.
    pub kind: PatternErrorKind,
    /// Byte range in the pattern, or in the flags when `in_flags`.
    pub span: Range<usize>,
    /// Whether the flags are to blame.
    pub in_flags: bool,
    /// One sentence.
    pub message: String,
    /// What to write instead.
    pub help: Option<&'static str>,
}

impl PatternError {
    pub(super) fn syntax(span: Range<usize>, message: impl Into<String>) -> Self {
        Self::new(PatternErrorKind::Syntax, span, message)
    }

    pub(super) fn new(
        kind: PatternErrorKind,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, span, in_flags: false, message: message.into(), help: None }
    }

    #[must_use]
    pub(super) fn help(mut self, help: &'static str) -> Self {
        self.help = Some(help);
        self
    }
}
