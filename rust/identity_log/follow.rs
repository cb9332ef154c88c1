//! Follow: the thread that copies what changes identity from the reactor's log into the identity log.
//!
//! It reads from the disk what is synced, as any reader from outside would, so requests know nothing of it and
//! a start catches up by the same way. Invariants: one entry a record, in order, never one of an unsynced
//! record; `durable` is said only of what a start would find; what fails is noted and tried again.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::entry::{Change, Entry};
use super::limits::{
    LOOK_EVERY_MS, MARK_BYTES, QUEUE_BYTES_MAX, REST_MS, SEGMENT_BYTES_MAX, SYNC_INTERVAL_MS,
};
use crate::log::{self, Log, Record, Recovery, ReplayError, ReserveError, SyncPolicy, Tail};
use crate::record::{
    BadRecord, ConfigurationRecord, Errand, EventReplay, KIND_CONFIGURATION, KIND_EVENT,
    RecordedOutcome,
};
use crate::storage::Disk;
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex};
use crate::value::Text;

/// What is followed, and where to.
pub struct Follow {
    /// The reactor's log, running.
    pub log: Arc<Log>,
    /// Its folder.
    pub log_folder: PathBuf,
    /// The identity log's folder.
    pub folder: PathBuf,
    /// The disk that both are on.
    pub disk: Arc<dyn Disk>,
    /// The names of all keys by number, as recovered.
    pub keys: Vec<Text>,
    /// Length of a segment, bytes; at most [`SEGMENT_BYTES_MAX`] is taken.
    pub segment_bytes_max: u64,
}

/// How far the identity log is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// LSN up to which the reactor's log was read.
    pub taken_lsn: u64,
    /// LSN up to which it need not be read again, whatever happens.
    pub durable_lsn: u64,
    /// Entries written since the start.
    pub entries: u64,
    /// Records that were retired before they were read: what they changed is lost to this log.
    pub lost: u64,
    /// Why it does not go on; `None` while it does.
    pub failure: Option<String>,
}

/// The identity log of a running reactor; dropping it ends its thread.
pub struct Follower {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    follow: Follow,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    figures: Figures,
    /// Somebody wants everything up to here durable.
    wanted_lsn: u64,
    /// Somebody wants all entries so far in closed segments, and the log itself.
    wants_break: bool,
    /// The log, and the number of its entry before which all segments are closed.
    broken: Option<(Arc<Log>, u64)>,
    stopping: bool,
    ended: bool,
}

impl Follower {
    /// Starts to follow. Whatever is wrong with the identity log is told by [`Follower::figures`].
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(follow: Follow) -> io::Result<Self> {
        let state = Mutex::new(State::default());
        let shared = Arc::new(Shared { follow, state, changed: Condvar::new() });
        let own = Arc::clone(&shared);
        let thread =
            thread::Builder::new().name("p13n-identities".into()).spawn(move || own.run())?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// How far it is.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.shared.state.lock().figures.clone()
    }

    /// Waits until everything up to `lsn`, which is synced, is durable here; `false` when it is not in time,
    /// or does not go on.
    pub fn settle(&self, lsn: u64, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let mut state = self.shared.state.lock();
        state.wanted_lsn = state.wanted_lsn.max(lsn);
        self.shared.changed.notify_all();
        let stands = |state: &State| state.ended || state.figures.failure.is_some();
        while state.figures.durable_lsn < lsn && !stands(&state) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            self.shared.changed.wait_for(&mut state, left);
        }
        state.figures.durable_lsn >= lsn
    }

    /// Replaces entries of records up to `lsn` for an erasure, as [`Log::rewrite`] does; `false` when the identity
    /// log does not come so far in time.
    ///
    /// # Errors
    /// As [`Log::rewrite`].
    pub fn rewrite(
        &self,
        lsn: u64,
        patience: Duration,
        replace: log::Replace<'_>,
    ) -> Result<bool, log::RewriteError> {
        if !self.settle(lsn, patience) {
            return Ok(false);
        }
        let until = Instant::now() + patience;
        let (log, before) = {
            let mut state = self.shared.state.lock();
            // One that nobody waited for any more says nothing of now.
            state.broken = None;
            state.wants_break = true;
            self.shared.changed.notify_all();
            loop {
                if let Some(broken) = state.broken.take() {
                    break broken;
                }
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() || state.ended {
                    state.wants_break = false;
                    return Ok(false);
                }
                self.shared.changed.wait_for(&mut state, left);
            }
        };
        log.rewrite(before, replace).map(|_| true)
    }

    /// Takes what is synced and ends the thread; idempotent.
    pub fn close(&self) {
        self.shared.state.lock().stopping = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.lock().take() {
            // What it meets is noted; a panic is told by the standard's own means.
            let _ended = thread.join();
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.close();
    }
}

