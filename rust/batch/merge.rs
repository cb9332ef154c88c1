//! Merge: layers to one generation that reads the same, and a generation without somebody's rows.
//!
//! Both go through files in the order of their rows, a block of each in memory. Invariants: a merge reads as
//! its layers did, column by column; nothing is erased but the rows of the keys given.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::error::Error;
use super::limits::{COLUMNS_MAX, LAYERS_CALM, ROW_BYTES_MAX};
use super::read::{Generation, Walk};
use super::row::{cells, layered, put_cells};
use super::write::{Writer, Written};
use super::{Column, Kind, hash_of};
use crate::storage::Disk;
use crate::value::codec::BadBytes;

/// How many of the newest layers are merged next, given the bytes of all, the newest first; `None` when
/// there are few enough. So many that the next older one is at least twice their sum, so that a row is
/// written again only as often as the data doubles.
#[must_use]
pub fn due(bytes: &[u64]) -> Option<usize> {
    if bytes.len() <= LAYERS_CALM {
        return None;
    }
    let mut sum = 0;
    for (at, layer) in bytes.iter().enumerate() {
        if at >= 2 && *layer >= 2 * sum {
            return Some(at);
        }
        sum += layer;
    }
    Some(bytes.len())
}

/// Rows that are merged until it is asked again whether to give up.
const ROWS_BETWEEN_LOOKS: u64 = 4_096;

/// Merges layers, the newest first, into generation `number`; `None` when `is_over` said to give up.
///
/// # Errors
/// `Damaged`, `Limit` when a row or the columns become too many, or what the disk refused.
pub fn merge(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    number: u64,
    layers: &[Arc<Generation>],
    is_over: &dyn Fn() -> bool,
) -> Result<Option<Written>, Error> {
    let kind = layers[0].kind();
    let (columns, numbers) = united_columns(kind, layers)?;
    let mut writer = Writer::create(Arc::clone(disk), folder, number, kind)?;
    match write_merged(&mut writer, kind, layers, &numbers, is_over) {
        Ok(true) => writer.finish(&columns, None).map(Some),
        Ok(false) => {
            writer.discard();
            Ok(None)
        }
        Err(error) => {
            writer.discard();
            Err(error)
        }
    }
}

/// The columns of all layers, and for each layer what its numbers become; `None` where they stay.
#[allow(clippy::type_complexity)]
fn united_columns(
    kind: Kind,
    layers: &[Arc<Generation>],
) -> Result<(Vec<Column>, Vec<Option<Vec<u16>>>), Error> {
    let mut columns: Vec<Column> = Vec::new();
    let mut numbers = Vec::new();
    for layer in layers {
        let mut becomes = Vec::new();
        for column in layer.columns() {
            let same = |known: &&Column| match kind {
                Kind::Catalog => known.name == column.name,
                _ => known.number == column.number,
            };
            let number = match columns.iter().find(same) {
                Some(known) => known.number,
                None => {
                    let number =
                        if kind == Kind::Catalog { columns.len() as u16 } else { column.number };
                    columns.push(Column { number, name: column.name.clone() });
                    number
                }
            };
            becomes.push(number);
        }
        numbers.push((kind == Kind::Catalog).then_some(becomes));
    }
    if columns.len() > COLUMNS_MAX {
        let sentence = format!("layers have at most {COLUMNS_MAX} columns together");
        return Err(Error::Limit(sentence));
    }
    Ok((columns, numbers))
}

/// One layer while it is gone through.
struct Layer<'g> {
    generation: &'g Generation,
    walk: Walk<'g>,
    head: Option<(u64, Vec<u8>, Vec<u8>)>,
    numbers: Option<&'g [u16]>,
}

impl Layer<'_> {
    fn advance(&mut self) -> Result<(), Error> {
        self.head = match self.walk.next()? {
            None => None,
            Some((key, row)) => {
                let bad = |bad: BadBytes| Error::damaged(self.generation.path(), bad.0);
                let row = renumbered(row, self.numbers).map_err(bad)?;
                Some((hash_of(key), key.to_vec(), row))
            }
        };
        Ok(())
    }
}

fn renumbered(row: &[u8], numbers: Option<&[u16]>) -> Result<Vec<u8>, BadBytes> {
    let Some(numbers) = numbers else { return Ok(row.to_vec()) };
    let mut cells = cells(row)?;
    for (column, _) in &mut cells {
        let number = numbers.get(usize::from(*column));
        *column = *number.ok_or(BadBytes("a row has a column that the table has not"))?;
    }
    cells.sort_by_key(|(column, _)| *column);
    let mut out = Vec::with_capacity(row.len());
    put_cells(&mut out, &cells);
    Ok(out)
}

fn write_merged(
    writer: &mut Writer,
    kind: Kind,
    layers: &[Arc<Generation>],
    numbers: &[Option<Vec<u16>>],
    is_over: &dyn Fn() -> bool,
) -> Result<bool, Error> {
    let mut layers: Vec<Layer<'_>> = layers
        .iter()
        .zip(numbers)
        .map(|(generation, numbers)| Layer {
            generation,
            walk: generation.walk(),
            head: None,
            numbers: numbers.as_deref(),
        })
        .collect();
    for layer in &mut layers {
        layer.advance()?;
    }
    let mut rows = 0_u64;
    loop {
        let least = layers.iter().filter_map(|layer| layer.head.as_ref());
        let Some((_, key, _)) = least.min_by(|(left, left_key, _), (right, right_key, _)| {
            (left, left_key).cmp(&(right, right_key))
        }) else {
            return Ok(true);
        };
        rows += 1;
        if rows.is_multiple_of(ROWS_BETWEEN_LOOKS) && is_over() {
            return Ok(false);
        }
        let key = key.clone();
        let mut together: Option<Vec<u8>> = None;
        for layer in &mut layers {
            let Some((_, _, row)) = layer.head.take_if(|(_, found, _)| *found == key) else {
                continue;
            };
            together = Some(match together {
                None => row,
                Some(newer) => layered(kind, &row, &newer)
                    .map_err(|bad| Error::damaged(layer.generation.path(), bad.0))?,
            });
            layer.advance()?;
        }
        let row = together.unwrap_or_default();
        if row.len() > ROW_BYTES_MAX {
            let sentence =
                format!("a row of all layers together has at most {ROW_BYTES_MAX} bytes");
            return Err(Error::Limit(sentence));
        }
        writer.row(&key, &row)?;
    }
}

/// Writes a generation again under its own number and digest, without the rows of these keys; `None` when
/// it has none of them, and nothing was written. How many rows went is the difference of both.
///
/// # Errors
/// `Damaged`, or what the disk refused.
pub fn rewrite_without(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    generation: &Generation,
    keys: &HashSet<Vec<u8>>,
) -> Result<Option<Written>, Error> {
    let mut buffer = Vec::new();
    let mut holds = false;
    for key in keys {
        holds |= generation.get(key, &mut buffer)?.is_some();
    }
    if !holds {
        return Ok(None);
    }
    let mut writer =
        Writer::create(Arc::clone(disk), folder, generation.number(), generation.kind())?;
    let mut copy = || -> Result<(), Error> {
        let mut walk = generation.walk();
        while let Some((key, row)) = walk.next()? {
            if !keys.contains(key) {
                writer.row(key, row)?;
            }
        }
        Ok(())
    };
    match copy() {
        Ok(()) => writer.finish(generation.columns(), Some(generation.origin())).map(Some),
        Err(error) => {
            writer.discard();
            Err(error)
        }
    }
}
