//! Lives: driver processes one after the other on one directory, and the parent's ledger of them.
//!
//! The parent reads what each driver tells, ends it by one means or another, then reads the directory itself: what
//! was answered is there, nothing else is but what was sent, and the next driver must find the same.

use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use p13n::log::Error;
use p13n::log::storage::RealDisk;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::child::Task;
use crate::keep;
use crate::ledger::Ledger;
use crate::message::{self, Message, now_ns};
use crate::phase::{Hits, Phase};
use crate::random::Random;
use crate::recover::{Found, Refusal, read};

/// A driver that neither ends nor dies within this time hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// When the parent strikes.
#[derive(Debug, Clone, Copy)]
pub enum Moment {
    /// Never: the driver ends by itself.
    Never,
    /// So long after the driver was started.
    After(Duration),
    /// When the driver has told so many times that it begins this phase.
    At(Phase, u64),
}

impl Moment {
    /// A moment of a driver's life; every phase has its chance.
    pub fn random(random: &mut Random) -> Self {
        match random.below(10) {
            0..6 => Self::After(Duration::from_micros(random.below(60_000))),
            6 => Self::At(Phase::Recovery, 1),
            7 => Self::At(Phase::Rotation, 1 + random.below(4)),
            8 => Self::At(Phase::Sync, 1 + random.below(40)),
            _ => Self::At(Phase::Batch, 1 + random.below(40)),
        }
    }
}

/// Figures of many lives.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    pub lives: u64,
    pub struck: u64,
    pub closed: u64,
    pub sent: u64,
    pub answers: u64,
    pub recoveries: u64,
    pub torn: u64,
    pub refused: u64,
    /// Records that were appended and lost, none of them answered.
    pub lost: u64,
    /// Age of the oldest of them, when the driver ended.
    pub lost_ms_max: u64,
    /// Lives whose answers after the strike were forgotten.
    pub late: u64,
    pub hits: Hits,
}

impl Figures {
    pub fn add(&mut self, other: &Self) {
        self.lives += other.lives;
        self.struck += other.struck;
        self.closed += other.closed;
        self.sent += other.sent;
        self.answers += other.answers;
        self.recoveries += other.recoveries;
        self.torn += other.torn;
        self.refused += other.refused;
        self.lost += other.lost;
        self.lost_ms_max = self.lost_ms_max.max(other.lost_ms_max);
        self.late += other.late;
        self.hits.add(&other.hits);
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "lives={} ended={} closed={} recovered={} sent={} answered={} refused={} torn={} \
             lost_unanswered={} lost_ms_max={} late={} hit:{}",
            self.lives,
            self.struck,
            self.closed,
            self.recoveries,
            self.sent,
            self.answers,
            self.refused,
            self.torn,
            self.lost,
            self.lost_ms_max,
            self.late,
            self.hits
        )
    }
}

/// A directory and everything known of it.
pub struct History {
    pub directory: PathBuf,
    pub ledger: Ledger,
    /// What the parent itself last read there.
    pub found: Found,
    pub lives: u64,
}

impl History {
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, ledger: Ledger::default(), found: Found::new(), lives: 0 }
    }
}

/// How one driver ended.
pub struct End {
    pub phase: Phase,
    /// Whether somebody ended it.
    pub struck: bool,
    /// LSN, age in nanoseconds, of what was told, oldest first.
    told: Vec<(u64, u64)>,
    ended_ns: u64,
    /// What had been answered when the parent struck.
    answered_before: Option<u64>,
}

/// Lets a driver live, strikes at its moment, and enters everything it tells into the ledger.
///
/// # Errors
/// What the driver found wrong, or its hanging.
pub fn one_life(
    history: &mut History,
    task: &Task,
    moment: Moment,
    strike: &mut dyn FnMut(&mut Child),
    figures: &mut Figures,
) -> Result<End, String> {
    let begun = Instant::now();
    let own = std::env::current_exe().map_err(|error| format!("no name of our own: {error}"))?;
    let mut child = Command::new(own)
        .args(task.words())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("a driver does not start: {error}"))?;
    let mut pipe = child.stdout.take().expect("it was asked for");
    let mut life = Life { history, figures, moment, seen: 0, end: End::new(), fault: false };
    let mut bytes = Vec::new();
    let outcome = 'life: loop {
        if begun.elapsed() > PATIENCE {
            break Err(format!("the driver hangs in {}", life.end.phase.name()));
        }
        let due = !life.end.struck && life.is_due(begun);
        let mut polled = [PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)];
        // Whatever was told before the strike is heard before it.
        let limit = Timespec { tv_sec: 0, tv_nsec: if due { 0 } else { 500_000 } };
        if matches!(poll(&mut polled, Some(&limit)), Ok(0)) {
            if due {
                life.end.struck = true;
                life.end.ended_ns = now_ns();
                life.end.answered_before = Some(life.history.ledger.answered());
                strike(&mut child);
            }
            continue;
        }
        let mut room = [0; 64 << 10];
        match pipe.read(&mut room) {
            Ok(0) => break Ok(()),
            Ok(length) => bytes.extend_from_slice(&room[..length]),
            Err(error) => break Err(format!("the driver's words are lost: {error}")),
        }
        let whole = bytes.len() / message::BYTES * message::BYTES;
        for chunk in bytes.drain(..whole).collect::<Vec<_>>().chunks_exact(message::BYTES) {
            let told = chunk.try_into().ok().and_then(Message::decode);
            let heard = told.ok_or("a driver says what it cannot".to_owned());
            if let Err(what) = heard.and_then(|told| life.hear(told)) {
                break 'life Err(what);
            }
        }
    };
    if outcome.is_err() {
        strike(&mut child);
        let _hung_anyway = child.kill();
    }
    let _status = child.wait();
    outcome?;
    let (end, fault) = (life.end, life.fault);
    if fault {
        return Err("the driver found a fault, see above".into());
    }
    figures.lives += 1;
    figures.struck += u64::from(end.struck);
    figures.hits.count(end.phase);
    Ok(end)
}

