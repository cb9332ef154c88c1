//! Erasure: people who are to be forgotten, at once in the state and then in every file (page 4.5).
//!
//! At the barrier an erasure's record is appended, which begins a segment of the log, and profiles and
//! identifiers go. From then on nobody who reads or replays sees the people again ([`pending`]). Then their
//! events are replaced by tombstones, snapshots and batch data are written anew, and what was set aside goes;
//! a last record says that it is done. What a crash leaves is gone on with by the next start.
//!
//! Invariants: neither record nor list holds an identifier; the state of everybody else stays as it was, live and
//! in every replay; nothing is rewritten before the list that says so is durable.

pub mod export;
pub mod forms;
pub mod limits;
pub mod pending;
pub mod people;
pub mod proof;

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use self::limits::{PEOPLE_MAX, RECORD_BYTES_MAX, SHARED_MS};
use self::pending::{Pending, entry_replacement, replacement};
use self::people::People;
use super::batch::Batch;
use super::history::History;
use super::keep::Keep;
use super::open::{LOG_FOLDER, io_error};
use super::read::identifier;
use super::{Options, Reactor, Secret};
use crate::clock;
use crate::config::plan::Plan;
use crate::error::{Error, ErrorKind, Result};
use crate::identity_log::{IDENTITY_FOLDER, Register};
use crate::log::{self, ReplayError, RewriteError};
use crate::profile::{AbortOnPanic, Barrier, Identifier, Packed, Rid};
use crate::record::{
    APPLY_EPOCH, BadRecord, ErasedRecord, ErasureRecord, KIND_ERASED, KIND_ERASURE,
};
use crate::storage::Disk;
use crate::value::codec::{BadBytes, Bytes};

/// What is left of the people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Nothing.
    Nothing,
    /// Their profiles, under their ids, without identifiers and sensitive attributes: counts stay.
    Counts,
}

/// When files are rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before the call returns.
    Now,
    /// Within 10 minutes, together with others.
    Shared,
}

/// What an erasure came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErasureReport {
    /// LSN of its record; 0 when nobody was found and nothing was written.
    pub lsn: u64,
    /// The profiles that the people ever were, ascending.
    pub rids: Vec<Rid>,
    /// How many identifiers they ever had.
    pub identifiers: u64,
    /// Those identifiers, for a proof: to be forgotten with it.
    pub texts: Vec<String>,
    /// How many profiles the state held of them.
    pub profiles: u64,
    /// What was rewritten; zeros when that is to come.
    pub files: Files,
}

/// What carrying erasures out came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Events of which tombstones are left.
    pub tombstones: u64,
    /// Segments of the log that were written anew.
    pub segments: u64,
    /// Bytes of the log that were looked through, before compression.
    pub log_bytes: u64,
    /// Profiles left out of snapshots, in all of them.
    pub snapshot_profiles: u64,
    /// Snapshots written anew.
    pub snapshots: u64,
    /// Rows of batch data that went.
    pub batch_rows: u64,
    /// Generations of batch data written anew.
    pub generations: u64,
    /// Files that had been set aside, and went.
    pub removed: u64,
    /// How long it took, milliseconds.
    pub ms: u64,
}

impl Reactor {
    /// Erases the people who are known by these identifiers, each a key's name and a value, or by any that lead
    /// to them: at once in the state, in the files when `when` says.
    ///
    /// # Errors
    /// `Argument` for an unknown key, a value that never identifies, or too many people at once; `Log`,
    /// `Snapshot`, `Stopped` for what the disk refused: what is recorded by then is carried out later.
    pub fn erase(
        &self,
        identifiers: &[(&str, &str)],
        leave: Leave,
        when: When,
    ) -> Result<ErasureReport> {
        self.ensure_running()?;
        if identifiers.len() > PEOPLE_MAX {
            let message = format!("at most {PEOPLE_MAX} identifiers are erased at once");
            return Err(ErrorKind::Argument(message).into());
        }
        let published = self.published();
        let known: Vec<Identifier> = identifiers
            .iter()
            .map(|(key, value)| identifier(&published, key, value))
            .collect::<Result<_>>()?;
        let _one_at_a_time = self.erasures.working.lock();
        let mut people = self.people(&known)?;
        let mut report = self.record_erasure(&mut people, &known, leave)?;
        report.rids = people.rids().collect();
        report.identifiers = people.identifier_count() as u64;
        report.texts = people.texts().map(|text| text.to_string()).collect();
        match (&self.keeper, when) {
            (Some(keeper), When::Now) => report.files = keeper.keep().carry_out()?,
            (Some(_), When::Shared) => {}
            // In memory there is nothing else to rewrite.
            (None, _) => {
                let erasure = Pending::new(report.lsn, people.record(0, Vec::new()));
                leave_out_rows(&self.batch, &self.secret, &[Arc::new(erasure)], &mut report.files)?;
            }
        }
        Ok(report)
    }

