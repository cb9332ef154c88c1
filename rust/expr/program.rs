//! Program: what the compiler makes and the machine runs. Immutable, shared between threads.
//!
//! Code is blocks of instructions for a stack machine: block 0 is the expression, each further one
//! an arrow function. Reads of names with their members are one instruction (`Read`). Functions
//! never outlive the call that they are passed to and never call themselves, so that each
//! parameter of the whole program has one fixed place.

use super::ast::{BinaryOperator, UnaryOperator};
use super::builtins::{Function, Method};
use super::error::Span;
use crate::value::{Text, Value, array_index};

/// No chain after a read.
pub(super) const NO_CHAIN: u32 = u32::MAX;
/// No function among the arguments.
pub(super) const NO_CALLBACK: u32 = u32::MAX;

/// A compiled expression: immutable, shared between threads.
#[derive(Debug)]
pub struct Program {
    pub(super) source: Box<str>,
    pub(super) blocks: Vec<Block>,
    pub(super) constants: Vec<Value>,
    pub(super) chains: Vec<Vec<Step>>,
    pub(super) shapes: Vec<Box<[Text]>>,
    pub(super) callbacks: Vec<Callback>,
    /// Places that parameters need.
    pub(super) parameters: usize,
}

impl Program {
    /// The text that the program was compiled from; spans are in it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The value, when the whole expression folded to a constant.
    pub fn constant(&self) -> Option<&Value> {
        match self.blocks.first()?.ops.as_slice() {
            [Op::Constant(index)] => self.constants.get(*index as usize),
            _ => None,
        }
    }
}

/// Instructions in a row, with the source span of each.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub ops: Vec<Op>,
    pub spans: Vec<Span>,
    /// Where the last jump lands: instructions before and after are never made one.
    pub landing: usize,
}

/// Where a read starts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Base {
    Profile(u32),
    ProfileObject,
    Field(u32),
    Event,
    Local(u32),
    Parameter(u32),
}

/// One instruction.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Constant(u32),
    /// Pushes what a name and its members hold.
    Read {
        base: Base,
        chain: u32,
    },
    /// Pushes the profile's id.
    Rid,
    /// Follows members from the top of the stack.
    Members(u32),
    /// `object[index]`.
    Index,
    Unary(UnaryOperator),
    Binary(BinaryOperator),
    /// The top of the stack against a constant.
    BinaryConstant(BinaryOperator, u32),
    /// A read and `BinaryConstant` in one: most conditions are made of these.
    ReadBinary {
        base: Base,
        chain: u32,
        operator: BinaryOperator,
        constant: u32,
    },
    Jump(u32),
    /// Takes the condition.
    JumpIfFalse(u32),
    /// Keeps the value and jumps when it decides `&&`, `||`, `??`; else drops it.
    JumpIfFalsyKeep(u32),
    JumpIfTruthyKeep(u32),
    JumpUnlessNullishKeep(u32),
    /// Ends an optional chain with `undefined`.
    JumpIfNullish(u32),
    /// Joins so many values as text.
    Concatenate(u32),
    MakeArray(u32),
    /// Names from the shape, values from the stack.
    MakeObject(u32),
    ListStart,
    ListPush,
    ListSpread,
    ListEnd,
    EntriesStart,
    EntriesPush(u32),
    EntriesPushComputed,
    EntriesSpread,
    EntriesEnd,
    CallMethod {
        method: &'static Method,
        arguments: u32,
        callback: u32,
    },
    CallFunction {
        function: &'static Function,
        arguments: u32,
        callback: u32,
    },
    /// As the two above, with the arguments in a list on the stack.
    CallMethodSpread {
        method: &'static Method,
    },
    CallFunctionSpread {
        function: &'static Function,
    },
    /// Ends an optional call chain with `undefined` when the receiver has no such method.
    JumpUnlessMethod {
        method: &'static Method,
        target: u32,
    },
    JumpIfParameterDefined {
        parameter: u32,
        target: u32,
    },
    SetParameter(u32),
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
    Name,
}

impl Step {
    pub(super) fn new(name: Text, object_end: usize) -> Self {
        let kind = match array_index(&name) {
            Some(index) => StepKind::Index(index),
            None if name == "length" => StepKind::Length,
            None => StepKind::Name,
        };
        Self { name, kind, object_end }
    }
}

/// A function given as an argument.
#[derive(Debug)]
pub(super) enum Callback {
    /// An arrow function: its block, and the places of its parameters.
    Arrow { block: usize, first: usize, count: usize, rest: bool },
    /// A built-in function by name.
    Function(&'static Function),
}
