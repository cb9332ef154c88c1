//! Layout: which fields a file's rows may have, and what becomes of each.
//!
//! Names that nobody declared are refused: a column that is passed over in silence is a misspelt one that
//! nobody will ever find.

use super::super::Kind;
use super::super::limits::SEGMENT_ID_BYTES_MAX;
use crate::profile::attribute::DataType;
use crate::value::date::Zone;
use crate::value::{Text, Value, number, parse_json};

/// How a field's value becomes the text of a key, or why it does not.
pub type Identify = Box<dyn Fn(&Value) -> Result<Text, String> + Send + Sync>;

/// A field that rows may be found by.
pub struct KeyField {
    /// Its name.
    pub name: Text,
    /// Its number in keys of rows.
    pub number: u16,
    /// Its text.
    pub identify: Identify,
}

/// A field that is a column of the generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: Text,
    /// Its number in rows.
    pub number: u16,
    /// What its values are made.
    pub data_type: Option<DataType>,
}

/// The fields of a file.
pub struct Layout {
    /// What the rows become; `None`: events of identifiers.
    pub kind: Option<Kind>,
    /// The fields that may be keys.
    pub keys: Vec<KeyField>,
    /// Which of them is the key, by its place; without it each row has exactly one.
    pub chosen: Option<usize>,
    /// The fields that are columns.
    pub columns: Vec<Column>,
    /// What local time is, for timestamps.
    pub zone: Zone,
}

/// What a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A key, by its place.
    Key(usize),
    /// A column, by its place.
    Column(usize),
    /// One id of a segment, or several.
    Segments,
    /// A key that is not the chosen one.
    Ignored,
}

const SEGMENT_FIELDS: [&str; 2] = ["segment", "segments"];

impl Layout {
    /// What a field of this name is.
    pub(super) fn role(&self, name: &str) -> Result<Role, String> {
        if let Some(at) = self.keys.iter().position(|key| key.name == name) {
            let is_ignored = self.kind.is_some() && self.chosen.is_some_and(|chosen| chosen != at);
            return Ok(if is_ignored { Role::Ignored } else { Role::Key(at) });
        }
        if let Some(at) = self.columns.iter().position(|column| column.name == name) {
            return Ok(Role::Column(at));
        }
        if self.kind == Some(Kind::Segments) && SEGMENT_FIELDS.contains(&name) {
            return Ok(Role::Segments);
        }
        let keys = self.keys.iter().map(|key| format!("`{}`", key.name));
        let columns = self.columns.iter().map(|column| format!("`{}`", column.name));
        let segments = (self.kind == Some(Kind::Segments)).then(|| "`segments`".to_owned());
        let known: Vec<String> = keys.chain(columns).chain(segments).take(20).collect();
        let shown: String = name.chars().take(80).collect();
        Err(format!("`{shown}` is no field of it; the fields are {}", known.join(", ")))
    }

    /// Whether a row of these fields can be taken at all.
    pub(super) fn check(&self, roles: &[Role]) -> Result<(), String> {
        let keys = roles.iter().filter(|role| matches!(role, Role::Key(_))).count();
        let names: Vec<_> = self.keys.iter().map(|key| format!("`{}`", key.name)).collect();
        if keys == 0 {
            let wanted = match self.chosen {
                Some(chosen) => names[chosen].clone(),
                None => names.join(", "),
            };
            return Err(format!("no column is a key: {wanted}"));
        }
        if self.kind.is_some() && keys > 1 {
            return Err(several_keys());
        }
        if self.kind == Some(Kind::Segments) && !roles.contains(&Role::Segments) {
            return Err("no column is called `segments`".to_owned());
        }
        Ok(())
    }
}

fn several_keys() -> String {
    "it has several keys: say which one the rows are found by".to_owned()
}

/// What a record holds.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) keys: Vec<(usize, Value)>,
    pub(super) cells: Vec<(u16, Value)>,
    pub(super) ids: Option<Vec<Text>>,
}

