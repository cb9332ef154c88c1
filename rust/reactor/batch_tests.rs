//! Batch data as a reactor reads it: what an expression sees, before and after a restart.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::super::import::{Begun, ImportReport, ImportRequest};
use super::super::keep::SnapshotPolicy;
use super::super::open::directory_of;
use super::super::restore::{backup, restore};
use super::super::{Options, Reactor, Request};
use super::*;
use crate::batch::source::Format;
use crate::config::SourceFile;
use crate::storage::{Fault, RealDisk};

const SHOP: &str = r#"
version: 1
account: 1
instance: 8
name: shop
database: shop
keys:
  - {name: customer_id}
  - {name: email, normalize: [lower]}
  - {name: td_client_id}
events:
  - {name: pageview, table: pageviews}
attributes:
  - {name: loyalty, type: imported, data_type: string}
  - {name: spend, type: imported, data_type: number}
  - name: seen_as
    type: list
    set: [{event: pageview, value: "${PROFILE.loyalty}"}]
segments:
  - {id: "1588214", name: high_loyalty}
  - {id: "22", name: other}
catalogs:
  - {name: products, key: sku, columns: [title, {name: price, data_type: number}]}
offers:
  - name: offer_for_high_loyalty
    set:
      - event: pageview
        if: SEGMENT.high_loyalty
        data: {status: high}
        batch_segments: [high_loyalty, "22"]
  - name: read
    set:
      - event: pageview
        data:
          loyalty: ${PROFILE.loyalty}
          spend: ${PROFILE.spend}
          segments: ${PROFILE.segments}
          product: ${CATALOG.products.get(EVENT.sku)}
          seen_as: ${PROFILE.seen_as.map(seen => seen.value)}
"#;

fn options(folder: &TempDir) -> Options {
    Options {
        data_dir: Some(folder.path().to_path_buf()),
        snapshots: SnapshotPolicy { at_close: false, ..SnapshotPolicy::default() },
        ..Options::default()
    }
}

fn open(options: &Options) -> Reactor {
    let opened = Reactor::open(&SourceFile::new("shop.yaml", SHOP), options);
    opened.unwrap_or_else(|error| panic!("it opens: {error}")).0
}

fn ask(reactor: &Reactor, body: &str, now_ms: i64) -> String {
    let mut answer = Vec::new();
    let request =
        Request { now_ms: Some(now_ms), ..Request::new("shop", "pageviews", body.as_bytes()) };
    let receipt = reactor.personalize_json(&request, &mut answer).expect("it is answered");
    reactor.wait(&receipt).expect("it is durable");
    String::from_utf8(answer).expect("JSON is text")
}

fn request(dataset: Dataset, file: &str, replace: bool) -> ImportRequest {
    let format = if file.starts_with('{') { Format::JsonLines } else { Format::Csv };
    let hash = Sha256::digest(file.as_bytes()).into();
    ImportRequest { dataset, key: None, format, file: hash, replace }
}

fn import_as(reactor: &Reactor, request: &ImportRequest, file: &str) -> Option<ImportReport> {
    match reactor.begin_import(request).expect("it is declared") {
        Begun::Same(_) => None,
        Begun::Import(mut import) => {
            import.feed(file.as_bytes()).expect("it is read");
            Some(reactor.finish_import(*import).expect("it is imported"))
        }
    }
}

fn import(reactor: &Reactor, dataset: Dataset, file: &str) -> Option<ImportReport> {
    import_as(reactor, &request(dataset, file, false), file)
}

fn folder() -> TempDir {
    TempDir::new().expect("there is room")
}

