//! Passage: one event's way through the critical section (page 5.2).
//!
//! Locks first; then the outcome, the matched events and all changes are computed beside the state;
//! the record is appended as a copy; installing moves the changes in; and the offers are decided
//! and encoded under the same locks. A panic while computing leaves no record and no change; while
//! installing it ends the process; while deciding, the event stays stored and applied.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use smallvec::SmallVec;

use super::apply::{self, Bench, Facts, Trouble};
use super::computed::ComputedValues;
use super::draws::{Drawer, Draws, EventKey};
use super::evict::is_expired;
use super::ignore::{self, Admission};
use super::lookups::Lookups;
use super::scope::{EventScope, Seen};
use super::watch::Occasion;
use super::{Published, Reactor, Receipt, Request, Verdict};

use crate::clock::{ClockMode, Tick};
use crate::config::plan::{Plan, TableId};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::expr::{EvalErrorKind, Fuel, Vm};
use crate::log::Reservation;
use crate::offer::{self, Answer, EventId};
use crate::profile::{AbortOnPanic, Change, Identifier, Locked, Moment, Packed, Rid};
use crate::record::{EventRecord, EvictionReason, KIND_EVENT, RecordedOutcome};
use crate::value::Value;

/// What a record's head takes beyond the body, at most: room is reserved before it is encoded.
const HEAD_BYTES: usize = 4 * 1024;
/// Values taken from a body are at most so many times larger when encoded (`[1,1]`).
const TAKEN_BYTES_PER_BODY_BYTE: usize = 6;

/// About what a new profile takes until it is measured, beside its identifiers.
const NEWCOMER_BYTES: usize = 256;
/// How often an event waits for room at most, a few milliseconds each; answers are awaited by somebody.
const WAITS_MAX: u32 = 2;
const WAITS_OF_BULK_MAX: u32 = 200;

/// The room that is reserved in the log's queue for an event of so many bytes.
pub(super) const fn room_for(body_bytes: usize) -> usize {
    HEAD_BYTES + body_bytes * (1 + TAKEN_BYTES_PER_BODY_BYTE)
}

/// What a thread reuses from event to event.
#[derive(Default)]
pub(super) struct Scratch {
    vm: Vm,
    matched: Vec<EventId>,
    head: Vec<u8>,
    pub(super) troubles: Vec<Trouble>,
    /// How often the event has waited for room.
    pub(super) waits: u32,
}

impl Scratch {
    /// The machine, for what is evaluated before an event passes.
    pub(super) fn vm(&mut self) -> &mut Vm {
        &mut self.vm
    }
}

/// One event with all that it needs on its way.
pub(super) struct Passage<'a> {
    reactor: &'a Reactor,
    published: &'a Arc<Published>,
    request: &'a Request<'a>,
    table: Option<TableId>,
    kept_out: bool,
    /// What `ignore` noted before anything was computed.
    noted: usize,
    event: Event,
    scratch: &'a mut Scratch,
    out: &'a mut Vec<u8>,
}

/// What was computed beside the state: the verdict and the change that follows from it.
struct Computed {
    tick: Tick,
    /// What the filters left of apply's fuel.
    fuel: u32,
    outcome: RecordedOutcome,
    rid: Option<Rid>,
    lets_go: bool,
    /// Batch data could not be read, so that no rule has read any.
    unreadable: bool,
    change: Change,
    /// `BEFORE.<name>`, for the offers.
    before: Vec<Value>,
}

impl<'a> Passage<'a> {
    /// An event about to pass, under the plan that its values were taken for.
    pub(super) fn new(
        reactor: &'a Reactor,
        published: &'a Arc<Published>,
        request: &'a Request<'a>,
        event: Event,
        scratch: &'a mut Scratch,
        out: &'a mut Vec<u8>,
    ) -> Self {
        let table = published.plan.table(request.database, request.table);
        Self { reactor, published, request, table, kept_out: false, noted: 0, event, scratch, out }
    }

