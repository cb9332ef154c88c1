//! The JavaScript data model: what an expression reads, computes and yields.
//!
//! Values are immutable and shared (`Clone` never copies text, elements or entries), so that a
//! profile, an event and an answer can hold the same value on any thread.
//! Invariant: this module knows nothing of ours.

pub mod codec;
pub mod date;
mod fields;
mod function;
mod instance;
pub mod iterator;
pub mod json;
pub mod number;
mod object;
pub mod ops;
pub mod regexp;
pub mod set;
pub mod string;

use std::sync::Arc;

pub use fields::{FieldIndex, take_fields, take_fields_and_whole};
pub use function::Function;
pub use instance::Instance;
pub use json::{JSON_DEPTH_MAX, JsonError, parse_json, parse_json_as_javascript, write_json};
pub use object::{Object, array_index};
/// Text: UTF-8, cheap to clone, short text inline. Lone surrogates never occur (page 3.6.2).
pub use smol_str::SmolStr as Text;

/// One JavaScript value. Arrow functions are not values: they exist only as arguments.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// `undefined`: an absent name.
    #[default]
    Undefined,
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An IEEE double.
    Number(f64),
    /// Text.
    String(Text),
    /// A list; elements may be [`Value::Hole`].
    Array(Arc<Vec<Value>>),
    /// A map in JavaScript's property order.
    Object(Arc<Object>),
    /// A date, set, regular expression and their like; only inside an evaluation.
    Instance(Arc<Instance>),
    /// The element that a list has not (`[1, , 2]`); stands nowhere but in lists, and reads as
    /// `undefined` ([`Value::element`]). Only inside an evaluation.
    Hole,
}

impl Value {
    /// A string value.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::String(Text::new(text))
    }

    /// A list value.
    pub fn array(items: Vec<Value>) -> Self {
        Self::Array(Arc::new(items))
    }

    /// A map value from entries in insertion order.
    pub fn object(entries: Vec<(Text, Value)>) -> Self {
        Self::Object(Arc::new(Object::from_entries(entries)))
    }

    /// Whether this is `undefined` or `null`.
    pub fn is_nullish(&self) -> bool {
        matches!(self, Self::Undefined | Self::Null)
    }

    /// The property `name` as a plain read has it: an object's entry, `undefined` for all else.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Object(object) => object.get(name),
            _ => None,
        }
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<Text> for Value {
    fn from(text: Text) -> Self {
        Self::String(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(Text::new(text))
    }
}
