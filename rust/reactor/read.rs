//! Read: profiles and figures, for people and programs that only look.

use super::computed::ComputedValues;
use super::draws::{Drawer, Draws, EventKey};
use super::evict::is_expired;
use super::lookups::Lookups;
use super::scope::{EventScope, Seen};
use super::{Published, Reactor, Receipt, RecoveryReport};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::Scope;
use crate::mutant::{self, Mutant};
use crate::offer::Audience;
use crate::profile::identity::{self, Refusal};
use crate::profile::{Identifier, Packed, Rid};
use crate::value::{Text, Value};

/// A profile as expressions read it, at one processing time.
#[derive(Clone, Debug)]
pub struct ProfileReading {
    /// Its id.
    pub rid: Rid,
    /// Each key that it has, in the configuration's order, with its values, newest last.
    pub identifiers: Vec<(Text, Vec<Text>)>,
    /// Each attribute and window by name, in the configuration's order.
    pub attributes: Vec<(Text, Value)>,
    /// Ids of the batch segments that it is in, ascending.
    pub segments: Vec<Text>,
    /// Processing time of its last event, epoch milliseconds.
    pub updated_ms: i64,
}

impl Reactor {
    /// The profile that `value` of the key named `key` identifies. Waits for what it saw, as an
    /// answer would.
    ///
    /// # Errors
    /// `Argument` for an unknown key or a value that never identifies; `NotDurable`, `Stopped`.
    pub fn profile(&self, key: &str, value: &str) -> Result<Option<ProfileReading>> {
        self.ensure_running()?;
        let published = self.published();
        let identifier = identifier(&published, key, value)?;
        let now_ms = self.clock.read_ms();
        let ttl_ms = published.plan.profile_ttl_ms;
        let seed = self.secret.random_seed();
        let reading = self.store.visit(&identifier, |profile| {
            // It is let go by the next event of its own, or by the evictor.
            let is_there = !is_expired(ttl_ms, profile.updated_ms(), now_ms);
            let live = self.batch.live();
            let lookups = Lookups::new(&live, &published.plan);
            let reading = is_there.then(|| read(&published, profile, seed, now_ms, &lookups));
            if lookups.has_failed() { Err(unreadable(lookups.why())) } else { Ok(reading) }
        });
        self.wait(&Receipt { lsn: self.seen_lsn(), duplicate: true, dropped: false })?;
        Ok(reading.transpose()?.flatten())
    }

    /// The newest LSN that whoever reads now could have seen: what its answer waits for (page 5.1).
    pub(super) fn seen_lsn(&self) -> u64 {
        if mutant::is(Mutant::ReadsDoNotWait) { 0 } else { self.log.appended() }
    }

    /// The canonical hash of the state (page 5.7) at the last record's time, taken at the barrier.
    pub fn state_hash(&self) -> u128 {
        let barrier = self.store.lock_all();
        let published = self.published();
        let now_ms = self.clock.last_ms().unwrap_or_default();
        barrier.hash(|id| published.spec(id, now_ms), now_ms)
    }

    /// How many profiles and identifiers there are.
    pub fn sizes(&self) -> (usize, usize) {
        (self.store.profile_count(), self.store.identifier_count())
    }

    /// How many bytes of memory the profiles take with their tables and their index; remembered uuids are
    /// apart.
    pub fn memory_bytes(&self) -> usize {
        self.store.memory_bytes()
    }

    /// What recovery found when the reactor was opened.
    pub fn recovery(&self) -> RecoveryReport {
        self.recovery
    }

    /// A step of the wall clock that is seen and not followed (yet), milliseconds.
    pub fn clock_step_ms(&self) -> Option<i64> {
        self.clock.step_ms()
    }
}

pub(super) fn identifier(published: &Published, name: &str, value: &str) -> Result<Identifier> {
    let plan = &published.plan;
    let Some(key) = plan.keys.iter().find(|key| key.name == name) else {
        let names: Vec<_> = plan.keys.iter().map(|key| format!("`{}`", key.name)).collect();
        let known = names.join(", ");
        let message = format!("`{name}` is not a key of this configuration; keys are {known}");
        return Err(ErrorKind::Argument(message).into());
    };
    let sent = Value::text(value);
    let matches =
        |text: &str| key.valid_regexp.as_ref().is_none_or(|pattern| pattern.is_match(text));
    match identity::identifying_text(&sent, &key.normalize, &key.invalid_texts, matches) {
        Ok(value) => Ok(Identifier { key: key.id, value }),
        Err(refusal) => Err(ErrorKind::Argument(never(name, refusal)).into()),
    }
}

fn never(name: &str, refusal: Refusal) -> String {
    format!("this value of `{name}` never identifies anybody: {refusal}")
}

pub(super) fn unreadable(why: String) -> Error {
    ErrorKind::Replay(why).into()
}

pub(super) fn read(
    published: &Published,
    profile: &Packed,
    secret_seed: u64,
    now_ms: i64,
    lookups: &Lookups<'_>,
) -> ProfileReading {
    let plan = &published.plan;
    let identifiers: Vec<_> = profile.identifiers().collect();
    let values = |id: u16| {
        let of_key = identifiers.iter().filter(move |seen| seen.identifier.key == id);
        of_key.map(|seen| seen.identifier.value.clone()).collect::<Vec<_>>()
    };
    let computed = ComputedValues::default();
    let rid = profile.rid();
    let draws = Draws::new(EventKey { secret_seed, uuid: &rid.0 }, Drawer::Offer(0, 0));
    let scope = EventScope {
        plan,
        profile: Some(profile),
        fields: &[],
        whole: &Value::Undefined,
        now_ms,
        lookups,
        draws: &draws,
        locals: Vec::new(),
        before: &[],
        computed: &computed,
        audience: Audience::SERVER,
        seen: Seen::default(),
    };
    let slots = plan.slots.iter().enumerate().filter(|(_, (_, slot))| slot.is_attribute());
    let attributes =
        slots.map(|(at, (name, _))| (name.clone(), scope.profile(at as u32).into_owned()));
    ProfileReading {
        rid: profile.rid(),
        identifiers: plan
            .keys
            .iter()
            .map(|key| (key.name.clone(), values(key.id)))
            .filter(|(_, values)| !values.is_empty())
            .collect(),
        attributes: attributes.collect(),
        segments: texts_of(&lookups.segments(Some(profile))),
        updated_ms: profile.updated_ms(),
    }
}

fn texts_of(list: &Value) -> Vec<Text> {
    let text = |item: &Value| match item {
        Value::String(text) => Some(text.clone()),
        _ => None,
    };
    list.items().map_or_else(Vec::new, |items| items.iter().filter_map(text).collect())
}
