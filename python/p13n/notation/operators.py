"""Operators of criteria as conditions: each on one operand, each with its negation.

A missing value (`null`, or a field that is not there) satisfies nothing but "is null", negated or
not, as in SQL. So a negation is never the bare opposite: it asks for a value first. Numbers are
numbers, and text that reads as one; everything else satisfies no comparison of numbers. Points in
time are epoch seconds.

What cannot be said here raises `Inexpressible`; whoever asked decides what becomes of it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from p13n.notation.expression import literal, member, pattern, quoted_pattern
from p13n.notation.model import Attribute
from p13n.notation.source import Part

_UNITS = {"second": "s", "minute": "m", "hour": "h", "day": "d", "week": "w"}
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_ALIASES = {
    "GreaterThan": "Greater",
    "LessThan": "Less",
    "GreaterThanOrEqual": "GreaterEqual",
    "LessThanOrEqual": "LessEqual",
}
_RELATIONS = {"Greater": ">", "GreaterEqual": ">=", "Less": "<", "LessEqual": "<="}
_OPPOSITES = {">": "<=", ">=": "<", "<": ">=", "<=": ">"}
_TEXT_METHODS = {"Contain": "includes", "StartWith": "startsWith", "EndWith": "endsWith"}
DURATION_DAYS_MAX = 3_650
"""As far back as `ago` and durations reach."""
DURATION_MAX_MS = DURATION_DAYS_MAX * 86_400_000
LIST_ITEMS_MAX = 10_000
"""Items that a list may keep."""


class Inexpressible(Exception):
    """A condition that our language cannot say, with the sentence that tells why."""


@dataclass(frozen=True, slots=True)
class Operand:
    """What is asked about."""

    text: str
    """The expression that reads it."""
    is_number: bool = False
    """Whether it is always a number or missing: counters, sums."""
    is_ms: bool = False
    """Whether it is a point in time in milliseconds; all others are in seconds."""
    is_list: bool = False
    """Whether it is a list, or missing."""
    is_always_list: bool = False
    """Whether it is never missing, but empty."""

    def element(self) -> "Operand":
        """One element of it."""
        return Operand("v")

    def number(self) -> str:
        """Its number; NaN where it is none."""
        return self.text if self.is_number else f'Number(String({self.text}).trim() || "-")'


def operand_of(attribute: Attribute) -> Operand:
    """What is asked about in a condition on an attribute."""
    data_type = str(attribute.options.get("data_type", ""))
    is_list = attribute.type == "list"
    return Operand(
        member("PROFILE", attribute.name),
        is_number=attribute.type == "counter" or data_type in ("number", "timestamp"),
        is_ms=data_type == "timestamp",
        is_list=is_list or data_type.endswith("_array"),
        is_always_list=is_list,
    )


Test = Callable[[Operand], str]
"""A condition on an operand, as text that stands beside `&&` without brackets."""


def test_of(operator: Part) -> Test:
    """The condition that an operator of the source asks. Raises Inexpressible."""
    kind = operator.text("type") or ""
    kind = _ALIASES.get(kind, kind)
    negated = operator.boolean("not") is True
    try:
        return _test(kind, negated, operator)
    finally:
        operator.ignore(("not", "type"))


def _test(kind: str, negated: bool, operator: Part) -> Test:
    match kind:
        case "IsNull":
            return is_null(negated)
        case "Equal":
            return equal(_right_value(operator), negated)
        case "In":
            return among(_right_values(operator), negated)
        case "Greater" | "GreaterEqual" | "Less" | "LessEqual":
            return relation(_RELATIONS[kind], _right_value(operator), negated)
        case "Between":
            low, high = operator.take("minValue", "min"), operator.take("maxValue", "max")
            return between(_moment(low), _moment(high), negated)
        case "Contain" | "StartWith" | "EndWith":
            return contains(kind, _right_values(operator), negated)
        case "Regexp":
            return matches(_right_values(operator), negated)
        case "TimeWithinPast" | "TimeWithinNext":
            return within(kind == "TimeWithinPast", _duration(operator), negated)
        case "TimeToday":
            return today(negated)
        case "":
            raise Inexpressible("it has no operator")
        case _:
            raise Inexpressible(f"the operator `{kind}` has no counterpart")


def is_null(negated: bool) -> Test:
    """Whether there is a value; a list without items counts as none."""

    def test(operand: Operand) -> str:
        if operand.is_always_list:
            return f"{operand.text}.length {'>' if negated else '==='} 0"
        return f"{operand.text} {'!=' if negated else '=='} null"

    return test


def equal(value: object, negated: bool) -> Test:
    """Whether the value is this one: as numbers, as points in time, or as texts."""
    if _is_number(value) or isinstance(value, dict):
        right = _moment(value)
        if not negated:
            return lambda operand: f"{right.left(operand)} === {right.right(operand)}"
        return lambda operand: _either(operand, right, right)
    if isinstance(value, bool):
        return among([value], negated)
    if not isinstance(value, str):
        raise Inexpressible("it is compared with nothing")
    sign = "!==" if negated else "==="
    if _is_plain_text(value):
        guard = "{0} != null && " if negated else ""
        return lambda operand: f"{guard.format(operand.text)}{operand.text} {sign} {literal(value)}"
    return lambda operand: (
        f"{operand.text} != null && String({operand.text}) {sign} {literal(value)}"
    )


def among(values: list[object], negated: bool) -> Test:
    """Whether the value is one of these."""
    bang = "!" if negated else ""
    if all(_is_number(value) for value in values):
        guard = "Number.isFinite({0}) && " if negated else ""
        return lambda operand: (
            f"{guard.format(operand.number())}{bang}{literal(values)}.includes({operand.number()})"
        )
    texts = [value if isinstance(value, str) else literal(value) for value in values]
    return lambda operand: (
        f"{operand.text} != null && {bang}{literal(list(texts))}.includes(String({operand.text}))"
    )


def relation(sign: str, value: object, negated: bool) -> Test:
    """Whether the number, or the point in time, stands in this relation to another."""
    right = _moment(value)
    sign = _OPPOSITES[sign] if negated else sign
    return lambda operand: f"{right.left(operand)} {sign} {right.right(operand)}"


def between(low: "Moment", high: "Moment", negated: bool) -> Test:
    """Whether the number, or the point in time, is from one to the other."""
    if negated:
        return lambda operand: _either(operand, low, high)
    return lambda operand: (
        f"{low.left(operand)} >= {low.right(operand)} && "
        f"{high.left(operand)} <= {high.right(operand)}"
    )


def contains(kind: str, values: list[object], negated: bool) -> Test:
    """Whether the text contains, starts or ends with one of these."""
    method = _TEXT_METHODS[kind]
    texts = [value if isinstance(value, str) else literal(value) for value in values]
    bang = "!" if negated else ""
    if len(texts) == 1:
        only = literal(texts[0])
        return lambda operand: (
            f"{operand.text} != null && {bang}String({operand.text}).{method}({only})"
        )
    return lambda operand: (
        f"{operand.text} != null && "
        f"{bang}{literal(list(texts))}.some(t => String({operand.text}).{method}(t))"
    )


def matches(values: list[object], negated: bool) -> Test:
    """Whether the text matches one of these regular expressions somewhere."""
    try:
        patterns = [pattern(str(value)) for value in values]
    except ValueError as error:
        raise Inexpressible(str(error)) from error
    bang = "!" if negated else ""
    join = " && " if negated else " || "

    def test(operand: Operand) -> str:
        tests = join.join(f"{bang}{one}.test({operand.text})" for one in patterns)
        if len(patterns) > 1 and not negated:
            tests = f"({tests})"
        return f"{operand.text} != null && {tests}"

    return test


def like(value: str, negated: bool) -> Test:
    """SQL's LIKE: `%` is any text, `_` any character; the whole text must fit."""
    body = "".join({"%": ".*", "_": "."}.get(c, quoted_pattern(c)) for c in value)
    return matches([f"(?s)^{body}$"], negated)


