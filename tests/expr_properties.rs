//! What holds for every expression: no text panics, limits hold, reading allocates nothing.

use std::borrow::Cow;

use p13n::expr::{
    EvalErrorKind, FieldTable, Fuel, Names, ProfileNames, ProfileSlots, Scope, Template, Vm,
    compile,
};
use p13n::value::{Text, Value, parse_json};
use proptest::prelude::*;

struct Slots;

impl ProfileSlots for Slots {
    fn slot(&self, name: &str) -> Option<u32> {
        self.names().iter().position(|known| *known == name).map(|slot| slot as u32)
    }
    fn names(&self) -> Vec<&str> {
        vec!["preferences", "visits", "name"]
    }
}

struct Customer {
    slots: Vec<Value>,
    fields: Vec<Value>,
    event: Value,
    locals: Vec<Value>,
    rid: Option<Text>,
}

impl Default for Customer {
    fn default() -> Self {
        let preferences = r#"[{"value":"shoes","time":1},{"value":"hats","time":2}]"#;
        Self {
            slots: vec![
                parse_json(preferences.as_bytes()).unwrap(),
                Value::Number(7.0),
                Value::from("Ada"),
            ],
            fields: vec![Value::Undefined; 64],
            event: Value::object(vec![("sku".into(), Value::from("a"))]),
            locals: vec![Value::Number(1.0), Value::Number(2.0)],
            rid: Some("00000000-0000-7000-8000-000000000001".into()),
        }
    }
}

impl Scope for Customer {
    fn profile(&self, slot: u32) -> Cow<'_, Value> {
        Cow::Borrowed(&self.slots[slot as usize])
    }
    fn profile_object(&self) -> &Value {
        &self.event
    }
    fn field(&self, index: u32) -> &Value {
        self.fields.get(index as usize).unwrap_or(&Value::Undefined)
    }
    fn event(&self) -> &Value {
        &self.event
    }
    fn local(&self, index: u32) -> &Value {
        &self.locals[index as usize]
    }
    fn now_ms(&self) -> i64 {
        1_700_000_000_000
    }
    fn rid(&self) -> Option<Text> {
        self.rid.clone()
    }
}

fn names(fields: &mut FieldTable) -> Names<'_> {
    Names { profile: ProfileNames::Slots(&Slots), fields, locals: &[] }
}

fn outcome(source: &str) -> Result<Value, EvalErrorKind> {
    let mut fields = FieldTable::default();
    let program = compile(source, &mut names(&mut fields))
        .unwrap_or_else(|error| panic!("{source}: {error}"));
    Vm::default()
        .evaluate(&program, &Customer::default(), &mut Fuel::request())
        .map_err(|error| error.kind)
}

fn refused(source: &str) -> (String, Option<String>) {
    let mut fields = FieldTable::default();
    let error = compile(source, &mut names(&mut fields)).err();
    let error = error.unwrap_or_else(|| panic!("{source} compiles"));
    assert!(source.get(error.span.clone()).is_some(), "{source}: {:?}", error.span);
    (error.message, error.help)
}

/// Words, operators and values of the language, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "PROFILE",
        "EVENT",
        ".",
        "?.",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "=>",
        ",",
        ":",
        "?",
        "??",
        "||",
        "&&",
        "+",
        "-",
        "*",
        "/",
        "%",
        "**",
        "!",
        "~",
        "typeof",
        "void",
        "in",
        "1",
        "0",
        "-1",
        "1e9",
        "\"a\"",
        "'😀'",
        "`",
        "${",
        "x",
        "y",
        "...",
        "map",
        "reduce",
        "preferences",
        "slice",
        "Math",
        "max",
        "undefined",
        "null",
        "NaN",
        "===",
        "<",
        ">>>",
        "&",
        "|",
        "join",
        "repeat",
        "[1,2]",
        ".map(x=>x)",
        ".reduce((a,b)=>[a,b])",
        "Array.from",
        "JSON",
        "stringify",
        "=",
        ";",
        "#",
        "new",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.join(" "))
}

