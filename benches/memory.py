"""What the specification's profile takes in Redis and in Python, beside `benches/memory.rs`.

The same profile (a UUID and an identifier of 24 characters, a list of ten strings of 12
characters with their times, a counter with 12 buckets, a URL of 40 characters and a number with
their times) is kept as one Redis hash of 27 short fields, which Redis packs into one listpack, with
a key that leads from the second identifier to the first; and as Python dicts. Both by the
difference in resident memory. The figures join those of `cargo bench --bench memory` in
benches/results/memory.json. Without a redis-server (Debian: apt-get install redis-server) that part
is left out, and said to be.

    python benches/memory.py [--profiles 200000]
"""

import argparse
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results" / "memory.json"
NOW_MS = 1_790_000_000_000
PAUSE_MS = 12 * 3_600_000
BUCKET_MS = 43_200_000
COMMANDS_AT_ONCE = 2_000


def names(profile: int) -> tuple[str, str]:
    """The identifiers of a profile: a UUID, and a text of 24 characters."""
    mixed = profile * 0x9E37_79B9_7F4A_7C15 % 2**64
    return f"{mixed >> 32:08x}-d9b1-4baa-9eb2-{profile:012x}", f"customer-{profile:015}"


def times(profile: int) -> list[int]:
    """When the profile's twelve events came."""
    return [NOW_MS + event * PAUSE_MS + profile % 40_000_000 for event in range(12)]


def url(profile: int) -> str:
    """A URL of 40 characters."""
    return f"https://shop.example.com/category/{profile * 7 % 1_000_000:06}"


def fields(profile: int) -> dict[str, str]:
    """A profile as the fields of a Redis hash."""
    came = times(profile)
    items = {
        f"viewed:{at}": f"product-{(profile + at) % 10_000:04}|{came[at + 2]}" for at in range(10)
    }
    buckets = {f"views:{ms // BUCKET_MS}": "1" for ms in came}
    return {
        "customer_id": names(profile)[1],
        **items,
        **buckets,
        "url": url(profile),
        "url_time": str(came[-1]),
        "price": f"{profile % 1_000}.{profile % 100:02}",
        "price_time": str(came[-1]),
    }


def command(*words: str) -> bytes:
    """A command as Redis reads it."""
    parts = [word.encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(
        b"$%d\r\n%s\r\n" % (len(part), part) for part in parts
    )


def commands(profiles: int) -> Iterator[bytes]:
    """What keeps the profiles."""
    for profile in range(profiles):
        client, customer = names(profile)
        pairs = [word for pair in fields(profile).items() for word in pair]
        yield command("HSET", f"p:{client}", *pairs)
        yield command("SET", f"i:{customer}", client)


def resident_bytes(process: int | str) -> int:
    """Resident memory of a process."""
    status = Path(f"/proc/{process}/status").read_text()
    return (
        int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
        * 1024
    )


def send(link: socket.socket, batch: list[bytes]) -> None:
    """Sends commands and reads as many answers of one line."""
    link.sendall(b"".join(batch))
    lines = 0
    while lines < len(batch):
        answer = link.recv(1 << 16)
        if not answer or b"-ERR" in answer:
            raise SystemExit(f"memory.py: Redis refused: {answer!r}")
        lines += answer.count(b"\r\n")


def measure_redis(profiles: int) -> float | None:
    """Bytes a profile in Redis; None without one."""
    server = shutil.which("redis-server")
    if server is None:
        print("memory.py: no redis-server on this machine (apt-get install redis-server): left out")
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/redis.sock"
        options = [
            "--port",
            "0",
            "--unixsocket",
            path,
            "--dir",
            folder,
            "--save",
            "",
            "--daemonize",
            "no",
        ]
        running = subprocess.Popen([server, *options], stdout=subprocess.DEVNULL)
        try:
            for _ in range(200):
                if Path(path).exists():
                    break
                time.sleep(0.05)
            with socket.socket(socket.AF_UNIX) as link:
                link.connect(path)
                before = resident_bytes(running.pid)
                batch: list[bytes] = []
                for one in commands(profiles):
                    batch.append(one)
                    if len(batch) == COMMANDS_AT_ONCE:
                        send(link, batch)
                        batch.clear()
                send(link, batch)
                return (resident_bytes(running.pid) - before) / profiles
        finally:
            running.terminate()
            running.wait()


def measure_python(profiles: int) -> float:
    """Bytes a profile in Python dicts."""
    before = resident_bytes("self")
    held: dict[str, dict[str, object]] = {}
    index: dict[str, str] = {}
    for profile in range(profiles):
        client, customer = names(profile)
        came = times(profile)
        held[client] = {
            "customer_id": customer,
            "viewed": [
                {"value": f"product-{(profile + at) % 10_000:04}", "time": came[at + 2]}
                for at in range(10)
            ],
            "views": {ms // BUCKET_MS: 1 for ms in came},
            "url": (url(profile), came[-1]),
            "price": (profile % 1_000 + profile % 100 / 100, came[-1]),
        }
        index[customer] = client
    return (resident_bytes("self") - before) / profiles


def main() -> int:
    """Measures and writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--profiles", type=int, default=200_000)
    profiles = parser.parse_args().profiles
    assert len(names(7)[1]) == 24 and len(url(7)) == 40 and len(fields(7)) == 27
    redis = measure_redis(profiles)
    python = measure_python(profiles)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"bench": "memory"}
    results["beside"] = {
        "profiles": profiles,
        "redis_bytes_a_profile": redis and round(redis, 1),
        "python_bytes_a_profile": round(python, 1),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results) + "\n")
    if redis is not None:
        print(f"Redis, one hash a profile   {redis:8.1f} bytes")
    print(f"Python, dicts               {python:8.1f} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