def within(past: bool, duration: str, negated: bool) -> Test:
    """Whether the point in time is at most so far back, or so far ahead."""
    if past:
        low, high = Moment(text=f'ago("{duration}")'), Moment(text="Date.now()")
    else:
        low, high = Moment(text="Date.now()"), Moment(text=f"Date.now() + {_ms_of(duration)}")
    return between(low, high, negated)


def today(negated: bool) -> Test:
    """Whether the point in time is of today, in the configuration's time zone."""
    sign = "!==" if negated else "==="

    def test(operand: Operand) -> str:
        number = operand.number() if operand.is_ms else f"{operand.number()} * 1000"
        guard = f"Number.isFinite({operand.number()}) && " if negated else ""
        today = "new Date().toDateString()"
        return f"{guard}new Date({number}).toDateString() {sign} {today}"

    return test


@dataclass(frozen=True, slots=True)
class Moment:
    """The right side of a comparison of numbers: a number, or a point in time."""

    value: int | float = 0
    """A number, or epoch seconds."""
    text: str | None = None
    """A point in time, as an expression of epoch milliseconds."""

    def left(self, operand: Operand) -> str:
        """The operand: in milliseconds where the other side is."""
        is_seconds = self.text is not None and not operand.is_ms
        return f"{operand.number()} * 1000" if is_seconds else operand.number()

    def right(self, operand: Operand) -> str:
        """The other side."""
        if self.text is not None:
            return self.text
        return literal(self.value * 1000 if operand.is_ms else self.value)


