//! Row: what the rows of each kind hold, as bytes.
//!
//! ```text
//! attributes, catalog   u16 count, each: column u16, value; columns ascend
//! segments              u32 count, each text; ids ascend, each once
//! ```
//!
//! Values and texts are as in `value::codec`. A column is told by the number that the generation's table of
//! columns gives it: of an attribute the number of its name in the directory, of a catalog's column its
//! place in the table. `null` in a column means that the row says there is no value, which hides older
//! layers; a column that a row has not is read from them.

use super::Kind;
use super::limits::KEY_BYTES_MAX;
use crate::value::codec::{BadBytes, Bytes, put_text, put_value};
use crate::value::{Text, Value};

/// A row's key as bytes: a `u16` and text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key(Vec<u8>);

impl Key {
    /// The key of what an identifier has; a catalog's rows have number 0.
    #[must_use]
    pub fn new(number: u16, value: &str) -> Self {
        let mut key = Self::default();
        key.set(number, value);
        key
    }

    /// Makes this another key, in the room that it has.
    pub fn set(&mut self, number: u16, value: &str) {
        self.0.clear();
        self.0.extend_from_slice(&number.to_le_bytes());
        self.0.extend_from_slice(value.as_bytes());
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether its text is no longer than keys may be.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.0.len() <= KEY_BYTES_MAX + 2
    }
}

/// Number and text of a key's bytes.
///
/// # Errors
/// `BadBytes` when they are no key's.
pub fn parts_of(key: &[u8]) -> Result<(u16, &str), BadBytes> {
    let mut bytes = Bytes(key);
    let number = bytes.u16()?;
    let text = std::str::from_utf8(bytes.0).map_err(|_| BadBytes("a key is not text"))?;
    Ok((number, text))
}

/// A column of a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// What rows call it.
    pub number: u16,
    /// Its name when it was imported.
    pub name: Text,
}

/// Appends the row of an attribute's or catalog's columns, which ascend.
pub fn put_cells(out: &mut Vec<u8>, cells: &[(u16, Value)]) {
    debug_assert!(cells.is_sorted_by(|(left, _), (right, _)| left < right));
    out.extend_from_slice(&(cells.len() as u16).to_le_bytes());
    for (column, value) in cells {
        out.extend_from_slice(&column.to_le_bytes());
        put_value(out, value);
    }
}

/// The columns of a row.
///
/// # Errors
/// `BadBytes` when it is not what [`put_cells`] writes.
pub fn cells(row: &[u8]) -> Result<Vec<(u16, Value)>, BadBytes> {
    let mut bytes = Bytes(row);
    let count = usize::from(bytes.u16()?);
    let cells = bytes.several(count, |bytes| Ok((bytes.u16()?, bytes.value()?)))?;
    if bytes.is_empty() { Ok(cells) } else { Err(BadBytes("bytes follow a row")) }
}

/// Appends the row of an identifier's segments; sorts them and keeps each once.
pub fn put_segments(out: &mut Vec<u8>, ids: &mut Vec<Text>) {
    ids.sort_unstable();
    ids.dedup();
    out.extend_from_slice(&(ids.len() as u32).to_le_bytes());
    ids.iter().for_each(|id| put_text(out, id));
}

/// The segments of a row, ascending.
///
/// # Errors
/// `BadBytes` when it is not what [`put_segments`] writes.
pub fn segments(row: &[u8]) -> Result<Vec<Text>, BadBytes> {
    let mut bytes = Bytes(row);
    let count = bytes.count(4)?;
    let ids = bytes.several(count, |bytes| Ok(Text::new(bytes.text()?)))?;
    if bytes.is_empty() { Ok(ids) } else { Err(BadBytes("bytes follow a row")) }
}

/// What one key has of two rows in one import: of attributes and catalogs the later row, of segments the
/// ids of both.
///
/// # Errors
/// `BadBytes` when a row cannot be read.
pub fn repeated(kind: Kind, earlier: &[u8], later: &[u8]) -> Result<Vec<u8>, BadBytes> {
    if kind != Kind::Segments {
        return Ok(later.to_vec());
    }
    let mut ids = segments(earlier)?;
    ids.extend(segments(later)?);
    let mut out = Vec::with_capacity(earlier.len() + later.len());
    put_segments(&mut out, &mut ids);
    Ok(out)
}

/// What one key has of two layers: each column of the newer row that has it; of segments the newer row.
///
/// # Errors
/// `BadBytes` when a row cannot be read.
pub fn layered(kind: Kind, older: &[u8], newer: &[u8]) -> Result<Vec<u8>, BadBytes> {
    if kind == Kind::Segments {
        return Ok(newer.to_vec());
    }
    let mut together = cells(newer)?;
    for (column, value) in cells(older)? {
        if let Err(at) = together.binary_search_by_key(&column, |(column, _)| *column) {
            together.insert(at, (column, value));
        }
    }
    let mut out = Vec::with_capacity(older.len() + newer.len());
    put_cells(&mut out, &together);
    Ok(out)
}
