//! Limits of expressions: every figure in one place (page 3.4).

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
pub const NAME_FUEL: usize = 8;
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

/// A function called on an element, beside what its body costs.
pub const VISIT_FUEL: usize = 5;

/// A pattern that takes a list apart, beside a unit a name.
pub const PATTERN_FUEL: usize = 6;
/// A new list, beside a unit an element.
pub const LIST_FUEL: usize = 5;
/// A new map, beside three units an entry.
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