impl Fields {
    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.cells.clear();
        self.ids = None;
    }

    /// The one key of a record.
    pub(super) fn key<'f, 'l>(
        &'f self,
        layout: &'l Layout,
    ) -> Result<(&'l KeyField, &'f Value), String> {
        match self.keys.as_slice() {
            [(at, value)] => Ok((&layout.keys[*at], value)),
            [] => Err("it has no key".to_owned()),
            _ => Err(several_keys()),
        }
    }

    /// Takes a field of CSV, which has no types: an empty one is no value.
    pub(super) fn put_text(
        &mut self,
        layout: &Layout,
        role: Role,
        text: &str,
    ) -> Result<(), String> {
        match role {
            Role::Ignored => {}
            Role::Key(at) => {
                let value = if text.is_empty() { Value::Undefined } else { Value::text(text) };
                self.keys.push((at, value));
            }
            Role::Column(at) => {
                let column = &layout.columns[at];
                let value =
                    typed(text, column.data_type, layout.zone).ok_or_else(|| no_value(column))?;
                self.cells.push((column.number, value));
            }
            Role::Segments => {
                let ids = self.ids.get_or_insert_default();
                for id in text.split(';').filter(|id| !id.is_empty()) {
                    ids.push(segment_id(&Value::text(id))?);
                }
            }
        }
        Ok(())
    }

    /// Takes a field of JSON.
    pub(super) fn put_value(
        &mut self,
        layout: &Layout,
        role: Role,
        value: Value,
    ) -> Result<(), String> {
        match role {
            Role::Ignored => {}
            Role::Key(at) => {
                let value = if value.is_nullish() { Value::Undefined } else { value };
                self.keys.push((at, value));
            }
            Role::Column(at) => {
                let column = &layout.columns[at];
                let value = match column.data_type {
                    None => value,
                    Some(data_type) => {
                        converted(data_type, value, layout.zone).ok_or_else(|| no_value(column))?
                    }
                };
                self.cells.push((column.number, value));
            }
            Role::Segments => {
                let ids = self.ids.get_or_insert_default();
                match &value {
                    Value::Array(items) => {
                        for item in items.iter() {
                            ids.push(segment_id(item)?);
                        }
                    }
                    Value::Null => {}
                    other => ids.push(segment_id(other)?),
                }
            }
        }
        Ok(())
    }
}

/// How a type is written.
#[must_use]
pub fn word(data_type: DataType) -> &'static str {
    let known = DataType::WORDS.iter().find(|(_, known)| *known == data_type);
    known.map_or("value", |(word, _)| word)
}

/// A value as its `data_type` reads it; `null` stays what it is, for it says that there is none.
fn converted(data_type: DataType, value: Value, zone: Zone) -> Option<Value> {
    if value.is_nullish() { Some(value) } else { data_type.convert(value, zone).ok() }
}

fn no_value(column: &Column) -> String {
    let word = column.data_type.map_or("value", word);
    format!("its `{}` is no {word}", column.name)
}

fn segment_id(value: &Value) -> Result<Text, String> {
    let id = match value {
        Value::String(text) => text.clone(),
        Value::Number(id) if id.fract() == 0.0 && id.abs() < 1e15 => number::to_text(*id),
        _ => return Err("a segment's id is text or a whole number".to_owned()),
    };
    if id.is_empty() || id.len() > SEGMENT_ID_BYTES_MAX {
        return Err(format!("a segment's id has 1 to {SEGMENT_ID_BYTES_MAX} bytes"));
    }
    Ok(id)
}

/// A field of CSV as its `data_type` reads it; `None` when it cannot.
fn typed(text: &str, data_type: Option<DataType>, zone: Zone) -> Option<Value> {
    if text.is_empty() {
        return Some(Value::Null);
    }
    match data_type {
        None | Some(DataType::String) => Some(Value::text(text)),
        // `Boolean("false")` would be true.
        Some(DataType::Boolean) => match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(Value::Bool(true)),
            "false" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        Some(DataType::Timestamp) => {
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
                && text.bytes().skip(1).all(|byte| byte.is_ascii_digit());
            let value = if is_number { number::from_text(text).into() } else { Value::text(text) };
            converted(DataType::Timestamp, value, zone)
        }
        Some(list @ (DataType::StringArray | DataType::NumberArray)) => {
            converted(list, parse_json(text.as_bytes()).ok()?, zone)
        }
        Some(DataType::Number) => converted(DataType::Number, Value::text(text), zone),
    }
}
