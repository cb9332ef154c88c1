//! Attributes kind by kind: limits, times and refusals, one at a time.

use super::model_tests::{AGGREGATIONS, DAY_MS, list, list_by_sku, single};
use super::*;

const MOMENT: Moment = Moment { now_ms: 1_700_000_000_000, time_ms: 1_700_000_000_000 };

fn set(state: &mut AttributeState, spec: &AttributeSpec, value: Value) -> Result<(), Rejected> {
    state.apply(spec, MOMENT, Operation::Set(value), 10)
}
#[test]
fn fifty_names_are_counted_and_of_one_more_the_longest_untouched_goes() {
    assert_eq!(counters::NAMES_MAX, 50);
    let spec = AttributeSpec::Counter { duration_ms: None, windows_ms: Vec::new(), by: true };
    let mut state = AttributeState::new(&spec);
    let names = |state: &AttributeState| -> Vec<String> {
        let Value::Object(read) = state.read(&spec, MOMENT.now_ms).into_owned() else { panic!() };
        read.entries().iter().map(|(name, _)| name.to_string()).collect()
    };
    let count = |state: &mut AttributeState, name: String, lsn: u64| {
        let operation = Operation::CountOf(name.into(), Value::Number(1.0));
        state.apply(&spec, MOMENT, operation, 2048).expect("counts");
        state.settle(lsn);
    };
    for number in 0..50 {
        count(&mut state, format!("n{number}"), number + 1);
    }
    count(&mut state, "n0".to_owned(), 51);
    let held = names(&state);
    assert_eq!((held.len(), held[0].as_str(), held[49].as_str()), (50, "n1", "n0"));
    count(&mut state, "one more".to_owned(), 52);
    let held = names(&state);
    assert_eq!((held.len(), held[0].as_str(), held[49].as_str()), (50, "n2", "one more"));
    let mut other = AttributeState::new(&spec);
    count(&mut other, "n1".to_owned(), 53);
    count(&mut other, "n7".to_owned(), 54);
    state.merge(&other, &spec, MOMENT.now_ms);
    let held = names(&state);
    assert_eq!((held.len(), held[0].as_str(), held[49].as_str()), (50, "n3", "n7"));
    assert!(!held.contains(&"n2".to_owned()) && held.contains(&"n1".to_owned()));
}

#[test]
fn an_item_without_its_id_is_not_taken() {
    let spec = list_by_sku(5, DAY_MS);
    let mut state = AttributeState::new(&spec);
    for value in [Value::Undefined, Value::Null] {
        let fields = Object::from_entries(vec![("sku".into(), value)]);
        let operation = Operation::SetFields(Arc::new(fields));
        assert_eq!(state.apply(&spec, MOMENT, operation, 2048), Err(Rejected::NoId));
    }
    assert_eq!(set(&mut state, &spec, Value::Number(1.0)), Err(Rejected::NoId));
    assert_eq!(state.changed_ms(&spec, MOMENT.now_ms), None);
}

#[test]
fn what_an_event_does_not_change_keeps_the_time_of_its_last_change() {
    let late = Moment { now_ms: MOMENT.now_ms + 5_000, time_ms: MOMENT.now_ms - 2 * DAY_MS };
    let single_day = |aggregation| single(aggregation, Some(DAY_MS));
    let counter =
        AttributeSpec::Counter { duration_ms: Some(DAY_MS), windows_ms: Vec::new(), by: false };
    let specs = [
        single_day(Aggregation::Last),
        single_day(Aggregation::Sum),
        list(5, DAY_MS, false),
        counter,
    ];
    for spec in specs {
        let mut state = AttributeState::new(&spec);
        assert_eq!(state.changed_ms(&spec, MOMENT.now_ms), None);
        set(&mut state, &spec, Value::Number(1.0)).unwrap();
        assert_eq!(state.changed_ms(&spec, MOMENT.now_ms), Some(MOMENT.now_ms));
        state.apply(&spec, late, Operation::Set(Value::Number(2.0)), 10).unwrap();
        assert_eq!(state.changed_ms(&spec, late.now_ms), Some(MOMENT.now_ms), "{spec:?}");
        let next = Moment { now_ms: late.now_ms, time_ms: late.now_ms };
        state.apply(&spec, next, Operation::Set(Value::Number(2.0)), 10).unwrap();
        assert_eq!(state.changed_ms(&spec, late.now_ms), Some(late.now_ms), "{spec:?}");
        assert_eq!(state.changed_ms(&spec, late.now_ms + 2 * DAY_MS), None, "{spec:?}");
    }
}

