//! Dates: `new Date`, `Date.parse` and its like, and the getters and spellings of dates.
//!
//! "Now" is processing time and local time the scope's zone, so that a replay reads the same
//! clock. Setters are refused while compiling (page 3.1), as is what depends on the place.

use super::super::error::Fault;
use super::super::limits::DATE_TEXT_FUEL;
use super::{Call, Entry, Function, Kind, global, within};
use crate::value::date::{Date, Fields, parse};
use crate::value::ops::Hint;
use crate::value::{Instance, Text, Value};

/// Components of a date, from the year to the millisecond.
const COMPONENTS: usize = 7;
/// What parsing text, or a look at a zone's table, costs beyond the bytes.
const LOOK_FUEL: usize = 8;

/// A getter of one field, in UTC or in the zone.
macro_rules! field {
    ($name:literal, $clock:ident, $field:ident) => {
        ($name, None, |call| {
            call.machine.charge(LOOK_FUEL)?;
            let field = |fields: Fields| f64::from(fields.$field);
            Ok(Value::Number(receiver(call)?.$clock().map_or(f64::NAN, field)))
        })
    };
}

/// A spelling that every date has.
macro_rules! spelling {
    ($name:literal, $write:ident) => {
        ($name, None, |call| {
            let text = receiver(call)?.$write();
            written(call, text)
        })
    };
}

pub(super) const METHODS: &[Entry] = &[
    field!("getDate", local, date),
    field!("getDay", local, weekday),
    field!("getFullYear", local, year),
    field!("getHours", local, hour),
    field!("getMilliseconds", local, millisecond),
    field!("getMinutes", local, minute),
    field!("getMonth", local, month),
    field!("getSeconds", local, second),
    field!("getUTCDate", utc, date),
    field!("getUTCDay", utc, weekday),
    field!("getUTCFullYear", utc, year),
    field!("getUTCHours", utc, hour),
    field!("getUTCMilliseconds", utc, millisecond),
    field!("getUTCMinutes", utc, minute),
    field!("getUTCMonth", utc, month),
    field!("getUTCSeconds", utc, second),
    spelling!("toDateString", day_text),
    spelling!("toGMTString", utc_text),
    spelling!("toString", to_text),
    spelling!("toTimeString", time_text),
    spelling!("toUTCString", utc_text),
    ("getTime", None, time),
    ("getTimezoneOffset", None, timezone_offset),
    ("getYear", None, year_of_century),
    ("hasOwnProperty", None, super::object::has_own_property),
    ("toISOString", None, to_iso),
    ("toJSON", None, to_json),
    ("valueOf", None, time),
];

pub(super) const FUNCTIONS: &[Function] = &[
    global("Date", now_text),
    within("Date", "UTC", utc),
    within("Date", "now", now),
    within("Date", "parse", parse_text),
    within("new", "Date", construct),
];

/// The date that a method is called on.
fn receiver<'c>(call: &'c Call<'_, '_>) -> Result<&'c Date, Fault> {
    match &call.receiver {
        Value::Instance(instance) if let Instance::Date(date) = &**instance => Ok(date),
        other => {
            debug_assert!(false, "the table gives these methods to {:?} alone", Kind::Date);
            Err(Fault::type_error(format!("{} is no date", super::super::vm::kind_of(other))))
        }
    }
}

fn written(call: &mut Call<'_, '_>, text: Text) -> Result<Value, Fault> {
    call.machine.charge(DATE_TEXT_FUEL)?;
    call.machine.text(text)
}

fn number(number: Option<f64>) -> Result<Value, Fault> {
    Ok(Value::Number(number.unwrap_or(f64::NAN)))
}

/// The arguments that are components, as numbers.
fn components(call: &mut Call<'_, '_>) -> Result<Vec<f64>, Fault> {
    call.machine.charge(LOOK_FUEL)?;
    (0..call.arguments.len().min(COMPONENTS)).map(|position| call.number(position)).collect()
}

fn construct(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    call.machine.charge(LOOK_FUEL)?;
    let zone = call.machine.zone();
    let date = match call.arguments.len() {
        0 => Date::new(call.machine.now_ms() as f64, zone),
        1 => Date::new(time_of_argument(call)?, zone),
        _ => Date::of_local(&components(call)?, zone),
    };
    Ok(Value::from(Instance::Date(date)))
}

/// The time of a date, a text or a number.
fn time_of_argument(call: &mut Call<'_, '_>) -> Result<f64, Fault> {
    let argument = call.take(0);
    if let Value::Instance(instance) = &argument
        && let Instance::Date(date) = &**instance
    {
        return Ok(date.time_ms());
    }
    let primitive = call.machine.primitive(&argument, Hint::Default)?;
    match &*primitive {
        Value::String(text) => {
            call.machine.charge_bytes(text.len())?;
            Ok(parse(text, call.machine.zone()))
        }
        other => call.machine.number_of(other),
    }
}

fn now_text(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let date = Date::new(call.machine.now_ms() as f64, call.machine.zone());
    written(call, date.to_text())
}

fn now(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(Value::Number(call.machine.now_ms() as f64))
}

fn utc(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(Value::Number(Date::utc_ms(&components(call)?)))
}

fn parse_text(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    call.machine.charge(LOOK_FUEL)?;
    let text = call.text(0)?;
    Ok(Value::Number(parse(&text, call.machine.zone())))
}

fn time(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(Value::Number(receiver(call)?.time_ms()))
}

fn timezone_offset(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    call.machine.charge(LOOK_FUEL)?;
    number(receiver(call)?.behind_minutes().map(|minutes| minutes as f64))
}

