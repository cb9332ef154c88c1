//! Source: the text of one configuration file, and where in it a byte stands.
//!
//! Everything downstream speaks of byte ranges in this text; lines and columns are made only when
//! a diagnostic is. Invariant: the text has no byte order mark.

use std::ops::Range;
use std::path::Path;

use super::diagnostic::{Diagnostic, Severity};
use super::limits::FILE_BYTES_MAX;

/// Byte range in the file's text.
pub type Span = Range<usize>;

/// A value and where it stands in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub span: Span,
}

/// One configuration file: its name as it was given, and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The name shown in diagnostics; relative `file:` secrets are looked for beside it.
    pub name: String,
    /// The text, with or without a byte order mark.
    pub text: String,
}

impl SourceFile {
    /// A file from text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// A file from bytes.
    ///
    /// # Errors
    /// `E0101` when it is too large or not UTF-8.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, Box<Diagnostic>> {
        if bytes.len() > FILE_BYTES_MAX {
            return Err(Box::new(too_large(name, bytes.len())));
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(name, text)),
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let line = 1 + error.as_bytes()[..good].iter().filter(|b| **b == b'\n').count();
                let message = format!(
                    "The file is not UTF-8: byte {good} (line {line}) is not part of any character."
                );
                let mut diagnostic = Diagnostic::of_file(name, "E0101", message);
                diagnostic.line = line;
                diagnostic.help = Some("save the file as UTF-8".to_owned());
                Err(Box::new(diagnostic))
            }
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// The outer error is the disk's; the inner one as [`SourceFile::from_bytes`].
    pub fn read(path: &Path) -> std::io::Result<Result<Self, Box<Diagnostic>>> {
        let bytes = std::fs::read(path)?;
        Ok(Self::from_bytes(&path.to_string_lossy(), bytes))
    }

    /// The text without a byte order mark.
    pub(super) fn body(&self) -> &str {
        self.text.strip_prefix('\u{feff}').unwrap_or(&self.text)
    }
}

/// The diagnostic for a file over the limit.
pub(super) fn too_large(name: &str, bytes: usize) -> Diagnostic {
    let message = format!("The file has {bytes} bytes; at most {FILE_BYTES_MAX} (1 MiB) are read.");
    Diagnostic::of_file(name, "E0101", message)
}

/// Collects the problems of one file: all are reported at once.
pub struct Problems<'a> {
    name: &'a str,
    text: &'a str,
    line_starts: Vec<usize>,
    found: Vec<Diagnostic>,
    /// Byte ranges never shown: the values of tokens.
    secrets: Vec<Span>,
}

impl<'a> Problems<'a> {
    /// No problems yet in `text`.
    pub fn new(name: &'a str, text: &'a str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Self { name, text, line_starts, found: Vec::new(), secrets: Vec::new() }
    }

    /// The file's text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Never shows the bytes of `span`: source lines have asterisks there.
    pub fn hide(&mut self, span: Span) {
        self.secrets.push(span);
    }

    /// Notes an error.
    pub fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        self.note(Severity::Error, code, span, message.into(), None);
    }

    /// Notes an error with what to do about it.
    pub fn error_with_help(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.note(Severity::Error, code, span, message.into(), Some(help.into()));
    }

    /// Notes a warning.
    pub fn warning(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        self.note(Severity::Warning, code, span, message.into(), help);
    }

    /// Notes a problem. A span over several lines is shown on its first.
    pub fn note(
        &mut self,
        severity: Severity,
        code: &'static str,
        span: Span,
        message: String,
        help: Option<String>,
    ) {
        let start = self.floor(span.start.min(self.text.len()));
        let line = self.line_of(start);
        let line_span = self.line_span(line);
        let end = self.floor(span.end.clamp(start, line_span.end.max(start)));
        self.found.push(Diagnostic {
            severity,
            code,
            file: self.name.to_owned(),
            line: line + 1,
            column: self.text[line_span.start..start].chars().count() + 1,
            length: self.text[start..end].chars().count().max(1),
            source_line: String::new(),
            message,
            help,
        });
    }

    /// Whether an error was noted.
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(Diagnostic::is_error)
    }

    /// All problems in the file's order.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        // Source lines are cut out last: only now are all secrets known.
        let mut found = std::mem::take(&mut self.found);
        found.sort_by_key(|found| (found.line, found.column, found.severity as u8));
        found.dedup();
        for diagnostic in &mut found {
            diagnostic.source_line = self.shown_line(self.line_span(diagnostic.line - 1));
        }
        found
    }

    /// Index of the line that byte `at` stands in, from 0.
    pub fn line_of(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at) - 1
    }

    /// How many lines there are.
    pub fn lines(&self) -> usize {
        self.line_starts.len()
    }

    /// The bytes of a line, without its line break.
    pub fn line_span(&self, line: usize) -> Span {
        let start = self.line_starts[line];
        let end = self.line_starts.get(line + 1).map_or(self.text.len(), |next| next - 1);
        let trimmed = self.text[start..end].trim_end_matches('\r').len();
        start..start + trimmed
    }

    fn floor(&self, mut at: usize) -> usize {
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    fn shown_line(&self, line: Span) -> String {
        let mut shown = String::new();
        for (offset, character) in self.text[line.clone()].char_indices() {
            let hidden = self.secrets.iter().any(|secret| secret.contains(&(line.start + offset)));
            shown.push(if hidden { '*' } else { character });
        }
        shown
    }
}
