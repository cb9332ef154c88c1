//! The JavaScript data model: what an expression reads, computes and yields.
//!
//! Values are immutable and shared (`Clone` never copies text, elements or entries), so that a
//! profile, an event and an answer can hold the same value on any thread.
//! Invariant: this module knows nothing of ours.

mod object;

use std::sync::Arc;

pub use object::Object;
/// Text: UTF-8, cheap to clone, short text inline. Lone surrogates never occur (page 3.6.2).
pub use smol_str::SmolStr as Text;

/// One JavaScript value. Functions are not values: arrow functions exist only as arguments.
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
    /// A list. Holes read as `undefined`.
    Array(Arc<Vec<Value>>),
    /// A map in JavaScript's property order.
    Object(Arc<Object>),
}
