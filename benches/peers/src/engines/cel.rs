//! CEL with its standard library and the extensions for lists, mathematics and strings.
//!
//! Two ways: `values` is what `Program::execute` gives, owned; `references` borrows from the context
//! and copies nothing.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use ::cel::common::types::CelBool;
use ::cel::objects::{Key, Map};
use ::cel::{Context, Env, Program, Value, extensions};
use serde_json::Value as Json;

use super::{Engine, Language, Prepared, Way};
use crate::customer;

/// One environment and one context that holds the profile and the event.
pub struct Cel {
    env: Arc<Env>,
    context: Context<'static, 'static>,
}

struct Values<'e> {
    program: Arc<Program>,
    context: &'e Context<'static, 'static>,
}

struct References<'e> {
    program: Arc<Program>,
    context: &'e Context<'static, 'static>,
}

impl Cel {
    /// Sets up the environment.
    ///
    /// # Errors
    /// What it says when it does not take an extension.
    pub fn new() -> Result<Self, String> {
        let mut env = Env::stdlib();
        for extension in [extensions::lists, extensions::math, extensions::strings] {
            env.add_extension(extension).map_err(|error| error.to_string())?;
        }
        let env = Arc::new(env);
        let mut context = Context::with_env(Arc::clone(&env));
        context.add_variable_from_value("PROFILE", value(&customer::profile()));
        context.add_variable_from_value("EVENT", value(&customer::event()));
        Ok(Self { env, context })
    }
}

/// A value of CEL's own: whole numbers are `int`, others `double`.
fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Float(number.as_f64().expect("a double")),
        },
        Json::String(text) => Value::String(Arc::new(text.clone())),
        Json::Array(items) => Value::List(Arc::new(items.iter().map(value).collect())),
        Json::Object(members) => {
            let members: HashMap<Key, Value> = members
                .iter()
                .map(|(name, member)| (Key::String(Arc::new(name.clone())), value(member)))
                .collect();
            Value::Map(Map { map: Arc::new(members) })
        }
    }
}

impl Engine for Cel {
    fn name(&self) -> &'static str {
        "CEL"
    }
    fn package(&self) -> &'static str {
        "cel"
    }
    fn language(&self) -> Language {
        Language::Cel
    }
    fn prepare(&self, source: &str, condition: bool) -> Result<Vec<Prepared<'_>>, String> {
        let program = Arc::new(self.env.compile(source).map_err(|errors| errors.to_string())?);
        let context = &self.context;
        let values = Values { program: Arc::clone(&program), context };
        let references = References { program, context };
        Ok(vec![
            Prepared::new("values", condition, values),
            Prepared::new("references", condition, references),
        ])
    }
}

fn json(value: &Value) -> Result<Json, String> {
    value.json().map_err(|error| error.to_string())
}

impl Way for Values<'_> {
    fn answer(&mut self) -> Result<Json, String> {
        json(&self.program.execute(self.context).map_err(|error| error.to_string())?)
    }

    fn values(&mut self, runs: u64) {
        for _ in 0..runs {
            let program = black_box(&self.program);
            drop(black_box(program.execute(self.context).expect("a value")));
        }
    }

    fn truths(&mut self, runs: u64) -> u64 {
        let mut truths = 0;
        for _ in 0..runs {
            let value = black_box(&self.program).execute(self.context).expect("a value");
            let Value::Bool(truth) = value else { panic!("{value:?} is no truth") };
            truths += u64::from(black_box(truth));
        }
        truths
    }
}

impl Way for References<'_> {
    fn answer(&mut self) -> Result<Json, String> {
        let found = Value::resolve_val(self.program.expression(), self.context)
            .map_err(|error| error.to_string())?;
        json(&Value::try_from(found.as_ref()).map_err(|error| error.to_string())?)
    }

    fn values(&mut self, runs: u64) {
        for _ in 0..runs {
            let expression = black_box(&self.program).expression();
            drop(black_box(Value::resolve_val(expression, self.context).expect("a value")));
        }
    }

    fn truths(&mut self, runs: u64) -> u64 {
        let mut truths = 0;
        for _ in 0..runs {
            let expression = black_box(&self.program).expression();
            let value = Value::resolve_val(expression, self.context).expect("a value");
            let truth = *value.downcast_ref::<CelBool>().expect("a truth").inner();
            truths += u64::from(black_box(truth));
        }
        truths
    }
}
