//! Offer expressions: JavaScript's semantics, compiled once, evaluated many times. This is the
//! language's reference.
//!
//! Text becomes tokens (`lexer`), tokens a tree (`parser`, `ast`), the tree a program of slots and
//! fused member chains (`compiler`, `program`), and the program a value (`vm`, `builtins`), under
//! fuel (`limits`). This module never heard of profiles or HTTP: it sees slots.
//!
//! # What an expression is
//!
//! One JavaScript expression, with ECMAScript's semantics:
//!
//! - literals: numbers in every form (`1_000`, `0xFF`, `0b1`, `.5e3`), strings with every escape,
//!   template literals, lists, objects (shorthand, computed names, `...`), `true false null
//!   undefined NaN Infinity`; comments;
//! - members, indexes, calls of methods, all forms of `?.`;
//! - `! - + ~ typeof void`, `** * / % + - << >> >>> < <= > >= in == != === !== & ^ | && || ??`,
//!   `? :` with the standard's precedence (`??` beside `||`, and `-x ** 2`, need parentheses);
//! - arrow functions with an expression as body, written where a built-in takes a function;
//!   parameters plain, with defaults, rest, or taken apart by patterns of lists and objects;
//! - built-in functions as values: read, compared, named (`f.name`), given to what takes a function
//!   (`list.map(Number)`); called only where they are named.
//!
//! # Names
//!
//! `PROFILE.name` (in a configuration only so, or `PROFILE["name"]`; outside one `PROFILE` is an
//! ordinary object), `PROFILE.rid`, `EVENT` (an ordinary object), `ITEM` and the names of `let`,
//! `ago("7d")` (processing time less a duration, epoch milliseconds; units `s m h d w`),
//! `bucket("salt")` (0 to 9,999: xxh3 of rid, a zero byte and the salt, modulo 10,000),
//! `escapeHtml(text)` (`undefined` and `null` pass as they are), and the built-ins.
//!
//! # Built-ins (the closed list)
//!
//! - strings: `length at charAt charCodeAt codePointAt concat endsWith includes indexOf isWellFormed
//!   lastIndexOf match matchAll normalize padEnd padStart repeat replace replaceAll search slice
//!   split startsWith substr substring toLowerCase toString toUpperCase toWellFormed trim trimEnd
//!   trimLeft trimRight trimStart valueOf`; `String() String.fromCharCode String.fromCodePoint`;
//! - regular expressions (`/pattern/flags`, every flag): `exec test toString valueOf`, `source
//!   flags lastIndex` (always 0) and one property a flag; what `match`, `matchAll` and `search` are
//!   given is one too, or constant text: patterns compile with the expression;
//! - lists: `length at concat entries every filter find findIndex findLast findLastIndex flat
//!   flatMap forEach includes indexOf join keys lastIndexOf map reduce reduceRight reverse slice
//!   some sort toReversed toSorted toSpliced toString valueOf values with` (`sort` and `reverse`
//!   return new lists); `Array() Array.from Array.isArray Array.of`; holes as in JavaScript;
//! - sets: `new Set(list)`, `size entries forEach has keys toString valueOf values`;
//! - iterators (of `keys`, `values`, `entries`, `matchAll`): `toString valueOf`; they are spread, taken
//!   apart, and given to `Array.from`, `new Set`, `Object.fromEntries`;
//! - objects: `toString valueOf`; `Object.assign` (onto a literal) `Object.entries
//!   Object.fromEntries Object.getOwnPropertyNames Object.hasOwn Object.is Object.keys
//!   Object.values`; all values have `hasOwnProperty` and `propertyIsEnumerable`;
//! - numbers and booleans: `toExponential toFixed toPrecision toString valueOf`; `Number()
//!   Number.isFinite isInteger isNaN isSafeInteger parseFloat parseInt` and its constants;
//!   `Boolean() parseInt parseFloat isNaN isFinite`;
//! - `Math`: `abs acos acosh asin asinh atan atan2 atanh cbrt ceil clz32 cos cosh exp expm1 floor
//!   fround hypot imul log log10 log1p log2 max min pow random round sign sin sinh sqrt tan tanh
//!   trunc` and its constants; `random` draws from a sequence of the rule and the event, keyed by
//!   the secret of the data directory; outside a configuration of processing time and the text;
//! - dates: `new Date(...)` in every form, `Date() Date.UTC Date.now Date.parse`;
//!   `getDate getDay getFullYear getHours getMilliseconds getMinutes getMonth getSeconds`, their
//!   likes with `UTC`, `getTime getTimezoneOffset getYear hasOwnProperty toDateString toGMTString
//!   toISOString toJSON toString toTimeString toUTCString valueOf`. Now is processing time, local
//!   time the configuration's `time_zone`, by the time zones of our release. The name of a zone
//!   in `toString` is its abbreviation, `(CET)`, but for `(Coordinated Universal Time)`;
//! - `JSON.parse JSON.stringify`, `encodeURI encodeURIComponent decodeURI decodeURIComponent`.
//!
//! Refused for good (page 3.1), each with what to write instead: whatever changes a value, statements, and any
//! reach for constructors and prototypes.
//!
//! # Limits
//!
//! 10,000 characters and 100 levels of nesting an expression; text 64 KiB, lists and maps 10,000
//! elements, values 64 levels, calls 64 deep; 100,000 units of fuel an expression, taken from the
//! request's budget, of which no unit takes more than 10 ns: what costs what is told in [`limits`].
//! A regular expression's program has 64 KiB at most, 50 levels, and bounds of repetitions up to
//! 1,000.
//!
//! # Deliberate differences
//!
//! 1. Values are immutable; a method that would change one reads as `undefined`. A method that is
//!    not in the list is a compile error.
//! 2. Text never holds half a surrogate pair: a cut pair, and a lone surrogate in a literal, is
//!    U+FFFD (`charCodeAt` and `codePointAt` give true units).
//! 3. Regular expressions run in linear time: look-around, back-references, strings in classes and
//!    patterns from text that only run time knows are refused; a group inside a repetition keeps
//!    what it matched last; `lastIndex` is 0 always, so that each call starts at the text's start;
//!    the `groups` of a match inherit as every object does.
//! 4. `JSON.parse` and `JSON.stringify` refuse what nests too deep (64 and 256 levels). An iterator
//!    is never spent: it can be walked again.
//! 5. `localeCompare`, `toLocale*` and `Intl` are refused; case mapping follows our release's
//!    Unicode tables. Transcendental functions come from `libm` and may differ from V8 in the last
//!    two units; powers do not.
//! 6. `Date.parse` reads ISO 8601 and what `toString` and `toUTCString` write; all else, which V8
//!    guesses at, is NaN.
//! 7. The limits above.

