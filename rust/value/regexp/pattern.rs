//! Pattern: JavaScript's pattern as a tree, and its grammar, Annex B included.
//!
//! Without the flags u and v a pattern is read as UTF-16 units, as JavaScript reads it, so that
//! `/😀+/` repeats the half of a pair. Escapes and classes are read next door.
//! Invariants: sets in the tree are already closed over the case that the flag i ignores; the
//! tree nests no deeper than the limit.

use super::error::{PatternError, PatternErrorKind};
use super::flags::Flags;
use super::fold;
use super::set::CodePoints;
use super::{Limits, Text};

/// A part of a pattern.
#[derive(Debug)]
pub(super) enum Node {
    Empty,
    /// One character (or unit) of the set.
    Set(CodePoints),
    Concat(Vec<Node>),
    Alternate(Vec<Node>),
    Capture {
        index: u32,
        inner: Box<Node>,
    },
    Repeat {
        min: u32,
        max: Option<u32>,
        greedy: bool,
        inner: Box<Node>,
    },
    Look(Look),
}

/// What a place must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Start,
    End,
    LineStart,
    LineEnd,
    Word,
    NotWord,
}

/// A whole pattern.
#[derive(Debug)]
pub(super) struct Pattern {
    pub node: Node,
    /// Capturing groups.
    pub groups: u32,
    /// Named groups, in the pattern's order.
    pub names: Vec<(Text, u32)>,
    /// Whether it asks where lines start or end.
    pub sees_lines: bool,
    /// Whether it asks where words start or end.
    pub sees_words: bool,
}

type Parsed<T> = Result<T, PatternError>;

/// Ranges of characters that the classes of one pattern stand for, all together.
const CLASS_RANGES_MAX: usize = 20_000;
/// About as many characters fold to others.
const FOLDED_MEMBERS_MAX: usize = 3_000;
/// Characters looked up for folding that cost what a range does.
const MEMBERS_PER_RANGE: usize = 30;

/// Reads a pattern.
pub(super) fn parse(source: &str, flags: Flags, limits: &Limits) -> Parsed<Pattern> {
    let mut parser = Parser::new(source, flags, limits);
    parser.count_groups();
    let node = parser.alternatives(0)?;
    if parser.at < parser.codes.len() {
        return Err(parser.error_here("`)` closes nothing"));
    }
    Ok(Pattern {
        node,
        groups: parser.groups,
        names: parser.names,
        sees_lines: parser.sees_lines,
        sees_words: parser.sees_words,
    })
}

pub(super) struct Parser<'p> {
    pub(super) source: &'p str,
    pub(super) flags: Flags,
    /// Code points or units, each with its byte offset.
    pub(super) codes: Vec<(u32, usize)>,
    pub(super) at: usize,
    limits: &'p Limits,
    groups: u32,
    names: Vec<(Text, u32)>,
    /// Capturing groups of the whole pattern, for `\1`.
    pub(super) groups_in_all: u32,
    /// Whether any group has a name, for `\k`.
    pub(super) has_names: bool,
    sees_lines: bool,
    pub(super) sees_words: bool,
    /// Ranges of classes that may still be read.
    ranges_left: usize,
}

impl<'p> Parser<'p> {
    fn new(source: &'p str, flags: Flags, limits: &'p Limits) -> Self {
        let mut codes = Vec::with_capacity(source.len());
        for (offset, character) in source.char_indices() {
            if flags.by_code_points() {
                codes.push((u32::from(character), offset));
            } else {
                let mut units = [0; 2];
                let units = character.encode_utf16(&mut units);
                codes.extend(units.iter().map(|&unit| (u32::from(unit), offset)));
            }
        }
        Self {
            source,
            flags,
            codes,
            at: 0,
            limits,
            groups: 0,
            names: Vec::new(),
            groups_in_all: 0,
            has_names: false,
            sees_lines: false,
            sees_words: false,
            ranges_left: CLASS_RANGES_MAX,
        }
    }

