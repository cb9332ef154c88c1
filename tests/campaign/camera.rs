//! Camera: takes images of a simulated disk at its calls, each with what had been answered by then.

use std::path::Path;
use std::sync::{Mutex, OnceLock};

use p13n::log::storage::SimulatedDisk;

use crate::phase::Phase;
use crate::random::Random;
use crate::watched::{Act, Watcher};

/// Images that are kept of one life.
const IMAGES_A_LIFE: usize = 24;

/// What a power cut could leave at one moment.
pub struct Image {
    pub disk: SimulatedDisk,
    pub answered: u64,
    pub phase: Phase,
}

/// Takes images at calls of the disk.
pub struct Camera {
    pub disk: SimulatedDisk,
    pub random: Mutex<Random>,
    /// Chance of an image, in percent of the calls.
    pub percent: u64,
    /// What earlier lives had answered.
    pub answered_before: u64,
    /// Asks the running log what it calls synced; `None` when it is gone.
    pub now: OnceLock<Synced>,
    pub images: Mutex<Vec<Image>>,
}

/// What somebody would be told now.
pub type Synced = Box<dyn Fn() -> Option<u64> + Send + Sync>;

impl Camera {
    /// Read in the thread that calls the disk: whoever asks the log now is told the same.
    fn answered(&self) -> u64 {
        self.now.get().and_then(|now| now()).unwrap_or(self.answered_before)
    }

    /// The log runs from here on.
    pub fn starts(&self, now: Synced) {
        let _only_once = self.now.set(now);
    }

    /// Takes an image of this moment.
    pub fn shoot(&self, phase: Phase) {
        let mut random = self.random.lock().expect("no panic holds it");
        let mut images = self.images.lock().expect("no panic holds it");
        let answered = self.answered();
        // One in five is a kill: all is there that was written, and the next start must see to it that it stays.
        let is_kill = random.percent(20);
        let disk = if is_kill { self.disk.kill() } else { self.disk.crash(|| random.next()) };
        let image = Image { disk, answered, phase };
        if images.len() < IMAGES_A_LIFE {
            images.push(image);
        } else {
            // Every moment of the life has its chance, the late ones no less.
            let at = random.below(2 * IMAGES_A_LIFE as u64) as usize;
            if let Some(place) = images.get_mut(at) {
                *place = image;
            }
        }
    }
}

impl Watcher for Camera {
    fn before(&self, act: Act, path: &Path) {
        let wanted = self.random.lock().expect("no panic holds it").percent(self.percent);
        if wanted {
            let recovering = self.now.get().is_none();
            self.shoot(if recovering { Phase::Recovery } else { Phase::of_call(act, path) });
        }
    }

    fn after(&self, _act: Act, _path: &Path) {}
}
