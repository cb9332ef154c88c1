//! Escape: what a backslash makes of the characters after it, in and outside of classes.

use std::sync::LazyLock;

use super::error::{PatternError, PatternErrorKind};
use super::pattern::{Look, Node, Parser};
use super::property::{NoProperty, property};
use super::set::CodePoints;
use crate::value::string;

type Parsed<T> = Result<T, PatternError>;

/// What an escape stands for.
#[derive(Debug)]
pub(super) enum Escape {
    One(u32),
    Set(CodePoints),
}

impl Parser<'_> {
    /// An escape outside of classes.
    pub(super) fn escape(&mut self) -> Parsed<Node> {
        let start = self.at;
        let look = match self.peek_after(1) {
            Some('b') => Some(Look::Word),
            Some('B') => Some(Look::NotWord),
            Some('1'..='9') => {
                self.refuse_reference()?;
                None
            }
            Some('k') if self.by_code_points() || self.has_names => {
                self.at += 2;
                if !self.take("<") {
                    return Err(self.error(start, "`\\k` is followed by a group's name in < >"));
                }
                self.group_name()?;
                return Err(self.back_reference(start));
            }
            _ => None,
        };
        if let Some(look) = look {
            self.at += 2;
            self.sees_words = true;
            return Ok(Node::Look(look));
        }
        self.at += 1;
        Ok(Node::Set(match self.escaped(start, false)? {
            Escape::One(code) => self.closed(CodePoints::one(code)),
            Escape::Set(set) => self.closed_paid(set, start)?,
        }))
    }

    fn back_reference(&self, start: usize) -> PatternError {
        self.refused(
            start,
            "back-references are not allowed: regular expressions run in linear time",
            "match both parts and compare them: match(/(a+)-(a+)/), then found[1] === found[2]",
        )
    }

    /// Refuses `\1` where a group 1 exists; without it Annex B has something else in mind.
    fn refuse_reference(&mut self) -> Parsed<()> {
        let start = self.at;
        let mut ahead = 1;
        let mut number = 0_u32;
        while let Some(digit) = self.peek_after(ahead).and_then(|c| c.to_digit(10)) {
            number = number.saturating_mul(10).saturating_add(digit);
            ahead += 1;
        }
        if number > self.groups_in_all && !self.by_code_points() {
            return Ok(());
        }
        self.at += ahead;
        if number > self.groups_in_all {
            return Err(self.error(start, format!("there is no group {number}")));
        }
        Err(self.back_reference(start))
    }

    /// What stands after the backslash, which is taken already and lies at `start`.
    pub(super) fn escaped(&mut self, start: usize, in_class: bool) -> Parsed<Escape> {
        let Some(&(code, _)) = self.codes.get(self.at) else {
            return Err(self.error(start, "the pattern ends in `\\`"));
        };
        self.at += 1;
        let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        let control = |code: u32| Ok(Escape::One(code));
        match character {
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => Ok(Escape::Set(self.perl(character))),
            'p' | 'P' if self.by_code_points() => self.property_escape(start, character == 'P'),
            't' => control(0x09),
            'n' => control(0x0A),
            'v' => control(0x0B),
            'f' => control(0x0C),
            'r' => control(0x0D),
            'b' if in_class => control(0x08),
            '-' if in_class => control(0x2D),
            'c' => self.control_letter(start, in_class),
            '0' if !self.peek().is_some_and(|c| c.is_ascii_digit()) => control(0),
            '0'..='9' => self.legacy_octal(start, character),
            'x' => match self.hex(2) {
                Some(code) => Ok(Escape::One(code)),
                None => self.identity(start, code),
            },
            'u' => match self.unicode_escape(self.by_code_points()) {
                Some(code) => Ok(Escape::One(code)),
                None => self.identity(start, code),
            },
            _ => self.identity(start, code),
        }
    }

    /// `\-` and its like: itself, of which the flags u and v allow only what has a meaning.
    fn identity(&self, start: usize, code: u32) -> Parsed<Escape> {
        let syntax = char::from_u32(code).is_some_and(|c| "^$\\.*+?()[]{}|/".contains(c));
        if self.by_code_points() && !syntax {
            return Err(self
                .error(start, "this escape means nothing")
                .help("leave the backslash out; \\x needs two and \\u four hexadecimal digits"));
        }
        if self.has_names && code == u32::from('k') {
            return Err(self.error(start, "`\\k` is followed by a group's name in < >"));
        }
        Ok(Escape::One(code))
    }

    fn control_letter(&mut self, start: usize, in_class: bool) -> Parsed<Escape> {
        let letter = self.peek().filter(|c| {
            c.is_ascii_alphabetic()
                || (in_class && !self.by_code_points() && (c.is_ascii_digit() || *c == '_'))
        });
        match letter {
            Some(letter) => {
                self.at += 1;
                Ok(Escape::One(u32::from(letter) % 32))
            }
            None if self.by_code_points() => {
                Err(self.error(start, "`\\c` is followed by a letter"))
            }
            None => {
                // The backslash is itself, and `c` stands after it.
                self.at -= 1;
                Ok(Escape::One(u32::from('\\')))
            }
        }
    }

    /// `\101`, as Annex B has it: up to 255; `\8` is `8`.
    fn legacy_octal(&mut self, start: usize, first: char) -> Parsed<Escape> {
        if self.by_code_points() {
            return Err(self
                .error(start, "octal escapes are not allowed with the flags u and v")
                .help("write \\x and two hexadecimal digits"));
        }
        let Some(mut code) = first.to_digit(8) else { return Ok(Escape::One(u32::from(first))) };
        for _ in 0..2 {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else { break };
            if code * 8 + digit > 0xFF {
                break;
            }
            code = code * 8 + digit;
            self.at += 1;
        }
        Ok(Escape::One(code))
    }

    fn hex(&mut self, length: usize) -> Option<u32> {
        let mut code = 0;
        for ahead in 0..length {
            code = code * 16 + self.peek_after(ahead)?.to_digit(16)?;
        }
        self.at += length;
        Some(code)
    }

    /// After `\u`: four digits, two such for a pair, or digits in braces.
    pub(super) fn unicode_escape(&mut self, by_code_points: bool) -> Option<u32> {
        if !by_code_points {
            return self.hex(4);
        }
        let start = self.at;
        if self.take("{") {
            let mut code = 0_u32;
            let first = self.at;
            while let Some(digit) = self.peek().and_then(|c| c.to_digit(16)) {
                code = code.saturating_mul(16).saturating_add(digit);
                self.at += 1;
            }
            if self.at > first && code <= 0x10_FFFF && self.take("}") {
                return Some(code);
            }
            self.at = start;
            return None;
        }
        let high = self.hex(4)?;
        let after = self.at;
        if (0xD800..0xDC00).contains(&high) && self.take("\\u") {
            if let Some(low @ 0xDC00..=0xDFFF) = self.hex(4) {
                return Some(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00));
            }
            self.at = after;
        }
        Some(high)
    }

    /// `\d`, `\s`, `\w` and what they are not.
    fn perl(&self, letter: char) -> CodePoints {
        let set = match letter.to_ascii_lowercase() {
            'd' => CodePoints::of(&[(0x30, 0x39)]),
            's' => WHITE_SPACE.clone(),
            _ => self.word_characters(),
        };
        if letter.is_ascii_uppercase() { set.complement(self.by_code_points()) } else { set }
    }

    /// With `iu` what folds to a letter of ASCII is one too.
    fn word_characters(&self) -> CodePoints {
        let word = CodePoints::of(&[(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)]);
        if self.by_code_points() { self.closed(word) } else { word }
    }

    fn property_escape(&mut self, start: usize, negated: bool) -> Parsed<Escape> {
        if !self.take("{") {
            return Err(self.error(start, "`\\p` is followed by a property in { }"));
        }
        let first = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '=')) {
            self.at += 1;
        }
        let name = &self.source[self.offset(first)..self.offset(self.at)];
        if !self.take("}") {
            return Err(self.error(start, "`\\p{` is not closed by `}`"));
        }
        let set = property(name).map_err(|missing| match missing {
            NoProperty::OfStrings if self.flags.unicode_sets && !negated => self.refused(
                start,
                "properties of strings are not allowed",
                "write a property of characters: \\p{Emoji} or \\p{Emoji_Presentation}",
            ),
            NoProperty::Unknown | NoProperty::OfStrings => self
                .error(start, format!("there is no property `{name}`"))
                .help("names are exact: \\p{Lu}, \\p{Script=Greek}, \\p{Alphabetic}"),
            NoProperty::Missing => PatternError::new(
                PatternErrorKind::Refused,
                self.span(start),
                format!("the property `{name}` is not in our tables"),
            ),
        })?;
        self.spend_ranges(set.ranges().len(), start)?;
        // With v and i sets are of what folds alike, before they are turned around.
        let set = if self.flags.unicode_sets { self.closed(set) } else { set };
        Ok(Escape::Set(if negated { set.complement(true) } else { set }))
    }
}

/// What `\s` stands for: found once, as a pattern may ask for it a thousand times.
static WHITE_SPACE: LazyLock<CodePoints> = LazyLock::new(|| {
    let ranges: Vec<(u32, u32)> = (0..=0xFFFF)
        .filter(|&code| char::from_u32(code).is_some_and(string::is_white_space))
        .map(|code| (code, code))
        .collect();
    CodePoints::of(&ranges)
});
