//! Kills: `kill -9` on the driver process, again and again, at random moments and at every kind of call.
//!
//! A kill leaves the page cache alone, so it proves nothing about syncs: that is the power cut's part. What it does
//! prove is that no half-done step of the log, of its start or of its segments is ever taken for a whole one.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};

use crate::Ended;
use crate::child::Task;
use crate::lives::{Figures, History, Moment, look, one_life};
use crate::random::Random;

/// Lives of one directory before a fresh one takes its place.
const LIVES: u64 = 25;
/// What a kill under `interval` may take is promised as 5 ms old at most (specification 5.1). A machine under
/// load may stop the writer for longer than that, so only this much is a fault; the figures tell the worst.
const LOST_MS_MAX: u64 = 500;

/// Ends at least `kills` drivers.
pub fn campaign(seed: u64, kills: u64, progress: &(dyn Fn(u64) + Sync)) -> Ended<Figures> {
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let total = Mutex::new(Figures::default());
    let wrong = OnceLock::new();
    let work = || {
        while wrong.get().is_none() && done.load(Ordering::Relaxed) < kills {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let mut figures = Figures::default();
            let outcome = one_directory(seed, number, &done, kills, &mut figures, progress);
            total.lock().expect("no panic holds it").add(&figures);
            if let Err(what) = outcome {
                let _first_stays = wrong.set(format!("seed {seed} directory {number}: {what}"));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
    let figures = total.into_inner().expect("no panic holds it");
    Ended { figures, fault: wrong.into_inner() }
}

fn one_directory(
    seed: u64,
    number: u64,
    done: &AtomicU64,
    kills: u64,
    figures: &mut Figures,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(), String> {
    let mut random = Random::part(seed, number);
    let parent = tempfile::tempdir().map_err(|error| format!("no directory: {error}"))?;
    let mut history = History::new(parent.path().join("log"));
    let interval_ms = if random.percent(30) { 5 } else { 0 };
    let segment_bytes_max = 1024 << random.below(7);
    let name = format!("kill-{seed}-{number}");
    for _ in 0..LIVES {
        if done.load(Ordering::Relaxed) >= kills {
            break;
        }
        let task = task(&history, &mut random, interval_ms, segment_bytes_max);
        let moment = if task.dies_at > 0 { Moment::Never } else { Moment::random(&mut random) };
        history.lives += 1;
        let mut kill = |child: &mut std::process::Child| {
            let _ended_before = child.kill();
        };
        let before = figures.lost_ms_max;
        let end = one_life(&mut history, &task, moment, &mut kill, figures)?;
        figures.lost_ms_max = 0;
        look(&mut history, &end, &name, figures)?;
        if interval_ms > 0 && figures.lost_ms_max > LOST_MS_MAX {
            return Err(format!("a kill took records that were {} ms old", figures.lost_ms_max));
        }
        if interval_ms == 0 {
            // Under `always` nobody was promised anything of what is not yet synced.
            figures.lost_ms_max = 0;
        }
        figures.lost_ms_max = figures.lost_ms_max.max(before);
        progress(done.fetch_add(u64::from(end.struck), Ordering::Relaxed));
    }
    figures.torn += torn_files(&history.directory);
    Ok(())
}

/// What the next driver on a directory does: half of them end themselves, at calls that a clock would seldom hit.
pub fn task(
    history: &History,
    random: &mut Random,
    interval_ms: u64,
    segment_bytes_max: u64,
) -> Task {
    Task {
        directory: history.directory.clone(),
        life: history.lives,
        seed: random.next(),
        interval_ms,
        segment_bytes_max,
        dies_at: if random.percent(50) { 1 + random.below(150) } else { 0 },
        records: if random.percent(5) { 20 } else { u64::from(u16::MAX) },
    }
}

fn torn_files(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let is_torn = |path: &Path| path.extension().is_some_and(|extension| extension == "torn");
    entries.flatten().filter(|entry| is_torn(&entry.path())).count() as u64
}
