"""`p13n key`: API keys of a data directory; works beside a running server."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from p13n import keys
from p13n.cli.failures import fail, in_one_sentence
from p13n.cli.parameters import AnyDirectory
from p13n.exit_codes import ExitCode

app = typer.Typer(
    help="Create, list and revoke API keys. A running server follows within a second.",
    no_args_is_help=True,
)


@app.command("create")
def create(
    data_dir: AnyDirectory,
    account: Annotated[int, typer.Option(min=0, max=keys.ACCOUNT_MAX, help="The key's account.")],
    kind: Annotated[
        keys.KeyKind, typer.Option(help="`write` and `master` may send events.")
    ] = keys.KeyKind.WRITE,
) -> None:
    """Create a key and print it, alone, once: only its digest is kept.

    Examples:

    \b
      p13n key create --data-dir data --account 1 --kind write
      KEY=$(p13n key create --data-dir data --account 1)
    """
    with in_one_sentence("The key cannot be stored"):
        text = keys.create(data_dir, account, kind)
    print(text)


@app.command("list")
def list_keys(data_dir: AnyDirectory) -> None:
    """List the keys: id, account, kind, when created. The keys themselves are not stored.

    Example:

    \b
      p13n key list --data-dir data
    """
    with in_one_sentence():
        found = keys.load(_existing(data_dir))
    print("id            account  kind    created")
    for key in found:
        created = datetime.fromtimestamp(key.created_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        print(f"{key.id}  {key.account:>7}  {key.kind.value:<6}  {created}")


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The id that `key list` shows.")],
    data_dir: AnyDirectory,
) -> None:
    """Revoke one key: events sent with it are refused within a second.

    Example:

    \b
      p13n key revoke 0a1b2c3d4e5f --data-dir data
    """
    with in_one_sentence():
        key = keys.revoke(_existing(data_dir), key_id)
    print(f"Revoked the {key.kind.value} key {key.id} of account {key.account}.")


def _existing(data_dir: Path) -> Path:
    if not data_dir.is_dir():
        fail(f"There is no data directory {data_dir}.", ExitCode.DIRECTORY)
    return data_dir