    /// The whole way; `None` when a publish came between, and the event must be taken anew.
    pub(super) fn pass(mut self) -> Result<Option<Receipt>> {
        let (reactor, request) = (self.reactor, self.request);
        // Made before the locks: the hash within picks the shard that a new profile goes to.
        let uuid = self.uuid();
        match self.admission(&uuid)? {
            Admission::Enters => {}
            Admission::OnlyStored => (self.table, self.kept_out) = (None, true),
            Admission::Dropped => return self.answer_dropped().map(Some),
        }
        let identifiers = mem::take(&mut self.event.identifiers);
        let is_linked = self.table.is_some() || request.links_only;
        if is_linked && identifiers.is_empty() {
            return Err(nobody(&self.published.plan));
        }
        let reservation = self.reserve();
        let newcomer = Rid::new(0, reactor.secret.rid_hash(&uuid));
        let dedup = self.event.uuid.map(|uuid| reactor.secret.dedup(&uuid));
        // Without room only a repeat can be answered, for it leaves no record.
        let reservation = match (reservation, dedup) {
            (Err(refused), None) => return Err(refused),
            (reservation, _) => reservation,
        };
        let linking = if is_linked { identifiers.as_slice() } else { &[] };
        let mut locked = reactor.store.lock(dedup, linking, &self.published.plan.rails, newcomer);
        if !self.is_current() {
            return Ok(None);
        }
        let mut tick = self.tick();
        if locked.is_repeat(tick.now_ms) {
            return self.answer_repeat(&locked, tick.now_ms, &uuid).map(Some);
        }
        let reservation = reservation?;

        let is_new = !linking.is_empty() && locked.held().iter().all(Option::is_none);
        let passing = is_new && self.finds_no_room(linking);
        if passing && self.waits() {
            drop((locked, reservation));
            reactor.room.wait();
            return Ok(None);
        }
        let (computed, turn) = loop {
            let expired = self.expired(&locked, tick.now_ms);
            if !expired.is_empty() {
                drop((locked, reservation));
                reactor.exit().let_go(&expired, EvictionReason::Expired, tick.now_ms)?;
                return Ok(None);
            }
            let computed = self.compute(&locked, &uuid, tick, passing)?;
            self.encode_head(&computed, &identifiers, uuid);
            // Another event may have moved the clock past this one's time since it was read.
            if let Some(turn) = reactor.clock.turn(computed.tick) {
                break (computed, turn);
            }
            tick = self.tick();
        };
        // Who holds no shard's lock is kept from a publish by the turn alone.
        if !self.is_current() {
            return Ok(None);
        }
        let parts = [self.scratch.head.as_slice(), request.body];
        let lsn = reactor.log.append(reservation, KIND_EVENT, &parts)?;
        let installing = AbortOnPanic;
        if let Some(source) = request.source {
            // Within the turn: a snapshot's cut that holds this record holds its line, too.
            reactor.remember_line(request.database, request.table, source);
        }
        turn.taken();
        let held: SmallVec<[Option<Rid>; 4]> = locked.held().into();
        let passed = match passing {
            true => locked.let_pass(computed.change, lsn),
            false => {
                locked.install(computed.change, lsn);
                None
            }
        };
        drop(installing);
        if is_new && let Some(made) = computed.rid.and_then(|rid| locked.profile(rid)) {
            reactor.room.made(made.heap_bytes());
        }

        self.watch(&locked, linking, &held, &computed.outcome);
        self.count();
        reactor.counters.not_kept.add(u64::from(passing));
        if request.decide {
            let kept = || computed.rid.and_then(|rid| locked.profile(rid));
            let profile = passed.as_ref().or_else(kept);
            let now_ms = computed.tick.now_ms;
            let offers = self.decide(profile, &computed.before, now_ms, &uuid)?;
            reactor.counters.offers.add(offers);
        }
        Ok(Some(Receipt { lsn, duplicate: false, dropped: false }))
    }

    /// What `ignore` says of the event, or said when it came in.
    fn admission(&mut self, uuid: &[u8; 16]) -> Result<Admission> {
        match self.request.verdict {
            Some(Verdict { kept_out: true, .. }) => return Ok(Admission::OnlyStored),
            Some(_) => return Ok(Admission::Enters),
            None if self.published.plan.ignore.is_empty() => return Ok(Admission::Enters),
            None => {}
        }
        let now_ms = self.tick().now_ms;
        let judged = catch_unwind(AssertUnwindSafe(|| {
            self.fill(now_ms, uuid);
            let (plan, key) = (&self.published.plan, self.key(uuid));
            let Scratch { vm, troubles, .. } = &mut *self.scratch;
            ignore::judge(plan, &self.request.caller, &self.event, now_ms, key, vm, troubles)
        }));
        self.noted = self.scratch.troubles.len();
        judged.map_err(|_| self.panicked("judging an event"))
    }

