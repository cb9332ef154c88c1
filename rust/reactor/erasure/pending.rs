//! Pending: the erasures that are recorded and not carried out in every file yet.
//!
//! Until then files still hold events and profiles that are gone. Whoever replays asks here, so that a replay
//! leads to the same state before, during and after the rewriting, whatever of it is done: an event of an erased
//! profile is passed over as its tombstone would be, and a snapshot is loaded without the profile. The list is
//! kept in a file of its own, because a replay must know of an erasure before it comes to its record.
//!
//! ```text
//! erasures                  replaced atomically (erasures.tmp, sync, rename, sync)
//!  0 "p13n-ers"      8   magic
//!  8 format version u32   1
//! 12 count          u32   how many follow, ascending by LSN
//! 16 erasure              each: its record's LSN u64, length u32, the record without kept profiles
//!  .. crc           u32   over everything before
//! ```
//!
//! Invariants: it names an erasure before the first file is rewritten because of it, and until the last one is;
//! no file: none is pending.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::super::Secret;
use super::super::open::io_error;
use super::limits::PENDING_BYTES_MAX;
use crate::error::{Error, ErrorKind, Result};
use crate::identity_log::Entry;
use crate::log::Record;
use crate::record::{
    ErasureRecord, EventReplay, KIND_ERASURE, KIND_EVENT, KIND_TOMBSTONE, Tombstone, Whose,
};
use crate::storage::{Disk, read_full, write_all};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::value::codec::{BadBytes, Bytes};

/// Name of the file in a reactor's directory.
pub const ERASURES_FILE: &str = "erasures";
const TEMPORARY_FILE: &str = "erasures.tmp";
const MAGIC: [u8; 8] = *b"p13n-ers";
const FORMAT_VERSION: u32 = 1;

/// From and until which LSN.
type Span = (u64, u64);

/// An erasure that is not carried out yet.
#[derive(Debug)]
pub struct Pending {
    /// LSN of its record.
    pub lsn: u64,
    /// Who.
    pub record: ErasureRecord,
    rids: HashSet<[u8; 16]>,
    /// From and until which LSN each identifier was theirs.
    identifiers: HashMap<(u16, [u8; 16]), Vec<Span>>,
    /// Whether the log was gone through up to its record, for whom it binds to them.
    is_complete: AtomicBool,
}

impl Pending {
    /// The erasure of the record at `lsn`.
    #[must_use]
    pub fn new(lsn: u64, record: ErasureRecord) -> Self {
        let rids = record.rids.iter().copied().collect();
        let mut identifiers: HashMap<_, Vec<_>> = HashMap::new();
        for known in &record.identifiers {
            let spans = identifiers.entry((known.key, known.hash)).or_default();
            spans.push((known.from, known.until));
        }
        let record = ErasureRecord { kept: Vec::new(), ..record };
        Self { lsn, record, rids, identifiers, is_complete: AtomicBool::new(false) }
    }

    /// Takes note that all its people were found.
    pub fn complete(&self) {
        self.is_complete.store(true, Ordering::Release);
    }

    /// Whether all its people were found; not known after a start.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Acquire)
    }

    /// Whether it erases the profile as it stood at `lsn`.
    #[must_use]
    pub fn erases(&self, rid: &[u8; 16], lsn: u64) -> bool {
        lsn < self.lsn && self.rids.contains(rid)
    }

    /// Whether the identifier was theirs to the last: what was imported for it is about them.
    #[must_use]
    pub fn has_rows_of(&self, key: u16, hash: [u8; 16]) -> bool {
        let spans = self.identifiers.get(&(key, hash));
        spans.is_some_and(|spans| spans.iter().any(|(_, until)| *until == u64::MAX))
    }

    fn is_theirs(&self, lsn: u64, whose: &Whose<'_>, secret: &Secret) -> bool {
        if lsn >= self.lsn {
            return false;
        }
        if whose.binds() {
            return whose.rids().any(|rid| self.rids.contains(rid));
        }
        whose.identifiers.iter().any(|(key, value)| {
            let spans = self.identifiers.get(&(*key, secret.identifier_hash(*key, value)));
            spans.is_some_and(|spans| {
                spans.iter().any(|(from, until)| (*from..*until).contains(&lsn))
            })
        })
    }
}

