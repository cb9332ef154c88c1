"""`p13n eval`: one expression over a profile and an event."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from p13n.cli.failures import fail, must_read
from p13n.exit_codes import ExitCode

if TYPE_CHECKING:
    from p13n import Expression

# How much of a subexpression or a value, and how many values of one, a line of a trace shows.
_SHOWN_CHARS_MAX = 60
_VALUES_SHOWN = 4


def evaluate(
    expression: Annotated[str, typer.Argument(metavar="EXPR", help="The expression.")],
    profile: Annotated[
        str | None, typer.Option(metavar="JSON|@FILE", help="What `PROFILE` is.")
    ] = None,
    event: Annotated[
        str | None, typer.Option(metavar="JSON|@FILE", help="What `EVENT` is.")
    ] = None,
    trace: Annotated[
        bool, typer.Option("--trace", help="Show each subexpression's value, and which decided.")
    ] = False,
    time_zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="What local time is, by default UTC.")
    ] = None,
    now_ms: Annotated[
        int | None,
        typer.Option(
            min=-(2**63),
            max=2**63 - 1,
            show_default=False,
            metavar="MS",
            help="What `Date.now()` is, by default now.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=2**64 - 1, metavar="N", help="Seeds `Math.random()`."),
    ] = None,
) -> None:
    """Evaluate an expression as a configuration would and print its value as JSON.

    `undefined` is printed as `undefined`. An expression that does not compile or throws exits 1
    and shows where. What compiles and is hardly meant is shown on stderr. With `--trace` every
    subexpression that was evaluated is shown with its value, and the one that decided is marked.

    Examples:

    \b
      p13n eval '1 + 2'
      p13n eval 'PROFILE.views > 3' --profile '{"views": 5}'
      p13n eval 'PROFILE.views > 3 && EVENT.price < 10' --event '{"price": 5}' --trace
      p13n eval 'EVENT.product_list.map(p => p.toUpperCase())' --event @event.json
      p13n eval 'new Date().getHours()' --time-zone Europe/Berlin
    """
    from p13n import BadEvent, CompileError, EvaluationError, Expression

    # One time for the trace and the value.
    now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    try:
        compiled = Expression(expression)
        for warning in compiled.warnings:
            shown = _shown(expression, warning.span, warning.help)
            print(f"warning {warning.code}: {warning.message}\n{shown}", file=sys.stderr)
        if trace:
            print("\n".join(_traced(compiled, profile, event, now_ms, time_zone, seed)))
        value = compiled.evaluate_json(
            _json(profile, "--profile"),
            _json(event, "--event"),
            now_ms=now_ms,
            time_zone=time_zone,
            seed=seed,
        )
    except (BadEvent, RecursionError) as error:
        fail(f"--profile or --event cannot be read: {error}.", ExitCode.USAGE)
    except ValueError as error:
        fail(f"--time-zone: {error}.", ExitCode.USAGE)
    except CompileError as error:
        fail(f"{error.code}: {error.message}\n{_shown(expression, error.span, error.help)}")
    except EvaluationError as error:
        fail(f"{error.kind}: {error.message}\n{_shown(expression, error.span, None)}")
    print("undefined" if value is None else value.decode())


def _traced(
    compiled: "Expression",
    profile: str | None,
    event: str | None,
    now_ms: int,
    time_zone: str | None,
    seed: int | None,
) -> list[str]:
    """One line a subexpression, those inside others indented, in the order of the source."""
    import orjson

    def given(argument: str | None, flag: str) -> dict[str, Any] | None:
        text = _json(argument, flag)
        return None if text is None else orjson.loads(text)

    trace = compiled.trace(
        given(profile, "--profile"),
        given(event, "--event"),
        now_ms=now_ms,
        time_zone=time_zone,
        seed=seed,
    )
    outcomes: dict[tuple[int, int], list[str]] = {trace.decided: []}
    for entry in trace.entries:
        shown = f"throws {entry.error.kind}" if entry.error else _short(entry.json or "undefined")
        outcomes.setdefault(entry.span, []).append(shown)
    source = compiled.source.encode()
    lines: list[tuple[str, str, str]] = []
    around: list[tuple[int, int]] = []
    for start, end in sorted(outcomes, key=lambda span: (span[0], -span[1])):
        while around and around[-1][1] < end:
            around.pop()
        text = " ".join(source[start:end].decode(errors="replace").split())
        values = outcomes[start, end]
        shown = ", ".join(values[:_VALUES_SHOWN])
        if len(values) > _VALUES_SHOWN:
            shown += f", ... ({len(values)} times)"
        mark = "  <- decided" if (start, end) == trace.decided else ""
        lines.append((f"{'  ' * len(around)}{_short(text)}", shown, mark))
        around.append((start, end))
    width = max(len(text) for text, _, _ in lines)
    shown_lines = [f"{text:<{width}}  {shown}{mark}".rstrip() for text, shown, mark in lines]
    return [*shown_lines, "(some calls are left out)"] if trace.cut else shown_lines


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS_MAX else f"{text[: _SHOWN_CHARS_MAX - 3]}..."


def _json(argument: str | None, flag: str) -> bytes | None:
    """The argument's JSON object, read from a file when it starts with `@`."""
    if argument is None:
        return None
    import orjson

    if argument.startswith("@"):
        must_read(Path(argument[1:]), f"what {flag} names")
        text = Path(argument[1:]).read_bytes()
    else:
        text = argument.encode()
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        fail(
            f"{flag} is not valid JSON (line {error.lineno}, column {error.colno}).",
            ExitCode.USAGE,
        )
    if not isinstance(value, dict):
        fail(f"{flag} must be a JSON object.", ExitCode.USAGE)
    return text


def _shown(source: str, span: tuple[int, int], help_text: str | None) -> str:
    """The line of the source that holds the span's start, with the span underlined, and help."""
    encoded = source.encode()
    start, end = span
    line_start = encoded.rfind(b"\n", 0, start) + 1
    line_end = encoded.find(b"\n", start)
    line_end = len(encoded) if line_end < 0 else line_end
    before = encoded[line_start:start].decode(errors="replace")
    under = encoded[start : min(end, line_end)].decode(errors="replace")
    line = encoded[line_start:line_end].decode(errors="replace")
    caret = f"  {line}\n  {' ' * len(before)}{'^' * max(1, len(under))}"
    return f"{caret}\nhelp: {help_text}" if help_text else caret
