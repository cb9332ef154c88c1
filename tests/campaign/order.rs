//! Order: in a trace of the driver's system calls, no answer leaves before the sync that covers it.
//!
//! The one test that believes neither the log nor the disk: strace shows every write of a batch with its first bytes,
//! every sync with its outcome, and every answer. A sync covers what was written to its file before it began;
//! an answer of LSN n may leave only when syncs have covered every record up to n.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::Ended;
use crate::child::Task;
use crate::message::Message;

/// Small enough that the trace crosses rotations.
const SEGMENT_BYTES: u64 = 16 << 10;

/// Figures of the trace.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    pub answers: u64,
    pub syncs: u64,
    pub batches: u64,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "answers={} syncs={} batches={}", self.answers, self.syncs, self.batches)
    }
}

/// Traces a driver of which each lane sends so many records.
///
/// # Errors
/// Why nothing can be traced here.
pub fn campaign(seed: u64, records: u64) -> Result<Ended<Figures>, String> {
    let cannot = |error: std::io::Error| format!("strace: {error}");
    let parent = tempfile::tempdir().map_err(cannot)?;
    let trace = parent.path().join("trace");
    let task = Task {
        directory: parent.path().join("log"),
        life: 0,
        seed,
        interval_ms: 0,
        segment_bytes_max: SEGMENT_BYTES,
        dies_at: 0,
        records,
    };
    let own = std::env::current_exe().map_err(cannot)?;
    let traced = Command::new("strace")
        .args(["-f", "-y", "-xx", "-s", "64", "-o"])
        .arg(&trace)
        .args(["-e", "trace=write,pwrite64,fdatasync,fsync", "--"])
        .arg(own)
        .args(task.words())
        .stdout(Stdio::null())
        .output()
        .map_err(cannot)?;
    if !traced.status.success() {
        let said = String::from_utf8_lossy(&traced.stderr);
        return Err(format!("strace ends with {}: {said}", traced.status));
    }
    let lines = BufReader::new(std::fs::File::open(&trace).map_err(cannot)?).lines();
    let mut order = Order::default();
    for line in lines {
        let line = line.map_err(cannot)?;
        if let Err(what) = order.read(&line) {
            let fault = Some(format!("seed {seed}: {what}: {line}"));
            return Ok(Ended { figures: order.figures, fault });
        }
    }
    let figures = order.figures;
    if figures.answers == 0 || figures.syncs == 0 || figures.batches == 0 {
        let fault = Some("the trace lacks answers, syncs or batches: it proves nothing".to_owned());
        return Ok(Ended { figures, fault });
    }
    Ok(Ended { figures, fault: None })
}

/// What the trace has shown so far.
#[derive(Default)]
struct Order {
    figures: Figures,
    /// By file: last LSN of the batches written to it, written and covered by a sync.
    files: HashMap<String, (u64, u64)>,
    /// Calls that other threads' lines have cut in two: by thread, what was said before.
    unfinished: HashMap<String, String>,
    /// By thread: the file being synced, and what had been written to it when the sync began.
    syncing: HashMap<String, (String, u64)>,
    /// Everything up to this LSN is covered.
    covered: u64,
}

impl Order {
    fn read(&mut self, line: &str) -> Result<(), String> {
        let Some((thread, rest)) = line.split_once(' ') else { return Ok(()) };
        let (thread, rest) = (thread.to_owned(), rest.trim_start());
        if let Some(begun) = rest.strip_suffix("<unfinished ...>") {
            self.begins(&thread, begun)?;
            self.unfinished.insert(thread, begun.to_owned());
            return Ok(());
        }
        if rest.starts_with("<... ") {
            let Some(begun) = self.unfinished.remove(&thread) else { return Ok(()) };
            let end = rest.rsplit_once(" = ").map_or("", |(_, end)| end);
            self.ends(&thread, &begun, end);
            return Ok(());
        }
        let Some((begun, end)) = rest.rsplit_once(" = ") else { return Ok(()) };
        self.begins(&thread, begun)?;
        self.ends(&thread, begun, end);
        Ok(())
    }

    /// A call is made: an answer leaves now at the latest, a sync covers what is written by now.
    fn begins(&mut self, thread: &str, call: &str) -> Result<(), String> {
        let (name, file) = name_and_file(call);
        match name {
            "write" if call.starts_with("write(1<") => {
                let told =
                    bytes_of(call).and_then(|bytes| Message::decode(&bytes.try_into().ok()?));
                if let Some(Message::Answers(lsn)) = told {
                    self.figures.answers += 1;
                    if lsn > self.covered {
                        let covered = self.covered;
                        return Err(format!("LSN {lsn} is answered, syncs cover {covered}"));
                    }
                }
            }
            "fdatasync" | "fsync" => {
                let written = self.files.get(&file).map_or(0, |(written, _)| *written);
                self.syncing.insert(thread.to_owned(), (file, written));
            }
            _ => {}
        }
        Ok(())
    }

    fn ends(&mut self, thread: &str, call: &str, end: &str) {
        let (name, file) = name_and_file(call);
        let succeeded = !end.starts_with('-');
        match name {
            "pwrite64" if succeeded && is_segment(&file) => {
                if let Some(last_lsn) = bytes_of(call).and_then(|bytes| last_lsn_of(&bytes)) {
                    self.figures.batches += 1;
                    let of_file = self.files.entry(file).or_default();
                    of_file.0 = of_file.0.max(last_lsn);
                }
            }
            "fdatasync" | "fsync" => {
                let Some((file, written)) = self.syncing.remove(thread) else { return };
                if succeeded && is_segment(&file) {
                    self.figures.syncs += 1;
                    // A segment begins only when the one before is synced, so one number says it all.
                    self.covered = self.covered.max(written);
                }
            }
            _ => {}
        }
    }
}

fn is_segment(file: &str) -> bool {
    file.ends_with(".log")
}

/// The call's name and the file of its first argument (`strace -y`: `3</path>`).
fn name_and_file(call: &str) -> (&str, String) {
    let (name, arguments) = call.split_once('(').unwrap_or((call, ""));
    let file = arguments.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    (name, file.map_or_else(String::new, |(file, _)| plain(file)))
}

/// A path as strace writes it, where `-xx` has turned it into hexadecimal.
fn plain(path: &str) -> String {
    match hexadecimal(path) {
        Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        None => path.to_owned(),
    }
}

/// The bytes of a call's first quoted argument.
fn bytes_of(call: &str) -> Option<Vec<u8>> {
    let (_, rest) = call.split_once(", \"")?;
    let (quoted, _) = rest.split_once('"')?;
    hexadecimal(quoted)
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for pair in text.strip_prefix("\\x")?.split("\\x") {
        bytes.push(u8::from_str_radix(pair, 16).ok()?);
    }
    Some(bytes)
}

/// The last LSN of the batch that begins with these bytes (its page: `rust/log/mod.rs`).
fn last_lsn_of(bytes: &[u8]) -> Option<u64> {
    let count = u32::from_le_bytes(bytes.get(12..16)?.try_into().ok()?);
    let last_lsn = u64::from_le_bytes(bytes.get(24..32)?.try_into().ok()?);
    (bytes.starts_with(b"p13b") && count > 0).then_some(last_lsn)
}
