//! The facade error: one pointer wide, with a kind.
