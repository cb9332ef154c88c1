//! Sort: rows in any order to rows in the order of a generation, in bounded memory.
//!
//! Rows are gathered until they fill the bound, sorted, and written to a run on disk; the runs are read
//! together at the end. Invariants: rows of one key come out next to each other, in the order in which they
//! went in; runs are removed whatever happens; memory is the bound and a buffer a run.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Error;
use super::limits::{BUFFER_BYTES, KEY_BYTES_MAX, ROW_BYTES_MAX, RUNS_MAX, SORT_BYTES};
use super::{hash_of, temporary_of};
use crate::storage::{Disk, DiskFile, read_full, write_all};
use crate::value::codec::{BadBytes, Bytes};

const RUN_ROW_HEAD_BYTES: usize = 14;

/// Who takes rows in order: key and content.
type Give<'g> = &'g mut dyn FnMut(&[u8], &[u8]) -> Result<(), Error>;
/// The same with the key's hash before them.
type GiveHashed<'g> = &'g mut dyn FnMut(u64, &[u8], &[u8]) -> Result<(), Error>;

/// Rows being gathered.
pub struct Sorter {
    disk: Arc<dyn Disk>,
    /// The runs' names are made of it.
    temporary: PathBuf,
    bytes_max: usize,
    runs_max: usize,
    arena: Vec<u8>,
    places: Vec<Place>,
    runs: Vec<PathBuf>,
    runs_made: u64,
}

/// A row in the arena: as in a run, without the hash.
#[derive(Clone, Copy)]
struct Place {
    hash: u64,
    offset: u32,
}

impl Sorter {
    /// Gathers rows for a generation.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, folder: &Path, generation: u64) -> Self {
        Self::bounded(disk, folder, generation, SORT_BYTES, RUNS_MAX)
    }

    /// As [`Sorter::new`], with other bounds.
    pub(super) fn bounded(
        disk: Arc<dyn Disk>,
        folder: &Path,
        generation: u64,
        bytes_max: usize,
        runs_max: usize,
    ) -> Self {
        Self {
            disk,
            temporary: temporary_of(folder, generation),
            bytes_max,
            runs_max: runs_max.max(2),
            arena: Vec::new(),
            places: Vec::new(),
            runs: Vec::new(),
            runs_made: 0,
        }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// What the disk refused.
    pub fn push(&mut self, key: &[u8], row: &[u8]) -> Result<(), Error> {
        assert!(key.len() <= KEY_BYTES_MAX + 2, "a key that is too long is refused before");
        assert!(row.len() <= ROW_BYTES_MAX, "a row that is too long is refused before");
        let bytes = RUN_ROW_HEAD_BYTES + key.len() + row.len() + size_of::<Place>();
        let held = self.arena.len() + self.places.len() * size_of::<Place>();
        if held + bytes > self.bytes_max && !self.places.is_empty() {
            self.spill()?;
        }
        self.places.push(Place { hash: hash_of(key), offset: self.arena.len() as u32 });
        self.arena.extend_from_slice(&(key.len() as u16).to_le_bytes());
        self.arena.extend_from_slice(&(row.len() as u32).to_le_bytes());
        self.arena.extend_from_slice(key);
        self.arena.extend_from_slice(row);
        Ok(())
    }

    /// Gives all rows in order.
    ///
    /// # Errors
    /// What `give` answers, and what the disk refused.
    pub fn finish(mut self, give: Give<'_>) -> Result<(), Error> {
        if self.runs.is_empty() {
            self.sort();
            for place in &self.places {
                let (key, row) = row_at(&self.arena, place.offset);
                give(key, row)?;
            }
            return Ok(());
        }
        self.spill()?;
        self.arena = Vec::new();
        self.places = Vec::new();
        self.give_runs(&mut |_, key, row| give(key, row))
    }

    fn sort(&mut self) {
        let arena = &self.arena;
        self.places.sort_unstable_by(|left, right| {
            left.hash.cmp(&right.hash).then_with(|| {
                let (left_key, _) = row_at(arena, left.offset);
                let (right_key, _) = row_at(arena, right.offset);
                left_key.cmp(right_key).then(left.offset.cmp(&right.offset))
            })
        });
    }

    fn spill(&mut self) -> Result<(), Error> {
        self.sort();
        if self.runs.len() + 1 >= self.runs_max {
            self.unite_runs()?;
        }
        let path = self.next_run();
        let mut run = RunWriter::create(&*self.disk, path)?;
        for place in &self.places {
            let (key, row) = row_at(&self.arena, place.offset);
            run.row(place.hash, key, row)?;
        }
        run.finish()?;
        self.arena.clear();
        self.places.clear();
        Ok(())
    }

    fn next_run(&mut self) -> PathBuf {
        let path = self.temporary.with_extension(format!("run.{}", self.runs_made));
        self.runs_made += 1;
        self.runs.push(path.clone());
        path
    }

    /// Makes all runs one.
    fn unite_runs(&mut self) -> Result<(), Error> {
        let united = self.runs.len();
        let path = self.next_run();
        let mut run = RunWriter::create(&*self.disk, path)?;
        let readers = self.readers(united)?;
        merge(readers, &mut |hash, key, row| run.row(hash, key, row))?;
        run.finish()?;
        for old in self.runs.drain(..united) {
            self.disk.remove(&old).map_err(|error| Error::io("remove", &old, error))?;
        }
        Ok(())
    }

    fn give_runs(&mut self, give: GiveHashed<'_>) -> Result<(), Error> {
        let readers = self.readers(self.runs.len())?;
        merge(readers, give)
    }

    fn readers(&self, count: usize) -> Result<Vec<RunReader>, Error> {
        self.runs[..count].iter().map(|path| RunReader::open(&*self.disk, path)).collect()
    }
}

