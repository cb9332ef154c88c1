"""Sensitive values: who is shown them over HTTP and embedded, and that nothing else ever says them.

Every value that identifies or is sensitive is a canary here: a text that stands nowhere else. What
the server and the command line print, count and answer with an error is searched for all of them.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import p13n
from p13n import BadEvent, Reactor
from serving import Server, create_key, event_headers, run_p13n, serving

SERVER, APP = "1/8/0123456789abcdef", "1/8/fedcba9876543210"
CONFIGURATION = """
version: 1
account: 1
instance: 8
name: privacy
database: your_database
keys:
  - {name: email, sensitive: true, valid_regexp: "@"}
  - {name: td_client_id}
events:
  - {name: pageview, table: pageviews}
attributes:
  - name: diagnosis
    type: single
    sensitive: true
    set: [{event: pageview, value: "${EVENT.icd}"}]
  - name: income
    type: single
    aggregation: sum
    sensitive: true
    set: [{event: pageview, value: "${EVENT.income}"}]
  - name: visits
    type: list
    set: [{event: pageview, value: "${EVENT.icd.toUpperCase().at(0)}"}]
offers:
  - name: for_servers
    server_only: true
    set: [{data: {mail: "${PROFILE.email}", visits: "${PROFILE.visits.length}"}}]
  - name: for_all
    omit_sensitive: true
    set: [{data: {mail: "${PROFILE.email}", ill: "${PROFILE.diagnosis.at(0).x.y}", known: true}}]
tokens:
  - {name: server, value: 0123456789abcdef}
  - {name: app, value: fedcba9876543210, sees_sensitive: false}
