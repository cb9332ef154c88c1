//! Strings as JavaScript counts them: UTF-16 views over UTF-8 text, with a fast path for ASCII.
//!
//! Invariant: text never holds half a surrogate pair. A cut through a pair yields U+FFFD in
//! place of the half (page 3.6.2); `unit_at` gives true units.

use std::cmp::Ordering;

use super::Text;

/// Length in UTF-16 units.
pub fn length(text: &str) -> usize {
    units(text.as_bytes())
}

/// Units of the characters that start in these bytes: one each, and one more where four bytes are a
/// character. Counted without branches, so that many bytes are counted at once.
fn units(bytes: &[u8]) -> usize {
    let starts = bytes.iter().filter(|byte| !matches!(byte, 0x80..0xC0)).count();
    starts + bytes.iter().filter(|byte| **byte >= 0xF0).count()
}

/// Bytes that are counted at once on the way to a position.
const STRIDE_BYTES: usize = 256;

/// The byte offset of the character that unit `index` belongs to (the end, where there is none),
/// and the units before it.
fn seek(text: &str, index: usize) -> (usize, usize) {
    let bytes = text.as_bytes();
    let (mut offset, mut position) = (0, 0);
    while let Some(stride) = bytes.get(offset..offset + STRIDE_BYTES) {
        let counted = units(stride);
        if position + counted > index {
            break;
        }
        (offset, position) = (offset + STRIDE_BYTES, position + counted);
    }
    // A stride may have ended within a character, which was counted where it starts.
    while !text.is_char_boundary(offset) {
        offset += 1;
    }
    for character in text[offset..].chars() {
        if position + character.len_utf16() > index {
            break;
        }
        offset += character.len_utf8();
        position += character.len_utf16();
    }
    (offset, position)
}

/// The UTF-16 unit at `index`.
pub fn unit_at(text: &str, index: usize) -> Option<u16> {
    let (offset, position) = seek(text, index);
    let character = text[offset..].chars().next()?;
    character.encode_utf16(&mut [0; 2]).get(index - position).copied()
}

/// The code point that starts at unit `index`; the lone trailing unit when it cuts a pair.
pub fn code_point_at(text: &str, index: usize) -> Option<u32> {
    let (offset, position) = seek(text, index);
    let character = text[offset..].chars().next()?;
    if position == index {
        return Some(u32::from(character));
    }
    character.encode_utf16(&mut [0; 2]).get(index - position).map(|&unit| u32::from(unit))
}

/// The text of units `start..end` (clamped); a cut pair's half is U+FFFD.
pub fn slice(text: &str, start: usize, end: usize) -> Text {
    if start >= end {
        return Text::default();
    }
    let (from, before) = seek(text, start);
    let (to, before_end) = seek(text, end);
    let cut_start = before < start && from < text.len();
    let cut_end = before_end < end && to < text.len();
    if !cut_start && !cut_end {
        return Text::new(&text[from..to]);
    }
    // A pair that is cut on both sides gave one half only.
    let from = if cut_start { from + 4 } else { from };
    let mut out = String::with_capacity(to.saturating_sub(from) + 6);
    if cut_start {
        out.push(char::REPLACEMENT_CHARACTER);
    }
    out.push_str(text.get(from..to).unwrap_or(""));
    if cut_end {
        out.push(char::REPLACEMENT_CHARACTER);
    }
    Text::from(out)
}

/// The unit position of a byte offset, which lies on a character's start.
pub fn units_before(text: &str, byte_offset: usize) -> usize {
    length(&text[..byte_offset])
}

/// The byte offset of the first character that starts at or after unit `index`.
pub fn byte_offset(text: &str, index: usize) -> usize {
    let (offset, position) = seek(text, index);
    match text[offset..].chars().next() {
        Some(character) if position < index => offset + character.len_utf8(),
        _ => offset,
    }
}

/// Order by UTF-16 units, as `<` and the default sort have it.
pub fn compare(left: &str, right: &str) -> Ordering {
    let differs = left.bytes().zip(right.bytes()).position(|(l, r)| l != r);
    let Some(mut offset) = differs else {
        return left.len().cmp(&right.len());
    };
    while !left.is_char_boundary(offset) {
        offset -= 1;
    }
    // Bytes order as code points do; only surrogates against U+E000 and up differ.
    left[offset..].encode_utf16().cmp(right[offset..].encode_utf16())
}

