//! Strings as JavaScript counts them: UTF-16 views over UTF-8 text, with a fast path for ASCII.
//!
//! Invariant: text never holds half a surrogate pair. A cut through a pair yields U+FFFD in
//! place of the half (page 3.6.2); `unit_at` gives true units.

use std::cmp::Ordering;

use super::Text;

/// Length in UTF-16 units.
pub fn length(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.chars().map(char::len_utf16).sum()
}

/// The UTF-16 unit at `index`.
pub fn unit_at(text: &str, index: usize) -> Option<u16> {
    if text.is_ascii() {
        return text.as_bytes().get(index).map(|&byte| u16::from(byte));
    }
    text.encode_utf16().nth(index)
}

/// The code point that starts at unit `index`; the lone trailing unit when it cuts a pair.
pub fn code_point_at(text: &str, index: usize) -> Option<u32> {
    let mut units = text.encode_utf16().skip(index);
    let first = units.next()?;
    if !(0xD800..0xDC00).contains(&first) {
        return Some(u32::from(first));
    }
    let second = units.next().map_or(0, u32::from);
    Some(0x1_0000 + ((u32::from(first) - 0xD800) << 10) + (second.wrapping_sub(0xDC00) & 0x3FF))
}

/// The text of units `start..end` (clamped); a cut pair's half is U+FFFD.
pub fn slice(text: &str, start: usize, end: usize) -> Text {
    if text.is_ascii() {
        let end = end.min(text.len());
        return if start < end { Text::new(&text[start..end]) } else { Text::default() };
    }
    if start >= end {
        return Text::default();
    }
    let mut out = String::new();
    let mut position = 0;
    for character in text.chars() {
        let next = position + character.len_utf16();
        if position >= end {
            break;
        }
        if position >= start && next <= end {
            out.push(character);
        } else if next > start {
            out.push(char::REPLACEMENT_CHARACTER);
        }
        position = next;
    }
    Text::from(out)
}

/// The unit position of a byte offset, which lies on a character's start.
pub fn units_before(text: &str, byte_offset: usize) -> usize {
    length(&text[..byte_offset])
}

/// The byte offset of the first character that starts at or after unit `index`.
pub fn byte_offset(text: &str, index: usize) -> usize {
    if text.is_ascii() {
        return index.min(text.len());
    }
    let mut position = 0;
    for (offset, character) in text.char_indices() {
        if position >= index {
            return offset;
        }
        position += character.len_utf16();
    }
    text.len()
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
    fn order_is_by_utf16_units() {
        assert_eq!(compare("a", "b"), Ordering::Less);
        assert_eq!(compare("ab", "a"), Ordering::Greater);
        // A surrogate pair starts with D83D, which is under FF5E.
        assert_eq!(compare("😀", "～"), Ordering::Less);
        assert_eq!(compare("é", "è"), Ordering::Greater);
    }
}
