//! Scope: what the names of an expression read while one event is applied or decided.
//!
//! Reads go to the draft while attributes are computed and to the installed profile while offers
//! are decided; both are seen at one processing time. Invariant: reading changes nothing.

use std::borrow::Cow;

use super::computed::ComputedValues;
use super::draws::{Drawer, Draws};
use crate::config::plan::{Attribute, Plan, Slot};
use crate::event::uuid_text;
use crate::expr::Scope;
use crate::offer::{Audience, RuleScope};
use crate::profile::{Draft, Packed, Rid};
use crate::value::date::Zone;
use crate::value::{Text, Value};

static UNDEFINED: Value = Value::Undefined;

/// A profile as expressions see it, whether it is installed or still a draft.
pub trait ProfileView {
    /// Its id.
    fn rid(&self) -> Option<Rid>;
    /// The most recently seen value of a key.
    fn key_value(&self, key: u16) -> Option<Text>;
    /// What an attribute reads.
    fn read(&self, attribute: &Attribute, now_ms: i64) -> Cow<'_, Value>;
    /// What one of a counter's windows reads.
    fn read_window(&self, attribute: &Attribute, window: usize, now_ms: i64) -> Value;
    /// When an attribute last changed, epoch milliseconds.
    fn changed_ms(&self, attribute: &Attribute, now_ms: i64) -> Option<i64>;
}

impl ProfileView for Packed {
    fn rid(&self) -> Option<Rid> {
        Some(Packed::rid(self))
    }

    fn key_value(&self, key: u16) -> Option<Text> {
        self.newest_value(key)
    }

    fn read(&self, attribute: &Attribute, now_ms: i64) -> Cow<'_, Value> {
        Cow::Owned(Packed::read(self, attribute.id, &attribute.spec, now_ms))
    }

    fn read_window(&self, attribute: &Attribute, window: usize, now_ms: i64) -> Value {
        Packed::read_window(self, attribute.id, &attribute.spec, window, now_ms)
    }

    fn changed_ms(&self, attribute: &Attribute, now_ms: i64) -> Option<i64> {
        self.attribute(attribute.id)?.changed_ms(&attribute.spec, now_ms)
    }
}

impl ProfileView for Draft<'_> {
    fn rid(&self) -> Option<Rid> {
        Draft::rid(self)
    }

    fn key_value(&self, key: u16) -> Option<Text> {
        Draft::key_value(self, key)
    }

    fn read(&self, attribute: &Attribute, _now_ms: i64) -> Cow<'_, Value> {
        Draft::read(self, attribute.id, &attribute.spec)
    }

    fn read_window(&self, attribute: &Attribute, window: usize, _now_ms: i64) -> Value {
        Draft::read_window(self, attribute.id, &attribute.spec, window)
    }

    fn changed_ms(&self, attribute: &Attribute, _now_ms: i64) -> Option<i64> {
        Draft::changed_ms(self, attribute.id, &attribute.spec)
    }
}

/// A draft's profile as it was before the event.
pub struct Unchanged<'d, 'l>(pub &'d Draft<'l>);

impl ProfileView for Unchanged<'_, '_> {
    fn rid(&self) -> Option<Rid> {
        self.0.rid()
    }

    fn key_value(&self, key: u16) -> Option<Text> {
        self.0.key_value_before(key)
    }

    fn read(&self, attribute: &Attribute, now_ms: i64) -> Cow<'_, Value> {
        Cow::Owned(match self.0.before(attribute.id) {
            Some(state) => state.read(&attribute.spec, now_ms).into_owned(),
            None => attribute.spec.nothing(),
        })
    }

    fn read_window(&self, attribute: &Attribute, window: usize, now_ms: i64) -> Value {
        match self.0.before(attribute.id) {
            Some(state) => state.read_window(&attribute.spec, window, now_ms),
            None => attribute.spec.nothing(),
        }
    }

    fn changed_ms(&self, attribute: &Attribute, now_ms: i64) -> Option<i64> {
        self.0.before(attribute.id)?.changed_ms(&attribute.spec, now_ms)
    }
}

