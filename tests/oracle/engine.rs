//! Engine: our side of every comparison; one expression over a profile and an event.
//!
//! The golden suite and the differential fuzzer both evaluate here, so that there is one way in.

use std::borrow::Cow;

use p13n::expr::limits::EXPRESSION_FUEL_MAX;
use p13n::expr::{
    CompileError, FieldTable, Fuel, Names, ProfileNames, Program, Scope, Vm, compile,
};
use p13n::value::date::Zone;
use p13n::value::{FieldIndex, Text, Value, parse_json, take_fields_and_whole};

use super::canonical::canonical;

/// What an expression gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A value, as canonical text.
    Value(String),
    /// What it threw.
    Error(Thrown),
    /// It does not compile: code and sentence.
    Refused(&'static str, String),
}

/// An error's class and its sentence; equal when the classes are, for sentences are each side's own.
#[derive(Clone, Debug, Eq)]
pub struct Thrown {
    pub class: String,
    pub message: String,
}

impl PartialEq for Thrown {
    fn eq(&self, other: &Self) -> bool {
        self.class == other.class
    }
}

impl Outcome {
    /// An error of that class.
    pub fn error(class: &str) -> Self {
        Self::Error(Thrown { class: class.to_string(), message: String::new() })
    }
}

/// Outside a configuration: `PROFILE` is an ordinary object.
pub struct World {
    profile: Value,
    event: String,
}

/// A profile and an event as a program reads them.
pub struct Read<'w> {
    profile: &'w Value,
    fields: Vec<Value>,
    event: Value,
    now_ms: i64,
    zone: Zone,
}

impl Scope for Read<'_> {
    fn profile(&self, _slot: u32) -> Cow<'_, Value> {
        unreachable!("PROFILE is an object here")
    }
    fn profile_object(&self) -> &Value {
        self.profile
    }
    fn field(&self, index: u32) -> &Value {
        &self.fields[index as usize]
    }
    fn event(&self) -> &Value {
        &self.event
    }
    fn local(&self, _index: u32) -> &Value {
        unreachable!("there are no locals here")
    }
    fn now_ms(&self) -> i64 {
        self.now_ms
    }
    fn rid(&self) -> Option<Text> {
        None
    }
    fn zone(&self) -> Zone {
        self.zone
    }
}

impl World {
    /// From a profile and an event as JSON text.
    pub fn new(profile: &str, event: &str) -> Self {
        let profile = parse_json(profile.as_bytes()).expect("a profile is JSON");
        Self { profile, event: event.to_string() }
    }

    /// The same of any text; `None` where it is no profile or no event.
    pub fn read_if_json(profile: &str, event: &str) -> Option<Self> {
        let profile = parse_json(profile.as_bytes()).ok()?;
        let none = FieldIndex::new(&[]);
        take_fields_and_whole(event.as_bytes(), &none, &mut Vec::new()).ok()?;
        matches!(profile, Value::Object(_)).then(|| Self { profile, event: event.to_string() })
    }

    /// What programs that were compiled with this table read.
    pub fn read(&self, fields: &FieldTable, now_ms: i64, time_zone: &str) -> Read<'_> {
        let mut taken = Vec::new();
        let index = FieldIndex::new(fields.names());
        let event = take_fields_and_whole(self.event.as_bytes(), &index, &mut taken)
            .expect("an event is an object");
        let zone = Zone::named(time_zone).expect("a time zone");
        Read { profile: &self.profile, fields: taken, event, now_ms, zone }
    }
}

fn compiled(source: &str, fields: &mut FieldTable) -> Result<Program, CompileError> {
    compile(source, &mut Names { profile: ProfileNames::Object, fields, locals: &[] })
}

/// Compiles and evaluates, twice: the machine must be as good as new after the first time.
pub fn evaluate(source: &str, world: &World, now_ms: i64, time_zone: &str, vm: &mut Vm) -> Outcome {
    let mut fields = FieldTable::default();
    let program = match compiled(source, &mut fields) {
        Ok(program) => program,
        Err(error) => return Outcome::Refused(error.code, error.message),
    };
    let scope = world.read(&fields, now_ms, time_zone);
    let mut outcome = || {
        let mut fuel = Fuel::request();
        let full = fuel.left;
        let outcome = vm.evaluate(&program, &scope, &mut fuel);
        assert!(full - fuel.left <= EXPRESSION_FUEL_MAX, "within its fuel: {source}");
        match outcome {
            Ok(value) => Outcome::Value(canonical(&value)),
            Err(error) => {
                let class = error.kind.name().to_string();
                Outcome::Error(Thrown { class, message: error.message })
            }
        }
    };
    let first = outcome();
    assert_eq!(first, outcome(), "twice the same: {source}");
    first
}
