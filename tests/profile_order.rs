//! Order: the same events, linking the same identifiers in whatever order, come to the same profile (page 4.1),
//! live and replayed; and no value is lost by a merge: it is the profile of one who had one identifier.

use std::path::Path;
use std::sync::Arc;

use p13n::clock::ClockMode;
use p13n::config::SourceFile;
use p13n::log::SyncPolicy;
use p13n::log::storage::SimulatedDisk;
use p13n::reactor::{Options, Reactor, Request, Retention, SnapshotPolicy};
use p13n::value::{Value, write_json};
use proptest::prelude::*;

const CONFIGURATION: &str = r#"
version: 1
account: 1
instance: 8
name: order
database: shop
keys:
  - name: login
  - name: mail
  - name: device
events:
  - {name: did, table: did}
attributes:
  - {name: last, type: single, set: [{event: did, value: "${EVENT.n}"}]}
  - {name: first, type: single, aggregation: first, set: [{event: did, value: "${EVENT.n}"}]}
  - {name: sum, type: single, aggregation: sum, set: [{event: did, value: "${EVENT.v}"}]}
  - {name: min, type: single, aggregation: min, set: [{event: did, value: "${EVENT.v}"}]}
  - {name: max, type: single, aggregation: max, set: [{event: did, value: "${EVENT.v}"}]}
  - {name: count, type: single, aggregation: count, set: [{event: did, value: "${EVENT.v}"}]}
  - {name: mean, type: single, aggregation: mean, set: [{event: did, value: "${EVENT.v}"}]}
  - name: plain
    type: list
    max_items: 4
    set: [{event: did, value: {v: "${EVENT.v}", n: "${EVENT.n}"}}]
  - name: distinct
    type: list
    distinct: true
    max_items: 3
    set: [{event: did, value: "${EVENT.v}"}]
  - name: by_id
    type: list
    id: v
    max_items: 3
    set: [{event: did, value: {v: "${EVENT.v}", n: "${EVENT.n}"}}]
  - name: each
    type: list
    distinct: true
    max_items: 5
    set: [{event: did, each: "${[EVENT.v, EVENT.n]}", value: "${ITEM}"}]
  - {name: total, type: counter, total: true, set: [{event: did, value: "${EVENT.v}"}]}
  - name: sliding
    type: counter
    duration: 30d
    windows: {of_a_day: 1d, of_a_week: 7d}
    set: [{event: did, value: "${EVENT.v}"}]
  - {name: by, type: counter, duration: 30d, by: "${'k' + EVENT.v}", set: [{event: did}]}
tokens:
  - {name: server, value: e65d8a9df2094f02b84cd660efff6f27}
"#;

const NOW_MS: i64 = 1_700_000_000_000;
const KEYS: [&str; 3] = ["login", "mail", "device"];

/// One event: which values of the keys it carries, how old it is, what it says.
#[derive(Clone, Debug)]
struct Did {
    keys: [Option<u8>; 3],
    age_s: i64,
    value: i32,
}

/// Events no two of which are of one time, with an order for them to come in.
fn dids() -> impl Strategy<Value = (Vec<Did>, Vec<usize>)> {
    let key = || proptest::option::weighted(0.5, 0..4u8);
    let did = ((key(), key(), key()), 301..20 * 86_400i64, -5..6i32);
    let did = did.prop_map(|((login, mail, device), age_s, value)| Did {
        keys: [login, mail, device.or(login.is_none().then_some(3))],
        age_s,
        value,
    });
    proptest::collection::vec(did, 2..24).prop_flat_map(|mut dids| {
        dids.sort_by_key(|did| did.age_s);
        dids.dedup_by_key(|did| did.age_s);
        let order: Vec<usize> = (0..dids.len()).collect();
        (Just(dids), Just(order).prop_shuffle())
    })
}

