//! Replay by several threads leads to the live state, whatever binds the profiles together: merges, profiles
//! so full that they let identifiers go to others, generations of uuids that turn early, publishes between.

mod shop;

use p13n::config::SourceFile;
use p13n::reactor::{Options, Reactor};
use proptest::prelude::*;
use shop::{CONFIGURATION, on_disk, open, send_at};

/// One event: its customer, what else it carries, and how far processing time moves.
#[derive(Clone, Debug)]
struct Step {
    customer: u8,
    email: Option<u16>,
    uuid: Option<u16>,
    order: bool,
    pause_ms: i64,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (
        0..6u8,
        proptest::option::weighted(0.6, 0..900u16),
        proptest::option::weighted(0.5, 0..400u16),
        any::<bool>(),
        prop_oneof![9 => 0..1_000i64, 1 => 0..4_000_000i64],
    );
    let step = step.prop_map(|(customer, email, uuid, order, pause_ms)| Step {
        customer,
        email,
        uuid,
        order,
        pause_ms,
    });
    proptest::collection::vec(step, 1..3_000)
}

fn cases() -> u32 {
    let given = std::env::var("P13N_CASES").ok();
    given.map_or(24, |cases| cases.parse().expect("P13N_CASES is a number"))
}

fn send(reactor: &Reactor, step: &Step, number: usize, now_ms: i64) {
    let mut body = format!(r#"{{"td_client_id":"c{}","total":{number}"#, step.customer);
    // Many e-mails belong to one customer, some to several: profiles fill up, and some meet.
    if let Some(email) = step.email {
        let owner = if email < 890 { u16::from(step.customer) } else { 0 };
        body += &format!(r#","email":"{email}-{owner}@x","skus":[{email}]"#);
    }
    if let Some(uuid) = step.uuid {
        body += &format!(r#","uuid":"00000000-0000-4000-8000-{uuid:012}""#);
    }
    let table = if step.order { "orders" } else { "pageviews" };
    send_at(reactor, table, &(body + "}"), Some(now_ms)).expect("a good event");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn threads_that_replay_together_come_to_the_live_state(steps in steps(), shards in 0..3u32) {
        let directory = tempfile::tempdir().unwrap();
        // So few uuids a generation that most of them turn for want of room.
        let options = Options { shards: 16usize.pow(shards), dedup_max: 512, ..on_disk(directory.path()) };
        let reactor = open(&options);
        let mut now_ms = 1_700_000_000_000;
        for (number, step) in steps.iter().enumerate() {
            now_ms += step.pause_ms;
            send(&reactor, step, number, now_ms);
        }
        let hash = reactor.state_hash();
        reactor.close().unwrap();
        drop(reactor);
        let again = open(&options);
        prop_assert_eq!(again.state_hash(), hash);
    }
}

#[test]
fn an_identifier_that_one_full_profile_lets_go_is_taken_up_by_another() {
    let directory = tempfile::tempdir().unwrap();
    let options = on_disk(directory.path());
    let reactor = open(&options);
    let email = |customer: &str, number: usize| {
        let body = format!(r#"{{"td_client_id":"{customer}","email":"{number}@x","total":1}}"#);
        send_at(&reactor, "orders", &body, None).expect("a good event");
    };
    for number in 0..600 {
        email("a", number);
        // What `a` has let go by now becomes `b`'s and then `c`'s.
        if number >= 250 {
            email(if number % 2 == 0 { "b" } else { "c" }, number - 250);
        }
    }
    let hash = reactor.state_hash();
    let sizes = reactor.sizes();
    assert!(sizes.0 >= 3, "they stay apart: {sizes:?}");
    reactor.close().unwrap();
    drop(reactor);
    let changed = CONFIGURATION.replace("max_items: 5", "max_items: 6");
    for round in 0..5 {
        let source = SourceFile::new("test.yaml", CONFIGURATION);
        let (again, _) = Reactor::open(&source, &options).unwrap();
        assert_eq!(again.state_hash(), hash, "round {round}");
        again.close().unwrap();
    }
    let (again, _) = Reactor::open(&SourceFile::new("test.yaml", changed), &options).unwrap();
    assert_eq!(again.published().plan.number, 2);
}
