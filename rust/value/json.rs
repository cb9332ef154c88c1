//! JSON in and out: strict reading of untrusted text, writing exactly as `JSON.stringify`.
//!
//! The reader is a cursor over text whose UTF-8 is checked once, whole; what it skips it checks
//! as strictly as what it keeps: that is why it is ours and no library's (page 1.3 refuses lone
//! surrogates and numbers beyond a double wherever they stand). Nesting is bounded by a count,
//! so that no input overflows the stack.

use super::number::{WHOLE_BYTES_MAX, whole_text};
use super::{Text, Value};

/// Levels that a document may have; the value itself is the first.
pub const JSON_DEPTH_MAX: usize = 64;

/// Why bytes are no acceptable JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {offset}")]
pub struct JsonError {
    /// What is wrong, without the text itself.
    pub reason: &'static str,
    /// Where, in bytes.
    pub offset: usize,
}

const TOO_DEEP: &str = "nested too deep";
const TOO_MANY: &str = "too many elements";

impl JsonError {
    /// Whether the bytes may well be JSON, but more of it than is taken.
    pub fn is_limit(&self) -> bool {
        self.reason == TOO_DEEP || self.reason == TOO_MANY
    }
}

/// Parses one JSON document: big integers become doubles, `-0` reads as `0`, of duplicate names
/// the last wins.
///
/// # Errors
/// Anything that is not strict JSON in UTF-8, lone surrogates, numbers beyond a double, more than
/// [`JSON_DEPTH_MAX`] levels, trailing bytes.
pub fn parse_json(bytes: &[u8]) -> Result<Value, JsonError> {
    let mut cursor = Cursor::new(bytes, JSON_DEPTH_MAX)?;
    let value = cursor.value()?;
    cursor.finish()?;
    Ok(value)
}

/// Parses one JSON document as JavaScript's `JSON.parse` does, where that is less strict than
/// [`parse_json`]: `-0` stays, a number beyond a double is infinite, half a surrogate pair is U+FFFD.
///
/// # Errors
/// Anything that `JSON.parse` refuses; more than [`JSON_DEPTH_MAX`] levels, or more than `items_max`
/// elements in one list or map ([`JsonError::is_limit`]).
pub fn parse_json_as_javascript(text: &str, items_max: usize) -> Result<Value, JsonError> {
    let mut cursor = Cursor::new(text.as_bytes(), JSON_DEPTH_MAX)?;
    cursor.lenient = true;
    cursor.items_max = items_max;
    let value = cursor.value()?;
    cursor.finish()?;
    Ok(value)
}

/// A position in JSON text.
pub(super) struct Cursor<'a> {
    text: &'a str,
    bytes: &'a [u8],
    position: usize,
    levels_left: usize,
    items_max: usize,
    /// Whether to read as JavaScript does, or as strictly as events are read.
    lenient: bool,
    /// Text of strings with escapes, reused.
    scratch: String,
}

impl<'a> Cursor<'a> {
    /// Checks the UTF-8 of all bytes.
    pub(super) fn new(bytes: &'a [u8], depth_max: usize) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| JsonError { reason: "not UTF-8", offset: error.valid_up_to() })?;
        Ok(Self {
            text,
            bytes,
            position: 0,
            levels_left: depth_max,
            items_max: usize::MAX,
            lenient: false,
            scratch: String::new(),
        })
    }

