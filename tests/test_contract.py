"""The wire contract: every row of the table of failures that this version has, and its neighbours.

The table is golden/http/contract.toml; each case is one raw request to a real server. After every
answer that keeps the connection a good request follows on it: a refusal must leave no byte behind.
"""

import concurrent.futures
import gzip
import hashlib
import json
import socket
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import p13n
from serving import (
    Answer,
    Server,
    create_key,
    event_headers,
    read_answer,
    read_answer_from,
    request_bytes,
    run_p13n,
    serving,
    within,
)

GOLDEN = Path(__file__).parent / "golden" / "http"
CASES: list[dict[str, Any]] = tomllib.loads((GOLDEN / "contract.toml").read_text())["case"]
TOKEN = "1/8/e65d8a9df2094f02b84cd660efff6f27"
EVENT = '{"td_client_id":"202","product_category":"women"}'
MESSAGES = {
    2003: "Kinesis error due to limit being exceeded",
    3000: "RT token was not provided (WP13n-Token header).",
    3001: "RT token is not in configuration.",
    3002: "RT token account conflicts with Authed user account.",
    3003: "RT token is in an invalid format.",
    3004: "Invalid event object.",
    3006: "Invalid token type. Token type is not matching the one in the configuration.",
    3009: "Unsupported method.",
    4001: "Unauthorized.",
    4004: "Not found.",
    4005: "Method not allowed.",
    4013: "Event is too large.",
    4015: "Unsupported media type.",
    5003: "The reactor is not ready.",
}
ROWS_IN_SCOPE = {"0", "1", "2", "5", "6", "7", "8", "9", "10", "11", "15", "16"}
CASE_TIMEOUT_S = 20


@dataclass(frozen=True)
class Contract:
    """A server and the words that stand for its secrets."""

    server: Server
    words: dict[str, str]

    def filled(self, text: str) -> str:
        """The text with every `{word}` replaced."""
        for word, value in self.words.items():
            text = text.replace("{" + word + "}", value)
        return text

    def good_headers(self) -> list[tuple[str, str]]:
        """Headers of a good request."""
        return event_headers(self.words["write"], TOKEN)


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contract]:
    data_dir = tmp_path_factory.mktemp("contract")
    words = {kind: create_key(data_dir, 1, kind) for kind in ("master", "editor", "viewer")}
    words["write"] = create_key(data_dir)
    words["write_rest"] = words["write"].removeprefix("1")
    words["foreign"] = create_key(data_dir, 2)
    words["revoked"] = create_key(data_dir)
    key_id = hashlib.sha256(words["revoked"].encode()).hexdigest()[:12]
    assert run_p13n("key", "revoke", key_id, "--data-dir", data_dir).returncode == 0
    words["a128"] = "a" * 128
    words["digits100"] = "1" * 100
    configurations = (GOLDEN / "contract.yaml", GOLDEN / "contract-other.yaml")
    with serving(*configurations, data_dir=data_dir, flags=["--sync", "interval"]) as server:
        yield Contract(server, words)
        assert server.stop() == 0


def test_the_table_holds_every_row_in_scope() -> None:
    assert {case["row"] for case in CASES if "row" in case} == ROWS_IN_SCOPE
    names = [case["name"] for case in CASES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.get('row', 'ok')}-{case['name']}")
def test_a_request_gets_the_answer_of_the_table(contract: Contract, case: dict[str, Any]) -> None:
    method = case.get("method", "POST")
    request = request_bytes(
        method,
        contract.filled(case.get("path", "/your_database/pageviews")),
        case_headers(contract, case),
        case_body(case),
    )
    address = ("127.0.0.1", contract.server.port)
    with socket.create_connection(address, timeout=CASE_TIMEOUT_S) as connection:
        connection.sendall(request)
        answer = read_answer(connection, method)
        assert_answer(contract, case, answer)
        if answer.headers.get("connection") != "close":
            assert_good_request_follows(contract, connection)


def assert_answer(contract: Contract, case: dict[str, Any], answer: Answer) -> None:
    """Status, body and headers are those of the table, and nothing secret is in them."""
    assert answer.status == case["status"], answer
    for name, value in case.get("has", {}).items():
        assert answer.headers.get(name) == value, answer
    if "answer" in case:
        assert offers_of(answer) == case["answer"]["offers"]
    if answer.body:
        assert answer.headers["content-type"] == "application/json"
    if "code" in case:
        failure = answer.json()
        assert failure["code"] == case["code"], answer
        assert failure["message"] == MESSAGES[case["code"]]
        assert set(failure) <= {"code", "message", "detail"}
    sent = [contract.words["write"], TOKEN.rsplit("/", 1)[1], "canary-value", "text/plain"]
    if answer.status >= 400:
        assert not [secret for secret in sent if secret.encode() in answer.body], answer
    if "/" + case.get("path", "").lstrip("/") not in ("/healthz", "/readyz"):
        ours = {"x-p13n-config", "x-p13n-lsn"}
        assert (
            ours <= set(answer.headers) if answer.status == 200 else not ours & set(answer.headers)
        )


