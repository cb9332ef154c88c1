//! The reactor from outside: the critical section, repeats, recovery, publishes, failures.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use p13n::clock::ClockMode;
use p13n::config::SourceFile;
use p13n::error::{Error, ErrorKind};
use p13n::event::TIME_MS_MAX;
use p13n::log::storage::{Fault, RealDisk, SimulatedDisk};
use p13n::log::{Reader, SyncPolicy};
use p13n::reactor::open::{LOG_FOLDER, QUEUE_BYTES_MIN, directory_of};
use p13n::reactor::{Options, Reactor, Receipt, Request};
use p13n::record::{BadRecord, EventReplay, KIND_EVENT};
use p13n::value::Value;
use proptest::prelude::*;

const CONFIGURATION: &str = r#"
version: 1
account: 1
instance: 8
name: test
database: shop
keys:
  - name: customer_id
  - name: email
    normalize: [trim, lower]
    valid_regexp: "@"
  - name: td_client_id
events:
  - {name: pageview, table: pageviews}
  - {name: home, table: pageviews, if: EVENT.td_path === "/"}
  - {name: order, table: orders}
attributes:
  - name: preferences
    type: list
    max_items: 5
    duration: 30d
    set: [{event: pageview, if: EVENT.category !== undefined, value: "${EVENT.category}"}]
  - name: bought
    type: list
    distinct: true
    set:
      - {event: order, each: "${EVENT.skus}", value: "${ITEM}"}
      - {event: home, delete: "${EVENT.forget}"}
  - name: spend
    type: single
    aggregation: sum
    set: [{event: order, value: "${EVENT.total}"}]
  - name: dearest
    type: single
    aggregation: max
    set: [{event: order, value: "${EVENT.total}"}]
  - name: last_path
    type: single
    set: [{event: pageview, value: "${EVENT.td_path}"}]
  - name: first_path
    type: single
    aggregation: first
    set: [{event: pageview, value: "${EVENT.td_path}"}]
  - name: views
    type: counter
    duration: 30d
    set: [{event: pageview}]
    windows: {views_1h: 1h}
  - name: orders
    type: counter
    total: true
    set: [{event: order}]
offers:
  - name: preferences_known
    set:
      - event: pageview
        if: PROFILE.preferences.length > 0
        data:
          td_client_id: ${PROFILE.td_client_id}
          preferences: ${PROFILE.preferences.slice(-1)[0].value}
  - name: buyer
    set:
      - if: [PROFILE.orders > 0, PROFILE.spend > 10]
        let: {skus: "${PROFILE.bought.map(b => b.value)}"}
        data: {skus: "${skus}", spend: "spent ${PROFILE.spend}"}
  - name: broken
    set: [{if: PROFILE.last_path.length > EVENT.nothing.at.all, data: {}}]
tokens:
  - {name: server, value: e65d8a9df2094f02b84cd660efff6f27}
"#;

fn source() -> SourceFile {
    SourceFile::new("test.yaml", CONFIGURATION)
}

fn in_memory() -> Reactor {
    Reactor::open(&source(), &Options::default()).expect("a good configuration").0
}

fn on_disk(data_dir: &Path) -> Options {
    Options {
        data_dir: Some(data_dir.to_path_buf()),
        sync: SyncPolicy::Interval { ms: 20 },
        ..Options::default()
    }
}

fn open(options: &Options) -> Reactor {
    Reactor::open(&source(), options).expect("it opens").0
}

fn send(reactor: &Reactor, table: &str, body: &str) -> Result<(String, Receipt), Error> {
    send_at(reactor, table, body, None)
}

fn send_at(
    reactor: &Reactor,
    table: &str,
    body: &str,
    now_ms: Option<i64>,
) -> Result<(String, Receipt), Error> {
    let mut answer = Vec::new();
    let request = Request { now_ms, ..Request::new("shop", table, body.as_bytes()) };
    let receipt = reactor.personalize_json(&request, &mut answer)?;
    Ok((String::from_utf8(answer).expect("JSON is UTF-8"), receipt))
}

