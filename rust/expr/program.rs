//! Program: what the compiler makes and the machine runs. Immutable, shared between threads.
//!
//! A program is a tree of nodes in which every name is resolved: slots, field indexes, places of
//! parameters, methods and functions. What conditions are made of is one node each: a name with its
//! members, such a read against a constant, a list asked for one element. Chains are lists of parts,
//! so that the tree is no deeper than the nesting that a person wrote. Functions never outlive the
//! call that they are passed to and never call themselves, so that each parameter of the whole
//! program has one fixed place.

use std::sync::Arc;

use super::ast::{BinaryOperator, UnaryOperator};
use super::builtins::{self, Function, Method};
use super::error::Span;
use crate::value::regexp::RegExp;
use crate::value::{Text, Value, array_index};

/// A compiled expression: immutable, shared between threads.
#[derive(Debug)]
pub struct Program {
    pub(super) source: Box<str>,
    pub(super) root: Node,
}

impl Program {
    /// The text that the program was compiled from; spans are in it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The value, when the whole expression folded to a constant.
    pub fn constant(&self) -> Option<&Value> {
        match &self.root.kind {
            NodeKind::Constant(value) => Some(value),
            _ => None,
        }
    }
}

/// A subexpression and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    pub kind: NodeKind,
    pub span: Span,
}

#[derive(Debug)]
pub(super) enum NodeKind {
    Constant(Value),
    /// A regular expression inside a function: another object each time, as JavaScript has it.
    Pattern(Arc<RegExp>),
    /// A name and its members.
    Read(Read),
    /// A read against a constant: most conditions are made of these.
    Compare(Box<Comparison>),
    /// The profile's id.
    Rid,
    /// A name of batch data, which is looked up.
    Lookup(u32),
    /// The row of a catalog under a key.
    Row {
        catalog: u32,
        key: Box<Node>,
    },
    /// A value, and what is read from it or called on it in a row.
    Chain {
        base: Box<Node>,
        parts: Box<[Part]>,
    },
    Not(Box<Node>),
    Unary {
        operator: UnaryOperator,
        operand: Box<Node>,
    },
    Binary {
        operator: BinaryOperator,
        operands: Box<[Node; 2]>,
    },
    /// `first op rest op rest…` of one precedence, from the left.
    Operators {
        first: Box<Node>,
        rest: Box<[(BinaryOperator, Node)]>,
    },
    And(Box<[Node]>),
    Or(Box<[Node]>),
    Coalesce(Box<[Node]>),
    Conditional {
        arms: Box<[(Node, Node)]>,
        otherwise: Box<Node>,
    },
    /// Joined as text.
    Concatenate(Box<[Node]>),
    /// A list whose elements are written out.
    List(Box<[Node]>),
    /// A list with `...` in it.
    Spread(Box<[Item]>),
    /// A map whose names are written out.
    Object {
        names: Box<[Text]>,
        values: Box<[Node]>,
    },
    /// A map with `...` or computed names in it.
    Entries(Box<[Entry]>),
    Call {
        function: &'static Function,
        arguments: Box<Arguments>,
    },
}

/// Where a read starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    Profile(u32),
    ProfileObject,
    Field(u32),
    Event,
    Local(u32),
    Parameter(u32),
}

/// A name and the members read from it.
#[derive(Debug)]
pub(super) struct Read {
    pub base: Base,
    pub steps: Box<[Step]>,
}

/// A read, an operator that yields true or false, and a constant.
#[derive(Debug)]
pub(super) struct Comparison {
    pub read: Read,
    pub read_span: Span,
    pub operator: BinaryOperator,
    pub constant: Value,
}

/// One member of a chain.
#[derive(Debug)]
pub(super) struct Step {
    pub name: Text,
    pub kind: StepKind,
    /// Where the text of what is read from ends.
    pub object_end: usize,
}

