//! The keeper: one thread that makes the next segment ready and seals the closed ones.
//!
//! Both take as long as the disk likes, so neither may hold up a batch. Room comes before tidiness: between
//! two frames of a segment that is being sealed, a spare is made if one is due. Invariants: no room is no
//! failure, it is asked for again; whatever else the disk refuses poisons the log, as it would the writer.

use std::sync::Arc;

use super::error::{Error, Failure};
use super::ledger::Ledger;
use super::limits::{SEAL_BYTES_MIN, ZERO_BYTES};
use super::manifest::{Entry, SegmentState};
use super::queue::Queue;
use super::room::{Room, Spare, Task};
use super::seal::{Outcome, seal};
use super::segment::{open_path, segment_path, sync_names};
use crate::storage::{is_no_room, write_all};

/// The keeper's thread.
pub(crate) struct Keeper {
    pub queue: Arc<Queue>,
    pub ledger: Arc<Ledger>,
    pub room: Arc<Room>,
    pub segment_bytes_max: u64,
    pub seals: bool,
    /// Term of this start.
    pub term: u32,
    /// Number of the last closed segment that needs nothing more.
    pub tidied: u64,
}

impl Keeper {
    /// Works until the log closes or fails.
    pub fn run(mut self) -> Result<(), Failure> {
        loop {
            if self.queue.failure().is_some() {
                return Ok(());
            }
            match self.room.next_task() {
                Task::Spare => self.make_spare()?,
                Task::Tidy => self.tidy()?,
                Task::Stop => return Ok(self.drop_spare()?),
            }
        }
    }

    fn is_over(&self) -> bool {
        self.queue.failure().is_some() || self.room.is_stopping()
    }