/// The erasures of a reactor that are not carried out yet.
#[derive(Debug, Default)]
pub struct Erasures {
    /// Whether there are any: asked for every event that is replayed.
    is_any: AtomicBool,
    pending: Mutex<Vec<Arc<Pending>>>,
    /// Whether the file says something else than the list.
    is_stale: AtomicBool,
    /// Held while they are carried out, and while one is recorded.
    pub(in super::super) working: Mutex<()>,
}

impl Erasures {
    /// Reads a directory's file.
    ///
    /// # Errors
    /// `Replay` when it is damaged, or what the disk refused.
    pub fn read(disk: &dyn Disk, directory: &Path) -> Result<Self> {
        let read = Self::default();
        let path = directory.join(ERASURES_FILE);
        let file = match disk.open(&path, false) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(read),
            Err(error) => return Err(io_error(&path, error)),
        };
        let length = file.length().map_err(|error| io_error(&path, error))?;
        if length > PENDING_BYTES_MAX {
            return Err(damaged(&path, "it is too long"));
        }
        let mut bytes = vec![0; length as usize];
        read_full(&*file, &mut bytes, 0).map_err(|error| io_error(&path, error))?;
        read.set(decode(&bytes).map_err(|bad| damaged(&path, bad.0))?);
        Ok(read)
    }

    /// Makes a list the one that counts; it is to be made durable once the records of its erasures are.
    pub fn note(&self, pending: Vec<Arc<Pending>>) {
        self.is_stale.store(true, Ordering::Release);
        self.set(pending);
    }

    /// Whether the file does not say what the list does: the LSN of the last erasure in it, 0 without any.
    #[must_use]
    pub fn unsettled(&self) -> Option<u64> {
        let last = || self.pending.lock().last().map_or(0, |pending| pending.lsn);
        self.is_stale.load(Ordering::Acquire).then(last)
    }

    /// Makes the list durable, unless it is: nothing may be rewritten before, and no snapshot be kept.
    ///
    /// # Errors
    /// `Argument` when it is too long, or what the disk refused; then it is to be tried again.
    pub fn settle(&self, disk: &dyn Disk, directory: &Path) -> Result<()> {
        let pending = self.list();
        let (temporary, path) = (directory.join(TEMPORARY_FILE), directory.join(ERASURES_FILE));
        if pending.is_empty() {
            match disk.remove(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(io_error(&path, error));
                }
                _ => {}
            }
        } else {
            let bytes = encode(&pending);
            if bytes.len() as u64 > PENDING_BYTES_MAX {
                let message = "too many people are being erased at once: wait until it is done";
                return Err(ErrorKind::Argument(message.to_owned()).into());
            }
            let refuse = |error| io_error(&path, error);
            let file = disk.create(&temporary).map_err(refuse)?;
            write_all(&*file, &bytes, 0).map_err(refuse)?;
            file.sync().map_err(refuse)?;
            disk.rename(&temporary, &path).map_err(refuse)?;
        }
        disk.sync_directory(directory).map_err(|error| io_error(directory, error))?;
        self.is_stale.store(false, Ordering::Release);
        Ok(())
    }

    /// Takes a list over, without a file.
    pub(in super::super) fn set(&self, pending: Vec<Arc<Pending>>) {
        self.is_any.store(!pending.is_empty(), Ordering::Release);
        *self.pending.lock() = pending;
    }

    /// Those that are pending, ascending by LSN.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Pending>> {
        self.pending.lock().clone()
    }

    /// Whether an event of the profile is passed over: it is erased, and the record is older than that.
    #[must_use]
    pub fn hides(&self, rid: Option<&[u8; 16]>, lsn: u64) -> bool {
        let Some(rid) = rid else { return false };
        self.is_any.load(Ordering::Acquire)
            && self.pending.lock().iter().any(|pending| pending.erases(rid, lsn))
    }
}

/// What stands in a record's place once the erasures are carried out; `None`: the record.
pub fn replacement(
    pending: &[Arc<Pending>],
    secret: &Secret,
    record: &Record<'_>,
) -> Option<(u8, Vec<u8>)> {
    let lsn = record.lsn.counter;
    match record.kind {
        KIND_EVENT => {
            let whose = Whose::decode(record.payload).ok()?;
            if !pending.iter().any(|pending| pending.is_theirs(lsn, &whose, secret)) {
                return None;
            }
            let event = EventReplay::decode(record.payload).ok()?;
            let tombstone = left_of(&event, secret);
            Some((KIND_TOMBSTONE, tombstone.encode()))
        }
        // What an anonymizing had left of somebody who is erased now.
        KIND_ERASURE => {
            let mut erasure = ErasureRecord::decode(record.payload).ok()?;
            let before = erasure.kept.len();
            erasure.kept.retain(|profile| {
                let rid = profile.first_chunk();
                rid.is_none_or(|rid| !pending.iter().any(|pending| pending.erases(rid, lsn)))
            });
            (erasure.kept.len() < before).then(|| (KIND_ERASURE, erasure.encode()))
        }
        _ => None,
    }
}

