//! Soak: visitors come and go for a long time, and memory stays where it was.
//!
//! Most visitors come once, some come back, some log in, some send an event twice; days pass, profiles expire,
//! memory is short all the time and snapshots are taken. What the process holds once all this has been going
//! on for a while is compared with what it holds at the end. `make soak` runs it for minutes; in
//! `cargo test` it runs for seconds. P13N_SOAK_S is how long.

use std::time::{Duration, Instant};

use p13n::clock::ClockMode;
use p13n::config::SourceFile;
use p13n::log::SyncPolicy;
use p13n::reactor::{MemoryPolicy, OnMemoryFull, Options, Reactor, Request, Retention};

const CONFIGURATION: &str = r#"
version: 1
account: 1
instance: 8
name: soak
database: shop
keys: [{name: customer_id}, {name: td_client_id}]
events: [{name: pageview, table: pageviews}]
attributes:
  - {name: paths, type: list, max_items: 20, set: [{event: pageview, value: "${EVENT.path}"}]}
  - {name: views, type: counter, duration: 30d, set: [{event: pageview}]}
  - {name: last_path, type: single, set: [{event: pageview, value: "${EVENT.path}"}]}
offers:
  - {name: paths, set: [{if: PROFILE.views > 3, data: {paths: "${PROFILE.paths.length}"}}]}
profiles: {ttl: 3d}
tokens: [{name: server, value: e65d8a9df2094f02b84cd660efff6f27}]
"#;

const BUDGET: usize = 24 << 20;
/// Visitors of a day of the log's time.
const EVENTS_A_DAY: u64 = 20_000;

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = statm.split(' ').nth(1).expect("resident").parse().expect("a number");
    pages * 4_096
}

/// What the event number `event` says; everything about it follows from the number.
fn body(event: u64) -> String {
    let mixed = event.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let time_s = 1_700_000_000 + event * 86_400 / EVENTS_A_DAY;
    let client = match mixed % 10 {
        // Somebody who was here a while ago.
        0..3 => event.saturating_sub(1 + mixed % 30_000),
        _ => event,
    };
    let login = match mixed % 20 {
        7 => format!(r#","customer_id":"customer-{}""#, mixed % 5_000),
        _ => String::new(),
    };
    let uuid = match mixed % 4 {
        0 => format!(r#","uuid":"018f0000-0000-7000-8000-{:012x}""#, event / 8),
        _ => String::new(),
    };
    let path = mixed % 977;
    format!(
        r#"{{"td_client_id":"client-{client}","time":{time_s},"path":"/articles/{path}"{login}{uuid}}}"#
    )
}

#[test]
fn visitors_come_and_go_and_memory_stays_where_it_was() {
    let seconds = std::env::var("P13N_SOAK_S").map_or(12, |text| text.parse().expect("seconds"));
    let directory = tempfile::tempdir().expect("a directory");
    let memory = MemoryPolicy { budget_bytes: Some(BUDGET), on_full: OnMemoryFull::Evict };
    let retention = Retention { bytes: Some(64 << 20), ..Retention::default() };
    let options = Options {
        data_dir: Some(directory.path().to_path_buf()),
        sync: SyncPolicy::Interval { ms: 100 },
        clock: ClockMode::Event,
        dedup_max: 50_000,
        segment_bytes_max: 8 << 20,
        memory,
        retention,
        ..Options::default()
    };
    let source = SourceFile::new("soak.yaml", CONFIGURATION);
    let (reactor, _) = Reactor::open(&source, &options).expect("it opens");
    let begun = Instant::now();
    let (warm, over) = (Duration::from_secs(seconds) / 2, Duration::from_secs(seconds));
    let mut answer = Vec::new();
    let (mut event, mut warm_bytes, mut most_bytes) = (0, None, 0);
    while begun.elapsed() < over {
        for _ in 0..1_000 {
            let body = body(event);
            let request = Request::new("shop", "pageviews", body.as_bytes());
            // A full queue is the disk's; the next event waits for it.
            if reactor.personalize_json(&request, &mut answer).is_err() {
                reactor.log().wait(reactor.log().appended(), over).expect("the disk goes on");
            }
            event += 1;
        }
        let figures = reactor.memory();
        let used = figures.profile_bytes + figures.beside_bytes;
        assert!(used <= BUDGET / 100 * 105, "after {event} events {used} bytes of {BUDGET}");
        if event % 200_000 == 0 {
            reactor.snapshot().expect("a snapshot");
        }
        if begun.elapsed() < warm {
            continue;
        }
        let resident = resident_bytes();
        warm_bytes.get_or_insert(resident);
        most_bytes = resident.max(most_bytes);
    }
    let warm_bytes = warm_bytes.expect("it ran for longer than it took to warm up");
    let counters = reactor.counters();
    let evicted = p13n::record::EvictionReason::ALL.map(|reason| counters.evicted(reason).get());
    println!(
        "soak: {event} events in {seconds} s, evicted {evicted:?} (expired, fleeting, room), resident \
         {} KiB when warm, {} KiB at most after, {} KiB at the end",
        warm_bytes >> 10,
        most_bytes >> 10,
        resident_bytes() >> 10,
    );
    // Allocators and the log's buffers breathe; a leak of 100 bytes an event would be far more in minutes.
    assert!(most_bytes < warm_bytes + warm_bytes / 5 + (24 << 20), "{warm_bytes} {most_bytes}");
    reactor.close().expect("it closes");
}
