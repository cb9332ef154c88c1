//! Evict: which profiles are let go, so that those that expired are gone and memory stays within its budget.
//!
//! One thread beside the events looks at the profiles in turn, a few under one lock. What expired goes at
//! once. When memory is short, of each stretch of the round the oldest sixteenth goes: first fleeting
//! profiles only (one identifier of the weakest key, no event for a day), and when a whole round had
//! none of them and the policy says so, any (page 4.4).
//!
//! Invariants: only the live reactor decides an eviction; each is in the log before it is carried out, under
//! the locks of all that it touches, so that no event comes between; a profile that had an event since it
//! was looked at stays; nothing here is waited for by an event that finds its profile.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::counters::Counters;
use super::room::{MemoryFigures, OnMemoryFull, Room};
use super::{Published, Reactor};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::log::Log;
use crate::profile::{Packed, Place, Rid, Store};
use crate::record::{EvictionReason, EvictionRecord, KIND_EVICTION};
use crate::sync::Mutex;
use crate::sync::thread::{self, JoinHandle};

/// Profiles of one eviction record, at most: all their locks are held for it.
const BATCH: usize = 64;
/// Profiles of which the oldest are picked.
const STRETCH: usize = 256;
/// The part of a stretch that goes.
const OLDEST_PART: usize = 16;
/// A profile with an event within so long is not fleeting.
const FLEETING_AFTER_MS: i64 = 24 * 60 * 60 * 1_000;
/// By processing time, how often all profiles are looked at for those that expired, and how long a round
/// without a fleeting one is believed.
const ROUND_EVERY_MS: i64 = 60 * 60 * 1_000;
/// How often memory is measured: while there is plenty, when it may become short, and when nothing is
/// left to let go.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const LOOK_OFTEN: Duration = Duration::from_millis(10);
/// Looked at a time while nothing is left to let go: something may have become old since.
const STRETCHES_AT_REST: usize = 16;
/// How long the evictor waits for the log's writer to make room.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether a profile without an event since `updated_ms` has expired.
pub(super) fn is_expired(ttl_ms: Option<i64>, updated_ms: i64, now_ms: i64) -> bool {
    ttl_ms.is_some_and(|ttl_ms| now_ms.saturating_sub(updated_ms) > ttl_ms)
}

/// Where profiles leave by: what an eviction needs.
#[derive(Clone, Copy)]
pub(super) struct Exit<'a> {
    pub(super) store: &'a Store,
    pub(super) log: &'a Log,
    pub(super) clock: &'a Clock,
    pub(super) counters: &'a Counters,
}

impl Exit<'_> {
    /// Lets these profiles go, at most [`BATCH`] of them, each as it stood after its last event. How many went.
    ///
    /// # Errors
    /// `Busy`, `Stopped`: nothing went.
    pub(super) fn let_go(
        &self,
        profiles: &[(Rid, i64)],
        reason: EvictionReason,
        now_ms: i64,
    ) -> Result<usize> {
        let reservation = self.log.reserve_internal(EvictionRecord::bytes(profiles.len()))?;
        let locked = self.store.lock_out(profiles);
        let profiles = locked.rids().to_vec();
        let went = profiles.len();
        if went == 0 {
            return Ok(0);
        }
        let payload = EvictionRecord { now_ms, reason, profiles }.encode();
        // An event without identifiers locks no shard: the log's order is the order of turns.
        let order = self.clock.hold();
        self.log.append(reservation, KIND_EVICTION, &[&payload])?;
        drop(order);
        locked.remove();
        self.counters.evicted(reason).add(went as u64);
        Ok(went)
    }

    /// As [`Exit::let_go`], in batches, however long the log's writer takes.
    fn let_all_go(&self, some: &[Sighted], now_ms: i64) -> Result<usize> {
        let mut went = 0;
        for reason in EvictionReason::ALL {
            let of_it = some.iter().filter(|sighted| sighted.reason == reason);
            let of_it: Vec<_> = of_it.map(|sighted| (sighted.rid, sighted.updated_ms)).collect();
            for batch in of_it.chunks(BATCH) {
                went += loop {
                    match self.let_go(batch, reason, now_ms) {
                        Err(error) if matches!(error.kind(), ErrorKind::Busy) => {
                            self.log.wait(self.log.appended(), PATIENCE)?;
                        }
                        other => break other?,
                    }
                };
            }
        }
        Ok(went)
    }
}

