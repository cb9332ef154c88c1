//! Instance: what is neither data nor a primitive: dates, sets, regular expressions, and what
//! their methods give.
//!
//! Instances live inside an evaluation. What leaves one is data: [`Value::into_plain`] gives them
//! the form that `JSON.stringify` gives, so that no profile, record or answer ever holds one.
//! Invariant: immutable, as every value (page 3.6.1).

use std::sync::Arc;

use super::date::Date;
use super::function::Function;
use super::iterator::Iter;
use super::object::Object;
use super::regexp::{Match, RegExp};
use super::set::Set;
use super::{Text, Value};

/// One instance of a built-in class.
#[derive(Debug)]
pub enum Instance {
    /// A point in time, with the time zone that its local fields are read in.
    Date(Date),
    /// Distinct values in insertion order.
    Set(Set),
    /// A compiled regular expression.
    RegExp(Arc<RegExp>),
    /// What a regular expression found: a list with `index`, `input` and `groups`.
    Match(Match),
    /// What `keys`, `values`, `entries` and `matchAll` give.
    Iterator(Iter),
    /// A built-in method or function that is read and not called.
    Function(Function),
}

impl Instance {
    /// The property that a plain read finds, `None` when it has none of that name.
    pub fn property(&self, name: &str) -> Option<Value> {
        match self {
            Self::Set(set) => set.property(name),
            Self::RegExp(regexp) => regexp.property(name),
            Self::Match(found) => found.property(name),
            Self::Function(own) => match name {
                "name" => Some(Value::String(Text::new_static(own.name()))),
                "length" => Some(Value::Number(f64::from(own.length()))),
                _ => None,
            },
            Self::Date(_) | Self::Iterator(_) => None,
        }
    }

    /// `ToString`, but for the elements of a match, which are joined as a list's.
    pub fn to_text(&self) -> Text {
        match self {
            Self::Date(date) => date.to_text(),
            Self::Set(_) => Text::new_static("[object Set]"),
            Self::RegExp(regexp) => regexp.to_text(),
            Self::Iterator(iter) => Text::from(format!("[object {}]", iter.class())),
            Self::Function(own) => {
                Text::from(format!("function {}() {{ [native code] }}", own.name()))
            }
            Self::Match(_) => Text::default(),
        }
    }

    /// The form that `JSON.stringify` gives: text for a date, `{}` for what has no data.
    pub fn to_plain(&self) -> Value {
        match self {
            Self::Date(date) => date.iso_text().map_or(Value::Null, Value::String),
            Self::Match(found) => Value::Array(Arc::clone(found.items())).into_plain(),
            Self::Function(_) => Value::Undefined,
            Self::Set(_) | Self::RegExp(_) | Self::Iterator(_) => {
                Value::Object(Arc::new(Object::default()))
            }
        }
    }
}

impl Value {
    /// The value as data: instances in the form that JSON gives them, holes as `undefined`.
    pub fn into_plain(self) -> Self {
        if self.is_plain() { self } else { self.to_plain() }
    }

    fn is_plain(&self) -> bool {
        match self {
            Self::Array(items) => items.iter().all(Self::is_plain),
            Self::Object(object) => object.entries().iter().all(|(_, value)| value.is_plain()),
            Self::Instance(_) | Self::Hole => false,
            _ => true,
        }
    }

    fn to_plain(&self) -> Self {
        match self {
            Self::Array(items) => Self::array(items.iter().map(Self::to_plain).collect()),
            Self::Object(object) => {
                let entries = object.entries().iter();
                Self::object(
                    entries.map(|(name, value)| (name.clone(), value.to_plain())).collect(),
                )
            }
            Self::Instance(instance) => instance.to_plain(),
            Self::Hole => Self::Undefined,
            other => other.clone(),
        }
    }

    /// Whether JSON leaves a map's entry of this value out.
    pub fn has_no_json(&self) -> bool {
        match self {
            Self::Undefined | Self::Hole => true,
            Self::Instance(instance) => matches!(&**instance, Instance::Function(_)),
            _ => false,
        }
    }

    /// The elements of a list, or of a match, which is one too.
    pub fn items(&self) -> Option<&Arc<Vec<Value>>> {
        match self {
            Self::Array(items) => Some(items),
            Self::Instance(instance) => match &**instance {
                Instance::Match(found) => Some(found.items()),
                _ => None,
            },
            _ => None,
        }
    }

    /// What an element reads as: a hole is `undefined`.
    pub fn element(&self) -> &Self {
        if matches!(self, Self::Hole) { &UNDEFINED } else { self }
    }
}

static UNDEFINED: Value = Value::Undefined;

impl From<Instance> for Value {
    fn from(instance: Instance) -> Self {
        Self::Instance(Arc::new(instance))
    }
}
