//! Proof: that no file holds any form of an erased person's identifiers, and that the search would have found it.
//!
//! Every file is decoded as far as its form is known: sealed segments to their original bytes, snapshots block
//! by block; all others are read as they are. Every form of each identifier is looked for, and so is a control
//! person, who is still there: a search that does not find the control in a kind of file where people are kept
//! proves nothing, and says so. Another person's record may mention an identifier (an address that a friend
//! typed, a device that changed hands); that record is his, stays, and is counted apart.
//!
//! Invariant: nothing is changed, and no identifier is in the answer.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::open::io_error;
use super::super::secret::SECRET_FILE;
use super::forms::Forms;
use crate::batch::row::parts_of;
use crate::batch::{self, Generation};
use crate::error::{Error, ErrorKind, Result};
use crate::identity_log::{Entry, IDENTITY_FOLDER};
use crate::log::{self, Record, segment_bytes, segment_records};
use crate::profile::{Packed, Rid};
use crate::record::{APPLY_EPOCH, KIND_EVENT, Whose};
use crate::snapshot::{Kind, Snapshot};
use crate::storage::{Disk, DiskFile, read_full};
use crate::value::codec::Bytes;

/// Bytes of a file that is read as it is, at once; pieces overlap.
const PIECE_BYTES: usize = 8 << 20;
/// Generations of batch data. The control need not be in one: not everybody was imported.
const BATCH: &str = "batch";
/// Longer than any form that is looked for in such a file.
const OVERLAP_BYTES: usize = 64 << 10;

/// What a kind of file was found to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// How many files.
    pub files: u64,
    /// Bytes that were looked through, after decoding.
    pub bytes: u64,
    /// Places where an erased person was found; none when the erasure is complete.
    pub hits: u64,
    /// Places in other people's records that mention one.
    pub mentions: u64,
    /// Places where the control was found.
    pub control: u64,
    /// Files that hold a hit.
    pub with_hits: BTreeSet<PathBuf>,
}

/// What a proof found, by kind of file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// By kind: `sealed` and `segment` of the log, `snapshot`, `identities`, `batch`, `other`.
    pub kinds: BTreeMap<&'static str, Finding>,
    /// Kinds of files that hold people and in which the control was not found: the proof is unsound.
    pub unsound: Vec<&'static str>,
    /// Files of forms that are not decoded here.
    pub undecoded: Vec<PathBuf>,
}

impl Proof {
    /// Whether nobody was found, by a search that would have found them.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.unsound.is_empty() && self.hits() == 0
    }

    /// Places where an erased person was found.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.kinds.values().map(|finding| finding.hits).sum()
    }
}

/// Who is looked for.
pub struct Wanted<'a> {
    /// Texts of the erased.
    pub erased: &'a [String],
    /// The ids of all profiles that they ever were: whose events and profiles must be gone.
    pub rids: &'a [Rid],
    /// Texts of people who are there.
    pub control: &'a [String],
}

/// Looks through all files that `list` gives; it is asked again until it gives no new ones, for a server that runs
/// gives segments other names.
///
/// # Errors
/// `Argument` for too many texts, or what the disk refused.
pub fn prove(
    disk: &dyn Disk,
    list: &mut dyn FnMut() -> Result<Vec<PathBuf>>,
    wanted: &Wanted<'_>,
) -> Result<Proof> {
    let texts = wanted.erased.iter().chain(wanted.control).map(String::as_str);
    let forms = Forms::of(texts).map_err(ErrorKind::Argument)?;
    let mut look = Look {
        disk,
        forms,
        erased: wanted.erased.len(),
        rids: wanted.rids.iter().copied().collect(),
        proof: Proof::default(),
    };
    let mut seen = HashSet::new();
    loop {
        let new: Vec<PathBuf> =
            list()?.into_iter().filter(|path| seen.insert(path.clone())).collect();
        if new.is_empty() {
            break;
        }
        // What holds the secret holds nobody; and what it keys is worth nothing once it is shown.
        let is_secret = |path: &PathBuf| path.file_name().is_some_and(|name| name == SECRET_FILE);
        for path in new.iter().filter(|path| !is_secret(path)) {
            match look.file(path).map_err(Error::into_kind) {
                Ok(()) => {}
                // It went since it was listed; what took its place is listed next.
                Err(ErrorKind::Log(log::Error::Io { source, .. }))
                    if source.kind() == std::io::ErrorKind::NotFound => {}
                Err(kind) => return Err(kind.into()),
            }
        }
    }
    let Look { mut proof, .. } = look;
    let log =
        ["sealed", "segment"].map(|kind| proof.kinds.get(kind).map_or(0, |found| found.control));
    if log.iter().sum::<u64>() == 0 && !wanted.control.is_empty() {
        proof.unsound.push("log");
    }
    for kind in ["snapshot", "identities"] {
        if proof.kinds.get(kind).is_some_and(|found| found.control == 0) {
            proof.unsound.push(kind);
        }
    }
    if wanted.control.is_empty() {
        proof.unsound.push("control");
    }
    Ok(proof)
}

