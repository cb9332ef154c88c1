//! The reader: a log seen from outside, without the lock, also while a writer runs.
//!
//! `p13n log info` and its kin must not disturb a running server. A reader changes nothing and judges as
//! recovery would, but an unfinished end is only reported: a writer may be about to finish it.
//! Invariant: what it yields has been written, not necessarily synced; `synced_lsn` says how far that is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{Error, ReplayError};
use super::frame::{BatchHeader, next_record};
use super::limits::FORMAT_VERSION;
use super::manifest::{Entry, MANIFEST_FILE, Manifest, SegmentState};
use super::scan::{Scan, SegmentEnd};
use super::synced::read_synced;
use super::{Lsn, Record};
use crate::storage::Disk;

/// What a log's directory holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Newest format version of the files.
    pub format_version: u32,
    /// Apply epoch of the last start.
    pub apply_epoch: u32,
    /// Term of the last start.
    pub term: u32,
    /// The segments in LSN order.
    pub segments: Vec<SegmentSummary>,
    /// Batches in all segments.
    pub batches: u64,
    /// Records in all segments.
    pub records: u64,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Counter of the first record that is kept; 0 in an empty log.
    pub first_lsn: u64,
    /// Counter of the last record; 0 in an empty log.
    pub last_lsn: u64,
    /// Highest counter that the files prove to be synced.
    pub synced_lsn: u64,
    /// Bytes at the end that are no whole batch: being written, or torn.
    pub unfinished_bytes: u64,
}

/// What one segment holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentSummary {
    /// Its file.
    pub file: PathBuf,
    /// Its number.
    pub number: u64,
    /// Term of its records.
    pub term: u32,
    /// Counter of its first record, present or to come.
    pub first_lsn: u64,
    /// Counter of its last record; `first_lsn - 1` when it holds none.
    pub last_lsn: u64,
    /// Batches in it, markers included.
    pub batches: u64,
    /// Bytes up to the end of its last batch.
    pub bytes: u64,
    /// Length of its file, in bytes: less than `bytes` when it is sealed.
    pub file_bytes: u64,
    /// In which form it is there.
    pub state: SegmentState,
    /// Whether it is closed for good.
    pub closed: bool,
}

/// Read-only access to a directory.
pub struct Reader {
    directory: PathBuf,
    disk: Arc<dyn Disk>,
    manifest: Manifest,
    /// What the `synced` file said before the manifest was read.
    synced_lsn: u64,
}

impl Reader {
    /// Reads the directory's manifest. The reader sees the segments named in it and what is written to
    /// them until they are read.
    ///
    /// # Errors
    /// `Io` when there is no log, `Corrupted`, `NewerFormat`, or what the disk refused.
    pub fn open(directory: &Path, disk: Arc<dyn Disk>) -> Result<Self, Error> {
        let missing = || {
            let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
            Error::io("read", &directory.join(MANIFEST_FILE), missing)
        };
        let seed = Manifest::read(&*disk, directory)?.ok_or_else(missing)?.seed;
        // First what is known as synced, then the manifest, then the segments: what is read later can only
        // hold more than what is said of it.
        let synced_lsn = read_synced(&*disk, directory, seed)?;
        let manifest = Manifest::read(&*disk, directory)?.ok_or_else(missing)?;
        Ok(Self { directory: directory.to_path_buf(), disk, manifest, synced_lsn })
    }

    /// Goes through the whole log and counts what is in it.
    ///
    /// # Errors
    /// `Corrupted` for damage to synced records, `NewerFormat`, or what the disk refused.
    pub fn summary(&self) -> Result<Summary, Error> {
        let mut summary = Summary {
            format_version: FORMAT_VERSION,
            apply_epoch: self.manifest.apply_epoch,
            term: self.manifest.term,
            ..Summary::default()
        };
        for entry in &self.manifest.entries {
            if let Some(end) = self.scan(entry, 0, |_, _| Ok::<(), Error>(()))? {
                summary.add(entry, end);
            }
        }
        Ok(summary)
    }

