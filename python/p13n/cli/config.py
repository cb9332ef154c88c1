"""`p13n config`: configurations as files."""

from pathlib import Path
from typing import Annotated, cast

import typer

from p13n.cli.failures import fail
from p13n.exit_codes import ExitCode

app = typer.Typer(help="Work on configuration files.", no_args_is_help=True)


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", readable=False, help="The file to translate.")
    ],
    notation: Annotated[
        str | None,
        typer.Option("--from", metavar="tdx|cdp", help="Its notation; without it, JSON is cdp."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the configuration here, not to the screen."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Write the report here, not to standard error."),
    ] = None,
) -> None:
    """Translate the tdx YAML or the cdp-api's JSON to a configuration.

    Everything that has no counterpart, or is there in another form, is in the report, with its path
    in the source. A condition that cannot be translated never holds.

    Examples:

    \b
      p13n config import rt_config.yaml -o shop.yaml
      p13n config import audience.json --from cdp -o shop.yaml --report shop.report
    """
    import sys

    import orjson

    from p13n import ConfigError, Reactor
    from p13n.notation import Notation, notation_of, translate
    from p13n.system_error import sentence_of

    if notation not in (None, "tdx", "cdp"):
        fail("`--from` is `tdx` or `cdp`.", ExitCode.USAGE)
    try:
        text = file.read_bytes().decode()
    except OSError as error:
        fail(f"Cannot read {file}: {sentence_of(error)}.")
    except UnicodeDecodeError:
        fail(f"{file} is not UTF-8.")
    source = cast(Notation, notation or notation_of(text))
    try:
        translation = translate(text, source, str(file))
    except ConfigError as error:
        fail(str(error).rstrip(), ExitCode.CONFIGURATION)
    except orjson.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        fail(f"{file} is not JSON: {error.msg} ({place}).", ExitCode.CONFIGURATION)
    try:
        if output is None:
            sys.stdout.write(translation.text)
        else:
            output.write_text(translation.text, "utf-8")
        if report is None:
            sys.stderr.write(str(translation.report))
        else:
            report.write_text(str(translation.report), "utf-8")
    except OSError as error:
        fail(f"Cannot write {output or report}: {sentence_of(error)}.")
    try:
        Reactor.from_text(translation.text)
    except ConfigError as error:
        fail(f"The translation needs work before it passes the check:\n\n{error}".rstrip())
    found = translation.configuration
    print(
        f"keys={len(found.keys)} events={len(found.events)} attributes={len(found.attributes)} "
        f"offers={len(found.offers)} findings={len(translation.report.findings)}",
        file=sys.stderr,
    )
