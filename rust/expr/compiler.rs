//! Compiler: a tree to a program, with every name resolved.
//!
//! `PROFILE.x` becomes a slot, `EVENT.x` a field index, a name with its members one node, constant
//! subexpressions constants. Whatever cannot be resolved is a `CompileError` here, so that the
//! machine looks up no name that was written out.

mod calls;
mod chains;
mod fold;
mod functions;

use std::sync::Arc;

use super::ast::UnaryOperator;
use super::ast::{BinaryOperator, Element, Expr, ExprKind, LogicalOperator, Property};
use super::error::{CompileError, Span};
use super::program::{Base, Comparison, Entry, Item, Node, NodeKind, Program};
use super::{Names, ProfileNames, Space, builtins, operators, refused};
use crate::value::{Instance, Text, Value};

type Compiled<T> = Result<T, CompileError>;

/// Compiles a tree; spans are in `source`.
pub(super) fn compile(source: &str, expr: &Expr, names: &mut Names<'_>) -> Compiled<Program> {
    let mut compiler = Compiler { names, parameters: Vec::new(), arrows: 0 };
    let root = compiler.expr(expr)?;
    Ok(Program { source: source.into(), root })
}

struct Compiler<'a, 'n> {
    names: &'a mut Names<'n>,
    /// Parameters in scope, by place.
    parameters: Vec<Parameter>,
    /// Functions around what is compiled.
    arrows: usize,
}

/// A parameter in scope, or what a pattern takes apart on the way to one.
struct Parameter {
    /// `None` for a value that a pattern takes apart.
    name: Option<Text>,
    /// Whether it has its value already, as far as defaults can see.
    set: bool,
}

/// What a name stands for.
enum Resolved {
    Read(Base),
    Profile,
    Space(Space),
    Catalog,
    Event,
    Constant(Value),
    /// `Math`, `Number`, …: something with members, or to be called.
    Builtin,
}

impl Compiler<'_, '_> {
    /// The node of a constant. Functions run many times, and a regular expression in one is another
    /// object each time.
    fn constant(&self, value: Value) -> NodeKind {
        match &value {
            Value::Instance(instance)
                if self.arrows > 0
                    && let Instance::RegExp(regexp) = &**instance =>
            {
                NodeKind::Pattern(Arc::clone(regexp))
            }
            _ => NodeKind::Constant(value),
        }
    }

    fn expr(&mut self, expr: &Expr) -> Compiled<Node> {
        let node = |kind| Ok(Node { kind, span: expr.span.clone() });
        if let Some(value) = self.fold(expr) {
            return node(NodeKind::Constant(value));
        }
        match &expr.kind {
            ExprKind::Literal(value) => node(self.constant(value.clone())),
            ExprKind::Paren(inner) => self.expr(inner),
            ExprKind::Name(_) => self.chain(expr, expr, &[]),
            ExprKind::Chain { base, parts } => self.chain(expr, base, parts),
            ExprKind::Template { texts, parts } => {
                node(NodeKind::Concatenate(self.template(expr, texts, parts)?))
            }
            ExprKind::Array(elements) => node(self.array(elements)?),
            ExprKind::Object(properties) => node(self.object(properties)?),
            ExprKind::Unary { operator: UnaryOperator::Not, operand } => {
                node(NodeKind::Not(Box::new(self.expr(operand)?)))
            }
            ExprKind::Unary { operator, operand } => {
                let operand = Box::new(self.expr(operand)?);
                node(NodeKind::Unary { operator: *operator, operand })
            }
            ExprKind::Binary { first, rest } => self.binary(expr, first, rest),
            ExprKind::Logical { operator, operands } => {
                let operands =
                    operands.iter().map(|operand| self.expr(operand)).collect::<Compiled<_>>()?;
                node(match operator {
                    LogicalOperator::And => NodeKind::And(operands),
                    LogicalOperator::Or => NodeKind::Or(operands),
                    LogicalOperator::Nullish => NodeKind::Coalesce(operands),
                })
            }
            ExprKind::Conditional { arms, otherwise } => {
                let mut compiled = Vec::with_capacity(arms.len());
                for (condition, value) in arms {
                    compiled.push((self.expr(condition)?, self.expr(value)?));
                }
                let otherwise = Box::new(self.expr(otherwise)?);
                node(NodeKind::Conditional { arms: compiled.into(), otherwise })
            }
            ExprKind::New { class, arguments } => self.construction(expr, class, arguments),
            ExprKind::Arrow(_) => {
                let message =
                    "an arrow function stands only as an argument of a method that takes one";
                Err(CompileError::new("E0303", expr.span.clone(), message)
                    .help("pass it to a method: list.map(x => x.value)"))
            }
        }
    }

