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
pub mod counters;
pub mod open;
pub mod read;
pub mod scope;
pub mod secret;

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

pub use open::{Options, RecoveryReport};
pub use secret::Secret;

use self::apply::{Bench, Facts, Trouble};
use self::counters::Counters;
use self::scope::EventScope;
use crate::clock::{Clock, ClockMode};
use crate::config::plan::{AttributeId, Plan, TableId};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, EventShape, Taken};
use crate::expr::{EvalErrorKind, Fuel, Vm};
use crate::log::{Log, SyncPolicy};
use crate::offer::{self, Answer, EventId};
use crate::profile::{AttributeSpec, Change, Locked, Moment, Outcome, Profile, Rejected, Rid, Store};
use crate::record::{EventRecord, KIND_EVENT, RecordedOutcome, SourceLine};
use crate::value::Text;

/// What one record's head takes beyond the body, at most: room is reserved before it is encoded.
const HEAD_BYTES: usize = 4 * 1024;
/// Values taken from a body are at most so many times larger when encoded (`[1,1]`).
const TAKEN_BYTES_PER_BODY_BYTE: usize = 6;

/// A published plan with what is derived from it.
#[derive(Debug)]
pub struct Published {
    /// The plan.
    pub plan: Plan,
    /// What is taken from bodies for it.
    pub shape: EventShape,
    /// Position of each attribute in the plan, by its number.
    positions: Vec<Option<usize>>,
}

impl Published {
    /// Derives from a plan what requests need beside it.
    pub fn new(plan: Plan) -> Self {
        let numbers = plan.attributes.iter().map(|attribute| usize::from(attribute.id) + 1);
        let mut positions = vec![None; numbers.max().unwrap_or(0)];
        for (position, attribute) in plan.attributes.iter().enumerate() {
            positions[usize::from(attribute.id)] = Some(position);
        }
        Self { shape: EventShape::of(&plan), plan, positions }
    }

    /// The options of an attribute by its number; `None` for one that the plan no longer has.
    pub fn spec(&self, id: AttributeId) -> Option<&AttributeSpec> {
        let position = self.positions.get(usize::from(id)).copied().flatten()?;
        Some(&self.plan.attributes[position].spec)
    }
}

/// The engine: thread-safe, opened by [`Reactor::open`].
pub struct Reactor {
    published: ArcSwap<Published>,
    store: Store,
    log: Log,
    clock: Clock,
    secret: Secret,
    counters: Counters,
    /// For each table and file, the last line dealt with.
    lines: Mutex<HashMap<FileKey, u64>>,
    sync: SyncPolicy,
    commit_timeout: Duration,
    recovery: RecoveryReport,
}

/// A file ingested into a table: database, table, SHA-256 of the file.
type FileKey = (Text, Text, [u8; 32]);

/// One event on its way in.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Database, well-formed.
    pub database: &'a str,
    /// Table, well-formed.
    pub table: &'a str,
    /// The event's JSON as it came.
    pub body: &'a [u8],
    /// Processing time given by the caller, epoch milliseconds.
    pub now_ms: Option<i64>,
    /// The line of the file it came from.
    pub source: Option<SourceLine>,
    /// The uuid to store the event under when it brings none (rehearsals).
    pub uuid: Option<[u8; 16]>,
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
            now_ms: None,
            source: None,
            uuid: None,
            decide: true,
            answer_bytes_max: 0,
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
}

