//! Attributes against plain models that keep every event and compute from scratch.

use proptest::prelude::*;

use super::*;

pub(super) const DAY_MS: i64 = 86_400_000;

/// One event: how far time moves, how late it is, and what it does.
#[derive(Clone, Debug)]
struct Step {
    pause_ms: i64,
    late_ms: i64,
    operation: Plain,
    side: bool,
}

#[derive(Clone, Copy, Debug)]
enum Plain {
    Set(i32),
    Delete(i32),
    Clear,
}

impl Plain {
    fn operation(self, spec: &AttributeSpec) -> Operation {
        let named = |number: i32| Text::from((number % 3).to_string());
        match (self, spec) {
            (Self::Set(number), AttributeSpec::List { id: Some(_), .. }) => {
                Operation::SetFields(product(number))
            }
            (Self::Delete(number), AttributeSpec::List { id: Some(_), .. }) => {
                Operation::Delete(Value::Number(f64::from(number % 3)))
            }
            (Self::Set(number) | Self::Delete(number), AttributeSpec::Counter { by: true, .. }) => {
                Operation::CountOf(named(number), Value::Number(f64::from(number)))
            }
            (Self::Set(number), AttributeSpec::List { .. }) => {
                Operation::Set(Value::String(number.to_string().into()))
            }
            (Self::Set(number), _) => Operation::Set(Value::Number(f64::from(number))),
            (Self::Delete(number), AttributeSpec::List { .. }) => {
                Operation::Delete(Value::String(number.to_string().into()))
            }
            (Self::Delete(number), _) => Operation::Set(Value::Number(f64::from(-number))),
            (Self::Clear, _) => Operation::Clear,
        }
    }
}

/// An item of a list with `id: sku`.
fn product(number: i32) -> Arc<Object> {
    let entries = vec![
        ("sku".into(), Value::Number(f64::from(number % 3))),
        ("price".into(), Value::Number(f64::from(number))),
    ];
    Arc::new(Object::from_entries(entries))
}

fn step() -> impl Strategy<Value = Step> {
    let pause_ms = prop_oneof![Just(0), 0..DAY_MS / 8, 0..3 * DAY_MS];
    let late_ms = prop_oneof![3 => Just(0), 2 => 0..4 * DAY_MS, 1 => Just(DAY_MS)];
    let operation = prop_oneof![
        12 => (0..6i32).prop_map(Plain::Set),
        2 => (0..6i32).prop_map(Plain::Delete),
        1 => Just(Plain::Clear),
    ];
    (pause_ms, late_ms, operation, any::<bool>()).prop_map(
        |(pause_ms, late_ms, operation, side)| Step { pause_ms, late_ms, operation, side },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..60)
}

fn sets_only(steps: Vec<Step>) -> Vec<Step> {
    steps.into_iter().filter(|step| matches!(step.operation, Plain::Set(_))).collect()
}

/// The steps with their moments and LSNs, from an arbitrary start.
fn timed(steps: &[Step]) -> Vec<(Moment, u64, &Step)> {
    let mut now_ms = 1_700_000_000_123;
    let mut timed = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        now_ms += step.pause_ms;
        timed.push((Moment { now_ms, time_ms: now_ms - step.late_ms }, index as u64 + 1, step));
    }
    timed
}

fn apply(state: &mut AttributeState, spec: &AttributeSpec, timed: (Moment, u64, &Step)) {
    let (moment, lsn, step) = timed;
    state.apply(spec, moment, step.operation.operation(spec), 2048).expect("small numbers apply");
    state.settle(lsn);
}

pub(super) fn form(state: &AttributeState, spec: &AttributeSpec, now_ms: i64) -> Vec<u8> {
    let mut form = Vec::new();
    state.hash_into(Some(spec), now_ms, &mut form);
    form
}

pub(super) fn single(aggregation: Aggregation, duration_ms: Option<i64>) -> AttributeSpec {
    AttributeSpec::Single { aggregation, duration_ms }
}