    /// Nothing is stored, and nothing is waited for.
    fn answer_dropped(mut self) -> Result<Receipt> {
        self.table = None;
        if self.request.decide {
            self.decide(None, &[], 0, &[0; 16])?;
        }
        self.reactor.counters.dropped.add(1);
        Ok(Receipt { lsn: 0, duplicate: false, dropped: true })
    }

    /// Whether there is no room for the profile that the event would make, or was none when it came in.
    fn finds_no_room(&self, linking: &[Identifier]) -> bool {
        match self.request.verdict {
            Some(verdict) => verdict.passing,
            None => {
                let texts: usize = linking.iter().map(|identifier| identifier.value.len()).sum();
                let grown_bytes = self.reactor.store.grown_bytes();
                !self.reactor.room.has(NEWCOMER_BYTES + texts, grown_bytes)
            }
        }
    }

    /// Whether the evictor is given a moment to make room; bulk has more of them.
    fn waits(&mut self) -> bool {
        let most = if self.request.decide { WAITS_MAX } else { WAITS_OF_BULK_MAX };
        let is_worth = self.request.verdict.is_none() && self.reactor.room.is_worth_waiting();
        let waits = is_worth && self.scratch.waits < most;
        self.scratch.waits += u32::from(waits);
        waits
    }

    /// The profiles of the event's identifiers that have expired by its time.
    fn expired(&self, locked: &Locked<'_>, now_ms: i64) -> SmallVec<[(Rid, i64); 1]> {
        let mut expired = SmallVec::new();
        let Some(ttl_ms) = self.published.plan.profile_ttl_ms else { return expired };
        let held = locked.held().iter().flatten();
        for profile in held.filter_map(|rid| locked.profile(*rid)) {
            let one = (profile.rid(), profile.updated_ms());
            if is_expired(Some(ttl_ms), one.1, now_ms) && !expired.contains(&one) {
                expired.push(one);
            }
        }
        expired
    }

    /// Whether the plan that the event was taken for is still in force.
    fn is_current(&self) -> bool {
        Arc::ptr_eq(self.published, &self.reactor.published.load())
    }

    fn tick(&self) -> Tick {
        let tick = self.reactor.clock.tick(self.event.time_s, self.request.now_ms);
        Tick { moves: tick.moves && self.request.moves_clock, ..tick }
    }

