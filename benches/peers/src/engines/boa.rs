//! Boa with every optimiser on; the objects are made by its own `JSON.parse`, so that they share
//! shapes.

use std::cell::RefCell;
use std::hint::black_box;

use boa_engine::object::JsObject;
use boa_engine::optimizer::OptimizerOptions;
use boa_engine::property::Attribute;
use boa_engine::{Context, JsResult, JsString, JsValue, Source};
use serde_json::Value as Json;

use super::javascript::Reach;
use super::{Engine, Language, Prepared, Way};
use crate::customer;

/// One context; the profile and the event are its own objects.
pub struct Boa {
    context: RefCell<Context>,
    arguments: [JsValue; 2],
}

struct Compiled<'e> {
    context: &'e RefCell<Context>,
    function: JsObject,
    arguments: &'e [JsValue],
}

impl Boa {
    /// Starts the engine.
    ///
    /// # Errors
    /// What it says when it does not start.
    pub fn new() -> Result<Self, String> {
        let mut context = Context::default();
        context.set_optimizer_options(OptimizerOptions::OPTIMIZE_ALL);
        let mut take = |name: &str, json: Json| -> JsResult<JsValue> {
            let script = format!("JSON.parse({})", Json::String(json.to_string()));
            let value = context.eval(Source::from_bytes(&script))?;
            context.register_global_property(
                JsString::from(name),
                value.clone(),
                Attribute::all(),
            )?;
            Ok(value)
        };
        let profile = take("PROFILE", customer::profile()).map_err(|error| error.to_string())?;
        let event = take("EVENT", customer::event()).map_err(|error| error.to_string())?;
        Ok(Self { context: RefCell::new(context), arguments: [profile, event] })
    }

    fn compile(&self, reach: Reach, source: &str) -> JsResult<JsObject> {
        let mut context = self.context.borrow_mut();
        let made = context.eval(Source::from_bytes(&reach.script(source)))?;
        let made = made.to_object(&mut context)?;
        match reach {
            Reach::Captured => made
                .call(&JsValue::undefined(), &self.arguments, &mut context)?
                .to_object(&mut context),
            Reach::Arguments | Reach::Globals => Ok(made),
        }
    }
}

impl Engine for Boa {
    fn name(&self) -> &'static str {
        "Boa"
    }
    fn package(&self) -> &'static str {
        "boa_engine"
    }
    fn language(&self) -> Language {
        Language::JavaScript
    }
    fn prepare(&self, source: &str, condition: bool) -> Result<Vec<Prepared<'_>>, String> {
        Reach::ALL
            .into_iter()
            .map(|reach| {
                let function = self.compile(reach, source).map_err(|error| error.to_string())?;
                let arguments: &[JsValue] =
                    if reach == Reach::Arguments { &self.arguments } else { &[] };
                let compiled = Compiled { context: &self.context, function, arguments };
                Ok(Prepared::new(reach.name(), condition, compiled))
            })
            .collect()
    }
}

impl Compiled<'_> {
    fn call(&self, context: &mut Context) -> JsResult<JsValue> {
        black_box(&self.function).call(&JsValue::undefined(), self.arguments, context)
    }
}

impl Way for Compiled<'_> {
    fn answer(&mut self) -> Result<Json, String> {
        let mut context = self.context.borrow_mut();
        let value = self.call(&mut context).map_err(|error| error.to_string())?;
        let json = value.to_json(&mut context).map_err(|error| error.to_string())?;
        Ok(json.unwrap_or(Json::Null))
    }

    fn values(&mut self, runs: u64) {
        let mut context = self.context.borrow_mut();
        for _ in 0..runs {
            drop(black_box(self.call(&mut context).expect("a value")));
        }
    }

    fn truths(&mut self, runs: u64) -> u64 {
        let mut context = self.context.borrow_mut();
        let mut truths = 0;
        for _ in 0..runs {
            let truth = self.call(&mut context).expect("a truth").to_boolean();
            truths += u64::from(black_box(truth));
        }
        truths
    }
}
