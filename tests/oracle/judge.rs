//! Judge: whether two answers are the same, and if not, whether page 3.6 says why.
//!
//! Every exemption checks its own cause: a cut surrogate pair by asking again without pairs, the last two
//! units by asking again with rounded results. Whatever is left is a mismatch.

use super::body::Body;
use super::engine::{self, Outcome, Thrown, World};
use super::node::{Answer, Node, Question, Setting};
use super::tree::Style;
use p13n::expr::Vm;

/// Why two answers may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A limit of page 3.4 ended ours.
    Limit,
    /// `match`, `matchAll` and `search` with a text that is no constant: patterns are compiled with the
    /// expression, never while it runs.
    PatternText,
    /// The texts are equal once each half pair is U+FFFD.
    CutPair,
    /// The program agrees when it has no surrogate pairs.
    FromCutPair,
    /// Two numbers at most two units in the last place apart.
    LastUnits,
    /// The program agrees when transcendental results are rounded.
    FromLastUnits,
    /// The texts are equal without the names of time zones.
    ZoneName,
    /// The program writes names of time zones, and agrees in UTC.
    FromZoneName,
    /// A damaged program that page 3.1 refuses for good.
    RefusedForGood,
    /// A damaged program that names what does not exist: refused here, thrown there.
    UnknownName,
    /// Node cannot say: too large, or without an end.
    NodeCannot,
}

/// All causes, with how they are named in the figures.
pub const CAUSES: &[(Cause, &str)] = &[
    (Cause::Limit, "limits of 3.4"),
    (Cause::PatternText, "text that is no constant as a pattern"),
    (Cause::CutPair, "cut pair is U+FFFD"),
    (Cause::FromCutPair, "follows from a cut pair"),
    (Cause::LastUnits, "last two units"),
    (Cause::FromLastUnits, "follows from the last two units"),
    (Cause::ZoneName, "names of time zones"),
    (Cause::FromZoneName, "follows from names of time zones"),
    (Cause::RefusedForGood, "refused for good (damaged)"),
    (Cause::UnknownName, "unknown name (damaged)"),
    (Cause::NodeCannot, "too large for Node"),
];

/// How two answers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Same,
    Exempt(Cause),
    Mismatch,
}

/// A program in its world.
pub struct Trial<'t> {
    pub body: &'t Body,
    pub texts: &'t (String, String),
    pub now_ms: i64,
    pub time_zone: &'t str,
}

/// Compares, asking both sides again where a cause must be checked.
pub fn judge(trial: &Trial<'_>, ours: &Outcome, node: &Answer, sides: &mut (Node, Vm)) -> Verdict {
    if let Some(verdict) = plain(trial, ours, node) {
        return verdict;
    }
    let removable = removable(trial, sides);
    // One cause alone first, so that it gets the blame; then all that there may be at once.
    let mut tries: Vec<Vec<Cause>> = removable.iter().map(|cause| vec![*cause]).collect();
    if tries.len() > 1 {
        tries.push(removable);
    }
    for causes in tries {
        if agrees_without(trial, &causes, sides) {
            return Verdict::Exempt(causes[0]);
        }
    }
    Verdict::Mismatch
}

/// The causes that may be at work in a program, and can be taken out of it.
fn removable(trial: &Trial<'_>, sides: &mut (Node, Vm)) -> Vec<Cause> {
    let source = trial.body.source(Style::default());
    let texts = [&source, &trial.texts.0, &trial.texts.1];
    let mut causes = Vec::new();
    if texts.iter().any(|text| without_pairs(text) != **text) {
        causes.push(Cause::FromCutPair);
    }
    if trial.body.has_transcendental() {
        causes.push(Cause::FromLastUnits);
    }
    if trial.time_zone != "UTC" && writes_zone_names(trial, &source, sides) {
        causes.push(Cause::FromZoneName);
    }
    causes
}

/// Whether both sides agree once these causes are taken out: pairs are other letters, transcendental
/// results are rounded, local time is UTC, whose name both sides write.
fn agrees_without(trial: &Trial<'_>, causes: &[Cause], sides: &mut (Node, Vm)) -> bool {
    let rounds = causes.contains(&Cause::FromLastUnits);
    let digits: &[Option<u8>] = if rounds { &[Some(12), Some(9)] } else { &[None] };
    let time_zone = match causes.contains(&Cause::FromZoneName) {
        true => "UTC",
        false => trial.time_zone,
    };
    let letters = |text: &str| match causes.contains(&Cause::FromCutPair) {
        true => without_pairs(text),
        false => text.to_string(),
    };
    let texts = (letters(&trial.texts.0), letters(&trial.texts.1));
    let other = Trial { texts: &texts, time_zone, ..*trial };
    digits.iter().any(|digits| {
        let source = letters(&trial.body.source(Style { digits: *digits }));
        let (ours, node) = ask_both(&source, trial.body.is_damaged(), &other, sides);
        // What else is exempt stays so; what is exempt by chance of the change is not.
        let verdict = plain(&other, &ours, &node);
        match verdict {
            Some(Verdict::Same) => true,
            Some(Verdict::Exempt(cause)) => {
                matches!(cause, Cause::CutPair | Cause::LastUnits | Cause::ZoneName)
            }
            _ => false,
        }
    })
}

