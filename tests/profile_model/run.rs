//! Run: one script through the reactor and through the model, compared after every step.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use p13n::clock::ClockMode;
use p13n::config::SourceFile;
use p13n::log::SyncPolicy;
use p13n::log::storage::SimulatedDisk;
use p13n::reactor::open::directory_of;
use p13n::reactor::secret::SECRET_FILE;
use p13n::reactor::{Options, Reactor, Request, Retention, SnapshotPolicy};
use p13n::value::{Value, parse_json};
use serde_json::{Map, Value as Json, json};

use crate::script::{Event, Script, Step};
use crate::shape::{KEYS, Shape};
use crate::world::{Came, Figures, World, text_of};

/// Runs a script; what differs, when something does.
pub fn run(script: &Script) -> Result<Figures, String> {
    let parent = tempfile::tempdir().map_err(|error| format!("no directory: {error}"))?;
    let directory = directory_of(parent.path(), 1, 8);
    // The secret is the one file that is not on the log's disk; this one makes a script repeatable.
    std::fs::create_dir_all(&directory)
        .and_then(|()| std::fs::write(directory.join(SECRET_FILE), [7; 32]))
        .map_err(|error| format!("no directory: {error}"))?;
    let disk = SimulatedDisk::default();
    let mut life = Life::begin(script, parent.path(), disk)?;
    for (number, step) in script.steps.iter().enumerate() {
        life = life.step(step, number as u64).map_err(|what| format!("step {number}: {what}"))?;
    }
    let hash = life.reactor.state_hash();
    wait(&life.reactor)?;
    let rehearsed = Reactor::rehearse(&directory, &life.options);
    life.reactor.close().map_err(|error| error.to_string())?;
    match rehearsed {
        // Who met somebody that is erased by now cannot be decided anew.
        _ if life.world.figures.erased > 0 => Ok(life.world.figures),
        Ok(rehearsed) if rehearsed == hash => Ok(life.world.figures),
        other => Err(format!("decided anew the log comes to {other:x?}, not {hash:x}")),
    }
}

/// A reactor and the model of it.
struct Life<'a> {
    data_dir: &'a Path,
    options: Options,
    reactor: Reactor,
    world: World,
}

impl<'a> Life<'a> {
    fn begin(script: &Script, data_dir: &'a Path, disk: SimulatedDisk) -> Result<Self, String> {
        let options = Options {
            data_dir: Some(data_dir.to_path_buf()),
            sync: SyncPolicy::Always,
            clock: ClockMode::Event,
            shards: script.shards,
            disk: Arc::new(disk),
            snapshots: SnapshotPolicy { at_close: false, ..SnapshotPolicy::default() },
            // Events of 2023 stay in the log.
            retention: Retention { age_ms: None, bytes: None, ..Retention::default() },
            ..Options::default()
        };
        let reactor = open(&script.shape, &options)?;
        Ok(Self { data_dir, options, reactor, world: World::new(script.shape.clone()) })
    }

    fn step(mut self, step: &Step, number: u64) -> Result<Self, String> {
        match step {
            Step::Event(event) => self.event(event, number)?,
            Step::Snapshot => {
                self.reactor.snapshot().map_err(|error| error.to_string())?;
            }
            Step::Restart { at_close, killed, shards } => {
                let shape = self.world.shape.clone();
                self = self.restarted(&shape, *at_close, *killed, *shards)?;
                self.compare_all()?;
            }
            Step::Erase { .. } | Step::CarryOut => {}
            Step::Publish(shape) => {
                let shards = self.options.shards;
                self = self.restarted(shape, false, false, shards)?;
                self.world.publish(shape.clone());
                self.compare_all()?;
            }
        }
        Ok(self)
    }

    /// Ends the reactor and opens the next one on what it left.
    fn restarted(
        self,
        shape: &Shape,
        at_close: bool,
        killed: bool,
        shards: usize,
    ) -> Result<Self, String> {
        let Self { data_dir, mut options, reactor, world } = self;
        let hash = reactor.state_hash();
        options.shards = shards;
        options.snapshots.at_close = at_close;
        if killed {
            wait(&reactor)?;
        } else {
            reactor.close().map_err(|error| error.to_string())?;
        }
        drop(reactor);
        let reactor = open(shape, &options)?;
        // A publish may change what is read of a state; without one nothing changes at all.
        if *shape == world.shape && reactor.state_hash() != hash {
            return Err(format!("the state is another after the restart, at {}", world.now_ms));
        }
        Ok(Self { data_dir, options, reactor, world })
    }

