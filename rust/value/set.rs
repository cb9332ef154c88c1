//! Set: distinct values in insertion order, alike by `SameValueZero`.
//!
//! Small sets are searched value by value; larger ones carry an index that is sorted by an order
//! of our own (`rank`), so that ten thousand elements are not quadratic and no choice of texts can
//! make them so (there is no hash to collide). Lists, maps and instances are ordered by where they
//! stand in memory: that decides only where the index looks, never what a set answers.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{Instance, Value, ops};

/// Up to this many elements a plain scan is faster than the index.
const SCAN_ITEMS_MAX: usize = 8;

/// Distinct values, in the order in which each first came.
#[derive(Debug, Default)]
pub struct Set {
    items: Arc<Vec<Value>>,
    /// Positions in `items`, sorted by `rank`; empty for small sets.
    by_rank: Vec<u32>,
}

impl Set {
    /// The distinct ones of these; a hole is `undefined`, and -0 is 0.
    pub fn from_items(items: impl IntoIterator<Item = Value>) -> Self {
        let all: Vec<Value> = items.into_iter().map(canonical).collect();
        if all.len() <= SCAN_ITEMS_MAX {
            let mut items: Vec<Value> = Vec::with_capacity(all.len());
            for item in all {
                if !items.iter().any(|known| ops::same_value_zero(known, &item)) {
                    items.push(item);
                }
            }
            return Self { items: Arc::new(items), by_rank: Vec::new() };
        }
        let mut ranked: Vec<u32> = (0..all.len() as u32).collect();
        // Stable: of equals the one that came first stays.
        ranked.sort_by(|&left, &right| rank(&all[left as usize], &all[right as usize]));
        ranked.dedup_by(|later, first| {
            rank(&all[*later as usize], &all[*first as usize]) == Ordering::Equal
        });
        if ranked.len() == all.len() {
            return Self { items: Arc::new(all), by_rank: ranked };
        }
        // Where each kept element stands once the repeats are gone.
        let mut places = vec![u32::MAX; all.len()];
        ranked.iter().for_each(|&position| places[position as usize] = 0);
        let mut items = Vec::with_capacity(ranked.len());
        for (item, place) in all.into_iter().zip(&mut places) {
            if *place == 0 {
                *place = items.len() as u32;
                items.push(item);
            }
        }
        ranked.iter_mut().for_each(|position| *position = places[*position as usize]);
        Self { items: Arc::new(items), by_rank: ranked }
    }

    /// The elements.
    pub fn items(&self) -> &Arc<Vec<Value>> {
        &self.items
    }

    /// Whether it holds the value.
    pub fn has(&self, value: &Value) -> bool {
        if self.by_rank.is_empty() {
            return self.items.iter().any(|item| ops::same_value_zero(item, value));
        }
        let found = |position: &u32| rank(&self.items[*position as usize], value);
        self.by_rank.binary_search_by(found).is_ok()
    }

    /// `size`.
    pub(super) fn property(&self, name: &str) -> Option<Value> {
        (name == "size").then(|| Value::Number(self.items.len() as f64))
    }
}

fn canonical(value: Value) -> Value {
    match value {
        Value::Hole => Value::Undefined,
        Value::Number(0.0) => Value::Number(0.0),
        other => other,
    }
}

/// A total order in which exactly the values alike by `SameValueZero` are equal.
fn rank(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Number(l), Value::Number(r)) => match (l.is_nan(), r.is_nan()) {
            // Adding zero turns -0 into 0.
            (false, false) => (l + 0.0).total_cmp(&(r + 0.0)),
            (l, r) => l.cmp(&r),
        },
        // Lengths first: most texts differ there already.
        (Value::String(l), Value::String(r)) => l.len().cmp(&r.len()).then_with(|| l.cmp(r)),
        (Value::Bool(l), Value::Bool(r)) => l.cmp(r),
        (Value::Instance(l), Value::Instance(r)) => match (&**l, &**r) {
            (Instance::Function(l), Instance::Function(r)) => l.cmp(r),
            (Instance::Function(_), _) => Ordering::Less,
            (_, Instance::Function(_)) => Ordering::Greater,
            _ => Arc::as_ptr(l).cmp(&Arc::as_ptr(r)),
        },
        (Value::Array(l), Value::Array(r)) => Arc::as_ptr(l).cmp(&Arc::as_ptr(r)),
        (Value::Object(l), Value::Object(r)) => Arc::as_ptr(l).cmp(&Arc::as_ptr(r)),
        _ => kind_rank(left).cmp(&kind_rank(right)),
    }
}

