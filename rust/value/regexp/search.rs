//! Search: one regular expression over one text, from place to place, paid for as it goes.

use super::haystack::{Haystack, Position, Respelling};
use super::program::Program;
use super::{RegExp, Text};
use crate::value::string::Units;

/// Where a match lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its first place.
    pub start: Position,
    /// The place after it.
    pub end: Position,
}

impl Found {
    /// Whether it matched nothing.
    pub fn is_empty(&self) -> bool {
        self.start.byte == self.end.byte
    }
}

/// A regular expression over a text.
#[derive(Debug)]
pub struct Searcher<'r, 't> {
    regexp: &'r RegExp,
    program: &'r Program,
    haystack: Haystack<'t>,
    sticky: bool,
}

impl<'r, 't> Searcher<'r, 't> {
    /// Ready to search from the text's start.
    pub fn new(regexp: &'r RegExp, text: &'t str) -> Self {
        let asked = Respelling {
            halves: !regexp.flags.by_code_points(),
            lines: regexp.lines.is_some(),
            words: regexp.folds_words,
        };
        let haystack = Haystack::new(text, asked);
        let program = match &regexp.lines {
            Some(lines) if haystack.has_lines() => lines,
            _ => &regexp.program,
        };
        Self { regexp, program, haystack, sticky: regexp.flags.sticky }
    }

    /// As if the flag y were not there.
    #[must_use]
    pub fn not_sticky(mut self) -> Self {
        self.sticky = false;
        self
    }

    /// The regular expression.
    pub fn regexp(&self) -> &'r RegExp {
        self.regexp
    }

    /// Whether there is a match at all.
    ///
    /// # Errors
    /// What `charge` gives when fuel runs out; so for every search here.
    pub fn test<E>(&self, charge: impl FnOnce(usize) -> Result<(), E>) -> Result<bool, E> {
        let bytes = self.haystack.bytes();
        charge(self.program.search_price(bytes.len()))?;
        Ok(self.program.is_match(bytes, self.sticky))
    }

    /// The first match.
    ///
    /// # Errors
    /// As [`Self::test`].
    pub fn first<E>(
        &self,
        charge: impl FnOnce(usize) -> Result<(), E>,
    ) -> Result<Option<Found>, E> {
        let bytes = self.haystack.bytes();
        charge(self.program.search_price(bytes.len()))?;
        let found = self.program.find(bytes, 0, self.sticky);
        Ok(found.map(|found| self.found(Position::default(), found)))
    }

    /// The first match at or after a place: for one search after another.
    ///
    /// # Errors
    /// As [`Self::test`].
    pub fn next<E>(
        &self,
        from: Position,
        charge: impl FnOnce(usize) -> Result<(), E>,
    ) -> Result<Option<Found>, E> {
        let bytes = self.haystack.bytes();
        match self.program.walk(bytes, from.byte, self.sticky) {
            Some((walked, any)) => {
                charge(self.program.search_price(walked))?;
                if !any {
                    return Ok(None);
                }
            }
            None => charge(self.program.search_price(bytes.len() - from.byte))?,
        }
        let found = self.program.find(bytes, from.byte, self.sticky);
        Ok(found.map(|found| self.found(from, found)))
    }

    fn found(&self, known: Position, (start, end): (usize, usize)) -> Found {
        let start = self.haystack.position(known, start);
        Found { start, end: self.haystack.position(start, end) }
    }

    /// Where each group lies, the whole as the first; `None` for what took no part.
    ///
    /// # Errors
    /// As [`Self::test`].
    pub fn groups<E>(
        &self,
        found: Found,
        charge: impl FnOnce(usize) -> Result<(), E>,
    ) -> Result<Vec<Option<Found>>, E> {
        if self.regexp.groups == 0 {
            return Ok(vec![Some(found)]);
        }
        let (start, end) = (found.start.byte, found.end.byte);
        // Units are counted from the match's start, a group at a time.
        let counting = (end - start) * self.regexp.groups() / 16;
        let listing = 2 * self.regexp.groups();
        charge(self.program.groups_price(end - start) + counting + listing)?;
        let slots = self.program.groups(self.haystack.bytes(), start, end, self.regexp.groups);
        let pairs = slots.chunks_exact(2).map(|pair| match pair {
            [Some(from), Some(to)] => Some(self.found(found.start, (from.get(), to.get()))),
            _ => None,
        });
        Ok(pairs.collect())
    }

    /// The place after a match, and one unit (or character) on where it matched nothing.
    pub fn after(&self, found: Found) -> Option<Position> {
        if found.is_empty() { self.advance(found.end) } else { Some(found.end) }
    }

    /// One unit on, or one character with the flags u and v; `None` at the end.
    pub fn advance(&self, from: Position) -> Option<Position> {
        self.haystack.advance(from)
    }

    /// Whether the text ends there.
    pub fn is_end(&self, place: Position) -> bool {
        place.byte >= self.haystack.bytes().len()
    }

    /// The text of a match or group; half a pair is U+FFFD.
    pub fn text(&self, found: Found) -> Text {
        self.haystack.slice(found.start, found.end)
    }

    /// The text between two places.
    pub fn between(&self, start: Position, end: Position) -> Text {
        self.haystack.slice(start, end)
    }

    /// Adds the text between two places.
    pub fn write(&self, start: Position, end: Position, out: &mut Units) {
        self.haystack.write(start, end, out);
    }

    /// The text's end, from a known place.
    pub fn end(&self, known: Position) -> Position {
        self.haystack.end(known)
    }
}
