//! The reactor from outside: the critical section, repeats, limits, publishes, failures.

mod shop;

use std::sync::Arc;

use p13n::config::SourceFile;
use p13n::error::ErrorKind;
use p13n::event::TIME_MS_MAX;
use p13n::expr::limits::LIST_ITEMS_MAX;
use p13n::log::SyncPolicy;
use p13n::log::storage::{Fault, SimulatedDisk};
use p13n::reactor::open::{QUEUE_BYTES_MIN, directory_of};
use p13n::reactor::{Options, Reactor, Request};
use shop::{CONFIGURATION, answer, in_memory, on_disk, open, send, send_at, source};

#[test]
fn the_seeds_offer_is_given_once_a_preference_is_known() {
    let reactor = in_memory();
    let first = answer(&reactor, "pageviews", r#"{"td_client_id":"202","some_key":"other"}"#);
    assert_eq!(first, r#"{"offers":{}}"#);
    let second = answer(&reactor, "pageviews", r#"{"td_client_id":"202","category":"women"}"#);
    assert_eq!(
        second,
        r#"{"offers":{"preferences_known":{"attributes":{"td_client_id":"202","preferences":"women"}}}}"#
    );
}

#[test]
fn one_event_that_names_two_profiles_makes_them_one_in_the_same_answer() {
    let reactor = in_memory();
    answer(&reactor, "orders", r#"{"td_client_id":"a","total":7,"skus":["x"]}"#);
    answer(&reactor, "orders", r#"{"email":" B@Example.com ","total":6,"skus":["y"]}"#);
    assert_eq!(reactor.sizes(), (2, 2));
    let united = answer(&reactor, "pageviews", r#"{"td_client_id":"a","email":"b@example.com"}"#);
    assert_eq!(
        united,
        r#"{"offers":{"buyer":{"attributes":{"skus":["x","y"],"spend":"spent 13"}}}}"#
    );
    assert_eq!(reactor.sizes(), (1, 2));
    let by_email = reactor.profile("email", "b@example.com").unwrap().expect("known");
    let by_cookie = reactor.profile("td_client_id", "a").unwrap().expect("known");
    assert_eq!(by_email.rid, by_cookie.rid);
}

#[test]
fn a_repeat_is_answered_and_neither_stored_nor_counted() {
    let reactor = in_memory();
    let event = r#"{"td_client_id":"a","total":20,"uuid":"E65D8A9DF2094F02B84CD660EFFF6F27"}"#;
    let (first, stored) = send(&reactor, "orders", event).unwrap();
    let hash = reactor.state_hash();
    let (second, repeated) = send(&reactor, "orders", &event.to_lowercase()).unwrap();
    assert_eq!(first, second);
    assert!(!stored.duplicate && repeated.duplicate);
    assert_eq!(repeated.lsn, stored.lsn);
    assert_eq!(reactor.state_hash(), hash);
    assert_eq!(reactor.counters().events.get(), 1);
    assert_eq!(reactor.counters().duplicates.get(), 1);
}

#[test]
fn an_event_without_a_usable_identifier_is_refused_and_leaves_no_trace() {
    let reactor = in_memory();
    let hash = reactor.state_hash();
    for body in [
        "{}",
        r#"{"td_client_id":""}"#,
        r#"{"td_client_id":"NULL"}"#,
        r#"{"td_client_id":1.5}"#,
        r#"{"email":"nobody"}"#,
        r#"{"td_client_id":["a"]}"#,
    ] {
        let error = send(&reactor, "pageviews", body).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::BadEvent(_)), "{body}: {error}");
        assert!(error.to_string().contains("`td_client_id`"), "{error}");
    }
    assert_eq!(reactor.state_hash(), hash);
    assert_eq!(reactor.log().appended(), 1, "only the configuration");
}

#[test]
fn what_is_no_acceptable_event_is_refused() {
    let reactor = in_memory();
    for body in [
        "",
        "[]",
        "1",
        "{",
        r#"{"td_client_id":"a"} x"#,
        r#"{"td_client_id":"a","n":NaN}"#,
        r#"{"td_client_id":"a","n":1e999}"#,
        r#"{"td_client_id":"a","s":"\ud800"}"#,
        r#"{"td_client_id":"a","time":-1}"#,
        r#"{"td_client_id":"a","time":"now"}"#,
        r#"{"td_client_id":"a","time":1.5}"#,
        r#"{"td_client_id":"a","uuid":"abc"}"#,
        r#"{"td_client_id":"a","uuid":7}"#,
    ] {
        let error = send(&reactor, "pageviews", body).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::BadEvent(_)), "{body}: {error}");
    }
    let deep = |levels: usize| {
        let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
        format!(r#"{{"td_client_id":"a","deep":{open}{close}}}"#)
    };
    assert!(send(&reactor, "pageviews", &deep(64)).is_ok());
    assert!(send(&reactor, "pageviews", &deep(65)).is_err());
}

#[test]
fn a_table_that_is_no_destination_stores_the_event_and_touches_no_profile() {
    let reactor = in_memory();
    assert_eq!(answer(&reactor, "elsewhere", r#"{"td_client_id":"a"}"#), r#"{"offers":{}}"#);
    assert_eq!(reactor.sizes(), (0, 0));
    assert_eq!(reactor.counters().unrouted.get(), 1);
    assert_eq!(reactor.log().appended(), 2);
}

#[test]
fn a_rule_that_throws_is_counted_and_the_request_goes_on() {
    let reactor = in_memory();
    answer(&reactor, "pageviews", r#"{"td_client_id":"a","td_path":"/"}"#);
    let errors = reactor.counters().errors.snapshot();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!((errors[0].0.as_str(), errors[0].1, errors[0].2), ("broken", "TypeError", 1));
}

#[test]
fn each_takes_lists_up_to_their_limit_and_counts_longer_ones() {
    let reactor = in_memory();
    let event = |count: usize| {
        let skus: Vec<String> = (0..count).map(|sku| sku.to_string()).collect();
        format!(r#"{{"td_client_id":"a","total":1,"skus":[{}]}}"#, skus.join(","))
    };
    answer(&reactor, "orders", &event(LIST_ITEMS_MAX));
    assert!(reactor.counters().errors.snapshot().iter().all(|(name, ..)| name != "bought"));
    answer(&reactor, "orders", &event(LIST_ITEMS_MAX + 1));
    let errors = reactor.counters().errors.snapshot();
    let bought = errors.iter().find(|(name, ..)| name == "bought").expect("it is counted");
    assert_eq!((bought.1, bought.2), ("LimitError", 1));
}

#[test]
fn an_answer_is_cut_at_the_last_whole_offer_that_fits() {
    let reactor = in_memory();
    answer(&reactor, "orders", r#"{"td_client_id":"a","total":20,"skus":["x"]}"#);
    let body = br#"{"td_client_id":"a","category":"women"}"#;
    let mut whole = Vec::new();
    reactor.personalize_json(&Request::new("shop", "pageviews", body), &mut whole).unwrap();
    for (answer_bytes_max, offers) in [(whole.len(), 2), (whole.len() - 1, 1), (20, 0)] {
        let request = Request { answer_bytes_max, ..Request::new("shop", "pageviews", body) };
        let mut answer = Vec::new();
        reactor.personalize_json(&request, &mut answer).unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["offers"].as_object().map(|offers| offers.len()), Some(offers));
    }
    assert_eq!(reactor.counters().answers_cut.get(), 2);
}

#[test]
fn an_attribute_that_changes_its_type_is_refused_with_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let options = on_disk(directory.path());
    drop(open(&options));
    let changed = CONFIGURATION.replace("aggregation: sum", "aggregation: min");
    let error = Reactor::open(&SourceFile::new("test.yaml", changed), &options).map(|_| ());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("`spend`") && error.contains("aggregation"), "{error}");
    let line = CONFIGURATION.lines().position(|line| line.contains("name: spend")).unwrap() + 1;
    assert!(error.contains(&format!("test.yaml:{line}:")), "{error}");
    drop(open(&options));
}

#[test]
fn an_attribute_that_was_away_for_a_publish_does_not_come_back_as_another_type() {
    let directory = tempfile::tempdir().unwrap();
    let options = on_disk(directory.path());
    let first = open(&options);
    answer(&first, "orders", r#"{"td_client_id":"a","total":7}"#);
    drop(first);
    let without = CONFIGURATION.replace("name: dearest", "name: costliest");
    drop(Reactor::open(&SourceFile::new("test.yaml", without), &options).unwrap());
    let back = CONFIGURATION.replace("aggregation: max", "aggregation: min");
    let error = Reactor::open(&SourceFile::new("test.yaml", back), &options).map(|_| ());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("`dearest`") && error.contains("aggregation"), "{error}");
    drop(open(&options));
}

#[test]
fn a_second_reactor_on_a_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let options = on_disk(directory.path());
    let _first = open(&options);
    let error = Reactor::open(&source(), &options).map(|_| ()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Log(p13n::log::Error::Locked { .. })), "{error}");
}

#[test]
fn after_a_failed_write_nothing_is_stored_and_reads_go_on() {
    let directory = tempfile::tempdir().unwrap();
    // The secret is a plain file beside the log, which alone is on the simulated disk.
    std::fs::create_dir_all(directory_of(directory.path(), 1, 8)).unwrap();
    let disk = Arc::new(SimulatedDisk::default());
    let options = Options { disk: disk.clone(), ..on_disk(directory.path()) };
    // The call that fails is to be the log's own.
    let options = Options { sync: SyncPolicy::Always, identity_log: false, ..options };
    let reactor = open(&options);
    let (_, receipt) = send(&reactor, "orders", r#"{"td_client_id":"a","total":1}"#).unwrap();
    reactor.wait(&receipt).unwrap();
    fail_the_next_call(&disk);
    // The first event may still be appended; the writer then finds the disk gone.
    let mut refused = None;
    for _ in 0..1_000 {
        match send(&reactor, "orders", r#"{"td_client_id":"b","total":1}"#) {
            Ok((_, receipt)) => assert!(reactor.wait(&receipt).is_err(), "nothing is durable"),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    let refused = refused.expect("a poisoned log refuses");
    assert!(matches!(refused.kind(), ErrorKind::Stopped(_)), "{refused}");
    let events = reactor.counters().events.get();
    assert!(send(&reactor, "orders", r#"{"td_client_id":"c","total":1}"#).is_err());
    assert_eq!(reactor.counters().events.get(), events);
    assert!(reactor.log().failure().is_some());
}

fn fail_the_next_call(disk: &SimulatedDisk) {
    disk.plan(1, Fault::Fail(std::io::ErrorKind::Other));
}

#[test]
fn a_repeats_offers_are_not_counted_as_given() {
    let reactor = in_memory();
    let event = r#"{"td_client_id":"a","total":20,"uuid":"e65d8a9df2094f02b84cd660efff6f27"}"#;
    for _ in 0..3 {
        assert!(answer(&reactor, "orders", event).contains("buyer"));
    }
    assert_eq!(reactor.counters().offers.get(), 1);
}

#[test]
fn an_event_of_a_million_bytes_is_stored_and_one_byte_more_is_refused() {
    let reactor = in_memory();
    let body = |bytes: usize| {
        let empty = r#"{"td_client_id":"a","pad":""}"#;
        empty.replace(r#""""#, &format!(r#""{}""#, "x".repeat(bytes - empty.len())))
    };
    assert_eq!(body(1_000_000).len(), 1_000_000);
    assert!(send(&reactor, "pageviews", &body(1_000_000)).is_ok());
    let error = send(&reactor, "pageviews", &body(1_000_001)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::BadEvent(_)), "{error}");
    assert_eq!(reactor.counters().events.get(), 1);
}

#[test]
fn a_processing_time_outside_of_the_calendar_is_refused() {
    let reactor = in_memory();
    let body = r#"{"td_client_id":"a"}"#;
    for now_ms in [0, TIME_MS_MAX] {
        assert!(send_at(&reactor, "pageviews", body, Some(now_ms)).is_ok());
    }
    for now_ms in [-1, TIME_MS_MAX + 1, i64::MIN, i64::MAX] {
        let error = send_at(&reactor, "pageviews", body, Some(now_ms)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Argument(_)), "{error}");
    }
}

#[test]
fn a_queue_that_cannot_hold_one_event_is_refused_when_the_reactor_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { queue_bytes_max: QUEUE_BYTES_MIN, ..on_disk(directory.path()) };
    let reactor = open(&options);
    let body = format!(r#"{{"td_client_id":"a","pad":"{}"}}"#, "x".repeat(999_900));
    assert!(send(&reactor, "pageviews", &body).is_ok());
    drop(reactor);
    let options = Options { queue_bytes_max: QUEUE_BYTES_MIN - 1, ..options };
    let error = Reactor::open(&source(), &options).map(|_| ()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Argument(_)), "{error}");
}

#[test]
fn a_closed_reactor_refuses_events_repeats_and_look_ups() {
    let directory = tempfile::tempdir().unwrap();
    for reactor in [in_memory(), open(&on_disk(directory.path()))] {
        let event = r#"{"td_client_id":"a","uuid":"e65d8a9df2094f02b84cd660efff6f27"}"#;
        answer(&reactor, "pageviews", event);
        reactor.close().unwrap();
        for body in [event, r#"{"td_client_id":"a"}"#] {
            let error = send(&reactor, "pageviews", body).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Stopped(_)), "{error}");
        }
        let error = reactor.profile("td_client_id", "a").unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Stopped(_)), "{error}");
        assert!(reactor.ingest("shop", "orders", &[event], None, None, true).is_err());
        reactor.close().unwrap();
    }
}
