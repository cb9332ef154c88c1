"""The gate: every refusal that method, path and headers decide, rows 1 to 11 of table 1.2.

Checks run in the table's order and the first that fails answers. What passed is remembered by the
exact bytes that passed, so that the next request with the same headers costs one look-up; nothing
refused is ever remembered, and any change of keys, phase or health forgets everything.

Invariants: secrets are looked up by SHA-256 digest and compared in constant time; no secret is in
any `repr`, log line or answer.
"""

import asyncio
import hmac
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from p13n import Reactor
from p13n.keys import Key, KeyFileError, KeyRing, digest_of
from p13n.server import errors, limits
from p13n.server.commits import Commits
from p13n.server.errors import Refusal

MEDIA_TYPES = frozenset(
    {
        b"application/vnd.treasuredata.v1+json",
        b"application/vnd.treasuredata.v1.js+json",
        b"application/vnd.treasuredata.v1.mobile+json",
        b"application/vnd.treasuredata.v1.single+json",
    }
)
_PATH = re.compile(rb"(/public)?/([0-9a-z_]{3,128})/([0-9a-z_]{3,128})")
_AUTHORIZATION = re.compile(rb"(?i:TD1)[ \t]+([^ \t]+)")
_TOKEN = re.compile(rb"([0-9]+)/([0-9]+)/([0-9A-Za-z_-]{1,128})")


class Phase(Enum):
    """Where the process stands; requests are admitted while it is ready."""

    RECOVERING = "recovering"
    READY = "ready"
    DRAINING = "draining"


@dataclass(slots=True, eq=False)
class Served:
    """One reactor being served."""

    reactor: Reactor
    commits: Commits
    config_header: bytes = field(init=False)
    """First 12 hex digits of the configuration's hash."""
    account: bytes = field(init=False)
    instance: bytes = field(init=False)
    reads_request: bool = field(init=False)
    """Whether `ignore` reads who sent an event."""
    failed: bool = False

    def __post_init__(self) -> None:
        self.config_header = self.reactor.configuration_hash[:12].encode()
        self.account = b"%d" % self.reactor.account
        self.instance = b"%d" % self.reactor.instance
        self.reads_request = self.reactor._reads_request()


@dataclass(frozen=True, slots=True, repr=False)
class ServedToken:
    """One server token of a served reactor."""

    digest: bytes
    served: Served
    sees_sensitive: bool


@dataclass(frozen=True, slots=True, repr=False)
class Admission:
    """A request whose headers are valid: where its event goes."""

    served: Served
    personalize: Callable[..., tuple[bytes, int, int]]
    """`Reactor._personalize`."""
    synced_lsn: Callable[[], int]
    database: str
    table: str
    gzip: bool
    sees_sensitive: bool


# Method, raw path, content type, content encoding, authorization, token.
_Seen = tuple[str, bytes, bytes | None, bytes | None, bytes | None, bytes | None]


