//! Plan: what runs. Immutable, built once a publish, shared by `Arc`, swapped at the barrier.
//!
//! Everything a request needs is resolved here: names to slots, events to numbers, expressions to
//! programs. The data plane compiles nothing.

use std::collections::HashMap;

use regex::Regex;

use crate::expr::{FieldTable, Program, Template};
pub use crate::offer::{EventId, EventSet, Offer, OfferRule};
use crate::profile::attribute::DataType;
use crate::profile::attribute::{Aggregate, AttributeSpec, Conversion};
pub use crate::profile::guard::Rails;
pub use crate::profile::identity::Normalize;
use crate::value::Text;
use crate::value::date::Zone;

/// Index of a table in [`Plan::tables`].
pub type TableId = u16;
/// Number of a key, given once a name by the directory that the plan was published in.
pub type KeyId = u16;
/// Number of an attribute, given once a name by the directory that the plan was published in.
pub type AttributeId = u16;

/// One published configuration, compiled.
#[derive(Debug, Default)]
pub struct Plan {
    /// Number of the publish, from 1; 0 before it is published.
    pub number: u32,
    /// SHA-256 of the recorded text.
    pub hash: [u8; 32],
    /// The text as the log records it: every secret replaced by its digest.
    pub recorded_text: String,
    /// `name`.
    pub name: Text,
    /// `account`.
    pub account: u64,
    /// `instance`.
    pub instance: u64,
    /// `clock_skew`, milliseconds.
    pub clock_skew_ms: i64,
    /// `value_bytes_max`.
    pub value_bytes_max: usize,
    /// `time_zone`: what local time is.
    pub time_zone: Zone,
    /// Identifiers, strongest first.
    pub keys: Vec<Key>,
    /// How many values of a key one profile may hold.
    pub rails: Rails,
    /// `EVENT.<field>` names that the plan reads.
    pub fields: FieldTable,
    /// Field index of each key's field, by position in `keys`.
    pub key_fields: Vec<u32>,
    /// database -> table -> table id. A table that is not here is not a destination.
    pub routes: HashMap<Text, HashMap<Text, TableId>>,
    /// Destinations.
    pub tables: Vec<Table>,
    /// Names of `events`, by id.
    pub events: Vec<Text>,
    /// Attributes in file order.
    pub attributes: Vec<Attribute>,
    /// Attribute rules in file order.
    pub rules: Vec<AttributeRule>,
    /// `PROFILE.<name>` and the names of other spaces, by slot.
    pub slots: Vec<(Text, Slot)>,
    /// Imported attributes in file order.
    pub imported: Vec<Imported>,
    /// Batch segments in file order.
    pub segments: Vec<Segment>,
    /// Catalogs in file order.
    pub catalogs: Vec<Catalog>,
    /// The slots that are read as `BEFORE.<name>`.
    pub before: Vec<u32>,
    /// Computed attributes in file order.
    pub computed: Vec<Computed>,
    /// Offers in file order.
    pub offers: Vec<Offer>,
    /// Tokens, at most 50.
    pub tokens: Vec<Token>,
    /// Which events are kept out, in file order: the first that holds decides.
    pub ignore: Vec<Ignore>,
    /// Whether some entry of `ignore` reads who sent the event.
    pub reads_request: bool,
    /// A profile without an event for so long has expired, milliseconds; `None`: none does.
    pub profile_ttl_ms: Option<i64>,
}

impl Plan {
    /// The id of a table that is a destination.
    pub fn table(&self, database: &str, table: &str) -> Option<TableId> {
        self.routes.get(database)?.get(table).copied()
    }
}

/// One entry of `ignore`.
#[derive(Debug)]
pub struct Ignore {
    /// It holds for these events.
    pub condition: Program,
    /// Whether they are stored, though they touch no profile.
    pub store: bool,
}

/// One identifier kind.
#[derive(Debug)]
pub struct Key {
    /// Its number in profiles and identifiers.
    pub id: KeyId,
    /// Its name, and the event's field.
    pub name: Text,
    /// Normalizations, as listed.
    pub normalize: Vec<Normalize>,
    /// A value must match, when given (searched, not anchored).
    pub valid_regexp: Option<Regex>,
    /// Values that never identify, compared whole after normalization, besides the defaults.
    pub invalid_texts: Vec<Text>,
    /// Where its value comes from, the first that is usable; empty: the field of its name.
    pub from: Vec<Template>,
    /// Whether events of public callers are identified by it.
    pub stitches_public: bool,
    /// Whether its values are sensitive: marked, or reached by what is.
    pub sensitive: bool,
}

