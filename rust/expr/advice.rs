//! Advice: what compiles and is hardly meant, found before anything runs.
//!
//! A pass over the tree, beside the compiler and unknown to it, that follows what is known of every
//! value: its kinds, its fields, what a number counts. It warns only where what it knows leaves no
//! other way: where a value may be anything, it says nothing.
//!
//! Invariants: warnings never stop anything; the pass reads each part of the tree once, and what it
//! does at one part is bounded, so that its time grows with the text.

mod arithmetic;
mod calls;
mod chains;
mod comparisons;
mod conditions;
mod reads;
mod results;
mod types;

use super::ast::{Element, Expr, ExprKind, Property, UnaryOperator};
use super::builtins;
use super::error::Span;
use super::operators;
use super::parser;
use crate::value::{Text, Value};

use types::Kinds;
pub use types::Type;

/// Warnings about one expression that are worth reading.
const WARNINGS_MAX: usize = 20;
/// Characters of the source that a sentence repeats.
const EXCERPT_CHARS_MAX: usize = 60;

/// Something that compiles and is hardly meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Stable code, `W02xx`.
    pub code: &'static str,
    /// Where, in the expression's source.
    pub span: Span,
    /// One sentence.
    pub message: String,
    /// What to write instead, where it can be guessed.
    pub help: Option<String>,
}

/// What `PROFILE` is, for advice.
pub enum ProfileTypes<'a> {
    /// A configuration's names with their types.
    Declared(&'a dyn Fn(&str) -> Option<Type>),
    /// An ordinary object, and `EVENT` one too.
    Object,
}

/// What is known of the names of an expression.
pub struct Types<'a> {
    /// `PROFILE`.
    pub profile: ProfileTypes<'a>,
    /// `ITEM` and the names of `let`; of equal names the last wins.
    pub locals: &'a [(Text, Type)],
}

/// What becomes of an expression's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It is asked whether it is true.
    Condition,
    /// It is used.
    Value,
}

/// What there is to say of one expression or template.
#[derive(Debug)]
pub struct Advice {
    /// In the order of the text.
    pub warnings: Vec<Warning>,
    /// What it yields.
    pub yields: Type,
}

/// Advice on one bare expression; none on what does not parse.
pub fn of_expression(source: &str, purpose: Purpose, types: &Types<'_>) -> Advice {
    let mut advisor = Advisor::new(source, types);
    let yields = match parser::parse(source) {
        Ok(expr) if purpose == Purpose::Condition => advisor.whole_condition(&expr),
        Ok(expr) => advisor.expr(&expr),
        Err(_) => Type::unknown(),
    };
    advisor.advice(yields)
}

/// Advice on a scalar with `${...}` in it; none on what does not parse.
pub fn of_template(source: &str, types: &Types<'_>) -> Advice {
    let mut advisor = Advisor::new(source, types);
    let mut at = 0;
    let mut only = None;
    let mut whole_text = true;
    while let Some(found) = source[at..].find("${").map(|offset| at + offset) {
        if found > at && source[..found].ends_with('$') {
            at = found + 2;
            continue;
        }
        let Ok((expr, close)) = parser::parse_embedded(source, found + 2) else { break };
        let yields = advisor.expr(&expr);
        whole_text = found > 0 || close + 1 < source.len();
        if whole_text {
            advisor.joins_text(&expr, &yields);
        }
        only = Some(yields);
        at = close + 1;
    }
    match only {
        Some(yields) if !whole_text => advisor.advice(yields),
        _ => advisor.advice(Type::text().or_undefined()),
    }
}

struct Advisor<'a> {
    source: &'a str,
    types: &'a Types<'a>,
    /// Parameters in scope.
    parameters: Vec<(Text, Type)>,
    warnings: Vec<Warning>,
}

/// A value among operands: its type, its place, and its expression where it is one.
struct Side<'e> {
    is: Type,
    span: Span,
    expr: Option<&'e Expr>,
}

impl<'a> Advisor<'a> {
    fn new(source: &'a str, types: &'a Types<'a>) -> Self {
        Self { source, types, parameters: Vec::new(), warnings: Vec::new() }
    }

    fn advice(mut self, yields: Type) -> Advice {
        self.warnings.sort_by_key(|warning| (warning.span.start, warning.span.end, warning.code));
        Advice { warnings: self.warnings, yields: yields.without_constant() }
    }

    fn warn(
        &mut self,
        code: &'static str,
        span: &Span,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        if self.warnings.len() < WARNINGS_MAX {
            let message = message.into();
            self.warnings.push(Warning { code, span: span.clone(), message, help });
        }
    }

