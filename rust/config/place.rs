//! Place: from a byte of a scalar's text to the byte of the file that it came from.
//!
//! YAML unquotes, unescapes, folds and dedents what people wrote; the errors of an expression speak
//! of the text that came out. This walks both texts side by side.

use saphyr_parser::ScalarStyle;

use super::source::Span;

/// Where byte `offset` of a scalar's text stands in the file: through quotes, escapes, folding
/// and the indentation of blocks.
pub fn place(file: &str, span: &Span, style: ScalarStyle, text: &str, offset: usize) -> usize {
    let raw = &file.as_bytes()[span.clone()];
    let text = text.as_bytes();
    let quoted = matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
    let mut at = usize::from(quoted && !raw.is_empty());
    let mut seen = 0;
    while seen < offset && at < raw.len() && seen < text.len() {
        let (taken, made) = step(&raw[at..], &text[seen..], style);
        at += taken;
        seen += made;
    }
    let rest = &raw[at..];
    let escaped_break = rest.starts_with(b"\\\n") || rest.starts_with(b"\\\r");
    if escaped_break && style == ScalarStyle::DoubleQuoted {
        at += 1 + blank_run(&rest[1..]);
    }
    (span.start + at).min(span.end)
}

/// Bytes taken of the source and made of the text by one character, escape or line fold.
fn step(raw: &[u8], text: &[u8], style: ScalarStyle) -> (usize, usize) {
    if style == ScalarStyle::DoubleQuoted && raw[0] == b'\\' {
        return escape(raw, text);
    }
    if style == ScalarStyle::SingleQuoted && raw.starts_with(b"''") {
        return (2, 1);
    }
    let run = blank_run(raw);
    if run > 0 && raw[..run].contains(&b'\n') {
        return (run, blank_run(text).max(usize::from(run == 0)));
    }
    (1, 1)
}

fn escape(raw: &[u8], text: &[u8]) -> (usize, usize) {
    let taken = match raw.get(1) {
        Some(b'x') => 4,
        Some(b'u') => 6,
        Some(b'U') => 10,
        Some(b'\n' | b'\r') => return (1 + blank_run(&raw[1..]), 0),
        _ => 2,
    };
    let made = match text[0] {
        0..0x80 => 1,
        0x80..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    };
    (taken.min(raw.len()), made)
}

fn blank_run(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use super::super::source::Problems;
    use super::super::yaml::{Content, Node, read};
    use super::*;

    /// Every letter and digit of a scalar's text must be found again where it was written.
    fn check(file: &str, node: &Node, seen: &mut usize) {
        match &node.content {
            Content::List(items) => items.iter().for_each(|item| check(file, item, seen)),
            Content::Map(entries) => {
                entries.iter().for_each(|entry| check(file, &entry.value, seen));
            }
            Content::Scalar(scalar) => {
                for (offset, character) in scalar.text.char_indices() {
                    if character.is_ascii_digit() || character.is_alphabetic() {
                        let at = place(file, &node.span, scalar.style, &scalar.text, offset);
                        assert_eq!(
                            file[at..].chars().next(),
                            Some(character),
                            "byte {offset} of {:?} in {file:?}",
                            scalar.text
                        );
                        *seen += 1;
                    }
                }
            }
        }
    }

    #[test]
    fn every_character_is_found_where_it_was_written() {
        let file = "\
plain: abc def  gh
over: abc
  def ghi

  jkl é mno
single: 'it''s é ''a'' b
  c

  d'
double: \"a \\\"b\\\" \\t c d \\\\ é e
  f \\
  g \\n h

  i\"
literal: |
  a
    b é c

  d
kept: |2-
    a
   b
folded: >-
  a
  b é

  c
    d
    e

  f
flow: [a b, 'c''d', \"e\\\\f\", {g: h i}]
";
        for text in [file.to_owned(), file.replace('\n', "\r\n")] {
            let mut problems = Problems::new("f", &text);
            let root = read(&mut problems).expect("sound YAML");
            assert!(!problems.has_errors());
            let mut seen = 0;
            check(&text, &root, &mut seen);
            assert!(seen > 60, "{seen}");
        }
    }

    #[test]
    fn an_escape_is_found_at_its_backslash() {
        let file = "a: \"x \\u00e9\\x41\\n y\"";
        let at = |text: &str, offset| {
            place(file, &(3..file.len()), ScalarStyle::DoubleQuoted, text, offset)
        };
        let text = "x éA\n y";
        assert_eq!(&file[at(text, 2)..][..6], "\\u00e9");
        assert_eq!(&file[at(text, 4)..][..4], "\\x41");
        assert_eq!(&file[at(text, 7)..][..1], "y");
    }
}
