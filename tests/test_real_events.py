"""Real order lines through every way in, compared with the oracle: no difference is allowed.

The oracle (retail_oracle.py) recomputes totals, lists, windows and offers in plain Python. The
engine's answers are compared event by event, and its profiles customer by customer: live, after a
restart, through HTTP, through `p13n ingest`, and with events that come late.

All 176,889 events, for a person with the whole file: P13N_RETAIL_FILE=FILE pytest -k whole_file
"""

import http.client
import json
import os
import random
import subprocess
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

import retail_oracle as oracle
from p13n import Reactor
from retail_oracle import Event, Offers, Shop
from serving import create_key, event_headers, run_p13n, serving

EXAMPLES = Path(str(resources.files("p13n"))) / "examples"
RETAIL = EXAMPLES / "retail.yaml"
SAMPLE = EXAMPLES / "retail-sample.jsonl.gz"
WHOLE_FILE = os.environ.get("P13N_RETAIL_FILE")
DATABASE, TABLE = "retail", "order_lines"
TOKEN = "1/9/0a4b7c1d9e2f4f6fb3a58c0d7e91b2a4"


@dataclass(frozen=True)
class Expected:
    """The oracle's word: events, the offers of each, and every profile at the end."""

    events: list[Event]
    offers: list[Offers]
    attributes: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, events: list[Event]) -> "Expected":
        """Runs the oracle over the events."""
        shop = Shop()
        offers = list(shop.feed_all(events))
        return cls(events, offers, {name: shop.attributes(name) for name in shop.profiles})


@pytest.fixture(scope="module")
def sample() -> Expected:
    """The bundled sample."""
    return Expected.of(oracle.read_events(SAMPLE))


@pytest.fixture(scope="module")
def late_sample() -> Expected:
    """The sample out of order: most events late by hours or days, some by months."""
    chance = random.Random(60)

    def arrival(event: Event) -> float:
        days = 0.0 if chance.random() < 0.5 else chance.choice([0.003, 0.1, 3.0, 20.0, 100.0])
        return float(event["time"]) + days * chance.random() * 86_400

    return Expected.of(sorted(oracle.read_events(SAMPLE), key=arrival))


def body(event: Event) -> bytes:
    """An event as a client sends it."""
    return json.dumps(event, separators=(",", ":")).encode()


def assert_answers(reactor: Reactor, expected: Expected) -> None:
    """Feeds every event and compares every answer, order of the offers included."""
    for number, (event, offers) in enumerate(zip(expected.events, expected.offers, strict=True)):
        answer = json.loads(reactor.personalize_json(DATABASE, TABLE, body(event)))
        assert answer == {"offers": offers}, f"event {number}: {event}"
        assert list(answer["offers"]) == list(offers), f"event {number}: {event}"


def assert_profiles(reactor: Reactor, expected: Expected) -> None:
    """Compares every attribute of every customer."""
    for customer_id, attributes in expected.attributes.items():
        profile = reactor.profile(customer_id=customer_id)
        assert profile is not None, customer_id
        assert profile["identifiers"] == {"customer_id": [customer_id]}
        # In Python a single that has no value reads as None.
        assert profile["attributes"] == dict.fromkeys(oracle.SINGLES) | attributes, customer_id
    assert reactor.stats()["profiles"] == len(expected.attributes)


def open_retail(data_dir: Path | None = None) -> Reactor:
    """The example's reactor in process."""
    return Reactor.open(RETAIL, data_dir=data_dir, sync="interval", clock="event")


# ------------------------------------------------------------------------- in process


def test_every_live_answer_and_profile_equals_the_oracle(sample: Expected) -> None:
    with open_retail() as reactor:
        assert_answers(reactor, sample)
        assert_profiles(reactor, sample)


def test_dictionaries_are_answered_as_json_is(sample: Expected) -> None:
    with open_retail() as reactor:
        for event, offers in zip(sample.events[:2000], sample.offers[:2000], strict=True):
            assert reactor.personalize(DATABASE, TABLE, event) == {"offers": offers}


def test_a_restart_changes_no_profile(sample: Expected, tmp_path: Path) -> None:
    with open_retail(tmp_path) as reactor:
        assert_answers(reactor, sample)
        before = reactor.state_hash()
    with open_retail(tmp_path) as reactor:
        assert reactor.state_hash() == before
        # Closing took a snapshot: nothing is replayed.
        recovery = reactor.stats()["recovery"]
        assert (recovery["snapshot_lsn"], recovery["events"]) == (len(sample.events) + 1, 0)
        assert_profiles(reactor, sample)


def test_a_restart_in_the_middle_changes_no_answer(sample: Expected, tmp_path: Path) -> None:
    half = len(sample.events) // 2
    with open_retail(tmp_path) as reactor:
        assert_answers(reactor, Expected(sample.events[:half], sample.offers[:half], {}))
    with open_retail(tmp_path) as reactor:
        assert_answers(reactor, Expected(sample.events[half:], sample.offers[half:], {}))
        assert_profiles(reactor, sample)


