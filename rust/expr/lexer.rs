//! Lexer: an expression's text as tokens, all at once.
//!
//! Template literals need no help from the parser: the lexer counts braces, so that `}` either
//! closes a brace or goes on with the template. The same count tells where a `${…}` of a
//! configuration ends. Whether `/` divides or starts a regular expression is told by the token
//! before it. What can only be said while reading characters (a BigInt, an escape) is refused here.

use super::error::{CompileError, Span};
use crate::value::string::{self, Units};
use crate::value::{Text, number};

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    Number(f64),
    String(Text),
    /// `/pattern/flags`.
    RegExp {
        pattern: Text,
        flags: Text,
    },
    /// A name or a word of the language.
    Name(Text),
    /// Punctuation and operators, as spelt.
    Punct(&'static str),
    /// Text before the first `${`, between two, or after the last; `last` closes the template.
    TemplateText {
        text: Text,
        last: bool,
    },
    /// The opening backtick.
    TemplateStart,
    End,
}

/// A token and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub kind: TokenKind,
    pub span: Span,
}

/// Longest first, so that the first match is the right one.
const PUNCTUATION: &[&str] = &[
    ">>>=", "...", "===", "!==", "**=", "<<=", ">>=", ">>>", "&&=", "||=", "??=", "=>", "==", "!=",
    "<=", ">=", "&&", "||", "??", "?.", "++", "--", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=",
    "<<", ">>", "**", "{", "}", "(", ")", "[", "]", ".", ";", ",", "<", ">", "+", "-", "*", "/",
    "%", "&", "|", "^", "!", "~", "?", ":", "=", "#", "@",
];

/// All tokens of `source[start..]`, with spans in `source`; the last is `End`.
///
/// When `embedded`, they end before the `}` that closes nothing opened here, and that brace's
/// offset is the span of `End`.
pub(super) fn tokenize(
    source: &str,
    start: usize,
    embedded: bool,
) -> Result<Vec<Token>, CompileError> {
    let mut lexer = Lexer { source, position: start, tokens: Vec::new(), braces: Vec::new() };
    loop {
        lexer.skip_blanks()?;
        let start = lexer.position;
        let Some(character) = lexer.peek() else {
            if embedded {
                let message = "`${` is not closed by `}`";
                return Err(CompileError::new("E0301", start..start, message));
            }
            lexer.push(TokenKind::End, start);
            return Ok(lexer.tokens);
        };
        if embedded && character == '}' && lexer.braces.is_empty() {
            lexer.tokens.push(Token { kind: TokenKind::End, span: start..start + 1 });
            return Ok(lexer.tokens);
        }
        lexer.token(character)?;
    }
}

/// What a `}` closes.
#[derive(Clone, Copy, PartialEq)]
enum Brace {
    Plain,
    Template,
}