fn run_any(source: &str) {
    let mut fields = FieldTable::default();
    for text in [source.to_string(), format!("a ${{{source}}} b")] {
        let _ = Template::scalar(&text, &mut names(&mut fields));
    }
    let result = compile(source, &mut names(&mut fields));
    match result {
        Ok(program) => {
            let mut vm = Vm::default();
            let mut fuel = Fuel { left: 10_000 };
            let first = vm.evaluate(&program, &Customer::default(), &mut fuel);
            // The machine is as good as new after an error.
            let mut fuel = Fuel { left: 10_000 };
            let again = vm.evaluate(&program, &Customer::default(), &mut fuel);
            assert_eq!(format!("{first:?}"), format!("{again:?}"));
        }
        Err(error) => assert!(source.get(error.span.clone()).is_some(), "{:?}", error.span),
    }
}

proptest! {
    #[test]
    fn text_of_any_kind_never_panics(source in "\\PC{0,80}") {
        run_any(&source);
    }

    #[test]
    fn pieces_of_the_language_in_any_order_never_panic(source in pieces()) {
        run_any(&source);
    }

    #[test]
    fn what_serde_json_reads_and_writes_we_do_too(source in "[\\[\\]{}\",:0-9a-e.+\\- \\\\u]{0,30}") {
        let ours = parse_json(source.as_bytes());
        let theirs: Result<serde_json::Value, _> = serde_json::from_str(&source);
        prop_assert_eq!(ours.is_ok(), theirs.is_ok());
    }

    #[test]
    fn numbers_survive_their_text(number in any::<f64>()) {
        let text = p13n::value::number::to_text(number);
        let back = p13n::value::number::from_text(&text);
        prop_assert!(back == number || (back.is_nan() && number.is_nan()));
    }
}

#[test]
fn deep_and_long_sources_are_refused_or_run_and_never_overflow_the_stack() {
    for (open, close) in
        [("(", ")"), ("[", "]"), ("!", ""), ("-", ""), ("({a:", "})"), ("`${", "}`")]
    {
        let source = format!("{}1{}", open.repeat(2_000), close.repeat(2_000));
        let (message, _) = refused(&source[..source.len().min(9_999)]);
        assert!(!message.is_empty());
    }
    let nested = |levels: usize| format!("{}1{}", "(".repeat(levels), ")".repeat(levels));
    assert!(refused(&nested(101)).0.contains("nests"));
    assert!(outcome(&nested(99)).is_ok());
    for piece in ["1+", "1||", "0&&", "1?2:", "0?2:", "1==", "2**", "\"\"+"] {
        let source = format!("{}1", piece.repeat(9_000 / piece.len()));
        let mut fields = FieldTable::default();
        if let Ok(program) = compile(&source, &mut names(&mut fields)) {
            let _ = Vm::default().evaluate(&program, &Customer::default(), &mut Fuel::request());
        }
    }
    let members = format!("EVENT{}", "?.a".repeat(3_000));
    assert!(matches!(outcome(&members), Ok(Value::Undefined)));
    let (message, _) = refused(&"1".repeat(10_001));
    assert!(message.contains("10000 characters"));
    let arrows = format!("{}1{}", "[1].map(a=>".repeat(70), ")".repeat(70));
    let (message, _) = refused(&arrows);
    assert!(message.contains("nests"), "{message}");
}

#[test]
fn fuel_is_taken_from_the_request_and_ends_what_is_dear() {
    let mut fields = FieldTable::default();
    let dear = "Array.from({length: 10000}).map((x, i) => [i].map(y => y * 2)).length";
    let program = compile(dear, &mut names(&mut fields)).unwrap();
    let mut fuel = Fuel::request();
    let mut vm = Vm::default();
    let error = vm.evaluate(&program, &Customer::default(), &mut fuel).unwrap_err();
    assert_eq!(error.kind, EvalErrorKind::Fuel);
    assert_eq!(fuel.left, 900_000);
    let cheap = compile("PROFILE.preferences.length > 0", &mut names(&mut fields)).unwrap();
    assert!(vm.test(&cheap, &Customer::default(), &mut fuel).unwrap());
    // A read and a comparison.
    assert_eq!(fuel.left, 899_998);
    let mut none = Fuel { left: 0 };
    assert!(vm.test(&cheap, &Customer::default(), &mut none).is_err());
    assert_eq!(none.left, 0);
}

