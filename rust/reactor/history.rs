//! History: a log gone through again, with the state as it stood at each event.
//!
//! Tools that ask "what was offered, and why" need the profile of that moment. A history is a reactor in
//! memory whose state is that at one LSN; visiting replays the records after it and shows each event
//! once it is installed, which is when its offers were decided. Needs no lock: a server may be running.
//!
//! Invariants: only what is known to be synced is shown; replay decides nothing, so asking for the
//! offers again changes nothing either.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::batch::Batch;
use super::computed::ComputedValues;
use super::draws::{Drawer, Draws, EventKey};
use super::erasure::pending::Erasures;
use super::lookups::Lookups;
use super::open::{LOG_FOLDER, Options, SNAPSHOT_FOLDER, io_error, memory_error};
use super::replay::{Installed, Refused, Replay, replay_error};
use super::scope::{EventScope, Seen};
use super::{Published, Reactor, Secret};
use crate::batch::Live;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::Vm;
use crate::log::{self, Log, Lsn, ReplayError};
use crate::offer::{self, Given};
use crate::profile::Packed;
use crate::record::{APPLY_EPOCH, EventReplay};
use crate::snapshot::{Progress, Shelf, Snapshot};
use crate::value::Value;

/// A directory's log as it can be gone through again.
pub struct History {
    reactor: Reactor,
    replay: Replay,
    reader: log::Reader,
    /// The state is that at this LSN.
    lsn: u64,
    synced_lsn: u64,
    vm: Vm,
}

/// One event, its verdict, and the profile that it led to: what its offers were decided from.
pub struct Scene<'a> {
    /// The record's number.
    pub lsn: Lsn,
    /// The record: verdict, values taken, body.
    pub event: &'a EventReplay<'a>,
    /// The configuration in force.
    pub published: &'a Published,
    /// The profile that the event ended in, the event included; `None` when it was nobody's.
    pub profile: Option<&'a Packed>,
    before: &'a [Value],
    vm: &'a mut Vm,
    /// The directory's, for random numbers.
    secret_seed: u64,
    /// The batch data in force.
    live: Arc<Live>,
}

impl Scene<'_> {
    /// Decides the event's offers again, as live did, each with the rule that won. A live answer may
    /// have been cut at its limit of bytes; here all are given.
    pub fn offers(&mut self, mut give: impl FnMut(Given<'_>)) {
        if !self.event.routed || self.event.links_only() {
            return;
        }
        let plan = &self.published.plan;
        let key = EventKey { secret_seed: self.secret_seed, uuid: &self.event.uuid };
        let draws = Draws::new(key, Drawer::Offer(0, 0));
        let lookups = Lookups::new(&self.live, plan);
        let computed = ComputedValues::default();
        let mut scope = EventScope {
            plan,
            profile: self.profile,
            fields: &self.event.taken,
            whole: &self.event.whole,
            now_ms: self.event.now_ms,
            lookups: &lookups,
            draws: &draws,
            locals: Vec::new(),
            before: self.before,
            computed: &computed,
            audience: offer::Audience::SERVER,
            seen: Seen::default(),
        };
        let matched = &self.event.events;
        offer::decide_each(&plan.offers, matched, &mut scope, self.vm, &mut give, &mut |_, _| {});
    }
}

impl History {
    /// The history of a reactor's own directory (see [`super::open::directory_of`]), with the state as it was
    /// at `after_lsn`; 0 is the state before the first record.
    ///
    /// # Errors
    /// `Log` when the log cannot be read, `Replay` when a record cannot be replayed, `Argument` when
    /// `after_lsn` is not in the log any more or not yet.
    pub fn open(directory: &Path, after_lsn: u64, options: &Options) -> Result<Self> {
        let reader = log::Reader::open(&directory.join(LOG_FOLDER), Arc::clone(&options.disk))?;
        let synced_lsn = reader.synced_lsn()?;
        if after_lsn > synced_lsn {
            let message = format!("LSN {after_lsn} is not in the log: it ends at {synced_lsn}");
            return Err(ErrorKind::Argument(message).into());
        }
        let start = Start::newest(directory, after_lsn, options)?;
        let Start { reactor, replay, lsn } = start;
        let mut history = Self { reactor, replay, reader, lsn, synced_lsn, vm: Vm::default() };
        history.advance(after_lsn, &mut |_| Ok(ControlFlow::Continue(())))?;
        Ok(history)
    }

    /// The reactor in memory.
    pub(super) fn reactor(&self) -> &Reactor {
        &self.reactor
    }

    /// LSN of the state.
    #[must_use]
    pub fn lsn(&self) -> u64 {
        self.lsn
    }

    /// Highest LSN that was known to be synced when the history was opened: where visiting ends.
    #[must_use]
    pub fn synced_lsn(&self) -> u64 {
        self.synced_lsn
    }

    /// The canonical hash of the state.
    #[must_use]
    pub fn state_hash(&self) -> u128 {
        self.reactor.state_hash()
    }

    /// The configuration in force at [`History::lsn`].
    #[must_use]
    pub fn published(&self) -> Arc<Published> {
        self.reactor.published()
    }

