//! Files of both kinds, in pieces of every size, and what is wrong with them.

use super::super::limits::{
    PROBLEMS_SHOWN_MAX, RECORD_BYTES_MAX, ROW_BYTES_MAX, SEGMENT_ID_BYTES_MAX, SEGMENTS_MAX,
};
use super::super::row::{cells, parts_of, segments};
use super::*;
use crate::profile::attribute::DataType;
use crate::storage::SimulatedDisk;
use crate::value::Text;
use crate::value::date::Zone;
use std::path::Path;
use std::sync::Arc;

fn key(name: &str, number: u16) -> KeyField {
    let identify: Identify = Box::new(|value| match value {
        Value::String(text) => Ok(text.clone()),
        _ => Err("absent".to_owned()),
    });
    KeyField { name: Text::new(name), number, identify }
}

fn layout(kind: Option<Kind>, chosen: Option<usize>) -> Layout {
    let column = |name, number, data_type| Column { name: Text::new(name), number, data_type };
    let columns = match kind {
        Some(Kind::Segments) | None => Vec::new(),
        _ => vec![
            column("loyalty", 7, None),
            column("spend", 3, Some(DataType::Number)),
            column("vip", 4, Some(DataType::Boolean)),
            column("since", 5, Some(DataType::Timestamp)),
            column("sizes", 6, Some(DataType::NumberArray)),
        ],
    };
    Layout { kind, keys: vec![key("id", 1), key("email", 2)], chosen, columns, zone: Zone::UTC }
}

type Read = (Vec<(String, Vec<(u16, Value)>)>, Tally);

fn sorted(format: Format, layout: Layout, file: &[u8], piece: usize) -> Result<Read, Error> {
    let disk: Arc<dyn crate::storage::Disk> = Arc::new(SimulatedDisk::default());
    let is_segments = layout.kind == Some(Kind::Segments);
    let mut sorter = Sorter::new(disk, Path::new("batch"), 1);
    let mut source = Source::new(format, layout);
    for bytes in file.chunks(piece.max(1)) {
        source.feed(bytes, &mut Target::Sorter(&mut sorter))?;
    }
    let tally = source.finish(&mut Target::Sorter(&mut sorter))?;
    let mut rows = Vec::new();
    sorter.finish(&mut |key, row| {
        let (number, text) = parts_of(key).expect("a key");
        let cells = if is_segments {
            let ids = segments(row).expect("a row");
            ids.into_iter().map(|id| (0, Value::String(id))).collect()
        } else {
            cells(row).expect("a row")
        };
        rows.push((format!("{number}:{text}"), cells));
        Ok(())
    })?;
    rows.sort_by(|(left, _), (right, _)| left.cmp(right));
    Ok((rows, tally))
}

fn attributes(format: Format, file: &str) -> Read {
    let whole = sorted(format, layout(Some(Kind::Attributes), None), file.as_bytes(), file.len());
    let whole = whole.expect("it is read");
    for piece in 1..20 {
        let layout = layout(Some(Kind::Attributes), None);
        let pieces = sorted(format, layout, file.as_bytes(), piece).expect("it is read");
        assert_eq!(format!("{whole:?}"), format!("{pieces:?}"), "pieces of {piece} bytes");
    }
    whole
}

fn whys(tally: &Tally) -> Vec<(u64, &str)> {
    tally.problems.iter().map(|problem| (problem.line, problem.why.as_str())).collect()
}

#[test]
fn a_csv_file_reads_the_same_in_pieces_of_every_size() {
    let file = "\u{feff}id,loyalty,spend,vip,since,sizes\r\n\
                a,\"high, \"\"very\"\"\nindeed\",12.5,true,1970-01-01,\"[1,2]\"\r\n\
                \r\n\
                b,,,,,\n\
                c,low,-1e3,0,5,[]";
    let (rows, tally) = attributes(Format::Csv, file);
    assert_eq!((tally.rows, tally.malformed), (3, 0), "{tally:?}");
    let shown: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
    assert_eq!(
        shown[0],
        format!(
            "{:?}",
            (
                "1:a",
                vec![
                    (3_u16, Value::Number(12.5)),
                    (4, Value::Bool(true)),
                    (5, Value::Number(0.0)),
                    (6, Value::array(vec![1.0.into(), 2.0.into()])),
                    (7, Value::text("high, \"very\"\nindeed")),
                ]
            )
        )
    );
    assert!(shown[1].matches("Null").count() == 5, "{}", shown[1]);
    assert_eq!(rows.len(), 3);
}

