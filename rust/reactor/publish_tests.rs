//! Publishes while events pass: each record stands behind the configuration that it names.

use super::Options;
use crate::config::SourceFile;
use crate::log::SyncPolicy;
use crate::reactor::{Reactor, Request};

const CONFIGURATION: &str = "
version: 1
account: 1
instance: 8
name: NAME
database: shop
keys: [{name: id}]
events: [{name: event, table: events}]
";

fn source(number: usize) -> SourceFile {
    SourceFile::new("shop.yaml", CONFIGURATION.replace("NAME", &format!("shop {number}")))
}

#[test]
fn an_event_that_locks_nothing_still_stands_behind_its_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        data_dir: Some(directory.path().to_path_buf()),
        sync: SyncPolicy::Interval { ms: 20 },
        ..Options::default()
    };
    let (reactor, _) = Reactor::open(&source(0), &options).unwrap();
    let published = 40;
    std::thread::scope(|scope| {
        let sender = |table: &'static str, body: &'static [u8]| {
            let reactor = &reactor;
            move || {
                let mut answer = Vec::new();
                let request = Request::new("shop", table, body);
                while reactor.published().plan.number <= published {
                    reactor.personalize_json(&request, &mut answer).unwrap();
                }
            }
        };
        scope.spawn(sender("elsewhere", b"{}"));
        scope.spawn(sender("elsewhere", b"{}"));
        scope.spawn(sender("events", br#"{"id":"a"}"#));
        for number in 1..=published as usize {
            let numbers = reactor.numbers.lock().clone();
            reactor.publish(super::compile(&source(number), &numbers).unwrap()).unwrap();
        }
    });
    let hash = reactor.state_hash();
    reactor.close().unwrap();
    drop(reactor);
    let (again, _) = Reactor::open(&source(published as usize), &options).unwrap();
    assert_eq!(again.published().plan.number, published + 1);
    assert_eq!(again.state_hash(), hash);
}
