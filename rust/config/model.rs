//! Model: what the YAML says, in the configuration's own terms, with places for diagnostics.
//!
//! Nothing is resolved here: events are names, expressions are text, tokens may stand in the
//! environment. A field that was wrong is absent, and its problem is already noted.

use super::plan::Normalize;
use super::source::{Span, Spanned};
use super::yaml::Node;
use crate::profile::attribute::{Aggregation, DataType, ListFold};
use crate::value::Text;
use crate::value::date::Zone;

/// One configuration file.
#[derive(Debug, Default)]
pub struct Configuration {
    /// `account`.
    pub account: u64,
    /// `instance`.
    pub instance: u64,
    /// `name`.
    pub name: Text,
    /// `clock_skew`, milliseconds.
    pub clock_skew_ms: i64,
    /// `value_bytes_max`.
    pub value_bytes_max: usize,
    /// `time_zone`; `None` when it is no zone that there is.
    pub time_zone: Option<Zone>,
    /// `keys`, strongest first.
    pub keys: Vec<Key>,
    /// `destinations`.
    pub destinations: Vec<Place>,
    /// `events`.
    pub events: Vec<Event>,
    /// `attributes`.
    pub attributes: Vec<Attribute>,
    /// `segments`.
    pub segments: Vec<Segment>,
    /// `catalogs`.
    pub catalogs: Vec<Catalog>,
    /// `offers`.
    pub offers: Vec<Offer>,
    /// `tokens`.
    pub tokens: Vec<Token>,
    /// `ignore`.
    pub ignore: Vec<Ignore>,
    /// `ttl` of `profiles`, milliseconds; `None`: profiles do not expire.
    pub profile_ttl_ms: Option<i64>,
}

/// One entry of `ignore`.
#[derive(Debug)]
pub struct Ignore {
    /// Where the entry starts.
    pub at: Span,
    /// `if`, one or many: all must hold.
    pub conditions: Vec<Node>,
    /// `store`.
    pub store: bool,
}

/// One entry of `keys`.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: Spanned<Text>,
    /// `max_values`: how many values one profile may hold.
    pub max_values: Option<usize>,
    /// Its steps, as listed.
    pub normalize: Vec<Normalize>,
    /// `valid_regexp`.
    pub valid_regexp: Option<Spanned<Text>>,
    /// `invalid_texts`.
    pub invalid_texts: Vec<Text>,
    /// `from`, one or many; empty: the field of its name.
    pub from: Vec<Node>,
    /// `public`: whether events of public callers are identified by it; `None`: not said.
    pub stitches_public: Option<bool>,
    /// `sensitive`.
    pub sensitive: Option<bool>,
}

/// A table with its database, the default filled in.
#[derive(Debug)]
pub struct Place {
    /// Database.
    pub database: Text,
    /// Table, and where it stands.
    pub table: Spanned<Text>,
}

/// One entry of `events`.
#[derive(Debug)]
pub struct Event {
    /// Its name.
    pub name: Spanned<Text>,
    /// Its table; `None` when it was malformed.
    pub place: Option<Place>,
    /// `if`, one or many: all must hold.
    pub conditions: Vec<Node>,
}

/// One entry of `attributes`.
#[derive(Debug)]
pub struct Attribute {
    /// Its name.
    pub name: Spanned<Text>,
    /// Its type and options.
    pub kind: AttributeKind,
    /// `data_type`.
    pub data_type: Option<DataType>,
    /// `was`: the name that it had.
    pub was: Option<Spanned<Text>>,
    /// `reset`: values that a change would give another meaning may go.
    pub reset: bool,
    /// `sensitive`.
    pub sensitive: Option<bool>,
    /// `set`.
    pub rules: Vec<AttributeRule>,
}

/// Type and options of an attribute.
#[derive(Debug)]
pub enum AttributeKind {
    /// `single`.
    Single {
        /// `aggregation`.
        aggregation: Aggregation,
        /// `duration`, milliseconds.
        duration_ms: Option<i64>,
    },
    /// `list`.
    List {
        /// `max_items`.
        max_items: usize,
        /// `duration`, milliseconds.
        duration_ms: i64,
        /// `distinct`.
        distinct: bool,
        /// `id`: the field by which items are told apart.
        id: Option<Spanned<Text>>,
        /// `aggregations`.
        aggregations: Vec<ListAggregation>,
        /// `fields`: data types of items' fields.
        fields: Vec<(Text, DataType)>,
    },
    /// `counter`.
    Counter {
        /// `duration`, milliseconds; `None`: `total`.
        duration_ms: Option<i64>,
        /// `windows`: names and milliseconds.
        windows: Vec<(Spanned<Text>, i64)>,
        /// `by`.
        by: Option<Node>,
    },
    /// `computed`.
    Computed {
        /// `value`; `None` when it was missing.
        value: Option<Node>,
    },
    /// `imported`.
    Imported,
}

