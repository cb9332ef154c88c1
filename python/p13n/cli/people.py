"""How people are named on the command line."""

from pathlib import Path

from p13n.cli.failures import fail, must_read
from p13n.exit_codes import ExitCode


def key_and_value(identifier: str) -> tuple[str, str]:
    """`KEY=VALUE` as key and value; ends the command when it is something else."""
    key, equals, value = identifier.partition("=")
    if not equals or not key or not value:
        fail("Name the customer as `key=value`, e.g. `email=a@example.com`.", ExitCode.USAGE)
    return key, value


def people_of(identifiers: list[str], listing: Path | None) -> list[tuple[str, str]]:
    """Everybody named on the command line and, one a line, in a file."""
    named = list(identifiers)
    if listing is not None:
        must_read(listing, "the list", ExitCode.USAGE)
        lines = listing.read_text("utf-8").splitlines()
        named += [line.strip() for line in lines if line.strip()]
    if not named:
        fail("Name whom: `key=value`, or `--file LIST` with one a line.", ExitCode.USAGE)
    return [key_and_value(identifier) for identifier in named]