/// All files under some folders.
///
/// # Errors
/// What the system refused.
pub fn files_under(folders: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut left = folders.to_vec();
    while let Some(folder) = left.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(io_error(&folder, error)),
        };
        for entry in entries {
            let path = entry.map_err(|error| io_error(&folder, error))?.path();
            if path.is_dir() { left.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(found)
}

struct Look<'a> {
    disk: &'a dyn Disk,
    forms: Forms,
    /// Forms of so many texts are the erased; the others are the control.
    erased: usize,
    rids: HashSet<Rid>,
    proof: Proof,
}

impl Look<'_> {
    fn file(&mut self, path: &Path) -> Result<()> {
        if let Some(file) = segment_bytes(self.disk, path)? {
            return self.segment(path, &file);
        }
        if path.extension().is_some_and(|extension| extension == "snapshot")
            && let Ok(snapshot) = Snapshot::open(self.disk, path, APPLY_EPOCH)
        {
            return self.snapshot(path, &snapshot);
        }
        if path.extension().is_some_and(|extension| extension == batch::EXTENSION)
            && let Ok(generation) = Generation::open(self.disk, path)
        {
            return self.generation(path, &generation);
        }
        let kind = match path.extension().and_then(|extension| extension.to_str()) {
            Some("parquet" | "gz" | "zst") => {
                self.proof.undecoded.push(path.to_path_buf());
                return Ok(());
            }
            _ if is_of_identities(path) => "identity files",
            _ => "other",
        };
        self.plain(kind, path)
    }

    fn finding(&mut self, kind: &'static str) -> &mut Finding {
        self.proof.kinds.entry(kind).or_default()
    }

    /// Looks through bytes: how often the erased are in them, and the control.
    fn count(&self, bytes: &[u8]) -> (u64, u64) {
        let (mut erased, mut control) = (0, 0);
        for owner in self.forms.find(bytes) {
            if owner < self.erased { erased += 1 } else { control += 1 }
        }
        (erased, control)
    }

    /// Whether it is worth asking whose records the places are in: without ids all are taken for the erased's.
    fn tells_apart(&self, erased: u64) -> bool {
        erased > 0 && !self.rids.is_empty()
    }

    /// Whether a record is somebody's who is not erased: one on a table that is no destination is his whose
    /// identifiers it came with.
    fn is_anothers(&self, rids: &[Rid], identifiers: &[String]) -> bool {
        let is_erased = |value: &String| self.is_of_erased(value);
        !rids.is_empty() || !identifiers.is_empty() && !identifiers.iter().any(is_erased)
    }

    fn note(&mut self, kind: &'static str, path: &Path, bytes: usize, found: (u64, u64, u64)) {
        let (hits, mentions, control) = found;
        let finding = self.finding(kind);
        finding.bytes += bytes as u64;
        finding.hits += hits;
        finding.mentions += mentions;
        finding.control += control;
        if hits > 0 {
            finding.with_hits.insert(path.to_path_buf());
        }
    }

    /// All of a segment's bytes are looked through, what lies between and behind its batches, too; then its
    /// records say whose the places are.
    fn segment(&mut self, path: &Path, file: &Arc<dyn DiskFile>) -> Result<()> {
        let is_sealed = path.extension().is_some_and(|extension| extension == "sealed");
        let is_identities = is_of_identities(path);
        let kind = match is_sealed {
            _ if is_identities => "identities",
            true => "sealed",
            false => "segment",
        };
        let bytes = whole(&**file, path)?;
        let (erased, control) = self.count(&bytes);
        let (mut mentions, mut left) = (0, 0);
        segment_records(Arc::clone(file), path, &mut |record| {
            let Some((rids, identifiers)) = whose_record(&record, is_identities) else { return };
            if rids.iter().any(|rid| self.rids.contains(rid)) {
                left += 1;
            } else if self.tells_apart(erased) && self.is_anothers(&rids, &identifiers) {
                mentions += self.count(record.payload).0;
            }
        })?;
        self.finding(kind).files += 1;
        let mentions = mentions.min(erased);
        self.note(kind, path, bytes.len(), (erased - mentions + left, mentions, control));
        Ok(())
    }

    fn snapshot(&mut self, path: &Path, snapshot: &Snapshot) -> Result<()> {
        self.finding("snapshot").files += 1;
        snapshot.each_block(&mut |kind, bytes| {
            let (erased, control) = self.count(bytes);
            let (mut mentions, mut left) = (0, 0);
            if kind == Kind::Profiles {
                (mentions, left) = self.profiles(bytes, self.tells_apart(erased));
            }
            let mentions = mentions.min(erased);
            let found = (erased - mentions + left, mentions, control);
            self.note("snapshot", path, bytes.len(), found);
        })?;
        Ok(())
    }

    /// Places in other people's profiles, and profiles of the erased.
    fn profiles(&self, bytes: &[u8], is_found: bool) -> (u64, u64) {
        let (mut mentions, mut left) = (0, 0);
        let mut rest = Bytes(bytes);
        while !rest.is_empty() {
            let before = rest.0;
            let Ok(profile) = Packed::decode(&mut rest) else { break };
            if self.rids.contains(&profile.rid()) {
                // One without identifiers is what anonymizing leaves.
                left += u64::from(profile.identifier_count() > 0);
            } else if is_found {
                mentions += self.count(&before[..before.len() - rest.0.len()]).0;
            }
        }
        (mentions, left)
    }

    /// Looks through the file as it is; then its rows say whose the places are: a row is his who is its key, and
    /// one of a catalog is nobody's.
    fn generation(&mut self, path: &Path, generation: &Generation) -> Result<()> {
        self.plain(BATCH, path)?;
        let hits = self.finding(BATCH).with_hits.contains(path);
        let mut mentions = 0;
        let mut walk = generation.walk();
        while let Some((key, row)) = walk.next()?.filter(|_| hits) {
            let is_erased = parts_of(key).map_or(true, |(_, text)| self.is_of_erased(text));
            if generation.kind() == batch::Kind::Catalog || !is_erased {
                mentions += self.count(key).0 + self.count(row).0;
            }
        }
        let finding = self.finding(BATCH);
        let mentions = mentions.min(finding.hits);
        finding.hits -= mentions;
        finding.mentions += mentions;
        if finding.hits == 0 {
            finding.with_hits.remove(path);
        }
        Ok(())
    }

    fn is_of_erased(&self, text: &str) -> bool {
        self.count(text.as_bytes()).0 > 0
    }

    fn plain(&mut self, kind: &'static str, path: &Path) -> Result<()> {
        let refuse = |error| io_error(path, error);
        let file = match self.disk.open(path, false) {
            Ok(file) => file,
            // It went since it was listed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(refuse(error)),
        };
        self.finding(kind).files += 1;
        let mut buffer = vec![0; PIECE_BYTES];
        let mut at = 0;
        loop {
            let filled = read_full(&*file, &mut buffer, at).map_err(refuse)?;
            let (erased, control) = self.count(&buffer[..filled]);
            self.note(kind, path, filled, (erased, 0, control));
            if filled < PIECE_BYTES {
                return Ok(());
            }
            at += (PIECE_BYTES - OVERLAP_BYTES) as u64;
        }
    }
}

