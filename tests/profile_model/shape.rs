//! Shape: a configuration of a few keys and attributes, as options and as YAML.

use crate::random::Random;

pub const SECOND_MS: i64 = 1_000;
pub const HOUR_MS: i64 = 3_600_000;
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// Names of the keys, strongest first.
pub const KEYS: [&str; 3] = ["login", "mail", "device"];

/// How a single folds what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    Last,
    First,
    Sum,
    Min,
    Max,
    Count,
    Mean,
}

/// What makes two items of a list alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alike {
    Never,
    Distinct,
    Id,
}

/// An attribute's type and options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Single {
        fold: Fold,
        duration_ms: Option<i64>,
    },
    List {
        max_items: usize,
        duration_ms: i64,
        alike: Alike,
    },
    /// Without a duration it is for life.
    Counter {
        duration_ms: Option<i64>,
        window_ms: Option<i64>,
    },
    By {
        duration_ms: i64,
    },
}

/// An attribute of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    pub name: String,
    /// The name it had in the configuration before.
    pub was: Option<String>,
    pub kind: Kind,
}

/// A configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    pub max_values: [Option<usize>; 3],
    pub attributes: Vec<Attribute>,
    /// Raised by each publish, so that its text is another.
    pub number: u64,
}

const FOLDS: [Fold; 7] =
    [Fold::Last, Fold::First, Fold::Sum, Fold::Min, Fold::Max, Fold::Count, Fold::Mean];
const ALIKE: [Alike; 3] = [Alike::Never, Alike::Distinct, Alike::Id];
const DURATIONS_MS: [i64; 4] = [2 * HOUR_MS, DAY_MS, 3 * DAY_MS, 30 * DAY_MS];

impl Shape {
    pub fn random(random: &mut Random) -> Self {
        let max_values = std::array::from_fn(|_| bound(random));
        let count = 3 + random.below(6);
        let attributes = (0..count).map(|number| Attribute {
            name: format!("a{number}"),
            was: None,
            kind: Kind::random(random),
        });
        Self { max_values, attributes: attributes.collect(), number: 0 }
    }

    /// Another configuration over the same values: attributes come, go, are renamed, get other bounds.
    pub fn published_anew(&self, random: &mut Random) -> Self {
        let mut next = self.clone();
        next.number += 1;
        next.attributes.iter_mut().for_each(|attribute| attribute.was = None);
        let at = random.below(next.attributes.len() as u64) as usize;
        match [0, 1, 3, 4][random.below(4) as usize] {
            0 => next.attributes.push(Attribute {
                name: format!("n{}", next.number),
                was: None,
                kind: Kind::random(random),
            }),
            1 if next.attributes.len() > 1 => {
                next.attributes.remove(at);
            }
            2 => {
                let attribute = &mut next.attributes[at];
                attribute.was = Some(attribute.name.clone());
                attribute.name = format!("r{}", next.number);
            }
            3 => next.max_values[random.below(3) as usize] = bound(random),
            _ => next.attributes[at].kind.bound_anew(random),
        }
        next
    }

    pub fn yaml(&self) -> String {
        let mut yaml = format!(
            "version: 1\naccount: 1\ninstance: 8\nname: model\ndatabase: shop\n# {}\nkeys:\n",
            self.number
        );
        for (name, max_values) in KEYS.iter().zip(self.max_values) {
            yaml += &match max_values {
                Some(bound) => format!("  - {{name: {name}, max_values: {bound}}}\n"),
                None => format!("  - {{name: {name}}}\n"),
            };
        }
        yaml += "events:\n  - {name: did, table: did}\nattributes:\n";
        self.attributes.iter().for_each(|attribute| yaml += &attribute.yaml());
        let read = self.attributes.iter().map(|attribute| &attribute.name);
        let data: Vec<_> = read.map(|name| format!("{name}: \"${{PROFILE.{name}}}\"")).collect();
        yaml +=
            &format!("offers:\n  - name: mirror\n    set: [{{data: {{{}}}}}]\n", data.join(", "));
        yaml + "tokens:\n  - {name: server, value: e65d8a9df2094f02b84cd660efff6f27}\n"
    }
}

