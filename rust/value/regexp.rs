//! RegExp: a regular expression, and what it found.

use std::sync::Arc;

use super::{Text, Value};

/// A regular expression: its text and its flags.
#[derive(Debug)]
pub struct RegExp {
    source: Text,
    flags: Text,
}

impl RegExp {
    /// The expression between the slashes, and the flags after them.
    pub fn new(source: Text, flags: Text) -> Self {
        Self { source, flags }
    }

    /// As it is written: `/source/flags`.
    pub fn to_text(&self) -> Text {
        Text::from(format!("/{}/{}", self.source, self.flags))
    }

    /// `source`, `flags`.
    pub(super) fn property(&self, name: &str) -> Option<Value> {
        match name {
            "source" => Some(Value::String(self.source.clone())),
            "flags" => Some(Value::String(self.flags.clone())),
            _ => None,
        }
    }
}

/// What a regular expression found in a text: the whole, then each group.
#[derive(Debug)]
pub struct Match {
    /// The whole, then each group.
    items: Arc<Vec<Value>>,
    /// Where, in UTF-16 units.
    index: usize,
    /// The text that was searched.
    input: Text,
    /// Named groups by name, or `undefined`.
    groups: Value,
}

impl Match {
    /// What was found where in `input`.
    pub fn new(items: Vec<Value>, index: usize, input: Text, groups: Value) -> Self {
        Self { items: Arc::new(items), index, input, groups }
    }

    /// The whole, then each group.
    pub fn items(&self) -> &Arc<Vec<Value>> {
        &self.items
    }

    /// `index`, `input`, `groups`.
    pub(super) fn property(&self, name: &str) -> Option<Value> {
        match name {
            "index" => Some(Value::Number(self.index as f64)),
            "input" => Some(Value::String(self.input.clone())),
            "groups" => Some(self.groups.clone()),
            _ => None,
        }
    }
}
