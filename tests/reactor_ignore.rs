//! `ignore`: robots leave no profile, a replay asks nobody who they were, and nothing is counted twice.

mod shop;

use p13n::config::SourceFile;
use p13n::reactor::ingest::FileLines;
use p13n::reactor::open::directory_of;
use p13n::reactor::{Caller, Options, Reactor, Receipt, Request};
use shop::{CONFIGURATION, on_disk};

const ROBOT: &str = "Mozilla/5.0 (compatible; Googlebot/2.1)";
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64)";

fn ignoring(entries: &str) -> SourceFile {
    SourceFile::new("test.yaml", format!("{CONFIGURATION}ignore:\n{entries}"))
}

fn open_with(entries: &str, options: &Options) -> Reactor {
    Reactor::open(&ignoring(entries), options).expect("it opens").0
}

const ROBOTS_DROPPED: &str = "  - {if: '/bot|crawl/i.test(REQUEST.user_agent)', store: false}\n";
const ROBOTS_STORED: &str = "  - {if: '/bot|crawl/i.test(REQUEST.user_agent)'}\n";

fn send_as(reactor: &Reactor, body: &str, caller: Caller<'_>) -> (String, Receipt) {
    let mut out = Vec::new();
    let request = Request { caller, ..Request::new("shop", "pageviews", body.as_bytes()) };
    let receipt = reactor.personalize_json(&request, &mut out).expect("a good event");
    (String::from_utf8(out).expect("JSON is UTF-8"), receipt)
}

fn with_agent(user_agent: &str) -> Caller<'_> {
    Caller { user_agent: Some(user_agent), ..Caller::default() }
}

const EVENT: &str = r#"{"td_client_id":"a","category":"women"}"#;

#[test]
fn a_robots_event_that_is_not_stored_leaves_a_count_and_nothing_else() {
    let reactor = open_with(ROBOTS_DROPPED, &Options::default());
    let appended = reactor.log().appended();
    for body in [EVENT, r#"{"no":"identifier"}"#] {
        let (answer, receipt) = send_as(&reactor, body, with_agent(ROBOT));
        assert_eq!(answer, r#"{"offers":{}}"#);
        assert_eq!(receipt, Receipt { lsn: 0, duplicate: false, dropped: true });
        assert_eq!(reactor.wait_lsn(&receipt), 0);
    }
    assert_eq!((reactor.log().appended(), reactor.sizes()), (appended, (0, 0)));
    assert_eq!(reactor.counters().dropped.get(), 2);
    assert_eq!(reactor.counters().events.get(), 0);
    let (answer, _) = send_as(&reactor, EVENT, with_agent(BROWSER));
    assert!(answer.contains("preferences_known"), "{answer}");
}

#[test]
fn a_robots_event_that_is_stored_touches_no_profile_live_or_after_a_restart_or_a_rehearsal() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = on_disk(directory.path());
    let reactor = open_with(ROBOTS_STORED, &options);
    let uuid = r#"{"td_client_id":"b","uuid":"e65d8a9df2094f02b84cd660efff6f27"}"#;
    let (answer, first) = send_as(&reactor, uuid, with_agent(ROBOT));
    assert_eq!(answer, r#"{"offers":{}}"#);
    assert!(!first.duplicate && !first.dropped && first.lsn > 1);
    let (answer, again) = send_as(&reactor, uuid, with_agent(ROBOT));
    assert!(again.duplicate);
    assert_eq!(answer, r#"{"offers":{}}"#);
    send_as(&reactor, r#"{"no":"identifier"}"#, with_agent(ROBOT));
    send_as(&reactor, EVENT, with_agent(BROWSER));
    send_as(&reactor, r#"{"td_client_id":"a","category":"men"}"#, with_agent(ROBOT));
    assert_eq!(reactor.sizes(), (1, 1));
    let counters = reactor.counters();
    assert_eq!((counters.only_stored.get(), counters.events.get()), (3, 4));
    let hash = reactor.state_hash();
    reactor.close().expect("it closes");

    // Who sent the events is not in the log: whoever decided again would let the robot in.
    let own = directory_of(directory.path(), 1, 8);
    assert_eq!(Reactor::rehearse(&own, &options).expect("a rehearsal"), hash);
    let reactor = open_with(ROBOTS_STORED, &options);
    assert_eq!((reactor.state_hash(), reactor.sizes()), (hash, (1, 1)));
}

#[test]
fn the_first_entry_that_holds_decides_and_one_that_throws_is_counted_and_passed_over() {
    let entries = concat!(
        "  - {if: REQUEST.user_agent.length > EVENT.nothing.at.all, store: false}\n",
        "  - {if: [REQUEST.address === '203.0.113.7', EVENT.internal === true]}\n",
        "  - {if: EVENT.internal === true, store: false}\n",
    );
    let reactor = open_with(entries, &Options::default());
    let body = r#"{"td_client_id":"a","internal":true}"#;
    let from = |address| Caller { address: Some(address), ..Caller::default() };
    let (_, receipt) = send_as(&reactor, body, from("203.0.113.7"));
    assert!(!receipt.dropped && receipt.lsn > 0);
    let (_, receipt) = send_as(&reactor, body, from("203.0.113.8"));
    assert!(receipt.dropped);
    let (_, receipt) = send_as(&reactor, body, Caller::default());
    assert!(receipt.dropped);
    assert_eq!(reactor.sizes(), (0, 0));
    let errors = reactor.counters().errors.snapshot();
    assert_eq!(
        errors.iter().map(|(name, _, count)| (name.as_str(), *count)).collect::<Vec<_>>(),
        [("ignore", 3)]
    );
}

#[test]
fn bulk_counts_what_was_kept_out_and_a_rerun_of_the_file_adds_nothing() {
    let reactor =
        open_with("  - {if: EVENT.internal === true, store: false}\n", &Options::default());
    let lines = [EVENT, r#"{"td_client_id":"b","internal":true}"#];
    let file = Some(FileLines { file: [7; 32], first_line: 1 });
    let report = reactor.ingest("shop", "pageviews", &lines, None, file, false).expect("bulk");
    assert_eq!((report.stored, report.ignored, report.duplicate), (1, 1, 0));
    let appended = reactor.log().appended();
    let report = reactor.ingest("shop", "pageviews", &lines, None, file, false).expect("bulk");
    assert_eq!((report.stored, report.ignored, report.duplicate), (0, 0, 2));
    assert_eq!(reactor.log().appended(), appended);
}
