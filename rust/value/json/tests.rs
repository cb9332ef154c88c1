//! What the strict reader takes and refuses, and what is written.

use super::*;

fn round_trip(text: &str) -> String {
    let mut out = Vec::new();
    write_json(&parse_json(text.as_bytes()).unwrap(), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn documents_are_read_and_written_as_javascript_does() {
    for (text, expected) in [
        (r#" {"b":1,"2":[true,null],"1":"x"} "#, r#"{"1":"x","2":[true,null],"b":1}"#),
        (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
        (r#""\u00e9\ud83d\ude00\n\u0001\/""#, "\"é😀\\n\\u0001/\""),
        ("[-0,-0.0,1e21,1.5e-7,12345678901234567890]", "[0,0,1e+21,1.5e-7,12345678901234567000]"),
        ("9007199254740993", "9007199254740992"),
        ("-999999999999999", "-999999999999999"),
    ] {
        assert_eq!(round_trip(text), expected, "{text}");
    }
}

#[test]
fn javascript_reads_what_events_may_not_hold() {
    let read = |text: &str| parse_json_as_javascript(text, 3);
    assert!(matches!(read("-0"), Ok(Value::Number(n)) if n == 0.0 && n.is_sign_negative()));
    assert!(matches!(read("1e999"), Ok(Value::Number(n)) if n == f64::INFINITY));
    assert!(
        matches!(read("9007199254740993"), Ok(Value::Number(n)) if n == 9_007_199_254_740_992.0)
    );
    for (text, expected) in [
        (r#""\ud800""#, "\u{fffd}"),
        (r#""\udc00x""#, "\u{fffd}x"),
        (r#""\ud83d\u0041""#, "\u{fffd}A"),
        (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
    ] {
        assert!(matches!(read(text), Ok(Value::String(t)) if t == expected), "{text}");
    }
    for text in [r#""\ud83d\u00""#, r#""\ud83d\x""#, "01", "[1,]", "1e", "\u{feff}1"] {
        assert!(read(text).is_err_and(|error| !error.is_limit()), "{text}");
    }
}

#[test]
fn limits_are_told_from_mistakes() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse_json_as_javascript(&nested(64), 3).is_ok());
    assert!(parse_json_as_javascript(&nested(65), 3).is_err_and(|error| error.is_limit()));
    assert!(parse_json_as_javascript("[1,2,3]", 3).is_ok());
    assert!(parse_json_as_javascript("[1,2,3,4]", 3).is_err_and(|error| error.is_limit()));
    let map = r#"{"a":1,"b":1,"c":1,"d":1}"#;
    assert!(parse_json_as_javascript(map, 4).is_ok());
    assert!(parse_json_as_javascript(map, 3).is_err_and(|error| error.is_limit()));
}

#[test]
fn what_is_not_strict_json_is_refused_kept_or_skipped() {
    for text in [
        "",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "-",
        "NaN",
        "Infinity",
        "1e999",
        "-1e999",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"\\x41\"",
        "\"a\nb\"",
        "\"a",
        "[1] 2",
        "tru",
        "nul",
        "'a'",
        "[1 2]",
        "\"\\u12\"",
    ] {
        assert!(parse_json(text.as_bytes()).is_err(), "{text}");
        let mut cursor = Cursor::new(text.as_bytes(), JSON_DEPTH_MAX).unwrap();
        assert!(cursor.skip_value().and_then(|()| cursor.finish()).is_err(), "skipped {text}");
    }
    assert!(parse_json(b"\"\xff\"").is_err());
    assert!(parse_json(b"\"\xed\xa0\x80\"").is_err());
    assert!(parse_json(format!("1{}", "0".repeat(400)).as_bytes()).is_err());
}

#[test]
fn nesting_ends_at_the_limit_and_not_before() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse_json(nested(JSON_DEPTH_MAX).as_bytes()).is_ok());
    assert!(parse_json(nested(JSON_DEPTH_MAX + 1).as_bytes()).is_err());
    assert!(parse_json("[".repeat(1_000_000).as_bytes()).is_err());
}
