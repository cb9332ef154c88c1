"""`p13n demo`: everything on loopback with the examples, fresh keys and real events."""

import shlex
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from p13n.cli.failures import fail, in_one_sentence
from p13n.cli.progress import progress_bar
from p13n.cli.serve import PORT_MAX

if TYPE_CHECKING:
    from p13n import Reactor


@dataclass(frozen=True)
class _Call:
    """One request to print: where it goes, and a real event for it."""

    title: str
    path: str
    key: str
    token: str
    event: dict[str, Any]


def demo(
    port: Annotated[
        int, typer.Option(min=0, max=PORT_MAX, help="Port of the data plane; 0 picks a free one.")
    ] = 8080,
    admin_port: Annotated[
        int, typer.Option(min=0, max=PORT_MAX, help="Port of the admin plane; 0 picks a free one.")
    ] = 8081,
) -> None:
    """Serve the examples on loopback, with real events, and print curl lines to paste.

    The data directory and the API keys are fresh and are removed at the end. Ctrl-C ends it.

    Examples:

    \b
      p13n demo
      p13n demo --port 9000 --admin-port 9001
    """
    from p13n.server.run import serve
    from p13n.settings import Settings

    # Until the server takes it over: so that SIGTERM, too, removes the data.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with in_one_sentence(), tempfile.TemporaryDirectory(prefix="p13n-demo-") as name:
        data_dir = Path(name)
        configurations, calls = _prepare(data_dir)
        code = serve(
            Settings(
                configurations=configurations,
                data_dir=data_dir,
                host="127.0.0.1",
                port=port,
                admin_host="127.0.0.1",
                admin_port=admin_port,
                sync="always",
                sync_interval_ms=100,
                clock="server",
                answer_bytes_max=10_000,
                queue_bytes_max=67_108_864,
                dedup_max=1_000_000,
                retention_days=30,
                retention_bytes=0,
                memory_budget=0,
                on_memory_full="keep",
            ),
            lambda serving_port: _print_calls(calls, serving_port),
        )
    raise typer.Exit(code)


def _prepare(data_dir: Path) -> tuple[tuple[Path, ...], list[_Call]]:
    """Ingests the sample and makes keys; answers the configurations and the calls to print."""
    from p13n import demo as examples
    from p13n import keys

    directory = examples.examples_directory()
    configurations = (directory / examples.QUICKSTART, directory / examples.RETAIL)
    event_again = _ingest_sample(data_dir, configurations[1], directory / examples.RETAIL_SAMPLE)
    events = [
        {"td_client_id": "202", "td_path": "/retail/shop/women", "product_category": "women"},
        event_again,
    ]
    calls: list[_Call] = []
    keys_by_account: dict[int, str] = {}
    for configuration, event in zip(configurations, events, strict=True):
        with _opened(configuration, None) as reactor:
            account = reactor.account
            if account not in keys_by_account:
                keys_by_account[account] = keys.create(data_dir, account, keys.KeyKind.WRITE)
            calls.append(_call(configuration, reactor, keys_by_account[account], event))
    return configurations, calls


def _ingest_sample(data_dir: Path, configuration: Path, sample: Path) -> dict[str, Any]:
    """Stores the bundled events as if the last had just happened; answers one to send again."""
    from p13n import demo as examples
    from p13n.bulk import ingest_file

    shifted = data_dir / "retail-sample.jsonl"
    count, moved_s = examples.shift_to_end_at(sample, shifted, int(time.time()))
    print(
        f"Feeding {count} real events of an online shop (UCI Online Retail, Daqing Chen, 2015, "
        f"CC BY 4.0), moved by {moved_s // 86400} days so that they end now.",
        flush=True,
    )
    with (
        _opened(configuration, data_dir) as reactor,
        progress_bar("Real events", shifted.stat().st_size) as advance,
    ):
        database, table = reactor._routes()[0]
        outcome = ingest_file(reactor, database, table, shifted, advance=advance)
        profiles = reactor.stats()["profiles"]
    if outcome.refused:
        fail(f"The bundled events do not fit the example: {outcome.refused[0][1]}")
    print(f"{outcome.stored} events stored, {profiles} profiles.", flush=True)
    with _opened(configuration, None) as rehearsal:
        event = examples.telling_event(rehearsal, database, table, shifted)
    shifted.unlink()
    return event


def _opened(configuration: Path, data_dir: Path | None) -> "Reactor":
    from p13n import Reactor

    return Reactor.open(configuration, data_dir=data_dir, sync="interval", clock="event")


def _call(configuration: Path, reactor: "Reactor", key: str, event: dict[str, Any]) -> _Call:
    from p13n import demo as examples

    digests = [digest for _name, digest, _sees in reactor._tokens()]
    token = examples.token_text(configuration.read_text(), digests)
    if token is None:
        fail(f"{configuration} has no token that can be printed.")
    database, table = reactor._routes()[0]
    return _Call(
        title=configuration.stem,
        path=f"{database}/{table}",
        key=key,
        token=f"{reactor.account}/{reactor.instance}/{token}",
        event=event,
    )


def _print_calls(calls: list[_Call], port: int) -> None:
    import orjson

    for call in calls:
        print(
            f"\nThe {call.title} example:\n\n"
            f"curl -i -X POST http://127.0.0.1:{port}/{call.path} \\\n"
            "  --header 'Content-Type: application/vnd.treasuredata.v1+json' \\\n"
            f"  --header 'Authorization: TD1 {call.key}' \\\n"
            f"  --header 'WP13n-Token: {call.token}' \\\n"
            f"  --data {shlex.quote(orjson.dumps(call.event).decode())}"
        )
    print("\nCtrl-C ends the demo and removes its data.", flush=True)
