//! Damage: every bit flip and every cut of the files of a log of 64 KiB.
//!
//! Each image ends in one of two ways: the start is refused with a sentence that names the damage, or every record is
//! there. A log without its last synced batch, a panic, a record with other bytes, or an allocation
//! larger than the log would ever need is a fault.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use p13n::log::storage::SimulatedDisk;
use p13n::log::{Entry, Error, Log, Options, SegmentState};

use crate::Ended;
use crate::images::DIRECTORY;
use crate::keep;
use crate::ledger::Ledger;
use crate::payload::Id;
use crate::random::Random;
use crate::recover::{Refusal, read, recover, replay};

/// All files together hold at least this much.
const LOG_BYTES: usize = 64 << 10;
/// A reader's window, the decoded batches, and what is left for the rest.
const ALLOCATED_BYTES_MAX: u64 = 8 << 20;
const PATIENCE: Duration = Duration::from_secs(10);

/// Figures of the damages.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    pub flips: u64,
    pub cuts: u64,
    pub refused: u64,
    pub harmless: u64,
    pub allocated_bytes_max: u64,
    /// By kind of file: images, refused.
    pub files: BTreeMap<String, (u64, u64)>,
}

impl Figures {
    fn add(&mut self, other: Self) {
        self.flips += other.flips;
        self.cuts += other.cuts;
        self.refused += other.refused;
        self.harmless += other.harmless;
        self.allocated_bytes_max = self.allocated_bytes_max.max(other.allocated_bytes_max);
        for (file, (images, refused)) in other.files {
            let of_file = self.files.entry(file).or_default();
            *of_file = (of_file.0 + images, of_file.1 + refused);
        }
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "runs={} flips={} cuts={} refused={} harmless={} allocated_kib_max={}",
            self.flips + self.cuts,
            self.flips,
            self.cuts,
            self.refused,
            self.harmless,
            self.allocated_bytes_max >> 10
        )?;
        for (file, (images, refused)) in &self.files {
            write!(f, " {file}:{refused}/{images}")?;
        }
        Ok(())
    }
}

/// The log that is damaged: closed segments of two terms, and an open one as a kill left it.
pub struct Original {
    disk: SimulatedDisk,
    files: Vec<(PathBuf, Vec<u8>)>,
    ledger: Ledger,
}

impl Original {
    /// Writes it. Every record is answered. With `seals` the keeper has sealed what is closed, else it is all
    /// as it was written.
    pub fn write(seed: u64, seals: bool) -> Self {
        let options = || Options { seal: seals, ..options() };
        let disk = SimulatedDisk::default();
        let mut ledger = Ledger::default();
        let mut random = Random::new(seed);
        let mut number = 0;
        for life in 0..2_usize {
            let (log, _) = recover(Path::new(DIRECTORY), Arc::new(disk.clone()), options())
                .expect("a good log starts");
            let enough = LOG_BYTES * (life + 1) / 2;
            let mut last = 0;
            while bytes_of(&disk) < enough {
                for _ in 0..1 + random.below(4) {
                    let id = Id::new(1, number);
                    number += 1;
                    let payload = id.payload();
                    let reservation = log.reserve(payload.len()).expect("the queue has room");
                    last = log.append(reservation, id.kind(), &[&payload]).expect("it is taken");
                    ledger.sends(id);
                    ledger.tells(last, id);
                }
                log.wait(last, PATIENCE).expect("the log syncs");
            }
            ledger.answers(last);
            if life == 1 {
                let begun = Instant::now();
                while seals && !is_sealed(&log) {
                    assert!(begun.elapsed() < PATIENCE, "the keeper seals what is closed");
                    std::thread::yield_now();
                }
                let disk = disk.kill();
                drop(log);
                let bytes = |file: PathBuf| {
                    let bytes = disk.bytes(&file).unwrap_or_default();
                    (file, bytes)
                };
                let files = disk.files().into_iter().map(bytes).collect();
                return Self { disk, files, ledger };
            }
            log.close().expect("it closes");
        }
        unreachable!("the second life ends the writing")
    }

    /// Bits of all files, and bytes of all files.
    pub fn images(&self) -> (u64, u64) {
        let bytes: usize = self.files.iter().map(|(_, bytes)| bytes.len()).sum();
        (bytes as u64 * 8, bytes as u64)
    }

    /// The `number`-th damage: first the flips, then the cuts.
    fn damage(&self, number: u64) -> (SimulatedDisk, &Path, String) {
        let (bits, _) = self.images();
        let is_flip = number < bits;
        let mut byte = (if is_flip { number / 8 } else { number - bits }) as usize;
        for (file, bytes) in &self.files {
            if byte >= bytes.len() {
                byte -= bytes.len();
                continue;
            }
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let disk = self.disk.kill();
            if is_flip {
                let mut flipped = bytes.clone();
                flipped[byte] ^= 1 << (number % 8);
                disk.put(file, &flipped);
                return (disk, file, format!("{name}: bit {} of byte {byte} flipped", number % 8));
            }
            disk.put(file, &bytes[..byte]);
            return (disk, file, format!("{name}: cut to {byte} bytes"));
        }
        unreachable!("the number is below the number of images")
    }
}

