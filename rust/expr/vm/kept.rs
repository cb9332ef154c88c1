//! Kept: lists and maps that the scope made for one read, so that the same name is the same value.
//!
//! JavaScript's `PROFILE.list === PROFILE.list` holds; a scope that computes what it gives would
//! break that, and would compute it again. Few names are kept, so that a chain of them is enough.

use std::cell::OnceCell;

use crate::value::Value;

/// Values by slot, kept until the evaluation ends.
#[derive(Debug, Default)]
pub(super) struct Kept(OnceCell<Box<Link>>);

#[derive(Debug)]
struct Link {
    slot: u32,
    value: Value,
    next: Kept,
}

impl Kept {
    /// What was kept for a slot.
    #[inline]
    pub(super) fn find(&self, slot: u32) -> Option<&Value> {
        let mut link = self.0.get()?;
        loop {
            if link.slot == slot {
                return Some(&link.value);
            }
            link = link.next.0.get()?;
        }
    }

    /// Keeps a value for a slot.
    #[cold]
    pub(super) fn keep(&self, slot: u32, value: Value) -> &Value {
        let mut end = self;
        while let Some(link) = end.0.get() {
            end = &link.next;
        }
        &end.0.get_or_init(|| Box::new(Link { slot, value, next: Self::default() })).value
    }
}
