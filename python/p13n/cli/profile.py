"""`p13n profile`: what is known about one customer, and who they are and were."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from p13n.cli.failures import fail, in_one_sentence, must_read
from p13n.cli.parameters import AnyDirectory
from p13n.cli.reactors import reactor_directories
from p13n.exit_codes import ExitCode


class _ShowByDefault(TyperGroup):
    """`p13n profile CONFIG KEY=VALUE` is `p13n profile show CONFIG KEY=VALUE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["show", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_ShowByDefault,
    no_args_is_help=True,
    help="What is known about one customer, and who they are and were.",
)


@app.command("show")
def show(
    configuration: Annotated[
        Path, typer.Argument(metavar="CONFIG", readable=False, help="The configuration.")
    ],
    identifier: Annotated[str, typer.Argument(metavar="KEY=VALUE", help="Whom to look up.")],
    data_dir: AnyDirectory,
) -> None:
    """Print the profile of one identifier as JSON; exits 1 when there is none.

    Read from the newest snapshot and the log behind it, so a large directory takes its time; also
    beside a running server. CONFIG says which reactor is meant; nothing of it is published.

    Examples:

    \b
      p13n profile show retail.yaml customer_id=17850 --data-dir data
      p13n profile shop.yaml email=a@example.com --data-dir data
    """
    from p13n import profile_read

    key, equals, value = identifier.partition("=")
    if not equals or not key or not value:
        fail("Name the customer as `key=value`, e.g. `email=a@example.com`.", ExitCode.USAGE)
    if not data_dir.is_dir():
        fail(f"There is no data directory {data_dir}.", ExitCode.DIRECTORY)
    must_read(configuration, "the configuration", ExitCode.CONFIGURATION)
    with in_one_sentence():
        directory = _directory_of(configuration, data_dir)
        try:
            found = profile_read(directory, key, value)
        except ValueError as error:
            fail(str(error), ExitCode.USAGE)
    if found is None:
        fail("No profile has this identifier.")
    _print(found)


@app.command("find")
def find(
    who: Annotated[
        str, typer.Argument(metavar="KEY=VALUE|RID", help="An identifier, or a profile's id.")
    ],
    data_dir: AnyDirectory,
) -> None:
    """Print who somebody is and was, from the identity log, as JSON; exits 1 for nobody.

    Every id and every identifier that the person ever had, also of profiles that merged into
    theirs, that were evicted, or whose identifiers were let go of. An identifier is written as it
    is after `normalize`. Works beside a running server.

    Examples:

    \b
      p13n profile find email=a@example.com --data-dir data
      p13n profile find 019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b --data-dir data
    """
    from p13n import identity_find

    found: dict[str, Any] = {}
    refused: list[str] = []
    directories = reactor_directories(data_dir)
    with in_one_sentence():
        for directory in directories:
            if not (directory / "identities").is_dir():
                continue
            try:
                person = identity_find(directory, who)
            except ValueError as error:
                refused.append(str(error))
                continue
            if person is not None:
                found[directory.name] = person
    if len(refused) == len(directories):
        fail(refused[0], ExitCode.USAGE)
    if not found:
        fail("The identity log knows nobody by this.")
    _print(found)


def _print(found: dict[str, Any]) -> None:
    import orjson

    print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())


def _directory_of(configuration: Path, data_dir: Path) -> Path:
    """Asking makes no reactor: one that the directory does not hold has no profiles."""
    from p13n import Reactor

    with Reactor.open(configuration) as reactor:
        name = f"{reactor.account}-{reactor.instance}"
    if not (data_dir / name).is_dir():
        fail(
            f"{data_dir} holds no reactor {name}, which is what {configuration} configures.",
            ExitCode.DIRECTORY,
        )
    return data_dir / name
