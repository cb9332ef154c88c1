//! Draws: what `Math.random` gives in one rule over one event.
//!
//! The seed is a hash, keyed by the directory's secret, of the event's uuid, the configuration's name and
//! the rule, so that the same event draws the same numbers live, on replay and when it is decided anew, and
//! no two rules draw alike. All expressions of one evaluation of a rule draw from one sequence.
//! Invariant: nothing is computed before the first number is asked for.

use std::cell::{Cell, RefCell};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::config::plan::Plan;
use crate::expr::random::Sequence;
use crate::offer::EventId;

/// What keys the draws of one event.
#[derive(Clone, Copy)]
pub struct EventKey<'a> {
    /// The secret's part.
    pub secret_seed: u64,
    /// The event's uuid: the client's, or the one that it was given.
    pub uuid: &'a [u8; 16],
}

/// Which rule draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawer {
    /// The filter of an entry of `events`.
    Filter(EventId),
    /// The rule at this position of [`Plan::rules`].
    Attribute(usize),
    /// The offer at this position, and its rule.
    Offer(usize, usize),
    /// The computed attribute at this position of [`Plan::attributes`].
    Computed(usize),
    /// The entry of `ignore` at this position.
    Ignore(usize),
}

/// The draws of one rule after another.
pub struct Draws<'a> {
    key: EventKey<'a>,
    drawer: Cell<Drawer>,
    sequence: RefCell<Option<Sequence>>,
}

impl<'a> Draws<'a> {
    /// The draws of a rule, from their beginning.
    pub fn new(key: EventKey<'a>, drawer: Drawer) -> Self {
        Self { key, drawer: Cell::new(drawer), sequence: RefCell::new(None) }
    }

    /// The draws of another rule over the same event.
    pub fn of(&self, drawer: Drawer) -> Draws<'a> {
        Draws::new(self.key, drawer)
    }

    /// Begins with another rule.
    pub fn start(&self, drawer: Drawer) {
        self.drawer.set(drawer);
        *self.sequence.borrow_mut() = None;
    }

    /// The next number.
    pub fn draw(&self, plan: &Plan) -> f64 {
        let mut sequence = self.sequence.borrow_mut();
        let begun = || Sequence::new(seed(self.key, plan, self.drawer.get()));
        sequence.get_or_insert_with(begun).draw()
    }
}

/// A rule is known by its owner's name and its position there, which other owners do not move.
fn seed(key: EventKey<'_>, plan: &Plan, drawer: Drawer) -> u64 {
    let (kind, owner, position) = match drawer {
        Drawer::Filter(event) => (0, plan.events[usize::from(event)].as_str(), 0),
        Drawer::Attribute(rule) => {
            let owner = plan.rules[rule].attribute;
            let before = plan.rules[..rule].iter().filter(|other| other.attribute == owner);
            (1, plan.attributes[owner].name.as_str(), before.count())
        }
        Drawer::Offer(offer, rule) => (2, plan.offers[offer].name.as_str(), rule),
        Drawer::Ignore(position) => (3, "", position),
        Drawer::Computed(attribute) => (4, plan.attributes[attribute].name.as_str(), 0),
    };
    let mut bytes = Vec::with_capacity(64);
    bytes.extend_from_slice(key.uuid);
    bytes.push(kind);
    bytes.extend_from_slice(&(position as u64).to_le_bytes());
    bytes.extend_from_slice(&(plan.name.len() as u64).to_le_bytes());
    bytes.extend_from_slice(plan.name.as_bytes());
    bytes.extend_from_slice(owner.as_bytes());
    xxh3_64_with_seed(&bytes, key.secret_seed)
}
