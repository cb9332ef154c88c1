//! Attributes of every kind through the reactor: what offers read, and that replay computes the same.

mod shop;

use p13n::clock::ClockMode;
use p13n::config::SourceFile;
use p13n::reactor::{Options, Reactor, Request};
use p13n::value::json::write_json;
use shop::on_disk;

const HEAD: &str = "version: 1\naccount: 1\ninstance: 8\nname: kinds\ndatabase: shop\n\
    keys: [{name: customer_id}, {name: td_client_id}]\nevents:\n  \
    - {name: pageview, table: pageviews}\n  - {name: order, table: orders}\n  \
    - {name: remove, table: removes}\n";
const NOW_MS: i64 = 1_700_000_000_000;
const HOUR_MS: i64 = 3_600_000;

fn source(rest: &str) -> SourceFile {
    SourceFile::new("kinds.yaml", format!("{HEAD}{rest}"))
}

/// By the clock of events, so that reading a profile is at the last event's time.
fn open(rest: &str, options: &Options) -> Reactor {
    let options = Options { clock: ClockMode::Event, ..options.clone() };
    match Reactor::open(&source(rest), &options) {
        Ok((reactor, _)) => reactor,
        Err(error) => panic!("{error}"),
    }
}

fn send(reactor: &Reactor, table: &str, body: &str, now_ms: i64) -> String {
    let mut answer = Vec::new();
    let request = Request { now_ms: Some(now_ms), ..Request::new("shop", table, body.as_bytes()) };
    reactor.personalize_json(&request, &mut answer).expect("a good event");
    String::from_utf8(answer).expect("JSON is UTF-8")
}

/// What `PROFILE.<name>` reads of the profile of `td_client_id` `a`, as JSON; `undefined` too.
fn read(reactor: &Reactor, name: &str) -> String {
    let profile = reactor.profile("td_client_id", "a").expect("a key").expect("a profile");
    let value = profile.attributes.iter().find(|(known, _)| known == name);
    let (_, value) = value.unwrap_or_else(|| panic!("no attribute {name}"));
    if matches!(value, p13n::value::Value::Undefined) {
        return "undefined".to_owned();
    }
    let mut json = Vec::new();
    write_json(value, &mut json);
    String::from_utf8(json).expect("JSON is UTF-8")
}

fn errors(reactor: &Reactor) -> Vec<(String, &'static str, u64)> {
    let counted = reactor.counters().errors.snapshot();
    counted.into_iter().map(|(name, kind, count)| (name.to_string(), kind, count)).collect()
}

fn rejected(reactor: &Reactor) -> Vec<(String, &'static str, u64)> {
    let counted = reactor.counters().rejected.snapshot();
    counted.into_iter().map(|(name, kind, count)| (name.to_string(), kind, count)).collect()
}

/// Runs events on a reactor on disk, and compares it with itself after a restart that replays all.
fn live_and_replayed(rest: &str, run: impl FnOnce(&Reactor)) {
    let folder = tempfile::tempdir().expect("a folder");
    let options = on_disk(folder.path());
    let live = open(rest, &options);
    run(&live);
    let hash = live.state_hash();
    live.close().expect("it closes");
    drop(live);
    let replayed = open(rest, &options);
    assert_eq!(replayed.state_hash(), hash, "replay computes another state");
}