/// What stands in place of an entry of the identity log: a mark that its record is dealt with.
pub fn entry_replacement(pending: &[Arc<Pending>], record: &Record<'_>) -> Option<(u8, Vec<u8>)> {
    let Ok(Entry::Change(change)) = Entry::decode(record.kind, record.payload) else { return None };
    let mut rids = change.merged.iter().chain([&change.rid]);
    let is_theirs =
        rids.any(|rid| pending.iter().any(|erasure| erasure.erases(&rid.0, change.lsn)));
    is_theirs.then(|| Entry::Mark(change.lsn).encode())
}

/// What replay needs of an event whose person is erased.
pub fn left_of<'e>(event: &EventReplay<'e>, secret: &Secret) -> Tombstone<'e> {
    let dedup = |uuid: &[u8; 16]| secret.dedup(uuid);
    Tombstone::of(event, dedup, |key, value| secret.identifier_hash(key, value))
}

fn encode(pending: &[Arc<Pending>]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    out.extend_from_slice(&(pending.len() as u32).to_le_bytes());
    for pending in pending {
        let record = pending.record.encode();
        out.extend_from_slice(&pending.lsn.to_le_bytes());
        out.extend_from_slice(&(record.len() as u32).to_le_bytes());
        out.extend_from_slice(&record);
    }
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

fn decode(bytes: &[u8]) -> Result<Vec<Arc<Pending>>, BadBytes> {
    let (body, crc) = bytes.split_last_chunk().ok_or(BadBytes("it is too short"))?;
    let mut fields = Bytes(body);
    if fields.array()? != MAGIC {
        return Err(BadBytes("it is no list of erasures"));
    }
    if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return Err(BadBytes("it does not match its checksum"));
    }
    if fields.u32()? > FORMAT_VERSION {
        return Err(BadBytes("it was written by a newer release: use that one"));
    }
    let count = fields.count(12)?;
    let pending = fields.several(count, |fields| {
        let (lsn, length) = (fields.u64()?, fields.u32()? as usize);
        let record = ErasureRecord::decode(fields.take(length)?);
        let record = record.map_err(|bad| BadBytes(bad.0))?;
        Ok(Arc::new(Pending::new(lsn, record)))
    })?;
    if fields.is_empty() { Ok(pending) } else { Err(BadBytes("bytes follow its end")) }
}

fn damaged(path: &Path, what: &'static str) -> Error {
    ErrorKind::Replay(format!("{} is damaged: {what}", path.display())).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ErasedIdentifier;
    use crate::storage::SimulatedDisk;

    #[test]
    fn the_list_reads_back_as_it_was_written_and_every_changed_bit_is_seen() {
        let disk = SimulatedDisk::default();
        let directory = Path::new("/r");
        let erasures = Erasures::read(&disk, directory).unwrap();
        assert!(erasures.list().is_empty());
        let identifiers = vec![ErasedIdentifier { key: 1, hash: [3; 16], from: 1, until: 9 }];
        let record =
            ErasureRecord { now_ms: 1, rids: vec![[7; 16]], identifiers, kept: Vec::new() };
        let pending = vec![Arc::new(Pending::new(9, record))];
        erasures.note(pending);
        assert_eq!(erasures.unsettled(), Some(9));
        erasures.settle(&disk, directory).unwrap();
        assert_eq!(erasures.unsettled(), None);
        assert!(erasures.hides(Some(&[7; 16]), 8));
        assert!(!erasures.hides(Some(&[7; 16]), 9) && !erasures.hides(Some(&[8; 16]), 8));
        let again = Erasures::read(&disk, directory).unwrap();
        assert_eq!(again.list()[0].record, erasures.list()[0].record);
        let bytes = encode(&erasures.list());
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&changed).is_err(), "bit {bit}");
        }
        erasures.note(Vec::new());
        erasures.settle(&disk, directory).unwrap();
        assert!(disk.files().is_empty());
    }
}
