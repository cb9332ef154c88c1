//! Event: one thing that happened, reduced to what the plan reads of it.
//!
//! A parsed body, whoever parsed it, becomes values by field index, a time, a uuid and usable
//! identifiers (page 1.3). Everything that can be wrong with an event is found here, before a lock
//! is taken. Invariant: no message echoes a value of the event.

use std::borrow::Cow;

use crate::config::plan::{Key, Plan};
use crate::error::Error;
use crate::expr::{EvalErrorKind, Fuel, Scope, Template, Vm};
use crate::profile::Identifier;
use crate::profile::identity::{self, Refusal};
use crate::value::date::Zone;
use crate::value::{FieldIndex, JsonError, Text, Value, take_fields, take_fields_and_whole};

/// Levels of nesting; the event itself is the first.
pub const DEPTH_MAX: usize = 64;
/// Bytes of one event's JSON.
pub const EVENT_BYTES_MAX: usize = 1_000_000;
/// The last second that `time` may name: 9999-12-31T23:59:59Z.
pub const TIME_S_MAX: i64 = 253_402_300_799;
/// The last processing time that a caller may give, epoch milliseconds.
pub const TIME_MS_MAX: i64 = TIME_S_MAX * 1_000 + 999;

/// Which top-level fields are taken from a body: the plan's, then `time` and `uuid`.
#[derive(Debug)]
pub struct EventShape {
    names: Vec<Text>,
    index: FieldIndex,
    fields: usize,
    time: usize,
    uuid: usize,
    whole: bool,
}

impl EventShape {
    /// The shape that a plan reads.
    pub fn of(plan: &Plan) -> Self {
        let mut names = plan.fields.names().to_vec();
        let fields = names.len();
        let mut position = |name: &str| {
            names.iter().position(|known| known == name).unwrap_or_else(|| {
                names.push(Text::new(name));
                names.len() - 1
            })
        };
        let (time, uuid) = (position("time"), position("uuid"));
        let index = FieldIndex::new(&names);
        Self { names, index, fields, time, uuid, whole: plan.fields.needs_whole() }
    }

    /// Names of the fields to take, by index.
    pub fn names(&self) -> &[Text] {
        &self.names
    }

    /// Whether the event is read as an object, too.
    pub fn needs_whole(&self) -> bool {
        self.whole
    }
}

/// Values taken from a body, by the shape's index, before anything is made of them.
#[derive(Debug, Default)]
pub struct Taken {
    /// One value a name; `undefined` where the field is absent.
    pub values: Vec<Value>,
    /// The event as an object, when the shape needs it.
    pub whole: Value,
}

impl Taken {
    /// Takes the shape's fields from an event's JSON.
    ///
    /// # Errors
    /// `BadEvent` when the body is not one acceptable JSON object.
    pub fn from_json(body: &[u8], shape: &EventShape) -> Result<Self, Error> {
        let mut taken = Self::default();
        if shape.whole {
            taken.whole = take_fields_and_whole(body, &shape.index, &mut taken.values)
                .map_err(not_an_event)?;
        } else {
            take_fields(body, &shape.index, &mut taken.values).map_err(not_an_event)?;
        }
        Ok(taken)
    }
}

/// One event, as the plan sees it.
#[derive(Debug)]
pub struct Event {
    /// Values by the plan's field index.
    pub fields: Vec<Value>,
    /// The event as an object when the plan reads it so, else `undefined`.
    pub whole: Value,
    /// Its own time, epoch seconds.
    pub time_s: Option<i64>,
    /// The client's uuid.
    pub uuid: Option<[u8; 16]>,
    /// Usable identifiers, strongest first.
    pub identifiers: Vec<Identifier>,
    /// Keys whose value was not usable, and why; absent ones are not listed.
    pub ignored: Vec<(u16, Refusal)>,
}

