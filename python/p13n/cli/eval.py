"""`p13n eval`: one expression over a profile and an event."""

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
) -> None:
    """Evaluate an expression as a configuration would and print its value as JSON.

    `undefined` is printed as `undefined`. An expression that does not compile or throws exits 1
    and shows where. With `--trace` every subexpression that was evaluated is shown with its value,
    and the one that decided is marked.

    Examples:

    \b
      p13n eval '1 + 2'
      p13n eval 'PROFILE.views > 3' --profile '{"views": 5}'
      p13n eval 'PROFILE.views > 3 && EVENT.price < 10' --event '{"price": 5}' --trace
      p13n eval 'EVENT.product_list.map(p => p.toUpperCase())' --event @event.json
    """
    from p13n import CompileError, EvaluationError, Expression

    try:
        compiled = Expression(expression)
        if trace:
            print("\n".join(_traced(compiled, profile, event)))
        value = compiled.evaluate_json(_json(profile, "--profile"), _json(event, "--event"))
    except CompileError as error:
        help_line = f"\nhelp: {error.help}" if error.help else ""
        fail(f"{error.code}: {error.message}\n{_caret(expression, error.span)}{help_line}")
    except EvaluationError as error:
        fail(f"{error.kind}: {error.message}\n{_caret(expression, error.span)}")
    print("undefined" if value is None else value.decode())


def _traced(compiled: "Expression", profile: str | None, event: str | None) -> list[str]:
    """One line a subexpression, those inside others indented, in the order of the source."""
    import orjson

    def given(argument: str | None, flag: str) -> dict[str, Any] | None:
        text = _json(argument, flag)
        return None if text is None else orjson.loads(text)

    trace = compiled.trace(given(profile, "--profile"), given(event, "--event"))
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


def _caret(source: str, span: tuple[int, int]) -> str:
    """The line of the source that holds the span's start, with the span underlined."""
    encoded = source.encode()
    start, end = span
    line_start = encoded.rfind(b"\n", 0, start) + 1
    line_end = encoded.find(b"\n", start)
    line_end = len(encoded) if line_end < 0 else line_end
    before = encoded[line_start:start].decode(errors="replace")
    under = encoded[start : min(end, line_end)].decode(errors="replace")
    line = encoded[line_start:line_end].decode(errors="replace")
    return f"  {line}\n  {' ' * len(before)}{'^' * max(1, len(under))}"
