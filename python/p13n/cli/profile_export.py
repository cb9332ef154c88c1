"""`p13n profile export`: everything that is kept of one person, as one JSON document."""

from typing import Annotated

import typer

from p13n.cli.failures import fail, in_one_sentence
from p13n.cli.parameters import AnyDirectory
from p13n.cli.people import key_and_value
from p13n.cli.reactors import one_reactor
from p13n.exit_codes import ExitCode


def export(
    identifier: Annotated[str, typer.Argument(metavar="KEY=VALUE", help="Who.")],
    data_dir: AnyDirectory,
    reactor: Annotated[
        str | None, typer.Option("--reactor", metavar="NAME", help="Which, where several are.")
    ] = None,
) -> None:
    """Print one person's profile, events and offers as JSON; exits 1 when nothing is kept.

    Events are those of every profile that the person ever was, as far as the log reaches back;
    offers are decided again from the log, each as of its moment. Works beside a running server,
    and takes as much memory as it.

    Examples:

    \b
      p13n profile export email=a@example.com --data-dir data
    """
    import orjson

    from p13n import person_export

    key, value = key_and_value(identifier)
    directory = one_reactor(data_dir, reactor)
    with in_one_sentence():
        try:
            found = person_export(directory, key, value)
        except ValueError as error:
            fail(f"{error}.", ExitCode.USAGE)
    if found["profile"] is None and not found["events"]:
        fail("Nothing is kept of this identifier.")
    for event in found["events"]:
        event["body"] = orjson.Fragment(event["body"])
    print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
