//! What matches where, and what is refused with which span.

use super::*;

const LIMITS: Limits = Limits { program_bytes_max: 64 * 1024, nesting_max: 50, repeat_max: 1_000 };

fn compile(source: &str, flags: &str) -> RegExp {
    RegExp::new(source, Flags::parse(flags).unwrap(), &LIMITS)
        .unwrap_or_else(|error| panic!("/{source}/{flags}: {error}"))
}

fn error(source: &str, flags: &str) -> PatternError {
    match RegExp::new(source, Flags::parse(flags).unwrap(), &LIMITS) {
        Ok(_) => panic!("/{source}/{flags} compiles"),
        Err(error) => error,
    }
}

fn free(_: usize) -> Result<(), ()> {
    Ok(())
}

/// Units where the first match lies, and its groups' texts.
fn find(source: &str, flags: &str, text: &str) -> Option<(usize, usize, Vec<Option<String>>)> {
    let regexp = compile(source, flags);
    let searcher = Searcher::new(&regexp, text);
    let found = searcher.first(free).unwrap();
    assert_eq!(searcher.test(free).unwrap(), found.is_some(), "/{source}/{flags} on {text:?}");
    assert_eq!(searcher.next(Position::default(), free).unwrap(), found, "/{source}/{flags}");
    let found = found?;
    let groups = searcher.groups(found, free).unwrap();
    let text_of = |group: Option<Found>| {
        group.map(|group| searcher.between(group.start, group.end).to_string())
    };
    let texts = groups.into_iter().skip(1).map(text_of).collect();
    Some((found.start.unit, found.end.unit, texts))
}

fn place(source: &str, flags: &str, text: &str) -> Option<(usize, usize)> {
    find(source, flags, text).map(|(start, end, _)| (start, end))
}

fn groups(source: &str, text: &str) -> Vec<Option<String>> {
    find(source, "", text).map(|(_, _, groups)| groups).unwrap()
}

#[test]
fn without_u_a_pattern_sees_both_halves_of_a_pair() {
    assert_eq!(place("^..$", "", "😀"), Some((0, 2)));
    assert_eq!(place("^.$", "", "😀"), None);
    assert_eq!(place("^.$", "u", "😀"), Some((0, 2)));
    assert_eq!(place("\\uDE00", "", "a😀"), Some((2, 3)));
    assert_eq!(place("\\uDE00", "u", "a😀"), None);
    assert_eq!(place("[😀]", "", "😁"), Some((0, 1)));
    assert_eq!(place("^😀{2}$", "", "😀😀"), None);
    assert_eq!(place("^😀{2}$", "u", "😀😀"), Some((0, 4)));
    assert_eq!(place("[^a]", "", "é"), Some((0, 1)));
    assert_eq!(place("\\uD83D\\uDE00", "u", "é😀"), Some((1, 3)));
    assert_eq!(find("(.)", "", "😀").unwrap().2, [Some("\u{fffd}".to_string())]);
}

#[test]
fn lines_end_where_javascript_ends_them() {
    for end in ["\n", "\r", "\u{2028}", "\u{2029}"] {
        let text = format!("ab{end}cd");
        assert_eq!(place("^c", "m", &text), Some((3, 4)), "{end:?}");
        assert_eq!(place("b$", "m", &text), Some((1, 2)), "{end:?}");
        assert_eq!(place("^c", "", &text), None, "{end:?}");
        assert_eq!(place("b.c", "", &text), None, "{end:?}");
        assert_eq!(place("b.c", "s", &text), Some((1, 4)), "{end:?}");
        assert_eq!(place("b[^x]^c", "m", &text), Some((1, 4)), "{end:?}");
        assert_eq!(place("^\\s", "m", &text), None, "{end:?}");
    }
    // Between \r and \n a line of nothing lies.
    assert_eq!(place("^$", "m", "a\r\nb"), Some((2, 2)));
    assert_eq!(place("^$", "my", "a\r\nb"), None);
    assert_eq!(place("^a", "my", "a\rb"), Some((0, 1)));
    assert_eq!(find("^(b)(.)$", "m", "a\r😀\rb\u{e9}").unwrap().2.len(), 2);
}

