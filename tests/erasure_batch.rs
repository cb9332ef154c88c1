//! Erasure of batch data: imported rows go with their person, from every generation, whatever is interrupted.

use std::path::Path;
use std::sync::Arc;

use p13n::batch::Dataset;
use p13n::batch::source::Format;
use p13n::config::SourceFile;
use p13n::log::SyncPolicy;
use p13n::profile::Rid;
use p13n::reactor::erasure::proof::{Proof, Wanted, prove};
use p13n::reactor::erasure::{Leave, When};
use p13n::reactor::import::{Begun, ImportRequest};
use p13n::reactor::open::directory_of;
use p13n::reactor::{Options, Reactor, Request};
use p13n::storage::{Fault, SimulatedDisk};
use sha2::{Digest, Sha256};

fn options(disk: &SimulatedDisk, data_dir: &Path) -> Options {
    Options {
        data_dir: Some(data_dir.to_path_buf()),
        sync: SyncPolicy::Always,
        shards: 2,
        disk: Arc::new(disk.clone()),
        identity_log: false,
        ..Options::default()
    }
}

/// With the secret, which is no file of the simulated disk.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let own = directory_of(directory.path(), 1, 8);
    std::fs::create_dir_all(&own).expect("there is room");
    std::fs::write(own.join("secret"), [7; 32]).expect("there is room");
    directory
}

const SHOP_WITH_IMPORTS: &str = r#"
version: 1
account: 1
instance: 8
name: imports
database: shop
keys: [{name: email, normalize: [lower]}, {name: device}]
events: [{name: order, table: orders}]
attributes: [{name: loyalty, type: imported, data_type: string}]
segments: [{id: "1", name: high}]
offers: [{name: read, set: [{data: {loyalty: "${PROFILE.loyalty}", high: "${SEGMENT.high}"}}]}]
"#;

fn open_with_imports(disk: &SimulatedDisk, data_dir: &Path) -> Reactor {
    let source = SourceFile::new("imports.yaml", SHOP_WITH_IMPORTS);
    Reactor::open(&source, &options(disk, data_dir)).expect("it opens").0
}

fn import(reactor: &Reactor, dataset: Dataset, file: &str) {
    let request = ImportRequest {
        dataset,
        key: None,
        format: Format::Csv,
        file: Sha256::digest(file.as_bytes()).into(),
        replace: false,
    };
    match reactor.begin_import(&request).expect("it is declared") {
        Begun::Same(_) => panic!("it is new"),
        Begun::Import(mut import) => {
            import.feed(file.as_bytes()).expect("it is read");
            reactor.finish_import(*import).expect("it is imported");
        }
    }
}

fn read_of(reactor: &Reactor, identifiers: &str) -> String {
    let mut answer = Vec::new();
    let request = Request {
        now_ms: Some(1_700_000_000_000),
        ..Request::new("shop", "orders", identifiers.as_bytes())
    };
    let receipt = reactor.personalize_json(&request, &mut answer).expect("it is answered");
    reactor.wait(&receipt).expect("it is durable");
    String::from_utf8(answer).expect("JSON is text")
}

/// Two people with a device, and imported attributes and segments of both, by address and by device.
fn with_imports(disk: &SimulatedDisk, data_dir: &Path) -> Reactor {
    let reactor = open_with_imports(disk, data_dir);
    read_of(&reactor, r#"{"email":"canary@example.com","device":"canary-device-1"}"#);
    read_of(&reactor, r#"{"email":"control@example.com","device":"control-device-1"}"#);
    let rows = "email,loyalty\ncanary@example.com,low\ncontrol@example.com,low\n";
    import(&reactor, Dataset::attributes(), rows);
    let rows = "email,loyalty\ncontrol@example.com,top\n\
        friend@example.com,by canary@example.com\ncanary@example.com,top\n";
    import(&reactor, Dataset::attributes(), rows);
    let rows = "device,segment\ncanary-device-1,1\ncontrol-device-1,1\n";
    import(&reactor, Dataset::segments(), rows);
    reactor.snapshot().expect("it is taken");
    reactor
}

fn search_imports(disk: &SimulatedDisk, rids: &[Rid]) -> Proof {
    let of = |person: &str| vec![format!("{person}@example.com"), format!("{person}-device-1")];
    let (erased, control) = (of("canary"), of("control"));
    let wanted = Wanted { erased: &erased, rids, control: &control };
    prove(disk, &mut || Ok(disk.files()), &wanted).expect("a simulated disk can be read")
}

fn holds_without_canary(disk: &SimulatedDisk, reactor: &Reactor, rids: &[Rid]) {
    let proof = search_imports(disk, rids);
    assert!(proof.holds(), "{proof:?}");
    let batch = &proof.kinds["batch"];
    // The control is in every generation, and a friend's row speaks of the canary.
    assert_eq!((batch.files, batch.hits, batch.control), (3, 0, 3), "{proof:?}");
    assert_eq!(batch.mentions, 1, "{proof:?}");
    let answer = read_of(reactor, r#"{"email":"control@example.com"}"#);
    assert!(answer.contains("top") && answer.contains("true"), "{answer}");
    let answer = read_of(reactor, r#"{"device":"canary-device-1"}"#);
    assert!(!answer.contains("top") && !answer.contains("true"), "{answer}");
}

#[test]
fn imported_rows_go_with_their_person_from_every_generation() {
    let (directory, disk) = (directory(), SimulatedDisk::default());
    let reactor = with_imports(&disk, directory.path());
    assert!(search_imports(&disk, &[]).kinds["batch"].hits >= 3);
    let erased = reactor.erase(&[("email", "canary@example.com")], Leave::Nothing, When::Now);
    let report = erased.expect("they are erased");
    assert_eq!((report.files.batch_rows, report.files.generations), (3, 3), "{report:?}");
    holds_without_canary(&disk, &reactor, &report.rids);
    reactor.close().expect("it closes");
    drop(reactor);
    holds_without_canary(&disk, &open_with_imports(&disk, directory.path()), &report.rids);
}

#[test]
fn a_kill_before_imported_rows_went_leaves_that_to_the_next_start() {
    let mut interrupted = 0;
    for call in 0..400 {
        let (directory, disk) = (directory(), SimulatedDisk::default());
        let reactor = with_imports(&disk, directory.path());
        let people = [("email", "canary@example.com")];
        let report = reactor.erase(&people, Leave::Nothing, When::Shared).expect("it is recorded");
        disk.plan(call, Fault::Dead);
        let done = reactor.carry_out_erasures();
        drop(reactor);
        if done.is_ok() {
            break;
        }
        interrupted += 1;
        let disk = disk.kill();
        let reactor = open_with_imports(&disk, directory.path());
        reactor.carry_out_erasures().expect("it goes on");
        holds_without_canary(&disk, &reactor, &report.rids);
    }
    assert!((20..400).contains(&interrupted), "{interrupted}");
}