/// What a thread reuses from event to event.
#[derive(Default)]
struct Scratch {
    vm: Vm,
    matched: Vec<EventId>,
    head: Vec<u8>,
    troubles: Vec<Trouble>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// An event's verdict and changes, computed beside the state.
struct Computed {
    now_ms: i64,
    uuid: [u8; 16],
    outcome: RecordedOutcome,
    rid: Option<Rid>,
    change: Option<Change>,
}

impl Reactor {
    /// Stores an event, updates its profile, and writes the answer into `out`.
    ///
    /// `take` takes from the body what the plan reads; it is called again when a publish came
    /// between. The answer may leave once the log is synced up to [`Reactor::wait_lsn`].
    ///
    /// # Errors
    /// `BadEvent`, `Busy`, `Log`, and `Panic` for a bug of ours.
    pub fn personalize(
        &self,
        request: &Request<'_>,
        take: &mut dyn FnMut(&Published) -> Result<Taken>,
        out: &mut Vec<u8>,
    ) -> Result<Receipt> {
        loop {
            let published = self.published.load_full();
            let event = Event::new(take(&published)?, &published.plan, &published.shape)?;
            let attempt = SCRATCH.with_borrow_mut(|scratch| {
                let attempt = self.attempt(&published, event, request, scratch, out);
                self.count_troubles(&published.plan, &mut scratch.troubles);
                attempt
            });
            if let Some(receipt) = attempt? {
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
            |published: &Published| Taken::from_json(request.body, &published.shape);
        self.personalize(request, &mut take, out)
    }

    /// One pass through the critical section; `None` when a publish came between.
    fn attempt(
        &self,
        published: &Arc<Published>,
        mut event: Event,
        request: &Request<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<Option<Receipt>> {
        let plan = &published.plan;
        let table = plan.table(request.database, request.table);
        if table.is_some() && event.identifiers.is_empty() {
            return Err(nobody(plan));
        }
        let room = HEAD_BYTES + request.body.len() * (1 + TAKEN_BYTES_PER_BODY_BYTE);
        let reservation = self.log.reserve(room).map_err(|_| Error::from(ErrorKind::Busy))?;
        let dedup = event.uuid.map(|uuid| self.secret.dedup(&uuid));
        let identifiers = if table.is_some() { event.identifiers.as_slice() } else { &[] };
        let mut locked = self.store.lock(dedup, identifiers);
        if !Arc::ptr_eq(published, &self.published.load()) {
            return Ok(None);
        }

        let read_ms = self.clock.tick(event.time_s, request.now_ms, false);
        if locked.is_repeat(read_ms) {
            drop(reservation);
            let lsn = self.log.appended();
            self.answer_repeat(published, &mut event, request, &locked, read_ms, scratch, out)?;
            return Ok(Some(Receipt { lsn, duplicate: true }));
        }

        let computed = catch_unwind(AssertUnwindSafe(|| {
            self.compute(published, table, &mut event, request, &locked, scratch)
        }))
        .map_err(|_| {
            scratch.vm = Vm::default();
            Error::from(ErrorKind::Panic("computing an event"))
        })?;
        let Computed { now_ms, uuid, outcome, rid, change } = computed;

        scratch.head.clear();
        EventRecord {
            configuration: plan.number,
            event_clock: self.clock.mode() == ClockMode::Event,
            client_uuid: event.uuid.is_some(),
            routed: table.is_some(),
            now_ms,
            time_s: event.time_s,
            uuid,
            database: request.database,
            table: request.table,
            identifiers: &event.identifiers,
            ignored: &event.ignored,
            outcome: &outcome,
            events: &scratch.matched,
            taken: &event.fields,
            whole: &event.whole,
            source: request.source,
            body: request.body,
        }
        .encode_head(&mut scratch.head);
        let lsn = self.log.append(reservation, KIND_EVENT, &[&scratch.head, request.body])?;

        let installing = AbortOnUnwind;
        locked.install(change, now_ms, lsn);
        self.remember_line(request);
        std::mem::forget(installing);

        self.counters.events.add(1);
        if table.is_none() {
            self.counters.unrouted.add(1);
        }
        if request.decide {
            let profile = rid.and_then(|rid| locked.profile(rid));
            self.decide(published, profile, &event, now_ms, request, scratch, out)?;
        }
        Ok(Some(Receipt { lsn, duplicate: false }))
    }

    /// Identity's outcome, the matched events and all changes, beside the state.
    fn compute(
        &self,
        published: &Published,
        table: Option<TableId>,
        event: &mut Event,
        request: &Request<'_>,
        locked: &Locked<'_>,
        scratch: &mut Scratch,
    ) -> Computed {
        let plan = &published.plan;
        let now_ms = self.clock.tick(event.time_s, request.now_ms, true);
        let uuid = event.uuid.or(request.uuid).unwrap_or_else(|| self.secret.uuid_v7(now_ms));
        event.fill(&published.shape, event.time_s.unwrap_or(now_ms.div_euclid(1_000)), &uuid);
        let facts = Facts {
            fields: &event.fields,
            whole: &event.whole,
            moment: Moment::of_event(event.time_s, now_ms, plan.clock_skew_ms),
        };
        let mut fuel = Fuel::request();
        let mut bench =
            Bench { vm: &mut scratch.vm, fuel: &mut fuel, troubles: &mut scratch.troubles };
        scratch.matched.clear();
        let Some(table) = table else {
            let outcome = RecordedOutcome::Nobody;
            return Computed { now_ms, uuid, outcome, rid: None, change: None };
        };
        let table = &plan.tables[usize::from(table)];
        apply::match_events(plan, table, &facts, &mut bench, &mut scratch.matched);
        let newcomer = Rid::new(now_ms, self.secret.rid_hash(&uuid));
        let outcome = locked.outcome(newcomer);
        let mut draft = locked.draft(&outcome, now_ms, |id| published.spec(id));
        apply::apply_rules(plan, &scratch.matched, &facts, &mut draft, &mut bench);
        Computed {
            now_ms,
            uuid,
            rid: outcome.rid(),
            outcome: recorded(&outcome),
            change: Some(draft.finish()),
        }
    }

    /// A repeat: the offers for the profile as it now stands; nothing is stored or counted twice.
    fn answer_repeat(
        &self,
        published: &Published,
        event: &mut Event,
        request: &Request<'_>,
        locked: &Locked<'_>,
        now_ms: i64,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        self.counters.duplicates.add(1);
        if !request.decide {
            return Ok(());
        }
        let plan = &published.plan;
        let uuid = event.uuid.unwrap_or_default();
        event.fill(&published.shape, event.time_s.unwrap_or(now_ms.div_euclid(1_000)), &uuid);
        scratch.matched.clear();
        if let Some(table) = plan.table(request.database, request.table) {
            let facts = Facts {
                fields: &event.fields,
                whole: &event.whole,
                moment: Moment { now_ms, time_ms: now_ms },
            };
            let mut fuel = Fuel::request();
            let mut bench =
                Bench { vm: &mut scratch.vm, fuel: &mut fuel, troubles: &mut scratch.troubles };
            let table = &plan.tables[usize::from(table)];
            apply::match_events(plan, table, &facts, &mut bench, &mut scratch.matched);
        }
        let strongest = locked.held().iter().flatten().next();
        let profile = strongest.and_then(|rid| locked.profile(*rid));
        self.decide(published, profile, event, now_ms, request, scratch, out)
    }

    /// Decides and encodes the offers; a panic leaves the event stored and applied.
    fn decide(
        &self,
        published: &Published,
        profile: Option<&Profile>,
        event: &Event,
        now_ms: i64,
        request: &Request<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let plan = &published.plan;
        let decided = catch_unwind(AssertUnwindSafe(|| {
            let mut answer = Answer::start(out, request.answer_bytes_max);
            if plan.table(request.database, request.table).is_some() {
                let mut scope = EventScope {
                    plan,
                    profile,
                    fields: &event.fields,
                    whole: &event.whole,
                    now_ms,
                    locals: Vec::new(),
                };
                let troubles = &mut scratch.troubles;
                let mut on_error =
                    |offer: usize, kind: EvalErrorKind| troubles.push(Trouble::Offer(offer, kind));
                let vm = &mut scratch.vm;
                let matched = &scratch.matched;
                offer::decide(&plan.offers, matched, &mut scope, vm, &mut answer, &mut on_error);
            }
            answer.finish()
        }));
        match decided {
            Ok((offers, cut)) => {
                self.counters.offers.add(offers as u64);
                self.counters.answers_cut.add(u64::from(cut));
                Ok(())
            }
            Err(_) => {
                scratch.vm = Vm::default();
                Err(ErrorKind::Panic("deciding offers").into())
            }
        }
    }

    /// The LSN that an answer waits for; 0 when it may leave at once (page 5.1).
    pub fn wait_lsn(&self, receipt: &Receipt) -> u64 {
        match self.sync {
            SyncPolicy::Always => receipt.lsn,
            SyncPolicy::Interval { ms } => match self.log.unsynced_since_ms() {
                Some(age_ms) if age_ms > 2 * ms => receipt.lsn,
                _ => 0,
            },
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

    /// Syncs the log and ends the writer; idempotent.
    ///
    /// # Errors
    /// `Log` when the last sync failed.
    pub fn close(&self) -> Result<()> {
        Ok(self.log.close()?)
    }

    fn remember_line(&self, request: &Request<'_>) {
        let Some(source) = request.source else { return };
        let key = (Text::new(request.database), Text::new(request.table), source.file);
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

/// Aborts the process when installing unwinds: half an event must never be served.
struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        eprintln!("p13n: a bug: installing an event panicked; the process ends, the log is whole");
        std::process::abort();
    }
}

/// Whether a name can be a database or a table (page 1.1).
pub fn is_table_name(name: &str) -> bool {
    (3..=128).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'_'))
}

fn nobody(plan: &Plan) -> Error {
    let names: Vec<_> = plan.keys.iter().map(|key| format!("`{}`", key.name)).collect();
    Error::bad_event(format!("the event has no usable identifier, one of {}", names.join(", ")))
}

fn rejected_name(rejected: Rejected) -> &'static str {
    match rejected {
        Rejected::NotFinite => "not a finite number",
        Rejected::TooLarge => "larger than value_bytes_max",
        Rejected::WrongKind => "wrong kind",
    }
}

/// The outcome as the record holds it.
fn recorded(outcome: &Outcome) -> RecordedOutcome {
    match outcome {
        Outcome::Nobody => RecordedOutcome::Nobody,
        Outcome::New(rid) => RecordedOutcome::New(rid.0),
        Outcome::Known(rid) => RecordedOutcome::Known(rid.0),
        Outcome::Extended(rid) => RecordedOutcome::Extended(rid.0),
        Outcome::Merged { survivor, merged } => {
            RecordedOutcome::Merged(survivor.0, merged.iter().map(|rid| rid.0).collect())
        }
    }
}

/// The recorded outcome, to be obeyed.
fn obeyed(outcome: &RecordedOutcome) -> Outcome {
    match outcome {
        RecordedOutcome::Nobody => Outcome::Nobody,
        RecordedOutcome::New(rid) => Outcome::New(Rid(*rid)),
        RecordedOutcome::Known(rid) => Outcome::Known(Rid(*rid)),
        RecordedOutcome::Extended(rid) => Outcome::Extended(Rid(*rid)),
        RecordedOutcome::Merged(survivor, merged) => Outcome::Merged {
            survivor: Rid(*survivor),
            merged: merged.iter().map(|rid| Rid(*rid)).collect(),
        },
    }
}
