//! Versions of a configuration: which values a publish keeps, which it refuses to lose, which it drops.

mod shop;

use std::path::Path;

use p13n::clock::ClockMode;
use p13n::config::SourceFile;
use p13n::error::ErrorKind;
use p13n::reactor::{Options, Reactor, Request, SnapshotPolicy};
use p13n::value::Value;
use p13n::value::json::write_json;

const HEAD: &str = "version: 1\naccount: 1\ninstance: 8\nname: versions\ndatabase: shop\n\
    keys: [{name: td_client_id}]\nevents:\n  - {name: pageview, table: pageviews}\n";
const NOW_MS: i64 = 1_700_000_000_000;
const DAY_MS: i64 = 86_400_000;

/// By the clock of events, so that what is read is read at the last event's time.
fn options(folder: &Path, at_close: bool) -> Options {
    let snapshots = SnapshotPolicy { at_close, ..SnapshotPolicy::default() };
    Options { clock: ClockMode::Event, snapshots, ..shop::on_disk(folder) }
}

fn source(attributes: &str) -> SourceFile {
    SourceFile::new("versions.yaml", format!("{HEAD}attributes:\n{attributes}"))
}

/// What one attribute says, with a rule of every pageview.
fn attribute(options: &str) -> String {
    format!("  - {{name: x, {options}, set: [{{event: pageview, value: \"${{EVENT.v}}\"}}]}}\n")
}

