"""The whole pipeline over HTTP against bare uvicorn echo, side by side in one run (7.1).

Servers run on one core, the load generator on another; rounds alternate between the two servers,
so that the machine's mood hits both alike; the figure is the ratio of the medians. Answers are
checked before anything is timed, and a failed request fails the run.

    python benches/http_pipeline.py [--rounds 5] [--seconds 6]
"""

import argparse
import contextlib
import http.client
import importlib.metadata
import json
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SERVER_CORE, LOAD_CORE = 0, 1
TOKEN = "1/8/e65d8a9df2094f02b84cd660efff6f27"
PACKAGES = ("p13n", "uvicorn", "httptools", "uvloop", "orjson")
PATH = "/your_database/pageviews"
MEDIA_TYPE = "application/vnd.treasuredata.v1+json"


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    name: str
    sync: str
    connections: int
    bar: float


@dataclass(frozen=True)
class Round:
    """What one run of the load generator measured."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float


CASES = [
    Case("interval over echo, 32 connections", "interval", 32, 0.60),
    Case("always over echo, 64 connections", "always", 64, 0.55),
]


def main() -> None:
    """Runs all cases, prints the table, writes `results/http.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=6)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("The load generator `wrk` is missing; on Debian: apt-get install wrk")
    if (os.cpu_count() or 1) < 2:
        sys.exit("This bench needs two cores: one for the servers, one for the load.")
    rows = [measure(case, options.rounds, options.seconds) for case in CASES]
    print_table(rows)
    write_results(rows, options)


def measure(case: Case, rounds: int, seconds: int) -> dict[str, Any]:
    """Both servers up, answers checked, rounds in turn."""
    with (
        tempfile.TemporaryDirectory(prefix="p13n-bench-") as directory,
        p13n_server(Path(directory), case.sync) as (port, key),
        echo_server() as echo_port,
    ):
        authorization = f"TD1 {key}"
        check_answers(port, echo_port, authorization)
        ours: list[Round] = []
        echo: list[Round] = []
        for number in range(rounds + 1):
            pair = (
                load(port, authorization, case.connections, seconds),
                load(echo_port, authorization, case.connections, seconds),
            )
            if number > 0:  # the first round warms up: profiles exist, pages are mapped
                ours.append(pair[0])
                echo.append(pair[1])
    our_median = statistics.median(one.requests_per_s for one in ours)
    echo_median = statistics.median(one.requests_per_s for one in echo)
    return {
        "name": case.name,
        "sync": case.sync,
        "connections": case.connections,
        "bar": case.bar,
        "ratio": round(our_median / echo_median, 3),
        "p13n_requests_per_s": round(our_median),
        "echo_requests_per_s": round(echo_median),
        "p13n_p99_ms": round(statistics.median(one.p99_ms for one in ours), 2),
        "echo_p99_ms": round(statistics.median(one.p99_ms for one in echo), 2),
        "rounds": {
            "p13n": [round(one.requests_per_s) for one in ours],
            "echo": [round(one.requests_per_s) for one in echo],
        },
    }


def load(port: int, authorization: str, connections: int, seconds: int) -> Round:
    """One round of the load generator against a port; every request must succeed."""
    command = [
        "wrk",
        "--threads=1",
        f"--connections={connections}",
        f"--duration={seconds}s",
        "--timeout=10s",
        f"--script={HERE / 'http_pipeline.lua'}",
        f"http://127.0.0.1:{port}",
        "--",
        PATH,
        authorization,
        TOKEN,
    ]
    output = subprocess.run(
        command, check=True, capture_output=True, text=True, preexec_fn=lambda: pin(LOAD_CORE)
    ).stdout
    measured = json.loads(output.splitlines()[-1])
    if measured["failed"]:
        sys.exit(f"{measured['failed']} requests failed:\n{output}")
    return Round(
        requests_per_s=measured["requests"] / measured["duration_us"] * 1e6,
        p50_ms=measured["p50_us"] / 1000,
        p99_ms=measured["p99_us"] / 1000,
    )


def check_answers(port: int, echo_port: int, authorization: str) -> None:
    """The product gives the offers of a returning customer, the echo its input."""
    event = {
        "td_client_id": "check",
        "td_url": "https://example.com/retail/shop/women",
        "td_path": "/retail/shop/women",
        "product_name": "women's-tank-top",
        "product_category": "women",
        "product_list": ["women's-running-shoes", "kids'-hoodie", "women's-tank-top"],
        "category_list": ["women", "kids"],
    }
    post(port, authorization, event)
    answer = post(port, authorization, event)
    expected = {
        "preferences_known": {"td_client_id": "check", "preferences": "women"},
        "women": {"banner": "women"},
        "returning": {"last_url": event["td_url"]},
        "kids": {"product": "women's-tank-top"},
    }
    found = {name: offer["attributes"] for name, offer in answer["offers"].items()}
    if found != expected:
        sys.exit(f"The answer is wrong: {answer}")
    if post(echo_port, authorization, event) != event:
        sys.exit("The echo does not echo.")


def post(port: int, authorization: str, event: dict[str, Any]) -> Any:
    """The parsed answer to one event."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {
        "Content-Type": MEDIA_TYPE,
        "Authorization": authorization,
        "WP13n-Token": TOKEN,
    }
    connection.request("POST", PATH, json.dumps(event), headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != 200:
        sys.exit(f"Answer {response.status}: {body.decode()}")
    return json.loads(body)


@contextlib.contextmanager
def p13n_server(directory: Path, sync: str) -> Iterator[tuple[int, str]]:
    """The product on the servers' core; yields its port and a key."""
    p13n = [sys.executable, "-m", "p13n"]
    data_dir = str(directory / "data")
    create = [*p13n, "key", "create", "--data-dir", data_dir, "--account", "1"]
    key = subprocess.run(create, check=True, capture_output=True, text=True).stdout.strip()
    command = [*p13n, "serve", str(HERE / "seed_event.yaml"), "--data-dir", data_dir]
    command += ["--port", "0", "--admin-port", "0", "--sync", sync]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: pin(SERVER_CORE)
    )
    try:
        assert process.stdout is not None
        match = re.search(r"data=http://[^ ]*:(\d+)", process.stdout.readline())
        if match is None:
            sys.exit("The server did not start.")
        yield int(match[1]), key
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def echo_server() -> Iterator[int]:
    """The echo on the servers' core; yields its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, str(HERE / "echo.py"), str(port)]
    process = subprocess.Popen(command, preexec_fn=lambda: pin(SERVER_CORE))
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait(10)


def pin(core: int) -> None:
    """Puts the calling process on one core."""
    os.sched_setaffinity(0, {core})


def print_table(rows: list[dict[str, Any]]) -> None:
    """The figures as one table."""
    print(f"{'case':<38} {'p13n/s':>8} {'echo/s':>8} {'ratio':>6} {'bar':>5} {'p99 ms':>7}")
    for row in rows:
        print(
            f"{row['name']:<38} {row['p13n_requests_per_s']:>8} {row['echo_requests_per_s']:>8} "
            f"{row['ratio']:>6.2f} {row['bar']:>5.2f} {row['p13n_p99_ms']:>7.2f}"
        )


def write_results(rows: list[dict[str, Any]], options: argparse.Namespace) -> None:
    """Machine, versions, commit and figures as JSON."""
    processor = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"],
        cwd=HERE,
        capture_output=True,
        text=True,
    ).stdout.strip()
    document = {
        "bench": "http",
        "commit": commit,
        "machine": {
            "processor": processor[1] if processor else platform.machine(),
            "cores": os.cpu_count(),
            "kernel": platform.release(),
        },
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in PACKAGES},
        },
        "rounds": options.rounds,
        "seconds": options.seconds,
        "rows": rows,
    }
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / "http.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
