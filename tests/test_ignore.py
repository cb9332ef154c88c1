"""`ignore` over HTTP: robots are told apart by what the connection says of them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from p13n import Reactor
from serving import MEDIA_TYPE, Server, create_key, serving

TOKEN = "e65d8a9df2094f02b84cd660efff6f27"
CONFIGURATION = f"""
version: 1
account: 1
instance: 8
name: test
database: your_database
keys: [{{name: td_client_id}}]
events: [{{name: pageview, table: pageviews}}]
attributes:
  - {{name: views, type: counter, total: true, set: [{{event: pageview}}]}}
offers:
  - {{name: seen, set: [{{data: {{views: "${{PROFILE.views}}"}}}}]}}
ignore:
  - {{if: '/bot|crawl/i.test(REQUEST.user_agent)', store: false}}
  - {{if: 'REQUEST.address === "127.0.0.1" && EVENT.internal === true'}}
tokens: [{{name: server, value: {TOKEN}}}]
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Server, str]]:
    configuration = tmp_path / "config.yaml"
    configuration.write_text(CONFIGURATION)
    key = create_key(tmp_path / "data")
    with serving(configuration, data_dir=tmp_path / "data") as server:
        yield server, key


def _send(
    server: Server, key: str, agent: bytes | None, body: dict[str, object]
) -> tuple[object, str]:
    headers: list[tuple[str | bytes, str | bytes]] = [
        ("Content-Type", MEDIA_TYPE),
        ("Authorization", f"TD1 {key}"),
        ("WP13n-Token", f"1/8/{TOKEN}"),
    ]
    if agent is not None:
        headers.append(("User-Agent", agent))
    answer = server.request(headers=headers, body=json.dumps(body).encode())
    assert answer.status == 200, answer.body
    return answer.json()["offers"], answer.headers["x-p13n-lsn"]


def test_a_robot_is_answered_and_leaves_nothing(served: tuple[Server, str]) -> None:
    server, key = served
    body: dict[str, object] = {"td_client_id": "a"}
    assert _send(server, key, b"Googlebot/2.1", body) == ({}, "0")
    assert _send(server, key, b"caf\xe9 CRAWLER", body) == ({}, "0")
    offers, lsn = _send(server, key, b"Mozilla/5.0", body)
    assert offers == {"seen": {"attributes": {"views": 1}}}
    offers, _ = _send(server, key, None, body)
    assert offers == {"seen": {"attributes": {"views": 2}}}
    offers, stored = _send(server, key, None, body | {"internal": True})
    assert (offers, int(stored)) == ({}, int(lsn) + 2)


def test_embedded_callers_say_who_sent_the_event() -> None:
    with Reactor.from_text(CONFIGURATION) as reactor:
        robot = reactor.personalize(
            "your_database", "pageviews", {"td_client_id": "a"}, user_agent="a bot"
        )
        assert robot == {"offers": {}}
        body = b'{"td_client_id":"a","internal":true}'
        inside = reactor.personalize_json("your_database", "pageviews", body, address="127.0.0.1")
        assert inside == b'{"offers":{}}'
        outside = reactor.personalize_json("your_database", "pageviews", body, address="10.0.0.1")
        assert b"seen" in outside
        stats = reactor.stats()
        assert (stats["dropped"], stats["only_stored"], stats["profiles"]) == (1, 1, 1)
        report = reactor.ingest_many("your_database", "pageviews", [{"td_client_id": "b"}])
        assert (report.stored, report.ignored) == (1, 0)
