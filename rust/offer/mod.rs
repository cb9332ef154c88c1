//! Offers: which of them hold for a profile now.
//!
//! `decide` walks the offers in the configuration's order over one event and one profile; of an
//! offer's rules the first that matches wins. A rule that throws does not match, and the request
//! goes on (page 3.4). Invariant: deciding changes nothing but its answer, its fuel and its counts.

pub mod answer;

pub use answer::Answer;

use crate::expr::{EvalError, EvalErrorKind, Fuel, Program, Scope, Template, Vm};
use crate::value::{Text, Value};

/// Index of an entry of `events`.
pub type EventId = u16;

/// Which events a rule is for.
#[derive(Clone, Debug)]
pub enum EventSet {
    /// Every event of the reactor.
    Every,
    /// These, ascending.
    Of(Vec<EventId>),
}

impl EventSet {
    /// Whether the rule is for an event that matched these entries.
    pub fn matches(&self, matched: &[EventId]) -> bool {
        match self {
            Self::Every => true,
            Self::Of(events) => matched.iter().any(|event| events.binary_search(event).is_ok()),
        }
    }
}

/// One offer.
#[derive(Debug)]
pub struct Offer {
    /// Wire name.
    pub name: Text,
    /// `server_only`: public callers do not get it.
    pub server_only: bool,
    /// Whether its data can show a sensitive value: the entries are [`Template::Sensitive`].
    pub shows_sensitive: bool,
    /// The first matching rule wins.
    pub rules: Vec<OfferRule>,
}

/// One entry of an offer's `set`.
#[derive(Debug)]
pub struct OfferRule {
    /// Its events.
    pub events: EventSet,
    /// `let`, in order: the i-th sees the locals before it and becomes local i.
    pub lets: Vec<Program>,
    /// All must hold.
    pub conditions: Vec<Program>,
    /// `data`: always a [`Template::Map`].
    pub data: Template,
    /// Ids of the batch segments that the answer tells of; `None` when the rule names none.
    pub batch_segments: Option<Vec<Text>>,
}

/// Who an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audience {
    /// Whether anybody may be the caller.
    pub is_public: bool,
    /// Whether the caller may see sensitive values; nothing to a public one.
    pub sees_sensitive: bool,
}

impl Audience {
    /// A server that is trusted.
    pub const SERVER: Self = Self { is_public: false, sees_sensitive: true };

    /// Whether sensitive values may be shown.
    pub fn is_shown_sensitive(self) -> bool {
        self.sees_sensitive && !self.is_public
    }

    /// Whether the offer is for somebody else.
    fn is_refused(self, offer: &Offer) -> bool {
        let hidden = offer.shows_sensitive && !self.is_shown_sensitive();
        offer.server_only && (self.is_public || hidden)
    }
}

/// What a rule reads: a scope whose locals (`let`) are filled while it runs.
pub trait RuleScope: Scope {
    /// Adds the next local.
    fn push_local(&mut self, value: Value);
    /// Which of these batch segments the profile is in, in the order given.
    ///
    /// # Errors
    /// `Unreadable` when batch data cannot be read.
    fn among_segments(&self, ids: &[Text]) -> Result<Vec<Text>, EvalErrorKind>;
    /// Begins with a rule, both by their positions: no locals yet, and its own random numbers.
    fn start_rule(&mut self, offer: usize, rule: usize);
    /// Who the answer is for.
    fn audience(&self) -> Audience;
}

/// Decides all offers for one event and writes those that hold into `answer`.
///
/// `on_error` is told the offer's position and the class of each error.
pub fn decide<S: RuleScope>(
    offers: &[Offer],
    matched: &[EventId],
    scope: &mut S,
    vm: &mut Vm,
    answer: &mut Answer<'_>,
    on_error: &mut dyn FnMut(usize, EvalErrorKind),
) {
    let mut give = |given: Given<'_>| {
        answer.offer(&given.offer.name, &given.data, given.batch_segments.as_deref())
    };
    decide_each(offers, matched, scope, vm, &mut give, on_error);
}

/// An offer that holds.
#[derive(Debug)]
pub struct Given<'a> {
    /// The offer.
    pub offer: &'a Offer,
    /// Position of the rule that won, from 0.
    pub rule: usize,
    /// Its data: always an object.
    pub data: Value,
    /// Of the batch segments that it names, those that the profile is in; `None` when it names none.
    pub batch_segments: Option<Vec<Text>>,
}

/// As [`decide`], for callers that want the offers one by one and which rule won.
pub fn decide_each<S: RuleScope>(
    offers: &[Offer],
    matched: &[EventId],
    scope: &mut S,
    vm: &mut Vm,
    give: &mut dyn FnMut(Given<'_>),
    on_error: &mut dyn FnMut(usize, EvalErrorKind),
) {
    let mut fuel = Fuel::request();
    let audience = scope.audience();
    let offers = offers.iter().enumerate();
    for (position, offer) in offers.filter(|(_, offer)| !audience.is_refused(offer)) {
        let mut count = |error: EvalError| on_error(position, error.kind);
        let winner = offer.rules.iter().enumerate().position(|(at, rule)| {
            if !rule.events.matches(matched) {
                return false;
            }
            scope.start_rule(position, at);
            holds(rule, scope, vm, &mut fuel).unwrap_or_else(|error| {
                count(error);
                false
            })
        });
        let Some(rule) = winner else { continue };
        let data = match offer.rules[rule].data.evaluate(vm, scope, &mut fuel, &mut count) {
            Ok(data @ Value::Object(_)) => data,
            Ok(_) => Value::object(Vec::new()),
            Err(error) => {
                count(error);
                Value::object(Vec::new())
            }
        };
        let named = offer.rules[rule].batch_segments.as_ref();
        match named.map(|ids| scope.among_segments(ids)).transpose() {
            Ok(batch_segments) => give(Given { offer, rule, data, batch_segments }),
            // Who is told less than holds would act on it: no offer is better than half of one.
            Err(kind) => on_error(position, kind),
        }
    }
}

/// Whether a rule's conditions all hold; leaves its locals in the scope, where none are yet.
fn holds<S: RuleScope>(
    rule: &OfferRule,
    scope: &mut S,
    vm: &mut Vm,
    fuel: &mut Fuel,
) -> Result<bool, EvalError> {
    for program in &rule.lets {
        let value = vm.evaluate(program, scope, fuel)?;
        scope.push_local(value);
    }
    for condition in &rule.conditions {
        if !vm.test(condition, scope, fuel)? {
            return Ok(false);
        }
    }
    Ok(true)
}
