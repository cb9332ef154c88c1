//! Limits of expressions: every figure in one place (page 3.4).
//!
//! Fuel is the only clock. A unit is at most 10 ns of CPU on the benchmark machine, however it is
//! burnt: `benches/expr.rs` burns it in a thousand ways. What allocates, formats or calls costs more
//! than the step of page 3.4 for that reason; what conditions are made of costs its steps alone.
//! Invariant: a price depends on the values alone, never on how the machine found the answer, so
//! that a traced evaluation costs what a plain one does.
//!
//! # What costs what
//!
//! - a step: a name with its members, an operator, a call, an element of a chain: 1;
//! - a constant: 0;
//! - 16 bytes that a built-in reads or writes: 1;
//! - a built-in method or function called: 8;
//! - a built-in that calls an arrow function once an element (`map`, `some`, `reduce`): 4, and 1
//!   for every 8 elements;
//! - each element that it calls the function on: 6, and the body;
//! - a function called otherwise: a comparison of `sort`, a replacement, `Array.from`, a reviver:
//!   12, and the body;
//! - `includes` and `indexOf` of a list, an element looked at: 1, and 1 for every 16 bytes of
//!   texts of equal lengths from 16 bytes on;
//! - a list made: 5, and 1 an element;
//! - a map made: 5, and 4 an entry;
//! - a list or map copied by `...`, an element or entry: 1;
//! - text made, beside its bytes: 8;
//! - text made of each character or unit of a text (`[...text]`, `Object.keys(text)`): 3 for every
//!   4 bytes; 4 a unit;
//! - a number as text: 8 (in a template 3);
//! - a date, a pattern or another instance as text: 20;
//! - `join`: an element; a number; an instance: 2; 4; 24;
//! - text read as a number: 8, and 1 for every 3 bytes;
//! - `parseFloat`, `parseInt`: 4 and 1 for every 8 bytes; 2 and 1 for every 2 bytes;
//! - an operator on what is not two numbers (but `===`, `!==` and what is compared with `null`):
//!   10;
//! - texts compared, from 16 bytes on: 2, and 1 for every 16 bytes of the shorter;
//! - `%`; `**` and `Math.pow`: 6; 14;
//! - a function of `Math` that is a series (`sin`, `log`): 6; of an angle beyond a million 22;
//! - `toFixed`, `toPrecision`, `toExponential`: 32, and 1 a digit, times 1 more for every 16 of
//!   the exponent;
//! - `toString(radix)`: 24, and 3 for every 2 digits;
//! - a member of text or of an instance: 6; an index or `length` of text 3 for every 32 bytes
//!   more;
//! - a name that is computed, or looked for by `in`: 10 and 1 for every 3 bytes; of `in` twice 10;
//! - a method read and not called: 16;
//! - a parameter or part with a default or a pattern: 1;
//! - a pattern that takes a list apart, a rest parameter: 6, and 1 a name;
//! - searches in text (`indexOf`, `replace`), cuts by position; characters by position beyond
//!   that: 1 for every 8 bytes; 1 for every 8 more;
//! - a place where text is replaced: 2, and 2 a piece of the replacement;
//! - a part of `split`: 3, as an element among them;
//! - `toLowerCase`, `toUpperCase` beyond ASCII: 4 a byte; 1 for every 2 bytes;
//! - `normalize`: 4 a byte;
//! - `encodeURI`, `decodeURI` and their components: 1 a byte;
//! - `escapeHtml`: 1 for every 8 bytes;
//! - sorting as text: 4 an element, and an element and 16 bytes 1 for each halving of the list;
//! - `new Set`: 4, and an element and 16 bytes 1 for each halving of the list;
//! - `has` of a set: 8, and 1 for every 4 bytes;
//! - `Object.keys`, `values`, `entries`: an entry; a position that is spelt as a name: 1; 6;
//! - an entry of `entries`, beside the list of two that it is: 4;
//! - `JSON.parse`: 5 for every 8 bytes, 7 a list, 6 a map, 4 a name and 1 for each halving of the
//!   names;
//! - `JSON.stringify`: 6 a value, and 5 for every 64 bytes of its text;
//! - a look-up of batch data (an imported attribute, `SEGMENT`, `PROFILE.segments`, a row of
//!   `CATALOG`): 400;
//! - a date made, read or parsed: 8; components and parsed text 16;
//! - a search by a regular expression: 8, and the bytes looked at times the states of its program
//!   (16 at least) over 16; 16 times that where no full automaton is small enough;
//! - groups of a match: 8, the same of the match's bytes, and 2 a group.

use crate::value::regexp;

