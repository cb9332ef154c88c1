//! Drafts against the same operations applied to plain states, one after the other.

use std::sync::Arc;

use proptest::prelude::*;

use super::attribute::Aggregation;
use super::*;
use crate::value::Object;

const HOUR_MS: i64 = 3_600_000;
const BYTES_MAX: usize = 12;

fn specs() -> Vec<AttributeSpec> {
    let single = |aggregation, duration_ms| AttributeSpec::Single { aggregation, duration_ms };
    let list = |max_items, duration_ms, distinct, id: Option<&'static str>| AttributeSpec::List {
        max_items,
        duration_ms,
        distinct,
        id: id.map(Text::new),
    };
    let counter =
        |duration_ms, windows_ms, by| AttributeSpec::Counter { duration_ms, windows_ms, by };
    vec![
        single(Aggregation::Last, Some(2 * HOUR_MS)),
        single(Aggregation::Sum, None),
        single(Aggregation::Mean, Some(2 * HOUR_MS)),
        list(4, 2 * HOUR_MS, true, None),
        list(3, 5 * HOUR_MS, false, None),
        list(3, 5 * HOUR_MS, false, Some("sku")),
        counter(Some(3 * HOUR_MS), vec![HOUR_MS], false),
        counter(None, Vec::new(), false),
        counter(Some(3 * HOUR_MS), vec![HOUR_MS], true),
        AttributeSpec::Stateless,
    ]
}

/// Operations of every kind, suitable and not, too large and not finite.
fn operation() -> impl Strategy<Value = Operation> {
    let number = prop_oneof![4 => (0..4i32).prop_map(f64::from), 1 => Just(f64::MAX)];
    prop_oneof![
        6 => number.clone().prop_map(|number| Operation::Set(Value::Number(number))),
        1 => Just(Operation::Set(Value::String("far too long a text".into()))),
        1 => Just(Operation::Set(Value::Null)),
        1 => Just(Operation::Set(Value::Undefined)),
        2 => Just(Operation::Increment),
        3 => (number.clone(), 0..3usize).prop_map(|(number, name)| {
            Operation::CountOf(["a", "b", "c"][name].into(), Value::Number(number))
        }),
        3 => number.clone().prop_map(|number| {
            let fields = vec![("sku".into(), Value::Number(number))];
            Operation::SetFields(Arc::new(Object::from_entries(fields)))
        }),
        1 => number.prop_map(|number| Operation::Delete(Value::Number(number))),
        1 => Just(Operation::Clear),
    ]
}

type Event = (i64, i64, Vec<(usize, Operation)>);

fn event() -> impl Strategy<Value = Event> {
    let late_ms = prop_oneof![2 => Just(0), 1 => 0..3 * HOUR_MS];
    let operations = prop::collection::vec((0..specs().len(), operation()), 0..8);
    (0..HOUR_MS, late_ms, operations)
}

fn form(state: &AttributeState, spec: &AttributeSpec, now_ms: i64) -> Vec<u8> {
    let mut form = Vec::new();
    state.hash_into(Some(spec), now_ms, &mut form);
    form
}

proptest! {
    #[test]
    fn a_draft_reads_and_installs_what_the_operations_do_one_by_one(
        events in prop::collection::vec(event(), 1..25),
    ) {
        let specs = specs();
        let spec = |id: u16| specs.get(usize::from(id));
        let store = Store::new(1, 1, 100);
        let names = [Identifier { key: 0, value: "somebody".into() }];
        let mut states: Vec<AttributeState> = specs.iter().map(AttributeState::new).collect();
        let mut now_ms = 1_700_000_000_000;
        for (at, (pause_ms, late_ms, operations)) in events.into_iter().enumerate() {
            now_ms += pause_ms;
            let lsn = at as u64 + 1;
            let moment = Moment { now_ms, time_ms: now_ms - late_ms };
            let mut locked = store.lock(None, &names, &NO_RAILS, Rid::new(0, 7));
            let mut draft = locked.draft(locked.decide(now_ms), moment, spec).expect("decided");
            for (id, operation) in operations {
                let own = &specs[id];
                let drafted = draft.apply(id as u16, own, operation.clone(), BYTES_MAX);
                let applied = states[id].apply(own, moment, operation, BYTES_MAX);
                prop_assert_eq!(drafted, applied);
                let read = (draft.read(id as u16, own), states[id].read(own, now_ms));
                prop_assert_eq!(format!("{:?}", read.0), format!("{:?}", read.1));
                let windows = (
                    draft.read_window(id as u16, own, 0),
                    states[id].read_window(own, 0, now_ms),
                );
                prop_assert_eq!(format!("{:?}", windows.0), format!("{:?}", windows.1));
                let changes =
                    (draft.changed_ms(id as u16, own), states[id].changed_ms(own, now_ms));
                prop_assert_eq!(changes.0, changes.1);
            }
            let change = draft.finish();
            locked.install(change, lsn);
            states.iter_mut().for_each(|state| state.settle(lsn));
            let rid = locked.held()[0].expect("installed");
            let profile = locked.profile(rid).expect("installed");
            for (id, state) in states.iter().enumerate() {
                for later_ms in [0, HOUR_MS] {
                    let held = profile.attribute(id as u16);
                    let held = held.map_or_else(Vec::new, |held| {
                        form(&held, &specs[id], now_ms + later_ms)
                    });
                    prop_assert_eq!(held, form(state, &specs[id], now_ms + later_ms));
                }
            }
        }
    }
}

#[test]
fn what_holds_no_state_any_more_leaves_the_profile_with_its_next_change() {
    let spec = AttributeSpec::Single { aggregation: Aggregation::Last, duration_ms: None };
    let gone = AttributeSpec::Stateless;
    let store = Store::new(1, 1, 100);
    let names = [Identifier { key: 0, value: "somebody".into() }];
    let moment = Moment { now_ms: 1_700_000_000_000, time_ms: 1_700_000_000_000 };
    let send = |is_gone: bool, lsn| {
        let spec = |id: u16| Some(if is_gone && id == 3 { &gone } else { &spec });
        let mut locked = store.lock(None, &names, &NO_RAILS, Rid::new(0, 7));
        let outcome = locked.decide(moment.now_ms);
        let mut draft = locked.draft(outcome, moment, spec).expect("decided");
        if is_gone {
            draft.forget(3);
            draft.forget(4);
        } else {
            for id in [2, 3] {
                let value = Operation::Set(Value::Number(f64::from(id)));
                draft.apply(id, spec(id).expect("known"), value, 99).expect("applies");
            }
        }
        locked.install(draft.finish(), lsn);
        let profile = locked.profile(locked.held()[0].expect("installed")).expect("installed");
        [2, 3, 4].map(|id| profile.has(id))
    };
    assert_eq!(send(false, 1), [true, true, false]);
    assert_eq!(send(true, 2), [true, false, false]);
}
