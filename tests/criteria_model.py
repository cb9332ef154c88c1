"""A plain model of criteria, and random criteria and events for it.

Written from the description of the operators alone: what is missing satisfies nothing but "is
null", negated or not; numbers are numbers and text that reads as one.
"""

import math
import random
import re
from datetime import UTC, datetime
from typing import Any

NOW_S = 1_790_000_000
Value = Any


def number_of(value: Value) -> float:
    """A number, or the one that a text reads as; NaN for all else."""
    if isinstance(value, bool):
        return math.nan
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str) and re.fullmatch(
        r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", value
    ):
        return float(value)
    return math.nan


def text_of(value: Value) -> str:
    """The text of a scalar."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def instant_of(value: Value) -> float:
    """The right side of a comparison, in seconds or as it is."""
    if isinstance(value, dict) and "timestamp" in value:
        return float(value["timestamp"])
    if isinstance(value, dict):
        seconds = {"minute": 60, "hour": 3600, "day": 86400}[value["unit"]]
        return float(NOW_S - value["last"] * seconds)
    return float(value)


def holds(operator: dict[str, Any], value: Value) -> bool:
    """Whether a value satisfies an operator."""
    negated: bool = operator["not"]
    kind: str = operator["type"]
    if kind == "IsNull":
        return (value is None) != negated
    if value is None:
        return False
    number, text = number_of(value), text_of(value)
    right = operator.get("rightValue")
    match kind:
        case "Equal" if isinstance(right, str):
            answer = text == right
        case "Equal" | "Greater" | "GreaterThan" | "GreaterEqual" | "Less" | "LessEqual":
            if math.isnan(number):
                return False
            limit = instant_of(right)
            answer = {
                "Equal": number == limit,
                "Greater": number > limit,
                "GreaterThan": number > limit,
                "GreaterEqual": number >= limit,
                "Less": number < limit,
                "LessEqual": number <= limit,
            }[kind]
        case "Between":
            if math.isnan(number):
                return False
            answer = instant_of(operator["minValue"]) <= number <= instant_of(operator["maxValue"])
        case "In" if all(isinstance(one, int | float) for one in operator["rightValues"]):
            if math.isnan(number):
                return False
            answer = number in operator["rightValues"]
        case "In":
            answer = text in [text_of(one) for one in operator["rightValues"]]
        case "Contain":
            answer = any(one in text for one in operator["rightValues"])
        case "StartWith":
            answer = any(text.startswith(one) for one in operator["rightValues"])
        case "EndWith":
            answer = any(text.endswith(one) for one in operator["rightValues"])
        case "Regexp":
            answer = re.search(str(right), text) is not None
        case "TimeWithinPast":
            if math.isnan(number):
                return False
            answer = NOW_S - operator["value"] * 86400 <= number <= NOW_S
        case "TimeWithinNext":
            if math.isnan(number):
                return False
            answer = NOW_S <= number <= NOW_S + operator["value"] * 86400
        case "TimeToday":
            if math.isnan(number):
                return False
            answer = (
                datetime.fromtimestamp(number, UTC).date()
                == datetime.fromtimestamp(NOW_S, UTC).date()
            )
        case _:
            raise AssertionError(kind)
    return bool(answer) != negated


def holds_on_list(operator: dict[str, Any], matching: Value, values: Value) -> bool:
    """Whether as many elements satisfy an operator as are asked for."""
    if not isinstance(values, list):
        return False
    count = sum(holds(operator, value) for value in values)
    match matching:
        case "any":
            return count > 0
        case "all":
            return count == len(values) > 0
        case {"atLeast": least}:
            return count >= int(least)
        case {"atMost": most}:
            return count <= int(most)
        case {"exactly": exactly}:
            return count == int(exactly)
    raise AssertionError(matching)


def rule_holds(rule: dict[str, Any], event: dict[str, Value]) -> bool:
    """Whether an event satisfies a rule."""
    match rule["type"]:
        case "And":
            return all(rule_holds(one, event) for one in rule["conditions"])
        case "Or":
            return any(rule_holds(one, event) for one in rule["conditions"])
    value = event.get(rule["column"])
    if rule.get("arrayMatching") is not None:
        return holds_on_list(rule["operator"], rule["arrayMatching"], value)
    return holds(rule["operator"], value)


# ------------------------------------------------------------------ random rules and values

NUMBERS: list[Value] = [
    0,
    1,
    -1,
    2.5,
    100,
    123456789,
    NOW_S,
    NOW_S - 86_400,
    NOW_S - 86_399,
    NOW_S + 1,
]
TEXTS = [
    "",
    " ",
    "a",
    "ab",
    "b",
    "VIP",
    "5",
    "100",
    "1e2",
    " 100 ",
    "true",
    "null",
    "a/b",
    "it's",
    'q"',
]
VALUES: list[Value] = [None, True, False, *NUMBERS, *TEXTS]
PATTERNS = ["^a", "b$", "a|b", "^[0-9]+$", "/", "[/b]", "", ".", "\\d{2,}", "(?i)vip"]
LIMITS: list[Value] = [0, 1, 2.5, 100, NOW_S, {"timestamp": NOW_S}, {"last": 1, "unit": "day"}]


KINDS = (
    *("IsNull", "Equal", "In", "Greater", "GreaterThan", "GreaterEqual", "Less", "LessEqual"),
    *("Between", "Contain", "StartWith", "EndWith", "Regexp"),
    *("TimeWithinPast", "TimeWithinNext", "TimeToday"),
)


def random_operator(draw: random.Random) -> dict[str, Any]:
    """An operator with what it takes."""
    kind = draw.choice(KINDS)
    operator: dict[str, Any] = {"type": kind, "not": draw.random() < 0.5}
    match kind:
        case "Equal":
            operator["rightValue"] = draw.choice([*LIMITS, *TEXTS])
        case "In":
            pool: list[Value] = draw.choice([[0, 1, 2.5, 100], TEXTS, [0, "5", "VIP", 100]])
            operator["rightValues"] = draw.sample(pool, draw.randint(1, 3))
        case "Between":
            operator["minValue"], operator["maxValue"] = draw.choice(LIMITS), draw.choice(LIMITS)
        case "Contain" | "StartWith" | "EndWith":
            operator["rightValues"] = draw.sample(TEXTS, draw.randint(1, 3))
        case "Regexp":
            operator["rightValue"] = draw.choice(PATTERNS)
        case "TimeWithinPast" | "TimeWithinNext":
            operator |= {"value": draw.randint(1, 3), "unit": "day"}
        case "IsNull" | "TimeToday":
            pass
        case _:
            operator["rightValue"] = draw.choice(LIMITS)
    return operator


def random_rule(draw: random.Random, depth: int) -> dict[str, Any]:
    """A tree of tests on the columns `a`, `b c` and `list`."""
    if depth > 0 and draw.random() < 0.4:
        count = draw.randint(1, 3)
        kind = draw.choice(["And", "Or"])
        return {"type": kind, "conditions": [random_rule(draw, depth - 1) for _ in range(count)]}
    rule: dict[str, Any] = {"type": "Column", "operator": random_operator(draw)}
    if draw.random() < 0.3:
        matching = ["any", "all", {"atLeast": 2}, {"atMost": 1}, {"exactly": 1}]
        return rule | {"column": "list", "arrayMatching": draw.choice(matching)}
    return rule | {"column": draw.choice(["a", "b c"]), "arrayMatching": None}


def random_event(draw: random.Random) -> dict[str, Value]:
    """An event; a column may be missing, or no list where one is expected."""
    event: dict[str, Value] = {name: draw.choice(VALUES) for name in ("a", "b c")}
    event["list"] = [draw.choice(VALUES) for _ in range(draw.randint(0, 3))]
    if draw.random() < 0.1:
        event["list"] = draw.choice(VALUES)
    return {name: value for name, value in event.items() if draw.random() < 0.9}
