//! Room: what the writer may count on, and what events may still use, before the disk is full.
//!
//! A full disk is expected, so it is met early (specification 5.5): the next segment stands ready before half
//! of the current one is used. Where it cannot, events are refused from there on, and what is left of the segment
//! is for records of the system's own. Invariants: whoever takes or makes the segment of the next number
//! holds the spare's lock until the manifest has it; nobody but its writer touches an open segment.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::Error;
use super::limits::{FULL_RETRY_MS, HALVINGS_MAX};
use super::manifest::now_ms;
use crate::storage::{DiskFile, is_no_room};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard};

/// The next segment's file: its name and its room are durable, its bytes are zeros or not yet there.
pub(crate) struct Spare {
    pub file: Arc<dyn DiskFile>,
    pub path: PathBuf,
    pub number: u64,
    /// How far it has been filled with zeros.
    pub zeroed_bytes: u64,
}

/// Where the spare stands, and whether the next number may be used.
#[derive(Default)]
pub(crate) struct Slot {
    pub spare: Option<Spare>,
    /// The writer is, or was when it failed, about to name the next segment: the manifest on the disk may
    /// name it already, so nobody else may make its file.
    pub is_in_doubt: bool,
}

/// What the keeper is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Make the next segment ready.
    Spare,
    /// Seal or cut what was closed.
    Tidy,
    /// End.
    Stop,
}

#[derive(Default)]
struct State {
    /// Bytes of the open segment.
    used_bytes: u64,
    /// Bytes of it for which room was taken.
    granted_bytes: u64,
    is_spare_ready: bool,
    /// Not before then, when the disk had no room the last time.
    retry_at: Option<Instant>,
    is_write_stuck: bool,
    is_untidy: bool,
    is_stopping: bool,
}

impl State {
    fn wants_spare(&self) -> bool {
        // A stuck write goes first: room that comes is not taken away from it.
        !self.is_spare_ready && !self.is_write_stuck && self.used_bytes * 4 >= self.granted_bytes
    }

    fn is_full(&self) -> bool {
        let no_next = self.retry_at.is_some() && self.used_bytes * 2 >= self.granted_bytes;
        self.is_write_stuck || no_next
    }
}

/// What writer, keeper and appenders share about room.
pub(crate) struct Room {
    state: Mutex<State>,
    work: Condvar,
    slot: Mutex<Slot>,
    /// Epoch milliseconds; 0 while there is room.
    full_since_ms: AtomicU64,
    unsealed: AtomicU64,
}

impl Room {
    /// Of a log whose open segment has `granted_bytes` of room; closed segments are to be looked at. A disk
    /// that could not give all of `segment_bytes_max` is known to be short of room from the first event on.
    pub fn new(granted_bytes: u64, segment_bytes_max: u64) -> Self {
        let retry_at = (granted_bytes < segment_bytes_max).then(Instant::now);
        let room = Self {
            state: Mutex::new(State { retry_at, is_untidy: true, ..State::default() }),
            work: Condvar::new(),
            slot: Mutex::default(),
            full_since_ms: AtomicU64::new(0),
            unsealed: AtomicU64::new(0),
        };
        room.note_rotation(0, granted_bytes);
        room
    }

    /// Since when events are refused, epoch milliseconds of the machine's clock.
    pub fn full_since_ms(&self) -> Option<u64> {
        match self.full_since_ms.load(Ordering::Acquire) {
            0 => None,
            since => Some(since),
        }
    }

    /// Closed segments that could not be sealed because they, or what was read back, were not right.
    pub fn unsealed(&self) -> u64 {
        self.unsealed.load(Ordering::Relaxed)
    }

    /// Counts one of them.
    pub fn count_unsealed(&self) {
        self.unsealed.fetch_add(1, Ordering::Relaxed);
    }