#[test]
fn a_file_of_json_lines_reads_the_same_in_pieces_of_every_size() {
    let file = "{\"id\":\"a\",\"loyalty\":{\"level\":3},\"spend\":\"12.5\"}\n\n\
                {\"email\":\"b\",\"vip\":false,\"loyalty\":null}\r\n\
                {\"id\":\"c\"}";
    let (rows, tally) = attributes(Format::JsonLines, file);
    assert_eq!((tally.rows, tally.malformed), (3, 0), "{tally:?}");
    let keys: Vec<&str> = rows.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["1:a", "1:c", "2:b"]);
    assert_eq!(format!("{:?}", rows[2].1), "[(4, Bool(false)), (7, Null)]");
    assert_eq!(format!("{:?}", rows[1].1), "[]");
}

#[test]
fn every_malformed_row_is_told_with_its_line_and_none_of_its_values() {
    let file = "id,spend,vip\na,secret1,true\n\"b\nb\",1,maybe\nc,1\n,1,1\nd,2,1\n";
    let (_, tally) = attributes(Format::Csv, file);
    assert_eq!(
        whys(&tally),
        [
            (2, "its `spend` is no number"),
            (3, "its `vip` is no boolean"),
            (5, "it has 2 fields where the header has 3"),
            (6, "its `id` is no usable key: absent"),
        ]
    );
    assert_eq!((tally.rows, tally.malformed), (5, 4));
    let file =
        "{\n[1]\n{\"id\":\"a\",\"emial\":1}\n{\"id\":\"a\",\"email\":\"b\"}\n{\"vip\":true}\n";
    let (_, tally) = attributes(Format::JsonLines, file);
    let found = whys(&tally);
    assert!(found[0].0 == 1 && found[0].1.starts_with("it is no JSON: "), "{found:?}");
    assert_eq!(found[1], (2, "it is no JSON object"));
    assert!(found[2].1.starts_with("`emial` is no field of it; the fields are `id`, `email`"));
    assert!(found[3].1.starts_with("it has several keys"));
    assert_eq!(found[4], (5, "it has no key"));
}

#[test]
fn a_header_that_does_not_fit_ends_the_import_at_once() {
    let refused = |file: &str| {
        let read = sorted(Format::Csv, layout(Some(Kind::Attributes), None), file.as_bytes(), 7);
        read.expect_err("it is refused").to_string()
    };
    assert!(refused("id,loyalti\n").contains("`loyalti` is no field of it"));
    assert!(refused("loyalty\n").contains("no column is a key"));
    assert!(refused("id,email,loyalty\n").contains("several keys"));
    assert!(refused("id,vip,vip\n").contains("names `vip` twice"));
    assert!(refused("").contains("the file is empty"));
    let chosen = layout(Some(Kind::Attributes), Some(1));
    let file = "id,email,loyalty\na,b,high\n";
    let (rows, _) = sorted(Format::Csv, chosen, file.as_bytes(), 9).expect("it is read");
    assert_eq!(rows[0].0, "2:b");
}