fn view(reactor: &Reactor, client: &str, v: &str, now_ms: i64) {
    let body = format!(r#"{{"td_client_id":"{client}","v":{v}}}"#);
    let request =
        Request { now_ms: Some(now_ms), ..Request::new("shop", "pageviews", body.as_bytes()) };
    reactor.personalize_json(&request, &mut Vec::new()).expect("a good event");
}

fn read(reactor: &Reactor, client: &str, name: &str) -> String {
    let profile = reactor.profile("td_client_id", client).expect("a key").expect("a profile");
    let value = profile.attributes.iter().find(|(known, _)| known == name);
    match value.unwrap_or_else(|| panic!("no attribute {name}")) {
        (_, Value::Undefined) => "undefined".to_owned(),
        (_, value) => {
            let mut json = Vec::new();
            write_json(value, &mut json);
            String::from_utf8(json).expect("JSON is UTF-8")
        }
    }
}

fn open(attributes: &str, options: &Options) -> Reactor {
    match Reactor::open(&source(attributes), options) {
        Ok((reactor, _)) => reactor,
        Err(error) => panic!("{error}"),
    }
}

fn refusal(attributes: &str, options: &Options) -> String {
    let error = match Reactor::open(&source(attributes), options) {
        Ok(_) => panic!("it is accepted: {attributes}"),
        Err(error) => error,
    };
    let ErrorKind::Config(found) = error.kind() else { panic!("{error}") };
    assert_eq!(found.len(), 1, "{error}");
    assert_eq!(found[0].code, "E0290");
    assert!(found[0].source_line.contains("name: x"), "{}", found[0].source_line);
    found[0].message.clone()
}

/// Closes, and opens again with the same configuration: the state is the same from the log alone,
/// and then from a snapshot.
fn reopened(reactor: Reactor, attributes: &str, folder: &Path) -> Reactor {
    let hash = reactor.state_hash();
    reactor.close().expect("it closes");
    drop(reactor);
    let replayed = open(attributes, &options(folder, true));
    assert_eq!(replayed.state_hash(), hash, "from the log: {attributes}");
    replayed.close().expect("it closes");
    drop(replayed);
    let restored = open(attributes, &options(folder, false));
    assert_eq!(restored.state_hash(), hash, "from a snapshot: {attributes}");
    restored
}

/// A directory in which two clients have a value of `x`.
fn begun(attributes: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let reactor = open(attributes, &options(folder.path(), false));
    for (client, v) in [("a", "1"), ("b", "2"), ("a", "3")] {
        view(&reactor, client, v, NOW_MS);
    }
    view(&reactor, "nobody", "null", NOW_MS);
    reactor.close().expect("it closes");
    folder
}

#[test]
fn changes_of_bounds_and_rules_keep_the_values() {
    let counter = |more: &str| {
        format!("  - {{name: x, type: counter, duration: 30d, {more}set: [{{event: pageview}}]}}\n")
    };
    let folder = begun(&counter(""));
    let wider = counter("windows: {x_2d: 2d}, ").replace("30d", "40d");
    let reactor = open(&wider, &options(folder.path(), false));
    assert_eq!((read(&reactor, "a", "x"), read(&reactor, "a", "x_2d")), ("2".into(), "2".into()));
    view(&reactor, "a", "1", NOW_MS + 3 * DAY_MS);
    assert_eq!((read(&reactor, "a", "x"), read(&reactor, "a", "x_2d")), ("3".into(), "1".into()));
    drop(reopened(reactor, &wider, folder.path()));

    let folder = begun(&attribute("type: list"));
    let short = attribute("type: list, max_items: 1, duration: 9d");
    let reactor = open(&short, &options(folder.path(), false));
    // Cut at the next touch.
    assert!(read(&reactor, "a", "x").starts_with(r#"[{"value":1,"#));
    view(&reactor, "a", "4", NOW_MS + 1);
    assert_eq!(read(&reactor, "a", "x"), format!(r#"[{{"value":4,"time":{}}}]"#, NOW_MS + 1));
    drop(reopened(reactor, &short, folder.path()));

    let folder = begun(&attribute("type: single"));
    let other = "  - {name: x, type: single, duration: 9d, sensitive: true, set: []}\n";
    let reactor = open(other, &options(folder.path(), false));
    assert_eq!(read(&reactor, "a", "x"), "3");
}

#[test]
fn a_change_of_meaning_is_refused_with_its_count_and_drops_when_told_to() {
    let by = "type: counter, duration: 3d, by: \"${EVENT.v}\"";
    let changes = [
        ("type: single", "type: list", "type", 2),
        ("type: list", "type: counter, total: true", "type", 3),
        ("type: single", "type: single, aggregation: first", "`aggregation`", 2),
        ("type: single, aggregation: sum", "type: single, aggregation: mean", "`aggregation`", 2),
        ("type: single", "type: single, data_type: string", "`data_type`", 2),
        ("type: list, data_type: string", "type: list", "`data_type`", 3),
        ("type: list", "type: list, fields: {a: number}", "`data_type`", 3),
        ("type: list", "type: list, distinct: true", "`distinct`", 3),
        ("type: counter, duration: 3d", "type: counter, total: true", "`duration` or `total`", 2),
        ("type: counter, total: true", "type: counter, duration: 3d", "`duration` or `total`", 2),
        ("type: counter, duration: 3d", by, "`by`", 2),
    ];
    for (before, after, what, count) in changes {
        let folder = begun(&attribute(before));
        let options = options(folder.path(), false);
        let message = refusal(&attribute(after), &options);
        let expected =
            format!("attribute `x` changes its {what}: {count} profiles would lose their values");
        assert_eq!(message, expected, "{before} -> {after}");
        // Nothing was published: what was in force goes on.
        let reactor = open(&attribute(before), &options);
        assert_ne!(read(&reactor, "a", "x"), "undefined", "{before}");
        reactor.close().expect("it closes");
        drop(reactor);

        let reset = attribute(&format!("{after}, reset: true"));
        let reactor = open(&reset, &options);
        let nothing = ["undefined", "[]", "{}", "0"];
        assert!(nothing.contains(&read(&reactor, "a", "x").as_str()), "{before} -> {after}");
        view(&reactor, "b", "5", NOW_MS + 1);
        let first = read(&reactor, "b", "x");
        assert!(first.contains('5') && !first.contains('2'), "{before} -> {after}: {first}");
        let reactor = reopened(reactor, &reset, folder.path());
        assert_eq!(read(&reactor, "b", "x"), first);
        reactor.close().expect("it closes");
        drop(reactor);
        // The word that allowed one change drops nothing by itself.
        let again =
            reset.replace("set: [", "set: [{event: pageview, if: \"false\", clear: true}, ");
        let reactor = open(&again, &options);
        assert_eq!(read(&reactor, "b", "x"), first, "{before} -> {after}");
    }
}

#[test]
fn a_list_that_begins_to_tell_items_apart_by_id_needs_a_reset() {
    let list = |id: &str| {
        format!(
            "  - {{name: x, type: list, {id}set: [{{event: pageview, value: {{sku: \"${{EVENT.v}}\"}}}}]}}\n"
        )
    };
    let folder = begun(&list(""));
    let options = options(folder.path(), false);
    let message = refusal(&list("id: sku, "), &options);
    assert!(message.contains("changes its `id`: 3 profiles"), "{message}");
    let reactor = open(&list("id: sku, reset: true, "), &options);
    assert_eq!(read(&reactor, "a", "x"), "[]");
}

#[test]
fn a_computed_attribute_in_the_place_of_one_with_values_needs_a_reset() {
    let folder = begun(&attribute("type: single"));
    let options = options(folder.path(), false);
    let computed =
        |more: &str| format!("  - {{name: x, type: computed, {more}value: \"${{7}}\"}}\n");
    assert!(refusal(&computed(""), &options).contains("2 profiles would lose"));
    let reactor = open(&computed("reset: true, "), &options);
    assert_eq!(read(&reactor, "a", "x"), "7");
    reactor.close().expect("it closes");
    drop(reactor);
    // What was computed held nothing.
    let reactor = open(&attribute("type: list"), &options);
    assert_eq!(read(&reactor, "a", "x"), "[]");
}

#[test]
fn a_renamed_attribute_keeps_its_values() {
    let folder = begun(&attribute("type: single, aggregation: sum"));
    let renamed = attribute("type: single, aggregation: sum, was: x").replace("name: x", "name: y");
    let reactor = open(&renamed, &options(folder.path(), false));
    assert_eq!(read(&reactor, "a", "y"), "4");
    view(&reactor, "a", "5", NOW_MS + 1);
    let reactor = reopened(reactor, &renamed, folder.path());
    assert_eq!(read(&reactor, "a", "y"), "9");
    reactor.close().expect("it closes");
    drop(reactor);
    // A name that is known keeps its own values, whatever `was` says; the old name begins anew.
    let both = format!("{renamed}{}", attribute("type: single, aggregation: sum"));
    let both = both.replace(", was: x", "");
    let reactor = open(&both, &options(folder.path(), false));
    assert_eq!(
        (read(&reactor, "a", "y"), read(&reactor, "a", "x")),
        ("9".into(), "undefined".into())
    );
}

#[test]
fn a_rename_that_changes_the_meaning_needs_a_reset_too() {
    let folder = begun(&attribute("type: single"));
    let options = options(folder.path(), false);
    let renamed =
        |more: &str| attribute(&format!("type: list, was: x{more}")).replace("name: x", "name: y");
    let error = Reactor::open(&source(&renamed("")), &options).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("E0290"), "{error}");
    let reactor = open(&renamed(", reset: true"), &options);
    assert_eq!(read(&reactor, "a", "y"), "[]");
}

#[test]
fn what_is_removed_sleeps_for_seven_days_and_is_gone_after_that() {
    let with = attribute("type: single, aggregation: sum");
    let without = "  - {name: other, type: single, set: [{event: pageview, value: 1}]}\n";
    for (later_ms, expected) in [(7 * DAY_MS, "4"), (7 * DAY_MS + 1, "undefined")] {
        let folder = begun(&with);
        let reactor = open(without, &options(folder.path(), false));
        view(&reactor, "b", "1", NOW_MS + later_ms);
        let reactor = reopened(reactor, without, folder.path());
        reactor.close().expect("it closes");
        drop(reactor);
        let reactor = open(&with, &options(folder.path(), false));
        assert_eq!(read(&reactor, "a", "x"), expected, "after {later_ms} ms");
        let b = if expected == "4" { "2" } else { "undefined" };
        assert_eq!(read(&reactor, "b", "x"), b, "after {later_ms} ms");
        view(&reactor, "b", "7", NOW_MS + later_ms + 1);
        let b = if expected == "4" { "9" } else { "7" };
        let reactor = reopened(reactor, &with, folder.path());
        assert_eq!(read(&reactor, "b", "x"), b, "after {later_ms} ms");
    }
}

#[test]
fn a_key_that_was_removed_is_found_again_for_seven_days() {
    let keys = |keys: &str, attributes: &str| {
        let text = format!("{HEAD}attributes:\n{attributes}");
        SourceFile::new("versions.yaml", text.replace("{name: td_client_id}", keys))
    };
    let attributes = attribute("type: single");
    let both = keys("{name: td_client_id}, {name: email}", &attributes);
    for (later_ms, finds) in [(7 * DAY_MS, true), (7 * DAY_MS + 1, false)] {
        let folder = tempfile::tempdir().expect("a folder");
        let options = options(folder.path(), false);
        let opened = |source: &SourceFile| Reactor::open(source, &options).expect("it opens").0;
        let reactor = opened(&both);
        let body = br#"{"td_client_id":"a","email":"e@x","v":1}"#;
        let request = Request { now_ms: Some(NOW_MS), ..Request::new("shop", "pageviews", body) };
        reactor.personalize_json(&request, &mut Vec::new()).expect("a good event");
        reactor.close().expect("it closes");
        drop(reactor);
        let reactor = opened(&keys("{name: td_client_id}", &attributes));
        view(&reactor, "a", "2", NOW_MS + later_ms);
        reactor.close().expect("it closes");
        drop(reactor);
        let reactor = opened(&both);
        let found = reactor.profile("email", "e@x").expect("a key").is_some();
        assert_eq!(found, finds, "after {later_ms} ms");
        let hash = reactor.state_hash();
        reactor.close().expect("it closes");
        drop(reactor);
        assert_eq!(opened(&both).state_hash(), hash);
    }
}