def test_late_events_are_placed_by_their_own_time(late_sample: Expected, tmp_path: Path) -> None:
    with open_retail(tmp_path) as reactor:
        assert_answers(reactor, late_sample)
        assert_profiles(reactor, late_sample)
    with open_retail(tmp_path) as reactor:
        assert_profiles(reactor, late_sample)


def test_the_bulk_path_makes_the_same_profiles(sample: Expected) -> None:
    with open_retail() as reactor:
        report = reactor.ingest_many(DATABASE, TABLE, (body(event) for event in sample.events))
        assert (report.stored, report.duplicate, report.refused) == (len(sample.events), 0, [])
        assert_profiles(reactor, sample)


# ------------------------------------------------------------------------- through HTTP


def test_every_answer_through_http_equals_the_oracle(sample: Expected, tmp_path: Path) -> None:
    headers = dict(event_headers(create_key(tmp_path), TOKEN))
    flags = ("--clock", "event", "--sync", "interval")
    with serving(RETAIL, data_dir=tmp_path, flags=flags) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        for event, offers in zip(sample.events, sample.offers, strict=True):
            connection.request("POST", f"/{DATABASE}/{TABLE}", body(event), headers)
            response = connection.getresponse()
            answer = response.read()
            assert response.status == 200, answer
            assert json.loads(answer) == {"offers": offers}, event
        connection.close()
        assert server.stop() == 0
    with open_retail(tmp_path) as reactor:
        assert_profiles(reactor, sample)


# ------------------------------------------------------------------------- p13n ingest


def ingest(data_dir: Path, file: Path) -> subprocess.CompletedProcess[str]:
    """`p13n ingest --clock event` of a file into the example's table."""
    target = ["--to", f"{DATABASE}.{TABLE}", "--clock", "event"]
    return run_p13n("ingest", RETAIL, "--data-dir", data_dir, *target, file, timeout_s=600)


def test_an_ingested_file_makes_the_same_profiles(sample: Expected, tmp_path: Path) -> None:
    first = ingest(tmp_path, SAMPLE)
    assert first.returncode == 0, first.stderr
    with open_retail(tmp_path) as reactor:
        assert_profiles(reactor, sample)
        before = reactor.state_hash()
    again = ingest(tmp_path, SAMPLE)
    assert again.returncode == 0, again.stderr
    with open_retail(tmp_path) as reactor:
        assert reactor.state_hash() == before, "a rerun adds nothing"


@pytest.mark.timeout(1200)
@pytest.mark.skipif(WHOLE_FILE is None, reason="the whole file is not bundled: P13N_RETAIL_FILE")
def test_the_whole_file_equals_the_oracle(tmp_path: Path) -> None:
    whole = Expected.of(oracle.read_events(Path(str(WHOLE_FILE))))
    with open_retail(tmp_path / "live") as reactor:
        assert_answers(reactor, whole)
        assert_profiles(reactor, whole)
    done = ingest(tmp_path / "ingested", Path(str(WHOLE_FILE)))
    assert done.returncode == 0, done.stderr
    with open_retail(tmp_path / "ingested") as reactor:
        assert_profiles(reactor, whole)


# ------------------------------------------------------------------------- the oracle itself


def test_the_oracle_rounds_as_javascript_does() -> None:
    assert [oracle.js_round(number) for number in (2.5, -2.5, 0.49999999999999994)] == [3, -2, 0]
    assert [oracle.js_to_fixed_2(number) for number in (0.125, 1.005, -0.125)] == [
        "0.13",
        "1.00",
        "-0.13",
    ]
    assert [oracle.js_text(number) for number in (3.0, 0.1 + 0.2, 1e20)] == [
        "3",
        "0.30000000000000004",
        "100000000000000000000",
    ]


def test_the_oracles_windows_end_with_the_current_bucket() -> None:
    counter = oracle.Counter()
    bucket = oracle.DAY_MS // oracle.BUCKETS
    for number in range(100):
        counter.add(1, oracle.Moment(now=number * bucket, time=number * bucket))
    assert counter.window(1, now=99 * bucket) == 60
    assert counter.window(1, now=100 * bucket - 1) == 60
    assert counter.window(1, now=100 * bucket) == 59


def test_the_oracles_totals_are_plain_sums_of_the_file(sample: Expected) -> None:
    spend: dict[str, float] = {}
    units: dict[str, int] = {}
    for event in sample.events:
        name, quantity = event["customer_id"], event["quantity"]
        amount = quantity * event["unit_price"]
        spend[name] = spend[name] + amount if name in spend else amount
        units[name] = units.get(name, 0) + max(quantity, 0)
    assert spend == {name: read["spend"] for name, read in sample.attributes.items()}
    assert units == {name: read["units"] for name, read in sample.attributes.items()}


def test_every_offer_and_both_rules_of_sorry_occur_in_the_sample(sample: Expected) -> None:
    seen = {name for offers in sample.offers for name in offers}
    assert seen == {
        "welcome",
        "big_spender",
        "bulk_buyer",
        "buy_again",
        "best_lines",
        "sorry",
        "abroad",
        "christmas",
        "any_line",
    }
    levels = {
        offers["sorry"]["attributes"]["level"] for offers in sample.offers if "sorry" in offers
    }
    assert levels == {"call", "mail"}
