//! Salvage: the explicit way on after damage: what can still be read, decided again in a new directory.
//!
//! Behind a hole the verdicts of identity may no longer fit: a profile that a lost record made is not
//! there. So each event is decided again from its body, in the order of the log, at its recorded time and
//! under its recorded uuid, by the configuration that was in force. Without a hole that leads to the very
//! same state. A log that retention has shortened begins with its oldest good snapshot. Invariants: the
//! source is only read; every readable record is in the new log or in the report; LSNs are new ones.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::batch::{Batch, copy_generations};
use super::ingest::PATIENCE;
use super::inspect::damage_of;
use super::open::{LOG_FOLDER, SNAPSHOT_FOLDER, io_error, memory_error};
use super::replay::{Refused, Replay};
use super::restore::copy_secret;
use super::{Options, Reactor, Request, Secret};
use crate::clock::ClockMode;
use crate::error::{ErrorKind, Result};
use crate::log::storage::Disk;
use crate::log::{Log, Record, ReserveError, SyncPolicy, Verification, verify};
use crate::record::{
    APPLY_EPOCH, ConfigurationRecord, EventReplay, KIND_CONFIGURATION, KIND_ERASED, KIND_ERASURE,
    KIND_EVENT, KIND_EVICTION, KIND_IMPORT, KIND_LINES, KIND_TOMBSTONE,
};
use crate::snapshot::{self, Shelf, Snapshot};

/// What was read, what was lost, and what became of the rest.
#[derive(Debug, Default)]
pub struct Salvage {
    /// What the source holds, and all its damage.
    pub source: Verification,
    /// LSN of the snapshot that was begun from, when the log no longer has its beginning; else 0.
    pub base_lsn: u64,
    /// Records that this snapshot has in it; they are not in the new log.
    pub in_base: u64,
    /// Events in the new log.
    pub events: u64,
    /// Events whose uuid had been seen already; not stored twice.
    pub repeated: u64,
    /// Configurations in the new log.
    pub configurations: u64,
    /// Events whose own configuration is lost: decided by the nearest that is not.
    pub reconfigured: u64,
    /// Records that are not in the new log: their LSN in the source, and why.
    pub refused: Vec<(u64, String)>,
    /// LSN of the new log's last record.
    pub last_lsn: u64,
}

