//! Replay: whatever was computed live is computed again from the log, by restart and by rehearsal.

mod shop;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use p13n::clock::ClockMode;
use p13n::config::SourceFile;
use p13n::error::ErrorKind;
use p13n::log::Reader;
use p13n::log::storage::RealDisk;
use p13n::reactor::open::{LOG_FOLDER, directory_of};
use p13n::reactor::{Options, Reactor};
use p13n::record::{BadRecord, EventReplay, KIND_EVENT};
use p13n::value::Value;
use proptest::prelude::*;
use shop::{CONFIGURATION, answer, on_disk, open, send_at};

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
fn a_rule_that_reads_the_list_it_writes_takes_time_in_proportion_to_the_event() {
    let own = "each: \"${EVENT.skus}\", if: \"PROFILE.bought.length >= 0\", value: \"${ITEM}\"";
    let configuration = CONFIGURATION.replace("each: \"${EVENT.skus}\", value: \"${ITEM}\"", own);
    let source = SourceFile::new("test.yaml", configuration);
    let directory = tempfile::tempdir().unwrap();
    let options = on_disk(directory.path());
    let (reactor, _) = Reactor::open(&source, &options).unwrap();
    let skus = |count: usize| (0..count).map(|sku| sku.to_string()).collect::<Vec<_>>().join(",");
    let started = Instant::now();
    for (client, count) in [("a", 5), ("a", 9), ("a", 40), ("b", 10_000)] {
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

#[test]
fn a_rerun_adds_nothing_although_the_last_lines_were_repeats_or_refused() {
    use p13n::reactor::ingest::FileLines;
    const HOUR_MS: i64 = 3_600_000;
    let directory = tempfile::tempdir().unwrap();
    let options = on_disk(directory.path());
    let event = r#"{"td_client_id":"a","total":1,"uuid":"e65d8a9df2094f02b84cd660efff6f27"}"#;
    let lines = [event, "not json", event, "{}"];
    let file = Some(FileLines { file: [9; 32], first_line: 1 });
    for (hours, expected) in [(0, (1, 1, 2)), (3, (0, 4, 0)), (9, (0, 4, 0))] {
        let reactor = open(&options);
        let now_ms = Some(1_700_000_000_000 + hours * HOUR_MS);
        let report = reactor.ingest("shop", "orders", &lines, now_ms, file, false).unwrap();
        assert_eq!((report.stored, report.duplicate, report.refused.len()), expected);
        reactor.close().unwrap();
        drop(reactor);
        assert_eq!(open(&options).ingested_line("shop", "orders", [9; 32]), 4);
    }
    let reactor = open(&options);
    let file = Some(FileLines { file: [8; 32], first_line: 1 });
    let stopped = reactor.ingest("shop", "orders", &lines, None, file, true).unwrap();
    assert_eq!((stopped.stored, stopped.refused.len()), (1, 1));
    assert_eq!(reactor.ingested_line("shop", "orders", [8; 32]), 1, "line 2 may be mended");
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
