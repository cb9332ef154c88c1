//! Reactor: the whole engine on the simulated disk, with merges, repeats, snapshots and retention.
//!
//! Events come one after the other, and after each the canonical hash of the state is noted beside its LSN. An
//! image of a power cut must open, reach at least what was answered, and have the hash of the LSN that it reached:
//! whichever snapshot and whichever part of the log it came from.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use p13n::clock::ClockMode;
use p13n::log::SyncPolicy;
use p13n::log::storage::{Disk, SimulatedDisk};
use p13n::reactor::open::directory_of;
use p13n::reactor::{Options, Reactor, Retention, SnapshotPolicy};

use crate::Ended;
use crate::camera::{Camera, Image};
use crate::images::Figures;
use crate::phase::Phase;
use crate::random::Random;
use crate::shop;
use crate::watched::Watched;

const LIVES: u64 = 4;
/// Longer than any wait may take; an answer that is not there by then is a fault.
const CUSTOMERS: u64 = 6;
/// 2023-11-14; the events' own clock goes on from there.
const BEGUN_S: i64 = 1_700_000_000;

/// Checks at least `images` images of at most `cycles` runs.
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
            let mut figures = Figures { runs: 1, ..Figures::default() };
            let outcome = one_run(seed, number, &mut figures);
            progress(done.fetch_add(figures.images, Ordering::Relaxed));
            total.lock().expect("no panic holds it").add(&figures);
            if let Err(what) = outcome {
                let _first_stays = wrong.set(format!("seed {seed} run {number}: {what}"));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 * std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
    let figures = total.into_inner().expect("no panic holds it");
    Ended { figures, fault: wrong.into_inner() }
}

fn one_run(seed: u64, number: u64, figures: &mut Figures) -> Result<(), String> {
    let parent = tempfile::tempdir().map_err(|error| format!("no directory: {error}"))?;
    // The secret is the one file that is not on the log's disk.
    std::fs::create_dir_all(directory_of(parent.path(), 1, 8))
        .map_err(|error| format!("no directory: {error}"))?;
    let mut run = Run {
        name: format!("reactor-{seed}-{number}"),
        random: Random::part(seed, number),
        data_dir: parent.path(),
        sent: 0,
        hashes: Vec::new(),
        answered: 0,
        figures,
    };
    let mut disk = SimulatedDisk::default();
    for _ in 0..=run.random.below(LIVES) {
        disk = run.life(disk)?;
    }
    Ok(())
}

struct Run<'a> {
    name: String,
    random: Random,
    data_dir: &'a Path,
    sent: u64,
    /// By LSN: the state's hash behind it.
    hashes: Vec<Option<u128>>,
    answered: u64,
    figures: &'a mut Figures,
}