def assert_good_request_follows(contract: Contract, connection: socket.socket) -> None:
    """The connection is as good as new."""
    connection.sendall(
        request_bytes("POST", "/your_database/pageviews", contract.good_headers(), EVENT.encode())
    )
    assert read_answer(connection).status == 200


def offers_of(answer: Answer) -> dict[str, Any]:
    offers: dict[str, Any] = answer.json()["offers"]
    return offers


def case_headers(contract: Contract, case: dict[str, Any]) -> list[tuple[str, str]]:
    """The good request's headers with the case's changes."""
    changed = {name.lower(): name for name in case.get("headers", {})}
    absent = {name.lower() for name in case.get("absent", [])}
    headers = [
        (name, value)
        for name, value in contract.good_headers()
        if name.lower() not in changed and name.lower() not in absent
    ]
    headers += case.get("headers", {}).items()
    headers += [(name, value) for name, value in case.get("repeated", [])]
    return [(name, contract.filled(value)) for name, value in headers]


def case_body(case: dict[str, Any]) -> bytes:
    """The body's bytes as the case describes them."""
    if "body_hex" in case:
        body = bytes.fromhex(case["body_hex"])
    elif "body_of" in case:
        before, times, after = case["body_of"]
        body = before.encode() + b"x" * times + after.encode()
    elif "body_nested" in case:
        lists = case["body_nested"] - 1
        body = b'{"td_client_id":"202","a":' + b"[" * lists + b"]" * lists + b"}"
    else:
        body = case.get("body", EVENT).encode()
    if case.get("gzip"):
        members = case.get("gzip_members", 1)
        size = -(-len(body) // members)
        body = b"".join(gzip.compress(body[at : at + size]) for at in range(0, len(body), size))
    body = body[: len(body) - case.get("cut_bytes", 0)]
    return body + bytes.fromhex(case.get("more_hex", ""))


def test_the_position_in_the_log_rises_and_the_configuration_stands(contract: Contract) -> None:
    headers = contract.good_headers()
    answers = [contract.server.request(headers=headers, body=EVENT.encode()) for _ in range(3)]
    assert len({answer.headers["x-p13n-config"] for answer in answers}) == 1
    assert len(answers[0].headers["x-p13n-config"]) == 12
    assert len({answer.headers["x-p13n-lsn"] for answer in answers}) == 3


def test_a_chunked_body_is_read_and_a_too_large_one_refused(contract: Contract) -> None:
    headers = [*contract.good_headers(), ("Transfer-Encoding", "chunked")]
    event = EVENT.encode()
    good = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (5, event[:5], len(event) - 5, event[5:])
    answer = contract.server.request(headers=headers, body=good)
    assert (answer.status, list(offers_of(answer))) == (200, ["preferences_known"])
    chunk = b"%x\r\n%b\r\n" % (100_000, b"x" * 100_000)
    answer = contract.server.request(headers=headers, body=chunk * 11 + b"0\r\n\r\n")
    assert (answer.status, answer.json()["code"]) == (413, 4013)


def test_a_refusal_does_not_wait_for_the_body(contract: Contract) -> None:
    headers = [*event_headers("1/" + "0" * 40, TOKEN), ("Content-Length", "1000")]
    answer = contract.server.request(headers=headers, body=b"{")
    assert (answer.status, answer.json()["code"]) == (401, 4001)


def test_a_client_that_expects_100_continue_is_refused_without_sending(contract: Contract) -> None:
    headers = [
        *event_headers("1/" + "0" * 40, TOKEN),
        ("Content-Length", "1000"),
        ("Expect", "100-continue"),
    ]
    answer = contract.server.request(headers=headers)
    assert (answer.status, answer.headers["connection"]) == (401, "close")


def test_a_client_that_expects_100_continue_is_told_to_go_on(contract: Contract) -> None:
    headers = [*contract.good_headers(), ("Expect", "100-continue")]
    assert contract.server.request(headers=headers, body=EVENT.encode()).status == 200


def test_pipelined_requests_are_answered_in_order(contract: Contract) -> None:
    bodies = [json.dumps({"td_client_id": name, "product_category": name}) for name in "abc"]
    requests = [
        request_bytes("POST", "/your_database/pageviews", contract.good_headers(), body.encode())
        for body in bodies
    ]
    with socket.create_connection(("127.0.0.1", contract.server.port), timeout=10) as connection:
        connection.sendall(b"".join(requests))
        seen, rest = [], b""
        for _ in requests:
            answer, rest = read_answer_from(connection, rest)
            seen.append(offers_of(answer)["preferences_known"]["attributes"]["preferences"])
    assert seen == ["a", "b", "c"]


def test_the_admin_plane_answers_probes_and_nothing_else(contract: Contract) -> None:
    port = contract.server.admin_port
    assert contract.server.request("GET", "/healthz", port=port).json() == {"status": "ok"}
    ready = contract.server.request("GET", "/readyz", port=port).json()
    assert ready["ready"] is True
    assert (ready["sync"], ready["clock"], ready["reasons"]) == ("interval", "server", [])
    assert [one["reactor"] for one in ready["reactors"]] == ["1/8", "1/9"]
    answer = contract.server.request("GET", "/v1/reactors/1/8/stats", port=port)
    assert (answer.status, answer.json()["code"]) == (404, 4004)
    answer = contract.server.request(
        headers=contract.good_headers(), body=EVENT.encode(), port=port
    )
    assert (answer.status, answer.json()["code"]) == (404, 4004)


def test_a_new_key_is_known_at_once_and_a_revoked_one_refused_within_a_second(
    tmp_path: Path,
) -> None:
    with serving(GOLDEN / "contract.yaml", data_dir=tmp_path) as server:

        def status(key: str) -> int:
            headers = event_headers(key, TOKEN)
            return server.request(headers=headers, body=EVENT.encode()).status

        key = create_key(tmp_path)
        assert status(key) == 200, "the first request with a new key"
        key_id = hashlib.sha256(key.encode()).hexdigest()[:12]
        assert run_p13n("key", "revoke", key_id, "--data-dir", tmp_path).returncode == 0
        assert within(1, lambda: status(key) == 401)
        assert status(create_key(tmp_path)) == 200
        assert status(key) == 401, "looking for another key forgets what was admitted before"
        assert server.stop() == 0


def test_an_answer_at_the_limit_is_whole_and_one_byte_over_it_is_cut(tmp_path: Path) -> None:
    key = create_key(tmp_path)
    whole = (
        b'{"offers":{"preferences_known":'
        b'{"attributes":{"td_client_id":"202","preferences":"women"}}}}'
    )
    for bytes_max, expected in ((len(whole), whole), (len(whole) - 1, b'{"offers":{}}')):
        flags = ["--answer-bytes-max", str(bytes_max)]
        with serving(GOLDEN / "contract.yaml", data_dir=tmp_path, flags=flags) as server:
            answer = server.request(headers=event_headers(key, TOKEN), body=EVENT.encode())
            assert (answer.status, answer.body) == (200, expected)
            assert server.stop() == 0


def test_row_16b_what_finds_the_queue_full_is_429_and_stores_nothing(tmp_path: Path) -> None:
    """The least queue has room for one great event: the next one comes while it is synced."""
    key = create_key(tmp_path)
    headers = event_headers(key, TOKEN)
    body = b'{"td_client_id":"202","pad":"' + b"x" * 999_000 + b'"}'
    flags = ["--queue-bytes-max", "8000000"]
    with (
        serving(GOLDEN / "contract.yaml", data_dir=tmp_path, flags=flags) as server,
        concurrent.futures.ThreadPoolExecutor(8) as clients,
    ):
        answers: list[Answer] = []

        def refused() -> list[Answer]:
            requests = [
                clients.submit(server.request, headers=headers, body=body) for _ in range(8)
            ]
            answers.extend(request.result() for request in requests)
            return [answer for answer in answers if answer.status != 200]

        assert within(30, refused), "the queue was never full"
        for answer in refused():
            assert (answer.status, answer.json()["code"]) == (429, 2003)
            assert answer.json()["message"] == MESSAGES[2003]
            assert int(answer.headers["retry-after"]) > 0
        assert server.request(headers=headers, body=EVENT.encode()).status == 200
        assert server.stop() == 0
    stored = p13n.log_events(str(tmp_path / "1-8"))
    assert len(stored) == 1 + sum(answer.status == 200 for answer in answers)
