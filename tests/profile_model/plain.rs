//! Plain: the attributes of page 4.2, as whoever reads the page for the first time would write them.
//!
//! Everything that came is kept in vectors and computed from scratch; nothing of the crate is used.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::shape::{Alike, Fold, Kind, SECOND_MS};

const BUCKETS: i64 = 60;
const CLOCK_SKEW_MS: i64 = 5 * 60 * SECOND_MS;

/// Processing time, an event's own place in time, its place in the log.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub now_ms: i64,
    pub time_ms: i64,
    pub lsn: u64,
}

impl Moment {
    /// "Within `clock_skew` (5 m) of reception it counts as reception; ahead of it, as now; otherwise an
    /// event is placed by its own time."
    pub fn new(time_s: Option<i64>, now_ms: i64, lsn: u64) -> Self {
        let own_ms = time_s.map_or(now_ms, |seconds| seconds * SECOND_MS);
        let time_ms = if own_ms >= now_ms - CLOCK_SKEW_MS { now_ms } else { own_ms };
        Self { now_ms, time_ms, lsn }
    }
}

/// The state of one attribute of one profile.
#[derive(Clone, Debug)]
pub enum Plain {
    Single(Option<Single>),
    List(Vec<Item>),
    Counter(Vec<Amount>),
    By(BTreeMap<String, Vec<Amount>>),
}

#[derive(Clone, Copy, Debug)]
pub struct Single {
    value: f64,
    /// How many values are in it, for a mean.
    count: f64,
    time_ms: i64,
    lsn: u64,
}

#[derive(Clone, Debug)]
pub struct Item {
    time_ms: i64,
    lsn: u64,
    value: i64,
    number: u64,
}

#[derive(Clone, Debug)]
pub struct Amount {
    time_ms: i64,
    amount: i64,
    /// Times of the events that cleared the counter while this amount was in it.
    cleared_ms: Vec<i64>,
    /// Whether it is in the total no longer.
    is_gone: bool,
}

impl Plain {
    pub fn new(kind: &Kind) -> Self {
        match kind {
            Kind::Single { .. } => Self::Single(None),
            Kind::List { .. } => Self::List(Vec::new()),
            Kind::Counter { .. } => Self::Counter(Vec::new()),
            Kind::By { .. } => Self::By(BTreeMap::new()),
        }
    }

    /// A value, number `number` of all events.
    pub fn set(&mut self, kind: &Kind, value: i64, number: u64, moment: Moment) {
        self.cut(kind, moment.now_ms);
        // "Older than the duration: logged only."
        if is_old(moment.time_ms, kind.duration_ms(), moment.now_ms) {
            return;
        }
        let Moment { time_ms, lsn, .. } = moment;
        let new = match kind {
            Kind::Single { fold, .. } => {
                let value = if *fold == Fold::Count { 1.0 } else { value as f64 };
                Self::Single(Some(Single { value, count: 1.0, time_ms, lsn }))
            }
            Kind::List { .. } => Self::List(vec![Item { time_ms, lsn, value, number }]),
            Kind::Counter { .. } => Self::Counter(vec![Amount::new(time_ms, value)]),
            Kind::By { .. } => {
                let counter = vec![Amount::new(time_ms, value)];
                Self::By(BTreeMap::from([(format!("k{value}"), counter)]))
            }
        };
        // One more event is as one more profile that has seen nothing else.
        self.unite(&new, kind, moment.now_ms);
    }

    /// "`delete` removes items whose `id` field, or without `id` whose value, equals it; `delete` and
    /// `clear` leave what is younger than their event."
    pub fn delete(&mut self, kind: &Kind, value: i64, moment: Moment) {
        self.cut(kind, moment.now_ms);
        if let Self::List(items) = self {
            items.retain(|item| item.time_ms > moment.time_ms || item.value != value);
        }
    }

