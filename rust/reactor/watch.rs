//! Watch: identifiers that many people share, told before they do harm (page 4.1).
//!
//! Looked at is only what changes identity, once it is installed. What is found names keys and never values,
//! is counted, and becomes a sentence a key. It is no part of the state: it begins anew with every start, and
//! replay tells nothing.
//!
//! Invariant: of bounded size, whatever comes.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use crate::config::plan::{KeyId, Plan};
use crate::profile::{IDENTIFIERS_MAX, Identifier, Packed, Rid};
use crate::record::RecordedOutcome;
use crate::sync::Mutex;
use crate::value::Text;

/// How often one value must have moved between profiles to be called shared.
pub const SHARED_MOVES_MIN: u32 = 10;
/// How many values of a stronger key one profile must hold for the key that brought them together to be told.
pub const LINKED_VALUES_MIN: usize = 10;
/// Values that moved and are remembered, by hash; over that those that moved once are forgotten, then all.
const MOVED_VALUES_MAX: usize = 10_000;

/// What was noticed of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// A guard rail moved its values from profile to profile.
    Moved,
    /// One of its values moves again and again.
    Shared,
    /// Profiles hold half of its `max_values`, and more.
    HalfOfBound,
    /// Profiles hold half of the identifiers that they may have, most of them of this key.
    HalfOfAll,
    /// It brings many values of a stronger key, which has no bound, into one profile.
    LinksMany,
}

impl Sign {
    /// Its name in figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Moved => "moved",
            Self::Shared => "shared",
            Self::HalfOfBound => "half of max_values",
            Self::HalfOfAll => "half of all identifiers",
            Self::LinksMany => "links many",
        }
    }
}

/// A warning of a key, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityWarning {
    /// The key's name.
    pub key: Text,
    /// What was noticed.
    pub sign: Sign,
    /// How often.
    pub count: u64,
    /// What it means and what to do, for a person; no value is in it.
    pub sentence: String,
}

/// What was noticed since the reactor was opened.
#[derive(Debug, Default)]
pub struct Watch {
    hasher: RandomState,
    noticed: Mutex<BTreeMap<(Text, Sign), Noticed>>,
    /// How often a value has moved, by its hash.
    moves: Mutex<HashMap<u64, u32>>,
}

#[derive(Debug, Default)]
struct Noticed {
    count: u64,
    /// What the sentence needs beside the key's name.
    beside: Text,
}

/// One event that changed who is who, and the profile that it led to.
pub(super) struct Occasion<'a> {
    pub(super) plan: &'a Plan,
    pub(super) identifiers: &'a [Identifier],
    /// Who held each before.
    pub(super) held: &'a [Option<Rid>],
    pub(super) outcome: &'a RecordedOutcome,
    pub(super) profile: &'a Packed,
}

impl Watch {
    /// Looks at an event that changed who is who.
    pub(super) fn look(&self, occasion: &Occasion<'_>) {
        if let RecordedOutcome::Moved(moved) = occasion.outcome {
            for (position, _) in &moved.moved {
                self.moved(occasion, &occasion.identifiers[usize::from(*position)]);
            }
        }
        self.halves(occasion);
        self.links(occasion);
    }

    fn moved(&self, occasion: &Occasion<'_>, identifier: &Identifier) {
        self.notice(occasion.plan, identifier.key, Sign::Moved, &Text::default());
        let hash = self.hasher.hash_one(identifier);
        let mut moves = self.moves.lock();
        if moves.len() >= MOVED_VALUES_MAX && !moves.contains_key(&hash) {
            moves.retain(|_, times| *times > 1);
            if moves.len() >= MOVED_VALUES_MAX {
                moves.clear();
            }
        }
        let times = moves.entry(hash).or_default();
        *times = times.saturating_add(1);
        if *times >= SHARED_MOVES_MIN {
            self.notice(occasion.plan, identifier.key, Sign::Shared, &Text::default());
        }
    }

