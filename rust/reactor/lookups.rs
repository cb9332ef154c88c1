//! Lookups: what one event asks of batch data, each thing read once (page 4.3).
//!
//! Rows are found under the profile's identifiers, the strongest key first and of one key the newest value
//! first. Nothing is read before an expression asks; then all imported attributes are read together, for
//! they stand in one row, and so are all segments. Invariants: of one profile and one set of generations
//! the same is read, in whatever order it is asked for; what cannot be read is an error of the expression
//! and never a value; nothing outlives the event, so that an import is seen by the next.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};

use super::scope::ProfileView;
use crate::batch::limits::{IDENTIFIERS_READ_MAX, KEY_BYTES_MAX, ROWS_KEPT_MAX};
use crate::batch::{self, Dataset, Generation, Key, Live, live};
use crate::config::plan::{Catalog, Plan};
use crate::profile::attribute::DataType;
use crate::value::{Text, Value, number};

static UNDEFINED: Value = Value::Undefined;
const FAILED: &str = "batch data cannot be read";

/// Something looked up, or that it could not be.
type Looked<T> = Result<T, Unread>;

#[derive(Clone, Copy, Debug)]
struct Unread;

/// The batch data that one event reads.
pub struct Lookups<'a> {
    live: &'a Live,
    plan: &'a Plan,
    /// Nothing is read, and everything asked for is an error.
    refuses: bool,
    imported: OnceCell<Looked<Vec<Value>>>,
    segments: OnceCell<Looked<Value>>,
    rows: RefCell<Vec<(u32, Text, Looked<Value>)>>,
    buffer: RefCell<Vec<u8>>,
    failure: Cell<bool>,
    has_failed: Cell<bool>,
    /// Why, the first time.
    why: RefCell<Option<batch::Error>>,
}

impl<'a> Lookups<'a> {
    /// Nothing read yet.
    #[must_use]
    pub fn new(live: &'a Live, plan: &'a Plan) -> Self {
        Self {
            live,
            plan,
            refuses: false,
            imported: OnceCell::new(),
            segments: OnceCell::new(),
            rows: RefCell::default(),
            buffer: RefCell::default(),
            failure: Cell::new(false),
            has_failed: Cell::new(false),
            why: RefCell::default(),
        }
    }

    /// As [`Lookups::new`]; `refuses` when a verdict says that batch data could not be read: then replay
    /// must not read it either.
    #[must_use]
    pub fn obeying(live: &'a Live, plan: &'a Plan, refuses: bool) -> Self {
        Self { refuses, ..Self::new(live, plan) }
    }

