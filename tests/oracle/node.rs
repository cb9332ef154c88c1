//! Node: the other side of every comparison; a process that answers batches of programs.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value as Json, json};

/// After this long a batch is given up: some program in it runs for ever.
const PATIENCE_S: u64 = 20;

/// What Node says to a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A value, as canonical text.
    Value(String),
    /// The class of what it threw.
    Error(String),
    /// It does not parse.
    Syntax,
    /// It parses, but not as one expression.
    NotOne,
    /// Too large to be evaluated.
    Huge,
    /// No answer in time.
    Endless,
}

/// A program as Node is asked for it.
pub struct Question<'q> {
    pub world: usize,
    pub source: &'q str,
    /// Whether it may be anything but one expression.
    pub damaged: bool,
}

/// What all questions of a batch share.
#[derive(Clone, Copy)]
pub struct Setting<'s> {
    pub now_ms: i64,
    pub time_zone: &'s str,
    pub worlds: &'s [(String, String)],
}

/// What happened while a batch was evaluated.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    /// Texts that `Date.parse` met and that are no ISO 8601 form.
    pub other_dates: u64,
    /// Names of time zones that were written.
    pub zone_names: u64,
}

/// A process, started anew when it hangs.
pub struct Node {
    process: Child,
    input: ChildStdin,
    output: Receiver<String>,
}

/// Whether there is a `node` to ask.
pub fn version() -> Option<String> {
    let output = Command::new("node").arg("--version").output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
}

impl Node {
    /// Starts a process.
    pub fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/node.mjs");
        let mut process = Command::new("node")
            // Patterns that backtrack without end are matched in linear time, as ours are.
            .arg("--enable-experimental-regexp-engine-on-excessive-backtracks")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node starts");
        let input = process.stdin.take().expect("it was asked for");
        let output = BufReader::new(process.stdout.take().expect("it was asked for"));
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { process, input, output: receiver }
    }

    /// The answers, in order, and what happened.
    pub fn ask(
        &mut self,
        setting: Setting<'_>,
        questions: &[Question<'_>],
    ) -> (Vec<Answer>, Counts) {
        if let Some(answers) = self.try_to_ask(setting, questions) {
            return answers;
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
        *self = Self::start();
        if questions.len() == 1 {
            return (vec![Answer::Endless], Counts::default());
        }
        let (left, right) = questions.split_at(questions.len() / 2);
        let (mut answers, counted) = self.ask(setting, left);
        let (more, counted_more) = self.ask(setting, right);
        answers.extend(more);
        let counts = Counts {
            other_dates: counted.other_dates + counted_more.other_dates,
            zone_names: counted.zone_names + counted_more.zone_names,
        };
        (answers, counts)
    }

    fn try_to_ask(
        &mut self,
        setting: Setting<'_>,
        questions: &[Question<'_>],
    ) -> Option<(Vec<Answer>, Counts)> {
        let programs: Vec<Json> =
            questions.iter().map(|q| json!([q.world, q.source, q.damaged])).collect();
        let line = json!({
            "now_ms": setting.now_ms,
            "time_zone": setting.time_zone,
            "worlds": setting.worlds,
            "programs": programs,
        });
        writeln!(self.input, "{line}").ok()?;
        let patience_s = if questions.len() == 1 { 2 } else { PATIENCE_S };
        let line = self.output.recv_timeout(Duration::from_secs(patience_s)).ok()?;
        let reply: Json = serde_json::from_str(&line).expect("node answers in JSON");
        let answers = reply["answers"].as_array().expect("a list").iter().map(answer).collect();
        let count = |name: &str| reply[name].as_u64().expect("a number");
        let (other_dates, zone_names) = (count("other_dates"), count("zone_names"));
        Some((answers, Counts { other_dates, zone_names }))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn answer(text: &Json) -> Answer {
    let text = text.as_str().expect("an answer is text");
    match text.split_at(1) {
        ("v", value) => Answer::Value(value.to_string()),
        ("e", class) => Answer::Error(class.to_string()),
        ("s", _) => Answer::Syntax,
        ("p", _) => Answer::NotOne,
        _ => Answer::Huge,
    }
}
