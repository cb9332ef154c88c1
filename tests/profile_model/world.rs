//! World: who is who, by page 4.1, with plain maps; and what everybody's attributes are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value as Json};

use crate::plain::{Moment, Plain};
use crate::script::{Does, Event, Pause, SLOT_MS, Time};
use crate::shape::{HOUR_MS, KEYS, Kind, SECOND_MS, Shape};

pub const IDENTIFIERS_MAX: usize = 200;
pub const BEGUN_MS: i64 = 1_700_000_000_000;

/// A key's position and a value.
pub type Identifier = (usize, u64);

/// One profile.
#[derive(Clone, Debug)]
pub struct Person {
    /// Processing time of the event that made it: what its id orders by.
    pub made_ms: i64,
    /// Processing time of the last event.
    pub updated_ms: i64,
    /// Identifiers, the least recently seen first, and when that was.
    pub seen: Vec<(Identifier, i64)>,
    /// Attributes by name; those that the configuration no longer has sleep on.
    pub attributes: BTreeMap<String, Plain>,
}

/// What an event came to.
pub enum Came {
    /// It is somebody's: their number.
    To(u64),
    /// Its uuid was sent of late: only read, of this person.
    Repeated(Option<u64>),
}

/// Everybody.
#[derive(Clone, Debug)]
pub struct World {
    pub shape: Shape,
    pub now_ms: i64,
    pub people: BTreeMap<u64, Person>,
    pub index: BTreeMap<Identifier, u64>,
    /// When each uuid was stored last.
    uuids: BTreeMap<u64, i64>,
    next: u64,
    lsn: u64,
    /// How often each identifier was given away.
    times_left: BTreeMap<Identifier, u64>,
    /// Whose event carried which identifier, and how often that had been given away before.
    bound: BTreeSet<(u64, (Identifier, u64))>,
    /// Who became whom.
    merged: Vec<(u64, u64)>,
    pub figures: Figures,
}

/// How often identity came to what.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    pub made: u64,
    pub merged: u64,
    pub moved: u64,
    pub let_go: u64,
    pub repeated: u64,
    pub erased: u64,
    pub expired: u64,
}

impl Figures {
    pub fn add(&mut self, other: &Self) {
        self.made += other.made;
        self.merged += other.merged;
        self.moved += other.moved;
        self.let_go += other.let_go;
        self.repeated += other.repeated;
        self.erased += other.erased;
        self.expired += other.expired;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { made, merged, moved, let_go, repeated, erased, expired } = self;
        write!(
            out,
            "made={made} merged={merged} moved={moved} let_go={let_go} repeated={repeated} \
             erased={erased} expired={expired}"
        )
    }
}