impl Drop for Sorter {
    fn drop(&mut self) {
        for run in &self.runs {
            // What cannot be removed now is removed at the next start.
            let _left = self.disk.remove(run);
        }
    }
}

/// Key and content of the row at an offset of the arena, which this module wrote.
fn row_at(arena: &[u8], offset: u32) -> (&[u8], &[u8]) {
    let mut bytes = Bytes(&arena[offset as usize..]);
    let mut row = || -> Result<_, BadBytes> {
        let (key, row) = (usize::from(bytes.u16()?), bytes.u32()? as usize);
        Ok((bytes.take(key)?, bytes.take(row)?))
    };
    row().expect("a row of the arena is whole")
}

/// Reads runs together: by hash, then key, then the order of the runs.
fn merge(mut readers: Vec<RunReader>, give: GiveHashed<'_>) -> Result<(), Error> {
    let mut heads = BinaryHeap::with_capacity(readers.len());
    for (run, reader) in readers.iter_mut().enumerate() {
        if let Some(head) = reader.next()? {
            heads.push(Reverse(Head { run, ..head }));
        }
    }
    while let Some(Reverse(head)) = heads.pop() {
        give(head.hash, &head.key, &head.row)?;
        if let Some(next) = readers[head.run].next()? {
            heads.push(Reverse(Head { run: head.run, ..next }));
        }
    }
    Ok(())
}

/// The next row of a run.
struct Head {
    hash: u64,
    key: Vec<u8>,
    row: Vec<u8>,
    run: usize,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |head: &Self| (head.hash, head.run);
        let by_hash = self.hash.cmp(&other.hash);
        by_hash.then_with(|| self.key.cmp(&other.key)).then_with(|| key(self).cmp(&key(other)))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}

struct RunWriter {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    buffer: Vec<u8>,
    offset: u64,
}

impl RunWriter {
    fn create(disk: &dyn Disk, path: PathBuf) -> Result<Self, Error> {
        let file = disk.create(&path).map_err(|error| Error::io("create", &path, error))?;
        Ok(Self { path, file, buffer: Vec::with_capacity(BUFFER_BYTES), offset: 0 })
    }

    fn row(&mut self, hash: u64, key: &[u8], row: &[u8]) -> Result<(), Error> {
        self.buffer.extend_from_slice(&hash.to_le_bytes());
        self.buffer.extend_from_slice(&(key.len() as u16).to_le_bytes());
        self.buffer.extend_from_slice(&(row.len() as u32).to_le_bytes());
        self.buffer.extend_from_slice(key);
        self.buffer.extend_from_slice(row);
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Error> {
        write_all(&*self.file, &self.buffer, self.offset)
            .map_err(|error| Error::io("write", &self.path, error))?;
        self.offset += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<(), Error> {
        self.flush()
    }
}

struct RunReader {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    buffer: Vec<u8>,
    /// What of the buffer is read, and where in the file it ends.
    at: usize,
    offset: u64,
}

impl RunReader {
    fn open(disk: &dyn Disk, path: &Path) -> Result<Self, Error> {
        let file = disk.open(path, false).map_err(|error| Error::io("read", path, error))?;
        Ok(Self { path: path.to_path_buf(), file, buffer: Vec::new(), at: 0, offset: 0 })
    }

    fn next(&mut self) -> Result<Option<Head>, Error> {
        if self.left() < RUN_ROW_HEAD_BYTES + KEY_BYTES_MAX + 2 + ROW_BYTES_MAX {
            self.fill()?;
        }
        if self.left() == 0 {
            return Ok(None);
        }
        let mut bytes = Bytes(&self.buffer[self.at..]);
        let before = bytes.0.len();
        let mut read = || -> Result<Head, BadBytes> {
            let hash = bytes.u64()?;
            let (key, row) = (usize::from(bytes.u16()?), bytes.u32()? as usize);
            let (key, row) = (bytes.take(key)?.to_vec(), bytes.take(row)?.to_vec());
            Ok(Head { hash, key, row, run: 0 })
        };
        let head = read().map_err(|bad| Error::damaged(&self.path, bad.0))?;
        if hash_of(&head.key) != head.hash {
            return Err(Error::damaged(&self.path, "a row does not have its hash"));
        }
        self.at += before - bytes.0.len();
        Ok(Some(head))
    }

    fn left(&self) -> usize {
        self.buffer.len() - self.at
    }

    fn fill(&mut self) -> Result<(), Error> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let held = self.buffer.len();
        self.buffer.resize(held + BUFFER_BYTES, 0);
        let read = read_full(&*self.file, &mut self.buffer[held..], self.offset)
            .map_err(|error| Error::io("read", &self.path, error))?;
        self.buffer.truncate(held + read);
        self.offset += read as u64;
        Ok(())
    }
}