    /// Bounds that are half used, by keys of which the profile has just gained a value.
    fn halves(&self, occasion: &Occasion<'_>) {
        let Occasion { plan, identifiers, held, profile, .. } = occasion;
        let gained =
            identifiers.iter().zip(*held).filter(|(_, held)| **held != Some(profile.rid()));
        for (identifier, _) in gained {
            let most = plan.rails.of(identifier.key).filter(|most| *most > 1);
            if let Some(most) = most
                && 2 * profile.value_count(identifier.key) >= most
            {
                let most = smol_str::format_smolstr!("{most}");
                self.notice(plan, identifier.key, Sign::HalfOfBound, &most);
            }
        }
        if 2 * profile.identifier_count() >= IDENTIFIERS_MAX {
            let most = plan.keys.iter().max_by_key(|key| profile.value_count(key.id));
            if let Some(key) = most {
                self.notice(plan, key.id, Sign::HalfOfAll, &Text::default());
            }
        }
    }

    /// A weaker identifier that was known and brings one more value of a key without a bound.
    fn links(&self, occasion: &Occasion<'_>) {
        let Occasion { plan, identifiers, held, profile, .. } = occasion;
        let Some(weakest) = held.iter().rposition(Option::is_some) else { return };
        for at in 0..weakest {
            let strong = identifiers[at].key;
            if held[at] != held[weakest]
                && plan.rails.of(strong).is_none()
                && profile.value_count(strong) >= LINKED_VALUES_MIN
            {
                let name = plan.keys.iter().find(|key| key.id == strong).map(|key| &key.name);
                let name = name.cloned().unwrap_or_default();
                self.notice(plan, identifiers[weakest].key, Sign::LinksMany, &name);
            }
        }
    }

    fn notice(&self, plan: &Plan, key: KeyId, sign: Sign, beside: &Text) {
        let Some(key) = plan.keys.iter().find(|known| known.id == key) else { return };
        let mut noticed = self.noticed.lock();
        let noticed = noticed.entry((key.name.clone(), sign)).or_default();
        noticed.count += 1;
        noticed.beside.clone_from(beside);
    }

    /// How often what was noticed of which key: name, sign, count.
    pub fn counts(&self) -> Vec<(Text, Sign, u64)> {
        let noticed = self.noticed.lock();
        noticed.iter().map(|((key, sign), noticed)| (key.clone(), *sign, noticed.count)).collect()
    }

    /// The warnings as they stand, by key.
    pub fn warnings(&self) -> Vec<IdentityWarning> {
        let noticed = self.noticed.lock();
        let warnings = noticed.iter().filter_map(|((key, sign), Noticed { count, beside })| {
            let sentence = sentence(key, *sign, beside)?;
            Some(IdentityWarning { key: key.clone(), sign: *sign, count: *count, sentence })
        });
        warnings.collect()
    }
}

/// What a sign means; a single move is counted and no warning.
fn sentence(key: &Text, sign: Sign, beside: &Text) -> Option<String> {
    Some(match sign {
        Sign::Moved => return None,
        Sign::Shared => format!(
            "`{key}` is shared: one value of it has moved from profile to profile {SHARED_MOVES_MIN} times \
             and more, as on a kiosk. Guard rails keep these people apart; a key that is shared on purpose is \
             better removed from `keys`."
        ),
        Sign::HalfOfBound => format!(
            "`{key}` is at half of its `max_values` of {beside} in some profiles: if they are one \
             person each, raise it; if not, a weaker key is shared."
        ),
        Sign::HalfOfAll => format!(
            "Some profiles hold half of the {IDENTIFIERS_MAX} identifiers that they may have, most of \
             them of `{key}`: over that the least recently seen are let go. `max_values` of `{key}` bounds it."
        ),
        Sign::LinksMany => format!(
            "`{key}` links many people: it has brought {LINKED_VALUES_MIN} and more values of `{beside}` into \
             one profile. Give `{beside}` a `max_values`, or remove `{key}` from `keys`."
        ),
    })
}
