//! Live: the generations in force, open for reading. Immutable; an import swaps it as a whole.
//!
//! Invariant: what is looked up reads as one import after the other had been laid over the ones before:
//! column by column the newest layer that has the row and the column, of segments the newest that has the
//! row.

use std::path::Path;
use std::sync::Arc;

use super::error::Error;
use super::ledger::{Layer, Ledger};
use super::read::Generation;
use super::row::{Key, cells, segments};
use super::{Dataset, path_of};
use crate::storage::Disk;
use crate::value::codec::BadBytes;
use crate::value::{Text, Value};

/// The generations in force.
#[derive(Clone, Debug, Default)]
pub struct Live {
    datasets: Vec<(Dataset, Vec<Arc<Generation>>)>,
}

impl Live {
    /// Opens what a ledger says is in force; what `before` has open already stays so.
    ///
    /// # Errors
    /// `Missing`, `Damaged`, or what the disk refused.
    pub fn open(
        disk: &dyn Disk,
        folder: &Path,
        ledger: &Ledger,
        before: &Self,
    ) -> Result<Self, Error> {
        let mut datasets = Vec::new();
        for (dataset, layers) in ledger.datasets() {
            let open = before.layers(dataset);
            let opened = layers.iter().map(|layer| {
                let known = open.iter().find(|known| known.number() == layer.generation);
                known.map_or_else(
                    || open_layer(disk, folder, dataset, layer).map(Arc::new),
                    |known| Ok(Arc::clone(known)),
                )
            });
            datasets.push((dataset.clone(), opened.collect::<Result<Vec<_>, _>>()?));
        }
        Ok(Self { datasets })
    }

    /// The layers of a dataset, the newest first.
    #[must_use]
    pub fn layers(&self, dataset: &Dataset) -> &[Arc<Generation>] {
        let found = self.datasets.iter().find(|(known, _)| known == dataset);
        found.map_or(&[], |(_, layers)| layers.as_slice())
    }

    /// All generations in force.
    pub fn generations(&self) -> impl Iterator<Item = &Arc<Generation>> {
        self.datasets.iter().flat_map(|(_, layers)| layers)
    }

    /// Whether nothing was ever imported.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.datasets.is_empty()
    }
}

/// Opens one layer, and makes sure that it is the one that the log means.
///
/// # Errors
/// As [`Live::open`].
pub fn open_layer(
    disk: &dyn Disk,
    folder: &Path,
    dataset: &Dataset,
    layer: &Layer,
) -> Result<Generation, Error> {
    let path = path_of(folder, layer.generation);
    let generation = Generation::open(disk, &path)?;
    let is_meant = generation.number() == layer.generation
        && generation.kind() == dataset.kind
        && generation.origin() == layer.digest;
    if is_meant {
        Ok(generation)
    } else {
        Err(Error::damaged(&path, "it is not the one that the log names"))
    }
}

/// The columns of one key, each from the newest layer that has it, by the numbers that `number_of` gives to
/// the columns of a layer: `None` for one that nobody asks for.
///
/// # Errors
/// `Damaged`, or what the disk refused.
pub fn columns(
    layers: &[Arc<Generation>],
    key: &Key,
    buffer: &mut Vec<u8>,
    number_of: &dyn Fn(&Generation, u16) -> Option<usize>,
    into: &mut [Option<Value>],
) -> Result<bool, Error> {
    let mut found = false;
    for layer in layers {
        let Some(row) = layer.get(key.bytes(), buffer)? else { continue };
        found = true;
        let cells = cells(row).map_err(|bad| damaged(layer, bad))?;
        for (column, value) in cells {
            if let Some(place) = number_of(layer, column).and_then(|place| into.get_mut(place)) {
                place.get_or_insert(value);
            }
        }
    }
    Ok(found)
}

/// The segments of one key, ascending; `None` when no layer has it.
///
/// # Errors
/// `Damaged`, or what the disk refused.
pub fn segments_of(
    layers: &[Arc<Generation>],
    key: &Key,
    buffer: &mut Vec<u8>,
) -> Result<Option<Vec<Text>>, Error> {
    for layer in layers {
        if let Some(row) = layer.get(key.bytes(), buffer)? {
            return segments(row).map(Some).map_err(|bad| damaged(layer, bad));
        }
    }
    Ok(None)
}

fn damaged(layer: &Generation, bad: BadBytes) -> Error {
    Error::damaged(layer.path(), bad.0)
}