/// Why the identity log does not go on.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Log(#[from] log::Error),
    #[error(transparent)]
    Stopped(#[from] log::Failed),
    #[error(transparent)]
    Wait(#[from] log::WaitError),
    #[error("the record at LSN {0}: {1}")]
    Record(u64, BadRecord),
    #[error(
        "it reaches LSN {0} and the reactor's log ends at {1}: they are not of one history; move \
         the folder `identities` away to begin anew with what the log still holds"
    )]
    Ahead(u64, u64),
}

impl From<ReplayError<BadRecord>> for Trouble {
    fn from(error: ReplayError<BadRecord>) -> Self {
        match error {
            ReplayError::Log(error) => Self::Log(error),
            ReplayError::Apply { lsn, error } => Self::Record(lsn, error),
        }
    }
}

impl Shared {
    fn run(&self) {
        while !self.is_stopping() {
            match Session::open(&self.follow).and_then(|mut session| session.run(self)) {
                Ok(()) => break,
                Err(trouble) => {
                    let mut state = self.state.lock();
                    state.figures.failure = Some(trouble.to_string());
                    self.changed.notify_all();
                    if !state.stopping {
                        self.changed.wait_for(&mut state, Duration::from_millis(REST_MS));
                    }
                }
            }
        }
        self.state.lock().ended = true;
        self.changed.notify_all();
    }

    fn is_stopping(&self) -> bool {
        self.state.lock().stopping
    }

    /// Sleeps until it is time to look again, or somebody wants something.
    fn pause(&self, time: Duration) {
        let mut state = self.state.lock();
        if !state.stopping && !state.wants_break && state.wanted_lsn <= state.figures.durable_lsn {
            self.changed.wait_for(&mut state, time);
        }
    }

    /// Whether somebody waits for the entries so far to be in closed segments.
    fn wants_break(&self) -> bool {
        self.state.lock().wants_break
    }

    fn tell_break(&self, log: &Arc<Log>, lsn: u64) {
        let mut state = self.state.lock();
        if std::mem::take(&mut state.wants_break) {
            state.broken = Some((Arc::clone(log), lsn));
        }
        self.changed.notify_all();
    }

    fn wanted_lsn(&self) -> u64 {
        self.state.lock().wanted_lsn
    }

    /// Tells how far the session is.
    fn tell(&self, session: &Session, entries: u64) {
        let mut state = self.state.lock();
        let figures = &mut state.figures;
        figures.taken_lsn = session.tail.position();
        figures.durable_lsn = session.durable_lsn;
        figures.entries += entries;
        figures.lost = session.tail.lost();
        figures.failure = None;
        self.changed.notify_all();
    }
}

/// The identity log while it works.
struct Session {
    main: Arc<Log>,
    log: Arc<Log>,
    tail: Tail,
    keys: Vec<Text>,
    /// Whether the names in force stand in the identity log.
    keys_written: bool,
    /// LSN of the last entry, and of the last one that is synced.
    written_lsn: u64,
    durable_lsn: u64,
    /// Bytes read since the last entry.
    passed_bytes: u64,
}

impl Session {
    fn open(follow: &Follow) -> Result<Self, Trouble> {
        let options = log::Options {
            sync: SyncPolicy::Interval { ms: SYNC_INTERVAL_MS },
            queue_bytes_max: QUEUE_BYTES_MAX,
            segment_bytes_max: follow.segment_bytes_max.min(SEGMENT_BYTES_MAX),
            ..log::Options::default()
        };
        let mut recovery = Recovery::open(&follow.folder, Arc::clone(&follow.disk), options)?;
        let last = Tail::open(&follow.folder, Arc::clone(&follow.disk), 0)?.synced_lsn()?;
        let mut written_lsn = 0;
        recovery.replay_after(last.saturating_sub(1), |record| {
            written_lsn = Entry::decode(record.kind, record.payload)?.lsn();
            Ok(())
        })?;
        let synced_lsn = follow.log.synced();
        if written_lsn > synced_lsn {
            return Err(Trouble::Ahead(written_lsn, synced_lsn));
        }
        let log = Arc::new(recovery.start()?);
        let tail = Tail::open(&follow.log_folder, Arc::clone(&follow.disk), written_lsn)?;
        Ok(Self {
            main: Arc::clone(&follow.log),
            log,
            tail,
            keys: follow.keys.clone(),
            keys_written: false,
            written_lsn,
            durable_lsn: written_lsn,
            passed_bytes: 0,
        })
    }

