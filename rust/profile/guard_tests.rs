//! Guard rails against a plain model, and the cases that the rule is written for.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::identity::Moved;
use super::*;

/// Keys, strongest first.
const CUSTOMER: u16 = 0;
const EMAIL: u16 = 1;
const DEVICE: u16 = 2;

const COUNT: u16 = 1;

fn spec(id: u16) -> Option<&'static AttributeSpec> {
    static TOTAL: AttributeSpec =
        AttributeSpec::Counter { duration_ms: None, windows_ms: Vec::new(), by: false };
    (id == COUNT).then_some(&TOTAL)
}

/// `c7` is customer 7, `e7` an email, `d7` a device.
fn identifiers(names: &str) -> Vec<Identifier> {
    let one = |name: &str| {
        let key = "ced".find(&name[..1]).expect("a key") as u16;
        Identifier { key, value: name[1..].into() }
    };
    names.split_whitespace().map(one).collect()
}

struct World {
    store: Store,
    bounds: Rails,
    lsn: u64,
    outcomes: Vec<(Vec<Identifier>, Outcome)>,
}

impl World {
    fn new(bounds: &[(u16, usize)], shards: usize) -> Self {
        let bounds = Rails::new(bounds.iter().copied());
        Self { store: Store::new(3, shards, 1_000), bounds, lsn: 0, outcomes: Vec::new() }
    }

    fn event(&mut self, names: &str) -> Outcome {
        self.meet(&identifiers(names))
    }

    fn meet(&mut self, own: &[Identifier]) -> Outcome {
        self.lsn += 1;
        let now_ms = self.lsn as i64;
        let hash = u128::from(self.lsn).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let locked = self.store.lock(None, own, &self.bounds, Rid::new(0, hash));
        let outcome = locked.decide(now_ms);
        install(locked, outcome.clone(), self.lsn);
        self.outcomes.push((own.to_vec(), outcome.clone()));
        assert_sound(&self.store);
        outcome
    }

    /// Who holds what: each profile's identifiers, by names, and its count of events.
    fn people(&self) -> BTreeSet<(String, u64)> {
        people(&self.store)
    }

    fn expect(&self, people: &[(&str, u64)]) {
        let expected = people.iter().map(|(names, count)| (names.to_string(), *count)).collect();
        assert_eq!(self.people(), expected);
    }

    fn replayed(&self, shards: usize) -> Store {
        let store = Store::new(9, shards, 1_000);
        for (at, (own, outcome)) in self.outcomes.iter().enumerate() {
            let newcomer = outcome.rid().unwrap_or(Rid::new(0, 0));
            let locked = store.lock(None, own, &self.bounds, newcomer);
            install(locked, outcome.clone(), at as u64 + 1);
        }
        store
    }
}

fn install(mut locked: Locked<'_>, outcome: Outcome, lsn: u64) {
    let moment = Moment::of_event(None, lsn as i64, 0);
    let rid = outcome.rid();
    let mut draft = locked.draft(outcome, moment, spec).expect("the outcome fits");
    let total = spec(COUNT).expect("known");
    draft.apply(COUNT, total, Operation::Increment, 100).expect("applies");
    let change = draft.finish();
    locked.install(change, lsn);
    assert!(locked.held().iter().all(|held| *held == rid));
}

fn people(store: &Store) -> BTreeSet<(String, u64)> {
    let all = store.lock_all();
    let person = |profile: &Profile| {
        let names = profile.identifiers.iter().map(|seen| {
            format!("{}{}", &"ced"[usize::from(seen.identifier.key)..][..1], seen.identifier.value)
        });
        let names: BTreeSet<String> = names.collect();
        let total = spec(COUNT).expect("known");
        let crate::value::Value::Number(count) = profile.read(COUNT, total, 0).into_owned() else {
            panic!("a counter reads as a number")
        };
        (names.into_iter().collect::<Vec<_>>().join(" "), count as u64)
    };
    all.profiles().map(|profile| person(&profile.unpack())).collect()
}

/// Every identifier that a profile lists leads to it, none else does, and nobody is out of reach.
fn assert_sound(store: &Store) {
    let all = store.lock_all();
    let mut listed = BTreeMap::new();
    for profile in all.profiles() {
        assert!(profile.identifier_count() > 0, "{:?} cannot be found", profile.rid());
        for seen in profile.identifiers() {
            let twice = listed.insert(seen.identifier.clone(), profile.rid());
            assert_eq!(twice, None, "two profiles list {:?}", seen.identifier);
        }
    }
    assert!(all.has_sound_index());
}

