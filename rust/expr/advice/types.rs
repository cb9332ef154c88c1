//! Types: what is known of a value before anything runs, as a set of kinds and what they hold.
//!
//! Invariants: a type holds at least every value that can be there, so that what is impossible for
//! the type is impossible; it nests at most [`LEVELS_MAX`] levels and knows at most [`FIELDS_MAX`]
//! fields, beyond which it knows nothing, so that every operation here is bounded.

use std::sync::Arc;

use super::super::builtins::Kind;
use crate::value::{Text, Value, ops};

/// Levels of lists and objects that a type tells apart.
const LEVELS_MAX: u8 = 6;
/// Fields of one object that a type knows; larger objects are open.
const FIELDS_MAX: usize = 32;
/// Bytes of text that are followed as a constant.
const CONSTANT_BYTES_MAX: usize = 1024;
/// Levels to which two types are united; below, nothing is known of the union.
const UNION_LEVELS: u8 = 3;

/// A set of kinds of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kinds(u16);

impl Kinds {
    pub(super) const NONE: Self = Self(0);
    pub(super) const UNDEFINED: Self = Self(1);
    pub(super) const NULL: Self = Self(1 << 1);
    pub(super) const BOOLEAN: Self = Self(1 << 2);
    pub(super) const NUMBER: Self = Self(1 << 3);
    pub(super) const TEXT: Self = Self(1 << 4);
    pub(super) const LIST: Self = Self(1 << 5);
    pub(super) const OBJECT: Self = Self(1 << 6);
    pub(super) const DATE: Self = Self(1 << 7);
    pub(super) const SET: Self = Self(1 << 8);
    pub(super) const REGEXP: Self = Self(1 << 9);
    /// What a regular expression found: a list with more to read.
    pub(super) const MATCH: Self = Self(1 << 10);
    pub(super) const ITERATOR: Self = Self(1 << 11);
    pub(super) const FUNCTION: Self = Self(1 << 12);

    pub(super) const NULLISH: Self = Self::UNDEFINED.or(Self::NULL);
    /// What JSON can hold.
    pub(super) const JSON: Self = Self::NULLISH
        .or(Self::BOOLEAN)
        .or(Self::NUMBER)
        .or(Self::TEXT)
        .or(Self::LIST)
        .or(Self::OBJECT);
    /// What is true whatever it holds, equals only itself, and has no order.
    pub(super) const COMPOUND: Self = Self::LIST
        .or(Self::OBJECT)
        .or(Self::DATE)
        .or(Self::SET)
        .or(Self::REGEXP)
        .or(Self::MATCH)
        .or(Self::ITERATOR)
        .or(Self::FUNCTION);
    pub(super) const ALL: Self = Self::JSON.or(Self::COMPOUND);
    /// What has elements.
    pub(super) const ELEMENTS: Self = Self::LIST.or(Self::SET).or(Self::ITERATOR).or(Self::MATCH);