    /// The spare, to take it or to make one; to be held until the manifest has the next number.
    pub fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock()
    }

    #[cfg(test)]
    pub fn is_slot_held(&self) -> bool {
        self.slot.try_lock().is_none()
    }

    /// The writer is so far in the open segment.
    pub fn note_used(&self, used_bytes: u64) {
        self.change(|state| state.used_bytes = used_bytes);
    }

    /// The writer has begun another segment, and the one before is closed.
    pub fn note_rotation(&self, used_bytes: u64, granted_bytes: u64) {
        self.change(|state| {
            (state.used_bytes, state.granted_bytes) = (used_bytes, granted_bytes);
            (state.is_spare_ready, state.is_untidy) = (false, true);
            if granted_bytes == 0 {
                // Not even this one has room: full from the beginning.
                state.retry_at.get_or_insert_with(Instant::now);
            }
        });
    }

    /// Whether the writer has found no room for bytes that it must write.
    pub fn note_stuck(&self, is_write_stuck: bool) {
        self.change(|state| state.is_write_stuck = is_write_stuck);
    }

    /// The keeper has made a spare, or found no room for one.
    pub fn note_spare(&self, is_ready: bool) {
        let retry_at = Instant::now() + Duration::from_millis(FULL_RETRY_MS);
        self.change(|state| {
            state.is_spare_ready = is_ready;
            state.retry_at = (!is_ready).then_some(retry_at);
        });
    }

    /// What could not be done for lack of room may be possible now.
    pub fn note_untidy(&self) {
        self.change(|state| state.is_untidy = true);
    }

    /// Ends the keeper.
    pub fn stop(&self) {
        self.change(|state| state.is_stopping = true);
    }

    /// Whether the keeper is to end.
    pub fn is_stopping(&self) -> bool {
        self.state.lock().is_stopping
    }

    /// Whether a spare is to be made now.
    pub fn is_spare_due(&self) -> bool {
        let state = self.state.lock();
        state.wants_spare() && state.retry_at.is_none_or(|at| at <= Instant::now())
    }

    /// Waits for something to do.
    pub fn next_task(&self) -> Task {
        let mut state = self.state.lock();
        loop {
            if state.is_stopping {
                return Task::Stop;
            }
            let wants_spare = state.wants_spare();
            let retry_at = state.retry_at.filter(|at| *at > Instant::now());
            if wants_spare && retry_at.is_none() {
                return Task::Spare;
            }
            if std::mem::take(&mut state.is_untidy) {
                return Task::Tidy;
            }
            match retry_at.filter(|_| wants_spare) {
                Some(at) => drop(self.work.wait_until(&mut state, at)),
                None => self.work.wait(&mut state),
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        let before = (state.wants_spare(), state.is_untidy, state.is_stopping);
        change(&mut state);
        match (state.is_full(), self.full_since_ms.load(Ordering::Relaxed)) {
            (true, 0) => self.full_since_ms.store(now_ms().max(1), Ordering::Release),
            (false, since) if since > 0 => self.full_since_ms.store(0, Ordering::Release),
            _ => {}
        }
        if before != (state.wants_spare(), state.is_untidy, state.is_stopping) {
            self.work.notify_all();
        }
    }
}

/// Takes room for a new segment's file, which nobody writes yet: for all of it, or for half, or half of
/// that. Gives how much; 0 when there is none. Where the file system cannot, it is taken to be there.
///
/// # Errors
/// What the disk refused for another reason.
pub(crate) fn take_room(
    file: &dyn DiskFile,
    path: &std::path::Path,
    header_bytes: u64,
    segment_bytes_max: u64,
) -> Result<u64, Error> {
    for halvings in 0..=HALVINGS_MAX {
        let bytes = segment_bytes_max >> halvings;
        match file.allocate(bytes) {
            Ok(()) => return Ok(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::Unsupported => {
                return Ok(segment_bytes_max);
            }
            Err(error) if is_no_room(&error) => {
                // A file system may have taken a part of it all the same.
                file.truncate(header_bytes).map_err(|error| Error::io("cut", path, error))?;
            }
            Err(error) => return Err(Error::io("take room for", path, error)),
        }
    }
    Ok(0)
}