/// A profile that may go, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sighted {
    reason: EvictionReason,
    updated_ms: i64,
    rid: Rid,
}

/// Where the evictor is in its round.
#[derive(Debug, Default)]
struct Round {
    place: Place,
    /// Profiles looked at since one could go.
    barren: usize,
    /// Until when any profile may go, processing time.
    any_until_ms: Option<i64>,
    /// Processing time of the last look at all profiles for those that expired.
    swept_ms: Option<i64>,
}

/// What the evictor works with. All but the round is the reactor's, too.
pub(super) struct Evict {
    store: Arc<Store>,
    log: Arc<Log>,
    clock: Arc<Clock>,
    counters: Arc<Counters>,
    published: Arc<ArcSwap<Published>>,
    room: Arc<Room>,
    on_full: OnMemoryFull,
    round: Mutex<Round>,
}

impl Evict {
    fn exit(&self) -> Exit<'_> {
        let Self { store, log, clock, counters, .. } = self;
        Exit { store, log, clock, counters }
    }

    /// Lets go of what expired, once an hour of processing time, and makes room where it is short.
    fn tend(&self) -> Result<()> {
        let round = &mut *self.round.lock();
        self.measure();
        // Before the first event nothing is old.
        let Some(now_ms) = self.clock.last_ms() else { return Ok(()) };
        let ttl_ms = self.published.load().plan.profile_ttl_ms;
        let due = |swept_ms| now_ms.saturating_sub(swept_ms) >= ROUND_EVERY_MS;
        if ttl_ms.is_some() && round.swept_ms.is_none_or(due) {
            self.sweep(ttl_ms, now_ms)?;
            round.swept_ms = Some(now_ms);
        }
        if self.room.is_tight() { self.make_room(round, now_ms) } else { Ok(()) }
    }

    fn measure(&self) {
        self.room.measure(&self.store);
    }

    /// Looks at all profiles for those that expired.
    fn sweep(&self, ttl_ms: Option<i64>, now_ms: i64) -> Result<()> {
        let mut place = Place::default();
        let mut expired = Vec::new();
        loop {
            let looked = self.store.look(&mut place, STRETCH, &mut |profile| {
                if is_expired(ttl_ms, profile.updated_ms(), now_ms) {
                    let (rid, updated_ms) = (profile.rid(), profile.updated_ms());
                    expired.push(Sighted { reason: EvictionReason::Expired, updated_ms, rid });
                }
            });
            self.exit().let_all_go(&expired, now_ms)?;
            expired.clear();
            if looked.is_round {
                self.measure();
                return Ok(());
            }
        }
    }

    /// Lets go until enough is free, or nothing is left to let go.
    fn make_room(&self, round: &mut Round, now_ms: i64) -> Result<()> {
        let at_rest = !self.room.is_worth_waiting();
        let mut stretches = 0;
        while !self.room.is_relieved() {
            if round.barren >= self.store.profile_count() {
                round.barren = 0;
                let has_any = round.any_until_ms.is_some_and(|until_ms| now_ms < until_ms);
                if self.on_full == OnMemoryFull::Keep || has_any {
                    self.room.set_spent(true);
                    return Ok(());
                }
                round.any_until_ms = Some(now_ms.saturating_add(ROUND_EVERY_MS));
            }
            if at_rest && stretches >= STRETCHES_AT_REST {
                return Ok(());
            }
            stretches += 1;
            if self.stretch(round, now_ms)? > 0 {
                self.measure();
                self.room.set_spent(false);
            }
        }
        self.room.set_spent(false);
        Ok(())
    }

    /// Looks at a stretch of the round and lets its oldest go; how many went.
    fn stretch(&self, round: &mut Round, now_ms: i64) -> Result<usize> {
        let published = self.published.load();
        let ttl_ms = published.plan.profile_ttl_ms;
        let weakest = published.plan.keys.last().map(|key| key.id);
        let any = round.any_until_ms.is_some_and(|until_ms| now_ms < until_ms);
        let reason_of = |profile: &Packed| {
            if is_expired(ttl_ms, profile.updated_ms(), now_ms) {
                Some(EvictionReason::Expired)
            } else if is_fleeting(profile, weakest, now_ms) {
                Some(EvictionReason::Fleeting)
            } else {
                any.then_some(EvictionReason::Room)
            }
        };
        let mut sighted = Vec::new();
        let looked = self.store.look(&mut round.place, STRETCH, &mut |profile| {
            if let Some(reason) = reason_of(profile) {
                let (rid, updated_ms) = (profile.rid(), profile.updated_ms());
                sighted.push(Sighted { reason, updated_ms, rid });
            }
        });
        sighted.sort_unstable();
        let expired = sighted.partition_point(|one| one.reason == EvictionReason::Expired);
        sighted.truncate(expired.max(looked.profiles.div_ceil(OLDEST_PART)));
        // Those that became old since they were passed by are found in the next round.
        round.barren = if sighted.is_empty() { round.barren + looked.profiles } else { 0 };
        self.exit().let_all_go(&sighted, now_ms)
    }

    /// The evictor's work until it is told to stop.
    fn run(&self) {
        loop {
            let often = self.room.is_near() && self.room.is_worth_waiting();
            if !self.room.pause(if often { LOOK_OFTEN } else { LOOK_EVERY }) {
                return;
            }
            if self.log.stopped().is_some() {
                continue;
            }
            // A log that is full or late is told to everybody by the events; the next look tries again.
            let _told_elsewhere = self.tend();
        }
    }
}