fn bound(random: &mut Random) -> Option<usize> {
    match random.below(6) {
        0 | 1 => Some(1),
        2 => Some(2),
        _ => None,
    }
}

impl Kind {
    fn random(random: &mut Random) -> Self {
        let mut duration_ms = || DURATIONS_MS[random.below(4) as usize];
        let (one_ms, other_ms) = (duration_ms(), duration_ms());
        let half = random.percent(50);
        match random.below(8) {
            0..3 => Self::Single {
                fold: FOLDS[random.below(7) as usize],
                duration_ms: half.then_some(one_ms),
            },
            3..6 => Self::List {
                max_items: 1 + random.below(5) as usize,
                duration_ms: one_ms,
                alike: ALIKE[random.below(3) as usize],
            },
            6 => Self::Counter {
                duration_ms: half.then_some(one_ms),
                window_ms: (one_ms != other_ms).then_some(other_ms),
            },
            _ => Self::By { duration_ms: one_ms },
        }
    }

    /// Bounds that no value outlives which it has not outlived before.
    fn bound_anew(&mut self, random: &mut Random) {
        let shorter = |duration_ms: i64| duration_ms / 2;
        match self {
            Self::Single { duration_ms: Some(duration_ms), .. } => {
                *duration_ms = shorter(*duration_ms);
            }
            Self::List { max_items, duration_ms, .. } => {
                *max_items = 1 + random.below(5) as usize;
                if random.percent(50) {
                    *duration_ms = shorter(*duration_ms);
                }
            }
            Self::Single { .. } | Self::Counter { .. } | Self::By { .. } => {}
        }
    }
}

impl Attribute {
    fn yaml(&self) -> String {
        let duration = |ms: &i64| format!("    duration: {}m\n", ms / 60_000);
        let (set, plain) = ("event: did, if: EVENT.op === \"set\"", "\"${EVENT.v}\"");
        let options = match &self.kind {
            Kind::Single { fold, duration_ms } => {
                let aggregation = format!("{fold:?}").to_lowercase();
                let duration = duration_ms.as_ref().map(duration).unwrap_or_default();
                format!("    type: single\n    aggregation: {aggregation}\n{duration}")
            }
            Kind::List { max_items, duration_ms, alike } => {
                let alike = match alike {
                    Alike::Never => "",
                    Alike::Distinct => "    distinct: true\n",
                    Alike::Id => "    id: v\n",
                };
                let duration = duration(duration_ms);
                format!("    type: list\n    max_items: {max_items}\n{duration}{alike}")
            }
            Kind::Counter { duration_ms, window_ms } => {
                let own = duration_ms.as_ref().map_or("    total: true\n".to_owned(), duration);
                let name = &self.name;
                let window = window_ms.map_or(String::new(), |ms| {
                    format!("    windows: {{{name}_w: {}m}}\n", ms / 60_000)
                });
                format!("    type: counter\n{own}{window}")
            }
            Kind::By { duration_ms } => {
                format!(
                    "    type: counter\n    by: \"${{'k' + EVENT.v}}\"\n{}",
                    duration(duration_ms)
                )
            }
        };
        let value = match &self.kind {
            Kind::List { alike: Alike::Id, .. } => "{v: \"${EVENT.v}\", n: \"${EVENT.n}\"}",
            _ => plain,
        };
        let delete = match &self.kind {
            Kind::List { .. } => {
                "      - {event: did, if: EVENT.op === \"delete\", delete: \"${EVENT.v}\"}\n"
            }
            _ => "",
        };
        let was = self.was.as_ref().map_or(String::new(), |was| format!("    was: {was}\n"));
        format!(
            "  - name: {}\n{was}{options}    set:\n      - {{{set}, value: {value}}}\n{delete}      \
             - {{event: did, if: EVENT.op === \"clear\", clear: true}}\n",
            self.name
        )
    }
}
