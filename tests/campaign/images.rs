//! Images: logs on the simulated disk, cut off at any call of any run, with any part of what was not synced.
//!
//! A run is several lives of one log. In each life records are appended, waited for, and at many calls of the disk
//! an image is taken of what a power cut there and then could leave, together with what the log had called synced
//! by then. Every image must start, hold all of that and nothing else; what it serves must survive the next cut at
//! once. One of the images, or a kill, begins the next life, up to five deep.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use p13n::log::storage::{Fault, SimulatedDisk};
use p13n::log::{Error, Log, Options, SyncPolicy};

use crate::Ended;
use crate::camera::{Camera, Image};
use crate::keep;
use crate::ledger::Ledger;
use crate::payload::Id;
use crate::phase::{Hits, Phase};
use crate::random::Random;
use crate::recover::{Refusal, recover, replay};
use crate::watched::Watched;

pub const DIRECTORY: &str = "/log";
/// Longer than any wait may take: what takes longer hangs.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How long the last batch may stay unsynced when nobody waits; the policies of the runs say a millisecond.
const IDLE: Duration = Duration::from_secs(2);
const LIVES: u64 = 5;

/// Figures of the images.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    pub runs: u64,
    pub lives: u64,
    pub images: u64,
    pub records: u64,
    pub answered: u64,
    pub torn: u64,
    pub faults_struck: u64,
    pub hits: Hits,
}

impl Figures {
    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.lives += other.lives;
        self.images += other.images;
        self.records += other.records;
        self.answered += other.answered;
        self.torn += other.torn;
        self.faults_struck += other.faults_struck;
        self.hits.add(&other.hits);
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "images={} runs={} lives={} records={} answered={} torn={} faults={} hit:{}",
            self.images,
            self.runs,
            self.lives,
            self.records,
            self.answered,
            self.torn,
            self.faults_struck,
            self.hits
        )
    }
}