    fn template(&mut self, expr: &Expr, texts: &[Text], parts: &[Expr]) -> Compiled<Box<[Node]>> {
        let mut pieces = Vec::with_capacity(texts.len() + parts.len());
        for (position, text) in texts.iter().enumerate() {
            if !text.is_empty() {
                let kind = NodeKind::Constant(Value::String(text.clone()));
                pieces.push(Node { kind, span: expr.span.clone() });
            }
            if let Some(part) = parts.get(position) {
                pieces.push(self.expr(part)?);
            }
        }
        Ok(pieces.into())
    }

    fn array(&mut self, elements: &[Element]) -> Compiled<NodeKind> {
        if elements.iter().any(|element| element.spread) {
            return Ok(NodeKind::Spread(self.items(elements)?));
        }
        let nodes = elements.iter().map(|element| self.expr(&element.value));
        Ok(NodeKind::List(nodes.collect::<Compiled<_>>()?))
    }

    fn items(&mut self, elements: &[Element]) -> Compiled<Box<[Item]>> {
        let mut items = Vec::with_capacity(elements.len());
        for element in elements {
            items.push(Item { spread: element.spread, node: self.expr(&element.value)? });
        }
        Ok(items.into())
    }

    fn object(&mut self, properties: &[Property]) -> Compiled<NodeKind> {
        let written = properties.iter().all(|p| matches!(p, Property::Named { .. }));
        let (mut names, mut values) = (Vec::new(), Vec::new());
        let mut entries = Vec::new();
        for property in properties {
            match property {
                Property::Named { name, value } if written => {
                    names.push(name.clone());
                    values.push(self.expr(value)?);
                }
                Property::Named { name, value } => {
                    entries.push(Entry::Named(name.clone(), self.expr(value)?));
                }
                Property::Computed { name, value } => {
                    entries.push(Entry::Computed(self.expr(name)?, self.expr(value)?));
                }
                Property::Spread(value) => entries.push(Entry::Spread(self.expr(value)?)),
            }
        }
        if written {
            return Ok(NodeKind::Object { names: names.into(), values: values.into() });
        }
        Ok(NodeKind::Entries(entries.into()))
    }

    fn binary(
        &mut self,
        expr: &Expr,
        first: &Expr,
        rest: &[(BinaryOperator, Expr)],
    ) -> Compiled<Node> {
        let (folded, rest) = self.fold_prefix(first, rest);
        let left = match folded {
            Some(value) => Node { kind: NodeKind::Constant(value), span: first.span.clone() },
            None => self.expr(first)?,
        };
        if let [(operator, operand)] = rest {
            return self.pair(expr, left, *operator, operand);
        }
        let mut compiled = Vec::with_capacity(rest.len());
        for (operator, operand) in rest {
            compiled.push((*operator, self.expr(operand)?));
        }
        let kind = NodeKind::Operators { first: Box::new(left), rest: compiled.into() };
        Ok(Node { kind, span: expr.span.clone() })
    }

