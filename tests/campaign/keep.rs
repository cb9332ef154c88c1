//! Keep: the image of a failure, in a folder of its own, with the ledger that it fails.
//!
//! `campaign check FOLDER` looks at it again, as often as it takes to mend what is wrong.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use p13n::log::Options;
use p13n::log::storage::{Disk, SimulatedDisk};

use crate::images::DIRECTORY;
use crate::ledger::Ledger;
use crate::recover::recover;

const LEDGER: &str = "ledger.txt";
const DISK: &str = "disk";

/// A fresh folder for a failure.
pub fn folder(name: &str) -> io::Result<PathBuf> {
    let folder = std::env::temp_dir().join("p13n-campaign").join(name);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::create_dir_all(folder.join(DISK))?;
    Ok(folder)
}

/// Keeps a simulated disk's files.
pub fn simulated(
    name: &str,
    disk: &SimulatedDisk,
    ledger: &Ledger,
    answered: u64,
) -> io::Result<PathBuf> {
    let folder = folder(name)?;
    for file in disk.files() {
        let bytes = disk.bytes(&file).unwrap_or_default();
        let name = file.file_name().unwrap_or_default();
        fs::write(folder.join(DISK).join(name), bytes)?;
    }
    write_ledger(&folder, ledger, answered)?;
    Ok(folder)
}

/// Keeps a real directory's files.
pub fn directory(name: &str, from: &Path, ledger: &Ledger) -> io::Result<PathBuf> {
    let folder = folder(name)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), folder.join(DISK).join(entry.file_name()))?;
        }
    }
    write_ledger(&folder, ledger, ledger.answered())?;
    Ok(folder)
}

fn write_ledger(folder: &Path, ledger: &Ledger, answered: u64) -> io::Result<()> {
    let mut ledger = ledger.clone();
    ledger.falls_back(answered);
    fs::write(folder.join(LEDGER), ledger.to_string())
}

/// What is wrong, and where the image is.
pub fn story(faults: &[String], kept: &io::Result<PathBuf>) -> String {
    let mut story = faults.join("\n  ");
    match kept {
        Ok(folder) => story += &format!("\n  the image is kept in {}", folder.display()),
        Err(error) => story += &format!("\n  the image could not be kept: {error}"),
    }
    story
}

/// Looks at a kept image again.
///
/// # Errors
/// What is wrong with it.
pub fn check(folder: &Path) -> Result<String, String> {
    let refuse = |error: io::Error| format!("cannot read {}: {error}", folder.display());
    let text = fs::read_to_string(folder.join(LEDGER)).map_err(refuse)?;
    let ledger: Ledger = text.parse()?;
    let disk = SimulatedDisk::default();
    for entry in fs::read_dir(folder.join(DISK)).map_err(refuse)? {
        let path = entry.map_err(refuse)?.path();
        let name = path.file_name().unwrap_or_default();
        disk.put(&Path::new(DIRECTORY).join(name), &fs::read(&path).map_err(refuse)?);
    }
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let options = Options { segment_bytes_max: 1024, ..Options::default() };
    let (_log, found) =
        recover(Path::new(DIRECTORY), disk, options).map_err(|refusal| refusal.to_string())?;
    let faults = ledger.faults(&found, ledger.answered());
    if faults.is_empty() {
        return Ok(format!("good: LSNs {} to {}", found.first, found.last()));
    }
    Err(faults.join("\n"))
}
