//! Evictions beside batch data: who has a row of it is not fleeting.

use p13n::batch::Dataset;
use p13n::batch::source::Format;
use p13n::clock::ClockMode;
use p13n::config::SourceFile;
use p13n::reactor::import::{Begun, ImportRequest};
use p13n::reactor::{MemoryPolicy, OnMemoryFull, Options, Reactor, Request};
use p13n::record::EvictionReason;

const CONFIGURATION: &str = r#"
version: 1
account: 1
instance: 8
name: test
database: shop
keys: [{name: customer_id}, {name: td_client_id}]
events: [{name: pageview, table: pageviews}]
attributes: [{name: loyalty, type: imported, data_type: string}]
segments: [{id: "22", name: other}]
"#;

const IMPORTED: usize = 300;

fn client(number: usize) -> String {
    format!("client-{number:06}")
}

#[test]
fn who_has_a_row_of_batch_data_stays_however_old() {
    let memory = MemoryPolicy { budget_bytes: Some(512 << 10), on_full: OnMemoryFull::Keep };
    let options = Options {
        memory,
        shards: 16,
        dedup_max: 64,
        clock: ClockMode::Event,
        ..Options::default()
    };
    let source = SourceFile::new("test.yaml", CONFIGURATION);
    let (reactor, _) = Reactor::open(&source, &options).expect("it opens");
    let rows = (0..IMPORTED).map(|number| format!("{},high\n", client(number)));
    let file: String = std::iter::once("td_client_id,loyalty\n".to_owned()).chain(rows).collect();
    let request = ImportRequest {
        dataset: Dataset::attributes(),
        key: None,
        format: Format::Csv,
        file: [7; 32],
        replace: false,
    };
    let Begun::Import(mut import) = reactor.begin_import(&request).expect("it is declared") else {
        panic!("nothing was imported before");
    };
    import.feed(file.as_bytes()).expect("it is read");
    reactor.finish_import(*import).expect("it is imported");

    let mut out = Vec::new();
    for number in 0..20_000 {
        let time_s = 1_700_000_000 + number as i64 * 120;
        let body = format!(r#"{{"td_client_id":"{}","time":{time_s}}}"#, client(number));
        let request =
            Request { decide: false, ..Request::new("shop", "pageviews", body.as_bytes()) };
        reactor.personalize_json(&request, &mut out).expect("a good event");
    }
    let fleeting = reactor.counters().evicted(EvictionReason::Fleeting).get();
    assert!(
        fleeting > 5_000,
        "{fleeting} of 20,000, {} not kept",
        reactor.counters().not_kept.get()
    );
    let known =
        |number| reactor.profile("td_client_id", &client(number)).expect("a read").is_some();
    assert_eq!((0..IMPORTED).filter(|number| known(*number)).count(), IMPORTED);
    assert!((IMPORTED..2 * IMPORTED).filter(|number| known(*number)).count() < IMPORTED / 10);
}
