//! Identity as a whole: guard rails in a reactor, and the identity log through restarts, retention and merges.

mod shop;

use std::path::Path;
use std::sync::Arc;

use p13n::config::SourceFile;
use p13n::identity_log::{Entry, IDENTITY_FOLDER, Person, Register, Row};
use p13n::log::storage::RealDisk;
use p13n::profile::Identifier;
use p13n::reactor::open::directory_of;
use p13n::reactor::{Caller, Request};
use p13n::reactor::{Options, Reactor, Retention};
use shop::{on_disk, send};

/// The shop's configuration with a bound on customers.
fn guarded() -> SourceFile {
    let text =
        shop::CONFIGURATION.replace("- name: customer_id", "- {name: customer_id, max_values: 1}");
    assert_ne!(text, shop::CONFIGURATION);
    SourceFile::new("test.yaml", &text)
}

fn open(source: &SourceFile, options: &Options) -> Reactor {
    Reactor::open(source, options).expect("it opens").0
}

fn view(reactor: &Reactor, body: &str) {
    send(reactor, "pageviews", body).expect("a good event");
}

fn entries(register: &Register) -> Vec<Entry> {
    let mut all = Vec::new();
    register.entries(|entry| all.push(entry.clone())).expect("it reads");
    all
}

fn rows(register: &Register) -> Vec<String> {
    let names = register.names().expect("it reads");
    let row = |row: &Row| format!("{} {}", row.change.name(), row.identifiers_json(&names));
    entries(register).iter().flat_map(Row::of).map(|of| row(&of)).collect()
}

/// `key:value` of each identifier, with a star when it is somebody else's by now.
fn names(register: &Register, person: &Person) -> Vec<String> {
    let names = register.names().expect("it reads");
    let name = |(Identifier { key, value }, other): &(Identifier, Option<_>)| {
        let star = if other.is_some() { "*" } else { "" };
        format!("{}:{value}{star}", names[usize::from(*key)])
    };
    person.identifiers.iter().map(name).collect()
}

/// Every LSN that changed identity stands in the identity log once, in order.
fn assert_once(register: &Register) {
    let changes = entries(register);
    let lsns: Vec<u64> = changes
        .iter()
        .filter_map(|entry| match entry {
            Entry::Change(change) => Some(change.lsn),
            _ => None,
        })
        .collect();
    assert!(lsns.windows(2).all(|pair| pair[0] < pair[1]), "{lsns:?}");
}