/// Checks at least `images` images; with `cycles`, no more runs than that.
pub fn campaign(
    seed: u64,
    images: u64,
    cycles: u64,
    progress: &(dyn Fn(u64) + Sync),
) -> Ended<Figures> {
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let total = Mutex::new(Figures::default());
    let wrong = OnceLock::new();
    let work = || {
        while wrong.get().is_none() && done.load(Ordering::Relaxed) < images {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= cycles {
                break;
            }
            let mut run = Run::new(seed, number);
            let outcome = run.all_lives();
            let before = done.fetch_add(run.figures.images, Ordering::Relaxed);
            progress(before + run.figures.images);
            total.lock().expect("no panic holds it").add(&run.figures);
            if let Err(what) = outcome {
                let _first_stays = wrong.set(format!("seed {seed} run {number}: {what}"));
            }
        }
    };
    std::thread::scope(|scope| {
        // Every run waits for its own threads most of the time.
        for _ in 0..2 * std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
    let figures = total.into_inner().expect("no panic holds it");
    Ended { figures, fault: wrong.into_inner() }
}

struct Run {
    name: String,
    random: Random,
    options: Options,
    ledger: Ledger,
    sent: u64,
    figures: Figures,
}

impl Run {
    fn new(seed: u64, number: u64) -> Self {
        let mut random = Random::part(seed, number);
        let sync = match random.below(3) {
            0 => SyncPolicy::Interval { ms: 1 },
            _ => SyncPolicy::Always,
        };
        let segment_bytes_max = 1024 << random.below(3);
        Self {
            name: format!("images-{seed}-{number}"),
            options: Options { sync, segment_bytes_max, ..Options::default() },
            random,
            ledger: Ledger::default(),
            sent: 0,
            figures: Figures { runs: 1, ..Figures::default() },
        }
    }

    fn all_lives(&mut self) -> Result<(), String> {
        let mut disk = SimulatedDisk::default();
        for _ in 0..=self.random.below(LIVES) {
            disk = self.life(disk)?;
        }
        self.figures.answered += self.ledger.answered();
        Ok(())
    }

    /// One life: start, load, end; then all its images are looked at. Gives the disk of the next one.
    fn life(&mut self, disk: SimulatedDisk) -> Result<SimulatedDisk, String> {
        self.figures.lives += 1;
        let camera = Arc::new(Camera {
            disk: disk.clone(),
            random: Mutex::new(Random::new(self.random.next())),
            percent: 5 + self.random.below(30),
            answered_before: self.ledger.answered(),
            now: OnceLock::new(),
            images: Mutex::default(),
        });
        let faulty = self.random.percent(25);
        if faulty {
            let kind = match self.random.below(3) {
                0 => std::io::ErrorKind::StorageFull,
                _ => std::io::ErrorKind::Other,
            };
            let fault = if self.random.percent(50) { Fault::Dead } else { Fault::Fail(kind) };
            disk.plan(self.random.below(80), fault);
        }
        let watched = Arc::new(Watched::new(Arc::new(disk.clone()), Arc::clone(&camera) as _));
        let ended = match recover(Path::new(DIRECTORY), watched, self.options) {
            Ok((log, found)) => {
                let faults = self.ledger.faults(&found, self.ledger.answered());
                if !faults.is_empty() {
                    return Err(self.tell(&faults, &disk, self.ledger.answered()));
                }
                self.ledger.adopts(&found);
                let log = Arc::new(log);
                let asked = Arc::downgrade(&log);
                camera.starts(Box::new(move || asked.upgrade().map(|log| log.synced())));
                let loaded = self.load(&log, &disk, faulty);
                camera.shoot(Phase::Idle);
                // First the answers, then the image: the log goes on meanwhile.
                let answered = log.synced();
                let killed = disk.kill();
                let closed = log.close();
                let after_close = log.synced();
                drop(log);
                let killed = Image { disk: killed, answered, phase: Phase::Idle };
                loaded?;
                (closed.is_ok().then_some(after_close), Some(killed))
            }
            Err(Refusal::Log(Error::Io { .. } | Error::DiskFull { .. }))
                if faulty && !disk.is_fault_pending() =>
            {
                (None, None)
            }
            Err(refusal) => {
                let faults = [refusal.to_string()];
                return Err(self.tell(&faults, &disk, self.ledger.answered()));
            }
        };
        self.figures.faults_struck += u64::from(faulty && !disk.is_fault_pending());
        self.look_at(&camera, ended.1, ended.0.map(|answered| (disk, answered)))
    }

    /// Appends and waits as callers do.
    fn load(&mut self, log: &Log, disk: &SimulatedDisk, faulty: bool) -> Result<(), String> {
        for _ in 0..3 + self.random.below(25) {
            let mut last = 0;
            for _ in 0..1 + self.random.below(5) {
                let id = Id::new(1, self.sent);
                self.sent += 1;
                self.figures.records += 1;
                self.ledger.sends(id);
                let payload = id.payload();
                let Ok(reservation) = log.reserve(payload.len()) else {
                    self.ledger.refuses(id);
                    continue;
                };
                match log.append(reservation, id.kind(), &[&payload]) {
                    Ok(lsn) => {
                        self.ledger.tells(lsn, id);
                        last = lsn;
                    }
                    Err(_) if faulty && !disk.is_fault_pending() => {
                        self.ledger.refuses(id);
                        return Ok(());
                    }
                    Err(failed) => return Err(format!("{}: append: {failed}", self.name)),
                }
            }
            if last > 0 && !faulty && self.random.percent(3) {
                self.idle(log, last)?;
            } else if last > 0 && self.random.percent(70) {
                match log.wait(last, PATIENCE) {
                    Ok(()) if log.synced() < last => {
                        return Err(format!("{}: a wait ended before its sync", self.name));
                    }
                    Ok(()) => {}
                    Err(p13n::log::WaitError::Failed(_)) if faulty && !disk.is_fault_pending() => {
                        return Ok(());
                    }
                    Err(error) => return Err(format!("{}: wait: {error}", self.name)),
                }
            }
        }
        Ok(())
    }

    /// Nobody appends, nobody waits: the last batch is synced all the same (Redis 5985).
    fn idle(&self, log: &Log, last: u64) -> Result<(), String> {
        let begun = Instant::now();
        while log.synced() < last {
            if begun.elapsed() > IDLE {
                return Err(format!("{}: idle, and LSN {last} is not synced", self.name));
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Checks every image and picks the next life's disk.
    fn look_at(
        &mut self,
        camera: &Camera,
        killed: Option<Image>,
        closed: Option<(SimulatedDisk, u64)>,
    ) -> Result<SimulatedDisk, String> {
        let mut images = std::mem::take(&mut *camera.images.lock().expect("no panic holds it"));
        images.extend(killed);
        if let Some((disk, answered)) = &closed {
            let disk = disk.crash(|| self.random.next());
            images.push(Image { disk, answered: *answered, phase: Phase::Idle });
        }
        if images.is_empty() {
            let disk = camera.disk.crash(|| self.random.next());
            images.push(Image { disk, answered: camera.answered_before, phase: Phase::Recovery });
        }
        let chosen = self.random.below(images.len() as u64) as usize;
        let mut next = (images[chosen].disk.kill(), images[chosen].answered);
        for image in &images {
            self.figures.hits.count(image.phase);
            self.check(image)?;
        }
        if let Some((disk, answered)) = closed.filter(|_| self.random.percent(20)) {
            // A fault that was planned and did not strike ends with its life.
            next = (disk.kill(), answered);
        }
        self.ledger.falls_back(next.1);
        Ok(next.0)
    }

    /// An image starts, holds what was answered and nothing else, and what it serves survives the next cut.
    fn check(&mut self, image: &Image) -> Result<(), String> {
        self.figures.images += 2;
        let as_taken = image.disk.kill();
        let directory = Path::new(DIRECTORY);
        let (log, found) = recover(directory, Arc::new(image.disk.clone()), self.options)
            .map_err(|refusal| self.tell(&[refusal.to_string()], &as_taken, image.answered))?;
        let faults = self.ledger.faults(&found, image.answered);
        if !faults.is_empty() {
            return Err(self.tell(&faults, &as_taken, image.answered));
        }
        self.figures.torn += u64::from(found.torn_bytes > 0);
        let served = log.synced();
        let cut = image.disk.crash(|| self.random.next());
        drop(log);
        let again = replay(directory, Arc::new(cut.clone()), self.options).map(|(_, found)| found);
        let faults = match again {
            Ok(again) if again.ids == found.ids && served == found.last() => return Ok(()),
            Ok(again) => vec![format!(
                "a start found LSNs up to {} and served up to {served}; a cut then left {}",
                found.last(),
                again.last()
            )],
            Err(refusal) => vec![format!("after the next cut {refusal}")],
        };
        Err(self.tell(&faults, &cut, served))
    }

    /// Keeps the image for people and says what is wrong with it.
    fn tell(&self, faults: &[String], disk: &SimulatedDisk, answered: u64) -> String {
        let kept = keep::simulated(&self.name, disk, &self.ledger, answered);
        keep::story(faults, &kept)
    }
}
