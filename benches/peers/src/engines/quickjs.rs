//! QuickJS through rquickjs: the runtime's lock is taken once a loop, never per run.

use std::hint::black_box;

use rquickjs::{CatchResultExt, Context, Ctx, FromJs, Function, Persistent, Runtime, Value};
use serde_json::Value as Json;

use super::javascript::Reach;
use super::{Engine, Language, Prepared, Way};
use crate::customer;

/// One runtime, one context; the profile and the event are its own objects.
pub struct QuickJs {
    context: Context,
    profile: Persistent<Value<'static>>,
    event: Persistent<Value<'static>>,
}

struct Compiled<'e> {
    engine: &'e QuickJs,
    function: Persistent<Function<'static>>,
    with_arguments: bool,
}

impl QuickJs {
    /// Starts the engine.
    ///
    /// # Errors
    /// What it says when it does not start.
    pub fn new() -> Result<Self, String> {
        let runtime = Runtime::new().map_err(|error| error.to_string())?;
        let context = Context::full(&runtime).map_err(|error| error.to_string())?;
        let (profile, event) = context
            .with(|ctx| {
                let take = |name: &str, json: Json| {
                    let value = ctx.json_parse(json.to_string())?;
                    ctx.globals().set(name, value.clone())?;
                    Ok::<_, rquickjs::Error>(Persistent::save(&ctx, value))
                };
                Ok((take("PROFILE", customer::profile())?, take("EVENT", customer::event())?))
            })
            .map_err(|error: rquickjs::Error| error.to_string())?;
        Ok(Self { context, profile, event })
    }

    fn compile(&self, reach: Reach, source: &str) -> Result<Persistent<Function<'static>>, String> {
        self.context.with(|ctx| {
            let compiled = || {
                let function: Function<'_> = ctx.eval(reach.script(source))?;
                let function: Function<'_> = match reach {
                    Reach::Captured => function.call(self.arguments(&ctx)?)?,
                    Reach::Arguments | Reach::Globals => function,
                };
                Ok(Persistent::save(&ctx, function))
            };
            compiled().catch(&ctx).map_err(|error| error.to_string())
        })
    }

    fn arguments<'js>(&self, ctx: &Ctx<'js>) -> rquickjs::Result<(Value<'js>, Value<'js>)> {
        Ok((self.profile.clone().restore(ctx)?, self.event.clone().restore(ctx)?))
    }
}

impl Engine for QuickJs {
    fn name(&self) -> &'static str {
        "QuickJS"
    }
    fn package(&self) -> &'static str {
        "rquickjs"
    }
    fn language(&self) -> Language {
        Language::JavaScript
    }
    fn prepare(&self, source: &str, condition: bool) -> Result<Vec<Prepared<'_>>, String> {
        Reach::ALL
            .into_iter()
            .map(|reach| {
                let function = self.compile(reach, source)?;
                let with_arguments = reach == Reach::Arguments;
                let compiled = Compiled { engine: self, function, with_arguments };
                Ok(Prepared::new(reach.name(), condition, compiled))
            })
            .collect()
    }
}

impl Compiled<'_> {
    /// Lends the function, and the arguments where it takes them.
    fn lend<R>(
        &self,
        run: impl for<'js> FnOnce(&Function<'js>, Option<&(Value<'js>, Value<'js>)>) -> R,
    ) -> R {
        self.engine.context.with(|ctx| {
            let function = self.function.clone().restore(&ctx).expect("its own function");
            let arguments = self.engine.arguments(&ctx).expect("its own objects");
            run(&function, self.with_arguments.then_some(&arguments))
        })
    }
}

fn call<'js, R: FromJs<'js>>(
    function: &Function<'js>,
    arguments: Option<&(Value<'js>, Value<'js>)>,
) -> rquickjs::Result<R> {
    match arguments {
        Some((profile, event)) => function.call((profile.clone(), event.clone())),
        None => function.call(()),
    }
}

impl Way for Compiled<'_> {
    fn answer(&mut self) -> Result<Json, String> {
        self.lend(|function, arguments| {
            let ctx = function.ctx();
            let text = || {
                let value: Value<'_> = call(function, arguments)?;
                ctx.json_stringify(value)?.map(|text| text.to_string()).transpose()
            };
            match text().catch(ctx).map_err(|error| error.to_string())? {
                Some(text) => serde_json::from_str(&text).map_err(|error| error.to_string()),
                None => Ok(Json::Null),
            }
        })
    }

    fn values(&mut self, runs: u64) {
        self.lend(|function, arguments| {
            for _ in 0..runs {
                let value: Value<'_> = call(black_box(function), arguments).expect("a value");
                drop(black_box(value));
            }
        });
    }

    fn truths(&mut self, runs: u64) -> u64 {
        self.lend(|function, arguments| {
            let mut truths = 0;
            for _ in 0..runs {
                let truth: bool = call(black_box(function), arguments).expect("a truth");
                truths += u64::from(black_box(truth));
            }
            truths
        })
    }
}
