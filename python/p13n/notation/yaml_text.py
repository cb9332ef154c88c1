"""A configuration as YAML text: one entry a block, with comments that say where it comes from."""

import json
import re
from collections.abc import Iterator

from p13n.notation.model import Attribute, Configuration, Event, Key, Offer, Rule, Token

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_COMMENT_CHARS_MAX = 88
_WORDS = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))


def written(configuration: Configuration) -> str:
    """The file's text."""
    lines = list(_lines(configuration))
    return "\n".join(lines) + "\n"


def _lines(configuration: Configuration) -> Iterator[str]:
    yield from (f"# {line}" for line in configuration.comment.splitlines())
    yield from ("version: 1", "account: 1", "instance: 1")
    yield f"name: {scalar(configuration.name)}"
    yield from _section("keys", (_key(key) for key in configuration.keys))
    if not configuration.keys:
        yield "keys: []"
    places = ([f"  - {{database: {d}, table: {t}}}"] for d, t in configuration.destinations)
    yield from _section("destinations", places)
    yield from _section("events", (_event(event) for event in configuration.events))
    yield from _section("attributes", (_attribute(one) for one in configuration.attributes))
    named = ([f"  - {{id: {text(i)}, name: {n}}}"] for i, n in configuration.segments)
    yield from _section("segments", named)
    yield from _section("offers", (_offer(offer) for offer in configuration.offers))
    yield from _section("tokens", (_token(token) for token in configuration.tokens))


def _section(name: str, entries: Iterator[list[str]]) -> Iterator[str]:
    written = [line for entry in entries for line in entry]
    if written:
        yield from ("", f"{name}:", *written)


def _key(key: Key) -> list[str]:
    lines = [*_comment(key.comment), f"  - name: {key.name}"]
    if key.sources:
        lines.append("    from:")
        lines.extend(f"      - {text(source)}" for source in key.sources)
    if key.valid_regexp is not None:
        lines.append(f"    valid_regexp: {text(key.valid_regexp)}")
    if key.invalid_texts:
        lines.append(f"    invalid_texts: [{', '.join(map(text, key.invalid_texts))}]")
    return lines


def _event(event: Event) -> list[str]:
    lines = [*_comment(event.comment), f"  - name: {event.name}"]
    lines += [f"    database: {event.database}", f"    table: {event.table}"]
    if event.condition is not None:
        lines.append(f"    if: {text(event.condition)}")
    return lines


def _attribute(attribute: Attribute) -> list[str]:
    lines = [*_comment(attribute.comment), f"  - name: {attribute.name}"]
    lines.append(f"    type: {attribute.type}")
    if attribute.sensitive:
        lines.append("    sensitive: true")
    for name, value in attribute.options.items():
        lines.append(f"    {name}: {_flow(value)}")
    if attribute.rules:
        lines.append("    set:")
        for rule in attribute.rules:
            lines.extend(_rule(rule))
    return lines


def _rule(rule: Rule) -> list[str]:
    fields: list[str] = []
    if rule.event is not None:
        fields.append(f"event: {rule.event}")
    if rule.condition is not None:
        fields.append(f"if: {text(rule.condition)}")
    if isinstance(rule.value, dict):
        fields.append("value:")
        fields.extend(f"  {scalar(name)}: {_value(value)}" for name, value in rule.value.items())
    elif rule.value is not None:
        fields.append(f"value: {_value(rule.value)}")
    if rule.delete is not None:
        fields.append(f"delete: {text(rule.delete)}")
    if rule.clear:
        fields.append("clear: true")
    if not fields:
        return ["      - {}"]
    return [f"      {'-' if at == 0 else ' '} {line}" for at, line in enumerate(fields)]


def _offer(offer: Offer) -> list[str]:
    lines = [*_comment(offer.comment), f"  - name: {text(offer.name)}"]
    if offer.server_only:
        lines.append("    server_only: true")
    if offer.omit_sensitive:
        lines.append("    omit_sensitive: true")
    fields: list[str] = []
    if offer.event is not None:
        fields.append(f"event: {offer.event}")
    match offer.conditions:
        case []:
            pass
        case [only]:
            fields.append(f"if: {text(only)}")
        case several:
            fields.append("if:")
            fields.extend(f"  - {text(one)}" for one in several)
    fields.append("data:" if offer.data else "data: {}")
    fields.extend(f"  {text(name)}: {_value(value)}" for name, value in offer.data.items())
    if offer.batch_segments:
        fields.append(f"batch_segments: [{', '.join(map(text, offer.batch_segments))}]")
    rule = [f"      {'-' if at == 0 else ' '} {line}" for at, line in enumerate(fields)]
    return [*lines, "    set:", *rule]


def _token(token: Token) -> list[str]:
    fields = f"name: {text(token.name)}, value_sha256: {token.digest}"
    return [*_comment(token.comment), f"  - {{{fields}}}"]


def _comment(words: str) -> list[str]:
    """One line: what a person wrote into the source must not end the comment."""
    line = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    if len(line) > _COMMENT_CHARS_MAX:
        line = line[: _COMMENT_CHARS_MAX - 3] + "..."
    return [f"  # {line}"] if line else []


def _value(value: object) -> str:
    """An entry of `data` or `value`: text is always quoted, so that it stays text."""
    return text(value) if isinstance(value, str) else json.dumps(value)


def _flow(value: object) -> str:
    """An option's value: a word, a number, or a map on one line."""
    if isinstance(value, dict):
        inner = ", ".join(f"{scalar(str(name))}: {_flow(one)}" for name, one in value.items())
        return f"{{{inner}}}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return scalar(value) if isinstance(value, str) else json.dumps(value)


def scalar(value: str) -> str:
    """Text, bare where it reads as itself; a duration such as `30d` does."""
    is_duration = re.fullmatch(r"[0-9]+[smhdw]", value) is not None
    if is_duration or (_PLAIN.fullmatch(value) and value.lower() not in _WORDS):
        return value
    return text(value)


def text(value: str) -> str:
    """Text in quotes: single ones, which leave it as it is, unless it holds what needs escapes."""
    if value.isprintable() and "'" not in value:
        return f"'{value}'"
    # JSON's escapes are YAML's; characters that YAML may not hold are escaped as well.
    out = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else _escape(c) for c in out)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