fn is_of_identities(path: &Path) -> bool {
    path.parent().and_then(Path::file_name).is_some_and(|folder| folder == IDENTITY_FOLDER)
}

/// The profiles that a record is about and the identifiers that it came with; `None` for one that is no event's.
fn whose_record(record: &Record<'_>, is_identities: bool) -> Option<(Vec<Rid>, Vec<String>)> {
    if is_identities {
        let Ok(Entry::Change(change)) = Entry::decode(record.kind, record.payload) else {
            return None;
        };
        let identifiers = change.identifiers.iter().map(|one| one.value.to_string()).collect();
        return Some((change.merged.into_iter().chain([change.rid]).collect(), identifiers));
    }
    if record.kind != KIND_EVENT {
        return None;
    }
    let whose = Whose::decode(record.payload).ok()?;
    let rids = if whose.binds() { whose.rids().map(|rid| Rid(*rid)).collect() } else { Vec::new() };
    let identifiers = whose.identifiers.iter().map(|(_, value)| (*value).to_owned()).collect();
    Some((rids, identifiers))
}

fn whole(file: &dyn DiskFile, path: &Path) -> Result<Vec<u8>> {
    let refuse = |error| io_error(path, error);
    let length = file.length().map_err(refuse)?;
    let mut bytes = vec![0; length as usize];
    let filled = read_full(file, &mut bytes, 0).map_err(refuse)?;
    bytes.truncate(filled);
    Ok(bytes)
}
