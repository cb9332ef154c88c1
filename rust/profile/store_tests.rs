//! The store against a plain map model, under one thread and under several.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;

const COUNT: u16 = 1;
const SEEN: u16 = 2;
const BYTES_MAX: usize = 2048;

fn spec(id: u16) -> Option<&'static AttributeSpec> {
    static TOTAL: AttributeSpec =
        AttributeSpec::Counter { duration_ms: None, windows_ms: Vec::new(), by: false };
    static LIST: AttributeSpec =
        AttributeSpec::List { max_items: 10_000, duration_ms: i64::MAX, distinct: false, id: None };
    match id {
        COUNT => Some(&TOTAL),
        SEEN => Some(&LIST),
        _ => None,
    }
}

/// Text of the number, so that the test reads as what it means.
fn identifier(key: u16, value: u32) -> Identifier {
    Identifier { key, value: value.to_string().into() }
}

/// A stand-in for the reactor's keyed hash of the uuid.
fn hash(uuid: u32) -> u128 {
    xxhash_rust::xxh3::xxh3_128(&uuid.to_le_bytes())
}

/// One event through the critical section; `None`: a repeat.
fn event(
    store: &Store,
    uuid: u32,
    identifiers: &[Identifier],
    now_ms: i64,
    next_lsn: impl FnOnce() -> u64,
) -> Option<Outcome> {
    let hash = hash(uuid);
    let mut locked = store.lock(Some(hash), identifiers, &NO_RAILS, Rid::new(0, hash));
    if locked.is_repeat(now_ms) {
        return None;
    }
    let outcome = locked.decide(now_ms);
    let moment = Moment::of_event(None, now_ms, 0);
    let mut draft = locked.draft(outcome.clone(), moment, spec).expect("just decided");
    apply_rules(&mut draft, uuid);
    let change = draft.finish();
    locked.install(change, next_lsn());
    if let Some(rid) = outcome.rid() {
        let profile = locked.profile(rid).expect("an installed profile is readable");
        assert!(
            identifiers
                .iter()
                .all(|own| profile.newest_value(own.key).as_ref() == Some(&own.value))
        );
        assert!(locked.held().iter().all(|held| *held == Some(rid)));
    }
    Some(outcome)
}

fn apply_rules(draft: &mut Draft<'_>, uuid: u32) {
    let value = Operation::Set(Value::Number(f64::from(uuid)));
    for (id, operation) in [(COUNT, Operation::Increment), (SEEN, value)] {
        draft.apply(id, spec(id).expect("known"), operation, BYTES_MAX).expect("applies");
    }
}

fn count(profile: &Packed) -> u64 {
    match profile.read(COUNT, spec(COUNT).expect("known"), 0) {
        Value::Number(number) => number as u64,
        other => panic!("a counter reads as a number: {other:?}"),
    }
}

