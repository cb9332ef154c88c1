//! Erasure: canary people are gone from every file, everybody else's state stays, and no crash changes either.
//!
//! The files are decoded and searched for every form of every identifier, with a control person whom the search
//! must find. The disk dies and fails at every call of an erasure; whatever is left, the next start leads to the
//! state that stood at the log's last LSN, goes on with the erasure, and ends it.

mod shop;

use std::cell::Cell;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use p13n::config::SourceFile;
use p13n::log::SyncPolicy;
use p13n::profile::Rid;
use p13n::reactor::erasure::proof::{Proof, Wanted, files_under, prove};
use p13n::reactor::erasure::{Leave, When};
use p13n::reactor::open::directory_of;
use p13n::reactor::{Options, Reactor, Request, SnapshotPolicy};
use p13n::storage::{Fault, SimulatedDisk};
use shop::source;

thread_local! {
    /// Its thread looks at the disk when it likes: most runs that fail at the N-th call go without.
    static KEEPS_IDENTITIES: Cell<bool> = const { Cell::new(true) };
}

fn options(disk: &SimulatedDisk, data_dir: &Path) -> Options {
    Options {
        data_dir: Some(data_dir.to_path_buf()),
        sync: SyncPolicy::Always,
        commit_timeout: Duration::from_secs(60),
        shards: 2,
        disk: Arc::new(disk.clone()),
        segment_bytes_max: 4 << 10,
        identity_log: KEEPS_IDENTITIES.get(),
        snapshots: SnapshotPolicy { at_close: true, ..SnapshotPolicy::default() },
        ..Options::default()
    }
}

/// A directory whose secret is always the same, so that ids and hashes are, too.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let own = directory_of(directory.path(), 1, 8);
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join("secret"), [7; 32]).unwrap();
    directory
}

fn open(disk: &SimulatedDisk, data_dir: &Path) -> Result<Reactor, String> {
    let opened = Reactor::open(&source(), &options(disk, data_dir));
    opened.map(|(reactor, _)| reactor).map_err(|error| error.to_string())
}

const CANARIES: [u64; 3] = [2, 5, 8];
const CONTROL: u64 = 4;