fn moved(outcome: &Outcome) -> &Moved {
    match outcome {
        Outcome::Moved(moved) => moved,
        other => panic!("no guard rail was met: {other:?}"),
    }
}

#[test]
fn a_kiosk_on_which_fifty_people_log_in_ends_with_fifty_people() {
    let mut world = World::new(&[(CUSTOMER, 1)], 16);
    for round in 0..2 {
        for person in 0..50 {
            world.event("d1");
            let login = world.event(&format!("c{person} d1"));
            // The first login makes the anonymous device a person; each later one takes the device over.
            assert_eq!(matches!(login, Outcome::Moved(_)), (round, person) != (0, 0));
        }
    }
    let people = world.people();
    assert_eq!(people.len(), 50);
    assert_eq!(people.iter().map(|(_, count)| count).sum::<u64>(), 200);
    assert!(people.iter().any(|(names, _)| names == "c49 d1"));
    assert!(people.iter().any(|(names, _)| names == "c48"));
}

#[test]
fn an_email_of_the_shop_that_a_thousand_customers_give_merges_nobody() {
    let mut world = World::new(&[(CUSTOMER, 1)], 16);
    for person in 0..1_000 {
        world.event(&format!("c{person} d{person}"));
        world.event(&format!("c{person} e0 d{person}"));
    }
    let people = world.people();
    assert_eq!(people.len(), 1_000);
    assert!(people.contains(&("c999 d999 e0".to_owned(), 2)));
    assert!(people.contains(&("c998 d998".to_owned(), 2)));
}

#[test]
fn a_stronger_identifier_that_finds_no_room_makes_a_profile_and_takes_the_weaker_ones() {
    let mut world = World::new(&[(CUSTOMER, 1)], 16);
    world.event("c1 e1 d1");
    let outcome = world.event("c2 e1 d1");
    let Moved { is_new, bound, moved, merged, .. } = moved(&outcome);
    assert_eq!((*is_new, *bound, moved.len(), merged.len()), (true, CUSTOMER, 2, 0));
    world.expect(&[("c1", 1), ("c2 d1 e1", 1)]);
}

#[test]
fn a_stronger_identifier_that_finds_room_extends_as_without_guard_rails() {
    let mut world = World::new(&[(CUSTOMER, 2), (EMAIL, 1)], 16);
    world.event("c1 d1");
    assert!(matches!(world.event("c2 d1"), Outcome::Extended(_)));
    assert!(matches!(world.event("c3 d1"), Outcome::Moved(_)));
    world.expect(&[("c1 c2", 2), ("c3 d1", 1)]);
}

#[test]
fn of_two_known_profiles_the_stronger_identifier_decides_and_the_weaker_moves() {
    let mut world = World::new(&[(CUSTOMER, 1)], 16);
    let older = world.event("c2 d2").rid();
    let deciding = world.event("c1 d1").rid();
    let outcome = world.event("c1 d2");
    let Moved { rid, is_new, moved, .. } = moved(&outcome);
    assert_eq!((Some(*rid), *is_new), (deciding, false));
    assert_eq!(moved, &[(1, older.expect("a profile"))]);
    world.expect(&[("c2", 1), ("c1 d1 d2", 2)]);
}

#[test]
fn of_three_profiles_two_that_could_merge_stay_apart_when_the_third_cannot() {
    let mut world = World::new(&[(CUSTOMER, 1)], 16);
    world.event("c1");
    world.event("e1 d9");
    world.event("c2 d2");
    world.event("c1 e1 d2");
    world.expect(&[("c1 d2 e1", 2), ("d9", 1), ("c2", 1)]);
    // What was left behind joins when it comes with its person, and nobody else.
    world.event("c1 d9");
    world.expect(&[("c1 d2 d9 e1", 4), ("c2", 1)]);
}

#[test]
fn a_profile_that_would_be_left_without_identifiers_goes_with_them() {
    let mut world = World::new(&[(CUSTOMER, 1)], 16);
    let oldest = world.event("e1");
    world.event("c1");
    world.event("c2 d2");
    let outcome = world.event("c1 e1 d2");
    assert_eq!(Some(moved(&outcome).rid), oldest.rid());
    world.expect(&[("c1 d2 e1", 3), ("c2", 1)]);
}

