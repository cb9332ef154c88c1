//! Pitfalls: expressions that YAML takes apart before anyone sees them.
//!
//! YAML gives a meaning to many characters that start or stand in an expression. Mostly its
//! parser then fails with words of its own, sometimes it reads something else without a word. Each
//! case has its own diagnostic, with the corrected line (page 2, "YAML").
//!
//! The source line decides: where an expression may stand and what stands there is not what YAML
//! reads whole, it is a pitfall. Lines are looked at only where the parser failed, or where the
//! tree holds a tag, an anchor or a torn piece; a sound file is never judged by its lines.

use std::ops::Range;

use saphyr_parser::ScalarStyle;

use super::scan::{self, Holds, Line};
use super::source::Span;
use super::yaml::{Built, Content, Node, Scalar};

/// How many lines above the parser's error are looked at: it often fails on the next one.
const LINES_LOOKED_BACK: usize = 3;

/// One expression that YAML took apart.
#[derive(Debug)]
pub struct Pitfall {
    /// Its stable code.
    pub code: &'static str,
    /// The whole expression, as it was meant.
    pub span: Span,
    /// One sentence.
    pub message: String,
    /// How to write it as a block instead, in words.
    block: String,
    /// The line that opens such a block.
    opening: String,
}

impl Pitfall {
    /// The corrected line, with every pitfall on it corrected.
    pub fn help(&self, text: &str, all: &[Pitfall]) -> String {
        let expression = &text[self.span.clone()];
        if expression.contains('\n') {
            let lines = expression.lines().map(str::trim).filter(|line| !line.is_empty());
            let lines: Vec<String> = lines.map(|line| format!("\n          {line}")).collect();
            let opening = &self.opening;
            return format!("write it as a block:\n        {opening}{}", lines.concat());
        }
        let start = text[..self.span.start].rfind('\n').map_or(0, |at| at + 1);
        let line = text[start..].lines().next().unwrap_or_default();
        let mut spans: Vec<&Span> = all.iter().map(|pitfall| &pitfall.span).collect();
        if all.is_empty() {
            spans.push(&self.span);
        }
        spans.retain(|span| start <= span.start && span.end <= start + line.len());
        spans.sort_by_key(|span| std::cmp::Reverse(span.start));
        let mut corrected = line.to_owned();
        for span in spans {
            let within = span.start - start..span.end - start;
            corrected.replace_range(within, &as_scalar(&text[(*span).clone()]));
        }
        format!(
            "quote the whole expression, or write {}:\n        {}",
            self.block,
            corrected.trim()
        )
    }
}

/// Ways in which YAML takes expressions apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It starts with this character.
    Starts(char),
    /// It holds a colon and a space.
    Colon,
    /// It holds ` #`.
    Comment,
    /// It holds commas or brackets inside `{...}` or `[...]`.
    Flow,
}

impl Kind {
    /// Code and sentence.
    fn words(self) -> (&'static str, String) {
        let (code, reading) = match self {
            Kind::Colon => {
                let sentence = "YAML reads `: ` inside this expression as a name and its value.";
                return ("E0132", sentence.to_owned());
            }
            Kind::Comment => {
                let sentence = "YAML reads ` #` as the start of a comment: the expression is cut.";
                return ("E0133", sentence.to_owned());
            }
            Kind::Flow => {
                let sentence = "Inside `{...}` or `[...]`, YAML ends this expression at its first \
                                comma or bracket.";
                return ("E0134", sentence.to_owned());
            }
            Kind::Starts('!') => ("E0120", "a tag, not as \"not\""),
            Kind::Starts('"') => ("E0121", "text that ends at the next `\"`"),
            Kind::Starts('\'') => ("E0122", "text that ends at the next `'`"),
            Kind::Starts('[') => ("E0123", "a list of its own"),
            Kind::Starts('{') => ("E0124", "a map of its own"),
            Kind::Starts('&') => ("E0125", "an anchor"),
            Kind::Starts('*') => ("E0126", "an alias"),
            Kind::Starts('|') => ("E0127", "the start of a block"),
            Kind::Starts('>') => ("E0128", "the start of a folded block"),
            Kind::Starts('%') => ("E0129", "a directive"),
            Kind::Starts('@') => ("E0130", "a character that it keeps for itself"),
            Kind::Starts(_) => ("E0131", "a character that it keeps for itself"),
        };
        let Kind::Starts(character) = self else { return (code, String::new()) };
        let sentence = match character {
            '`' => format!("YAML reads a backtick at the start of an expression as {reading}."),
            _ => format!("YAML reads `{character}` at the start of an expression as {reading}."),
        };
        (code, sentence)
    }

