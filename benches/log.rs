//! What the log costs: durable appends by 1 and 64 writers beside the disk's own sync, rotations, the append
//! alone, and the rate of replay of segments as written and sealed. `cargo bench --bench log`; the directory is
//! `P13N_BENCH_DIRECTORY` or the system's temporary one, which must lie on a real disk for the syncs to mean
//! anything.

use std::fs::{self, File};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use p13n::log::limits::SEAL_BYTES_MIN;
use p13n::log::storage::RealDisk;
use p13n::log::{Entry, Log, Options, Recovery, SegmentState, SyncPolicy};

const PATIENCE: Duration = Duration::from_secs(60);
const RUN: Duration = Duration::from_secs(3);

struct Row {
    name: String,
    per_second: f64,
    p50_us: f64,
    p99_us: f64,
    syncs_per_event: f64,
}

fn main() {
    let parent = std::env::var_os("P13N_BENCH_DIRECTORY").map(PathBuf::from);
    let directory = match parent {
        Some(parent) => tempfile::tempdir_in(parent),
        None => tempfile::tempdir(),
    }
    .expect("a directory to work in");
    let mut rows = vec![disk_sync(directory.path())];
    rows.extend([1, 64].map(|writers| durable_appends(directory.path(), writers)));
    rows.extend([false, true].map(|rotates| appends_and_rotations(directory.path(), rotates)));
    rows.push(disk_sync(directory.path()));
    let pauses = [None, Some(Duration::from_micros(300))];
    rows.extend(pauses.map(|pause| appends_alone(directory.path(), pause)));
    rows.push(memory_copy());
    rows.extend(replays(directory.path()));
    print(&rows);
    save(&rows);
}

fn open(path: &Path, sync: SyncPolicy) -> Log {
    open_with(path, Options { sync, ..Options::default() })
}

fn open_with(path: &Path, options: Options) -> Log {
    let options = Options { queue_bytes_max: 1 << 30, ..options };
    Recovery::open(path, Arc::new(RealDisk), options)
        .and_then(Recovery::start)
        .expect("the log starts")
}

fn append(log: &Log, payload: &[u8]) -> u64 {
    let reservation = log.reserve(payload.len()).expect("the queue has room");
    log.append(reservation, 1, &[payload]).expect("the log works")
}

/// The floor: what one write of 4 KiB and its sync cost on this disk, as a file grows.
fn disk_sync(directory: &Path) -> Row {
    let file = File::create(directory.join("floor")).expect("a file");
    let page = [7; 4096];
    let mut took = Vec::new();
    let begun = Instant::now();
    for number in 0_u64..1000 {
        let begun = Instant::now();
        file.write_all_at(&page, number * 4096).expect("it is written");
        file.sync_data().expect("it is synced");
        took.push(begun.elapsed());
    }
    row("disk: write 4 KiB + fdatasync", 1000, begun.elapsed(), took, 1.0)
}

