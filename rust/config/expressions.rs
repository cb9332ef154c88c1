//! Expressions: from scalars of the file to programs and templates, and their errors back to the
//! file's lines.
//!
//! A plain scalar of `data` and `value` is typed by JSON's grammar; all else is text with `${...}`.
//! On replay an expression that no longer compiles becomes one that always throws, so that what
//! was published loads for ever (page 2, "Versions").

use std::sync::Arc;

use saphyr_parser::ScalarStyle;

use super::diagnostic::Severity;
use super::pitfall;
use super::place::place;
use super::quantity::is_json_number;
use super::scan;
use super::slots::Slots;
use super::source::{Problems, Span};
use super::yaml::{Content, Node, Scalar};
use crate::expr::advice::{self, Advice, ProfileTypes, Purpose, Type, Types};
use crate::expr::{self, CompileError, FieldTable, Names, ProfileNames, Program, Template};
use crate::value::{Text, Value};

/// What every rule of an expression that no longer compiles runs on replay: it throws.
const NO_LONGER_ACCEPTED: &str = "undefined.no_longer_accepted";
/// The expression engine's code for what is no expression at all.
const SYNTAX: &str = "E0301";
/// What an event's filter says of `PROFILE`.
const FILTER_SEES_EVENT: &str =
    "The `if` of an event sees EVENT only: the profile is not known before the event is.";

/// What a key's `from` says of `PROFILE`.
const FROM_SEES_EVENT: &str =
    "A key's `from` sees EVENT only: whose profile it is, is not known yet.";

/// What `ignore` says of `PROFILE` and the names that belong to it.
const IGNORE_SEES_REQUEST: &str = "The `if` of `ignore` sees REQUEST and EVENT only: \
    who sent an event is judged before anything else.";

/// `ITEM`, or the names of `let`, with what is known of them.
#[derive(Debug, Default)]
pub struct Locals {
    names: Vec<Text>,
    types: Vec<(Text, Type)>,
}

impl Locals {
    /// One more name, which hides an equal one before it.
    pub fn push(&mut self, name: Text, reads: Type) {
        self.types.push((name.clone(), reads));
        self.names.push(name);
    }
}

/// Compiles the expressions of one file.
pub struct Expressions<'a, 'p> {
    /// `EVENT.<field>` names seen so far.
    pub fields: FieldTable,
    pub(super) slots: &'a Slots,
    pub(super) problems: &'a mut Problems<'p>,
    pub(super) recorded: bool,
    /// Whether a condition of `ignore` is being compiled.
    in_ignore: bool,
    /// Whether a key's `from` is being compiled.
    in_from: bool,
}

impl<'a, 'p> Expressions<'a, 'p> {
    /// A compiler for one file; `recorded`: for replay, where nothing is refused.
    pub fn new(
        fields: FieldTable,
        slots: &'a Slots,
        problems: &'a mut Problems<'p>,
        recorded: bool,
    ) -> Self {
        Self { fields, slots, problems, recorded, in_ignore: false, in_from: false }
    }

    /// The filter of an event, which sees EVENT only. Several conditions become one.
    pub fn filter(&mut self, nodes: &[Node]) -> Option<Program> {
        let mut programs: Vec<Program> = Vec::new();
        for node in nodes {
            programs.extend(self.condition_in(node, &Locals::default(), true));
        }
        if programs.len() < 2 {
            return programs.pop();
        }
        // Each compiled by itself, so that its errors have their own places; line breaks keep a
        // comment at the end of one from swallowing the bracket.
        let texts = nodes.iter().filter_map(Node::scalar).map(|scalar| scalar.text.as_str());
        let bracketed: Vec<String> = texts.map(|text| format!("({text}\n)")).collect();
        expr::compile(&bracketed.join(" && "), &mut self.names(&Locals::default(), true)).ok()
    }

    /// The `if` of an entry of `ignore`, which sees REQUEST and EVENT only.
    pub fn ignore(&mut self, nodes: &[Node]) -> Option<Program> {
        self.in_ignore = true;
        let program = self.filter(nodes);
        self.in_ignore = false;
        program
    }

    /// An entry of a key's `from`: text with `${...}` over EVENT.
    pub fn from(&mut self, node: &Node) -> Option<Template> {
        self.in_from = true;
        let template = self.text(node, node.scalar()?, &Locals::default());
        self.in_from = false;
        let (template, _) = template?;
        if let Template::Literal(_) = template {
            self.problems.error_with_help(
                "E0221",
                node.span.clone(),
                "`from` holds no `${...}`: everybody would have the same identifier.",
                "write `from: \"${EVENT.user.email}\"`",
            );
            return None;
        }
        Some(template)
    }