/// Whether JavaScript counts this as white space or a line's end.
pub fn is_white_space(character: char) -> bool {
    matches!(
        character,
        '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}'
                | '\u{2028}'
                | '\u{2029}'
                | '\u{202f}'
                | '\u{205f}'
                | '\u{3000}'
                | '\u{feff}'
    )
}

/// `trim`.
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_white_space)
}

/// `trimStart`.
pub fn trim_start(text: &str) -> &str {
    text.trim_start_matches(is_white_space)
}

/// `trimEnd`.
pub fn trim_end(text: &str) -> &str {
    text.trim_end_matches(is_white_space)
}

/// Text built from characters and UTF-16 units: halves of a pair beside each other make one
/// character, a half alone is U+FFFD (page 3.6.2).
#[derive(Debug, Default)]
pub struct Units {
    text: String,
    high: Option<u16>,
}

impl Units {
    /// Bytes so far.
    pub fn byte_count(&self) -> usize {
        self.text.len()
    }

    /// Adds a character.
    pub fn push(&mut self, character: char) {
        self.flush();
        self.text.push(character);
    }

    /// Adds text.
    pub fn push_str(&mut self, text: &str) {
        if !text.is_empty() {
            self.flush();
            self.text.push_str(text);
        }
    }

    /// Adds a unit.
    pub fn push_unit(&mut self, unit: u16) {
        if let (Some(high), 0xDC00..0xE000) = (self.high, unit) {
            self.high = None;
            self.text.extend(char::decode_utf16([high, unit]).flatten());
            return;
        }
        self.flush();
        match unit {
            0xD800..0xDC00 => self.high = Some(unit),
            _ => self
                .text
                .push(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER)),
        }
    }

    fn flush(&mut self) {
        if self.high.take().is_some() {
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
    }

    /// The text.
    pub fn finish(mut self) -> Text {
        self.flush();
        Text::from(self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_counted_and_cut_in_utf16_units() {
        assert_eq!(length("a😀b"), 4);
        assert_eq!(slice("a😀b", 1, 3), "😀");
        assert_eq!(slice("a😀b", 0, 2), "a\u{fffd}");
        assert_eq!(slice("a😀b", 2, 4), "\u{fffd}b");
        assert_eq!(slice("😀😀", 1, 3), "\u{fffd}\u{fffd}");
        assert_eq!(slice("é1", 5, 9), "");
        assert_eq!(unit_at("😀", 1), Some(0xDE00));
        assert_eq!(code_point_at("😀", 0), Some(0x1F600));
        assert_eq!(code_point_at("😀", 1), Some(0xDE00));
        assert_eq!(byte_offset("a😀b", 3), 5);
    }

    #[test]
    fn positions_in_long_text_are_those_of_its_units() {
        let text: String = "aé～😀".chars().cycle().take(1_500).collect();
        let units: Vec<u16> = text.encode_utf16().collect();
        assert_eq!(length(&text), units.len());
        for index in (0..units.len()).step_by(7) {
            assert_eq!(unit_at(&text, index), Some(units[index]), "{index}");
            let first = char::decode_utf16(units[index..].iter().copied()).next();
            let code = first.map(|decoded| match decoded {
                Ok(character) => u32::from(character),
                Err(half) => u32::from(half.unpaired_surrogate()),
            });
            assert_eq!(code_point_at(&text, index), code, "{index}");
            for end in [index, index + 1, index + 2, index + 3, index + 600, units.len() + 5] {
                let part = &units[index..end.min(units.len())];
                assert_eq!(slice(&text, index, end), String::from_utf16_lossy(part), "{index}");
            }
            let offset = byte_offset(&text, index);
            assert_eq!(
                units_before(&text, offset),
                index + usize::from(units[index] >= 0xDC00 && units[index] < 0xE000)
            );
        }
        assert_eq!(unit_at(&text, units.len()), None);
        assert_eq!(code_point_at("", 0), None);
    }

    #[test]
    fn order_is_by_utf16_units() {
        assert_eq!(compare("a", "b"), Ordering::Less);
        assert_eq!(compare("ab", "a"), Ordering::Greater);
        // A surrogate pair starts with D83D, which is under FF5E.
        assert_eq!(compare("😀", "～"), Ordering::Less);
        assert_eq!(compare("é", "è"), Ordering::Greater);
    }
}
