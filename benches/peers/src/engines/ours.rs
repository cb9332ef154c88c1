//! p13n: a program of slots and field indexes, run on one reused machine.

use std::borrow::Cow;
use std::hint::black_box;

use p13n::expr::{
    FieldTable, Fuel, Names, ProfileNames, ProfileSlots, Program, Scope, Vm, compile,
};
use p13n::value::{FieldIndex, Text, Value, parse_json, take_fields_and_whole, write_json};
use serde_json::Value as Json;

use super::{Engine, Language, Prepared, Way};
use crate::customer;

/// p13n's engine with the profile's names and values by slot, as a configuration lays them out.
pub struct Ours {
    names: Vec<String>,
    slots: Vec<Value>,
    event: Vec<u8>,
}

/// What one program reads.
struct Customer<'e> {
    slots: &'e [Value],
    fields: Vec<Value>,
    event: Value,
}

struct Compiled<'e> {
    program: Program,
    customer: Customer<'e>,
    vm: Vm,
}

impl Ours {
    /// Takes the profile and the event.
    ///
    /// # Errors
    /// When they are not what p13n takes.
    pub fn new() -> Result<Self, String> {
        let Json::Object(profile) = customer::profile() else {
            return Err("the profile is no object".to_owned());
        };
        let parse = |value: &Json| {
            parse_json(value.to_string().as_bytes()).map_err(|error| error.to_string())
        };
        // A key that the profile does not have is declared all the same, and has no value.
        let mut names: Vec<String> = profile.keys().cloned().collect();
        let mut slots = profile.values().map(parse).collect::<Result<Vec<Value>, String>>()?;
        names.push("nickname".to_owned());
        slots.push(Value::Undefined);
        Ok(Self { names, slots, event: customer::event().to_string().into_bytes() })
    }
}

impl ProfileSlots for Ours {
    fn slot(&self, name: &str) -> Option<u32> {
        self.names.iter().position(|known| known == name).map(|slot| slot as u32)
    }
    fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }
}

impl Engine for Ours {
    fn name(&self) -> &'static str {
        "p13n"
    }
    fn package(&self) -> &'static str {
        "p13n"
    }
    fn language(&self) -> Language {
        Language::JavaScript
    }
    fn prepare(&self, source: &str, condition: bool) -> Result<Vec<Prepared<'_>>, String> {
        let mut table = FieldTable::default();
        let mut names =
            Names { profile: ProfileNames::Slots(self), fields: &mut table, locals: &[] };
        let program = compile(source, &mut names).map_err(|error| error.to_string())?;
        let mut fields = Vec::new();
        let index = FieldIndex::new(table.names());
        let event = take_fields_and_whole(&self.event, &index, &mut fields)
            .map_err(|error| error.to_string())?;
        let customer = Customer { slots: &self.slots, fields, event };
        let compiled = Compiled { program, customer, vm: Vm::default() };
        Ok(vec![Prepared::new("slots", condition, compiled)])
    }
}

impl Scope for Customer<'_> {
    fn profile(&self, slot: u32) -> Cow<'_, Value> {
        Cow::Borrowed(&self.slots[slot as usize])
    }
    fn profile_object(&self) -> &Value {
        &Value::Undefined
    }
    fn field(&self, index: u32) -> &Value {
        &self.fields[index as usize]
    }
    fn event(&self) -> &Value {
        &self.event
    }
    fn local(&self, _index: u32) -> &Value {
        &Value::Undefined
    }
    fn now_ms(&self) -> i64 {
        1_700_000_000_000
    }
    fn rid(&self) -> Option<Text> {
        None
    }
}

impl Way for Compiled<'_> {
    fn answer(&mut self) -> Result<Json, String> {
        let value = self
            .vm
            .evaluate(&self.program, &self.customer, &mut Fuel::request())
            .map_err(|error| error.to_string())?;
        if matches!(value, Value::Undefined) {
            return Ok(Json::Null);
        }
        let mut out = Vec::new();
        write_json(&value, &mut out);
        serde_json::from_slice(&out).map_err(|error| error.to_string())
    }

    fn values(&mut self, runs: u64) {
        for _ in 0..runs {
            let mut fuel = Fuel::request();
            let (program, customer) = (black_box(&self.program), black_box(&self.customer));
            drop(black_box(self.vm.evaluate(program, customer, &mut fuel).expect("a value")));
        }
    }

    fn truths(&mut self, runs: u64) -> u64 {
        let mut truths = 0;
        for _ in 0..runs {
            let mut fuel = Fuel::request();
            let (program, customer) = (black_box(&self.program), black_box(&self.customer));
            let truth = self.vm.test(program, customer, &mut fuel).expect("a truth");
            truths += u64::from(black_box(truth));
        }
        truths
    }
}