    /// The pitfall of a character that starts an expression.
    fn of_start(character: char) -> Option<Self> {
        "!\"'[{&*|>%@`".contains(character).then_some(Self::Starts(character))
    }
}

/// The pitfall that made the parser fail on a line, if one did.
pub fn at_error(text: &str, line: usize) -> Option<Pitfall> {
    let lines = scan::lines(text);
    let line = line.min(lines.len().checked_sub(1)?);
    let first = line.saturating_sub(LINES_LOOKED_BACK);
    (first..=line).rev().find_map(|index| on_line(text, &lines, index))
}

/// Pitfalls that the parser read something else from: tags, anchors, torn pieces.
pub fn in_tree(text: &str, built: &Built, known: &[Pitfall]) -> Vec<Pitfall> {
    let lines = scan::lines(text);
    let mut found: Vec<Pitfall> = Vec::new();
    let mut suspects: Vec<usize> = built.marks.iter().map(|(_, span)| span.start).collect();
    if let Some(root) = &built.root {
        suspicious(text, root, Holds::Nothing, &mut suspects, &mut found);
    }
    for at in suspects {
        let index = lines.partition_point(|line| line.start <= at).saturating_sub(1);
        found.extend(on_line(text, &lines, index));
    }
    let overlaps = |a: &Span, b: &Span| a.start < b.end && b.start < a.end;
    let mut kept: Vec<Pitfall> = Vec::new();
    for pitfall in found {
        let mut others = kept.iter().chain(known);
        if !others.any(|other| overlaps(&other.span, &pitfall.span)) {
            kept.push(pitfall);
        }
    }
    kept
}

/// Finds pieces that cannot be whole expressions where one belongs.
fn suspicious(
    text: &str,
    node: &Node,
    holds: Holds,
    suspects: &mut Vec<usize>,
    found: &mut Vec<Pitfall>,
) {
    match &node.content {
        Content::Scalar(scalar) => {
            let plain = scalar.style == ScalarStyle::Plain;
            let block = matches!(scalar.style, ScalarStyle::Literal | ScalarStyle::Folded);
            if plain && holds.is_read(&scalar.text) && !scan::is_balanced(&scalar.text) {
                suspects.push(node.span.start);
            } else if block && holds != Holds::Nothing && scalar.text.trim().is_empty() {
                found.extend(digit_header(text, node.span.start));
            }
        }
        Content::List(items) => {
            for item in items {
                suspicious(text, item, holds, suspects, found);
            }
        }
        Content::Map(entries) => {
            for entry in entries {
                let name = entry.name.value.as_str();
                let value = &entry.value;
                if name == "if" && matches!(value.content, Content::Map(_)) {
                    found.extend(whole_map(text, &value.span));
                    continue;
                }
                if name != "tokens" {
                    suspicious(text, value, holds.within(Some(name)), suspects, found);
                }
            }
        }
    }
}

/// `if: {a: 1}` on one line: YAML's map is JavaScript's object.
fn whole_map(text: &str, span: &Span) -> Option<Pitfall> {
    let flow = text[span.clone()].starts_with('{') && !text[span.clone()].contains('\n');
    flow.then(|| pitfall(text, span.clone(), Kind::Starts('{')))
}

