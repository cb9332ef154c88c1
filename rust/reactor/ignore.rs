//! Ignore: which events are kept out before anything else is asked of them, robots above all (page 4.4).
//!
//! Each entry of `ignore` sees REQUEST (who sent the event) and EVENT, nothing of profiles; the first that
//! holds decides. The verdict is the record's, or there is no record: replay and rehearsal never ask again,
//! for who sent an event is not written down.
//! Invariant: a configuration without `ignore` pays one look at an empty list.

use std::borrow::Cow;

use super::Caller;
use super::apply::Trouble;
use super::draws::{Drawer, Draws, EventKey};
use crate::config::plan::Plan;
use crate::event::Event;
use crate::expr::{Fuel, REQUEST_ADDRESS, REQUEST_USER_AGENT, Scope, Vm};
use crate::value::date::Zone;
use crate::value::{Text, Value};

static UNDEFINED: Value = Value::Undefined;

/// What becomes of an event before anybody is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It goes its way.
    Enters,
    /// It is stored and touches no profile.
    OnlyStored,
    /// It leaves no trace but a count.
    Dropped,
}

/// Judges an event by the plan's entries, in file order.
pub(super) fn judge(
    plan: &Plan,
    caller: &Caller<'_>,
    event: &Event,
    now_ms: i64,
    key: EventKey<'_>,
    vm: &mut Vm,
    troubles: &mut Vec<Trouble>,
) -> Admission {
    // A budget of its own: what was spent here must not be missing when the event is decided anew.
    let mut fuel = Fuel::request();
    for (position, entry) in plan.ignore.iter().enumerate() {
        let draws = Draws::new(key, Drawer::Ignore(position));
        let scope = RequestScope { plan, caller, event, now_ms, draws };
        match vm.test(&entry.condition, &scope, &mut fuel) {
            Ok(true) if entry.store => return Admission::OnlyStored,
            Ok(true) => return Admission::Dropped,
            Ok(false) => {}
            Err(error) => troubles.push(Trouble::Ignore(error.kind)),
        }
    }
    Admission::Enters
}

/// The names of an entry's `if`.
struct RequestScope<'a> {
    plan: &'a Plan,
    caller: &'a Caller<'a>,
    event: &'a Event,
    now_ms: i64,
    draws: Draws<'a>,
}

impl Scope for RequestScope<'_> {
    fn profile(&self, slot: u32) -> Cow<'_, Value> {
        let text = match slot {
            REQUEST_USER_AGENT => self.caller.user_agent,
            REQUEST_ADDRESS => self.caller.address,
            _ => None,
        };
        text.map_or(Cow::Borrowed(&UNDEFINED), |text| Cow::Owned(Value::text(text)))
    }

    fn profile_object(&self) -> &Value {
        &UNDEFINED
    }

    fn field(&self, index: u32) -> &Value {
        self.event.fields.get(index as usize).unwrap_or(&UNDEFINED)
    }

    fn event(&self) -> &Value {
        &self.event.whole
    }

    fn local(&self, _index: u32) -> &Value {
        &UNDEFINED
    }

    fn now_ms(&self) -> i64 {
        self.now_ms
    }

    fn zone(&self) -> Zone {
        self.plan.time_zone
    }

    fn random(&self) -> Option<f64> {
        Some(self.draws.draw(self.plan))
    }

    fn rid(&self) -> Option<Text> {
        None
    }
}