pub mod advice;
mod ast;
mod builtins;
mod compiler;
pub mod error;
pub mod flow;
mod lexer;
pub mod limits;
mod operators;
mod parser;
mod power;
mod program;
pub mod random;
mod refused;
mod regexp;
pub mod template;
mod vm;

pub use error::{CompileError, EvalError, EvalErrorKind, Span};
pub use flow::Sources;
pub use limits::Fuel;
pub use program::Program;
pub use template::Template;
pub use vm::{Trace, TraceEntry, Vm};

use std::borrow::Cow;

use crate::value::date::Zone;
use crate::value::{Text, Value};

/// Interns the names of `EVENT.<field>` that the programs of one plan read: name -> field index.
#[derive(Clone, Debug, Default)]
pub struct FieldTable {
    names: Vec<Text>,
    whole: bool,
}

impl FieldTable {
    /// The index of `name`, given a new one when it is not yet known.
    pub fn intern(&mut self, name: &str) -> u32 {
        match self.names.iter().position(|known| known == name) {
            Some(index) => index as u32,
            None => {
                self.names.push(Text::new(name));
                (self.names.len() - 1) as u32
            }
        }
    }

    /// A table of these names, in order.
    pub fn from_names<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut table = Self::default();
        for name in names {
            table.intern(name);
        }
        table
    }

    /// Field names by index.
    pub fn names(&self) -> &[Text] {
        &self.names
    }

    /// Notes that some program reads `EVENT` as an object (`EVENT[name]`, `Object.keys(EVENT)`).
    pub fn need_whole(&mut self) {
        self.whole = true;
    }

    /// Whether some program reads `EVENT` as an object.
    pub fn needs_whole(&self) -> bool {
        self.whole
    }
}