    /// The fields seen so far, and where problems are noted; nowhere on replay.
    pub fn parts(&mut self) -> (&FieldTable, Option<&mut Problems<'p>>) {
        (&self.fields, (!self.recorded).then_some(&mut *self.problems))
    }

    /// Conditions of a rule: all must hold.
    pub fn conditions(&mut self, nodes: &[Node], locals: &Locals) -> Vec<Program> {
        let compiled = nodes.iter().map(|node| self.condition_in(node, locals, false));
        compiled.collect::<Vec<_>>().into_iter().flatten().collect()
    }

    fn condition_in(&mut self, node: &Node, locals: &Locals, filter: bool) -> Option<Program> {
        let scalar = node.scalar()?;
        if scalar.damaged {
            return self.throwing();
        }
        if let Some(inner) = wrapped(&scalar.text) {
            let start = place(self.problems.text(), &node.span, scalar.style, &scalar.text, 0);
            if expr::compile(&scalar.text, &mut self.names(locals, filter)).is_err() {
                self.problems.error_with_help(
                    "E0221",
                    start..node.span.end,
                    "`if` takes a bare expression, without `${...}` around it.",
                    format!("write `if: {}`", pitfall::as_scalar(inner)),
                );
                return None;
            }
        }
        match expr::compile(&scalar.text, &mut self.names(locals, filter)) {
            Ok(program) => {
                self.advise(node, scalar, locals, |types| {
                    advice::of_expression(&scalar.text, Purpose::Condition, types)
                });
                Some(program)
            }
            Err(error) => {
                let compiles = |text: &str, expressions: &mut Self| {
                    expr::compile(text, &mut expressions.names(locals, filter)).is_ok()
                };
                self.refuse(node, scalar, error, compiles);
                self.throwing()
            }
        }
    }

    /// `each`: the program, and what is known of an element.
    pub fn each(&mut self, node: &Node) -> Option<(Program, Type)> {
        let (program, yields) = self.exact(node, "`each`", &Locals::default())?;
        if !yields.may_be_list() {
            let message = "`each` takes a list, and this is never one: the rule does nothing.";
            self.problems.warning("W0222", node.span.clone(), message, None);
        }
        Some((program, yields.element()))
    }

    /// A field that must be exactly one `${...}` (`each`, entries of `let`): the program, and what
    /// is known of its value.
    pub fn exact(&mut self, node: &Node, what: &str, locals: &Locals) -> Option<(Program, Type)> {
        match self.text(node, node.scalar()?, locals)? {
            (Template::Expression(program), yields) => Some((program, yields)),
            _ => {
                let text = node.scalar().map_or("", |scalar| scalar.text.as_str());
                let help = match text.contains("${") {
                    true => "for text around values write \"${`Hello ${EVENT.name}`}\"".to_owned(),
                    false => format!("write \"${{{text}}}\""),
                };
                self.problems.error_with_help(
                    "E0221",
                    node.span.clone(),
                    format!("{what} must be exactly one `${{...}}`."),
                    help,
                );
                self.throwing().map(unknown)
            }
        }
    }

    /// `data`, `value`, `delete`: scalars, lists and maps with `${...}` inside.
    pub fn template(&mut self, node: &Node, locals: &Locals) -> Option<Template> {
        match &node.content {
            Content::Scalar(scalar) => self.scalar(node, scalar, locals),
            Content::List(items) => {
                let items: Vec<_> = items.iter().map(|item| self.template(item, locals)).collect();
                let items = items.into_iter().collect::<Option<Vec<_>>>()?;
                Some(match all_literal(&items) {
                    true => Template::Literal(Value::Array(Arc::new(
                        items.into_iter().map(literal).collect(),
                    ))),
                    false => Template::List(items),
                })
            }
            Content::Map(entries) => {
                let mut named = Vec::new();
                for entry in entries {
                    let template = self.template(&entry.value, locals);
                    named.push(template.map(|template| (Text::new(&entry.name.value), template)));
                }
                named.into_iter().collect::<Option<Vec<_>>>().map(Template::Map)
            }
        }
    }

