//! Set: distinct values in insertion order, alike by `SameValueZero`.

use super::{Value, ops};

/// Distinct values, in the order in which each first came.
#[derive(Debug, Default)]
pub struct Set {
    items: Vec<Value>,
}

impl Set {
    /// The distinct ones of these.
    pub fn from_items(items: impl IntoIterator<Item = Value>) -> Self {
        let mut set = Self::default();
        for item in items {
            if !set.has(&item) {
                set.items.push(item);
            }
        }
        set
    }

    /// The elements.
    pub fn items(&self) -> &[Value] {
        &self.items
    }

    /// Whether it holds the value.
    pub fn has(&self, value: &Value) -> bool {
        self.items.iter().any(|item| ops::same_value_zero(item, value))
    }

    /// `size`.
    pub(super) fn property(&self, name: &str) -> Option<Value> {
        (name == "size").then(|| Value::Number(self.items.len() as f64))
    }
}
