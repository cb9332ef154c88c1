//! The manifest of snapshots: which there are, and which of them is the base.
//!
//! Like the log's it is written whole, beside, and renamed into place. Invariants: entries ascend by LSN; the
//! base is the first; it is never guessed from the directory.

use std::io;
use std::path::Path;

use super::error::Error;
use super::limits::{FORMAT_VERSION, KEPT_MAX};
use crate::storage::{Disk, read_full, write_all};
use crate::value::codec::{BadBytes, Bytes};

/// Name of the manifest in the snapshots' directory.
pub const MANIFEST_FILE: &str = "manifest";

const TEMPORARY_FILE: &str = "manifest.tmp";
const MAGIC: [u8; 8] = *b"p13n-sms";
const HEAD_BYTES: usize = 32;
const ENTRY_BYTES: usize = 48;

/// What an older snapshot is kept for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// For recovery only, while it is one of the newest.
    None,
    /// It may become the base.
    Candidate,
    /// It stands at or before the first record that the log retains.
    Base,
}

/// One snapshot that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Its number, which names its file.
    pub number: u64,
    /// Its cut.
    pub lsn: u64,
    /// Length of the file, in bytes.
    pub bytes: u64,
    /// When it was taken, epoch milliseconds of the machine's clock.
    pub taken_ms: i64,
    /// Apply epoch of its state.
    pub apply_epoch: u32,
    /// What it is kept for when it is old.
    pub role: Role,
    /// The file's footer crc.
    pub crc: u32,
}

/// The set of snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Apply epoch of the release that last served from this directory.
    pub apply_epoch: u32,
    /// Number of the next snapshot.
    pub next_number: u64,
    /// The snapshots in LSN order.
    pub kept: Vec<Kept>,
}

impl Manifest {
    /// The manifest of a directory that has never held a snapshot.
    #[must_use]
    pub fn new(apply_epoch: u32) -> Self {
        Self { apply_epoch, next_number: 1, kept: Vec::new() }
    }

    fn encode(&self) -> Vec<u8> {
        assert!(self.kept.len() <= KEPT_MAX, "a manifest names too many snapshots");
        let mut bytes = Vec::with_capacity(HEAD_BYTES + KEPT_MAX * ENTRY_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.apply_epoch.to_le_bytes());
        bytes.extend_from_slice(&self.next_number.to_le_bytes());
        bytes.extend_from_slice(&(self.kept.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        for kept in &self.kept {
            bytes.extend_from_slice(&kept.number.to_le_bytes());
            bytes.extend_from_slice(&kept.lsn.to_le_bytes());
            bytes.extend_from_slice(&kept.bytes.to_le_bytes());
            bytes.extend_from_slice(&kept.taken_ms.to_le_bytes());
            bytes.extend_from_slice(&kept.apply_epoch.to_le_bytes());
            bytes.extend_from_slice(&(kept.role as u32).to_le_bytes());
            bytes.extend_from_slice(&kept.crc.to_le_bytes());
            bytes.extend_from_slice(&[0; 4]);
        }
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8], path: &Path) -> Result<Self, Error> {
        let bad = |bad: BadBytes| Error::damaged(path, bad.0);
        let (body, crc) = bytes.split_last_chunk().unwrap_or((bytes, &[0; 4]));
        let mut fields = Bytes(body);
        if fields.array().map_err(bad)? != MAGIC {
            return Err(Error::damaged(path, "this is no manifest of snapshots"));
        }
        if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
            return Err(Error::damaged(path, "it does not match its checksum"));
        }
        let found = fields.u32().map_err(bad)?;
        if found > FORMAT_VERSION {
            let file = path.to_path_buf();
            return Err(Error::NewerFormat { file, found, known: FORMAT_VERSION });
        }
        Self::fields(&mut fields).map_err(bad)
    }

