//! Set: code points or UTF-16 units, as sorted ranges; surrogates are members like all others.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

/// The last code point.
const LAST: u32 = 0x10_FFFF;
/// The last UTF-16 unit.
const LAST_UNIT: u32 = 0xFFFF;

/// A set of code points. Invariant: ranges are sorted, and neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CodePoints {
    ranges: Vec<(u32, u32)>,
}

impl CodePoints {
    /// What lies in these ranges, in any order, both ends included.
    pub(super) fn of(ranges: &[(u32, u32)]) -> Self {
        let mut sorted = ranges.to_vec();
        sorted.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(sorted.len());
        for (first, last) in sorted {
            match merged.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => {
                    before.1 = before.1.max(last);
                }
                _ => merged.push((first, last)),
            }
        }
        Self { ranges: merged }
    }

    /// One code point.
    pub(super) fn one(code: u32) -> Self {
        Self { ranges: vec![(code, code)] }
    }

    /// Every code point, or every unit.
    pub(super) fn all(code_points: bool) -> Self {
        Self { ranges: vec![(0, if code_points { LAST } else { LAST_UNIT })] }
    }

    pub(super) fn from_class(class: &ClassUnicode) -> Self {
        let ranges = class.ranges().iter();
        Self::of(&ranges.map(|r| (u32::from(r.start()), u32::from(r.end()))).collect::<Vec<_>>())
    }

    pub(super) fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    #[cfg(test)]
    pub(super) fn contains(&self, code: u32) -> bool {
        let after = self.ranges.partition_point(|range| range.1 < code);
        self.ranges.get(after).is_some_and(|range| range.0 <= code)
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        let mut ranges = std::mem::take(&mut self.ranges);
        ranges.extend_from_slice(&other.ranges);
        *self = Self::of(&ranges);
    }

    /// What is not in it, among all code points or all units.
    pub(super) fn complement(&self, code_points: bool) -> Self {
        let end = if code_points { LAST } else { LAST_UNIT };
        let mut ranges = Vec::with_capacity(self.ranges.len() + 1);
        let mut next = 0;
        for &(first, last) in self.ranges.iter().filter(|range| range.0 <= end) {
            if first > next {
                ranges.push((next, first - 1));
            }
            next = last + 1;
        }
        if next <= end {
            ranges.push((next, end));
        }
        Self { ranges }
    }

    /// What both have.
    pub(super) fn intersection(&self, other: &Self) -> Self {
        let (mut at, mut other_at) = (0, 0);
        let mut ranges = Vec::new();
        while let (Some(left), Some(right)) = (self.ranges.get(at), other.ranges.get(other_at)) {
            let (first, last) = (left.0.max(right.0), left.1.min(right.1));
            if first <= last {
                ranges.push((first, last));
            }
            if left.1 < right.1 { at += 1 } else { other_at += 1 }
        }
        Self { ranges }
    }

    /// What this has and the other has not.
    pub(super) fn difference(&self, other: &Self) -> Self {
        self.intersection(&other.complement(true))
    }

    /// Its characters: without surrogates.
    pub(super) fn to_class(&self) -> ClassUnicode {
        let scalars = self
            .ranges
            .iter()
            .flat_map(|&(first, last)| [(first, last.min(0xD7FF)), (first.max(0xE000), last)]);
        ClassUnicode::new(scalars.filter(|(first, last)| first <= last).filter_map(
            |(first, last)| {
                Some(ClassUnicodeRange::new(char::from_u32(first)?, char::from_u32(last)?))
            },
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_joined_cut_and_turned_around() {
        let set = CodePoints::of(&[(5, 9), (1, 2), (3, 4), (20, 30)]);
        assert_eq!(set.ranges(), [(1, 9), (20, 30)]);
        assert_eq!(set.complement(false).ranges(), [(0, 0), (10, 19), (31, 0xFFFF)]);
        assert_eq!(set.complement(false).complement(false), set);
        assert_eq!(CodePoints::all(true).complement(true), CodePoints::default());
        let other = CodePoints::of(&[(8, 25)]);
        assert_eq!(set.intersection(&other).ranges(), [(8, 9), (20, 25)]);
        assert_eq!(set.difference(&other).ranges(), [(1, 7), (26, 30)]);
        assert!(set.contains(9) && !set.contains(10) && set.contains(20));
    }

    #[test]
    fn surrogates_are_members_and_no_characters() {
        let set = CodePoints::of(&[(0xD7FE, 0xE001)]);
        assert!(set.contains(0xD900));
        assert_eq!(set.to_class().ranges().len(), 2);
    }
}
