//! Diagnostic: one problem of a configuration, as data and as text for a person.
//!
//! Codes are stable: a code is never given to another problem, so that people can search for it.
//! All codes stand in [`CODES`]; errors stop a publish, warnings are shown. Errors of expressions
//! keep the code that the expression engine gave them (`E03xx`).
//!
//! Invariant: a diagnostic names values of the file only where the source line shows them anyway,
//! and the source line of a token never shows the token's value.

use std::fmt;

/// Every code of this module with what it means; each has a golden case.
pub const CODES: &[(&str, &str)] = &[
    // The file and its YAML.
    ("E0101", "the file is not UTF-8, is too large, or holds nothing"),
    ("E0102", "the YAML cannot be read"),
    ("E0103", "a name stands twice in one map"),
    ("E0104", "a YAML tag"),
    ("E0105", "a YAML anchor or alias"),
    ("E0106", "a YAML merge key"),
    ("E0107", "a second YAML document"),
    ("E0108", "an `if` that is present but empty"),
    ("E0109", "a name that is not a plain word (a list, a map, or nothing)"),
    // Pitfalls of expressions in YAML.
    ("E0120", "an expression that starts with `!`"),
    ("E0121", "an expression that starts with a double quote"),
    ("E0122", "an expression that starts with a single quote"),
    ("E0123", "an expression that starts with `[`"),
    ("E0124", "an expression that starts with `{`"),
    ("E0125", "an expression that starts with `&`"),
    ("E0126", "an expression that starts with `*`"),
    ("E0127", "an expression that starts with `|`"),
    ("E0128", "an expression that starts with `>`"),
    ("E0129", "an expression that starts with `%`"),
    ("E0130", "an expression that starts with `@`"),
    ("E0131", "an expression that starts with a backtick"),
    ("E0132", "an expression with a colon and a space in it"),
    ("E0133", "an expression cut off by ` #`"),
    ("E0134", "an expression with commas or brackets inside `{...}` or `[...]`"),
    // Fields.
    ("E0201", "an unknown field"),
    ("E0202", "a field that is not built yet"),
    ("E0203", "a field that is missing"),
    ("E0204", "a field of the wrong kind (a map where text belongs)"),
    ("E0205", "a word that is none of those allowed"),
    ("E0206", "a number, duration or size that is malformed or out of range"),
    ("E0207", "a field that does not belong to this type"),
    ("E0208", "fields that exclude each other, or none of those of which one is needed"),
    // Names.
    ("E0210", "a malformed name"),
    ("E0211", "a reserved name"),
    ("E0212", "a name given twice"),
    ("E0213", "an unknown event"),
    ("E0214", "a malformed database or table"),
    ("E0215", "a table without a database"),
    ("E0216", "a destination listed twice"),
    ("E0217", "an unknown batch segment"),
    // Values.
    ("E0220", "a regular expression that does not compile"),
    ("E0221", "a field that must be exactly one `${...}`"),
    ("E0222", "a number that no double holds"),
    ("E0223", "an item field called `time`"),
    ("E0224", "an item without the list's `id`"),
    ("E0225", "computed attributes that read each other in a circle"),
    ("E0226", "a computed attribute that reads an event"),
    ("E0227", "a `was` that names what is still there, or what another one was"),
    // Tokens.
    ("E0230", "a malformed token"),
    ("E0231", "a token given twice"),
    ("E0232", "an unset environment variable"),
    ("E0233", "a file that cannot be read"),
    ("E0234", "a token's value that also stands elsewhere in the file"),
    // Limits.
    ("E0240", "a limit is passed"),
    // Privacy.
    ("E0260", "an offer that would show a sensitive value to public callers"),
    ("E0261", "a sensitive key without a word on public callers"),
    // Warnings.
    ("W0101", "`yes`, `no`, `on`, `off` or `~`, which YAML 1.2 reads as text"),
    ("W0102", "text that looks like an expression but has no `${...}`"),
    ("W0103", "a rule that is never reached"),
    ("W0104", "a key whose name says that many people share it"),
    ("W0105", "an entry of `data` or `value` with nothing in it"),
    ("W0106", "an attribute without rules"),
    ("W0107", "a comment that looks like the rest of a text"),
    // Warnings of expressions.
    ("W0201", "a comparison of kinds that are never equal"),
    ("W0202", "an order of what has none"),
    ("W0203", "seconds beside milliseconds"),
    ("W0204", "a comparison with NaN"),
    ("W0205", "a comparison of `typeof` with what it never gives"),
    ("W0206", "a comparison with a list or object made there"),
    ("W0207", "a position used as a condition"),
    ("W0208", "a condition that is always true"),
    ("W0209", "a condition that is always false"),
    ("W0210", "the same operand twice"),
    ("W0211", "comparisons that contradict each other"),
    ("W0212", "a method of another kind of value"),
    ("W0213", "a property that is not there"),
    ("W0214", "a method that is not called"),
    ("W0215", "arithmetic without a number"),
    ("W0216", "text made of what has none"),
    ("W0217", "a function that gives every element the same answer"),
    ("W0218", "numbers sorted as text"),
    ("W0219", "a function for sorting that gives true or false"),
    ("W0220", "`parseInt` given to `map`"),
    ("W0221", "a part that always throws"),
    ("W0222", "an `each` of what is no list"),
];

