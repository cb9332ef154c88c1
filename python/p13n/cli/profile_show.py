"""`p13n profile CONFIG KEY=VALUE`: what is known about one customer."""

from pathlib import Path
from typing import Annotated

import typer

from p13n.cli.failures import fail, in_one_sentence, must_read
from p13n.cli.parameters import FreeDirectory
from p13n.cli.people import key_and_value
from p13n.exit_codes import ExitCode


def show(
    configuration: Annotated[
        Path, typer.Argument(metavar="CONFIG", readable=False, help="The configuration.")
    ],
    identifier: Annotated[str, typer.Argument(metavar="KEY=VALUE", help="Whom to look up.")],
    data_dir: FreeDirectory,
) -> None:
    """Print the profile of one identifier as JSON; exits 1 when there is none.

    Read from the newest snapshot and the log behind it, so a large directory takes its time; also
    beside a running server. CONFIG says which reactor is meant; nothing of it is published.

    Examples:

    \b
      p13n profile retail.yaml customer_id=17850 --data-dir data
      p13n profile shop.yaml email=a@example.com --data-dir data
    """
    import orjson

    from p13n import profile_read

    key, value = key_and_value(identifier)
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
