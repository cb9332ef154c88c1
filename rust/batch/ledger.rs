//! Ledger: which generations count, by dataset, and the record of the log that says so (page 4.3).
//!
//! ```text
//! import (kind 16)
//!   cause      u8     1 import, 2 import that replaces, 3 layers merged
//!   now_ms     i64    when, by the machine's clock; moves no clock
//!   dataset    u8 kind, text name
//!   layers     u8 count, each, the newest first:
//!     generation u64, digest 32 bytes, rows u64, bytes u64, source 32 bytes
//! ledger, in snapshots
//!   next       u64    number of the next generation
//!   datasets   u32 count, each: dataset, layers
//!   retired    u32 count, each: generation u64, lsn u64 of the record that let go of it
//! ```
//!
//! A record names all layers that its dataset has from it on, so that the last one of a dataset is all
//! that must be known. `source` is the SHA-256 of the imported file; of merged layers, zeros.
//! Invariants: numbers only rise; a generation that was let go is kept as long as a state before that
//! can still be asked for.

use std::collections::BTreeMap;

use super::limits::LAYERS_MAX;
use super::{Dataset, Kind};
use crate::value::Text;
use crate::value::codec::{BadBytes, Bytes, put_text};

/// One generation as the log names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its number.
    pub generation: u64,
    /// SHA-256 of all but its trailer, when it was committed.
    pub digest: [u8; 32],
    /// How many rows it held then.
    pub rows: u64,
    /// Length of its file then, bytes.
    pub bytes: u64,
    /// SHA-256 of the imported file; zeros when layers were merged.
    pub source: [u8; 32],
}

const LAYER_BYTES: usize = 8 + 32 + 8 + 8 + 32;

/// Why a dataset's layers change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Cause {
    /// A layer over the others.
    Import = 1,
    /// A layer instead of the others.
    Replace = 2,
    /// Layers became one that reads the same.
    Merge = 3,
}

/// What a record of the log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRecord {
    /// Why.
    pub cause: Cause,
    /// When, epoch milliseconds of the machine's clock.
    pub now_ms: i64,
    /// Of what.
    pub dataset: Dataset,
    /// All layers from now on, the newest first.
    pub layers: Vec<Layer>,
}

impl ImportRecord {
    /// The record's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        assert!(self.layers.len() <= LAYERS_MAX, "a dataset has no more layers than it may");
        let mut out = vec![self.cause as u8];
        out.extend_from_slice(&self.now_ms.to_le_bytes());
        put_dataset(&mut out, &self.dataset);
        put_layers(&mut out, &self.layers);
        out
    }

    /// Reads a record.
    ///
    /// # Errors
    /// `BadBytes` when the bytes are not what `encode` writes.
    pub fn decode(payload: &[u8]) -> Result<Self, BadBytes> {
        let mut bytes = Bytes(payload);
        let cause = match bytes.u8()? {
            1 => Cause::Import,
            2 => Cause::Replace,
            3 => Cause::Merge,
            _ => return Err(BadBytes("why its layers change is unknown")),
        };
        let now_ms = bytes.i64()?;
        let (dataset, layers) = (dataset(&mut bytes)?, layers(&mut bytes)?);
        if !bytes.is_empty() {
            return Err(BadBytes("bytes follow the layers"));
        }
        Ok(Self { cause, now_ms, dataset, layers })
    }
}

/// Which generations count at one LSN, and which did before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    next: u64,
    datasets: BTreeMap<Dataset, Vec<Layer>>,
    /// Generations that were let go: the LSN of the record that did.
    retired: BTreeMap<u64, u64>,
}

impl Ledger {
    /// The number that the next generation gets.
    #[must_use]
    pub fn next_generation(&self) -> u64 {
        self.next.max(1)
    }

    /// Never gives a number up to this one again.
    pub fn pass(&mut self, generation: u64) {
        self.next = self.next.max(generation + 1);
    }

    /// The layers of a dataset, the newest first.
    #[must_use]
    pub fn layers(&self, dataset: &Dataset) -> &[Layer] {
        self.datasets.get(dataset).map_or(&[], Vec::as_slice)
    }

    /// All datasets that have layers.
    pub fn datasets(&self) -> impl Iterator<Item = (&Dataset, &[Layer])> {
        self.datasets.iter().map(|(dataset, layers)| (dataset, layers.as_slice()))
    }

    /// Takes in a record.
    pub fn commit(&mut self, record: &ImportRecord, lsn: u64) {
        for layer in &record.layers {
            self.pass(layer.generation);
        }
        let before = self.datasets.insert(record.dataset.clone(), record.layers.clone());
        for old in before.unwrap_or_default() {
            if !record.layers.iter().any(|layer| layer.generation == old.generation) {
                self.retired.insert(old.generation, lsn);
            }
        }
    }

    /// Whether a generation counts now, or is kept because it did.
    #[must_use]
    pub fn keeps(&self, generation: u64) -> bool {
        let mut layers = self.datasets.values().flatten();
        layers.any(|layer| layer.generation == generation) || self.retired.contains_key(&generation)
    }

