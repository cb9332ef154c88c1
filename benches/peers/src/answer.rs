//! When two engines gave the same answer: JSON, numbers by value, members in any order.
//!
//! Engines keep numbers as doubles, integers or decimals, and maps in an order of their own; none
//! of that is part of an answer. Everything else is: there is no tolerance.

use serde_json::Value as Json;

/// Whether two answers are the same.
pub fn same(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Number(left), Json::Number(right)) => left.as_f64() == right.as_f64(),
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| same(l, r))
        }
        (Json::Object(left), Json::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, l)| right.get(name).is_some_and(|r| same(l, r)))
        }
        _ => left == right,
    }
}