    /// Everybody who was ever known by one of the identifiers, as far as state and log tell.
    ///
    /// # Errors
    /// `Log` when the log cannot be read.
    pub(super) fn people(&self, known: &[Identifier]) -> Result<People> {
        let mut people = People::default();
        people.pass_over(self.erasures.list());
        // Both look at the same records: a change of hands that only the second saw would bind two people.
        let last = self.log.appended();
        if let Some(keeper) = &self.keeper {
            self.log.wait(last, super::ingest::PATIENCE)?;
            keeper.keep().note_moves(&mut people, last + 1)?;
        }
        for identifier in known {
            people.add_identifier(identifier.key, &identifier.value, &self.secret);
            self.store.visit(identifier, |profile| people.add_profile(profile, &self.secret));
        }
        if let Some(keeper) = &self.keeper {
            keeper.keep().look_through(&mut people, last + 1)?;
        }
        Ok(people)
    }

    /// Appends the erasure and carries it out in the state; what came in while the log was gone through is
    /// looked at again, and leads to a second record when it binds somebody else to them.
    fn record_erasure(
        &self,
        people: &mut People,
        known: &[Identifier],
        leave: Leave,
    ) -> Result<ErasureReport> {
        let mut report = ErasureReport::default();
        // No snapshot may hold the erasure's state before the list names the erasure.
        let keep = self.keeper.as_ref().map(|keeper| keeper.keep());
        let _shelf = keep.map(|keep| keep.shelf.lock());
        let mut pending = self.erasures.list();
        loop {
            let (lsn, record, profiles) = self.append_erasure(people, known, leave)?;
            report.lsn = lsn;
            report.profiles += profiles;
            let Some(keep) = keep else { return Ok(report) };
            // Whatever becomes of the rest: it may be in the log, so it is carried out.
            pending.push(Arc::new(Pending::new(lsn, record)));
            self.erasures.note(pending.clone());
            keep.settle_erasures()?;
            let before = people.size();
            keep.note_moves(people, lsn)?;
            keep.look_through(people, lsn)?;
            if people.size() == before {
                pending.last().inspect(|erasure| erasure.complete());
                return Ok(report);
            }
        }
    }

    /// At the barrier: the record, then the profiles go.
    fn append_erasure(
        &self,
        people: &mut People,
        known: &[Identifier],
        leave: Leave,
    ) -> Result<(u64, ErasureRecord, u64)> {
        let reservation = self.log.reserve_internal(RECORD_BYTES_MAX / 16)?;
        let published = self.published();
        let mut barrier = self.store.lock_all();
        let _order = self.clock.hold();
        for identifier in known {
            if let Some(profile) = barrier.owner(identifier) {
                people.add_profile(profile, &self.secret);
            }
        }
        let held: Vec<Rid> = people.rids().filter(|rid| barrier.profile(*rid).is_some()).collect();
        for rid in &held {
            if let Some(profile) = barrier.profile(*rid) {
                people.add_profile(profile, &self.secret);
            }
        }
        let kept = match leave {
            Leave::Nothing => Vec::new(),
            Leave::Counts => held
                .iter()
                .filter_map(|rid| barrier.profile(*rid))
                .map(|profile| nameless(profile, &published.plan))
                .collect(),
        };
        let record = people.record(clock::wall_ms(), kept);
        let payload = record.encode();
        if payload.len() > RECORD_BYTES_MAX {
            let message = "too many people, or too much of them, at once: name fewer";
            return Err(ErrorKind::Argument(message.to_owned()).into());
        }
        let lsn = self.log.append_apart(reservation, KIND_ERASURE, &[&payload])?;
        let _half_installed = AbortOnPanic;
        obey(&mut barrier, lsn, &record).expect("what was just made is as it should be");
        Ok((lsn, record, held.len() as u64))
    }

