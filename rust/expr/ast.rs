//! Ast: an expression as a tree, flat where JavaScript chains.
//!
//! Chains of members, of operators of one precedence, and of conditionals are lists here, so that
//! the tree is never deeper than the nesting that a person wrote: walking it needs little stack.

use super::error::Span;
use crate::value::{Text, Value};

/// An expression and where it stands.
#[derive(Debug)]
pub(super) struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Debug)]
pub(super) enum ExprKind {
    Literal(Value),
    /// `texts` is one longer than `parts`.
    Template {
        texts: Vec<Text>,
        parts: Vec<Expr>,
    },
    Name(Text),
    Array(Vec<Element>),
    Object(Vec<Property>),
    /// `base.name[index](arguments)…`; an optional part that meets `undefined` ends the chain.
    Chain {
        base: Box<Expr>,
        parts: Vec<ChainPart>,
    },
    Unary {
        operator: UnaryOperator,
        operand: Box<Expr>,
    },
    /// `first op rest op rest…`, evaluated from the left.
    Binary {
        first: Box<Expr>,
        rest: Vec<(BinaryOperator, Expr)>,
    },
    /// Operands of one logical operator.
    Logical {
        operator: LogicalOperator,
        operands: Vec<Expr>,
    },
    /// `condition ? value : condition ? value : otherwise`.
    Conditional {
        arms: Vec<(Expr, Expr)>,
        otherwise: Box<Expr>,
    },
    /// `new class(arguments)`, of a class that may be constructed.
    New {
        class: Text,
        arguments: Vec<Element>,
    },
    Arrow(Box<Arrow>),
    /// What stood in parentheses: ends optional chains, and settles precedence.
    Paren(Box<Expr>),
}

/// An element of a list or an argument of a call.
#[derive(Debug)]
pub(super) struct Element {
    pub spread: bool,
    pub value: Expr,
}

#[derive(Debug)]
pub(super) enum Property {
    Named { name: Text, value: Expr },
    Computed { name: Expr, value: Expr },
    Spread(Expr),
}

#[derive(Debug)]
pub(super) struct ChainPart {
    pub kind: ChainPartKind,
    pub optional: bool,
    /// The part itself, from its `.`, `[` or `(`.
    pub span: Span,
}

#[derive(Debug)]
pub(super) enum ChainPartKind {
    Member(Text),
    Index(Expr),
    Call(Vec<Element>),
}

#[derive(Debug)]
pub(super) struct Arrow {
    pub parameters: Vec<Parameter>,
    pub body: Expr,
}

#[derive(Debug)]
pub(super) struct Parameter {
    pub target: Target,
    pub rest: bool,
}

/// What a value is given to: a name or a pattern, and what stands for `undefined`.
#[derive(Debug)]
pub(super) struct Target {
    pub kind: TargetKind,
    pub default: Option<Expr>,
    pub span: Span,
}

#[derive(Debug)]
pub(super) enum TargetKind {
    Name(Text),
    /// `{name, other: target, ...rest}`.
    Object {
        properties: Vec<(PatternName, Target)>,
        rest: Option<Text>,
    },
    /// `[first, , third, ...rest]`.
    Array {
        elements: Vec<Option<Target>>,
        rest: Option<Box<Target>>,
    },
}

/// The name of a property that a pattern takes.
#[derive(Debug)]
pub(super) enum PatternName {
    Written(Text),
    Computed(Expr),
}

impl Target {
    /// Adds the names that it gives values to, in order.
    pub(super) fn names<'t>(&'t self, names: &mut Vec<&'t Text>) {
        match &self.kind {
            TargetKind::Name(name) => names.push(name),
            TargetKind::Object { properties, rest } => {
                properties.iter().for_each(|(_, target)| target.names(names));
                names.extend(rest);
            }
            TargetKind::Array { elements, rest } => {
                elements.iter().flatten().for_each(|target| target.names(names));
                rest.iter().for_each(|target| target.names(names));
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnaryOperator {
    Not,
    Negate,
    Plus,
    BitNot,
    TypeOf,
    Void,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogicalOperator {
    And,
    Or,
    Nullish,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BinaryOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    ShiftLeft,
    ShiftRight,
    ShiftRightUnsigned,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    StrictEqual,
    StrictNotEqual,
    BitAnd,
    BitXor,
    BitOr,
    In,
}
