//! Draft: one event's changes beside the state, and the change that they become.
//!
//! States are taken out of the packed profile when a rule or an expression asks. Lists and counters are long
//! and mostly grow by an item or an amount, so such changes are checked at once and carried out when the
//! draft is finished, which writes the profile's next packed form beside the one that is there.
//! Invariants: reading sees the event's own changes so far; a draft that is dropped leaves no
//! trace; whatever can be refused was refused before the draft is finished.

use std::borrow::Cow;

use smallvec::{SmallVec, smallvec};

use super::attribute::{Bounds, LSN_PENDING, List, ListChange, Written, change_items};
use super::listed::{Listed, ListedAll};
use super::lock::Locked;
use super::packed::{self, Source, Unsettled};
use super::{
    AttributeSpec, AttributeState, IDENTIFIERS_MAX, Identifier, Moment, Operation, Outcome, Packed,
    Profile, Rails, Rejected, Rid, SeenIdentifier, Store,
};
use crate::value::{Text, Value};

/// A list that one event changes more often is changed in a copy beside the state, so that rules that
/// read what they write take time in proportion to the event, not to its square.
const LIST_CHANGES_MAX: usize = 8;

/// One event's changes so far.
pub struct Draft<'l> {
    store: &'l Store,
    identifiers: &'l [Identifier],
    /// The same as profiles list them.
    listed: &'l [Listed<'l>],
    outcome: Outcome,
    moment: Moment,
    /// Keys of which the event's profile gains a value that may be one too many.
    gained: SmallVec<[u16; 4]>,
    rails: &'l Rails,
    /// The profiles that the event finds: the one that it changes, and those that become part of it.
    met: SmallVec<[&'l Packed; 2]>,
    /// Profiles that give identifiers of the event up, and stay.
    left: SmallVec<[&'l Packed; 2]>,
    base: Base<'l>,
    touched: SmallVec<[(u16, Touched); 6]>,
}

/// What the changes are on top of.
enum Base<'l> {
    /// Nobody yet.
    Nothing,
    /// A profile in the store.
    Held(&'l Packed),
    /// The union of the profiles that meet, made beside the state.
    United(Box<Profile>),
}

impl Base<'_> {
    fn attribute(&self, id: u16) -> Option<Cow<'_, AttributeState>> {
        match self {
            Self::Nothing => None,
            Self::Held(profile) => profile.attribute(id).map(Cow::Owned),
            Self::United(profile) => profile.attribute(id).map(Cow::Borrowed),
        }
    }

    fn has(&self, id: u16) -> bool {
        match self {
            Self::Nothing => false,
            Self::Held(profile) => profile.has(id),
            Self::United(profile) => profile.attribute(id).is_some(),
        }
    }

    fn value_count(&self, key: u16) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Held(profile) => profile.value_count(key),
            Self::United(profile) => profile.value_count(key),
        }
    }

    /// The identifiers so far, the least recently seen first.
    fn listed(&self) -> ListedAll<'_> {
        match self {
            Self::Nothing => ListedAll::new(),
            Self::Held(profile) => profile.listed().collect(),
            Self::United(profile) => {
                let all = profile.identifiers.iter();
                all.map(|seen| Listed::new(&seen.identifier, seen.seen_ms)).collect()
            }
        }
    }

    /// The attributes so far, ascending by id.
    fn sources(&self) -> Sources<'_> {
        match self {
            Self::Nothing => Sources::new(),
            Self::Held(profile) => profile.sources().collect(),
            Self::United(profile) => {
                let all = profile.attributes.iter();
                all.map(|(id, state)| (*id, Source::State(state))).collect()
            }
        }
    }
}

/// What a profile's attributes are written from.
type Sources<'s> = SmallVec<[(u16, Source<'s>); 16]>;

/// An attribute that the event changes.
pub(super) enum Touched {
    /// Its state from now on.
    State(AttributeState),
    /// Changes of the list that is there.
    List { bounds: Bounds, moment: Moment, changes: SmallVec<[ListChange; 1]> },
}

impl Touched {
    /// Whether a list has left the changes that are carried out at install, or is about to.
    fn is_often_changed(&self) -> bool {
        match self {
            Self::List { changes, .. } => changes.len() >= LIST_CHANGES_MAX,
            Self::State(_) => true,
        }
    }

