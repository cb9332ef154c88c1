//! Replay: from records back to the state, obeying every verdict.
//!
//! The same `apply` as live traffic runs over the recorded values. It parses no JSON, reads no clock, draws
//! no random number and decides nothing (page 5.2). What the caller does with the reactor while it replays
//! is the caller's: nobody else may use it yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::apply::{self, Bench, Facts, Trouble};
use super::computed::ComputedValues;
use super::draws::EventKey;
use super::erasure::pending::left_of;
use super::lookups::Lookups;
use super::versions::Known;
use super::{Published, Reactor, erasure};
use crate::config::diagnostic::Diagnostic;
use crate::config::{self, Numbers};
use crate::error::{Error, ErrorKind};
use crate::expr::{Fuel, Vm};
use crate::log::{self, Lsn, ReplayError};
use crate::profile::{Diverged, Moment, Outcome, Packed, Rid};
use crate::record::{
    BadRecord, ConfigurationRecord, ErasedRecord, ErasureRecord, EventReplay, EvictionRecord,
    KIND_CONFIGURATION, KIND_ERASED, KIND_ERASURE, KIND_EVENT, KIND_EVICTION, KIND_IMPORT,
    KIND_LINES, KIND_TOMBSTONE, LinesRecord, RecordedOutcome, Tombstone,
};
use crate::value::Value;

/// What replay carries from record to record.
#[derive(Default)]
pub(super) struct Replay {
    pub(super) events: u64,
    pub(super) configurations: u64,
    /// What each attribute was when it was last configured; its values may sleep since.
    pub(super) specs: Known,
    /// Erasures that no record says to be carried out, by the LSN of their own.
    pub(super) erasures: BTreeMap<u64, ErasureRecord>,
    hand: Hand,
}

/// An event that has just been replayed, as it stood when its offers were decided.
pub(super) struct Installed<'a> {
    pub(super) lsn: Lsn,
    pub(super) event: &'a EventReplay<'a>,
    pub(super) published: &'a Published,
    pub(super) profile: Option<&'a Packed>,
    /// `BEFORE.<name>`, as in the plan's `before`.
    pub(super) before: &'a [Value],
}