#[test]
fn no_way_to_burn_all_fuel_takes_long() {
    // A debug build under load: far above the release's bar, far under what a missing price costs.
    for source in [
        "\"ab\".repeat(30000).replaceAll(\"a\", (m, i, t) => \"\").length",
        "Array.from({length: 9000}).map(() => \"é\".repeat(30000).length)",
        "[\"é\".repeat(30000)].map(t => Array.from({length: 9000}).map(() => t.length))",
        "[\"é\".repeat(30000)].map(t => Array.from({length: 9000}).map(() => t + \"x\" > t))",
        "Array.from({length: 9000}).map((x, i) => Array.from({length: 9000}).sort())",
        "Array.from({length: 9000}).map((x, i) => (5e-324).toFixed(100) + (i / 7).toString(2))",
        "[Array.from({length: 9000})].map(l => l.map(() => JSON.stringify(l) + String(l)))",
        "Array.from({length: 9000}).reduce((m, x, i) => ({...m, [i]: i}), {})",
    ] {
        let start = std::time::Instant::now();
        let _ = outcome(source);
        assert!(start.elapsed().as_millis() < 500, "{source}: {:?}", start.elapsed());
    }
}

/// Units of fuel that an expression takes.
fn units(source: &str) -> u64 {
    let mut fields = FieldTable::default();
    let program = compile(source, &mut names(&mut fields)).expect("it compiles");
    let mut fuel = Fuel::request();
    let value = Vm::default().evaluate(&program, &Customer::default(), &mut fuel);
    assert!(value.is_ok(), "{source}: {value:?}");
    Fuel::request().left - fuel.left
}

#[test]
fn long_texts_that_are_looked_for_are_paid_for_byte_by_byte() {
    for method in ["includes", "indexOf", "lastIndexOf"] {
        let of = |last: &str| {
            let list = "Array.from({length: 20}).map(() => \"a\".repeat(4000) + \"b\")";
            units(&format!("[{list}].map(l => l.{method}(\"a\".repeat({last}) + \"c\"))"))
        };
        // Of another length nothing is compared; of the same, twenty times 4,000 bytes are.
        let (other, same) = (of("3999"), of("4000"));
        assert!(same > other + 20 * 4_000 / 16 - 50, "{method}: {other} and {same}");
    }
}

#[test]
fn what_conditions_do_every_day_is_cheap() {
    let hundred = "Array.from({length: 100}, (x, i) => ({value: \"v\" + i % 7, time: i}))";
    let list = units(hundred);
    for (pipeline, most) in [
        (".filter(p => p.value === \"v3\").length", 1_000),
        (".filter(p => p.time > 50).map(p => p.value).slice(0, 3).join(\", \")", 1_600),
        (".some(p => p.value === \"hats\")", 1_000),
        (".reduce((sum, p) => sum + p.time, 0)", 1_200),
        (".map(p => p.value.toUpperCase())", 4_000),
        (".toSorted((a, b) => b.time - a.time).at(0).value", 3_000),
    ] {
        let spent = units(&format!("{hundred}{pipeline}")) - list;
        assert!(spent <= most, "{pipeline}: {spent}");
    }
    assert!(units("PROFILE.preferences.length > 0") <= 2);
}

#[test]
fn values_end_at_their_limits() {
    use EvalErrorKind::{Fuel as Spent, Limit};
    for (source, kind) in [
        ("\"x\".repeat(65537)", Limit),
        ("[1,2,3,4,5,6,7,8].reduce(a => a + a, \"x\".repeat(1000)).length", Limit),
        ("Array.from({length: 1e9})", Limit),
        ("\"x\".repeat(20000).split(\"\")", Limit),
        ("Array.from({length: 9999}).concat([1, 2])", Limit),
        ("Array.from({length: 300}).reduce(a => [a], 0)", Limit),
        ("Array.from({length: 300}).reduce(a => ({a}), 0)", Limit),
        ("String(Array.from({length: 40}).reduce(a => [a, a], \"sixteen letters!\"))", Limit),
        ("JSON.stringify(Array.from({length: 40}).reduce(a => [a, a], 0))", Spent),
        ("JSON.stringify(\"x\".repeat(65536))", Limit),
        ("Array.from({length: 60}).reduce(a => [a, a], 0)", Spent),
    ] {
        assert_eq!(outcome(source).err(), Some(kind), "{source}");
    }
    assert!(outcome("\"x\".repeat(65536).length").is_ok());
    assert!(outcome("Array.from({length: 10000}).length").is_ok());
    assert!(outcome("Array.from({length: 60}).reduce(a => [a], 0)").is_ok());
}

