//! Names: which texts may be names of what.
//!
//! Names that expressions use are words of the language; names that clients see are any text.

use super::limits::{
    NAME_CHARS_MAX, TABLE_NAME_CHARS_MAX, TABLE_NAME_CHARS_MIN, TOKEN_CHARS_MAX,
    WIRE_NAME_CHARS_MAX,
};
use super::source::{Problems, Spanned};
use crate::value::Text;

/// `PROFILE`'s own names, and the words that the language refuses (pages 2 and 3.1).
const RESERVED: &[&str] = &[
    "rid",
    "segments",
    "function",
    "class",
    "async",
    "await",
    "yield",
    "this",
    "new",
    "delete",
    "import",
    "constructor",
    "prototype",
    "__proto__",
    "globalThis",
    "eval",
    "Function",
    "push",
    "pop",
    "shift",
    "unshift",
    "splice",
    "fill",
    "copyWithin",
    "add",
    "clear",
    "defineProperty",
];

/// Names that the language gives a meaning: a local of that name would hide it.
const LANGUAGE: &[&str] = &[
    "PROFILE",
    "BEFORE",
    "UPDATED",
    "EVENT",
    "SEGMENT",
    "CATALOG",
    "REQUEST",
    "ITEM",
    "Math",
    "Number",
    "String",
    "Boolean",
    "Array",
    "Object",
    "JSON",
    "Date",
    "Set",
    "parseInt",
    "parseFloat",
    "isNaN",
    "isFinite",
    "encodeURIComponent",
    "decodeURIComponent",
    "ago",
    "bucket",
    "escapeHtml",
    "true",
    "false",
    "null",
    "undefined",
    "NaN",
    "Infinity",
    "typeof",
    "void",
    "in",
    "instanceof",
    "let",
    "const",
    "var",
    "if",
    "else",
    "for",
    "while",
    "do",
    "return",
    "switch",
    "case",
    "default",
    "break",
    "continue",
    "throw",
    "try",
    "catch",
    "finally",
    "with",
    "super",
    "extends",
    "enum",
    "export",
    "debugger",
    "arguments",
];

/// Whether a text has the form of a name that expressions use.
pub fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    let starts = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    starts
        && text.len() <= NAME_CHARS_MAX
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Notes a name that expressions could not use.
pub fn check_name(name: &Spanned<Text>, what: &str, problems: &mut Problems<'_>) {
    let text = name.value.as_str();
    if !is_name(text) {
        let mended: String = text
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' })
            .take(NAME_CHARS_MAX)
            .collect();
        let mended = if mended.starts_with(|c: char| c.is_ascii_digit()) {
            format!("_{mended}").chars().take(NAME_CHARS_MAX).collect()
        } else {
            mended
        };
        problems.error_with_help(
            "E0210",
            name.span.clone(),
            format!(
                "{what} is a letter or `_` and then letters, digits and `_`, \
                 at most {NAME_CHARS_MAX} characters."
            ),
            format!("for example `{mended}`"),
        );
    } else if RESERVED.contains(&text) {
        problems.error_with_help(
            "E0211",
            name.span.clone(),
            format!("`{text}` is a reserved name."),
            format!("for example `{text}_`"),
        );
    }
}

/// Notes a name of `let` that expressions could not use, or that would hide the language's own.
pub fn check_local(name: &Spanned<Text>, problems: &mut Problems<'_>) {
    if LANGUAGE.contains(&name.value.as_str()) {
        problems.error_with_help(
            "E0211",
            name.span.clone(),
            format!("`{}` already has a meaning in expressions.", name.value),
            format!("for example `my_{}`", name.value.to_lowercase()),
        );
    } else {
        check_name(name, "A name of `let`", problems);
    }
}

/// Notes a name that is wire data and malformed.
pub fn check_wire(name: &Spanned<Text>, what: &str, problems: &mut Problems<'_>) {
    let length = name.value.chars().count();
    let good =
        (1..=WIRE_NAME_CHARS_MAX).contains(&length) && !name.value.chars().any(char::is_control);
    if !good {
        let sentence =
            format!("{what} is 1 to {WIRE_NAME_CHARS_MAX} characters without control characters.");
        problems.error("E0210", name.span.clone(), sentence);
    }
}

/// Notes a malformed name of a database or table; whether it was good.
pub fn check_table(name: &Spanned<Text>, what: &str, problems: &mut Problems<'_>) -> bool {
    let good = (TABLE_NAME_CHARS_MIN..=TABLE_NAME_CHARS_MAX).contains(&name.value.len())
        && name
            .value
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase() || byte == b'_');
    if !good {
        let sentence = format!(
            "A {what}'s name is {TABLE_NAME_CHARS_MIN} to {TABLE_NAME_CHARS_MAX} characters \
             out of `0-9 a-z _`."
        );
        problems.error("E0214", name.span.clone(), sentence);
    }
    good
}

/// Whether a text can be sent as a token (row 8 of 1.2).
pub fn is_token(text: &str) -> bool {
    (1..=TOKEN_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_128_characters_and_no_more() {
        assert!(is_name(&"a".repeat(128)));
        assert!(!is_name(&"a".repeat(129)));
        for good in ["a", "_", "A9", "views_1d"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "9a", "a-b", "a b", "ä", "$a"] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn a_token_has_128_characters_and_no_more() {
        assert!(is_token(&"a".repeat(128)));
        assert!(!is_token(&"a".repeat(129)));
        assert!(!is_token(""));
        assert!(!is_token("a b"));
        assert!(is_token("A-z_9"));
    }
}
