//! Function: a built-in that is read and not called.
//!
//! It can be compared, shown and asked for its name and length, and nothing else: whoever calls a
//! function names it in the call. Invariant: one built-in of JavaScript is one value here, also
//! where several classes inherit it.

/// A built-in method or function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Function {
    owner: &'static str,
    name: &'static str,
}

/// Classes with a `toString` of their own.
const OWN_TO_STRING: &[&str] =
    &["Array", "Boolean", "Date", "Function", "Number", "RegExp", "String"];
/// Classes with a `valueOf` of their own.
const OWN_VALUE_OF: &[&str] = &["Boolean", "Date", "Number", "String"];

impl Function {
    /// The function `name` of a class or namespace; of an owner without a name, where it has none.
    pub fn new(owner: &'static str, name: &'static str) -> Self {
        let (owner, name) = match (owner, name) {
            (_, "hasOwnProperty" | "propertyIsEnumerable") => ("Object", name),
            (owner, "toString") if !OWN_TO_STRING.contains(&owner) => ("Object", name),
            (owner, "valueOf") if !OWN_VALUE_OF.contains(&owner) => ("Object", name),
            ("Number", "parseFloat" | "parseInt") => ("", name),
            ("Set", "keys") => ("Set", "values"),
            same => same,
        };
        Self { owner, name }
    }

    /// `name`.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// `length`: how many arguments it asks for.
    pub fn length(self) -> u8 {
        match (self.owner, self.name) {
            ("Date", "UTC") | ("", "Date") => 7,
            ("JSON", "stringify") => 3,
            ("JSON", "parse") | ("", "parseInt") | ("Object", "assign" | "hasOwn" | "is") => 2,
            ("Math", "atan2" | "hypot" | "imul" | "max" | "min" | "pow") => 2,
            ("Object", "entries" | "keys" | "values") | ("Number", "toString") => 1,
            ("Date", "now") | ("Math", "random") | ("", "Set") => 0,
            ("Date", "parse" | "toJSON") => 1,
            ("Date", _) => 0,
            ("Array" | "String", "slice" | "split" | "toSpliced" | "with") => 2,
            ("String", "replace" | "replaceAll" | "substr" | "substring") => 2,
            ("Array" | "Set", "entries" | "keys" | "values") => 0,
            ("Array", "flat" | "of" | "reverse" | "toReversed") => 0,
            (
                "String",
                "isWellFormed" | "normalize" | "toLowerCase" | "toUpperCase" | "toWellFormed"
                | "trim" | "trimEnd" | "trimStart",
            ) => 0,
            (_, "toString" | "valueOf") => 0,
            _ => 1,
        }
    }
}
