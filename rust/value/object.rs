//! Object: a map in JavaScript's property order (integer names first, then by insertion).

use super::{Text, Value};

/// Entries in JavaScript's property order; duplicate names: the last value wins.
#[derive(Clone, Debug, Default)]
pub struct Object {
    entries: Vec<(Text, Value)>,
}

impl Object {
    /// Builds an object from entries in insertion order.
    pub fn from_entries(entries: Vec<(Text, Value)>) -> Self {
        Self { entries }
    }

    /// The value under `name`, if there is one.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.entries.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// All entries, in property order.
    pub fn entries(&self) -> &[(Text, Value)] {
        &self.entries
    }
}
