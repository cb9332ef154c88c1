//! Power cuts: the driver on a real ext4 file system, which is cut off at a random moment.
//!
//! The file system lies in an image behind a loop device. The cut is ext4's own shutdown call with the flag that
//! does not even write the journal (`EXT4_GOING_FLAGS_NOLOGFLUSH`, what xfstests calls "godown"): what was synced
//! stays, the rest is gone, and every later write fails. Then the image is mounted again, its journal is
//! replayed, and the log is read.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Ended;
use crate::kills::task;
use crate::lives::{Figures, History, Moment, look, one_life};
use crate::random::Random;

const IMAGE_BYTES: u64 = 256 << 20;
/// Cuts of one directory before a fresh one takes its place.
const LIVES: u64 = 25;
/// Linux: `_IOR('X', 125, __u32)`, and 2 for "do not flush the journal".
const CUTTER: &str = r#"
import fcntl, os, struct, sys
for line in sys.stdin:
    descriptor = os.open(line.rstrip("\n"), os.O_RDONLY)
    said = "cut"
    try:
        fcntl.ioctl(descriptor, 0x8004587D, struct.pack("I", 2))
    except OSError as error:
        said = str(error)
    os.close(descriptor)
    print(said, flush=True)
"#;

/// Cuts the power so many times.
///
/// # Errors
/// Why nothing can be cut here.
pub fn campaign(
    seed: u64,
    cuts: u64,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Ended<Figures>, String> {
    let mut figures = Figures::default();
    let mut random = Random::new(seed);
    let mut volume = Volume::make()?;
    let mut number = 0;
    while figures.struck < cuts {
        let directory = volume.mounted.join(format!("log-{number}"));
        number += 1;
        let name = format!("powercut-{seed}-{number}");
        let cut = one_directory(&mut volume, &directory, cuts, &name, &mut random, &mut figures);
        if let Err(what) = cut {
            let fault = Some(format!("seed {seed} directory {number}: {what}"));
            return Ok(Ended { figures, fault });
        }
        progress(figures.struck);
        if let Err(error) = std::fs::remove_dir_all(&directory) {
            let fault = Some(format!("the directory cannot be removed: {error}"));
            return Ok(Ended { figures, fault });
        }
    }
    Ok(Ended { figures, fault: None })
}

fn one_directory(
    volume: &mut Volume,
    directory: &Path,
    cuts: u64,
    name: &str,
    random: &mut Random,
    figures: &mut Figures,
) -> Result<(), String> {
    let mut history = History::new(directory.to_path_buf());
    let interval_ms = if random.percent(30) { 5 } else { 0 };
    let segment_bytes_max = 1024 << random.below(7);
    for _ in 0..LIVES {
        if figures.struck >= cuts {
            break;
        }
        let mut task = task(&history, random, interval_ms, segment_bytes_max);
        // A driver that kills itself and is cut off only then: the next start's bytes are in the cache alone.
        let moment = if task.dies_at > 0 && random.percent(60) {
            Moment::Never
        } else {
            task.dies_at = 0;
            Moment::random(random)
        };
        let goes_idle = random.percent(15);
        if goes_idle {
            (task.records, task.dies_at) = (40, 0);
        }
        history.lives += 1;
        let mut failed = None;
        let mut cut = |_: &mut Child| failed = volume.cut().err();
        let moment = if goes_idle { Moment::Never } else { moment };
        let end = one_life(&mut history, &task, moment, &mut cut, figures)?;
        if let Some(what) = failed {
            return Err(what);
        }
        if matches!(moment, Moment::Never) {
            // Not every kill is followed by a cut: half of the time the next start works on the cache.
            if !goes_idle && random.percent(50) {
                look(&mut history, &end, name, figures)?;
                continue;
            }
            figures.struck += u64::from(!end.struck);
            volume.cut()?;
        }
        volume.remount()?;
        let late = end.forget_late_answers(&mut history.ledger);
        figures.late += u64::from(late > 0);
        look(&mut history, &end, name, figures)?;
    }
    Ok(())
}

/// An ext4 file system in a file, mounted.
struct Volume {
    mounted: PathBuf,
    device: String,
    cutter: Child,
    order: ChildStdin,
    answer: BufReader<ChildStdout>,
    is_mounted: bool,
    _folder: tempfile::TempDir,
}

impl Volume {
    fn make() -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| format!("no directory: {error}"))?;
        let image = folder.path().join("image");
        let mounted = folder.path().join("mounted");
        let made = std::fs::File::create(&image).and_then(|file| file.set_len(IMAGE_BYTES));
        made.and_then(|()| std::fs::create_dir(&mounted))
            .map_err(|error| format!("no image: {error}"))?;
        let image = image.display().to_string();
        run("mkfs.ext4", &["-q", "-F", &image])?;
        let device = run("losetup", &["--find", "--show", &image])?.trim().to_owned();
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
        let cutter = Command::new(python)
            .args(["-c", CUTTER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut cutter = match cutter {
            Ok(cutter) => cutter,
            Err(error) => {
                let _told_already = run("losetup", &["--detach", &device]);
                return Err(format!("python3 does not start: {error}"));
            }
        };
        let order = cutter.stdin.take().expect("it was asked for");
        let answer = BufReader::new(cutter.stdout.take().expect("it was asked for"));
        let is_mounted = false;
        let mut volume =
            Self { mounted, device, cutter, order, answer, is_mounted, _folder: folder };
        volume.mount()?;
        // Nobody knows whether the system allows it before it was tried.
        volume.cut()?;
        volume.remount()?;
        Ok(volume)
    }

    fn mount(&mut self) -> Result<(), String> {
        let mounted = self.mounted.display().to_string();
        run("mount", &["-t", "ext4", &self.device, &mounted])?;
        self.is_mounted = true;
        Ok(())
    }

    fn unmount(&mut self) -> Result<(), String> {
        run("umount", &[&self.mounted.display().to_string()])?;
        self.is_mounted = false;
        Ok(())
    }

    fn remount(&mut self) -> Result<(), String> {
        self.unmount()?;
        self.mount()
    }

    fn cut(&mut self) -> Result<(), String> {
        let refuse = |error: std::io::Error| format!("the cutter is gone: {error}");
        writeln!(self.order, "{}", self.mounted.display()).map_err(refuse)?;
        let mut said = String::new();
        self.answer.read_line(&mut said).map_err(refuse)?;
        if said.trim() == "cut" { Ok(()) } else { Err(format!("no cut: {}", said.trim())) }
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ended_anyway = self.cutter.kill();
        let _reaped = self.cutter.wait();
        if self.is_mounted
            && let Err(what) = self.unmount()
        {
            eprintln!("left behind: {what}");
        }
        if let Err(what) = run("losetup", &["--detach", &self.device]) {
            eprintln!("left behind: {what}");
        }
    }
}

fn run(program: &str, words: &[&str]) -> Result<String, String> {
    let sentence = format!("`{program} {}`", words.join(" "));
    let output = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{sentence} does not start: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{sentence} fails: {}", said.trim().replace('\n', "; ")))
}
