//! Substitute: what `$1`, `$<name>`, `$&` and their like stand for in a replacement.

use crate::value::Text;

/// A piece of a replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'r> {
    Literal(&'r str),
    /// The match.
    Whole,
    /// What is before the match.
    Before,
    /// What is after it.
    After,
    /// A group, by its number.
    Group(usize),
}

/// Takes a replacement apart. What names no group that there is stands for itself; a name that is
/// no group's stands for nothing, where the pattern has any names.
pub(super) fn pieces<'r>(
    replacement: &'r str,
    groups: usize,
    names: &[(Text, u32)],
) -> Vec<Piece<'r>> {
    let mut pieces = Vec::new();
    let mut rest = replacement;
    while let Some(dollar) = rest.find('$') {
        if dollar > 0 {
            pieces.push(Piece::Literal(&rest[..dollar]));
        }
        rest = &rest[dollar..];
        let (piece, used) = special(rest, groups, names);
        pieces.extend(piece);
        rest = &rest[used..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest));
    }
    pieces
}

/// What stands at a dollar, and how many bytes that takes.
fn special<'r>(rest: &'r str, groups: usize, names: &[(Text, u32)]) -> (Option<Piece<'r>>, usize) {
    let digit = |at: usize| {
        let byte = rest.as_bytes().get(at).filter(|byte| byte.is_ascii_digit());
        byte.map(|byte| usize::from(byte - b'0'))
    };
    let piece = match rest.as_bytes().get(1) {
        Some(b'$') => (Piece::Literal("$"), 2),
        Some(b'&') => (Piece::Whole, 2),
        Some(b'`') => (Piece::Before, 2),
        Some(b'\'') => (Piece::After, 2),
        Some(b'0'..=b'9') => {
            let one = digit(1).unwrap_or(0);
            let two = digit(2).map(|second| one * 10 + second);
            match two.filter(|two| (1..=groups).contains(two)) {
                Some(two) => (Piece::Group(two), 3),
                None if (1..=groups).contains(&one) => (Piece::Group(one), 2),
                None => (Piece::Literal("$"), 1),
            }
        }
        Some(b'<') if !names.is_empty() => match rest.find('>') {
            Some(end) => {
                let named = names.iter().find(|(name, _)| *name == rest[2..end]);
                return (named.map(|(_, group)| Piece::Group(*group as usize)), end + 1);
            }
            None => (Piece::Literal("$"), 1),
        },
        _ => (Piece::Literal("$"), 1),
    };
    (Some(piece.0), piece.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_named_by_one_digit_or_two() {
        let of = |text, groups| pieces(text, groups, &[]);
        assert_eq!(of("$1", 1), [Piece::Group(1)]);
        assert_eq!(of("$10", 1), [Piece::Group(1), Piece::Literal("0")]);
        assert_eq!(of("$10", 10), [Piece::Group(10)]);
        assert_eq!(of("$01", 1), [Piece::Group(1)]);
        assert_eq!(of("$0", 1), [Piece::Literal("$"), Piece::Literal("0")]);
        assert_eq!(of("$00", 1), [Piece::Literal("$"), Piece::Literal("00")]);
        assert_eq!(of("$2", 1), [Piece::Literal("$"), Piece::Literal("2")]);
        assert_eq!(of("a$&b$$", 0)[1..3], [Piece::Whole, Piece::Literal("b")]);
    }

    #[test]
    fn names_count_only_where_the_pattern_has_any() {
        let names = [(Text::new("year"), 2)];
        assert_eq!(pieces("$<year>", 2, &names), [Piece::Group(2)]);
        assert_eq!(pieces("$<month>", 2, &names), []);
        assert_eq!(pieces("$<year", 2, &names)[0], Piece::Literal("$"));
        assert_eq!(pieces("$<year>", 2, &[])[0], Piece::Literal("$"));
    }
}