    /// Shows each event after [`History::lsn`], in the log's order; the state moves along. Ends at
    /// [`History::synced_lsn`] or with the first `Break`; a later call goes on behind that event.
    ///
    /// # Errors
    /// As [`History::open`], and what `visit` answers.
    pub fn visit(
        &mut self,
        mut visit: impl FnMut(&mut Scene<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        self.advance(self.synced_lsn, &mut visit)
    }

    fn advance(&mut self, through_lsn: u64, visit: Visit<'_>) -> Result<()> {
        let Self { reactor, replay, reader, lsn, vm, .. } = self;
        let gone_through = reader.records_after(*lsn, |record| {
            let counter = record.lsn.counter;
            if counter != *lsn + 1 {
                return Err(Stop::Visitor(gone(*lsn, counter)));
            }
            if counter > through_lsn {
                return Err(Stop::Enough);
            }
            let mut flow = Ok(ControlFlow::Continue(()));
            replay.record_seen(reactor, &record, &mut |installed| {
                let Installed { lsn, event, published, profile, before } = installed;
                let secret_seed = reactor.secret.random_seed();
                let vm = &mut *vm;
                let live = reactor.batch.live();
                let scene = Scene { lsn, event, published, profile, before, vm, secret_seed, live };
                flow = visit(&mut { scene });
            })?;
            *lsn = counter;
            match flow {
                Ok(ControlFlow::Continue(())) => Ok(()),
                Ok(ControlFlow::Break(())) => Err(Stop::Enough),
                Err(error) => Err(Stop::Visitor(error)),
            }
        });
        match gone_through {
            Ok(()) | Err(ReplayError::Apply { error: Stop::Enough, .. }) => Ok(()),
            Err(ReplayError::Apply { error: Stop::Visitor(error), .. }) => Err(error),
            Err(ReplayError::Apply { lsn, error: Stop::Refused(error) }) => {
                Err(replay_error(ReplayError::Apply { lsn, error }))
            }
            Err(ReplayError::Log(error)) => Err(error.into()),
        }
    }
}

pub(super) fn gone(lsn: u64, first_lsn: u64) -> Error {
    ErrorKind::Argument(format!(
        "the state at LSN {lsn} cannot be had any more: the log begins at LSN {first_lsn}, and no \
         snapshot stands before that"
    ))
    .into()
}

/// A reactor in memory at one LSN of a directory, made without its lock.
pub(super) struct Start {
    pub(super) reactor: Reactor,
    pub(super) replay: Replay,
    pub(super) lsn: u64,
}

impl Start {
    /// The state of the newest good snapshot at or before `lsn`; the empty one without.
    fn newest(directory: &Path, lsn: u64, options: &Options) -> Result<Self> {
        let kept = Shelf::list(&*options.disk, &directory.join(SNAPSHOT_FOLDER))?;
        let usable = kept.into_iter().rev().filter(|(kept, _)| kept.lsn <= lsn);
        Self::of(directory, usable.map(|(_, path)| path), options)
    }

    /// The state of the oldest good snapshot, which is where a shortened log goes on.
    pub(super) fn oldest(directory: &Path, options: &Options) -> Result<Self> {
        let kept = Shelf::list(&*options.disk, &directory.join(SNAPSHOT_FOLDER))?;
        Self::of(directory, kept.into_iter().map(|(_, path)| path), options)
    }

    /// The empty state.
    pub(super) fn empty(directory: &Path, options: &Options) -> Result<Self> {
        Self::of(directory, std::iter::empty(), options)
    }

    fn of(
        directory: &Path,
        paths: impl Iterator<Item = PathBuf>,
        options: &Options,
    ) -> Result<Self> {
        let fresh = || -> Result<Self> {
            let secret = Secret::read(directory).map_err(|error| io_error(directory, error))?;
            let mut reactor = Reactor::empty(Log::memory().map_err(memory_error)?, secret, options);
            reactor.batch = Arc::new(Batch::of_directory(&options.disk, directory));
            reactor.erasures.set(Erasures::read(&*options.disk, directory)?.list());
            Ok(Self { reactor, replay: Replay::default(), lsn: 0 })
        };
        for path in paths {
            let mut start = fresh()?;
            let opened = Snapshot::open(&*options.disk, &path, APPLY_EPOCH).map_err(Error::from);
            let restored = opened.and_then(|snapshot| {
                start.reactor.restore(&mut start.replay, &snapshot, &Progress::default())?;
                Ok(snapshot.head().lsn)
            });
            match restored.map_err(Error::into_kind) {
                Ok(lsn) => return Ok(Self { lsn, ..start }),
                // Damaged, or retired by a running server since it was listed.
                Err(ErrorKind::Snapshot(error)) if error.is_damage() => {}
                Err(kind) => return Err(kind.into()),
            }
        }
        fresh()
    }
}

type Visit<'v> = &'v mut dyn FnMut(&mut Scene<'_>) -> Result<ControlFlow<()>>;

/// Why the reader is not asked for more.
enum Stop {
    Enough,
    Refused(Refused),
    Visitor(Error),
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl Reactor {
    /// The canonical hash of the state at `lsn` of a reactor's directory, without its lock.
    ///
    /// # Errors
    /// As [`History::open`].
    pub fn state_hash_at(directory: &Path, lsn: u64, options: &Options) -> Result<u128, Error> {
        Ok(History::open(directory, lsn, options)?.state_hash())
    }
}
