//! Computed: the values of computed attributes, evaluated when they are first read.
//!
//! A value is kept for as long as the profile stays as it is: while offers are decided for the
//! whole of it, while attribute rules run until the next rule that changes the profile, so that
//! every rule sees what the rules before it left. What one needs is evaluated before it, so that
//! no evaluation goes on inside another but the one that reads.
//! Invariants: nothing is evaluated that nothing reads; what they cost comes from a budget of their
//! own, as large as the request's, once for apply and once for decide; an error is the attribute's,
//! and the value is then `undefined`.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use super::apply::Trouble;
use super::draws::{Drawer, Draws};
use super::scope::{EventScope, ProfileView};
use crate::config::plan::Plan;
use crate::expr::{EvalError, Fuel, Scope, Vm};
use crate::value::date::Zone;
use crate::value::{Text, Value};

static UNDEFINED: Value = Value::Undefined;

/// What computed attributes came to so far.
#[derive(Debug)]
pub struct ComputedValues {
    values: RefCell<Vec<Option<Value>>>,
    fuel: RefCell<Fuel>,
    troubles: RefCell<Vec<Trouble>>,
    busy: Cell<bool>,
}

impl Default for ComputedValues {
    fn default() -> Self {
        Self::with_fuel(Fuel::request())
    }
}

impl ComputedValues {
    fn with_fuel(fuel: Fuel) -> Self {
        Self {
            values: RefCell::default(),
            fuel: RefCell::new(fuel),
            troubles: RefCell::default(),
            busy: Cell::new(false),
        }
    }

    /// The profile has changed: what was computed from it is of no use.
    pub fn forget(&self) {
        self.values.borrow_mut().clear();
    }

    /// What went wrong so far.
    pub fn drain_into(&self, troubles: &mut Vec<Trouble>) {
        troubles.append(&mut self.troubles.borrow_mut());
    }

    /// The value of the computed attribute at position `at` of [`Plan::computed`].
    pub fn read<P: ProfileView>(&self, scope: &EventScope<'_, P>, at: usize) -> Value {
        if let Some(value) = self.known(at) {
            return value;
        }
        // Only what was published and would be refused today reads in a circle.
        if self.busy.replace(true) {
            return Value::Undefined;
        }
        self.values.borrow_mut().resize(scope.plan.computed.len(), None);
        let needs = &scope.plan.computed[at].needs;
        let mut last = Value::Undefined;
        for next in needs.iter().chain([&at]) {
            last = match self.known(*next) {
                Some(value) => value,
                None => self.evaluate(scope, *next),
            };
            self.values.borrow_mut()[*next] = Some(last.clone());
        }
        self.busy.set(false);
        last
    }

    fn known(&self, at: usize) -> Option<Value> {
        self.values.borrow().get(at).cloned().flatten()
    }

    fn evaluate<P: ProfileView>(&self, scope: &EventScope<'_, P>, at: usize) -> Value {
        let computed = &scope.plan.computed[at];
        let attribute = &scope.plan.attributes[computed.attribute];
        let draws = scope.draws.of(Drawer::Computed(computed.attribute));
        let own = OfNoEvent { scope, draws: &draws };
        let mut on_error = |error: EvalError| {
            self.troubles.borrow_mut().push(Trouble::Rule(computed.attribute, error.kind));
        };
        let mut vm = Vm::default();
        let mut fuel = self.fuel.borrow_mut();
        match computed.value.evaluate(&mut vm, &own, &mut fuel, &mut on_error) {
            Ok(value) => match attribute.conversion.own {
                Some(data_type) => {
                    data_type.convert(value, scope.plan.time_zone).unwrap_or_else(|rejected| {
                        let trouble = Trouble::Value(computed.attribute, rejected);
                        self.troubles.borrow_mut().push(trouble);
                        Value::Undefined
                    })
                }
                None => value,
            },
            Err(error) => {
                on_error(error);
                Value::Undefined
            }
        }
    }
}

/// What a computed attribute reads: the profile, with random numbers of its own.
struct OfNoEvent<'a, 'e, P> {
    scope: &'a EventScope<'e, P>,
    draws: &'a Draws<'a>,
}

impl<P: ProfileView> Scope for OfNoEvent<'_, '_, P> {
    fn profile(&self, slot: u32) -> Cow<'_, Value> {
        self.scope.profile(slot)
    }

    fn take_failure(&self) -> Option<&'static str> {
        self.scope.take_failure()
    }

    fn profile_object(&self) -> &Value {
        &UNDEFINED
    }

    fn field(&self, _index: u32) -> &Value {
        &UNDEFINED
    }

    fn event(&self) -> &Value {
        &UNDEFINED
    }

    fn local(&self, _index: u32) -> &Value {
        &UNDEFINED
    }

    fn now_ms(&self) -> i64 {
        self.scope.now_ms()
    }

    fn rid(&self) -> Option<Text> {
        self.scope.rid()
    }

    fn zone(&self) -> Zone {
        self.scope.zone()
    }

    fn catalog(&self, catalog: u32, key: &Value) -> Value {
        self.scope.catalog(catalog, key)
    }

    fn random(&self) -> Option<f64> {
        Some(self.draws.draw(self.scope.plan))
    }
}

/// What the names of `BEFORE` that a plan reads read of a profile that no rule has changed yet.
pub fn read_before<P: ProfileView>(plan: &Plan, scope: &EventScope<'_, P>) -> Vec<Value> {
    plan.before.iter().map(|slot| scope.profile(*slot).into_owned()).collect()
}