struct Lexer<'a> {
    source: &'a str,
    position: usize,
    tokens: Vec<Token>,
    braces: Vec<Brace>,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.source[self.position..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn advance(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.position += character.len_utf8();
        Some(character)
    }

    fn push(&mut self, kind: TokenKind, start: usize) {
        self.tokens.push(Token { kind, span: start..self.position });
    }

    fn error(&self, start: usize, message: impl Into<String>) -> CompileError {
        CompileError::new("E0301", start..self.position.max(start), message)
    }

    /// White space and comments.
    fn skip_blanks(&mut self) -> Result<(), CompileError> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - string::trim_start(rest).len();
            self.position += blank;
            let rest = self.rest();
            if rest.starts_with("//") {
                let length = rest.find(['\n', '\r', '\u{2028}', '\u{2029}']);
                self.position += length.unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                let start = self.position;
                let Some(length) = rest.find("*/") else {
                    return Err(CompileError::new(
                        "E0301",
                        start..start + 2,
                        "comment not closed by `*/`",
                    ));
                };
                self.position += length + 2;
            } else if blank == 0 {
                return Ok(());
            }
        }
    }

    fn token(&mut self, character: char) -> Result<(), CompileError> {
        let start = self.position;
        let next_is_digit = self.source.as_bytes().get(start + 1).is_some_and(u8::is_ascii_digit);
        match character {
            '0'..='9' => self.number(),
            '.' if next_is_digit => self.number(),
            '"' | '\'' => self.string(character),
            '`' => {
                self.position += 1;
                self.push(TokenKind::TemplateStart, start);
                self.template_text()
            }
            '}' if self.braces.last() == Some(&Brace::Template) => {
                self.braces.pop();
                self.position += 1;
                self.template_text()
            }
            '/' if self.operand_expected() => self.regexp(),
            '\\' => self.name(),
            _ if is_name_start(character) => self.name(),
            _ => self.punctuation(),
        }
    }

    /// Whether an operand may stand here, so that `/` starts a regular expression.
    fn operand_expected(&self) -> bool {
        match self.tokens.last().map(|token| &token.kind) {
            None | Some(TokenKind::TemplateText { last: false, .. }) => true,
            Some(TokenKind::Punct(punct)) => !matches!(*punct, ")" | "]" | "}" | "++" | "--"),
            Some(TokenKind::Name(name)) => {
                // After a dot even these are names of members.
                let before = self.tokens.iter().rev().nth(1).map(|token| &token.kind);
                let is_member = matches!(before, Some(TokenKind::Punct("." | "?.")));
                !is_member && matches!(name.as_str(), "typeof" | "void" | "in" | "new")
            }
            _ => false,
        }
    }

    /// A regular expression; what it says is the parser's to read.
    fn regexp(&mut self) -> Result<(), CompileError> {
        let start = self.position;
        self.position += 1;
        let mut in_class = false;
        loop {
            match self.advance() {
                None | Some('\n' | '\r' | '\u{2028}' | '\u{2029}') => {
                    let message = "regular expression not closed on its line";
                    return Err(CompileError::new("E0301", start..start + 1, message));
                }
                Some('\\') if self.peek().is_some_and(|c| !is_line_end(c)) => {
                    self.advance();
                }
                Some('[') => in_class = true,
                Some(']') => in_class = false,
                Some('/') if !in_class => break,
                Some(_) => {}
            }
        }
        let pattern = Text::new(&self.source[start + 1..self.position - 1]);
        let rest = self.rest();
        let length = rest.find(|c| !is_name_part(c)).unwrap_or(rest.len());
        let flags = Text::new(&rest[..length]);
        self.position += length;
        self.push(TokenKind::RegExp { pattern, flags }, start);
        Ok(())
    }

    fn punctuation(&mut self) -> Result<(), CompileError> {
        let start = self.position;
        let rest = self.rest();
        let Some(mut punct) = PUNCTUATION.iter().copied().find(|punct| rest.starts_with(punct))
        else {
            let character = self.advance().unwrap_or_default();
            let error = self.error(start, format!("unexpected character `{character}`"));
            return Err(match character {
                // What word processors make of quotes.
                '\u{2018}'..='\u{201f}' => error.help("write straight quotes: \" or '"),
                _ => error,
            });
        };
        // `a?.5:b` is a conditional.
        if punct == "?." && rest[2..].starts_with(|c: char| c.is_ascii_digit()) {
            punct = "?";
        }
        match punct {
            "{" => self.braces.push(Brace::Plain),
            "}" => {
                self.braces.pop();
            }
            _ => {}
        }
        self.position += punct.len();
        self.push(TokenKind::Punct(punct), start);
        Ok(())
    }

    fn number(&mut self) -> Result<(), CompileError> {
        let start = self.position;
        let rest = self.rest().as_bytes();
        let radix = match rest {
            [b'0', b'x' | b'X', ..] => 16,
            [b'0', b'o' | b'O', ..] => 8,
            [b'0', b'b' | b'B', ..] => 2,
            _ => 10,
        };
        let mut length = if radix == 10 { decimal_len(rest) } else { 2 };
        if radix != 10 {
            length +=
                rest[2..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        }
        let text = self.rest()[..length].to_string();
        self.position += length;
        if text.ends_with('n') || self.peek() == Some('n') {
            self.position += usize::from(!text.ends_with('n'));
            return Err(CompileError::new(
                "E0303",
                start..self.position,
                "BigInt is not supported",
            )
            .help("write the number without `n`"));
        }
        if self.peek().is_some_and(is_name_part) {
            self.advance();
            return Err(self.error(start, "a number is followed by a letter or digit"));
        }
        let bytes = text.as_bytes();
        let lone_separator = bytes.iter().enumerate().any(|(at, byte)| {
            let digit = |byte: Option<&u8>| byte.is_some_and(|b| char::from(*b).is_digit(radix));
            *byte == b'_' && !(at > 0 && digit(bytes.get(at - 1)) && digit(bytes.get(at + 1)))
        });
        let legacy =
            bytes.len() > 1 && bytes[0] == b'0' && (bytes[1].is_ascii_digit() || bytes[1] == b'_');
        if lone_separator || legacy {
            let message =
                if legacy { "a number may not start with 0" } else { "misplaced `_` in a number" };
            return Err(self.error(start, message));
        }
        let digits = text.replace('_', "");
        let value = if radix == 10 {
            number::from_text(&digits)
        } else {
            number::from_digits(&digits.as_bytes()[2..], radix)
        };
        if value.is_nan() {
            return Err(self.error(start, "malformed number"));
        }
        self.push(TokenKind::Number(value), start);
        Ok(())
    }

    fn string(&mut self, quote: char) -> Result<(), CompileError> {
        let start = self.position;
        self.position += 1;
        let mut out = Units::default();
        loop {
            match self.peek() {
                None | Some('\n' | '\r') => {
                    return Err(CompileError::new(
                        "E0301",
                        start..start + 1,
                        "string not closed on its line",
                    ));
                }
                Some('\\') => self.escape(&mut out, false)?,
                Some(character) => {
                    self.position += character.len_utf8();
                    if character == quote {
                        self.push(TokenKind::String(out.finish()), start);
                        return Ok(());
                    }
                    out.push(character);
                }
            }
        }
    }

    /// Text of a template up to `${` or the closing backtick.
    fn template_text(&mut self) -> Result<(), CompileError> {
        let start = self.position;
        let mut out = Units::default();
        loop {
            let rest = self.rest();
            if rest.starts_with("${") {
                self.position += 2;
                self.braces.push(Brace::Template);
                self.push(TokenKind::TemplateText { text: out.finish(), last: false }, start);
                return Ok(());
            }
            match self.peek() {
                None => {
                    let at = start.saturating_sub(1)..start;
                    return Err(CompileError::new("E0301", at, "template literal not closed"));
                }
                Some('\\') => self.escape(&mut out, true)?,
                Some('`') => {
                    self.position += 1;
                    self.push(TokenKind::TemplateText { text: out.finish(), last: true }, start);
                    return Ok(());
                }
                Some('\r') => {
                    self.position += if rest.starts_with("\r\n") { 2 } else { 1 };
                    out.push('\n');
                }
                Some(character) => {
                    self.position += character.len_utf8();
                    out.push(character);
                }
            }
        }
    }

    fn escape(&mut self, out: &mut Units, in_template: bool) -> Result<(), CompileError> {
        let start = self.position;
        self.position += 1;
        let Some(kind) = self.advance() else {
            return Err(self.error(start, "text ends inside an escape"));
        };
        match kind {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'v' => out.push('\u{b}'),
            '\r' => self.position += usize::from(self.peek() == Some('\n')),
            '\n' | '\u{2028}' | '\u{2029}' => {}
            '0' if !self.peek().is_some_and(|c| c.is_ascii_digit()) => out.push('\0'),
            '0'..='9' if kind < '8' || in_template => {
                return Err(self.error(start, "octal escapes are not allowed; write \\x or \\u"));
            }
            '8' | '9' => return Err(self.error(start, "`\\8` and `\\9` are not allowed")),
            'x' => {
                let unit = self.hex(start, 2)?;
                out.push_unit(unit);
            }
            'u' if self.peek() == Some('{') => {
                self.position += 1;
                let length = self.rest().find('}').unwrap_or(0);
                let digits = &self.rest()[..length];
                let code = u32::from_str_radix(digits, 16).ok().filter(|code| *code <= 0x10_FFFF);
                let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                let Some(code) = code.filter(|_| plain) else {
                    return Err(self.error(start, "malformed \\u{…} escape"));
                };
                self.position += length + 1;
                match char::from_u32(code) {
                    Some(character) => out.push(character),
                    None => out.push_unit(code as u16),
                }
            }
            'u' => {
                let unit = self.hex(start, 4)?;
                out.push_unit(unit);
            }
            other => out.push(other),
        }
        Ok(())
    }

    /// A name, in which `\u0061` and `\u{61}` are the letters that they spell.
    fn name(&mut self) -> Result<(), CompileError> {
        let start = self.position;
        let rest = self.rest();
        let length = rest.find(|c| !is_name_part(c)).unwrap_or(rest.len());
        let mut name = rest[..length].to_string();
        self.position += length;
        let mut spelled = false;
        while self.peek() == Some('\\') {
            spelled = true;
            let escape = self.position;
            if !self.rest().starts_with("\\u") {
                self.position += 1;
                return Err(self.error(escape, "a name has no escapes but \\u"));
            }
            let mut units = Units::default();
            self.escape(&mut units, false)?;
            name.push_str(&units.finish());
            let rest = self.rest();
            let length = rest.find(|c| !is_name_part(c)).unwrap_or(rest.len());
            name.push_str(&rest[..length]);
            self.position += length;
        }
        let is_name = name.starts_with(is_name_start) && name.chars().all(is_name_part);
        if !is_name {
            return Err(self.error(start, "the escapes spell no name"));
        }
        // A word of the language is itself only where it is written out; a property may be called so.
        if spelled && is_word(&name) && !self.names_a_property() {
            return Err(self.error(start, "a word of the language is written without escapes"));
        }
        self.push(TokenKind::Name(Text::from(name)), start);
        Ok(())
    }

    /// Whether the name that was just read is that of a property: after `.`, or before `:` in a map.
    fn names_a_property(&self) -> bool {
        let before = self.tokens.last().map(|token| &token.kind);
        let is = |punct: &str| matches!(before, Some(TokenKind::Punct(last)) if *last == punct);
        is(".") || is("?.") || ((is("{") || is(",")) && self.rest().trim_start().starts_with(':'))
    }

    fn hex(&mut self, start: usize, length: usize) -> Result<u16, CompileError> {
        let digits = self.rest().as_bytes().get(..length).unwrap_or(b"").to_vec();
        if digits.len() != length || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(self.error(start, "malformed escape: hexadecimal digits expected"));
        }
        self.position += length;
        Ok(digits
            .iter()
            .fold(0, |unit, &digit| unit << 4 | char::from(digit).to_digit(16).unwrap_or(0) as u16))
    }
}

/// Bytes of a decimal literal, separators included.
fn decimal_len(bytes: &[u8]) -> usize {
    let digits = |from: usize| {
        bytes
            .get(from..)
            .unwrap_or(b"")
            .iter()
            .take_while(|b| b.is_ascii_digit() || **b == b'_')
            .count()
    };
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end += 1 + digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    end
}

fn is_line_end(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

fn is_name_start(character: char) -> bool {
    // The last ones are no letters, but have been in names since Unicode's first rules for them.
    character == '$'
        || character == '_'
        || character.is_alphabetic()
        || matches!(character, '\u{2118}' | '\u{212e}' | '\u{309b}' | '\u{309c}')
}

/// Whether JavaScript reserves the word, in strict mode.
fn is_word(name: &str) -> bool {
    const WORDS: &str = "await break case catch class const continue debugger default delete do \
        else enum export extends false finally for function if implements import in instanceof \
        interface let new null package private protected public return static super switch this \
        throw true try typeof var void while with yield";
    WORDS.split_ascii_whitespace().any(|word| word == name)
}

fn is_name_part(character: char) -> bool {
    is_name_start(character)
        || character.is_alphanumeric()
        || matches!(character, '\u{200c}' | '\u{200d}')
}
