//! Aggregates: what a list's items come to over one field, under a name of its own.
//!
//! Nothing is kept for them: they are read from the items that the list reads, so they are always
//! of the very same items. Invariant: an item without the field, or with `null` in it, is no item
//! to any of them; numbers that are not finite are none to the numeric ones.

use std::collections::HashMap;

use smallvec::SmallVec;

use super::json_form::{equal, hash_value};
use crate::value::{Text, Value};

/// How the values of one field fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFold {
    /// That of the oldest item; `undefined` without any.
    First,
    /// That of the newest item; `undefined` without any.
    Last,
    /// The sum of the finite numbers; 0 without any.
    Sum,
    /// The least of the finite numbers; `undefined` without any.
    Min,
    /// The greatest of the finite numbers; `undefined` without any.
    Max,
    /// How many there are.
    Count,
    /// The different ones, by their JSON text, in the order in which they first stand.
    Distinct,
}

/// One entry of `aggregations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aggregate {
    /// `PROFILE.<name>`.
    pub name: Text,
    /// How it folds.
    pub fold: ListFold,
    /// The items' field.
    pub field: Text,
}

impl Aggregate {
    /// What it reads of a list's items.
    pub fn of(&self, items: &Value) -> Value {
        let Value::Array(items) = items else { return Value::Undefined };
        let mut values = items.iter().filter_map(|item| match item {
            Value::Object(item) => item.get(&self.field).filter(|value| !value.is_nullish()),
            _ => None,
        });
        match self.fold {
            ListFold::First => values.next().cloned().unwrap_or_default(),
            ListFold::Last => values.next_back().cloned().unwrap_or_default(),
            ListFold::Count => Value::Number(values.count() as f64),
            ListFold::Distinct => Value::array(distinct(values)),
            ListFold::Sum => Value::Number(numbers(values).sum::<f64>() + 0.0),
            ListFold::Min => {
                numbers(values).reduce(f64::min).map_or(Value::Undefined, Value::Number)
            }
            ListFold::Max => {
                numbers(values).reduce(f64::max).map_or(Value::Undefined, Value::Number)
            }
        }
    }
}

fn numbers<'v>(values: impl Iterator<Item = &'v Value>) -> impl Iterator<Item = f64> {
    values.filter_map(|value| match value {
        Value::Number(number) if number.is_finite() => Some(*number),
        _ => None,
    })
}

fn distinct<'v>(values: impl Iterator<Item = &'v Value>) -> Vec<Value> {
    let mut seen: HashMap<u64, SmallVec<[&Value; 1]>> = HashMap::new();
    let mut distinct = Vec::new();
    for value in values {
        let alike = seen.entry(hash_value(value)).or_default();
        if !alike.iter().any(|other| equal(other, value)) {
            alike.push(value);
            distinct.push(value.clone());
        }
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(fields: &[(&str, Value)]) -> Value {
        Value::object(fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
    }

    #[test]
    fn each_fold_reads_the_field_of_the_items_that_have_it() {
        let number = Value::Number;
        let items = Value::array(vec![
            item(&[("sku", Value::text("a")), ("price", number(5.0))]),
            item(&[("sku", Value::text("b")), ("price", Value::Null)]),
            item(&[("sku", Value::text("a")), ("price", Value::text("7"))]),
            item(&[("price", number(-2.5))]),
            item(&[("sku", number(1.0)), ("price", number(f64::INFINITY))]),
        ]);
        let read = |fold, field: &str| {
            let aggregate = Aggregate { name: "n".into(), fold, field: field.into() };
            (
                format!("{:?}", aggregate.of(&items)),
                format!("{:?}", aggregate.of(&Value::array(vec![]))),
            )
        };
        let some = |value: Value, empty: Value| (format!("{value:?}"), format!("{empty:?}"));
        let none = || Value::Undefined;
        assert_eq!(read(ListFold::First, "price"), some(number(5.0), none()));
        assert_eq!(read(ListFold::Last, "sku"), some(number(1.0), none()));
        assert_eq!(read(ListFold::Sum, "price"), some(number(2.5), number(0.0)));
        assert_eq!(read(ListFold::Min, "price"), some(number(-2.5), none()));
        assert_eq!(read(ListFold::Max, "price"), some(number(5.0), none()));
        assert_eq!(read(ListFold::Count, "sku"), some(number(4.0), number(0.0)));
        let three = Value::array(vec![Value::text("a"), Value::text("b"), number(1.0)]);
        assert_eq!(read(ListFold::Distinct, "sku"), some(three, Value::array(vec![])));
        assert_eq!(read(ListFold::Sum, "sku"), some(number(1.0), number(0.0)));
        assert_eq!(read(ListFold::Max, "weight"), some(none(), none()));
    }
}
