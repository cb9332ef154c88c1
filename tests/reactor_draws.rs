//! Random numbers and local time in rules: drawn and read again on replay, in history and in rehearsal.

mod shop;

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::Path;

use p13n::config::SourceFile;
use p13n::reactor::history::History;
use p13n::reactor::open::directory_of;
use p13n::reactor::{Options, Reactor};
use p13n::value::{Value, parse_json, write_json};
use shop::{answer, on_disk, send, send_at};

const CONFIGURATION: &str = r#"
version: 1
account: 1
instance: 8
name: test
database: shop
time_zone: Australia/Lord_Howe
keys: [{name: customer_id}]
events:
  - {name: some, table: pageviews, if: Math.random() < 0.5}
  - {name: every, table: pageviews}
attributes:
  - name: drawn
    type: list
    set:
      - {event: every, value: "${Math.random()}"}
      - {event: every, each: "${[1, 2, 3]}", value: "${Math.random()}"}
  - {name: lucky, type: counter, total: true, set: [{event: some}]}
  - {name: seen, type: single, set: [{event: every, value: "${new Date()}"}]}
offers:
  - name: first
    set:
      - let: {a: "${Math.random()}", b: "${Math.random()}"}
        if: [Math.random() >= 0, a !== b]
        data: {numbers: "${[a, b, Math.random()]}"}
  - name: second
    set: [{if: Math.random() < 0, data: {}}, {data: {numbers: "${[Math.random()]}"}}]
  - name: state
    set:
      - data:
          drawn: "${PROFILE.drawn.map(d => d.value)}"
          lucky: "${PROFILE.lucky}"
          seen: "${PROFILE.seen}"
          hour: "${new Date().getHours() + new Date().getMinutes() / 60}"
"#;

fn reactor(options: &Options) -> Reactor {
    Reactor::open(&SourceFile::new("test.yaml", CONFIGURATION), options).expect("it opens").0
}

fn send_all(reactor: &Reactor) -> Vec<String> {
    let bodies = (0..200).map(|number| format!(r#"{{"customer_id":"c{}"}}"#, number % 10));
    bodies.map(|body| answer(reactor, "pageviews", &body)).collect()
}

/// The data of an answer's offer.
fn data(answer: &str, offer: &str, name: &str) -> Value {
    let answer = parse_json(answer.as_bytes()).unwrap();
    let offer = answer.get("offers").and_then(|offers| offers.get(offer)).expect("the offer");
    offer.get("attributes").and_then(|data| data.get(name)).expect("the name").clone()
}

fn numbers(answer: &str, offer: &str, name: &str) -> Vec<f64> {
    let Value::Array(items) = data(answer, offer, name) else { panic!("a list: {answer}") };
    let number = |item: &Value| match item {
        Value::Number(number) => *number,
        other => panic!("a number: {other:?}"),
    };
    items.iter().map(number).collect()
}

fn offers_in_history(own: &Path) -> Vec<String> {
    let mut history = History::open(own, 0, &Options::default()).unwrap();
    let mut answers = Vec::new();
    history
        .visit(|scene| {
            let mut offers = Vec::new();
            scene.offers(|given| {
                let mut data = Vec::new();
                write_json(&given.data, &mut data);
                let data = String::from_utf8(data).unwrap();
                offers.push(format!(r#""{}":{{"attributes":{data}}}"#, given.offer.name));
            });
            answers.push(format!(r#"{{"offers":{{{}}}}}"#, offers.join(",")));
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    answers
}

#[test]
fn the_same_numbers_are_drawn_live_on_replay_in_history_and_in_rehearsal() {
    let directory = tempfile::tempdir().unwrap();
    let live = reactor(&on_disk(directory.path()));
    let answers = send_all(&live);
    let hash = live.state_hash();
    live.close().unwrap();
    drop(live);

    let own = directory_of(directory.path(), 1, 8);
    assert_eq!(Reactor::rehearse(&own, &Options::default()).unwrap(), hash);
    assert_eq!(offers_in_history(&own), answers);
    let replayed = reactor(&on_disk(directory.path()));
    assert_eq!(replayed.state_hash(), hash);
}

#[test]
fn every_rule_element_event_and_directory_draws_for_itself() {
    let mut seen = HashSet::new();
    let mut lucky = 0.0;
    for _ in 0..2 {
        let reactor = reactor(&Options::default());
        let answers = send_all(&reactor);
        for answer in &answers {
            for number in numbers(answer, "first", "numbers")
                .into_iter()
                .chain(numbers(answer, "second", "numbers"))
            {
                assert!((0.0..1.0).contains(&number));
                assert!(seen.insert(number.to_bits()), "{number} was drawn twice");
            }
        }
        for answer in &answers[190..] {
            let drawn = numbers(answer, "state", "drawn");
            assert_eq!(drawn.len(), 20 * 4);
            assert!(drawn.iter().all(|number| seen.insert(number.to_bits())));
            let Value::Number(count) = data(answer, "state", "lucky") else { panic!("a number") };
            lucky += count;
        }
    }
    // Of 400 events about half: 5 standard deviations are 50.
    assert!((150.0..250.0).contains(&lucky), "{lucky}");
}

#[test]
fn a_repeated_event_draws_what_it_drew() {
    let reactor = reactor(&Options::default());
    let body = r#"{"customer_id":"c1","uuid":"0123456789abcdef0123456789abcdef"}"#;
    let (first, _) = send(&reactor, "pageviews", body).unwrap();
    let (again, receipt) = send(&reactor, "pageviews", body).unwrap();
    assert!(receipt.duplicate);
    for offer in ["first", "second"] {
        assert_eq!(numbers(&first, offer, "numbers"), numbers(&again, offer, "numbers"));
    }
}

#[test]
fn local_time_is_the_configurations_and_a_stored_date_is_text() {
    let reactor = reactor(&Options::default());
    // 2024-07-01T00:00Z, in winter there: ten and a half hours ahead.
    let now_ms = Some(1_719_792_000_000);
    let sent = send_at(&reactor, "pageviews", r#"{"customer_id":"c1"}"#, now_ms);
    let answer = sent.unwrap().0;
    assert!(matches!(data(&answer, "state", "hour"), Value::Number(10.5)), "{answer}");
    let seen = data(&answer, "state", "seen");
    assert!(matches!(seen, Value::String(text) if text == "2024-07-01T00:00:00.000Z"));
}
