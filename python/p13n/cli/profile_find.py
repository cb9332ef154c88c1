"""`p13n profile find`: who somebody is and was, from the identity log."""

from typing import Annotated, Any

import typer

from p13n.cli.failures import fail, in_one_sentence
from p13n.cli.parameters import AnyDirectory
from p13n.cli.reactors import reactor_directories
from p13n.exit_codes import ExitCode


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
    import orjson

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
    print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
