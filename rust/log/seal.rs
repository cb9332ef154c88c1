//! Sealing: a closed segment becomes a compressed one, and nothing is lost on the way.
//!
//! The original goes last: the sealed file is written beside under a temporary name, synced, renamed, and
//! read back from the disk and compared byte for byte before the manifest names it. Invariants: a crash at
//! any step leaves the original or the sealed file named, whole; a segment that is not right stays as it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Error;
use super::frame::{BatchHeader, padded};
use super::limits::{FRAME_BYTES_FULL, READ_BYTES, SEAL_LEVEL};
use super::manifest::{Entry, SegmentState};
use super::scan::{Scan, raw_file};
use super::sealed::{FRAME_HEADER_BYTES, Frame, SEALED_HEADER_BYTES, encode_footer, encode_header};
use super::segment::{SEGMENT_HEADER_BYTES, SegmentCursor, segment_path, stem, sync_names};
use crate::storage::{Disk, DiskFile, read_full, write_all};

/// What came of sealing a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The sealed file stands, read back; the manifest may name it.
    Sealed(Entry),
    /// The caller wanted to stop.
    Stopped,
    /// The segment, or what was read back, is not as it should be; it stays.
    NotRight,
}

/// Path of a sealed file that is being written.
fn temporary_path(directory: &Path, entry: &Entry) -> PathBuf {
    directory.join(format!("{}.sealed.tmp", stem(entry)))
}

/// Seals a closed segment into a file beside it. `goes_on` is asked once a frame.
///
/// # Errors
/// What the disk refused to write, or what `goes_on` answered; `DiskFull` leaves nothing behind.
pub(crate) fn seal(
    disk: &dyn Disk,
    directory: &Path,
    entry: &Entry,
    goes_on: &mut dyn FnMut() -> Result<bool, Error>,
) -> Result<Outcome, Error> {
    let Some(original) = Original::read(disk, directory, entry) else {
        return Ok(Outcome::NotRight);
    };
    let temporary = temporary_path(directory, entry);
    let sealed = Entry { state: SegmentState::Sealed, ..entry.clone() };
    let path = segment_path(directory, &sealed);
    let remove = |path: &Path| disk.remove(path).map_err(|error| Error::io("remove", path, error));
    let file_bytes = match original.write(disk, &temporary, entry, goes_on) {
        Ok(Written::Whole(file_bytes)) => file_bytes,
        Ok(Written::Stopped) => return remove(&temporary).map(|()| Outcome::Stopped),
        Ok(Written::Unreadable) => return remove(&temporary).map(|()| Outcome::NotRight),
        Err(full @ Error::DiskFull { .. }) => {
            // It may be that not even the name could be made.
            let _not_there = remove(&temporary);
            return Err(full);
        }
        Err(error) => return Err(error),
    };
    disk.rename(&temporary, &path).map_err(|error| Error::io("rename", &temporary, error))?;
    sync_names(disk, directory)?;
    let sealed = Entry { file_bytes, ..sealed };
    match original.equals(disk, &path, &sealed, goes_on)? {
        Some(true) => Ok(Outcome::Sealed(sealed)),
        Some(false) => remove(&path).map(|()| Outcome::NotRight),
        None => remove(&path).map(|()| Outcome::Stopped),
    }
}

enum Written {
    Whole(u64),
    Stopped,
    Unreadable,
}

/// A closed segment, checked whole, with the frames that it will have.
struct Original {
    file: Arc<dyn DiskFile>,
    apply_epoch: u32,
    frames: Vec<Frame>,
}

