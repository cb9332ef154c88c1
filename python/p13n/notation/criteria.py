"""Criteria: a rule of the source as one condition of ours.

Rules are built of `And` and `Or` over tests; there is no negation of a group, so that a test that
cannot be said here becomes `false` and the whole only ever stricter. What became of it is reported.
"""

from collections.abc import Callable
from dataclasses import dataclass

from p13n.notation.operators import Inexpressible, Operand, matched, test_of
from p13n.notation.report import Report
from p13n.notation.source import Part

NEVER = "false"
_DEPTH_MAX = 50
EXPRESSION_CHARS_MAX = 10_000
"""Longer expressions do not compile."""

Reader = Callable[[Part], Operand]
"""Gives the operand of a test from its map. Raises Inexpressible."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition as text: what binds it, for brackets."""

    text: str
    is_or: bool = False

    def beside_and(self) -> str:
        """As one of several that all must hold."""
        return f"({self.text})" if self.is_or else self.text


def all_of(conditions: list[Condition]) -> Condition | None:
    """All must hold; None when there is none."""
    if any(one.text == NEVER for one in conditions):
        return Condition(NEVER)
    distinct = [one for at, one in enumerate(conditions) if not _is_said(one, conditions, at)]
    match distinct:
        case []:
            return None
        case [only]:
            return only
    return Condition(" && ".join(one.beside_and() for one in distinct))


def _is_said(one: Condition, conditions: list[Condition], at: int) -> bool:
    """Whether another one asks the same first: each test on a value asks first if it is there."""
    others = (other.text for place, other in enumerate(conditions) if place != at)
    earlier = {other.text for other in conditions[:at]}
    return one.text in earlier or any(text.startswith(f"{one.text} && ") for text in others)


def any_of(conditions: list[Condition]) -> Condition:
    """One must hold."""
    texts = [one.text for one in conditions if one.text != NEVER]
    match texts:
        case []:
            return Condition(NEVER)
        case [only] if len(conditions) == 1:
            return conditions[0]
        case [only]:
            return Condition(only, is_or=True)
    return Condition(" || ".join(texts), is_or=True)


def condition_of(rule: object, path: str, report: Report, readers: dict[str, Reader]) -> str | None:
    """The condition that a rule asks; None where it asks nothing."""
    if rule is None:
        return None
    found = _condition(Part(rule, path, report), readers, 0)
    if found is not None and len(found.text) > EXPRESSION_CHARS_MAX:
        report.never(path, f"it is longer than {EXPRESSION_CHARS_MAX} characters here")
        return NEVER
    return None if found is None else found.text


def _condition(rule: Part, readers: dict[str, Reader], depth: int) -> Condition | None:
    kind = rule.text("type")
    rule.ignore(("id", "name", "description"))
    if kind in ("And", "Or"):
        if depth >= _DEPTH_MAX:
            rule.report.never(rule.path, "it nests too deep")
            return Condition(NEVER)
        inner = [_condition(part, readers, depth + 1) for part in rule.parts("conditions")]
        rule.finish()
        present = [one for one in inner if one is not None]
        if kind == "And":
            return all_of(present)
        if not inner:
            rule.report.never(rule.path, "of no conditions, none holds")
        # A branch that asks nothing always holds, and so does the whole.
        return any_of(present) if len(present) == len(inner) else None
    if kind is None and rule.take("conditions") == []:
        return None
    try:
        return Condition(_test(kind, rule, readers))
    except Inexpressible as error:
        rule.report.never(rule.path, f"{error}")
        return Condition(NEVER)


def _test(kind: str | None, rule: Part, readers: dict[str, Reader]) -> str:
    reader = readers.get(kind or "")
    if reader is None:
        raise Inexpressible(f"a condition of type `{kind}` has no counterpart")
    operand = reader(rule)
    operator = rule.part("operator")
    if operator is None:
        raise Inexpressible("it has no operator")
    negated = operator.take("not") is True
    is_null = operator.take("type") == "IsNull"
    matching = rule.take("arrayMatching")
    test = test_of(operator)
    operator.finish()
    rule.finish()
    if matching is not None or (operand.is_list and not is_null):
        return matched(operand, test, matching, negated)
    return test(operand)
