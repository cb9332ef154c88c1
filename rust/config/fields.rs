//! Fields: one map of the file, read field by field, each with its kind.
//!
//! Whoever reads a map takes the fields it knows; what is left at the end is an unknown field or
//! one that is not built yet, never ignored. A field of the wrong kind is noted and reads as
//! absent, so that one problem does not draw others after it.

use saphyr_parser::ScalarStyle;

use super::quantity;
use super::schema::{Section, did_you_mean, either};
use super::source::{Problems, Span, Spanned};
use super::yaml::{Content, Entry, Node};
use crate::value::Text;

/// One map that is being read.
pub struct Fields<'n> {
    section: Section,
    entries: &'n [Entry],
    taken: Vec<bool>,
    span: Span,
}

impl<'n> Fields<'n> {
    /// Opens a map; anything else is noted.
    pub fn open(node: &'n Node, section: Section, problems: &mut Problems<'_>) -> Option<Self> {
        let Content::Map(entries) = &node.content else {
            if node.is_damaged() {
                return None;
            }
            problems.error_with_help(
                "E0204",
                node.span.clone(),
                format!("This is {}, but {} is a map of fields.", node.kind(), section.what),
                format!("write fields such as `{}: ...`", section.built[0]),
            );
            return None;
        };
        let span = entries.first().map_or(node.span.clone(), |entry| entry.name.span.clone());
        Some(Self { section, entries, taken: vec![false; entries.len()], span })
    }

    /// Where the map starts: its first field's name.
    pub fn span(&self) -> Span {
        self.span.clone()
    }

