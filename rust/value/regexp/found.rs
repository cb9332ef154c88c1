//! Found: the list that a match is to JavaScript, with `index`, `input` and `groups`.

use std::sync::Arc;

use super::super::{Text, Value};

/// What a regular expression found in a text: the whole, then each group.
#[derive(Debug)]
pub struct Match {
    /// The whole, then each group.
    items: Arc<Vec<Value>>,
    /// Where, in UTF-16 units, and the text that was searched; the list of `indices` has neither.
    place: Option<(usize, Text)>,
    /// Named groups by name, or `undefined`.
    groups: Value,
    /// Where each group lies, with the flag d.
    indices: Option<Value>,
}

impl Match {
    /// What was found where in `input`.
    pub fn new(items: Vec<Value>, index: usize, input: Text, groups: Value) -> Self {
        Self { items: Arc::new(items), place: Some((index, input)), groups, indices: None }
    }

    /// Where each group lies: the list `indices` of a match.
    pub fn of_indices(items: Vec<Value>, groups: Value) -> Self {
        Self { items: Arc::new(items), place: None, groups, indices: None }
    }

    /// With where each group lies.
    #[must_use]
    pub fn with_indices(mut self, indices: Value) -> Self {
        self.indices = Some(indices);
        self
    }

    /// The whole, then each group.
    pub fn items(&self) -> &Arc<Vec<Value>> {
        &self.items
    }

    /// `index`, `input`, `groups`, `indices`.
    pub(crate) fn property(&self, name: &str) -> Option<Value> {
        match (name, &self.place) {
            ("index", Some((index, _))) => Some(Value::Number(*index as f64)),
            ("input", Some((_, input))) => Some(Value::String(input.clone())),
            ("groups", _) => Some(self.groups.clone()),
            ("indices", _) => self.indices.clone(),
            _ => None,
        }
    }
}