/// Time and uuid of each event that the profile's list holds.
fn timed(profile: &Packed) -> Vec<(i64, u32)> {
    let Value::Array(items) = profile.read(SEEN, spec(SEEN).expect("known"), 0) else {
        panic!("a list reads as an array")
    };
    let item = |item: &Value| match item {
        Value::Object(object) => match (object.get("time"), object.get("value")) {
            (Some(Value::Number(time_ms)), Some(Value::Number(uuid))) => {
                (*time_ms as i64, *uuid as u32)
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    items.iter().map(item).collect()
}

fn uuids(profile: &Packed) -> impl Iterator<Item = u32> {
    timed(profile).into_iter().map(|(_, uuid)| uuid)
}

/// What a plain program would keep.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    index: BTreeMap<Identifier, Rid>,
    seen: BTreeMap<Rid, Vec<(i64, u32)>>,
    uuids: BTreeSet<u32>,
}

impl Model {
    fn event(&mut self, uuid: u32, identifiers: &[Identifier], now_ms: i64) {
        if !self.uuids.insert(uuid) || identifiers.is_empty() {
            return;
        }
        let held: BTreeSet<Rid> =
            identifiers.iter().filter_map(|own| self.index.get(own).copied()).collect();
        let rid = held.first().copied().unwrap_or_else(|| Rid::new(now_ms, hash(uuid)));
        let mut seen = Vec::new();
        for old in &held {
            seen.extend(self.seen.remove(old).expect("an indexed profile is there"));
        }
        seen.sort_unstable();
        seen.push((now_ms, uuid));
        self.seen.insert(rid, seen);
        self.index.values_mut().filter(|held_by| held.contains(held_by)).for_each(|to| *to = rid);
        self.index.extend(identifiers.iter().cloned().map(|own| (own, rid)));
    }

    fn of(store: &Store, uuids: BTreeSet<u32>) -> Self {
        let all = store.lock_all();
        for profile in all.profiles() {
            assert_eq!(count(profile), timed(profile).len() as u64);
        }
        Self {
            index: all.identifiers().collect(),
            seen: all.profiles().map(|profile| (profile.rid(), timed(profile))).collect(),
            uuids,
        }
    }
}

/// Every identifier that a profile lists leads to it, and none else does.
fn assert_sound(store: &Store) {
    let all = store.lock_all();
    let mut listed = BTreeMap::new();
    for profile in all.profiles() {
        assert!(profile.identifier_count() <= IDENTIFIERS_MAX);
        for seen in profile.identifiers() {
            let twice = listed.insert(seen.identifier.clone(), profile.rid());
            assert_eq!(twice, None, "two profiles list {:?}", seen.identifier);
        }
    }
    assert!(all.has_sound_index());
}

fn state_hash(store: &Store) -> u128 {
    store.lock_all().hash(spec, 0)
}

/// A few identifiers of a small world, at most one a key.
fn identifiers() -> impl Strategy<Value = Vec<Identifier>> {
    let key =
        |key: u16| prop_oneof![Just(None), (0..8u32).prop_map(move |n| Some(identifier(key, n)))];
    (key(0), key(1), key(2)).prop_map(|(a, b, c)| [a, b, c].into_iter().flatten().collect())
}

/// Uuids that repeat now and then; a repeat's later content must not count.
fn events() -> impl Strategy<Value = Vec<(u32, Vec<Identifier>)>> {
    prop::collection::vec((identifiers(), any::<prop::sample::Index>(), 0..8u8), 1..80).prop_map(
        |events| {
            let repeat = |index: usize, earlier: prop::sample::Index, dice: u8| {
                if dice == 0 { earlier.index(index + 1) as u32 } else { index as u32 }
            };
            let numbered = events.into_iter().enumerate();
            numbered
                .map(|(index, (identifiers, earlier, dice))| {
                    (repeat(index, earlier, dice), identifiers)
                })
                .collect()
        },
    )
}

proptest! {
    #[test]
    fn the_store_equals_a_map_whatever_the_shards_and_the_fingerprints_that_meet(
        events in events(),
    ) {
        let mut hashes = BTreeSet::new();
        // With a mask of few bits most identifiers share their fingerprint with others.
        for (shards, mask) in [(1, u64::MAX), (16, u64::MAX), (256, u64::MAX), (1, 0), (16, 3 << 40)] {
            let store = Store::new(shards as u64, shards, 1_000_000).with_fingerprints(mask);
            let mut model = Model::default();
            for (at, (uuid, identifiers)) in events.iter().enumerate() {
                let now_ms = at as i64;
                let fresh = !model.uuids.contains(uuid);
                let outcome = event(&store, *uuid, identifiers, now_ms, || at as u64 + 1);
                prop_assert_eq!(outcome.is_some(), fresh);
                model.event(*uuid, identifiers, now_ms);
            }
            assert_sound(&store);
            prop_assert_eq!(&Model::of(&store, model.uuids.clone()), &model);
            prop_assert_eq!(store.profile_count(), model.seen.len());
            prop_assert_eq!(store.identifier_count(), model.index.len());
            for (held, rid) in &model.index {
                prop_assert_eq!(store.find(held).map(|profile| profile.rid), Some(*rid));
            }
            hashes.insert(state_hash(&store));
        }
        prop_assert_eq!(hashes.len(), 1);
    }

    #[test]
    fn replay_of_the_recorded_outcomes_ends_in_the_same_state(events in events()) {
        let live = Store::new(1, 16, 1_000_000);
        let again = Store::new(1, 16, 1_000_000);
        for (at, (uuid, identifiers)) in events.iter().enumerate() {
            let (now_ms, lsn) = (at as i64, at as u64 + 1);
            let Some(outcome) = event(&live, *uuid, identifiers, now_ms, || lsn) else { continue };
            let newcomer = outcome.rid().unwrap_or(Rid::new(0, 0));
            let mut locked = again.lock(Some(hash(*uuid)), identifiers, &NO_RAILS, newcomer);
            let moment = Moment::of_event(None, now_ms, 0);
            let mut draft = locked.draft(outcome, moment, spec).expect("the log fits the state");
            apply_rules(&mut draft, *uuid);
            let change = draft.finish();
            locked.install(change, lsn);
        }
        prop_assert_eq!(state_hash(&live), state_hash(&again));
    }

    #[test]
    fn whatever_the_order_of_links_the_same_identifiers_end_up_together(
        events in prop::collection::vec(identifiers(), 1..40), seed: u64,
    ) {
        let mut shuffled: Vec<(usize, &Vec<Identifier>)> = events.iter().enumerate().collect();
        let order = |at: &usize| xxhash_rust::xxh3::xxh3_64_with_seed(&at.to_le_bytes(), seed);
        let groups = |events: &[(usize, &Vec<Identifier>)]| {
            let store = Store::new(0, 16, 1000);
            for (now_ms, (uuid, identifiers)) in events.iter().enumerate() {
                event(&store, *uuid as u32, identifiers, now_ms as i64, || now_ms as u64 + 1);
            }
            assert_sound(&store);
            let all = store.lock_all();
            let group = |profile: &Packed| {
                let names = profile.identifiers().map(|seen| seen.identifier);
                (names.collect::<BTreeSet<_>>(), uuids(profile).collect::<BTreeSet<_>>())
            };
            all.profiles().map(group).collect::<BTreeSet<_>>()
        };
        let in_order = groups(&shuffled);
        shuffled.sort_by_key(|(at, _)| order(at));
        prop_assert_eq!(in_order, groups(&shuffled));
    }
}

#[test]
fn an_event_that_is_not_installed_leaves_no_trace() {
    let store = Store::new(3, 16, 100);
    let names = [identifier(0, 1), identifier(1, 1), identifier(2, 1)];
    event(&store, 1, &names[..1], 1, || 1);
    event(&store, 2, &names[1..2], 2, || 2);
    let before = state_hash(&store);
    let locked = store.lock(Some(hash(3)), &names, &NO_RAILS, Rid::new(0, hash(3)));
    let moment = Moment::of_event(None, 3, 0);
    let mut draft = locked.draft(locked.decide(3), moment, spec).unwrap();
    apply_rules(&mut draft, 3);
    let spec = spec(SEEN).unwrap();
    let Value::Array(items) = draft.read(SEEN, spec).into_owned() else { panic!("an array") };
    assert_eq!(items.len(), 3, "a draft reads the united profiles and its own changes");
    drop(draft.finish());
    drop(locked);
    assert_eq!(state_hash(&store), before);
    assert!(event(&store, 3, &names, 3, || 3).is_some());
    assert_ne!(state_hash(&store), before);
}

#[test]
fn nobodys_event_is_remembered_and_makes_no_profile() {
    let store = Store::new(3, 16, 100);
    assert_eq!(event(&store, 1, &[], 1, || 1), Some(Outcome::Nobody));
    assert_eq!(event(&store, 1, &[], 1, || 2), None);
    assert_eq!(store.profile_count(), 0);
}

#[test]
fn an_outcome_that_does_not_fit_the_state_is_refused() {
    let store = Store::new(3, 16, 100);
    let names = [identifier(0, 1)];
    let Some(Outcome::New(rid)) = event(&store, 1, &names, 1, || 1) else { panic!("a profile") };
    let stranger = Rid::new(9, 9);
    let moment = Moment::of_event(None, 2, 0);
    for recorded in [
        Outcome::Nobody,
        Outcome::New(rid),
        Outcome::New(stranger),
        Outcome::Known(stranger),
        Outcome::Extended(rid),
        Outcome::Merged { survivor: rid, merged: vec![stranger] },
    ] {
        let locked = store.lock(None, &names, &NO_RAILS, recorded.rid().unwrap_or(rid));
        assert_eq!(locked.draft(recorded, moment, spec).err(), Some(Diverged));
    }
}

#[test]
fn a_uuid_that_comes_again_when_forgotten_never_replaces_a_profile() {
    let store = Store::new(3, 1, 1);
    let first = event(&store, 1, &[identifier(0, 1)], 5, || 1);
    for uuid in 2..5 {
        event(&store, uuid, &[], 5, || u64::from(uuid));
    }
    let second = event(&store, 1, &[identifier(0, 2)], 5, || 9);
    assert_ne!(first, second);
    assert_eq!(store.profile_count(), 2);
}

#[test]
fn over_two_hundred_identifiers_the_least_recently_seen_are_let_go() {
    for shards in [1, 16, 256] {
        let store = Store::new(7, shards, 1000);
        let anchor = identifier(0, 0);
        for value in 1..=250 {
            event(&store, value, &[anchor.clone(), identifier(1, value)], value.into(), || {
                u64::from(value)
            });
        }
        assert_sound(&store);
        assert_eq!((store.profile_count(), store.identifier_count()), (1, 200));
        assert!(store.find(&identifier(1, 51)).is_none());
        assert!(store.find(&identifier(1, 52)).is_some());
        // Two full profiles that meet keep the 200 seen last of both.
        let other = identifier(0, 1);
        for value in 301..=500 {
            event(&store, value, &[other.clone(), identifier(1, value)], value.into(), || {
                u64::from(value)
            });
        }
        let both = [anchor, identifier(1, 500)];
        let outcome = event(&store, 900, &both, 900, || 900);
        assert!(matches!(outcome, Some(Outcome::Merged { .. })));
        assert_sound(&store);
        assert_eq!((store.profile_count(), store.identifier_count()), (1, 200));
        assert_eq!(store.visit(&both[0], count), Some(451));
    }
}

#[test]
fn threads_that_merge_crosswise_neither_wait_in_a_circle_nor_lose_an_event() {
    const THREADS: u32 = 4;
    const EVENTS: u32 = 4_000;
    for shards in [1, 16, 256] {
        let store = Store::new(11, shards, 1_000_000);
        let lsn = AtomicU64::new(1);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (store, lsn) = (&store, &lsn);
                scope.spawn(move || {
                    for at in 0..EVENTS {
                        // Pairs of fresh identifiers that all threads meet at about one time, half
                        // of them the other way round; then both of a pair at once.
                        let (left, right) = (identifier(0, at / 2), identifier(1, at / 4));
                        let names = match (at + thread) % 4 {
                            0 => vec![left],
                            1 => vec![right],
                            2 => vec![left, right],
                            _ => vec![right, left],
                        };
                        let uuid = thread * EVENTS + at;
                        let next = || lsn.fetch_add(1, Ordering::Relaxed);
                        let now_ms = i64::from(at);
                        assert!(event(store, uuid, &names, now_ms, next).is_some());
                    }
                });
            }
        });
        assert_sound(&store);
        let all = store.lock_all();
        let total: u64 = all.profiles().map(count).sum();
        assert_eq!(total, u64::from(THREADS * EVENTS));
        let uuids: BTreeSet<u32> = all.profiles().flat_map(uuids).collect();
        assert_eq!(uuids.len() as u32, THREADS * EVENTS);
    }
}

#[test]
fn after_a_merge_the_value_of_a_key_that_was_seen_last_is_its_newest() {
    for (first_seen, expected) in [(0, "20"), (1, "10")] {
        let store = Store::new(5, 16, 1000);
        let names = [[identifier(0, 0), identifier(9, 10)], [identifier(1, 0), identifier(9, 20)]];
        event(&store, 1, &names[first_seen], 1, || 1);
        event(&store, 2, &names[1 - first_seen], 2, || 2);
        let both = [identifier(0, 0), identifier(1, 0)];
        event(&store, 3, &both, 3, || 3);
        let newest = store.visit(&both[0], |profile| profile.newest_value(9));
        assert_eq!(newest.flatten().as_deref(), Some(expected));
    }
}