impl World {
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            now_ms: BEGUN_MS,
            people: BTreeMap::new(),
            index: BTreeMap::new(),
            uuids: BTreeMap::new(),
            next: 0,
            lsn: 0,
            times_left: BTreeMap::new(),
            bound: BTreeSet::new(),
            merged: Vec::new(),
            figures: Figures::default(),
        }
    }

    /// The uuid that the event may send: one that is surely remembered or surely forgotten. "Two
    /// generations turned by recorded processing time (each one hour)" keep it for one hour at least.
    pub fn uuid_for(&self, event: &Event) -> Option<u64> {
        let uuid = event.uuid.filter(|_| self.shape.ttl_ms.is_none())?;
        match self.uuids.get(&uuid) {
            Some(stored_ms) if self.now_of(event) - stored_ms > HOUR_MS => None,
            _ => Some(uuid),
        }
    }

    /// The processing time of an event that comes now.
    pub fn now_of(&self, event: &Event) -> i64 {
        match event.pause {
            Pause::Of { ms } => self.now_ms + ms,
            Pause::ToHour => self.now_ms - self.now_ms.rem_euclid(HOUR_MS) + HOUR_MS,
        }
    }

    /// The event's own time as it is sent, epoch seconds.
    pub fn time_s_of(&self, event: &Event) -> Option<i64> {
        let now_ms = self.now_of(event);
        let own_ms = match event.time {
            Time::Absent => return None,
            Time::Late { ms } => now_ms - ms,
            Time::Slot { back } => now_ms - now_ms.rem_euclid(SLOT_MS) - back * SLOT_MS,
        };
        Some(own_ms.div_euclid(SECOND_MS))
    }

    /// Applies an event, which is number `number` of all.
    pub fn event(&mut self, event: &Event, number: u64) -> Came {
        self.expire(self.now_of(event));
        let identifiers = event.keys.iter().enumerate();
        let identifiers: Vec<Identifier> =
            identifiers.filter_map(|(key, value)| Some((key, (*value)?))).collect();
        let (uuid, time_s) = (self.uuid_for(event), self.time_s_of(event));
        if let Some(stored_ms) = uuid.and_then(|uuid| self.uuids.get(&uuid)) {
            assert!(self.now_of(event) - stored_ms <= HOUR_MS, "it is surely remembered");
            // "A repeat is a read: not stored, not counted, links nothing ... the profile that of its
            // strongest known identifier (or an empty one)." Its time is the repeat's own.
            self.figures.repeated += 1;
            let known = identifiers.iter().find_map(|one| self.index.get(one));
            return Came::Repeated(known.copied());
        }
        self.now_ms = self.now_of(event);
        self.lsn += 1;
        if let Some(uuid) = uuid {
            self.uuids.insert(uuid, self.now_ms);
        }
        let moment = Moment::new(time_s, self.now_ms, self.lsn);
        let person = self.resolve(&identifiers);
        self.apply(person, event, number, moment);
        Came::To(person)
    }

    /// Runs the attribute rules.
    fn apply(&mut self, person: u64, event: &Event, number: u64, moment: Moment) {
        let person = self.people.get_mut(&person).expect("it was just found");
        for attribute in &self.shape.attributes {
            let kind = &attribute.kind;
            let state = person.attributes.entry(attribute.name.clone());
            let state = state.or_insert_with(|| Plain::new(kind));
            match event.does {
                Does::Set => state.set(kind, event.value, number, moment),
                Does::Delete => state.delete(kind, event.value, moment),
                Does::Clear => state.clear(kind, moment),
            }
        }
    }

    /// "An event whose identifiers are all new makes a profile; one known and one new extends it;
    /// identifiers of several profiles merge them."
    fn resolve(&mut self, identifiers: &[Identifier]) -> u64 {
        let mut known: Vec<u64> =
            identifiers.iter().filter_map(|one| self.index.get(one).copied()).collect();
        known.sort_unstable();
        known.dedup();
        let breaks = self.breaks_a_bound(&known, identifiers);
        let held_by = |world: &Self, person| -> Vec<Identifier> {
            let of = |one: &&Identifier| world.index.get(*one) == Some(&person);
            identifiers.iter().filter(of).copied().collect()
        };
        let person = if breaks {
            self.move_to_strongest(identifiers)
        } else if let Some(oldest) = known.first().copied() {
            // Numbers are given in the order of making: "the oldest `rid` is kept".
            known[1..].iter().for_each(|other| self.merge(oldest, *other));
            oldest
        } else {
            self.make()
        };
        let held = held_by(self, person);
        for identifier in identifiers {
            self.index.insert(*identifier, person);
            let times_left = self.times_left.get(identifier).copied().unwrap_or(0);
            self.bound.insert((person, (*identifier, times_left)));
            let seen = &mut self.people.get_mut(&person).expect("it is there").seen;
            seen.retain(|(held, _)| held != identifier);
            seen.push((*identifier, self.now_ms));
        }
        let gained = identifiers.iter().filter(|one| !held.contains(one)).map(|(key, _)| *key);
        self.let_go(person, &gained.collect::<Vec<_>>());
        self.people.get_mut(&person).expect("it is there").updated_ms = self.now_ms;
        person
    }

    /// "`max_values: n` bounds the values one profile may hold": whether everybody together would hold more
    /// than that, and more than one of them holds already (a bound that was lowered parts nobody).
    fn breaks_a_bound(&self, known: &[u64], identifiers: &[Identifier]) -> bool {
        let held = known.iter().flat_map(|person| &self.people[person].seen).map(|(one, _)| *one);
        let mut united: Vec<Identifier> = held.chain(identifiers.iter().copied()).collect();
        united.sort_unstable();
        united.dedup();
        self.shape.max_values.iter().enumerate().any(|(key, bound)| {
            let largest = known.iter().map(|person| self.count(*person, key)).max().unwrap_or(0);
            let together = united.iter().filter(|(of, _)| *of == key).count();
            bound.is_some_and(|bound| together > bound.max(largest))
        })
    }

    /// How many values of a key a person has.
    fn count(&self, person: u64, key: usize) -> usize {
        self.people[&person].seen.iter().filter(|((of, _), _)| *of == key).count()
    }

    fn make(&mut self) -> u64 {
        self.figures.made += 1;
        self.next += 1;
        let person = Person {
            made_ms: self.now_ms,
            updated_ms: self.now_ms,
            seen: Vec::new(),
            attributes: BTreeMap::new(),
        };
        self.people.insert(self.next, person);
        self.next
    }

    fn merge(&mut self, survivor: u64, other: u64) {
        self.figures.merged += 1;
        self.merged.push((survivor, other));
        let other = self.people.remove(&other).expect("it is there");
        let mine = self.people.get_mut(&survivor).expect("it is there");
        for (identifier, _) in &other.seen {
            self.index.insert(*identifier, survivor);
        }
        mine.seen.extend(other.seen);
        mine.seen.sort_by_key(|(_, seen_ms)| *seen_ms);
        for (name, theirs) in other.attributes {
            let Some(attribute) = self.shape.attributes.iter().find(|known| known.name == name)
            else {
                mine.attributes.entry(name).or_insert(theirs);
                continue;
            };
            let state = mine.attributes.entry(name);
            let state = state.or_insert_with(|| Plain::new(&attribute.kind));
            state.unite(&theirs, &attribute.kind, self.now_ms);
        }
    }

    /// "The strongest one decides the profile, a weaker identifier moves to it (last login wins), nothing
    /// merges." The strongest one that is known, where there is room for the stronger ones of the event, else
    /// somebody new. Whoever is left with no identifier could be found by nobody: they go along.
    fn move_to_strongest(&mut self, identifiers: &[Identifier]) -> u64 {
        let decided = identifiers.iter().enumerate().find_map(|(at, one)| {
            let person = *self.index.get(one)?;
            let has_room = |stronger: &Identifier| {
                self.index.get(stronger) == Some(&person)
                    || self.shape.max_values[stronger.0]
                        .is_none_or(|bound| self.count(person, stronger.0) < bound)
            };
            identifiers[..at].iter().all(has_room).then_some(person)
        });
        let mut person = decided.unwrap_or_else(|| self.make());
        for one in identifiers {
            let Some(holder) = self.index.get(one).copied().filter(|held| *held != person) else {
                continue;
            };
            self.figures.moved += 1;
            self.leaves(*one);
            let held = &mut self.people.get_mut(&holder).expect("it is there").seen;
            held.retain(|(held, _)| held != one);
            self.index.remove(one);
            if held.is_empty() {
                let (oldest, other) = (person.min(holder), person.max(holder));
                self.merge(oldest, other);
                person = oldest;
            }
        }
        person
    }

    /// "At most 200 identifiers a profile; over that the least recently seen one is let go"; and so are
    /// values over the bound of a key of which the profile has just gained one.
    fn let_go(&mut self, person: u64, gained: &[usize]) {
        let seen = &mut self.people.get_mut(&person).expect("it is there").seen;
        for key in gained {
            let Some(bound) = self.shape.max_values[*key] else { continue };
            while seen.iter().filter(|((of, _), _)| of == key).count() > bound {
                let oldest =
                    seen.iter().position(|((of, _), _)| of == key).expect("there are some");
                self.index.remove(&seen.remove(oldest).0);
                self.figures.let_go += 1;
            }
        }
        while seen.len() > IDENTIFIERS_MAX {
            self.index.remove(&seen.remove(0).0);
            self.figures.let_go += 1;
        }
    }

    /// "Erase starts from the identity log, which knows every rid and identifier the person ever had. At once:
    /// state, identifiers, pending activations gone." Who was bound to them by an event is the same person, save
    /// by an identifier that a guard rail has since given to somebody else. How many people went.
    pub fn erase(&mut self, identifier: &Identifier) -> usize {
        let mut people = BTreeSet::from([self.index[identifier]]);
        let mut held = BTreeSet::new();
        loop {
            let before = (people.len(), held.len());
            for (person, one) in &self.bound {
                if people.contains(person) || held.contains(one) {
                    people.insert(*person);
                    held.insert(*one);
                }
            }
            for (survivor, other) in &self.merged {
                if people.contains(survivor) || people.contains(other) {
                    people.extend([*survivor, *other]);
                }
            }
            if (people.len(), held.len()) == before {
                break;
            }
        }
        // What is known of them from now on begins anew.
        held.iter().for_each(|(one, _)| self.leaves(*one));
        let before = self.people.len();
        self.people.retain(|person, _| !people.contains(person));
        self.index.retain(|_, holder| !people.contains(holder));
        let erased = before - self.people.len();
        self.figures.erased += erased as u64;
        erased
    }

    /// From here on the identifier is another's.
    fn leaves(&mut self, identifier: Identifier) {
        *self.times_left.entry(identifier).or_default() += 1;
    }

    /// "`profiles: {ttl: 395d}`": whoever had no event for so long is not known any more.
    fn expire(&mut self, now_ms: i64) {
        let Some(ttl_ms) = self.shape.ttl_ms else { return };
        let before = self.people.len();
        self.people.retain(|_, person| now_ms - person.updated_ms <= ttl_ms);
        let people = &self.people;
        self.index.retain(|_, holder| people.contains_key(holder));
        self.figures.expired += (before - people.len()) as u64;
    }

    /// Another configuration: renamed attributes take their values along.
    pub fn publish(&mut self, shape: Shape) {
        for attribute in &shape.attributes {
            let Some(was) = &attribute.was else { continue };
            for person in self.people.values_mut() {
                if let Some(state) = person.attributes.remove(was) {
                    person.attributes.insert(attribute.name.clone(), state);
                }
            }
        }
        self.shape = shape;
    }

    /// What expressions read of every attribute and window; absent ones are left out. `None`: of nobody.
    pub fn read(&self, person: Option<u64>, now_ms: i64) -> Map<String, Json> {
        let mut read = Map::new();
        for attribute in &self.shape.attributes {
            let kind = &attribute.kind;
            let state =
                person.and_then(|person| self.people[&person].attributes.get(&attribute.name));
            let state = state.cloned().unwrap_or_else(|| Plain::new(kind));
            if let Some(value) = state.read(kind, now_ms) {
                read.insert(attribute.name.clone(), value);
            }
            if let Kind::Counter { window_ms: Some(window_ms), .. } = kind {
                let value = state.read_window(*window_ms, now_ms);
                read.insert(format!("{}_w", attribute.name), value);
            }
        }
        read
    }

    /// A person's values of a key, newest last, as text.
    pub fn values(&self, person: &Person) -> BTreeMap<String, Vec<String>> {
        let mut values = BTreeMap::<String, Vec<String>>::new();
        for ((key, value), _) in &person.seen {
            values.entry(KEYS[*key].to_owned()).or_default().push(text_of(*value));
        }
        values
    }
}

/// A value of a key as it is sent.
pub fn text_of(value: u64) -> String {
    format!("v{value}")
}