    /// The canonical hash of the state as it would be without some profiles: what an erasure must not change.
    pub fn state_hash_without(&self, gone: &[Rid]) -> u128 {
        let barrier = self.store.lock_all();
        let published = self.published();
        let now_ms = self.clock.last_ms().unwrap_or_default();
        barrier.hash_without(|id| published.spec(id, now_ms), now_ms, &|rid| gone.contains(&rid))
    }

    /// How many erasures are recorded and not carried out in every file yet.
    pub fn erasures_pending(&self) -> usize {
        self.erasures.list().len()
    }

    /// Opens a directory's reactor under the configuration that was published last.
    ///
    /// # Errors
    /// As [`Reactor::open`]; `Argument` when none was ever published.
    pub fn reopen(directory: &Path, options: &Options) -> Result<Self> {
        let (reactor, replay) = Self::recover(directory, options)?;
        if replay.configurations == 0 {
            let directory = directory.display();
            let message = format!("{directory} holds no configuration yet, and so nobody");
            return Err(ErrorKind::Argument(message).into());
        }
        Ok(reactor)
    }

    /// Carries out what is pending, at once.
    ///
    /// # Errors
    /// As [`Reactor::erase`].
    pub fn carry_out_erasures(&self) -> Result<Files> {
        let _one_at_a_time = self.erasures.working.lock();
        self.keeper
            .as_ref()
            .map_or_else(|| Ok(Files::default()), |keeper| keeper.keep().carry_out())
    }
}

/// What anonymizing leaves of a profile, as snapshots hold it.
fn nameless(profile: &Packed, plan: &Plan) -> Vec<u8> {
    let mut left = profile.unpack();
    left.identifiers.clear();
    left.attributes.retain(|(id, _)| {
        let known = plan.attributes.iter().find(|attribute| attribute.id == *id);
        // One that is configured no more may have been anything.
        known.is_some_and(|attribute| !attribute.sensitive)
    });
    let mut bytes = Vec::new();
    left.packed().encode(&mut bytes);
    bytes
}

/// Carries a recorded erasure out in the state: live and in replay the same.
pub(super) fn obey(
    barrier: &mut Barrier<'_>,
    lsn: u64,
    record: &ErasureRecord,
) -> Result<(), BadBytes> {
    for rid in &record.rids {
        barrier.remove(Rid(*rid));
    }
    for bytes in &record.kept {
        let mut bytes = Bytes(bytes);
        let profile = Packed::decode(&mut bytes)?.unpack();
        if !bytes.is_empty() {
            return Err(BadBytes("bytes follow a profile"));
        }
        barrier.put_nameless(profile, lsn)?;
    }
    Ok(())
}