#[test]
fn case_is_ignored_as_javascript_ignores_it() {
    assert_eq!(place("k", "i", "\u{212a}"), None);
    assert_eq!(place("k", "iu", "\u{212a}"), Some((0, 1)));
    assert_eq!(place("ſ", "i", "s"), None);
    assert_eq!(place("ſ", "iu", "S"), Some((0, 1)));
    assert_eq!(place("\\w", "iu", "ſ"), Some((0, 1)));
    assert_eq!(place("\\W", "iu", "ſ"), None);
    assert_eq!(place("\\bſ\\b", "iu", "-ſ-"), Some((1, 2)));
    assert_eq!(place("\\Bx", "iu", "\u{212a}x"), Some((1, 2)));
    assert_eq!(place("\\Bx", "i", "\u{212a}x"), None);
    assert_eq!(place("[^é]", "i", "É"), None);
    assert_eq!(place("\\P{Lu}", "iu", "A"), Some((0, 1)));
    assert_eq!(place("\\P{Lu}", "iv", "A"), None);
    assert_eq!(place("𐐀", "iu", "𐐨"), Some((0, 2)));
    assert_eq!(place("𐐀", "i", "𐐨"), None);
}

#[test]
fn what_annex_b_allows_is_read_as_itself() {
    for (source, text) in [
        ("a{", "a{"),
        ("x{2", "x{2"),
        ("{,2}", "{,2}"),
        ("]", "]"),
        ("}", "}"),
        ("\\c", "\\c"),
        ("\\c1", "\\c1"),
        ("[\\c1]", "\u{11}"),
        ("\\101", "A"),
        ("\\400", "\u{20}0"),
        ("\\8", "8"),
        ("[\\w-a]", "-"),
        ("\\u{2}", "uu"),
        ("\\x4", "x4"),
        ("\\k", "k"),
        ("\\p{Lu}", "p{Lu}"),
        ("\\cJ", "\n"),
        ("[^]", "\n"),
        ("\\0", "\0"),
    ] {
        let length = text.encode_utf16().count();
        assert_eq!(place(source, "", text), Some((0, length)), "/{source}/ on {text:?}");
    }
    assert_eq!(place("[]", "", "a"), None);
    for source in ["a{", "]", "}", "\\c", "\\101", "[\\w-a]", "\\u{}", "\\x4", "\\k", "\\-"] {
        assert_eq!(error(source, "u").kind, PatternErrorKind::Syntax, "/{source}/u");
    }
}

#[test]
fn an_iteration_that_matches_nothing_is_given_up() {
    assert_eq!(place("(?:|a)*", "", "aaa"), Some((0, 3)));
    assert_eq!(place("(?:|a)+", "", "aaa"), Some((0, 3)));
    assert_eq!(place("(?:|a){2}", "", "aaa"), Some((0, 0)));
    assert_eq!(place("(?:a?|b)*?$", "", "ab"), Some((0, 2)));
    assert_eq!(groups("(a*)*", "b"), [None]);
    assert_eq!(groups("(a*)+", "b"), [Some(String::new())]);
    assert_eq!(groups("(?:a|())*", "a"), [None]);
    assert_eq!(groups("(?:\\b(a?)){1,3}", "a"), [Some("a".to_string())]);
    // The allowed difference: JavaScript forgets the group at each iteration.
    assert_eq!(groups("(?:(a)|b)*", "ab"), [Some("a".to_string())]);
}

#[test]
fn sets_are_cut_and_joined_with_v() {
    assert_eq!(place("^[\\w--[aeiou]]+", "v", "bcda"), Some((0, 3)));
    assert_eq!(place("[\\p{L}&&\\p{ASCII}]", "v", "éa"), Some((1, 2)));
    assert_eq!(place("[^[a-c][x-z]]", "v", "axd"), Some((2, 3)));
    assert_eq!(place("[[a-z]&&[^aeiou]]", "v", "aeb"), Some((2, 3)));
    for source in ["[a--b&&c]", "[a&&b-c]", "[(]", "[a!!b]", "[a-]", "[&&a]", "[a&&&b]"] {
        assert_eq!(error(source, "v").kind, PatternErrorKind::Syntax, "/{source}/v");
    }
}

#[test]
fn what_linear_time_has_not_is_refused_with_what_to_write() {
    for (source, flags, span) in [
        ("a(?=b)", "", 1..4),
        ("(?!b)", "", 0..3),
        ("(?<=a)b", "", 0..4),
        ("(?<!a)b", "", 0..4),
        ("(a)\\1", "", 3..5),
        ("\\1(a)", "", 0..2),
        ("(?<x>a)\\k<x>", "", 7..12),
        ("[\\q{ab}]", "v", 1..4),
        ("\\p{RGI_Emoji}", "v", 0..13),
    ] {
        let error = error(source, flags);
        assert_eq!(error.kind, PatternErrorKind::Refused, "/{source}/");
        assert_eq!(error.span, span, "/{source}/");
        assert!(error.help.is_some(), "/{source}/");
    }
}

