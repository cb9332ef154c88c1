"""Batch data: rows a second of an import, memory of reading it, and what a look-up takes.

    python benches/batch.py [ROWS]

A catalog is imported from CSV and looked up by one customer's events, each for another row. What a
look-up takes is the difference to the same events under a configuration that asks for none. Cold is
with the file's pages dropped from the cache, as the disk at hand answers.
"""

import os
import random
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from p13n import Reactor

CONFIGURATION = """
version: 1
account: 1
instance: 8
name: bench
database: bench
keys: [{{name: customer_id}}]
events: [{{name: view, table: views}}]
catalogs: [{{name: products, key: sku, columns: [title, price, stock]}}]
offers:
  - name: product
    set: [{{event: view, data: {{price: "${{{price}}}"}}}}]
"""
ASKS = CONFIGURATION.format(price="CATALOG.products.get(EVENT.sku).price")
ASKS_NOT = CONFIGURATION.format(price="EVENT.sku")
EVENTS = 200_000
COLD_EVENTS = 2_000


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory(dir=os.environ.get("P13N_BENCH_DIR")) as folder:
        file = Path(folder, "products.csv")
        with file.open("w") as out:
            out.write("sku,title,price,stock\n")
            for at in range(rows):
                out.write(f"sku-{at:010},A title of this product,{at % 1000}.5,{at % 77}\n")
        with Reactor.from_text(ASKS, data_dir=Path(folder, "data"), sync="never") as reactor:
            started = time.perf_counter()
            done = reactor.import_catalog("products", file)
            seconds = time.perf_counter() - started
            assert done.rows_kept == rows
            bytes_held = reactor.stats()["batch"][0]["bytes"]
            print(f"import: {rows:,} rows in {seconds:.1f} s, {rows / seconds:,.0f} rows/s")
            print(f"file: {bytes_held / rows:.0f} bytes a row")
        # A process of its own measures what reading takes, not what importing left behind.
        if os.fork() == 0:
            reading(Path(folder, "data"), rows)
            os._exit(0)
        os.wait()


def reading(data: Path, rows: int) -> None:
    before = resident()
    with Reactor.from_text(ASKS, data_dir=data, sync="never") as reactor:
        opened = resident()
        warm(reactor, rows, 20_000)
        asks = [warm(reactor, rows, EVENTS) for _ in range(3)]
        print(f"resident: {opened - before:.1f} MiB by opening, {resident() - opened:.1f} MiB by reading")
        generation = next(data.glob("1-8/batch/*.batch"))
        cold(reactor, rows, generation)
    with Reactor.from_text(ASKS_NOT, sync="never") as reactor:
        warm(reactor, rows, 20_000)
        plain = [warm(reactor, rows, EVENTS) for _ in range(3)]
    asked, unasked = statistics.median(asks), statistics.median(plain)
    print(f"warm: {asked:.2f} us an event that looks up, {unasked:.2f} us one that does not: ", end="")
    print(f"{asked - unasked:.2f} us a look-up")


def warm(reactor: Reactor, rows: int, events: int) -> float:
    """Microseconds an event, each with a look-up of a random row."""
    pick = random.Random(7)
    bodies = [
        f'{{"customer_id":"c","sku":"sku-{pick.randrange(rows):010}"}}'.encode()
        for _ in range(events)
    ]
    started = time.perf_counter()
    for body in bodies:
        reactor.personalize_json("bench", "views", body)
    return (time.perf_counter() - started) / events * 1e6


def cold(reactor: Reactor, rows: int, generation: Path) -> None:
    descriptor = os.open(generation, os.O_RDONLY)
    pick = random.Random(8)
    took = []
    for _ in range(COLD_EVENTS):
        body = f'{{"customer_id":"c","sku":"sku-{pick.randrange(rows):010}"}}'.encode()
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        started = time.perf_counter()
        reactor.personalize_json("bench", "views", body)
        took.append((time.perf_counter() - started) * 1e6)
    took.sort()
    print(f"cold: {took[len(took) // 2]:.0f} us median, {took[len(took) * 99 // 100]:.0f} us p99")


def resident() -> float:
    """Resident memory that is the process's own, MiB."""
    status = Path("/proc/self/status").read_text("utf-8")
    line = next(line for line in status.splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main(int(sys.argv[1].replace("_", "")) if len(sys.argv) > 1 else 5_000_000)