    /// What attribute `id` of `base` becomes.
    fn next<'s>(&'s self, base: &'s Base<'_>, id: u16) -> Next<'s> {
        if let (Self::List { bounds, moment, changes }, Base::Held(profile)) = (self, base)
            && let Some(state) = profile.state(id)
            && let Some(written) = change_items(state, bounds, *moment, changes)
        {
            return Next::List(written);
        }
        let before = if let Self::State(_) = self { None } else { base.attribute(id) };
        Next::State(self.applied(before))
    }

    /// The state after the change; `before` is the state without it.
    fn applied<'s>(&'s self, before: Option<Cow<'_, AttributeState>>) -> Cow<'s, AttributeState> {
        match self {
            Self::State(state) => Cow::Borrowed(state),
            Self::List { bounds, moment, changes } => {
                let mut list = match before.map(Cow::into_owned) {
                    Some(AttributeState::List(list)) => list,
                    _ => List::default(),
                };
                for change in changes.clone() {
                    list.change(bounds, *moment, LSN_PENDING, change);
                }
                Cow::Owned(AttributeState::List(list))
            }
        }
    }
}

/// What an attribute becomes.
enum Next<'s> {
    State(Cow<'s, AttributeState>),
    /// A list that was changed as it stood.
    List(Written),
}

/// A finished draft: what [`Locked::install`] moves in.
pub struct Change {
    pub(super) outcome: Outcome,
    pub(super) now_ms: i64,
    /// Profiles that became part of another.
    pub(super) removed: SmallVec<[Rid; 2]>,
    /// Profiles as they are from now on.
    pub(super) written: SmallVec<[Unsettled; 1]>,
    /// What becomes of the index.
    pub(super) repointed: SmallVec<[Repointed; 2]>,
}

/// An identifier that leads to another profile from now on, or begins or ceases to lead to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Repointed {
    pub(super) fingerprint: u64,
    /// [`Rid::mixed`] of the profile that listed it.
    pub(super) from: Option<u64>,
    /// [`Rid::mixed`] of the profile that lists it now.
    pub(super) to: Option<u64>,
}

impl Change {
    /// Whose event it is, for the record's verdict.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }
}

