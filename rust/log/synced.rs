//! The `synced` file: how far the log is known to be synced, beside what its batches say.
//!
//! A batch tells what was synced before it, so only its successor can tell of it. This file does so at once:
//! after each sync one of two slots gets the LSN. It needs no sync of its own: it adds to what is known and
//! never takes away. After a kill the page cache still has it; after a power cut an older slot is right,
//! too, and says less. Invariants: a slot never names an LSN that was not synced before the slot was written; a
//! missing or damaged slot says nothing and fails nothing.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::error::Error;
use super::frame::{u32_at, u64_at};
use super::limits::FORMAT_VERSION;
use crate::storage::{Disk, DiskFile, read_full, write_all};
use crate::sync::atomic::{AtomicU64, Ordering};

/// Name of the file in the log's directory.
pub const SYNCED_FILE: &str = "synced";

const MAGIC: [u8; 8] = *b"p13n-syn";
const SLOT_BYTES: usize = 32;
/// The slots lie in blocks of their own, so that one torn write spoils one of them.
const SLOTS_AT: [u64; 2] = [0, 4096];

/// The file, opened for writing.
pub(crate) struct SyncedFile {
    file: Arc<dyn DiskFile>,
    seed: u64,
    term: u32,
    notes: AtomicU64,
    failures: AtomicU64,
}

impl SyncedFile {
    /// Opens the file, making it when it is missing.
    ///
    /// # Errors
    /// What the disk refused.
    pub fn open(disk: &dyn Disk, directory: &Path, seed: u64, term: u32) -> Result<Self, Error> {
        let path = directory.join(SYNCED_FILE);
        let file = match disk.open(&path, true) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => disk.create(&path),
            other => other,
        };
        let file = file.map_err(|error| Error::io("open", &path, error))?;
        Ok(Self { file, seed, term, notes: AtomicU64::new(0), failures: AtomicU64::new(0) })
    }

    /// Takes note of a successful sync; one caller at a time. A write that fails is counted and no more: what
    /// it would have said is still known from the batches.
    pub fn note(&self, lsn: u64) {
        let at = SLOTS_AT[(self.notes.fetch_add(1, Ordering::Relaxed) % 2) as usize];
        let slot = encode(self.seed, self.term, lsn);
        if write_all(&*self.file, &slot, at).is_err() {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes that could not be written.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}

/// The highest LSN that the directory's file names; 0 when no slot is whole.
///
/// # Errors
/// What the disk refused, but for a missing file.
pub(crate) fn read_synced(disk: &dyn Disk, directory: &Path, seed: u64) -> Result<u64, Error> {
    let path = directory.join(SYNCED_FILE);
    let file = match disk.open(&path, false) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(Error::io("read", &path, error)),
    };
    let mut highest = 0;
    for at in SLOTS_AT {
        let mut slot = [0; SLOT_BYTES];
        let filled =
            read_full(&*file, &mut slot, at).map_err(|error| Error::io("read", &path, error))?;
        highest = highest.max(decode(&slot[..filled], seed).unwrap_or(0));
    }
    Ok(highest)
}

fn encode(seed: u64, term: u32, lsn: u64) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot[0..8].copy_from_slice(&MAGIC);
    slot[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    slot[12..16].copy_from_slice(&term.to_le_bytes());
    slot[16..24].copy_from_slice(&lsn.to_le_bytes());
    let crc = crc(&slot, seed);
    slot[28..32].copy_from_slice(&crc.to_le_bytes());
    slot
}

fn decode(slot: &[u8], seed: u64) -> Option<u64> {
    let whole = slot.len() == SLOT_BYTES && slot[0..8] == MAGIC;
    let ours = whole && u32_at(slot, 8) == FORMAT_VERSION && u32_at(slot, 28) == crc(slot, seed);
    ours.then(|| u64_at(slot, 16))
}

/// Begins with the directory's seed, so that another log's file says nothing here.
fn crc(slot: &[u8], seed: u64) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(&slot[..28]);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::SimulatedDisk;

    const DIRECTORY: &str = "/log";

    fn noted(lsns: &[u64]) -> SimulatedDisk {
        let disk = SimulatedDisk::default();
        let file = SyncedFile::open(&disk, Path::new(DIRECTORY), 9, 3).expect("it opens");
        lsns.iter().for_each(|lsn| file.note(*lsn));
        disk
    }

    fn read(disk: &SimulatedDisk, seed: u64) -> u64 {
        read_synced(disk, Path::new(DIRECTORY), seed).expect("it is read")
    }

    #[test]
    fn the_highest_slot_counts_and_another_logs_file_says_nothing() {
        assert_eq!(read(&SimulatedDisk::default(), 9), 0);
        assert_eq!(read(&noted(&[]), 9), 0);
        assert_eq!(read(&noted(&[7]), 9), 7);
        assert_eq!(read(&noted(&[7, 8, 30]), 9), 30);
        assert_eq!(read(&noted(&[7, 8, 30]), 8), 0);
    }

    #[test]
    fn every_bit_flip_and_every_cut_costs_at_most_the_slot_that_it_hits() {
        let disk = noted(&[7, 8]);
        let path = Path::new(DIRECTORY).join(SYNCED_FILE);
        let bytes = disk.bytes(&path).expect("it is there");
        for at in (0..SLOT_BYTES).chain(4096..4096 + SLOT_BYTES) {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                let image = disk.kill();
                image.put(&path, &flipped);
                assert_eq!(read(&image, 9), if at < 4096 { 8 } else { 7 }, "{at}.{bit}");
            }
        }
        for length in 0..bytes.len() {
            let image = disk.kill();
            image.put(&path, &bytes[..length]);
            assert_eq!(read(&image, 9), if length < SLOT_BYTES { 0 } else { 7 }, "{length}");
        }
    }

    #[test]
    fn the_bytes_of_a_slot_are_those_of_the_specification() {
        let slot = encode(5, 2, 258);
        assert_eq!(&slot[0..8], b"p13n-syn");
        assert_eq!(slot[8..16], [1, 0, 0, 0, 2, 0, 0, 0], "version and term");
        assert_eq!(slot[16..28], [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "LSN and zeros");
        let salted = [&5_u64.to_le_bytes()[..], &slot[..28]].concat();
        assert_eq!(slot[28..], crc32fast::hash(&salted).to_le_bytes());
    }
}