/// What `PROFILE` is while compiling.
pub enum ProfileNames<'a> {
    /// A configuration's slots: `PROFILE.<name>` compiles to the slot that the function gives.
    Slots(&'a dyn ProfileSlots),
    /// Outside a configuration: an ordinary object (`Scope::profile_object`).
    Object,
    /// Not readable here, with the sentence that says so (an event's filter sees EVENT only).
    Absent(&'static str),
    /// As `Absent`, but `REQUEST` is read: by [`REQUEST_USER_AGENT`] and [`REQUEST_ADDRESS`].
    Request(&'static str),
}

/// The slot of `REQUEST.user_agent`.
pub const REQUEST_USER_AGENT: u32 = 0;
/// The slot of `REQUEST.address`.
pub const REQUEST_ADDRESS: u32 = 1;

/// The names of `REQUEST`, which are the language's own.
struct RequestNames;

impl ProfileSlots for RequestNames {
    fn slot(&self, _name: &str) -> Option<u32> {
        None
    }

    fn names(&self) -> Vec<&str> {
        Vec::new()
    }

    fn find(&self, _space: Space, name: &str) -> Found {
        match name {
            "user_agent" => Found::Slot(REQUEST_USER_AGENT),
            "address" => Found::Slot(REQUEST_ADDRESS),
            _ => Found::Unknown,
        }
    }

    fn names_in(&self, _space: Space) -> Vec<&str> {
        vec!["user_agent", "address"]
    }
}

/// What a configuration's names are written behind, beside `PROFILE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Space {
    /// `SEGMENT.<name>`: whether the profile is in a batch segment.
    Segment,
    /// `BEFORE.<name>`: as `PROFILE.<name>`, before the event was applied.
    Before,
    /// `UPDATED.<name>`: when an attribute last changed.
    Updated,
    /// `REQUEST.<name>`: who sent the event.
    Request,
}

impl Space {
    /// The space of a name that starts a chain.
    pub fn of(name: &str) -> Option<Self> {
        Some(match name {
            "SEGMENT" => Self::Segment,
            "BEFORE" => Self::Before,
            "UPDATED" => Self::Updated,
            "REQUEST" => Self::Request,
            _ => return None,
        })
    }

    /// How it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Segment => "SEGMENT",
            Self::Before => "BEFORE",
            Self::Updated => "UPDATED",
            Self::Request => "REQUEST",
        }
    }
}

/// What a configuration says of a name in a [`Space`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is read from this slot ([`Scope::profile`]).
    Slot(u32),
    /// There is none of that name.
    Unknown,
    /// The space cannot be read here, with the sentence that says so.
    Absent(&'static str),
}

/// The names a configuration gives to `PROFILE.<name>` and the other spaces.
pub trait ProfileSlots {
    /// The slot of a declared name.
    fn slot(&self, name: &str) -> Option<u32>;
    /// All declared names, for suggestions.
    fn names(&self) -> Vec<&str>;
    /// Whether a slot is looked up in batch data when it is read.
    fn is_looked_up(&self, _slot: u32) -> bool {
        false
    }
    /// The slot of a name in another space than `PROFILE`.
    fn find(&self, _space: Space, _name: &str) -> Found {
        Found::Absent("this name is read only in a configuration")
    }
    /// All names of a space, for suggestions.
    fn names_in(&self, _space: Space) -> Vec<&str> {
        Vec::new()
    }
    /// The number of a catalog: `CATALOG.<name>.get(key)`.
    fn catalog(&self, _name: &str) -> Option<u32> {
        None
    }
    /// All catalogs, for suggestions.
    fn catalogs(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// What the names of an expression resolve to while it is compiled.
pub struct Names<'a> {
    /// `PROFILE`.
    pub profile: ProfileNames<'a>,
    /// `EVENT.<field>` is interned here.
    pub fields: &'a mut FieldTable,
    /// `ITEM` and the names of `let`, by local index; of equal names the last wins.
    pub locals: &'a [Text],
}

/// What a program reads while it runs.
pub trait Scope {
    /// `PROFILE.<name>` by slot.
    fn profile(&self, slot: u32) -> Cow<'_, Value>;
    /// `PROFILE` as an object (outside a configuration only).
    fn profile_object(&self) -> &Value;
    /// `EVENT.<field>` by field index; `undefined` when absent.
    fn field(&self, index: u32) -> &Value;
    /// `EVENT` as an object; asked for only when the field table needs the whole.
    fn event(&self) -> &Value;
    /// A local by index.
    fn local(&self, index: u32) -> &Value;
    /// Processing time, epoch milliseconds (`ago`).
    fn now_ms(&self) -> i64;
    /// The profile's id as text (`PROFILE.rid`, `bucket`); `None` outside a profile.
    fn rid(&self) -> Option<Text>;
    /// The time zone of local time.
    fn zone(&self) -> Zone {
        Zone::UTC
    }
    /// Whether the value may show what is sensitive ([`Template::Sensitive`]).
    fn shows_sensitive(&self) -> bool {
        true
    }
    /// `CATALOG.<name>.get(key)`: the row, or `undefined`.
    fn catalog(&self, _catalog: u32, _key: &Value) -> Value {
        Value::Undefined
    }
    /// Why the last look-up of batch data could not be made, told once; `None` when it could.
    fn take_failure(&self) -> Option<&'static str> {
        None
    }
    /// The next number of `Math.random`; `None` where there is no randomness.
    fn random(&self) -> Option<f64> {
        None
    }
}

/// Compiles one bare expression (`if`, `let`, `each`).
///
/// # Errors
/// The first mistake, with its span in `source`.
pub fn compile(source: &str, names: &mut Names<'_>) -> Result<Program, CompileError> {
    let expr = parser::parse(source)?;
    compiler::compile(source, &expr, names)
}