#[test]
fn numeric_folds_refuse_what_is_not_or_would_not_be_a_finite_number() {
    let counter = AttributeSpec::Counter { duration_ms: None, windows_ms: vec![DAY_MS], by: false };
    for spec in [single(Aggregation::Sum, None), counter] {
        let mut state = AttributeState::new(&spec);
        let large = Value::Number(1e308);
        assert_eq!(state.apply(&spec, MOMENT, Operation::Set(large.clone()), 2048), Ok(()));
        let again = state.apply(&spec, MOMENT, Operation::Set(large), 2048);
        assert_eq!(again, Err(Rejected::NotFinite));
        for value in [Value::Number(f64::NAN), Value::String("1".into()), Value::Bool(true)] {
            assert_eq!(set(&mut state, &spec, value), Err(Rejected::NotFinite));
        }
        assert!(json_form::equal(&state.read(&spec, MOMENT.now_ms), &Value::Number(1e308)));
    }
}

#[test]
fn a_value_over_the_limit_leaves_the_old_one() {
    let spec = single(Aggregation::Last, None);
    let mut state = AttributeState::new(&spec);
    assert_eq!(set(&mut state, &spec, Value::String("12345678".into())), Ok(()));
    let long = set(&mut state, &spec, Value::String("123456789".into()));
    assert_eq!(long, Err(Rejected::TooLarge));
    let kept = Value::String("12345678".into());
    assert!(json_form::equal(&state.read(&spec, MOMENT.now_ms), &kept));
    let spec = list(5, DAY_MS, false);
    let mut state = AttributeState::new(&spec);
    let long = set(&mut state, &spec, Value::String("123456789".into()));
    assert_eq!(long, Err(Rejected::TooLarge));
    assert!(state.is_empty());
}

#[test]
fn null_clears_a_single_unless_it_is_older_than_the_value() {
    for aggregation in AGGREGATIONS {
        let spec = single(aggregation, None);
        let mut state = AttributeState::new(&spec);
        set(&mut state, &spec, Value::Number(5.0)).unwrap();
        let earlier = Moment { time_ms: MOMENT.time_ms - 1, ..MOMENT };
        state.apply(&spec, earlier, Operation::Set(Value::Null), 10).unwrap();
        assert!(!state.is_empty());
        set(&mut state, &spec, Value::Undefined).unwrap();
        assert!(!state.is_empty());
        set(&mut state, &spec, Value::Null).unwrap();
        assert!(state.is_empty());
    }
}

#[test]
fn clearing_a_counter_leaves_what_is_younger_than_the_event() {
    let spec =
        AttributeSpec::Counter { duration_ms: Some(60_000), windows_ms: Vec::new(), by: false };
    let mut state = AttributeState::new(&spec);
    for seconds in 0..5 {
        let time_ms = MOMENT.now_ms - seconds * 1000;
        let moment = Moment { now_ms: MOMENT.now_ms, time_ms };
        state.apply(&spec, moment, Operation::Increment, 10).unwrap();
    }
    let clear = Moment { now_ms: MOMENT.now_ms, time_ms: MOMENT.now_ms - 2000 };
    state.apply(&spec, clear, Operation::Clear, 10).unwrap();
    assert!(json_form::equal(&state.read(&spec, MOMENT.now_ms), &Value::Number(2.0)));
}