    pub fn clear(&mut self, kind: &Kind, moment: Moment) {
        self.cut(kind, moment.now_ms);
        match self {
            Self::Single(single) => {
                if single.is_some_and(|single| single.time_ms <= moment.time_ms) {
                    *single = None;
                }
            }
            Self::List(items) => items.retain(|item| item.time_ms > moment.time_ms),
            Self::Counter(amounts) => clear(amounts, moment.time_ms),
            Self::By(counters) => {
                counters.values_mut().for_each(|amounts| clear(amounts, moment.time_ms));
            }
        }
    }

    /// "Singles by their aggregation (last and first by event time, min, max by value; sum, count, mean
    /// add); lists unite by time, then their caps apply; counters add bucket to bucket. Of equal times,
    /// list items stand in the order of their LSN, and singles keep the value that came last (`first`:
    /// that came first)."
    pub fn unite(&mut self, other: &Self, kind: &Kind, now_ms: i64) {
        self.sweep(kind, now_ms);
        let mut other = other.clone();
        other.sweep(kind, now_ms);
        match (self, other, kind) {
            (Self::Single(mine), Self::Single(Some(theirs)), Kind::Single { fold, .. }) => {
                *mine = Some(mine.map_or(theirs, |mine| fold_of(*fold, mine, theirs)));
            }
            (Self::List(mine), Self::List(theirs), Kind::List { max_items, alike, .. }) => {
                mine.extend(theirs);
                mine.sort_by_key(|item| (item.time_ms, item.lsn));
                if *alike != Alike::Never {
                    // "Of a `distinct` or `id` list the newest item wins."
                    let all = mine.clone();
                    let mut at = 0;
                    mine.retain(|item| {
                        at += 1;
                        all[at..].iter().all(|newer| newer.value != item.value)
                    });
                }
                mine.drain(..mine.len().saturating_sub(*max_items));
            }
            (Self::Counter(mine), Self::Counter(theirs), _) => mine.extend(theirs),
            (Self::By(mine), Self::By(theirs), _) => {
                for (by, amounts) in theirs {
                    mine.entry(by).or_default().extend(amounts);
                }
            }
            _ => {}
        }
    }

    /// "Apply first drops what has expired, then updates." Amounts are left to the windows that read them.
    fn sweep(&mut self, kind: &Kind, now_ms: i64) {
        let duration_ms = kind.duration_ms();
        match self {
            Self::Single(single) => {
                if single.is_some_and(|single| is_old(single.time_ms, duration_ms, now_ms)) {
                    *single = None;
                }
            }
            Self::List(items) => items.retain(|item| !is_old(item.time_ms, duration_ms, now_ms)),
            Self::Counter(_) | Self::By(_) => {}
        }
    }

    /// "Smaller bounds cut at the next touch": whatever an event does, it first cuts.
    fn cut(&mut self, kind: &Kind, now_ms: i64) {
        self.sweep(kind, now_ms);
        if let (Self::List(items), Kind::List { max_items, .. }) = (self, kind) {
            items.drain(..items.len().saturating_sub(*max_items));
        }
    }