impl<'l> Draft<'l> {
    pub(super) fn new<'s>(
        locked: &'l Locked<'_>,
        outcome: Outcome,
        moment: Moment,
        spec: impl Fn(u16) -> Option<&'s AttributeSpec>,
    ) -> Self {
        let held =
            |rid| locked.profile(rid).expect("an identifier leads to a profile that is there");
        let met: SmallVec<[&Packed; 2]> = match &outcome {
            Outcome::Nobody | Outcome::New(_) => SmallVec::new(),
            Outcome::Known(rid) | Outcome::Extended(rid) => SmallVec::from_elem(held(*rid), 1),
            Outcome::Merged { survivor, merged } => {
                std::iter::once(survivor).chain(merged).map(|rid| held(*rid)).collect()
            }
            Outcome::Moved(moved) if moved.is_new => SmallVec::new(),
            Outcome::Moved(moved) => {
                // An erasure may have taken those that are merged out of the log since.
                let merged = moved.merged.iter().filter_map(|rid| locked.profile(*rid));
                std::iter::once(held(moved.rid)).chain(merged).collect()
            }
        };
        let left = left(locked, &outcome, &met);
        let base = match met.as_slice() {
            [] => Base::Nothing,
            [profile] => {
                profile.touch();
                Base::Held(profile)
            }
            [survivor, merged @ ..] => {
                let mut united = Box::new(survivor.unpack());
                for profile in merged {
                    united.unite(&profile.unpack(), &spec, moment.now_ms);
                }
                Base::United(united)
            }
        };
        Self {
            store: locked.store(),
            identifiers: locked.identifiers(),
            listed: locked.listed(),
            gained: gained(&outcome, locked.identifiers(), locked.held()),
            rails: locked.rails(),
            outcome,
            moment,
            met,
            left,
            base,
            touched: SmallVec::new(),
        }
    }

    /// The profile that the event ends in; `None`: nobody's.
    pub fn rid(&self) -> Option<Rid> {
        self.outcome.rid()
    }

    /// Whose event it is.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Whether the profile may come to more identifiers than it may have, and let the oldest go.
    pub fn may_let_go(&self) -> bool {
        let known = match &self.base {
            Base::Nothing => return false,
            Base::Held(profile) => profile.identifier_count(),
            Base::United(profile) => profile.identifiers.len(),
        };
        let is_full = |key: &u16| self.rails.is_full(self.base.value_count(*key), *key);
        known + self.listed.len() > IDENTIFIERS_MAX || self.gained.iter().any(is_full)
    }

    /// The event's moment.
    pub fn moment(&self) -> Moment {
        self.moment
    }

    /// The state of an attribute before this event's rules: for a merge the united one.
    pub fn before(&self, id: u16) -> Option<Cow<'_, AttributeState>> {
        self.base.attribute(id)
    }

    /// Every identifier that the profile has, those of this event last.
    pub fn each_identifier(&self, give: &mut dyn FnMut(u16, &str)) {
        let mut known = |seen: &SeenIdentifier| {
            if !self.identifiers.contains(&seen.identifier) {
                give(seen.identifier.key, &seen.identifier.value);
            }
        };
        match &self.base {
            Base::Nothing => {}
            Base::Held(profile) => profile.identifiers().for_each(|seen| known(&seen)),
            Base::United(profile) => profile.identifiers.iter().for_each(known),
        }
        for identifier in self.identifiers {
            give(identifier.key, &identifier.value);
        }
    }

    /// What `PROFILE.<key>` reads: the event's own value, else the newest known.
    pub fn key_value(&self, key: u16) -> Option<Text> {
        let mut own = self.identifiers.iter();
        match own.find(|identifier| identifier.key == key) {
            Some(identifier) => Some(identifier.value.clone()),
            None => self.key_value_before(key),
        }
    }

    /// What `BEFORE.<key>` reads: the newest value known before the event.
    pub fn key_value_before(&self, key: u16) -> Option<Text> {
        match &self.base {
            Base::Nothing => None,
            Base::Held(profile) => profile.newest_value(key),
            Base::United(profile) => profile.newest_value(key).cloned(),
        }
    }

    /// The state of an attribute, earlier rules of this event included.
    fn state(&self, id: u16) -> Option<Cow<'_, AttributeState>> {
        match self.touched_at(id).map(|at| &self.touched[at].1) {
            Some(Touched::State(state)) => Some(Cow::Borrowed(state)),
            Some(touched) => Some(touched.applied(self.base.attribute(id))),
            None => self.base.attribute(id),
        }
    }

    /// What `PROFILE.<attribute>` reads, earlier rules of this event included.
    pub fn read(&self, id: u16, spec: &AttributeSpec) -> Cow<'_, Value> {
        let now_ms = self.moment.now_ms;
        match self.state(id) {
            Some(Cow::Borrowed(state)) => state.read(spec, now_ms),
            Some(Cow::Owned(state)) => Cow::Owned(state.read(spec, now_ms).into_owned()),
            None => Cow::Owned(spec.nothing()),
        }
    }

    /// What `UPDATED.<attribute>` reads, earlier rules of this event included.
    pub fn changed_ms(&self, id: u16, spec: &AttributeSpec) -> Option<i64> {
        let now_ms = self.moment.now_ms;
        self.state(id)?.changed_ms(spec, now_ms)
    }

    /// What the counter's window number `window` reads, earlier rules of this event included.
    pub fn read_window(&self, id: u16, spec: &AttributeSpec, window: usize) -> Value {
        match self.state(id) {
            Some(state) => state.read_window(spec, window, self.moment.now_ms),
            None => spec.nothing(),
        }
    }

    /// Applies one rule's operation. A rejection leaves the old value.
    pub fn apply(
        &mut self,
        id: u16,
        spec: &AttributeSpec,
        operation: Operation,
        value_bytes_max: usize,
    ) -> Result<(), Rejected> {
        if let AttributeSpec::List { .. } = spec {
            return self.apply_to_list(id, spec, operation, value_bytes_max);
        }
        let at = self.touched_at(id);
        let mut state = match self.state(id) {
            Some(state) => state.into_owned(),
            None => AttributeState::new(spec),
        };
        state.apply(spec, self.moment, operation, value_bytes_max)?;
        match at {
            Some(at) => self.touched[at].1 = Touched::State(state),
            None => self.touched.push((id, Touched::State(state))),
        }
        Ok(())
    }

    fn apply_to_list(
        &mut self,
        id: u16,
        spec: &AttributeSpec,
        operation: Operation,
        value_bytes_max: usize,
    ) -> Result<(), Rejected> {
        if let Some(at) = self.touched_at(id)
            && self.touched[at].1.is_often_changed()
        {
            let before = self.base.attribute(id);
            let touched = &mut self.touched[at].1;
            if let Touched::List { .. } = touched {
                *touched = Touched::State(touched.applied(before).into_owned());
            }
            let Touched::State(state) = touched else { return Err(Rejected::WrongKind) };
            return state.apply(spec, self.moment, operation, value_bytes_max);
        }
        let bounds = Bounds::of(spec)?;
        let Some(change) = bounds.prepare(self.moment, operation, value_bytes_max)? else {
            return Ok(());
        };
        match self.touched_at(id).map(|at| &mut self.touched[at].1) {
            Some(Touched::List { changes, .. }) => changes.push(change),
            Some(_) => return Err(Rejected::WrongKind),
            None => {
                let changes = smallvec![change];
                let touched = Touched::List { bounds, moment: self.moment, changes };
                self.touched.push((id, touched));
            }
        }
        Ok(())
    }

    /// Lets go of what the profile has under a number that holds no state any more.
    pub fn forget(&mut self, id: u16) {
        if self.base.has(id) {
            let nothing = AttributeState::new(&AttributeSpec::Stateless);
            self.touched.push((id, Touched::State(nothing)));
        }
    }

    fn touched_at(&self, id: u16) -> Option<usize> {
        self.touched.iter().position(|(touched, _)| *touched == id)
    }

    /// Ends the draft: writes what the profile is from now on, so that installing only moves.
    pub fn finish(self) -> Change {
        let Self { store, listed: own, gained, rails, .. } = self;
        let Self { outcome, moment, met, left, base, touched, .. } = self;
        let now_ms = moment.now_ms;
        let mut change = Change {
            now_ms,
            removed: SmallVec::new(),
            written: SmallVec::new(),
            repointed: SmallVec::new(),
            outcome,
        };
        let Some(rid) = change.outcome.rid() else { return change };
        let states: SmallVec<[(u16, Next<'_>); 6]> =
            touched.iter().map(|(id, touched)| (*id, touched.next(&base, *id))).collect();
        let mut sources = base.sources();
        for (id, next) in &states {
            let source = match next {
                Next::State(state) => Source::State(state),
                Next::List(list) => Source::List(list),
            };
            match sources.binary_search_by_key(id, |(id, _)| *id) {
                Ok(at) => sources[at].1 = source,
                Err(at) => sources.insert(at, (*id, source)),
            }
        }
        let mut listed = base.listed();
        own.iter().for_each(|own| see(&mut listed, own, now_ms));
        let_go(&mut listed, &gained, rails);
        change.written.push(packed::write(rid, now_ms, &listed, &sources));
        change.removed = met.iter().map(|held| held.rid()).filter(|held| *held != rid).collect();
        if !matches!(change.outcome, Outcome::Known(_)) {
            let mut index = Index { store, gone: Vec::new(), come: Vec::new() };
            met.iter().for_each(|held| index.goes(held));
            index.comes(rid, &listed);
            for profile in left {
                index.goes(profile);
                let is_own = |listed: &Listed<'_>| own.iter().any(|own| own.is(listed));
                let stay: ListedAll<'_> =
                    profile.listed().filter(|listed| !is_own(listed)).collect();
                if stay.is_empty() {
                    change.removed.push(profile.rid());
                    continue;
                }
                index.comes(profile.rid(), &stay);
                let sources: Sources<'_> = profile.sources().collect();
                let written = packed::write(profile.rid(), profile.updated_ms(), &stay, &sources);
                change.written.push(written);
            }
            change.repointed = index.repointed();
        }
        change
    }
}

/// Notes that an event at `now_ms` carried an identifier, which becomes the newest.
fn see<'l>(all: &mut ListedAll<'l>, own: &Listed<'l>, now_ms: i64) {
    if let Some(at) = all.iter().rposition(|listed| listed.is(own)) {
        all.remove(at);
    }
    all.push(Listed { seen_ms: now_ms, ..*own });
}

