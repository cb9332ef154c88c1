"""kill -9 under load, again and again: what was answered must be in the log exactly once.

A server with `sync: always` is loaded by several clients, each event with a uuid of its own. At a
random moment the server is killed; after the restart the clients first repeat what was never
answered, as real clients do, then go on. The ledger of what was sent and what was answered lives
here, outside the server. At the end the log is read and compared with it:

- every answered uuid is in the log exactly once, and no uuid is in it twice, though one in ten is
  sent again after its answer;
- nothing is in the log that was not sent, body for body;
- a fresh reactor in memory, fed the log in LSN order, has the recovered reactor's state hash.

Under `--sync interval` a kill may take what the writer held: 5 ms are promised (page 5.1). A
machine under load may hold up the writer for longer, so only what is older than LOST_S is a fault;
the figures tell the age of the oldest event lost.

    python tests/crash/campaign.py [--cycles 20] [--seed N] [--sync always|interval]
"""

import argparse
import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import p13n

CONFIGURATION = Path(__file__).with_name("crash.yaml")
TOKEN = "1/8/e65d8a9df2094f02b84cd660efff6f27"
PATH = "/shop/orders"
CLIENTS = 6
CUSTOMERS = 50
LOAD_S = (0.05, 0.5)
REPEATED = 0.1
LOST_S = 0.5
LATE_S = 0.2
"""An answer may be read so long after the kill; no server starts and answers within it."""
START_UP_S = 30


@dataclass
class Ledger:
    """What one client knows: bodies sent, uuids answered."""

    sent: dict[str, bytes] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)
    """When the answer came, by this machine's monotonic clock."""
    repeated: int = 0
    refused: list[str] = field(default_factory=list)
    """Answers that a server under a kill must not give."""

    def unanswered(self) -> list[str]:
        """Sent, and its fate unknown."""
        return [name for name in self.sent if name not in self.answered]


@dataclass(frozen=True)
class Outcome:
    """The campaign's figures."""

    cycles: int
    sent: int
    answered: int
    logged: int
    repeated: int
    lost_ms: float
    """Age of the oldest answered event that a kill took; 0 under `always`."""
    faults: list[str]


