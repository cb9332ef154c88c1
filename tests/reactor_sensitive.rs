//! Who is shown what: the same event answered to a server, to one that sees nothing sensitive, and
//! to a public caller (page 4.5).

use std::ops::ControlFlow;

use p13n::config::SourceFile;
use p13n::reactor::history::History;
use p13n::reactor::open::directory_of;
use p13n::reactor::{Caller, Options, Reactor, Request};
use p13n::value::{Value, write_json};

const CONFIGURATION: &str = r#"
version: 1
account: 1
instance: 8
name: test
database: shop
keys:
  - {name: email, sensitive: true}
  - {name: td_client_id}
events:
  - {name: pageview, table: pageviews}
attributes:
  - name: diagnosis
    type: single
    sensitive: true
    set: [{event: pageview, value: "${EVENT.icd}"}]
  - {name: note, type: single, set: [{event: pageview, value: "said ${EVENT.icd}"}]}
offers:
  - name: servers
    server_only: true
    set: [{if: PROFILE.email !== undefined, data: {mail: "${PROFILE.email}"}}]
  - name: servers_of_nothing
    server_only: true
    set: [{data: {plain: 1}}]
  - name: everybody
    omit_sensitive: true
    set:
      - let: {whole: "${[PROFILE.email, EVENT.icd]}"}
        data:
          plain: 1
          note: ${PROFILE.note}
          person: {mail: "${PROFILE.email}", client: "${PROFILE.td_client_id}"}
          list: [1, "${whole}"]
          known: ${PROFILE.email !== undefined}
  - name: lottery
    omit_sensitive: true
    set: [{if: EVENT.play, data: {who: "${Math.random() + PROFILE.email}", draw: "${Math.random()}"}}]
"#;

const EVENT: &str = r#"{"td_client_id":"c","email":"canary@example.com","icd":"J11","uuid":"0190a0a0-0000-7000-8000-000000000001"}"#;

fn answer(reactor: &Reactor, caller: Caller<'_>) -> String {
    let request = Request { caller, ..Request::new("shop", "pageviews", EVENT.as_bytes()) };
    let mut out = Vec::new();
    reactor.personalize_json(&request, &mut out).expect("an event that fits");
    String::from_utf8(out).expect("JSON is UTF-8")
}

fn source() -> SourceFile {
    SourceFile::new("test.yaml", CONFIGURATION)
}

const FULL: &str = r#"{"offers":{"servers":{"attributes":{"mail":"canary@example.com"}},"servers_of_nothing":{"attributes":{"plain":1}},"everybody":{"attributes":{"plain":1,"note":"said J11","person":{"mail":"canary@example.com","client":"c"},"list":[1,["canary@example.com","J11"]],"known":true}}}}"#;
const APP: &str = r#"{"offers":{"servers_of_nothing":{"attributes":{"plain":1}},"everybody":{"attributes":{"plain":1,"person":{"client":"c"},"known":true}}}}"#;
const PUBLIC: &str =
    r#"{"offers":{"everybody":{"attributes":{"plain":1,"person":{"client":"c"},"known":true}}}}"#;

#[test]
fn each_caller_gets_what_it_may_see_of_the_same_event_and_of_its_repeats() {
    let app = Caller { sees_sensitive: false, ..Caller::default() };
    let browser = Caller { public: true, ..Caller::default() };
    let blind = Caller { public: true, sees_sensitive: false, ..Caller::default() };
    let callers = [(Caller::default(), FULL), (app, APP), (browser, PUBLIC), (blind, PUBLIC)];
    for first in 0..callers.len() {
        let (reactor, _) = Reactor::open(&source(), &Options::default()).expect("in memory");
        // The first of them stores the event; the others send a repeat of it.
        for at in 0..callers.len() {
            let (caller, expected) = callers[(first + at) % callers.len()];
            assert_eq!(answer(&reactor, caller), expected, "{first} {at}");
        }
        assert_eq!(reactor.counters().duplicates.get(), 3);
    }
}

#[test]
fn what_a_public_caller_did_not_see_is_stored_and_decided_again_for_the_history() {
    let data_dir = tempfile::tempdir().expect("a directory");
    let options = Options { data_dir: Some(data_dir.path().to_owned()), ..Options::default() };
    let (reactor, _) = Reactor::open(&source(), &options).expect("on disk");
    assert_eq!(answer(&reactor, Caller { public: true, ..Caller::default() }), PUBLIC);
    let profile = reactor.profile("td_client_id", "c").unwrap().expect("known");
    let note = profile.attributes.iter().find(|(name, _)| name == "note").map(|(_, value)| value);
    assert!(matches!(note, Some(Value::String(text)) if text == "said J11"), "{note:?}");
    reactor.close().expect("synced");
    drop(reactor);

    let directory = directory_of(data_dir.path(), 1, 8);
    let mut history = History::open(&directory, 0, &Options::default()).expect("a log");
    let mut decided = Vec::new();
    history
        .visit(|scene| {
            scene.offers(|given| decided.push(given.data));
            Ok(ControlFlow::Continue(()))
        })
        .expect("a log that replays");
    let whole: serde_json::Value = serde_json::from_str(FULL).expect("JSON");
    let mut expected = Vec::new();
    for offer in ["servers", "servers_of_nothing", "everybody"] {
        expected.push(whole["offers"][offer]["attributes"].clone());
    }
    let found = decided.iter().map(|data| {
        let mut out = Vec::new();
        write_json(data, &mut out);
        serde_json::from_slice::<serde_json::Value>(&out).expect("JSON")
    });
    assert_eq!(found.collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_left_out_changes_no_random_number_of_the_rest() {
    let (reactor, _) = Reactor::open(&source(), &Options::default()).expect("in memory");
    let body = EVENT.replace(r#""icd""#, r#""play":true,"icd""#);
    let lottery = |public| {
        let caller = Caller { public, ..Caller::default() };
        let request = Request { caller, ..Request::new("shop", "pageviews", body.as_bytes()) };
        let mut out = Vec::new();
        reactor.personalize_json(&request, &mut out).expect("an event that fits");
        let answer: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        answer["offers"]["lottery"]["attributes"].clone()
    };
    let (whole, public) = (lottery(false), lottery(true));
    assert!(whole["who"].is_string() && whole["draw"].is_number(), "{whole}");
    assert_eq!(public, serde_json::json!({"draw": whole["draw"]}));
}

#[test]
fn the_plan_says_what_is_sensitive_marked_or_reached() {
    let (reactor, _) = Reactor::open(&source(), &Options::default()).expect("in memory");
    let plan = &reactor.published().plan;
    let keys: Vec<_> = plan.keys.iter().map(|key| (key.name.as_str(), key.sensitive)).collect();
    assert_eq!(keys, [("email", true), ("td_client_id", false)]);
    let attributes = plan.attributes.iter().map(|one| (one.name.as_str(), one.sensitive));
    assert_eq!(attributes.collect::<Vec<_>>(), [("diagnosis", true), ("note", true)]);
    let shown = plan.offers.iter().map(|offer| offer.shows_sensitive);
    assert_eq!(shown.collect::<Vec<_>>(), [true, false, true, true]);
}
