"""What the ids of the cdp-api's JSON stand for, and how its columns are read."""

from dataclasses import dataclass, field

from p13n.notation.expression import member
from p13n.notation.model import Attribute
from p13n.notation.operators import Inexpressible, Operand
from p13n.notation.source import Part


@dataclass(slots=True)
class Known:
    """What ids of the source stand for."""

    events: dict[str, str] = field(default_factory=dict)
    """Names of events by the ids of key events."""
    attributes: dict[str, Attribute] = field(default_factory=dict)
    identifiers: dict[str, Attribute] = field(default_factory=dict)
    parts: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """How aggregations and windows are read, and their kind, by attribute id and identifier."""
    batch: dict[str, Attribute] = field(default_factory=dict)
    """Imported attributes by their column."""


def column_of(rule: Part) -> Operand:
    """The operand of a test on a column: a field of the event. Raises Inexpressible."""
    value = rule.take("column")
    if isinstance(value, dict):
        value = value.get("queryAs") or value.get("dataColumn")
    if not isinstance(value, str):
        raise Inexpressible("it names no column")
    return Operand(member("EVENT", value))