#[test]
fn the_profile_of_a_weaker_identifier_decides_when_the_stronger_ones_fit_there() {
    let mut world = World::new(&[(CUSTOMER, 1), (EMAIL, 1)], 16);
    world.event("c1 e1");
    let device = world.event("d1");
    let outcome = world.event("c9 e1 d1");
    assert_eq!(Some(moved(&outcome).rid), device.rid());
    world.expect(&[("c1", 1), ("c9 d1 e1", 2)]);
    // Not when a stronger identifier, known elsewhere, finds no room there.
    world.event("c5 e5");
    world.event("e6 d6");
    let outcome = world.event("c7 e5 d6");
    assert!(moved(&outcome).is_new);
    world.expect(&[("c1", 1), ("c9 d1 e1", 2), ("c5", 1), ("e6", 1), ("c7 d6 e5", 1)]);
}

#[test]
fn a_weaker_identifier_over_its_bound_takes_the_place_of_the_least_recently_seen() {
    let mut world = World::new(&[(CUSTOMER, 1), (EMAIL, 2)], 16);
    for names in ["c1 e1", "c1 e2", "c1 e1"] {
        world.event(names);
    }
    assert!(matches!(world.event("c1 e3"), Outcome::Extended(_)));
    world.expect(&[("c1 e1 e3", 4)]);
    world.event("c2 e4");
    world.event("c1 e4");
    world.expect(&[("c1 e3 e4", 5), ("c2", 1)]);
}

#[test]
fn bounds_that_came_later_part_nobody() {
    let mut world = World::new(&[], 16);
    world.event("c1 d1");
    world.event("c2 d1");
    world.event("e5");
    world.bounds = Rails::new([(CUSTOMER, 1)]);
    assert!(matches!(world.event("c1 d2"), Outcome::Extended(_)));
    assert!(matches!(world.event("c2 e5"), Outcome::Merged { .. }));
    assert!(matches!(world.event("c3 e5"), Outcome::Moved(_)));
    world.expect(&[("c1 c2 d1 d2", 5), ("c3 e5", 1)]);
}

#[test]
fn a_moved_identifier_whose_former_profile_was_erased_is_taken_as_it_is() {
    let mut world = World::new(&[(CUSTOMER, 1)], 16);
    for names in ["c1 d1", "c2 d1", "c3 d1", "c1 d1"] {
        world.event(names);
    }
    let live = world.people();
    // The second person is erased: the records are gone, the others name a profile that is not there.
    world.outcomes.remove(1);
    let again = world.replayed(4);
    assert_sound(&again);
    let without: BTreeSet<_> = live.into_iter().filter(|(names, _)| names != "c2").collect();
    assert_eq!(people(&again), without);
}

#[test]
fn a_recorded_move_into_a_profile_that_is_not_there_is_refused() {
    let mut world = World::new(&[(CUSTOMER, 1)], 16);
    world.event("c1 d1");
    let own = identifiers("c2 d1");
    let stranger = Rid::new(9, 9);
    for is_new in [false, true] {
        let rid = if is_new { world.outcomes[0].1.rid().expect("a profile") } else { stranger };
        let moved = Moved { rid, is_new, bound: CUSTOMER, merged: vec![], moved: vec![] };
        let locked = world.store.lock(None, &own, &world.bounds, rid);
        let moment = Moment::of_event(None, 5, 0);
        assert_eq!(
            locked.draft(Outcome::Moved(Box::new(moved)), moment, spec).err(),
            Some(Diverged)
        );
    }
}

/// The rule of the module's head, written down a second time over plain maps.
#[derive(Default)]
struct Model {
    /// Identifiers of each profile by number; older has the lower.
    profiles: BTreeMap<usize, Vec<Identifier>>,
    /// In which event an identifier was last seen, and its place there.
    seen: BTreeMap<Identifier, (usize, usize)>,
    made: usize,
    events: usize,
}

