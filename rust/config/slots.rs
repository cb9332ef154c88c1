//! Slots: the names that a configuration gives to `PROFILE` and the other spaces, and where each is read.
//!
//! The compiler of expressions asks for names and is given numbers. Invariant: of equal names the first keeps
//! the name; a slot is given once.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use crate::expr::advice::Type;
use crate::expr::{Found, ProfileSlots, Space};
use crate::value::Text;

/// What is said of `BEFORE` of what is imported.
const IMPORTED_HAS_NO_BEFORE: &str =
    "No event changes what is imported: read it as `PROFILE.<name>`.";

/// What is said of `REQUEST` elsewhere.
const ONLY_IN_IGNORE: &str =
    "`REQUEST` is read only in `ignore`: who sent an event must not decide what becomes of it.";

/// What a computed attribute's `value` says of `BEFORE`.
const COMPUTED_SEES_NO_EVENT: &str =
    "A computed attribute is read with and without an event: there is no `BEFORE` in it.";

/// The names that a configuration gives to `PROFILE.<name>` and the other spaces, with what they
/// read.
#[derive(Debug, Default)]
pub struct Slots {
    count: u32,
    profile: SpaceSlots,
    others: HashMap<Space, SpaceSlots>,
    /// What `PROFILE.<name>` reads, by slot.
    types: HashMap<u32, Type>,
    catalogs: Vec<Text>,
    /// Slots of batch data.
    looked_up: HashSet<u32>,
    /// The slots of `PROFILE` that some expression reads as `BEFORE.<name>`: those of `BEFORE` come
    /// behind all others, in this order.
    before: RefCell<Vec<u32>>,
    /// The slots of `PROFILE` that were looked up since [`Slots::start_reading`].
    read: RefCell<Vec<u32>>,
    /// Whether what is compiled is a computed attribute, which is of no one event.
    of_no_event: Cell<bool>,
}

/// The names of one space.
#[derive(Debug, Default)]
struct SpaceSlots {
    names: Vec<Text>,
    by_name: HashMap<Text, u32>,
}

impl SpaceSlots {
    fn push(&mut self, name: &Text, slot: u32) {
        self.by_name.entry(name.clone()).or_insert(slot);
        self.names.push(name.clone());
    }

    fn names(&self) -> Vec<&str> {
        self.names.iter().map(Text::as_str).collect()
    }
}

impl Slots {
    /// The next slot is `PROFILE.<name>`; of equal names the first keeps the name.
    pub fn push(&mut self, name: &Text, reads: Type) {
        self.profile.push(name, self.count);
        self.types.insert(self.count, reads);
        self.count += 1;
    }

    /// The next slot is `PROFILE.<name>`, looked up in batch data.
    pub fn push_looked_up(&mut self, name: &Text, reads: Type) {
        self.looked_up.insert(self.count);
        self.push(name, reads);
    }

    /// The next slot is a name of another space, looked up in batch data.
    pub fn push_looked_up_in(&mut self, space: Space, name: &Text) {
        self.looked_up.insert(self.count);
        self.push_in(space, name);
    }

    /// The next slot is a name of another space.
    pub fn push_in(&mut self, space: Space, name: &Text) {
        self.others.entry(space).or_default().push(name, self.count);
        self.count += 1;
    }

    /// The catalogs, in the order of their numbers.
    pub fn set_catalogs(&mut self, names: Vec<Text>) {
        self.catalogs = names;
    }

    /// From here on what is compiled is of an event, or not: then `BEFORE` is not there. The slots
    /// of `PROFILE` that were looked up until now are given.
    pub fn start_reading(&self, of_no_event: bool) -> Vec<u32> {
        self.of_no_event.set(of_no_event);
        self.read.take()
    }

    /// The slots of `PROFILE` that are read as `BEFORE.<name>`, by the slots behind all others.
    pub fn take_before(&self) -> Vec<u32> {
        self.before.take()
    }

    /// The slot of `PROFILE` that a slot of `BEFORE` reads; any other as it is.
    pub fn through_before(&self, slot: u32) -> u32 {
        let at = slot.checked_sub(self.count).map(|at| at as usize);
        at.and_then(|at| self.before.borrow().get(at).copied()).unwrap_or(slot)
    }

    fn before(&self, name: &str) -> Found {
        if self.of_no_event.get() {
            return Found::Absent(COMPUTED_SEES_NO_EVENT);
        }
        let Some(slot) = self.profile.by_name.get(name) else { return Found::Unknown };
        if self.looked_up.contains(slot) {
            return Found::Absent(IMPORTED_HAS_NO_BEFORE);
        }
        let mut before = self.before.borrow_mut();
        let known = before.iter().position(|known| known == slot);
        let at = known.unwrap_or_else(|| {
            before.push(*slot);
            before.len() - 1
        });
        Found::Slot(self.count + at as u32)
    }

    /// What is known of the values that a name of `PROFILE` reads.
    pub fn type_of(&self, name: &str) -> Option<Type> {
        let slot = self.profile.by_name.get(name)?;
        self.types.get(slot).cloned()
    }
}

impl ProfileSlots for Slots {
    fn slot(&self, name: &str) -> Option<u32> {
        let slot = self.profile.by_name.get(name).copied()?;
        self.read.borrow_mut().push(slot);
        Some(slot)
    }

    fn names(&self) -> Vec<&str> {
        self.profile.names()
    }

    fn is_looked_up(&self, slot: u32) -> bool {
        self.looked_up.contains(&slot)
    }

    fn find(&self, space: Space, name: &str) -> Found {
        if space == Space::Request {
            return Found::Absent(ONLY_IN_IGNORE);
        }
        if space == Space::Before {
            return self.before(name);
        }
        let slot = self.others.get(&space).and_then(|slots| slots.by_name.get(name));
        slot.map_or(Found::Unknown, |slot| Found::Slot(*slot))
    }

    fn names_in(&self, space: Space) -> Vec<&str> {
        if space == Space::Before {
            return self.names();
        }
        self.others.get(&space).map_or_else(Vec::new, SpaceSlots::names)
    }

    fn catalog(&self, name: &str) -> Option<u32> {
        self.catalogs.iter().position(|known| known == name).map(|at| at as u32)
    }

    fn catalogs(&self) -> Vec<&str> {
        self.catalogs.iter().map(Text::as_str).collect()
    }
}
