//! Fold: which characters the flag i takes for one another.
//!
//! With u or v JavaScript compares by simple case folding; without, by the upper case of one unit,
//! where that is one unit too and no ASCII comes out of what is none. So `/k/i` does not match
//! the Kelvin sign, and `/k/iu` does.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::set::CodePoints;

/// The set with all that counts as one of its members.
pub(super) fn close(set: &CodePoints, code_points: bool) -> CodePoints {
    if code_points { close_code_points(set) } else { close_units(set) }
}

fn close_code_points(set: &CodePoints) -> CodePoints {
    let mut class = set.to_class();
    class.case_fold_simple();
    let mut closed = CodePoints::from_class(&class);
    // What is no character folds to itself.
    closed.add_all(set);
    closed
}

/// Units that are not alone, each with all that count as the same, sorted.
static KIN: LazyLock<Vec<(u32, Vec<u32>)>> = LazyLock::new(|| {
    let mut alike: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for unit in (0..=0xFFFF).filter_map(char::from_u32) {
        alike.entry(canonical(unit)).or_default().push(u32::from(unit));
    }
    let mut kin: Vec<(u32, Vec<u32>)> = alike
        .values()
        .filter(|units| units.len() > 1)
        .flat_map(|units| units.iter().map(|&unit| (unit, units.clone())))
        .collect();
    kin.sort_unstable();
    kin
});

/// What a unit is compared as.
fn canonical(unit: char) -> u32 {
    let mut upper = unit.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(upper), None) if upper.len_utf16() == 1 && (unit.is_ascii() || !upper.is_ascii()) => {
            u32::from(upper)
        }
        _ => u32::from(unit),
    }
}

fn close_units(set: &CodePoints) -> CodePoints {
    let mut ranges = set.ranges().to_vec();
    for &(first, last) in set.ranges() {
        let from = KIN.partition_point(|(unit, _)| *unit < first);
        let within = KIN[from..].iter().take_while(|(unit, _)| *unit <= last);
        ranges.extend(within.flat_map(|(_, kin)| kin).map(|&unit| (unit, unit)));
    }
    CodePoints::of(&ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(character: char, code_points: bool) -> Vec<char> {
        let set = close(&CodePoints::one(u32::from(character)), code_points);
        let codes = set.ranges().iter().flat_map(|&(first, last)| first..=last);
        codes.filter_map(char::from_u32).collect()
    }

    #[test]
    fn units_compare_by_upper_case_and_code_points_by_folding() {
        assert_eq!(closed('k', false), ['K', 'k']);
        assert_eq!(closed('k', true), ['K', 'k', '\u{212a}']);
        assert_eq!(closed('s', false), ['S', 's']);
        assert_eq!(closed('s', true), ['S', 's', '\u{17f}']);
        assert_eq!(closed('\u{17f}', false), ['\u{17f}']);
        assert_eq!(closed('ß', false), ['ß']);
        assert_eq!(closed('ß', true), ['ß', 'ẞ']);
        assert_eq!(closed('µ', false), ['µ', 'Μ', 'μ']);
        assert_eq!(closed('1', true), ['1']);
    }
}