"""
EVENT = {"td_client_id": "canary-client", "email": "canary@example.com", "icd": "canary-J11"}
CANARIES = ("canary", "CANARY", "414243")
WRONG_EVENTS: list[bytes] = [
    b'{"email":"canary-without-at","icd":"canary"}',
    b'{"email":"canary@example.com" "icd":"canary"}',
    b'{"email":"canary@example.com","icd":canary}',
    b'{"email":"canary@example.com","time":"canary"}',
    b'{"email":"canary@example.com","time":414243000000000}',
    b'{"email":"canary@example.com","uuid":"canary"}',
    b'{"email":["canary@example.com"],"icd":"canary"}',
    b'"canary"',
    b'{"email":"canary@example.com","canary":"\xff"}',
    b'{"email":"canary@example.com","canary":' + b"[" * 300 + b"]" * 300 + b"}",
]


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("privacy") / "privacy.yaml"
    path.write_text(CONFIGURATION, "utf-8")
    return path


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("privacy-data")


@pytest.fixture
def server(configuration: Path, data_dir: Path) -> Iterator[tuple[Server, str]]:
    key = create_key(data_dir)
    with serving(configuration, data_dir=data_dir) as running:
        yield running, key


def offers(server: Server, key: str, token: str, event: dict[str, Any]) -> Any:
    answer = server.request(headers=event_headers(key, token), body=json.dumps(event).encode())
    assert answer.status == 200, answer.body
    return answer.json()["offers"]


def test_a_token_that_sees_nothing_sensitive_gets_the_same_offers_without_it(
    server: tuple[Server, str],
) -> None:
    running, key = server
    for _repeat in range(2):  # The second time the headers' verdict is remembered.
        full = offers(running, key, SERVER, EVENT)
        assert full["for_servers"]["attributes"]["mail"] == "canary@example.com"
        assert full["for_all"]["attributes"] == {"mail": "canary@example.com", "known": True}
        assert offers(running, key, APP, EVENT) == {"for_all": {"attributes": {"known": True}}}


def test_embedded_callers_say_who_asks() -> None:
    reactor = Reactor.from_text(CONFIGURATION)
    body = json.dumps(EVENT).encode()
    table = ("your_database", "pageviews")
    assert set(reactor.personalize(*table, EVENT)["offers"]) == {"for_servers", "for_all"}
    for public, sees_sensitive in ((True, True), (False, False)):
        answer = reactor.personalize(*table, EVENT, public=public, sees_sensitive=sees_sensitive)
        assert answer == {"offers": {"for_all": {"attributes": {"known": True}}}}
        as_json = reactor.personalize_json(
            *table, body, public=public, sees_sensitive=sees_sensitive
        )
        assert json.loads(as_json) == answer


def test_errors_and_figures_of_the_server_hold_no_value(
    server: tuple[Server, str], capfd: pytest.CaptureFixture[str]
) -> None:
    running, key = server
    offers(running, key, SERVER, EVENT | {"income": "414243"})
    for body in WRONG_EVENTS:
        answer = running.request(headers=event_headers(key, SERVER), body=body)
        assert answer.status == 400, body
        assert holds_none(answer.body.decode()), answer.body
        assert holds_none(str(answer.headers)), answer.headers
    for path in ("/healthz", "/readyz", "/metrics"):
        answer = running.request("GET", path, port=running.admin_port)
        assert holds_none(answer.body.decode()), path
    assert running.stop() == 0
    printed = running.process.communicate()
    assert holds_none(f"{printed} {capfd.readouterr()}")


def test_errors_and_figures_of_a_reactor_hold_no_value() -> None:
    reactor = Reactor.from_text(CONFIGURATION)
    reactor.personalize("your_database", "pageviews", EVENT | {"income": "414243"})
    for body in WRONG_EVENTS:
        with pytest.raises(BadEvent) as refused:
            reactor.personalize_json("your_database", "pageviews", body)
        assert holds_none(f"{refused.value} {refused.value.detail}"), body
    report = reactor.ingest_many("your_database", "pageviews", WRONG_EVENTS)
    assert len(report.refused) == len(WRONG_EVENTS)
    assert holds_none(str(report.refused))
    stats = reactor.stats()
    assert stats["events"] > 0
    assert holds_none(str(stats))
    assert holds_none(repr(reactor))


def test_errors_of_the_command_line_hold_no_value(configuration: Path, tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_bytes(b"\n".join([json.dumps(EVENT).encode(), *WRONG_EVENTS]) + b"\n")
    data = tmp_path / "data"
    target = ("--to", "your_database.pageviews", "--data-dir", data)
    for more, code in (((), 1), (("--rejects", tmp_path / "bad.jsonl"), 0)):
        stored = run_p13n("ingest", configuration, events, *target, *more)
        assert stored.returncode == code, stored.stderr
        assert holds_none(stored.stdout + stored.stderr), stored.stdout + stored.stderr
    unknown = run_p13n("profile", configuration, "email=canary2@example.com", "--data-dir", data)
    assert unknown.returncode == 1
    assert holds_none(unknown.stdout + unknown.stderr)
    for command in ("info", "verify"):
        told = run_p13n("log", command, "--data-dir", data)
        assert told.returncode == 0, told.stderr
        assert holds_none(told.stdout + told.stderr)
    # Who asks for a profile is shown it: the search above can find what there is to find.
    known = run_p13n("profile", configuration, "email=canary@example.com", "--data-dir", data)
    assert not holds_none(known.stdout), known


def test_diagnostics_name_fields_and_the_file_and_no_more(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(CONFIGURATION.replace("    server_only: true\n", ""), "utf-8")
    found = p13n.check([str(file)])
    assert [diagnostic.code for diagnostic in found] == ["E0260", "E0260"]
    assert "PROFILE.email is marked `sensitive`" in found[0].message
    assert "PROFILE.visits takes EVENT.icd, which feeds PROFILE.diagnosis" in found[1].message
    for diagnostic in found:
        assert diagnostic.help is not None
        assert "server_only: true" in diagnostic.help
        assert "omit_sensitive: true" in diagnostic.help


def page_rows() -> list[tuple[bool, str]]:
    """The table of docs/privacy.md: whether an expression shows the value."""
    page = (Path(__file__).parent.parent / "docs" / "privacy.md").read_text("utf-8")
    table = page.split("| Shows `PROFILE.email` | Does not |\n|---|---|\n")[1].split("\n\n")[0]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()]
    cells = [(side == 0, cell) for row in rows for side, cell in enumerate(row)]
    return [(shows, cell.strip().strip("`").replace("\\|", "|")) for shows, cell in cells]


@pytest.mark.parametrize(("shows", "expression"), page_rows())
def test_the_page_tells_what_shows_a_value(shows: bool, expression: str, tmp_path: Path) -> None:
    file = tmp_path / "page.yaml"
    offer = (
        f"offers: [{{name: o, set: [{{data: {{x: {json.dumps('${' + expression + '}')}}}}}]}}]\n"
    )
    head = CONFIGURATION.split("attributes:")[0]
    file.write_text(head + offer, "utf-8")
    errors = [found.code for found in p13n.check([str(file)]) if found.severity == "error"]
    assert errors == (["E0260"] if shows else [])


def holds_none(text: str) -> bool:
    """Whether no canary stands in a text."""
    return not any(canary in text for canary in CANARIES)