#[test]
fn a_cart_keeps_one_item_a_sku_and_its_aggregates_follow() {
    let rest = r#"
attributes:
  - name: cart
    type: list
    id: sku
    fields: {price: number}
    aggregations: {worth: {sum: price}, skus: {count: sku}, newest: {last: sku}, dear: {max: price}}
    set:
      - {event: pageview, value: {sku: "${EVENT.sku}", price: "${EVENT.price}"}}
      - {event: remove, delete: "${EVENT.sku}"}
      - {event: order, clear: true}
offers:
  - name: cart
    set: [{if: PROFILE.skus > 0, data: {worth: "${PROFILE.worth}", newest: "${PROFILE.newest}"}}]
"#;
    live_and_replayed(rest, |reactor| {
        let add = |sku: &str, price: &str, now_ms| {
            let body = format!(r#"{{"td_client_id":"a","sku":"{sku}","price":{price}}}"#);
            send(reactor, "pageviews", &body, now_ms)
        };
        add("s1", "\"10.50\"", NOW_MS);
        add("s2", "5", NOW_MS + 1);
        let answer = add("s1", "7", NOW_MS + 2);
        assert_eq!(answer, r#"{"offers":{"cart":{"attributes":{"worth":12,"newest":"s1"}}}}"#);
        let cart = format!(
            r#"[{{"sku":"s2","price":5,"time":{}}},{{"sku":"s1","price":7,"time":{}}}]"#,
            NOW_MS + 1,
            NOW_MS + 2
        );
        assert_eq!(read(reactor, "cart"), cart);
        assert_eq!(read(reactor, "dear"), "7");
        // A price that is none leaves the item as it was, and is counted.
        add("s1", "\"cheap\"", NOW_MS + 3);
        assert_eq!(rejected(reactor), [("cart".to_owned(), "not a number", 1)]);
        add("", "1", NOW_MS + 4);
        send(reactor, "pageviews", r#"{"td_client_id":"a","price":1}"#, NOW_MS + 5);
        assert_eq!(rejected(reactor)[0], ("cart".to_owned(), "no id", 1));
        send(reactor, "removes", r#"{"td_client_id":"a","sku":"s2"}"#, NOW_MS + 6);
        assert_eq!(read(reactor, "newest"), "\"\"");
        assert_eq!(read(reactor, "skus"), "2");
        send(reactor, "orders", r#"{"td_client_id":"a"}"#, NOW_MS + 7);
        assert_eq!(
            (read(reactor, "worth"), read(reactor, "dear")),
            ("0".into(), "undefined".into())
        );
    });
}

#[test]
fn a_counter_by_brand_counts_each_for_itself() {
    let rest = r#"
attributes:
  - name: brands
    type: counter
    duration: 60h
    by: ${EVENT.brand}
    windows: {brands_1h: 1h}
    set: [{event: pageview, value: "${EVENT.n ?? 1}"}, {event: order, clear: true}]
offers:
  - name: fan
    set: [{if: PROFILE.brands.nike >= 2, data: {of: "${Object.keys(PROFILE.brands)}"}}]
"#;
    live_and_replayed(rest, |reactor| {
        let view = |more: &str, now_ms| {
            send(reactor, "pageviews", &format!(r#"{{"td_client_id":"a"{more}}}"#), now_ms)
        };
        view(r#","brand":"nike""#, NOW_MS);
        view(r#","brand":"puma","n":2.5"#, NOW_MS + HOUR_MS);
        let answer = view(r#","brand":"nike""#, NOW_MS + 2 * HOUR_MS);
        assert_eq!(answer, r#"{"offers":{"fan":{"attributes":{"of":["puma","nike"]}}}}"#);
        view(r#","brand":7"#, NOW_MS + 2 * HOUR_MS);
        view("", NOW_MS + 2 * HOUR_MS);
        view(r#","brand":null"#, NOW_MS + 2 * HOUR_MS);
        assert_eq!(read(reactor, "brands"), r#"{"7":1,"puma":2.5,"nike":2}"#);
        view(r#","brand":["a"]"#, NOW_MS + 2 * HOUR_MS);
        view(r#","brand":"x","n":"1""#, NOW_MS + 2 * HOUR_MS);
        let counted = rejected(reactor);
        assert!(counted.contains(&("brands".to_owned(), "no name", 1)), "{counted:?}");
        assert!(counted.contains(&("brands".to_owned(), "not a finite number", 1)), "{counted:?}");
    });
}

#[test]
fn before_reads_as_the_profile_stood_also_where_profiles_meet_and_for_a_repeat() {
    let rest = r#"
attributes:
  - {name: views, type: counter, total: true, set: [{event: pageview}]}
  - {name: double, type: computed, value: "${PROFILE.views * 2}"}
  - {name: seen, type: single, set: [{event: pageview, value: "${BEFORE.views}"}]}
offers:
  - name: both
    set:
      - data:
          now: ${PROFILE.views}
          before: ${BEFORE.views}
          computed: "${BEFORE.double} ${PROFILE.double}"
          id: ${BEFORE.customer_id ?? "none"}
          seen: ${PROFILE.seen}
"#;
    live_and_replayed(rest, |reactor| {
        let offer = |now: u32, before: u32, id: &str| {
            let (doubled, double) = (before * 2, now * 2);
            format!(
                r#"{{"offers":{{"both":{{"attributes":{{"now":{now},"before":{before},"computed":"{doubled} {double}","id":"{id}","seen":{before}}}}}}}}}"#
            )
        };
        let view = |body: &str, now_ms| send(reactor, "pageviews", body, now_ms);
        assert_eq!(view(r#"{"td_client_id":"a"}"#, NOW_MS), offer(1, 0, "none"));
        assert_eq!(view(r#"{"customer_id":"c"}"#, NOW_MS + 1), offer(1, 0, "none"));
        let meeting =
            r#"{"td_client_id":"a","customer_id":"c","uuid":"e65d8a9df2094f02b84cd660efff6f27"}"#;
        assert_eq!(view(meeting, NOW_MS + 2), offer(3, 2, "c"));
        // A repeat applies nothing: before it is as after it.
        let repeated = view(meeting, NOW_MS + 3);
        assert!(repeated.contains(r#""now":3,"before":3,"computed":"6 6""#), "{repeated}");
    });
}

#[test]
fn a_new_identifier_is_not_there_before_its_event() {
    let rest = r#"
attributes: []
offers:
  - name: id
    set: [{data: {before: "${BEFORE.customer_id ?? 'none'}", now: "${PROFILE.customer_id}"}}]
"#;
    let reactor = open(rest, &Options::default());
    send(&reactor, "pageviews", r#"{"td_client_id":"a"}"#, NOW_MS);
    let answer = send(&reactor, "pageviews", r#"{"td_client_id":"a","customer_id":"c"}"#, NOW_MS);
    assert_eq!(answer, r#"{"offers":{"id":{"attributes":{"before":"none","now":"c"}}}}"#);
}

#[test]
fn updated_is_the_processing_time_of_the_last_event_that_was_taken() {
    let rest = r#"
attributes:
  - name: path
    type: single
    duration: 10h
    set: [{event: pageview, value: "${EVENT.path}"}]
  - {name: since, type: single, set: [{event: order, value: "${UPDATED.path}"}]}
offers:
  - name: path
    set: [{if: UPDATED.path !== undefined, data: {at: "${UPDATED.path}"}}]
"#;
    live_and_replayed(rest, |reactor| {
        let view = |more: &str, now_ms| {
            send(reactor, "pageviews", &format!(r#"{{"td_client_id":"a"{more}}}"#), now_ms)
        };
        let at =
            |now_ms: i64| format!(r#"{{"offers":{{"path":{{"attributes":{{"at":{now_ms}}}}}}}}}"#);
        assert_eq!(view("", NOW_MS), r#"{"offers":{}}"#);
        assert_eq!(view(r#","path":"/""#, NOW_MS + 1), at(NOW_MS + 1));
        // Late, so that the newer value stays; then too late for the duration.
        let late = |hours: i64, now_ms: i64| {
            let time_s = (now_ms - hours * HOUR_MS) / 1000;
            view(&format!(r#","path":"/late","time":{time_s}"#), now_ms)
        };
        assert_eq!(late(2, NOW_MS + 2), at(NOW_MS + 1));
        assert_eq!(late(11, NOW_MS + 3), at(NOW_MS + 1));
        assert_eq!(view("", NOW_MS + 4), at(NOW_MS + 1));
        send(reactor, "orders", r#"{"td_client_id":"a"}"#, NOW_MS + 5);
        assert_eq!(read(reactor, "since"), (NOW_MS + 1).to_string());
        assert_eq!(view("", NOW_MS + 1 + 10 * HOUR_MS), at(NOW_MS + 1));
        assert_eq!(view("", NOW_MS + 2 + 10 * HOUR_MS), r#"{"offers":{}}"#);
    });
}

#[test]
fn a_computed_attribute_is_evaluated_once_and_sees_what_rules_left() {
    let rest = r#"
attributes:
  - {name: views, type: counter, total: true, set: [{event: pageview}]}
  - {name: luck, type: computed, value: "${Math.random() + (PROFILE.views > 0 ? 1 : 0)}"}
  - {name: luckier, type: computed, value: "${PROFILE.luck + 1}"}
  - {name: noted, type: single, set: [{event: pageview, value: "${PROFILE.luck >= 1}"}]}
  - {name: broken, type: computed, value: "${PROFILE.noted.of.nothing}"}
  - {name: words, type: computed, data_type: number, value: "${PROFILE.views} views"}
  - {name: unread, type: computed, value: "${PROFILE.nothing_of.x}"}
  - {name: nothing_of, type: single, set: [{event: order, value: 1}]}
offers:
  - name: a
    set: [{data: {luck: "${PROFILE.luck}", same: "${PROFILE.luckier === PROFILE.luck + 1}"}}]
  - name: b
    set:
      - if: PROFILE.broken === undefined && PROFILE.broken === undefined && PROFILE.words === undefined
        data: {luck: "${PROFILE.luck}"}
"#;
    live_and_replayed(rest, |reactor| {
        let answer = send(reactor, "pageviews", r#"{"td_client_id":"a"}"#, NOW_MS);
        let parts: Vec<&str> = answer.split("\"luck\":").collect();
        let number = |part: &str| part.split([',', '}']).next().unwrap_or_default().to_owned();
        assert_eq!(parts.len(), 3, "{answer}");
        assert_eq!(number(parts[1]), number(parts[2]), "{answer}");
        assert!(number(parts[1]).starts_with("1."), "{answer}");
        assert!(answer.contains("\"same\":true"), "{answer}");
        assert_eq!(errors(reactor), [("broken".to_owned(), "TypeError", 1)]);
        assert_eq!(rejected(reactor), [("words".to_owned(), "not a number", 1)]);
        assert_eq!(read(reactor, "noted"), "true");
    });
}

#[test]
fn a_long_chain_of_computed_attributes_never_nests() {
    let mut rest = String::from("attributes:\n");
    let nested = |inner: &str| format!("{}{inner}{}", "(1 + ".repeat(90), ")".repeat(90));
    for at in 0..400 {
        let before = format!("PROFILE.c{}", at + 1);
        let inner = if at == 399 { "1" } else { before.as_str() };
        rest.push_str(&format!(
            "  - {{name: c{at}, type: computed, value: \"${{{}}}\"}}\n",
            nested(inner)
        ));
    }
    rest.push_str("offers: [{name: o, set: [{data: {sum: \"${");
    rest.push_str(&nested("PROFILE.c0"));
    rest.push_str("}\"}}]}]\n");
    let reactor = open(&rest, &Options::default());
    let answer = send(&reactor, "pageviews", r#"{"td_client_id":"a"}"#, NOW_MS);
    let sum = 401 * 90 + 1;
    assert_eq!(answer, format!(r#"{{"offers":{{"o":{{"attributes":{{"sum":{sum}}}}}}}}}"#));
}

#[test]
fn computed_attributes_have_a_budget_and_end_at_it() {
    let mut rest = String::from(
        "attributes:\n  - {name: list, type: single, set: [{event: pageview, value: \"${EVENT.list}\"}]}\n",
    );
    for at in 0..30 {
        rest.push_str(&format!(
            "  - {{name: c{at}, type: computed, \
             value: \"${{PROFILE.list.map(a => PROFILE.list.length * {at} + a * 2 - a * 3).length}}\"}}\n"
        ));
    }
    rest.push_str("offers:\n  - name: o\n    set:\n      - data:\n");
    for at in 0..30 {
        rest.push_str(&format!("          c{at}: ${{PROFILE.c{at}}}\n"));
    }
    let reactor = open(&format!("value_bytes_max: 64KiB\n{rest}"), &Options::default());
    let list: Vec<String> = (0..4000).map(|n| (n % 10).to_string()).collect();
    let body = format!(r#"{{"td_client_id":"a","list":[{}]}}"#, list.join(","));
    let answer = send(&reactor, "pageviews", &body, NOW_MS);
    let given = (0..30).filter(|at| answer.contains(&format!("\"c{at}\":4000"))).count();
    assert!((5..30).contains(&given), "{given}: {answer}");
    let spent = errors(&reactor);
    assert_eq!(spent.len(), 30 - given, "{spent:?}");
}

#[test]
fn data_types_convert_what_is_taken_and_count_what_cannot_be() {
    let rest = r#"
attributes:
  - {name: sum, type: single, aggregation: sum, data_type: number, set: [{event: pageview, value: "${EVENT.v}"}]}
  - {name: mean, type: single, aggregation: mean, data_type: number, set: [{event: pageview, value: "${EVENT.v}"}]}
  - name: text
    type: single
    data_type: string
    set: [{event: pageview, value: "${EVENT.v}"}, {event: order, value: null}]
  - {name: truth, type: single, data_type: boolean, set: [{event: pageview, value: "${EVENT.v}"}]}
  - {name: at, type: single, data_type: timestamp, set: [{event: pageview, value: "${EVENT.at}"}]}
  - {name: texts, type: single, data_type: string_array, set: [{event: pageview, value: "${EVENT.v}"}]}
  - name: numbers
    type: list
    data_type: number
    distinct: true
    set: [{event: pageview, value: "${EVENT.v}"}, {event: remove, delete: "${EVENT.v}"}]
  - {name: count, type: single, aggregation: count, set: [{event: pageview, value: "${EVENT.v}"}]}
  - {name: clicks, type: counter, total: true, data_type: number, set: [{event: pageview, value: "${EVENT.v}"}]}
"#;
    live_and_replayed(rest, |reactor| {
        let view = |v: &str| {
            let body = format!(r#"{{"td_client_id":"a","v":{v},"at":"2023-11-14T22:13:20Z"}}"#);
            send(reactor, "pageviews", &body, NOW_MS);
        };
        view("\"4\"");
        view("2");
        view("\"2\"");
        let expected = [
            ("sum", "8"),
            ("mean", "2.6666666666666665"),
            ("text", "\"2\""),
            ("truth", "true"),
            ("at", "1700000000000"),
            ("texts", "[\"2\"]"),
            ("count", "3"),
            ("clicks", "8"),
        ];
        for (name, json) in expected {
            assert_eq!(read(reactor, name), json, "{name}");
        }
        assert!(
            read(reactor, "numbers").starts_with(r#"[{"value":4,"#),
            "{}",
            read(reactor, "numbers")
        );
        view("\"many\"");
        assert_eq!(read(reactor, "sum"), "8");
        let counted = rejected(reactor);
        for name in ["sum", "mean", "numbers", "clicks"] {
            assert!(counted.contains(&(name.to_owned(), "not a number", 1)), "{counted:?}");
        }
        send(reactor, "removes", r#"{"td_client_id":"a","v":"4"}"#, NOW_MS);
        assert!(read(reactor, "numbers").starts_with(r#"[{"value":2,"#));
        send(reactor, "orders", r#"{"td_client_id":"a"}"#, NOW_MS);
        assert_eq!(read(reactor, "text"), "undefined");
    });
}

#[test]
fn a_value_over_its_limit_leaves_the_old_one_and_is_counted() {
    let rest = r#"
value_bytes_max: 20B
attributes:
  - {name: path, type: single, set: [{event: pageview, value: "${EVENT.v}"}]}
  - {name: paths, type: list, set: [{event: pageview, value: "${EVENT.v}"}]}
  - {name: by_path, type: counter, total: true, by: "${EVENT.v}", set: [{event: pageview}]}
"#;
    live_and_replayed(rest, |reactor| {
        for length in [18, 19] {
            let v = "x".repeat(length);
            let body = format!(r#"{{"td_client_id":"a","v":"{v}"}}"#);
            send(reactor, "pageviews", &body, NOW_MS);
        }
        let kept = "x".repeat(18);
        assert_eq!(read(reactor, "path"), format!("\"{kept}\""));
        assert_eq!(read(reactor, "paths"), format!(r#"[{{"value":"{kept}","time":{NOW_MS}}}]"#));
        assert_eq!(read(reactor, "by_path"), format!(r#"{{"{kept}":1}}"#));
        let mut counted = rejected(reactor);
        counted.sort();
        let reason = "larger than value_bytes_max";
        let expected = ["by_path", "path", "paths"].map(|name| (name.to_owned(), reason, 1));
        assert_eq!(counted, expected);
    });
}
