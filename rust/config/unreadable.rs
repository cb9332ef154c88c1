//! Unreadable: what the YAML parser could not read, in words for a person.
//!
//! The parser names tokens and states; people know colons, quotes and indentation. Invariant: no
//! source line shown shows what may be a token's value, though the file has no tree to tell.

use super::source::Problems;
use super::yaml::{self, BuildError};

/// Parts of the parser's words, our sentence, and what to do.
const KNOWN: &[(&str, &str, &str)] = &[
    (
        "mapping values are not allowed",
        "A second `name: value` stands inside one value here.",
        "quote the text when it contains a colon and a space; else check the indentation",
    ),
    (
        "did not find expected ',' or '}'",
        "This `{...}` is not closed, or a comma is missing in it.",
        "quote every text with commas, brackets or `${...}` in it, or write one entry a line",
    ),
    (
        "expected ',' or ']'",
        "This `[...]` is not closed, or a comma is missing in it.",
        "quote every text with commas, brackets or `${...}` in it, or write one entry a line",
    ),
    (
        "did not find expected key",
        "A `name: value` was expected here.",
        "check the indentation, and quote text that starts with a bracket or a quote",
    ),
    (
        "expected '-' indicator",
        "An entry of the list above, starting with `- `, was expected here.",
        "check the indentation",
    ),
    (
        "block sequence entries are not allowed",
        "A list cannot start on this line.",
        "start the list on the next line, or quote text that starts with `- `",
    ),
    (
        "simple key expect",
        "A `:` is missing after this name, or the indentation is wrong.",
        "write `name: value`",
    ),
    (
        "end of stream",
        "A quote that opens here is never closed.",
        "close it, or quote the text with the other kind of quote",
    ),
    (
        "in quoted scalar",
        "A quote that opens here is not closed on its line.",
        "close it, or quote the text with the other kind of quote",
    ),
    (
        "unknown escape",
        "This escape is unknown inside double quotes.",
        "write `\\\\` for a backslash, or use single quotes, where nothing is escaped",
    ),
    (
        "unexpected character",
        "YAML does not allow a text to start with this character.",
        "quote the whole text",
    ),
    (
        "invalid trailing content",
        "Something follows the closing quote.",
        "quote the whole text, with the other kind of quote around it",
    ),
    ("indentation", "The indentation does not fit the lines above.", "check the indentation"),
    ("recursion limit", "Maps and lists are nested too deeply here.", "write it with fewer levels"),
];

/// Hides what may be the values of tokens in a file whose YAML cannot be read.
fn hide_tokens(problems: &mut Problems<'_>) {
    let mut within = false;
    for line in 0..problems.lines() {
        let span = problems.line_span(line);
        let text = &problems.text()[span.clone()];
        if text.starts_with(|first: char| first.is_alphabetic()) {
            within = text.starts_with("tokens");
        }
        let value = text.find("value").and_then(|at| Some(at + text[at..].find(':')? + 1));
        if let (true, Some(value)) = (within, value) {
            problems.hide(span.start + value..span.end);
        }
    }
}

/// Notes why a file's YAML cannot be read, at the place where its parser gave up.
pub fn note(text: &str, error: &BuildError, problems: &mut Problems<'_>) {
    hide_tokens(problems);
    let line = error.line.min(problems.lines() - 1);
    let line_span = problems.line_span(line);
    let at = error.at.clamp(line_span.start, line_span.end);
    let shown = &text[line_span.clone()];
    if shown.trim_start().trim_start_matches("- ").starts_with("<<:") {
        return yaml::note_merge_key(line_span, problems);
    }
    if error.words.contains("anchor") {
        problems.error_with_help(
            "E0105",
            at..at + 1,
            "YAML anchors (`&name`) and aliases (`*name`) are not part of this format.",
            "write the value out where it is used, or quote the whole text",
        );
        return;
    }
    if let Some(code) = error.own_code {
        return problems.error(code, at..at + 1, error.words.clone());
    }
    let (message, help) = plain_words(&error.words, shown);
    problems.error_with_help("E0102", at..at + 1, message, help);
}

/// The parser's words, in ours.
fn plain_words(words: &str, line: &str) -> (String, &'static str) {
    let indent = &line[..line.len() - line.trim_start().len()];
    if indent.contains('\t') || words.contains("tab") {
        let sentence = "YAML does not allow tabs here.";
        return (sentence.to_owned(), "indent with spaces");
    }
    for (theirs, sentence, help) in KNOWN {
        if words.contains(theirs) {
            return ((*sentence).to_owned(), help);
        }
    }
    (format!("The YAML cannot be read here: {words}."), "check quotes, brackets and indentation")
}