struct Life<'a> {
    history: &'a mut History,
    figures: &'a mut Figures,
    moment: Moment,
    /// How often the phase of the moment was told.
    seen: u64,
    end: End,
    fault: bool,
}

impl Life<'_> {
    fn is_due(&self, begun: Instant) -> bool {
        match self.moment {
            Moment::Never => false,
            Moment::After(time) => begun.elapsed() >= time,
            Moment::At(_, times) => self.seen >= times,
        }
    }

    fn hear(&mut self, message: Message) -> Result<(), String> {
        let ledger = &mut self.history.ledger;
        match message {
            Message::Phase(phase) => {
                self.end.phase = phase;
                if matches!(self.moment, Moment::At(wanted, _) if wanted == phase) {
                    self.seen += 1;
                }
            }
            Message::Sends(id) => {
                self.figures.sent += 1;
                ledger.sends(id);
            }
            Message::Tells { lsn, id, at_ns } => {
                ledger.tells(lsn, id);
                self.end.told.push((lsn, at_ns));
            }
            Message::Answers(lsn) => {
                self.figures.answers += 1;
                ledger.answers(lsn);
            }
            Message::Refuses(id) => {
                self.figures.refused += 1;
                ledger.refuses(id);
            }
            Message::GivesUp(lsn) => ledger.gives_up(lsn),
            Message::Recovered { first, last, digest } => {
                self.figures.recoveries += 1;
                let found = &self.history.found;
                if (first, last, digest) != (found.first, found.last(), found.digest()) {
                    return Err(format!(
                        "a driver recovered LSNs {first} to {last}, the directory held {} to {}",
                        found.first,
                        found.last()
                    ));
                }
                ledger.adopts(found);
            }
            Message::Dies { at_ns } => {
                self.end.struck = true;
                self.end.ended_ns = at_ns;
            }
            Message::Closed => {
                self.figures.closed += 1;
                self.end.phase = Phase::Idle;
            }
            Message::Stopped | Message::NoStart => {}
            Message::Fault => self.fault = true,
        }
        Ok(())
    }
}

impl End {
    /// Answers that were heard after the strike do not count: behind a power cut nobody hears any. A file system
    /// that is shut down below a running process, though, lets a sync under way return without its error.
    pub fn forget_late_answers(&self, ledger: &mut Ledger) -> u64 {
        let Some(before) = self.answered_before else { return 0 };
        let late = ledger.answered().saturating_sub(before);
        ledger.falls_back(before);
        late
    }

    fn new() -> Self {
        Self {
            phase: Phase::Idle,
            struck: false,
            told: Vec::new(),
            ended_ns: 0,
            answered_before: None,
        }
    }
}

/// Reads the directory as it is now and holds it against the ledger.
///
/// # Errors
/// What is wrong, and where the image is kept.
pub fn look(
    history: &mut History,
    end: &End,
    name: &str,
    figures: &mut Figures,
) -> Result<(), String> {
    let faults = match read(&history.directory, Arc::new(RealDisk)) {
        Ok(found) => {
            let faults = history.ledger.faults(&found, history.ledger.answered());
            let lost = end.told.iter().filter(|(lsn, _)| *lsn > found.last());
            let oldest = lost.clone().map(|(_, at_ns)| end.ended_ns.saturating_sub(*at_ns)).max();
            figures.lost += lost.count() as u64;
            figures.lost_ms_max = figures.lost_ms_max.max(oldest.unwrap_or(0) / 1_000_000);
            figures.torn += u64::from(found.torn_bytes > 0);
            history.found = found;
            faults
        }
        // Struck before the first manifest was named: there is no log yet, and nothing was answered.
        Err(Refusal::Log(Error::Io { source, .. }))
            if source.kind() == std::io::ErrorKind::NotFound && history.ledger.answered() == 0 =>
        {
            history.found = Found::new();
            Vec::new()
        }
        Err(refusal) => vec![refusal.to_string()],
    };
    if faults.is_empty() {
        return Ok(());
    }
    let kept = keep::directory(name, Path::new(&history.directory), &history.ledger);
    Err(keep::story(&faults, &kept))
}
