//! Haystack: a text as the automata search it, and the way back to UTF-16 units.
//!
//! Nearly always the bytes of the text. Spelt anew only where bytes cannot say what JavaScript
//! sees: pairs in halves for a pattern of units, line ends that are no line feed for `^` and `$`
//! of lines, and the two letters beyond ASCII that `\b` takes for letters of words with `iu`.

use std::borrow::Cow;

use super::translate::{spell_half, spell_line_end};
use crate::value::Text;
use crate::value::string::{self, Units};

/// A place in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// In the bytes that are searched.
    pub(super) byte: usize,
    /// In UTF-16 units.
    pub unit: usize,
}

/// How a text must be spelt anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Respelling {
    pub halves: bool,
    pub lines: bool,
    pub words: bool,
}

/// A text under search.
#[derive(Debug)]
pub(super) struct Haystack<'t> {
    text: &'t str,
    is_ascii: bool,
    respelt: Option<Respelt>,
}

#[derive(Debug)]
struct Respelt {
    bytes: Vec<u8>,
    /// Where each unit starts in `bytes`, and the end.
    starts: Vec<u32>,
    /// Where each unit's character starts in the text, and the end.
    origins: Vec<u32>,
    has_lines: bool,
}

/// Long s and the Kelvin sign, which fold to s and k.
const FOLDING_TO_WORDS: [char; 2] = ['\u{17f}', '\u{212a}'];

impl<'t> Haystack<'t> {
    /// The text, spelt anew where what the pattern asks for occurs in it.
    pub(super) fn new(text: &'t str, asked: Respelling) -> Self {
        let is_ascii = text.is_ascii();
        let bytes = text.as_bytes();
        let line_ends = ['\r', '\u{2028}', '\u{2029}'];
        let needed = Respelling {
            halves: asked.halves && !is_ascii && bytes.iter().any(|&byte| byte >= 0xF0),
            lines: asked.lines && text.contains(line_ends),
            words: asked.words && !is_ascii && text.contains(FOLDING_TO_WORDS),
        };
        let respelt = (needed != Respelling::default()).then(|| Respelt::new(text, needed));
        Self { text, is_ascii, respelt }
    }

    /// Whether line ends are spelt anew.
    pub(super) fn has_lines(&self) -> bool {
        self.respelt.as_ref().is_some_and(|respelt| respelt.has_lines)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match &self.respelt {
            Some(respelt) => &respelt.bytes,
            None => self.text.as_bytes(),
        }
    }

    /// The place of a byte at or after a known place.
    pub(super) fn position(&self, known: Position, byte: usize) -> Position {
        let unit = match &self.respelt {
            Some(respelt) => respelt.starts.partition_point(|&start| (start as usize) < byte),
            None if self.is_ascii => byte,
            None => known.unit + string::length(&self.text[known.byte..byte]),
        };
        Position { byte, unit }
    }

    /// The place one unit on, or one character where the pattern is of those.
    pub(super) fn advance(&self, from: Position) -> Option<Position> {
        match &self.respelt {
            Some(respelt) => {
                let after = |start: &u32| *start as usize > from.byte;
                let ahead = respelt.starts.get(from.unit..)?.iter().position(after)?;
                let unit = from.unit + ahead;
                Some(Position { byte: respelt.starts[unit] as usize, unit })
            }
            None => {
                let character = self.text[from.byte..].chars().next()?;
                Some(Position {
                    byte: from.byte + character.len_utf8(),
                    unit: from.unit + character.len_utf16(),
                })
            }
        }
    }

    /// The text between two places; half a pair is U+FFFD.
    pub(super) fn slice(&self, start: Position, end: Position) -> Text {
        if self.respelt.is_none() {
            return Text::new(&self.text[start.byte..end.byte]);
        }
        let mut out = Units::default();
        self.write(start, end, &mut out);
        out.finish()
    }

    /// Adds the text between two places.
    pub(super) fn write(&self, start: Position, end: Position, out: &mut Units) {
        let Some(respelt) = &self.respelt else {
            return out.push_str(&self.text[start.byte..end.byte]);
        };
        let origin = |unit: usize| respelt.origins[unit] as usize;
        let cuts = |unit: usize| unit > 0 && origin(unit) == origin(unit - 1);
        let half = |unit: usize, half: usize| {
            let character = self.text[origin(unit)..].chars().next().unwrap_or_default();
            character.encode_utf16(&mut [0; 2])[half]
        };
        let (mut from, to) = (start.unit, end.unit);
        if from < to && cuts(from) {
            out.push_unit(half(from, 1));
            from += 1;
        }
        if from < to {
            out.push_str(&self.text[origin(from)..origin(to)]);
            if cuts(to) {
                out.push_unit(half(to, 0));
            }
        }
    }

    /// The end, from a known place.
    pub(super) fn end(&self, known: Position) -> Position {
        self.position(known, self.bytes().len())
    }
}

impl Respelt {
    fn new(text: &str, needed: Respelling) -> Self {
        let mut respelt = Self {
            bytes: Vec::with_capacity(text.len() * 2),
            starts: Vec::with_capacity(text.len() + 1),
            origins: Vec::with_capacity(text.len() + 1),
            has_lines: needed.lines,
        };
        for (origin, character) in text.char_indices() {
            let spelling = spell(character, needed);
            let halves = character.len_utf16();
            for half in 0..halves {
                let cut = needed.halves && half == 1;
                respelt.starts.push((respelt.bytes.len() + if cut { 3 } else { 0 }) as u32);
                respelt.origins.push(origin as u32);
            }
            respelt.bytes.extend_from_slice(&spelling);
        }
        respelt.starts.push(respelt.bytes.len() as u32);
        respelt.origins.push(text.len() as u32);
        respelt
    }
}

fn spell(character: char, needed: Respelling) -> Cow<'static, [u8]> {
    let mut units = [0; 2];
    match character {
        '\n' | '\r' | '\u{2028}' | '\u{2029}' if needed.lines => {
            Cow::Owned(spell_line_end(u32::from(character)).to_vec())
        }
        '\u{17f}' if needed.words => Cow::Borrowed(b"s"),
        '\u{212a}' if needed.words => Cow::Borrowed(b"k"),
        _ if needed.halves && character.len_utf16() == 2 => {
            let units = character.encode_utf16(&mut units);
            Cow::Owned(units.iter().flat_map(|&unit| spell_half(u32::from(unit))).collect())
        }
        _ => Cow::Owned(character.encode_utf8(&mut [0; 4]).as_bytes().to_vec()),
    }
}