/// A monitored table.
#[derive(Debug)]
pub struct Table {
    /// Database.
    pub database: Text,
    /// Table.
    pub table: Text,
    /// Entries of `events` on this table, in file order, with their filters.
    pub events: Vec<(EventId, Option<Program>)>,
}

/// One attribute.
#[derive(Debug)]
pub struct Attribute {
    /// Its number in profiles.
    pub id: AttributeId,
    /// Its name.
    pub name: Text,
    /// Kind and options.
    pub spec: AttributeSpec,
    /// Names of its windows, as in `AttributeSpec::Counter::windows_ms`.
    pub windows: Vec<Text>,
    /// What is made of its values before they are taken.
    pub conversion: Conversion,
    /// Of a list: what its items come to under names of their own.
    pub aggregates: Vec<Aggregate>,
    /// Of a counter: whose value each counter is for.
    pub by: Option<Program>,
    /// Whether a publish may drop values that a change would give another meaning.
    pub reset: bool,
    /// Whether its value is sensitive: marked, or reached by what is.
    pub sensitive: bool,
}

/// An attribute that is computed from others.
#[derive(Debug)]
pub struct Computed {
    /// Position in [`Plan::attributes`].
    pub attribute: usize,
    /// Its value, over `PROFILE`.
    pub value: Template,
    /// The computed attributes that it reads, and those that they read: each behind what it reads
    /// itself, so that evaluating them in this order never goes deeper than one.
    pub needs: Vec<usize>,
}

/// One entry of an attribute's `set`.
#[derive(Debug)]
pub struct AttributeRule {
    /// Position in [`Plan::attributes`].
    pub attribute: usize,
    /// Its events.
    pub events: EventSet,
    /// All must hold.
    pub conditions: Vec<Program>,
    /// The rule runs once per element, with `ITEM` as local 0.
    pub each: Option<Program>,
    /// What it does.
    pub action: Action,
}

/// What an attribute rule does.
#[derive(Debug)]
pub enum Action {
    /// `value`.
    Set(Template),
    /// A counter's rule without `value`: add 1.
    Increment,
    /// `delete`: list items equal to the value go.
    Delete(Template),
    /// `clear: true`.
    Clear,
}

/// What `PROFILE.<name>` reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Position in [`Plan::keys`]: the key's latest value.
    Key(usize),
    /// Position in [`Plan::attributes`].
    Attribute(usize),
    /// Position in [`Plan::attributes`], and in its windows.
    Window(usize, usize),
    /// Position in [`Plan::imported`].
    Imported(usize),
    /// The ids of all batch segments.
    Segments,
    /// Position in [`Plan::segments`].
    Segment(usize),
    /// Position in [`Plan::attributes`], and in its aggregates.
    Aggregate(usize, usize),
    /// Position in [`Plan::computed`].
    Computed(usize),
    /// Position in [`Plan::attributes`]: when it last changed (`UPDATED`).
    Updated(usize),
    /// Position in [`Plan::before`]: a name as it read before the event (`BEFORE`).
    Before(usize),
}

impl Slot {
    /// Whether it is a name of `PROFILE` other than a key: what a reading of a profile lists.
    pub fn is_attribute(self) -> bool {
        use Slot::{Aggregate, Attribute, Computed, Imported, Window};
        matches!(self, Attribute(_) | Window(..) | Aggregate(..) | Computed(_) | Imported(_))
    }
}

/// An attribute whose values are imported; profiles hold nothing of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Position in [`Plan::attributes`].
    pub attribute: usize,
    /// Its number in generations.
    pub id: AttributeId,
    /// Its name.
    pub name: Text,
    /// What its values are made.
    pub data_type: Option<DataType>,
}

/// A batch segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its id in imports and answers.
    pub id: Text,
    /// Its name in expressions.
    pub name: Text,
}

/// A catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog {
    /// Its name.
    pub name: Text,
    /// The column that rows are found by.
    pub key: Text,
    /// The other columns, and what their values are made.
    pub columns: Vec<(Text, Option<DataType>)>,
}

/// One token.
#[derive(Debug)]
pub struct Token {
    /// Its name.
    pub name: Text,
    /// SHA-256 of its value.
    pub digest: [u8; 32],
    /// Whether answers to its holder may show sensitive values.
    pub sees_sensitive: bool,
}