impl Model {
    fn event(&mut self, own: &[Identifier], bounds: &Rails) {
        let holder = |profiles: &BTreeMap<usize, Vec<Identifier>>, one: &Identifier| {
            profiles.iter().find(|(_, held)| held.contains(one)).map(|(number, _)| *number)
        };
        let held: Vec<Option<usize>> = own.iter().map(|one| holder(&self.profiles, one)).collect();
        let meeting: BTreeSet<usize> = held.iter().flatten().copied().collect();
        let of = |held: &[Identifier], key| held.iter().filter(|one| one.key == key).count();
        let together: BTreeSet<&Identifier> =
            meeting.iter().flat_map(|number| &self.profiles[number]).chain(own).collect();
        let broken = [CUSTOMER, EMAIL, DEVICE].into_iter().any(|key| {
            let most = bounds.of(key).unwrap_or(usize::MAX);
            let sum = together.iter().filter(|one| one.key == key).count();
            sum > most && meeting.iter().all(|number| sum > of(&self.profiles[number], key))
        });
        let decided = if broken {
            (0..own.len()).find_map(|at| {
                let number = held[at]?;
                let mut stronger = (0..at).filter(|stronger| held[*stronger] != Some(number));
                let room = stronger.all(|stronger| {
                    let key = own[stronger].key;
                    of(&self.profiles[&number], key) < bounds.of(key).unwrap_or(usize::MAX)
                });
                room.then_some(number)
            })
        } else {
            meeting.first().copied()
        };
        let before = decided.map(|number| self.profiles[&number].clone()).unwrap_or_default();
        let mut joining: BTreeSet<usize> = decided.into_iter().collect();
        for number in &meeting {
            let rest = self.profiles[number].iter().filter(|one| !own.contains(one)).count();
            if !broken || rest == 0 {
                joining.insert(*number);
            }
        }
        let mut united: Vec<Identifier> = Vec::new();
        for number in &joining {
            united.extend(self.profiles.remove(number).expect("a profile"));
        }
        self.profiles.values_mut().for_each(|held| held.retain(|one| !own.contains(one)));
        united.retain(|one| !own.contains(one));
        self.events += 1;
        for (at, one) in own.iter().enumerate() {
            self.seen.insert(one.clone(), (self.events, at));
        }
        united.extend(own.iter().cloned());
        united.sort_by_key(|one| self.seen[one]);
        for one in own {
            let (gained, most) = (!before.contains(one), bounds.of(one.key).unwrap_or(usize::MAX));
            while broken && gained && of(&united, one.key) > most {
                let at = united.iter().position(|held| held.key == one.key).expect("counted");
                united.remove(at);
            }
        }
        let number = joining.first().copied().unwrap_or_else(|| {
            self.made += 1;
            self.made
        });
        self.profiles.insert(number, united);
    }

    fn people(&self) -> BTreeSet<BTreeSet<Identifier>> {
        self.profiles.values().map(|held| held.iter().cloned().collect()).collect()
    }
}

/// Events of a small world, at most one identifier a key, at least one in all.
fn events() -> impl Strategy<Value = Vec<Vec<Identifier>>> {
    let own = |key: u16| {
        let value = (0..6u32).prop_map(move |n| Identifier { key, value: n.to_string().into() });
        prop_oneof![1 => Just(None), 2 => value.prop_map(Some)]
    };
    let event = (own(CUSTOMER), own(EMAIL), own(DEVICE))
        .prop_map(|(c, e, d)| [c, e, d].into_iter().flatten().collect::<Vec<_>>())
        .prop_filter("somebody's", |own| !own.is_empty());
    prop::collection::vec(event, 1..60)
}

fn bounds() -> impl Strategy<Value = Vec<(u16, usize)>> {
    let bound = |key: u16| prop::option::of((Just(key), 1..4usize));
    (bound(CUSTOMER), bound(EMAIL), bound(DEVICE))
        .prop_map(|(c, e, d)| [c, e, d].into_iter().flatten().collect())
}

proptest! {
    #[test]
    fn the_rule_is_what_the_head_of_the_module_says(events in events(), bounds in bounds()) {
        let mut world = World::new(&bounds, 4);
        let mut model = Model::default();
        for own in &events {
            world.meet(own);
            model.event(own, &world.bounds);
            let all = world.store.lock_all();
            let held = all.profiles().map(|profile| {
                profile.identifiers().map(|seen| seen.identifier).collect()
            });
            prop_assert_eq!(held.collect::<BTreeSet<BTreeSet<Identifier>>>(), model.people());
            for profile in all.profiles() {
                for (key, most) in &bounds {
                    prop_assert!(profile.value_count(*key) <= *most);
                }
            }
        }
        // No event is lost: each is counted in the profile that it ended in or that took that one up.
        let total: u64 = world.people().iter().map(|(_, count)| count).sum();
        prop_assert_eq!(total, events.len() as u64);
    }

    #[test]
    fn replay_of_guarded_outcomes_ends_in_the_same_state(
        events in events(), bounds in bounds(), shards in 1..64usize,
    ) {
        let mut world = World::new(&bounds, shards);
        events.iter().for_each(|own| drop(world.meet(own)));
        let hash = |store: &Store| store.lock_all().hash(spec, 0);
        prop_assert_eq!(hash(&world.store), hash(&world.replayed(8)));
    }
}