/// Lets go of the least recently seen values over the bounds of the keys `gained`, then of the least recently
/// seen identifiers over [`IDENTIFIERS_MAX`].
fn let_go(all: &mut ListedAll<'_>, gained: &[u16], rails: &Rails) {
    for key in gained {
        let Some(most) = rails.of(*key) else { continue };
        let values = all.iter().filter(|listed| listed.key == *key).count();
        let mut over = values.saturating_sub(most);
        all.retain(|listed| {
            let goes = over > 0 && listed.key == *key;
            over -= usize::from(goes);
            !goes
        });
    }
    all.drain(..all.len().saturating_sub(IDENTIFIERS_MAX));
}

/// Keys of which the event's profile gains a value by an identifier that was unknown or moves. Of a new
/// profile and of a merge it was decided that they break no bound.
fn gained(
    outcome: &Outcome,
    identifiers: &[Identifier],
    held: &[Option<Rid>],
) -> SmallVec<[u16; 4]> {
    let own: &[(u8, Rid)] = match outcome {
        Outcome::Extended(_) => &[],
        Outcome::Moved(moved) => &moved.moved,
        _ => return SmallVec::new(),
    };
    let rid = outcome.rid();
    let is_gained =
        |at: usize| held[at] != rid || own.iter().any(|(moved, _)| usize::from(*moved) == at);
    (0..identifiers.len()).filter(|at| is_gained(*at)).map(|at| identifiers[at].key).collect()
}

