//! Cuts against whole copies: whatever happens while one is walked, it is the state at its LSN.

use proptest::prelude::*;

use super::attribute::Aggregation;
use super::*;
use crate::value::Value;
use crate::value::codec::Bytes;

const SEEN: u16 = 2;

fn spec(id: u16) -> Option<&'static AttributeSpec> {
    static SINGLE: AttributeSpec =
        AttributeSpec::Single { aggregation: Aggregation::Last, duration_ms: None };
    static LIST: AttributeSpec =
        AttributeSpec::List { max_items: 5, duration_ms: i64::MAX, distinct: true, id: None };
    static COUNTER: AttributeSpec =
        AttributeSpec::Counter { duration_ms: Some(60_000), windows_ms: Vec::new(), by: false };
    match id {
        1 => Some(&SINGLE),
        SEEN => Some(&LIST),
        3 => Some(&COUNTER),
        _ => None,
    }
}

/// One event of some customers, by value; several let profiles meet.
#[derive(Clone, Debug)]
struct Step {
    uuid: u16,
    values: Vec<u8>,
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let values = prop_oneof![
        6 => (0..40u8).prop_map(|value| vec![value]),
        2 => (0..40u8, 0..40u8).prop_map(|(one, other)| vec![one, other]),
        1 => Just(Vec::new()),
    ];
    let step = (any::<u16>(), values).prop_map(|(uuid, values)| Step { uuid, values });
    proptest::collection::vec(step, 0..most)
}

/// One event through the critical section; a repeat changes nothing.
fn event(store: &Store, lsn: &mut u64, step: &Step) {
    let own = |value: &u8| Identifier { key: 1, value: value.to_string().into() };
    let identifiers: Vec<Identifier> = step.values.iter().map(own).collect();
    let hash = xxhash_rust::xxh3::xxh3_128(&step.uuid.to_le_bytes());
    let now_ms = time_ms(*lsn);
    let mut locked = store.lock(Some(hash), &identifiers, &NO_RAILS, Rid::new(0, hash));
    if locked.is_repeat(now_ms) {
        return;
    }
    let moment = Moment::of_event(None, now_ms, 0);
    let mut draft = locked.draft(locked.decide(now_ms), moment, spec).expect("just decided");
    if !identifiers.is_empty() {
        let value = || Operation::Set(Value::Number(f64::from(step.uuid)));
        for (id, operation) in [(1, value()), (SEEN, value()), (3, Operation::Increment)] {
            draft.apply(id, spec(id).expect("known"), operation, 1_000).expect("applies");
        }
    }
    let change = draft.finish();
    *lsn += 1;
    locked.install(change, *lsn);
}

/// Processing time of the record after this one: uuids are forgotten after a hundred or so.
fn time_ms(lsn: u64) -> i64 {
    lsn as i64 * 40_000
}

/// What every profile is, in every bit.
fn bytes(store: &Store) -> Vec<Vec<u8>> {
    let barrier = store.lock_all();
    let encoded = barrier.profiles().map(|profile| {
        let mut out = Vec::new();
        profile.encode(&mut out);
        out
    });
    let mut all: Vec<Vec<u8>> = encoded.collect();
    all.sort_unstable();
    all
}

/// What a walk handed on.
#[derive(Default)]
struct Taken {
    profiles: Vec<u8>,
    dedup: Vec<u8>,
    count: u64,
}

impl Taken {
    /// Walks a cut; between its pieces some of `during` happens.
    fn walk(store: &Store, lsn: &mut u64, piece: usize, during: &[Step]) -> Self {
        let mut taken = Self::default();
        let mut events = during.iter();
        let cut = store.lock_all().cut(*lsn);
        let mut happen =
            |many: usize| events.by_ref().take(many).for_each(|step| event(store, lsn, step));
        happen(3);
        let mut dedup = |shard: &[u8]| {
            taken.dedup.extend_from_slice(shard);
            happen(1);
            Ok::<(), ()>(())
        };
        cut.dedup(&mut dedup).expect("nothing is refused");
        let mut profiles = |some: &mut Encoded| {
            taken.profiles.extend_from_slice(&some.bytes);
            taken.count += some.profiles;
            some.clear();
            happen(2);
            Ok::<(), ()>(())
        };
        cut.profiles(piece, &mut profiles).expect("nothing is refused");
        drop(cut);
        happen(usize::MAX);
        taken
    }

