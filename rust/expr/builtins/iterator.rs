//! Iterators: what every value has, and no more. They are there to be spread, given to
//! `Array.from`, `new Set` or `Object.fromEntries`, and taken apart.

use super::{Entry, object};

pub(super) const METHODS: &[Entry] = &[
    ("hasOwnProperty", None, object::has_own_property),
    ("propertyIsEnumerable", None, object::property_is_enumerable),
    ("toString", None, object::to_text),
    ("valueOf", None, object::value_of),
];
