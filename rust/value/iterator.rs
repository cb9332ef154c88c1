//! Iterator: what `keys`, `values`, `entries` and `matchAll` give, read to its end when made.
//!
//! Values are immutable, so that an iterator can be walked again, where JavaScript's is spent
//! (page 3.6.1); `next` is a mutator.

use std::sync::Arc;

use super::Value;

/// The elements that an iterator would give.
#[derive(Debug)]
pub struct Iter {
    class: &'static str,
    items: Arc<Vec<Value>>,
}

impl Iter {
    /// An iterator of a class ("Array Iterator", "Set Iterator", "RegExp String Iterator").
    pub fn new(class: &'static str, items: Vec<Value>) -> Self {
        Self { class, items: Arc::new(items) }
    }

    /// Its class, as `Object.prototype.toString` shows it.
    pub fn class(&self) -> &'static str {
        self.class
    }

    /// Its elements.
    pub fn items(&self) -> &Arc<Vec<Value>> {
        &self.items
    }
}
