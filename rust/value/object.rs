//! Object: a map in JavaScript's property order (integer names first, then by insertion).
//!
//! Small maps are searched name by name; larger ones carry an index sorted by name, so that an
//! object of a hundred thousand fields is neither built nor read in quadratic time, and no
//! choice of names can make it so (there is no hash to collide).

use smallvec::SmallVec;

use super::{Text, Value};

/// A name and its value.
type Entry = (Text, Value);

/// Up to this many entries a plain scan is faster than the index.
const SCAN_ENTRIES_MAX: usize = 12;

/// Entries in JavaScript's property order; duplicate names: the last value wins.
#[derive(Clone, Debug, Default)]
pub struct Object {
    /// Two entries stand in the object itself: list items are `{value, time}`, and a profile that is
    /// not in the cache should cost as few misses as can be.
    entries: SmallVec<[Entry; 2]>,
    /// Positions in `entries`, sorted by name; `None` for small objects.
    #[expect(clippy::box_collection, reason = "one word, so that a shared pair is 128 bytes")]
    by_name: Option<Box<Vec<u32>>>,
}

impl Object {
    /// Builds an object from entries in insertion order: a repeated name keeps its first
    /// position and its last value, as in JavaScript.
    pub fn from_entries(mut entries: Vec<(Text, Value)>) -> Self {
        let mut by_name = None;
        if entries.len() <= SCAN_ENTRIES_MAX {
            merge_repeats_by_scan(&mut entries);
        } else {
            let positions = sorted_positions(&entries);
            if merge_repeats(&mut entries, &positions) {
                by_name = Some(Box::new(positions));
            }
        }
        if entries.iter().any(|(name, _)| array_index(name).is_some()) {
            // `None` sorts last, and the sort is stable: the others keep their order.
            let index = |(name, _): &Entry| array_index(name).map_or(u64::MAX, u64::from);
            if !entries.is_sorted_by_key(index) {
                entries.sort_by_cached_key(index);
                by_name = None;
            }
        }
        if entries.len() <= SCAN_ENTRIES_MAX {
            by_name = None;
        } else if by_name.is_none() {
            by_name = Some(Box::new(sorted_positions(&entries)));
        }
        let entries = match entries.len() {
            ..=2 => entries.into_iter().collect(),
            _ => SmallVec::from_vec(entries),
        };
        Self { entries, by_name }
    }

    /// Builds an object from two entries whose names differ and are no array indices.
    pub fn from_pair(first: Entry, second: Entry) -> Self {
        debug_assert!(first.0 != second.0, "a repeated name");
        debug_assert!(array_index(&first.0).or(array_index(&second.0)).is_none(), "an index");
        Self { entries: SmallVec::from([first, second]), by_name: None }
    }