class Gate:
    """Keys, tokens and phase of the process."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._tokens: dict[tuple[bytes, bytes, bytes], ServedToken] = {}
        self._admitted: dict[_Seen, Admission] = {}
        self.phase = Phase.RECOVERING
        self.served: list[Served] = []
        self._looked_s = 0.0

    def serve(self, served: list[Served]) -> None:
        """Recovery is done: tokens route to these reactors, requests are admitted."""
        self.served = served
        for one in served:
            for _name, digest, sees_sensitive in one.reactor._tokens():
                token = ServedToken(digest, one, sees_sensitive)
                self._tokens[one.account, one.instance, digest] = token
        self.phase = Phase.READY

    def drain(self) -> None:
        """No request is admitted from now on."""
        self.phase = Phase.DRAINING
        self._admitted.clear()

    def fail(self, served: Served) -> None:
        """This reactor's log has failed (row 10b)."""
        served.failed = True
        self._admitted.clear()

    async def refresh_keys(self) -> None:
        """Reads the key file again when it changed, off the loop. Raises KeyFileError, OSError."""
        if await asyncio.to_thread(self._keys.refresh):
            self._admitted.clear()

    def _look_at_keys(self) -> bool:
        """True when the key file has changed: an unknown key may have been made a moment ago.

        So the first request with a new key is answered, not refused until the next poll. A flood
        of unknown keys costs one look at the file's status in `KEYS_LOOK_S`.
        """
        now_s = time.monotonic()
        if now_s - self._looked_s < limits.KEYS_LOOK_S:
            return False
        self._looked_s = now_s
        try:
            changed = self._keys.refresh()
        except (KeyFileError, OSError):
            return False  # The poll says so, and the keys stay as they were.
        if changed:
            self._admitted.clear()
        return changed

    def admit(self, method: str, path: bytes, headers: dict[bytes, bytes]) -> Admission:
        """Where the request goes. Raises Refusal."""
        header = headers.get
        seen = (
            method,
            path,
            header(b"content-type"),
            header(b"content-encoding"),
            header(b"authorization"),
            header(b"wp13n-token"),
        )
        admission = self._admitted.get(seen)
        if admission is None:
            admission = self._check(*seen)
            if len(self._admitted) >= limits.ADMISSIONS_MAX:
                self._admitted.clear()
            self._admitted[seen] = admission
        return admission

    def _check(
        self,
        method: str,
        path: bytes,
        content_type: bytes | None,
        content_encoding: bytes | None,
        authorization: bytes | None,
        token: bytes | None,
    ) -> Admission:
        """Rows 1 to 11 in the table's order."""
        public, database, table = _routed(path)
        if method != "POST":
            raise Refusal(errors.UNSUPPORTED_METHOD, "Events are sent with POST.")
        if self.phase is not Phase.READY:
            raise Refusal(errors.NOT_READY, f"The server is {self.phase.value}.")
        gzip = _is_gzip(content_type, content_encoding)
        key = self._authorized(authorization)
        found = self._routed_by_token(key, token)
        served = found.served
        if served.failed:
            raise Refusal(errors.NOT_READY, "The reactor's log has failed.")
        if public:
            raise Refusal(errors.TOKEN_TYPE, "The public route takes public tokens only.")
        reactor = served.reactor
        return Admission(
            served,
            reactor._personalize,
            reactor._synced_lsn,
            database,
            table,
            gzip,
            found.sees_sensitive,
        )

    def _authorized(self, authorization: bytes | None) -> Key:
        """Row 6."""
        if authorization is None:
            raise Refusal(errors.UNAUTHORIZED, "The Authorization header is missing.")
        match = _AUTHORIZATION.fullmatch(authorization.strip(b" \t"))
        if match is None:
            raise Refusal(
                errors.UNAUTHORIZED, "Authorization must be `TD1 {account}/{40 hex digits}`."
            )
        key = self._keys.find(match[1])
        if key is None and self._look_at_keys():
            key = self._keys.find(match[1])
        if key is None:
            raise Refusal(errors.UNAUTHORIZED, "The API key is malformed or unknown.")
        if not key.may_call_data_plane():
            raise Refusal(errors.UNAUTHORIZED, "The API key is neither a write nor a master key.")
        return key

    def _routed_by_token(self, key: Key, token: bytes | None) -> ServedToken:
        """Rows 7 to 10."""
        token = b"" if token is None else token.strip(b" \t")
        if not token:
            raise Refusal(errors.TOKEN_MISSING)
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise Refusal(
                errors.TOKEN_MALFORMED,
                "WP13n-Token must be `{account}/{instance}/{token}`.",
            )
        account, instance = _number(match[1]), _number(match[2])
        if account != b"%d" % key.account:
            raise Refusal(errors.TOKEN_CONFLICT)
        digest = digest_of(match[3])
        found = self._tokens.get((account, instance, digest))
        if found is None or not hmac.compare_digest(found.digest, digest):
            raise Refusal(errors.TOKEN_UNKNOWN)
        return found


def _routed(path: bytes) -> tuple[bool, str, str]:
    """Row 1: whether the route is the public one, database, table. The path is matched raw."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise Refusal(
            errors.NOT_FOUND,
            "The path is /{database}/{table}, each 3 to 128 of a-z, 0-9 and _.",
        )
    return match[1] is not None, match[2].decode(), match[3].decode()


def _is_gzip(content_type: bytes | None, content_encoding: bytes | None) -> bool:
    """Row 5: the media type is ours; whether the body is compressed."""
    media_type = b"" if content_type is None else content_type.partition(b";")[0]
    if media_type.strip(b" \t").lower() not in MEDIA_TYPES:
        raise Refusal(
            errors.UNSUPPORTED_MEDIA_TYPE,
            "Content-Type must be application/vnd.treasuredata.v1+json.",
        )
    coding = b"" if content_encoding is None else content_encoding.strip(b" \t").lower()
    if coding == b"gzip":
        return True
    if coding in (b"", b"identity"):
        return False
    raise Refusal(errors.UNSUPPORTED_MEDIA_TYPE, "Content-Encoding must be gzip or identity.")


def _number(digits: bytes) -> bytes:
    """A number's canonical digits: compared as text, so that no length is too long."""
    return digits.lstrip(b"0") or b"0"