class Client(threading.Thread):
    """One connection that sends until the server is gone."""

    def __init__(self, port: int, key: str, ledger: Ledger, seed: int) -> None:
        super().__init__()
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self._key = key
        self._ledger = ledger
        self._chance = random.Random(seed)

    def run(self) -> None:
        """Repeats what is unanswered, then sends fresh events."""
        try:
            for name in self._ledger.unanswered():
                self._post(name, self._ledger.sent[name])
            while True:
                name, body = self._fresh_event()
                self._post(name, body)
                if self._chance.random() < REPEATED:
                    self._post(name, body)
                    self._ledger.repeated += 1
        except (OSError, http.client.HTTPException):
            self._connection.close()

    def _fresh_event(self) -> tuple[str, bytes]:
        chance = self._chance
        name = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        customer = chance.randrange(CUSTOMERS)
        event: dict[str, object] = {
            "uuid": name,
            "td_client_id": f"client-{customer}-{chance.randrange(3)}",
            "amount": chance.randrange(10_000) / 100,
            "sku": f"sku-{chance.randrange(100)}",
        }
        if chance.random() < 0.3:
            event["email"] = f"customer-{customer}@example.com"
        return name, json.dumps(event).encode()

    def _post(self, name: str, body: bytes) -> None:
        self._ledger.sent[name] = body
        headers = {
            "Content-Type": "application/vnd.treasuredata.v1+json",
            "Authorization": f"TD1 {self._key}",
            "WP13n-Token": TOKEN,
        }
        self._connection.request("POST", PATH, body, headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status == 200 and json.loads(answer).keys() == {"offers"}:
            self._ledger.answered.setdefault(name, time.monotonic())
        else:
            self._ledger.refused.append(f"{response.status} {answer.decode()}")


def campaign(directory: Path, cycles: int, seed: int, sync: str = "always") -> Outcome:
    """All cycles and the comparison; an empty `faults` is success."""
    chance = random.Random(seed)
    data_dir = directory / "data"
    created = subprocess.run(
        [*_p13n("key", "create"), "--data-dir", str(data_dir), "--account", "1"],
        check=True,
        capture_output=True,
        text=True,
    )
    key = created.stdout.strip()
    ledgers = [Ledger() for _ in range(CLIENTS)]
    kills: list[float] = []
    for cycle in range(cycles):
        server, port = _start(data_dir, sync)
        clients = [Client(port, key, ledger, chance.getrandbits(64)) for ledger in ledgers]
        for client in clients:
            client.start()
        time.sleep(chance.uniform(*LOAD_S))
        kills.append(time.monotonic())
        server.send_signal(signal.SIGKILL)
        server.wait()
        if server.stdout is not None:
            server.stdout.close()
        for client in clients:
            client.join()
        if (cycle + 1) % 20 == 0:
            print(f"  {cycle + 1} of {cycles} kills", flush=True)
    return compare(data_dir / "1-8", ledgers, kills, sync)


def compare(directory: Path, ledgers: list[Ledger], kills: list[float], sync: str) -> Outcome:
    """The log against the ledgers, and the recovered state against the log."""
    with p13n.Reactor.open(CONFIGURATION, data_dir=directory.parent) as reactor:
        recovered = reactor.state_hash()
    events = p13n.log_events(str(directory))
    logged = Counter(event["uuid"] for event in events)
    sent = {name: body for ledger in ledgers for name, body in ledger.sent.items()}
    answered = {name: at for ledger in ledgers for name, at in ledger.answered.items()}
    lost = {name: _age_at_kill(answered[name], kills) for name in answered.keys() - logged.keys()}
    allowed_s = LOST_S if sync == "interval" else 0.0
    faults = [f"refused: {refused}" for ledger in ledgers for refused in ledger.refused]
    faults += [
        f"answered {age_s * 1000:.0f} ms before a kill and not in the log: {name}"
        for name, age_s in lost.items()
        if age_s >= allowed_s
    ]
    faults += [f"{times} times in the log: {name}" for name, times in logged.items() if times > 1]
    faults += [f"in the log and never sent: {name}" for name in logged.keys() - sent.keys()]
    faults += [
        f"in the log with another body: {event['uuid']}"
        for event in events
        if event["uuid"] in sent and bytes(event["body"]) != sent[event["uuid"]]
    ]
    if not answered:
        faults.append("no event was answered: the campaign proves nothing")
    if p13n.log_rehearse(str(directory)) != recovered:
        faults.append("the recovered state is not the fold of the log")
    repeated = sum(ledger.repeated for ledger in ledgers)
    lost_ms = max(lost.values(), default=0.0) * 1000
    return Outcome(len(kills), len(sent), len(answered), len(events), repeated, lost_ms, faults)


def _age_at_kill(at: float, kills: list[float]) -> float:
    """How old an answer was when its server was killed; 0 for one that was read after that."""
    return min((max(kill - at, 0.0) for kill in kills if kill >= at - LATE_S), default=0.0)


def _start(data_dir: Path, sync: str) -> tuple["subprocess.Popen[str]", int]:
    """A server that has recovered, and its port."""
    command = [*_p13n("serve", str(CONFIGURATION)), "--data-dir", str(data_dir)]
    command += ["--port", "0", "--admin-port", "0", "--sync", sync]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    watchdog = threading.Timer(START_UP_S, server.kill)
    watchdog.start()
    assert server.stdout is not None
    match = re.search(r"data=http://[^ ]*:(\d+)", server.stdout.readline())
    watchdog.cancel()
    if match is None:
        raise RuntimeError(f"the server did not start: exit code {server.wait()}")
    return server, int(match[1])


def _p13n(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "p13n", *arguments]


def main() -> None:
    """Runs a campaign and prints its figures and its seed."""
    parser = argparse.ArgumentParser(description="kill -9 under load, recover, compare")
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--sync", choices=["always", "interval"], default="always")
    options = parser.parse_args()
    print(f"seed={options.seed}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="p13n-crash-") as directory:
        outcome = campaign(Path(directory), options.cycles, options.seed, options.sync)
    print(
        f"kills={outcome.cycles} sent={outcome.sent} answered={outcome.answered} "
        f"logged={outcome.logged} repeated={outcome.repeated} "
        f"lost_ms={outcome.lost_ms:.1f} faults={len(outcome.faults)} "
        f"seconds={time.monotonic() - started:.0f}"
    )
    for fault in outcome.faults[:20]:
        print(fault)
    sys.exit(1 if outcome.faults else 0)


if __name__ == "__main__":
    main()