    /// Lets go of the generations that no state at `first_lsn` or later reads; which ones.
    pub fn let_go(&mut self, first_lsn: u64) -> Vec<u64> {
        let gone: Vec<u64> = self
            .retired
            .iter()
            .filter(|(_, retired_lsn)| **retired_lsn <= first_lsn)
            .map(|(generation, _)| *generation)
            .collect();
        gone.iter().for_each(|generation| {
            self.retired.remove(generation);
        });
        gone
    }

    /// All generations that count or are kept.
    pub fn generations(&self) -> impl Iterator<Item = u64> {
        let live = self.datasets.values().flatten().map(|layer| layer.generation);
        live.chain(self.retired.keys().copied())
    }

    /// The ledger's bytes, for snapshots.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.next.to_le_bytes().to_vec();
        out.extend_from_slice(&(self.datasets.len() as u32).to_le_bytes());
        for (dataset, layers) in &self.datasets {
            put_dataset(&mut out, dataset);
            put_layers(&mut out, layers);
        }
        out.extend_from_slice(&(self.retired.len() as u32).to_le_bytes());
        for (generation, lsn) in &self.retired {
            out.extend_from_slice(&generation.to_le_bytes());
            out.extend_from_slice(&lsn.to_le_bytes());
        }
        out
    }

    /// Reads a ledger.
    ///
    /// # Errors
    /// `BadBytes` when the bytes are not what `encode` writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadBytes> {
        let mut bytes = Bytes(bytes);
        let mut ledger = Self { next: bytes.u64()?, ..Self::default() };
        for _ in 0..bytes.count(6)? {
            let dataset = dataset(&mut bytes)?;
            ledger.datasets.insert(dataset, layers(&mut bytes)?);
        }
        for _ in 0..bytes.count(16)? {
            ledger.retired.insert(bytes.u64()?, bytes.u64()?);
        }
        if bytes.is_empty() { Ok(ledger) } else { Err(BadBytes("bytes follow the ledger")) }
    }
}

fn put_dataset(out: &mut Vec<u8>, dataset: &Dataset) {
    out.push(dataset.kind as u8);
    put_text(out, &dataset.name);
}

fn dataset(bytes: &mut Bytes<'_>) -> Result<Dataset, BadBytes> {
    let kind = Kind::of(u32::from(bytes.u8()?)).ok_or(BadBytes("its kind of data is unknown"))?;
    Ok(Dataset { kind, name: Text::new(bytes.text()?) })
}

fn put_layers(out: &mut Vec<u8>, layers: &[Layer]) {
    out.push(layers.len() as u8);
    for layer in layers {
        out.extend_from_slice(&layer.generation.to_le_bytes());
        out.extend_from_slice(&layer.digest);
        out.extend_from_slice(&layer.rows.to_le_bytes());
        out.extend_from_slice(&layer.bytes.to_le_bytes());
        out.extend_from_slice(&layer.source);
    }
}

fn layers(bytes: &mut Bytes<'_>) -> Result<Vec<Layer>, BadBytes> {
    let count = usize::from(bytes.u8()?);
    if count > LAYERS_MAX || count * LAYER_BYTES > bytes.0.len() {
        return Err(BadBytes("it has more layers than there may be"));
    }
    bytes.several(count, |bytes| {
        Ok(Layer {
            generation: bytes.u64()?,
            digest: bytes.array()?,
            rows: bytes.u64()?,
            bytes: bytes.u64()?,
            source: bytes.array()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(generation: u64) -> Layer {
        let (digest, source) = ([generation as u8; 32], [7; 32]);
        Layer { generation, digest, rows: 10 * generation, bytes: 100 * generation, source }
    }

    fn record(cause: Cause, generations: &[u64]) -> ImportRecord {
        let layers = generations.iter().copied().map(layer).collect();
        ImportRecord { cause, now_ms: 5, dataset: Dataset::catalog("products"), layers }
    }

    #[test]
    fn records_and_ledgers_read_back_as_written_and_garbage_is_an_error() {
        let record = record(Cause::Merge, &[3, 1]);
        let bytes = record.encode();
        assert_eq!(ImportRecord::decode(&bytes), Ok(record.clone()));
        let mut ledger = Ledger::default();
        ledger.commit(&record, 4);
        ledger.commit(&self::record(Cause::Replace, &[5]), 6);
        let kept = ledger.encode();
        assert_eq!(Ledger::decode(&kept), Ok(ledger));
        for end in 0..bytes.len() {
            assert!(ImportRecord::decode(&bytes[..end]).is_err(), "{end}");
        }
        for end in 0..kept.len() {
            assert!(Ledger::decode(&kept[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn a_generation_is_kept_until_no_state_that_read_it_can_be_asked_for() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.next_generation(), 1);
        ledger.commit(&record(Cause::Import, &[1]), 10);
        ledger.commit(&record(Cause::Import, &[2, 1]), 20);
        ledger.commit(&record(Cause::Merge, &[3]), 30);
        assert_eq!(ledger.next_generation(), 4);
        assert_eq!(ledger.let_go(29), Vec::<u64>::new());
        assert!(ledger.keeps(1) && ledger.keeps(2) && ledger.keeps(3));
        // The state after record 30 reads generation 3 alone.
        assert_eq!(ledger.let_go(30), [1, 2]);
        assert!(!ledger.keeps(1) && ledger.keeps(3));
        assert_eq!(ledger.next_generation(), 4, "numbers only rise");
    }
}