    /// Each kind with its name, and as the built-ins know it.
    const EACH: [(Self, &'static str, Option<Kind>); 13] = [
        (Self::BOOLEAN, "a boolean", Some(Kind::Boolean)),
        (Self::NUMBER, "a number", Some(Kind::Number)),
        (Self::TEXT, "text", Some(Kind::String)),
        (Self::LIST, "a list", Some(Kind::Array)),
        (Self::OBJECT, "an object", Some(Kind::Object)),
        (Self::DATE, "a date", Some(Kind::Date)),
        (Self::SET, "a set", Some(Kind::Set)),
        (Self::REGEXP, "a regular expression", Some(Kind::RegExp)),
        (Self::MATCH, "a match", Some(Kind::Array)),
        (Self::ITERATOR, "an iterator", Some(Kind::Iterator)),
        (Self::FUNCTION, "a function", Some(Kind::Function)),
        (Self::NULL, "null", None),
        (Self::UNDEFINED, "undefined", None),
    ];

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is some kind, and none but those of `other`.
    pub(super) const fn only(self, other: Self) -> bool {
        self.0 != 0 && self.0 & !other.0 == 0
    }

    /// The single kinds in it, with their names and receivers.
    pub(super) fn each(self) -> impl Iterator<Item = (Self, &'static str, Option<Kind>)> {
        Self::EACH.into_iter().filter(move |(kind, _, _)| self.meets(*kind))
    }

    /// `text or undefined`.
    pub(super) fn words(self) -> String {
        let names: Vec<&str> = self.each().map(|(_, name, _)| name).collect();
        match names.as_slice() {
            [] => "nothing".to_owned(),
            [one] => (*one).to_owned(),
            [others @ .., last] => format!("{} or {last}", others.join(", ")),
        }
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Undefined | Value::Hole => Self::UNDEFINED,
            Value::Null => Self::NULL,
            _ => {
                let kind = Kind::of(value);
                let found = Self::EACH.iter().find(|(_, _, known)| *known == kind);
                found.map_or(Self::ALL, |(kinds, _, _)| *kinds)
            }
        }
    }
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Anything.
    Plain,
    /// How many: an integer from 0.
    Count,
    /// Where: an integer from 0, or -1 for nowhere.
    Index,
    /// Epoch seconds.
    Seconds,
    /// Epoch milliseconds.
    Milliseconds,
}

/// What is known of a value before anything runs.
#[derive(Clone, Debug)]
pub struct Type {
    pub(super) kinds: Kinds,
    /// Of the elements, when there are any; `None`: nothing is known of them.
    items: Option<Arc<Type>>,
    /// All fields of an object; `None`: there may be any.
    fields: Option<Arc<Vec<(Text, Type)>>>,
    pub(super) measure: Measure,
    /// The value itself, where it is written out and primitive.
    pub(super) constant: Option<Value>,
    levels: u8,
}

impl Type {
    pub(super) const fn of_kinds(kinds: Kinds) -> Self {
        Self {
            kinds,
            items: None,
            fields: None,
            measure: Measure::Plain,
            constant: None,
            levels: 0,
        }
    }

    /// Anything at all.
    pub const fn unknown() -> Self {
        Self::of_kinds(Kinds::ALL)
    }

    /// Whatever JSON can hold, or `undefined`.
    pub const fn json() -> Self {
        Self::of_kinds(Kinds::JSON)
    }

    /// Text.
    pub const fn text() -> Self {
        Self::of_kinds(Kinds::TEXT)
    }

    /// A number.
    pub const fn number() -> Self {
        Self::of_kinds(Kinds::NUMBER)
    }

    /// An integer from 0.
    pub const fn count() -> Self {
        Self::measured(Measure::Count)
    }

    /// Epoch milliseconds.
    pub const fn milliseconds() -> Self {
        Self::measured(Measure::Milliseconds)
    }

    /// A map of any names.
    pub const fn map() -> Self {
        Self::of_kinds(Kinds::OBJECT)
    }

    /// True or false.
    pub const fn boolean() -> Self {
        Self::of_kinds(Kinds::BOOLEAN)
    }

    pub(super) const fn undefined() -> Self {
        Self::of_kinds(Kinds::UNDEFINED)
    }

    pub(super) const fn measured(measure: Measure) -> Self {
        let mut number = Self::number();
        number.measure = measure;
        number
    }

    /// A list of elements of this type.
    pub fn list_of(item: Self) -> Self {
        Self::elements_of(Kinds::LIST, item)
    }

    /// A set, iterator or list of elements of this type.
    pub(super) fn elements_of(kinds: Kinds, item: Self) -> Self {
        let levels = item.levels + 1;
        let items = (levels <= LEVELS_MAX).then(|| Arc::new(item.without_constant()));
        let levels = if items.is_some() { levels } else { 0 };
        Self { items, levels, ..Self::of_kinds(kinds) }
    }

