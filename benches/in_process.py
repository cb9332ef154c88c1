"""In process, from Python: the seed's event in, answer out, over a real log with `sync: interval`.

One thread calls `personalize_json`, then `ingest_many`; the CPU time of that thread counts, as the
log's threads have a core of their own. Beside the rates stand controls of the same run: what
`orjson.loads` of the same bodies takes, and an empty loop of Python.

    taskset -c 0 python benches/in_process.py [--clients 100000] [--rounds 5]
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import orjson

import p13n

HERE = Path(__file__).resolve().parent
DATABASE, TABLE = "your_database", "pageviews"
EVENTS_PER_ROUND = 200_000
WARM_UP_ROUNDS = 5


def body(client: int) -> bytes:
    """The seed's event of one client."""
    return orjson.dumps(
        {
            "td_client_id": f"42a508e2-d9b1-4baa-9eb2-{client:012x}",
            "td_url": "https://example.com/retail/shop/women",
            "td_path": "/retail/shop/women",
            "product_name": "women's-tank-top",
            "product_category": "women",
            "product_list": ["women's-running-shoes", "kids'-hoodie", "women's-tank-top"],
            "category_list": ["women", "kids"],
        }
    )


def rate(work: Callable[[list[bytes]], None], rounds: list[list[bytes]]) -> float:
    """Events a second of this thread's time, the median of the rounds."""
    rates = []
    for bodies in rounds:
        begun = time.thread_time()
        work(bodies)
        rates.append(len(bodies) / (time.thread_time() - begun))
    return statistics.median(rates)


def main() -> None:
    """Runs the rows, prints the table, writes `results/in_process.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clients", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    all_bodies = [body(client) for client in range(options.clients)]
    # A stride that is coprime to the number of clients visits all of them, in no order of memory.
    stride = [
        all_bodies[(number * 7919) % options.clients]
        for number in range(EVENTS_PER_ROUND * (options.rounds + WARM_UP_ROUNDS))
    ]
    rounds = [
        stride[start : start + EVENTS_PER_ROUND]
        for start in range(0, len(stride), EVENTS_PER_ROUND)
    ]
    with tempfile.TemporaryDirectory(prefix="p13n-bench-") as directory:
        reactor = p13n.Reactor.open(
            HERE / "seed_event.yaml", data_dir=directory, sync="interval", queue_bytes_max=1 << 30
        )
        with reactor:
            check_answer(reactor)

            def personalize(bodies: list[bytes]) -> None:
                for one in bodies:
                    reactor.personalize_json(DATABASE, TABLE, one)

            def ingest(bodies: list[bytes]) -> None:
                report = reactor.ingest_many(DATABASE, TABLE, bodies)
                assert report.stored == len(bodies), report

            rate(personalize, rounds[:WARM_UP_ROUNDS])
            rows = {
                "personalize_json": rate(personalize, rounds[WARM_UP_ROUNDS:]),
                "ingest_many": rate(ingest, rounds[WARM_UP_ROUNDS:]),
                "control: orjson.loads": rate(parse, rounds[WARM_UP_ROUNDS:]),
                "control: empty loop": rate(nothing, rounds[WARM_UP_ROUNDS:]),
            }
    print(f"in process, Python, interval, {options.clients} clients, {len(all_bodies[0])} B")
    for name, events_per_s in rows.items():
        print(f"  {name:<24} {events_per_s:>12,.0f} events/s of one core")
    write_results(rows, options.clients)


def check_answer(reactor: p13n.Reactor) -> None:
    """Nothing is timed before its answer is known to be right."""
    answer = b""
    for _ in range(2):
        answer = reactor.personalize_json(DATABASE, TABLE, body(0))
    offers = orjson.loads(answer)["offers"]
    assert list(offers) == ["preferences_known", "women", "returning", "kids"], offers


def parse(bodies: list[bytes]) -> None:
    """The control that shares the input."""
    for one in bodies:
        orjson.loads(one)


def nothing(bodies: list[bytes]) -> None:
    """The control that shares the loop."""
    for _one in bodies:
        pass


def write_results(rows: dict[str, float], clients: int) -> None:
    """The figures with machine and versions."""
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    figures = {
        "bench": "in_process",
        "clients": clients,
        "sync": "interval",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "p13n": p13n.__version__,
        "events_per_s_of_a_core": {name: round(value) for name, value in rows.items()},
    }
    (results / "in_process.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