impl Keep {
    /// The reactor's own directory.
    pub(super) fn directory_path(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.folder)
    }

    /// Makes the list of erasures durable, once their records are.
    pub(super) fn settle_erasures(&self) -> Result<()> {
        if let Some(last) = self.erasures.unsettled() {
            self.log.wait(last, super::ingest::PATIENCE)?;
            self.erasures.settle(&*self.disk, self.directory_path())?;
        }
        Ok(())
    }

    /// Goes through the log's records before `until` until nothing more is found of the people.
    fn look_through(&self, people: &mut People, until: u64) -> Result<()> {
        let folder = self.directory_path().join(LOG_FOLDER);
        let register = self.register()?;
        gather(people, until, &self.secret, register.as_ref(), &mut || {
            Ok(log::Reader::open(&folder, Arc::clone(&self.disk))?)
        })
    }

    /// The identity log, as far as it is; `None` without one.
    fn register(&self) -> Result<Option<Register>> {
        register_of(self.directory_path(), &self.disk)
    }

    fn note_moves(&self, people: &mut People, until: u64) -> Result<()> {
        let folder = self.directory_path().join(LOG_FOLDER);
        let reader = log::Reader::open(&folder, Arc::clone(&self.disk))?;
        if let Some(register) = self.register()? {
            people.look_up_moves(&register, until, &self.secret).map_err(read_error)?;
        }
        people.note_moves(&reader, until, &self.secret).map_err(read_error)
    }

    /// Whether erasures have waited long enough for others to share their rewriting, or were left by a crash.
    pub(super) fn is_erasing_due(&self) -> bool {
        let pending = self.erasures.list();
        let oldest = pending.iter().map(|pending| pending.record.now_ms).min();
        oldest.is_some_and(|since_ms| clock::wall_ms().saturating_sub(since_ms) >= SHARED_MS)
    }

    /// Carries out all erasures that are pending. The caller holds `working`.
    pub(super) fn carry_out(&self) -> Result<Files> {
        let begun = Instant::now();
        let mut files = Files::default();
        self.settle_erasures()?;
        let pending = self.complete()?;
        let Some(last) = pending.last() else { return Ok(files) };
        let rewritten =
            self.log.rewrite(last.lsn, &mut |record| replacement(&pending, &self.secret, record));
        let rewritten = rewritten.map_err(rewrite_error)?;
        files.tombstones = rewritten.records;
        files.segments = rewritten.segments;
        files.log_bytes = rewritten.bytes;
        self.rewrite_identities(last.lsn, &pending)?;
        self.rewrite_snapshots(&pending, &mut files)?;
        leave_out_rows(&self.batch, &self.secret, &pending, &mut files)?;
        files.removed += self.remove_torn()?;
        for erasure in &pending {
            let done = ErasedRecord { erasure: erasure.lsn, tombstones: files.tombstones };
            let payload = done.encode();
            let reservation = self.log.reserve_internal(payload.len())?;
            let lsn = self.log.append(reservation, KIND_ERASED, &[&payload])?;
            self.log.wait(lsn, super::ingest::PATIENCE)?;
        }
        self.erasures.note(Vec::new());
        self.settle_erasures()?;
        files.ms = begun.elapsed().as_millis() as u64;
        Ok(files)
    }

    /// What is pending; what an erasure that a crash cut short had not found of its people yet is found.
    fn complete(&self) -> Result<Vec<Arc<Pending>>> {
        let mut pending = self.erasures.list();
        let mut has_grown = false;
        for at in 0..pending.len() {
            let (before, rest) = pending.split_at_mut(at);
            let erasure = &mut rest[0];
            if erasure.is_complete() {
                continue;
            }
            let mut people = People::of(&erasure.record);
            people.pass_over(before.to_vec());
            self.note_moves(&mut people, erasure.lsn)?;
            self.look_through(&mut people, erasure.lsn)?;
            erasure.complete();
            let found = people.record(erasure.record.now_ms, Vec::new());
            if found != erasure.record {
                *erasure = Arc::new(Pending::new(erasure.lsn, found));
                erasure.complete();
                has_grown = true;
            }
        }
        if has_grown {
            self.erasures.note(pending.clone());
            self.settle_erasures()?;
        }
        Ok(pending)
    }

    /// The entries of the identity log: each change of theirs becomes a mark.
    fn rewrite_identities(&self, lsn: u64, pending: &[Arc<Pending>]) -> Result<()> {
        let Some(registry) = &self.identities else { return Ok(()) };
        let patience = super::ingest::PATIENCE;
        let rewritten = registry
            .follower
            .rewrite(lsn, patience, &mut |record| entry_replacement(pending, record));
        if rewritten.map_err(rewrite_error)? {
            return Ok(());
        }
        let why = registry.follower.figures().failure.unwrap_or_else(|| "it is behind".to_owned());
        Err(ErrorKind::Replay(format!("the identity log cannot be rewritten yet: {why}")).into())
    }

    fn rewrite_snapshots(&self, pending: &[Arc<Pending>], files: &mut Files) -> Result<()> {
        let mut shelf = self.shelf.lock();
        for kept in shelf.kept().to_vec() {
            let gone = |rid: Rid| pending.iter().any(|erasure| erasure.erases(&rid.0, kept.lsn));
            match shelf.leave_out(&kept, APPLY_EPOCH, &gone) {
                Ok(0) => {}
                Ok(profiles) => {
                    files.snapshots += 1;
                    files.snapshot_profiles += profiles;
                }
                // Of no use to anybody, and nobody can say whom it holds.
                Err(error) if error.is_damage() => {
                    shelf.set_aside(kept.number, clock::wall_ms())?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        files.removed += shelf.remove_set_aside()?;
        Ok(())
    }

    /// Torn tails that were kept for people: nobody can say whose events they are.
    fn remove_torn(&self) -> Result<u64> {
        let is_torn = |path: &PathBuf| path.extension().is_some_and(|end| end == "torn");
        let mut removed = 0;
        for folder in [LOG_FOLDER, IDENTITY_FOLDER] {
            let folder = self.directory_path().join(folder);
            let names = match self.disk.names(&folder) {
                Ok(names) => names,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(io_error(&folder, error)),
            };
            for path in names.into_iter().filter(is_torn) {
                self.disk.remove(&path).map_err(|error| io_error(&path, error))?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// Writes batch data anew without the rows of identifiers that were erased people's to the last.
fn leave_out_rows(
    batch: &Batch,
    secret: &Secret,
    pending: &[Arc<Pending>],
    files: &mut Files,
) -> Result<()> {
    let rewritten = batch.rewrite_where(&|key, value| {
        let hash = secret.identifier_hash(key, value);
        pending.iter().any(|erasure| erasure.has_rows_of(key, hash))
    })?;
    files.generations += rewritten.len() as u64;
    files.batch_rows += rewritten.iter().map(|(_, rows)| rows).sum::<u64>();
    Ok(())
}

/// The identity log of a reactor's directory; `None` when there is none.
fn register_of(directory: &Path, disk: &Arc<dyn Disk>) -> Result<Option<Register>> {
    match Register::open(directory, Arc::clone(disk)) {
        Ok(register) => Ok(Some(register)),
        Err(log::Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Goes through a log's records before `until` until nothing more is found of the people.
fn gather(
    people: &mut People,
    until: u64,
    secret: &Secret,
    register: Option<&Register>,
    open: &mut dyn FnMut() -> Result<log::Reader>,
) -> Result<()> {
    loop {
        let before = people.size();
        if let Some(register) = register {
            people.look_up(register, until, secret).map_err(read_error)?;
        }
        people.look_through(&open()?, until, secret).map_err(read_error)?;
        if people.size() == before {
            return Ok(());
        }
    }
}

/// The ids of everybody with one of these identifiers, each a key's name and a value, whose erasure the log of
/// a directory holds the record of. Needs no lock.
///
/// # Errors
/// `Argument` for an unknown key or a value that never identifies; as [`super::history::History::open`].
pub fn erased_before(
    directory: &Path,
    identifiers: &[(String, String)],
    options: &Options,
) -> Result<Vec<Rid>> {
    let folder = directory.join(LOG_FOLDER);
    let reader = log::Reader::open(&folder, Arc::clone(&options.disk))?;
    let now = History::open(directory, reader.synced_lsn()?, options)?;
    let (published, secret) = (now.published(), &now.reactor().secret);
    let known: HashSet<(u16, [u8; 16])> = identifiers
        .iter()
        .map(|(key, value)| {
            let known = identifier(&published, key, value)?;
            Ok((known.key, secret.identifier_hash(known.key, &known.value)))
        })
        .collect::<Result<_>>()?;
    let mut rids = BTreeSet::new();
    let read = reader.records(|record| -> Result<(), BadRecord> {
        if record.kind == KIND_ERASURE {
            let erasure = ErasureRecord::decode(record.payload)?;
            if erasure.identifiers.iter().any(|one| known.contains(&(one.key, one.hash))) {
                rids.extend(erasure.rids);
            }
        }
        Ok(())
    });
    read.map_err(read_error)?;
    Ok(rids.into_iter().map(Rid).collect())
}

fn rewrite_error(error: RewriteError) -> Error {
    match error {
        RewriteError::Stopped(failure) => failure.into(),
        RewriteError::Log(error) => error.into(),
    }
}

pub(super) fn read_error(error: ReplayError<BadRecord>) -> Error {
    match error {
        ReplayError::Log(error) => error.into(),
        ReplayError::Apply { lsn, error } => {
            ErrorKind::Replay(format!("record {lsn} cannot be read: {error}")).into()
        }
    }
}
