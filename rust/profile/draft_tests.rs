//! Drafts against the same operations applied to plain states, one after the other.

use proptest::prelude::*;

use super::attribute::Aggregation;
use super::*;

const HOUR_MS: i64 = 3_600_000;
const BYTES_MAX: usize = 12;

fn specs() -> Vec<AttributeSpec> {
    let last = Aggregation::Last;
    vec![
        AttributeSpec::Single { aggregation: last, duration_ms: Some(2 * HOUR_MS) },
        AttributeSpec::Single { aggregation: Aggregation::Sum, duration_ms: None },
        AttributeSpec::List { max_items: 4, duration_ms: 2 * HOUR_MS, distinct: true },
        AttributeSpec::List { max_items: 3, duration_ms: 5 * HOUR_MS, distinct: false },
        AttributeSpec::Counter { duration_ms: Some(3 * HOUR_MS), windows_ms: vec![HOUR_MS] },
        AttributeSpec::Counter { duration_ms: None, windows_ms: Vec::new() },
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
                        form(held, &specs[id], now_ms + later_ms)
                    });
                    prop_assert_eq!(held, form(state, &specs[id], now_ms + later_ms));
                }
            }
        }
    }
}
