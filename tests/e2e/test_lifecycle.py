"""The life of a server process: recovery, restart, SIGTERM under load, a log that fails."""

import http.client
import json
import resource
import signal
import socket
import threading
import time
from pathlib import Path

import p13n
from p13n.exit_codes import ExitCode
from serving import create_key, event_headers, read_answer, request_bytes, serving

CONTRACT = Path(__file__).parents[1] / "golden" / "http" / "contract.yaml"
TOKEN = "1/8/e65d8a9df2094f02b84cd660efff6f27"
PATH = "/your_database/pageviews"


def test_a_restart_remembers_what_was_answered(tmp_path: Path) -> None:
    key = create_key(tmp_path)
    headers = event_headers(key, TOKEN)
    with serving(CONTRACT, data_dir=tmp_path) as server:
        body = b'{"td_client_id":"202","product_category":"women"}'
        assert server.request(headers=headers, body=body).status == 200
        assert server.stop() == 0
    with serving(CONTRACT, data_dir=tmp_path) as server:
        # Stopping in order takes a snapshot: nothing is left to replay.
        assert server.facts["snapshot_profiles"] == "1"
        assert server.facts["recovered_events"] == "0"
        answer = server.request(headers=headers, body=b'{"td_client_id":"202"}')
        assert "preferences_known" in answer.json()["offers"]


def test_a_repeat_over_a_restart_is_answered_and_not_stored_again(tmp_path: Path) -> None:
    key = create_key(tmp_path)
    headers = event_headers(key, TOKEN)
    event = {"uuid": "0B5F9D8E-1111-4222-8333-444455556666", "td_client_id": "202"}
    for _ in range(2):
        with serving(CONTRACT, data_dir=tmp_path) as server:
            for _ in range(2):
                answer = server.request(headers=headers, body=json.dumps(event).encode())
                assert answer.status == 200
            assert server.stop() == 0
    logged = [entry["uuid"] for entry in p13n.log_events(str(tmp_path / "1-8"))]
    assert logged == ["0b5f9d8e-1111-4222-8333-444455556666"]


def test_a_log_that_cannot_be_written_refuses_and_ends_the_process_within_a_second(
    tmp_path: Path,
) -> None:
    key = create_key(tmp_path)
    headers = event_headers(key, TOKEN)
    with serving(CONTRACT, data_dir=tmp_path) as server:
        body = b'{"td_client_id":"202"}'
        assert server.request(headers=headers, body=body).status == 200
        # From now on every write of the server to a file fails.
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1, 1))
        started = time.monotonic()
        answer = server.request(headers=headers, body=body)
        assert (answer.status, answer.json()["code"]) == (503, 5007)
        assert server.process.wait(5) == ExitCode.LOG_FAILED
        assert time.monotonic() - started < 1
    with serving(CONTRACT, data_dir=tmp_path) as server:
        assert server.facts["recovered_events"] == "1"


def test_sigterm_answers_what_is_in_flight_and_exits_0(tmp_path: Path) -> None:
    key = create_key(tmp_path)
    with serving(CONTRACT, data_dir=tmp_path) as server:
        body = b'{"td_client_id":"202"}'
        request = request_bytes("POST", PATH, event_headers(key, TOKEN), body)
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.sendall(request[:-5])
            time.sleep(0.1)  # the server has the headers and waits for the rest of the body
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)  # it drains
            connection.sendall(request[-5:])
            assert read_answer(connection).status in (200, 503)
        assert server.process.wait(12) == 0


def test_sigterm_under_load_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    key = create_key(tmp_path)
    answered: list[str] = []
    statuses: set[int] = set()

    def send(client: int, port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        headers = dict(event_headers(key, TOKEN))
        try:
            for number in range(100_000):
                name = f"{client:08x}-0000-4000-8000-{number:012x}"
                body = json.dumps({"uuid": name, "td_client_id": str(client)})
                connection.request("POST", PATH, body, headers)
                response = connection.getresponse()
                response.read()
                statuses.add(response.status)
                if response.status == 200:
                    answered.append(name)
        except (OSError, http.client.HTTPException):
            connection.close()

    with serving(CONTRACT, data_dir=tmp_path) as server:
        clients = [threading.Thread(target=send, args=(n, server.port)) for n in range(1, 5)]
        for client in clients:
            client.start()
        time.sleep(0.5)
        assert server.stop() == 0
        for client in clients:
            client.join()
    logged = {entry["uuid"] for entry in p13n.log_events(str(tmp_path / "1-8"))}
    assert answered
    assert set(answered) <= logged
    assert statuses <= {200, 503}
