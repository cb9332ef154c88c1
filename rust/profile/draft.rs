//! Draft: one event's changes beside the state, and the change that they become.
//!
//! A single's next state is made beside the one that is there. Lists and counters are long and mostly
//! grow by an item or an amount, so such changes are checked at once and carried out at install, in
//! place.
//! Invariants: reading sees the event's own changes so far; a draft that is dropped leaves no
//! trace; whatever can be refused was refused before the draft is finished.

use std::borrow::Cow;

use smallvec::{SmallVec, smallvec};

use super::attribute::{Bounds, LSN_PENDING, List, ListChange};
use super::lock::Locked;
use super::{
    AttributeSpec, AttributeState, IDENTIFIERS_MAX, Identifier, Moment, Operation, Outcome,
    Profile, Rails, Rejected, Rid,
};
use crate::value::{Text, Value};

/// A list that one event changes more often is changed in a copy beside the state, so that rules that
/// read what they write take time in proportion to the event, not to its square.
const LIST_CHANGES_MAX: usize = 8;

/// One event's changes so far.
pub struct Draft<'l> {
    outcome: Outcome,
    identifiers: &'l [Identifier],
    /// Keys of which the event's profile gains a value that may be one too many.
    gained: SmallVec<[u16; 4]>,
    rails: &'l Rails,
    moment: Moment,
    base: Base<'l>,
    touched: SmallVec<[(u16, Touched); 6]>,
}

/// What the changes are on top of.
enum Base<'l> {
    /// Nobody yet.
    Nothing,
    /// A profile in the store.
    Held(&'l Profile),
    /// The union of the profiles that meet, made beside the state.
    United(Box<Profile>),
}

impl Base<'_> {
    fn profile(&self) -> Option<&Profile> {
        match self {
            Self::Nothing => None,
            Self::Held(profile) => Some(profile),
            Self::United(profile) => Some(profile),
        }
    }
}

/// An attribute that the event changes.
pub(super) enum Touched {
    /// Its state from now on.
    State(AttributeState),
    /// Changes of the list that is there.
    List { bounds: Bounds, moment: Moment, changes: SmallVec<[ListChange; 1]> },
    /// An amount for the counter that is there, which takes it.
    Amount { moment: Moment, amount: f64 },
}

impl Touched {
    /// Whether a list has left the changes that are carried out at install, or is about to.
    fn is_often_changed(&self) -> bool {
        match self {
            Self::List { changes, .. } => changes.len() >= LIST_CHANGES_MAX,
            Self::State(_) => true,
            Self::Amount { .. } => false,
        }
    }

    /// The state after the change; `before` is the state without it.
    fn applied(&self, before: Option<&AttributeState>) -> Cow<'_, AttributeState> {
        match self {
            Self::State(state) => Cow::Borrowed(state),
            Self::List { bounds, moment, changes } => {
                let mut list = match before {
                    Some(AttributeState::List(list)) => list.clone(),
                    _ => List::default(),
                };
                for change in changes.clone() {
                    list.change(bounds, *moment, LSN_PENDING, change);
                }
                Cow::Owned(AttributeState::List(list))
            }
            Self::Amount { moment, amount } => {
                let mut state = before.cloned().expect("an amount is for a counter that is there");
                state.put_amount(*moment, *amount);
                Cow::Owned(state)
            }
        }
    }

    /// Puts the change into the profile, where it takes the record's LSN.
    pub(super) fn move_into(self, profile: &mut Profile, id: u16, lsn: u64) {
        match self {
            Self::State(mut state) => {
                state.settle(lsn);
                profile.put_attribute(id, state);
            }
            Self::List { bounds, moment, changes } => {
                let state = profile.list_mut(id);
                for change in changes {
                    state.change(&bounds, moment, lsn, change);
                }
            }
            Self::Amount { moment, amount } => {
                let state = profile.attribute_mut(id);
                state.expect("an amount is for a counter that is there").put_amount(moment, amount);
            }
        }
    }
}

