//! What is no data inside an evaluation is data wherever it is kept: in profiles, answers, records, replay.

mod shop;

use p13n::config::SourceFile;
use p13n::reactor::open::directory_of;
use p13n::reactor::{Options, Reactor, SnapshotPolicy};
use p13n::value::{Value, parse_json, write_json};
use shop::{answer, on_disk};

const CONFIGURATION: &str = r#"
version: 1
account: 1
instance: 8
name: test
database: shop
keys: [{name: customer_id}]
events:
  - {name: every, table: pageviews}
attributes:
  - {name: date, type: single, set: [{value: "${new Date(0)}"}]}
  - {name: invalid, type: single, set: [{value: "${new Date(NaN)}"}]}
  - {name: set, type: single, set: [{value: "${new Set([1])}"}]}
  - {name: found, type: single, set: [{value: "${EVENT.text.match(/b(c)?(x)?/)}"}]}
  - {name: pattern, type: single, set: [{value: "${/b/}"}]}
  - {name: holes, type: single, set: [{value: "${[1, , [, 2]]}"}]}
  - {name: hole, type: single, set: [{value: "${[, 1][0]}"}]}
  - {name: method, type: single, set: [{value: "${EVENT.text.at}"}]}
  - {name: first, type: single, aggregation: first, set: [{value: "${new Date(1)}"}]}
  - {name: largest, type: single, aggregation: max, set: [{value: "${new Date(1)}"}]}
  - {name: counted, type: counter, total: true, set: [{value: "${new Date(1)}"}]}
  - name: dates
    type: list
    set:
      - {value: "${new Date(0)}"}
      - {value: "${EVENT.text.at}"}
      - {each: "${[1, , new Date(7), EVENT.text.at]}", value: "${ITEM}"}
      - {each: "${EVENT.text.match(/b(c)/)}", value: "${ITEM}"}
      - {each: "${[new Date(2)]}", if: ITEM.getTime() === 2, value: "${ITEM.getTime()}"}
  - name: distinct
    type: list
    distinct: true
    set:
      - {value: "${new Date(0)}"}
      - {value: "${new Date(0)}"}
      - {value: "${new Date(5)}"}
      - {delete: "${new Date(5)}"}
  - name: maps
    type: list
    set:
      - value: {at: "${new Date(0)}", in: ["${new Set([1])}", "${[, ]}", "${EVENT.text.at}"]}
offers:
  - name: all
    set:
      - let: {d: "${new Date(0)}", s: "${new Set([3, 3])}", f: "${EVENT.text.at}", h: "${[1, , 2]}"}
        if: [d.getTime() === 0, s.size === 1, typeof f === "function", "!(1 in h)"]
        data:
          d: "${d}"
          s: "${s}"
          f: "${f}"
          h: "${h}"
          text: "${d.getTime()} ${s} ${h}"
          list: ["${d}", "${f}", "${h[1]}", "${EVENT.text.matchAll(/b/g)}"]
          deep: "${({a: [{b: d, c: f, e: [s, , f]}]})}"
          profile: "${[PROFILE.date, PROFILE.dates.map(d => d.value), PROFILE.maps[0].in]}"
          size: "${PROFILE.distinct.length}"
"#;

fn reactor(options: &Options) -> Reactor {
    Reactor::open(&SourceFile::new("test.yaml", CONFIGURATION), options).expect("it opens").0
}

fn json(value: &Value) -> String {
    let mut out = Vec::new();
    write_json(value, &mut out);
    String::from_utf8(out).unwrap()
}

fn is_data(value: &Value) -> bool {
    match value {
        Value::Hole | Value::Instance(_) => false,
        Value::Array(items) => items.iter().all(is_data),
        Value::Object(object) => object.entries().iter().all(|(_, value)| is_data(value)),
        _ => true,
    }
}

/// The profile's attributes, of which none holds an instance.
fn attributes(reactor: &Reactor) -> Vec<String> {
    let profile = reactor.profile("customer_id", "c").unwrap().expect("a profile");
    let shown = profile.attributes.iter().map(|(name, value)| {
        assert!(is_data(value), "{name}: {value:?}");
        format!("{name}={}", json(value))
    });
    shown.collect()
}