/// Reads everything that can be read of a reactor's directory into a new one.
///
/// # Errors
/// `Log` when there is no log or the disk refused; `Argument` when no configuration is left. Damage is no
/// error here.
pub fn salvage(source: &Path, target: &Path, disk: &Arc<dyn Disk>) -> Result<Salvage> {
    let mut found = Found::default();
    let folder = source.join(LOG_FOLDER);
    let verification = verify(&folder, &**disk, &mut |record| found.note(&record))?;
    if !found.named.iter().all(|number| found.configurations.contains_key(number)) {
        found.ask_snapshots(source, disk)?;
    }
    let base = base_of(source, disk, verification.begin_lsn)?;
    if found.configurations.is_empty() && base.is_none() {
        let message = "no configuration can be read in this log, so no event can be decided again";
        return Err(ErrorKind::Argument(message.to_owned()).into());
    }
    disk.create_directory(target).map_err(|error| io_error(target, error))?;
    // Without the secret the same events make profiles with other ids; nothing else depends on it.
    if let Err(error) = copy_secret(source, target)
        && error.kind() != std::io::ErrorKind::InvalidData
    {
        return Err(io_error(source, error));
    }
    let options = Options {
        sync: SyncPolicy::Interval { ms: 1_000 },
        clock: if found.event_clock { ClockMode::Event } else { ClockMode::Server },
        disk: Arc::clone(disk),
        ..Options::default()
    };
    let (reactor, replay) = Reactor::recover(target, &options)?;
    let configurations = found.configurations;
    let report = Salvage { source: verification, ..Salvage::default() };
    // What cannot be copied is told of when a record names it.
    let _copied = copy_generations(source, target, disk, false);
    let mut feed =
        Feed { reactor, replay, configurations, report, answer: Vec::new(), base_lsn: 0 };
    if let Some(base) = &base {
        feed.begin_from(base)?;
    }
    let mut failed = None;
    verify(&folder, &**disk, &mut |record| {
        if failed.is_none() {
            failed = feed.record(&record).err();
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    let Feed { reactor, mut report, .. } = feed;
    report.last_lsn = reactor.log.appended();
    reactor.log.wait(report.last_lsn, PATIENCE)?;
    if base.is_some() {
        reactor.snapshot()?;
    }
    reactor.close()?;
    Ok(report)
}

/// The oldest good snapshot from which a log goes on that no longer has its beginning.
fn base_of(source: &Path, disk: &Arc<dyn Disk>, begin_lsn: u64) -> Result<Option<Snapshot>> {
    if begin_lsn == 1 {
        return Ok(None);
    }
    for (kept, file) in Shelf::list(&**disk, &source.join(SNAPSHOT_FOLDER))? {
        if kept.lsn + 1 >= begin_lsn && damage_of(&**disk, &kept, &file)?.is_none() {
            return Ok(Some(Snapshot::open(&**disk, &file, APPLY_EPOCH)?));
        }
    }
    Ok(None)
}

/// What a first look at the log finds.
#[derive(Default)]
struct Found {
    /// Every configuration's record, by number.
    configurations: BTreeMap<u32, Vec<u8>>,
    /// The configurations that events name.
    named: BTreeSet<u32>,
    event_clock: bool,
}

impl Found {
    fn note(&mut self, record: &Record<'_>) {
        match record.kind {
            KIND_CONFIGURATION => {
                if let Ok(configuration) = ConfigurationRecord::decode(record.payload) {
                    self.configurations.insert(configuration.number, record.payload.to_vec());
                }
            }
            KIND_EVENT => {
                if let Ok(event) = EventReplay::decode(record.payload) {
                    self.named.insert(event.configuration);
                    self.event_clock |= event.event_clock;
                }
            }
            _ => {}
        }
    }

    /// Adds the configurations that are lost in the log and stand in its newest good snapshot.
    fn ask_snapshots(&mut self, source: &Path, disk: &Arc<dyn Disk>) -> Result<()> {
        let snapshots = Shelf::list(&**disk, &source.join(SNAPSHOT_FOLDER))?;
        let Ok(secret) = Secret::read(source) else { return Ok(()) };
        for (kept, file) in snapshots.into_iter().rev() {
            if damage_of(&**disk, &kept, &file)?.is_some() {
                continue;
            }
            let log = Log::memory().map_err(memory_error)?;
            let mut reader = Reactor::empty(log, secret, &Options::default());
            reader.batch = Arc::new(Batch::of_directory(disk, source));
            let snapshot = Snapshot::open(&**disk, &file, APPLY_EPOCH)?;
            reader.restore(&mut Replay::default(), &snapshot, &snapshot::Progress::default())?;
            for payload in reader.configurations.lock().iter() {
                if let Ok(configuration) = ConfigurationRecord::decode(payload) {
                    self.configurations.entry(configuration.number).or_insert(payload.to_vec());
                }
            }
            return Ok(());
        }
        Ok(())
    }
}

/// The new reactor, being fed.
struct Feed {
    reactor: Reactor,
    replay: Replay,
    configurations: BTreeMap<u32, Vec<u8>>,
    report: Salvage,
    answer: Vec<u8>,
    /// Records up to this LSN are in the state that was begun from.
    base_lsn: u64,
}

impl Feed {
    /// Takes over a snapshot's state; what it has in it is not decided again.
    fn begin_from(&mut self, base: &Snapshot) -> Result<()> {
        self.reactor.restore(&mut self.replay, base, &snapshot::Progress::default())?;
        self.base_lsn = base.head().lsn;
        self.report.base_lsn = self.base_lsn;
        let in_force = self.reactor.configurations.lock().last().cloned();
        if let Some(payload) = in_force {
            self.append(KIND_CONFIGURATION, &payload)?;
        }
        // The new log does not lead to this state, so it is made durable before anything follows.
        self.reactor.snapshot().map(|_| ())
    }

    fn record(&mut self, record: &Record<'_>) -> Result<()> {
        let lsn = record.lsn.counter;
        if lsn <= self.base_lsn {
            self.report.in_base += 1;
            return Ok(());
        }
        match record.kind {
            KIND_EVENT => match EventReplay::decode(record.payload) {
                Ok(event) => self.event(&event, lsn),
                Err(error) => self.refuse(lsn, error.to_string()),
            },
            KIND_CONFIGURATION => match ConfigurationRecord::decode(record.payload) {
                Ok(configuration) => self.publish(configuration.number, lsn),
                Err(error) => self.refuse(lsn, error.to_string()),
            },
            KIND_LINES | KIND_EVICTION | KIND_IMPORT | KIND_TOMBSTONE | KIND_ERASURE
            | KIND_ERASED => self.keep(record, lsn),
            kind => self.refuse(lsn, Refused::Kind(kind).to_string()),
        }
    }

    fn refuse(&mut self, lsn: u64, why: String) -> Result<()> {
        self.report.refused.push((lsn, why));
        Ok(())
    }

    /// Decides an event again, by its own configuration or the nearest that is left.
    fn event(&mut self, event: &EventReplay<'_>, lsn: u64) -> Result<()> {
        let current = self.reactor.published().plan.number;
        if event.configuration != current {
            let own = self.configurations.contains_key(&event.configuration);
            let later = || self.configurations.keys().find(|number| **number > event.configuration);
            let nearest = match current {
                _ if own => Some(event.configuration),
                0 => later().copied(),
                _ => None,
            };
            if let Some(number) = nearest {
                self.publish(number, lsn)?;
            }
        }
        if event.configuration != self.reactor.published().plan.number {
            self.report.reconfigured += 1;
        }
        match self.reactor.store_patiently(&Request::anew(event), &mut self.answer) {
            Ok(receipt) if receipt.duplicate => self.report.repeated += 1,
            Ok(_) => self.report.events += 1,
            Err(error) if matches!(error.kind(), ErrorKind::BadEvent(_)) => {
                return self.refuse(lsn, error.to_string());
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Puts a configuration in force, unless it is.
    fn publish(&mut self, number: u32, lsn: u64) -> Result<()> {
        if self.reactor.published().plan.number == number {
            return Ok(());
        }
        let Some(payload) = self.configurations.get(&number).cloned() else { return Ok(()) };
        let record = Record {
            lsn: crate::log::Lsn { partition: 0, term: 0, counter: lsn },
            kind: KIND_CONFIGURATION,
            payload: &payload,
        };
        self.keep(&record, lsn)?;
        if self.reactor.published().plan.number == number {
            self.report.configurations += 1;
        }
        Ok(())
    }

    /// Keeps a record as it is, once it has been replayed.
    fn keep(&mut self, record: &Record<'_>, lsn: u64) -> Result<()> {
        if let Err(refused) = self.replay.record(&self.reactor, record) {
            return self.refuse(lsn, refused.to_string());
        }
        self.append(record.kind, record.payload)
    }

    fn append(&self, kind: u8, payload: &[u8]) -> Result<()> {
        let log = &self.reactor.log;
        let reservation = loop {
            match log.reserve_internal(payload.len()) {
                Ok(reservation) => break reservation,
                Err(full @ ReserveError::Full(_)) => return Err(full.into()),
                Err(ReserveError::Busy(_)) => log.wait(log.appended(), PATIENCE)?,
            }
        };
        log.append(reservation, kind, &[payload])?;
        Ok(())
    }
}