    fn reserve(&self) -> Result<Reservation<'a>> {
        let room = room_for(self.request.body.len());
        Ok(self.reactor.log.reserve(room)?)
    }

    /// The client's uuid, a recorded one, or a fresh one.
    fn uuid(&self) -> [u8; 16] {
        let given = self.event.uuid.or(self.request.uuid);
        given.unwrap_or_else(|| self.reactor.secret.uuid_v7(self.reactor.clock.server_ms()))
    }

    /// Identity's outcome, the matched events and all changes, beside the state.
    fn compute(
        &mut self,
        locked: &Locked<'_>,
        uuid: &[u8; 16],
        tick: Tick,
        passing: bool,
    ) -> Result<Computed> {
        let computed = self.compute_reading(locked, uuid, tick, passing, false)?;
        if !computed.unreadable {
            return Ok(computed);
        }
        // What was read before it failed is not read either: replay must be able to do the same.
        self.compute_reading(locked, uuid, tick, passing, true)
    }

    /// As [`Passage::compute`]; `refuses`: no batch data is read, and a rule that asks for some throws.
    fn compute_reading(
        &mut self,
        locked: &Locked<'_>,
        uuid: &[u8; 16],
        tick: Tick,
        passing: bool,
        refuses: bool,
    ) -> Result<Computed> {
        self.scratch.troubles.truncate(self.noted);
        let live = self.reactor.batch.live();
        let computed = catch_unwind(AssertUnwindSafe(|| {
            let plan = &self.published.plan;
            let now_ms = tick.now_ms;
            let moment = Moment::of_event(self.event.time_s, now_ms, plan.clock_skew_ms);
            self.fill(now_ms, uuid);
            let mut fuel = Fuel::request();
            let lookups = Lookups::obeying(&live, plan, refuses);
            self.match_events(moment, uuid, &mut fuel, &lookups);
            let fuel_for_rules = fuel.left as u32;
            let mut draft = locked
                .draft(locked.decide(now_ms), moment, |id| self.published.spec(id, now_ms))
                .expect("an outcome decided under these locks fits them");
            self.published.gone(now_ms).for_each(|id| draft.forget(id));
            let mut before = Vec::new();
            if self.table.is_some() {
                let computed = ComputedValues::default();
                let facts = facts(&self.event, moment, self.key(uuid), &computed, &lookups);
                let Scratch { vm, matched, troubles, .. } = &mut *self.scratch;
                let mut bench = Bench { vm, fuel: &mut fuel, troubles };
                before = apply::apply_rules(plan, matched, &facts, &mut draft, &mut bench);
            }
            let outcome = match (RecordedOutcome::from(draft.outcome()), passing) {
                (RecordedOutcome::New(rid), true) => RecordedOutcome::Passing(rid),
                (outcome, _) => outcome,
            };
            let (rid, lets_go) = (draft.rid(), draft.may_let_go());
            let (fuel, unreadable) = (fuel_for_rules, refuses || lookups.has_failed());
            let change = draft.finish();
            Computed { tick, fuel, outcome, rid, lets_go, unreadable, change, before }
        }));
        computed.map_err(|_| self.panicked("computing an event"))
    }

    /// What keys the event's random numbers.
    fn key<'k>(&self, uuid: &'k [u8; 16]) -> EventKey<'k> {
        EventKey { secret_seed: self.reactor.secret.random_seed(), uuid }
    }

    fn match_events(
        &mut self,
        moment: Moment,
        uuid: &[u8; 16],
        fuel: &mut Fuel,
        lookups: &Lookups<'_>,
    ) {
        let key = self.key(uuid);
        let Scratch { vm, matched, troubles, .. } = &mut *self.scratch;
        matched.clear();
        let Some(table) = self.table else { return };
        let plan = &self.published.plan;
        let table = &plan.tables[usize::from(table)];
        let mut bench = Bench { vm, fuel, troubles };
        let computed = ComputedValues::default();
        let facts = facts(&self.event, moment, key, &computed, lookups);
        apply::match_events(plan, table, &facts, &mut bench, matched);
    }

    /// `EVENT.time` and `EVENT.uuid` are always set.
    fn fill(&mut self, now_ms: i64, uuid: &[u8; 16]) {
        let time_s = self.event.time_s.unwrap_or(now_ms.div_euclid(1_000));
        self.event.fill(&self.published.shape, time_s, uuid);
    }

    /// The event's record but for its body, into the scratch.
    fn encode_head(&mut self, computed: &Computed, identifiers: &[Identifier], uuid: [u8; 16]) {
        let ignored: Vec<(u16, u8)> =
            self.event.ignored.iter().map(|(key, reason)| (*key, *reason as u8)).collect();
        self.scratch.head.clear();
        EventRecord {
            configuration: self.published.plan.number,
            event_clock: self.reactor.clock.mode() == ClockMode::Event,
            moves_clock: computed.tick.moves,
            client_uuid: self.event.uuid.is_some(),
            routed: self.table.is_some() || self.request.links_only,
            kept_out: self.kept_out,
            public: self.request.caller.public,
            lets_go: computed.lets_go,
            unreadable: computed.unreadable,
            now_ms: computed.tick.now_ms,
            time_s: self.event.time_s,
            uuid,
            database: self.request.database,
            table: self.request.table,
            identifiers,
            ignored: &ignored,
            outcome: &computed.outcome,
            events: &self.scratch.matched,
            fuel: computed.fuel,
            taken: &self.event.fields,
            whole: &self.event.whole,
            source: self.request.source,
            body: self.request.body,
        }
        .encode_head(&mut self.scratch.head);
    }

    /// Looks at what changed who is who, for keys that many people share.
    fn watch(
        &self,
        locked: &Locked<'_>,
        identifiers: &[Identifier],
        held: &[Option<Rid>],
        outcome: &RecordedOutcome,
    ) {
        let rid = match outcome {
            RecordedOutcome::Extended(rid) | RecordedOutcome::Merged(rid, _) => Rid(*rid),
            RecordedOutcome::Moved(moved) => moved.rid,
            _ => return,
        };
        if let Some(profile) = locked.profile(rid) {
            let plan = &self.published.plan;
            self.reactor.watch.look(&Occasion { plan, identifiers, held, outcome, profile });
        }
    }

    fn count(&mut self) {
        let counters = &self.reactor.counters;
        counters.events.add(1);
        match (self.kept_out, self.table) {
            _ if self.request.links_only => counters.linked.add(1),
            (true, _) => counters.only_stored.add(1),
            (false, None) => counters.unrouted.add(1),
            (false, Some(_)) => {}
        }
        for (key, reason) in &self.event.ignored {
            self.scratch.troubles.push(Trouble::Identifier(*key, *reason));
        }
    }

    /// A repeat: the offers for the profile as it now stands; nothing is stored or counted twice.
    fn answer_repeat(
        mut self,
        locked: &Locked<'_>,
        now_ms: i64,
        uuid: &[u8; 16],
    ) -> Result<Receipt> {
        let lsn = self.reactor.seen_lsn();
        self.reactor.counters.duplicates.add(1);
        if self.request.decide {
            let matching = catch_unwind(AssertUnwindSafe(|| {
                self.fill(now_ms, uuid);
                let moment = Moment { now_ms, time_ms: now_ms };
                let live = self.reactor.batch.live();
                let lookups = Lookups::new(&live, &self.published.plan);
                self.match_events(moment, uuid, &mut Fuel::request(), &lookups);
            }));
            matching.map_err(|_| self.panicked("matching a repeat"))?;
            let ttl_ms = self.published.plan.profile_ttl_ms;
            // As an event would: one that has expired goes first, and a weaker identifier leads.
            let profile = locked
                .strongest_profile(|profile| !is_expired(ttl_ms, profile.updated_ms(), now_ms));
            let before = self.before_repeat(profile, now_ms, uuid)?;
            self.decide(profile, &before, now_ms, uuid)?;
        }
        Ok(Receipt { lsn, duplicate: true, dropped: false })
    }

    /// `BEFORE` of a repeat: it changes nothing, so it is as the profile stands.
    fn before_repeat(
        &mut self,
        profile: Option<&Packed>,
        now_ms: i64,
        uuid: &[u8; 16],
    ) -> Result<Vec<Value>> {
        let read = catch_unwind(AssertUnwindSafe(|| {
            let computed = ComputedValues::default();
            let moment = Moment { now_ms, time_ms: now_ms };
            let live = self.reactor.batch.live();
            let lookups = Lookups::new(&live, &self.published.plan);
            facts(&self.event, moment, self.key(uuid), &computed, &lookups)
                .before_of(&self.published.plan, profile)
        }));
        read.map_err(|_| self.panicked("reading a repeat's profile"))
    }

    /// Decides and encodes the offers; how many there are.
    fn decide(
        &mut self,
        profile: Option<&Packed>,
        before: &[Value],
        now_ms: i64,
        uuid: &[u8; 16],
    ) -> Result<u64> {
        let key = self.key(uuid);
        let decided = catch_unwind(AssertUnwindSafe(|| {
            let mut answer = Answer::start(self.out, self.request.answer_bytes_max);
            if self.table.is_some() {
                let plan = &self.published.plan;
                let draws = Draws::new(key, Drawer::Offer(0, 0));
                let live = self.reactor.batch.live();
                let lookups = Lookups::new(&live, plan);
                let computed = ComputedValues::default();
                let mut scope = EventScope {
                    plan,
                    profile,
                    fields: &self.event.fields,
                    whole: &self.event.whole,
                    now_ms,
                    lookups: &lookups,
                    draws: &draws,
                    locals: Vec::new(),
                    before,
                    computed: &computed,
                    audience: self.request.caller.audience(),
                    seen: Seen::default(),
                };
                let Scratch { vm, matched, troubles, .. } = &mut *self.scratch;
                let mut on_error =
                    |offer: usize, kind: EvalErrorKind| troubles.push(Trouble::Offer(offer, kind));
                offer::decide(&plan.offers, matched, &mut scope, vm, &mut answer, &mut on_error);
                computed.drain_into(troubles);
            }
            answer.finish()
        }));
        let (offers, cut) = decided.map_err(|_| self.panicked("deciding offers"))?;
        self.reactor.counters.answers_cut.add(u64::from(cut));
        Ok(offers as u64)
    }

    /// A bug of ours; the machine that it left behind is not used again.
    fn panicked(&mut self, phase: &'static str) -> Error {
        self.scratch.vm = Vm::default();
        ErrorKind::Panic(phase).into()
    }
}

fn facts<'a>(
    event: &'a Event,
    moment: Moment,
    key: EventKey<'a>,
    computed: &'a ComputedValues,
    lookups: &'a Lookups<'a>,
) -> Facts<'a> {
    Facts { fields: &event.fields, whole: &event.whole, moment, key, computed, lookups }
}

fn nobody(plan: &Plan) -> Error {
    let names: Vec<_> = plan.keys.iter().map(|key| format!("`{}`", key.name)).collect();
    Error::bad_event(format!("the event has no usable identifier, one of {}", names.join(", ")))
}