def matched(operand: Operand, test: Test, matching: object, negated: bool) -> str:
    """The condition on a list: on how many of its elements it holds. Raises Inexpressible."""
    each = test(operand.element())
    body = f"v => {each}"
    lists = "" if operand.is_always_list else f"Array.isArray({operand.text}) && "
    base = operand.text
    match matching:
        case None if negated:
            # Not one of its elements may be what the operator denies.
            return f"{lists}{base}.length > 0 && {base}.every({body})"
        case None | "any":
            return f"{lists}{base}.some({body})"
        case "all":
            return f"{lists}{base}.length > 0 && {base}.every({body})"
        case {"atLeast": int(count), **rest} if not rest:
            sign = ">="
        case {"atMost": int(count), **rest} if not rest:
            sign = "<="
        case {"exactly": int(count), **rest} if not rest:
            sign = "==="
        case _:
            raise Inexpressible(f"the matching {json.dumps(matching)} has no counterpart")
    return f"{lists}{base}.filter({body}).length {sign} {count}"


def _either(operand: Operand, low: Moment, high: Moment) -> str:
    left, right = low.left(operand), high.left(operand)
    return f"({left} < {low.right(operand)} || {right} > {high.right(operand)})"


def _right_value(operator: Part) -> object:
    value = operator.take("rightValue")
    values = operator.take("rightValues")
    if value is None and isinstance(values, list) and len(values) == 1:
        return values[0]
    if value is None:
        raise Inexpressible("it has no right value")
    return value


def _right_values(operator: Part) -> list[object]:
    values = operator.take("rightValues")
    value = operator.take("rightValue")
    found = values if isinstance(values, list) else [value] if value is not None else []
    if not found or not all(isinstance(one, str | int | float) for one in found):
        raise Inexpressible("it has no right values")
    return list(found)


def _moment(value: object) -> Moment:
    """A number, `{timestamp}`, or `{last, unit}`."""
    match value:
        case bool():
            pass
        case int() | float():
            return Moment(value)
        case str():
            return Moment(_number_of(value))
        case {"timestamp": timestamp, **rest} if not rest:
            return Moment(_seconds_of(timestamp))
        case {"last": int() | float() | str() as count, "unit": str(unit), **rest} if not rest:
            return Moment(text=f'ago("{_duration_of(count, unit)}")')
    raise Inexpressible(f"it is compared with {json.dumps(value)}, which is no number and no time")


def _number_of(text: str) -> float | int:
    try:
        number = json.loads(text)
    except ValueError:
        number = None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise Inexpressible(f"it is compared with `{text}`, which is no number")
    return number


def _seconds_of(timestamp: object) -> float | int:
    if isinstance(timestamp, int | float) and not isinstance(timestamp, bool):
        return timestamp
    try:
        moment = datetime.fromisoformat(str(timestamp))
    except ValueError as error:
        raise Inexpressible(f"`{timestamp}` is no point in time") from error
    if moment.tzinfo is None:
        raise Inexpressible(f"`{timestamp}` does not say in which time zone it is")
    return moment.timestamp()


def _duration(operator: Part) -> str:
    count = operator.take("value", "last")
    unit = operator.text("unit")
    if count is None or unit is None:
        raise Inexpressible("it does not say how long")
    return _duration_of(count, unit)


def _duration_of(count: object, unit: str) -> str:
    letter = _UNITS.get(unit.lower().removesuffix("s"))
    whole = str(count)
    if letter is None:
        raise Inexpressible(f"a time in units of `{unit}` has no counterpart")
    if not (whole.isascii() and whole.isdigit()) or int(whole) < 1:
        raise Inexpressible(f"`{count}` is no count of {unit}s")
    if int(whole) * _UNIT_MS[letter] > DURATION_MAX_MS:
        raise Inexpressible(f"{count} {unit}s are more than {DURATION_DAYS_MAX} days")
    return f"{int(whole)}{letter}"


def _ms_of(duration: str) -> int:
    return int(duration[:-1]) * _UNIT_MS[duration[-1]]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_plain_text(value: str) -> bool:
    """Whether only this very text is written so: `5` is also how the number 5 is written."""
    try:
        json.loads(value)
    except ValueError:
        return True
    return False
