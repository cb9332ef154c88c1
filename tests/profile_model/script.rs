//! Script: what happens to a reactor, step by step, as a seed says.

use crate::random::Random;
use crate::shape::{DAY_MS, HOUR_MS, SECOND_MS, Shape};

/// What an event does to all attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    Set,
    Delete,
    Clear,
}

impl Does {
    pub fn text(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Delete => "delete",
            Self::Clear => "clear",
        }
    }
}

/// How far processing time moves to an event.
#[derive(Clone, Copy, Debug)]
pub enum Pause {
    /// At least 1.
    Of { ms: i64 },
    /// To the next full hour, where what came at one may be as old as a duration exactly.
    ToHour,
}

/// An event's own time.
#[derive(Clone, Copy, Debug)]
pub enum Time {
    Absent,
    /// So long before processing time, or behind it.
    Late {
        ms: i64,
    },
    /// The beginning of a slot before this one: many events are of the same time.
    Slot {
        back: i64,
    },
}

pub const SLOT_MS: i64 = 12 * HOUR_MS;

/// One event.
#[derive(Clone, Debug)]
pub struct Event {
    pub pause: Pause,
    pub time: Time,
    /// A value for some of the keys, strongest first.
    pub keys: [Option<u64>; 3],
    /// A uuid of its own, perhaps sent before.
    pub uuid: Option<u64>,
    pub does: Does,
    /// A small whole number.
    pub value: i64,
}

#[derive(Clone, Debug)]
pub enum Step {
    Event(Event),
    Snapshot,
    /// The process ends and another begins: in order, with or without a last snapshot, or killed.
    Restart {
        at_close: bool,
        killed: bool,
        shards: usize,
    },
    Publish(Shape),
    /// Whoever has the identifier of this number, of those that are known, is erased: files at once or later.
    Erase {
        number: u64,
        now: bool,
    },
    /// What erasures have left to be done in files.
    CarryOut,
}

/// A configuration and what happens under it.
#[derive(Clone, Debug)]
pub struct Script {
    pub shape: Shape,
    pub shards: usize,
    pub steps: Vec<Step>,
}

impl Script {
    /// With `erasures`, people are forgotten in half of the scripts.
    pub fn random(random: &mut Random, erasures: bool) -> Self {
        let shape = Shape::random(random);
        let mut now = shape.clone();
        let few = 1 + random.below(5);
        let length = 3 + random.below(60);
        let forgets = erasures && random.percent(50);
        let steps = (0..length).map(|_| match random.below(100) {
            0..3 => Step::Snapshot,
            3..6 => Step::Restart {
                at_close: random.percent(50),
                killed: random.percent(40),
                shards: shards(random),
            },
            6 => {
                now = now.published_anew(random);
                Step::Publish(now.clone())
            }
            7..10 if forgets => Step::Erase { number: random.next(), now: random.percent(50) },
            10 if forgets => Step::CarryOut,
            _ => Step::Event(Event::random(random, few)),
        });
        let steps = steps.collect();
        Self { shape, shards: shards(random), steps }
    }
}

fn shards(random: &mut Random) -> usize {
    [1, 2, 16][random.below(3) as usize]
}

impl Event {
    fn random(random: &mut Random, few: u64) -> Self {
        let pause = match random.below(11) {
            0..5 => Pause::Of { ms: 1 + random.below(SECOND_MS as u64) as i64 },
            5..8 => Pause::Of { ms: 1 + random.below(HOUR_MS as u64) as i64 },
            8 => Pause::Of { ms: 1 + random.below(DAY_MS as u64) as i64 },
            9 => Pause::Of { ms: 1 + random.below(4 * DAY_MS as u64) as i64 },
            _ => Pause::ToHour,
        };
        let time = match random.below(10) {
            0..4 => Time::Absent,
            4 => Time::Late { ms: -(random.below(DAY_MS as u64) as i64) },
            5 => Time::Late { ms: random.below(301 * SECOND_MS as u64) as i64 },
            6 => Time::Late { ms: random.below(5 * DAY_MS as u64) as i64 },
            7 => Time::Late { ms: 2 * HOUR_MS },
            _ => Time::Slot { back: random.below(3) as i64 },
        };
        let does = match random.below(20) {
            0..2 => Does::Delete,
            2 => Does::Clear,
            _ => Does::Set,
        };
        let mut keys = [None; 3];
        let carried = random.below(3) as usize;
        for (at, key) in keys.iter_mut().enumerate() {
            if at == carried || random.percent(25) {
                *key = Some(random.below(few + 1));
            }
        }
        let uuid = random.percent(30).then(|| random.below(5));
        Self { pause, time, keys, uuid, does, value: random.below(5) as i64 }
    }
}
