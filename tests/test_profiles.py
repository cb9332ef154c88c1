"""Every kind of attribute and two stitched keys over real order lines, against plain Python.

profile_oracle.py recomputes page 4, profile_shop.py the reactor of profile_shop.yaml. No difference
is allowed: live, replayed from the log, from a snapshot, from a snapshot and the log behind it,
with 1, 16 and 256 shards.

All 176,889 lines, for a person with the whole file: P13N_RETAIL_FILE=FILE pytest -k whole_file
"""

import json
import os
import shutil
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

import p13n
from p13n import Reactor
from profile_oracle import List, Moment, Person, Single
from profile_shop import Sent, Shop, read_all, sent_of
from retail_oracle import read_events

CONFIGURATION = Path(__file__).with_name("profile_shop.yaml")
SAMPLE = Path(str(resources.files("p13n"))) / "examples" / "retail-sample.jsonl.gz"
WHOLE_FILE = os.environ.get("P13N_RETAIL_FILE")
DATABASE = "retail"
SHARDS = (1, 16, 256)


@dataclass(frozen=True)
class Expected:
    """The oracle's word: the calls, what each is answered, and everybody at the end."""

    calls: list[Sent]
    answers: list[dict[str, Any]]
    shop: Shop
    attributes: list[tuple[Person, dict[str, Any]]]

    @classmethod
    def of(cls, lines: list[dict[str, Any]]) -> "Expected":
        """Runs the oracle over order lines."""
        shop, calls = Shop(), sent_of(lines)
        answers = [shop.feed(call) for call in calls]
        people = shop.identities.people
        return cls(calls, answers, shop, [(one, read_all(one, shop.now)) for one in people])


@pytest.fixture(scope="module")
def sample() -> Expected:
    """The bundled sample."""
    return Expected.of(read_events(SAMPLE))


def open_shop(data_dir: Path | None = None, shards: int = 256) -> Reactor:
    """The reactor, whose processing time comes from the events and the calls."""
    return Reactor.open(
        CONFIGURATION,
        data_dir=data_dir,
        sync="interval",
        clock="event",
        shards=shards,
        retention_days=0,
    )


def assert_answers(reactor: Reactor, expected: Expected, start: int = 0, end: int = -1) -> None:
    """Makes the calls and compares every answer."""
    numbers = range(len(expected.calls))[start : end if end >= 0 else None]
    for number in numbers:
        call, mirror = expected.calls[number], expected.answers[number]
        answer = reactor.personalize_json(DATABASE, call.table, call.body, now_ms=call.now)
        offers = json.loads(answer)["offers"]
        assert offers == {"mirror": {"attributes": mirror}}, f"call {number}: {call}"


def assert_profiles(reactor: Reactor, expected: Expected) -> None:
    """Compares everybody, found by each of their identifiers."""
    for person, attributes in expected.attributes:
        keys = dict.fromkeys(key for key, _ in person.seen)
        identifiers = {key: person.values(key) for key in keys}
        rids = set()
        for key, value in person.seen:
            profile = reactor.profile(**{key: value})
            assert profile is not None, (key, value)
            assert profile["identifiers"] == identifiers
            read = {name: one for name, one in profile["attributes"].items() if one is not None}
            assert read == attributes, identifiers
            rids.add(profile["rid"])
        assert len(rids) == 1, identifiers
        made_ms = int(rids.pop().replace("-", "")[:12], 16)
        assert made_ms == person.made[0], "the oldest rid is kept"
    stats = reactor.stats()
    assert stats["profiles"] == len(expected.attributes)
    assert stats["identifiers"] == len(expected.shop.identities.index)


def directory_of(data_dir: Path) -> Path:
    """The reactor's own directory."""
    return data_dir / "1-10"


def await_sync(reactor: Reactor) -> None:
    """Waits for the log's next sync, which is at most 100 ms away."""
    log = reactor.stats()["log"]
    while reactor.stats()["log"]["synced_lsn"] < log["lsn"]:
        os.sched_yield()