/// Whether a diagnostic stops a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Stops a publish.
    Error,
    /// Is shown.
    Warning,
}

/// One problem, with all that a person needs to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl Diagnostic {
    /// Whether it stops a publish.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The text for a person: place, sentence, source line with carets, help.
    pub fn render(&self) -> String {
        self.to_string()
    }

    /// A diagnostic about a whole file that could not even be read as text.
    pub(super) fn of_file(file: &str, code: &'static str, message: String) -> Self {
        Self {
            severity: Severity::Error,
            code,
            file: file.to_owned(),
            line: 1,
            column: 1,
            length: 1,
            source_line: String::new(),
            message,
            help: None,
        }
    }
}

/// Renders many, as `p13n check` prints them: a blank line between each two.
pub fn render_all(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(Diagnostic::render).collect::<Vec<_>>().join("\n")
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let Self { file, line, column, code, message, .. } = self;
        writeln!(out, "{file}:{line}:{column}: {severity} {code}: {message}")?;
        if !self.source_line.is_empty() {
            let window = Window::around(self);
            writeln!(out, "  {line} | {}", window.text)?;
            let gutter = " ".repeat(line.to_string().len());
            writeln!(out, "  {gutter} | {}{}", window.indent, "^".repeat(window.carets))?;
        }
        if let Some(help) = &self.help {
            writeln!(out, "  help: {help}")?;
        }
        Ok(())
    }
}

/// Characters of a source line that are shown; longer lines are cut around the caret.
const LINE_CHARS_SHOWN_MAX: usize = 160;

/// The part of a source line that is shown, and where its carets stand.
struct Window {
    text: String,
    indent: String,
    carets: usize,
}

impl Window {
    fn around(diagnostic: &Diagnostic) -> Self {
        // A control character would do something to the terminal instead of being seen.
        let visible = |c: char| if c.is_control() && c != '\t' { '\u{fffd}' } else { c };
        let chars: Vec<char> = diagnostic.source_line.chars().map(visible).collect();
        let caret = (diagnostic.column - 1).min(chars.len());
        let first = if chars.len() <= LINE_CHARS_SHOWN_MAX {
            0
        } else {
            caret.saturating_sub(LINE_CHARS_SHOWN_MAX / 2)
        };
        let last = chars.len().min(first + LINE_CHARS_SHOWN_MAX);
        let mut text: String = chars[first..last].iter().collect();
        // Tabs stay tabs under the line, so that the caret stands where the eye expects it.
        let mut indent: String =
            chars[first..caret].iter().map(|c| if *c == '\t' { '\t' } else { ' ' }).collect();
        if first > 0 {
            text.insert_str(0, "...");
            indent.insert_str(0, "   ");
        }
        if last < chars.len() {
            text.push_str("...");
        }
        Self { text, indent, carets: diagnostic.length.clamp(1, (last - caret).max(1)) }
    }
}