/// The names of one event over one profile.
pub struct EventScope<'a, P> {
    /// The plan whose slots are read.
    pub plan: &'a Plan,
    /// The profile; `None` for an event's filter, and for a repeat that nobody is known for.
    pub profile: Option<&'a P>,
    /// `EVENT.<field>` by index.
    pub fields: &'a [Value],
    /// `EVENT` as an object.
    pub whole: &'a Value,
    /// Processing time, epoch milliseconds.
    pub now_ms: i64,
    /// What `Math.random` gives.
    pub draws: &'a Draws<'a>,
    /// `ITEM`, or the names of `let`.
    pub locals: Vec<Value>,
    /// `BEFORE.<name>`, as in [`Plan::before`].
    pub before: &'a [Value],
    /// What computed attributes came to.
    pub computed: &'a ComputedValues,
    /// Who the value is for.
    pub audience: Audience,
}

impl<P: ProfileView> EventScope<'_, P> {
    fn attribute(&self, position: usize) -> Cow<'_, Value> {
        let attribute = &self.plan.attributes[position];
        match self.profile {
            Some(profile) => profile.read(attribute, self.now_ms),
            None => Cow::Owned(attribute.spec.nothing()),
        }
    }
}

impl<P: ProfileView> Scope for EventScope<'_, P> {
    fn profile(&self, slot: u32) -> Cow<'_, Value> {
        match self.plan.slots[slot as usize].1 {
            Slot::Key(key) => {
                let id = self.plan.keys[key].id;
                match self.profile.and_then(|profile| profile.key_value(id)) {
                    Some(value) => Cow::Owned(Value::String(value)),
                    None => Cow::Borrowed(&UNDEFINED),
                }
            }
            Slot::Attribute(position) => self.attribute(position),
            Slot::Window(position, window) => Cow::Owned(match self.profile {
                Some(profile) => {
                    profile.read_window(&self.plan.attributes[position], window, self.now_ms)
                }
                None => self.plan.attributes[position].spec.nothing(),
            }),
            Slot::Aggregate(position, at) => {
                let aggregate = &self.plan.attributes[position].aggregates[at];
                Cow::Owned(aggregate.of(&self.attribute(position)))
            }
            Slot::Computed(at) => Cow::Owned(self.computed.read(self, at)),
            Slot::Updated(position) => {
                let attribute = &self.plan.attributes[position];
                let changed_ms =
                    self.profile.and_then(|profile| profile.changed_ms(attribute, self.now_ms));
                match changed_ms {
                    Some(changed_ms) => Cow::Owned(Value::Number(changed_ms as f64)),
                    None => Cow::Borrowed(&UNDEFINED),
                }
            }
            Slot::Before(at) => Cow::Borrowed(self.before.get(at).unwrap_or(&UNDEFINED)),
        }
    }

    fn profile_object(&self) -> &Value {
        &UNDEFINED
    }

    fn field(&self, index: u32) -> &Value {
        self.fields.get(index as usize).unwrap_or(&UNDEFINED)
    }

    fn event(&self) -> &Value {
        self.whole
    }

    fn local(&self, index: u32) -> &Value {
        self.locals.get(index as usize).unwrap_or(&UNDEFINED)
    }

    fn now_ms(&self) -> i64 {
        self.now_ms
    }

    fn zone(&self) -> Zone {
        self.plan.time_zone
    }

    fn shows_sensitive(&self) -> bool {
        self.audience.is_shown_sensitive()
    }

    fn random(&self) -> Option<f64> {
        Some(self.draws.draw(self.plan))
    }

    fn rid(&self) -> Option<Text> {
        self.profile.and_then(|profile| profile.rid()).map(|rid| uuid_text(&rid.0))
    }
}

impl<P: ProfileView> RuleScope for EventScope<'_, P> {
    fn push_local(&mut self, value: Value) {
        self.locals.push(value);
    }

    fn start_rule(&mut self, offer: usize, rule: usize) {
        self.locals.clear();
        self.draws.start(Drawer::Offer(offer, rule));
    }

    fn audience(&self) -> Audience {
        self.audience
    }
}
