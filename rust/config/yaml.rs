//! YAML as a tree with places: built from the parser's events, never from a resolved tree.
//!
//! A resolved tree would have turned a token of digits into a number and lost where things stand.
//! Here a scalar is its text, its style and its span; what it means is decided by the field it
//! stands in. Tags, anchors, aliases, merge keys, second documents and duplicate names are errors.
//!
//! Invariant: every span is a byte range in the file's text. Where an expression broke the YAML
//! around it (`pitfall`), its bytes are overwritten one for one and the text is read again, so
//! that all problems of a file are found at once and every other span stays right.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use super::limits::YAML_DEPTH_MAX;
use super::pitfall::{self, Pitfall};
use super::source::{Problems, Span, Spanned};
use super::unreadable;

/// Pitfalls looked for in one file, since each reads it again; the rest are found next time.
const PITFALLS_MAX: usize = 100;

/// One value of the file.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its bytes, quotes and brackets included.
    pub span: Span,
    /// What it is.
    pub content: Content,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Content {
    /// Text.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A map, in file order.
    Map(Vec<Entry>),
}

/// Text as it stands.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// The text that YAML makes of it.
    pub text: String,
    /// Plain, quoted or block.
    pub style: ScalarStyle,
    /// Part of it was a pitfall, already reported: it is not looked into.
    pub damaged: bool,
}

/// One entry of a map.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name.
    pub name: Spanned<String>,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// The scalar, when it is one.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.content {
            Content::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The last entry of that name, when it is a map.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        match &self.content {
            Content::Map(entries) => entries.iter().rfind(|entry| entry.name.value == name),
            _ => None,
        }
    }

    /// Whether what stands there is a problem that is already noted.
    pub fn is_damaged(&self) -> bool {
        self.scalar().is_some_and(|scalar| scalar.damaged)
    }

    /// Whether nothing stands there.
    pub fn is_empty(&self) -> bool {
        matches!(&self.content, Content::Scalar(scalar) if scalar.text.trim().is_empty())
    }

    /// "text", "a list", "a map" or "nothing", for sentences.
    pub fn kind(&self) -> &'static str {
        match &self.content {
            Content::Scalar(scalar) if scalar.text.is_empty() => "nothing",
            Content::Scalar(_) => "text",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }
}

/// Reads the one document of the file. `None` when its YAML cannot be read, which is noted.
pub fn read(problems: &mut Problems<'_>) -> Option<Node> {
    let text = problems.text();
    let mut pitfalls: Vec<Pitfall> = Vec::new();
    let built = read_through(text, &mut pitfalls);
    for pitfall in &pitfalls {
        let help = pitfall.help(text, &pitfalls);
        problems.error_with_help(pitfall.code, pitfall.span.clone(), &pitfall.message, help);
    }
    match built {
        Ok(built) => finish(built, &pitfalls, problems),
        Err(error) => {
            unreadable::note(text, &error, problems);
            None
        }
    }
}

/// Reads the text again and again, each time with the pitfalls found overwritten.
fn read_through(original: &str, pitfalls: &mut Vec<Pitfall>) -> Result<Built, BuildError> {
    let mut text = original.to_owned();
    loop {
        let built = Builder::build(&text);
        let enough = pitfalls.len() >= PITFALLS_MAX;
        let found = match &built {
            _ if enough => Vec::new(),
            Ok(built) => pitfall::in_tree(&text, built, pitfalls),
            Err(error) => pitfall::at_error(&text, error.line).into_iter().collect(),
        };
        if found.is_empty() {
            return built;
        }
        for pitfall in found {
            overwrite(&mut text, &pitfall.span);
            pitfalls.push(pitfall);
        }
    }
}

/// Replaces bytes one for one by words that YAML reads as plain text; white space stays.
fn overwrite(text: &mut String, span: &Span) {
    let plain = |character: char| match character.is_ascii_whitespace() {
        true => character.to_string(),
        false => "x".repeat(character.len_utf8()),
    };
    let replaced: String = text[span.clone()].chars().map(plain).collect();
    text.replace_range(span.clone(), &replaced);
}