    /// Two operands; a read against a constant becomes one node.
    fn pair(
        &mut self,
        expr: &Expr,
        left: Node,
        operator: BinaryOperator,
        operand: &Expr,
    ) -> Compiled<Node> {
        let right = self.expr(operand)?;
        let span = expr.span.clone();
        let kind = match (left, right) {
            (
                Node { kind: NodeKind::Read(read), span: read_span },
                Node { kind: NodeKind::Constant(constant), .. },
            ) if operators::is_relation(operator) => {
                let comparison = Comparison { read, read_span, operator, constant };
                NodeKind::Compare(Box::new(comparison))
            }
            (left, right) => NodeKind::Binary { operator, operands: Box::new([left, right]) },
        };
        Ok(Node { kind, span })
    }

    /// What a name stands for: parameters hide locals, locals hide everything else.
    fn resolve(&self, name: &str, span: &Span) -> Compiled<Resolved> {
        let named = |parameter: &Parameter| parameter.name.as_deref() == Some(name);
        if let Some(place) = self.parameters.iter().rposition(named) {
            if !self.parameters[place].set {
                let message = format!("`{name}` is read before it has a value");
                return Err(CompileError::new("E0303", span.clone(), message)
                    .help("a default may read the parameters before it"));
            }
            return Ok(Resolved::Read(Base::Parameter(place as u32)));
        }
        if let Some(local) = self.names.locals.iter().rposition(|known| known == name) {
            return Ok(Resolved::Read(Base::Local(local as u32)));
        }
        Ok(match name {
            "PROFILE" => Resolved::Profile,
            "EVENT" => Resolved::Event,
            "undefined" => Resolved::Constant(Value::Undefined),
            "NaN" => Resolved::Constant(Value::Number(f64::NAN)),
            "Infinity" => Resolved::Constant(Value::Number(f64::INFINITY)),
            "CATALOG" => Resolved::Catalog,
            "RegExp" => return Err(refused::dynamic_pattern(span.clone())),
            "Intl" => {
                let message = "`Intl` is not allowed: it depends on the place";
                return Err(CompileError::new("E0303", span.clone(), message)
                    .help("use toFixed, toISOString and template literals"));
            }
            _ if let Some(space) = Space::of(name) => Resolved::Space(space),
            _ if builtins::is_global(name) => Resolved::Builtin,
            _ => return Err(self.unknown_name(name, span)),
        })
    }

    pub(super) fn unknown_name(&self, name: &str, span: &Span) -> CompileError {
        let mut known: Vec<&str> = vec!["PROFILE", "EVENT", "undefined", "true", "false", "null"];
        for name in builtins::globals() {
            known.push(name);
        }
        known.extend(self.parameters.iter().filter_map(|parameter| parameter.name.as_deref()));
        known.extend(self.names.locals.iter().map(Text::as_str));
        let error =
            CompileError::new("E0304", span.clone(), format!("there is no name `{name}` here"));
        if let ProfileNames::Slots(slots) = &self.names.profile
            && slots.slot(name).is_some()
        {
            return error.help(format!("write `PROFILE.{name}`"));
        }
        if let Some(help) = refused::foreign_value(name) {
            return error.help(help);
        }
        suggest(error, name, known.into_iter())
    }
}

/// Adds "did you mean" when one of the known names is close.
fn suggest<'n>(
    error: CompileError,
    name: &str,
    known: impl Iterator<Item = &'n str>,
) -> CompileError {
    match nearest(name, known) {
        Some(candidate) => error.help(format!("did you mean `{candidate}`?")),
        None => error,
    }
}

/// The known name that a misspelt one is closest to, when one is close.
pub(super) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let near = known
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= 2.max(name.chars().count() / 4))
        .filter(|(distance, candidate)| *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance);
    near.map(|(_, candidate)| candidate)
}

/// Letters to add, drop or change; case counts for nothing.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.to_lowercase().chars().take(128).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, l) in left.to_lowercase().chars().take(128).enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, r) in right.iter().enumerate() {
            let above = row[column + 1];
            let change = diagonal + usize::from(l != *r);
            row[column + 1] = change.min(above + 1).min(row[column] + 1);
            diagonal = above;
        }
    }
    row[right.len()]
}