    /// Whether anything could not be read so far.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.has_failed.get()
    }

    /// Why the first thing could not be read, for whoever tells people.
    #[must_use]
    pub fn why(&self) -> String {
        self.why.borrow().as_ref().map_or_else(|| FAILED.to_owned(), ToString::to_string)
    }

    fn read<T>(&self, read: Result<T, batch::Error>) -> Looked<T> {
        read.map_err(|error| {
            self.why.borrow_mut().get_or_insert(error);
            Unread
        })
    }

    /// Why the last thing asked for is no value, told once.
    pub(super) fn take_failure(&self) -> Option<&'static str> {
        self.failure.take().then_some(FAILED)
    }

    fn fail(&self) {
        self.failure.set(true);
        self.has_failed.set(true);
    }

    /// What an imported attribute reads, by its position in the plan.
    pub(super) fn imported<P: ProfileView>(
        &self,
        position: usize,
        profile: Option<&P>,
    ) -> Cow<'_, Value> {
        let Some(profile) = profile else { return Cow::Borrowed(&UNDEFINED) };
        match self.imported.get_or_init(|| self.read_imported(profile)) {
            Ok(values) => Cow::Borrowed(&values[position]),
            Err(Unread) => {
                self.fail();
                Cow::Borrowed(&UNDEFINED)
            }
        }
    }

    /// The ids of the profile's segments, ascending.
    pub(super) fn segments<P: ProfileView>(&self, profile: Option<&P>) -> Cow<'_, Value> {
        let Some(profile) = profile else { return Cow::Owned(Value::array(Vec::new())) };
        match self.segments.get_or_init(|| self.read_segments(profile)) {
            Ok(ids) => Cow::Borrowed(ids),
            Err(Unread) => {
                self.fail();
                Cow::Borrowed(&UNDEFINED)
            }
        }
    }

    /// Whether the profile is in a segment.
    pub(super) fn is_in_segment<P: ProfileView>(&self, id: &Text, profile: Option<&P>) -> bool {
        match self.segments(profile).as_ref() {
            Value::Array(ids) => ids
                .binary_search_by(|held| match held {
                    Value::String(held) => held.as_str().cmp(id),
                    _ => std::cmp::Ordering::Less,
                })
                .is_ok(),
            _ => false,
        }
    }

    /// A catalog's row, or `undefined`.
    pub(super) fn row(&self, catalog: u32, key: &Value) -> Value {
        let key = match key {
            Value::String(text) => text.clone(),
            Value::Number(value) => number::to_text(*value),
            _ => return Value::Undefined,
        };
        let mut rows = self.rows.borrow_mut();
        let known = rows.iter().find(|(of, known, _)| *of == catalog && *known == key);
        let row = match known {
            Some((_, _, row)) => row.clone(),
            None => {
                let row = self.read_row(&self.plan.catalogs[catalog as usize], &key);
                if rows.len() == ROWS_KEPT_MAX {
                    let _oldest = rows.remove(0);
                }
                rows.push((catalog, key, row.clone()));
                row
            }
        };
        row.unwrap_or_else(|Unread| {
            self.fail();
            Value::Undefined
        })
    }

    fn read_imported<P: ProfileView>(&self, profile: &P) -> Looked<Vec<Value>> {
        let imported = &self.plan.imported;
        let mut values: Vec<Option<Value>> = vec![None; imported.len()];
        let layers = self.layers(&Dataset::attributes())?;
        let place = |_: &Generation, column| imported.iter().position(|known| known.id == column);
        let mut buffer = self.buffer.borrow_mut();
        for key in self.keys_of(profile, layers.is_empty()) {
            self.read(live::columns(layers, &key, &mut buffer, &place, &mut values))?;
            if values.iter().all(Option::is_some) {
                break;
            }
        }
        let types = imported.iter().map(|known| known.data_type);
        let read = values.into_iter().zip(types);
        Ok(read.map(|(value, data_type)| self.read_as(value, data_type)).collect())
    }

    /// A value as its `data_type` reads it: nothing where it has no value of that type.
    fn read_as(&self, value: Option<Value>, data_type: Option<DataType>) -> Value {
        match (value, data_type) {
            (None | Some(Value::Null), _) => Value::Undefined,
            (Some(value), None) => value,
            (Some(value), Some(data_type)) => {
                data_type.convert(value, self.plan.time_zone).unwrap_or_default()
            }
        }
    }

    fn read_segments<P: ProfileView>(&self, profile: &P) -> Looked<Value> {
        let layers = self.layers(&Dataset::segments())?;
        let mut ids: Vec<Text> = Vec::new();
        let mut buffer = self.buffer.borrow_mut();
        for key in self.keys_of(profile, layers.is_empty()) {
            let found = self.read(live::segments_of(layers, &key, &mut buffer))?;
            ids.extend(found.unwrap_or_default());
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(Value::array(ids.into_iter().map(Value::String).collect()))
    }

    fn read_row(&self, catalog: &Catalog, key: &Text) -> Looked<Value> {
        let layers = self.layers(&Dataset::catalog(catalog.name.clone()))?;
        if key.len() > KEY_BYTES_MAX {
            return Ok(Value::Undefined);
        }
        let place = |generation: &Generation, number| {
            let columns = generation.columns();
            let column = columns.iter().find(|column| column.number == number)?;
            catalog.columns.iter().position(|(name, _)| *name == column.name)
        };
        let mut values: Vec<Option<Value>> = vec![None; catalog.columns.len()];
        let mut buffer = self.buffer.borrow_mut();
        let key = Key::new(0, key);
        if !self.read(live::columns(layers, &key, &mut buffer, &place, &mut values))? {
            return Ok(Value::Undefined);
        }
        let named = catalog.columns.iter().zip(values);
        let entries =
            named.filter_map(|((name, data_type), value)| match self.read_as(value, *data_type) {
                Value::Undefined => None,
                value => Some((name.clone(), value)),
            });
        Ok(Value::object(entries.collect()))
    }

    fn layers(&self, dataset: &Dataset) -> Looked<&'a [std::sync::Arc<Generation>]> {
        if self.refuses { Err(Unread) } else { Ok(self.live.layers(dataset)) }
    }

    /// The keys that rows are found under, the strongest first; none when there is nothing to find.
    fn keys_of<P: ProfileView>(&self, profile: &P, is_nothing: bool) -> Vec<Key> {
        let mut keys: Vec<(usize, Key)> = Vec::new();
        if is_nothing {
            return Vec::new();
        }
        profile.each_identifier(&mut |number, value| {
            let strength = self.plan.keys.iter().position(|key| key.id == number);
            if let Some(strength) = strength {
                keys.push((strength, Key::new(number, value)));
            }
        });
        // They come the least recently seen first.
        keys.reverse();
        keys.sort_by_key(|(strength, _)| *strength);
        keys.into_iter().map(|(_, key)| key).take(IDENTIFIERS_READ_MAX).collect()
    }
}