/// Whether little is lost with a profile: it is known by one identifier of the weakest key, and had no event
/// for a day.
fn is_fleeting(profile: &Packed, weakest: Option<u16>, now_ms: i64) -> bool {
    profile.identifier_count() == 1
        && weakest.is_some_and(|key| profile.value_count(key) == 1)
        && now_ms.saturating_sub(profile.updated_ms()) >= FLEETING_AFTER_MS
}

/// The evictor's thread; dropping it ends it.
pub(super) struct Evictor {
    evict: Arc<Evict>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Evictor {
    /// Starts the thread for a reactor that serves.
    pub(super) fn start(reactor: &Reactor, on_full: OnMemoryFull) -> std::io::Result<Self> {
        let evict = Arc::new(Evict {
            store: Arc::clone(&reactor.store),
            log: Arc::clone(&reactor.log),
            clock: Arc::clone(&reactor.clock),
            counters: Arc::clone(&reactor.counters),
            published: Arc::clone(&reactor.published),
            room: Arc::clone(&reactor.room),
            on_full,
            round: Mutex::default(),
        });
        evict.measure();
        let shared = Arc::clone(&evict);
        let thread =
            thread::Builder::new().name("p13n-evictor".into()).spawn(move || shared.run())?;
        Ok(Self { evict, thread: Mutex::new(Some(thread)) })
    }

    /// Ends the thread; idempotent.
    pub(super) fn stop(&self) {
        self.evict.room.stop();
        if let Some(thread) = self.thread.lock().take() {
            // It holds nothing that a panic of it could leave half done but what aborts.
            let _ended = thread.join();
        }
    }
}

impl Drop for Evictor {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Reactor {
    /// Where this reactor's profiles leave by.
    pub(super) fn exit(&self) -> Exit<'_> {
        let Self { store, log, clock, counters, .. } = self;
        Exit { store, log, clock, counters }
    }

    /// Lets go of what expired and makes room where memory is short, at once instead of at the evictor's next
    /// look. Does nothing for a reactor without a budget and without a time to live.
    ///
    /// # Errors
    /// `Stopped`, `NotDurable` when the log's writer makes no room.
    pub fn evict(&self) -> Result<(), Error> {
        self.evictor.as_ref().map_or(Ok(()), |evictor| evictor.evict.tend())
    }

    /// Whether new profiles are not kept at the moment, for want of memory.
    pub fn is_memory_full(&self) -> bool {
        self.room.is_full()
    }

    /// What memory is used for; with events under way figures of no one moment.
    pub fn memory(&self) -> MemoryFigures {
        self.room.figures(self.store.memory_bytes(), self.store.beside_bytes())
    }
}