    /// What `PROFILE.<name>` reads, `None` for `undefined`.
    pub fn read(&self, kind: &Kind, now_ms: i64) -> Option<Json> {
        let mut swept = self.clone();
        swept.sweep(kind, now_ms);
        match (swept, kind) {
            (Self::Single(single), Kind::Single { fold, .. }) => single.map(|single| match fold {
                Fold::Mean => json!(single.value / single.count),
                _ => json!(single.value),
            }),
            (Self::List(items), Kind::List { alike, .. }) => {
                let items = items.iter().map(|item| {
                    let (time, value) = (item.time_ms as f64, item.value as f64);
                    match alike {
                        Alike::Id => json!({"v": value, "n": item.number as f64, "time": time}),
                        _ => json!({"value": value, "time": time}),
                    }
                });
                Some(items.collect())
            }
            (Self::Counter(amounts), Kind::Counter { duration_ms, .. }) => {
                Some(match duration_ms {
                    Some(ms) => json!(window(&amounts, *ms, now_ms)),
                    None => {
                        let held = amounts.iter().filter(|amount| !amount.is_gone);
                        json!(held.map(|amount| amount.amount).sum::<i64>() as f64)
                    }
                })
            }
            (Self::By(counters), Kind::By { duration_ms }) => {
                let held = counters.iter().filter(|(_, amounts)| {
                    amounts.iter().any(|amount| amount.is_within(*duration_ms, now_ms))
                });
                let read = |amounts: &Vec<Amount>| json!(window(amounts, *duration_ms, now_ms));
                Some(Json::Object(held.map(|(by, of)| (by.clone(), read(of))).collect()))
            }
            (swept, kind) => unreachable!("{swept:?} is no {kind:?}"),
        }
    }

    /// What the counter's further window reads.
    pub fn read_window(&self, window_ms: i64, now_ms: i64) -> Json {
        match self {
            Self::Counter(amounts) => json!(window(amounts, window_ms, now_ms)),
            other => unreachable!("{other:?} has no windows"),
        }
    }
}

impl Amount {
    fn new(time_ms: i64, amount: i64) -> Self {
        Self { time_ms, amount, cleared_ms: Vec::new(), is_gone: false }
    }

    /// "Windows are the last 60 epoch-aligned buckets of a sixtieth of the window, the current one
    /// included." A bucket is cleared as a whole.
    fn is_within(&self, window_ms: i64, now_ms: i64) -> bool {
        let bucket = |time_ms: i64| (time_ms * BUCKETS).div_euclid(window_ms);
        bucket(self.time_ms) > bucket(now_ms) - BUCKETS
            && self.cleared_ms.iter().all(|cleared_ms| bucket(self.time_ms) > bucket(*cleared_ms))
    }
}

impl Kind {
    /// How long what an event brings counts; a counter's buckets say so themselves.
    fn duration_ms(&self) -> Option<i64> {
        match self {
            Self::Single { duration_ms, .. } => *duration_ms,
            Self::List { duration_ms, .. } => Some(*duration_ms),
            Self::Counter { .. } | Self::By { .. } => None,
        }
    }
}

fn fold_of(fold: Fold, mine: Single, theirs: Single) -> Single {
    let (of_mine, of_theirs) = ((mine.time_ms, mine.lsn), (theirs.time_ms, theirs.lsn));
    let newer = if of_theirs >= of_mine { theirs } else { mine };
    let older = if of_theirs < of_mine { theirs } else { mine };
    let value = match fold {
        Fold::Last => return newer,
        Fold::First => return older,
        Fold::Min => mine.value.min(theirs.value),
        Fold::Max => mine.value.max(theirs.value),
        Fold::Sum | Fold::Count | Fold::Mean => mine.value + theirs.value,
    };
    Single { value, count: mine.count + theirs.count, ..newer }
}

/// A total goes as a whole, when nothing in it is younger than the event that clears it.
fn clear(amounts: &mut [Amount], time_ms: i64) {
    let held = amounts.iter().filter(|amount| !amount.is_gone);
    let goes = held.map(|amount| amount.time_ms).max().is_some_and(|newest| newest <= time_ms);
    for amount in amounts {
        amount.cleared_ms.push(time_ms);
        amount.is_gone |= goes;
    }
}

fn window(amounts: &[Amount], window_ms: i64, now_ms: i64) -> f64 {
    let within = amounts.iter().filter(|amount| amount.is_within(window_ms, now_ms));
    within.map(|amount| amount.amount).sum::<i64>() as f64
}

fn is_old(time_ms: i64, duration_ms: Option<i64>, now_ms: i64) -> bool {
    duration_ms.is_some_and(|duration_ms| now_ms - time_ms > duration_ms)
}
