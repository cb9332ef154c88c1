//! History: a log gone through again shows each event, its profile and its offers as live had them.

mod shop;

use std::ops::ControlFlow;

use p13n::error::ErrorKind;
use p13n::reactor::history::History;
use p13n::reactor::open::directory_of;
use p13n::reactor::{Options, Reactor};
use p13n::value::write_json;
use shop::{answer, on_disk, open, send};

/// Events that meet: some known, some new, one merge, each with the answer that live gave.
fn live(reactor: &Reactor) -> Vec<(u64, String, u128)> {
    let mut answers = Vec::new();
    for turn in 0..40 {
        let client = turn % 7;
        let (table, body) = match turn % 5 {
            4 => ("pageviews", format!(r#"{{"td_client_id":"c{client}","email":"{turn}@x"}}"#)),
            3 => ("pageviews", format!(r#"{{"td_client_id":"c{client}","category":"k{turn}"}}"#)),
            _ => ("orders", format!(r#"{{"td_client_id":"c{client}","total":9,"skus":[{turn}]}}"#)),
        };
        let (text, receipt) = send(reactor, table, &body).unwrap();
        answers.push((receipt.lsn, text, reactor.state_hash()));
    }
    let (text, receipt) =
        send(reactor, "pageviews", r#"{"td_client_id":"c1","email":"4@x"}"#).unwrap();
    answers.push((receipt.lsn, text, reactor.state_hash()));
    answers
}

#[test]
fn every_event_is_shown_with_the_offers_that_live_gave() {
    let directory = tempfile::tempdir().unwrap();
    let reactor = open(&on_disk(directory.path()));
    let answers = live(&reactor);
    reactor.close().unwrap();
    drop(reactor);

    let own = directory_of(directory.path(), 1, 8);
    let mut history = History::open(&own, 0, &Options::default()).unwrap();
    let mut expected = answers.iter();
    history
        .visit(|scene| {
            let (lsn, text, _) = expected.next().expect("as many events as live had");
            let mut offers = Vec::new();
            scene.offers(|given| {
                let mut data = Vec::new();
                write_json(&given.data, &mut data);
                let data = String::from_utf8(data).unwrap();
                offers.push(format!(r#""{}":{{"attributes":{data}}}"#, given.offer.name));
            });
            assert_eq!(scene.lsn.counter, *lsn);
            assert_eq!(&format!(r#"{{"offers":{{{}}}}}"#, offers.join(",")), text);
            assert!(scene.profile.is_some() && !scene.event.body.is_empty());
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    assert!(expected.next().is_none(), "every event was shown");
    assert_eq!(history.state_hash(), answers.last().unwrap().2);
}

#[test]
fn the_state_at_each_lsn_is_the_one_that_live_had_there() {
    let directory = tempfile::tempdir().unwrap();
    let reactor = open(&on_disk(directory.path()));
    let answers = live(&reactor);
    reactor.close().unwrap();
    drop(reactor);

    let own = directory_of(directory.path(), 1, 8);
    for (lsn, _, hash) in answers.iter().step_by(8) {
        assert_eq!(Reactor::state_hash_at(&own, *lsn, &Options::default()).unwrap(), *hash);
    }
    let beyond = answers.last().unwrap().0 + 1;
    let error = Reactor::state_hash_at(&own, beyond, &Options::default()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Argument(_)), "{error}");
}

#[test]
fn visiting_stops_where_it_is_told_and_goes_on_from_there() {
    let directory = tempfile::tempdir().unwrap();
    let reactor = open(&on_disk(directory.path()));
    let answers = live(&reactor);
    // A server may be running: no lock is needed.
    reactor.log().wait(reactor.log().appended(), std::time::Duration::from_secs(60)).unwrap();
    answer(&reactor, "pageviews", r#"{"td_client_id":"later"}"#);
    reactor.close().unwrap();

    let own = directory_of(directory.path(), 1, 8);
    let mut history = History::open(&own, answers[4].0, &Options::default()).unwrap();
    for (lsn, _, hash) in &answers[5..9] {
        history
            .visit(|scene| {
                assert_eq!(scene.lsn.counter, *lsn);
                Ok(ControlFlow::Break(()))
            })
            .unwrap();
        assert_eq!((history.lsn(), history.state_hash()), (*lsn, *hash));
    }
    let error =
        history.visit(|_| Err(ErrorKind::Argument("enough".to_owned()).into())).unwrap_err();
    assert_eq!(error.to_string(), "enough");
    let mut left = 0;
    history
        .visit(|_| {
            left += 1;
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    assert_eq!(left, answers.len() - 10 + 1);
}