/// `if: >3` reads as the header of an empty block.
fn digit_header(text: &str, after: usize) -> Option<Pitfall> {
    let before = text[..after].trim_end();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let start = line_start + before[line_start..].rfind(['>', '|'])?;
    let header = &before[start..];
    let kind = Kind::of_start(header.chars().next()?)?;
    let digits = header.len() > 1 && header[1..].bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| pitfall(text, start..before.len(), kind))
}

fn on_line(text: &str, lines: &[Line<'_>], index: usize) -> Option<Pitfall> {
    let first = scan::scalar_start(lines, index);
    let line = &lines[first];
    let head = scan::head(line.text);
    let enclosing = scan::enclosing(lines, first, head.column);
    if enclosing.iter().any(|name| name == "tokens") {
        return None;
    }
    let inherited = enclosing.iter().map(|name| Holds::of(name)).max().unwrap_or(Holds::Nothing);
    let holds = inherited.within(head.key.as_deref());
    let open = scan::flow_is_open(lines, index);
    if holds != Holds::Nothing && !open {
        let from = line.start + head.value;
        let end = scan::scalar_end(lines, first, &head);
        if let Some((range, kind)) = block(&text[from..end.max(from)], 0) {
            return Some(make(line, from + range.start..from + range.end, kind, true));
        }
    }
    let line = &lines[index];
    let (range, kind) = flow(line.text, scan::head(line.text).column, open, inherited)?;
    let span = line.start + range.start..line.start + range.end;
    Some(make(line, span, kind, false))
}

/// The pitfall of what follows `name:`, over all its lines, by the range of the expression.
fn block(line: &str, from: usize) -> Option<(Range<usize>, Kind)> {
    let rest = &line[from..];
    let first = rest.chars().next()?;
    let end = scan::extent(line, from, false)?;
    let whole = from..end;
    match first {
        '"' | '\'' => {
            let close = scan::yaml_quote_end(line, from)?;
            scan::has_more(line, close).then_some((whole, Kind::Starts(first)))
        }
        '[' | '{' => {
            let close = scan::bracket_end(line, from)?;
            scan::has_more(line, close).then_some((whole, Kind::Starts(first)))
        }
        '|' | '>' => {
            let header =
                rest[1..].trim_start_matches(['+', '-']).trim_start_matches(char::is_numeric);
            let header = header.trim_start_matches(['+', '-']);
            let legitimate = header.trim().is_empty()
                || header.trim_start().starts_with('#') && header.starts_with(' ');
            (!legitimate).then_some((whole, Kind::Starts(first)))
        }
        _ => match Kind::of_start(first) {
            Some(kind) => Some((whole, kind)),
            None => {
                let text = &line[whole.clone()];
                (text.contains(": ") || text.ends_with(':')).then_some((whole, Kind::Colon))
            }
        },
    }
}

/// The first pitfall inside `{...}` or `[...]` of a line. `open`: such a bracket is open above it.
fn flow(line: &str, from: usize, open: bool, inherited: Holds) -> Option<(Range<usize>, Kind)> {
    let mut levels: Vec<Holds> = if open { vec![inherited] } else { Vec::new() };
    let mut at = from;
    loop {
        at += line[at..].len() - line[at..].trim_start_matches([' ', '\t', ',']).len();
        let first = line[at..].chars().next()?;
        match first {
            '}' | ']' => {
                levels.pop();
                at += 1;
                continue;
            }
            '#' => return None,
            _ => {}
        }
        let (name, value) = scan::flow_name(line, at);
        let outer = levels.last().copied().unwrap_or(inherited);
        let holds = outer.within(name);
        match flow_value(line, value, holds, !levels.is_empty()) {
            Step::Found(range, kind) => return Some((range, kind)),
            Step::Into => {
                levels.push(holds);
                at = value + 1;
            }
            Step::Over(end) if end > at => at = end,
            Step::Over(_) => return None,
        }
    }
}

/// What one value inside a flow collection is.
enum Step {
    /// A pitfall.
    Found(Range<usize>, Kind),
    /// A collection to look into.
    Into,
    /// Sound up to here.
    Over(usize),
}

fn flow_value(line: &str, at: usize, holds: Holds, in_flow: bool) -> Step {
    let expected = holds != Holds::Nothing;
    let Some(first) = line[at..].chars().next() else { return Step::Over(line.len()) };
    let end = scan::extent(line, at, in_flow);
    let found = |kind| match end {
        Some(end) if expected && in_flow => Step::Found(at..end, kind),
        _ => Step::Over(end.unwrap_or(line.len())),
    };
    match first {
        '{' | '[' => match scan::bracket_end(line, at) {
            Some(close) if scan::has_more_in_flow(line, close) && expected => {
                found(Kind::Starts(first))
            }
            _ => Step::Into,
        },
        '"' | '\'' => match scan::yaml_quote_end(line, at) {
            Some(close) if scan::has_more_in_flow(line, close) && expected => {
                found(Kind::Starts(first))
            }
            Some(close) => Step::Over(close),
            None => Step::Over(line.len()),
        },
        _ => match (Kind::of_start(first), end) {
            (Some(kind), _) => found(kind),
            (None, None) => Step::Over(line.len()),
            (None, Some(end)) => {
                let text = &line[at..end];
                let kind = if text.contains([',', '{', '}', '[', ']']) {
                    Kind::Flow
                } else if text.contains(": ") {
                    Kind::Colon
                } else if text.contains(" #") {
                    Kind::Comment
                } else {
                    return Step::Over(end);
                };
                match in_flow && holds.is_read(text) {
                    true => Step::Found(at..end, kind),
                    false => Step::Over(end),
                }
            }
        },
    }
}

/// The whole of a plain scalar that a comment follows on its line, comment included.
pub fn cut_by_comment(file: &str, node: &Node, scalar: &Scalar) -> Option<Span> {
    if scalar.style != ScalarStyle::Plain {
        return None;
    }
    let rest = file[node.span.end..].lines().next().unwrap_or_default();
    let blank = rest.len() - rest.trim_start().len();
    let comment = blank > 0 && rest.trim_start().starts_with('#');
    comment.then(|| node.span.start..node.span.end + rest.trim_end().len())
}

/// The diagnostic of an expression cut by ` #`.
pub fn comment(file: &str, whole: Span) -> Pitfall {
    let first_line = whole.start + file[whole.clone()].lines().next().map_or(0, str::len);
    pitfall(file, whole.start..first_line.max(whole.start), Kind::Comment)
}

fn pitfall(text: &str, span: Span, kind: Kind) -> Pitfall {
    let lines = scan::lines(text);
    let index = lines.partition_point(|line| line.start <= span.start).saturating_sub(1);
    let line = &lines[index];
    let in_block = scan::head(line.text).value == span.start - line.start;
    make(line, span, kind, in_block)
}

/// A pitfall; `in_block`: it stands after a name or dash of its own line, not inside brackets.
fn make(line: &Line<'_>, span: Span, kind: Kind, in_block: bool) -> Pitfall {
    let (code, message) = kind.words();
    let at = span.start - line.start;
    let head = scan::head(line.text);
    let next_line = "and the expression on the next line";
    let (opening, block) = match (&head.key, in_block) {
        (Some(key), true) => {
            let opening = format!("{}: |", scan::quoted_if_needed(key));
            (opening.clone(), format!("`{opening}` {next_line}"))
        }
        (None, true) => ("- |".to_owned(), format!("`- |` {next_line}")),
        (_, false) => match scan::name_before(line.text, at) {
            Some(name) => (format!("{name}: |"), format!("one field a line, with `{name}: |`")),
            None => ("- |".to_owned(), "one entry a line, with `- |`".to_owned()),
        },
    };
    Pitfall { code, span, message, block, opening }
}

/// Text as a quoted YAML scalar, in the quotes that need the least escaping.
pub fn as_scalar(text: &str) -> String {
    if !text.contains('\'') {
        format!("'{text}'")
    } else if !text.contains(['"', '\\']) {
        format!("\"{text}\"")
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}