fn finish(built: Built, pitfalls: &[Pitfall], problems: &mut Problems<'_>) -> Option<Node> {
    for (mark, span) in built.marks {
        let (code, message, help) = match mark {
            Mark::Tag => (
                "E0104",
                "YAML tags (`!word`) are not part of this format.",
                "remove the tag, or quote the whole text",
            ),
            Mark::Anchor | Mark::Alias => (
                "E0105",
                "YAML anchors (`&name`) and aliases (`*name`) are not part of this format.",
                "write the value out where it is used, or quote the whole text",
            ),
            Mark::SecondDocument => (
                "E0107",
                "A second YAML document starts here; a file holds exactly one configuration.",
                "put the second configuration into a file of its own",
            ),
        };
        problems.error_with_help(code, span, message, help);
    }
    let Some(mut root) = built.root else {
        problems.error_with_help(
            "E0101",
            0..0,
            "The file holds no configuration.",
            "start with `version: 1`, `account`, `instance`, `name` and `keys`",
        );
        return None;
    };
    settle(&mut root, pitfalls, problems);
    Some(root)
}

/// Marks what pitfalls damaged, and reports names that are doubled, merged or no words.
fn settle(node: &mut Node, pitfalls: &[Pitfall], problems: &mut Problems<'_>) {
    match &mut node.content {
        Content::Scalar(scalar) => {
            let Span { start, end } = node.span;
            let touches = |p: &Pitfall| p.span.start < end && start < p.span.end;
            scalar.damaged |= pitfalls.iter().any(touches);
        }
        Content::List(items) => items.iter_mut().for_each(|item| settle(item, pitfalls, problems)),
        Content::Map(entries) => {
            let mut seen = std::collections::HashMap::new();
            for entry in entries.iter_mut() {
                let Spanned { value: name, span } = &entry.name;
                let merge = name == "<<";
                if merge {
                    note_merge_key(span.clone(), problems);
                } else if let Some(first) = seen.insert(name.clone(), span.start) {
                    let line = problems.line_of(first) + 1;
                    problems.error_with_help(
                        "E0103",
                        span.clone(),
                        format!("`{name}` stands twice in this map; the first is on line {line}."),
                        "keep one of the two",
                    );
                }
                settle(&mut entry.value, pitfalls, problems);
            }
            entries.retain(|entry| entry.name.value != "<<");
        }
    }
}

/// Notes a merge key.
pub(super) fn note_merge_key(span: Span, problems: &mut Problems<'_>) {
    problems.error_with_help(
        "E0106",
        span,
        "YAML merge keys (`<<`) are not part of this format.",
        "write the fields out where they are used",
    );
}

/// Parts of YAML that this format does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// `!word`.
    Tag,
    /// `&name`.
    Anchor,
    /// `*name`.
    Alias,
    /// `---` a second time.
    SecondDocument,
}

/// The tree, and what of YAML it must not have.
#[derive(Debug, Default)]
pub struct Built {
    /// The first document's value.
    pub root: Option<Node>,
    /// Parts of YAML that this format does not have.
    pub marks: Vec<(Mark, Span)>,
}

/// Why there is no tree.
#[derive(Debug)]
pub struct BuildError {
    /// Byte in the text.
    pub at: usize,
    /// Line, from 0.
    pub line: usize,
    /// The parser's words, or ours with a code.
    pub words: String,
    /// The code, when the words are ours.
    pub own_code: Option<&'static str>,
}

/// A collection that is still open.
enum Open {
    List(usize, Vec<Node>),
    Map(usize, Vec<Entry>, Option<Spanned<String>>),
}

/// Builds a tree from the parser's events.
struct Builder<'a> {
    text: &'a str,
    /// Byte of each character; the parser counts characters.
    bytes: Option<Vec<usize>>,
    stack: Vec<Open>,
    built: Built,
    documents: usize,
}