/// Characters of one expression.
pub const EXPRESSION_CHARS_MAX: usize = 10_000;
/// Fuel of one expression.
pub const EXPRESSION_FUEL_MAX: u64 = 100_000;
/// Fuel of one request's apply, and again of its decide.
pub const REQUEST_FUEL_MAX: u64 = 1_000_000;
/// Bytes of one string.
pub const STRING_BYTES_MAX: usize = 64 * 1024;
/// Elements of one list.
pub const LIST_ITEMS_MAX: usize = 10_000;
/// Calls nested.
pub const CALL_DEPTH_MAX: usize = 64;

/// Levels that parentheses, brackets, calls and functions nest in one expression.
pub const NESTING_MAX: usize = 100;
/// Levels of lists and maps in what an expression yields (as JSON's, page 1.3).
pub const VALUE_DEPTH_MAX: usize = 64;
/// Bytes of the program that a regular expression becomes.
pub const REGEXP_BYTES_MAX: usize = 64 * 1024;
/// Levels that groups and classes nest in a regular expression.
pub const REGEXP_NESTING_MAX: usize = 50;
/// The largest bound of a repetition in a regular expression.
pub const REGEXP_REPEAT_MAX: u32 = 1_000;
/// Bytes that a built-in reads or writes for one unit of fuel.
pub const BYTES_PER_FUEL: usize = 16;

/// Writing a date, a pattern or another instance as text, beside its bytes.
pub const DATE_TEXT_FUEL: usize = 20;
/// Writing a number as text.
pub const NUMBER_TEXT_FUEL: usize = 8;
/// Digits of a number's exact value (`toFixed` and its like), beside a unit each.
pub const DIGITS_FUEL: usize = 32;
/// A number in a template.
pub const PIECE_FUEL: usize = 3;
/// Text that is made, beside its bytes.
pub const TEXT_FUEL: usize = 8;
/// Text read as a number, beside a unit every three bytes.
pub const NUMBER_FUEL: usize = 8;
/// Bytes of text that are read as a number for one unit.
pub const NUMBER_BYTES_PER_FUEL: usize = 3;
/// An operator on what is not two numbers, or a strict comparison of it.
pub const CONVERSION_FUEL: usize = 10;
/// `**`, beside the step.
pub const POWER_FUEL: usize = 14;
/// `%`, beside the step.
pub const REMAINDER_FUEL: usize = 6;
/// A built-in method or function called, beside what it reads and makes.
pub const CALL_FUEL: usize = 8;
/// A built-in that calls a function once an element (`map`, `some`), beside its elements.
pub const LOOP_FUEL: usize = 4;
/// Elements that such a built-in may pass over, as it does holes, for one unit.
pub const HOLES_PER_FUEL: usize = 8;
/// A function called by a built-in that is no loop over a list: a comparison of `sort`, a replacement.
pub const CALLBACK_FUEL: usize = 12;
/// An index that is no number on a list: a name is made of it and looked for.
pub const NAME_FUEL: usize = 10;
/// A member of text, or of an instance.
pub const MEMBER_FUEL: usize = 6;

/// The limits of regular expressions, for what compiles them.
pub(super) const REGEXP: regexp::Limits = regexp::Limits {
    program_bytes_max: REGEXP_BYTES_MAX,
    nesting_max: REGEXP_NESTING_MAX,
    repeat_max: REGEXP_REPEAT_MAX,
};

/// Entries of one trace.
pub const TRACE_ENTRIES_MAX: usize = 10_000;
/// Entries of one subexpression in a trace.
pub const TRACE_SPAN_ENTRIES_MAX: usize = 100;

/// A look-up of batch data, however often the same is asked: blocks of rows are read for it.
pub const LOOKUP_FUEL: usize = 400;
/// A function called on an element, beside what its body costs.
pub const VISIT_FUEL: usize = 6;

/// A pattern that takes a list apart, beside a unit a name.
pub const PATTERN_FUEL: usize = 6;
/// A new list, beside a unit an element.
pub const LIST_FUEL: usize = 5;
/// A new map, beside four units an entry.
pub const MAP_FUEL: usize = 5;
/// A method that is read and not called: it is made a value.
pub const FUNCTION_FUEL: usize = 16;

/// A budget: the only clock that expressions have.
#[derive(Debug)]
pub struct Fuel {
    /// Units left.
    pub left: u64,
}

impl Fuel {
    /// A full budget of one request's apply or decide.
    pub fn request() -> Self {
        Self { left: REQUEST_FUEL_MAX }
    }

    /// What is left of a budget, as recorded.
    pub fn left(left: u32) -> Self {
        Self { left: u64::from(left) }
    }
}