fn answer(reactor: &Reactor, table: &str, body: &str) -> String {
    send(reactor, table, body).expect("a good event").0
}

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
fn a_restart_finds_the_same_state_and_publishes_nothing_anew() {
    let directory = tempfile::tempdir().unwrap();
    let options = on_disk(directory.path());
    let reactor = open(&options);
    for client in 0..50 {
        let body =
            format!(r#"{{"td_client_id":"t{client}","category":"c{client}","td_path":"/"}}"#);
        answer(&reactor, "pageviews", &body);
        let body = format!(r#"{{"td_client_id":"t{client}","total":{client},"skus":[1,"b"]}}"#);
        answer(&reactor, "orders", &body);
    }
    answer(&reactor, "pageviews", r#"{"td_client_id":"t1","email":"a@b"}"#);
    answer(&reactor, "pageviews", r#"{"td_client_id":"t2","email":"a@b"}"#);
    let (hash, lsn) = (reactor.state_hash(), reactor.log().appended());
    reactor.close().unwrap();
    drop(reactor);

    let again = open(&options);
    assert_eq!(again.state_hash(), hash);
    assert_eq!(again.recovery().events, 102);
    assert_eq!(again.log().appended(), lsn, "the same configuration is not published again");
    assert_eq!(again.published().plan.number, 1);
    let own = directory_of(directory.path(), 1, 8);
    assert_eq!(Reactor::rehearse(&own, &Options::default()).unwrap(), hash);
}

#[test]
fn a_changed_configuration_is_published_and_old_records_keep_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let options = on_disk(directory.path());
    let reactor = open(&options);
    answer(&reactor, "pageviews", r#"{"td_client_id":"a","category":"women"}"#);
    reactor.close().unwrap();
    drop(reactor);

    let changed = CONFIGURATION.replace("EVENT.category !== undefined", "EVENT.kind !== undefined");
    let changed = changed.replace("value: \"${EVENT.category}\"", "value: \"${EVENT.kind}\"");
    let source = SourceFile::new("test.yaml", changed);
    let (reactor, _) = Reactor::open(&source, &options).unwrap();
    assert_eq!(reactor.published().plan.number, 2);
    let later = answer(&reactor, "pageviews", r#"{"td_client_id":"a","category":"x"}"#);
    assert!(later.contains(r#""preferences":"women""#), "{later}");
    let later = answer(&reactor, "pageviews", r#"{"td_client_id":"a","kind":"men"}"#);
    assert!(later.contains(r#""preferences":"men""#), "{later}");
    let hash = reactor.state_hash();
    reactor.close().unwrap();
    drop(reactor);
    let (again, _) = Reactor::open(&source, &options).unwrap();
    assert_eq!(again.state_hash(), hash);
    assert_eq!(again.published().plan.number, 2);
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
    let options = Options { sync: SyncPolicy::Always, ..options };
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
fn many_threads_lose_nothing_and_replay_agrees() {
    let directory = tempfile::tempdir().unwrap();
    let options = on_disk(directory.path());
    let reactor = open(&options);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let reactor = &reactor;
            scope.spawn(move || {
                for turn in 0..250 {
                    let client = (thread * 7 + turn) % 20;
                    let other = (turn * 3) % 20;
                    let body = match turn % 10 {
                        9 => format!(r#"{{"td_client_id":"t{client}","email":"{other}@x"}}"#),
                        _ => format!(r#"{{"td_client_id":"t{client}","total":1,"skus":[{turn}]}}"#),
                    };
                    let table = if turn % 10 == 9 { "pageviews" } else { "orders" };
                    answer(reactor, table, &body);
                }
            });
        }
    });
    assert_eq!(reactor.counters().events.get(), 1_000);
    let hash = reactor.state_hash();
    reactor.close().unwrap();
    drop(reactor);
    let again = open(&options);
    assert_eq!(again.recovery().events, 1_000);
    assert_eq!(again.state_hash(), hash);
}

#[test]
fn the_times_of_records_rise_with_their_lsn_whatever_the_threads_do() {
    for clock in [ClockMode::Event, ClockMode::Server] {
        let directory = tempfile::tempdir().unwrap();
        let options = Options { clock, ..on_disk(directory.path()) };
        let reactor = open(&options);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let reactor = &reactor;
                scope.spawn(move || {
                    for turn in 0..500 {
                        let time = 1_700_000_000 + turn * 4 + thread;
                        let client = (turn * 7 + thread) % 50;
                        answer(
                            reactor,
                            "pageviews",
                            &format!(
                                r#"{{"td_client_id":"t{client}","category":1,"time":{time}}}"#
                            ),
                        );
                    }
                });
            }
        });
        let hash = reactor.state_hash();
        reactor.close().unwrap();
        let own = directory_of(directory.path(), 1, 8);
        let times = recorded_times(&own);
        assert_eq!(times.len(), 2_000);
        assert!(times.is_sorted(), "{clock:?}: processing time goes backwards in the log");
        assert_eq!(Reactor::rehearse(&own, &Options::default()).unwrap(), hash, "{clock:?}");
    }
}

/// Processing times of a directory's events, in LSN order.
fn recorded_times(own: &Path) -> Vec<i64> {
    let mut times = Vec::new();
    let reader = Reader::open(&own.join(LOG_FOLDER), Arc::new(RealDisk)).unwrap();
    let read = reader.records(|record| -> Result<(), BadRecord> {
        if record.kind == KIND_EVENT {
            times.push(EventReplay::decode(record.payload)?.now_ms);
        }
        Ok(())
    });
    read.unwrap();
    times
}

#[test]
fn an_event_without_time_before_the_first_moves_the_event_clock_neither_live_nor_on_replay() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { clock: ClockMode::Event, ..on_disk(directory.path()) };
    let reactor = open(&options);
    answer(&reactor, "pageviews", r#"{"td_client_id":"a","category":"now"}"#);
    answer(&reactor, "pageviews", r#"{"td_client_id":"b","category":"then","time":1300000000}"#);
    let hash = reactor.state_hash();
    reactor.close().unwrap();
    drop(reactor);

    let own = directory_of(directory.path(), 1, 8);
    assert_eq!(Reactor::rehearse(&own, &Options::default()).unwrap(), hash);
    let again = open(&options);
    assert_eq!(again.state_hash(), hash);
    answer(&again, "pageviews", r#"{"td_client_id":"c","time":1300000001}"#);
    let updated_ms = again.profile("td_client_id", "c").unwrap().expect("known").updated_ms;
    assert_eq!(updated_ms, 1_300_000_001_000);
}

#[test]
fn replay_leaves_rules_the_fuel_that_the_filters_had_left_them() {
    let filters: String = (0..60)
        .map(|n| {
            let filter = "EVENT.list.map(x => x + 1).length > 0";
            format!("  - {{name: dear{n}, table: pageviews, if: \"{filter}\"}}\n")
        })
        .collect();
    let configuration = CONFIGURATION.replace("attributes:\n", &format!("{filters}attributes:\n"));
    let source = SourceFile::new("test.yaml", configuration);
    let directory = tempfile::tempdir().unwrap();
    let options = on_disk(directory.path());
    let (reactor, _) = Reactor::open(&source, &options).unwrap();
    let list = vec!["1"; 9_000].join(",");
    let body = format!(r#"{{"td_client_id":"a","category":"x","td_path":"/p","list":[{list}]}}"#);
    answer(&reactor, "pageviews", &body);
    let errors = reactor.counters().errors.snapshot();
    let of = |name: &str| errors.iter().any(|(at, why, _)| at == name && *why == "FuelError");
    assert!(of("preferences") && !of("dear0"), "the filters leave nothing: {errors:?}");
    let hash = reactor.state_hash();
    reactor.close().unwrap();
    drop(reactor);
    assert_eq!(Reactor::open(&source, &options).unwrap().0.state_hash(), hash);
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

#[test]
fn a_rule_that_reads_the_list_it_writes_takes_time_in_proportion_to_the_event() {
    let own = "each: \"${EVENT.skus}\", if: \"PROFILE.bought.length >= 0\", value: \"${ITEM}\"";
    let configuration = CONFIGURATION.replace("each: \"${EVENT.skus}\", value: \"${ITEM}\"", own);
    let source = SourceFile::new("test.yaml", configuration);
    let directory = tempfile::tempdir().unwrap();
    let options = on_disk(directory.path());
    let (reactor, _) = Reactor::open(&source, &options).unwrap();
    let skus = |count: usize| (0..count).map(|sku| sku.to_string()).collect::<Vec<_>>().join(",");
    let started = Instant::now();
    for (client, count) in [("a", 5), ("a", 9), ("a", 40), ("b", 20_000)] {
        let body = format!(r#"{{"td_client_id":"{client}","total":1,"skus":[{}]}}"#, skus(count));
        answer(&reactor, "orders", &body);
    }
    assert!(started.elapsed().as_secs() < 3, "quadratic: {:?}", started.elapsed());
    for (client, expected) in [("a", 40), ("b", 100)] {
        let profile = reactor.profile("td_client_id", client).unwrap().expect("known");
        let (_, bought) = profile.attributes.iter().find(|(name, _)| name == "bought").unwrap();
        assert!(matches!(bought, Value::Array(items) if items.len() == expected), "{bought:?}");
    }
    let hash = reactor.state_hash();
    reactor.close().unwrap();
    drop(reactor);
    assert_eq!(Reactor::open(&source, &options).unwrap().0.state_hash(), hash);
}

#[test]
fn lines_of_a_file_are_dealt_with_once_even_after_a_restart() {
    use p13n::reactor::ingest::FileLines;
    let directory = tempfile::tempdir().unwrap();
    let options = on_disk(directory.path());
    let lines: Vec<String> =
        (0..10).map(|line| format!(r#"{{"td_client_id":"a","total":{line}}}"#)).collect();
    let file = Some(FileLines { file: [9; 32], first_line: 1 });
    let reactor = open(&options);
    let report = reactor.ingest("shop", "orders", &lines[..6], None, file, true).unwrap();
    assert_eq!((report.stored, report.duplicate), (6, 0));
    reactor.close().unwrap();
    drop(reactor);
    let reactor = open(&options);
    assert_eq!(reactor.ingested_line("shop", "orders", [9; 32]), 6);
    let report = reactor.ingest("shop", "orders", &lines, None, file, true).unwrap();
    assert_eq!((report.stored, report.duplicate), (4, 6));
}

/// One step of a random history.
#[derive(Clone, Debug)]
struct Step {
    table: &'static str,
    body: String,
    advance_ms: i64,
}

fn step() -> impl Strategy<Value = Step> {
    let identifiers = (
        proptest::option::weighted(0.7, 0..6u8),
        proptest::option::weighted(0.4, 0..4u8),
        proptest::option::weighted(0.2, 0..3u8),
    );
    let table = prop_oneof![Just("pageviews"), Just("orders"), Just("elsewhere")];
    let what = (0..50u8, 0..4u8, proptest::option::of(0..30u8), -7_200i64..600);
    (identifiers, table, what, 0..4_000_000i64).prop_map(
        |((cookie, email, customer), table, (total, sku, uuid, age_s), advance_ms)| {
            let mut fields = vec![
                format!(r#""total":{total}"#),
                format!(r#""skus":["s{sku}",{sku}]"#),
                format!(r#""category":"c{total}""#),
                format!(r#""td_path":"{}""#, if sku == 0 { "/" } else { "/p" }),
                format!(r#""forget":"s{sku}""#),
            ];
            fields.extend(cookie.map(|id| format!(r#""td_client_id":"t{id}""#)));
            fields.extend(email.map(|id| format!(r#""email":"E{id}@x""#)));
            fields.extend(customer.map(|id| format!(r#""customer_id":{}"#, id + 1)));
            fields.extend(uuid.map(|id| format!(r#""uuid":"{:032x}""#, u128::from(id) + 1)));
            if age_s % 3 != 0 {
                fields.push(format!(r#""time":{}"#, 1_700_000_000 + age_s));
            }
            Step { table, body: format!("{{{}}}", fields.join(",")), advance_ms }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn replay_and_rehearsal_of_any_history_agree_with_live(
        steps in proptest::collection::vec(step(), 1..80),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let options = on_disk(directory.path());
        let reactor = open(&options);
        let mut now_ms = 1_700_000_000_000;
        for step in &steps {
            now_ms += step.advance_ms;
            match send_at(&reactor, step.table, &step.body, Some(now_ms)) {
                Ok(_) => {}
                Err(error) => prop_assert!(matches!(error.kind(), ErrorKind::BadEvent(_))),
            }
        }
        let hash = reactor.state_hash();
        reactor.close().unwrap();
        drop(reactor);
        let own = directory_of(directory.path(), 1, 8);
        prop_assert_eq!(Reactor::rehearse(&own, &Options::default()).unwrap(), hash);
        for shards in [1, 16, 256] {
            let again = open(&Options { shards, ..options.clone() });
            prop_assert_eq!(again.state_hash(), hash);
        }
    }
}
