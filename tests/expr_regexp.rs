//! Regular expressions in expressions, as Node answers them (page 3.3), and what they cost.

use std::borrow::Cow;

use p13n::expr::{
    CompileError, EvalErrorKind, FieldTable, Fuel, Names, ProfileNames, Scope, Vm, compile,
};
use p13n::value::{Text, Value};

struct Event(Value);

impl Scope for Event {
    fn profile(&self, _: u32) -> Cow<'_, Value> {
        Cow::Borrowed(&self.0)
    }
    fn profile_object(&self) -> &Value {
        &self.0
    }
    fn field(&self, _: u32) -> &Value {
        &self.0
    }
    fn event(&self) -> &Value {
        &self.0
    }
    fn local(&self, _: u32) -> &Value {
        &self.0
    }
    fn now_ms(&self) -> i64 {
        0
    }
    fn rid(&self) -> Option<Text> {
        None
    }
}

/// The value with `EVENT.x` as given, and the fuel it took.
fn evaluate(source: &str, x: Value) -> Result<(Value, u64), EvalErrorKind> {
    let mut fields = FieldTable::default();
    let mut names = Names { profile: ProfileNames::Object, fields: &mut fields, locals: &[] };
    let program = compile(source, &mut names).unwrap_or_else(|error| panic!("{source}: {error}"));
    let mut fuel = Fuel::request();
    let before = fuel.left;
    let value = Vm::default().evaluate(&program, &Event(x), &mut fuel);
    value.map(|value| (value, before - fuel.left)).map_err(|error| error.kind)
}

fn error(source: &str) -> CompileError {
    let mut fields = FieldTable::default();
    let mut names = Names { profile: ProfileNames::Object, fields: &mut fields, locals: &[] };
    match compile(source, &mut names) {
        Ok(_) => panic!("{source} compiles"),
        Err(error) => error,
    }
}