/// `getYear`: years since 1900.
fn year_of_century(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    call.machine.charge(LOOK_FUEL)?;
    number(receiver(call)?.local().map(|fields| f64::from(fields.year) - 1900.0))
}

fn to_iso(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    match receiver(call)?.iso_text() {
        Some(text) => written(call, text),
        None => Err(Fault::range_error("an invalid date has no ISO form")),
    }
}

fn to_json(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    match receiver(call)?.iso_text() {
        Some(text) => written(call, text),
        None => Ok(Value::Null),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::super::super::random::Sequence;
    use super::super::super::{CompileError, EvalError, compile};
    use super::super::super::{EvalErrorKind, FieldTable, Fuel, Names, ProfileNames, Scope, Vm};
    use crate::value::date::Zone;
    use crate::value::{Text, Value};

    struct Berlin(Value, Sequence);

    impl Scope for Berlin {
        fn profile(&self, _slot: u32) -> Cow<'_, Value> {
            Cow::Borrowed(&self.0)
        }
        fn profile_object(&self) -> &Value {
            &self.0
        }
        fn field(&self, _index: u32) -> &Value {
            &self.0
        }
        fn event(&self) -> &Value {
            &self.0
        }
        fn local(&self, _index: u32) -> &Value {
            &self.0
        }
        fn now_ms(&self) -> i64 {
            1_711_848_600_000
        }
        fn rid(&self) -> Option<Text> {
            None
        }
        fn zone(&self) -> Zone {
            Zone::named("Europe/Berlin").unwrap()
        }
        fn random(&self) -> Option<f64> {
            Some(self.1.draw())
        }
    }

    fn program(source: &str) -> Result<super::super::super::Program, CompileError> {
        let mut fields = FieldTable::default();
        let profile = ProfileNames::Object;
        compile(source, &mut Names { profile, fields: &mut fields, locals: &[] })
    }

    fn evaluate(source: &str) -> Result<Value, EvalError> {
        let scope = Berlin(Value::Undefined, Sequence::new(1));
        Vm::default().evaluate(&program(source).unwrap(), &scope, &mut Fuel::request())
    }

    #[test]
    fn dates_in_expressions_are_what_node_has_them_be() {
        let holds = [
            "Date.now() === 1711848600000 && new Date().getTime() === Date.now()",
            "new Date(2024, 2, 31, 2, 30).getTime() === Date.now()",
            "Date() === 'Sun Mar 31 2024 03:30:00 GMT+0200 (CEST)'",
            "Date(0) === String(new Date()) && new Date + '' === Date()",
            "new Date().toISOString() === '2024-03-31T01:30:00.000Z'",
            "new Date(0).getHours() === 1 && new Date(0).getUTCHours() === 0",
            "new Date(0).getTimezoneOffset() === -60 && new Date(0).getYear() === 70",
            "new Date(new Date(5)).valueOf() === 5 && new Date('2024').getTime() === Date.UTC(2024)",
            "new Date('2024-01-01T00:00').getTime() === Date.UTC(2023, 11, 31, 23)",
            "new Date(null).getTime() === 0 && isNaN(new Date(undefined)) && isNaN(Date.UTC())",
            "new Date(true).getTime() === 1 && new Date(['2024']).getUTCFullYear() === 2024",
            "typeof new Date() === 'object' && !!new Date(NaN)",
            "new Date(3) - new Date(1) === 2 && new Date(1) < new Date(2) && +new Date(7) === 7",
            "new Date(1) + 1 === String(new Date(1)) + '1' && new Date(1) == String(new Date(1))",
            "new Date(1) != new Date(1) && [new Date(1)].map(d => d === d)[0]",
            "JSON.stringify({a: new Date(0), b: [new Date(NaN)]}) \
             === '{\"a\":\"1970-01-01T00:00:00.000Z\",\"b\":[null]}'",
            "`${new Date(NaN)}` === 'Invalid Date' && new Date(NaN).toJSON() === null",
            "new Date(0).toUTCString() === new Date(0).toGMTString()",
            "Object.keys(new Date()).length === 0 && !new Date().hasOwnProperty('getTime')",
            "[5, 1].map(n => new Date(n)).sort((a, b) => a - b)[0].getTime() === 1",
            "['2024', '2025'].map(Date.parse)[1] === Date.UTC(2025)",
            "new Date(...[2024, 0]).getMonth() === 0 && new Date().nothing === undefined",
        ];
        for source in holds {
            assert!(matches!(evaluate(source), Ok(Value::Bool(true))), "{source}");
        }
    }

    #[test]
    fn an_invalid_date_has_no_iso_form_and_says_so() {
        let error = evaluate("new Date(NaN).toISOString()").unwrap_err();
        assert_eq!(error.kind, EvalErrorKind::Range);
    }

    #[test]
    fn what_a_date_has_not_is_refused_with_what_to_write_instead() {
        for setter in ["setTime", "setFullYear", "setUTCHours", "setYear"] {
            let error = program(&format!("new Date().{setter}(0)")).unwrap_err();
            assert_eq!(error.code, "E0303", "{setter}");
            assert!(error.help.unwrap().contains("new Date("), "{setter}");
        }
        let error = program("new Date().toLocaleDateString()").unwrap_err();
        assert_eq!(error.code, "E0303");
    }

    #[test]
    fn random_numbers_follow_their_sequence() {
        let drawn = Sequence::new(1);
        let (first, second) = (drawn.draw(), drawn.draw());
        let Ok(Value::Array(numbers)) = evaluate("[Math.random(), Math.random()]") else {
            panic!("a list")
        };
        assert!(matches!(numbers[..], [Value::Number(a), Value::Number(b)]
            if a == first && b == second && a != b));
    }
}