/// Whoever else holds identifiers of an event that moves them. Who that is, is looked up: after an erasure
/// it need not be the one that the record names, nor anybody.
fn left<'l>(
    locked: &'l Locked<'_>,
    outcome: &Outcome,
    met: &[&'l Packed],
) -> SmallVec<[&'l Packed; 2]> {
    let Outcome::Moved(moved) = outcome else { return SmallVec::new() };
    let mut rids: SmallVec<[Rid; 4]> = locked.held().iter().flatten().copied().collect();
    rids.sort_unstable();
    rids.dedup();
    rids.retain(|rid| *rid != moved.rid && met.iter().all(|met| met.rid() != *rid));
    rids.iter().filter_map(|rid| locked.profile(*rid)).collect()
}

/// What the index holds of profiles before and after an event, as fingerprints and homes.
struct Index<'l> {
    store: &'l Store,
    gone: Vec<(u64, u64)>,
    come: Vec<(u64, u64)>,
}

impl Index<'_> {
    fn goes(&mut self, profile: &Packed) {
        let home = profile.rid().mixed();
        self.gone.extend(profile.listed().map(|listed| (self.store.fingerprint(&listed), home)));
    }

    fn comes(&mut self, rid: Rid, listed: &[Listed<'_>]) {
        let entry = |listed| (self.store.fingerprint(listed), rid.mixed());
        self.come.extend(listed.iter().map(entry));
    }

    /// What the index has to learn: an entry leads elsewhere, comes, or goes.
    fn repointed(self) -> SmallVec<[Repointed; 2]> {
        let Self { mut gone, mut come, .. } = self;
        gone.sort_unstable();
        // What stays is in both.
        come.retain(|entry| match gone.binary_search(entry) {
            Ok(at) => {
                gone.remove(at);
                false
            }
            Err(_) => true,
        });
        let mut left = SmallVec::new();
        for (fingerprint, home) in gone {
            let to = come.iter().position(|(other, _)| *other == fingerprint);
            let to = to.map(|at| come.swap_remove(at).1);
            left.push(Repointed { fingerprint, from: Some(home), to });
        }
        let new = |(fingerprint, home)| Repointed { fingerprint, from: None, to: Some(home) };
        left.extend(come.into_iter().map(new));
        left
    }
}