fn send(reactor: &Reactor) -> String {
    let body = r#"{"customer_id":"c","text":"abcd"}"#;
    let answer = answer(reactor, "pageviews", body);
    let answer = parse_json(answer.as_bytes()).unwrap();
    let offer = answer.get("offers").and_then(|offers| offers.get("all"));
    json(offer.and_then(|offer| offer.get("attributes")).expect("the offer's rule matches"))
}

#[test]
fn instances_holes_and_functions_are_data_once_they_leave_an_evaluation() {
    let live = reactor(&Options::default());
    assert_eq!(
        send(&live),
        concat!(
            r#"{"d":"1970-01-01T00:00:00.000Z","s":{},"h":[1,null,2],"#,
            r#""text":"0 [object Set] 1,,2","list":["1970-01-01T00:00:00.000Z",null,null,{}],"#,
            r#""deep":{"a":[{"b":"1970-01-01T00:00:00.000Z","e":[{},null,null]}]},"#,
            r#""profile":["1970-01-01T00:00:00.000Z",["1970-01-01T00:00:00.000Z",1,"#,
            r#""1970-01-01T00:00:00.007Z","bc","c",2],[{},[null],null]],"size":1}"#
        )
    );
    let kept = attributes(&live);
    for expected in [
        r#"date="1970-01-01T00:00:00.000Z""#,
        "set={}",
        r#"found=["bc","c",null]"#,
        "pattern={}",
        "holes=[1,null,[null,2]]",
        r#"first="1970-01-01T00:00:00.001Z""#,
        "counted=0",
    ] {
        assert!(kept.iter().any(|shown| shown == expected), "{expected} in {kept:#?}");
    }
    for absent in ["invalid=", "hole=", "method=", "largest="] {
        let found = kept.iter().find(|shown| shown.starts_with(absent));
        assert!(
            found.is_none_or(|shown| ["", "null"].contains(&&shown[absent.len()..])),
            "{found:?}"
        );
    }
}

#[test]
fn what_instances_became_is_found_again_by_replay_and_in_a_snapshot() {
    for snapshot in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let snapshots = SnapshotPolicy { at_close: snapshot, ..SnapshotPolicy::default() };
        let options = Options { snapshots, ..on_disk(directory.path()) };
        let live = reactor(&options);
        (0..3).for_each(|_| drop(send(&live)));
        let (hash, kept) = (live.state_hash(), attributes(&live));
        live.close().unwrap();
        drop(live);

        let own = directory_of(directory.path(), 1, 8);
        assert_eq!(Reactor::rehearse(&own, &Options::default()).unwrap(), hash);
        let again = reactor(&options);
        assert_eq!(again.state_hash(), hash);
        assert_eq!(attributes(&again), kept);
    }
}

/// Templates put lists and maps around what an expression gives, and those are levels as well.
#[test]
fn the_deepest_value_that_a_rule_can_keep_is_read_back() {
    let nested =
        |levels: usize, inner: &str| format!("{}{inner}{}", "[".repeat(levels), "]".repeat(levels));
    let value = nested(40, r#""${JSON.parse(EVENT.text)}""#);
    let start = &CONFIGURATION[..CONFIGURATION.find("attributes:").unwrap()];
    let source = format!(
        "{start}attributes:\n  - name: deep\n    type: single\n    set: [{{value: {value}}}]\n"
    );
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        snapshots: SnapshotPolicy { at_close: true, ..SnapshotPolicy::default() },
        ..on_disk(directory.path())
    };
    let open = || Reactor::open(&SourceFile::new("test.yaml", source.clone()), &options);
    let (live, _) = open().expect("it opens");
    for levels in [20, 60] {
        let body = format!(r#"{{"customer_id":"c{levels}","text":"{}"}}"#, nested(levels, "1"));
        answer(&live, "pageviews", &body);
    }
    let hash = live.state_hash();
    live.close().unwrap();
    drop(live);
    let (again, _) = open().expect("it opens again");
    assert_eq!(again.recovery().snapshots_damaged, 0);
    assert_eq!(again.state_hash(), hash);
}
