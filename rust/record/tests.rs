//! Records: read back as written; garbage is an error.

use super::*;
use proptest::prelude::*;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Undefined),
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<f64>().prop_map(Value::Number),
        ".{0,30}".prop_map(Value::text),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::array),
            proptest::collection::vec(("[a-z]{1,3}", inner), 0..4).prop_map(|entries| {
                let named = entries.into_iter().map(|(name, value)| (Text::new(name), value));
                Value::object(named.collect())
            }),
        ]
    })
}

fn outcome() -> impl Strategy<Value = RecordedOutcome> {
    prop_oneof![
        Just(RecordedOutcome::Nobody),
        any::<[u8; 16]>().prop_map(RecordedOutcome::New),
        any::<[u8; 16]>().prop_map(RecordedOutcome::Known),
        any::<[u8; 16]>().prop_map(RecordedOutcome::Extended),
        any::<[u8; 16]>().prop_map(RecordedOutcome::Passing),
        (any::<[u8; 16]>(), proptest::collection::vec(any::<[u8; 16]>(), 0..3))
            .prop_map(|(rid, merged)| RecordedOutcome::Merged(rid, merged)),
        moved().prop_map(|moved| RecordedOutcome::Moved(Box::new(moved))),
    ]
}

fn moved() -> impl Strategy<Value = Moved> {
    let rid = || any::<[u8; 16]>().prop_map(Rid);
    let merged = proptest::collection::vec(rid(), 0..3);
    let moved = proptest::collection::vec((any::<u8>(), rid()), 0..4);
    (rid(), any::<bool>(), any::<u16>(), merged, moved)
        .prop_map(|(rid, is_new, bound, merged, moved)| Moved { rid, is_new, bound, merged, moved })
}

fn encoded(
    taken: &[Value],
    outcome: &RecordedOutcome,
    source: Option<SourceLine>,
    time_s: Option<i64>,
) -> Vec<u8> {
    let body = br#"{"td_client_id":"202"}"#;
    let mut out = Vec::new();
    EventRecord {
        configuration: 3,
        event_clock: true,
        moves_clock: source.is_none(),
        client_uuid: source.is_some(),
        routed: true,
        kept_out: source.is_some(),
        unreadable: false,
        public: false,
        lets_go: true,
        now_ms: 1_700_000_000_123,
        time_s,
        uuid: [7; 16],
        database: "your_database",
        table: "pageviews",
        identifiers: &[Identifier { key: 2, value: Text::new("202") }],
        ignored: &[(1, 3)],
        outcome,
        events: &[0, 5],
        fuel: 999_983,
        taken,
        whole: &Value::Undefined,
        source,
        body,
    }
    .encode_head(&mut out);
    out.extend_from_slice(body);
    out
}

fn bits(value: &Value) -> String {
    // Debug tells -0 from 0, and one NaN is as good as another here.
    format!("{value:?}")
}

proptest! {
    #[test]
    fn an_event_reads_back_as_it_was_written(
        taken in proptest::collection::vec(value(), 0..6),
        outcome in outcome(),
        line in proptest::option::of(1..u64::MAX),
        time_s in proptest::option::of(0..253_402_300_799i64),
    ) {
        let source = line.map(|line| SourceLine { file: [9; 32], line });
        let bytes = encoded(&taken, &outcome, source, time_s);
        let event = EventReplay::decode(&bytes).unwrap();
        prop_assert_eq!(event.configuration, 3);
        prop_assert!(event.event_clock && event.routed);
        prop_assert_eq!(event.kept_out, source.is_some());
        prop_assert_eq!(event.client_uuid, source.is_some());
        prop_assert_eq!(event.moves_clock, source.is_none());
        prop_assert_eq!(event.now_ms, 1_700_000_000_123);
        prop_assert_eq!(event.time_s, time_s);
        prop_assert_eq!(event.uuid, [7; 16]);
        prop_assert_eq!((event.database, event.table), ("your_database", "pageviews"));
        prop_assert_eq!(event.identifiers.len(), 1);
        prop_assert_eq!(event.ignored, vec![(1, 3)]);
        prop_assert_eq!(event.outcome, outcome);
        prop_assert_eq!(event.events, vec![0, 5]);
        prop_assert_eq!(event.fuel, 999_983);
        prop_assert_eq!(event.source, source);
        prop_assert_eq!(event.body, br#"{"td_client_id":"202"}"#);
        prop_assert_eq!(event.taken.len(), taken.len());
        for (read, written) in event.taken.iter().zip(&taken) {
            prop_assert_eq!(bits(read), bits(written));
        }
    }

    #[test]
    fn a_cut_or_garbled_event_is_an_error_and_never_a_panic(
        cut in 0usize..200,
        garbage in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let bytes = encoded(&[Value::text("x")], &RecordedOutcome::New([1; 16]), None, None);
        if cut < bytes.len() {
            prop_assert!(EventReplay::decode(&bytes[..cut]).is_err());
        }
        let _either = EventReplay::decode(&garbage);
        let _either = ConfigurationRecord::decode(&garbage);
    }
}

fn configuration() -> ConfigurationRecord {
    ConfigurationRecord {
        number: 2,
        now_ms: 5,
        hash: [3; 32],
        keys: vec![Text::new("email")],
        attributes: vec![Text::new("a"), Text::new("b")],
        fields: vec![],
        asleep_keys: vec![],
        asleep_attributes: vec![(1, -5)],
        text: "version: 1\n".to_owned(),
    }
}

#[test]
fn a_configuration_reads_back_as_it_was_written() {
    let record = configuration();
    assert_eq!(ConfigurationRecord::decode(&record.encode()).unwrap(), record);
}

#[test]
fn more_fields_than_a_small_count_holds_read_back() {
    let taken = vec![Value::Null; 70_000];
    let bytes = encoded(&taken, &RecordedOutcome::Nobody, None, None);
    assert_eq!(EventReplay::decode(&bytes).unwrap().taken.len(), taken.len());
    let fields: Vec<Text> = (0..70_000).map(|field| Text::from(format!("f{field}"))).collect();
    let mut record = configuration();
    record.fields = fields;
    assert_eq!(ConfigurationRecord::decode(&record.encode()).unwrap(), record);
}

#[test]
fn lines_read_back_as_they_were_written() {
    let source = SourceLine { file: [4; 32], line: u64::MAX };
    let record = LinesRecord { database: "shop", table: "orders", source };
    assert_eq!(LinesRecord::decode(&record.encode()).unwrap(), record);
    assert!(LinesRecord::decode(&record.encode()[1..]).is_err());
}

#[test]
fn a_value_nested_deeper_than_any_event_is_an_error() {
    let mut bytes = vec![];
    for _ in 0..100_000 {
        bytes.push(6);
        bytes.extend_from_slice(&1u32.to_le_bytes());
    }
    assert!(Bytes(&bytes).value().is_err());
}
