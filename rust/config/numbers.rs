//! Numbers: what a data directory gives to names of keys and attributes, once and for good.
//!
//! Profiles know keys and attributes by number, so that no publish rewrites a profile (page 4.4). A
//! name that a configuration no longer has sleeps with its number for 7 days, so that a rollback
//! finds its values; after that, or when a publish drops its values, the number is given up: its
//! name becomes empty, and nobody gets it again. All of it stands in each configuration's record,
//! so replay decides none of it.
//! Invariants: a name stands once; a number in force never sleeps.

use super::plan::{AttributeId, Plan};
use crate::value::Text;

/// How long the values of a removed attribute or key can be found again: 7 days (page 2).
pub const SLEEP_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// The numbers of a data directory: a name's position is its number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Names of keys; empty: given up.
    pub keys: Vec<Text>,
    /// Names of attributes; empty: given up.
    pub attributes: Vec<Text>,
    /// `EVENT.<field>` names by field index, as recorded with the plan; `None`: not yet recorded.
    pub fields: Option<Vec<Text>>,
    /// Keys that are not configured, and since which processing time, epoch milliseconds.
    pub asleep_keys: Vec<(u16, i64)>,
    /// Attributes that are not configured, likewise.
    pub asleep_attributes: Vec<(u16, i64)>,
}

/// Whether what sleeps since `since_ms` can no longer be found at `now_ms`.
pub fn is_gone(since_ms: i64, now_ms: i64) -> bool {
    now_ms.saturating_sub(since_ms) > SLEEP_MS
}

impl Numbers {
    /// Gives up the numbers that have slept too long at `now_ms`: their names begin anew.
    pub fn give_up_sleepers(&mut self, now_ms: i64) {
        give_up(&mut self.asleep_keys, &mut self.keys, now_ms);
        give_up(&mut self.asleep_attributes, &mut self.attributes, now_ms);
    }

    /// Gives up the number of an attribute whose values go; its name gets a new one.
    pub fn give_up_attribute(&mut self, id: AttributeId) {
        self.attributes[usize::from(id)] = Text::default();
        self.asleep_attributes.retain(|(asleep, _)| *asleep != id);
    }

    /// Numbers of attributes that were given up.
    pub fn given_up_attributes(&self) -> impl Iterator<Item = AttributeId> + '_ {
        let numbered = self.attributes.iter().enumerate();
        numbered.filter(|(_, name)| name.is_empty()).map(|(id, _)| id as AttributeId)
    }

    /// Notes what sleeps under a plan that is about to be published at `now_ms`.
    pub fn put_to_sleep(&mut self, plan: &Plan, now_ms: i64) {
        let keys: Vec<u16> = plan.keys.iter().map(|key| key.id).collect();
        let attributes: Vec<u16> = plan.attributes.iter().map(|attribute| attribute.id).collect();
        self.asleep_keys = asleep(&self.keys, &keys, &self.asleep_keys, now_ms);
        self.asleep_attributes =
            asleep(&self.attributes, &attributes, &self.asleep_attributes, now_ms);
    }
}

fn give_up(asleep: &mut Vec<(u16, i64)>, names: &mut [Text], now_ms: i64) {
    asleep.retain(|(number, since_ms)| {
        let gone = is_gone(*since_ms, now_ms);
        if gone && let Some(name) = names.get_mut(usize::from(*number)) {
            *name = Text::default();
        }
        !gone
    });
}

fn asleep(names: &[Text], awake: &[u16], before: &[(u16, i64)], now_ms: i64) -> Vec<(u16, i64)> {
    let numbered = names.iter().enumerate().map(|(number, name)| (number as u16, name));
    let sleeping = numbered.filter(|(number, name)| !name.is_empty() && !awake.contains(number));
    let since = |number: u16| {
        let known = before.iter().find(|(asleep, _)| *asleep == number);
        (number, known.map_or(now_ms, |(_, since_ms)| *since_ms))
    };
    sleeping.map(|(number, _)| since(number)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_for_seven_days_and_then_begins_anew() {
        let mut numbers =
            Numbers { attributes: vec!["a".into(), "b".into()], ..Numbers::default() };
        numbers.put_to_sleep(&Plan::default(), 1_000);
        assert_eq!(numbers.asleep_attributes, [(0, 1_000), (1, 1_000)]);
        numbers.put_to_sleep(&Plan::default(), 2_000);
        assert_eq!(numbers.asleep_attributes, [(0, 1_000), (1, 1_000)]);
        numbers.give_up_sleepers(1_000 + SLEEP_MS);
        assert_eq!(numbers.attributes, ["a", "b"]);
        numbers.give_up_sleepers(1_001 + SLEEP_MS);
        assert_eq!(numbers.attributes, ["", ""]);
        assert_eq!(numbers.asleep_attributes, []);
        assert_eq!(numbers.given_up_attributes().collect::<Vec<_>>(), [0, 1]);
        numbers.put_to_sleep(&Plan::default(), 3_000);
        assert_eq!(numbers.asleep_attributes, []);
    }
}