fn kind_rank(value: &Value) -> u8 {
    match value {
        Value::Undefined | Value::Hole => 0,
        Value::Null => 1,
        Value::Bool(_) => 2,
        Value::Number(_) => 3,
        Value::String(_) => 4,
        Value::Array(_) => 5,
        Value::Object(_) => 6,
        Value::Instance(_) => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Function;
    use super::*;
    use crate::value::number;

    /// Every kind of value, some alike, some of them twice.
    fn mixed() -> Vec<Value> {
        let (list, map) = (Value::array(vec![]), Value::object(vec![]));
        let mut values = vec![
            Value::Undefined,
            Value::Hole,
            Value::Null,
            Value::Bool(true),
            Value::Bool(false),
            Value::Bool(true),
            Value::Number(f64::NAN),
            Value::Number(-f64::NAN),
            Value::Number(-0.0),
            Value::Number(0.0),
            Value::text("0"),
            Value::text(""),
            Value::text(""),
            list.clone(),
            list,
            Value::array(vec![]),
            map.clone(),
            map,
            Value::object(vec![]),
            Instance::Function(Function::new("Array", "map")).into(),
            Instance::Function(Function::new("Array", "map")).into(),
            Instance::Function(Function::new("Array", "at")).into(),
        ];
        values.extend((0..40).map(|n| Value::Number(f64::from(n % 17) - 5.0)));
        values.extend((0..40).map(|n| Value::String(number::to_text(f64::from(n % 13) - 5.0))));
        values
    }

    #[test]
    fn large_sets_answer_as_a_scan_would() {
        let values = mixed();
        let mut distinct: Vec<Value> = Vec::new();
        for value in values.iter().map(Value::element) {
            if !distinct.iter().any(|known| ops::same_value_zero(known, value)) {
                distinct.push(value.clone());
            }
        }
        let set = Set::from_items(values.clone());
        assert!(!set.by_rank.is_empty(), "the index is under test");
        assert_eq!(set.items().len(), distinct.len());
        for (item, expected) in set.items().iter().zip(&distinct) {
            assert!(ops::same_value_zero(item, expected), "{item:?} is not {expected:?}");
        }
        assert!(values.iter().all(|value| set.has(value.element())));
        assert!(!set.has(&Value::array(vec![])) && !set.has(&Value::text("99")));
        assert!(
            !set.has(&Value::Number(0.5))
                && !set.has(&Instance::Function(Function::new("", "x")).into())
        );
    }

    #[test]
    fn minus_zero_is_kept_as_zero_and_holes_as_undefined() {
        for many in [0, 20] {
            let padding = (0..many).map(|n| Value::Number(f64::from(n) + 1.0));
            let set =
                Set::from_items([Value::Number(-0.0), Value::Hole].into_iter().chain(padding));
            assert!(matches!(set.items()[0], Value::Number(n) if n.is_sign_positive()));
            assert!(matches!(set.items()[1], Value::Undefined));
        }
    }

    #[test]
    fn a_hundred_thousand_elements_are_not_quadratic() {
        let text = |n: usize| Value::String(number::to_text(n as f64));
        let start = std::time::Instant::now();
        let set = Set::from_items((0..100_000).map(|n| text(n / 2)));
        assert_eq!(set.items().len(), 50_000);
        assert!((0..100_000).all(|n| set.has(&text(n)) == (n < 50_000)));
        assert!(start.elapsed().as_secs() < 5, "quadratic: {:?}", start.elapsed());
    }
}