    fn fields(fields: &mut Bytes<'_>) -> Result<Self, BadBytes> {
        let (apply_epoch, next_number) = (fields.u32()?, fields.u64()?);
        let count = fields.u32()? as usize;
        fields.take(4)?;
        let contradiction = BadBytes("it contradicts itself");
        if count > KEPT_MAX || fields.0.len() != count * ENTRY_BYTES {
            return Err(contradiction);
        }
        let mut kept: Vec<Kept> = Vec::with_capacity(count);
        for _ in 0..count {
            let (number, lsn, bytes) = (fields.u64()?, fields.u64()?, fields.u64()?);
            let (taken_ms, apply_epoch) = (fields.i64()?, fields.u32()?);
            let role = match fields.u32()? {
                0 => Role::None,
                1 => Role::Candidate,
                2 => Role::Base,
                _ => return Err(contradiction),
            };
            let crc = fields.u32()?;
            fields.take(4)?;
            let is_base_behind = role == Role::Base && !kept.is_empty();
            if number >= next_number || kept.last().is_some_and(|last| last.lsn > lsn) {
                return Err(contradiction);
            }
            if is_base_behind {
                return Err(contradiction);
            }
            kept.push(Kept { number, lsn, bytes, taken_ms, apply_epoch, role, crc });
        }
        Ok(Self { apply_epoch, next_number, kept })
    }

    /// Reads a directory's manifest; `None` when there is none.
    ///
    /// # Errors
    /// `Damaged`, `NewerFormat`, or what the disk refused.
    pub fn read(disk: &dyn Disk, directory: &Path) -> Result<Option<Self>, Error> {
        let path = directory.join(MANIFEST_FILE);
        let refuse = |error| Error::io("read", &path, error);
        let file = match disk.open(&path, false) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refuse(error)),
        };
        let length = file.length().map_err(refuse)?;
        if length > (HEAD_BYTES + KEPT_MAX * ENTRY_BYTES + 4) as u64 {
            return Err(Error::damaged(&path, "it is too long"));
        }
        let mut bytes = vec![0; length as usize];
        let filled = read_full(&*file, &mut bytes, 0).map_err(refuse)?;
        Self::decode(&bytes[..filled], &path).map(Some)
    }

    /// Replaces the directory's manifest durably: written beside, synced, renamed, directory synced.
    ///
    /// # Errors
    /// What the disk refused; then either the old or the new manifest stands.
    pub fn replace(&self, disk: &dyn Disk, directory: &Path) -> Result<(), Error> {
        let temporary = directory.join(TEMPORARY_FILE);
        let path = directory.join(MANIFEST_FILE);
        let refuse = |action, error| Error::io(action, &path, error);
        let file = disk.create(&temporary).map_err(|error| refuse("create", error))?;
        write_all(&*file, &self.encode(), 0).map_err(|error| refuse("write", error))?;
        file.sync().map_err(|error| refuse("sync", error))?;
        disk.rename(&temporary, &path).map_err(|error| refuse("replace", error))?;
        disk.sync_directory(directory).map_err(|error| refuse("sync", error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(number: u64, role: Role) -> Kept {
        let (taken_ms, apply_epoch, crc) = (1_700_000_000_000, 1, 7);
        Kept { number, lsn: number * 10, bytes: 100, taken_ms, apply_epoch, role, crc }
    }

    #[test]
    fn a_manifest_reads_back_as_it_was_written_and_every_changed_bit_is_seen() {
        let manifest = Manifest {
            apply_epoch: 3,
            next_number: 9,
            kept: vec![kept(2, Role::Base), kept(5, Role::Candidate), kept(8, Role::None)],
        };
        let path = Path::new("manifest");
        let bytes = manifest.encode();
        assert_eq!(Manifest::decode(&bytes, path).unwrap(), manifest);
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(Manifest::decode(&changed, path).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(Manifest::decode(&bytes[..length], path).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_manifest_names_as_many_snapshots_as_it_may_and_no_more() {
        let of = |count: usize| Manifest {
            apply_epoch: 1,
            next_number: 100,
            kept: (1..=count as u64).map(|number| kept(number, Role::None)).collect(),
        };
        let full = of(KEPT_MAX);
        assert_eq!(Manifest::decode(&full.encode(), Path::new("m")).unwrap(), full);
        assert!(std::panic::catch_unwind(|| of(KEPT_MAX + 1).encode()).is_err());
    }

    #[test]
    fn a_base_stands_before_all_others() {
        let manifest = Manifest {
            apply_epoch: 1,
            next_number: 9,
            kept: vec![kept(2, Role::None), kept(5, Role::Base)],
        };
        assert!(Manifest::decode(&manifest.encode(), Path::new("m")).is_err());
    }
}
