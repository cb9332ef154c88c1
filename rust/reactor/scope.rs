//! Scope: what the names of an expression read while one event is applied or decided.
//!
//! Reads go to the draft while attributes are computed and to the installed profile while offers
//! are decided; both are seen at one processing time. Invariant: reading changes nothing.

use std::borrow::Cow;
use std::cell::RefCell;

use smallvec::SmallVec;

use super::computed::ComputedValues;
use super::draws::{Drawer, Draws};
use super::lookups::Lookups;
use crate::config::plan::{Attribute, Plan, Slot};
use crate::event::uuid_text;
use crate::expr::{EvalErrorKind, Scope};
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
    /// Every identifier that it has, by its key's number, the least recently seen first.
    fn each_identifier(&self, give: &mut dyn FnMut(u16, &str));
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

    fn each_identifier(&self, give: &mut dyn FnMut(u16, &str)) {
        for seen in self.identifiers() {
            give(seen.identifier.key, &seen.identifier.value);
        }
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

    fn each_identifier(&self, give: &mut dyn FnMut(u16, &str)) {
        Draft::each_identifier(self, give);
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

    /// Those of the event, too: no event changes what is imported for them.
    fn each_identifier(&self, give: &mut dyn FnMut(u16, &str)) {
        self.0.each_identifier(give);
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
    /// What batch data gives.
    pub lookups: &'a Lookups<'a>,
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
    /// What was read of the profile, which stays as it is for as long as the scope lives.
    pub seen: Seen,
}

/// What was read of a profile so far, by position of the attribute and window. A profile is packed, so that a
/// value is made when it is read: several expressions of one scope pay once. Values are shared, not copied.
#[derive(Debug, Default)]
pub struct Seen(RefCell<SmallVec<[SeenValue; 4]>>);

/// Position of the attribute, the window when it was one, and the value.
type SeenValue = (usize, Option<usize>, Value);

impl Seen {
    fn read(&self, position: usize, window: Option<usize>, read: impl FnOnce() -> Value) -> Value {
        let of = |seen: &&SeenValue| (seen.0, seen.1) == (position, window);
        if let Some((_, _, value)) = self.0.borrow().iter().find(of) {
            return value.clone();
        }
        let value = read();
        self.0.borrow_mut().push((position, window, value.clone()));
        value
    }
}

impl<P: ProfileView> EventScope<'_, P> {
    fn attribute(&self, position: usize) -> Cow<'_, Value> {
        let attribute = &self.plan.attributes[position];
        Cow::Owned(match self.profile {
            Some(profile) => {
                self.seen.read(position, None, || profile.read(attribute, self.now_ms).into_owned())
            }
            None => attribute.spec.nothing(),
        })
    }

    fn window(&self, position: usize, window: usize) -> Value {
        let attribute = &self.plan.attributes[position];
        match self.profile {
            Some(profile) => self.seen.read(position, Some(window), || {
                profile.read_window(attribute, window, self.now_ms)
            }),
            None => attribute.spec.nothing(),
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
            Slot::Window(position, window) => Cow::Owned(self.window(position, window)),
            Slot::Imported(position) => self.lookups.imported(position, self.profile),
            Slot::Segments => self.lookups.segments(self.profile),
            Slot::Segment(position) => {
                let id = &self.plan.segments[position].id;
                Cow::Owned(Value::Bool(self.lookups.is_in_segment(id, self.profile)))
            }
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

    fn catalog(&self, catalog: u32, key: &Value) -> Value {
        self.lookups.row(catalog, key)
    }

    fn take_failure(&self) -> Option<&'static str> {
        self.lookups.take_failure()
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

    fn among_segments(&self, ids: &[Text]) -> Result<Vec<Text>, EvalErrorKind> {
        let is_in = |id: &&Text| self.lookups.is_in_segment(id, self.profile);
        let found = ids.iter().filter(is_in).cloned().collect();
        match self.lookups.take_failure() {
            None => Ok(found),
            Some(_) => Err(EvalErrorKind::Unreadable),
        }
    }

    fn start_rule(&mut self, offer: usize, rule: usize) {
        self.locals.clear();
        self.draws.start(Drawer::Offer(offer, rule));
    }

    fn audience(&self) -> Audience {
        self.audience
    }
}