    pub(super) fn error(&self, reason: &'static str) -> JsonError {
        JsonError { reason, offset: self.position }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    #[inline]
    pub(super) fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.position += 1;
        }
    }

    /// Moves past `byte` when it stands here (after white space).
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(byte);
        self.position += usize::from(found);
        found
    }

    #[inline]
    pub(super) fn expect(&mut self, byte: u8, reason: &'static str) -> Result<(), JsonError> {
        if self.take(byte) { Ok(()) } else { Err(self.error(reason)) }
    }

    /// Refuses trailing bytes.
    pub(super) fn finish(&mut self) -> Result<(), JsonError> {
        self.skip_space();
        if self.position < self.bytes.len() { Err(self.error("trailing bytes")) } else { Ok(()) }
    }

    /// One level deeper; every call is matched by [`Cursor::leave`].
    pub(super) fn enter(&mut self) -> Result<(), JsonError> {
        self.levels_left = self.levels_left.checked_sub(1).ok_or_else(|| self.error(TOO_DEEP))?;
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.levels_left += 1;
    }

    /// Reads any value.
    pub(super) fn value(&mut self) -> Result<Value, JsonError> {
        self.skip_space();
        match self.peek() {
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'-' | b'0'..=b'9') => Ok(Value::Number(self.number()?)),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Value, JsonError> {
        let rest = &self.bytes[self.position..];
        let (value, length) = if rest.starts_with(b"true") {
            (Value::Bool(true), 4)
        } else if rest.starts_with(b"false") {
            (Value::Bool(false), 5)
        } else if rest.starts_with(b"null") {
            (Value::Null, 4)
        } else {
            return Err(self.error("expected a value"));
        };
        self.position += length;
        Ok(value)
    }

    fn array(&mut self) -> Result<Value, JsonError> {
        self.expect(b'[', "expected `[`")?;
        self.enter()?;
        let mut items = Vec::new();
        if !self.take(b']') {
            loop {
                items.push(self.value()?);
                if items.len() > self.items_max {
                    return Err(self.error(TOO_MANY));
                }
                if !self.take(b',') {
                    break;
                }
            }
            self.expect(b']', "expected `,` or `]`")?;
        }
        self.leave();
        Ok(Value::array(items))
    }

    fn object(&mut self) -> Result<Value, JsonError> {
        let mut entries = Vec::new();
        self.expect(b'{', "expected `{`")?;
        self.enter()?;
        if !self.take(b'}') {
            loop {
                self.skip_space();
                let name = self.string()?;
                self.expect(b':', "expected `:`")?;
                entries.push((name, self.value()?));
                if entries.len() > self.items_max {
                    return Err(self.error(TOO_MANY));
                }
                if !self.take(b',') {
                    break;
                }
            }
            self.expect(b'}', "expected `,` or `}`")?;
        }
        self.leave();
        Ok(Value::object(entries))
    }

    /// Checks any value and keeps nothing.
    pub(super) fn skip_value(&mut self) -> Result<(), JsonError> {
        self.skip_space();
        match self.peek() {
            Some(b'"') => self.raw_string().map(|_| ()),
            Some(b'-' | b'0'..=b'9') => self.skip_number(),
            Some(b'[') => {
                self.position += 1;
                self.enter()?;
                if !self.take(b']') {
                    loop {
                        self.skip_value()?;
                        if !self.take(b',') {
                            break;
                        }
                    }
                    self.expect(b']', "expected `,` or `]`")?;
                }
                self.leave();
                Ok(())
            }
            Some(b'{') => {
                self.position += 1;
                self.enter()?;
                if !self.take(b'}') {
                    loop {
                        self.skip_space();
                        self.raw_string()?;
                        self.expect(b':', "expected `:`")?;
                        self.skip_value()?;
                        if !self.take(b',') {
                            break;
                        }
                    }
                    self.expect(b'}', "expected `,` or `}`")?;
                }
                self.leave();
                Ok(())
            }
            _ => self.word().map(|_| ()),
        }
    }

    fn string(&mut self) -> Result<Text, JsonError> {
        self.raw_string().map(Text::new)
    }

    /// The text of the string that starts here; borrowed from the input, or from the scratch
    /// when it has escapes.
    #[inline]
    pub(super) fn raw_string(&mut self) -> Result<&str, JsonError> {
        if self.peek() != Some(b'"') {
            return Err(self.error("expected a string"));
        }
        let start = self.position + 1;
        let mut end = start;
        loop {
            match self.bytes.get(end) {
                Some(b'"') => {
                    self.position = end + 1;
                    return Ok(&self.text[start..end]);
                }
                Some(b'\\') => return self.escaped_string(start, end),
                Some(0x20..) => end += 1,
                Some(_) => {
                    self.position = end;
                    return Err(self.error("control character in a string"));
                }
                None => {
                    self.position = end;
                    return Err(self.error("string not closed"));
                }
            }
        }
    }

    #[cold]
    fn escaped_string(&mut self, start: usize, first: usize) -> Result<&str, JsonError> {
        self.scratch.clear();
        self.scratch.push_str(&self.text[start..first]);
        self.position = first;
        loop {
            let run = self.position;
            while matches!(self.peek(), Some(0x20..) if !matches!(self.peek(), Some(b'"' | b'\\')))
            {
                self.position += 1;
            }
            self.scratch.push_str(&self.text[run..self.position]);
            match self.peek() {
                Some(b'"') => {
                    self.position += 1;
                    return Ok(&self.scratch);
                }
                Some(b'\\') => {
                    let character = self.escape()?;
                    self.scratch.push(character);
                }
                Some(_) => return Err(self.error("control character in a string")),
                None => return Err(self.error("string not closed")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        self.position += 1;
        let kind = self.peek();
        self.position += 1;
        Ok(match kind {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let unit = self.hex_unit()?;
                if !(0xD800..0xE000).contains(&unit) {
                    return char::from_u32(unit).ok_or_else(|| self.error("bad escape"));
                }
                match self.paired(unit)? {
                    Some(character) => character,
                    None if self.lenient => char::REPLACEMENT_CHARACTER,
                    None => return Err(self.error("lone surrogate")),
                }
            }
            _ => {
                self.position -= 1;
                return Err(self.error("bad escape"));
            }
        })
    }

    /// The character of a surrogate and the escape behind it, when the two are a pair.
    fn paired(&mut self, high: u32) -> Result<Option<char>, JsonError> {
        let escapes = self.bytes.get(self.position..self.position + 2) == Some(b"\\u");
        if high >= 0xDC00 || !escapes {
            return Ok(None);
        }
        let before = self.position;
        self.position += 2;
        let low = self.hex_unit()?;
        if !(0xDC00..0xE000).contains(&low) {
            self.position = before;
            return Ok(None);
        }
        Ok(char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00)))
    }

    fn hex_unit(&mut self) -> Result<u32, JsonError> {
        let digits = self.bytes.get(self.position..self.position + 4).unwrap_or(b"");
        if digits.len() != 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(self.error("bad escape"));
        }
        let unit = digits
            .iter()
            .fold(0, |unit, &digit| unit << 4 | char::from(digit).to_digit(16).unwrap_or(0));
        self.position += 4;
        Ok(unit)
    }

    /// Moves past a number; tells whether it is a short integer, which cannot be infinite.
    fn scan_number(&mut self) -> Result<(&'a str, bool), JsonError> {
        let start = self.position;
        self.position += usize::from(self.peek() == Some(b'-'));
        match self.peek() {
            Some(b'0') => self.position += 1,
            Some(b'1'..=b'9') => self.skip_digits(),
            _ => return Err(self.error("expected a digit")),
        }
        let mut plain = true;
        if self.peek() == Some(b'.') {
            plain = false;
            self.position += 1;
            self.expect_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            plain = false;
            self.position += 1;
            self.position += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.expect_digits()?;
        }
        Ok((&self.text[start..self.position], plain && self.position - start <= 16))
    }

    fn skip_digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.position += 1;
        }
    }

    fn expect_digits(&mut self) -> Result<(), JsonError> {
        let start = self.position;
        self.skip_digits();
        if self.position == start { Err(self.error("expected a digit")) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<f64, JsonError> {
        let (text, short) = self.scan_number()?;
        if self.lenient {
            return text.parse().map_err(|_| self.error("bad number"));
        }
        if short {
            // At most 15 digits and a sign, or 16 digits: exact in an i64, rounded once.
            let (negative, digits) = match text.strip_prefix('-') {
                Some(digits) => (true, digits),
                None => (false, text),
            };
            let magnitude =
                digits.bytes().fold(0_i64, |number, digit| number * 10 + i64::from(digit - b'0'));
            return Ok(if negative { -magnitude } else { magnitude } as f64);
        }
        self.double(text)
    }

    fn double(&self, text: &str) -> Result<f64, JsonError> {
        let number: f64 = text.parse().map_err(|_| self.error("bad number"))?;
        if number.is_infinite() {
            return Err(self.error("number beyond a double"));
        }
        // Adding zero turns -0 into 0.
        Ok(number + 0.0)
    }

    fn skip_number(&mut self) -> Result<(), JsonError> {
        let (text, short) = self.scan_number()?;
        if short { Ok(()) } else { self.double(text).map(|_| ()) }
    }
}

/// Appends the value as `JSON.stringify` writes it: `undefined` is left out of maps and is
/// `null` elsewhere, NaN and infinities are `null`, `-0` is `0`.
pub fn write_json(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Undefined | Value::Hole | Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(*number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                write_json(item, out);
            }
            out.push(b']');
        }
        Value::Object(object) => {
            out.push(b'{');
            let mut first = true;
            for (name, value) in object.entries() {
                if value.has_no_json() {
                    continue;
                }
                if !first {
                    out.push(b',');
                }
                first = false;
                write_string(name, out);
                out.push(b':');
                write_json(value, out);
            }
            out.push(b'}');
        }
        Value::Instance(instance) => write_json(&instance.to_plain(), out),
    }
}

/// Appends a number as `JSON.stringify` writes it.
pub fn write_number(number: f64, out: &mut Vec<u8>) {
    if let Some(text) = whole_text(number, &mut [0; WHOLE_BYTES_MAX]) {
        out.extend_from_slice(text.as_bytes());
    } else if number.is_finite() {
        out.extend_from_slice(ryu_js::Buffer::new().format_finite(number).as_bytes());
    } else {
        out.extend_from_slice(b"null");
    }
}

/// Appends a quoted string as `JSON.stringify` writes it.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut run = 0;
    for (position, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[run..position]);
        run = position + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x09 => out.extend_from_slice(b"\\t"),
            0x0a => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            0x0d => out.extend_from_slice(b"\\r"),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.push(b'0' + (byte >> 4));
                out.push(b"0123456789abcdef"[usize::from(byte & 15)]);
            }
        }
    }
    out.extend_from_slice(&bytes[run..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests;