pub(super) fn list(max_items: usize, duration_ms: i64, distinct: bool) -> AttributeSpec {
    AttributeSpec::List { max_items, duration_ms, distinct, id: None }
}

pub(super) fn list_by_sku(max_items: usize, duration_ms: i64) -> AttributeSpec {
    AttributeSpec::List { max_items, duration_ms, distinct: false, id: Some("sku".into()) }
}

pub(super) const AGGREGATIONS: [Aggregation; 7] = [
    Aggregation::Last,
    Aggregation::First,
    Aggregation::Sum,
    Aggregation::Min,
    Aggregation::Max,
    Aggregation::Count,
    Aggregation::Mean,
];

/// The state without the times at which it changed: two halves of a history changed at other times
/// than the whole. Names of a counter are in no order: a name's latest record may be of an amount
/// that has expired on its side.
fn timeless(state: &AttributeState) -> AttributeState {
    let mut state = state.clone();
    match &mut state {
        AttributeState::Single(single) => single.changed_ms = 0,
        AttributeState::List(list) => list.changed_ms = 0,
        AttributeState::Counter(counter) => counter.changed_ms = 0,
        AttributeState::Counters(counters) => {
            counters.changed_ms = 0;
            counters.named.iter_mut().for_each(|named| named.counter.changed_ms = 0);
            counters.named.sort_by(|a, b| a.name.as_str().cmp(b.name.as_str()));
        }
    }
    state
}

fn all_specs() -> Vec<AttributeSpec> {
    let mut specs = Vec::new();
    for aggregation in AGGREGATIONS {
        specs.push(single(aggregation, None));
        specs.push(single(aggregation, Some(2 * DAY_MS)));
    }
    for distinct in [false, true] {
        specs.push(list(4, 3 * DAY_MS, distinct));
        specs.push(list(100, 10 * DAY_MS, distinct));
    }
    specs.push(list_by_sku(2, 3 * DAY_MS));
    specs.push(list_by_sku(100, 10 * DAY_MS));
    let windows_ms = vec![DAY_MS, 7 * DAY_MS + 7];
    for by in [false, true] {
        let windows_ms = windows_ms.clone();
        let duration_ms = Some(3 * DAY_MS);
        specs.push(AttributeSpec::Counter { duration_ms, windows_ms: windows_ms.clone(), by });
        specs.push(AttributeSpec::Counter { duration_ms: None, windows_ms, by });
    }
    specs
}

/// (value, time) of each item read.
fn items(value: &Value) -> Vec<(String, i64)> {
    let Value::Array(items) = value else { panic!("a list reads as an array") };
    items
        .iter()
        .map(|item| match item {
            Value::Object(object) => match (object.get("value"), object.get("time")) {
                (Some(Value::String(text)), Some(Value::Number(time_ms))) => {
                    (text.to_string(), *time_ms as i64)
                }
                other => panic!("an item has a value and a time: {other:?}"),
            },
            other => panic!("an item is an object: {other:?}"),
        })
        .collect()
}

fn naive_list(
    model: &mut Vec<(i64, u64, String)>,
    timed: (Moment, u64, &Step),
    (max_items, duration_ms, distinct): (usize, i64, bool),
) {
    let (moment, lsn, step) = timed;
    model.retain(|(time_ms, _, _)| moment.now_ms - time_ms <= duration_ms);
    match step.operation {
        Plain::Set(number) => {
            if moment.now_ms - moment.time_ms <= duration_ms {
                model.push((moment.time_ms, lsn, number.to_string()));
            }
        }
        Plain::Delete(number) => model.retain(|(time_ms, _, value)| {
            *time_ms > moment.time_ms || *value != number.to_string()
        }),
        Plain::Clear => model.retain(|(time_ms, _, _)| *time_ms > moment.time_ms),
    }
    model.sort();
    if distinct {
        let all = model.clone();
        let mut at = 0;
        model.retain(|(_, _, value)| {
            at += 1;
            !all[at..].iter().any(|(_, _, later)| later == value)
        });
    }
    let over = model.len().saturating_sub(max_items);
    model.drain(..over);
}