impl Event {
    /// Makes an event of what was taken from its body; `public`: of a caller that may be anybody.
    ///
    /// # Errors
    /// `BadEvent` for a `time` or `uuid` that is none.
    pub fn new(
        taken: Taken,
        plan: &Plan,
        shape: &EventShape,
        public: bool,
        vm: &mut Vm,
    ) -> Result<Self, Error> {
        let Taken { values: mut fields, whole } = taken;
        let time_s = time_s(&fields[shape.time])?;
        let uuid = uuid(&fields[shape.uuid])?;
        let mut identifiers = Vec::with_capacity(plan.keys.len().min(4));
        let mut ignored = Vec::new();
        for (key, &field) in plan.keys.iter().zip(&plan.key_fields) {
            let found = match &key.from[..] {
                [] => identifying(key, &fields[field as usize]),
                from => first_usable(key, from, &Sent { fields: &fields, whole: &whole, plan }, vm),
            };
            let found = match found {
                Ok(_) if public && !key.stitches_public => Err(Refusal::Public),
                found => found,
            };
            match found {
                Ok(value) => identifiers.push(Identifier { key: key.id, value }),
                Err(Refusal::Absent) => {}
                Err(reason) => ignored.push((key.id, reason)),
            }
        }
        fields.truncate(shape.fields);
        Ok(Self { fields, whole, time_s, uuid, identifiers, ignored })
    }

    /// Fills `EVENT.time` and `EVENT.uuid`, which are always set, where the plan reads them.
    pub fn fill(&mut self, shape: &EventShape, time_s: i64, uuid: &[u8; 16]) {
        if shape.time < self.fields.len() {
            self.fields[shape.time] = Value::Number(time_s as f64);
        }
        if shape.uuid < self.fields.len() {
            self.fields[shape.uuid] = Value::String(uuid_text(uuid));
        }
        if let Value::Object(object) = &self.whole {
            let mut entries = object.entries().to_vec();
            entries.push((Text::new("time"), Value::Number(time_s as f64)));
            entries.push((Text::new("uuid"), Value::String(uuid_text(uuid))));
            self.whole = Value::object(entries);
        }
    }
}

/// An identifier's normalized value.
fn identifying(key: &Key, value: &Value) -> Result<Text, Refusal> {
    identity::identifying_text(value, &key.normalize, &key.invalid_texts, |text| {
        key.valid_regexp.as_ref().is_none_or(|pattern| pattern.is_match(text))
    })
}

/// The first of a key's templates whose value is usable; else why not, by the first that gave a value.
fn first_usable(
    key: &Key,
    from: &[Template],
    sent: &Sent<'_>,
    vm: &mut Vm,
) -> Result<Text, Refusal> {
    let mut refused = Refusal::Absent;
    let mut fuel = Fuel::request();
    for template in from {
        let found = match template.evaluate(vm, sent, &mut fuel, &mut |_| {}) {
            Ok(value) => identifying(key, &value),
            // A member of what is not there: no value, as a field that is absent.
            Err(error) if error.kind == EvalErrorKind::Type => Err(Refusal::Absent),
            Err(_) => Err(Refusal::Throws),
        };
        match found {
            Ok(value) => return Ok(value),
            Err(reason) if refused == Refusal::Absent => refused = reason,
            Err(_) => {}
        }
    }
    Err(refused)
}

/// What a key's `from` sees: the event as it was sent, before anybody is known and any time is given.
struct Sent<'a> {
    fields: &'a [Value],
    whole: &'a Value,
    plan: &'a Plan,
}

impl Scope for Sent<'_> {
    fn profile(&self, _slot: u32) -> Cow<'_, Value> {
        Cow::Borrowed(&Value::Undefined)
    }

    fn profile_object(&self) -> &Value {
        &Value::Undefined
    }

    fn field(&self, index: u32) -> &Value {
        self.fields.get(index as usize).unwrap_or(&Value::Undefined)
    }

    fn event(&self) -> &Value {
        self.whole
    }

    fn local(&self, _index: u32) -> &Value {
        &Value::Undefined
    }

    fn now_ms(&self) -> i64 {
        0
    }

    fn rid(&self) -> Option<Text> {
        None
    }

    fn zone(&self) -> Zone {
        self.plan.time_zone
    }
}

fn not_an_event(error: JsonError) -> Error {
    Error::bad_event(error.to_string())
}

fn time_s(value: &Value) -> Result<Option<i64>, Error> {
    match value {
        Value::Undefined | Value::Null => Ok(None),
        Value::Number(seconds)
            if seconds.fract() == 0.0 && (0.0..=TIME_S_MAX as f64).contains(seconds) =>
        {
            Ok(Some(*seconds as i64))
        }
        _ => Err(Error::bad_event(format!(
            "`time` must be a whole number of epoch seconds (not milliseconds) from 0 to \
             {TIME_S_MAX}"
        ))),
    }
}

