//! Secret: the directory's own randomness, from which ids, hashes and shards are keyed.
//!
//! It is written once, durably, under the directory's lock, and never leaves the machine. An
//! in-memory reactor has a fresh one.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

use crate::profile::Rid;

/// File name inside a reactor's directory.
pub const SECRET_FILE: &str = "secret";

/// 32 secret bytes, and the source of fresh uuids.
pub struct Secret {
    dedup_seed: u64,
    shard_seed: u64,
    rid_seed: u64,
    random_seed: u64,
    /// Keys what stands for identifiers where none may stand.
    identifier_key: [u8; 32],
    /// Random at every start, so that fresh uuids never repeat.
    nonce: [u8; 32],
    fresh: AtomicU64,
}

impl Secret {
    /// The secret of `bytes`.
    pub fn new(bytes: [u8; 32]) -> Result<Self, io::Error> {
        Ok(Self {
            dedup_seed: derive(&bytes, b"dedup"),
            shard_seed: derive(&bytes, b"shard"),
            rid_seed: derive(&bytes, b"rid"),
            random_seed: derive(&bytes, b"random"),
            identifier_key: keyed(&bytes, b"identifier"),
            nonce: random()?,
            fresh: AtomicU64::new(0),
        })
    }

    /// A fresh secret that is kept nowhere.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn fresh() -> Result<Self, io::Error> {
        Self::new(random()?)
    }

    /// The secret of a reactor's directory, made on first use. The caller holds the lock.
    ///
    /// # Errors
    /// When the file cannot be read or written, or is not 32 bytes.
    pub fn of_directory(directory: &Path) -> Result<Self, io::Error> {
        match Self::read(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let bytes = random()?;
                write(directory, &bytes)?;
                Self::new(bytes)
            }
            other => other,
        }
    }

    /// The secret of a directory that has one.
    ///
    /// # Errors
    /// When the file cannot be read, or is not 32 bytes.
    pub fn read(directory: &Path) -> Result<Self, io::Error> {
        let path = directory.join(SECRET_FILE);
        let bytes = fs::read(&path)?;
        let bytes = bytes.try_into().map_err(|_| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} is not 32 bytes long; restore it from a backup", path.display()),
            )
        })?;
        Self::new(bytes)
    }

    /// What a client's uuid is remembered as.
    pub fn dedup(&self, uuid: &[u8; 16]) -> u128 {
        xxh3_128_with_seed(uuid, self.dedup_seed)
    }

    /// Seeds the shards.
    pub fn shard_seed(&self) -> u64 {
        self.shard_seed
    }

    /// What tells this directory's files from another's; says nothing of the secret.
    pub fn directory(&self) -> u64 {
        xxh3_64_with_seed(b"directory", self.shard_seed)
    }

    /// The random part of the id of a profile that the event with this uuid makes.
    pub fn rid_hash(&self, uuid: &[u8; 16]) -> u128 {
        xxh3_128_with_seed(uuid, self.rid_seed)
    }

    /// Keys `Math.random`.
    pub fn random_seed(&self) -> u64 {
        self.random_seed
    }

    /// What stands for an identifier in an erasure's record: without the secret it tells nothing, not even
    /// to who tries all values.
    pub fn identifier_hash(&self, key: u16, value: &str) -> [u8; 16] {
        let inner = Sha256::new()
            .chain_update(self.identifier_key)
            .chain_update(key.to_le_bytes())
            .chain_update(value.as_bytes())
            .finalize();
        std::array::from_fn(|index| inner[index])
    }

    /// A fresh UUID v7 of `now_ms`; an rid has the same form.
    pub fn uuid_v7(&self, now_ms: i64) -> [u8; 16] {
        let count = self.fresh.fetch_add(1, Ordering::Relaxed);
        let seed = u64::from_le_bytes(first_8(&self.nonce));
        let mut input = [0; 40];
        input[..32].copy_from_slice(&self.nonce);
        input[32..].copy_from_slice(&count.to_le_bytes());
        Rid::new(now_ms, xxh3_128_with_seed(&input, seed)).0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

fn derive(bytes: &[u8; 32], purpose: &[u8]) -> u64 {
    u64::from_le_bytes(first_8(&keyed(bytes, purpose)))
}

fn keyed(bytes: &[u8; 32], purpose: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(bytes).chain_update(purpose).finalize().into()
}

fn first_8(bytes: &[u8]) -> [u8; 8] {
    std::array::from_fn(|index| bytes[index])
}

fn random() -> Result<[u8; 32], io::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

/// Writes a directory's secret, durably and readable for its owner only.
pub(super) fn write(directory: &Path, bytes: &[u8; 32]) -> Result<(), io::Error> {
    let temporary = directory.join("secret.tmp");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, directory.join(SECRET_FILE))?;
    fs::File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_uuid_is_version_7_of_its_time_and_never_repeats() {
        let secret = Secret::fresh().unwrap();
        let first = secret.uuid_v7(1_700_000_000_123);
        assert_eq!(first[6] >> 4, 7);
        assert_eq!(first[8] >> 6, 2);
        let milliseconds = first[..6].iter().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
        assert_eq!(milliseconds, 1_700_000_000_123);
        assert_ne!(first, secret.uuid_v7(1_700_000_000_123));
    }

    #[test]
    fn a_directory_keeps_its_secret() {
        let directory = tempfile::tempdir().unwrap();
        let uuid = [7; 16];
        let first = Secret::of_directory(directory.path()).unwrap().rid_hash(&uuid);
        assert_eq!(Secret::of_directory(directory.path()).unwrap().rid_hash(&uuid), first);
        assert_ne!(Secret::fresh().unwrap().rid_hash(&uuid), first);
    }

    #[test]
    fn a_damaged_secret_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(SECRET_FILE), b"short").unwrap();
        assert!(Secret::of_directory(directory.path()).is_err());
    }
}
