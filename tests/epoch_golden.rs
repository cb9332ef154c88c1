//! Golden directories: one of each apply epoch and snapshot format stays readable for good, and what apply
//! computes changes only with the epoch. With `P13N_GOLDEN=write` the current epoch's is written anew, which a
//! released one's must never be.

mod shop;

use std::fs;
use std::path::{Path, PathBuf};

use p13n::reactor::open::{LOG_FOLDER, SNAPSHOT_FOLDER, directory_of};
use p13n::reactor::{Options, Reactor, Request};
use p13n::record::APPLY_EPOCH;
use shop::{on_disk, open};

/// Formats of before the first release are not read any more.
const FIRST_EPOCH: u32 = 2;
const STATE_FILE: &str = "state";

fn golden(epoch: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/epoch/{epoch}"))
}

/// What the state was at the last record, as it was written down then.
fn state_of(epoch: u32) -> String {
    fs::read_to_string(golden(epoch).join(STATE_FILE)).unwrap_or_else(|error| {
        panic!("apply epoch {epoch} has no golden directory ({error}): P13N_GOLDEN=write")
    })
}

fn state(reactor: &Reactor) -> String {
    format!("{} {:032x}\n", reactor.log().appended(), reactor.state_hash())
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("it is there") {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).expect("listed");
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).expect("it can be copied");
        }
    }
}

/// Events of every kind that change a profile, at given times and under given uuids.
fn send(reactor: &Reactor, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let client = number % 13;
        let (table, body) = match number % 9 {
            8 => (
                "pageviews",
                format!(r#"{{"td_client_id":"c{client}","email":"{}@x"}}"#, number % 5),
            ),
            7 => (
                "pageviews",
                format!(r#"{{"td_client_id":"c{client}","td_path":"/","forget":"s1"}}"#),
            ),
            6 => ("elsewhere", format!(r#"{{"any":{number},"uuid":"{number:032x}"}}"#)),
            4 | 5 => (
                "pageviews",
                format!(
                    r#"{{"td_client_id":"c{client}","category":"k{}","td_path":"/p{number}"}}"#,
                    number % 4
                ),
            ),
            3 => (
                "orders",
                format!(r#"{{"td_client_id":"c{client}","total":-1.5e300,"time":1700000100}}"#),
            ),
            _ => (
                "orders",
                format!(
                    r#"{{"td_client_id":"c{client}","total":{number},"skus":["s{}",{{"id":{number}}}],"uuid":"{:032x}"}}"#,
                    number % 3,
                    number + 1_000
                ),
            ),
        };
        let mut uuid = [0; 16];
        uuid[8..].copy_from_slice(&number.to_le_bytes());
        let request = Request {
            now_ms: Some(1_700_000_000_000 + number as i64 * 700_000),
            uuid: Some(uuid),
            ..Request::new("shop", table, body.as_bytes())
        };
        reactor.personalize_json(&request, &mut Vec::new()).expect("a good event");
    }
}

/// Two snapshots with events before, between and behind them.
fn write() {
    let directory = tempfile::tempdir().expect("a directory");
    let own = directory_of(directory.path(), 1, 8);
    fs::create_dir_all(&own).expect("a directory");
    fs::write(own.join("secret"), [0x5a; 32]).expect("a file");
    let reactor = open(&options(directory.path()));
    send(&reactor, 0..80);
    reactor.snapshot().expect("it is taken");
    send(&reactor, 80..160);
    reactor.snapshot().expect("it is taken");
    send(&reactor, 160..200);
    let state = state(&reactor);
    reactor.close().expect("it closes");
    fs::remove_file(own.join(LOG_FOLDER).join("lock")).expect("it is there");
    fs::remove_dir_all(golden(APPLY_EPOCH)).ok();
    copy(&own, &golden(APPLY_EPOCH));
    fs::write(golden(APPLY_EPOCH).join(STATE_FILE), state).expect("a file");
}

fn options(data_dir: &Path) -> Options {
    Options { segment_bytes_max: 8 << 10, ..on_disk(data_dir) }
}

/// A copy of an epoch's golden directory.
fn copied(epoch: u32) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    copy(&golden(epoch), &directory_of(directory.path(), 1, 8));
    directory
}

#[test]
fn every_epoch_stays_readable_and_the_current_one_computes_what_it_did() {
    if std::env::var("P13N_GOLDEN").as_deref() == Ok("write") {
        write();
    }
    for epoch in FIRST_EPOCH..=APPLY_EPOCH {
        let directory = copied(epoch);
        let reactor = open(&options(directory.path()));
        let recovery = reactor.recovery();
        assert_eq!((recovery.snapshots_damaged, recovery.events), (0, 40), "epoch {epoch}");
        // From its snapshot the state is the old epoch's, but for the tail, which is computed anew.
        if epoch == APPLY_EPOCH {
            assert_eq!(state(&reactor), state_of(epoch), "the snapshot and its tail");
        }
        send(&reactor, 200..220);
        reactor.close().expect("it closes");
    }

    let directory = copied(APPLY_EPOCH);
    let own = directory_of(directory.path(), 1, 8);
    fs::remove_dir_all(own.join(SNAPSHOT_FOLDER)).expect("it is there");
    let reactor = open(&options(directory.path()));
    assert_eq!(
        state(&reactor),
        state_of(APPLY_EPOCH),
        "apply computes another state than it did: raise APPLY_EPOCH, then P13N_GOLDEN=write"
    );
}
