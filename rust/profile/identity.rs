//! Identity: which values identify, and which profile an event belongs to (page 4.1).
//!
//! Pure: the caller gives the rules and what the index holds; the store moves what is decided.
//! Invariant: of several profiles that meet the oldest `rid` stays, whatever the order.

use smallvec::SmallVec;

use super::Rid;
use crate::value::{Text, Value};

/// The longest identifier, bytes after normalization (page 1.3).
pub const IDENTIFIER_BYTES_MAX: usize = 512;

/// Texts that never identify anybody, in any case (page 4.1).
const INVALID_TEXTS: [&str; 5] =
    ["null", "undefined", "none", "0", "00000000-0000-0000-0000-000000000000"];

/// The largest magnitude up to which every integer is a double.
const INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// One step of `normalize`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalize {
    /// Leading and trailing white space goes.
    Trim,
    /// Lower case.
    Lower,
    /// Upper case.
    Upper,
}

/// Why a value does not identify. Counted by key and reason; the value stays in the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The event has no such field.
    #[error("absent")]
    Absent,
    /// Neither text nor an integer of magnitude up to 2^53.
    #[error("neither text nor an integer")]
    NotText,
    /// Nothing is left.
    #[error("empty")]
    Empty,
    /// Over 512 bytes.
    #[error("longer than 512 bytes")]
    TooLong,
    /// One of the texts that never identify.
    #[error("an invalid text")]
    Invalid,
    /// `valid_regexp` does not match.
    #[error("valid_regexp does not match")]
    NoMatch,
    /// The key's `from` throws.
    #[error("`from` throws")]
    Throws,
    /// `public: ignore`: whoever holds a public token could forge it.
    #[error("of a public caller")]
    Public,
}

/// The value under which a profile is known, or why there is none. In order: text of the value,
/// `normalize`, length, invalid texts (the defaults in any case, `invalid_texts` whole), `matches`
/// (the key's `valid_regexp`; always true without one).
pub fn identifying_text(
    value: &Value,
    normalize: &[Normalize],
    invalid_texts: &[Text],
    matches: impl FnOnce(&str) -> bool,
) -> Result<Text, Refusal> {
    let sent = match value {
        Value::Undefined => return Err(Refusal::Absent),
        Value::String(text) => text.clone(),
        Value::Number(number) => integer_text(*number).ok_or(Refusal::NotText)?,
        _ => return Err(Refusal::NotText),
    };
    let text = normalize.iter().fold(sent, |text, step| step.apply(text));
    if text.is_empty() {
        return Err(Refusal::Empty);
    }
    if text.len() > IDENTIFIER_BYTES_MAX {
        return Err(Refusal::TooLong);
    }
    let invalid = INVALID_TEXTS.iter().any(|invalid| text.eq_ignore_ascii_case(invalid))
        || invalid_texts.contains(&text);
    if invalid {
        return Err(Refusal::Invalid);
    }
    if matches(&text) { Ok(text) } else { Err(Refusal::NoMatch) }
}

impl Normalize {
    fn apply(self, text: Text) -> Text {
        match self {
            Self::Trim => {
                let trimmed = text.trim_matches(is_white_space);
                if trimmed.len() == text.len() { text } else { Text::from(trimmed) }
            }
            Self::Lower if text.bytes().any(|byte| byte.is_ascii_uppercase() || byte >= 0x80) => {
                Text::from(text.to_lowercase())
            }
            Self::Upper if text.bytes().any(|byte| byte.is_ascii_lowercase() || byte >= 0x80) => {
                Text::from(text.to_uppercase())
            }
            Self::Lower | Self::Upper => text,
        }
    }
}

/// What `String.prototype.trim` removes: Unicode white space less U+0085, and the byte order mark.
fn is_white_space(character: char) -> bool {
    character == '\u{feff}' || (character.is_whitespace() && character != '\u{85}')
}

fn integer_text(number: f64) -> Option<Text> {
    (number.trunc() == number && number.abs() <= INTEGER_MAX)
        .then(|| smol_str::format_smolstr!("{}", number as i64))
}

/// Whose event it is. A recorded outcome is obeyed by replay as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No usable identifier: nobody's.
    Nobody,
    /// All identifiers are new: this profile is made.
    New(Rid),
    /// All identifiers lead to this profile.
    Known(Rid),
    /// Some identifiers lead to this profile, the others become its own.
    Extended(Rid),
    /// The identifiers lead to several profiles, which become one.
    Merged {
        /// The oldest, which stays.
        survivor: Rid,
        /// The others, oldest first.
        merged: Vec<Rid>,
    },
    /// A bound kept profiles apart: one got the event, identifiers left others for it.
    Moved(Box<Moved>),
}