fn generations(folder: &Path) -> Vec<String> {
    let batch = directory_of(folder, 1, 8).join(BATCH_FOLDER);
    let mut names: Vec<String> = fs::read_dir(batch)
        .expect("it is there")
        .map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// What the offer `read` tells, without the other.
fn told(answer: &str) -> &str {
    answer.split_once(r#""read":{"attributes":"#).expect("the offer holds").1
}

#[test]
fn what_is_imported_is_read_through_the_identifiers_the_strongest_first() {
    let folder = folder();
    let reactor = open(&options(&folder));
    let both = r#"{"customer_id":"c1","email":"A@x.example","sku":"s1"}"#;
    assert_eq!(told(&ask(&reactor, both, 1)), r#"{"segments":[],"seen_as":[]}}}}"#);
    import(&reactor, Dataset::attributes(), "email,loyalty,spend\na@x.example,low,12\n");
    assert_eq!(
        told(&ask(&reactor, both, 2)),
        r#"{"loyalty":"low","spend":12,"segments":[],"seen_as":["low"]}}}}"#
    );
    // The stronger key has a row: it wins where it has the column.
    import(&reactor, Dataset::attributes(), "customer_id,loyalty\nc1,high\n");
    let products = "{\"sku\":\"s1\",\"title\":\"Tank top\",\"price\":\"9.5\"}\n";
    import(&reactor, Dataset::catalog("products"), products);
    import(&reactor, Dataset::segments(), "customer_id,segments\nc1,1588214;7\n");
    import(&reactor, Dataset::segments(), "email,segments\na@x.example,22\n");
    let answer = ask(&reactor, both, 3);
    assert_eq!(
        told(&answer),
        "{\"loyalty\":\"high\",\"spend\":12,\"segments\":[\"1588214\",\"22\",\"7\"],\"product\":\
         {\"title\":\"Tank top\",\"price\":9.5},\"seen_as\":[\"low\",\"high\"]}}}}"
    );
    let wanted = "{\"offers\":{\"offer_for_high_loyalty\":{\"attributes\":{\"status\":\"high\"},\
                  \"batch_segments\":[{\"id\":\"1588214\"},{\"id\":\"22\"}]},";
    assert!(answer.starts_with(wanted), "{answer}");
    let profile =
        reactor.profile("email", "a@x.example").expect("it is read").expect("it is there");
    assert_eq!(profile.segments, ["1588214", "22", "7"]);
    assert!(format!("{:?}", profile.attributes).contains(r#"("loyalty", String("high"))"#));
    let stranger = r#"{"customer_id":"c2","sku":"s2"}"#;
    assert_eq!(told(&ask(&reactor, stranger, 4)), r#"{"segments":[],"seen_as":[]}}}}"#);
}

#[test]
fn an_import_is_a_layer_unless_it_replaces_and_the_same_file_again_changes_nothing() {
    let reactor = open(&Options::default());
    let body = r#"{"customer_id":"c1"}"#;
    let first = "customer_id,loyalty,spend\nc1,low,1\nc1,middle,2\nc2,low,3\n";
    let report = import(&reactor, Dataset::attributes(), first).expect("it is new");
    assert_eq!((report.tally.rows, report.rows, report.layers), (3, 2, 1));
    assert!(import(&reactor, Dataset::attributes(), first).is_none());
    import(&reactor, Dataset::attributes(), "{\"customer_id\":\"c1\",\"spend\":null}");
    assert!(told(&ask(&reactor, body, 1)).starts_with(r#"{"loyalty":"middle","segments""#));
    let other = "customer_id,loyalty\nc9,high\n";
    let replacing = request(Dataset::attributes(), other, true);
    assert_eq!(import_as(&reactor, &replacing, other).expect("it is new").layers, 1);
    assert!(import_as(&reactor, &replacing, other).is_none());
    assert!(told(&ask(&reactor, body, 2)).starts_with(r#"{"segments""#));
    assert!(
        import(&reactor, Dataset::attributes(), first).is_some(),
        "an older file is a new layer"
    );
    assert!(told(&ask(&reactor, body, 3)).starts_with(r#"{"loyalty":"middle","spend":2"#));
}

#[test]
fn layers_that_are_merged_read_as_before() {
    let reactor = open(&Options::default());
    for layer in 0..20 {
        let file = format!("customer_id,loyalty,spend\nc1,l{layer},{layer}\nc{layer},own,1\n");
        import(&reactor, Dataset::attributes(), &file).expect("it is new");
        let (_, layers) = reactor.batch_layers().remove(0);
        assert!(layers.len() <= batch::limits::LAYERS_CALM, "{}", layers.len());
        for other in 2..=layer {
            let body = format!(r#"{{"customer_id":"c{other}"}}"#);
            assert!(told(&ask(&reactor, &body, 1)).starts_with(r#"{"loyalty":"own","spend":1"#));
        }
    }
    let answer = ask(&reactor, r#"{"customer_id":"c1"}"#, 1);
    assert!(told(&answer).starts_with(r#"{"loyalty":"l19","spend":19"#), "{answer}");
}

#[test]
fn a_malformed_row_keeps_the_whole_file_out() {
    let folder = folder();
    let reactor = open(&options(&folder));
    let file = "customer_id,loyalty,spend\nc1,low,1\nc2,low,much\n";
    let report = import(&reactor, Dataset::attributes(), file).expect("it is new");
    assert_eq!((report.tally.malformed, report.generation, report.lsn), (1, 0, 0));
    assert_eq!(report.tally.problems[0].line, 3);
    assert!(reactor.batch_layers().is_empty());
    let answer = ask(&reactor, r#"{"customer_id":"c1"}"#, 1);
    assert!(told(&answer).starts_with(r#"{"segments""#));
    assert!(generations(folder.path()).is_empty());
}

/// Events and imports that rules have read, each before the other.
fn live_through(reactor: &Reactor) {
    ask(reactor, r#"{"customer_id":"c1"}"#, 1_000);
    import(reactor, Dataset::attributes(), "customer_id,loyalty\nc1,low\nc2,low\n");
    ask(reactor, r#"{"customer_id":"c1"}"#, 2_000);
    ask(reactor, r#"{"customer_id":"c2"}"#, 3_000);
    let other = "customer_id,loyalty\nc1,high\n";
    import_as(reactor, &request(Dataset::attributes(), other, true), other);
    ask(reactor, r#"{"customer_id":"c1"}"#, 4_000);
    ask(reactor, r#"{"customer_id":"c2"}"#, 5_000);
}

const ASKED: &str = r#"{"customer_id":"c1"}"#;
const AFTER: &str = r#"{"loyalty":"high","segments":[],"seen_as":["low","high","high"]}}}}"#;

#[test]
fn replay_reads_the_generations_that_were_in_force_at_each_record() {
    let folder = folder();
    let options = options(&folder);
    let reactor = open(&options);
    live_through(&reactor);
    let hash = reactor.state_hash();
    reactor.close().expect("it closes");
    drop(reactor);
    let directory = directory_of(folder.path(), 1, 8);
    assert_eq!(Reactor::rehearse(&directory, &options).expect("it is decided again"), hash);
    let reactor = open(&options);
    assert_eq!(reactor.state_hash(), hash);
    assert_eq!(reactor.recovery().events, 5);
    assert_eq!(told(&ask(&reactor, ASKED, 6_000)), AFTER);
    let hash = reactor.state_hash();
    reactor.snapshot().expect("it is taken");
    drop(reactor);
    let reactor = open(&options);
    assert_eq!(reactor.recovery().events, 0);
    assert_eq!(reactor.state_hash(), hash);
    assert!(told(&ask(&reactor, ASKED, 7_000)).starts_with(r#"{"loyalty":"high""#));
}

#[test]
fn a_generation_in_force_that_is_missing_or_damaged_refuses_the_start() {
    let folder = folder();
    let options = options(&folder);
    let reactor = open(&options);
    live_through(&reactor);
    drop(reactor);
    assert_eq!(generations(folder.path()).len(), 2);
    let file = directory_of(folder.path(), 1, 8).join(BATCH_FOLDER).join("000000000002.batch");
    let whole = fs::read(&file).expect("it is there");
    let refusal = |bytes: Option<&[u8]>| {
        match bytes {
            Some(bytes) => fs::write(&file, bytes).expect("it is written"),
            None => fs::remove_file(&file).expect("it is removed"),
        }
        let opened = Reactor::open(&SourceFile::new("shop.yaml", SHOP), &options);
        opened.err().expect("the start is refused").to_string()
    };
    assert!(refusal(None).contains("000000000002.batch is missing: restore it from a backup"));
    // A byte of a row: found by reading every block once.
    let mut damaged = whole.clone();
    damaged[64 + 4 + 6 + 2] ^= 1;
    assert!(refusal(Some(&damaged)).contains("a block does not match its checksum"));
    assert!(refusal(Some(&whole[..100])).contains("is damaged"));
    let other = folder.path().join("other");
    fs::create_dir(&other).expect("it is made");
    let one = directory_of(folder.path(), 1, 8).join(BATCH_FOLDER).join("000000000001.batch");
    let first = fs::read(one).expect("it is there");
    assert!(refusal(Some(&first)).contains("it is not the one that the log names"));
    fs::write(&file, &whole).expect("it is written");
    assert_eq!(told(&ask(&open(&options), ASKED, 6_000)), AFTER);
}

#[test]
fn what_was_begun_and_not_finished_is_not_there_after_a_restart() {
    let folder = folder();
    let options = options(&folder);
    let reactor = open(&options);
    live_through(&reactor);
    let file = "customer_id,loyalty\nc1,never\n";
    let begun = reactor.begin_import(&request(Dataset::attributes(), file, false));
    let Begun::Import(mut import) = begun.expect("it is declared") else { panic!("it is new") };
    import.feed(file.as_bytes()).expect("it is read");
    drop(import);
    drop(reactor);
    let batch = directory_of(folder.path(), 1, 8).join(BATCH_FOLDER);
    for left in ["000000000003.tmp", "000000000003.run.0", "000000000003.batch"] {
        fs::write(batch.join(left), b"half").expect("it is written");
    }
    let reactor = open(&options);
    assert_eq!(generations(folder.path()), ["000000000001.batch", "000000000002.batch"]);
    assert_eq!(told(&ask(&reactor, ASKED, 6_000)), AFTER);
}

#[test]
fn what_cannot_be_read_is_an_error_of_the_rule_and_replay_obeys_it() {
    let folder = folder();
    let options = options(&folder);
    let reactor = open(&options);
    live_through(&reactor);
    let file = directory_of(folder.path(), 1, 8).join(BATCH_FOLDER).join("000000000002.batch");
    let whole = fs::read(&file).expect("it is there");
    let mut damaged = whole.clone();
    damaged[64 + 4 + 6 + 2] ^= 1;
    fs::write(&file, &damaged).expect("it is written");
    let answer = ask(&reactor, ASKED, 6_000);
    // The rule took nothing, and so did the names of the offer; what needs no batch data goes on.
    assert_eq!(told(&answer), r#"{"segments":[],"seen_as":["low","high"]}}}}"#);
    assert!(!answer.contains("offer_for_high_loyalty"));
    let errors = reactor.counters().errors.snapshot();
    let shown = format!("{errors:?}");
    assert!(shown.contains("UnreadableError") && shown.contains("seen_as"), "{shown}");
    let hash = reactor.state_hash();
    drop(reactor);
    fs::write(&file, &whole).expect("it is written");
    let reactor = open(&options);
    assert_eq!(reactor.state_hash(), hash, "replay does not read what live could not");
    assert_eq!(told(&ask(&reactor, ASKED, 7_000)), AFTER);
}

#[test]
fn a_backup_carries_the_generations_and_a_restored_directory_reads_them() {
    let folder = folder();
    let options = options(&folder);
    let reactor = open(&options);
    live_through(&reactor);
    reactor.snapshot().expect("it is taken");
    let hash = reactor.state_hash();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let source = directory_of(folder.path(), 1, 8);
    let (copy, back) = (folder.path().join("copy"), self::folder());
    let first = backup(&source, &copy, &disk).expect("it is copied");
    let again = backup(&source, &copy, &disk).expect("it is copied");
    assert!(again.files < first.files && again.kept >= 2, "{again:?} after {first:?}");
    let target = directory_of(back.path(), 1, 8);
    restore(&copy, &target, None, None, &disk).expect("it is restored");
    let reopened = open(&self::options(&back));
    assert_eq!(reopened.state_hash(), hash);
    assert_eq!(told(&ask(&reopened, ASKED, 6_000)), AFTER);
    drop(reopened);
    // Before the second import: what it brought is not there, and its file goes.
    let earlier = self::folder();
    let target = directory_of(earlier.path(), 1, 8);
    restore(&copy, &target, Some(3_000), None, &disk).expect("it is restored");
    let reopened = open(&self::options(&earlier));
    assert!(told(&ask(&reopened, ASKED, 6_000)).starts_with(r#"{"loyalty":"low""#));
    assert_eq!(generations(earlier.path()), ["000000000001.batch"]);
}

#[test]
fn erased_rows_are_gone_from_every_generation_that_is_kept() {
    let folder = folder();
    let options = options(&folder);
    let reactor = open(&options);
    live_through(&reactor);
    let gone = [Identifier { key: 0, value: "c1".into() }];
    assert_eq!(reactor.batch_files_with(&gone).expect("they are read").len(), 2);
    let rewritten = reactor.erase_from_batch(&gone).expect("they are written");
    let rows: Vec<u64> = rewritten.iter().map(|(_, rows)| *rows).collect();
    assert_eq!(rows, [1, 1]);
    assert!(reactor.batch_files_with(&gone).expect("they are read").is_empty());
    let answer = ask(&reactor, ASKED, 6_000);
    assert!(!told(&answer).contains(r#""loyalty""#), "{answer}");
    drop(reactor);
    let reactor = open(&options);
    let answer = ask(&reactor, r#"{"customer_id":"c2"}"#, 7_000);
    assert!(told(&answer).contains(r#""seen_as":["low"]"#), "{answer}");
    for file in generations(folder.path()) {
        let path = directory_of(folder.path(), 1, 8).join(BATCH_FOLDER).join(file);
        assert_eq!(memchr::memmem::find(&fs::read(path).expect("it is there"), b"c1"), None);
    }
}

#[test]
fn a_full_disk_during_an_import_harms_nothing() {
    let disk = SimulatedDisk::default();
    let mut reactor = open(&Options::default());
    reactor.batch = Arc::new(Batch::at(Arc::new(disk.clone()), PathBuf::from("batch")));
    import(&reactor, Dataset::attributes(), "customer_id,loyalty\nc1,low\n");
    let file = "customer_id,loyalty\nc1,high\n";
    for call in 0.. {
        disk.plan(call, Fault::Fail(io::ErrorKind::StorageFull));
        let begun = reactor.begin_import(&request(Dataset::attributes(), file, false));
        let finished = begun.and_then(|begun| match begun {
            Begun::Same(_) => panic!("it is new"),
            Begun::Import(mut import) => {
                import.feed(file.as_bytes())?;
                reactor.finish_import(*import)
            }
        });
        if disk.is_fault_pending() {
            finished.expect("nothing failed");
            break;
        }
        assert!(finished.is_err(), "call {call} failed unnoticed");
        assert!(told(&ask(&reactor, ASKED, 1)).starts_with(r#"{"loyalty":"low""#));
    }
    assert!(told(&ask(&reactor, ASKED, 2)).starts_with(r#"{"loyalty":"high""#));
}
