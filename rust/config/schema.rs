//! Schema: the fields of each part of the page, those that are built and those that are not yet.
//!
//! One table, so that an unknown field gets the nearest known one as a suggestion, and a field of
//! the page that is not built is refused by name and never ignored.

/// The fields of one kind of map.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// What the map is, for sentences ("a key").
    pub what: &'static str,
    /// Fields that are built.
    pub built: &'static [&'static str],
    /// Fields of the page that are not built yet.
    pub later: &'static [&'static str],
}

/// The file's top level.
pub const TOP: Section = Section {
    what: "the configuration",
    built: &[
        "version",
        "account",
        "instance",
        "name",
        "database",
        "clock_skew",
        "value_bytes_max",
        "time_zone",
        "unidentified",
        "unrouted",
        "keys",
        "destinations",
        "events",
        "attributes",
        "segments",
        "catalogs",
        "offers",
        "activations",
        "tokens",
        "ignore",
        "profiles",
    ],
    later: &["include", "tests", "entities"],
};

/// An entry of `keys`.
pub const KEY: Section = Section {
    what: "a key",
    built: &[
        "name",
        "max_values",
        "from",
        "normalize",
        "valid_regexp",
        "invalid_texts",
        "sensitive",
        "public",
    ],
    later: &["was"],
};

/// An entry of `destinations`.
pub const DESTINATION: Section =
    Section { what: "a destination", built: &["database", "table"], later: &[] };

/// An entry of `events`.
pub const EVENT: Section =
    Section { what: "an event", built: &["name", "database", "table", "if"], later: &[] };

/// An entry of `attributes`.
pub const ATTRIBUTE: Section = Section {
    what: "an attribute",
    built: &[
        "name",
        "type",
        "set",
        "aggregation",
        "duration",
        "max_items",
        "distinct",
        "id",
        "fields",
        "aggregations",
        "total",
        "windows",
        "data_type",
        "sensitive",
        "by",
        "value",
        "was",
        "reset",
    ],
    later: &["backfill", "public"],
};

/// An entry of an attribute's `set`.
pub const ATTRIBUTE_RULE: Section = Section {
    what: "an attribute's rule",
    built: &["event", "if", "each", "value", "delete", "clear"],
    later: &[],
};

/// An entry of `offers`.
pub const OFFER: Section = Section {
    what: "an offer",
    built: &["name", "set", "server_only", "omit_sensitive"],
    later: &["from", "until", "cap", "split", "holdout"],
};

/// An entry of an offer's `set`.
pub const OFFER_RULE: Section = Section {
    what: "an offer's rule",
    built: &["event", "if", "let", "data", "batch_segments"],
    later: &["from", "until", "cap", "split", "holdout"],
};

/// An entry of `segments`.
pub const SEGMENT: Section = Section { what: "a segment", built: &["id", "name"], later: &[] };

/// An entry of `catalogs`.
pub const CATALOG: Section =
    Section { what: "a catalog", built: &["name", "key", "columns"], later: &[] };

/// An entry of a catalog's `columns` that is a map.
pub const CATALOG_COLUMN: Section =
    Section { what: "a catalog's column", built: &["name", "data_type"], later: &[] };

/// An entry of `tokens`.
pub const TOKEN: Section = Section {
    what: "a token",
    built: &["name", "value", "value_sha256", "type", "sees_sensitive"],
    later: &["origins", "allowed_ips", "rate_limit"],
};

/// An entry of `ignore`.
pub const IGNORE: Section =
    Section { what: "an entry of `ignore`", built: &["if", "store"], later: &[] };

/// `profiles`.
pub const PROFILES: Section = Section { what: "`profiles`", built: &["ttl"], later: &[] };

/// Types of attributes that are not built yet.
pub const ATTRIBUTE_TYPES_LATER: &[&str] = &[];
/// Options of attributes and the types that have them.
pub const ATTRIBUTE_OPTIONS: &[(&str, &[&str])] = &[
    ("set", &["single", "list", "counter"]),
    ("aggregation", &["single"]),
    ("duration", &["single", "list", "counter"]),
    ("max_items", &["list"]),
    ("distinct", &["list"]),
    ("id", &["list"]),
    ("fields", &["list"]),
    ("aggregations", &["list"]),
    ("total", &["counter"]),
    ("windows", &["counter"]),
    ("by", &["counter"]),
    ("value", &["computed"]),
];

/// The known word nearest to `word`, when it is near enough to be meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    let allowed = match length {
        0 | 1 => 0,
        2..=4 => 1,
        5..=8 => 2,
        _ => 3,
    };
    known
        .into_iter()
        .map(|candidate| (distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean `x`?", when something is near enough.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, known).map(|candidate| format!("did you mean `{candidate}`?"))
}

/// Words joined for a sentence: "`a`, `b` or `c`".
pub fn either(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

/// Edits between two words: insertions, deletions, replacements and swapped neighbours.
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let replaced = last[j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut least = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            let swapped = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
            if swapped {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_through_a_slip_of_each_kind() {
        let known = ["preferences", "pageview", "set"];
        assert_eq!(nearest("preferenecs", known), Some("preferences"));
        assert_eq!(nearest("prefernces", known), Some("preferences"));
        assert_eq!(nearest("pagewiew", known), Some("pageview"));
        assert_eq!(nearest("sett", known), Some("set"));
        assert_eq!(nearest("customer", known), None);
    }

    #[test]
    fn swapped_neighbours_are_one_edit() {
        assert_eq!(distance("abcd", "abdc"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
