"""Expressions as text: literals, names with members, and what binds how strongly."""

import json
import math
import re

from p13n import CompileError, ConfigError, Expression, Reactor
from p13n.notation.yaml_text import text

_WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_INLINE_FLAGS = re.compile(r"\(\?([a-z]+)\)")


def literal(value: object) -> str:
    """A text, number, truth or list as source."""
    if isinstance(value, str):
        # Separators of lines may stand in JSON and in a string of the language alike.
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return f"[{', '.join(literal(item) for item in value)}]"
    if value is None:
        return "null"
    if isinstance(value, float) and (math.isnan(value) or math.isinf(value)):
        raise ValueError("a number of the source is finite")
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return json.dumps(value)


def member(base: str, name: str) -> str:
    """`base.name`, or `base["name"]` where the name is no word."""
    return f"{base}.{name}" if _WORD.fullmatch(name) else f"{base}[{literal(name)}]"


def pattern(source: str) -> str:
    """A regular expression literal. Raises ValueError where there is no such pattern here."""
    flags = ""
    inline = _INLINE_FLAGS.match(source)
    if inline is not None:
        if not set(inline[1]) <= set("ims"):
            raise ValueError(f"the flags `{inline[0]}` are not known here")
        flags, source = "".join(sorted(set(inline[1]))), source[inline.end() :]
    regexp = f"/{_escaped(source) or '(?:)'}/{flags}"
    try:
        Expression(f"{regexp}.test(EVENT.x)")
    except CompileError as error:
        raise ValueError(f"this regular expression is not possible here: {error}") from error
    return regexp


def is_valid_regexp(source: str) -> bool:
    """Whether a key's `valid_regexp` can be this one."""
    head = "version: 1\naccount: 1\ninstance: 1\nname: one\n"
    try:
        Reactor.from_text(f"{head}keys: [{{name: key, valid_regexp: {text(source)}}}]\n")
    except ConfigError:
        return False
    return True


def _escaped(source: str) -> str:
    """The pattern between slashes: those that are not escaped or in a class are escaped."""
    out: list[str] = []
    in_class = escaped = False
    for character in source:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == "[":
            in_class = True
        elif character == "]":
            in_class = False
        elif character == "/" and not in_class:
            out.append("\\")
        out.append({"\n": "\\n", "\r": "\\r"}.get(character, character))
    return "".join(out)


def quoted_pattern(words: str) -> str:
    """A pattern that matches a text as it stands."""
    return re.sub(r"[\\^$.*+?()\[\]{}|/]", lambda found: f"\\{found[0]}", words)


def template(expression: str) -> str:
    """`${...}` around an expression."""
    return "${" + expression + "}"


def plain(words: str) -> str:
    """Text that a template gives as it stands."""
    return words.replace("${", "$${")