impl Original {
    /// Checks the segment and cuts it into frames; `None` when it is not right.
    fn read(disk: &dyn Disk, directory: &Path, entry: &Entry) -> Option<Self> {
        let path = segment_path(directory, entry);
        let file = disk.open(&path, false).ok()?;
        let cursor = SegmentCursor::over(Arc::clone(&file), &path).ok()?.ok()?;
        let mut frames = vec![Frame {
            at: 0,
            raw_at: 0,
            raw_bytes: SEGMENT_HEADER_BYTES as u32,
            stored_bytes: 0,
            first_lsn: entry.first_lsn,
            last_lsn: entry.first_lsn - 1,
            previous_crc: cursor.chain(),
        }];
        let mut previous_crc = cursor.chain();
        let scanned =
            Scan::look(0, 0).run(disk, directory, entry, &mut |header: &BatchHeader, _payload| {
                let mut frame = frames[frames.len() - 1];
                if frame.raw_bytes as usize >= FRAME_BYTES_FULL {
                    frame.raw_at += u64::from(frame.raw_bytes);
                    frame.raw_bytes = 0;
                    (frame.first_lsn, frame.previous_crc) = (header.first_lsn, previous_crc);
                    frames.push(frame);
                }
                frame.raw_bytes += header.bytes() as u32;
                frame.last_lsn = header.last_lsn;
                previous_crc = header.crc;
                *frames.last_mut().expect("there is one from the beginning") = frame;
                true
            });
        scanned.ok()?;
        Some(Self { file, apply_epoch: cursor.header.apply_epoch, frames })
    }

    /// Writes and syncs the sealed file.
    fn write(
        &self,
        disk: &dyn Disk,
        path: &Path,
        entry: &Entry,
        goes_on: &mut dyn FnMut() -> Result<bool, Error>,
    ) -> Result<Written, Error> {
        let refuse = |action, error| Error::io(action, path, error);
        let to = disk.create(path).map_err(|error| refuse("create", error))?;
        let mut compressor = zstd::bulk::Compressor::new(SEAL_LEVEL)
            .map_err(|error| refuse("compress into", error))?;
        let put = |bytes: &[u8], at| write_all(&*to, bytes, at).map_err(|e| refuse("write", e));
        put(&encode_header(entry, self.apply_epoch), 0)?;
        let mut at = SEALED_HEADER_BYTES as u64;
        let mut index = Vec::new();
        let mut raw = Vec::new();
        let mut bytes = Vec::new();
        for frame in &self.frames {
            if !goes_on()? {
                return Ok(Written::Stopped);
            }
            raw.resize(frame.raw_bytes as usize, 0);
            match read_full(&*self.file, &mut raw, frame.raw_at) {
                Ok(filled) if filled == raw.len() => {}
                Ok(_) | Err(_) => return Ok(Written::Unreadable),
            }
            let stored =
                compressor.compress(&raw).map_err(|error| refuse("compress into", error))?;
            let frame = Frame { at, stored_bytes: stored.len() as u32, ..*frame };
            bytes.clear();
            bytes.extend_from_slice(&frame.encode(&stored));
            bytes.extend_from_slice(&stored);
            bytes.resize(padded(FRAME_HEADER_BYTES + stored.len()), 0);
            put(&bytes, at)?;
            index.extend_from_slice(&frame.index_entry());
            at += frame.bytes();
        }
        put(&index, at)?;
        let footer = encode_footer(entry, &index, at);
        at += index.len() as u64;
        put(&footer, at)?;
        to.sync().map_err(|error| refuse("sync", error))?;
        // What is read back is to come from the disk.
        to.forget_cache().map_err(|error| refuse("drop the cache of", error))?;
        Ok(Written::Whole(at + footer.len() as u64))
    }

    /// Whether the sealed file gives the original's bytes back; `None` when the caller wanted to stop.
    fn equals(
        &self,
        disk: &dyn Disk,
        path: &Path,
        sealed: &Entry,
        goes_on: &mut dyn FnMut() -> Result<bool, Error>,
    ) -> Result<Option<bool>, Error> {
        let Ok(Ok(view)) = raw_file(disk, path, sealed) else { return Ok(Some(false)) };
        let (mut ours, mut theirs) = (vec![0; READ_BYTES], vec![0; READ_BYTES]);
        let mut at = 0;
        while at < sealed.bytes {
            if !goes_on()? {
                return Ok(None);
            }
            let length = (sealed.bytes - at).min(READ_BYTES as u64) as usize;
            let read = |file: &dyn DiskFile, buffer: &mut [u8]| read_full(file, buffer, at).ok();
            let whole = read(&*self.file, &mut ours[..length]) == Some(length)
                && read(&*view, &mut theirs[..length]) == Some(length);
            if !whole || ours[..length] != theirs[..length] {
                return Ok(Some(false));
            }
            at += length as u64;
        }
        Ok(Some(true))
    }
}
