//! Replay: how many events a second a start reads back from the log, for the seed's event and five attributes.
//!
//! The log is written by a real reactor, then opened again, several times; `events/s` is the report's own:
//! reading, checksums, decoding and applying. Beside it stands a scan of the same log that applies nothing.
//! `cargo bench --bench replay`; `P13N_BENCH_CLIENTS` and `P13N_BENCH_EVENTS` say otherwise than 100,000
//! customers and 1,000,000 events.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use p13n::config::SourceFile;
use p13n::error::ErrorKind;
use p13n::log::storage::RealDisk;
use p13n::log::{self, Recovery, SyncPolicy};
use p13n::reactor::{Options, Reactor, Request};

const ROUNDS: usize = 3;
const CONFIGURATION: &str = include_str!("seed_event.yaml");

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |given| given.parse().expect("a number"))
}

fn main() {
    let clients = number("P13N_BENCH_CLIENTS", 100_000);
    let events = number("P13N_BENCH_EVENTS", 1_000_000);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let options = Options {
        data_dir: Some(directory.path().to_path_buf()),
        sync: SyncPolicy::Interval { ms: 100 },
        ..Options::default()
    };
    let source = SourceFile::new("bench.yaml", CONFIGURATION);
    let hash = write(&source, &options, clients, events);
    let scan = scan(&directory.path().join("1-8").join("log"));
    let mut rates = Vec::new();
    for round in 0..ROUNDS {
        let begun = Instant::now();
        let (reactor, _) = Reactor::open(&source, &options).expect("it opens again");
        let took = begun.elapsed().as_secs_f64();
        let replayed = reactor.recovery().events;
        assert_eq!(replayed, events);
        assert_eq!(reactor.state_hash(), hash, "replay leads to the live state");
        println!("round {round}: {:>9.0} events/s", replayed as f64 / took);
        rates.push(replayed as f64 / took);
        drop(reactor);
    }
    rates.sort_by(f64::total_cmp);
    let rate = rates[rates.len() / 2];
    println!(
        "replay, {clients} clients, {events} events   {rate:>12.0} events/s (median of {ROUNDS})"
    );
    println!("control: scan of the same log        {scan:>12.0} records/s");
}

fn write(source: &SourceFile, options: &Options, clients: u64, events: u64) -> u128 {
    let (reactor, _) = Reactor::open(source, options).expect("the configuration is good");
    let mut answer = Vec::new();
    let mut order = 1u64;
    for _ in 0..events {
        order =
            order.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let body = format!(
            concat!(
                r#"{{"td_client_id":"42a508e2-d9b1-4baa-9eb2-{:012x}","#,
                r#""td_url":"https://example.com/retail/shop/women","td_path":"/retail/shop/women","#,
                r#""product_name":"women's-tank-top","product_category":"women","#,
                r#""product_list":["women's-running-shoes","kids'-hoodie","women's-tank-top"],"#,
                r#""category_list":["women","kids"]}}"#
            ),
            (order >> 33) % clients
        );
        let request = Request {
            decide: false,
            ..Request::new("your_database", "pageviews", body.as_bytes())
        };
        while let Err(error) = reactor.personalize_json(&request, &mut answer) {
            assert!(matches!(error.kind(), ErrorKind::Busy), "{error}");
            let log = reactor.log();
            log.wait(log.appended(), std::time::Duration::from_secs(60)).expect("it syncs");
        }
    }
    let hash = reactor.state_hash();
    // Dropped without a close: the next start replays everything.
    let log = reactor.log();
    log.wait(log.appended(), std::time::Duration::from_secs(60)).expect("it syncs");
    hash
}

fn scan(log: &Path) -> f64 {
    let mut recovery =
        Recovery::open(log, Arc::new(RealDisk), log::Options::default()).expect("it opens");
    let begun = Instant::now();
    let replayed = recovery.replay(|_| Ok::<_, ()>(())).expect("it replays");
    replayed.records as f64 / begun.elapsed().as_secs_f64()
}
