//! Reactor: one configuration, its profiles and its log; the request told as a story.
//!
//! An event is identified, computed, appended and installed in one critical section (page 5.2), and
//! the offers are decided and encoded under the same locks, so that answer and LSN speak of one
//! state. Replay is the same `compute` over the recorded verdict.
//!
//! Invariants: all changes are computed beside the state; the record is appended before anything is
//! installed; installing is moves that cannot fail; nothing under a lock takes the GIL, logs or does
//! I/O; the data plane compiles nothing.

pub mod apply;
pub mod batch;
pub mod computed;
pub mod counters;
mod crew;
pub mod draws;
pub mod erasure;
mod evict;
pub mod history;
pub mod identities;
mod ignore;
pub mod import;
pub mod ingest;
pub mod inspect;
pub mod keep;
pub mod lookups;
pub mod machine;
pub mod open;
mod passage;
pub mod read;
mod recover;
mod replay;
pub mod restore;
pub mod retention;
mod room;
pub mod salvage;
pub mod scope;
pub mod secret;
pub mod stitching;
pub mod versions;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::sync::Mutex;
use arc_swap::ArcSwap;

pub use keep::{SnapshotFigures, SnapshotPolicy, SnapshotReport};
pub use open::Options;
pub use recover::{RecoveryPhase, RecoveryProgress, RecoveryReport};
pub use retention::{Retention, RetentionOutlook};
pub use room::{MEMORY_BUDGET_BYTES_MIN, MemoryFigures, MemoryPolicy, OnMemoryFull};
pub use secret::Secret;

use self::apply::Trouble;
use self::batch::Batch;
use self::counters::Counters;
use self::erasure::pending::Erasures;
use self::evict::Evictor;
use self::identities::Registry;
use self::keep::Keeper;
use self::passage::{Passage, Scratch};
use self::room::Room;
use crate::clock::Clock;
use crate::config::Numbers;
use crate::config::numbers::is_gone;
use crate::config::plan::{AttributeId, Plan};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{EVENT_BYTES_MAX, Event, EventShape, TIME_MS_MAX, Taken};
use crate::log::{FailureKind, Log, SyncPolicy};
use crate::offer::Audience;
use crate::profile::identity::Refusal;
use crate::profile::{AttributeSpec, Rejected, Store};
use crate::record::{EventReplay, RecordedOutcome, SourceLine};
use crate::value::Text;

/// A published plan with what is derived from it.
#[derive(Debug)]
pub struct Published {
    /// The plan.
    pub plan: Plan,
    /// What is taken from bodies for it.
    pub shape: EventShape,
    /// Position of each attribute in the plan, by its number.
    positions: Vec<Option<usize>>,
    /// Numbers of attributes that are not in the plan: since when they sleep, by processing time;
    /// `None`: they were given up.
    absent: Vec<(AttributeId, Option<i64>)>,
}

/// What stands under a number that holds no state any more.
static STATELESS: AttributeSpec = AttributeSpec::Stateless;

impl Published {
    /// Derives from a plan what requests need beside it.
    pub fn new(plan: Plan, given: &Numbers) -> Self {
        let numbers = plan.attributes.iter().map(|attribute| usize::from(attribute.id) + 1);
        let mut positions = vec![None; numbers.max().unwrap_or(0)];
        for (position, attribute) in plan.attributes.iter().enumerate() {
            positions[usize::from(attribute.id)] = Some(position);
        }
        let asleep = given.asleep_attributes.iter().map(|(id, since_ms)| (*id, Some(*since_ms)));
        let absent = asleep.chain(given.given_up_attributes().map(|id| (id, None))).collect();
        Self { shape: EventShape::of(&plan), plan, positions, absent }
    }

    /// The options of an attribute by its number, at a processing time; `None` for one that sleeps:
    /// its values stay as they are, and nobody reads them.
    pub fn spec(&self, id: AttributeId, now_ms: i64) -> Option<&AttributeSpec> {
        match self.positions.get(usize::from(id)).copied().flatten() {
            Some(position) => Some(&self.plan.attributes[position].spec),
            None => self.gone(now_ms).any(|gone| gone == id).then_some(&STATELESS),
        }
    }