    /// An object of exactly these fields; of equal names the last wins.
    pub fn object(fields: Vec<(Text, Self)>) -> Self {
        let levels = fields.iter().map(|(_, field)| field.levels).max().unwrap_or(0) + 1;
        if fields.len() > FIELDS_MAX || levels > LEVELS_MAX {
            return Self::of_kinds(Kinds::OBJECT);
        }
        let mut known: Vec<(Text, Self)> = Vec::with_capacity(fields.len());
        for (name, field) in fields {
            let field = field.without_constant();
            match known.iter_mut().find(|(earlier, _)| *earlier == name) {
                Some(earlier) => earlier.1 = field,
                None => known.push((name, field)),
            }
        }
        Self { fields: Some(Arc::new(known)), levels, ..Self::of_kinds(Kinds::OBJECT) }
    }

    /// This, or `undefined`.
    #[must_use]
    pub fn or_undefined(mut self) -> Self {
        self.kinds = self.kinds.or(Kinds::UNDEFINED);
        self.constant = None;
        self
    }

    /// This, but never `null`.
    #[must_use]
    pub fn never_null(self) -> Self {
        self.without(Kinds::NULL)
    }

    /// Whether it can be a list.
    pub fn may_be_list(&self) -> bool {
        self.kinds.meets(Kinds::LIST)
    }

    /// The type of an element, where it is a list.
    #[must_use]
    pub fn element(&self) -> Self {
        self.item()
    }

    /// The type of a value that is written out.
    pub(super) fn of_value(value: &Value) -> Self {
        let mut found = Self::of_kinds(Kinds::of(value));
        found.constant = match value {
            Value::String(text) if text.len() > CONSTANT_BYTES_MAX => None,
            Value::Undefined
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_) => Some(value.clone()),
            _ => None,
        };
        found
    }

    /// The type of whatever may stand in its place: what is written out is one case of it.
    #[must_use]
    pub fn without_constant(mut self) -> Self {
        self.constant = None;
        self
    }

    /// The type less these kinds.
    pub(super) fn without(mut self, kinds: Kinds) -> Self {
        if self.kinds.meets(kinds) {
            self.kinds = self.kinds.without(kinds);
            self.constant = None;
        }
        self
    }

    /// Whatever is of one of the two.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.united(&other, UNION_LEVELS)
    }

    fn united(&self, other: &Self, levels: u8) -> Self {
        let side = |kinds: Kinds| (self.kinds.meets(kinds), other.kinds.meets(kinds));
        let items = match side(Kinds::ELEMENTS) {
            (true, false) => self.items.clone(),
            (false, _) => other.items.clone(),
            (true, true) => match (&self.items, &other.items) {
                (Some(left), Some(right)) if Arc::ptr_eq(left, right) => Some(Arc::clone(left)),
                (Some(left), Some(right)) if levels > 0 => {
                    Some(Arc::new(left.united(right, levels - 1)))
                }
                _ => None,
            },
        };
        let fields = match side(Kinds::OBJECT) {
            (true, false) => self.fields.clone(),
            (false, _) => other.fields.clone(),
            (true, true) => match (&self.fields, &other.fields) {
                (Some(left), Some(right)) if Arc::ptr_eq(left, right) => Some(Arc::clone(left)),
                (Some(left), Some(right)) if levels > 0 => {
                    united_fields(left, right, levels.saturating_sub(2))
                }
                _ => None,
            },
        };
        let measure = match side(Kinds::NUMBER) {
            (true, false) => self.measure,
            (false, _) => other.measure,
            (true, true) if self.measure == other.measure => self.measure,
            (true, true) => Measure::Plain,
        };
        let constant = match (&self.constant, &other.constant) {
            (Some(left), Some(right)) if ops::same_value(left, right) => Some(left.clone()),
            _ => None,
        };
        let kinds = self.kinds.or(other.kinds);
        let levels = self.levels.max(other.levels);
        Self { kinds, items, fields, measure, constant, levels }
    }

    /// Of its elements.
    pub(super) fn item(&self) -> Self {
        match &self.items {
            Some(items) if self.kinds.meets(Kinds::ELEMENTS) => (**items).clone(),
            _ => Self::unknown(),
        }
    }

    /// Of the elements, shared, where anything is known of them.
    pub(super) fn known_items(&self) -> Option<&Self> {
        self.items.as_deref().filter(|_| self.kinds.meets(Kinds::ELEMENTS))
    }

    /// Of a field of an object: `None` when it has no such field; unknown when it may have any.
    pub(super) fn field(&self, name: &str) -> Option<Self> {
        match &self.fields {
            None => Some(Self::unknown()),
            Some(fields) => {
                let mut named = fields.iter().filter(|(known, _)| known == name);
                named.next().map(|(_, field)| field.clone())
            }
        }
    }

    /// The type of a field, where the fields are known and it is among them.
    #[must_use]
    pub fn known_field(&self, name: &str) -> Option<Self> {
        self.fields.as_ref().and_then(|_| self.field(name))
    }

    /// The names of all fields, where they are known.
    pub(super) fn field_names(&self) -> Option<impl Iterator<Item = &str>> {
        let fields = self.fields.as_ref().filter(|_| self.kinds.meets(Kinds::OBJECT))?;
        Some(fields.iter().map(|(name, _)| name.as_str()))
    }

    /// The field that an example reads of an object.
    pub(super) fn main_field(&self) -> &str {
        let mut names = self.field_names().into_iter().flatten();
        names.next().unwrap_or("name")
    }

    /// Whether it is true or false whatever it holds.
    pub(super) fn truth(&self) -> Option<bool> {
        match &self.constant {
            Some(value) => Some(ops::truthy(value)),
            None if self.kinds.only(Kinds::COMPOUND) => Some(true),
            None if self.kinds.only(Kinds::NULLISH) => Some(false),
            None => None,
        }
    }
}