/// A finished draft: what [`Locked::install`] moves in.
pub struct Change {
    pub(super) outcome: Outcome,
    pub(super) now_ms: i64,
    pub(super) moved: Move,
}

/// What is moved where. A known profile's update is by far the most frequent and is not boxed.
#[allow(clippy::large_enum_variant)]
pub(super) enum Move {
    /// Nobody's event.
    Nothing,
    /// Attributes and identifiers of a profile that is there.
    Update(Update),
    /// A new or united profile, and the identifiers that it had to let go.
    Put { profile: Box<Profile>, let_go: SmallVec<[Identifier; 1]> },
}

/// What changes in a profile that is there.
pub(super) struct Update {
    pub(super) rid: Rid,
    pub(super) touched: SmallVec<[(u16, Touched); 6]>,
    /// Keys of which it gains a value.
    pub(super) gained: SmallVec<[u16; 4]>,
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
        identifiers: &'l [Identifier],
        moment: Moment,
        spec: impl Fn(u16) -> Option<&'s AttributeSpec>,
    ) -> Self {
        let held =
            |rid| locked.profile(rid).expect("an identifier leads to a profile that is there");
        let base = match &outcome {
            Outcome::Nobody | Outcome::New(_) => Base::Nothing,
            Outcome::Known(rid) | Outcome::Extended(rid) => {
                let profile = held(*rid);
                profile.touch();
                Base::Held(profile)
            }
            Outcome::Merged { survivor, merged } => {
                let mut united = Box::new(held(*survivor).clone());
                for rid in merged {
                    united.unite(held(*rid), &spec, moment.now_ms);
                }
                Base::United(united)
            }
            Outcome::Moved(moved) if moved.is_new => Base::Nothing,
            Outcome::Moved(moved) => {
                let mut united = Box::new(held(moved.rid).clone());
                for rid in &moved.merged {
                    // An erasure may have taken it out of the log since.
                    if let Some(part) = locked.profile(*rid) {
                        united.unite(part, &spec, moment.now_ms);
                    }
                }
                Base::United(united)
            }
        };
        let gained = gained(&outcome, identifiers, locked.held());
        let rails = locked.rails();
        Self { outcome, identifiers, gained, rails, moment, base, touched: SmallVec::new() }
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
        let Some(known) = self.before() else { return false };
        known.identifiers.len() + self.identifiers.len() > IDENTIFIERS_MAX
            || self.gained.iter().any(|key| self.rails.is_full(known, *key))
    }

    /// The event's moment.
    pub fn moment(&self) -> Moment {
        self.moment
    }

    /// The profile as it was before this event's attribute rules: for a merge the united one.
    pub fn before(&self) -> Option<&Profile> {
        self.base.profile()
    }

    /// What `PROFILE.<key>` reads: the event's own value, else the newest known.
    pub fn key_value(&self, key: u16) -> Option<&Text> {
        let own = self.identifiers.iter().find(|identifier| identifier.key == key);
        own.map(|identifier| &identifier.value)
            .or_else(|| self.before().and_then(|profile| profile.newest_value(key)))
    }

    /// What `PROFILE.<attribute>` reads, earlier rules of this event included.
    pub fn read(&self, id: u16, spec: &AttributeSpec) -> Cow<'_, Value> {
        let now_ms = self.moment.now_ms;
        let before = self.before().and_then(|profile| profile.attribute(id));
        match (self.touched_at(id), before) {
            (Some(at), before) => match self.touched[at].1.applied(before) {
                Cow::Borrowed(state) => state.read(spec, now_ms),
                Cow::Owned(state) => Cow::Owned(state.read(spec, now_ms).into_owned()),
            },
            (None, Some(state)) => state.read(spec, now_ms),
            (None, None) => Cow::Owned(spec.nothing()),
        }
    }

    /// What `UPDATED.<attribute>` reads, earlier rules of this event included.
    pub fn changed_ms(&self, id: u16, spec: &AttributeSpec) -> Option<i64> {
        let now_ms = self.moment.now_ms;
        let before = self.before().and_then(|profile| profile.attribute(id));
        match self.touched_at(id) {
            Some(at) => self.touched[at].1.applied(before).changed_ms(spec, now_ms),
            None => before?.changed_ms(spec, now_ms),
        }
    }

    /// What the counter's window number `window` reads, earlier rules of this event included.
    pub fn read_window(&self, id: u16, spec: &AttributeSpec, window: usize) -> Value {
        let before = self.before().and_then(|profile| profile.attribute(id));
        let now_ms = self.moment.now_ms;
        match (self.touched_at(id), before) {
            (Some(at), before) => {
                self.touched[at].1.applied(before).read_window(spec, window, now_ms)
            }
            (None, Some(state)) => state.read_window(spec, window, now_ms),
            (None, None) => spec.nothing(),
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
        let before = self.base.profile().and_then(|profile| profile.attribute(id));
        let Some(at) = self.touched_at(id) else {
            let touched = match (before, added(&operation)) {
                (Some(AttributeState::Counter(counter)), Some(amount))
                    if counter.takes(spec, self.moment, amount) =>
                {
                    Touched::Amount { moment: self.moment, amount }
                }
                (Some(AttributeState::Single(single)), _)
                    if matches!(spec, AttributeSpec::Single { .. }) =>
                {
                    let next = single.next(spec, self.moment, operation, value_bytes_max)?;
                    let Some(next) = next else { return Ok(()) };
                    Touched::State(AttributeState::Single(next))
                }
                _ => {
                    let mut state = before.cloned().unwrap_or_else(|| AttributeState::new(spec));
                    state.apply(spec, self.moment, operation, value_bytes_max)?;
                    Touched::State(state)
                }
            };
            self.touched.push((id, touched));
            return Ok(());
        };
        let mut state = self.touched[at].1.applied(before).into_owned();
        state.apply(spec, self.moment, operation, value_bytes_max)?;
        self.touched[at].1 = Touched::State(state);
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
            let before = self.base.profile().and_then(|profile| profile.attribute(id));
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
        if self.before().is_some_and(|profile| profile.attribute(id).is_some()) {
            let nothing = AttributeState::new(&AttributeSpec::Stateless);
            self.touched.push((id, Touched::State(nothing)));
        }
    }

    fn touched_at(&self, id: u16) -> Option<usize> {
        self.touched.iter().position(|(touched, _)| *touched == id)
    }

    /// Ends the draft. New and united profiles are built here, so that installing only moves.
    pub fn finish(self) -> Change {
        let Self { outcome, identifiers, gained, rails, moment, base, touched } = self;
        let now_ms = moment.now_ms;
        let moved = match (outcome.rid(), base) {
            (None, _) => Move::Nothing,
            (Some(rid), Base::Held(_)) => Move::Update(Update { rid, touched, gained }),
            (Some(rid), base) => {
                let mut profile = match base {
                    Base::United(profile) => profile,
                    _ => Box::new(Profile::new(rid, now_ms)),
                };
                for identifier in identifiers {
                    profile.see(identifier, now_ms);
                }
                for (id, touched) in touched {
                    touched.move_into(&mut profile, id, LSN_PENDING);
                }
                profile.updated_ms = now_ms;
                let let_go = profile.let_go(&gained, rails);
                Move::Put { profile, let_go }
            }
        };
        Change { outcome, now_ms, moved }
    }
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

/// What the operation adds to a counter.
fn added(operation: &Operation) -> Option<f64> {
    match operation {
        Operation::Increment => Some(1.0),
        Operation::Set(Value::Number(amount)) => Some(*amount),
        _ => None,
    }
}