    fn run(&mut self, shared: &Shared) -> Result<(), Trouble> {
        loop {
            let is_last = shared.is_stopping();
            let synced_lsn = self.main.synced();
            let before = self.log.appended();
            if self.tail.position() < synced_lsn {
                self.tail.refresh()?;
                self.take(synced_lsn)?;
            }
            let is_wanted = is_last || shared.wanted_lsn() > self.written_lsn;
            if self.passed_bytes >= MARK_BYTES || (is_wanted && self.position() > self.written_lsn)
            {
                self.write(&Entry::Mark(self.position()))?;
            }
            if is_wanted || is_last {
                self.log.wait(self.log.appended(), Duration::from_millis(REST_MS))?;
            }
            if self.log.synced() >= self.log.appended() {
                self.durable_lsn = self.written_lsn;
            }
            if shared.wants_break() {
                let (kind, payload) = Entry::Mark(self.written_lsn).encode();
                let reservation = self.log.reserve_internal(payload.len()).map_err(busy)?;
                let lsn = self.log.append_apart(reservation, kind, &[&payload])?;
                self.log.wait(lsn, Duration::from_millis(REST_MS))?;
                shared.tell_break(&self.log, lsn);
            }
            shared.tell(self, self.log.appended() - before);
            if is_last {
                return Ok(self.log.close().map_err(log::Failed::from)?);
            }
            shared.pause(Duration::from_millis(LOOK_EVERY_MS));
        }
    }

    fn position(&self) -> u64 {
        self.tail.position()
    }

    /// Takes the records up to `synced_lsn`.
    fn take(&mut self, synced_lsn: u64) -> Result<(), Trouble> {
        let mut found = Vec::new();
        while self.position() < synced_lsn {
            let keys = &mut self.keys;
            let passed_bytes = &mut self.passed_bytes;
            self.tail.read(synced_lsn, |record| {
                *passed_bytes += record.payload.len() as u64;
                if let Some(entry) = entry_of(&record, keys)? {
                    found.push(entry);
                }
                Ok::<_, BadRecord>(found.is_empty())
            })?;
            for entry in found.drain(..) {
                self.write_named(entry)?;
            }
        }
        Ok(())
    }

    fn write_named(&mut self, entry: Entry) -> Result<(), Trouble> {
        match &entry {
            // Names are written before the change that may need them.
            Entry::Names(..) => {
                self.keys_written = false;
                Ok(())
            }
            _ => {
                if !self.keys_written {
                    // Of the record before: this one is not yet dealt with.
                    self.write(&Entry::Names(entry.lsn() - 1, self.keys.clone()))?;
                    self.keys_written = true;
                }
                self.write(&entry)
            }
        }
    }

    fn write(&mut self, entry: &Entry) -> Result<(), Trouble> {
        let (kind, payload) = entry.encode();
        let reservation = loop {
            match self.log.reserve_internal(payload.len()) {
                Ok(reservation) => break reservation,
                Err(ReserveError::Busy(_) | ReserveError::Full(_)) => {
                    self.log.wait(self.log.appended(), Duration::from_millis(REST_MS))?;
                }
            }
        };
        self.log.append(reservation, kind, &[&payload])?;
        self.written_lsn = entry.lsn();
        self.passed_bytes = 0;
        Ok(())
    }
}

fn busy(_: ReserveError) -> Trouble {
    Trouble::Wait(log::WaitError::Timeout)
}

/// What a record of the reactor's log is to the identity log.
fn entry_of(record: &Record<'_>, keys: &mut Vec<Text>) -> Result<Option<Entry>, BadRecord> {
    let lsn = record.lsn.counter;
    Ok(match record.kind {
        KIND_EVENT => match Errand::decode(record.payload)?.outcome {
            RecordedOutcome::Nobody | RecordedOutcome::Known(_) => None,
            _ => Change::of(lsn, EventReplay::decode(record.payload)?).map(Entry::Change),
        },
        KIND_CONFIGURATION => {
            let names = ConfigurationRecord::decode(record.payload)?.keys;
            let is_new = names != *keys;
            *keys = names;
            is_new.then(|| Entry::Names(lsn, Vec::new()))
        }
        _ => None,
    })
}