fn open(data_dir: &Path, disk: &SimulatedDisk) -> Reactor {
    // The secret stands on the real disk.
    std::fs::create_dir_all(data_dir.join("1-8")).expect("a directory");
    let options = Options {
        disk: Arc::new(disk.clone()),
        data_dir: Some(data_dir.to_path_buf()),
        sync: SyncPolicy::Never,
        clock: ClockMode::Event,
        snapshots: SnapshotPolicy { at_close: false, ..SnapshotPolicy::default() },
        retention: Retention { age_ms: None, bytes: None, ..Retention::default() },
        ..Options::default()
    };
    Reactor::open(&SourceFile::new("order.yaml", CONFIGURATION), &options).expect("it opens").0
}

/// Sends the events in this order, then one that links all identifiers; what the one profile reads then.
fn profile(dids: &[Did], order: &[usize], is_one: bool) -> Result<String, TestCaseError> {
    let (directory, disk) = (tempfile::tempdir().unwrap(), SimulatedDisk::default());
    let reactor = open(directory.path(), &disk);
    let mut now_ms = NOW_MS;
    let mut send = |body: String| {
        now_ms += 1;
        let request =
            Request { now_ms: Some(now_ms), ..Request::new("shop", "did", body.as_bytes()) };
        reactor.personalize_json(&request, &mut Vec::new()).expect("a good event");
    };
    let named = |did: &Did| {
        let keys = KEYS.iter().zip(did.keys);
        keys.filter_map(|(name, value)| Some(format!(r#""{name}":"{name}-{}","#, value?))).collect()
    };
    for at in order {
        let did = &dids[*at];
        let who = if is_one { r#""login":"one","#.to_owned() } else { named(did) };
        let time_s = NOW_MS / 1_000 - did.age_s;
        send(format!(r#"{{{who}"time":{time_s},"v":{},"n":{}}}"#, did.value, at + 100));
    }
    // Each of these carries an identifier that is there already, and says nothing of its own.
    let mut met = vec![(0, if is_one { "one".to_owned() } else { String::new() })];
    if !is_one {
        met = dids
            .iter()
            .flat_map(|did| did.keys.iter().enumerate())
            .filter_map(|(key, value)| Some((key, format!("{}-{}", KEYS[key], (*value)?))))
            .collect();
        met.sort();
        met.dedup();
    }
    for (key, value) in &met {
        let link = if KEYS[*key] == "device" { String::new() } else { r#""device":"all","#.into() };
        send(format!(r#"{{{link}"{}":"{value}","time":1}}"#, KEYS[*key]));
        if KEYS[*key] == "device" {
            send(format!(r#"{{"login":"all","device":"{value}","time":1}}"#));
        }
    }
    send(r#"{"login":"all","device":"all","time":1}"#.to_owned());
    prop_assert_eq!(reactor.sizes().0, 1, "everybody is one");
    let read = |reactor: &Reactor| {
        let profile = reactor.profile("login", "all").unwrap().expect("it is there");
        let mut text = Vec::new();
        for (name, value) in &profile.attributes {
            text.extend_from_slice(name.as_bytes());
            text.push(b' ');
            write_json(&in_order(value), &mut text);
            text.push(b'\n');
        }
        String::from_utf8(text).unwrap()
    };
    let (live, hash) = (read(&reactor), reactor.state_hash());
    reactor.close().unwrap();
    drop(reactor);
    let again = open(directory.path(), &disk);
    prop_assert_eq!(again.state_hash(), hash);
    prop_assert_eq!(&read(&again), &live);
    Ok(live)
}

/// A map's names in their own order: those of `by` stand in the log's.
fn in_order(value: &Value) -> Value {
    let Value::Object(fields) = value else { return value.clone() };
    let mut entries = fields.entries().to_vec();
    entries.sort_by(|(left, _), (right, _)| left.cmp(right));
    Value::object(entries)
}

/// More cases with `P13N_CASES`.
fn cases() -> u32 {
    let given = std::env::var("P13N_CASES").ok();
    given.map_or(24, |cases| cases.parse().expect("P13N_CASES is a number"))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn events_in_any_order_come_to_the_profile_of_one_identifier((dids, order) in dids()) {
        let forward: Vec<usize> = (0..dids.len()).collect();
        let one = profile(&dids, &forward, true)?;
        prop_assert_eq!(&profile(&dids, &forward, false)?, &one);
        prop_assert_eq!(&profile(&dids, &order, false)?, &one);
    }
}