#[test]
fn mistakes_have_a_place_in_the_pattern() {
    for (source, flags, span) in [
        ("é(", "", 2..3),
        ("a)", "", 1..2),
        ("ab[c", "", 2..3),
        ("a**", "", 2..3),
        ("^*", "", 1..2),
        ("{1}", "", 0..3),
        ("a{2,1}", "", 1..6),
        ("[z-a]", "", 1..4),
        ("[😀-😎]", "", 1..6),
        ("a\\", "", 1..2),
        ("\\p{Nope}", "u", 0..8),
        ("\\2(a)", "u", 0..2),
        ("(?<1>a)", "", 3..5),
        ("(?<a>.)(?<a>.)", "", 7..12),
        ("(?i:a)", "", 1..2),
        ("(?<a>.)\\k", "", 7..9),
    ] {
        let error = error(source, flags);
        assert_eq!(error.kind, PatternErrorKind::Syntax, "/{source}/");
        assert_eq!(error.span, span, "/{source}/: {error}");
    }
}

#[test]
fn patterns_are_as_large_as_the_limits_and_no_larger() {
    let nested = |levels: usize| format!("{}a{}", "(".repeat(levels), ")".repeat(levels));
    compile(&nested(LIMITS.nesting_max), "");
    assert_eq!(error(&nested(LIMITS.nesting_max + 1), "").kind, PatternErrorKind::Limit);
    let classes = |levels: usize| format!("{}a{}", "[".repeat(levels), "]".repeat(levels));
    compile(&classes(LIMITS.nesting_max), "v");
    assert_eq!(error(&classes(LIMITS.nesting_max + 2), "v").kind, PatternErrorKind::Limit);
    compile("a{1000}", "");
    assert_eq!(error("a{1001}", "").kind, PatternErrorKind::Limit);
    assert_eq!(error("a{0,99999999999999}", "").kind, PatternErrorKind::Limit);
    // To the byte: the least limit under which a pattern compiles.
    let flags = Flags::default();
    let fits = |bytes: usize| {
        let limits = Limits { program_bytes_max: bytes, ..LIMITS };
        RegExp::new("[a-z]{300}", flags, &limits).map(|_| ()).map_err(|error| error.kind)
    };
    let least = (0..LIMITS.program_bytes_max).collect::<Vec<_>>();
    let least = least.partition_point(|&bytes| fits(bytes).is_err());
    assert!(least > 300, "{least}");
    assert_eq!(fits(least), Ok(()));
    assert_eq!(fits(least - 1), Err(PatternErrorKind::Limit));
    // Properties are many ranges each, and are refused before all of them are folded.
    compile(r"\p{L}\p{N}", "iu");
    let many = error(&r"\p{L}".repeat(1_000), "iu");
    assert_eq!(many.kind, PatternErrorKind::Limit);
    assert!(many.span.end < 500, "{many}: {:?}", many.span);
    compile(&r"\W\w".repeat(20), "iu");
    assert_eq!(error(&r"\W".repeat(4_500), "iu").kind, PatternErrorKind::Limit);
    // What may match nothing is written out: this many times, it is too much.
    assert_eq!(error("(?:(?:(?:a?){90}){90}){90}", "").kind, PatternErrorKind::Limit);
    assert_eq!(error(&"(?:a?b?)*".repeat(3_000), "").kind, PatternErrorKind::Limit);
    assert_eq!(error(&format!("(?:{})*", "^".repeat(9_000)), "").kind, PatternErrorKind::Limit);
    assert_eq!(error(&format!("(?:{})*", "a??".repeat(3_000)), "").kind, PatternErrorKind::Limit);
}

#[test]
fn a_search_is_paid_for_by_what_it_looks_at() {
    let price = |source: &str, text: &str| {
        let regexp = compile(source, "g");
        let searcher = Searcher::new(&regexp, text);
        let mut units = 0;
        let mut from = Some(Position::default());
        while let Some(place) = from {
            let charge = |price: usize| {
                units += price;
                Ok::<(), ()>(())
            };
            let Some(found) = searcher.next(place, charge).unwrap() else { break };
            from = searcher.after(found);
        }
        units
    };
    let text = "a".repeat(1_000);
    // Each search stops at its match.
    assert!(price("a", &text) < 20_000, "{}", price("a", &text));
    // Each search looks at all the rest.
    assert!(price("a*b|a", &text) > 400_000, "{}", price("a*b|a", &text));
}

#[test]
fn properties_are_read_and_never_change() {
    let regexp = compile("a/b", "gi");
    assert_eq!(regexp.to_text(), "/a/b/gi");
    assert!(matches!(regexp.property("ignoreCase"), Some(Value::Bool(true))));
    assert!(matches!(regexp.property("sticky"), Some(Value::Bool(false))));
    assert!(matches!(regexp.property("lastIndex"), Some(Value::Number(0.0))));
    assert_eq!(compile("", "").to_text(), "/(?:)/");
    assert!(regexp.property("nope").is_none());
}