    /// The source of a place, where it is short enough to be repeated.
    fn short(&self, span: &Span) -> Option<&'a str> {
        let text = self.source.get(span.clone())?;
        let is_short = text.len() <= EXCERPT_CHARS_MAX && !text.contains(['\n', '\r']);
        is_short.then_some(text)
    }

    /// The place as a sentence names it.
    fn named(&self, span: &Span) -> String {
        self.short(span).map_or_else(|| "this".to_owned(), |text| format!("`{text}`"))
    }

    /// Help with the sources of places in it, where all are short.
    fn help(&self, places: &[&Span], write: impl Fn(&[&str]) -> String) -> Option<String> {
        let texts: Option<Vec<&str>> = places.iter().map(|span| self.short(span)).collect();
        texts.map(|texts| write(&texts))
    }

    fn expr(&mut self, expr: &Expr) -> Type {
        match &expr.kind {
            ExprKind::Literal(value) => Type::of_value(value),
            ExprKind::Paren(inner) => self.expr(inner),
            ExprKind::Name(_) => self.chain(expr, &[]),
            ExprKind::Chain { base, parts } => self.chain(base, parts),
            ExprKind::Template { texts, parts } => self.template(texts, parts),
            ExprKind::Array(elements) => self.list(elements),
            ExprKind::Object(properties) => self.object(properties),
            ExprKind::Unary { operator, operand } => self.unary(expr, *operator, operand),
            ExprKind::Binary { first, rest } => self.binary(expr, first, rest),
            ExprKind::Logical { operator, operands } => self.logical(*operator, operands, false),
            ExprKind::Conditional { arms, otherwise } => self.conditional(arms, otherwise),
            ExprKind::New { class, arguments } => self.construction(expr, class, arguments),
            // Functions stand only as arguments, where the call reads them.
            ExprKind::Arrow(_) => Type::unknown(),
        }
    }

    fn side<'e>(&mut self, expr: &'e Expr) -> Side<'e> {
        Side { is: self.expr(expr), span: expr.span.clone(), expr: Some(expr) }
    }

    fn template(&mut self, texts: &[Text], parts: &[Expr]) -> Type {
        for part in parts {
            let joined = self.expr(part);
            self.joins_text(part, &joined);
        }
        match (texts, parts) {
            ([only], []) => Type::of_value(&Value::String(only.clone())),
            _ => Type::text(),
        }
    }

    fn list(&mut self, elements: &[Element]) -> Type {
        let mut items = Type::of_kinds(Kinds::NONE);
        for element in elements {
            let value = self.expr(&element.value);
            items = items.or(match element.spread {
                true if value.kinds.only(Kinds::TEXT) => Type::text(),
                true if value.kinds.only(Kinds::ELEMENTS) => value.item(),
                true => Type::unknown(),
                false => value.without_constant(),
            });
        }
        Type::list_of(items)
    }

    fn object(&mut self, properties: &[Property]) -> Type {
        let mut fields = Vec::with_capacity(properties.len());
        let mut open = false;
        for property in properties {
            match property {
                Property::Named { name, value } => fields.push((name.clone(), self.expr(value))),
                Property::Computed { name, value } => {
                    let name = self.expr(name);
                    let value = self.expr(value);
                    match &name.constant {
                        Some(Value::String(name)) => fields.push((name.clone(), value)),
                        _ => open = true,
                    }
                }
                Property::Spread(value) => {
                    self.expr(value);
                    open = true;
                }
            }
        }
        if open { Type::of_kinds(Kinds::OBJECT) } else { Type::object(fields) }
    }

    fn conditional(&mut self, arms: &[(Expr, Expr)], otherwise: &Expr) -> Type {
        let mut yields = Type::of_kinds(Kinds::NONE);
        for (condition, value) in arms {
            self.condition(condition);
            yields = yields.or(self.expr(value).without_constant());
        }
        yields.or(self.expr(otherwise).without_constant())
    }

    fn unary(&mut self, expr: &Expr, operator: UnaryOperator, operand: &Expr) -> Type {
        let is = match operator {
            UnaryOperator::Not => self.condition_of(operand, true),
            _ => self.expr(operand),
        };
        if let Some(value) = &is.constant
            && let Ok(folded) = operators::unary(operator, value)
        {
            return Type::of_value(&folded);
        }
        match operator {
            UnaryOperator::Not => match is.truth() {
                Some(truth) => Type::of_value(&Value::Bool(!truth)),
                None => Type::boolean(),
            },
            UnaryOperator::TypeOf => Type::text(),
            UnaryOperator::Void => Type::undefined(),
            UnaryOperator::Negate | UnaryOperator::Plus | UnaryOperator::BitNot => {
                let side = Side { is, span: operand.span.clone(), expr: Some(operand) };
                self.counts(&side, &expr.span);
                match operator {
                    UnaryOperator::Plus => Type::measured(side.is.measure),
                    _ => Type::number(),
                }
            }
        }
    }
}

/// The expression without the parentheses around it.
fn bare(expr: &Expr) -> &Expr {
    let mut inner = expr;
    while let ExprKind::Paren(next) = &inner.kind {
        inner = next;
    }
    inner
}

/// What a name stands for that is the same everywhere.
fn constant_name(name: &str) -> Option<Value> {
    Some(match name {
        "undefined" => Value::Undefined,
        "NaN" => Value::Number(f64::NAN),
        "Infinity" => Value::Number(f64::INFINITY),
        _ => return None,
    })
}

/// Whether the expression is `NaN`, by whichever name.
fn is_nan_name(expr: &Expr) -> bool {
    match &bare(expr).kind {
        ExprKind::Name(name) => name == "NaN",
        ExprKind::Chain { base, parts } => {
            matches!(&base.kind, ExprKind::Name(name) if name == "Number")
                && matches!(parts.as_slice(), [part] if reads::member_name(part) == Some("NaN"))
        }
        _ => false,
    }
}

/// `did you mean`, where one of the names is near.
fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    super::compiler::nearest(name, known)
}

/// Whether that kind of receiver has a method of that name.
fn has_method(kinds: Kinds, name: &str) -> bool {
    let Some(method) = builtins::method(name) else { return false };
    let mut receivers = kinds.each();
    receivers.any(|(_, _, kind)| kind.is_some_and(|kind| method.is_of(kind)))
}