    /// The store that it is of.
    fn store(&self, shards: usize) -> Store {
        // Fingerprints that meet are no fault of what is loaded.
        let store = Store::new(7, shards, 64).with_fingerprints(7 << 40);
        store.reserve(self.count, self.count);
        let mut left = Bytes(&self.profiles);
        let mut profiles = 0;
        while !left.is_empty() {
            store.take_in(Packed::decode(&mut left).expect("whole profiles")).expect("each once");
            profiles += 1;
        }
        assert_eq!(profiles, self.count);
        let mut left = Bytes(&self.dedup);
        while !left.is_empty() {
            store.take_in_dedup(&mut left).expect("whole shards");
        }
        store
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_cut_is_the_state_at_its_lsn_whatever_changes_while_it_is_walked(
        before in steps(120),
        during in steps(160),
        shards in prop_oneof![Just(1usize), Just(4), Just(16)],
        piece in prop_oneof![Just(1usize), Just(700), Just(1 << 20)],
    ) {
        let (store, mut lsn) = (Store::new(7, shards, 64), 0);
        before.iter().for_each(|step| event(&store, &mut lsn, step));
        let (stood, now_ms) = (bytes(&store), time_ms(lsn));
        let hash = store.lock_all().hash(spec, now_ms);
        let taken = Taken::walk(&store, &mut lsn, piece, &during);
        let again = taken.store(shards);
        prop_assert_eq!(bytes(&again), stood);
        prop_assert_eq!(again.lock_all().hash(spec, now_ms), hash);
        // A second cut of what it has become is as good as the first.
        let (stood, now_ms) = (bytes(&store), time_ms(lsn));
        let hash = store.lock_all().hash(spec, now_ms);
        let again = Taken::walk(&store, &mut lsn, piece, &[]).store(shards);
        prop_assert_eq!(bytes(&again), stood);
        prop_assert_eq!(again.lock_all().hash(spec, now_ms), hash);
    }

    #[test]
    fn garbage_is_refused_and_never_panics(
        before in steps(20),
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
        noise in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let (store, mut lsn) = (Store::new(7, 1, 64), 0);
        before.iter().for_each(|step| event(&store, &mut lsn, step));
        let mut taken = Taken::walk(&store, &mut lsn, 1 << 20, &[]);
        for garbage in [&mut taken.profiles, &mut taken.dedup] {
            if !garbage.is_empty() {
                let at = at.index(garbage.len());
                garbage[at] ^= byte | 1;
            }
        }
        for garbage in [&taken.profiles, &taken.dedup, &noise] {
            let mut left = Bytes(garbage);
            while let Ok(profile) = Packed::decode(&mut left) {
                // What decodes can be read and swept.
                for (id, state) in profile.attributes() {
                    state.hash_into(spec(id), 1, &mut Vec::new());
                }
            }
            let _refused_or_not = Store::new(7, 1, 64).take_in_dedup(&mut Bytes(garbage));
        }
    }
}

#[test]
fn a_cut_that_is_given_up_leaves_no_trace() {
    let (store, mut lsn) = (Store::new(7, 4, 64), 0);
    let step = |uuid: u16| Step { uuid, values: vec![(uuid % 40) as u8] };
    (0..100).for_each(|uuid| event(&store, &mut lsn, &step(uuid)));
    let cut = store.lock_all().cut(lsn);
    assert_eq!(cut.profiles(1, |_| Err("the disk is full")), Err("the disk is full"));
    (100..200).for_each(|uuid| event(&store, &mut lsn, &step(uuid)));
    assert!(cut.side_bytes_max() > 0, "old states were put aside");
    drop(cut);
    assert!(store.profiles.iter().all(|shard| shard.0.lock().cut.is_none()));
    let stood = bytes(&store);
    let again = Taken::walk(&store, &mut lsn, 1, &[]).store(4);
    assert_eq!(bytes(&again), stood);
}

#[test]
fn items_of_every_form_come_back() {
    let list =
        AttributeSpec::List { max_items: 9, duration_ms: i64::MAX, distinct: false, id: None };
    let mut profile = Profile::new(Rid::new(1, 2), 3);
    let mut state = AttributeState::new(&list);
    let object = |entries: Vec<(&str, f64)>| {
        let named = entries.into_iter().map(|(name, value)| (name.into(), Value::Number(value)));
        std::sync::Arc::new(crate::value::Object::from_entries(named.collect()))
    };
    let operations = [
        Operation::Set(Value::text("plain")),
        Operation::SetFields(object(vec![("sku", 1.0), ("price", -0.0)])),
        Operation::SetFields(object(vec![("time", 9.0)])),
        Operation::SetFields(object(vec![("10", 1.0), ("b", 2.0), ("2", 3.0)])),
        Operation::Set(Value::array(vec![Value::Null, Value::Undefined, Value::Number(f64::NAN)])),
    ];
    for operation in operations {
        let moment = Moment { now_ms: 1_700_000_000_000, time_ms: 1_700_000_000_000 };
        state.apply(&list, moment, operation, 1_000).expect("applies");
    }
    state.settle(5);
    profile.attributes.push((1, state));
    let mut out = Vec::new();
    profile.packed().encode(&mut out);
    let again = Packed::decode(&mut Bytes(&out)).expect("what was written").unpack();
    assert_eq!(format!("{again:?}"), format!("{profile:?}"));
}
