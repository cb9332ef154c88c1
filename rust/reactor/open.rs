//! Open: a reactor from its directory and its configuration; recovery and publish.
//!
//! Recovery replays the log in LSN order through the same `apply` as live traffic, obeying every
//! verdict: it parses no JSON, reads no clock, draws no random number and decides nothing. Then the
//! configuration is published when it differs from the last one published. A reactor without a
//! directory keeps all in memory.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::sync::Mutex;
use arc_swap::ArcSwap;

use super::batch::Batch;
use super::evict::Evictor;
use super::history::{self, Start};
use super::keep::SnapshotPolicy;
use super::recover::{RecoveryProgress, RecoveryReport};
use super::replay::{Refused, Replay, replay_error};
use super::retention::Retention;
use super::room::MemoryPolicy;
use super::versions;
use super::{Published, Reactor, Request, Secret, passage};
use crate::clock::{Clock, ClockMode};
use crate::config::diagnostic::Diagnostic;
use crate::config::plan::Plan;
use crate::config::{self, Environment, Numbers, SourceFile};
use crate::error::{Error, ErrorKind, Result};
use crate::event::EVENT_BYTES_MAX;
use crate::log::storage::{Disk, RealDisk};
use crate::log::{self, Log, SyncPolicy};
use crate::profile::{Store, store};
use crate::record::{ConfigurationRecord, EventReplay, KIND_CONFIGURATION, KIND_EVENT};

/// The least bound of the log's queue: the greatest event fits in, or it would be told to try again
/// for ever.
pub const QUEUE_BYTES_MIN: usize = 8_000_000;
const _: () = assert!(passage::room_for(EVENT_BYTES_MAX) < QUEUE_BYTES_MIN);

/// Folder of the log inside a reactor's directory.
pub const LOG_FOLDER: &str = "log";
/// Folder of the snapshots inside a reactor's directory.
pub const SNAPSHOT_FOLDER: &str = "snapshots";

/// How a reactor is opened.
#[derive(Clone)]
pub struct Options {
    /// Parent of the reactor's own directory `{account}-{instance}`; `None`: all in memory.
    pub data_dir: Option<PathBuf>,
    /// When an answer may leave.
    pub sync: SyncPolicy,
    /// Where processing time comes from.
    pub clock: ClockMode,
    /// How long an answer waits for its record to be durable.
    pub commit_timeout: Duration,
    /// Bound of the log's queue, bytes; at least [`QUEUE_BYTES_MIN`].
    pub queue_bytes_max: usize,
    /// Client uuids remembered in each of two generations.
    pub dedup_max: usize,
    /// Shards of each table of the store.
    pub shards: usize,
    /// The disk that the log is on.
    pub disk: Arc<dyn Disk>,
    /// A segment of the log takes no further batch that would make it longer, bytes.
    pub segment_bytes_max: u64,
    /// When snapshots are taken.
    pub snapshots: SnapshotPolicy,
    /// How much of the log is kept.
    pub retention: Retention,
    /// How much memory profiles may take.
    pub memory: MemoryPolicy,
    /// Whether changes of identity are copied to the identity log.
    pub identity_log: bool,
    /// Where recovery says how far it is.
    pub progress: Option<Arc<RecoveryProgress>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            data_dir: None,
            sync: SyncPolicy::Always,
            clock: ClockMode::Server,
            commit_timeout: Duration::from_secs(1),
            queue_bytes_max: log::limits::QUEUE_BYTES_MAX,
            dedup_max: 1_000_000,
            shards: store::SHARDS,
            disk: Arc::new(RealDisk),
            segment_bytes_max: log::limits::SEGMENT_BYTES_MAX,
            snapshots: SnapshotPolicy::default(),
            retention: Retention::default(),
            memory: MemoryPolicy::default(),
            identity_log: true,
            progress: None,
        }
    }
}

/// The directory of the reactor that a plan is for.
pub fn directory_of(data_dir: &Path, account: u64, instance: u64) -> PathBuf {
    data_dir.join(format!("{account}-{instance}"))
}

impl Reactor {
    /// Opens the reactor of a configuration, recovers it, and publishes the configuration when it
    /// differs from the last one published. Answers the configuration's warnings, too.
    ///
    /// # Errors
    /// `Config` with all diagnostics; `Log` when the directory is locked, damaged or not writable;
    /// `Argument` for a queue that is too small.
    pub fn open(source: &SourceFile, options: &Options) -> Result<(Self, Vec<Diagnostic>)> {
        if options.queue_bytes_max < QUEUE_BYTES_MIN {
            let message = format!("`queue_bytes_max` is at least {QUEUE_BYTES_MIN}");
            return Err(ErrorKind::Argument(message).into());
        }
        let first = compile(source, &Numbers::default())?;
        let Some(data_dir) = &options.data_dir else {
            let mut reactor = Self::empty(Log::memory().map_err(memory_error)?, fresh()?, options);
            let warnings = reactor.publish(first)?;
            reactor.bound(options.memory)?;
            return Ok((reactor, warnings));
        };
        let directory = directory_of(data_dir, first.plan.account, first.plan.instance);
        let (mut reactor, replay) = Self::recover(&directory, options)?;
        let warnings = reactor.take_over(source, replay)?;
        reactor.bound(options.memory)?;
        Ok((reactor, warnings))
    }

