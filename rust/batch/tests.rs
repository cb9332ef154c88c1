//! Generations against a sorted map: what goes in comes out, whatever was spilled, merged or erased.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::limits::{KEY_BYTES_MAX, LAYERS_CALM, ROW_BYTES_MAX};
use super::row::{Column, Key, cells, layered, put_cells, put_segments, repeated, segments};
use super::{Generation, Kind, Sorter, Writer, Written, merge, path_of, temporary_of};
use crate::storage::{Disk, SimulatedDisk, write_all};
use crate::value::{Text, Value};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

fn folder() -> &'static Path {
    Path::new("batch")
}

fn disk() -> Arc<dyn Disk> {
    Arc::new(SimulatedDisk::default())
}

/// A sequence of well mixed numbers.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

fn column(number: u16, name: &str) -> Column {
    Column { number, name: Text::new(name) }
}

fn row_of(cells: &[(u16, &str)]) -> Vec<u8> {
    let cells: Vec<_> = cells.iter().map(|(column, text)| (*column, Value::text(text))).collect();
    let mut out = Vec::new();
    put_cells(&mut out, &cells);
    out
}

fn write(
    disk: &Arc<dyn Disk>,
    number: u64,
    kind: Kind,
    rows: &Rows,
    columns: &[Column],
) -> Written {
    let mut sorter = Sorter::new(Arc::clone(disk), folder(), number);
    rows.iter().for_each(|(key, row)| sorter.push(key, row).expect("it is gathered"));
    let mut writer = Writer::create(Arc::clone(disk), folder(), number, kind).expect("it is made");
    sorter.finish(&mut |key, row| writer.row(key, row)).expect("it is sorted");
    writer.finish(columns, None).expect("it is written")
}

fn open(disk: &Arc<dyn Disk>, number: u64) -> Generation {
    Generation::open(&**disk, &path_of(folder(), number)).expect("it is whole")
}

fn holds(generation: &Generation, rows: &Rows) {
    let mut buffer = Vec::new();
    for (key, row) in rows {
        let found = generation.get(key, &mut buffer).expect("it can be read");
        assert_eq!(found, Some(row.as_slice()));
    }
    let mut walked = Rows::new();
    let mut walk = generation.walk();
    while let Some((key, row)) = walk.next().expect("it can be read") {
        assert!(walked.insert(key.to_vec(), row.to_vec()).is_none(), "each key once");
    }
    assert_eq!(&walked, rows);
    assert_eq!(generation.rows(), rows.len() as u64);
    generation.check().expect("it is whole");
    generation.prove().expect("it has its digest");
}

fn random_rows(numbers: &mut Numbers, count: u64) -> Rows {
    (0..count)
        .map(|_| {
            let key = Key::new(numbers.next(3) as u16, &format!("k{}", numbers.next(count)));
            let text = "x".repeat(numbers.next(200) as usize);
            (key.bytes().to_vec(), row_of(&[(0, &text)]))
        })
        .collect()
}

#[test]
fn a_generation_gives_what_was_written_and_nothing_else() {
    let mut numbers = Numbers(1);
    for (number, count) in [(1, 0), (2, 1), (3, 5_000)] {
        let disk = disk();
        let rows = random_rows(&mut numbers, count);
        let written = write(&disk, number, Kind::Attributes, &rows, &[column(0, "a")]);
        let generation = open(&disk, number);
        holds(&generation, &rows);
        assert_eq!(written.rows, rows.len() as u64);
        assert_eq!(written.digest, generation.digest());
        assert_eq!(generation.origin(), generation.digest());
        assert_eq!(generation.columns(), [column(0, "a")]);
        let mut buffer = Vec::new();
        for at in 0..1_000 {
            let key = Key::new(9, &format!("k{at}"));
            assert_eq!(generation.get(key.bytes(), &mut buffer).expect("it can be read"), None);
        }
    }
}

#[test]
fn the_longest_keys_and_rows_come_back() {
    let disk = disk();
    let key = |letter: &str| Key::new(1, &letter.repeat(KEY_BYTES_MAX)).bytes().to_vec();
    let rows: Rows =
        [(key("a"), vec![7; ROW_BYTES_MAX]), (key("b"), vec![8; ROW_BYTES_MAX])].into();
    write(&disk, 1, Kind::Attributes, &rows, &[]);
    holds(&open(&disk, 1), &rows);
    assert!(Key::new(1, &"a".repeat(KEY_BYTES_MAX)).fits());
    assert!(!Key::new(1, &"a".repeat(KEY_BYTES_MAX + 1)).fits());
}