/// One entry of a list's `aggregations`.
#[derive(Debug)]
pub struct ListAggregation {
    /// Its name.
    pub name: Spanned<Text>,
    /// How it folds.
    pub fold: ListFold,
    /// The items' field.
    pub field: Text,
}

impl AttributeKind {
    /// Whether profiles hold state of it.
    pub fn holds_state(&self) -> bool {
        !matches!(self, Self::Computed { .. } | Self::Imported)
    }

    /// Names beside the attribute's own that it is read by, with what they name.
    pub fn further_names(&self) -> Vec<(&Spanned<Text>, &'static str)> {
        match self {
            Self::Counter { windows, .. } => {
                windows.iter().map(|(name, _)| (name, "a window")).collect()
            }
            Self::List { aggregations, .. } => {
                aggregations.iter().map(|entry| (&entry.name, "an aggregation")).collect()
            }
            Self::Single { .. } | Self::Computed { .. } | Self::Imported => Vec::new(),
        }
    }
}

/// One entry of `segments`.
#[derive(Debug)]
pub struct Segment {
    /// Its id in imports and answers.
    pub id: Spanned<Text>,
    /// Its name in expressions.
    pub name: Spanned<Text>,
}

/// One entry of `catalogs`.
#[derive(Debug)]
pub struct Catalog {
    /// Its name.
    pub name: Spanned<Text>,
    /// The column that rows are found by.
    pub key: Spanned<Text>,
    /// The other columns.
    pub columns: Vec<CatalogColumn>,
}

/// One entry of a catalog's `columns`.
#[derive(Debug)]
pub struct CatalogColumn {
    /// Its name.
    pub name: Spanned<Text>,
    /// `data_type`.
    pub data_type: Option<DataType>,
}

/// One entry of an attribute's `set`.
#[derive(Debug)]
pub struct AttributeRule {
    /// Its events; `None`: every event of the reactor.
    pub events: Option<Vec<Spanned<Text>>>,
    /// `if`, one or many.
    pub conditions: Vec<Node>,
    /// `each`.
    pub each: Option<Node>,
    /// What it does.
    pub action: Action,
}

/// What an attribute rule does.
#[derive(Debug)]
pub enum Action {
    /// `value`.
    Set(Node),
    /// A counter's rule without `value`.
    Increment,
    /// `delete`.
    Delete(Node),
    /// `clear: true`.
    Clear,
}

/// One entry of `offers`.
#[derive(Debug)]
pub struct Offer {
    /// Its wire name.
    pub name: Spanned<Text>,
    /// `server_only`.
    pub server_only: bool,
    /// `omit_sensitive`.
    pub omit_sensitive: bool,
    /// `set`.
    pub rules: Vec<OfferRule>,
}

/// One entry of an offer's `set`.
#[derive(Debug)]
pub struct OfferRule {
    /// Where the rule starts.
    pub at: usize,
    /// Its events; `None`: every event of the reactor.
    pub events: Option<Vec<Spanned<Text>>>,
    /// `let`, in order.
    pub lets: Vec<(Spanned<Text>, Node)>,
    /// `if`, one or many.
    pub conditions: Vec<Node>,
    /// Whether there is an `if`, sound or not.
    pub conditional: bool,
    /// `data`: a map.
    pub data: Option<Node>,
    /// `batch_segments`: ids or names; `None` when the rule names none.
    pub batch_segments: Option<Vec<Spanned<Text>>>,
}

/// One entry of `tokens`.
#[derive(Debug)]
pub struct Token {
    /// Its name.
    pub name: Spanned<Text>,
    /// Whether it is of `type: public`.
    pub is_public: bool,
    /// `sees_sensitive`.
    pub sees_sensitive: bool,
    /// Where its value comes from.
    pub secret: Secret,
    /// From the name of its value's field to the end of the value: what the record replaces.
    pub field: Span,
    /// The value as it stands.
    pub value_span: Span,
}

/// Where a token's value comes from.
#[derive(Debug)]
pub enum Secret {
    /// `value: TEXT`.
    Value(Text),
    /// `value: env:NAME`.
    Variable(Text),
    /// `value: file:PATH`.
    File(Text),
    /// `value_sha256: HEX`.
    Digest([u8; 32]),
}