#[test]
fn profile_names_are_slots_and_unknown_ones_get_a_suggestion() {
    assert!(matches!(outcome("PROFILE.preferences[1].value"), Ok(Value::String(t)) if t == "hats"));
    assert!(matches!(outcome("PROFILE[\"name\"]"), Ok(Value::String(t)) if t == "Ada"));
    assert!(matches!(outcome("PROFILE.rid.length"), Ok(Value::Number(36.0))));
    let (message, help) = refused("PROFILE.preference.length > 0");
    assert!(message.contains("declares no `preference`"));
    assert_eq!(help.as_deref(), Some("did you mean `preferences`?"));
    for source in ["PROFILE", "PROFILE[EVENT.x]", "Object.keys(PROFILE)", "PROFILE.map(x => x)"] {
        refused(source);
    }
    assert!(refused("PROFILE.segments").0.contains("declares no `segments`"));
    let mut fields = FieldTable::default();
    let mut absent = Names {
        profile: ProfileNames::Absent("a filter sees EVENT only"),
        fields: &mut fields,
        locals: &[],
    };
    let error = compile("EVENT.a === PROFILE.name", &mut absent).unwrap_err();
    assert_eq!(error.message, "a filter sees EVENT only");
    assert_eq!(error.span, 12..19);
}

#[test]
fn event_fields_are_interned_and_the_whole_is_asked_for_only_when_read() {
    let mut fields = FieldTable::default();
    compile("EVENT.a + EVENT.b.c + EVENT[\"a\"] + EVENT?.d", &mut names(&mut fields)).unwrap();
    assert_eq!(fields.names(), ["a", "b", "d"]);
    assert!(!fields.needs_whole());
    compile("EVENT[PROFILE.name]", &mut names(&mut fields)).unwrap();
    assert!(fields.needs_whole());
}

#[test]
fn of_equal_local_names_the_last_wins_and_parameters_hide_them() {
    let locals: Vec<Text> = vec!["ITEM".into(), "ITEM".into()];
    let mut fields = FieldTable::default();
    let mut read = |source: &str| {
        let mut names =
            Names { profile: ProfileNames::Object, fields: &mut fields, locals: &locals };
        let program = compile(source, &mut names).unwrap();
        Vm::default().evaluate(&program, &Customer::default(), &mut Fuel::request()).unwrap()
    };
    assert!(matches!(read("ITEM"), Value::Number(2.0)));
    assert!(matches!(read("[9].map(ITEM => ITEM)[0]"), Value::Number(9.0)));
}

#[test]
fn errors_name_the_subexpression_and_never_its_value() {
    let source = "1 + PROFILE.preferences[5].value";
    let mut fields = FieldTable::default();
    let program = compile(source, &mut names(&mut fields)).unwrap();
    let error =
        Vm::default().evaluate(&program, &Customer::default(), &mut Fuel::request()).unwrap_err();
    assert_eq!(&source[error.span.clone()], "PROFILE.preferences[5]");
    assert!(error.message.contains("cannot read `value` of undefined"), "{}", error.message);
    let secret = "PROFILE.name.missing.deeper";
    let program = compile(secret, &mut names(&mut fields)).unwrap();
    let error =
        Vm::default().evaluate(&program, &Customer::default(), &mut Fuel::request()).unwrap_err();
    assert!(!error.message.contains("Ada"), "{}", error.message);
}

#[test]
fn buckets_are_stable_for_ever_and_spread_evenly() {
    assert!(matches!(outcome("bucket(\"a\") === bucket(\"a\")"), Ok(Value::Bool(true))));
    let mut fields = FieldTable::default();
    let program = compile("bucket(\"split\")", &mut names(&mut fields)).unwrap();
    let mut counts = [0_u32; 10];
    for customer in 0..10_000 {
        let rid = Text::from(format!("customer {customer}"));
        let scope = Customer { rid: Some(rid), ..Customer::default() };
        let value = Vm::default().evaluate(&program, &scope, &mut Fuel::request()).unwrap();
        let Value::Number(bucket) = value else { panic!("{value:?}") };
        counts[(bucket / 1_000.0) as usize] += 1;
    }
    assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    let scope = Customer { rid: None, ..Customer::default() };
    assert!(Vm::default().evaluate(&program, &scope, &mut Fuel::request()).is_err());
}