    /// The value under `name`, if there is one.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let Some(by_name) = &self.by_name else {
            return self.entries.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        };
        let found = by_name
            .binary_search_by(|&position| self.entries[position as usize].0.as_str().cmp(name))
            .ok()?;
        Some(&self.entries[by_name[found] as usize].1)
    }

    /// All entries, in property order.
    pub fn entries(&self) -> &[(Text, Value)] {
        &self.entries
    }

    /// Reads a little of both its cache lines, for callers that want it loaded.
    #[inline]
    pub fn touch(&self) -> usize {
        let first = self.entries.first().map_or(0, |(_, value)| usize::from(value.is_nullish()));
        first + self.entries.last().map_or(0, |(name, _)| name.len())
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// The array index that `name` spells canonically ("0", "17"; not "01", "-1", "4294967295").
pub fn array_index(name: &str) -> Option<u32> {
    let bytes = name.as_bytes();
    if bytes.is_empty() || bytes.len() > 10 || !bytes[0].is_ascii_digit() {
        return None;
    }
    if bytes[0] == b'0' {
        return (bytes.len() == 1).then_some(0);
    }
    let mut index = 0_u64;
    for byte in bytes {
        if !byte.is_ascii_digit() {
            return None;
        }
        index = index * 10 + u64::from(byte - b'0');
    }
    // 2^32 - 1 is no array index.
    u32::try_from(index).ok().filter(|index| *index != u32::MAX)
}

fn merge_repeats_by_scan(entries: &mut Vec<(Text, Value)>) {
    let mut kept = 0;
    for position in 0..entries.len() {
        match (0..kept).find(|&earlier| entries[earlier].0 == entries[position].0) {
            Some(earlier) => entries[earlier].1 = std::mem::take(&mut entries[position].1),
            None => {
                entries.swap(kept, position);
                kept += 1;
            }
        }
    }
    entries.truncate(kept);
}

/// Merges entries of one name, given the positions sorted by name; gives whether there was nothing
/// to merge, so that the positions still hold.
fn merge_repeats(entries: &mut Vec<(Text, Value)>, positions: &[u32]) -> bool {
    let mut dropped: Vec<bool> = Vec::new();
    let mut start = 0;
    while start < positions.len() {
        let first = positions[start] as usize;
        let mut end = start + 1;
        while end < positions.len() && entries[positions[end] as usize].0 == entries[first].0 {
            end += 1;
        }
        if end - start > 1 {
            dropped.resize(entries.len(), false);
            let last = positions[end - 1] as usize;
            entries[first].1 = std::mem::take(&mut entries[last].1);
            for &repeat in &positions[start + 1..end] {
                dropped[repeat as usize] = true;
            }
        }
        start = end;
    }
    if dropped.is_empty() {
        return true;
    }
    let mut position = 0;
    entries.retain(|_| {
        position += 1;
        !dropped[position - 1]
    });
    false
}

/// Positions sorted by name; equal names keep their order.
fn sorted_positions(entries: &[(Text, Value)]) -> Vec<u32> {
    let mut positions: Vec<u32> = (0..entries.len() as u32).collect();
    positions.sort_by(|&left, &right| entries[left as usize].0.cmp(&entries[right as usize].0));
    positions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(object: &Object) -> Vec<&str> {
        object.entries().iter().map(|(name, _)| name.as_str()).collect()
    }

    fn numbered(names: &[&str]) -> Object {
        Object::from_entries(
            names
                .iter()
                .enumerate()
                .map(|(position, name)| (Text::new(name), Value::Number(position as f64)))
                .collect(),
        )
    }

    #[test]
    fn integer_names_come_first_in_ascending_order() {
        let object = numbered(&["b", "10", "a", "9", "01", "4294967294", "4294967295", "-1"]);
        assert_eq!(names(&object), ["9", "10", "4294967294", "b", "a", "01", "4294967295", "-1"]);
    }

    #[test]
    fn a_repeated_name_keeps_its_first_position_and_its_last_value() {
        let small = numbered(&["a", "b", "a", "c", "b", "a"]);
        assert_eq!(names(&small), ["a", "b", "c"]);
        assert!(matches!(small.get("a"), Some(Value::Number(n)) if *n == 5.0));
        let many: Vec<String> = (0..40).map(|n| format!("n{}", n % 20)).collect();
        let large = numbered(&many.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(large.len(), 20);
        assert_eq!(names(&large)[..3], ["n0", "n1", "n2"]);
        assert!(matches!(large.get("n3"), Some(Value::Number(n)) if *n == 23.0));
        assert!(large.get("n20").is_none());
    }

    #[test]
    fn a_hundred_thousand_fields_are_built_and_read_quickly() {
        let entries: Vec<(Text, Value)> = (0..100_000)
            .map(|n| (Text::from(format!("f{n}")), Value::Number(f64::from(n))))
            .collect();
        let start = std::time::Instant::now();
        let object = Object::from_entries(entries);
        for n in 0..100_000 {
            assert!(object.get(&format!("f{n}")).is_some());
        }
        assert!(start.elapsed().as_secs() < 5, "quadratic: {:?}", start.elapsed());
    }
}