#[test]
fn what_is_spilled_comes_out_as_what_is_not_and_equal_keys_keep_their_order() {
    let mut numbers = Numbers(2);
    for (bytes_max, runs_max) in [(1 << 30, 128), (20_000, 128), (5_000, 3), (1, 2)] {
        let disk = SimulatedDisk::default();
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let mut sorter = Sorter::bounded(shared, folder(), 1, bytes_max, runs_max);
        let mut expected: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
        for at in 0..600_u32 {
            let key = Key::new(0, &format!("k{}", numbers.next(200))).bytes().to_vec();
            let row = at.to_le_bytes().to_vec();
            sorter.push(&key, &row).expect("it is gathered");
            expected.entry(key).or_default().push(row);
        }
        let mut came: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
        let mut last: Option<(u64, Vec<u8>)> = None;
        sorter
            .finish(&mut |key, row| {
                let place = (super::hash_of(key), key.to_vec());
                assert!(last.as_ref().is_none_or(|last| *last <= place), "keys ascend");
                last = Some(place);
                came.entry(key.to_vec()).or_default().push(row.to_vec());
                Ok(())
            })
            .expect("it is sorted");
        assert_eq!(came, expected);
        assert!(disk.files().is_empty(), "runs are removed");
    }
}

#[test]
fn a_byte_changed_anywhere_is_found() {
    let disk = SimulatedDisk::default();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let rows = random_rows(&mut Numbers(3), 300);
    write(&shared, 1, Kind::Attributes, &rows, &[column(0, "a")]);
    let path = path_of(folder(), 1);
    let file = disk.open(&path, true).expect("it is there");
    let length = file.length().expect("it has one");
    let mut numbers = Numbers(4);
    let mut places: Vec<u64> = (0..300).map(|_| numbers.next(length)).collect();
    places.extend([0, 63, 64, length - 129, length - 128, length - 1]);
    for at in places {
        let mut byte = [0];
        file.read_at(&mut byte, at).expect("it can be read");
        write_all(&*file, &[byte[0] ^ 1], at).expect("it can be written");
        let found = Generation::open(&disk, &path).and_then(|generation| generation.check());
        assert!(found.is_err(), "a change of byte {at} of {length} went unnoticed");
        write_all(&*file, &byte, at).expect("it can be written");
    }
    file.truncate(length - 1).expect("it can be cut");
    assert!(Generation::open(&disk, &path).is_err());
}

#[test]
fn a_missing_file_and_one_of_a_newer_release_are_told_apart() {
    let disk = disk();
    let missing = Generation::open(&*disk, &path_of(folder(), 1)).unwrap_err();
    assert!(missing.to_string().contains("is missing"), "{missing}");
    write(&disk, 1, Kind::Catalog, &Rows::new(), &[]);
    let file = disk.open(&path_of(folder(), 1), true).expect("it is there");
    let mut head = [0; 64];
    file.read_at(&mut head, 0).expect("it can be read");
    head[8] = 2;
    let crc = crc32fast::hash(&head[..60]);
    head[60..].copy_from_slice(&crc.to_le_bytes());
    write_all(&*file, &head, 0).expect("it can be written");
    let newer = Generation::open(&*disk, &path_of(folder(), 1)).unwrap_err();
    assert!(newer.to_string().contains("use the newer release"), "{newer}");
}

#[test]
fn a_crash_at_any_call_leaves_the_whole_generation_or_none() {
    let rows = random_rows(&mut Numbers(5), 200);
    for call in 0.. {
        let disk = SimulatedDisk::default();
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        disk.plan(call, crate::storage::Fault::Dead);
        let write = || -> Result<Written, super::Error> {
            let mut sorter = Sorter::bounded(Arc::clone(&shared), folder(), 1, 4_000, 4);
            for (key, row) in &rows {
                sorter.push(key, row)?;
            }
            let mut writer = Writer::create(Arc::clone(&shared), folder(), 1, Kind::Attributes)?;
            sorter.finish(&mut |key, row| writer.row(key, row))?;
            writer.finish(&[], None)
        };
        let outcome = write();
        let mut random = Numbers(call);
        let after = disk.crash(|| random.next(1 << 31));
        match Generation::open(&after, &path_of(folder(), 1)) {
            Ok(generation) => holds(&generation, &rows),
            Err(super::Error::Missing { .. }) => {
                assert!(outcome.is_err(), "what was told to be written is there");
            }
            Err(error) => panic!("call {call} left {error}"),
        }
        if outcome.is_ok() {
            return;
        }
    }
}