/// What is clear without asking again.
fn plain(trial: &Trial<'_>, ours: &Outcome, node: &Answer) -> Option<Verdict> {
    let cause = match (ours, node) {
        (Outcome::Value(left), Answer::Value(right)) if left == right => {
            return Some(Verdict::Same);
        }
        (Outcome::Error(left), Answer::Error(right)) if left.class == *right => {
            return Some(Verdict::Same);
        }
        (Outcome::Refused(..), Answer::Syntax | Answer::NotOne) => return Some(Verdict::Same),
        (_, Answer::Huge | Answer::Endless) => Cause::NodeCannot,
        (Outcome::Error(thrown), _) if is_pattern_text(thrown) => Cause::PatternText,
        (Outcome::Error(thrown), _) if is_limit(thrown) => Cause::Limit,
        (Outcome::Refused("E0305", _), _) if trial.body.is_damaged() => Cause::Limit,
        (Outcome::Refused("E0303", _), _) if trial.body.is_damaged() => Cause::RefusedForGood,
        (Outcome::Refused("E0301", said), _)
            if trial.body.is_damaged() && said.contains("functions stand as arguments only") =>
        {
            Cause::RefusedForGood
        }
        (Outcome::Refused("E0304", _), _) if trial.body.is_damaged() => Cause::UnknownName,
        (Outcome::Value(left), Answer::Value(right)) if *left == well_formed(right) => {
            Cause::CutPair
        }
        (Outcome::Value(left), Answer::Value(right))
            if trial.body.has_transcendental() && within_two_units(left, right) =>
        {
            Cause::LastUnits
        }
        (Outcome::Value(left), Answer::Value(right))
            if trial.time_zone != "UTC" && nameless(left) == nameless(&well_formed(right)) =>
        {
            Cause::ZoneName
        }
        _ => return None,
    };
    Some(Verdict::Exempt(cause))
}

/// Whether a limit of page 3.4 was passed, by the sentences that say so.
fn is_limit(thrown: &Thrown) -> bool {
    const SENTENCES: &[&str] = &[
        "text is longer than",
        "a list or map has more than",
        "nests",
        "nest deeper",
        "ran out of fuel",
    ];
    matches!(thrown.class.as_str(), "LimitError" | "FuelError")
        && SENTENCES.iter().any(|sentence| thrown.message.contains(sentence))
}

fn is_pattern_text(thrown: &Thrown) -> bool {
    thrown.class == "LimitError"
        && thrown.message.contains("a pattern is compiled with the expression")
}

/// The canonical text with U+FFFD for each escaped half pair.
fn well_formed(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\\ud") {
        let escaped = rest[..at].bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1;
        let is_half = !escaped && rest.as_bytes().get(at + 3).is_some_and(|b| *b >= b'8');
        out.push_str(&rest[..at]);
        out.push_str(if is_half { "\u{fffd}" } else { &rest[at..at + 6] });
        rest = &rest[at + 6..];
    }
    out.push_str(rest);
    out
}

fn within_two_units(left: &str, right: &str) -> bool {
    match (left.parse::<f64>(), right.parse::<f64>()) {
        (Ok(left), Ok(right)) if (left < 0.0) == (right < 0.0) => {
            left.to_bits().abs_diff(right.to_bits()) <= 2
        }
        _ => false,
    }
}

/// The text with the names after `GMT+0100` cut off.
fn nameless(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("GMT") {
        let open = at + "GMT+0000 ".len();
        let name = rest.get(open..).filter(|name| name.starts_with('('));
        let end = name.and_then(|name| name.find(')')).map_or(at + 3, |close| open + close + 1);
        out.push_str(&rest[..open.min(end)]);
        rest = &rest[end..];
    }
    out + rest
}

/// Both sides' answers to one text.
pub fn ask_both(
    source: &str,
    damaged: bool,
    trial: &Trial<'_>,
    sides: &mut (Node, Vm),
) -> (Outcome, Answer) {
    let world = World::new(&trial.texts.0, &trial.texts.1);
    let ours = engine::evaluate(source, &world, trial.now_ms, trial.time_zone, &mut sides.1);
    let setting = Setting {
        now_ms: trial.now_ms,
        time_zone: trial.time_zone,
        worlds: std::slice::from_ref(trial.texts),
    };
    let (mut answers, _) = sides.0.ask(setting, &[Question { world: 0, source, damaged }]);
    (ours, answers.remove(0))
}

/// Whether the program writes the name of a time zone on its way.
fn writes_zone_names(trial: &Trial<'_>, source: &str, sides: &mut (Node, Vm)) -> bool {
    let setting = Setting {
        now_ms: trial.now_ms,
        time_zone: trial.time_zone,
        worlds: std::slice::from_ref(trial.texts),
    };
    let question = Question { world: 0, source, damaged: trial.body.is_damaged() };
    sides.0.ask(setting, &[question]).1.zone_names > 0
}

/// The text with two letters of one unit for each pair, whether it is written out or escaped.
fn without_pairs(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let mut units = [0; 2];
        match c.encode_utf16(&mut units) {
            [high, low] => out.extend([letter(*high), letter(*low)]),
            _ => out.push(c),
        }
    }
    let spelled = [
        ("\\u{1F600}", "\\u3d3d\\u4e00"),
        ("\\u{1f600}", "\\u3d3d\\u4e00"),
        ("\\ud83d", "\\u3d3d"),
        ("\\ude00", "\\u4e00"),
        ("0xD83D", "0x3d3d"),
        ("55357", "15677"),
        ("128512", "15677"),
        ("%F0%9F%98%80", "%E4%B8%80%E4%B8%80"),
    ];
    spelled.iter().fold(out, |text, (from, to)| text.replace(from, to))
}

fn letter(half: u16) -> char {
    // Ideographs: no case, no digits, one unit each.
    char::from_u32(0x4E00 + u32::from(half - 0xD800)).expect("an ideograph")
}
