//! Attributes: kinds, options and state (page 4.2).

/// How a single folds the values it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregation {
    /// The value latest by event time.
    Last,
    /// The value earliest by event time.
    First,
    /// The sum of finite numbers.
    Sum,
    /// The least number.
    Min,
    /// The greatest number.
    Max,
}

/// An attribute's kind and options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeSpec {
    /// One value.
    Single {
        /// How values fold.
        aggregation: Aggregation,
        /// How long a value lasts, milliseconds; `None`: for life.
        duration_ms: Option<i64>,
    },
    /// Items, newest last.
    List {
        /// At most so many (1 to 10,000).
        max_items: usize,
        /// How long an item lasts, milliseconds.
        duration_ms: i64,
        /// A repeat moves to the end.
        distinct: bool,
    },
    /// Amounts in epoch-aligned buckets.
    Counter {
        /// The counter's own window, milliseconds; `None`: `total`, for life.
        duration_ms: Option<i64>,
        /// Further windows, milliseconds, in the order of `Attribute::windows`.
        windows_ms: Vec<i64>,
    },
}
