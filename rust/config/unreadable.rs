//! Unreadable: what the YAML parser could not read, in words for a person.
//!
//! The parser names tokens and states; people know colons, quotes and indentation. Invariant: no
//! source line shown shows what may be a token's value, though the file has no tree to tell.

use super::source::{Problems, Span};
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
        "write `name: value`; a value's further lines stand deeper than its name",
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
    if let Some(control) = control_character(text) {
        return note_control_character(text, control, problems);
    }
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
        if shown[at - line_span.start..].starts_with('{') {
            let help = "a template is written `\"${EVENT.name}\"`";
            return problems.error_with_help(code, at..at + 1, error.words.clone(), help);
        }
        return problems.error(code, at..at + 1, error.words.clone());
    }
    if let Some(tab) = indenting_tab(line, problems) {
        let sentence = "YAML does not allow tabs in the indentation.";
        return problems.error_with_help("E0102", tab..tab + 1, sentence, "indent with spaces");
    }
    let (message, help) = plain_words(&error.words);
    let span = culprit(&error.words, line, at, problems);
    problems.error_with_help("E0102", span, message, help);
}

/// The first character that no YAML file may hold: all controls but tabs and line ends.
fn control_character(text: &str) -> Option<usize> {
    text.find(|c: char| c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r'))
}

fn note_control_character(text: &str, at: usize, problems: &mut Problems<'_>) {
    let code = text.as_bytes()[at];
    let message = format!("A text file holds no control character such as U+{code:04X}.");
    problems.error_with_help("E0102", at..at + 1, message, "remove it, or find the file meant");
}

/// A tab that indents the line of the error or its neighbours, since the parser often stops before.
fn indenting_tab(line: usize, problems: &Problems<'_>) -> Option<usize> {
    let nearest = [line, line + 1, line.saturating_sub(1)];
    nearest.into_iter().filter(|line| *line < problems.lines()).find_map(|line| {
        let span = problems.line_span(line);
        let text = &problems.text()[span.clone()];
        let indent = &text[..text.len() - text.trim_start().len()];
        (!text.trim().is_empty()).then(|| indent.find('\t'))?.map(|tab| span.start + tab)
    })
}

/// What a person has to mend: often above the place where the parser noticed.
fn culprit(words: &str, line: usize, at: usize, problems: &Problems<'_>) -> Span {
    let found = if words.contains("simple key expect") {
        line_without_colon(line, at, problems)
    } else if words.contains("expected ',' or") {
        open_bracket(line, at, problems).map(|at| at..at + 1)
    } else {
        None
    };
    found.unwrap_or(at..at + 1)
}

/// The text of the line above, when it has no `name:` and the error is the next line's start.
fn line_without_colon(line: usize, at: usize, problems: &Problems<'_>) -> Option<Span> {
    let text = problems.text();
    let here = problems.line_span(line);
    if !text[here.start..at].trim().is_empty() {
        return None;
    }
    let above = (0..line).rev().map(|line| problems.line_span(line));
    let mut above = above.filter(|span| {
        let trimmed = text[span.clone()].trim_start();
        !trimmed.is_empty() && !trimmed.starts_with('#')
    });
    let span = above.next()?;
    let shown = &text[span.clone()];
    let named = shown.contains(": ") || shown.trim_end().ends_with(':');
    let blank = shown.len() - shown.trim_start().len();
    (!named).then(|| span.start + blank..span.start + shown.trim_end().len())
}

/// How many lines above the parser's error an open bracket is looked for.
const BRACKET_LINES_LOOKED_BACK: usize = 50;

/// The last `{` or `[` before the error that nothing closes, quotes left aside.
fn open_bracket(line: usize, at: usize, problems: &Problems<'_>) -> Option<usize> {
    let from = problems.line_span(line.saturating_sub(BRACKET_LINES_LOOKED_BACK)).start;
    let mut closed = 0usize;
    for (offset, character) in problems.text()[from..at].char_indices().rev() {
        match character {
            '}' | ']' => closed += 1,
            '{' | '[' if closed == 0 => return Some(from + offset),
            '{' | '[' => closed -= 1,
            _ => {}
        }
    }
    None
}

/// The parser's words, in ours.
fn plain_words(words: &str) -> (String, &'static str) {
    if words.contains("tab") {
        let sentence = "YAML does not allow tabs here.";
        return (sentence.to_owned(), "write spaces");
    }
    for (theirs, sentence, help) in KNOWN {
        if words.contains(theirs) {
            return ((*sentence).to_owned(), help);
        }
    }
    (format!("The YAML cannot be read here: {words}."), "check quotes, brackets and indentation")
}