proptest! {
    #[test]
    fn a_list_equals_a_plain_vector_sorted_by_time(
        steps in steps(), max_items in 1..8usize, distinct: bool,
    ) {
        let spec = list(max_items, 3 * DAY_MS, distinct);
        let mut state = AttributeState::new(&spec);
        let mut model = Vec::new();
        for timed in timed(&steps) {
            apply(&mut state, &spec, timed);
            naive_list(&mut model, timed, (max_items, 3 * DAY_MS, distinct));
            let expected: Vec<(String, i64)> =
                model.iter().map(|(time_ms, _, value)| (value.clone(), *time_ms)).collect();
            prop_assert_eq!(items(&state.read(&spec, timed.0.now_ms)), expected);
        }
    }

    #[test]
    fn a_list_with_an_id_keeps_the_newest_item_of_each(steps in steps(), max_items in 1..4usize) {
        let duration_ms = 3 * DAY_MS;
        let spec = list_by_sku(max_items, duration_ms);
        let mut state = AttributeState::new(&spec);
        let mut model: Vec<(i64, u64, i32, i32)> = Vec::new();
        for timed in timed(&steps) {
            apply(&mut state, &spec, timed);
            let (moment, lsn, step) = timed;
            model.retain(|(time_ms, ..)| moment.now_ms - time_ms <= duration_ms);
            match step.operation {
                Plain::Set(number) if moment.now_ms - moment.time_ms <= duration_ms => {
                    model.push((moment.time_ms, lsn, number % 3, number));
                }
                Plain::Set(_) => {}
                Plain::Delete(number) => model.retain(|(time_ms, _, sku, _)| {
                    *time_ms > moment.time_ms || *sku != number % 3
                }),
                Plain::Clear => model.retain(|(time_ms, ..)| *time_ms > moment.time_ms),
            }
            model.sort();
            let all = model.clone();
            let mut at = 0;
            model.retain(|(_, _, sku, _)| {
                at += 1;
                !all[at..].iter().any(|(_, _, later, _)| later == sku)
            });
            model.drain(..model.len().saturating_sub(max_items));
            let Value::Array(items) = state.read(&spec, moment.now_ms).into_owned() else {
                panic!("a list reads as an array")
            };
            let read: Vec<String> = items.iter().map(|item| format!("{item:?}")).collect();
            let expected: Vec<String> = model
                .iter()
                .map(|(time_ms, _, _, number)| {
                    let mut fields = product(*number).entries().to_vec();
                    fields.push(("time".into(), Value::Number(*time_ms as f64)));
                    format!("{:?}", Value::object(fields))
                })
                .collect();
            prop_assert_eq!(read, expected);
        }
    }

    #[test]
    fn a_counter_by_name_equals_a_counter_for_each_of_the_names(steps in steps()) {
        let spec = |by| AttributeSpec::Counter {
            duration_ms: Some(3 * DAY_MS), windows_ms: vec![DAY_MS, 7 * DAY_MS + 7], by,
        };
        let mut state = AttributeState::new(&spec(true));
        let mut model: Vec<(String, AttributeState)> = Vec::new();
        for timed in timed(&steps) {
            apply(&mut state, &spec(true), timed);
            let (moment, lsn, step) = timed;
            match step.operation.operation(&spec(true)) {
                Operation::CountOf(name, amount) => {
                    let held = model.iter().position(|(known, _)| *known == *name);
                    let (name, mut counter) = held.map_or_else(
                        || (name.to_string(), AttributeState::new(&spec(false))),
                        |at| model[at].clone(),
                    );
                    let before = counter.clone();
                    counter.apply(&spec(false), moment, Operation::Set(amount), 2048).unwrap();
                    counter.settle(lsn);
                    let form = |state: &AttributeState| form(state, &spec(false), moment.now_ms);
                    if form(&before) != form(&counter) || moment.time_ms == moment.now_ms {
                        held.map(|at| model.remove(at));
                        model.push((name, counter));
                    }
                }
                operation => {
                    for (_, counter) in &mut model {
                        counter.apply(&spec(false), moment, operation.clone(), 2048).unwrap();
                    }
                }
            }
            let now_ms = moment.now_ms;
            let expected: Vec<(String, String)> = model
                .iter()
                .filter(|(_, counter)| match counter {
                    AttributeState::Counter(counter) => {
                        counter.window_held(3 * DAY_MS, now_ms).is_some()
                    }
                    _ => false,
                })
                .map(|(name, counter)| {
                    (name.clone(), format!("{:?}", counter.read(&spec(false), now_ms)))
                })
                .collect();
            let Value::Object(read) = state.read(&spec(true), now_ms).into_owned() else { panic!() };
            let mut read: Vec<(String, String)> = read
                .entries()
                .iter()
                .map(|(name, amount)| (name.to_string(), format!("{amount:?}")))
                .collect();
            // An object lists names that are numbers first, by number.
            let mut expected = expected;
            expected.sort();
            read.sort();
            prop_assert_eq!(read, expected);
        }
    }

    #[test]
    fn a_counters_windows_are_sums_of_their_last_sixty_buckets(steps in steps()) {
        let windows_ms = [3 * DAY_MS, DAY_MS, 7 * DAY_MS + 7, 1000];
        let spec = AttributeSpec::Counter {
            duration_ms: Some(windows_ms[0]),
            windows_ms: windows_ms[1..].to_vec(), by: false
        };
        let total = AttributeSpec::Counter { duration_ms: None, windows_ms: Vec::new() , by: false};
        let steps = sets_only(steps);
        let (mut state, mut life) = (AttributeState::new(&spec), AttributeState::new(&total));
        let mut events: Vec<(i64, f64)> = Vec::new();
        for timed in timed(&steps) {
            apply(&mut state, &spec, timed);
            apply(&mut life, &total, timed);
            let Plain::Set(number) = timed.2.operation else { unreachable!() };
            events.push((timed.0.time_ms, f64::from(number)));
            let now_ms = timed.0.now_ms + 500;
            let sum = |window_ms: i64| -> f64 {
                let bucket = |time_ms: i64| (i128::from(time_ms) * 60).div_euclid(window_ms.into());
                let held = |(time_ms, _): &&(i64, f64)| bucket(*time_ms) > bucket(now_ms) - 60;
                events.iter().filter(held).map(|(_, amount)| amount).sum::<f64>() + 0.0
            };
            let number = |value: &Value| match value {
                Value::Number(number) => *number,
                other => panic!("a counter reads as a number: {other:?}"),
            };
            prop_assert_eq!(number(&state.read(&spec, now_ms)), sum(windows_ms[0]));
            for (index, window_ms) in windows_ms[1..].iter().enumerate() {
                let read = state.read_window(&spec, index, now_ms);
                prop_assert_eq!(number(&read), sum(*window_ms));
            }
            let all = events.iter().map(|(_, amount)| amount).sum::<f64>() + 0.0;
            prop_assert_eq!(number(&life.read(&total, now_ms)), all);
        }
    }

    #[test]
    fn a_single_for_life_folds_as_its_aggregation_says(steps in steps()) {
        let steps = sets_only(steps);
        for aggregation in AGGREGATIONS {
            let spec = single(aggregation, None);
            let mut state = AttributeState::new(&spec);
            let mut events: Vec<(i64, u64, f64)> = Vec::new();
            for timed in timed(&steps) {
                apply(&mut state, &spec, timed);
                let Plain::Set(number) = timed.2.operation else { unreachable!() };
                events.push((timed.0.time_ms, timed.1, f64::from(number)));
                let numbers = || events.iter().map(|(_, _, number)| *number);
                let by_time = |event: &&(i64, u64, f64)| (event.0, event.1);
                let expected = match aggregation {
                    Aggregation::Last => events.iter().max_by_key(by_time).map(|event| event.2),
                    Aggregation::First => events.iter().min_by_key(by_time).map(|event| event.2),
                    Aggregation::Sum => Some(numbers().sum()),
                    Aggregation::Min => numbers().reduce(f64::min),
                    Aggregation::Max => numbers().reduce(f64::max),
                    Aggregation::Count => Some(events.len() as f64),
                    Aggregation::Mean => Some(numbers().sum::<f64>() / events.len() as f64),
                };
                let read = state.read(&spec, timed.0.now_ms).into_owned();
                let Value::Number(read) = read else { panic!("a number: {read:?}") };
                prop_assert_eq!(Some(read), expected);
            }
        }
    }

    #[test]
    fn sweeping_at_any_moment_equals_never_sweeping(
        steps in steps(), sweeps in prop::collection::vec(any::<bool>(), 60), rest_ms in 0..5 * DAY_MS,
    ) {
        for spec in all_specs() {
            let (mut swept, mut kept) = (AttributeState::new(&spec), AttributeState::new(&spec));
            for (timed, sweep) in timed(&steps).into_iter().zip(&sweeps) {
                if *sweep {
                    swept.expire(&spec, timed.0.now_ms - timed.2.pause_ms / 2);
                }
                apply(&mut swept, &spec, timed);
                apply(&mut kept, &spec, timed);
                for now_ms in [timed.0.now_ms, timed.0.now_ms + rest_ms] {
                    prop_assert_eq!(form(&swept, &spec, now_ms), form(&kept, &spec, now_ms));
                    let (mut left, mut right) = (Vec::new(), Vec::new());
                    json_form::write_canonical(&swept.read(&spec, now_ms), &mut left);
                    json_form::write_canonical(&kept.read(&spec, now_ms), &mut right);
                    prop_assert_eq!(left, right);
                }
                let mut late = kept.clone();
                late.expire(&spec, timed.0.now_ms + rest_ms);
                let (read, hidden) = (
                    late.read(&spec, timed.0.now_ms + rest_ms).into_owned(),
                    kept.read(&spec, timed.0.now_ms + rest_ms).into_owned(),
                );
                prop_assert!(json_form::equal(&read, &hidden), "{read:?} {hidden:?}");
            }
        }
    }

    #[test]
    fn two_states_merged_equal_one_state_that_saw_all_events(steps in steps()) {
        let steps = sets_only(steps);
        let mergeable = all_specs().into_iter().filter(|spec| match spec {
            AttributeSpec::Single { aggregation, duration_ms } => {
                duration_ms.is_none() || *aggregation == Aggregation::Last
            }
            // What falls out of a short list on one side is not there to be found again.
            AttributeSpec::List { max_items, id: Some(_), .. } => *max_items > 3,
            _ => true,
        });
        for spec in mergeable {
            let mut whole = AttributeState::new(&spec);
            let mut sides = [AttributeState::new(&spec), AttributeState::new(&spec)];
            let mut now_ms = 0;
            for timed in timed(&steps) {
                apply(&mut whole, &spec, timed);
                apply(&mut sides[usize::from(timed.2.side)], &spec, timed);
                now_ms = timed.0.now_ms;
            }
            let [mut left, mut right] = sides.clone();
            left.merge(&sides[1], &spec, now_ms);
            right.merge(&sides[0], &spec, now_ms);
            let whole = form(&timeless(&whole), &spec, now_ms);
            for (united, other) in [(&left, &sides[1]), (&right, &sides[0])] {
                prop_assert_eq!(&form(&timeless(united), &spec, now_ms), &whole);
                let changes = sides.iter().filter_map(|side| side.changed_ms(&spec, now_ms));
                prop_assert_eq!(united.changed_ms(&spec, now_ms), changes.max(), "{:?}", other);
            }
        }
    }
}