    /// Makes the next segment's file, with its room, then fills it with zeros: what is allocated and was
    /// never written costs the file system a note in its journal at the first write of every page.
    fn make_spare(&self) -> Result<(), Error> {
        let made = self.begin_spare().and_then(|()| self.fill_spare());
        match made {
            Ok(()) => {
                self.room.note_untidy();
                Ok(())
            }
            Err(Error::DiskFull { .. }) => {
                self.drop_spare()?;
                self.room.note_spare(false);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn begin_spare(&self) -> Result<(), Error> {
        let mut slot = self.room.slot();
        if slot.spare.is_some() || slot.is_in_doubt {
            return Ok(());
        }
        let (disk, directory) = (self.ledger.disk(), self.ledger.directory());
        let number = self.ledger.next_number();
        let path = open_path(directory, number);
        let file = disk.create(&path).map_err(|error| Error::io("create", &path, error))?;
        // From here on `drop_spare` removes it.
        let spare =
            slot.spare.insert(Spare { file: Arc::clone(&file), path, number, zeroed_bytes: 0 });
        sync_names(disk, directory)?;
        match file.allocate(self.segment_bytes_max) {
            Err(error) if error.kind() != std::io::ErrorKind::Unsupported => {
                Err(Error::io("take room for", &spare.path, error))
            }
            _ => Ok(()),
        }
    }

    /// Each step under the spare's lock, so that the writer may take the file between two of them. Under it
    /// the spare is called ready, too: one that was taken meanwhile is not, and the next is to be made.
    fn fill_spare(&self) -> Result<(), Error> {
        let zeros = vec![0; ZERO_BYTES];
        while !self.is_over() {
            let mut slot = self.room.slot();
            let Some(spare) = &mut slot.spare else { return Ok(()) };
            let left = self.segment_bytes_max.saturating_sub(spare.zeroed_bytes);
            if left == 0 {
                self.room.note_spare(true);
                return Ok(());
            }
            let step = left.min(ZERO_BYTES as u64) as usize;
            write_all(&*spare.file, &zeros[..step], spare.zeroed_bytes)
                .map_err(|error| Error::io("write", &spare.path, error))?;
            spare.file.sync().map_err(|error| match is_no_room(&error) {
                // Nothing of the log is in it, so nothing is lost with it.
                true => Error::io("sync", &spare.path, error),
                false => Error::Io { action: "sync", file: spare.path.clone(), source: error },
            })?;
            spare.zeroed_bytes += step as u64;
        }
        Ok(())
    }

    /// Under the spare's lock to the end: once it is free, the writer may make a file of the same name, and
    /// that one would go instead.
    fn drop_spare(&self) -> Result<(), Error> {
        let mut slot = self.room.slot();
        let Some(spare) = slot.spare.take() else { return Ok(()) };
        let removed = self.ledger.disk().remove(&spare.path);
        removed.map_err(|error| Error::io("remove", &spare.path, error))
    }

    /// Seals what is closed and long enough, and cuts the rest to its length.
    fn tidy(&mut self) -> Result<(), Error> {
        let closed = self.ledger.entries().into_iter().filter(|entry| entry.is_closed());
        for entry in closed.filter(|entry| entry.number > self.tidied).collect::<Vec<_>>() {
            if self.is_over() {
                return Ok(());
            }
            let done = match entry.state {
                SegmentState::Sealed | SegmentState::Open => true,
                SegmentState::Closed if self.is_worth_sealing(&entry) => self.seal(&entry)?,
                SegmentState::Closed => self.cut(&entry)?,
            };
            if !done {
                return Ok(());
            }
            self.tidied = entry.number;
        }
        Ok(())
    }

    fn is_worth_sealing(&self, entry: &Entry) -> bool {
        self.seals && entry.bytes >= SEAL_BYTES_MIN.min(self.segment_bytes_max / 4)
    }

    /// `false` when it is to be tried again.
    fn seal(&self, entry: &Entry) -> Result<bool, Error> {
        // A rewriting under way says when there is something to tidy again.
        let Some(_alone) = self.ledger.try_reshape() else { return Ok(false) };
        let (disk, directory) = (self.ledger.disk(), self.ledger.directory());
        let mut goes_on = || {
            if self.room.is_spare_due() {
                self.make_spare()?;
            }
            Ok(!self.is_over())
        };
        let sealed = match seal(disk, directory, entry, &mut goes_on) {
            Ok(Outcome::Sealed(sealed)) => sealed,
            Ok(Outcome::Stopped) => return Ok(false),
            Ok(Outcome::NotRight) => {
                // Rewritten or retired meanwhile, or not as it should be.
                if self.ledger.entries().contains(entry) {
                    self.room.count_unsealed();
                }
                return Ok(true);
            }
            Err(Error::DiskFull { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        let named = match self.ledger.change(|manifest| manifest.exchange(entry, &sealed)) {
            Ok(named) => named,
            Err(Error::DiskFull { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        // Retired or rewritten meanwhile: then the sealed file goes, and the original has gone.
        let path = segment_path(directory, if named { entry } else { &sealed });
        disk.remove(&path).map_err(|error| Error::io("remove", &path, error))?;
        Ok(true)
    }

    /// A closed segment's free room is given back.
    fn cut(&self, entry: &Entry) -> Result<bool, Error> {
        let path = segment_path(self.ledger.directory(), entry);
        // Damage is the reader's to report, and so is a segment that was retired meanwhile.
        let Ok(file) = self.ledger.disk().open(&path, true) else { return Ok(true) };
        let length = file.length().map_err(|error| Error::io("read", &path, error))?;
        if length > entry.bytes || entry.term == self.term {
            file.truncate(entry.bytes).map_err(|error| Error::io("cut", &path, error))?;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::log::manifest::Manifest;
    use crate::storage::{Disk, DiskFile, LockGuard, SimulatedDisk};
    use crate::sync::atomic::{AtomicU64, Ordering};

    const SEGMENT: u64 = 8192;

    /// A disk that sees whether the spare's lock is held while a file is removed.
    struct Watched {
        disk: SimulatedDisk,
        room: Arc<Room>,
        removed: AtomicU64,
    }

    impl Disk for Watched {
        fn create_directory(&self, directory: &Path) -> io::Result<()> {
            self.disk.create_directory(directory)
        }

        fn create(&self, file: &Path) -> io::Result<Arc<dyn DiskFile>> {
            self.disk.create(file)
        }

        fn open(&self, file: &Path, writable: bool) -> io::Result<Arc<dyn DiskFile>> {
            self.disk.open(file, writable)
        }

        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            self.disk.rename(from, to)
        }

        fn remove(&self, file: &Path) -> io::Result<()> {
            assert!(self.room.is_slot_held(), "the writer may have made {} anew", file.display());
            self.removed.fetch_add(1, Ordering::Relaxed);
            self.disk.remove(file)
        }

        fn sync_directory(&self, directory: &Path) -> io::Result<()> {
            self.disk.sync_directory(directory)
        }

        fn names(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
            self.disk.names(directory)
        }

        fn lock(&self, file: &Path) -> io::Result<Option<LockGuard>> {
            self.disk.lock(file)
        }
    }

    fn keeper() -> (Keeper, Arc<Watched>) {
        let room = Arc::new(Room::new(SEGMENT, SEGMENT));
        let disk = SimulatedDisk::default();
        let watched =
            Arc::new(Watched { disk, room: Arc::clone(&room), removed: AtomicU64::new(0) });
        let disk = Arc::clone(&watched) as Arc<dyn Disk>;
        let manifest = Manifest::new(1, 7);
        let keeper = Keeper {
            queue: Arc::new(Queue::new(1, 1 << 20, false).expect("a descriptor is left")),
            ledger: Arc::new(Ledger::new(disk, PathBuf::from("/log"), manifest)),
            room,
            segment_bytes_max: SEGMENT,
            seals: false,
            term: 1,
            tidied: 0,
        };
        (keeper, watched)
    }

    #[test]
    fn a_spare_without_room_goes_before_the_writer_may_make_the_file_of_its_name() {
        let (keeper, watched) = keeper();
        watched.disk.set_capacity(SEGMENT as usize - 1);
        keeper.make_spare().expect("no room is no failure");
        assert_eq!(watched.removed.load(Ordering::Relaxed), 1);
        assert!(watched.disk.files().is_empty());
    }

    #[test]
    fn a_spare_that_is_taken_while_it_is_filled_is_not_called_ready() {
        let (keeper, _) = keeper();
        keeper.room.note_used(SEGMENT / 4);
        assert!(keeper.room.is_spare_due());
        keeper.make_spare().expect("there is room");
        assert!(!keeper.room.is_spare_due(), "it is ready");

        // The writer takes it, and the next one half made.
        keeper.room.slot().spare = None;
        keeper.room.note_rotation(SEGMENT / 4, SEGMENT);
        keeper.begin_spare().expect("there is room");
        keeper.room.slot().spare = None;
        keeper.fill_spare().expect("there is nothing to do");
        assert!(keeper.room.is_spare_due(), "the next number's is to be made");
    }
}
