//! Guard rails: bounds on how many values of a key one profile may hold, so that what many people share
//! never makes one person of them (page 4.1).
//!
//! The rule, for one event. Its identifiers stand strongest first; an identifier is known when some profile
//! holds it.
//!
//! 1. All profiles that the event's identifiers lead to, and the event's unknown identifiers, would become
//!    one profile. When that breaks no bound, they do: new, known, extended or merged as without guard
//!    rails. A bound `n` of a key is broken when that one profile would hold more than `n` values of the key
//!    and more than any of the profiles holds already (a bound that was lowered later parts nobody).
//! 2. Otherwise nothing merges, and one profile is decided by the strongest identifier that can: going
//!    through the identifiers, strongest first, it is the profile of the first known one that has room for
//!    all of the event's stronger identifiers that are not its own. When none has, it is a new profile.
//! 3. Every other identifier of the event moves to that profile: the last login wins. A profile that it
//!    leaves keeps its attributes and its other identifiers. One that would be left without any identifier
//!    could never be found again: it goes with them, united as in a merge, the oldest rid staying. That is
//!    the one exception to "nothing merges", and it makes no strangers meet: it holds nothing but
//!    identifiers of this very event.
//! 4. Of each key of which the profile has gained a value, it lets go of those seen least recently until the
//!    bound holds, never of the event's own: a stronger identifier parts profiles, a weaker one is replaced.
//!
//! So a device (`td_client_id`) on which people log in one after another (`customer_id`, bound 1) always
//! belongs to whoever logged in last, and each has a profile of their own.
//!
//! Invariants: pure, and the same whatever the order of shards or tables; with no bounds nothing here is
//! asked; of an event whose identifiers all lead to one profile nothing changes, whatever the bounds.

use smallvec::SmallVec;

use super::identity::{self, Moved, Outcome};
use super::listed::Listed;
use super::{Identifier, Packed, Rid};

/// How many values of which keys one profile may hold, the strongest key first.
#[derive(Debug, Default)]
pub struct Rails(Vec<(u16, usize)>);

/// No bounds but that of all identifiers together.
pub static NO_RAILS: Rails = Rails(Vec::new());

impl Rails {
    /// Rails by key number, in the keys' order; each is at least 1.
    pub fn new(bounds: impl IntoIterator<Item = (u16, usize)>) -> Self {
        Self(bounds.into_iter().map(|(key, most)| (key, most.max(1))).collect())
    }

    /// Whether no key has a bound.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bound of a key.
    pub fn of(&self, key: u16) -> Option<usize> {
        self.0.iter().find_map(|(known, most)| (*known == key).then_some(*most))
    }

    /// Whether a profile of so many values of a key has no room for one more.
    pub(super) fn is_full(&self, values: usize, key: u16) -> bool {
        self.of(key).is_some_and(|most| values >= most)
    }
}

/// What an event's identifiers lead to, seen under its locks.
pub(super) struct Meeting<'m, F> {
    /// The event's identifiers, strongest first.
    pub(super) identifiers: &'m [Identifier],
    /// Which profile holds each.
    pub(super) held: &'m [Option<Rid>],
    /// A profile that is held.
    pub(super) profile: F,
}

impl<'p, F: Fn(Rid) -> &'p Packed> Meeting<'_, F> {
    /// Whose event it is; `newcomer` is the id that a new profile gets.
    pub(super) fn decide(&self, rails: &Rails, newcomer: Rid) -> Outcome {
        let plain = identity::decide(self.held, newcomer);
        if rails.is_empty() || !matches!(plain, Outcome::Extended(_) | Outcome::Merged { .. }) {
            return plain;
        }
        let Some(bound) = self.broken(rails) else { return plain };
        let deciding = self.deciding(rails);
        // A weaker identifier that only takes an older one's place parts nobody.
        match (plain, deciding) {
            (Outcome::Extended(rid), Some(deciding)) if rid == deciding => Outcome::Extended(rid),
            _ => Outcome::Moved(Box::new(self.moved(deciding, newcomer, bound))),
        }
    }

    /// The strongest key of which everything together would hold too many values.
    fn broken(&self, rails: &Rails) -> Option<u16> {
        let profiles = self.profiles();
        let is_broken = |key: u16, most: usize| {
            let counts = profiles.iter().map(|rid| (self.profile)(*rid).value_count(key));
            let (sum, largest) =
                counts.fold((0, 0), |(sum, largest), count| (sum + count, count.max(largest)));
            let unknown = self.identifiers.iter().zip(self.held);
            let unknown = unknown.filter(|(own, held)| own.key == key && held.is_none()).count();
            sum + unknown > most.max(largest)
        };
        rails.0.iter().find_map(|(key, most)| is_broken(*key, *most).then_some(*key))
    }

    /// The profile of the strongest known identifier that has room for all stronger ones.
    fn deciding(&self, rails: &Rails) -> Option<Rid> {
        self.held.iter().enumerate().find_map(|(at, held)| {
            let rid = (*held)?;
            let profile = (self.profile)(rid);
            let mut stronger = self.identifiers[..at].iter().zip(self.held);
            let has_room = stronger.all(|(own, held)| {
                *held == Some(rid) || !rails.is_full(profile.value_count(own.key), own.key)
            });
            has_room.then_some(rid)
        })
    }

    fn moved(&self, deciding: Option<Rid>, newcomer: Rid, bound: u16) -> Moved {
        let mut united: SmallVec<[Rid; 4]> = deciding.into_iter().collect();
        if deciding.is_some() {
            let left = self.profiles();
            united
                .extend(left.into_iter().filter(|rid| Some(*rid) != deciding && self.drains(*rid)));
        }
        united.sort_unstable();
        let moved = self.held.iter().enumerate().filter_map(|(at, held)| {
            let from = (*held).filter(|rid| Some(*rid) != deciding)?;
            Some((at as u8, from))
        });
        Moved {
            rid: united.first().copied().unwrap_or(newcomer),
            is_new: united.is_empty(),
            bound,
            merged: united.get(1..).unwrap_or_default().to_vec(),
            moved: moved.collect(),
        }
    }

    /// Whether the event carries every identifier that a profile has.
    fn drains(&self, rid: Rid) -> bool {
        let is_own = |listed: Listed<'_>| {
            self.identifiers.iter().any(|identifier| Listed::new(identifier, 0).is(&listed))
        };
        (self.profile)(rid).listed().all(is_own)
    }

    /// The profiles that meet, each once, the oldest first.
    fn profiles(&self) -> SmallVec<[Rid; 4]> {
        let mut rids: SmallVec<[Rid; 4]> = self.held.iter().flatten().copied().collect();
        rids.sort_unstable();
        rids.dedup();
        rids
    }
}