#[test]
fn templates_keep_types_make_text_and_leave_out_what_is_missing() {
    let read = |source: &str| {
        let mut fields = FieldTable::default();
        let template = Template::scalar(source, &mut names(&mut fields)).unwrap();
        let mut errors = Vec::new();
        let value = template.evaluate(
            &mut Vm::default(),
            &Customer::default(),
            &mut Fuel::request(),
            &mut |error| errors.push(error),
        );
        assert!(errors.is_empty());
        value.map(|value| format!("{value:?}")).map_err(|error| error.kind)
    };
    let ok = |text: &str| Ok(text.to_string());
    assert_eq!(read("${PROFILE.visits}"), ok("Number(7.0)"));
    assert_eq!(read("plain $ text $1"), ok("String(\"plain $ text $1\")"));
    assert_eq!(read("$${x} ${1}"), ok("String(\"${x} 1\")"));
    assert_eq!(read("Hello ${PROFILE.name}!"), ok("String(\"Hello Ada!\")"));
    assert_eq!(read("Hello ${EVENT.missing}!"), ok("Undefined"));
    assert_eq!(read("Hello ${null}!"), ok("Undefined"));
    assert_eq!(read("${({a: \"}\"}).a}${`}${1}`}"), ok("String(\"}}1\")"));
    assert_eq!(read("${EVENT.missing.x}"), Err(EvalErrorKind::Type));
    assert_eq!(read("a ${EVENT.missing.x}"), Err(EvalErrorKind::Type));
    let mut fields = FieldTable::default();
    let error = Template::scalar("a ${1 +} b", &mut names(&mut fields)).unwrap_err();
    assert_eq!(error.span, 7..8);
    let error = Template::scalar("a ${1", &mut names(&mut fields)).unwrap_err();
    assert!(error.message.contains("not closed"));
}

#[test]
fn what_leaves_an_evaluation_is_paid_for_as_often_as_it_is_written() {
    let mut fields = FieldTable::default();
    // A text of 32 KiB, shared by each element of the list: half a gigabyte of JSON.
    let source = "${[\"x\".repeat(32768)].flatMap(t => Array.from({length: 9000}, () => t))}";
    let template = Template::scalar(source, &mut names(&mut fields)).unwrap();
    let mut fuel = Fuel::request();
    let mut vm = Vm::default();
    let outcome = template.evaluate(&mut vm, &Customer::default(), &mut fuel, &mut |_| ());
    assert_eq!(outcome.unwrap_err().kind, EvalErrorKind::Fuel);
    assert!(fuel.left >= 800_000, "two expressions' worth at most: {}", fuel.left);
}

#[test]
fn maps_and_lists_of_templates_go_on_after_an_error() {
    let mut fields = FieldTable::default();
    let mut scalar = |source: &str| Template::scalar(source, &mut names(&mut fields)).unwrap();
    let throws = "${EVENT.missing.x}";
    let template = Template::Map(vec![
        ("name".into(), scalar("${PROFILE.name}")),
        ("gone".into(), scalar("${EVENT.missing}")),
        ("bad".into(), scalar(throws)),
        (
            "list".into(),
            Template::List(vec![scalar("${1}"), scalar(throws), scalar("${undefined}")]),
        ),
        ("2".into(), scalar("x")),
    ]);
    let mut errors = 0;
    let value = template
        .evaluate(&mut Vm::default(), &Customer::default(), &mut Fuel::request(), &mut |_| {
            errors += 1
        })
        .unwrap();
    let mut out = Vec::new();
    p13n::value::write_json(&value, &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), r#"{"2":"x","name":"Ada","list":[1,null,null]}"#);
    assert_eq!(errors, 2);
}

#[test]
fn reading_allocates_nothing_once_the_machine_is_warm() {
    let mut fields = FieldTable::default();
    let scope = Customer::default();
    let mut vm = Vm::default();
    for source in [
        "PROFILE.preferences.length > 0",
        "PROFILE.preferences[0].value === \"shoes\" && PROFILE.visits >= 3",
        "PROFILE.name !== undefined && EVENT.missing?.x === undefined",
        "PROFILE.preferences.some(p => p.value === \"hats\")",
        "[\"a\", \"b\"].includes(PROFILE.name) || PROFILE.visits % 2 === 1",
    ] {
        let program = compile(source, &mut names(&mut fields)).unwrap();
        for _ in 0..3 {
            assert!(vm.test(&program, &scope, &mut Fuel::request()).unwrap(), "{source}");
        }
        let counted = allocation_counter::measure(|| {
            for _ in 0..100 {
                assert!(vm.test(&program, &scope, &mut Fuel::request()).unwrap());
            }
        });
        assert_eq!(counted.count_total, 0, "{source}");
    }
}
