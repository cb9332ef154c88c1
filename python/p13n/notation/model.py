"""A configuration of ours as far as translations make one; `yaml_text` writes it.

Expressions and templates are text already. Everything has a comment: where it comes from.
"""

from dataclasses import dataclass, field

Template = object
"""Text with `${...}`, a number, a truth, or a map of them."""


@dataclass(slots=True)
class Key:
    """An entry of `keys`."""

    name: str
    comment: str
    sources: list[str] = field(default_factory=list)
    """`from`."""
    valid_regexp: str | None = None
    invalid_texts: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Event:
    """An entry of `events`."""

    name: str
    database: str
    table: str
    comment: str
    condition: str | None = None


@dataclass(slots=True)
class Rule:
    """An entry of an attribute's `set`."""

    event: str | None
    """None: every event."""
    condition: str | None = None
    value: Template | None = None
    delete: str | None = None
    clear: bool = False
    columns: frozenset[str] = frozenset()
    """Fields of the event that its value takes."""


@dataclass(slots=True)
class Attribute:
    """An entry of `attributes`."""

    name: str
    type: str
    comment: str
    rules: list[Rule] = field(default_factory=list)
    options: dict[str, object] = field(default_factory=dict)
    """Further fields, in order."""
    sensitive: bool = False


@dataclass(slots=True)
class Offer:
    """An entry of `offers` with its one rule."""

    name: str
    comment: str
    event: str | None
    conditions: list[str] = field(default_factory=list)
    data: dict[str, Template] = field(default_factory=dict)
    batch_segments: list[str] = field(default_factory=list)
    shows: set[str] = field(default_factory=set)
    """Attributes whose values are in its data."""
    server_only: bool = False
    omit_sensitive: bool = False


@dataclass(slots=True)
class Token:
    """An entry of `tokens`."""

    name: str
    digest: str
    comment: str


@dataclass(slots=True)
class Configuration:
    """The whole of it."""

    name: str
    comment: str
    keys: list[Key] = field(default_factory=list)
    destinations: list[tuple[str, str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)
    segments: list[tuple[str, str]] = field(default_factory=list)
    """Ids and names."""
    offers: list[Offer] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)

    def sensitive_attributes(self) -> set[str]:
        """Names of attributes that are marked, or take a field that a marked one takes."""
        fields: set[str] = set()
        for attribute in self.attributes:
            if attribute.sensitive:
                fields.update(*(rule.columns for rule in attribute.rules))
        return {
            attribute.name
            for attribute in self.attributes
            if attribute.sensitive or any(rule.columns & fields for rule in attribute.rules)
        }