/// What the member's name is to lists and text.
#[derive(Clone, Copy, Debug)]
pub(super) enum StepKind {
    Length,
    Index(u32),
    /// The method of that name, where there is one.
    Name(Option<&'static Method>),
}

impl Step {
    pub(super) fn new(name: Text, object_end: usize) -> Self {
        let kind = match array_index(&name) {
            Some(index) => StepKind::Index(index),
            None if name == "length" => StepKind::Length,
            None => StepKind::Name(builtins::method(&name)),
        };
        Self { name, kind, object_end }
    }
}

/// An element of a list or an argument of a call.
#[derive(Debug)]
pub(super) struct Item {
    pub spread: bool,
    pub node: Node,
}

/// An entry of a map that is not written out in full.
#[derive(Debug)]
pub(super) enum Entry {
    Named(Text, Node),
    Computed(Node, Node),
    Spread(Node),
}

/// The arguments of a call; a function leaves `undefined` in its place.
#[derive(Debug)]
pub(super) struct Arguments {
    pub items: Box<[Item]>,
    pub callback: Option<Callback>,
}

/// One part of a chain.
#[derive(Debug)]
pub(super) struct Part {
    pub kind: PartKind,
    /// `undefined` before it ends the chain.
    pub optional: bool,
    /// From the chain's start to the part's end.
    pub span: Span,
}

#[derive(Debug)]
pub(super) enum PartKind {
    Members(Box<[Step]>),
    Index(Box<Node>),
    Method(Box<MethodCall>),
    Computed(Box<ComputedCall>),
}

/// A call of a method by its name.
#[derive(Debug)]
pub(super) struct MethodCall {
    pub method: &'static Method,
    pub arguments: Arguments,
    /// `name?.(…)`: a receiver that has no such method ends the chain.
    pub optional: bool,
    pub quick: Quick,
}

/// A call of a method whose name is computed.
#[derive(Debug)]
pub(super) struct ComputedCall {
    pub name: Node,
    pub arguments: Arguments,
    pub optional: bool,
}

/// Calls that the machine answers by itself for the receivers that they are mostly made on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Quick {
    /// By the built-in.
    None,
    /// A list, a function called once an element.
    Visit(Visit),
    /// `includes`, `indexOf`, `startsWith`, `endsWith` with one argument.
    Search(Search),
    /// `at` with a constant.
    At(f64),
    /// `slice` with constants, from and to.
    Slice { start: f64, end: f64 },
    /// `slice` with constants, and then the element at `index` of it.
    SliceItem { start: f64, end: f64, index: u32 },
    /// `filter` of which only the length is read.
    Count,
}

/// What a function is called for on each element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visit {
    Every,
    Filter,
    Find,
    FindIndex,
    FindLast,
    FindLastIndex,
    FlatMap,
    ForEach,
    Map,
    Reduce,
    Some,
}

/// What is asked about one value in a list, or one text in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    EndsWith,
    Includes,
    IndexOf,
    StartsWith,
}

/// A function given as an argument.
#[derive(Debug)]
pub(super) enum Callback {
    /// An arrow function.
    Arrow(Box<Arrow>),
    /// A built-in function by name.
    Function(&'static Function),
}

/// An arrow function: the places of its parameters, and its body.
#[derive(Debug)]
pub(super) struct Arrow {
    /// The first parameter's place; the others follow.
    pub first: usize,
    /// How many parameters there are, the rest parameter among them.
    pub count: usize,
    /// Whether the last takes all arguments that are left.
    pub rest: bool,
    /// The place after the last that it uses, those of names in patterns among them.
    pub places_end: usize,
    /// What is done before the body: defaults and patterns, in order.
    pub bindings: Box<[Binding]>,
    pub body: Node,
}

/// What becomes of a value that a parameter, or a part of one, is given.
#[derive(Debug)]
pub(super) struct Binding {
    /// Where the value lies.
    pub place: usize,
    /// Stands for `undefined`.
    pub default: Option<Node>,
    pub pattern: Option<Pattern>,
    pub span: Span,
}

/// A value taken apart.
#[derive(Debug)]
pub(super) enum Pattern {
    Object {
        properties: Box<[(PropertyName, Binding)]>,
        rest: Option<usize>,
    },
    /// An element that is skipped has no binding.
    Array {
        elements: Box<[Option<Binding>]>,
        rest: Option<Box<Binding>>,
    },
}

/// The name of a property that a pattern reads.
#[derive(Debug)]
pub(super) enum PropertyName {
    Written(Step),
    Computed(Node),
}