fn united_fields(
    left: &[(Text, Type)],
    right: &[(Text, Type)],
    levels: u8,
) -> Option<Arc<Vec<(Text, Type)>>> {
    let mut fields: Vec<(Text, Type)> = Vec::with_capacity(left.len().max(right.len()));
    for (name, field) in left {
        let other = right.iter().find(|(known, _)| known == name).map(|(_, other)| other);
        let field = match other {
            Some(other) => field.united(other, levels),
            None => field.clone().or_undefined(),
        };
        fields.push((name.clone(), field));
    }
    for (name, field) in right {
        if !left.iter().any(|(known, _)| known == name) {
            fields.push((name.clone(), field.clone().or_undefined()));
        }
    }
    (fields.len() <= FIELDS_MAX).then(|| Arc::new(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_nests_so_deep_and_no_deeper() {
        let mut nested = Type::number();
        for _ in 0..50 {
            nested = Type::list_of(nested);
            assert!(nested.levels <= LEVELS_MAX);
        }
        let mut nested = Type::number();
        for _ in 0..50 {
            nested = Type::object(vec![("a".into(), nested.clone()), ("b".into(), nested)]);
            assert!(nested.levels <= LEVELS_MAX);
        }
    }

    #[test]
    fn a_union_holds_what_either_holds() {
        let left = Type::list_of(Type::object(vec![("a".into(), Type::number())]));
        let right = Type::list_of(Type::object(vec![("b".into(), Type::text())]));
        let item = left.or(right).item();
        assert_eq!(item.field("a").expect("a").kinds, Kinds::NUMBER.or(Kinds::UNDEFINED));
        assert_eq!(item.field("b").expect("b").kinds, Kinds::TEXT.or(Kinds::UNDEFINED));
        assert!(item.field("c").is_none());
        let open = Type::of_kinds(Kinds::OBJECT).or(item);
        assert_eq!(open.field("c").expect("anything").kinds, Kinds::ALL);
    }

    #[test]
    fn a_union_of_two_measures_or_constants_has_neither() {
        let mixed = Type::count().or(Type::milliseconds());
        assert_eq!(mixed.measure, Measure::Plain);
        let one = Type::of_value(&Value::Number(1.0));
        assert!(one.clone().or(Type::of_value(&Value::Number(2.0))).constant.is_none());
        assert!(one.clone().or(one).constant.is_some());
        assert_eq!(Type::count().or(Type::text()).measure, Measure::Count);
    }
}