impl<'a> Builder<'a> {
    fn build(text: &'a str) -> Result<Built, BuildError> {
        let bytes = (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect());
        let built = Built::default();
        let mut builder = Self { text, bytes, stack: Vec::new(), built, documents: 0 };
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| builder.unreadable(&error))?;
            let span = builder.byte(span.start.index())..builder.byte(span.end.index());
            builder.take(event, span)?;
            if builder.documents > 1 {
                break;
            }
        }
        Ok(builder.built)
    }

    fn byte(&self, character: usize) -> usize {
        match &self.bytes {
            None => character.min(self.text.len()),
            Some(bytes) => bytes.get(character).copied().unwrap_or(self.text.len()),
        }
    }

    fn unreadable(&self, error: &ScanError) -> BuildError {
        let at = self.byte(error.marker().index());
        BuildError {
            at,
            line: self.text[..at].bytes().filter(|byte| *byte == b'\n').count(),
            words: error.info().to_owned(),
            own_code: None,
        }
    }

    fn own_error(&self, code: &'static str, at: usize, words: &str) -> BuildError {
        BuildError {
            at,
            line: self.text[..at].bytes().filter(|byte| *byte == b'\n').count(),
            words: words.to_owned(),
            own_code: Some(code),
        }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), BuildError> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.built.marks.push((Mark::SecondDocument, span));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.mark(anchor, tag.is_some(), &span);
                let span = self.trimmed(span);
                let scalar = Scalar { text: text.into_owned(), style, damaged: false };
                self.put(Node { span, content: Content::Scalar(scalar) })?;
            }
            Event::Alias(_) => {
                self.built.marks.push((Mark::Alias, span.clone()));
                let scalar = Scalar {
                    text: self.text[span.clone()].to_owned(),
                    style: ScalarStyle::Plain,
                    damaged: true,
                };
                self.put(Node { span, content: Content::Scalar(scalar) })?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.mark(anchor, tag.is_some(), &span);
                self.open(Open::List(span.start, Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                self.mark(anchor, tag.is_some(), &span);
                self.open(Open::Map(span.start, Vec::new(), None))?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let node = match self.stack.pop() {
                    Some(Open::List(start, items)) => {
                        self.closed(start, span, Content::List(items))
                    }
                    Some(Open::Map(start, entries, _)) => {
                        self.closed(start, span, Content::Map(entries))
                    }
                    None => {
                        return Err(self.own_error("E0102", span.start, "Nothing is open here."));
                    }
                };
                self.put(node)?;
            }
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd | Event::Nothing => {}
        }
        Ok(())
    }

    fn mark(&mut self, anchor: usize, tag: bool, span: &Span) {
        if tag {
            self.built.marks.push((Mark::Tag, span.clone()));
        }
        if anchor != 0 {
            self.built.marks.push((Mark::Anchor, span.clone()));
        }
    }

    /// The parser counts white space after a closing quote and a block as part of the scalar.
    fn trimmed(&self, span: Span) -> Span {
        let length = self.text[span.clone()].trim_end().len();
        span.start..span.start + length
    }

    fn closed(&self, start: usize, end: Span, content: Content) -> Node {
        let raw = &self.text[start..end.end.max(start)];
        let raw = if raw.starts_with(['{', '[']) { raw } else { raw.trim_end() };
        Node { span: start..start + raw.len(), content }
    }

    fn open(&mut self, open: Open) -> Result<(), BuildError> {
        let (Open::List(start, _) | Open::Map(start, ..)) = &open;
        if self.stack.len() >= YAML_DEPTH_MAX {
            let words = format!("Maps and lists are nested more than {YAML_DEPTH_MAX} deep here.");
            return Err(self.own_error("E0240", *start, &words));
        }
        self.stack.push(open);
        Ok(())
    }

    fn put(&mut self, node: Node) -> Result<(), BuildError> {
        match self.stack.last_mut() {
            None => {
                if self.documents == 1 && !node.is_empty() {
                    self.built.root = Some(node);
                }
            }
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, entries, name)) => match name.take() {
                Some(name) => entries.push(Entry { name, value: node }),
                None => match node.content {
                    Content::Scalar(scalar) => {
                        *name = Some(Spanned { value: scalar.text, span: node.span });
                    }
                    _ => {
                        let words = "A list or a map cannot be the name of an entry.";
                        return Err(self.own_error("E0109", node.span.start, words));
                    }
                },
            },
        }
        Ok(())
    }
}