    pub(super) fn empty(log: Log, secret: Secret, options: &Options) -> Self {
        Self {
            published: Arc::new(ArcSwap::from_pointee(Published::new(
                Plan::default(),
                &Numbers::default(),
            ))),
            store: Arc::new(Store::new(secret.shard_seed(), options.shards, options.dedup_max)),
            log: Arc::new(log),
            clock: Arc::new(Clock::new(options.clock)),
            secret: Arc::new(secret),
            erasures: Arc::default(),
            counters: Arc::default(),
            room: Arc::default(),
            lines: Arc::default(),
            configurations: Arc::default(),
            batch: Arc::new(Batch::in_memory()),
            identities: None,
            keeper: None,
            evictor: None,
            numbers: Mutex::new(Numbers::default()),
            sync: options.sync,
            commit_timeout: options.commit_timeout,
            recovery: RecoveryReport::default(),
        }
    }

    /// From here on profiles are let go: nothing is replayed any more.
    fn bound(&mut self, memory: MemoryPolicy) -> Result<()> {
        let ttl_ms = self.published.load().plan.profile_ttl_ms;
        if memory.budget_bytes.is_some() || ttl_ms.is_some() {
            self.room.set_budget(memory.budget_bytes.unwrap_or(0));
            self.evictor = Some(Evictor::start(self, memory.on_full).map_err(memory_error)?);
        }
        Ok(())
    }

    /// Publishes the configuration of a file, unless it is the last one published.
    fn take_over(&self, source: &SourceFile, replay: Replay) -> Result<Vec<Diagnostic>> {
        let numbers = self.numbers.lock().clone();
        let compiled = compile(source, &numbers)?;
        let published = self.published.load();
        if replay.configurations > 0 && published.plan.hash == compiled.plan.hash {
            // The recorded plan stays in force: its numbers are those of the records.
            return Ok(compiled.warnings);
        }
        let compiled = versions::accept(self, source, numbers, &replay.specs)?;
        self.publish(compiled)
    }

    /// Appends a configuration and swaps the plan at the barrier; waits until it is durable.
    fn publish(&self, compiled: config::Compiled) -> Result<Vec<Diagnostic>> {
        let config::Compiled { mut plan, warnings, mut numbers } = compiled;
        plan.number = self.published.load().plan.number + 1;
        numbers.put_to_sleep(&plan, self.clock.read_ms());
        let record = ConfigurationRecord {
            number: plan.number,
            now_ms: self.clock.server_ms(),
            hash: plan.hash,
            keys: numbers.keys.clone(),
            attributes: numbers.attributes.clone(),
            fields: plan.fields.names().to_vec(),
            asleep_keys: numbers.asleep_keys.clone(),
            asleep_attributes: numbers.asleep_attributes.clone(),
            text: plan.recorded_text.clone(),
        };
        let payload = record.encode();
        let reservation = self.log.reserve_internal(payload.len())?;
        let published = Arc::new(Published::new(plan, &numbers));
        let lsn = {
            let _barrier = self.store.lock_all();
            // An event without identifiers on a table that is no destination locks no shard.
            let _order = self.clock.hold();
            let lsn = self.log.append(reservation, KIND_CONFIGURATION, &[&payload])?;
            self.published.store(published);
            self.configurations.lock().push(payload.into());
            lsn
        };
        *self.numbers.lock() = Numbers { fields: None, ..numbers };
        self.log.wait(lsn, self.commit_timeout.max(Duration::from_secs(10)))?;
        Ok(warnings)
    }

    /// The state that a directory's log leads to, computed anew: every event is decided again from
    /// its body, as if it had just come in, at its recorded time, in a fresh in-memory reactor with
    /// the directory's secret; where retention has shortened the log, from the base on. Answers that
    /// reactor's state hash; reads without the lock.
    ///
    /// # Errors
    /// `Log` when the log cannot be read; `BadEvent` when a stored body is refused.
    pub fn rehearse(directory: &Path, options: &Options) -> Result<u128> {
        let mut answer = Vec::new();
        let reader = log::Reader::open(&directory.join(LOG_FOLDER), Arc::clone(&options.disk))?;
        let is_whole = reader.first_lsn() <= 1;
        let start = if is_whole {
            Start::empty(directory, options)
        } else {
            Start::oldest(directory, options)
        };
        let Start { reactor, mut replay, lsn } = start?;
        if reader.first_lsn() > lsn + 1 {
            return Err(history::gone(lsn, reader.first_lsn()));
        }
        let fed = reader.records_after(lsn, |record| -> Result<(), Refused> {
            if record.kind != KIND_EVENT {
                return replay.record(&reactor, &record);
            }
            let event = EventReplay::decode(record.payload)?;
            reactor.personalize_json(&Request::anew(&event), &mut answer)?;
            Ok(())
        });
        fed.map_err(replay_error)?;
        Ok(reactor.state_hash())
    }
}

pub(super) fn compile(source: &SourceFile, numbers: &Numbers) -> Result<config::Compiled> {
    config::compile(source, numbers, &Environment::beside(&source.name))
        .map_err(|diagnostics| ErrorKind::Config(diagnostics).into())
}

fn fresh() -> Result<Secret> {
    Secret::fresh().map_err(memory_error)
}

pub(super) fn memory_error(error: io::Error) -> Error {
    io_error(Path::new("memory"), error)
}

pub(super) fn io_error(file: &Path, source: io::Error) -> Error {
    log::Error::Io { action: "open", file: file.to_path_buf(), source }.into()
}

#[cfg(test)]
#[path = "publish_tests.rs"]
mod publish_tests;
