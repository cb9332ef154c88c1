//! Iterator: what `keys`, `values`, `entries` and `matchAll` give, read to its end when made.
//!
//! Values are immutable, so that an iterator can be walked again, where JavaScript's is spent
//! (page 3.6.1); `next` is a mutator. Invariant: no element is a hole.

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
        Self::over(class, &Arc::new(items))
    }

    /// An iterator over a list's elements, shared where there are no holes in it.
    pub fn over(class: &'static str, items: &Arc<Vec<Value>>) -> Self {
        let items = match items.iter().any(|item| matches!(item, Value::Hole)) {
            true => Arc::new(items.iter().map(|item| item.element().clone()).collect()),
            false => Arc::clone(items),
        };
        Self { class, items }
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
