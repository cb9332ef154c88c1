//! Template: any text is a template or is refused, and gives the same twice.
#![no_main]

use libfuzzer_sys::fuzz_target;
use p13n::expr::{FieldTable, Fuel, Names, ProfileNames, Template, Vm};

#[path = "../../tests/oracle/canonical.rs"]
mod canonical;
#[path = "../../tests/oracle/engine.rs"]
#[allow(dead_code, reason = "each target uses its part")]
mod engine;

use engine::World;

fuzz_target!(|source: &str| {
    let mut fields = FieldTable::default();
    let names = &mut Names { profile: ProfileNames::Object, fields: &mut fields, locals: &[] };
    let template = match Template::scalar(source, names) {
        Ok(template) => template,
        Err(error) => {
            assert!(source.get(error.span.clone()).is_some(), "{:?} of {source:?}", error.span);
            return;
        }
    };
    let world = World::new("{\"name\":\"Ada\"}", "{\"list\":[1,\"a\",null]}");
    let outcome = || {
        let mut told = 0;
        let read = world.read(&fields, 1_700_000_000_000, "UTC");
        let value = template.evaluate(&mut Vm::default(), &read, &mut Fuel::request(), &mut |_| {
            told += 1;
        });
        (value.map(|value| canonical::canonical(&value)).map_err(|error| error.message), told)
    };
    assert_eq!(outcome(), outcome(), "twice the same");
});