#[test]
fn segments_are_one_id_a_line_or_several() {
    let layout = || layout(Some(Kind::Segments), None);
    let file = "id,segments\na,2;1;2\na,3\nb,\n";
    let (rows, _) = sorted(Format::Csv, layout(), file.as_bytes(), 5).expect("it is read");
    let shown: Vec<String> = rows.iter().map(|(key, ids)| format!("{key}={}", ids.len())).collect();
    assert_eq!(shown, ["1:a=2", "1:a=1", "1:b=0"]);
    let file = "{\"id\":\"a\",\"segments\":[\"x\",7]}\n{\"id\":\"b\",\"segment\":\"y\"}\n{\"id\":\"c\"}\n\
                {\"id\":\"d\",\"segments\":[true]}";
    let (_, tally) = sorted(Format::JsonLines, layout(), file.as_bytes(), 5).expect("it is read");
    assert_eq!(
        whys(&tally),
        [(3, "it has no `segments`"), (4, "a segment's id is text or a whole number")]
    );
}

#[test]
fn rows_of_identifiers_become_events_without_what_does_not_identify() {
    let file = "id,email\na,b\n,c\n,\n";
    let mut source = Source::new(Format::Csv, layout(None, None));
    let mut events = Vec::new();
    let mut give = |line: u64, body: &[u8]| {
        events.push((line, String::from_utf8(body.to_vec()).expect("JSON is text")));
        Ok(())
    };
    source.feed(file.as_bytes(), &mut Target::Events(&mut give)).expect("it is read");
    let tally = source.finish(&mut Target::Events(&mut give)).expect("it is read");
    assert_eq!(whys(&tally), [(4, "it has no usable identifier")]);
    let wanted = [(2, r#"{"id":"a","email":"b"}"#), (3, r#"{"email":"c"}"#)];
    assert_eq!(events, wanted.map(|(line, body)| (line, body.to_owned())));
}

#[test]
fn each_limit_of_a_row_holds_at_it_and_one_over() {
    let one = |text: String| {
        let layout = layout(Some(Kind::Attributes), None);
        sorted(Format::Csv, layout, format!("id,loyalty\na,{text}\n").as_bytes(), 1 << 20)
    };
    // A row beside its text: count, column, tag and length.
    let most = ROW_BYTES_MAX - (2 + 2 + 1 + 4);
    assert_eq!(one("x".repeat(most)).expect("it is read").1.malformed, 0);
    let (_, tally) = one("x".repeat(most + 1)).expect("it is read");
    assert_eq!(whys(&tally), [(2, "it is larger than 65536 bytes")]);
    assert!(one("x".repeat(RECORD_BYTES_MAX * 3)).is_err());

    let segments_of = |count: usize, bytes: usize| {
        let ids: Vec<String> = (0..count).map(|at| format!("{at:0>bytes$}")).collect();
        let file = format!("id,segments\na,{}\n", ids.join(";"));
        let read = sorted(Format::Csv, layout(Some(Kind::Segments), None), file.as_bytes(), 4096);
        read.expect("it is read").1.malformed
    };
    assert_eq!(segments_of(SEGMENTS_MAX, 4), 0);
    assert_eq!(segments_of(SEGMENTS_MAX + 1, 4), 1);
    assert_eq!(segments_of(1, SEGMENT_ID_BYTES_MAX), 0);
    assert_eq!(segments_of(1, SEGMENT_ID_BYTES_MAX + 1), 1);

    let json = |bytes: usize| {
        let file = format!("{{\"id\":\"a\"{}}}", " ".repeat(bytes - 10));
        sorted(Format::JsonLines, layout(Some(Kind::Attributes), None), file.as_bytes(), 4096)
    };
    assert!(json(RECORD_BYTES_MAX).is_ok());
    assert!(json(RECORD_BYTES_MAX + 1).is_err());
}

#[test]
fn no_more_problems_are_shown_than_may_be_and_all_are_counted() {
    for count in [PROBLEMS_SHOWN_MAX, PROBLEMS_SHOWN_MAX + 1] {
        let file = format!("id,vip\n{}", "a,perhaps\n".repeat(count));
        let layout = layout(Some(Kind::Attributes), None);
        let (rows, tally) = sorted(Format::Csv, layout, file.as_bytes(), 999).expect("it is read");
        assert_eq!(tally.malformed, count as u64);
        assert_eq!(tally.problems.len(), count.min(PROBLEMS_SHOWN_MAX));
        assert!(rows.is_empty());
    }
}
