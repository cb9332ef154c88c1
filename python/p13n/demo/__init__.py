"""What `p13n demo` serves: the packaged examples, and their real events shifted to end now.

The package carries the examples, in a source tree as in a wheel.
"""

import gzip
import hashlib
import re
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

import orjson

from p13n import Reactor

QUICKSTART = "quickstart.yaml"
RETAIL = "retail.yaml"
RETAIL_SAMPLE = "retail-sample.jsonl.gz"
_TOKEN_TEXT = re.compile(r"[0-9A-Za-z_-]{1,128}")


def examples_directory() -> Path:
    """Where the examples are."""
    return Path(str(resources.files("p13n"))) / "examples"


def shift_to_end_at(sample: Path, target: Path, end_s: int) -> tuple[int, int]:
    """Writes the sample's events to `target`, moved in time so that the last is at `end_s`.

    Answers (number of events, seconds they were moved by).
    """
    with gzip.open(sample) as lines:
        events = [orjson.loads(line) for line in lines]
    moved_s = end_s - max(event["time"] for event in events)
    with target.open("wb") as file:
        for event in events:
            event["time"] += moved_s
            file.write(orjson.dumps(event) + b"\n")
    return len(events), moved_s


def telling_event(reactor: Reactor, database: str, table: str, shifted: Path) -> dict[str, Any]:
    """The newest of the events that is answered with offers when it happens once more.

    `reactor` is one in memory, to try them on; the event answered has no `time`, so it is now.
    """
    lines = shifted.read_bytes().splitlines()
    reactor.ingest_many(database, table, lines)
    event: dict[str, Any] = {}
    for line in reversed(lines):
        event = orjson.loads(line)
        del event["time"]
        if reactor.personalize(database, table, event)["offers"]:
            break
    return event


def token_text(configuration: str, digests: Iterable[bytes]) -> str | None:
    """The text of a token that stands in the configuration, found by its SHA-256 digest.

    A reactor keeps digests only; an example's token is public, and its demo has to print it.
    """
    wanted = set(digests)
    for word in _TOKEN_TEXT.findall(configuration):
        if hashlib.sha256(word.encode()).digest() in wanted:
            return str(word)
    return None