/// Expressions, and `JSON.stringify` of their values by Node 20.
const BY_NODE: &[(&str, &str)] = &[
    (r#"/utm_source=(\w+)/.test("https://a.b/?utm_source=mail&x=1")"#, r"true"),
    (r#"/utm_source=(?<source>\w+)/.exec("?utm_source=mail").groups.source"#, r#""mail""#),
    (
        r#""2024-05-17".match(/(?<year>\d{4})-(?<month>\d\d)/).groups"#,
        r#"{"year":"2024","month":"05"}"#,
    ),
    (
        r#"[..."a1b22".matchAll(/[a-z](\d+)/g)].map(m => [m[0], m[1], m.index])"#,
        r#"[["a1","1",0],["b22","22",2]]"#,
    ),
    (r#""a1b22".match(/\d+/g)"#, r#"["1","22"]"#),
    (r#""abc".match(/x/g)"#, r"null"),
    (r#""abc".match(/b(x)?/)"#, r#"["b",null]"#),
    (r#""abc".match(/b(x)?/)[1] === undefined"#, r"true"),
    (r#""abc".match(/(?<n>b)/d).indices"#, r"[[1,2],[1,2]]"),
    (r#""abc".match(/(?<n>b)|(?<m>c)/d).indices.groups"#, r#"{"n":[1,2]}"#),
    (r#""a😀b".match(/b/).index"#, r"3"),
    (r#""aBc".search(/[A-Z]/)"#, r"1"),
    (r#""abc".search("c")"#, r"2"),
    (r#""a.c".match("a.")[0]"#, r#""a.""#),
    (r#""aXbX".replace(/x/i, "-")"#, r#""a-bX""#),
    (r#""aXbX".replace(/x/gi, "-")"#, r#""a-b-""#),
    (r#""aXbX".replaceAll(/x/gi, (m, at, text) => m + at + text.length)"#, r#""aX14bX34""#),
    (
        r#""John Smith".replace(/(?<first>\w+)\s(?<last>\w+)/, "$<last>, $<first>")"#,
        r#""Smith, John""#,
    ),
    (
        r#""John Smith".replace(/(\w+)\s(\w+)/, "$2 $1 $3 $$ $& $0 $10")"#,
        r#""Smith John $3 $ John Smith $0 John0""#,
    ),
    (r#""abc".replace(/b/, "[$`|$']")"#, r#""a[a|c]c""#),
    (r#""abc".replace(/(?<x>b)/, (m, p, at, text, groups) => groups.x + p + at)"#, r#""abb1c""#),
    (r#""a,b;c".split(/[,;]/)"#, r#"["a","b","c"]"#),
    (r#""a1b2c".split(/(\d)/)"#, r#"["a","1","b","2","c"]"#),
    (r#""abc".split(/(?:)/)"#, r#"["a","b","c"]"#),
    (r#""a😀".split(/(?:)/u)"#, r#"["a","😀"]"#),
    (r#""".split(/x/)"#, r#"[""]"#),
    (r#""".split(/(?:)/)"#, r"[]"),
    (r#""a1b2c3".split(/\d/, 2)"#, r#"["a","b"]"#),
    (r#""aXbx".split(/x/iy)"#, r#"["a","b",""]"#),
    (r#""😀".replace(/x*/g, "")"#, r#""😀""#),
    (r#""😀".replaceAll("", "")"#, r#""😀""#),
    (r#""ab".replaceAll("", "-")"#, r#""-a-b-""#),
    (r#""😀a".replaceAll("", "-").length"#, r"7"),
    (r#""ab".replaceAll("", (m, at) => at)"#, r#""0a1b2""#),
    (r#"/a/y.test("ba")"#, r"false"),
    (r#""aab".replace(/a/gy, "x")"#, r#""xxb""#),
    (r#""baa".replace(/a/gy, "x")"#, r#""baa""#),
    (r#""aab".match(/a/gy)"#, r#"["a","a"]"#),
    (r#""baa".search(/a/y)"#, r"-1"),
    (r#"Array.isArray("abc".match(/b/))"#, r"true"),
    (r#""abc".match(/(b)(c)/).map(x => x + "!")"#, r#"["bc!","b!","c!"]"#),
    (r#""abc".match(/(b)(c)/).length"#, r"3"),
    (r#"[..."abc".match(/(b)(c)/)]"#, r#"["bc","b","c"]"#),
    (r"String(/a\/b/gi)", r#""/a\\/b/gi""#),
    (r"/a/.source + /a/gimsuyd.flags + /a/v.flags", r#""adgimsuyv""#),
    (
        r"[/a/g.global, /a/.sticky, /a/u.unicode, /a/v.unicodeSets, /a/g.lastIndex]",
        r"[true,false,true,true,0]",
    ),
    (r"typeof /a/", r#""object""#),
    (r#"/[/]/.test("/")"#, r"true"),
    (r"4 / 2 / 1", r"2"),
    (r"[1, 2].map(n => n / 2 / 1)", r"[0.5,1]"),
    (r#"/=/.test("=")"#, r"true"),
    (r"/\d+/.test(12)", r"true"),
    (r"/undefined/.test()", r"true"),
    (r#"/^$/.test("")"#, r"true"),
    (r#""abc".match()"#, r#"[""]"#),
    (r#""abc".match(undefined)[0]"#, r#""""#),
    (r#""x".match(null)"#, r"null"),
    (r#""x1".match(1)[0]"#, r#""1""#),
    (r#""é".normalize("NFD").length"#, r"2"),
    (r#""e\u0301".normalize().length"#, r"1"),
    (r#""\ufb01".normalize("NFKC")"#, r#""fi""#),
    (r#""a".isWellFormed() && "a".toWellFormed()"#, r#""a""#),
    (r"JSON.stringify({a: /x/})", r#""{\"a\":{}}""#),
    (r#"/(?:|a)*/.exec("aaa")[0]"#, r#""aaa""#),
    (r#"/(z)((a+)?(b+)?(c))*/.exec("zaacbbbcac")[0]"#, r#""zaacbbbcac""#),
];

#[test]
fn regular_expressions_answer_as_node_does() {
    for (source, expected) in BY_NODE {
        let (value, _) = evaluate(&format!("JSON.stringify({source})"), Value::Undefined)
            .unwrap_or_else(|error| panic!("{source}: {error:?}"));
        match value {
            Value::String(text) => assert_eq!(text, *expected, "{source}"),
            other => assert!(*expected == "undefined", "{source}: {other:?}"),
        }
    }
}

#[test]
fn what_javascript_throws_is_thrown() {
    for source in [
        "\"a\".matchAll(/a/)",
        "\"a\".replaceAll(/a/, \"b\")",
        "\"a\".includes(/a/)",
        "\"a\".startsWith(/a/)",
        "\"a\".endsWith(/a/)",
        "(EVENT.x ?? 1).exec(\"a\")",
    ] {
        assert_eq!(
            evaluate(source, Value::Undefined).unwrap_err(),
            EvalErrorKind::Type,
            "{source}"
        );
    }
    assert_eq!(
        evaluate("\"a\".normalize(\"NFX\")", Value::Undefined).unwrap_err(),
        EvalErrorKind::Range
    );
    // A pattern that only run time knows would be compiled there.
    assert_eq!(
        evaluate("\"a\".match(EVENT.x)", Value::text("a")).unwrap_err(),
        EvalErrorKind::Limit
    );
}

#[test]
fn mistakes_in_a_pattern_have_their_place_in_the_expression() {
    for (source, code, span) in [
        ("1 + /a(b/", "E0301", 6..7),
        ("/a/gg.test(\"\")", "E0301", 4..5),
        ("/a/x", "E0301", 3..4),
        ("/a", "E0301", 0..1),
        ("/a\n/", "E0301", 0..1),
        ("/(a)\\1/", "E0303", 4..6),
        ("/(?=a)/", "E0303", 1..4),
        ("\"x\".match(\"(\")", "E0301", 10..13),
        ("new RegExp(\"a\")", "E0303", 0..3),
        ("RegExp(\"a\")", "E0303", 0..6),
        ("/a{1001}/", "E0305", 2..8),
        ("/[a-z]{1000}[a-z]{1000}[a-z]{1000}/", "E0305", 1..34),
    ] {
        let error = error(source);
        assert_eq!((error.code, error.span.clone()), (code, span), "{source}: {error}");
    }
    assert_eq!(error("/a/.compile(\"b\")").code, "E0303");
    assert_eq!(error("String.raw`a`").code, "E0303");
}

#[test]
fn a_search_is_paid_for_by_bytes_times_program_size() {
    let fuel = |source: &str, bytes: usize| {
        evaluate(source, Value::text("a".repeat(bytes))).map(|(_, fuel)| fuel)
    };
    let (short, long) = (fuel("/b/.test(EVENT.x)", 1_000), fuel("/b/.test(EVENT.x)", 10_000));
    assert!(long.unwrap() >= 9 * short.unwrap(), "{long:?}");
    // A large program costs more on the same text, until fuel runs out.
    let large = fuel("/[bc]{200}x/.test(EVENT.x)", 1_000).unwrap();
    assert!(large > 5 * fuel("/b/.test(EVENT.x)", 1_000).unwrap(), "{large}");
    assert_eq!(fuel("/[bc]{900}/.test(EVENT.x)", 60_000), Err(EvalErrorKind::Fuel));
    assert_eq!(fuel("EVENT.x.replace(/a*b|a/g, \"\")", 9_000), Err(EvalErrorKind::Fuel));
}