#[test]
fn merged_layers_read_as_the_layers_did() {
    let mut numbers = Numbers(6);
    for kind in [Kind::Attributes, Kind::Catalog, Kind::Segments] {
        let disk = disk();
        let mut expected: BTreeMap<Vec<u8>, BTreeMap<String, String>> = BTreeMap::new();
        let mut layers = Vec::new();
        for layer in 1..=5_u64 {
            // A catalog's numbers are each layer's own; an attribute's are the directory's.
            let names = ["a", "b", "c"];
            let mut table: Vec<Column> =
                (0..3).map(|at| column(at, names[usize::from(at)])).collect();
            if kind == Kind::Catalog {
                table.rotate_left(layer as usize % 3);
                table.iter_mut().enumerate().for_each(|(at, column)| column.number = at as u16);
            }
            let mut rows = Rows::new();
            for _ in 0..300 {
                let key = Key::new(1, &format!("k{}", numbers.next(200))).bytes().to_vec();
                let text = format!("{layer}-{}", numbers.next(9));
                if kind == Kind::Segments {
                    let mut row = Vec::new();
                    put_segments(&mut row, &mut vec![Text::from(text.clone()), Text::new("x")]);
                    rows.insert(key.clone(), row);
                    let ids = [("x".to_owned(), String::new()), (text, String::new())];
                    expected.insert(key, ids.into());
                    continue;
                }
                let at = numbers.next(3) as usize;
                let before = rows.remove(&key);
                let mut cells = before.map_or_else(Vec::new, |row| cells(&row).expect("a row"));
                cells.retain(|(number, _)| *number != table[at].number);
                cells.push((table[at].number, Value::text(&text)));
                cells.sort_by_key(|(number, _)| *number);
                let mut row = Vec::new();
                put_cells(&mut row, &cells);
                rows.insert(key.clone(), row);
                expected.entry(key).or_default().insert(table[at].name.to_string(), text);
            }
            write(&disk, layer, kind, &rows, &table);
            layers.insert(0, Arc::new(open(&disk, layer)));
        }
        let merged = merge::merge(&disk, folder(), 9, &layers, &|| false);
        let merged = merged.expect("they are merged").expect("nobody gave up");
        let given_up = merge::merge(&disk, folder(), 10, &layers, &|| true);
        assert!(expected.len() > 100 && given_up.expect("it is read").is_some(), "few rows");
        let generation = open(&disk, 9);
        assert_eq!(merged.rows, expected.len() as u64);
        generation.check().expect("it is whole");
        let mut buffer = Vec::new();
        for (key, columns) in &expected {
            let row = generation.get(key, &mut buffer).expect("it can be read").expect("a row");
            let found: BTreeMap<String, String> = if kind == Kind::Segments {
                let ids = segments(row).expect("a row");
                ids.into_iter().map(|id| (id.to_string(), String::new())).collect()
            } else {
                let name = |number: u16| {
                    let mut known = generation.columns().iter();
                    known.find(|column| column.number == number).expect("a column").name.to_string()
                };
                let cells = cells(row).expect("a row").into_iter();
                cells
                    .map(|(number, value)| match value {
                        Value::String(text) => (name(number), text.to_string()),
                        other => panic!("{other:?}"),
                    })
                    .collect()
            };
            assert_eq!(&found, columns);
        }
    }
}

#[test]
fn erased_keys_are_gone_from_the_file_and_everything_else_stays() {
    let disk = SimulatedDisk::default();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut rows = random_rows(&mut Numbers(7), 2_000);
    let gone = Key::new(2, "somebody@example.com").bytes().to_vec();
    rows.insert(gone.clone(), row_of(&[(0, "high")]));
    let written = write(&shared, 1, Kind::Attributes, &rows, &[column(0, "a")]);
    let generation = open(&shared, 1);
    let absent: HashSet<_> = [Key::new(2, "nobody").bytes().to_vec()].into();
    let untouched = merge::rewrite_without(&shared, folder(), &generation, &absent);
    assert_eq!(untouched.expect("it can be read"), None);
    let keys: HashSet<_> = [gone.clone()].into();
    let rewritten = merge::rewrite_without(&shared, folder(), &generation, &keys);
    assert!(rewritten.expect("it can be written").is_some());
    rows.remove(&gone);
    let after = open(&shared, 1);
    holds(&after, &rows);
    assert_eq!(after.origin(), written.digest);
    assert_ne!(after.digest(), written.digest);
    let file = disk.open(&path_of(folder(), 1), false).expect("it is there");
    let mut bytes = vec![0; file.length().expect("it has one") as usize];
    file.read_at(&mut bytes, 0).expect("it can be read");
    assert_eq!(memchr::memmem::find(&bytes, b"somebody"), None);
    assert!(memchr::memmem::find(&bytes, b"k1").is_some(), "the others can be found so");
    assert!(!disk.files().contains(&temporary_of(folder(), 1)));
}

#[test]
fn what_repeats_in_one_import_and_what_layers_say_differ() {
    let (first, second) = (row_of(&[(0, "a"), (1, "b")]), row_of(&[(1, "c")]));
    assert_eq!(repeated(Kind::Attributes, &first, &second), Ok(second.clone()));
    let together = layered(Kind::Attributes, &first, &second);
    assert_eq!(together, Ok(row_of(&[(0, "a"), (1, "c")])));
    let ids = |ids: &[&str]| {
        let mut out = Vec::new();
        put_segments(&mut out, &mut ids.iter().map(Text::new).collect());
        out
    };
    let (first, second) = (ids(&["1", "3"]), ids(&["2", "3", "2"]));
    assert_eq!(repeated(Kind::Segments, &first, &second), Ok(ids(&["1", "2", "3"])));
    assert_eq!(layered(Kind::Segments, &first, &second), Ok(second));
}

#[test]
fn layers_are_merged_when_there_are_many_and_a_large_one_is_left_alone() {
    assert_eq!(merge::due(&[1; LAYERS_CALM]), None);
    assert_eq!(merge::due(&[1, 1, 4, 3, 100]), Some(2));
    assert_eq!(merge::due(&[1, 1, 1, 1, 100]), Some(4));
    assert_eq!(merge::due(&[1; 6]), Some(6));
    assert_eq!(merge::due(&[100, 1, 1, 1, 1]), Some(5));
}