    /// Yields every record in LSN order.
    ///
    /// # Errors
    /// `Log` as for `summary`, `Apply` with what `visit` answered.
    pub fn records<E>(
        &self,
        visit: impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<(), ReplayError<E>> {
        self.records_after(0, visit)
    }

    /// As [`Reader::records`], of the records after `lsn` only. Segments that end there are not read.
    ///
    /// # Errors
    /// As [`Reader::records`].
    pub fn records_after<E>(
        &self,
        lsn: u64,
        mut visit: impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<(), ReplayError<E>> {
        for entry in &self.manifest.entries {
            if entry.is_closed() && entry.last_lsn <= lsn {
                continue;
            }
            self.scan::<ReplayError<E>>(entry, lsn, |first, payload| {
                let mut left = payload;
                let mut counter = first;
                while let Some((kind, payload)) = next_record(&mut left) {
                    if counter > lsn {
                        let lsn = Lsn { partition: 0, term: entry.term, counter };
                        visit(Record { lsn, kind, payload })
                            .map_err(|error| ReplayError::Apply { lsn: counter, error })?;
                    }
                    counter += 1;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Counter of the first record that the log still holds, or would hold.
    #[must_use]
    pub fn first_lsn(&self) -> u64 {
        self.manifest.first_lsn()
    }

    /// Highest counter that is certain to be synced, as the files say now; it may lie in a segment that was
    /// begun after the reader was opened.
    ///
    /// # Errors
    /// As for `summary`.
    pub fn synced_lsn(&self) -> Result<u64, Error> {
        let noted = read_synced(&*self.disk, &self.directory, self.manifest.seed)?;
        let Some(last) = self.manifest.entries.last() else { return Ok(noted) };
        if last.is_closed() {
            return Ok(noted.max(last.last_lsn));
        }
        if noted >= last.first_lsn {
            return Ok(noted);
        }
        // The file is missing or older than the segment; then the batches know more.
        let end = self.scan(last, 0, |_, _| Ok::<(), Error>(()))?;
        Ok(noted.max(end.map_or(last.first_lsn - 1, |end| end.synced_lsn)))
    }

    /// Scans one segment, in the form in which it is there by now; `None` when it went away: retired, or
    /// left out by a later start because it holds no record.
    fn scan<E>(
        &self,
        entry: &Entry,
        after_lsn: u64,
        mut visit: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<Option<SegmentEnd>, E>
    where
        E: From<Error>,
    {
        let mut entry = entry.clone();
        loop {
            let mut stopped = None;
            let mut is_begun = false;
            let mut hand_on = |header: &BatchHeader, payload: &[u8]| {
                is_begun = true;
                visit(header.first_lsn, payload).map_err(|error| stopped = Some(error)).is_ok()
            };
            let scan = Scan::look(self.synced_lsn, after_lsn);
            let scanned = scan.run(&*self.disk, &self.directory, &entry, &mut hand_on);
            if let Some(error) = stopped {
                return Err(error);
            }
            let error = match scanned {
                Ok(end) => return Ok(Some(end)),
                Err(error) => error,
            };
            // A file that was there when the manifest was read may have been sealed or retired since.
            match self.now(&entry)? {
                None => return Ok(None),
                Some(now) if now != entry && !is_begun => entry = now,
                Some(_) => return Err(error.into()),
            }
        }
    }

    /// What the manifest says of the segment now.
    fn now(&self, entry: &Entry) -> Result<Option<Entry>, Error> {
        let Some(now) = Manifest::read(&*self.disk, &self.directory)? else {
            return Ok(Some(entry.clone()));
        };
        Ok(now.entries.into_iter().find(|other| other.number == entry.number))
    }
}

impl Summary {
    fn add(&mut self, entry: &Entry, end: SegmentEnd) {
        let last_lsn = end.next_lsn - 1;
        let records = end.next_lsn - entry.first_lsn;
        if self.records == 0 && records > 0 {
            self.first_lsn = entry.first_lsn;
        }
        self.batches += end.batches;
        self.records += records;
        self.bytes += end.bytes;
        self.last_lsn = last_lsn;
        // A closed segment was synced before its successor was named.
        let proven = if entry.is_closed() { last_lsn } else { end.synced_lsn };
        self.synced_lsn = self.synced_lsn.max(proven);
        self.unfinished_bytes = end.torn_bytes;
        self.segments.push(SegmentSummary {
            file: end.path,
            number: entry.number,
            term: entry.term,
            first_lsn: entry.first_lsn,
            last_lsn,
            batches: end.batches,
            bytes: end.bytes,
            file_bytes: if entry.is_closed() { entry.file_bytes } else { end.bytes },
            state: entry.state,
            closed: entry.is_closed(),
        });
    }
}
