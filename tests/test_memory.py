"""The memory budget as people set it, and the figures that they read."""

import contextlib
import json
from pathlib import Path

import pytest

from p13n import Reactor
from serving import create_key, run_p13n, serving

MIB = 1 << 20
CONFIGURATION = """
version: 1
account: 1
instance: 8
name: test
database: shop
keys: [{name: customer_id}, {name: td_client_id}]
events: [{name: pageview, table: pageviews}]
attributes:
  - {name: words, type: list, set: [{event: pageview, value: "${EVENT.word}"}]}
profiles: {ttl: 30d}
"""
DAY_S = 86_400


def _events(count: int, day: int) -> list[bytes]:
    word = "x" * 1_000
    return [
        json.dumps(
            {"td_client_id": f"{day}-{number}", "word": word, "time": day * DAY_S + number}
        ).encode()
        for number in range(count)
    ]


def test_a_budget_is_taken_at_its_limit_and_refused_below() -> None:
    with pytest.raises(ValueError, match="memory_budget"):
        Reactor.from_text(CONFIGURATION, memory_budget=16 * MIB - 1)
    with pytest.raises(ValueError, match="on_memory_full"):
        Reactor.from_text(CONFIGURATION, on_memory_full="forget")  # type: ignore[arg-type]
    with Reactor.from_text(CONFIGURATION, memory_budget=16 * MIB, on_memory_full="evict") as one:
        assert one.stats()["memory"]["budget_bytes"] == 16 * MIB


def test_by_default_it_is_a_share_of_the_machine() -> None:
    with Reactor.from_text(CONFIGURATION) as reactor:
        assert reactor.stats()["memory"]["budget_bytes"] == Reactor._memory_budget() > 16 * MIB


@pytest.mark.parametrize("policy", ["keep", "evict"])
def test_memory_is_held_while_three_times_as_many_arrive(policy: str) -> None:
    options = {"memory_budget": 16 * MIB, "clock": "event", "on_memory_full": policy}
    with Reactor.from_text(CONFIGURATION, **options) as reactor:  # type: ignore[arg-type]
        reactor.ingest_many("shop", "pageviews", _events(4_000, 0))
        events = _events(48_000, 2)
        for some in range(12):
            chunk = events[some * 4_000 : (some + 1) * 4_000]
            assert reactor.ingest_many("shop", "pageviews", chunk).stored == 4_000
            memory = reactor.stats()["memory"]
            used = memory["profile_bytes"] + memory["beside_bytes"]
            assert used <= 1.05 * memory["budget_bytes"], (some, memory)
        stats = reactor.stats()
        newest = reactor.profile(td_client_id="2-47999")
        if policy == "keep":
            # Only the first day's were old enough to go.
            assert stats["evicted"]["fleeting"] == 4_000
            assert stats["not_kept"] > 20_000
            assert stats["memory"]["full"]
            assert newest is None
            assert reactor._memory_full()
        else:
            assert stats["evicted"]["room"] > 20_000
            assert newest is not None
        assert stats["profiles"] < 20_000


def test_expired_profiles_are_counted_and_listed(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(CONFIGURATION)
    with Reactor.open(file, data_dir=tmp_path / "data", clock="event") as reactor:
        reactor.ingest_many("shop", "pageviews", _events(2, 0))
        reactor.ingest_many("shop", "pageviews", _events(1, 31))
        again = {"td_client_id": "0-0", "time": 31 * DAY_S}
        assert reactor.personalize("shop", "pageviews", again) == {"offers": {}}
        assert reactor.stats()["evicted"]["expired"] >= 1
        assert reactor.profile(td_client_id="0-1") is None
    tail = run_p13n("log", "tail", "--data-dir", tmp_path / "data")
    assert tail.returncode == 0, tail.stderr
    records = map(json.loads, tail.stdout.splitlines())
    evictions = [record for record in records if record["kind"] == "eviction"]
    assert evictions[0]["reason"] == "expired"
    assert all(len(rid) == 36 for record in evictions for rid in record["rids"])


def test_a_server_takes_the_flags_and_refuses_what_makes_no_sense(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(CONFIGURATION)
    data = tmp_path / "data"
    create_key(data)
    for flags in (["--memory-budget", "1000"], ["--on-memory-full", "forget"]):
        refused = run_p13n("serve", file, "--data-dir", data, *flags)
        assert refused.returncode == 2
        assert flags[0] in refused.stderr
    flags = ["--memory-budget", str(32 * MIB), "--on-memory-full", "evict"]
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serving(file, data_dir=data, flags=flags))
        assert server.stop() == 0
