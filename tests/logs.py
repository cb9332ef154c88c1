"""Data directories for tests of the log's tools: filled, damaged, and compared."""

import hashlib
import shutil
import struct
import zlib
from pathlib import Path

from p13n import Reactor

CONTRACT = Path(__file__).parent / "golden" / "http" / "contract.yaml"
DATABASE, TABLE = "your_database", "pageviews"
REACTOR = "1-8"


def event(number: int) -> dict[str, object]:
    """The event of a number; three in a row are one client's."""
    return {"td_client_id": f"client-{number // 3}", "product_category": f"c{number}", "n": number}


def fill(data_dir: Path, first: int, count: int, *, now_ms: int | None = None) -> str:
    """Stores events; the state's hash."""
    with Reactor.open(CONTRACT, data_dir=data_dir) as reactor:
        for number in range(first, first + count):
            at = None if now_ms is None else now_ms + number
            reactor.personalize(DATABASE, TABLE, event(number), now_ms=at)
        return reactor.state_hash()


def hash_of(data_dir: Path) -> str:
    """The state's hash of what a start makes of a directory."""
    with Reactor.open(CONTRACT, data_dir=data_dir) as reactor:
        return reactor.state_hash()


def segments(data_dir: Path) -> list[Path]:
    """The files of batches, in the order of the log."""
    return sorted((data_dir / REACTOR / "log").glob("*.log"))


def drop_snapshots(data_dir: Path) -> None:
    """Leaves the log alone to say what the state is."""
    shutil.rmtree(data_dir / REACTOR / "snapshots")


def flip(file: Path, at: int) -> None:
    """Damages one byte."""
    content = bytearray(file.read_bytes())
    content[at] ^= 0x5A
    file.write_bytes(content)


def make_newer(data_dir: Path) -> None:
    """Makes the manifest one of a newer release."""
    manifest = data_dir / REACTOR / "log" / "manifest"
    content = bytearray(manifest.read_bytes())
    content[8:12] = struct.pack("<I", 99)
    content[-4:] = struct.pack("<I", zlib.crc32(content[:-4]))
    manifest.write_bytes(content)


def digest(directory: Path) -> str:
    """Of every file and its bytes."""
    whole = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        whole.update(str(path.relative_to(directory)).encode())
        if path.is_file():
            whole.update(path.read_bytes())
    return whole.hexdigest()


def assert_one_sentence(stderr: str) -> None:
    """One line for a person, and no traceback."""
    assert "Traceback" not in stderr
    assert stderr.count("\n") == 1, stderr
    assert stderr.strip(), "something must be said"