/// Who looks on.
pub(super) type See<'s> = &'s mut dyn FnMut(Installed<'_>);

/// Why a record was not replayed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error(transparent)]
    BadRecord(#[from] BadRecord),
    #[error("configuration {0} cannot be compiled by this release: {1}")]
    Configuration(u32, String),
    #[error("the event names configuration {0}, in force is {1}")]
    Order(u32, u32),
    #[error("its rules read batch data: {0}")]
    Unreadable(String),
    #[error("its kind {0} is unknown to this release")]
    Kind(u8),
    #[error(transparent)]
    Diverged(#[from] Diverged),
    #[error("{0}")]
    Event(#[from] Error),
    #[error("an earlier record was refused by another thread")]
    Elsewhere,
}

impl Replay {
    pub(super) fn record(
        &mut self,
        reactor: &Reactor,
        record: &log::Record<'_>,
    ) -> Result<(), Refused> {
        self.record_seen(reactor, record, &mut |_| {})
    }

    /// As [`Replay::record`]; each event is shown once it is installed, under its locks.
    pub(super) fn record_seen(
        &mut self,
        reactor: &Reactor,
        record: &log::Record<'_>,
        see: See<'_>,
    ) -> Result<(), Refused> {
        match record.kind {
            KIND_EVENT => {
                self.events += 1;
                let published = reactor.published.load();
                let event = EventReplay::decode(record.payload)?;
                self.hand.event(reactor, &published, &event, record.lsn, Uuids::Remember, see)
            }
            KIND_CONFIGURATION => {
                self.configurations += 1;
                publish_recorded(reactor, ConfigurationRecord::decode(record.payload)?)?;
                reactor.configurations.lock().push(record.payload.into());
                let published = reactor.published.load();
                let attributes = published.plan.attributes.iter();
                let known =
                    attributes.map(|one| (one.id, (one.spec.clone(), one.conversion.clone())));
                self.specs.extend(known);
                Ok(())
            }
            KIND_LINES => {
                let LinesRecord { database, table, source } = LinesRecord::decode(record.payload)?;
                reactor.remember_line(database, table, source);
                Ok(())
            }
            KIND_IMPORT => Ok(reactor.batch.replayed(record.payload, record.lsn.counter)?),
            KIND_TOMBSTONE => {
                pass_over(reactor, &Tombstone::decode(record.payload)?, record.lsn.counter);
                Ok(())
            }
            KIND_ERASURE => {
                let (lsn, erasure) = (record.lsn.counter, ErasureRecord::decode(record.payload)?);
                let obeyed = erasure::obey(&mut reactor.store.lock_all(), lsn, &erasure);
                obeyed.map_err(BadRecord::from)?;
                self.erasures.insert(lsn, erasure);
                Ok(())
            }
            KIND_ERASED => {
                self.erasures.remove(&ErasedRecord::decode(record.payload)?.erasure);
                Ok(())
            }
            KIND_EVICTION => {
                let record = EvictionRecord::decode(record.payload)?;
                let store = &reactor.store;
                // One that is not there was erased since: its events are gone from the log.
                let there = record.profiles.iter().filter_map(|rid| store.updated_ms(*rid));
                store.lock_out(&there.collect::<Vec<_>>()).remove();
                Ok(())
            }
            kind => Err(Refused::Kind(kind)),
        }
    }
}

/// What replay keeps of an event whose person is erased.
pub(super) fn pass_over(reactor: &Reactor, tombstone: &Tombstone<'_>, lsn: u64) {
    if let Some(uuid) = tombstone.uuid {
        reactor.store.remember(uuid, tombstone.now_ms);
    }
    if tombstone.moves_clock {
        reactor.clock.replayed(tombstone.now_ms);
    }
    if let Some((database, table, source)) = tombstone.source {
        reactor.remember_line(database, table, source);
    }
    if tombstone.moved.is_empty() {
        return;
    }
    let mut barrier = reactor.store.lock_all();
    for lost in &tombstone.moved {
        barrier.take_away(Rid(lost.rid), lsn, |identifier| {
            identifier.key == lost.key
                && reactor.secret.identifier_hash(lost.key, &identifier.value) == lost.hash
        });
    }
}

/// What one thread needs to replay events.
#[derive(Default)]
pub(super) struct Hand {
    vm: Vm,
    /// Counted when the event was live; replay counts nothing again.
    troubles: Vec<Trouble>,
}

impl Hand {
    /// Obeys an event's verdict and re-evaluates its attribute rules over the recorded values. The event is
    /// shown once it is installed, under its locks.
    pub(super) fn event(
        &mut self,
        reactor: &Reactor,
        published: &Published,
        event: &EventReplay<'_>,
        lsn: Lsn,
        uuids: Uuids,
        see: See<'_>,
    ) -> Result<(), Refused> {
        let plan = &published.plan;
        if event.configuration != plan.number {
            return Err(Refused::Order(event.configuration, plan.number));
        }
        let outcome = Outcome::from(&event.outcome);
        if reactor.erasures.hides(outcome.rid().as_ref().map(|rid| &rid.0), lsn.counter) {
            let mut left = left_of(event, &reactor.secret);
            left.uuid = left.uuid.filter(|_| uuids == Uuids::Remember);
            pass_over(reactor, &left, lsn.counter);
            return Ok(());
        }
        let newcomer = outcome.rid().unwrap_or(Rid([0; 16]));
        let remembers = event.client_uuid && uuids == Uuids::Remember;
        let dedup = remembers.then(|| reactor.secret.dedup(&event.uuid));
        let identifiers = if event.routed { event.identifiers.as_slice() } else { &[] };
        let mut locked = reactor.store.lock(dedup, identifiers, &plan.rails, newcomer);
        let moment = Moment::of_event(event.time_s, event.now_ms, plan.clock_skew_ms);
        let mut draft = locked.draft(outcome, moment, |id| published.spec(id, event.now_ms))?;
        published.gone(event.now_ms).for_each(|id| draft.forget(id));
        let mut before = Vec::new();
        if event.routed && !event.links_only() {
            let computed = ComputedValues::default();
            let key = EventKey { secret_seed: reactor.secret.random_seed(), uuid: &event.uuid };
            let live = reactor.batch.live();
            let lookups = Lookups::obeying(&live, plan, event.unreadable);
            let (fields, whole, computed) = (&event.taken, &event.whole, &computed);
            let facts = Facts { fields, whole, moment, key, computed, lookups: &lookups };
            let mut fuel = Fuel::left(event.fuel);
            let mut bench =
                Bench { vm: &mut self.vm, fuel: &mut fuel, troubles: &mut self.troubles };
            before = apply::apply_rules(plan, &event.events, &facts, &mut draft, &mut bench);
            self.troubles.clear();
            if lookups.has_failed() && !event.unreadable {
                return Err(Refused::Unreadable(lookups.why()));
            }
        }
        let change = draft.finish();
        if let RecordedOutcome::Passing(_) = event.outcome {
            let profile = locked.let_pass(change, lsn.counter);
            see(Installed { lsn, event, published, profile: profile.as_ref(), before: &before });
        } else {
            let rid = change.outcome().rid();
            locked.install(change, lsn.counter);
            let profile = rid.and_then(|rid| locked.profile(rid));
            see(Installed { lsn, event, published, profile, before: &before });
        }
        drop(locked);
        if event.moves_clock {
            reactor.clock.replayed(event.now_ms);
        }
        if let Some(source) = event.source {
            reactor.remember_line(event.database, event.table, source);
        }
        Ok(())
    }
}

/// Whether replaying an event also remembers its uuid, or somebody else does, in the log's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Uuids {
    Remember,
    Leave,
}

fn publish_recorded(reactor: &Reactor, record: ConfigurationRecord) -> Result<(), Refused> {
    let numbers = Numbers {
        keys: record.keys,
        attributes: record.attributes,
        fields: Some(record.fields),
        asleep_keys: record.asleep_keys,
        asleep_attributes: record.asleep_attributes,
    };
    let mut plan = config::compile_recorded(&record.text, &numbers)
        .map_err(|found| Refused::Configuration(record.number, sentences(&found)))?;
    plan.number = record.number;
    plan.hash = record.hash;
    reactor.published.store(Arc::new(Published::new(plan, &numbers)));
    *reactor.numbers.lock() = Numbers { fields: None, ..numbers };
    Ok(())
}

fn sentences(diagnostics: &[Diagnostic]) -> String {
    let sentences: Vec<_> = diagnostics.iter().map(|found| found.message.as_str()).collect();
    sentences.join(" ")
}

pub(super) fn replay_error(error: ReplayError<Refused>) -> Error {
    match error {
        ReplayError::Log(error) => error.into(),
        ReplayError::Apply { lsn, error } => {
            ErrorKind::Replay(format!("record {lsn} cannot be replayed: {error}")).into()
        }
    }
}