    /// Counts groups ahead of reading: what `\1` and `\k` mean depends on the whole pattern.
    fn count_groups(&mut self) {
        let (mut at, mut class_depth) = (0, 0_usize);
        while let Some(&(code, _)) = self.codes.get(at) {
            match char::from_u32(code) {
                Some('\\') => at += 1,
                Some('[') if class_depth == 0 || self.flags.unicode_sets => class_depth += 1,
                Some(']') => class_depth = class_depth.saturating_sub(1),
                Some('(') if class_depth == 0 => {
                    let named = self.looks_like(at + 1, "?<")
                        && !self.looks_like(at + 1, "?<=")
                        && !self.looks_like(at + 1, "?<!");
                    self.has_names |= named;
                    self.groups_in_all += u32::from(named || !self.looks_like(at + 1, "?"));
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn looks_like(&self, at: usize, text: &str) -> bool {
        let mut codes = self.codes.get(at..).unwrap_or(&[]).iter();
        text.chars().all(|wanted| codes.next().is_some_and(|(code, _)| *code == u32::from(wanted)))
    }

    pub(super) fn by_code_points(&self) -> bool {
        self.flags.by_code_points()
    }

    /// The character here; half a pair is none.
    pub(super) fn peek(&self) -> Option<char> {
        self.codes.get(self.at).and_then(|(code, _)| char::from_u32(*code))
    }

    pub(super) fn peek_after(&self, ahead: usize) -> Option<char> {
        self.codes.get(self.at + ahead).and_then(|(code, _)| char::from_u32(*code))
    }

    /// Takes the text if it stands here.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.looks_like(self.at, text);
        if found {
            self.at += text.chars().count();
        }
        found
    }

    /// The byte offset of a place in the pattern.
    pub(super) fn offset(&self, at: usize) -> usize {
        self.codes.get(at).map_or(self.source.len(), |(_, offset)| *offset)
    }

    /// From a place to here.
    pub(super) fn span(&self, from: usize) -> std::ops::Range<usize> {
        let start = self.offset(from);
        start..self.offset(self.at).max(start)
    }

    pub(super) fn error(&self, from: usize, message: impl Into<String>) -> PatternError {
        PatternError::syntax(self.span(from), message)
    }

    pub(super) fn error_here(&self, message: impl Into<String>) -> PatternError {
        PatternError::syntax(self.offset(self.at)..self.offset(self.at + 1), message)
    }

    pub(super) fn refused(&self, from: usize, message: &str, help: &'static str) -> PatternError {
        PatternError::new(PatternErrorKind::Refused, self.span(from), message).help(help)
    }

    /// A set as it matches: with all that the flag i takes for its members.
    pub(super) fn closed(&self, set: CodePoints) -> CodePoints {
        if self.flags.ignore_case { fold::close(&set, self.by_code_points()) } else { set }
    }

    /// As [`Parser::closed`]: a wide set counts as what the tables of folding hold of it.
    pub(super) fn closed_paid(&mut self, set: CodePoints, from: usize) -> Parsed<CodePoints> {
        if self.flags.ignore_case {
            let members: usize =
                set.ranges().iter().map(|&(first, last)| (last - first) as usize + 1).sum();
            self.spend_ranges(members.min(FOLDED_MEMBERS_MAX) / MEMBERS_PER_RANGE, from)?;
        }
        Ok(self.closed(set))
    }

    /// Refuses what nests deeper than the limit.
    pub(super) fn check_depth(&self, depth: usize, from: usize) -> Parsed<()> {
        if depth <= self.limits.nesting_max {
            return Ok(());
        }
        let message =
            format!("a regular expression nests deeper than {} levels", self.limits.nesting_max);
        Err(PatternError::new(PatternErrorKind::Limit, self.span(from), message))
    }

    /// Counts what a property stands for: thousands of them would be folded and joined for
    /// seconds before the program that comes of them is found to be too large.
    pub(super) fn spend_ranges(&mut self, ranges: usize, from: usize) -> Parsed<()> {
        let left = self.ranges_left.checked_sub(ranges);
        self.ranges_left = left.ok_or_else(|| {
            let message = format!(
                "the regular expression is too large: its classes have more than \
                 {CLASS_RANGES_MAX} ranges of characters"
            );
            PatternError::new(PatternErrorKind::Limit, self.span(from), message)
                .help("name fewer properties, or repeat one: \\p{L}{1,20}")
        })?;
        Ok(())
    }

    fn alternatives(&mut self, depth: usize) -> Parsed<Node> {
        self.check_depth(depth, self.at)?;
        let mut arms = vec![self.terms(depth)?];
        while self.take("|") {
            arms.push(self.terms(depth)?);
        }
        Ok(if arms.len() == 1 { arms.swap_remove(0) } else { Node::Alternate(arms) })
    }

    fn terms(&mut self, depth: usize) -> Parsed<Node> {
        let mut terms = Vec::new();
        while self.at < self.codes.len() && !matches!(self.peek(), Some('|' | ')')) {
            let is_group = self.peek() == Some('(');
            let atom = self.atom(depth)?;
            terms.push(match atom {
                // What asks for a place cannot be repeated, unless parentheses are around it.
                Node::Look(_) if !is_group => atom,
                _ => self.quantified(atom)?,
            });
        }
        Ok(match terms.len() {
            0 => Node::Empty,
            1 => terms.swap_remove(0),
            _ => Node::Concat(terms),
        })
    }

    fn atom(&mut self, depth: usize) -> Parsed<Node> {
        let start = self.at;
        let code = self.codes[start].0;
        match self.peek() {
            Some('^') => Ok(self.line(Look::Start, Look::LineStart)),
            Some('$') => Ok(self.line(Look::End, Look::LineEnd)),
            Some('.') => {
                self.at += 1;
                let all = CodePoints::all(self.by_code_points());
                let set = if self.flags.dot_all { all } else { all.difference(&line_ends()) };
                Ok(Node::Set(set))
            }
            Some('(') => self.group(depth),
            Some('[') => self.class(depth).map(Node::Set),
            Some('\\') => self.escape(),
            Some('*' | '+' | '?') => Err(self.error_here("nothing stands before the repetition")),
            Some('{') if self.braces()?.is_some() => {
                Err(self.error(start, "nothing stands before the repetition"))
            }
            Some(bracket @ ('{' | '}' | ']')) if self.by_code_points() => {
                let message = format!("`{bracket}` stands alone; write `\\{bracket}` for itself");
                Err(self.error_here(message))
            }
            _ => {
                self.at += 1;
                Ok(Node::Set(self.closed(CodePoints::one(code))))
            }
        }
    }

    fn line(&mut self, of_text: Look, of_line: Look) -> Node {
        self.at += 1;
        self.sees_lines |= self.flags.multiline;
        Node::Look(if self.flags.multiline { of_line } else { of_text })
    }

    fn group(&mut self, depth: usize) -> Parsed<Node> {
        let start = self.at;
        self.at += 1;
        let index = if self.take("?:") {
            None
        } else if self.take("?=") || self.take("?!") {
            return Err(self.refused(
                start,
                "look-ahead is not allowed: regular expressions run in linear time",
                "test twice: /first/.test(text) && !/second/.test(text)",
            ));
        } else if self.take("?<=") || self.take("?<!") {
            return Err(self.refused(
                start,
                "look-behind is not allowed: regular expressions run in linear time",
                "match what stands before too, and take the part in parentheses: match(/a(b)/)[1]",
            ));
        } else if self.take("?<") {
            let name = self.group_name()?;
            if self.names.iter().any(|(known, _)| *known == name) {
                return Err(self.error(start, format!("two groups are named `{name}`")));
            }
            self.groups += 1;
            self.names.push((name, self.groups));
            Some(self.groups)
        } else if self.peek() == Some('?') {
            return Err(self.error_here("`(?` starts no group").help("write \\? for itself"));
        } else {
            self.groups += 1;
            Some(self.groups)
        };
        let inner = self.alternatives(depth + 1)?;
        if !self.take(")") {
            let open = self.offset(start)..self.offset(start + 1);
            return Err(PatternError::syntax(open, "`(` is not closed by `)`"));
        }
        Ok(match index {
            Some(index) => Node::Capture { index, inner: Box::new(inner) },
            None => inner,
        })
    }

    /// A name up to `>`, which is taken too.
    pub(super) fn group_name(&mut self) -> Parsed<Text> {
        let start = self.at;
        let mut units: Vec<u16> = Vec::new();
        while !self.take(">") {
            let Some(&(code, _)) = self.codes.get(self.at) else {
                return Err(self.error(start, "a group's name is not closed by `>`"));
            };
            self.at += 1;
            let code = if code == u32::from('\\') {
                let escaped = if self.take("u") { self.unicode_escape(true) } else { None };
                escaped.ok_or_else(|| self.error(start, "malformed name of a group"))?
            } else {
                code
            };
            match char::from_u32(code) {
                Some(character) => units.extend_from_slice(character.encode_utf16(&mut [0; 2])),
                None => units.push(code as u16),
            }
        }
        let name = String::from_utf16(&units).unwrap_or_default();
        let mut characters = name.chars();
        let starts = characters
            .next()
            .is_some_and(|first| matches!(first, '$' | '_') || first.is_alphabetic());
        let goes_on = characters.all(|next| {
            matches!(next, '$' | '_' | '\u{200c}' | '\u{200d}') || next.is_alphanumeric()
        });
        if !starts || !goes_on {
            return Err(self.error(start, "malformed name of a group"));
        }
        Ok(Text::from(name))
    }

    /// `{2}`, `{2,}`, `{2,5}`, taken if it stands here.
    fn braces(&mut self) -> Parsed<Option<(u32, Option<u32>)>> {
        let start = self.at;
        if !self.take("{") {
            return Ok(None);
        }
        let bounds = self.number().and_then(|min| {
            let max = if self.take(",") {
                if self.peek() == Some('}') { None } else { Some(self.number()?) }
            } else {
                Some(min)
            };
            self.take("}").then_some((min, max))
        });
        let Some((min, max)) = bounds else {
            self.at = start;
            return Ok(None);
        };
        if max.is_some_and(|max| max < min) {
            return Err(self.error(start, "the bounds of the repetition are out of order"));
        }
        let most = self.limits.repeat_max;
        if min > most || max.is_some_and(|max| max > most) {
            let message = format!("a repetition's bound is more than {most}");
            return Err(PatternError::new(PatternErrorKind::Limit, self.span(start), message));
        }
        Ok(Some((min, max)))
    }

    fn number(&mut self) -> Option<u32> {
        let start = self.at;
        let mut number = 0_u32;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            number = number.saturating_mul(10).saturating_add(digit);
            self.at += 1;
        }
        (self.at > start).then_some(number)
    }

    fn quantified(&mut self, atom: Node) -> Parsed<Node> {
        let (min, max) = if self.take("*") {
            (0, None)
        } else if self.take("+") {
            (1, None)
        } else if self.take("?") {
            (0, Some(1))
        } else if let Some(bounds) = self.braces()? {
            bounds
        } else {
            return Ok(atom);
        };
        let greedy = !self.take("?");
        Ok(Node::Repeat { min, max, greedy, inner: Box::new(atom) })
    }
}

/// What ends a line.
pub(super) fn line_ends() -> CodePoints {
    CodePoints::of(&[(0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029)])
}