/// Each writer appends 256 B, waits until it is synced, and goes on.
fn durable_appends(directory: &Path, writers: usize) -> Row {
    let log = open(&directory.join(format!("durable-{writers}")), SyncPolicy::Always);
    let begun = Instant::now();
    let took: Vec<Duration> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..writers)
            .map(|_| {
                scope.spawn(|| {
                    let mut took = Vec::new();
                    while begun.elapsed() < RUN {
                        let begun = Instant::now();
                        log.wait(append(&log, &[5; 256]), PATIENCE).expect("it is synced");
                        took.push(begun.elapsed());
                    }
                    took
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it ends")).collect()
    });
    let elapsed = begun.elapsed();
    let events = took.len();
    let syncs = log.stats().syncs as f64 / events as f64;
    row(&format!("always, {writers} writer(s) x 256 B"), events, elapsed, took, syncs)
}

/// One writer appends 4 KiB and waits, in segments that never fill, or in such as take 63 of them: then about
/// one in 64 waits for a rotation, so that p99 is a rotation's. Spares are made and segments sealed meanwhile.
fn appends_and_rotations(directory: &Path, rotates: bool) -> Row {
    let (name, segment_bytes_max) =
        if rotates { ("a rotation every 63", 256 << 10) } else { ("no rotation", 256 << 20) };
    let options = Options { segment_bytes_max, ..Options::default() };
    let log = open_with(&directory.join(name), options);
    let mut took = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < RUN {
        let begun = Instant::now();
        log.wait(append(&log, &[5; 4096]), PATIENCE).expect("it is synced");
        took.push(begun.elapsed());
    }
    let elapsed = begun.elapsed();
    let events = took.len();
    let syncs = log.stats().syncs as f64 / events as f64;
    row(&format!("always, 4 KiB, {name}"), events, elapsed, took, syncs)
}

/// One thread appends 600 B without waiting: at full speed, where the queue grows into fresh memory, or in
/// bursts of 100 with pauses between them (about 250,000 a second). Each sample is the mean of 100.
fn appends_alone(directory: &Path, pause: Option<Duration>) -> Row {
    let name = if pause.is_some() { "in bursts" } else { "at full speed" };
    let log = open(&directory.join(name), SyncPolicy::Interval { ms: 100 });
    let payload = vec![5; 600];
    let mut took = Vec::new();
    let mut elapsed = Duration::ZERO;
    for _ in 0..3000 {
        let begun = Instant::now();
        for _ in 0..100 {
            black_box(append(&log, black_box(&payload)));
        }
        let sample = begun.elapsed();
        elapsed += sample;
        took.push(sample / 100);
        pause.into_iter().for_each(std::thread::sleep);
    }
    log.wait(log.appended(), PATIENCE).expect("it is synced");
    let syncs = log.stats().syncs as f64 / 300_000.0;
    row(&format!("append of 600 B, {name}"), 300_000, elapsed, took, syncs)
}

/// What copying those bytes costs by itself, into memory that is warm.
fn memory_copy() -> Row {
    let payload = vec![5; 600];
    let mut target: Vec<u8> = Vec::with_capacity(100 * 600);
    let mut took = Vec::new();
    let begun = Instant::now();
    for _ in 0..3000 {
        let begun = Instant::now();
        target.clear();
        for _ in 0..100 {
            target.extend_from_slice(black_box(&payload));
        }
        black_box(&target);
        took.push(begun.elapsed() / 100);
    }
    row("copy of 600 B", 300_000, begun.elapsed(), took, 0.0)
}

/// A million records of 256 B, read, checked and handed on, as they were written and then sealed; the files
/// are in the page cache.
fn replays(directory: &Path) -> [Row; 2] {
    let path = directory.join("replay");
    let options = Options { sync: SyncPolicy::Interval { ms: 100 }, ..Options::default() };
    let log = open_with(&path, Options { seal: false, ..options });
    for number in 0..1_000_000_u64 {
        append(&log, &event(number));
        if number % 100_000 == 0 {
            log.wait(log.appended(), PATIENCE).expect("it is synced");
        }
    }
    log.close().expect("it closes");
    drop(log);
    let plain = replay(&path, "replay of 256 B records");
    let log = open_with(&path, options);
    let begun = Instant::now();
    let is_due =
        |segment: &Entry| segment.state == SegmentState::Closed && segment.bytes >= SEAL_BYTES_MIN;
    while log.segments().iter().any(is_due) {
        assert!(begun.elapsed() < PATIENCE, "all segments are sealed: {:?}", log.segments());
        std::thread::yield_now();
    }
    let (raw, stored) = log
        .segments()
        .iter()
        .fold((0, 0), |(raw, stored), segment| (raw + segment.bytes, stored + segment.file_bytes));
    println!("sealed to {:.0} % of {raw} bytes", stored as f64 / raw as f64 * 100.0);
    log.close().expect("it closes");
    drop(log);
    [plain, replay(&path, "replay of 256 B records, sealed")]
}

/// Something like an event: words that come again, numbers that do not.
fn event(number: u64) -> [u8; 256] {
    let mut state = number;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed ^ (mixed >> 27)
    };
    let text = format!(
        "{{\"uuid\":\"{:016x}{:016x}\",\"td_client_id\":\"{:016x}\",\"td_url\":\"https://shop.example/item/{}\",\
         \"td_title\":\"An item of the shop\",\"price\":{},\"time\":{}}}",
        next(),
        next(),
        next(),
        next() % 5000,
        next() % 10_000,
        1_700_000_000 + number / 500,
    );
    let mut event = [b' '; 256];
    let length = text.len().min(256);
    event[..length].copy_from_slice(&text.as_bytes()[..length]);
    event
}

fn replay(path: &Path, name: &str) -> Row {
    let mut took = Vec::new();
    let mut records = 0;
    let begun = Instant::now();
    for _ in 0..3 {
        let mut recovery =
            Recovery::open(path, Arc::new(RealDisk), Options::default()).expect("the log opens");
        let begun = Instant::now();
        let replayed = recovery.replay(|record| {
            black_box(record.payload);
            Ok::<_, ()>(())
        });
        records += replayed.expect("the log is good").records;
        took.push(begun.elapsed() / 1_000_000);
    }
    assert_eq!(records, 3_000_000);
    row(name, 3_000_000, begun.elapsed(), took, 0.0)
}

fn row(
    name: &str,
    events: usize,
    elapsed: Duration,
    mut took: Vec<Duration>,
    syncs_per_event: f64,
) -> Row {
    took.sort_unstable();
    let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize].as_nanos() as f64 / 1000.0;
    Row {
        name: name.into(),
        per_second: events as f64 / elapsed.as_secs_f64(),
        p50_us: at(0.5),
        p99_us: at(0.99),
        syncs_per_event,
    }
}

fn print(rows: &[Row]) {
    println!(
        "{:<34} {:>12} {:>10} {:>10} {:>12}",
        "log", "events/s", "p50 us", "p99 us", "syncs/event"
    );
    for row in rows {
        println!(
            "{:<34} {:>12.0} {:>10.3} {:>10.3} {:>12.4}",
            row.name, row.per_second, row.p50_us, row.p99_us, row.syncs_per_event
        );
    }
}

fn save(rows: &[Row]) {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            serde_json::json!({
                "name": row.name,
                "events_per_second": row.per_second,
                "p50_us": row.p50_us,
                "p99_us": row.p99_us,
                "syncs_per_event": row.syncs_per_event,
            })
        })
        .collect();
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/results");
    fs::create_dir_all(&results).expect("a directory for the results");
    let text = serde_json::to_string_pretty(&rows).expect("plain values") + "\n";
    fs::write(results.join("log.json"), text).expect("the results are written");
}
