//! Diagnostic: one problem of a configuration, as data and as text for a person.

/// Whether a diagnostic stops a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Stops a publish.
    Error,
    /// Is shown.
    Warning,
}

/// One problem, with all that a person needs to mend it.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Stable code (`E0101`, `W0101`).
    pub code: &'static str,
    /// The file's name as it was given.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Characters the caret line spans, at least 1.
    pub length: usize,
    /// The source line.
    pub source_line: String,
    /// One sentence.
    pub message: String,
    /// What to do, where it can be guessed.
    pub help: Option<String>,
}
