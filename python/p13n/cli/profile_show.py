"""`p13n profile CONFIG KEY=VALUE`: what is known about one customer."""

from pathlib import Path
from typing import Annotated

import typer

from p13n.cli.failures import fail, in_one_sentence, must_read, must_write
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

    The log is read and replayed first, so a large directory takes its time.

    Examples:

    \b
      p13n profile retail.yaml customer_id=17850 --data-dir data
      p13n profile shop.yaml email=a@example.com --data-dir data
    """
    import orjson

    from p13n import Reactor

    key, value = key_and_value(identifier)
    if not data_dir.is_dir():
        fail(f"There is no data directory {data_dir}.", ExitCode.DIRECTORY)
    must_read(configuration, "the configuration", ExitCode.CONFIGURATION)
    must_write(data_dir)
    with in_one_sentence():
        _must_have_a_log(configuration, data_dir)
    with in_one_sentence(), Reactor.open(configuration, data_dir=data_dir) as reactor:
        try:
            found = reactor.profile(**{key: value})
        except ValueError as error:
            fail(str(error), ExitCode.USAGE)
    if found is None:
        fail("No profile has this identifier.")
    print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())


def _must_have_a_log(configuration: Path, data_dir: Path) -> None:
    """Asking makes no reactor: one that the directory does not hold has no profiles."""
    from p13n import Reactor

    with Reactor.open(configuration) as reactor:
        name = f"{reactor.account}-{reactor.instance}"
    if not (data_dir / name).is_dir():
        fail(
            f"{data_dir} holds no reactor {name}, which is what {configuration} configures.",
            ExitCode.DIRECTORY,
        )
