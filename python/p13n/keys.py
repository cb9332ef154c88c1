"""API keys: create, list, revoke, look up.

A key is `{account}/{40 hex}`. Only SHA-256 digests are kept, in `DIR/keys.json`, so that neither
the file nor a backup of it lets anybody in. The file stands outside the data directory's lock: it
is replaced atomically under a lock file of its own, and a running server notices the change.

Invariants: a key's text is shown once, when it is created; no function here prints or logs it.
"""

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from p13n import P13nError
from p13n.system_error import make_directory

FILE_NAME = "keys.json"
LOCK_NAME = "keys.lock"
FORMAT_VERSION = 1
ACCOUNT_MAX = 2**63 - 1
_KEY = re.compile(rb"[0-9]{1,19}/[0-9A-Fa-f]{40}")


class KeyKind(StrEnum):
    """What a key may do (6.2)."""

    WRITE = "write"
    MASTER = "master"
    EDITOR = "editor"
    VIEWER = "viewer"


DATA_PLANE_KINDS = frozenset({KeyKind.WRITE, KeyKind.MASTER})


class KeyFileError(P13nError):
    """`keys.json` cannot be read. `str(error)` is one sentence."""


class UnknownKey(KeyFileError):
    """No key has the id that was named."""


@dataclass(frozen=True, slots=True)
class Key:
    """One API key as stored: everything but the key itself."""

    id: str
    """First 12 hex digits of the digest; names the key in `list` and `revoke`."""
    account: int
    kind: KeyKind
    digest: bytes
    """SHA-256 of the key's text, 32 bytes."""
    created_ms: int

    def may_call_data_plane(self) -> bool:
        """Whether the key's kind is write or master."""
        return self.kind in DATA_PLANE_KINDS


def digest_of(text: bytes) -> bytes:
    """SHA-256 of a secret's text, 32 bytes."""
    return hashlib.sha256(text).digest()


def create(directory: Path, account: int, kind: KeyKind) -> str:
    """Creates a key, stores its digest, answers the key's text (the only time it exists)."""
    if not 0 <= account <= ACCOUNT_MAX:
        raise KeyFileError(f"An account is a number from 0 to {ACCOUNT_MAX}.")
    text = f"{account}/{secrets.token_hex(20)}"
    digest = digest_of(text.encode())
    key = Key(digest.hex()[:12], account, kind, digest, time.time_ns() // 1_000_000)
    with _locked(directory):
        _replace(directory, [*load(directory), key])
    return text


def revoke(directory: Path, key_id: str) -> Key:
    """Removes one key by its id; a running server refuses it within a second."""
    with _locked(directory):
        keys = load(directory)
        for key in keys:
            if key.id == key_id:
                _replace(directory, [other for other in keys if other is not key])
                return key
    raise UnknownKey(f"No key has the id `{key_id}`; `p13n key list` shows the ids.")


def load(directory: Path) -> list[Key]:
    """All keys of a data directory, oldest first; none when there is no file yet."""
    path = directory / FILE_NAME
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise KeyFileError(f"The key file {path} is damaged: it is not valid JSON.") from error
    try:
        if document["version"] != FORMAT_VERSION:
            raise KeyFileError(f"The key file {path} was written by a newer version of p13n.")
        return [_key_from(entry) for entry in document["keys"]]
    except (KeyError, TypeError, ValueError) as error:
        raise KeyFileError(
            f"The key file {path} is damaged: an entry has not the right form."
        ) from error


class KeyRing:
    """The keys of a data directory in memory, looked up by digest."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stamp: tuple[int, int, int] | None = None
        self._keys: dict[bytes, Key] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def accounts(self) -> set[int]:
        """The accounts that have a key which may send events."""
        return {key.account for key in self._keys.values() if key.may_call_data_plane()}

    def refresh(self) -> bool:
        """Reads the file again when it changed; True when the keys did.

        Raises KeyFileError, OSError: the old keys stay, and the next call tries again.
        """
        stamp = _stamp_of(self._directory / FILE_NAME)
        if stamp == self._stamp:
            return False
        self._keys = {key.digest: key for key in load(self._directory)}
        self._stamp = stamp
        return True

    def find(self, text: bytes) -> Key | None:
        """The key of this text, None for a malformed or unknown one.

        A malformed text is digested like any other, so that both cost the same.
        """
        digest = digest_of(text)
        key = self._keys.get(digest)
        if key is None or not hmac.compare_digest(key.digest, digest):
            return None
        return key if _KEY.fullmatch(text) else None


def _key_from(entry: dict[str, Any]) -> Key:
    digest = bytes.fromhex(entry["digest"])
    if len(digest) != 32:
        raise ValueError("a digest has 32 bytes")
    return Key(
        id=str(entry["id"]),
        account=int(entry["account"]),
        kind=KeyKind(entry["kind"]),
        digest=digest,
        created_ms=int(entry["created_ms"]),
    )


def _stamp_of(path: Path) -> tuple[int, int, int]:
    """Changes whenever the file is replaced: inode, time of change in nanoseconds, size."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return (0, 0, 0)
    return (status.st_ino, status.st_mtime_ns, status.st_size)


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    make_directory(directory)
    descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(directory: Path, keys: list[Key]) -> None:
    """Writes the new file whole, syncs it, renames it over the old one, syncs the directory."""
    document = {
        "version": FORMAT_VERSION,
        "keys": [
            {
                "id": key.id,
                "account": key.account,
                "kind": key.kind.value,
                "digest": key.digest.hex(),
                "created_ms": key.created_ms,
            }
            for key in keys
        ],
    }
    descriptor, temporary = tempfile.mkstemp(dir=directory, prefix=FILE_NAME + ".")
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(document, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(directory / FILE_NAME)
    except BaseException:
        Path(temporary).unlink()
        raise
    parent = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