/// Sends the event that always has this number: people meet over devices and addresses, some events are on a
/// table that is no destination.
fn send(reactor: &Reactor, number: u64) -> Result<(), String> {
    let person = number % 11;
    let mut uuid = [0; 16];
    uuid[8..].copy_from_slice(&reactor.log().appended().to_le_bytes());
    let mut body = format!(
        r#"{{"uuid":"{:032x}","td_client_id":"device-{person}-{}""#,
        number + 1,
        number % 3
    );
    if number % 4 == 1 {
        body += &format!(r#","email":" Canary{person}@Example.com ""#);
    }
    if number % 7 == 3 {
        body += &format!(r#","customer_id":"customer-{person}""#);
    }
    body += &format!(r#","total":{number},"skus":[{number}],"note":"of device-{person}-0"}}"#);
    let table = if number % 9 == 8 { "elsewhere" } else { "orders" };
    let now_ms = Some(1_700_000_000_000 + number as i64 * 50_000);
    let request =
        Request { now_ms, uuid: Some(uuid), ..Request::new("shop", table, body.as_bytes()) };
    let receipt =
        reactor.personalize_json(&request, &mut Vec::new()).map_err(|error| error.to_string())?;
    reactor.wait(&receipt).map_err(|error| error.to_string())
}

fn erase(reactor: &Reactor) -> Result<Vec<Rid>, String> {
    let names: Vec<String> = CANARIES.iter().map(|person| format!("device-{person}-1")).collect();
    let people: Vec<_> = names.iter().map(|name| ("td_client_id", name.as_str())).collect();
    let erased = reactor.erase(&people, Leave::Nothing, When::Now);
    erased.map(|report| report.rids).map_err(|error| error.to_string())
}

fn names_of(person: u64) -> Vec<String> {
    let mut names: Vec<String> = (0..3).map(|device| format!("device-{person}-{device}")).collect();
    names.push(format!("canary{person}@example.com"));
    names.push(format!("customer-{person}"));
    names
}

fn search(disk: &SimulatedDisk, rids: &[Rid]) -> Proof {
    let erased: Vec<String> = CANARIES.iter().flat_map(|person| names_of(*person)).collect();
    let control = names_of(CONTROL);
    let wanted = Wanted { erased: &erased, rids, control: &control };
    prove(disk, &mut || Ok(disk.files()), &wanted).expect("a simulated disk can be read")
}

const BEFORE: u64 = 130;
const AFTER: u64 = 30;

/// Events, snapshots, a restart; then an erasure, and events of all but the canaries.
fn run(
    disk: &SimulatedDisk,
    data_dir: &Path,
    see: &mut dyn FnMut(&Reactor),
) -> Result<Vec<Rid>, String> {
    let mut reactor = open(disk, data_dir)?;
    see(&reactor);
    for number in 0..BEFORE {
        send(&reactor, number)?;
        see(&reactor);
        if number % 45 == 30 {
            // A failed snapshot is no reason to stop: the log decides whether it goes on.
            let _failed = reactor.snapshot();
        }
        if number == 70 {
            reactor.close().map_err(|error| error.to_string())?;
            drop(reactor);
            reactor = open(disk, data_dir)?;
        }
    }
    let rids = erase(&reactor)?;
    see(&reactor);
    for number in BEFORE..BEFORE + AFTER {
        if !CANARIES.contains(&(number % 11)) {
            send(&reactor, number)?;
            see(&reactor);
        }
    }
    reactor.close().map_err(|error| error.to_string())?;
    Ok(rids)
}

#[test]
fn canaries_are_gone_from_every_file_and_the_state_of_others_is_as_it_was() {
    let directory = directory();
    let disk = SimulatedDisk::default();
    let reactor = open(&disk, directory.path()).unwrap();
    for number in 0..BEFORE {
        send(&reactor, number).unwrap();
        if number % 45 == 30 {
            reactor.snapshot().unwrap();
        }
    }
    let before = search(&disk, &[]);
    assert!(before.hits() > 100, "the search finds people: {before:?}");
    let own = directory_of(directory.path(), 1, 8);
    disk.put(&own.join("log/000000000001.log.96.torn"), b"device-2-1");
    disk.put(&own.join("snapshots/000000000001.snapshot.5.damaged"), b"canary5@example.com");

    let names: Vec<String> = CANARIES.iter().map(|person| format!("device-{person}-1")).collect();
    let people: Vec<_> = names.iter().map(|name| ("td_client_id", name.as_str())).collect();
    let hash_of_others = {
        let people = reactor.erase(&[], Leave::Nothing, When::Shared);
        assert!(people.is_ok_and(|report| report.rids.is_empty()), "nobody is nobody");
        let rids: Vec<Rid> = CANARIES
            .iter()
            .flat_map(|person| names_of(*person))
            .filter_map(|name| {
                let key = match name.split_once('-') {
                    Some(("device", _)) => "td_client_id",
                    Some(_) => "customer_id",
                    None => "email",
                };
                reactor.profile(key, &name).unwrap().map(|profile| profile.rid)
            })
            .collect();
        reactor.state_hash_without(&rids)
    };
    let report = reactor.erase(&people, Leave::Nothing, When::Now).unwrap();
    assert!(report.files.tombstones > 25 && report.files.segments > 2, "{report:?}");
    assert!(report.files.snapshots >= 2, "{report:?}");
    assert_eq!(report.files.removed, 2, "{report:?}");
    assert_eq!(reactor.state_hash(), hash_of_others);
    for person in CANARIES {
        assert!(reactor.profile("td_client_id", &format!("device-{person}-1")).unwrap().is_none());
    }
    let proof = search(&disk, &report.rids);
    assert!(proof.holds(), "{proof:?}");
    for kind in ["sealed", "snapshot", "identities"] {
        assert!(proof.kinds[kind].control > 0, "{kind}: {proof:?}");
    }
    reactor.close().unwrap();
    drop(reactor);
    let proof = search(&disk, &report.rids);
    assert!(proof.holds(), "{proof:?}");

    // The same state from the newest snapshot, from an older one, from the log alone, and decided again.
    assert_eq!(open(&disk, directory.path()).unwrap().state_hash(), hash_of_others);
    let given = options(&disk, directory.path());
    let lsn = open(&disk, directory.path()).unwrap().log().appended();
    let replayed = Reactor::state_hash_at(&own, lsn, &given).unwrap();
    assert_eq!(replayed, hash_of_others);
    assert_eq!(Reactor::rehearse(&own, &given).unwrap(), hash_of_others);
    let shelf: Vec<PathBuf> =
        disk.files().into_iter().filter(|path| path.starts_with(own.join("snapshots"))).collect();
    let bare = disk.kill();
    for path in shelf {
        p13n::storage::Disk::remove(&bare, &path).unwrap();
    }
    let reactor = open(&bare, directory.path()).unwrap();
    assert_eq!(reactor.recovery().snapshot_lsn, 0);
    assert_eq!(reactor.state_hash(), hash_of_others);
    // A repeat of an erased event is still known as one.
    let known = reactor.log().appended();
    send(&reactor, 123).unwrap();
    assert_eq!(reactor.log().appended(), known, "123 is canary 2's");
}

/// What stood at each LSN, from 0 on.
fn states() -> Vec<u128> {
    let directory = directory();
    let mut states = Vec::new();
    let mut see = |reactor: &Reactor| {
        let hash = reactor.state_hash();
        states.resize(reactor.log().appended() as usize + 1, hash);
    };
    run(&SimulatedDisk::default(), directory.path(), &mut see).unwrap();
    states
}

fn random(mut seed: u64) -> impl FnMut() -> u64 {
    move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    }
}

/// Runs until the fault ends it; then every way back must find the state, and end the erasure that was begun.
fn fail_at(states: &[u128], erasure_lsn: u64, call: u64, fault: Fault) -> bool {
    let directory = directory();
    let disk = SimulatedDisk::default();
    disk.plan(call, fault);
    let _may_fail = run(&disk, directory.path(), &mut |_| {});
    let has_struck = !disk.is_fault_pending();
    let place = format!("{fault:?} at call {call}");
    for (disk, how) in [(disk.kill(), "kill"), (disk.crash(random(call | 1)), "crash")] {
        let place = format!("{how} after {place}");
        // A second crash while recovering from the first, and one while the erasure is gone on with.
        disk.plan(random(call.wrapping_mul(31) | 1)() % 40, Fault::Dead);
        if let Ok(reactor) = open(&disk, directory.path()) {
            let _may_fail = reactor.carry_out_erasures();
        }
        let disk = disk.kill();
        let reactor =
            open(&disk, directory.path()).unwrap_or_else(|error| panic!("{place}: {error}"));
        let lsn = reactor.log().appended();
        let expected = states[(lsn as usize).min(states.len() - 1)];
        assert_eq!(reactor.state_hash(), expected, "{place}: the state at LSN {lsn}");
        let files = reactor.carry_out_erasures().unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_eq!(reactor.state_hash(), expected, "{place}: {files:?}");
        reactor.close().unwrap();
        drop(reactor);
        if lsn >= erasure_lsn {
            let proof = search(&disk, &[]);
            assert_eq!(proof.hits(), 0, "{place}, LSN {lsn}: {proof:?}");
        }
        let own = directory_of(directory.path(), 1, 8);
        let given = options(&disk, directory.path());
        assert_eq!(Reactor::rehearse(&own, &given).unwrap(), expected, "{place}: decided again");
    }
    has_struck
}

fn full() -> bool {
    std::env::var("P13N_CASES").is_ok()
}

#[test]
fn the_disk_dies_or_fails_at_every_call_of_an_erasure() {
    KEEPS_IDENTITIES.set(false);
    let states = states();
    let erasure_lsn = BEFORE + 2;
    let calls_before = {
        let directory = directory();
        let disk = SimulatedDisk::default();
        let mut calls = 0;
        let _done = run(&disk, directory.path(), &mut |reactor| {
            if reactor.log().appended() <= BEFORE + 1 {
                calls = disk.calls();
            }
        });
        calls
    };
    let stride = if full() { 1 } else { 7 };
    let faults = [Fault::Dead, Fault::Fail(ErrorKind::StorageFull), Fault::Fail(ErrorKind::Other)];
    for (turn, fault) in faults.into_iter().enumerate() {
        let mut struck = 0;
        for call in (calls_before.saturating_sub(5) + turn as u64..).step_by(stride) {
            KEEPS_IDENTITIES.set(struck % 12 == 11);
            if !fail_at(&states, erasure_lsn, call, fault) {
                break;
            }
            struck += 1;
        }
        assert!(struck > 15, "{struck} faults of {fault:?} are too few");
    }
}

#[test]
fn a_device_that_changed_hands_goes_with_its_last_owner_and_others_stay_as_they_were() {
    let directory = directory();
    let disk = SimulatedDisk::default();
    let text = shop::CONFIGURATION
        .replace("- name: customer_id\n", "- {name: customer_id, max_values: 1}\n");
    let source = SourceFile::new("test.yaml", &text);
    let given = options(&disk, directory.path());
    let (reactor, _) = Reactor::open(&source, &given).unwrap();
    let mut now_ms = 1_700_000_000_000;
    let mut event = |reactor: &Reactor, table: &str, customer: &str, device: &str| {
        now_ms += 1_000;
        let customer = match customer {
            "" => String::new(),
            customer => format!(r#""customer_id":"{customer}","#),
        };
        let body = format!(r#"{{{customer}"td_client_id":"{device}","total":3}}"#);
        let request =
            Request { now_ms: Some(now_ms), ..Request::new("shop", table, body.as_bytes()) };
        reactor.personalize_json(&request, &mut Vec::new()).unwrap();
    };
    event(&reactor, "orders", "customer-x", "shared-device");
    event(&reactor, "elsewhere", "", "shared-device");
    reactor.snapshot().unwrap();
    // A login of another customer takes the device over.
    event(&reactor, "orders", "customer-y", "shared-device");
    event(&reactor, "elsewhere", "", "shared-device");
    event(&reactor, "orders", "customer-x", "device-of-x");
    event(&reactor, "orders", "customer-y", "device-of-y");
    let rid_of = |reactor: &Reactor, name: &str| {
        reactor.profile("customer_id", name).unwrap().map(|found| found.rid)
    };
    let (x, y) = (rid_of(&reactor, "customer-x").unwrap(), rid_of(&reactor, "customer-y").unwrap());
    assert_ne!(x, y);
    let of_others = reactor.state_hash_without(&[y]);
    let people = [("td_client_id", "shared-device")];
    let report = reactor.erase(&people, Leave::Nothing, When::Now).unwrap();
    assert_eq!(report.rids, [y], "the device is the last owner's");
    assert_eq!(report.files.tombstones, 3, "two orders, and one event elsewhere");
    assert_eq!(reactor.state_hash(), of_others);
    assert_eq!(rid_of(&reactor, "customer-x"), Some(x));
    let lsn = reactor.log().appended();
    reactor.close().unwrap();
    drop(reactor);
    let own = directory_of(directory.path(), 1, 8);
    assert_eq!(Reactor::state_hash_at(&own, lsn, &given).unwrap(), of_others);
    let bare = disk.kill();
    for path in disk.files().into_iter().filter(|path| path.starts_with(own.join("snapshots"))) {
        p13n::storage::Disk::remove(&bare, &path).unwrap();
    }
    let (replayed, _) = Reactor::open(&source, &options(&bare, directory.path())).unwrap();
    assert_eq!(replayed.state_hash(), of_others, "from the log alone");
    let erased = report.texts;
    let control = ["device-of-x".to_owned()];
    let wanted = Wanted { erased: &erased, rids: &report.rids, control: &control };
    let proof = prove(&disk, &mut || Ok(disk.files()), &wanted).unwrap();
    assert!(
        (1..=3).contains(&proof.hits()),
        "one event elsewhere, before it changed hands: {proof:?}"
    );
    assert!(proof.kinds.values().any(|found| found.mentions > 0), "{proof:?}");
}

#[test]
fn at_most_so_many_people_are_erased_at_once() {
    use p13n::reactor::erasure::limits::PEOPLE_MAX;
    let (reactor, _) = Reactor::open(&source(), &Options::default()).unwrap();
    let names: Vec<String> = (0..=PEOPLE_MAX).map(|number| format!("device-{number}")).collect();
    let people: Vec<_> = names.iter().map(|name| ("td_client_id", name.as_str())).collect();
    let refused = reactor.erase(&people, Leave::Nothing, When::Now).unwrap_err();
    assert_eq!(refused.to_string(), "at most 10000 identifiers are erased at once");
    assert!(reactor.erase(&people[1..], Leave::Nothing, When::Now).is_ok());
}

/// How many people there are, and how many of them are canaries: 50 of 5,000, or the bar's 1,000 of 100,000.
fn crowd() -> (u64, u64) {
    if std::env::var("P13N_ERASURE").is_ok() { (100_000, 1_000) } else { (5_000, 50) }
}

/// A device's id as clients make them, another one for each person and device.
fn device_of(person: u64, device: u64) -> String {
    let mixed = (person * 7 + device + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let rest = mixed.rotate_left(29) & 0xffff_ffff_ffff;
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{rest:012x}",
        mixed >> 32,
        mixed & 0xffff,
        mixed >> 52,
        person & 0xfff
    )
}

/// Two devices and an address of each, which meet; every event is answered, bodies are of an ordinary size.
fn crowd_event(reactor: &Reactor, person: u64, turn: u64) {
    let device = device_of(person, turn % 2);
    let email = match turn {
        1 | 2 => format!(r#""email":"Person.{person}@Example.com","#),
        _ => String::new(),
    };
    let table = if turn == 3 { "elsewhere" } else { "pageviews" };
    let padding = "0123456789abcdef".repeat(12);
    let body = format!(
        r#"{{{email}"td_client_id":"{device}","category":"c{}","td_path":"/p/{turn}","td_referrer":"https://www.example.com/{padding}"}}"#,
        person % 50
    );
    let now_ms = Some(1_700_000_000_000 + (turn * 100 + person % 100) as i64);
    let request = Request { now_ms, decide: false, ..Request::new("shop", table, body.as_bytes()) };
    reactor.personalize_json(&request, &mut Vec::new()).unwrap();
}

#[test]
fn canaries_among_many_are_gone_in_time() {
    let (people, canaries) = crowd();
    let directory = tempfile::tempdir().unwrap();
    let given = Options {
        data_dir: Some(directory.path().to_path_buf()),
        sync: SyncPolicy::Interval { ms: 1_000 },
        segment_bytes_max: if people > 10_000 { 64 << 20 } else { 2 << 20 },
        queue_bytes_max: 512 << 20,
        ..Options::default()
    };
    let (reactor, _) = Reactor::open(&source(), &given).unwrap();
    for turn in 0..6 {
        for person in 0..people {
            crowd_event(&reactor, person, turn);
        }
        if turn % 2 == 0 {
            reactor.snapshot().unwrap();
        }
    }
    let step = people / canaries;
    let chosen: Vec<u64> = (0..canaries).map(|number| number * step + 3).collect();
    let texts: Vec<String> = chosen
        .iter()
        .flat_map(|person| {
            [device_of(*person, 0), device_of(*person, 1), format!("person.{person}@example.com")]
        })
        .collect();
    let control: Vec<String> = vec![device_of(4, 0), device_of(4, 1)];
    let own = directory_of(directory.path(), 1, 8);
    let proved = |rids: &[Rid]| {
        let wanted = Wanted { erased: &texts, rids, control: &control };
        let folders = [own.clone()];
        prove(&p13n::storage::RealDisk, &mut || files_under(&folders), &wanted).unwrap()
    };
    reactor.log().wait(reactor.log().appended(), Duration::from_secs(60)).unwrap();
    let before = proved(&[]);
    assert!(before.hits() >= canaries * 6, "{before:?}");

    let asked: Vec<String> = chosen.iter().map(|person| device_of(*person, 1)).collect();
    let named: Vec<_> = asked.iter().map(|name| ("td_client_id", name.as_str())).collect();
    let now: Vec<Rid> = named
        .iter()
        .filter_map(|(key, value)| reactor.profile(key, value).unwrap().map(|found| found.rid))
        .collect();
    assert_eq!(now.len() as u64, canaries);
    let hash_of_others = reactor.state_hash_without(&now);
    let begun = std::time::Instant::now();
    let report = reactor.erase(&named, Leave::Nothing, When::Now).unwrap();
    let took = begun.elapsed();
    let gigabytes = report.files.log_bytes as f64 / 1e9;
    println!(
        "erasure: {canaries} of {people} people, {} profiles ever, {} tombstones, {:.2} GB of log in {:.1} s: \
         {:.1} s per GB; {} snapshots, {} profiles left out of them",
        report.rids.len(),
        report.files.tombstones,
        gigabytes,
        took.as_secs_f64(),
        took.as_secs_f64() / gigabytes,
        report.files.snapshots,
        report.files.snapshot_profiles,
    );
    assert_eq!(report.files.tombstones, canaries * 6);
    assert!(people < 10_000 || took.as_secs_f64() <= 60.0 * gigabytes.max(0.1), "{took:?}");
    let proof = proved(&report.rids);
    println!("erasure: {:?}", proof.kinds);
    assert!(proof.holds(), "{proof:?}");
    for (kind, finding) in &proof.kinds {
        let holds_people = matches!(*kind, "sealed" | "snapshot" | "identities");
        assert!(!holds_people || finding.control > 0, "{kind}: {finding:?}");
    }
    let hash = reactor.state_hash();
    assert_eq!(hash, hash_of_others);
    reactor.close().unwrap();
    drop(reactor);
    assert!(proved(&report.rids).holds());
    let (again, _) = Reactor::open(&source(), &given).unwrap();
    assert_eq!(again.state_hash(), hash);
    // Everybody else's events, in a reactor that never knew the canaries, lead to the same profiles.
    let others = people - canaries;
    assert_eq!(again.sizes().0 as u64, others);
}
