//! Class: what stands in brackets, as a set.
//!
//! With the flag v classes nest and are cut with `&&` and `--`; without, `[` is a character.

use super::error::PatternError;
use super::escape::Escape;
use super::pattern::Parser;
use super::set::CodePoints;

type Parsed<T> = Result<T, PatternError>;

/// Characters that the flag v keeps for itself in classes.
const SETS_SYNTAX: &str = "()[]{}/-\\|";
/// Pairs of these are kept for later versions of the flag v.
const SETS_PAIRS: &str = "&!#$%*+,.:;<=>?@^`~";
/// What the flag v lets be escaped beyond what has a meaning outside.
const SETS_ESCAPES: &str = "&-!#%,:;<=>@`~";

/// How the operands of a class are joined.
#[derive(Clone, Copy, PartialEq)]
enum Join {
    Union,
    Intersection,
    Difference,
}

impl Parser<'_> {
    /// A class, from its `[`; closed over case, and turned around where it is negated.
    pub(super) fn class(&mut self, depth: usize) -> Parsed<CodePoints> {
        let start = self.at;
        self.check_depth(depth, start)?;
        self.at += 1;
        let negated = self.take("^");
        let set =
            if self.flags.unicode_sets { self.sets(start, depth) } else { self.members(start) }?;
        let set = self.closed_paid(set, start)?;
        Ok(if negated { set.complement(self.by_code_points()) } else { set })
    }

    fn not_closed(&self, start: usize) -> PatternError {
        PatternError::syntax(self.offset(start)..self.offset(start + 1), "`[` is not closed by `]`")
    }

    fn members(&mut self, start: usize) -> Parsed<CodePoints> {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        while !self.take("]") {
            let from = self.at;
            let first = self.member(start)?;
            let is_range =
                self.peek() == Some('-') && !matches!(self.peek_after(1), Some(']') | None);
            // A unit that is no character stands after the dash too.
            let is_range = is_range
                || (self.peek() == Some('-')
                    && self.peek_after(1).is_none()
                    && self.at + 1 < self.codes.len());
            if !is_range {
                add(&mut ranges, first);
                continue;
            }
            self.at += 1;
            let last = self.member(start)?;
            match (first, last) {
                (Escape::One(first), Escape::One(last)) => {
                    if first > last {
                        return Err(self.error(from, "the range is out of order"));
                    }
                    ranges.push((first, last));
                }
                _ if self.by_code_points() => {
                    return Err(self.error(from, "a range goes from one character to another"));
                }
                (first, last) => {
                    add(&mut ranges, first);
                    add(&mut ranges, last);
                    ranges.push((0x2D, 0x2D));
                }
            }
        }
        Ok(CodePoints::of(&ranges))
    }

    fn member(&mut self, start: usize) -> Parsed<Escape> {
        let Some(&(code, _)) = self.codes.get(self.at) else { return Err(self.not_closed(start)) };
        let from = self.at;
        self.at += 1;
        if code != u32::from('\\') {
            return Ok(Escape::One(code));
        }
        match self.escaped(from, true)? {
            // `\B` and `\k` mean nothing in a class, and without u and v stand for themselves.
            Escape::Set(set) => Ok(Escape::Set(set)),
            Escape::One(code) => Ok(Escape::One(code)),
        }
    }

    /// The operands of a class with the flag v, up to its `]`.
    fn sets(&mut self, start: usize, depth: usize) -> Parsed<CodePoints> {
        let mut set = CodePoints::default();
        let mut join = None;
        let mut first = true;
        while !self.take("]") {
            let from = self.at;
            let found = if self.take("&&") {
                Join::Intersection
            } else if self.take("--") {
                Join::Difference
            } else {
                Join::Union
            };
            let fits = match (join, found) {
                (None, Join::Union) => true,
                (None, _) => !first,
                (Some(before), found) => before == found,
            };
            if !fits || (found == Join::Intersection && self.peek() == Some('&')) {
                return Err(self
                    .error(from, "`&&`, `--` and plain members cannot be mixed")
                    .help("put brackets around one of them: [[a-z]--[aeiou]]"));
            }
            if !first {
                join = Some(found);
            }
            let operand = self.operand(start, depth, &mut join, found)?;
            match found {
                Join::Union => set.add_all(&operand),
                Join::Intersection => set = set.intersection(&operand),
                Join::Difference => set = set.difference(&operand),
            }
            first = false;
        }
        Ok(set)
    }

    /// A class, an escape, a character or a range.
    fn operand(
        &mut self,
        start: usize,
        depth: usize,
        join: &mut Option<Join>,
        found: Join,
    ) -> Parsed<CodePoints> {
        if self.peek() == Some('[') {
            return self.class(depth + 1);
        }
        let from = self.at;
        let one = match self.sets_member(start)? {
            Escape::Set(set) => return self.closed_paid(set, from),
            Escape::One(code) => code,
        };
        if self.peek() != Some('-') || self.peek_after(1) == Some('-') {
            return Ok(self.closed(CodePoints::one(one)));
        }
        self.at += 1;
        let Escape::One(last) = self.sets_member(start)? else {
            return Err(self.error(from, "a range goes from one character to another"));
        };
        if one > last {
            return Err(self.error(from, "the range is out of order"));
        }
        if found != Join::Union {
            return Err(self.error(from, "a range needs brackets beside `&&` and `--`"));
        }
        *join = Some(Join::Union);
        Ok(self.closed(CodePoints::of(&[(one, last)])))
    }

    fn sets_member(&mut self, start: usize) -> Parsed<Escape> {
        let Some(&(code, _)) = self.codes.get(self.at) else { return Err(self.not_closed(start)) };
        let from = self.at;
        let character = char::from_u32(code);
        self.at += 1;
        if character == Some('\\') {
            if self.peek() == Some('q') && self.peek_after(1) == Some('{') {
                self.at += 2;
                return Err(self.refused(
                    from,
                    "strings in a class are not allowed: `\\q{`",
                    "write alternatives: (?:abc|[a-z])",
                ));
            }
            if let Some(escaped) = self.peek().filter(|c| SETS_ESCAPES.contains(*c)) {
                self.at += 1;
                return Ok(Escape::One(u32::from(escaped)));
            }
            return self.escaped(from, true);
        }
        if let Some(character) = character {
            if SETS_SYNTAX.contains(character) {
                let message = format!("`{character}` needs a backslash in a class with the flag v");
                return Err(self.error(from, message));
            }
            if SETS_PAIRS.contains(character) && self.peek() == Some(character) {
                let message = format!(
                    "`{character}{character}` is kept for later in a class with the flag v"
                );
                return Err(self.error(from, message));
            }
        }
        Ok(Escape::One(code))
    }
}

fn add(ranges: &mut Vec<(u32, u32)>, member: Escape) {
    match member {
        Escape::One(code) => ranges.push((code, code)),
        Escape::Set(set) => ranges.extend_from_slice(set.ranges()),
    }
}