def assert_every_way(expected: Expected, tmp_path: Path, shards: int) -> None:
    """Live, from a snapshot and the log behind it, replayed whole, from a snapshot alone."""
    live, both, replayed = tmp_path / "live", tmp_path / "both", tmp_path / "replayed"
    with open_shop(live, shards) as reactor:
        half = len(expected.calls) // 2
        assert_answers(reactor, expected, 0, half)
        reactor.snapshot()
        assert_answers(reactor, expected, half)
        assert_profiles(reactor, expected)
        state = reactor.state_hash()
        await_sync(reactor)
        p13n.log_backup(directory_of(live), directory_of(both))
    shutil.copytree(live, replayed)
    shutil.rmtree(directory_of(replayed) / "snapshots")
    events = sum(not call.repeats for call in expected.calls)
    for data_dir, behind in ((both, None), (replayed, events), (live, 0)):
        for other in SHARDS:
            with open_shop(data_dir, other) as reactor:
                recovery = reactor.stats()["recovery"]
                assert behind is None or recovery["events"] == behind or other != SHARDS[0]
                assert reactor.state_hash() == state, (data_dir, other)
                assert_profiles(reactor, expected)


# ------------------------------------------------------------------------- the sample


@pytest.mark.parametrize("shards", SHARDS)
def test_every_answer_and_profile_equals_the_oracle(
    sample: Expected, tmp_path: Path, shards: int
) -> None:
    assert_every_way(sample, tmp_path, shards)


def test_a_log_decided_anew_comes_to_the_same_profiles(sample: Expected, tmp_path: Path) -> None:
    with open_shop(tmp_path) as reactor:
        assert_answers(reactor, sample)
        state = reactor.state_hash()
    assert p13n.log_rehearse(directory_of(tmp_path)) == state


def test_the_sample_has_what_it_is_to_prove(sample: Expected) -> None:
    counts = sample.shop.identities.counts
    assert min(counts.made, counts.extended, counts.merged, counts.moved) >= 30
    assert sum(call.repeats for call in sample.calls) >= 100
    assert sum("late" in call.event for call in sample.calls) >= 1_000
    names = {name for _, read in sample.attributes for name, value in read.items() if value}
    configured = set(read_all(sample.attributes[0][0], 0)) | set(sample.attributes[0][0].attributes)
    assert configured <= names | {"moved_from"}, "each attribute has a value for somebody"


@pytest.mark.timeout(3600)
@pytest.mark.skipif(WHOLE_FILE is None, reason="the whole file is not bundled: P13N_RETAIL_FILE")
def test_the_whole_file_equals_the_oracle(tmp_path: Path) -> None:
    whole = Expected.of(read_events(Path(str(WHOLE_FILE))))
    print(len(whole.calls), whole.shop.identities.counts)
    for shards in SHARDS:
        assert_every_way(whole, tmp_path / str(shards), shards)


# ------------------------------------------------------------------------- the oracle itself


def moment(now: int, time: int, lsn: int) -> Moment:
    """A moment."""
    return Moment(now, time, lsn)


def test_the_oracles_event_counts_as_received_within_the_skew_and_ahead() -> None:
    now = 1_000_000_500
    assert Moment.of(None, now, 1).time == now
    assert Moment.of(now // 1000 - 299, now, 1).time == now
    assert Moment.of(now // 1000 + 9_999, now, 1).time == now
    assert Moment.of(1_000_000 - 300, now, 1).time == (1_000_000 - 300) * 1000


def test_the_oracles_singles_go_by_event_time_and_then_by_arrival() -> None:
    last, first = Single(), Single("first")
    for lsn, (time, value) in enumerate([(5, "a"), (5, "b"), (3, "c"), (3, "d")]):
        last.set(value, moment(9, time, lsn))
        first.set(value, moment(9, time, lsn))
    assert (last.read(9), first.read(9)) == ("b", "c")
    left, right = Single(), Single()
    left.set("x", moment(9, 5, 7))
    right.set("y", moment(9, 5, 6))
    right.unite(left, 9)
    assert right.read(9) == "x"


def test_the_oracles_lists_keep_the_newest_of_what_is_alike() -> None:
    items = List(max_items=2, distinct=True)
    for lsn, (time, value) in enumerate([(5, "a"), (6, "b"), (4, "a"), (7, "c"), (3, "d")]):
        items.push(value, moment(9, time, lsn))
    assert [item["value"] for item in items.read(9)] == ["b", "c"]