    fn scalar(&mut self, node: &Node, scalar: &Scalar, locals: &Locals) -> Option<Template> {
        if scalar.damaged {
            return self.throwing().map(Template::Expression);
        }
        if scalar.style != ScalarStyle::Plain {
            self.warn_of_bare_expression(node, scalar);
            return self.text(node, scalar, locals).map(|(template, _)| template);
        }
        match scalar.text.as_str() {
            "null" => Some(Template::Literal(Value::Null)),
            "true" => Some(Template::Literal(Value::Bool(true))),
            "false" => Some(Template::Literal(Value::Bool(false))),
            text if is_json_number(text) => self.number(node, text),
            text => {
                self.warn_of_surprises(node, scalar, text);
                self.warn_of_comment(node, scalar);
                self.text(node, scalar, locals).map(|(template, _)| template)
            }
        }
    }

    fn number(&mut self, node: &Node, text: &str) -> Option<Template> {
        match text.parse::<f64>() {
            // `-0` reads as `0`, as in an event.
            Ok(number) if number.is_finite() => {
                Some(Template::Literal(Value::Number(number + 0.0)))
            }
            _ => {
                self.problems.error_with_help(
                    "E0222",
                    node.span.clone(),
                    "No double holds this number.",
                    "quote it to make it text",
                );
                None
            }
        }
    }

    fn warn_of_surprises(&mut self, node: &Node, scalar: &Scalar, text: &str) {
        match text {
            "" => self.problems.warning(
                "W0105",
                node.span.start.saturating_sub(1)..node.span.start,
                "Nothing stands here: it is read as empty text.",
                Some("write `\"\"` for empty text, or `null`".to_owned()),
            ),
            "~" => self.problems.warning(
                "W0101",
                node.span.clone(),
                "`~` is read as text here.",
                Some("write `null` for null, or quote it".to_owned()),
            ),
            _ => {
                let meant = match text.to_ascii_lowercase().as_str() {
                    "yes" | "on" => "true",
                    "no" | "off" => "false",
                    _ => return self.warn_of_bare_expression(node, scalar),
                };
                self.problems.warning(
                    "W0101",
                    node.span.clone(),
                    format!("`{text}` is read as text here."),
                    Some(format!("write `{meant}` for the boolean, or quote it")),
                );
            }
        }
    }

    /// `Number #${EVENT.number}` is the text `Number`: a comment that holds `${` was hardly meant.
    fn warn_of_comment(&mut self, node: &Node, scalar: &Scalar) {
        let file = self.problems.text();
        let Some(whole) = pitfall::cut_by_comment(file, node, scalar) else { return };
        let comment = node.span.end..whole.end;
        if whole.start < comment.start && file[comment.clone()].contains("${") {
            let blank = file[comment.clone()].len() - file[comment.clone()].trim_start().len();
            let message = "YAML reads ` #` as the start of a comment: the text ends before it.";
            let help = format!("to keep it, write {}", pitfall::as_scalar(&file[whole]));
            let span = comment.start + blank..comment.end;
            self.problems.warning("W0107", span, message, Some(help));
        }
    }

    fn warn_of_bare_expression(&mut self, node: &Node, scalar: &Scalar) {
        let text = scalar.text.trim();
        let bare = text.starts_with("EVENT.") || text.starts_with("PROFILE.");
        if bare && !text.contains("${") {
            self.problems.warning(
                "W0102",
                node.span.clone(),
                "This is text, not an expression.",
                Some(format!("write `{}`", pitfall::as_scalar(&format!("${{{text}}}")))),
            );
        }
    }

    /// Text with `${...}`, and what is known of its value. The line break that ends a block does
    /// not make text of `${...}`.
    fn text(&mut self, node: &Node, scalar: &Scalar, locals: &Locals) -> Option<(Template, Type)> {
        if scalar.damaged {
            return self.throwing().map(Template::Expression).map(unknown);
        }
        let block = matches!(scalar.style, ScalarStyle::Literal | ScalarStyle::Folded);
        if block {
            let trimmed = scalar.text.trim_end();
            let template = Template::scalar(trimmed, &mut self.names(locals, false));
            if let Ok(template @ Template::Expression(_)) = template {
                let yields =
                    self.advise(node, scalar, locals, |types| advice::of_template(trimmed, types));
                return Some((template, yields));
            }
        }
        match Template::scalar(&scalar.text, &mut self.names(locals, false)) {
            Ok(template @ Template::Literal(_)) => Some(unknown(template)),
            Ok(template) => {
                let yields = self
                    .advise(node, scalar, locals, |types| advice::of_template(&scalar.text, types));
                Some((template, yields))
            }
            Err(error) => {
                let compiles = |text: &str, expressions: &mut Self| {
                    Template::scalar(text, &mut expressions.names(locals, false)).is_ok()
                };
                self.refuse(node, scalar, error, compiles);
                self.throwing().map(Template::Expression).map(unknown)
            }
        }
    }

