//! RegExp: JavaScript's regular expressions in linear time, and what they found.
//!
//! A pattern is read as JavaScript reads it (`pattern`, `escape`, `class`), translated to what
//! automata are built from (`translate`), and never backtracks (`program`).
//!
//! Deliberate differences, all of page 3.6:
//! - Look-around and back-references are refused; a group inside a repetition keeps what it matched
//!   last, where JavaScript forgets it at each iteration (`/(?:(a)|b)*/.exec("ab")[1]` is "a").
//! - Text holds no half of a pair. Without the flags u and v a pattern still sees both halves, so
//!   that `/^..$/.test("😀")` is true; a half in a result is U+FFFD.
//! - Regular expressions never change: `lastIndex` is 0 always, and the flags g and y start at 0 at
//!   each call. A literal is made once, where JavaScript makes it at each evaluation.
//! - The limits of [`Limits`]; properties of strings and `\q{}` are refused; tables are our release's.

mod class;
mod error;
mod escape;
mod flags;
mod fold;
mod found;
mod haystack;
mod pattern;
mod program;
mod property;
mod search;
mod set;
mod translate;

use super::{Text, Value};
pub use error::{PatternError, PatternErrorKind};
pub use flags::Flags;
pub use found::Match;
pub use haystack::Position;
use program::Program;
pub use search::{Found, Searcher};
use translate::Spelling;

/// How large a pattern may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the program that a pattern becomes.
    pub program_bytes_max: usize,
    /// Levels that groups and classes nest.
    pub nesting_max: usize,
    /// The largest bound of a repetition.
    pub repeat_max: u32,
}

/// Parts of a translated pattern: what repeats and may match nothing is written out many times.
const PARTS_MAX: usize = 50_000;

/// A regular expression, compiled.
#[derive(Debug)]
pub struct RegExp {
    source: Text,
    flags: Flags,
    groups: u32,
    /// Named groups, in the pattern's order.
    names: Vec<(Text, u32)>,
    program: Program,
    /// For text with line ends that are no line feed, where the pattern asks for lines.
    lines: Option<Program>,
    /// Whether `\b` takes two letters beyond ASCII for letters of words.
    folds_words: bool,
}

impl RegExp {
    /// Compiles the pattern between the slashes.
    ///
    /// # Errors
    /// What JavaScript refuses, what linear time does, and what is beyond a limit.
    pub fn new(source: &str, flags: Flags, limits: &Limits) -> Result<Self, PatternError> {
        let pattern = pattern::parse(source, flags, limits)?;
        let compile = |spelling: Spelling| {
            let hir = translate::translate(&pattern.node, spelling, PARTS_MAX).ok()?;
            Program::new(hir, pattern.groups, spelling, limits)
        };
        let too_large = || {
            let message = format!(
                "the regular expression is too large: its program has more than {} bytes",
                limits.program_bytes_max
            );
            PatternError::new(PatternErrorKind::Limit, 0..source.len(), message)
                .help("repeat less, or look for parts of it one after the other")
        };
        let program = compile(Spelling::Plain).ok_or_else(too_large)?;
        let lines = match pattern.sees_lines {
            true => Some(compile(Spelling::Lines).ok_or_else(too_large)?),
            false => None,
        };
        Ok(Self {
            source: Text::new(source),
            flags,
            groups: pattern.groups,
            names: pattern.names,
            program,
            lines,
            folds_words: pattern.sees_words && flags.ignore_case && flags.by_code_points(),
        })
    }

    /// Its flags.
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// Capturing groups.
    pub fn groups(&self) -> usize {
        self.groups as usize
    }

    /// Named groups in the pattern's order, each with its number.
    pub fn names(&self) -> &[(Text, u32)] {
        &self.names
    }

    /// As it is written: `/source/flags`.
    pub fn to_text(&self) -> Text {
        Text::from(format!("/{}/{}", self.shown_source(), self.flags.letters()))
    }

    fn shown_source(&self) -> &str {
        if self.source.is_empty() { "(?:)" } else { &self.source }
    }

    /// `source`, `flags`, `lastIndex`, and one property a flag.
    pub(super) fn property(&self, name: &str) -> Option<Value> {
        match name {
            "source" => Some(Value::text(self.shown_source())),
            "flags" => Some(Value::text(self.flags.letters())),
            "lastIndex" => Some(Value::Number(0.0)),
            _ => self.flags.property(name).map(Value::Bool),
        }
    }
}

#[cfg(test)]
mod tests;