/// Whether all closed segments are sealed, but for those that are too short.
fn is_sealed(log: &Log) -> bool {
    let enough = options().segment_bytes_max / 4;
    let waits = |entry: &Entry| entry.state == SegmentState::Closed && entry.bytes >= enough;
    !log.segments().iter().any(waits)
}

fn options() -> Options {
    Options { segment_bytes_max: 16 << 10, ..Options::default() }
}

fn bytes_of(disk: &SimulatedDisk) -> usize {
    disk.files().iter().map(|file| disk.bytes(file).map_or(0, |bytes| bytes.len())).sum()
}

/// Damages the log `images` times, evenly over all that could be done; all of them when there are no more.
/// Half of them are of a log whose closed segments are sealed.
pub fn campaign(seed: u64, images: u64, progress: &(dyn Fn(u64) + Sync)) -> Ended<Figures> {
    let mut figures = Figures::default();
    let mut before = 0;
    for seals in [false, true] {
        let told = |done| progress(before + done);
        let ended = damage_all(&Original::write(seed, seals), seed, images.div_ceil(2), &told);
        before += ended.figures.flips + ended.figures.cuts;
        figures.add(ended.figures);
        if ended.fault.is_some() {
            return Ended { figures, fault: ended.fault };
        }
    }
    Ended { figures, fault: None }
}

fn damage_all(
    original: &Original,
    seed: u64,
    images: u64,
    progress: &(dyn Fn(u64) + Sync),
) -> Ended<Figures> {
    let (bits, bytes) = original.images();
    let all = bits + bytes;
    let step = (all / images.max(1)).max(1);
    let first = Random::new(seed).below(step);
    let next = AtomicU64::new(0);
    let total = Mutex::new(Figures::default());
    let wrong = OnceLock::new();
    let work = || {
        let mut figures = Figures::default();
        while wrong.get().is_none() {
            let done = next.fetch_add(1, Ordering::Relaxed);
            let number = first + done * step;
            if number >= all {
                break;
            }
            if let Err(what) = look_at(original, number, number < bits, &mut figures) {
                let _first_stays = wrong.set(format!("seed {seed} image {number}: {what}"));
            }
            progress(done);
        }
        total.lock().expect("no panic holds it").add(figures);
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
    let figures = total.into_inner().expect("no panic holds it");
    Ended { figures, fault: wrong.into_inner() }
}

fn look_at(
    original: &Original,
    number: u64,
    is_flip: bool,
    figures: &mut Figures,
) -> Result<(), String> {
    let (disk, file, what) = original.damage(number);
    let as_damaged = disk.kill();
    *(if is_flip { &mut figures.flips } else { &mut figures.cuts }) += 1;
    let extension = file.extension().or(file.file_name()).unwrap_or_default();
    let of_file = figures.files.entry(extension.to_string_lossy().into_owned()).or_default();
    of_file.0 += 1;
    let faults = match verdict(original, &disk, figures) {
        Ok(true) => {
            of_file_refused(figures, file);
            figures.refused += 1;
            return Ok(());
        }
        Ok(false) => {
            figures.harmless += 1;
            return Ok(());
        }
        Err(faults) => faults,
    };
    let ledger = &original.ledger;
    let name = format!("damage-{number}");
    let kept = keep::simulated(&name, &as_damaged, ledger, ledger.answered());
    Err(format!("{what}: {}", keep::story(&faults, &kept)))
}

fn of_file_refused(figures: &mut Figures, file: &Path) {
    let extension = file.extension().or(file.file_name()).unwrap_or_default();
    if let Some(of_file) = figures.files.get_mut(&*extension.to_string_lossy()) {
        of_file.1 += 1;
    }
}

/// Whether the damage is refused; `false` when all is there all the same.
fn verdict(
    original: &Original,
    disk: &SimulatedDisk,
    figures: &mut Figures,
) -> Result<bool, Vec<String>> {
    let directory = Path::new(DIRECTORY);
    let mut seen = None;
    let reading = Arc::new(disk.kill());
    let allocated = allocation_counter::measure(|| {
        seen = Some(catch_unwind(AssertUnwindSafe(|| read(directory, reading))));
    });
    figures.allocated_bytes_max = figures.allocated_bytes_max.max(allocated.bytes_max);
    if allocated.bytes_max > ALLOCATED_BYTES_MAX {
        return Err(vec![format!("{} bytes were allocated to read it", allocated.bytes_max)]);
    }
    if !matches!(seen, Some(Ok(_))) {
        return Err(vec!["the reader panicked".into()]);
    }
    let started = catch_unwind(AssertUnwindSafe(|| {
        let (recovery, found) = replay(directory, Arc::new(disk.clone()), options())?;
        recovery.start().map(|log| (log, found)).map_err(Refusal::from)
    }));
    match started {
        Err(_) => Err(vec!["the start panicked".into()]),
        Ok(Ok((_log, found))) => {
            let faults = original.ledger.faults(&found, original.ledger.answered());
            if faults.is_empty() { Ok(false) } else { Err(faults) }
        }
        Ok(Err(Refusal::Log(
            Error::Corrupted { .. } | Error::NewerFormat { .. } | Error::NewerEpoch { .. },
        ))) => Ok(true),
        Ok(Err(refusal)) => Err(vec![format!("refused without naming the damage: {refusal}")]),
    }
}
