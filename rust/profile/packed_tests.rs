//! Packed profiles against their working form, whatever they hold and whatever becomes of their bytes.

use proptest::prelude::*;

use super::attribute::{Aggregation, Bounds, LSN_PENDING, change_items};
use super::listed::Listed;
use super::packed::{self, Source};
use super::*;
use crate::value::Value;
use crate::value::codec::{BadBytes, Bytes};

const DAY_MS: i64 = 86_400_000;
const NOW_MS: i64 = 1_700_000_000_000;

fn specs() -> Vec<AttributeSpec> {
    let single = |aggregation, duration_ms| AttributeSpec::Single { aggregation, duration_ms };
    let list = |max_items, distinct, id: Option<&str>| AttributeSpec::List {
        max_items,
        duration_ms: 400 * DAY_MS,
        distinct,
        id: id.map(Text::new),
    };
    let counter = |duration_ms, windows_ms: &[i64], by| AttributeSpec::Counter {
        duration_ms,
        windows_ms: windows_ms.to_vec(),
        by,
    };
    vec![
        single(Aggregation::Last, Some(30 * DAY_MS)),
        single(Aggregation::Mean, None),
        single(Aggregation::First, None),
        list(5, true, None),
        list(1_000, false, None),
        list(7, false, Some("id")),
        counter(Some(DAY_MS), &[3_600_000, 100_000_007], false),
        counter(None, &[], false),
        counter(Some(DAY_MS), &[], true),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (0..2_000i32).prop_map(|number| Value::Number(f64::from(number))),
        1 => any::<f64>().prop_map(Value::Number),
        4 => "[a-z]{0,14}".prop_map(Value::text),
        1 => ".{0,40}".prop_map(Value::text),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => Just(Value::array(vec![Value::Null, Value::Undefined, Value::Number(-0.0)])),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    let fields = prop::collection::vec(("id|sku|7|[a-z]{1,3}", value()), 0..5).prop_map(|fields| {
        let named = fields.into_iter().map(|(name, value)| (Text::from(name), value));
        std::sync::Arc::new(crate::value::Object::from_entries(named.collect()))
    });
    prop_oneof![
        6 => value().prop_map(Operation::Set),
        3 => fields.prop_map(Operation::SetFields),
        2 => Just(Operation::Increment),
        3 => ("[ab]{1,3}", value()).prop_map(|(name, value)| Operation::CountOf(name.into(), value)),
        1 => value().prop_map(Operation::Delete),
    ]
}

fn identifier() -> impl Strategy<Value = Identifier> {
    let text = prop_oneof![
        "[a-z0-9@.]{1,24}",
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "[0-9A-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        ".{1,30}",
    ];
    let key = prop_oneof![5 => 0..4u16, 1 => any::<u16>()];
    (key, text).prop_map(|(key, text)| Identifier { key, value: text.into() })
}

/// A profile that operations made, settled at their LSNs; the last may be pending.
fn profile() -> impl Strategy<Value = Profile> {
    let step = (any::<prop::sample::Index>(), operation(), 0..DAY_MS, 0..3 * DAY_MS, any::<bool>());
    let steps = prop::collection::vec(step, 0..60);
    let seen = prop::collection::vec((identifier(), 0..DAY_MS), 0..6);
    (steps, seen, any::<u128>(), 0..1u64 << 40).prop_map(|(steps, seen, hash, first_lsn)| {
        let specs = specs();
        let mut states: Vec<AttributeState> = specs.iter().map(AttributeState::new).collect();
        let (mut now_ms, mut lsn) = (NOW_MS, first_lsn);
        for (which, operation, pause_ms, late_ms, is_late) in steps {
            let at = which.index(specs.len());
            states.iter_mut().for_each(|state| state.settle(lsn));
            now_ms += pause_ms;
            lsn += pause_ms as u64 / 7 + 1;
            let time_ms = if is_late { now_ms - late_ms } else { now_ms };
            let moment = Moment { now_ms, time_ms };
            let _applied_or_not = states[at].apply(&specs[at], moment, operation, 200);
        }
        let mut profile = Profile::new(Rid::new(NOW_MS, hash), now_ms);
        let seen = seen.into_iter();
        profile.identifiers = seen
            .map(|(identifier, ago_ms)| SeenIdentifier { identifier, seen_ms: now_ms - ago_ms })
            .collect();
        let kept = (0u16..).step_by(300).zip(states).filter(|(_, state)| !state.is_empty());
        profile.attributes = kept.collect();
        profile.changed_lsn = lsn + 1;
        profile
    })
}

/// All there is of a profile, caches left out.
fn form(profile: &Profile) -> String {
    let text = format!("{profile:?}");
    let mut parts = text.split("hash: ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |form, part| form + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

fn settled(profile: &Profile) -> Profile {
    let mut settled = profile.clone();
    settled.attributes.iter_mut().for_each(|(_, state)| state.settle(profile.changed_lsn));
    settled
}

fn bytes_of(packed: &Packed) -> Vec<u8> {
    let mut out = Vec::new();
    packed.encode(&mut out);
    out
}

fn decoded(bytes: &[u8]) -> Result<Packed, BadBytes> {
    let mut bytes = Bytes(bytes);
    let packed = Packed::decode(&mut bytes)?;
    assert!(bytes.is_empty());
    Ok(packed)
}

proptest! {
    #[test]
    fn a_packed_profile_is_what_was_packed_and_settled(profile in profile()) {
        let packed = profile.packed();
        let expected = settled(&profile);
        prop_assert_eq!(form(&packed.unpack()), form(&expected));
        prop_assert_eq!(packed.rid(), profile.rid);
        prop_assert_eq!(packed.updated_ms(), profile.updated_ms);
        prop_assert_eq!(packed.changed_lsn(), profile.changed_lsn);
        prop_assert_eq!(packed.identifier_count(), profile.identifiers.len());
        for seen in &profile.identifiers {
            prop_assert!(packed.lists(&Listed::new(&seen.identifier, 0)));
            let key = seen.identifier.key;
            prop_assert_eq!(packed.newest_value(key), profile.newest_value(key).cloned());
            prop_assert_eq!(packed.value_count(key), profile.value_count(key));
        }
        let stranger = Identifier { key: 1, value: "0123456789abcdef0123456789abcdef".into() };
        prop_assert!(!packed.lists(&Listed::new(&stranger, 0)));
        let (specs, now_ms) = (specs(), profile.updated_ms);
        for (at, spec) in specs.iter().enumerate() {
            let id = 300 * at as u16;
            prop_assert_eq!(packed.has(id), expected.attribute(id).is_some());
            prop_assert!(!packed.has(id + 1));
            let (held, read) = (packed.read(id, spec, now_ms), expected.read(id, spec, now_ms));
            prop_assert_eq!(format!("{held:?}"), format!("{read:?}"));
        }
        // What was decoded is the same in every bit, packed again or not.
        let bytes = bytes_of(&packed);
        let again = decoded(&bytes).unwrap();
        prop_assert_eq!(&bytes_of(&again), &bytes);
        prop_assert_eq!(form(&again.unpack().packed().unpack()), form(&expected));
    }

    #[test]
    fn states_that_an_update_leaves_alone_stay_as_they_are(
        profile in profile(),
        touched in any::<prop::sample::Index>(),
        lsn in 1u64 << 41..1 << 42,
    ) {
        let packed = profile.packed();
        let mut expected = settled(&profile);
        let mut sources: Vec<(u16, Source<'_>)> = packed.sources().collect();
        let mut state = AttributeState::new(&specs()[0]);
        let moment = Moment { now_ms: NOW_MS, time_ms: NOW_MS };
        state.apply(&specs()[0], moment, Operation::Set(Value::text("new")), 100).unwrap();
        if !sources.is_empty() {
            let at = touched.index(sources.len());
            sources[at].1 = Source::State(&state);
            let mut state = state.clone();
            state.settle(lsn);
            expected.attributes[at].1 = state;
        }
        let listed: Vec<Listed<'_>> = packed.listed().collect();
        let next = packed::write(packed.rid(), packed.updated_ms() + 5, &listed, &sources);
        (expected.updated_ms, expected.changed_lsn) = (expected.updated_ms + 5, lsn);
        prop_assert_eq!(form(&next.settle(lsn).unpack()), form(&expected));
    }

    #[test]
    fn a_list_that_is_changed_as_it_stands_is_what_its_working_form_comes_to(
        before in prop::collection::vec((list_operation(), 0..DAY_MS), 0..30),
        after in prop::collection::vec(list_operation(), 1..5),
        pause_ms in 0..20 * DAY_MS,
        late_ms in prop_oneof![2 => Just(0), 1 => 0..12 * DAY_MS],
        distinct in any::<bool>(),
        max_items in 1..12usize,
    ) {
        let duration_ms = 10 * DAY_MS;
        let spec = AttributeSpec::List { max_items, duration_ms, distinct, id: None };
        let bounds = Bounds::of(&spec).unwrap();
        let mut state = AttributeState::new(&spec);
        let mut now_ms = NOW_MS;
        for (at, (operation, pause_ms)) in before.into_iter().enumerate() {
            now_ms += pause_ms;
            let moment = Moment { now_ms, time_ms: now_ms };
            state.apply(&spec, moment, operation, 200).unwrap();
            state.settle(5 * at as u64 + 1);
        }
        let (mut bytes, mut pending) = (Vec::new(), packed::Pending::new());
        state.pack(&mut bytes, &mut pending);
        now_ms += pause_ms;
        let moment = Moment { now_ms, time_ms: now_ms - late_ms };
        let changes: Vec<_> = after
            .iter()
            .filter_map(|operation| bounds.prepare(moment, operation.clone(), 200).unwrap())
            .collect();
        for operation in after {
            state.apply(&spec, moment, operation, 200).unwrap();
        }
        if let Some(written) = change_items(&bytes, &bounds, moment, &changes) {
            prop_assert_eq!(written.bytes.is_empty(), state.is_empty());
            if !state.is_empty() {
                let again = AttributeState::unpack(&mut Bytes(&written.bytes)).unwrap();
                let one = |state| Profile {
                    attributes: vec![(0, state)],
                    ..Profile::new(Rid::new(0, 0), 0)
                };
                prop_assert_eq!(form(&one(again)), form(&one(state)));
                let waiting = |place: &u32| {
                    written.bytes[*place as usize..][..8] == LSN_PENDING.to_le_bytes()
                };
                prop_assert!(written.pending.iter().all(waiting));
            }
        }
    }

    #[test]
    fn damaged_bytes_are_refused_or_can_be_read_and_never_panic(
        profile in profile(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        end in any::<prop::sample::Index>(),
    ) {
        let whole = bytes_of(&profile.packed());
        let mut damaged = whole.clone();
        for (at, byte) in places {
            let at = at.index(damaged.len());
            damaged[at] = byte;
        }
        for damaged in [&damaged[..], &damaged[..end.index(whole.len())], &whole[..end.index(whole.len())]] {
            let Ok(packed) = Packed::decode(&mut Bytes(damaged)) else { continue };
            let unpacked = packed.unpack();
            for (at, spec) in specs().iter().enumerate() {
                packed.read(300 * at as u16, spec, NOW_MS);
                packed.read_window(300 * at as u16, spec, 0, NOW_MS);
            }
            prop_assert_eq!(form(&unpacked.packed().unpack()), form(&settled(&unpacked)));
        }
    }
}

/// What is asked of lists: few values, so that they repeat, and few shapes.
fn list_operation() -> impl Strategy<Value = Operation> {
    let value = prop_oneof![
        4 => "[ab]{1,2}".prop_map(Value::text),
        2 => (0..3i32).prop_map(|number| Value::Number(f64::from(number))),
        1 => Just(Value::Number(-0.0)),
        1 => Just(Value::Null),
    ];
    let fields = prop::collection::vec(("a|b", value.clone()), 0..3).prop_map(|fields| {
        let named = fields.into_iter().map(|(name, value)| (Text::from(name), value));
        std::sync::Arc::new(crate::value::Object::from_entries(named.collect()))
    });
    prop_oneof![
        12 => value.clone().prop_map(Operation::Set),
        3 => fields.prop_map(Operation::SetFields),
        1 => value.prop_map(Operation::Delete),
        1 => Just(Operation::Clear),
    ]
}

#[test]
fn common_pushes_are_made_without_the_working_form() {
    for distinct in [false, true] {
        let duration_ms = 400 * DAY_MS;
        let spec = AttributeSpec::List { max_items: 20, duration_ms, distinct, id: None };
        let (_, state) = list_of(20);
        let (mut bytes, mut pending) = (Vec::new(), packed::Pending::new());
        state.pack(&mut bytes, &mut pending);
        let bounds = Bounds::of(&spec).expect("a list");
        let moment = Moment { now_ms: NOW_MS + 99, time_ms: NOW_MS + 99 };
        let push = Operation::Set(Value::text("item-0000003"));
        let push = bounds.prepare(moment, push, 100).expect("fits").expect("a push");
        let written = change_items(&bytes, &bounds, moment, &[push]).expect("as it stands");
        let again = AttributeState::unpack(&mut Bytes(&written.bytes)).expect("whole");
        let Value::Array(items) = again.read(&spec, NOW_MS + 99).into_owned() else { panic!() };
        assert_eq!(items.len(), 20);
    }
}

fn list_of(items: usize) -> (AttributeSpec, AttributeState) {
    let duration_ms = 400 * DAY_MS;
    let spec = AttributeSpec::List { max_items: 10_000, duration_ms, distinct: false, id: None };
    let mut state = AttributeState::new(&spec);
    for item in 0..items {
        let moment = Moment { now_ms: NOW_MS + item as i64, time_ms: NOW_MS + item as i64 };
        let value = Operation::Set(Value::text(format!("item-{item:07}")));
        state.apply(&spec, moment, value, 100).expect("applies");
        state.settle(item as u64 + 1);
    }
    (spec, state)
}

#[test]
fn a_long_list_has_an_allocation_of_its_own_that_updates_share() {
    let (spec, list) = list_of(10_000);
    let mut profile = Profile::new(Rid::new(1, 2), NOW_MS);
    profile.attributes = vec![(3, list), (9, AttributeState::new(&specs()[7]))];
    let total = Operation::Increment;
    let moment = Moment { now_ms: NOW_MS, time_ms: NOW_MS };
    profile.attributes[1].1.apply(&specs()[7], moment, total, 100).expect("applies");
    let packed = profile.packed();
    let Value::Array(items) = packed.read(3, &spec, NOW_MS) else { panic!("a list") };
    assert_eq!(items.len(), 10_000);
    assert_eq!(form(&packed.unpack()), form(&profile));
    assert_eq!(bytes_of(&decoded(&bytes_of(&packed)).expect("whole")), bytes_of(&packed));

    let part = |packed: &Packed| {
        let found = packed.sources().find_map(|(_, source)| match source {
            Source::KeptPart(part) => Some(std::sync::Arc::clone(part)),
            _ => None,
        });
        found.expect("the list moved out")
    };
    let sources: Vec<(u16, Source<'_>)> = packed.sources().collect();
    let next = packed::write(packed.rid(), NOW_MS, &[], &sources).settle(7);
    assert!(std::sync::Arc::ptr_eq(&part(&packed), &part(&next)));
    assert!(part(&packed).len() > 100_000 && packed.heap_bytes() > part(&packed).len());
}

#[test]
fn a_pending_stamp_in_a_long_list_is_settled_there() {
    let (spec, mut list) = list_of(2_000);
    let moment = Moment { now_ms: NOW_MS + 9_999, time_ms: NOW_MS + 9_999 };
    list.apply(&spec, moment, Operation::Set(Value::text("last")), 100).expect("applies");
    let mut profile = Profile::new(Rid::new(1, 2), NOW_MS);
    profile.attributes = vec![(0, AttributeState::new(&specs()[0])), (3, list)];
    let single = Operation::Set(Value::text("first"));
    profile.attributes[0].1.apply(&specs()[0], moment, single, 100).expect("applies");
    profile.changed_lsn = 123_456_789;
    assert!(format!("{profile:?}").contains(&LSN_PENDING.to_string()));
    assert_eq!(form(&profile.packed().unpack()), form(&settled(&profile)));
}

#[test]
fn attributes_of_more_than_64_kib_together_are_found_by_a_wide_directory() {
    let spec = specs()[0].clone();
    let moment = Moment { now_ms: NOW_MS, time_ms: NOW_MS };
    let mut profile = Profile::new(Rid::new(1, 2), NOW_MS);
    for id in 0..100u16 {
        let mut state = AttributeState::new(&spec);
        let value = Operation::Set(Value::text("x".repeat(900 + usize::from(id))));
        state.apply(&spec, moment, value, 4_000).expect("applies");
        profile.attributes.push((7 * id, state));
    }
    let packed = profile.packed();
    assert_eq!(form(&packed.unpack()), form(&settled(&profile)));
    for id in 0..100u16 {
        let Value::String(text) = packed.read(7 * id, &spec, NOW_MS) else { panic!("a text") };
        assert_eq!(text.len(), 900 + usize::from(id));
    }
    assert!(!packed.has(1) && !packed.has(7 * 100));
    assert_eq!(bytes_of(&decoded(&bytes_of(&packed)).expect("whole")), bytes_of(&packed));
}

#[test]
fn a_form_that_updates_never_write_is_refused() {
    let name = Identifier { key: 1, value: "42a508e2-d9b1-4baa-9eb2-0123456789ab".into() };
    let listed = Listed::new(&name, 0);
    let good = bytes_of(&packed::write(Rid::new(1, 2), 0, &[listed], &[]).settle(1));
    assert!(decoded(&good).is_ok());
    // The same UUID as text would be another fingerprint.
    let mut out = good[..4 + 30].to_vec();
    out.extend_from_slice(&[0, 1, 2, 0, 36]);
    out.extend_from_slice(name.value.as_bytes());
    let length = (out.len() - 4) as u32;
    out[..4].copy_from_slice(&length.to_le_bytes());
    out[4 + 24..4 + 28].copy_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    assert_eq!(decoded(&out).unwrap_err(), BadBytes("a UUID is written as text"));
}

#[test]
fn most_identifiers_and_one_more() {
    for (many, good) in [(IDENTIFIERS_MAX, true), (IDENTIFIERS_MAX + 1, false)] {
        let names: Vec<Identifier> = (0..many)
            .map(|at| Identifier { key: 1, value: format!("person-{at}").into() })
            .collect();
        let listed: Vec<Listed<'_>> = names.iter().map(|name| Listed::new(name, 5)).collect();
        let packed = packed::write(Rid::new(1, 2), 9, &listed, &[]).settle(1);
        assert_eq!(decoded(&bytes_of(&packed)).is_ok(), good, "{many}");
    }
}