impl Run<'_> {
    fn options(&self, disk: Arc<dyn Disk>) -> Options {
        Options {
            data_dir: Some(self.data_dir.to_path_buf()),
            sync: SyncPolicy::Always,
            clock: ClockMode::Event,
            commit_timeout: crate::images::PATIENCE,
            dedup_max: 64,
            shards: 4,
            disk,
            segment_bytes_max: 4096,
            snapshots: SnapshotPolicy { at_close: false, ..SnapshotPolicy::default() },
            retention: Retention {
                age_ms: None,
                bytes: Some(1),
                disk_percent: None,
                waits_for_export: false,
            },
            ..Options::default()
        }
    }

    /// One life on a disk: recovery, load, images; gives the disk of the next.
    fn life(&mut self, disk: SimulatedDisk) -> Result<SimulatedDisk, String> {
        self.figures.lives += 1;
        let camera = Arc::new(Camera {
            disk: disk.clone(),
            random: Mutex::new(Random::new(self.random.next())),
            percent: 2 + self.random.below(8),
            answered_before: self.answered,
            now: OnceLock::new(),
            images: Mutex::default(),
        });
        let watched = Watched::new(Arc::new(disk.clone()), Arc::clone(&camera) as _);
        let reactor = Arc::new(self.open(Arc::new(watched), self.answered)?);
        // What it recovered is served from here on.
        self.answered = reactor.log().appended();
        self.hashes.truncate(self.answered as usize + 1);
        self.note(&reactor);
        let promised = Arc::new(AtomicU64::new(self.answered));
        let asked = (Arc::downgrade(&reactor), Arc::clone(&promised));
        camera.starts(Box::new(move || {
            let synced = asked.0.upgrade().map(|reactor| reactor.log().synced());
            synced.max(Some(asked.1.load(Ordering::SeqCst)))
        }));
        let loaded = self.load(&reactor, &promised, &camera);
        camera.shoot(Phase::Idle);
        let kill = Image {
            // First the answers, then the image: the log goes on meanwhile.
            answered: reactor.log().synced().max(promised.load(Ordering::SeqCst)),
            disk: disk.kill(),
            phase: Phase::Idle,
        };
        let _what_comes_now_is_too_late = reactor.close();
        drop(reactor);
        loaded?;
        let mut images = std::mem::take(&mut *camera.images.lock().expect("no panic holds it"));
        images.push(kill);
        let chosen = self.random.below(images.len() as u64) as usize;
        let next = (images[chosen].disk.kill(), images[chosen].answered);
        for image in &images {
            self.figures.images += 1;
            self.figures.hits.count(image.phase);
            let reactor = self.open(Arc::new(image.disk.kill()), image.answered)?;
            let _closed_for_the_next = reactor.close();
        }
        self.answered = next.1;
        Ok(next.0)
    }

    /// Opens a disk and holds it against what was answered and against the hash of its LSN.
    fn open(&self, disk: Arc<dyn Disk>, answered: u64) -> Result<Reactor, String> {
        let (reactor, _) = Reactor::open(&shop::source(), &self.options(disk))
            .map_err(|error| format!("{}: it does not open: {error}", self.name))?;
        let reached = reactor.log().appended();
        if reached < answered {
            let name = &self.name;
            return Err(format!("{name}: LSN {answered} was answered, {reached} is reached"));
        }
        let expected = self.hashes.get(reached as usize).copied().flatten();
        if expected.is_some_and(|expected| expected != reactor.state_hash()) {
            let name = &self.name;
            return Err(format!("{name}: the state at LSN {reached} is not what it was live"));
        }
        Ok(reactor)
    }

    /// Keeps the state's hash beside the LSN that it stands at.
    fn note(&mut self, reactor: &Reactor) {
        let lsn = reactor.log().appended() as usize;
        if self.hashes.len() <= lsn {
            self.hashes.resize(lsn + 1, None);
        }
        self.hashes[lsn] = Some(reactor.state_hash());
    }

    fn load(
        &mut self,
        reactor: &Reactor,
        promised: &AtomicU64,
        camera: &Camera,
    ) -> Result<(), String> {
        for _ in 0..10 + self.random.below(50) {
            let customer = self.random.below(CUSTOMERS);
            let (uuid, time) = (self.random.next(), BEGUN_S + self.sent as i64);
            self.sent += 1;
            self.figures.records += 1;
            let email = match self.random.below(4) {
                0 => format!(r#","email":"{}@x""#, self.random.below(CUSTOMERS)),
                _ => String::new(),
            };
            let total = self.random.below(100);
            let body = format!(
                r#"{{"uuid":"00000000-0000-4000-8000-{:012x}","time":{time},"td_client_id":"c{customer}","category":"k{total}","total":{total},"skus":[{total}]{email}}}"#,
                uuid & 0xFFFF_FFFF_FFFF
            );
            let table = if self.random.percent(50) { "orders" } else { "pageviews" };
            let (_, receipt) = shop::send(reactor, table, &body)
                .map_err(|error| format!("{}: an event is refused: {error}", self.name))?;
            self.note(reactor);
            let wait =
                |receipt| reactor.wait(receipt).map_err(|error| format!("{}: {error}", self.name));
            match self.random.below(10) {
                0..6 => {
                    wait(&receipt)?;
                    promised.fetch_max(receipt.lsn, Ordering::SeqCst);
                }
                6 => {
                    // A repeat says "known": then the first one must be there for good.
                    let (_, repeat) = shop::send(reactor, table, &body)
                        .map_err(|error| format!("{}: a repeat is refused: {error}", self.name))?;
                    if !repeat.duplicate {
                        return Err(format!("{}: a repeat is not known", self.name));
                    }
                    wait(&repeat)?;
                    promised.fetch_max(receipt.lsn, Ordering::SeqCst);
                    camera.shoot(Phase::Batch);
                }
                7 if self.random.percent(60) => {
                    reactor.snapshot().map_err(|error| format!("{}: {error}", self.name))?;
                    if self.random.percent(70) {
                        reactor.retain();
                    }
                }
                _ => {}
            }
        }
        self.figures.answered += promised.load(Ordering::SeqCst);
        Ok(())
    }
}