    /// Notes what there is to say of an expression that compiles, and gives what is known of its
    /// value. On replay nothing is said: nobody is there to read it.
    fn advise(
        &mut self,
        node: &Node,
        scalar: &Scalar,
        locals: &Locals,
        advise: impl Fn(&Types<'_>) -> Advice,
    ) -> Type {
        if self.recorded {
            return Type::unknown();
        }
        let slots = self.slots;
        let declared = |name: &str| slots.type_of(name);
        let profile = ProfileTypes::Declared(&declared);
        let Advice { warnings, yields } = advise(&Types { profile, locals: &locals.types });
        for warning in warnings {
            let span = self.place_of(node, scalar, &warning.span);
            let message = sentence(&warning.message);
            self.problems.note(Severity::Warning, warning.code, span, message, warning.help);
        }
        yields
    }

    /// Notes an expression's error at its place in the file.
    fn refuse(
        &mut self,
        node: &Node,
        scalar: &Scalar,
        error: CompileError,
        compiles: impl Fn(&str, &mut Self) -> bool,
    ) {
        let file = self.problems.text();
        if let Some(whole) = pitfall::cut_by_comment(file, node, scalar) {
            let torn = error.code == SYNTAX && !scan::is_balanced(&scalar.text);
            if torn || compiles(&file[whole.clone()], self) {
                let found = pitfall::comment(file, whole);
                let help = found.help(file, &[]);
                return self.problems.error_with_help(found.code, found.span, found.message, help);
            }
        }
        let span = self.place_of(node, scalar, &error.span);
        let CompileError { code, message, help, .. } = error;
        self.problems.note(Severity::Error, code, span, sentence(&message), help);
    }

    /// Where a span of the scalar's text stands in the file.
    fn place_of(&self, node: &Node, scalar: &Scalar, span: &Span) -> Span {
        let file = self.problems.text();
        let at = |offset| {
            let at = place(file, &node.span, scalar.style, &scalar.text, offset);
            file.floor_char_boundary(at)
        };
        let start = at(scalar.text.floor_char_boundary(span.start));
        if span.end <= span.start {
            return start..start;
        }
        // The end is where the last character ends, not where the next one starts: an escape, a
        // fold or indentation may stand between the two.
        let last = scalar.text.floor_char_boundary(span.end - 1);
        let last = at(last).max(start);
        let width = match &file[last..] {
            rest if scalar.style == ScalarStyle::DoubleQuoted && rest.starts_with('\\') => {
                at(scalar.text.ceil_char_boundary(span.end)).saturating_sub(last)
            }
            rest => rest.chars().next().map_or(1, char::len_utf8),
        };
        start..last + width
    }

    fn names<'n>(&'n mut self, locals: &'n Locals, filter: bool) -> Names<'n> {
        let profile = match filter {
            _ if self.in_from => ProfileNames::Absent(FROM_SEES_EVENT),
            true if self.in_ignore => ProfileNames::Request(IGNORE_SEES_REQUEST),
            true => ProfileNames::Absent(FILTER_SEES_EVENT),
            false => ProfileNames::Slots(self.slots),
        };
        Names { profile, fields: &mut self.fields, locals: &locals.names }
    }

    /// On replay, a program that throws; else nothing, since the error is noted.
    pub(super) fn throwing(&mut self) -> Option<Program> {
        if !self.recorded {
            return None;
        }
        expr::compile(NO_LONGER_ACCEPTED, &mut self.names(&Locals::default(), true)).ok()
    }
}

/// The engine's words as a sentence among the other diagnostics.
fn sentence(message: &str) -> String {
    let mut sentence = String::new();
    let mut characters = message.chars();
    sentence.extend(characters.next().map(|first| first.to_ascii_uppercase()));
    sentence.push_str(characters.as_str());
    if !sentence.ends_with(['.', '?', '!']) {
        sentence.push('.');
    }
    sentence
}

/// The inside of a text that is `${...}` as a whole.
fn wrapped(text: &str) -> Option<&str> {
    text.trim().strip_prefix("${")?.strip_suffix('}').map(str::trim)
}

/// With nothing known of its value.
fn unknown<T>(of: T) -> (T, Type) {
    (of, Type::unknown())
}

fn all_literal(items: &[Template]) -> bool {
    items.iter().all(|item| matches!(item, Template::Literal(_)))
}

fn literal(item: Template) -> Value {
    match item {
        Template::Literal(value) => value,
        _ => Value::Undefined,
    }
}
