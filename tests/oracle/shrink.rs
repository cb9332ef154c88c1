//! Shrink: a mismatch made as small as it gets, and written as a golden case.

use super::body::Body;
use super::engine::{self, Outcome, World};
use super::judge::{Trial, Verdict, ask_both, judge};
use super::node::{Answer, Node, Question, Setting};
use super::tree::Style;
use super::world;
use p13n::expr::Vm;

/// Steps after which a mismatch is small enough.
const STEPS_MAX: u32 = 60;
/// Smaller programs that are tried in one step.
const TRIES_MAX: usize = 400;

/// A program on which the two sides differ.
#[derive(Clone, Debug)]
pub struct Mismatch {
    pub body: Body,
    pub texts: (String, String),
    pub now_ms: i64,
    pub time_zone: String,
    pub ours: Outcome,
    pub node: Answer,
}

impl Mismatch {
    fn trial(&self) -> Trial<'_> {
        Trial {
            body: &self.body,
            texts: &self.texts,
            now_ms: self.now_ms,
            time_zone: &self.time_zone,
        }
    }

    /// What kind of difference it is: a smaller program must differ in the same way.
    fn shape(ours: &Outcome, node: &Answer) -> (String, String) {
        let ours = match ours {
            Outcome::Value(_) => "value".to_string(),
            Outcome::Error(thrown) => thrown.class.clone(),
            Outcome::Refused(_, message) => message.clone(),
        };
        let node = match node {
            Answer::Value(_) => "value".to_string(),
            Answer::Error(class) => class.clone(),
            other => format!("{other:?}"),
        };
        (ours, node)
    }

    /// The smallest program and world that still differ in the same way.
    pub fn shrunk(mut self, sides: &mut (Node, Vm)) -> Self {
        for _ in 0..STEPS_MAX {
            match self.smaller_body(sides) {
                Some(smaller) => self = smaller,
                None => break,
            }
        }
        for _ in 0..STEPS_MAX {
            match self.smaller_world(sides) {
                Some(smaller) => self = smaller,
                None => break,
            }
        }
        self
    }

    fn smaller_body(&self, sides: &mut (Node, Vm)) -> Option<Self> {
        let length = self.body.source(Style::default()).len();
        let mut bodies: Vec<(String, Body)> = self
            .body
            .smaller()
            .into_iter()
            .map(|body| (body.source(Style::default()), body))
            .filter(|(source, _)| source.len() < length)
            .collect();
        bodies.sort_by_key(|(source, _)| source.len());
        bodies.dedup_by(|left, right| left.0 == right.0);
        bodies.truncate(TRIES_MAX);
        let sources: Vec<&str> = bodies.iter().map(|(source, _)| source.as_str()).collect();
        let answers = self.ask(&sources, sides);
        for ((source, body), node) in bodies.into_iter().zip(answers) {
            let read = World::new(&self.texts.0, &self.texts.1);
            let ours = engine::evaluate(&source, &read, self.now_ms, &self.time_zone, &mut sides.1);
            let smaller = Self { body, ours, node, ..self.clone() };
            if smaller.still_differs(self, sides) {
                return Some(smaller);
            }
        }
        None
    }

    fn ask(&self, sources: &[&str], sides: &mut (Node, Vm)) -> Vec<Answer> {
        let setting = Setting {
            now_ms: self.now_ms,
            time_zone: &self.time_zone,
            worlds: std::slice::from_ref(&self.texts),
        };
        let damaged = self.body.is_damaged();
        let questions: Vec<_> =
            sources.iter().map(|source| Question { world: 0, source, damaged }).collect();
        if questions.is_empty() { Vec::new() } else { sides.0.ask(setting, &questions).0 }
    }

    fn smaller_world(&self, sides: &mut (Node, Vm)) -> Option<Self> {
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        let (profile, event) = (read(&self.texts.0), read(&self.texts.1));
        let profiles = world::smaller(&profile).into_iter().map(|p| (p, event.clone()));
        let events = world::smaller(&event).into_iter().map(|e| (profile.clone(), e));
        let source = self.body.source(Style::default());
        for (profile, event) in profiles.chain(events) {
            let mut smaller = self.clone();
            smaller.texts = (profile.to_string(), event.to_string());
            let (ours, node) = ask_both(&source, self.body.is_damaged(), &smaller.trial(), sides);
            (smaller.ours, smaller.node) = (ours, node);
            if smaller.still_differs(self, sides) {
                return Some(smaller);
            }
        }
        None
    }

    fn still_differs(&self, before: &Self, sides: &mut (Node, Vm)) -> bool {
        Self::shape(&self.ours, &self.node) == Self::shape(&before.ours, &before.node)
            && judge(&self.trial(), &self.ours, &self.node, sides) == Verdict::Mismatch
    }

    /// The program's text without what is arbitrary in it, to tell apart what went wrong.
    pub fn signature(&self) -> String {
        if let Outcome::Refused(_, message) = &self.ours {
            return message.clone();
        }
        let source = self.body.source(Style::default());
        let (ours, node) = Self::shape(&self.ours, &self.node);
        let mut words = String::new();
        let mut in_text = false;
        for c in source.chars() {
            in_text ^= c == '"';
            if !in_text && !c.is_ascii_digit() && c != '"' {
                words.push(c);
            }
        }
        format!("{ours}|{node}|{words}")
    }

    /// As a golden case.
    pub fn golden(&self) -> String {
        let quoted = world::quoted;
        let mut lines = vec!["[[case]]".to_string()];
        lines.push(format!("expression = {}", quoted(&self.body.source(Style::default()))));
        if self.texts.0 != "{}" {
            lines.push(format!("profile = {}", quoted(&self.texts.0)));
        }
        if self.texts.1 != "{}" {
            lines.push(format!("event = {}", quoted(&self.texts.1)));
        }
        if self.time_zone != "UTC" {
            lines.push(format!("time_zone = {}", quoted(&self.time_zone)));
        }
        lines.push(match &self.node {
            Answer::Value(value) => format!("value = {}", quoted(value)),
            Answer::Error(class) => format!("error = {}", quoted(class)),
            other => format!("# Node: {other:?}"),
        });
        lines.push(match &self.ours {
            Outcome::Value(value) => format!("# ours: {value}"),
            Outcome::Error(thrown) => format!("# ours: {} {}", thrown.class, thrown.message),
            Outcome::Refused(code, message) => format!("# ours: {code} {message}"),
        });
        lines.join("\n")
    }
}
