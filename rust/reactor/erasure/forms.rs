//! Forms: every way in which an identifier may lie in a file.
//!
//! Text as it came and normalized, as JSON escapes it, in percent, hex and base64; a UUID also without dashes and
//! as its 16 bytes; a number also as a value of the log. Letters are looked for in any case. A form of few bytes
//! counts only where it stands alone, for else it would be found in every file.
//!
//! Invariant: a form that is found proves nothing of whose it is; one that is not found is not there.

use aho_corasick::{AhoCorasick, MatchKind};

use crate::event::parse_uuid;

/// A form shorter than this counts only where no letter or digit stands before and behind it.
const ALONE_BELOW: usize = 12;
/// Encoded forms of shorter texts are found everywhere.
const ENCODED_MIN: usize = 4;

/// What is looked for, each form with the number of whom it belongs to.
pub struct Forms {
    finder: AhoCorasick,
    owners: Vec<usize>,
    /// Whether the form is text, and so short that it must stand alone.
    alone: Vec<bool>,
}

impl Forms {
    /// The forms of several texts; each belongs to its position.
    ///
    /// # Errors
    /// A sentence when they are too many to be looked for at once.
    pub fn of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, String> {
        let (mut patterns, mut owners, mut alone) = (Vec::new(), Vec::new(), Vec::new());
        for (owner, text) in texts.into_iter().enumerate() {
            let mut forms = all_forms(text);
            forms.sort();
            forms.dedup();
            for (bytes, is_text) in forms {
                alone.push(is_text && bytes.len() < ALONE_BELOW);
                patterns.push(bytes);
                owners.push(owner);
            }
        }
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .build(&patterns)
            .map_err(|error| format!("too many forms are looked for at once: {error}"))?;
        Ok(Self { finder, owners, alone })
    }

    /// Every place where one is found, with the number of whom it belongs to.
    pub fn find<'f>(&'f self, bytes: &'f [u8]) -> impl Iterator<Item = usize> + 'f {
        let is_word = |at: Option<usize>| {
            at.and_then(|at| bytes.get(at)).is_some_and(|byte| byte.is_ascii_alphanumeric())
        };
        self.finder.find_overlapping_iter(bytes).filter_map(move |found| {
            let pattern = found.pattern().as_usize();
            let stands_alone =
                || !is_word(found.start().checked_sub(1)) && !is_word(Some(found.end()));
            (!self.alone[pattern] || stands_alone()).then_some(self.owners[pattern])
        })
    }
}

/// Each form, and whether it is text as people write it.
fn all_forms(text: &str) -> Vec<(Vec<u8>, bool)> {
    let mut forms = vec![(text.as_bytes().to_vec(), true)];
    let json = json_escaped(text);
    forms.push((json.replace('/', "\\/").into_bytes(), true));
    forms.push((json.into_bytes(), true));
    forms.push((percent(text).into_bytes(), true));
    if text.len() >= ENCODED_MIN {
        forms.push((hex(text.as_bytes()).into_bytes(), true));
        forms.extend(base64(text.as_bytes()).into_iter().map(|form| (form, false)));
    }
    if let Some(uuid) = parse_uuid(text) {
        forms.push((uuid.to_vec(), false));
        let digits = hex(&uuid);
        let [a, b, c, d] = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20]];
        forms.push((format!("{a}-{b}-{c}-{d}-{}", &digits[20..]).into_bytes(), true));
        forms.push((digits.into_bytes(), true));
    }
    if let Ok(number) = text.parse::<f64>()
        && number.is_finite()
        && number != 0.0
    {
        // As a value in a record: its tag, then its bits.
        let bits = number.to_bits().to_le_bytes();
        forms.push(([&[4], bits.as_slice()].concat(), false));
    }
    forms.retain(|(form, _)| !form.is_empty());
    forms
}

fn json_escaped(text: &str) -> String {
    let mut out = String::new();
    for unit in text.chars() {
        match unit {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            unit if unit.is_ascii_graphic() || unit == ' ' => out.push(unit),
            unit => {
                let mut units = [0; 2];
                for unit in unit.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out
}

fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02x}")),
        }
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text in base64 wherever it begins in what was encoded: the digits that depend on it alone.
fn base64(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for (plus, slash) in [(b'+', b'/'), (b'-', b'_')] {
        let digit = |six: u32| match six & 63 {
            six @ 0..=25 => b'A' + six as u8,
            six @ 26..=51 => b'a' + (six - 26) as u8,
            six @ 52..=61 => b'0' + (six - 52) as u8,
            62 => plus,
            _ => slash,
        };
        for before in 0..3 {
            let bits = |at: usize| {
                let byte = at.checked_sub(before).and_then(|at| bytes.get(at));
                u32::from(byte.copied().unwrap_or(0))
            };
            let groups = (before + bytes.len()) / 3;
            let mut form = Vec::new();
            for group in 0..groups {
                let word = bits(3 * group) << 16 | bits(3 * group + 1) << 8 | bits(3 * group + 2);
                form.extend([18, 12, 6, 0].map(|shift| digit(word >> shift)));
            }
            // The first digits mix with what stands before.
            let mixed = [0, 2, 3][before];
            if form.len() >= mixed + 8 {
                forms.push(form[mixed..].to_vec());
            }
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found_and_a_short_one_only_where_it_stands_alone() {
        let uuid = "e65d8a9d-f209-4f02-b84c-d660efff6f27";
        let forms = Forms::of(["ann+x@example.com", uuid, "12347", "ü/\"x"]).unwrap();
        let found = |bytes: &[u8]| forms.find(bytes).collect::<std::collections::BTreeSet<_>>();
        for text in [
            "to: Ann+X@example.com,",
            "ann%2Bx%40example.com",
            "616e6e2b78406578616d706c652e636f6d",
            "YW5uK3hAZXhhbXBsZS5jb20=",
            // ..inside of "user=ann+x@example.com;"
            "dXNlcj1hbm4reEBleGFtcGxlLmNvbTs=",
        ] {
            assert!(found(text.as_bytes()).contains(&0), "{text}");
        }
        let bytes = parse_uuid(uuid).unwrap();
        for bytes in [&bytes[..], b"E65D8A9DF2094F02B84CD660EFFF6F27", uuid.as_bytes()] {
            assert!(found(bytes).contains(&1));
        }
        assert!(found(b"{\"id\":12347}").contains(&2));
        assert!(!found(b"{\"id\":123470}").contains(&2));
        let mut value = vec![4];
        value.extend_from_slice(&12347f64.to_le_bytes());
        assert!(found(&value).contains(&2));
        assert!(found("\\u00fc\\/\\\"x".as_bytes()).contains(&3));
        assert!(found("\"ü/\"x\"".as_bytes()).contains(&3));
        assert!(found(b"nobody here").is_empty());
    }
}
