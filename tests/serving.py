"""A real `p13n serve` process for tests, and requests as raw bytes on a socket.

The standard library's HTTP client is too polite for a contract test: it refuses to send most of
what a server must refuse. So requests here are bytes, and answers are read as bytes.
"""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEDIA_TYPE = "application/vnd.treasuredata.v1+json"
START_UP_S = 20.0
Pairs = Iterable[tuple[str | bytes, str | bytes]]


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


def run_p13n(
    *arguments: str | Path,
    env: dict[str, str] | None = None,
    timeout_s: float = 60,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "p13n", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env=os.environ | (env or {}),
        cwd=cwd,
    )


def create_key(data_dir: Path, account: int = 1, kind: str = "write") -> str:
    """A fresh API key."""
    created = run_p13n(
        "key", "create", "--data-dir", data_dir, "--account", str(account), "--kind", kind
    )
    assert created.returncode == 0, created.stderr
    return created.stdout.strip()


class Server:
    """A running server."""

    def __init__(self, process: "subprocess.Popen[str]", line: str) -> None:
        self.process = process
        self.line = line
        self.facts = dict(re.findall(r"(\w+)=(\S+)", line))
        self.port = int(self.facts["data"].rsplit(":", 1)[1])
        self.admin_port = int(self.facts["admin"].rsplit(":", 1)[1])

    def request(
        self,
        method: str = "POST",
        path: str | bytes = "/your_database/pageviews",
        headers: Pairs = (),
        body: bytes = b"",
        *,
        port: int | None = None,
    ) -> Answer:
        """One request on a connection of its own."""
        with socket.create_connection(("127.0.0.1", port or self.port), timeout=20) as connection:
            connection.sendall(request_bytes(method, path, headers, body))
            return read_answer(connection, method)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@contextmanager
def serving(
    *configurations: Path,
    data_dir: Path,
    flags: Iterable[str | Path] = (),
    under: Iterable[str | Path] = (),
) -> Iterator[Server]:
    """`p13n serve` on free ports, ready to be asked; killed at the end if it still runs.

    `under` is a command that runs the server as its child and gives its exit code on.
    """
    command = [*map(str, under), sys.executable, "-m", "p13n", "serve", *map(str, configurations)]
    command += ["--data-dir", str(data_dir), "--port", "0", "--admin-port", "0"]
    command += map(str, flags)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            readable, _, _ = select.select([process.stdout], [], [], START_UP_S)
            line = process.stdout.readline() if readable else ""
            assert line, f"the server did not start; exit code {process.poll()}"
            yield Server(process, line)
        finally:
            if process.poll() is None:
                process.kill()


def request_bytes(method: str, path: str | bytes, headers: Pairs, body: bytes) -> bytes:
    """A request; `Host` and `Content-Length` are added unless the headers have them."""
    pairs = [(_bytes(name), _bytes(value)) for name, value in headers]
    names = {name.lower() for name, _ in pairs}
    if b"host" not in names:
        pairs.append((b"Host", b"localhost"))
    if b"content-length" not in names and b"transfer-encoding" not in names and body:
        pairs.append((b"Content-Length", b"%d" % len(body)))
    head = b"".join(name + b": " + value + b"\r\n" for name, value in pairs)
    return _bytes(method) + b" " + _bytes(path) + b" HTTP/1.1\r\n" + head + b"\r\n" + body


def read_answer(connection: socket.socket, method: str = "POST") -> Answer:
    """Reads one answer; more than one is a mistake."""
    answer, rest = read_answer_from(connection, b"", method)
    assert not rest, "more was sent than the content-length says"
    return answer


def read_answer_from(
    connection: socket.socket, buffer: bytes, method: str = "POST"
) -> tuple[Answer, bytes]:
    """Reads one answer, delimited by its content-length; interim answers are passed over.

    `buffer` is what was read before; what was read beyond the answer is given back.
    """
    status = 0
    lines: list[str] = []
    while status < 200:
        while b"\r\n\r\n" not in buffer:
            buffer += _received(connection)
        head, _, buffer = buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    length = 0 if method == "HEAD" else int(headers["content-length"])
    while len(buffer) < length:
        buffer += _received(connection)
    return Answer(status, headers, buffer[:length]), buffer[length:]


def _received(connection: socket.socket) -> bytes:
    chunk = connection.recv(65536)
    if not chunk:
        raise ConnectionError("the connection ended within an answer")
    return chunk


def event_headers(key: str, token: str) -> list[tuple[str, str]]:
    """The three headers that every event needs."""
    return [
        ("Content-Type", MEDIA_TYPE),
        ("Authorization", f"TD1 {key}"),
        ("WP13n-Token", token),
    ]


def within(seconds: float, holds: Any) -> bool:
    """Whether a condition becomes true in time; asks every 20 ms."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return bool(holds())


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