/// What a guard rail decided (page 4.1; the rule stands in `guard`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The profile that the event ends in.
    pub rid: Rid,
    /// Whether this event made it.
    pub is_new: bool,
    /// The strongest key whose bound would have been broken.
    pub bound: u16,
    /// Profiles that were left without any identifier and became part of this one, oldest first.
    pub merged: Vec<Rid>,
    /// The event's identifiers that left a profile: position in the event, and the profile.
    pub moved: Vec<(u8, Rid)>,
}

impl Outcome {
    /// The profile that the event ends in.
    pub fn rid(&self) -> Option<Rid> {
        match self {
            Self::Nobody => None,
            Self::New(rid) | Self::Known(rid) | Self::Extended(rid) => Some(*rid),
            Self::Merged { survivor, .. } => Some(*survivor),
            Self::Moved(moved) => Some(moved.rid),
        }
    }
}

/// Decides whose event it is from what the index holds for each of its identifiers, in their order, where no
/// bound is broken.
/// `newcomer` is the id that a new profile gets.
pub fn decide(held: &[Option<Rid>], newcomer: Rid) -> Outcome {
    let mut rids: SmallVec<[Rid; 4]> = held.iter().flatten().copied().collect();
    rids.sort_unstable();
    rids.dedup();
    match rids.as_slice() {
        [] if held.is_empty() => Outcome::Nobody,
        [] => Outcome::New(newcomer),
        [rid] if held.iter().all(Option::is_some) => Outcome::Known(*rid),
        [rid] => Outcome::Extended(*rid),
        [survivor, merged @ ..] => Outcome::Merged { survivor: *survivor, merged: merged.to_vec() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &Value, normalize: &[Normalize]) -> Result<Text, Refusal> {
        identifying_text(value, normalize, &["Nobody".into()], |text| !text.starts_with('x'))
    }

    #[test]
    fn numbers_identify_when_they_are_integers_up_to_two_to_the_53rd() {
        let of = |number| text(&Value::Number(number), &[]);
        assert_eq!(of(202.0), Ok("202".into()));
        assert_eq!(of(-7.0), Ok("-7".into()));
        assert_eq!(of(INTEGER_MAX), Ok("9007199254740992".into()));
        assert_eq!(of(INTEGER_MAX + 2.0), Err(Refusal::NotText));
        assert_eq!(of(0.5), Err(Refusal::NotText));
        assert_eq!(of(f64::NAN), Err(Refusal::NotText));
        assert_eq!(of(-0.0), Err(Refusal::Invalid));
    }

    #[test]
    fn refused_values_name_their_reason() {
        let of = |sent: &str| text(&Value::String(sent.into()), &[Normalize::Trim]);
        for invalid in ["NULL", "undefined", "None", " 0 ", "Nobody"] {
            assert_eq!(of(invalid), Err(Refusal::Invalid), "{invalid}");
        }
        assert_eq!(of("00000000-0000-0000-0000-000000000000"), Err(Refusal::Invalid));
        assert_eq!(of("nobody"), Ok("nobody".into()));
        assert_eq!(of(" \u{feff}"), Err(Refusal::Empty));
        assert_eq!(of("xyz"), Err(Refusal::NoMatch));
        assert_eq!(of(&"a".repeat(512)), Ok("a".repeat(512).into()));
        assert_eq!(of(&"a".repeat(513)), Err(Refusal::TooLong));
        assert_eq!(text(&Value::Undefined, &[]), Err(Refusal::Absent));
        assert_eq!(text(&Value::Bool(true), &[]), Err(Refusal::NotText));
        assert_eq!(text(&Value::Null, &[]), Err(Refusal::NotText));
    }

    #[test]
    fn normalizations_apply_as_listed_before_everything_else() {
        let sent = Value::String(" Stra\u{df}e@X ".into());
        let steps = [Normalize::Trim, Normalize::Upper, Normalize::Lower];
        assert_eq!(text(&sent, &steps), Ok("strasse@x".into()));
        assert_eq!(text(&sent, &[]), Ok(" Stra\u{df}e@X ".into()));
    }

    #[test]
    fn the_oldest_profile_survives_whatever_the_order() {
        let [old, young, new] = [1, 2, 3].map(|time_ms| Rid::new(time_ms, 9));
        assert_eq!(decide(&[], new), Outcome::Nobody);
        assert_eq!(decide(&[None, None], new), Outcome::New(new));
        assert_eq!(decide(&[Some(old), Some(old)], new), Outcome::Known(old));
        assert_eq!(decide(&[None, Some(old)], new), Outcome::Extended(old));
        let merged = Outcome::Merged { survivor: old, merged: vec![young] };
        assert_eq!(decide(&[Some(young), None, Some(old)], new), merged);
        assert_eq!(decide(&[Some(old), Some(young), Some(young)], new), merged);
    }
}