    /// Numbers of attributes whose values nobody will find again.
    pub fn gone(&self, now_ms: i64) -> impl Iterator<Item = AttributeId> + '_ {
        let absent = self.absent.iter();
        let gone = absent.filter(move |(_, since)| since.is_none_or(|ms| is_gone(ms, now_ms)));
        gone.map(|(id, _)| *id)
    }
}

/// The engine: thread-safe, opened by [`Reactor::open`].
pub struct Reactor {
    published: Arc<ArcSwap<Published>>,
    store: Arc<Store>,
    log: Arc<Log>,
    clock: Arc<Clock>,
    secret: Arc<Secret>,
    /// Those that are recorded and not carried out in every file yet.
    erasures: Arc<Erasures>,
    counters: Arc<Counters>,
    /// Whether there is memory for one more profile.
    room: Arc<Room>,
    /// Numbers of keys and attributes, given once a name.
    numbers: Mutex<Numbers>,
    /// For each table and file, the last line dealt with.
    lines: Arc<Mutex<HashMap<FileKey, u64>>>,
    /// All configurations' records, in the log's order: a snapshot holds them.
    configurations: Arc<Mutex<Vec<Arc<[u8]>>>>,
    /// The batch data in force.
    batch: Arc<Batch>,
    /// Copies changes of identity; none in memory. Ended after the log is closed.
    identities: Option<Arc<Registry>>,
    /// Takes snapshots; none in memory. Ended before the log is closed.
    keeper: Option<Keeper>,
    /// Lets profiles go; none before the reactor serves, and none without anything to let go for.
    evictor: Option<Evictor>,
    sync: SyncPolicy,
    commit_timeout: Duration,
    recovery: RecoveryReport,
}

/// A file ingested into a table: database, table, SHA-256 of the file.
type FileKey = (Text, Text, [u8; 32]);

/// Who sent an event, as far as profiles care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller<'a> {
    /// Whether anybody may hold the caller's token: a browser.
    pub public: bool,
    /// Whether the answer may show sensitive values; never to a public caller.
    pub sees_sensitive: bool,
    /// The caller's address.
    pub address: Option<&'a str>,
    /// The caller's User-Agent.
    pub user_agent: Option<&'a str>,
}

impl Caller<'_> {
    /// Who the answer is for.
    pub fn audience(&self) -> Audience {
        Audience { is_public: self.public, sees_sensitive: self.sees_sensitive }
    }
}

impl Default for Caller<'_> {
    /// A server that is trusted.
    fn default() -> Self {
        Self { public: false, sees_sensitive: true, address: None, user_agent: None }
    }
}

/// What a recorded event was found to be that no look at it alone can tell again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether `ignore` kept it from profiles: who sent it is not recorded.
    pub kept_out: bool,
    /// Whether it made a profile that was not kept: how much room there was is not recorded.
    pub passing: bool,
}

/// One event on its way in.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Database, well-formed.
    pub database: &'a str,
    /// Table, well-formed.
    pub table: &'a str,
    /// The event's JSON as it came.
    pub body: &'a [u8],
    /// Who sent it.
    pub caller: Caller<'a>,
    /// Processing time given by the caller, epoch milliseconds.
    pub now_ms: Option<i64>,
    /// Whether a given processing time moves the clock (rehearsals of events that did not).
    pub moves_clock: bool,
    /// The line of the file it came from.
    pub source: Option<SourceLine>,
    /// The uuid to store the event under when it brings none (rehearsals).
    pub uuid: Option<[u8; 16]>,
    /// What was decided when the event came in, where it is decided anew (rehearsals).
    pub verdict: Option<Verdict>,
    /// Whether its identifiers are linked and nothing else is done: an imported row of identifiers.
    pub links_only: bool,
    /// Whether offers are decided.
    pub decide: bool,
    /// The answer's limit in bytes; 0 for none.
    pub answer_bytes_max: usize,
}

impl<'a> Request<'a> {
    /// An event that is answered with offers, without a limit.
    pub fn new(database: &'a str, table: &'a str, body: &'a [u8]) -> Self {
        Self {
            database,
            table,
            body,
            caller: Caller::default(),
            now_ms: None,
            moves_clock: true,
            source: None,
            uuid: None,
            verdict: None,
            links_only: false,
            decide: true,
            answer_bytes_max: 0,
        }
    }

