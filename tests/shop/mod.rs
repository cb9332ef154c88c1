//! A shop's configuration, and events sent to its reactor.
#![allow(dead_code, reason = "each file of tests uses its part")]

use std::path::Path;

use p13n::config::SourceFile;
use p13n::error::Error;
use p13n::log::SyncPolicy;
use p13n::reactor::{Options, Reactor, Receipt, Request, SnapshotPolicy};

pub const CONFIGURATION: &str = r#"
version: 1
account: 1
instance: 8
name: test
database: shop
keys:
  - name: customer_id
  - name: email
    normalize: [trim, lower]
    valid_regexp: "@"
  - name: td_client_id
events:
  - {name: pageview, table: pageviews}
  - {name: home, table: pageviews, if: EVENT.td_path === "/"}
  - {name: order, table: orders}
attributes:
  - name: preferences
    type: list
    max_items: 5
    duration: 30d
    set: [{event: pageview, if: EVENT.category !== undefined, value: "${EVENT.category}"}]
  - name: bought
    type: list
    distinct: true
    set:
      - {event: order, each: "${EVENT.skus}", value: "${ITEM}"}
      - {event: home, delete: "${EVENT.forget}"}
  - name: spend
    type: single
    aggregation: sum
    set: [{event: order, value: "${EVENT.total}"}]
  - name: dearest
    type: single
    aggregation: max
    set: [{event: order, value: "${EVENT.total}"}]
  - name: last_path
    type: single
    set: [{event: pageview, value: "${EVENT.td_path}"}]
  - name: first_path
    type: single
    aggregation: first
    set: [{event: pageview, value: "${EVENT.td_path}"}]
  - name: views
    type: counter
    duration: 30d
    set: [{event: pageview}]
    windows: {views_1h: 1h}
  - name: orders
    type: counter
    total: true
    set: [{event: order}]
offers:
  - name: preferences_known
    set:
      - event: pageview
        if: PROFILE.preferences.length > 0
        data:
          td_client_id: ${PROFILE.td_client_id}
          preferences: ${PROFILE.preferences.slice(-1)[0].value}
  - name: buyer
    set:
      - if: [PROFILE.orders > 0, PROFILE.spend > 10]
        let: {skus: "${PROFILE.bought.map(b => b.value)}"}
        data: {skus: "${skus}", spend: "spent ${PROFILE.spend}"}
  - name: broken
    set: [{if: PROFILE.last_path.length > EVENT.nothing.at.all, data: {}}]
tokens:
  - {name: server, value: e65d8a9df2094f02b84cd660efff6f27}
"#;

pub fn source() -> SourceFile {
    SourceFile::new("test.yaml", CONFIGURATION)
}

pub fn in_memory() -> Reactor {
    Reactor::open(&source(), &Options::default()).expect("a good configuration").0
}

/// On the real disk, without a snapshot at close: a restart replays the whole log.
pub fn on_disk(data_dir: &Path) -> Options {
    Options {
        data_dir: Some(data_dir.to_path_buf()),
        sync: SyncPolicy::Interval { ms: 20 },
        snapshots: SnapshotPolicy { at_close: false, ..SnapshotPolicy::default() },
        ..Options::default()
    }
}

pub fn open(options: &Options) -> Reactor {
    Reactor::open(&source(), options).expect("it opens").0
}

pub fn send(reactor: &Reactor, table: &str, body: &str) -> Result<(String, Receipt), Error> {
    send_at(reactor, table, body, None)
}

pub fn send_at(
    reactor: &Reactor,
    table: &str,
    body: &str,
    now_ms: Option<i64>,
) -> Result<(String, Receipt), Error> {
    let mut answer = Vec::new();
    let request = Request { now_ms, ..Request::new("shop", table, body.as_bytes()) };
    let receipt = reactor.personalize_json(&request, &mut answer)?;
    Ok((String::from_utf8(answer).expect("JSON is UTF-8"), receipt))
}

pub fn answer(reactor: &Reactor, table: &str, body: &str) -> String {
    send(reactor, table, body).expect("a good event").0
}