    /// Sends an event and compares the answer, then the profile.
    fn event(&mut self, event: &Event, number: u64) -> Result<(), String> {
        let body = self.body(event, number);
        let now_ms = self.world.now_of(event);
        let request =
            Request { now_ms: Some(now_ms), ..Request::new("shop", "did", body.as_bytes()) };
        let mut answer = Vec::new();
        let receipt = self.reactor.personalize_json(&request, &mut answer);
        let receipt = receipt.map_err(|error| format!("{body}: {error}"))?;
        let came = self.world.event(event, number);
        let (person, repeated) = match came {
            Came::To(person) => (Some(person), false),
            Came::Repeated(person) => (person, true),
        };
        if receipt.duplicate != repeated {
            return Err(format!("{body}: duplicate is {}", receipt.duplicate));
        }
        let mut expected = self.world.read(person, now_ms);
        expected.retain(|name, _| !name.ends_with("_w"));
        let answer = parse_json(&answer).map_err(|error| error.to_string())?;
        let read = json_of(&answer)["offers"]["mirror"]["attributes"].take();
        if read != Json::Object(expected.clone()) {
            return Err(format!("{body}\nanswered {read}\nexpected {}", Json::Object(expected)));
        }
        if number % 4 == 0 { self.compare_all() } else { self.compare_sizes() }
    }

    fn body(&self, event: &Event, number: u64) -> String {
        let mut body = Map::new();
        for (name, value) in KEYS.iter().zip(event.keys) {
            if let Some(value) = value {
                body.insert((*name).to_owned(), json!(text_of(value)));
            }
        }
        if let Some(time_s) = self.world.time_s_of(event) {
            body.insert("time".to_owned(), json!(time_s));
        }
        if let Some(uuid) = self.world.uuid_for(event) {
            let uuid = format!("00000000-0000-4000-8000-{:012x}", uuid + 1);
            body.insert("uuid".to_owned(), json!(uuid));
        }
        body.insert("op".to_owned(), json!(event.does.text()));
        body.insert("v".to_owned(), json!(event.value));
        body.insert("n".to_owned(), json!(number));
        Json::Object(body).to_string()
    }

    fn compare_sizes(&self) -> Result<(), String> {
        let expected = (self.world.people.len(), self.world.index.len());
        let sizes = self.reactor.sizes();
        if sizes == expected { Ok(()) } else { Err(format!("sizes {sizes:?}, not {expected:?}")) }
    }

    /// Compares everybody, found by each of their identifiers.
    fn compare_all(&self) -> Result<(), String> {
        self.compare_sizes()?;
        for ((key, value), person) in &self.world.index {
            let (key, value) = (KEYS[*key], text_of(*value));
            let found = self.reactor.profile(key, &value).map_err(|error| error.to_string())?;
            let Some(found) = found else { return Err(format!("{key} {value} is unknown")) };
            let model = &self.world.people[person];
            let who = format!("{key} {value} at {}", self.world.now_ms);
            if found.rid.time_ms() != model.made_ms {
                let (made_ms, expected_ms) = (found.rid.time_ms(), model.made_ms);
                return Err(format!("{who}: made at {made_ms}, not {expected_ms}"));
            }
            let texts = found.identifiers.iter().map(|(key, values)| {
                (key.to_string(), values.iter().map(ToString::to_string).collect::<Vec<_>>())
            });
            let (texts, expected) = (texts.collect::<BTreeMap<_, _>>(), self.world.values(model));
            if texts != expected {
                return Err(format!("{who}: identifiers {texts:?}, not {expected:?}"));
            }
            let read: Map<String, Json> = found
                .attributes
                .iter()
                .filter(|(_, value)| !matches!(value, Value::Undefined))
                .map(|(name, value)| (name.to_string(), json_of(value)))
                .collect();
            let expected = self.world.read(Some(*person), self.world.now_ms);
            if read != expected {
                let (read, expected) = (Json::Object(read), Json::Object(expected));
                return Err(format!("{who}\nread     {read}\nexpected {expected}"));
            }
        }
        Ok(())
    }
}

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// Waits until all that was answered is on the disk.
fn wait(reactor: &Reactor) -> Result<(), String> {
    let log = reactor.log();
    log.wait(log.appended(), PATIENCE).map_err(|error| error.to_string())
}

fn open(shape: &Shape, options: &Options) -> Result<Reactor, String> {
    let source = SourceFile::new("model.yaml", shape.yaml());
    match Reactor::open(&source, options) {
        Ok((reactor, _)) => Ok(reactor),
        Err(error) => Err(format!("{error}\n{error:?}")),
    }
}

/// The value as JSON, every number a double. Not by way of text: `serde_json` reads some numbers a bit off.
fn json_of(value: &Value) -> Json {
    match value {
        Value::Bool(truth) => json!(truth),
        Value::Number(number) => json!(number),
        Value::String(text) => json!(text.as_str()),
        Value::Array(items) => items.iter().map(json_of).collect(),
        Value::Object(fields) => {
            let fields = fields.entries().iter();
            Json::Object(fields.map(|(name, of)| (name.to_string(), json_of(of))).collect())
        }
        _ => Json::Null,
    }
}
