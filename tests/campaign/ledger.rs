//! Ledger: what was sent and what became of it, kept where no crash of the log reaches it.
//!
//! Three outcomes only: answered, then it is in the log exactly once, at the LSN that was told, and everything
//! before it too; refused, then it is not; neither, then either, but whole, once and in its sender's order. What a
//! recovery has served counts as answered from then on, and what it did not find must never come back.

use std::collections::{HashMap, HashSet};

use crate::payload::Id;
use crate::recover::Found;

/// What is known of a log's records, all lives of it together.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// By LSN - 1: who was told to have it. `None`: the appender died before it could tell.
    told: Vec<Option<Id>>,
    /// Everything up to this LSN is answered.
    answered: u64,
    /// Retention may remove records up to this LSN.
    given_up: u64,
    /// How many each lane has sent, at most.
    sent: HashMap<u64, u64>,
    refused: HashSet<Id>,
    /// Sent, not found by a recovery that then served: the log may not bring them back.
    gone: HashSet<Id>,
}

impl Ledger {
    /// Something is about to be appended.
    pub fn sends(&mut self, id: Id) {
        let sent = self.sent.entry(id.lane()).or_default();
        *sent = (*sent).max(id.number() + 1);
    }

    /// The log gave an id an LSN.
    pub fn tells(&mut self, lsn: u64, id: Id) {
        let index = lsn as usize - 1;
        if self.told.len() <= index {
            self.told.resize(index + 1, None);
        }
        self.told[index] = Some(id);
    }

    /// The log called everything up to this LSN synced.
    pub fn answers(&mut self, lsn: u64) {
        self.answered = self.answered.max(lsn);
    }

    /// The log said no.
    pub fn refuses(&mut self, id: Id) {
        self.refused.insert(id);
    }

    /// Everything up to this LSN is answered.
    pub fn answered(&self) -> u64 {
        self.answered
    }

    /// What is wrong with what a recovery found when `answered` had been answered by then.
    pub fn faults(&self, found: &Found, answered: u64) -> Vec<String> {
        let mut faults = Vec::new();
        if found.last() < answered {
            faults.push(format!("LSN {answered} was answered, {} is the last left", found.last()));
        }
        if found.first > self.given_up + 1 {
            faults.push(format!("the log begins at LSN {}, nobody gave that up", found.first));
        }
        let mut seen = HashSet::with_capacity(found.ids.len());
        let mut next = HashMap::new();
        for (lsn, id) in (found.first..).zip(&found.ids) {
            let told = self.told.get(lsn as usize - 1).copied().flatten();
            if let Some(told) = told.filter(|told| told != id) {
                faults.push(format!("LSN {lsn} was given to {told} and holds {id}"));
            }
            if !seen.insert(*id) {
                faults.push(format!("LSN {lsn} holds {id} once more"));
            }
            if id.number() >= self.sent.get(&id.lane()).copied().unwrap_or(0) {
                faults.push(format!("LSN {lsn} holds {id}, which was never sent"));
            }
            if self.refused.contains(id) {
                faults.push(format!("LSN {lsn} holds {id}, which was refused"));
            }
            if self.gone.contains(id) {
                faults.push(format!("LSN {lsn} holds {id}, which an earlier recovery had not"));
            }
            let least = next.insert(id.lane(), id.number() + 1).unwrap_or(0);
            if id.number() < least {
                faults.push(format!("LSN {lsn} holds {id} behind a later one of its lane"));
            }
        }
        faults
    }

    /// A recovery has found this and serves it.
    pub fn adopts(&mut self, found: &Found) {
        let kept: HashSet<Id> = found.ids.iter().copied().collect();
        let before = found.first as usize - 1;
        let lost = self.told.iter().skip(before).flatten().filter(|id| !kept.contains(id));
        self.gone.extend(lost);
        self.told.resize(before, None);
        self.told.extend(found.ids.iter().copied().map(Some));
        self.answered = found.last();
    }

    /// The log goes on from an earlier moment, at which only this much was answered.
    pub fn falls_back(&mut self, answered: u64) {
        self.answered = answered;
    }

    /// Segments up to this LSN may be removed from now on.
    pub fn gives_up(&mut self, lsn: u64) {
        self.given_up = self.given_up.max(lsn);
    }
}

/// The form in which a ledger lies beside a kept image: one fact a line.
impl std::fmt::Display for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "answered {}\ngiven_up {}", self.answered, self.given_up)?;
        for (lane, sent) in &self.sent {
            writeln!(f, "sent {lane} {sent}")?;
        }
        for (lsn, id) in (1_u64..).zip(&self.told) {
            if let Some(id) = id {
                writeln!(f, "told {lsn} {}", id.0)?;
            }
        }
        self.refused.iter().try_for_each(|id| writeln!(f, "refused {}", id.0))?;
        self.gone.iter().try_for_each(|id| writeln!(f, "gone {}", id.0))
    }
}

impl std::str::FromStr for Ledger {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut ledger = Self::default();
        for line in text.lines() {
            let bad = || format!("a ledger has no line {line:?}");
            let mut words = line.split(' ');
            let fact = words.next().unwrap_or_default();
            let numbers: Result<Vec<u64>, _> = words.map(str::parse).collect();
            match (fact, &numbers.map_err(|_| bad())?[..]) {
                ("answered", [lsn]) => ledger.answered = *lsn,
                ("given_up", [lsn]) => ledger.given_up = *lsn,
                ("sent", [lane, sent]) => _ = ledger.sent.insert(*lane, *sent),
                ("told", [lsn, id]) => ledger.tells(*lsn, Id(*id)),
                ("refused", [id]) => _ = ledger.refused.insert(Id(*id)),
                ("gone", [id]) => _ = ledger.gone.insert(Id(*id)),
                _ => return Err(bad()),
            }
        }
        Ok(ledger)
    }
}