#[test]
fn a_new_window_starts_from_the_buckets_there() {
    let old =
        AttributeSpec::Counter { duration_ms: Some(7 * DAY_MS), windows_ms: Vec::new(), by: false };
    let new = AttributeSpec::Counter {
        duration_ms: Some(7 * DAY_MS),
        windows_ms: vec![2 * DAY_MS],
        by: false,
    };
    let mut state = AttributeState::new(&old);
    for days in 0..5 {
        let moment = Moment { time_ms: MOMENT.now_ms - days * DAY_MS, ..MOMENT };
        state.apply(&old, moment, Operation::Increment, 10).unwrap();
    }
    let window = |state: &AttributeState| state.read_window(&new, 0, MOMENT.now_ms);
    assert!(json_form::equal(&window(&state), &Value::Number(2.0)));
    state.apply(&new, MOMENT, Operation::Increment, 10).unwrap();
    assert!(json_form::equal(&window(&state), &Value::Number(3.0)));
    assert!(json_form::equal(&state.read(&new, MOMENT.now_ms), &Value::Number(6.0)));
}

#[test]
fn items_written_as_maps_are_compared_by_their_fields_without_the_time() {
    let spec = list(5, DAY_MS, true);
    let mut state = AttributeState::new(&spec);
    let fields = |sku: &str| {
        let entries = vec![("sku".into(), Value::String(sku.into()))];
        Arc::new(Object::from_entries(entries))
    };
    for sku in ["a", "b", "a"] {
        state.apply(&spec, MOMENT, Operation::SetFields(fields(sku)), 2048).unwrap();
    }
    let skus = |state: &AttributeState| -> Vec<String> {
        let Value::Array(items) = state.read(&spec, MOMENT.now_ms).into_owned() else { panic!() };
        let sku = |item: &Value| match item {
            Value::Object(object) => match object.get("sku") {
                Some(Value::String(sku)) => sku.to_string(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        items.iter().map(sku).collect()
    };
    assert_eq!(skus(&state), ["b", "a"]);
    let delete = Operation::Delete(Value::Object(fields("b")));
    state.apply(&spec, MOMENT, delete, 2048).unwrap();
    assert_eq!(skus(&state), ["a"]);
}

#[test]
fn reading_an_unexpired_list_shares_its_items() {
    let spec = list(5, DAY_MS, false);
    let mut state = AttributeState::new(&spec);
    set(&mut state, &spec, Value::Number(1.0)).unwrap();
    let reads = [state.read(&spec, MOMENT.now_ms), state.read(&spec, MOMENT.now_ms)];
    let [Value::Array(left), Value::Array(right)] = reads.map(Cow::into_owned) else { panic!() };
    assert!(Arc::ptr_eq(&left, &right));
}

#[test]
fn what_is_as_old_as_the_duration_is_taken_and_a_millisecond_older_is_not() {
    let specs = AGGREGATIONS.map(|aggregation| single(aggregation, Some(DAY_MS)));
    for spec in specs.into_iter().chain([list(5, DAY_MS, false), list(5, DAY_MS, true)]) {
        for (older_ms, is_taken) in [(0, true), (1, false)] {
            let time_ms = MOMENT.now_ms - DAY_MS - older_ms;
            let late = Moment { time_ms, ..MOMENT };
            let mut state = AttributeState::new(&spec);
            let number = Value::Number(1.0);
            assert_eq!(state.apply(&spec, late, Operation::Set(number), 99), Ok(()));
            assert_eq!(state.changed_ms(&spec, MOMENT.now_ms).is_some(), is_taken, "{spec:?}");
            // What is taken lasts for as long as its own time says.
            assert_eq!(state.changed_ms(&spec, MOMENT.now_ms + 1), None, "{spec:?}");
        }
    }
}

#[test]
fn last_goes_to_what_is_as_new_and_first_only_to_what_is_older() {
    let read = |aggregation, later_ms| {
        let spec = single(aggregation, None);
        let mut state = AttributeState::new(&spec);
        for (number, time_ms) in [(1.0, MOMENT.time_ms), (2.0, MOMENT.time_ms + later_ms)] {
            let moment = Moment { now_ms: MOMENT.now_ms + 10, time_ms };
            state.apply(&spec, moment, Operation::Set(Value::Number(number)), 99).unwrap();
        }
        let read = state.read(&spec, MOMENT.now_ms + 10).into_owned();
        if let Value::Number(number) = read { number } else { panic!("{read:?}") }
    };
    for (later_ms, last, first) in [(-1, 1.0, 2.0), (0, 2.0, 1.0), (1, 2.0, 1.0)] {
        assert_eq!(read(Aggregation::Last, later_ms), last, "{later_ms}");
        assert_eq!(read(Aggregation::First, later_ms), first, "{later_ms}");
    }
}

#[test]
fn a_window_is_its_last_sixty_buckets_and_the_first_before_them_is_not_in_it() {
    // Buckets of one second: the current one and the 59 before it.
    for by in [false, true] {
        let spec = AttributeSpec::Counter { duration_ms: Some(60_000), windows_ms: Vec::new(), by };
        let begins_ms = MOMENT.now_ms.div_euclid(1_000) * 1_000;
        for (time_ms, is_in) in
            [(begins_ms - 59_000, true), (begins_ms - 59_001, false), (begins_ms, true)]
        {
            let mut state = AttributeState::new(&spec);
            let operation = match by {
                true => Operation::CountOf("a".into(), Value::Number(1.0)),
                false => Operation::Increment,
            };
            let moment = Moment { now_ms: begins_ms + 999, time_ms };
            state.apply(&spec, moment, operation, 99).unwrap();
            assert_eq!(!state.is_empty(), is_in, "{time_ms}");
            let left = state.changed_ms(&spec, begins_ms + 1_000).is_some();
            assert_eq!(left, is_in && time_ms > begins_ms - 59_000, "{time_ms}");
        }
    }
}

#[test]
fn a_list_holds_ten_thousand_items_and_one_more_makes_room() {
    let spec = list(10_000, DAY_MS, false);
    let mut state = AttributeState::new(&spec);
    for number in 0..=10_000 {
        set(&mut state, &spec, Value::Number(f64::from(number))).unwrap();
    }
    let Value::Array(items) = state.read(&spec, MOMENT.now_ms).into_owned() else { panic!() };
    let first = items[0].get("value").cloned();
    assert_eq!(items.len(), 10_000);
    assert!(matches!(first, Some(Value::Number(1.0))), "{first:?}");
}

#[test]
fn delete_by_id_and_clear_leave_what_is_younger_than_their_event() {
    let spec = list_by_sku(5, DAY_MS);
    for operation in [Operation::Delete(Value::text("a")), Operation::Clear] {
        for (later_ms, is_left) in [(0, false), (1, true)] {
            let mut state = AttributeState::new(&spec);
            let fields = Object::from_entries(vec![("sku".into(), Value::text("a"))]);
            state.apply(&spec, MOMENT, Operation::SetFields(Arc::new(fields)), 99).unwrap();
            let earlier = Moment { time_ms: MOMENT.time_ms - later_ms, ..MOMENT };
            state.apply(&spec, earlier, operation.clone(), 99).unwrap();
            assert_eq!(!state.is_empty(), is_left, "{operation:?}");
        }
    }
}

#[test]
fn where_profiles_merge_the_newest_item_of_an_id_is_the_one_that_stays() {
    let spec = list_by_sku(5, DAY_MS);
    let side = |price: f64, time_ms: i64, lsn| {
        let mut state = AttributeState::new(&spec);
        let entries =
            vec![("sku".into(), Value::text("a")), ("price".into(), Value::Number(price))];
        let fields = Operation::SetFields(Arc::new(Object::from_entries(entries)));
        state.apply(&spec, Moment { time_ms, ..MOMENT }, fields, 99).unwrap();
        state.settle(lsn);
        state
    };
    let price = |state: &AttributeState| {
        let Value::Array(items) = state.read(&spec, MOMENT.now_ms).into_owned() else { panic!() };
        assert_eq!(items.len(), 1);
        format!("{:?}", items[0].get("price"))
    };
    let (older, newer) = (side(1.0, MOMENT.time_ms - 5, 9), side(2.0, MOMENT.time_ms, 3));
    let later = side(3.0, MOMENT.time_ms, 4);
    for (mine, other, expected) in
        [(&older, &newer, 2.0), (&newer, &older, 2.0), (&later, &newer, 3.0)]
    {
        let mut united = mine.clone();
        united.merge(other, &spec, MOMENT.now_ms);
        assert_eq!(price(&united), format!("{:?}", Some(Value::Number(expected))));
    }
}