    /// The event of a record, to be decided anew at its recorded time, as if it had just come in.
    pub fn anew(event: &EventReplay<'a>) -> Self {
        Self {
            now_ms: Some(event.now_ms),
            moves_clock: event.moves_clock,
            source: event.source,
            uuid: Some(event.uuid),
            verdict: Some(Verdict {
                kept_out: event.kept_out,
                passing: matches!(event.outcome, RecordedOutcome::Passing(_)),
            }),
            links_only: event.links_only(),
            caller: Caller { public: event.public, ..Caller::default() },
            decide: false,
            ..Self::new(event.database, event.table, event.body)
        }
    }
}

impl Request<'_> {
    /// What no plan is needed for to refuse.
    fn check(&self) -> Result<()> {
        if self.body.len() > EVENT_BYTES_MAX {
            let bytes_max = EVENT_BYTES_MAX;
            return Err(Error::bad_event(format!("an event has at most {bytes_max} bytes")));
        }
        match self.now_ms {
            Some(now_ms) if !(0..=TIME_MS_MAX).contains(&now_ms) => {
                let message = format!("`now_ms` is epoch milliseconds from 0 to {TIME_MS_MAX}");
                Err(ErrorKind::Argument(message).into())
            }
            _ => Ok(()),
        }
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its record's LSN; for a repeat the newest one that the answer could have seen.
    pub lsn: u64,
    /// Whether its uuid was known: then nothing was stored.
    pub duplicate: bool,
    /// Whether `ignore` kept it out of the log; its LSN is 0 then, and nothing is waited for.
    pub dropped: bool,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Reactor {
    /// Stores an event, updates its profile, and writes the answer into `out`.
    ///
    /// `take` takes from the body what the plan reads; it is called again when a publish came
    /// between. The answer may leave once the log is synced up to [`Reactor::wait_lsn`].
    ///
    /// # Errors
    /// `BadEvent`, `Busy`, `Stopped`, `Argument` for a `now_ms` outside of the calendar, and `Panic`
    /// for a bug of ours.
    pub fn personalize(
        &self,
        request: &Request<'_>,
        take: &mut dyn FnMut(&Arc<Published>) -> Result<Taken>,
        out: &mut Vec<u8>,
    ) -> Result<Receipt> {
        self.ensure_running()?;
        request.check()?;
        SCRATCH.with_borrow_mut(|scratch| scratch.waits = 0);
        loop {
            let published = self.published.load_full();
            let taken = take(&published)?;
            let event = SCRATCH.with_borrow_mut(|scratch| {
                let Published { plan, shape, .. } = &*published;
                Event::new(taken, plan, shape, request.caller.public, scratch.vm())
            })?;
            let passed = SCRATCH.with_borrow_mut(|scratch| {
                let passage = Passage::new(self, &published, request, event, scratch, out);
                let passed = passage.pass();
                if matches!(passed, Ok(None)) {
                    // The same will be met again under the plan that came between.
                    scratch.troubles.clear();
                }
                self.count_troubles(&published.plan, &mut scratch.troubles);
                passed
            });
            if let Some(receipt) = passed? {
                return Ok(receipt);
            }
        }
    }

    /// As [`Reactor::personalize`], from the body's own bytes.
    ///
    /// # Errors
    /// As [`Reactor::personalize`].
    pub fn personalize_json(&self, request: &Request<'_>, out: &mut Vec<u8>) -> Result<Receipt> {
        let mut take =
            |published: &Arc<Published>| Taken::from_json(request.body, &published.shape);
        self.personalize(request, &mut take, out)
    }

    /// The LSN that an answer waits for; 0 when it may leave at once (page 5.1).
    pub fn wait_lsn(&self, receipt: &Receipt) -> u64 {
        match self.sync {
            SyncPolicy::Always => receipt.lsn,
            SyncPolicy::Interval { ms } => match self.log.unsynced_since_ms() {
                Some(age_ms) if age_ms > 2 * ms => receipt.lsn,
                _ => 0,
            },
            SyncPolicy::Never => 0,
        }
    }

    /// Waits until an answer may leave, for callers that may block.
    ///
    /// # Errors
    /// `NotDurable` when the log is not synced in time, `Log` when it failed.
    pub fn wait(&self, receipt: &Receipt) -> Result<()> {
        let lsn = self.wait_lsn(receipt);
        if lsn == 0 {
            return Ok(());
        }
        Ok(self.log.wait(lsn, self.commit_timeout)?)
    }

    /// A log that failed or was closed refuses reads, too. Not so one without room: `append` says
    /// that, and reads go on (page 5.5).
    fn ensure_running(&self) -> Result<()> {
        match self.log.stopped() {
            Some(failure) if failure.kind != FailureKind::DiskFull => Err(failure.into()),
            _ => Ok(()),
        }
    }

    /// The published plan with its shape.
    pub fn published(&self) -> Arc<Published> {
        self.published.load_full()
    }

    /// The log, for its state: synced LSN, wake-ups, failure.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Counts since the reactor was opened.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Takes a last snapshot when something came since the one before, syncs the log and ends the writer;
    /// idempotent.
    ///
    /// # Errors
    /// `Log` when the last sync failed.
    pub fn close(&self) -> Result<()> {
        if let Some(evictor) = &self.evictor {
            evictor.stop();
        }
        if let Some(keeper) = &self.keeper {
            keeper.close();
        }
        let closed = self.log.close();
        if let Some(identities) = &self.identities {
            identities.follower.close();
        }
        Ok(closed?)
    }

    fn remember_line(&self, database: &str, table: &str, source: SourceLine) {
        let key = (Text::new(database), Text::new(table), source.file);
        let mut lines = self.lines.lock();
        let last = lines.entry(key).or_default();
        *last = source.line.max(*last);
    }

    /// The last line of a file dealt with for a table; 0 for none.
    pub fn ingested_line(&self, database: &str, table: &str, file: [u8; 32]) -> u64 {
        let key = (Text::new(database), Text::new(table), file);
        self.lines.lock().get(&key).copied().unwrap_or(0)
    }

    /// Counts what went wrong inside rules, once the locks are free.
    fn count_troubles(&self, plan: &Plan, troubles: &mut Vec<Trouble>) {
        for trouble in troubles.drain(..) {
            match trouble {
                Trouble::Filter(event, kind) => {
                    self.counters.errors.add(&plan.events[usize::from(event)], kind.name());
                }
                Trouble::Rule(attribute, kind) => {
                    self.counters.errors.add(&plan.attributes[attribute].name, kind.name());
                }
                Trouble::Offer(offer, kind) => {
                    self.counters.errors.add(&plan.offers[offer].name, kind.name());
                }
                Trouble::Ignore(kind) => {
                    self.counters.errors.add(&Text::new_static("ignore"), kind.name());
                }
                Trouble::Identifier(key, reason) => {
                    let key = plan.keys.iter().find(|known| known.id == key);
                    if let Some(key) = key {
                        self.counters.ignored.add(&key.name, refusal_name(reason));
                    }
                }
                Trouble::Value(attribute, rejected) => {
                    let reason = rejected_name(rejected);
                    self.counters.rejected.add(&plan.attributes[attribute].name, reason);
                }
                Trouble::NoList(attribute) => {
                    self.counters.rejected.add(&plan.attributes[attribute].name, "each is no list");
                }
            }
        }
    }
}

/// Whether a name can be a database or a table (page 1.1).
pub fn is_table_name(name: &str) -> bool {
    (3..=128).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'_'))
}

fn refusal_name(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Absent => "absent",
        Refusal::NotText => "not text",
        Refusal::Empty => "empty",
        Refusal::TooLong => "too long",
        Refusal::Invalid => "invalid text",
        Refusal::NoMatch => "no match",
        Refusal::Throws => "from throws",
        Refusal::Public => "public caller",
    }
}

fn rejected_name(rejected: Rejected) -> &'static str {
    match rejected {
        Rejected::NotFinite => "not a finite number",
        Rejected::TooLarge => "larger than value_bytes_max",
        Rejected::WrongKind => "wrong kind",
        Rejected::NoId => "no id",
        Rejected::NotANumber => "not a number",
        Rejected::NotConvertible => "not convertible",
        Rejected::NoName => "no name",
    }
}