#[test]
fn a_kiosk_and_a_shared_email_leave_every_customer_a_profile_of_their_own() {
    let reactor = open(&guarded(), &Options::default());
    for person in 0..50 {
        view(&reactor, r#"{"td_client_id":"kiosk","td_path":"/"}"#);
        view(&reactor, &format!(r#"{{"td_client_id":"kiosk","customer_id":"k{person}"}}"#));
    }
    assert_eq!(reactor.sizes(), (50, 51));
    for person in 0..1_000 {
        let body = format!(r#"{{"customer_id":"c{person}","email":"info@shop.example"}}"#);
        view(&reactor, &body);
    }
    assert_eq!(reactor.sizes(), (1_050, 1_052));
    let holder = reactor.profile("email", "info@shop.example").expect("a key").expect("somebody");
    let customer = &holder.identifiers[0].1;
    assert_eq!(customer.iter().map(|text| text.as_str()).collect::<Vec<_>>(), ["c999"]);
}

#[test]
fn a_restart_obeys_what_guard_rails_decided_and_a_rehearsal_decides_the_same() {
    let data_dir = tempfile::tempdir().expect("a directory");
    let options = on_disk(data_dir.path());
    let live = {
        let reactor = open(&guarded(), &options);
        for number in 0..300u32 {
            let (customer, device) = (number % 7, number.wrapping_mul(2_654_435_761) % 5);
            let body = match number % 4 {
                0 => format!(r#"{{"td_client_id":"d{device}"}}"#),
                1 => format!(r#"{{"customer_id":"c{customer}","email":"e{device}@x"}}"#),
                2 => format!(r#"{{"email":"e{customer}@x","td_client_id":"d{device}"}}"#),
                _ => format!(r#"{{"customer_id":"c{customer}","td_client_id":"d{device}"}}"#),
            };
            view(&reactor, &body);
        }
        reactor.state_hash()
    };
    let directory = directory_of(data_dir.path(), 1, 8);
    let moved = {
        let reactor = open(&guarded(), &options);
        assert_eq!(reactor.state_hash(), live);
        let register = reactor.register().expect("an identity log");
        assert_once(&register);
        entries(&register)
            .iter()
            .filter(|entry| matches!(entry, Entry::Change(change) if !change.moved.is_empty()))
            .count()
    };
    assert!(moved > 50, "{moved} moves");
    assert_eq!(Reactor::rehearse(&directory, &options).expect("it rehearses"), live);
}

#[test]
fn the_identity_log_knows_all_that_a_person_ever_was() {
    let data_dir = tempfile::tempdir().expect("a directory");
    let options = on_disk(data_dir.path());
    let reactor = open(&guarded(), &options);
    view(&reactor, r#"{"td_client_id":"laptop"}"#);
    view(&reactor, r#"{"email":"ann@x"}"#);
    view(&reactor, r#"{"customer_id":"ann","td_client_id":"laptop"}"#);
    view(&reactor, r#"{"customer_id":"ann","email":"ann@x"}"#);
    view(&reactor, r#"{"customer_id":"ann","td_client_id":"kiosk"}"#);
    view(&reactor, r#"{"customer_id":"bob","td_client_id":"kiosk"}"#);
    let register = reactor.register().expect("an identity log");
    assert_eq!(
        rows(&register),
        [
            r#"profile_added ["td_client_id:laptop"]"#,
            r#"profile_added ["email:ann@x"]"#,
            r#"profile_updated_by_stitching ["customer_id:ann","td_client_id:laptop"]"#,
            r#"profile_updated_by_stitching ["customer_id:ann","email:ann@x"]"#,
            r#"profile_deleted_by_stitching []"#,
            r#"profile_updated_by_stitching ["customer_id:ann","td_client_id:kiosk"]"#,
            r#"profile_added ["customer_id:bob","td_client_id:kiosk"]"#,
            r#"profile_updated_by_stitching ["td_client_id:kiosk"]"#,
        ]
    );
    let ann = reactor.person("email", "ann@x").expect("it reads").expect("somebody");
    assert_eq!(ann.rids.len(), 2);
    assert_eq!(
        names(&register, &ann),
        ["customer_id:ann", "email:ann@x", "td_client_id:kiosk*", "td_client_id:laptop"]
    );
    for rid in &ann.rids {
        assert_eq!(reactor.current_rid(*rid).expect("it reads"), Some(ann.rid));
        assert_eq!(reactor.person_of_rid(*rid).expect("it reads").as_ref(), Some(&ann));
    }
    let bob = reactor.person("td_client_id", "kiosk").expect("it reads").expect("somebody");
    assert_eq!(names(&register, &bob), ["customer_id:bob", "td_client_id:kiosk"]);
    assert!(reactor.person("customer_id", "nobody").expect("it reads").is_none());
}

#[test]
fn identifiers_that_a_profile_let_go_of_stay_its_persons_in_the_identity_log() {
    let data_dir = tempfile::tempdir().expect("a directory");
    let reactor = open(&guarded(), &on_disk(data_dir.path()));
    for device in 0..=200 {
        view(&reactor, &format!(r#"{{"customer_id":"ann","td_client_id":"d{device}"}}"#));
    }
    assert_eq!(reactor.sizes(), (1, 200), "at the limit of a profile's identifiers");
    let ann = reactor.person("td_client_id", "d0").expect("it reads").expect("somebody");
    assert_eq!(ann.identifiers.len(), 202);
    assert!(reactor.profile("td_client_id", "d0").expect("a key").is_none());
    assert!(reactor.profile("td_client_id", "d2").expect("a key").is_some());
}

#[test]
fn entries_are_written_once_through_restarts_and_outlive_the_logs_retention() {
    let data_dir = tempfile::tempdir().expect("a directory");
    let retention = Retention { bytes: Some(8 << 10), disk_percent: None, ..Retention::default() };
    let options = Options { segment_bytes_max: 4 << 10, retention, ..on_disk(data_dir.path()) };
    for start in 0..6 {
        let reactor = open(&guarded(), &options);
        for person in start * 40..(start + 1) * 40 {
            view(&reactor, &format!(r#"{{"customer_id":"c{person}","td_client_id":"d{person}"}}"#));
            view(&reactor, &format!(r#"{{"td_client_id":"d{person}","td_path":"/"}}"#));
        }
        for _ in 0..2 {
            reactor.snapshot().expect("a snapshot");
        }
        if start % 2 == 0 {
            reactor.close().expect("it closes");
        }
    }
    let reactor = open(&guarded(), &options);
    let segments = reactor.log().segments();
    assert!(segments.first().is_some_and(|first| first.first_lsn > 100), "{segments:?}");
    let register = reactor.register().expect("an identity log");
    assert_once(&register);
    assert_eq!(rows(&register).len(), 240);
    assert!(reactor.person("customer_id", "c0").expect("it reads").is_some());
    assert_eq!(reactor.identity_figures().failure, None);
    assert_eq!(reactor.identity_figures().lost, 0);
}

#[test]
fn an_identity_log_of_another_history_is_told_and_holds_the_reactors_log() {
    let data_dir = tempfile::tempdir().expect("a directory");
    let options = on_disk(data_dir.path());
    let directory = directory_of(data_dir.path(), 1, 8);
    {
        let reactor = open(&guarded(), &options);
        (0..20).for_each(|n| view(&reactor, &format!(r#"{{"td_client_id":"d{n}"}}"#)));
        reactor.close().expect("it closes");
    }
    let other = tempfile::tempdir().expect("a directory");
    let others = directory_of(other.path(), 1, 8);
    copy(&directory.join(IDENTITY_FOLDER), &others.join(IDENTITY_FOLDER));
    let reactor = open(&guarded(), &on_disk(other.path()));
    view(&reactor, r#"{"td_client_id":"d"}"#);
    let error = reactor.register().err().expect("it is behind").to_string();
    assert!(error.contains("not of one history"), "{error}");
    assert!(Register::open(&directory, Arc::new(RealDisk)).is_ok());
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("it is there") {
        let path = entry.expect("listed").path();
        std::fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copied");
    }
}

/// A shop whose events name a customer in several ways, some of which a browser could forge.
fn nested() -> SourceFile {
    let keys = r#"keys:
  - name: customer_id
    public: ignore
    max_values: 1
  - name: email
    from: ["${EVENT.email}", "${EVENT.user.email}", "${EVENT.user.name}@${EVENT.user.host}"]
    normalize: [trim, lower]
    valid_regexp: "@"
  - {name: td_client_id, public: stitch}
events:"#;
    let (head, rest) = shop::CONFIGURATION.split_once("keys:").expect("keys");
    let (_, rest) = rest.split_once("events:").expect("events");
    SourceFile::new("test.yaml", format!("{head}{keys}{rest}"))
}

fn emails(reactor: &Reactor, client: &str) -> Vec<String> {
    let profile = reactor.profile("td_client_id", client).expect("a key").expect("somebody");
    let found = profile.identifiers.iter().find(|(key, _)| key == "email");
    found.map_or_else(Vec::new, |(_, values)| values.iter().map(ToString::to_string).collect())
}

#[test]
fn the_first_usable_of_a_keys_templates_identifies() {
    let reactor = open(&nested(), &Options::default());
    for (client, body, email) in [
        ("top", r#""email":" A@X ","user":{"email":"b@x"}"#, Some("a@x")),
        ("not_usable", r#""email":"nobody","user":{"email":"b@x"}"#, Some("b@x")),
        ("nested", r#""user":{"email":"c@x"}"#, Some("c@x")),
        ("around", r#""user":{"name":"d","host":"y"}"#, Some("d@y")),
        ("half", r#""user":{"name":"d"}"#, None),
        ("text", r#""user":"a text""#, None),
        ("nil", r#""user":null"#, None),
    ] {
        view(&reactor, &format!(r#"{{"td_client_id":"{client}",{body}}}"#));
        let email: Vec<String> = email.iter().map(ToString::to_string).collect();
        assert_eq!(emails(&reactor, client), email, "{client}");
    }
    let ignored = reactor.counters().ignored.snapshot();
    assert_eq!(ignored, [("email".into(), "no match", 1)]);
}

#[test]
fn a_public_caller_is_not_identified_by_what_it_could_forge_and_a_rehearsal_knows_it() {
    let data_dir = tempfile::tempdir().expect("a directory");
    let options = on_disk(data_dir.path());
    let live = {
        let reactor = open(&nested(), &options);
        let mut answer = Vec::new();
        let mut send = |public: bool, body: &str| {
            let caller = Caller { public, sees_sensitive: !public, ..Caller::default() };
            let request = Request { caller, ..Request::new("shop", "pageviews", body.as_bytes()) };
            reactor.personalize_json(&request, &mut answer).map(|_| ())
        };
        send(false, r#"{"customer_id":"ann","td_client_id":"laptop"}"#).expect("a good event");
        send(true, r#"{"customer_id":"ann","td_client_id":"thief"}"#).expect("a good event");
        assert_eq!(reactor.sizes(), (2, 3));
        let error = send(true, r#"{"customer_id":"ann"}"#).expect_err("nobody's");
        assert!(error.to_string().contains("no usable identifier"), "{error}");
        send(false, r#"{"customer_id":"ann","td_client_id":"thief"}"#).expect("a good event");
        assert_eq!(reactor.sizes(), (1, 3));
        let ignored = reactor.counters().ignored.snapshot();
        assert_eq!(ignored, [("customer_id".into(), "public caller", 1)]);
        reactor.close().expect("it closes");
        reactor.state_hash()
    };
    assert_eq!(open(&nested(), &options).state_hash(), live);
    let directory = directory_of(data_dir.path(), 1, 8);
    assert_eq!(Reactor::rehearse(&directory, &options).expect("it rehearses"), live);
}