fn uuid(value: &Value) -> Result<Option<[u8; 16]>, Error> {
    match value {
        Value::Undefined | Value::Null => Ok(None),
        Value::String(text) => match parse_uuid(text) {
            Some(bytes) => Ok(Some(bytes).filter(|bytes| bytes != &[0; 16])),
            None => Err(Error::bad_event("`uuid` must be a UUID, with or without dashes")),
        },
        _ => Err(Error::bad_event("`uuid` must be a UUID, with or without dashes")),
    }
}

/// A UUID's bytes, from 32 hex digits in any case, with the four dashes or without any.
pub fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let text = text.as_bytes();
    let dashed = match text.len() {
        32 => false,
        36 => true,
        _ => return None,
    };
    let mut bytes = [0; 16];
    let mut at = 0;
    for (index, byte) in bytes.iter_mut().enumerate() {
        if dashed && matches!(index, 4 | 6 | 8 | 10) {
            if text[at] != b'-' {
                return None;
            }
            at += 1;
        }
        *byte = hex_digit(text[at])? << 4 | hex_digit(text[at + 1])?;
        at += 2;
    }
    Some(bytes)
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// A UUID in lower case with dashes.
pub fn uuid_text(bytes: &[u8; 16]) -> Text {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    Text::from(text)
}

/// Whether a valid JSON text nests at most [`DEPTH_MAX`] deep.
///
/// For bodies that another parser has already accepted; brackets in strings are not counted.
pub fn depth_is_allowed(body: &[u8]) -> bool {
    if memchr::memchr2_iter(b'[', b'{', body).nth(DEPTH_MAX).is_none() {
        return true;
    }
    let (mut depth, mut in_string, mut escaped) = (0, false, false);
    for &byte in body {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return false;
                }
            }
            b']' | b'}' => depth -= 1,
            _ => {}
        }
    }
    true
}

/// The sentence for an event that nests too deep.
pub fn too_deep() -> Error {
    Error::bad_event(format!("the event nests more than {DEPTH_MAX} levels deep"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_read_in_any_case_with_or_without_dashes() {
        let bytes = parse_uuid("E65D8A9D-F209-4F02-B84C-D660EFFF6F27").unwrap();
        assert_eq!(parse_uuid("e65d8a9df2094f02b84cd660efff6f27"), Some(bytes));
        assert_eq!(uuid_text(&bytes), "e65d8a9d-f209-4f02-b84c-d660efff6f27");
    }

    #[test]
    fn what_is_not_a_uuid_is_refused() {
        for text in [
            "",
            "e65d8a9df2094f02b84cd660efff6f2",
            "e65d8a9df2094f02b84cd660efff6f2g",
            "e65d8a9df-209-4f02-b84c-d660efff6f27",
            "e65d8a9d-f209-4f02-b84c-d660efff6f2",
        ] {
            assert_eq!(parse_uuid(text), None, "{text}");
        }
    }

    #[test]
    fn time_is_a_whole_number_of_seconds_within_its_range() {
        assert_eq!(time_s(&Value::Null).unwrap(), None);
        assert_eq!(time_s(&Value::Number(0.0)).unwrap(), Some(0));
        assert_eq!(time_s(&Value::Number(TIME_S_MAX as f64)).unwrap(), Some(TIME_S_MAX));
        for wrong in [-1.0, 1.5, TIME_S_MAX as f64 + 1.0] {
            assert!(time_s(&Value::Number(wrong)).is_err(), "{wrong}");
        }
        assert!(time_s(&Value::String(Text::new("1"))).is_err());
    }

    #[test]
    fn depth_is_counted_outside_strings_at_the_limit_and_beyond() {
        let nested = |levels: usize| "[".repeat(levels - 1) + &"]".repeat(levels - 1);
        let event = |levels| format!("{{\"a\":{}}}", nested(levels));
        assert!(depth_is_allowed(event(DEPTH_MAX).as_bytes()));
        assert!(!depth_is_allowed(event(DEPTH_MAX + 1).as_bytes()));
        let text = format!("{{\"a\":\"\\\"{}\"}}", "[".repeat(500));
        assert!(depth_is_allowed(text.as_bytes()));
    }
}