    /// Takes a field.
    pub fn take(&mut self, name: &str) -> Option<&'n Entry> {
        // The last of doubled names; the double is already noted.
        let at = self.entries.iter().rposition(|entry| entry.name.value == name)?;
        for (taken, entry) in self.taken.iter_mut().zip(self.entries) {
            *taken |= entry.name.value == name;
        }
        Some(&self.entries[at])
    }

    /// Whether a field is there.
    pub fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.name.value == name)
    }

    /// Whether a field is there with nothing after it.
    pub fn name_is_empty(&self, name: &str) -> bool {
        let mut found = self.entries.iter().filter(|entry| entry.name.value == name);
        found.next_back().is_some_and(|entry| {
            matches!(&entry.value.content, Content::Scalar(scalar) if scalar.text.is_empty())
        })
    }

    /// Where a field's name stands.
    pub fn name_span(&self, name: &str) -> Span {
        self.entries
            .iter()
            .find(|entry| entry.name.value == name)
            .map_or(self.span(), |entry| entry.name.span.clone())
    }

    /// Takes a field of text.
    pub fn text(&mut self, name: &str, problems: &mut Problems<'_>) -> Option<Spanned<Text>> {
        let entry = self.take(name)?;
        text_of(&entry.value, &format!("`{name}`"), &entry.name.span, problems)
    }

    /// Takes a field of text that must be there.
    pub fn required_text(
        &mut self,
        name: &str,
        example: &str,
        problems: &mut Problems<'_>,
    ) -> Option<Spanned<Text>> {
        self.require(name, example, problems);
        self.text(name, problems)
    }

    /// Notes a field that is missing.
    pub fn require(&self, name: &str, example: &str, problems: &mut Problems<'_>) {
        if !self.has(name) {
            problems.error_with_help(
                "E0203",
                self.span(),
                format!("`{name}` is missing in {}.", self.section.what),
                format!("add `{example}`"),
            );
        }
    }

    /// Takes a field that holds one of some words.
    pub fn word<T: Copy>(
        &mut self,
        name: &str,
        words: &[(&'static str, T)],
        later: &[&str],
        problems: &mut Problems<'_>,
    ) -> Option<Spanned<T>> {
        let text = self.text(name, problems)?;
        let value = word_of(&text, &format!("`{name}`"), words, later, problems)?;
        Some(Spanned { value, span: text.span })
    }

    /// Takes a field that is `true` or `false`.
    pub fn boolean(&mut self, name: &str, problems: &mut Problems<'_>) -> Option<Spanned<bool>> {
        let entry = self.take(name)?;
        let text = text_of(&entry.value, &format!("`{name}`"), &entry.name.span, problems)?;
        let plain = entry.value.scalar().is_some_and(|scalar| scalar.style == ScalarStyle::Plain);
        let value = match text.value.as_str() {
            "true" if plain => true,
            "false" if plain => false,
            other => {
                let found = match plain {
                    true => format!("`{other}`"),
                    false => "text".to_owned(),
                };
                problems.error_with_help(
                    "E0205",
                    text.span,
                    format!("`{name}` is true or false, not {found}."),
                    format!("write `{name}: true` or `{name}: false`, without quotes"),
                );
                return None;
            }
        };
        Some(Spanned { value, span: text.span })
    }

    /// Takes a field with a whole number from `least` to `most`.
    pub fn whole_number(
        &mut self,
        name: &str,
        least: u64,
        most: u64,
        problems: &mut Problems<'_>,
    ) -> Option<Spanned<u64>> {
        let text = self.text(name, problems)?;
        match quantity::digits(&text.value) {
            Some(value) if (least..=most).contains(&value) => {
                Some(Spanned { value, span: text.span })
            }
            _ => {
                let sentence = format!(
                    "`{name}` is a whole number from {least} to {most}, not `{}`.",
                    text.value
                );
                problems.error("E0206", text.span, sentence);
                None
            }
        }
    }

    /// Takes a field with a duration, in milliseconds, from `least_ms` to `most_ms`.
    pub fn duration(
        &mut self,
        name: &str,
        least_ms: i64,
        most_ms: i64,
        problems: &mut Problems<'_>,
    ) -> Option<Spanned<i64>> {
        let text = self.text(name, problems)?;
        let value = duration_of(&text, &format!("`{name}`"), least_ms, most_ms, problems)?;
        Some(Spanned { value, span: text.span })
    }

    /// Takes a field with a size, in bytes, from 1 to `most`.
    pub fn size(
        &mut self,
        name: &str,
        most: u64,
        problems: &mut Problems<'_>,
    ) -> Option<Spanned<u64>> {
        let text = self.text(name, problems)?;
        match quantity::size_bytes(&text.value) {
            Some(value) if (1..=most).contains(&value) => Some(Spanned { value, span: text.span }),
            Some(_) => {
                let sentence = format!("`{name}` is from 1B to {}MiB.", most / 1024 / 1024);
                problems.error("E0206", text.span, sentence);
                None
            }
            None => {
                problems.error_with_help(
                    "E0206",
                    text.span,
                    format!("`{name}` is a size, and `{}` is none.", text.value),
                    "write a whole number and a unit: `512B`, `2KiB`, `1MiB`",
                );
                None
            }
        }
    }

    /// Takes a field with a list; absent reads as empty.
    pub fn list(&mut self, name: &str, problems: &mut Problems<'_>) -> &'n [Node] {
        let Some(entry) = self.take(name) else { return &[] };
        match &entry.value.content {
            Content::List(items) => items,
            _ => {
                note_kind(&entry.value, &format!("`{name}`"), "a list", &entry.name.span, problems);
                &[]
            }
        }
    }

    /// Takes a field with one node or a list of nodes; absent reads as `None`.
    pub fn one_or_many(&mut self, name: &str) -> Option<(&'n Entry, Vec<&'n Node>)> {
        let entry = self.take(name)?;
        let nodes = match &entry.value.content {
            Content::List(items) => items.iter().collect(),
            _ => vec![&entry.value],
        };
        Some((entry, nodes))
    }

    /// Takes a field with a map; absent reads as empty.
    pub fn map(&mut self, name: &str, problems: &mut Problems<'_>) -> &'n [Entry] {
        let Some(entry) = self.take(name) else { return &[] };
        match &entry.value.content {
            Content::Map(entries) => entries,
            _ => {
                note_kind(&entry.value, &format!("`{name}`"), "a map", &entry.name.span, problems);
                &[]
            }
        }
    }

    /// Notes every field that was not taken.
    pub fn finish(self, problems: &mut Problems<'_>) {
        let Section { what, built, later } = self.section;
        for (entry, taken) in self.entries.iter().zip(&self.taken) {
            let Spanned { value: name, span } = &entry.name;
            if *taken {
                continue;
            }
            if later.contains(&name.as_str()) {
                note_not_built(&format!("`{name}` in {what}"), span.clone(), problems);
                continue;
            }
            let sentence = format!("`{name}` is not a field of {what}.");
            let help = did_you_mean(name, built.iter().chain(later).copied())
                .unwrap_or_else(|| format!("its fields are {}", built.join(", ")));
            problems.error_with_help("E0201", span.clone(), sentence, help);
        }
    }
}

/// Notes a part of the page that is not built yet.
pub fn note_not_built(what: &str, span: Span, problems: &mut Problems<'_>) {
    problems.error_with_help(
        "E0202",
        span,
        format!("{what} is not built yet."),
        "remove it; this version refuses what it would not obey",
    );
}

/// The text of a node that must be text.
pub fn text_of(
    node: &Node,
    what: &str,
    name_span: &Span,
    problems: &mut Problems<'_>,
) -> Option<Spanned<Text>> {
    match node.scalar() {
        // What is wrong with it is already noted.
        Some(scalar) if scalar.damaged => None,
        Some(scalar) if !scalar.text.is_empty() => {
            Some(Spanned { value: Text::new(&scalar.text), span: node.span.clone() })
        }
        _ => {
            note_kind(node, what, "text", name_span, problems);
            None
        }
    }
}

/// Whether a node that must be an expression is text; anything else is noted.
pub fn is_expression(node: &Node, what: &str, name: &Span, problems: &mut Problems<'_>) -> bool {
    node.is_damaged() || text_of(node, what, name, problems).is_some()
}

fn note_kind(node: &Node, what: &str, wanted: &str, name: &Span, problems: &mut Problems<'_>) {
    // Nothing has no place of its own: the field's name is shown.
    let span = if node.span.is_empty() { name.clone() } else { node.span.clone() };
    let found = match node.kind() {
        "text" if wanted == "text" => "empty",
        kind => kind,
    };
    let sentence = format!("{what} must be {wanted}, but is {found}.");
    match node.content {
        Content::List(_) | Content::Map(_) if wanted == "text" => {
            problems.error_with_help("E0204", span, sentence, "if it is meant as text, quote it");
        }
        Content::Map(_) if wanted == "a list" => {
            let help = "start each entry with `- `, or put brackets around: `[{...}]`";
            problems.error_with_help("E0204", span, sentence, help);
        }
        Content::List(_) if wanted == "a map" => {
            let help = "write `name: value` without `- `, or `{name: value}`";
            problems.error_with_help("E0204", span, sentence, help);
        }
        _ => problems.error("E0204", span, sentence),
    }
}

/// One of some words.
pub fn word_of<T: Copy>(
    text: &Spanned<Text>,
    what: &str,
    words: &[(&'static str, T)],
    later: &[&str],
    problems: &mut Problems<'_>,
) -> Option<T> {
    let word = text.value.as_str();
    if let Some((_, value)) = words.iter().find(|(known, _)| *known == word) {
        return Some(*value);
    }
    if later.contains(&word) {
        let what = what.trim_matches('`');
        note_not_built(&format!("`{what}: {word}`"), text.span.clone(), problems);
        return None;
    }
    let known: Vec<&str> = words.iter().map(|(known, _)| *known).collect();
    let sentence = format!("{what} is {}, not `{word}`.", either(&known));
    let help = did_you_mean(word, known.iter().chain(later).copied());
    problems.note(super::diagnostic::Severity::Error, "E0205", text.span.clone(), sentence, help);
    None
}

/// A duration in milliseconds.
pub fn duration_of(
    text: &Spanned<Text>,
    what: &str,
    least_ms: i64,
    most_ms: i64,
    problems: &mut Problems<'_>,
) -> Option<i64> {
    match quantity::duration_ms(&text.value) {
        Some(value) if (least_ms..=most_ms).contains(&value) => Some(value),
        Some(_) => {
            let (least, most) = (least_ms / 1000, most_ms / 86_400_000);
            let sentence = format!("{what} is from {least}s to {most}d.");
            problems.error("E0206", text.span.clone(), sentence);
            None
        }
        None => {
            problems.error_with_help(
                "E0206",
                text.span.clone(),
                format!("{what} is a duration, and `{}` is none.", text.value),
                "write a whole number and one unit: `90s`, `15m`, `24h`, `30d`, `12w`",
            );
            None
        }
    }
}
